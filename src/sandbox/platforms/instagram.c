/* Instagram's Graph API for content publishing, with both logins. */
#include <stdio.h>

#include "base/json.h"
#include "sandbox/platforms/platforms.h"

static void refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const struct {
        int status, code, subcode; /* 0: none */
        const char *type, *message;
    } refusals[] = {
        [KN_REFUSE_NO_TOKEN] = {400, 190, 0, "OAuthException",
                                "An access token is required to request this resource."},
        [KN_REFUSE_BAD_TOKEN] = {400, 190, 0, "OAuthException",
                                 "Invalid OAuth access token - Cannot parse access token"},
        [KN_REFUSE_EXPIRED_TOKEN] = {400, 190, 463, "OAuthException",
                                     "Error validating access token: Session has expired"},
        [KN_REFUSE_SCOPE] = {403, 10, 0, "OAuthException",
                             "Application does not have permission for this action"},
        [KN_REFUSE_METHOD] = {400, 100, 0, "GraphMethodException", "Unsupported request method"},
        [KN_REFUSE_TOO_LARGE] = {413, 100, 0, "OAuthException", "The body is too large"},
        [KN_REFUSE_RATE] = {400, 4, 0, "OAuthException", "Application request limit reached"},
        [KN_REFUSE_QUOTA] = {400, 9, 2207042, "OAuthException",
                             "The user has reached the maximum number of posts for today"},
        [KN_REFUSE_SERVER] = {500, 2, 0, "OAuthException",
                              "An unexpected error has occurred. Please retry your request later."},
        [KN_REFUSE_OVERLOADED] = {503, 2, 0, "OAuthException", "Service temporarily unavailable"},
    };
    bool passes = why == KN_REFUSE_SERVER || why == KN_REFUSE_OVERLOADED || why == KN_REFUSE_RATE;
    char reason[32];
    snprintf(reason, sizeof reason, "%d/%d", refusals[why].code, refusals[why].subcode);
    kn_mimic_reason(visit, reason);
    json_t *error =
        json_pack("{s:s, s:s, s:i, s:b, s:s}", "message", refusals[why].message, "type",
                  refusals[why].type, "code", refusals[why].code, "is_transient", passes,
                  "fbtrace_id", kn_mimics_make_id(visit->m, KN_MIMIC_BASE64, 22));
    if (refusals[why].subcode)
        json_object_set_new(error, "error_subcode", json_integer(refusals[why].subcode));
    kn_mimic_json(visit, refusals[why].status, json_pack("{s:o}", "error", error));
}

static const struct kn_mimic_route routes[] = {
    {.method = "GET",
     .path = "/oauth/authorize",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    {.method = "GET", .path = "/dialog/oauth", .kind = KN_SANDBOX_OAUTH, .run = kn_oauth_authorize},
    {.method = "GET",
     .path = "/v*/dialog/oauth",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    {.method = "POST",
     .path = "/oauth/access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_token},
    {.method = "GET",
     .path = "/oauth/access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_facebook_token},
    {.method = "GET",
     .path = "/v*/oauth/access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_facebook_token},
    {.method = "GET",
     .path = "/access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_instagram_exchange},
    {.method = "GET",
     .path = "/refresh_access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_instagram_refresh},
};

const struct kn_mimic kn_mimic_instagram = {
    .id = KN_MIMIC_INSTAGRAM,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
};
