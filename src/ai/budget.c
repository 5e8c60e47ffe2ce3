/*
 * Money is counted in billionths of a dollar, what is reserved rounded up: sums of these are exact,
 * so what is reserved and exchanged a million times leaves nothing behind.
 */
#include "ai/budget.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/budget_day.h"
#include "ai/test_clock.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/vec.h"

/* What is settled after midnight is settled in the day that it was reserved in. Of two that are
 * alike either will do. */
struct open_reservation {
    char day[KN_DAY_NAME_BYTES];
    struct kn_account most;
};

struct kn_budget {
    char *name, *hint;       /* immutable, as are the next four */
    struct kn_account limit; /* -1: none */
    struct kn_budget *parent;
    char *folder; /* of the days' files; NULL: a budget of this process alone */
    int64_t (*wall_us)(void);

    pthread_mutex_t lock;
    /* Protected by `lock`. */
    struct kn_day day;                    /* of a budget of this process, as is the next */
    struct kn_usage usage;                /* day.used as people read it */
    KN_VEC(struct open_reservation) open; /* of a budget of days, oldest first */
};

static void add_usage(struct kn_usage *sum, const struct kn_usage *part)
{
    sum->requests += part->requests;
    sum->cached += part->cached;
    sum->input_tokens += part->input_tokens;
    sum->output_tokens += part->output_tokens;
    sum->audio_s += part->audio_s;
    sum->usd += part->usd;
    sum->unpriced += part->unpriced;
}

struct kn_budget *kn_budget_new(const char *name, const struct kn_budget_limits *limits,
                                struct kn_budget *parent)
{
    struct kn_budget *budget = kn_calloc(1, sizeof *budget);
    budget->name = kn_strdup(name);
    budget->hint = kn_strdup(limits->hint);
    budget->limit.usd_nano = limits->usd > 0 ? (int64_t)fmin(limits->usd * 1e9 + 0.5, 1e18) : -1;
    budget->limit.tokens = limits->tokens > 0 ? limits->tokens : -1;
    budget->parent = parent;
    budget->wall_us = kn_wall_us;
    pthread_mutex_init(&budget->lock, NULL);
    return budget;
}

struct kn_budget *kn_budget_of_day(const char *folder, const struct kn_budget_limits *limits)
{
    struct kn_budget *budget = kn_budget_new("the day's budget", limits, NULL);
    budget->folder = kn_strdup(folder);
    return budget;
}

void kn_budget_use_clock(struct kn_budget *budget, int64_t (*wall_us)(void))
{
    budget->wall_us = wall_us;
}

void kn_budget_free(struct kn_budget *budget)
{
    if (!budget)
        return;
    pthread_mutex_destroy(&budget->lock);
    free(budget->name);
    free(budget->hint);
    free(budget->folder);
    kn_vec_free(&budget->open);
    free(budget);
}

/* ---- accounts ---- */

static struct kn_account account_of(const struct kn_usage *usage)
{
    return (struct kn_account){
        .usd_nano = (int64_t)ceil(KN_CLAMP(usage->usd, 0, 1e9) * 1e9 - 1e-3),
        .tokens = KN_CLAMP(usage->input_tokens, 0, INT64_C(1) << 50) +
                  KN_CLAMP(usage->output_tokens, 0, INT64_C(1) << 50),
    };
}

/* "$1.25", "$0.0034" */
static const char *money(int64_t usd_nano, char text[32])
{
    double usd = (double)usd_nano / 1e9;
    snprintf(text, 32, usd >= 0.1 || usd_nano == 0 ? "$%.2f" : "$%.4f", usd);
    return text;
}

static enum kn_status refuse_money(const struct kn_budget *budget, int64_t left, int64_t most,
                                   struct kn_error *err)
{
    char limit_text[32], left_text[32], most_text[32];
    return kn_error_set(err, KN_LIMIT,
                        "%s of %s does not reach: %s is left, and the next request may cost %s; "
                        "raise it%s%s to go on",
                        budget->name, money(budget->limit.usd_nano, limit_text),
                        money(KN_MAX(left, 0), left_text), money(most, most_text),
                        budget->hint ? " with " : "", budget->hint ? budget->hint : "");
}

static enum kn_status refuse_tokens(const struct kn_budget *budget, int64_t left, int64_t most,
                                    struct kn_error *err)
{
    return kn_error_set(err, KN_LIMIT,
                        "%s of %lld tokens does not reach: %lld are left, and the next request may "
                        "use %lld; raise it%s%s to go on",
                        budget->name, (long long)budget->limit.tokens, (long long)KN_MAX(left, 0),
                        (long long)most, budget->hint ? " with " : "",
                        budget->hint ? budget->hint : "");
}

/* One of these is done to a day's account while nobody else can look at it. */
struct change {
    const struct kn_budget *budget;
    const struct kn_usage *most, *used; /* used NULL: reserve */
};

