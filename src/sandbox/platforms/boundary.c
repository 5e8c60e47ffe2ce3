#include "sandbox/platforms/boundary.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 70 };

bool kn_boundary_find(const char *content_type, const char *type, char ret_mark[KN_BOUNDARY_BYTES])
{
    static const char name[] = "boundary=";
    if (!content_type || strncasecmp(content_type, type, strlen(type)) != 0)
        return false;
    const char *at = strcasestr(content_type, name);
    if (!at)
        return false;
    at += strlen(name);
    bool quoted = *at == '"';
    at += quoted;
    size_t length = strcspn(at, quoted ? "\"" : "; \t");
    if (length == 0 || length > BOUNDARY_MAX)
        return false;
    snprintf(ret_mark, KN_BOUNDARY_BYTES, "\r\n--%.*s", (int)length, at);
    return true;
}
