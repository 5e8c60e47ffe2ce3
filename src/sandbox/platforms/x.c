/* X's API v2 for posts with video. */
#include "base/json.h"
#include "sandbox/platforms/platforms.h"

/* A problem (RFC 9457) with the fields of X. */
static void refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const struct {
        int status;
        const char *title, *detail;
    } refusals[] = {
        [KN_REFUSE_NO_TOKEN] = {401, "Unauthorized", "Unauthorized"},
        [KN_REFUSE_BAD_TOKEN] = {401, "Unauthorized", "Unauthorized"},
        [KN_REFUSE_EXPIRED_TOKEN] = {401, "Unauthorized", "Unauthorized"},
        [KN_REFUSE_SCOPE] = {403, "Forbidden", "You are not permitted to perform this action."},
        [KN_REFUSE_METHOD] = {405, "Method Not Allowed", "Method Not Allowed"},
        [KN_REFUSE_TOO_LARGE] = {413, "Request Entity Too Large", "Request Entity Too Large"},
        [KN_REFUSE_RATE] = {429, "Too Many Requests", "Too Many Requests"},
        [KN_REFUSE_QUOTA] = {429, "Too Many Requests", "Too Many Requests"},
        [KN_REFUSE_SERVER] = {500, "Internal Server Error", "Something is broken."},
        [KN_REFUSE_OVERLOADED] = {503, "Service Unavailable", "Service Unavailable"},
    };
    kn_mimic_reason(visit, refusals[why].title);
    kn_mimic_json(visit, refusals[why].status,
                  json_pack("{s:s, s:s, s:i, s:s}", "title", refusals[why].title, "type",
                            "about:blank", "status", refusals[why].status, "detail",
                            refusals[why].detail));
}

static const struct kn_mimic_route routes[] = {
    {.method = "GET",
     .path = "/i/oauth2/authorize",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    {.method = "POST", .path = "/2/oauth2/token", .kind = KN_SANDBOX_OAUTH, .run = kn_oauth_token},
    {.method = "POST",
     .path = "/2/oauth2/revoke",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_mimic_revoke},
};

const struct kn_mimic kn_mimic_x = {
    .id = KN_MIMIC_X,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
};
