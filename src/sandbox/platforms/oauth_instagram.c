/* Meta's tokens: no refresh token, the access token itself is exchanged for one that lives longer
 * ("Business Login for Instagram", "Long-Lived Access Tokens"). */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/platforms_internal.h"

enum { LONG_S = 5184000, YOUNG_S = 86400 };

static bool is_param(struct kn_mimic_visit *visit, const char *name, const char *wanted)
{
    const char *text = kn_mimic_param(visit, name);
    return text && strcmp(text, wanted) == 0;
}

static void hand_out_long(struct kn_mimic_visit *visit, struct kn_grant *grant)
{
    struct kn_token *token = kn_grants_token(visit->m, grant, false, LONG_S);
    token->long_lived = true;
    kn_mimic_json(visit, 200,
                  json_pack("{s:s, s:s, s:i}", "access_token", token->text, "token_type", "bearer",
                            "expires_in", LONG_S));
}

/* The token of the request; NULL: the answer is made. */
static struct kn_token *token_of(struct kn_mimic_visit *visit, const char *field)
{
    const char *text = kn_mimic_param(visit, field);
    if (!text)
        text = kn_mimic_credentials(visit->exchange, "Bearer");
    return kn_mimic_sign_in(visit, text, "") ? visit->who.token : NULL;
}

void kn_oauth_instagram_exchange(struct kn_mimic_visit *visit)
{
    if (!is_param(visit, "grant_type", "ig_exchange_token"))
        kn_oauth_fail(visit, KN_OAUTH_UNSUPPORTED_GRANT, NULL);
    else if (!is_param(visit, "client_secret", KN_OAUTH_SECRET))
        kn_oauth_fail(visit, KN_OAUTH_INVALID_CLIENT, "Error validating client secret.");
    else if (token_of(visit, "access_token"))
        hand_out_long(visit, visit->who.grant);
}

void kn_oauth_instagram_refresh(struct kn_mimic_visit *visit)
{
    if (!is_param(visit, "grant_type", "ig_refresh_token")) {
        kn_oauth_fail(visit, KN_OAUTH_UNSUPPORTED_GRANT, NULL);
        return;
    }
    const struct kn_token *token = token_of(visit, "access_token");
    if (!token)
        return;
    int64_t age_us = kn_mimics_now_us(visit->m) - token->issued_us;
    if (!token->long_lived)
        kn_oauth_fail(visit, KN_OAUTH_INVALID_GRANT, "Only long-lived tokens can be refreshed.");
    else if (age_us < YOUNG_S * KN_US_PER_S)
        kn_oauth_fail(visit, KN_OAUTH_INVALID_GRANT, "The token is less than 24 hours old.");
    else
        hand_out_long(visit, token->grant);
}

static void facebook_code(struct kn_mimic_visit *visit)
{
    const char *text = kn_mimic_param(visit, "code");
    const char *redirect = kn_mimic_param(visit, "redirect_uri");
    struct kn_code *code = text ? kn_grants_find_code(visit->m, KN_MIMIC_INSTAGRAM, text) : NULL;
    if (!code || code->used || kn_mimics_now_us(visit->m) >= code->until_us || !redirect ||
        strcmp(redirect, code->redirect) != 0) {
        kn_oauth_fail(visit, KN_OAUTH_INVALID_GRANT, "This authorization code has been used.");
        return;
    }
    code->used = true;
    struct kn_token *token = kn_grants_token(visit->m, code->grant, false,
                                             kn_oauth_dialects[KN_MIMIC_INSTAGRAM].access_s);
    kn_mimic_json(visit, 200,
                  json_pack("{s:s, s:s, s:i}", "access_token", token->text, "token_type", "bearer",
                            "expires_in", (int)kn_oauth_dialects[KN_MIMIC_INSTAGRAM].access_s));
}

void kn_oauth_facebook_token(struct kn_mimic_visit *visit)
{
    if (!kn_oauth_client(visit))
        return;
    if (!kn_mimic_param(visit, "grant_type"))
        facebook_code(visit);
    else if (!is_param(visit, "grant_type", "fb_exchange_token"))
        kn_oauth_fail(visit, KN_OAUTH_UNSUPPORTED_GRANT, NULL);
    else if (token_of(visit, "fb_exchange_token"))
        hand_out_long(visit, visit->who.grant);
}
