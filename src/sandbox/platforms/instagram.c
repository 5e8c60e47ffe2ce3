/* Instagram's Graph API for content publishing, with both logins, by its documentation of
 * 2026-09. The two hosts are one here: a token's scopes tell which login it is of. */
#include "sandbox/platforms/instagram.h"

#include <string.h>

#include "base/clock.h"

#define HOUR_US (3600 * KN_US_PER_S)

/* ---- who, and how often ---- */

/* Calls of the account in the last 24 hours, with this one. */
static int count_call(struct kn_ig_calls *calls, int64_t hour)
{
    int sum = 0;
    for (int64_t at = KN_MAX(calls->hour + 1, hour - KN_IG_HOURS + 1); at <= hour; at++)
        calls->counts[at % KN_IG_HOURS] = 0;
    calls->hour = hour;
    calls->counts[hour % KN_IG_HOURS]++;
    for (int i = 0; i < KN_IG_HOURS; i++)
        sum += calls->counts[i];
    return sum;
}

/* Both headers of "Rate Limiting": percent of what is allowed, and minutes to wait. */
static bool count_usage(struct kn_mimic_visit *visit)
{
    struct kn_ig_state *state = visit->state;
    char id[KN_MIMIC_ID_BYTES];
    double most = visit->m->settings[KN_MIMIC_INSTAGRAM_CALLS];
    int count = count_call(&state->calls[visit->who.account], visit->now_us / HOUR_US);
    bool over = count > most;
    int percent = over ? 100 : (int)(count * 100.0 / KN_MAX(most, 1));
    kn_mimic_header(visit, "X-App-Usage",
                    "{\"call_count\":%d,\"total_time\":%d,\"total_cputime\":%d}", percent, percent,
                    percent);
    kn_mimic_header(visit, "X-Business-Use-Case-Usage",
                    "{\"%s\":[{\"type\":\"instagram\",\"call_count\":%d,\"total_cputime\":%d,"
                    "\"total_time\":%d,\"estimated_time_to_regain_access\":%d}]}",
                    kn_mimic_account_id(KN_MIMIC_INSTAGRAM, visit->who.account, id), percent,
                    percent, percent, over ? 60 : 0);
    if (over)
        kn_ig_fail(visit, 80002, 0, NULL);
    return !over;
}

bool kn_ig_enter(struct kn_mimic_visit *visit, const char *scopes)
{
    const char *token = kn_mimic_param(visit, "access_token");
    if (!token)
        token = kn_mimic_credentials(visit->exchange, "Bearer");
    return kn_mimic_sign_in(visit, token, scopes) && count_usage(visit);
}

/* ---- the path ---- */

/* "v25.0" */
static bool is_version(const char *text)
{
    size_t major = strspn(text + 1, "0123456789");
    const char *dot = text + 1 + major;
    size_t minor = *dot == '.' ? strspn(dot + 1, "0123456789") : 0;
    return major && minor && !dot[1 + minor];
}

const char *kn_ig_id(struct kn_mimic_visit *visit)
{
    const char *first = visit->wild[0];
    if (!first || *first != 'v')
        return first ? first : "";
    if (is_version(first))
        return visit->wild[1] ? visit->wild[1] : "";
    kn_ig_fail(visit, 2500, 0, "Unknown path components");
    return NULL;
}

bool kn_ig_is_own(struct kn_mimic_visit *visit)
{
    char own[KN_MIMIC_ID_BYTES], other[KN_MIMIC_ID_BYTES];
    const char *id = kn_ig_id(visit);
    if (!id)
        return false;
    if (strcmp(id, kn_mimic_account_id(KN_MIMIC_INSTAGRAM, visit->who.account, own)) == 0)
        return true;
    for (int i = 0; i < visit->m->account_count; i++)
        if (strcmp(id, kn_mimic_account_id(KN_MIMIC_INSTAGRAM, i, other)) == 0) {
            kn_ig_fail(visit, 10, 0, NULL);
            return false;
        }
    kn_ig_fail(visit, 100, 33, NULL);
    return false;
}

