#include "service/settings_accounts.h"

#include <string.h>

enum { NAME_BYTES_MAX = 100, URL_BYTES_MAX = 500 };

enum kn_status kn_parse_account_name(const struct kn_option *option, const char *value, void *field,
                                     struct kn_arena *arena, struct kn_error *err)
{
    size_t length = strlen(value);
    if (!length || length > NAME_BYTES_MAX || !kn_text_is_clean(value))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes a name of 1 to %d bytes without control characters",
                            option->name, NAME_BYTES_MAX);
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

/* http:// or https://, a host, nothing that a sentence or a header can't hold. */
static bool is_address(const char *value, const char *forbidden)
{
    size_t scheme = kn_starts_with(value, "http://")    ? strlen("http://")
                    : kn_starts_with(value, "https://") ? strlen("https://")
                                                        : 0;
    if (!scheme || strlen(value) > URL_BYTES_MAX || strchr("/:", value[scheme]) ||
        strpbrk(value, forbidden))
        return false;
    for (const char *at = value; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return true;
}

enum kn_status kn_parse_redirect(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err)
{
    if (!is_address(value, "@#"))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes the address that is registered with the application, such "
                            "as https://example.com/callback, not “%.60s”",
                            option->name, value);
    *(const char **)field = kn_arena_strdup(arena, value);
    return KN_OK;
}

enum kn_status kn_parse_sandbox_url(const struct kn_option *option, const char *value, void *field,
                                    struct kn_arena *arena, struct kn_error *err)
{
    const char *url = value[0] ? value : KN_SANDBOX_URL;
    size_t length = strlen(url);
    if (!is_address(url, "@?#"))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes the address that `kirinuki sandbox` prints, such as "
                            "--%s=" KN_SANDBOX_URL ", not “%.60s”",
                            option->name, option->name, value);
    while (url[length - 1] == '/')
        length--;
    *(const char **)field = kn_arena_strndup(arena, url, length);
    return KN_OK;
}
