/* The token end points (RFC 6749, sections 4.1.3 and 6; RFC 7636; RFC 7009). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/platforms_internal.h"

static const struct {
    const char *name;
    int status;
    const char *text;
} errors[KN_OAUTH_ERROR_COUNT] = {
    [KN_OAUTH_INVALID_REQUEST] = {"invalid_request", 400, "The request is malformed."},
    [KN_OAUTH_INVALID_CLIENT] = {"invalid_client", 401, "Unauthorized"},
    [KN_OAUTH_INVALID_GRANT] = {"invalid_grant", 400, "Token has been expired or revoked."},
    [KN_OAUTH_INVALID_SCOPE] = {"invalid_scope", 400, "A scope is unknown."},
    [KN_OAUTH_UNSUPPORTED_GRANT] = {"unsupported_grant_type", 400, "Invalid grant_type."},
    [KN_OAUTH_UNSUPPORTED_RESPONSE] = {"unsupported_response_type", 400, "Invalid response_type."},
    [KN_OAUTH_REDIRECT_MISMATCH] = {"redirect_uri_mismatch", 400, "Bad Request"},
    [KN_OAUTH_ACCESS_DENIED] = {"access_denied", 400, "The user denied the request."},
};

static const struct kn_oauth_dialect *dialect_of(const struct kn_mimic_visit *visit)
{
    return &kn_oauth_dialects[visit->mimic->id];
}

/* X says "invalid_request" for tokens and codes that count no more; the others "invalid_grant". */
void kn_oauth_fail(struct kn_mimic_visit *visit, enum kn_oauth_error error, const char *text)
{
    const char *name = errors[error].name;
    int status = errors[error].status;
    text = text ? text : errors[error].text;
    kn_mimic_reason(visit, name);
    switch (visit->mimic->id) {
    case KN_MIMIC_INSTAGRAM:
        kn_mimic_json(visit, 400,
                      json_pack("{s:s, s:i, s:s}", "error_type", "OAuthException", "code", 400,
                                "error_message", text));
        return;
    case KN_MIMIC_TIKTOK:
        kn_mimic_json(visit, visit->m->settings[KN_MIMIC_TIKTOK_ERRORS_200] > 0 ? 200 : status,
                      json_pack("{s:s, s:s, s:s}", "error",
                                error == KN_OAUTH_REDIRECT_MISMATCH ? "invalid_request" : name,
                                "error_description", text, "log_id",
                                kn_mimics_make_id(visit->m, KN_MIMIC_DIGITS, 32)));
        return;
    case KN_MIMIC_X:
        if (error == KN_OAUTH_INVALID_GRANT || error == KN_OAUTH_REDIRECT_MISMATCH)
            name = "invalid_request";
        if (error == KN_OAUTH_INVALID_CLIENT)
            name = "unauthorized_client";
        break;
    default:
        break;
    }
    kn_mimic_json(visit, status, json_pack("{s:s, s:s}", "error", name, "error_description", text));
}

/* ---- the client ---- */

