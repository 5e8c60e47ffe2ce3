#include "platform/oauth_answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

enum {
    TOKEN_BYTES_MAX = 8192,
    NAME_BYTES_MAX = 200,
    SCOPES_BYTES_MAX = 4096,
    LIFETIME_S_MAX = 10 * 366 * 86400,
};

/* ---- refusals ---- */

static bool is_code(const struct kn_oauth_refusal *refusal, const char *code)
{
    return strcmp(refusal->code, code) == 0;
}

static bool is_for_later(const struct kn_oauth_refusal *refusal)
{
    return refusal->status == 429 || refusal->status >= 500 || is_code(refusal, "server_error") ||
           is_code(refusal, "temporarily_unavailable") || is_code(refusal, "slow_down");
}

static bool is_about_redirect(const struct kn_oauth_refusal *refusal)
{
    return is_code(refusal, "redirect_uri_mismatch") || strcasestr(refusal->text, "redirect_uri") ||
           strcasestr(refusal->text, "redirect uri");
}

static bool is_about_client(const struct kn_oauth_refusal *refusal)
{
    return is_code(refusal, "invalid_client") || is_code(refusal, "unauthorized_client") ||
           strcasestr(refusal->text, "client_secret") || strcasestr(refusal->text, "client_key") ||
           strcasestr(refusal->text, "client_id") || strcasestr(refusal->text, "client secret");
}

/* "invalid_grant: Token has been revoked" */
static const char *words_of(const struct kn_oauth_refusal *refusal, char *room, size_t size)
{
    if (refusal->code[0] && refusal->text[0])
        snprintf(room, size, "%s: %s", refusal->code, refusal->text);
    else if (refusal->code[0] || refusal->text[0])
        snprintf(room, size, "%s", refusal->code[0] ? refusal->code : refusal->text);
    else
        snprintf(room, size, "HTTP %d", refusal->status);
    return room;
}

static enum kn_status wrong_client(const struct kn_oauth *oauth, const char *words,
                                   struct kn_error *err)
{
    char upper[32];
    size_t n = 0;
    for (; oauth->platform[n] && n < sizeof upper - 1; n++)
        upper[n] = (char)(oauth->platform[n] - ('a' - 'A'));
    upper[n] = '\0';
    return kn_error_set(err, KN_DENIED,
                        "%s does not know this application (%s): compare KIRINUKI_%s_CLIENT_ID and "
                        "KIRINUKI_%s_CLIENT_SECRET with what %s says, then `kirinuki auth %s`",
                        oauth->label, words, upper, upper, oauth->register_at, oauth->platform);
}

enum kn_status kn_oauth_refused(const struct kn_oauth *oauth, enum kn_oauth_asked asked,
                                const struct kn_oauth_refusal *refusal, const char *redirect_uri,
                                struct kn_error *err)
{
    char words[sizeof refusal->code + sizeof refusal->text + 8];
    words_of(refusal, words, sizeof words);
    if (is_for_later(refusal))
        return kn_error_set(err, KN_REMOTE, "%s does not give tokens now (%s)", oauth->label,
                            words);
    if (redirect_uri && is_about_redirect(refusal))
        return kn_error_set(err, KN_DENIED,
                            "%s does not take the redirect address: register exactly %s with the "
                            "application at %s",
                            oauth->label, redirect_uri, oauth->register_at);
    if (is_about_client(refusal))
        return wrong_client(oauth, words, err);
    if (is_code(refusal, "invalid_scope") || is_code(refusal, "scope_not_authorized"))
        return kn_error_set(err, KN_DENIED,
                            "%s does not let this application ask for “%s”: add these scopes to it "
                            "at %s",
                            oauth->label, oauth->scopes, oauth->register_at);
    if (asked == KN_ASKED_RENEWAL)
        return kn_error_set(err, KN_DENIED,
                            "%s has ended this connection (%s): connect again with `kirinuki auth "
                            "%s`",
                            oauth->label, words, oauth->platform);
    if (asked == KN_ASKED_REVOCATION)
        return kn_error_set(err, KN_DENIED,
                            "%s does not end the connection (%s): take kirinuki off the list of "
                            "applications in the account there",
                            oauth->label, words);
    if (is_code(refusal, "access_denied"))
        return kn_error_set(err, KN_DENIED, "consent was not given at %s: nothing was connected",
                            oauth->label);
    return kn_error_set(err, KN_DENIED,
                        "%s does not take the code (%s): it is good once and for a short time; "
                        "begin again with `kirinuki auth %s`",
                        oauth->label, words, oauth->platform);
}

/* ---- reading ---- */

