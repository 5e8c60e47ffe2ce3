/* TikTok's Content Posting API v2, and its Login Kit. */
#include "base/json.h"
#include "sandbox/platforms/platforms.h"

/* {"data": {}, "error": {"code", "message", "log_id"}}; everywhere but in OAuth. */
static void refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const struct {
        int status;
        const char *code, *message;
    } refusals[] = {
        [KN_REFUSE_NO_TOKEN] = {401, "access_token_invalid",
                                "The access token is invalid or not found in the request."},
        [KN_REFUSE_BAD_TOKEN] = {401, "access_token_invalid",
                                 "The access token is invalid or not found in the request."},
        [KN_REFUSE_EXPIRED_TOKEN] = {401, "access_token_invalid",
                                     "The access token is invalid or not found in the request."},
        [KN_REFUSE_SCOPE] = {401, "scope_not_authorized",
                             "The user did not authorize the scope required for completing this "
                             "request."},
        [KN_REFUSE_METHOD] = {405, "invalid_method", "The method is not allowed here."},
        [KN_REFUSE_TOO_LARGE] = {400, "invalid_param", "The body is too large."},
        [KN_REFUSE_RATE] = {429, "rate_limit_exceeded", "The API rate limit was exceeded."},
        [KN_REFUSE_QUOTA] = {403, "spam_risk_too_many_posts",
                             "The daily post cap from the API is reached for the user."},
        [KN_REFUSE_SERVER] = {500, "internal_error", "Something went wrong. Please try again."},
        [KN_REFUSE_OVERLOADED] = {503, "internal_error", "Something went wrong. Please try again."},
    };
    kn_mimic_reason(visit, refusals[why].code);
    kn_mimic_json(visit, refusals[why].status,
                  json_pack("{s:{}, s:{s:s, s:s, s:s}}", "data", "error", "code",
                            refusals[why].code, "message", refusals[why].message, "log_id",
                            kn_mimics_make_id(visit->m, KN_MIMIC_DIGITS, 32)));
}

static const struct kn_mimic_route routes[] = {
    {.method = "GET",
     .path = "/v2/auth/authorize/",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    {.method = "GET",
     .path = "/v2/auth/authorize",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    {.method = "POST", .path = "/v2/oauth/token/", .kind = KN_SANDBOX_OAUTH, .run = kn_oauth_token},
    {.method = "POST",
     .path = "/v2/oauth/revoke/",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_mimic_revoke},
};

const struct kn_mimic kn_mimic_tiktok = {
    .id = KN_MIMIC_TIKTOK,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
};
