#include "ai/prompt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { LANGUAGE_BYTES_MAX = 35, SUBTAG_BYTES_MAX = 8 }; /* RFC 5646, sections 2.1 and 4.4.1 */

json_t *kn_prompt_schema(const char *text)
{
    KN_SCOPED_MEM char *json = kn_strdup(text);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    json_t *schema = json_loads(json, 0, NULL);
    assert(schema);
    return schema;
}

const char *kn_prompt_language(const char *language, const char *other)
{
    static const char of_subtag[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (!language || strlen(language) > LANGUAGE_BYTES_MAX)
        return other;
    for (const char *at = language;; at++) {
        size_t length = strspn(at, of_subtag);
        if (length == 0 || length > SUBTAG_BYTES_MAX)
            return other;
        at += length;
        if (!*at)
            return language;
        if (*at != '-' && *at != '_') /* as locales are written */
            return other;
    }
}
