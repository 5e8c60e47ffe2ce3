/* How often and how much: sliding minutes of each token, and what an account may post in 24 h. */
#include <string.h>

#include "base/clock.h"
#include "sandbox/platforms/tiktok.h"

#define MINUTE_US (60 * KN_US_PER_S)
#define DAY_US    (INT64_C(86400) * KN_US_PER_S)

static double rate_of(const struct kn_mimics *m, enum kn_tt_call call)
{
    static const enum kn_mimic_setting settings[] = {
        [KN_TT_CREATOR] = KN_MIMIC_TIKTOK_CREATOR_RATE,
        [KN_TT_DIRECT] = KN_MIMIC_TIKTOK_INIT_RATE,
        [KN_TT_INBOX] = KN_MIMIC_TIKTOK_INIT_RATE,
        [KN_TT_STATUS] = KN_MIMIC_TIKTOK_STATUS_RATE,
        [KN_TT_CANCEL] = KN_MIMIC_TIKTOK_STATUS_RATE,
    };
    return m->settings[settings[call]];
}

static void forget_old(struct kn_tt_state *state, int64_t now_us)
{
    int old = 0;
    while (old < state->asked.count && state->asked.at[old].at_us <= now_us - MINUTE_US)
        old++;
    if (!old)
        return;
    state->asked.count -= old;
    memmove(state->asked.at, state->asked.at + old,
            (size_t)state->asked.count * sizeof *state->asked.at);
}

bool kn_tt_admit(struct kn_mimic_visit *visit, enum kn_tt_call call)
{
    struct kn_tt_state *state = visit->state;
    int count = 0;
    forget_old(state, visit->now_us);
    for (int i = 0; i < state->asked.count; i++)
        count += state->asked.at[i].token == visit->who.token && state->asked.at[i].call == call;
    if (count >= rate_of(visit->m, call)) {
        kn_tt_fail(visit, "rate_limit_exceeded", NULL);
        return false;
    }
    kn_vec_push(&state->asked, ((struct kn_tt_asked){visit->who.token, call, visit->now_us}));
    return true;
}

/* Posts that were begun count, whatever became of them: a new init counts again. */
static int begun(const struct kn_mimic_visit *visit, int account, bool inbox)
{
    const struct kn_tt_state *state = visit->state;
    int count = 0;
    for (int i = 0; i < state->posts.count; i++) {
        const struct kn_tt_post *post = state->posts.at[i];
        count += post->grant->account == account && post->inbox == inbox &&
                 post->made_us > visit->now_us - DAY_US;
    }
    return count;
}

/* An app that is not audited may post to few accounts. */
static bool users_are_full(const struct kn_mimic_visit *visit)
{
    int users = 0;
    if (visit->m->settings[KN_MIMIC_UNAUDITED] == 0 || begun(visit, visit->who.account, false))
        return false;
    for (int i = 0; i < visit->m->account_count; i++)
        users += begun(visit, i, false) > 0;
    return users >= visit->m->settings[KN_MIMIC_TIKTOK_USERS];
}

const char *kn_tt_capped(const struct kn_mimic_visit *visit, bool inbox)
{
    const double *settings = visit->m->settings;
    int count = begun(visit, visit->who.account, inbox);
    if (settings[KN_MIMIC_TIKTOK_BANNED] > 0)
        return "spam_risk_user_banned_from_posting";
    if (inbox)
        return count >= settings[KN_MIMIC_TIKTOK_PENDING] ? "spam_risk_too_many_pending_share"
                                                          : NULL;
    if (count >= settings[KN_MIMIC_TIKTOK_POSTS])
        return "spam_risk_too_many_posts";
    return users_are_full(visit) ? "reached_active_user_cap" : NULL;
}