/* "id:secret" behind Basic; each is form-encoded, which changes nothing in those known here. */
static bool basic_is_right(const char *encoded)
{
    unsigned char text[128];
    static const char known[] = KN_OAUTH_CLIENT ":" KN_OAUTH_SECRET;
    size_t size = 0;
    return sodium_base642bin(text, sizeof text, encoded, strlen(encoded), NULL, &size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == sizeof known - 1 && memcmp(text, known, size) == 0;
}

static bool client_is_right(struct kn_mimic_visit *visit)
{
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const char *basic = kn_mimic_credentials(visit->exchange, "Basic");
    const char *client = kn_mimic_param(visit, dialect->client_field);
    const char *secret = kn_mimic_param(visit, "client_secret");
    if (basic && dialect->basic)
        return basic_is_right(basic) && (!client || strcmp(client, KN_OAUTH_CLIENT) == 0);
    if (!client || strcmp(client, KN_OAUTH_CLIENT) != 0)
        return false;
    return secret ? strcmp(secret, KN_OAUTH_SECRET) == 0 : dialect->public_too;
}

bool kn_oauth_client(struct kn_mimic_visit *visit)
{
    const char *type = kn_mimic_head(visit->exchange, "content-type");
    bool json = type && strncasecmp(type, "application/json", 16) == 0;
    bool form = type && (strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0 ||
                         (strncasecmp(type, "multipart/form-data", 19) == 0 &&
                          visit->mimic->id == KN_MIMIC_INSTAGRAM));
    if (strcmp(visit->exchange->method, "POST") == 0 && !form &&
        !(json && dialect_of(visit)->json_body)) {
        kn_oauth_fail(visit, KN_OAUTH_INVALID_REQUEST,
                      "The body has to be application/x-www-form-urlencoded.");
        return false;
    }
    if (client_is_right(visit))
        return true;
    kn_oauth_fail(visit, KN_OAUTH_INVALID_CLIENT,
                  visit->mimic->id == KN_MIMIC_X ? "Missing valid authorization header" : NULL);
    return false;
}

/* ---- the answer ---- */

static const char *scopes_text(struct kn_mimic_visit *visit, const struct kn_grant *grant)
{
    char *text = kn_arena_strdup(visit->arena, grant->scopes);
    for (char *at = text; *at; at++)
        *at = *at == ' ' ? dialect_of(visit)->separator : *at;
    return text;
}

static void hand_out_short(struct kn_mimic_visit *visit, const struct kn_token *access)
{
    char id[KN_MIMIC_ID_BYTES];
    const struct kn_grant *grant = access->grant;
    json_t *json = json_pack("{s:s, s:s, s:s}", "access_token", access->text, "user_id",
                             kn_mimic_account_id(visit->mimic->id, grant->account, id),
                             "permissions", scopes_text(visit, grant));
    if (visit->m->settings[KN_MIMIC_INSTAGRAM_FLAT] == 0)
        json = json_pack("{s:[o]}", "data", json);
    kn_mimic_json(visit, 200, json);
}

static void hand_out(struct kn_mimic_visit *visit, struct kn_grant *grant,
                     const struct kn_token *refresh)
{
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    struct kn_token *access = kn_grants_token(visit->m, grant, false, dialect->access_s);
    char id[KN_MIMIC_ID_BYTES];
    kn_mimic_header(visit, "Cache-Control", "no-store");
    if (visit->mimic->id == KN_MIMIC_INSTAGRAM) {
        hand_out_short(visit, access);
        return;
    }
    json_t *json = json_pack("{s:s, s:i, s:s, s:s}", "access_token", access->text, "expires_in",
                             (int)dialect->access_s, "scope", scopes_text(visit, grant),
                             "token_type", visit->mimic->id == KN_MIMIC_X ? "bearer" : "Bearer");
    if (refresh)
        json_object_set_new(json, "refresh_token", json_string(refresh->text));
    if (visit->mimic->id == KN_MIMIC_TIKTOK) {
        json_object_set_new(json, "open_id",
                            json_string(kn_mimic_account_id(visit->mimic->id, grant->account, id)));
        json_object_set_new(json, "refresh_expires_in", json_integer((int)dialect->refresh_s));
    }
    kn_mimic_json(visit, 200, json);
}

/* ---- codes ---- */

static bool verifier_fits(const struct kn_oauth_dialect *dialect, const struct kn_code *code,
                          const char *verifier)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    unsigned char sum[crypto_hash_sha256_BYTES];
    char text[crypto_hash_sha256_BYTES * 2 + 1];
    size_t length = verifier ? strlen(verifier) : 0;
    if (length < 43 || length > 128 || strspn(verifier, letters) != length)
        return false;
    if (strcmp(code->method, "plain") == 0)
        return strcmp(verifier, code->challenge) == 0;
    crypto_hash_sha256(sum, (const unsigned char *)verifier, length);
    if (dialect->hex)
        sodium_bin2hex(text, sizeof text, sum, sizeof sum);
    else
        sodium_bin2base64(text, sizeof text, sum, sizeof sum,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return strcmp(text, code->challenge) == 0;
}

static const char *no_verifier(enum kn_mimic_id id)
{
    return id == KN_MIMIC_TIKTOK ? "Code verifier or code challenge is invalid."
           : id == KN_MIMIC_X
               ? "Value passed for the code verifier did not match the code challenge."
               : "Invalid code verifier.";
}

static const char *no_code(enum kn_mimic_id id)
{
    return id == KN_MIMIC_INSTAGRAM ? "Matching code was not found or was already used"
           : id == KN_MIMIC_X       ? "Value passed for the authorization code was invalid."
           : id == KN_MIMIC_TIKTOK  ? "Authorization code is expired."
                                    : "Malformed auth code.";
}

/* NULL: the answer is made. The code is used up by the first try that names it rightly. */
static struct kn_code *take_code(struct kn_mimic_visit *visit)
{
    const enum kn_mimic_id id = visit->mimic->id;
    const char *text = kn_mimic_param(visit, "code");
    const char *redirect = kn_mimic_param(visit, "redirect_uri");
    struct kn_code *code = text ? kn_grants_find_code(visit->m, (int)id, text) : NULL;
    if (!code || code->used || kn_mimics_now_us(visit->m) >= code->until_us) {
        kn_oauth_fail(visit, KN_OAUTH_INVALID_GRANT, no_code(id));
        return NULL;
    }
    if (!redirect || strcmp(redirect, code->redirect) != 0) {
        kn_oauth_fail(visit, KN_OAUTH_REDIRECT_MISMATCH, NULL);
        return NULL;
    }
    code->used = true;
    if (code->challenge &&
        !verifier_fits(dialect_of(visit), code, kn_mimic_param(visit, "code_verifier"))) {
        kn_oauth_fail(visit,
                      id == KN_MIMIC_YOUTUBE ? KN_OAUTH_INVALID_GRANT : KN_OAUTH_INVALID_REQUEST,
                      no_verifier(id));
        return NULL;
    }
    return code;
}

static double refresh_life_s(const struct kn_mimic_visit *visit)
{
    bool testing =
        visit->mimic->id == KN_MIMIC_YOUTUBE && visit->m->settings[KN_MIMIC_YOUTUBE_TESTING] > 0;
    return testing ? 7 * 86400.0 : dialect_of(visit)->refresh_s;
}

static void exchange_code(struct kn_mimic_visit *visit)
{
    struct kn_code *code = take_code(visit);
    if (!code)
        return;
    struct kn_token *refresh = NULL;
    if (code->offline)
        refresh = kn_grants_token(visit->m, code->grant, true, refresh_life_s(visit));
    hand_out(visit, code->grant, refresh);
}

/* ---- refreshing ---- */

static void refresh(struct kn_mimic_visit *visit)
{
    struct kn_mimics *m = visit->m;
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const char *text = kn_mimic_param(visit, "refresh_token");
    const char *why =
        visit->mimic->id == KN_MIMIC_X ? "Value passed for the token was invalid." : NULL;
    struct kn_token *token = text ? kn_grants_find(m, (int)visit->mimic->id, text) : NULL;
    if (token && token->used && dialect->refresh == KN_REFRESH_ROTATES)
        token->grant->revoked = true; /* somebody else has it, too (RFC 9700, section 4.14.2) */
    if (!token || !token->refreshes || token->used || token->grant->revoked ||
        !kn_token_lives(m, token)) {
        kn_oauth_fail(visit, KN_OAUTH_INVALID_GRANT, why);
        return;
    }
    bool replaces = dialect->refresh == KN_REFRESH_ROTATES ||
                    (dialect->refresh == KN_REFRESH_MAY && m->settings[KN_MIMIC_TIKTOK_ROTATES]);
    struct kn_token *next = token;
    if (replaces) {
        token->used = true;
        next = kn_grants_token(m, token->grant, true, refresh_life_s(visit));
    }
    hand_out(visit, token->grant, dialect->refresh == KN_REFRESH_KEPT ? NULL : next);
}

void kn_oauth_token(struct kn_mimic_visit *visit)
{
    if (!kn_oauth_client(visit))
        return;
    const char *type = kn_mimic_param(visit, "grant_type");
    bool refreshes = dialect_of(visit)->refresh != KN_REFRESH_NONE;
    if (!type)
        kn_oauth_fail(visit, KN_OAUTH_INVALID_REQUEST, "Missing required parameter: grant_type");
    else if (strcmp(type, "authorization_code") == 0)
        exchange_code(visit);
    else if (strcmp(type, "refresh_token") == 0 && refreshes)
        refresh(visit);
    else
        kn_oauth_fail(visit, KN_OAUTH_UNSUPPORTED_GRANT, NULL);
}

/* ---- the end of a grant ---- */

/* Google needs no client for this; the token itself is the proof. */
void kn_mimic_revoke(struct kn_mimic_visit *visit)
{
    const enum kn_mimic_id id = visit->mimic->id;
    if (id != KN_MIMIC_YOUTUBE && !kn_oauth_client(visit))
        return;
    const char *text = kn_mimic_param(visit, "token");
    struct kn_token *token = text ? kn_grants_find(visit->m, (int)id, text) : NULL;
    if (!token && id == KN_MIMIC_YOUTUBE) {
        kn_mimic_reason(visit, "invalid_token");
        kn_mimic_json(visit, 400,
                      json_pack("{s:s, s:s}", "error", "invalid_token", "error_description",
                                "Token expired or revoked"));
        return;
    }
    if (token)
        token->grant->revoked = true;
    if (id == KN_MIMIC_X)
        kn_mimic_json(visit, 200, json_pack("{s:b}", "revoked", true));
    else
        kn_mimic_empty(visit, 200);
}

void kn_oauth_tokeninfo(struct kn_mimic_visit *visit)
{
    const char *text = kn_mimic_param(visit, "access_token");
    const struct kn_token *token =
        text ? kn_grants_find(visit->m, (int)visit->mimic->id, text) : NULL;
    if (!token || token->refreshes || token->grant->revoked || !kn_token_lives(visit->m, token)) {
        kn_mimic_reason(visit, "invalid_token");
        kn_mimic_json(visit, 400,
                      json_pack("{s:s, s:s}", "error", "invalid_token", "error_description",
                                "Invalid Value"));
        return;
    }
    int64_t left_s = (token->until_us - kn_mimics_now_us(visit->m)) / KN_US_PER_S;
    kn_mimic_json(visit, 200,
                  json_pack("{s:s, s:s, s:s, s:o, s:s}", "azp", KN_OAUTH_CLIENT, "aud",
                            KN_OAUTH_CLIENT, "scope", token->grant->scopes, "expires_in",
                            json_sprintf("%lld", (long long)left_s), "access_type", "offline"));
}