/* Numbers become their digits: some errors have a number for a code. */
static void take_words(const json_t *value, char *room, size_t size)
{
    if (json_is_string(value))
        kn_text_show(json_string_value(value), room, size);
    else if (json_is_integer(value))
        snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static json_t *load(const struct kn_http_answer *answer)
{
    if (answer->size > KN_OAUTH_ANSWER_BYTES_MAX)
        return NULL;
    return json_loadb(answer->body ? answer->body : "", answer->size, 0, NULL);
}

static void read_refusal(const json_t *root, struct kn_oauth_refusal *ret)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *code = error, *text = json_object_get(root, "error_description");
    if (json_is_object(error)) {
        code = json_object_get(error,
                               json_is_string(json_object_get(error, "type")) ? "type" : "code");
        text = json_object_get(error, "message");
    } else if (json_object_get(root, "error_type") || json_object_get(root, "error_message")) {
        code = json_object_get(root, "error_type");
        text = json_object_get(root, "error_message");
    } else if (!error) {
        code = json_object_get(root, "title");
        text = json_object_get(root, "detail");
    }
    take_words(code, ret->code, sizeof ret->code);
    take_words(text, ret->text, sizeof ret->text);
}

bool kn_oauth_find_refusal(const struct kn_http_answer *answer, struct kn_oauth_refusal *ret)
{
    KN_SCOPED_JSON root = load(answer);
    struct kn_oauth_refusal refusal = {.status = answer->status};
    read_refusal(root, &refusal);
    bool fine = answer->status >= 200 && answer->status < 300;
    /* {"error": {"code": "ok"}} is TikTok's way to say that there is none. */
    bool named = json_object_get(root, "error") || json_object_get(root, "error_type") ||
                 json_object_get(root, "error_message");
    if (fine && (!named || !refusal.code[0] || strcmp(refusal.code, "ok") == 0))
        return false;
    *ret = refusal;
    return true;
}

const char *kn_oauth_take_token(const json_t *object, const char *name, struct kn_arena *arena)
{
    const json_t *value = json_object_get(object, name);
    size_t length = json_string_length(value);
    if (!json_is_string(value) || !length || length > TOKEN_BYTES_MAX)
        return NULL;
    const char *text = json_string_value(value);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return NULL;
    return kn_arena_strdup(arena, text);
}

static const char *take_name(const json_t *object, const char *name, size_t max,
                             struct kn_arena *arena)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value))
        return kn_arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    const char *text = json_string_value(value);
    return text && text[0] && json_string_length(value) <= max && kn_text_is_clean(text)
               ? kn_arena_strdup(arena, text)
               : NULL;
}

/* Seconds as a number or as its digits; `otherwise` where it is neither or makes no sense. */
static int64_t take_expiry(const json_t *object, const char *name, int64_t asked_us,
                           int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    long long seconds = -1;
    if (json_is_number(value) && json_number_value(value) < LIFETIME_S_MAX)
        seconds = (long long)json_number_value(value);
    else if (json_is_string(value))
        (void)kn_parse_int(json_string_value(value), 0, LIFETIME_S_MAX, &seconds);
    return seconds > 0 ? asked_us + seconds * KN_US_PER_S : otherwise;
}

static bool is_bearer(const json_t *object)
{
    const json_t *type = json_object_get(object, "token_type");
    return !type || (json_is_string(type) && strcasecmp(json_string_value(type), "bearer") == 0);
}

/* Instagram: {"data": [{…}]}, or flat. */
static const json_t *holder_of(const json_t *root)
{
    const json_t *data = json_object_get(root, "data");
    return json_object_get(root, "access_token") || json_array_size(data) != 1
               ? root
               : json_array_get(data, 0);
}

enum kn_status kn_oauth_take_tokens(const struct kn_oauth *oauth,
                                    const struct kn_http_answer *answer, int64_t asked_us,
                                    struct kn_arena *arena, struct kn_tokens *ret_tokens,
                                    struct kn_error *err)
{
    KN_SCOPED_JSON root = load(answer);
    const json_t *at = holder_of(root);
    const char *access = kn_oauth_take_token(at, "access_token", arena);
    if (!access || !is_bearer(at))
        return kn_error_set(err, KN_REMOTE, "%s answers without a token that can be used",
                            oauth->label);
    const char *refresh = kn_oauth_take_token(at, "refresh_token", arena);
    if (json_object_get(at, "refresh_token") && !refresh)
        return kn_error_set(err, KN_REMOTE, "%s answers with a refresh token that can't be used",
                            oauth->label);
    const char *scopes = take_name(at, "scope", SCOPES_BYTES_MAX, arena);
    const char *open_id = take_name(at, "open_id", NAME_BYTES_MAX, arena); /* TikTok */
    *ret_tokens = (struct kn_tokens){
        .access = access,
        .refresh = refresh,
        .expires_us = take_expiry(at, "expires_in", asked_us, asked_us + oauth->lifetime_us),
        .refresh_expires_us = take_expiry(at, "refresh_expires_in", asked_us, INT64_MAX),
        .scopes = scopes ? scopes : take_name(at, "permissions", SCOPES_BYTES_MAX, arena),
        .user_id = open_id ? open_id : take_name(at, "user_id", NAME_BYTES_MAX, arena),
    };
    return KN_OK;
}
