#include "sandbox/bearer.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

static bool is_known(const char *key, const char *const *keys, int count)
{
    if (count == 0)
        return kn_starts_with(key, "sk-") && key[3];
    for (int i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

bool kn_bearer_check(const struct kn_exchange *exchange, const char *const *keys, int count,
                     struct kn_rejection *rejection)
{
    enum { SHOWN = 5 };
    static const char scheme[] = "Bearer ";
    static const char type[] = "invalid_request_error";
    const struct kn_server_field *header = kn_server_header(exchange, "authorization");
    const char *key = header ? header->data : "";
    if (strncasecmp(key, scheme, strlen(scheme)) != 0 || !key[strlen(scheme)])
        return kn_reject_as(rejection, 401, type, NULL, "invalid_api_key",
                            "You didn't provide an API key: it goes into the header "
                            "“Authorization: Bearer sk-…”.");
    key += strlen(scheme);
    if (!is_known(key, keys, count))
        return kn_reject_as(rejection, 401, type, NULL, "invalid_api_key",
                            "Incorrect API key provided: %.*s***.",
                            (int)KN_MIN(strlen(key) / 2, SHOWN), key);
    return true;
}
