/* The X API v2 for posts with media, by its documentation of 2026-08/09. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/platforms/x.h"

/* Tokens of an app alone ("Bearer Token") begin so; those of users never do. */
static const char app_only[] = "AAAAAAAAAAAAAAAA";

/* ---- errors ---- */

void kn_xapi_fail(struct kn_mimic_visit *visit, int status, const char *type, const char *title,
                  const char *detail, json_t *more)
{
    const char *address =
        type ? kn_arena_printf(visit->arena, "https://api.twitter.com/2/problems/%s", type)
             : "about:blank";
    json_t *json = json_pack("{s:s, s:o, s:s, s:i}", "title", title, "detail", kn_json_text(detail),
                             "type", address, "status", status);
    json_object_update(json, more);
    json_decref(more);
    kn_mimic_reason(visit, type ? type : title);
    kn_mimic_json(visit, status, json);
    visit->reply->content_type = "application/problem+json";
}

void kn_xapi_invalid(struct kn_mimic_visit *visit, const char *parameter, const char *value,
                     const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    json_t *parameters = json_object();
    if (parameter)
        json_object_set_new(parameters, parameter,
                            value ? json_pack("[o]", kn_json_text(value)) : json_array());
    json_t *one =
        json_pack("{s:o, s:o}", "message", kn_json_text(message), "parameters", parameters);
    kn_xapi_fail(visit, 400, "invalid-request", "Invalid Request",
                 "One or more parameters to your request was invalid.",
                 json_pack("{s:[o]}", "errors", one));
}

void kn_xapi_forbid(struct kn_mimic_visit *visit, const char *detail)
{
    kn_xapi_fail(visit, 403, NULL, "Forbidden",
                 detail ? detail : "You are not permitted to perform this action.", NULL);
}

void kn_xapi_missing(struct kn_mimic_visit *visit, const char *kind, const char *id)
{
    const char *detail =
        kn_arena_printf(visit->arena, "Could not find %s with id: [%.40s].", kind, id);
    kn_xapi_fail(visit, 404, "resource-not-found", "Not Found Error", detail,
                 json_pack("{s:s, s:s, s:o}", "resource_type", kind, "parameter", "id", "value",
                           kn_json_text(id)));
}

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
        [KN_REFUSE_SERVER] = {500, "Internal Server Error", "Something is broken."},
        [KN_REFUSE_OVERLOADED] = {503, "Service Unavailable", "Service Unavailable"},
    };
    const char *token = kn_mimic_credentials(visit->exchange, "Bearer");
    char id[KN_MIMIC_ID_BYTES];
    if (why == KN_REFUSE_BAD_TOKEN && token && kn_starts_with(token, app_only))
        kn_xapi_fail(
            visit, 403, "unsupported-authentication", "Unsupported Authentication",
            "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. "
            "Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User "
            "Context].",
            NULL);
    else if (why == KN_REFUSE_QUOTA)
        kn_xapi_fail(
            visit, 402, "credits", "CreditsDepleted",
            kn_arena_printf(visit->arena,
                            "Your enrolled account [%s] does not have any credits to fulfill "
                            "this request.",
                            kn_mimic_account_id(KN_MIMIC_X, visit->who.account, id)),
            NULL);
    else
        kn_xapi_fail(visit, refusals[why].status, NULL, refusals[why].title, refusals[why].detail,
                     NULL);
}

/* ---- what requests share ---- */

bool kn_xapi_query_fits(struct kn_mimic_visit *visit, const char *const *known)
{
    for (int i = 0; i < visit->exchange->query_count; i++) {
        const struct kn_server_field *field = &visit->exchange->query[i];
        int k = 0;
        while (known[k] && strcmp(known[k], field->name) != 0)
            k++;
        if (known[k])
            continue;
        kn_xapi_invalid(visit, field->name, field->data,
                        "The query parameter [%.60s] is not one that this path has.", field->name);
        return false;
    }
    return true;
}

const char *kn_xapi_make_id(struct kn_mimics *m)
{
    char *id = kn_mimics_make_id(m, KN_MIMIC_DIGITS, 19);
    id[0] = '1';
    return id;
}

