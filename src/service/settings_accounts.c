#include "service/settings_accounts.h"

#include <stddef.h>
#include <string.h>

#include "service/settings_rows.h"

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

/* ---- the rows ---- */

#define ACCOUNT(f)    offsetof(struct kn_settings, accounts.f)
#define CLIENT(at, f) offsetof(struct kn_settings, accounts.clients[at].f)

static const char *const login_names[] = {"auto", "facebook", "instagram", NULL};
/* clang-format off */
const struct kn_settings_row kn_account_rows[] = {
    {KN_FOR_AUTH, {"account", 0, KN_OPTION_CUSTOM, ACCOUNT(name), "NAME",
                   "call it so; by the platform's own name if not given", "Account",
                   .args_only = true, .parse = kn_parse_account_name}},
    {KN_FOR_AUTH, {"port", 0, KN_OPTION_INT, ACCOUNT(port), "N",
                   "where the browser comes back to on this machine; 0 is the usual one",
                   "Account", 0, 65535, .args_only = true}},
    {KN_FOR_AUTH, {"browser", 0, KN_OPTION_FLAG, ACCOUNT(browser), NULL,
                   "open the address; --no-browser only prints it", "Account",
                   .args_only = true}},
    {KN_FOR_AUTH, {"paste", 0, KN_OPTION_FLAG, ACCOUNT(paste), NULL,
                   "for machines without a browser: paste the address that it ends up at",
                   "Account", .args_only = true}},
    {KN_FOR_AUTH, {"redirect", 0, KN_OPTION_CUSTOM, ACCOUNT(redirect), "URL",
                   "the address that is registered, if it is none of this machine; then --paste",
                   "Account", .args_only = true, .parse = kn_parse_redirect}},
    {KN_FOR_AUTH, {"login", 0, KN_OPTION_CHOICE, ACCOUNT(login), "HOW",
                   "into Instagram; auto is facebook", "Account",
                   .choices = login_names, .args_only = true}},
    {KN_FOR_AUTH, {"sandbox", 0, KN_OPTION_CUSTOM, ACCOUNT(sandbox), "URL",
                   "at a running `kirinuki sandbox`, which consents by itself", "Account",
                   .args_only = true, .value_optional = true, .parse = kn_parse_sandbox_url}},
    {KN_FOR_ACCOUNTS, {"yes", 'y', KN_OPTION_FLAG, ACCOUNT(yes), NULL,
                       "rm: also where posts of it are not done; they fail then", "Account",
                       .args_only = true}},
    {KN_FOR_AUTH, {"youtube-client-id", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_YOUTUBE, id), "ID",
                   "of the application that is registered with YouTube", "Application",
                   .aside = true}},
    {KN_FOR_AUTH, {"youtube-client-secret", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_YOUTUBE, secret),
                   "SECRET", "its secret", NULL, .aside = true, .secret = true}},
    {KN_FOR_AUTH, {"tiktok-client-id", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_TIKTOK, id), "ID",
                   "of the application that is registered with TikTok", "Application",
                   .aside = true}},
    {KN_FOR_AUTH, {"tiktok-client-secret", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_TIKTOK, secret),
                   "SECRET", "its secret", NULL, .aside = true, .secret = true}},
    {KN_FOR_AUTH, {"instagram-client-id", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_INSTAGRAM, id), "ID",
                   "of the application that is registered with Instagram", "Application",
                   .aside = true}},
    {KN_FOR_AUTH, {"instagram-client-secret", 0, KN_OPTION_TEXT,
                   CLIENT(KN_CLIENT_INSTAGRAM, secret),
                   "SECRET", "its secret", NULL, .aside = true, .secret = true}},
    {KN_FOR_AUTH, {"x-client-id", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_X, id), "ID",
                   "of the application that is registered with X", "Application",
                   .aside = true}},
    {KN_FOR_AUTH, {"x-client-secret", 0, KN_OPTION_TEXT, CLIENT(KN_CLIENT_X, secret),
                   "SECRET", "its secret", NULL, .aside = true, .secret = true}},
    {0}};
/* clang-format on */
