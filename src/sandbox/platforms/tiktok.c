/* TikTok's Content Posting API v2, and its Login Kit, by their documentation of 2026-09. */
#include "sandbox/platforms/tiktok.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

/* ---- errors ---- */

static const struct {
    const char *code;
    int status;
    const char *message;
} failures[] = {
    {"internal_error", 500, "Something went wrong. Please try again."},
    {"ok", 200, ""},
    {"invalid_param", 400, "A parameter is missing or invalid."},
    {"invalid_params", 400, "A parameter is invalid."}, /* as it is seen for chunks */
    {"invalid_method", 405, "The method is not allowed here."},
    {"invalid_publish_id", 400, "The publish_id does not exist."},
    {"token_not_authorized_for_specified_publish_id", 400,
     "The access token is not authorized for the specified publish_id."},
    {"publish_not_cancellable", 400, "The post cannot be cancelled any more."},
    {"access_token_invalid", 401, "The access token is invalid or not found in the request."},
    {"scope_not_authorized", 401,
     "The user did not authorize the scope required for completing this request."},
    {"spam_risk_too_many_posts", 403, "The daily post cap from the API is reached for the user."},
    {"spam_risk_too_many_pending_share", 403,
     "There may be at most 5 pending shares within any 24-hour period."},
    {"spam_risk_user_banned_from_posting", 403, "The user is banned from making new posts."},
    {"reached_active_user_cap", 403, "The daily quota for active publishing users is reached."},
    {"unaudited_client_can_only_post_to_private_accounts", 403,
     "Unaudited clients can only post to a private account, with the privacy level SELF_ONLY."},
    {"url_ownership_unverified", 403, "The ownership of the URL has to be verified."},
    {"url_expired", 403, "The upload_url has expired."},
    {"privacy_level_option_mismatch", 403,
     "privacy_level is not one of the privacy_level_options of creator_info."},
    {"upload_not_found", 404, "There is no such upload."},
    {"range_mismatch", 416, "Content-Range does not reflect the progress of the upload."},
    {"rate_limit_exceeded", 429, "The API rate limit was exceeded."},
};

static void envelope(struct kn_mimic_visit *visit, int status, json_t *data, const char *code,
                     const char *message)
{
    kn_mimic_json(visit, status,
                  json_pack("{s:o, s:{s:s, s:o, s:s}}", "data", data, "error", "code", code,
                            "message", kn_json_text(message), "log_id",
                            kn_mimics_make_id(visit->m, KN_MIMIC_DIGITS, 32)));
}

void kn_tt_fail(struct kn_mimic_visit *visit, const char *code, const char *message)
{
    size_t i = KN_COUNT_OF(failures) - 1;
    while (i > 0 && strcmp(failures[i].code, code) != 0)
        i--;
    kn_mimic_reason(visit, code);
    envelope(visit, failures[i].status, json_object(), code,
             message ? message : failures[i].message);
}

void kn_tt_answer(struct kn_mimic_visit *visit, json_t *data)
{
    envelope(visit, 200, data, "ok", "");
}

static void refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const char *const codes[] = {
        [KN_REFUSE_NO_TOKEN] = "access_token_invalid",
        [KN_REFUSE_BAD_TOKEN] = "access_token_invalid",
        [KN_REFUSE_EXPIRED_TOKEN] = "access_token_invalid",
        [KN_REFUSE_SCOPE] = "scope_not_authorized",
        [KN_REFUSE_METHOD] = "invalid_method",
        [KN_REFUSE_TOO_LARGE] = "invalid_param",
        [KN_REFUSE_RATE] = "rate_limit_exceeded",
        [KN_REFUSE_QUOTA] = "spam_risk_too_many_posts",
        [KN_REFUSE_SERVER] = "internal_error",
        [KN_REFUSE_OVERLOADED] = "internal_error",
    };
    kn_tt_fail(visit, codes[why], NULL);
    if (why == KN_REFUSE_OVERLOADED)
        visit->reply->status = 503;
}

json_t *kn_tt_body(struct kn_mimic_visit *visit, bool may_be_empty)
{
    const char *type = kn_mimic_head(visit->exchange, "content-type");
    if (!type || strncasecmp(type, "application/json", 16) != 0) {
        kn_tt_fail(visit, "invalid_param", "Content-Type has to be application/json.");
        return NULL;
    }
    if (may_be_empty && visit->exchange->body_size == 0)
        visit->body = json_object();
    json_t *body = kn_mimic_body(visit);
    if (!body)
        kn_tt_fail(visit, "invalid_param", "The body is no JSON object.");
    return body;
}

/* ---- the creator ---- */