/* ---- the mimic ---- */

#define WRITES_MEDIA "media.write"
#define READS        "tweet.read users.read"
#define WRITES       "tweet.read tweet.write users.read"

/* clang-format off */
static const struct kn_mimic_route routes[] = {
    [KN_XAPI_INITIALIZE] = {"POST", "/2/media/upload/initialize", KN_SANDBOX_X_INITIALIZE,
                         WRITES_MEDIA, NULL, kn_xapi_initialize, NULL},
    [KN_XAPI_APPEND] = {"POST", "/2/media/upload/*/append", KN_SANDBOX_X_APPEND,
                     WRITES_MEDIA, kn_xapi_append_begin, kn_xapi_append_run, kn_xapi_append_gone},
    [KN_XAPI_FINALIZE] = {"POST", "/2/media/upload/*/finalize", KN_SANDBOX_X_FINALIZE,
                       WRITES_MEDIA, NULL, kn_xapi_finalize, NULL},
    [KN_XAPI_STATUS] = {"GET", "/2/media/upload", KN_SANDBOX_X_STATUS,
                     WRITES_MEDIA, NULL, kn_xapi_status, NULL},
    [KN_XAPI_METADATA] = {"POST", "/2/media/metadata", KN_SANDBOX_X_STATUS,
                       WRITES_MEDIA, NULL, kn_xapi_metadata, NULL},
    [KN_XAPI_SUBTITLES] = {"POST", "/2/media/subtitles", KN_SANDBOX_X_STATUS,
                        WRITES_MEDIA, NULL, kn_xapi_subtitles, NULL},
    [KN_XAPI_CREATE] = {"POST", "/2/tweets", KN_SANDBOX_X_POST, WRITES, NULL, kn_xapi_create, NULL},
    [KN_XAPI_DELETE] = {"DELETE", "/2/tweets/*", KN_SANDBOX_X_POST, WRITES, NULL, kn_xapi_delete, NULL},
    [KN_XAPI_ME] = {"GET", "/2/users/me", KN_SANDBOX_X_STATUS, READS, NULL, kn_xapi_me, NULL},
    [KN_XAPI_TIMELINE] = {"GET", "/2/users/*/tweets", KN_SANDBOX_X_STATUS,
                       READS, NULL, kn_xapi_timeline, NULL},
    {"GET", "/i/oauth2/authorize", KN_SANDBOX_OAUTH, NULL, NULL, kn_oauth_authorize, NULL},
    {"POST", "/2/oauth2/token", KN_SANDBOX_OAUTH, NULL, NULL, kn_oauth_token, NULL},
    {"POST", "/2/oauth2/revoke", KN_SANDBOX_OAUTH, NULL, NULL, kn_mimic_revoke, NULL},
};
/* clang-format on */

static bool admit(struct kn_mimic_visit *visit)
{
    int64_t call = visit->route - routes;
    return call >= KN_XAPI_CALL_COUNT || kn_xapi_admit(visit, (enum kn_xapi_call)call);
}

static void complete(struct kn_mimic_visit *visit)
{
    int64_t call = visit->route - routes;
    if (call < KN_XAPI_CALL_COUNT)
        kn_xapi_tell_rates(visit, (enum kn_xapi_call)call);
}

static void reset(struct kn_mimics *m, void *arg)
{
    (void)m;
    struct kn_xapi_state *state = arg;
    for (int i = 0; i < state->media.count; i++)
        kn_xapi_media_free(state->media.at[i]);
    for (int i = 0; i < state->posts.count; i++)
        kn_vec_free(&state->posts.at[i]->media);
    kn_vec_free(&state->media);
    kn_vec_free(&state->posts);
    kn_vec_free(&state->windows);
}

const struct kn_mimic kn_mimic_x = {
    .id = KN_MIMIC_X,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
    .admit = admit,
    .complete = complete,
    .no_retry_after = true,
    .state_size = sizeof(struct kn_xapi_state),
    .reset = reset,
};