static enum kn_status reserve_in(void *arg, struct kn_day *day, struct kn_error *err)
{
    const struct change *change = arg;
    const struct kn_account *limit = &change->budget->limit;
    struct kn_account most = account_of(change->most);
    struct kn_account left = {
        .usd_nano = limit->usd_nano - day->used.usd_nano - day->reserved.usd_nano,
        .tokens = limit->tokens - day->used.tokens - day->reserved.tokens,
    };
    if (limit->usd_nano >= 0 && most.usd_nano > left.usd_nano)
        return refuse_money(change->budget, left.usd_nano, most.usd_nano, err);
    if (limit->tokens >= 0 && most.tokens > left.tokens)
        return refuse_tokens(change->budget, left.tokens, most.tokens, err);
    day->reserved.usd_nano += most.usd_nano;
    day->reserved.tokens += most.tokens;
    return KN_OK;
}

static enum kn_status settle_in(void *arg, struct kn_day *day, struct kn_error *err)
{
    const struct change *change = arg;
    struct kn_account most = account_of(change->most), used = account_of(change->used);
    (void)err;
    /* A file that was begun anew in between knows nothing of the reservation. */
    day->reserved.usd_nano = KN_MAX(day->reserved.usd_nano - most.usd_nano, 0);
    day->reserved.tokens = KN_MAX(day->reserved.tokens - most.tokens, 0);
    day->used.usd_nano += used.usd_nano;
    day->used.tokens += used.tokens;
    return KN_OK;
}

/* ---- one budget ---- */

/* With the lock. Which of the open reservations is it? There is one. */
static int find_open(const struct kn_budget *budget, const struct kn_usage *most)
{
    struct kn_account account = account_of(most);
    int at = 0;
    while (at + 1 < budget->open.count && (budget->open.at[at].most.usd_nano != account.usd_nano ||
                                           budget->open.at[at].most.tokens != account.tokens))
        at++;
    assert(at < budget->open.count);
    return at;
}

static enum kn_status reserve_one(struct kn_budget *budget, const struct kn_usage *most,
                                  struct kn_error *err)
{
    struct change change = {.budget = budget, .most = most};
    if (budget->limit.usd_nano >= 0 && most->unpriced)
        return kn_error_set(err, KN_LIMIT,
                            "%s is set in money, but what this model costs is not known: set a "
                            "budget in tokens, or none",
                            budget->name);
    KN_LOCKED(&budget->lock);
    if (!budget->folder)
        return reserve_in(&change, &budget->day, err);
    struct open_reservation made = {.most = account_of(most)};
    kn_day_name(budget->wall_us(), made.day);
    enum kn_status status = kn_day_change(budget->folder, made.day, reserve_in, &change, err);
    if (budget->limit.usd_nano < 0 && budget->limit.tokens < 0)
        status = KN_OK; /* a count alone, which is worth no refusal */
    if (status == KN_OK)
        kn_vec_push(&budget->open, made);
    return status;
}

static void settle_one(struct kn_budget *budget, const struct kn_usage *most,
                       const struct kn_usage *used)
{
    struct change change = {.budget = budget, .most = most, .used = used};
    KN_LOCKED(&budget->lock);
    if (!budget->folder) {
        (void)settle_in(&change, &budget->day, NULL); /* always OK */
        add_usage(&budget->usage, used);
        return;
    }
    int at = find_open(budget, most);
    /* If the file can't be written the reservation stays in it, as spent: never too little. */
    (void)kn_day_change(budget->folder, budget->open.at[at].day, settle_in, &change, NULL);
    budget->open.count--;
    memmove(&budget->open.at[at], &budget->open.at[at + 1],
            sizeof *budget->open.at * (size_t)(budget->open.count - at));
}

/* ---- the chain ---- */

enum kn_status kn_budget_reserve(struct kn_budget *budget, const struct kn_usage *most,
                                 struct kn_error *err)
{
    static const struct kn_usage nothing = {0};
    for (struct kn_budget *at = budget; at; at = at->parent) {
        enum kn_status status = reserve_one(at, most, err);
        if (status == KN_OK)
            continue;
        for (struct kn_budget *taken = budget; taken != at; taken = taken->parent)
            settle_one(taken, most, &nothing);
        return status;
    }
    return KN_OK;
}

void kn_budget_settle(struct kn_budget *budget, const struct kn_usage *most,
                      const struct kn_usage *used)
{
    for (struct kn_budget *at = budget; at; at = at->parent)
        settle_one(at, most, used);
}

void kn_budget_cached(struct kn_budget *budget)
{
    for (struct kn_budget *at = budget; at; at = at->parent) {
        KN_LOCKED(&at->lock);
        at->usage.cached++;
    }
}

void kn_budget_used(struct kn_budget *budget, struct kn_usage *ret_used)
{
    *ret_used = (struct kn_usage){0};
    if (!budget)
        return;
    assert(!budget->folder);
    KN_LOCKED(&budget->lock);
    *ret_used = budget->usage;
}