static void creator_info(struct kn_mimic_visit *visit)
{
    const char *name = visit->m->accounts[visit->who.account];
    if (!kn_tt_admit(visit, KN_TT_CREATOR) || !kn_tt_body(visit, true))
        return;
    const char *capped = kn_tt_capped(visit, false);
    if (capped) {
        kn_tt_fail(visit, capped, NULL);
        visit->reply->status = 200; /* this end point tells of caps with 200 */
        return;
    }
    json_t *levels = json_array();
    for (const char *const *at = kn_tt_levels(visit->m); *at; at++)
        json_array_append_new(levels, json_string(*at));
    const char *avatar =
        kn_arena_printf(visit->arena, "https://p16-sign.tiktokcdn.com/sandbox/%s.jpeg", name);
    kn_tt_answer(visit, json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:i}", "creator_avatar_url",
                                  avatar, "creator_username", name, "creator_nickname", name,
                                  "privacy_level_options", levels, "comment_disabled", false,
                                  "duet_disabled", false, "stitch_disabled", false,
                                  "max_video_post_duration_sec",
                                  (int)visit->m->settings[KN_MIMIC_TIKTOK_SECONDS]));
}

static void user_info(struct kn_mimic_visit *visit)
{
    const char *fields = kn_mimic_query(visit->exchange, "fields");
    const char *name = visit->m->accounts[visit->who.account];
    char id[KN_MIMIC_ID_BYTES];
    kn_mimic_account_id(KN_MIMIC_TIKTOK, visit->who.account, id);
    const struct {
        const char *field, *value, *scope;
    } known[] = {
        {"open_id", id, "user.info.basic"},
        {"union_id", kn_arena_printf(visit->arena, "c9c60f44%s", id + 8), "user.info.basic"},
        {"avatar_url", "https://p16-sign.tiktokcdn.com/sandbox/avatar.jpeg", "user.info.basic"},
        {"display_name", name, "user.info.basic"},
        {"username", name, "user.info.profile"},
    };
    KN_SCOPED_JSON user = json_object();
    for (const char *at = fields ? fields : ""; *at; at += *at == ',') {
        size_t size = strcspn(at, ","), i = 0;
        while (i < KN_COUNT_OF(known) &&
               (strlen(known[i].field) != size || strncmp(known[i].field, at, size) != 0))
            i++;
        if (i == KN_COUNT_OF(known)) {
            kn_tt_fail(visit, "invalid_param", "A field is unknown.");
            return;
        }
        if (!kn_scopes_suffice(visit->who.grant->scopes, known[i].scope)) {
            kn_tt_fail(visit, "scope_not_authorized", NULL);
            return;
        }
        json_object_set_new(user, known[i].field, json_string(known[i].value));
        at += size;
    }
    if (json_object_size(user))
        kn_tt_answer(visit, json_pack("{s:O}", "user", user));
    else
        kn_tt_fail(visit, "invalid_param", "The parameter fields is missing.");
}

/* ---- routes ---- */

static void reset(struct kn_mimics *m, void *arg)
{
    struct kn_tt_state *state = arg;
    (void)m;
    kn_vec_free(&state->posts);
    kn_vec_free(&state->asked);
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
    {.method = "GET",
     .path = "/v2/user/info/",
     .kind = KN_SANDBOX_TIKTOK_CREATOR,
     .scopes = "user.info.basic",
     .run = user_info},
    {.method = "POST",
     .path = "/v2/post/publish/creator_info/query/",
     .kind = KN_SANDBOX_TIKTOK_CREATOR,
     .scopes = KN_TT_MAY_PUBLISH,
     .run = creator_info},
    {.method = "POST",
     .path = "/v2/post/publish/video/init/",
     .kind = KN_SANDBOX_TIKTOK_INIT,
     .scopes = KN_TT_MAY_PUBLISH,
     .run = kn_tt_init},
    {.method = "POST",
     .path = "/v2/post/publish/inbox/video/init/",
     .kind = KN_SANDBOX_TIKTOK_INIT,
     .scopes = KN_TT_MAY_UPLOAD,
     .run = kn_tt_init},
    {.method = "PUT",
     .path = "/video/",
     .kind = KN_SANDBOX_TIKTOK_UPLOAD,
     .begin = kn_tt_upload_begin,
     .run = kn_tt_upload_run,
     .gone = kn_tt_upload_gone},
    {.method = "POST",
     .path = "/v2/post/publish/status/fetch/",
     .kind = KN_SANDBOX_TIKTOK_STATUS,
     .scopes = KN_TT_MAY_PUBLISH "|" KN_TT_MAY_UPLOAD,
     .run = kn_tt_status},
    {.method = "POST",
     .path = "/v2/post/publish/cancel/",
     .kind = KN_SANDBOX_TIKTOK_STATUS,
     .scopes = KN_TT_MAY_PUBLISH "|" KN_TT_MAY_UPLOAD,
     .run = kn_tt_cancel},
};

const struct kn_mimic kn_mimic_tiktok = {
    .id = KN_MIMIC_TIKTOK,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
    .state_size = sizeof(struct kn_tt_state),
    .tick = kn_tt_tick,
    .reset = reset,
};
