/*
 * Rate limits ("Rate limits", 2026-09-11): of a user in windows of 15 minutes that begin with the
 * first request, and of the app in windows of a day. And credits ("Pricing").
 */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/platforms/x.h"

#define USER_US (INT64_C(900) * KN_US_PER_S)
#define APP_US  (INT64_C(86400) * KN_US_PER_S)

enum { THE_APP = -1 };

static const struct {
    int user, app; /* 0: no limit is documented */
} limits[KN_XAPI_CALL_COUNT] = {
    [KN_XAPI_INITIALIZE] = {1875, 180000},
    [KN_XAPI_APPEND] = {1875, 180000},
    [KN_XAPI_FINALIZE] = {1875, 180000},
    [KN_XAPI_STATUS] = {1000, 100000},
    [KN_XAPI_METADATA] = {500, 50000},
    [KN_XAPI_SUBTITLES] = {100, 10000},
    [KN_XAPI_CREATE] = {100, 10000},
    [KN_XAPI_DELETE] = {50, 0},
    [KN_XAPI_ME] = {75, 0},
    [KN_XAPI_TIMELINE] = {900, 0},
};

/* The window that is open, or a new one. Valid until the next call. */
static struct kn_xapi_window *window_of(const struct kn_mimic_visit *visit, enum kn_xapi_call call,
                                        int account)
{
    struct kn_xapi_state *state = visit->state;
    int i = 0;
    while (i < state->windows.count &&
           (state->windows.at[i].call != call || state->windows.at[i].account != account))
        i++;
    if (i == state->windows.count)
        kn_vec_push(&state->windows, ((struct kn_xapi_window){.call = call, .account = account}));
    struct kn_xapi_window *window = &state->windows.at[i];
    if (visit->now_us >= window->until_us) {
        window->until_us = visit->now_us + (account == THE_APP ? APP_US : USER_US);
        window->used = 0;
    }
    return window;
}

static bool count(const struct kn_mimic_visit *visit, enum kn_xapi_call call, int account,
                  int limit)
{
    struct kn_xapi_window *window = window_of(visit, call, account);
    if (limit && window->used >= limit)
        return false;
    window->used++;
    return true;
}

bool kn_xapi_admit(struct kn_mimic_visit *visit, enum kn_xapi_call call)
{
    if (count(visit, call, visit->who.account, limits[call].user) &&
        count(visit, call, THE_APP, limits[call].app))
        return true;
    visit->mimic->refuse(visit, KN_REFUSE_RATE);
    return false;
}

static void tell(struct kn_mimic_visit *visit, const char *name, int limit, int used,
                 int64_t until_us)
{
    kn_mimic_header(visit, kn_arena_printf(visit->arena, "%s-limit", name), "%d", limit);
    kn_mimic_header(visit, kn_arena_printf(visit->arena, "%s-remaining", name), "%d",
                    KN_MAX(limit - used, 0));
    /* Seconds are rounded up: at the time that is told it is true. */
    kn_mimic_header(visit, kn_arena_printf(visit->arena, "%s-reset", name), "%" PRId64,
                    (until_us + KN_US_PER_S - 1) / KN_US_PER_S);
}

/* An accident that says so is as if the window were used up until it is said to pass. */
void kn_xapi_tell_rates(struct kn_mimic_visit *visit, enum kn_xapi_call call)
{
    int limit = limits[call].user;
    struct kn_xapi_window user = {.until_us = visit->now_us + USER_US};
    if (visit->fault.kind == KN_FAULT_RATE_BARE)
        return;
    if (visit->who.grant)
        user = *window_of(visit, call, visit->who.account);
    if (visit->fault.kind == KN_FAULT_RATE) {
        double after_s = visit->fault.retry_after_s ? visit->fault.retry_after_s : 1;
        user.used = limit;
        user.until_us = visit->now_us + (int64_t)(after_s * 1e6);
    }
    tell(visit, "x-rate-limit", limit, user.used, user.until_us);
    if (limits[call].app && visit->who.grant) {
        const struct kn_xapi_window *app = window_of(visit, call, THE_APP);
        tell(visit, "x-app-limit-24hour", limits[call].app, app->used, app->until_us);
    }
}

bool kn_xapi_charge(struct kn_mimic_visit *visit, double dollars)
{
    struct kn_xapi_state *state = visit->state;
    if (state->spent + dollars > visit->m->settings[KN_MIMIC_X_CREDITS]) {
        visit->mimic->refuse(visit, KN_REFUSE_QUOTA);
        return false;
    }
    state->spent += dollars;
    return true;
}