const char *kn_ig_param(struct kn_mimic_visit *visit, const char *name)
{
    const char *text = kn_mimic_param(visit, name);
    return text && *text ? text : NULL;
}

/* ---- what there is ---- */

struct kn_ig_container *kn_ig_find(const struct kn_mimic_visit *visit, const char *id)
{
    const struct kn_ig_state *state = visit->state;
    for (int i = state->containers.count - 1; i >= 0; i--)
        if (strcmp(state->containers.at[i]->id, id) == 0)
            return state->containers.at[i];
    return NULL;
}

int kn_ig_recent(const struct kn_mimic_visit *visit, bool made)
{
    const struct kn_ig_state *state = visit->state;
    int64_t since_us = visit->now_us - KN_IG_DAY_US;
    int count = 0;
    for (int i = 0; i < state->containers.count; i++) {
        const struct kn_ig_container *container = state->containers.at[i];
        if (container->account == visit->who.account)
            count += made ? container->made_us > since_us
                          : container->media && container->media->at_us > since_us;
    }
    return count;
}

/* ---- routes ---- */

static void reset(struct kn_mimics *m, void *arg)
{
    struct kn_ig_state *state = arg;
    (void)m;
    kn_vec_free(&state->containers);
    kn_vec_free(&state->media);
}

/* With a version in front, and without. */
#define BOTH(method_, path_, kind_, run_)                                                          \
    {.method = method_, .path = path_, .kind = kind_, .run = run_},                                \
    {                                                                                              \
        .method = method_, .path = "/v*" path_, .kind = kind_, .run = run_                         \
    }
#define UPLOAD(path_)                                                                              \
    {                                                                                              \
        .method = "POST", .path = path_, .kind = KN_SANDBOX_INSTAGRAM_UPLOAD,                      \
        .begin = kn_ig_upload_begin, .run = kn_ig_upload_run                                       \
    }

static const struct kn_mimic_route routes[] = {
    {.method = "GET",
     .path = "/oauth/authorize",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_authorize},
    BOTH("GET", "/dialog/oauth", KN_SANDBOX_OAUTH, kn_oauth_authorize),
    {.method = "POST",
     .path = "/oauth/access_token",
     .kind = KN_SANDBOX_OAUTH,
     .run = kn_oauth_token},
    BOTH("GET", "/oauth/access_token", KN_SANDBOX_OAUTH, kn_oauth_facebook_token),
    BOTH("GET", "/access_token", KN_SANDBOX_OAUTH, kn_oauth_instagram_exchange),
    BOTH("GET", "/refresh_access_token", KN_SANDBOX_OAUTH, kn_oauth_instagram_refresh),
    BOTH("GET", "/me", KN_SANDBOX_INSTAGRAM_STATUS, kn_ig_me),
    BOTH("GET", "/me/accounts", KN_SANDBOX_INSTAGRAM_STATUS, kn_ig_accounts),
    BOTH("GET", "/#/content_publishing_limit", KN_SANDBOX_INSTAGRAM_STATUS, kn_ig_limit),
    BOTH("POST", "/#/media", KN_SANDBOX_INSTAGRAM_CREATE, kn_ig_create),
    BOTH("GET", "/#/media", KN_SANDBOX_INSTAGRAM_STATUS, kn_ig_media_list),
    BOTH("POST", "/#/media_publish", KN_SANDBOX_INSTAGRAM_PUBLISH, kn_ig_publish),
    BOTH("GET", "/#", KN_SANDBOX_INSTAGRAM_STATUS, kn_ig_node),
    UPLOAD("/ig-api-upload/#"),
    UPLOAD("/ig-api-upload/v*/#"),
};

const struct kn_mimic kn_mimic_instagram = {
    .id = KN_MIMIC_INSTAGRAM,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = kn_ig_refuse,
    .state_size = sizeof(struct kn_ig_state),
    .tick = kn_ig_tick,
    .reset = reset,
};
