/*
 * Requests at once are the business of a kn_limiter, whose concurrency follows what the service
 * takes. Requests and tokens a minute are counted here, because a limiter's token bucket lets twice
 * a minute's share through in the first minute: in no sixty seconds more than the set number
 * starts.
 *
 * What the service says about itself (x-ratelimit-…) is a third account: what is left of a limit,
 * and when it will be whole again. It is taken for a bucket that fills up evenly (OpenAI's is); a
 * service that refuses although its bucket should have had something counts in windows, so from
 * then on the end of its window is waited for. Requests that started after the one whose answer
 * speaks may not be counted in it, and are taken off.
 *
 * Latency is a sign as well: where answers take more than four times as long as they did at their
 * best, for what they are and for how much is asked, they stand in a queue at the service (a server
 * that works on one at a time, for example), and fewer at once are answered no later.
 *
 * The first request of a service goes ahead alone for up to a second: a key that is refused is
 * refused quickly, and once instead of many times.
 */
#include "ai/service_parts.h"

#include <kirinuki/limiter.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"

enum { SLOTS = 64, PACE_SAMPLES = 5 };

/* A little more than a minute: on its way one request may gain on another. */
static const int64_t minute_us = 60 * KN_US_PER_S + KN_US_PER_S / 4;
static const int64_t head_start_us = KN_US_PER_S;
static const int64_t told_wait_max_us = 120 * KN_US_PER_S; /* headers may be nonsense */

/* What started lately, in at most 64 pieces; a piece is forgotten with its last start. */
struct window {
    double limit; /* 0: none */
    int64_t length_us;
    struct {
        int64_t first_us, last_us;
        double sum;
    } slots[SLOTS]; /* a ring, oldest first from `oldest` on */
    int oldest, count;
    double sum;
};

/* What the service says about one of its limits: how much may start at once, and how it comes back.
 */
struct told {
    bool known, stepwise;
    double level, room, per_us; /* at at_us */
    int64_t at_us, whole_us;
    int64_t heard_us; /* when the request came in whose answer said so */
};

/* How long answers take. */
struct pace {
    double mean, best; /* of the last ones; the smallest that this was */
    int count;
};

struct kn_limits {
    struct kn_limiter *places;
    double speed;
    int64_t epoch_us;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Protected by `lock`. */
    struct kn_link queue; /* of who wants to start */
    struct window requests, tokens;
    struct told told_requests, told_tokens;
    struct pace pace, pace_of_work;
    int64_t paused_until_us;
    bool proven; /* something was answered */
    int64_t first_us;
    int64_t starts;
    double tokens_started;
    int in_flight;
};

struct starter {
    struct kn_limits *limits;
    struct kn_link link;
};

struct kn_limits *kn_limits_new(int concurrency, double requests_a_minute, double tokens_a_minute)
{
    struct kn_limits *limits = kn_calloc(1, sizeof *limits);
    limits->places =
        kn_limiter_new(&(struct kn_limiter_options){.concurrency = concurrency, .adaptive = true});
    limits->speed = 1;
    limits->epoch_us = kn_now_us();
    limits->requests.limit = requests_a_minute;
    limits->tokens.limit = tokens_a_minute;
    limits->requests.length_us = limits->tokens.length_us = minute_us;
    if (requests_a_minute > 0 && requests_a_minute < 1) { /* one in several minutes */
        limits->requests.limit = 1;
        limits->requests.length_us = (int64_t)((double)minute_us / fmax(requests_a_minute, 1e-4));
    }
    pthread_mutex_init(&limits->lock, NULL);
    kn_cond_init(&limits->changed);
    kn_list_init(&limits->queue);
    return limits;
}

void kn_limits_free(struct kn_limits *limits)
{
    if (!limits)
        return;
    kn_limiter_free(limits->places);
    pthread_cond_destroy(&limits->changed);
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

/* ---- time ---- */

void kn_limits_use_speed(struct kn_limits *limits, double speed)
{
    limits->speed = speed;
}

int64_t kn_limits_now_us(struct kn_limits *limits)
{
    return limits->epoch_us + (int64_t)((double)(kn_now_us() - limits->epoch_us) * limits->speed);
}

static int64_t real_us(const struct kn_limits *limits, int64_t at_us)
{
    return limits->epoch_us + (int64_t)ceil((double)(at_us - limits->epoch_us) / limits->speed);
}

bool kn_limits_sleep_ms(struct kn_limits *limits, int64_t ms, struct kn_cancel *cancel)
{
    return kn_cancel_wait_ms(cancel, (int64_t)ceil((double)ms / limits->speed));
}

/* ---- the last minute ---- */

static void forget_old(struct window *window, int64_t now_us)
{
    while (window->count && window->slots[window->oldest].last_us + window->length_us <= now_us) {
        window->sum -= window->slots[window->oldest].sum;
        window->oldest = (window->oldest + 1) % SLOTS;
        window->count--;
    }
    if (!window->count)
        window->sum = 0;
}

/* When `amount` more fits; what is larger than the limit starts when nothing else is counted. */
static int64_t fits_us(struct window *window, double amount, int64_t now_us)
{
    if (window->limit <= 0)
        return now_us;
    forget_old(window, now_us);
    double sum = window->sum;
    int64_t at_us = now_us;
    for (int i = 0; i < window->count && sum + amount > window->limit + 1e-9; i++) {
        int k = (window->oldest + i) % SLOTS;
        sum = i + 1 == window->count ? 0 : sum - window->slots[k].sum;
        at_us = window->slots[k].last_us + window->length_us;
    }
    return at_us;
}

static void count_in(struct window *window, double amount, int64_t now_us)
{
    if (window->limit <= 0)
        return;
    int last = (window->oldest + window->count + SLOTS - 1) % SLOTS;
    bool joins =
        window->count && (now_us - window->slots[last].first_us < window->length_us / (SLOTS - 2) ||
                          window->count == SLOTS);
    if (!joins) {
        last = (window->oldest + window->count++) % SLOTS;
        window->slots[last].first_us = now_us;
        window->slots[last].sum = 0;
    }
    window->slots[last].last_us = now_us;
    window->slots[last].sum += amount;
    window->sum += amount;
}

/* ---- what the service says ---- */

static void flow(struct told *told, int64_t now_us)
{
    if (told->stepwise && now_us >= told->whole_us) {
        told->level = told->room;
        told->whole_us = INT64_MAX; /* the next answer says when this window ends */
    } else if (!told->stepwise) {
        double flowed = (double)(now_us - told->at_us) * told->per_us;
        told->level = fmin(told->room, told->level + flowed);
    }
    told->at_us = now_us;
}

static int64_t told_us(struct told *told, double amount, int64_t now_us)
{
    if (!told->known)
        return now_us;
    flow(told, now_us);
    double lacks = fmin(amount, told->room) - told->level;
    if (lacks < 1e-6)
        return now_us;
    int64_t at_us = told->stepwise ? told->whole_us : INT64_MAX;
    return KN_MIN(at_us, now_us + (int64_t)ceil(fmin(lacks / told->per_us, 1e12)));
}

static void take_told(struct told *told, double amount, int64_t now_us)
{
    if (!told->known)
        return;
    flow(told, now_us);
    told->level -= amount;
}

/* Refused: until it is whole, or for a part of that? */
static void note_refusal(struct told *told, int64_t retry_ms)
{
    int64_t whole_ms = (told->whole_us - told->heard_us) / 1000;
    if (told->known && retry_ms >= 0 && told->room > 2)
        told->stepwise = retry_ms > whole_ms / 2;
}

/*
 * `later`: what started after the request, which came in at `at_us`. The limit is a minute's, or a
 * longer time's: then it comes back more slowly than a minute's would. What is left, and what will
 * have come back when it is whole, is how much may start at once. However slowly it comes back, no
 * more than two minutes are waited for it: then the service may say what it thinks of one more.
 */
static void note_told(struct told *told, const struct kn_http_answer *answer, const char *what,
                      double later, int64_t at_us, int64_t now_us)
{
    static const char *const kinds[] = {"limit", "remaining", "reset"};
    const char *values[3];
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "x-ratelimit-%s-%s", kinds[i], what);
        values[i] = kn_http_header(answer, name);
    }
    double limit, left;
    int64_t reset_ms = values[2] ? kn_go_duration_ms(values[2]) : -1;
    if (at_us < told->heard_us || !values[0] || !values[1] || reset_ms < 0 ||
        !kn_parse_double(values[0], 1, 1e15, &limit) ||
        !kn_parse_double(values[1], 0, limit, &left))
        return;
    double reset_us = (double)KN_MAX(reset_ms, 1) * 1000;
    told->known = true;
    told->room = KN_CLAMP(left + reset_us * limit / 60e6, 1, limit);
    told->per_us = fmin(KN_MAX(told->room - left, 1) / reset_us, limit / 60e6);
    told->per_us = fmax(told->per_us, told->room / (double)told_wait_max_us);
    told->level = left;
    told->at_us = told->heard_us = at_us;
    told->whole_us = at_us + KN_MIN((int64_t)reset_us, told_wait_max_us);
    flow(told, now_us);
    told->level -= later;
}

static double digits(const char **at)
{
    double value = 0, scale = 1;
    for (; **at >= '0' && **at <= '9'; ++*at)
        value = value * 10 + (**at - '0');
    if (**at != '.')
        return value;
    for (++*at; **at >= '0' && **at <= '9'; ++*at)
        value += (**at - '0') * (scale /= 10);
    return value;
}

int64_t kn_go_duration_ms(const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1},  {"\xC2\xB5s", 1e-3}, {"us", 1e-3}, {"ns", 1e-6},
                 {"s", 1e3}, {"m", 60e3},         {"h", 3600e3}};
    double sum = 0;
    if (kn_parse_double(text, 0, 1e9, &sum))
        return (int64_t)ceil(sum * 1000);
    sum = 0;
    const char *at = text;
    do {
        const char *start = at;
        double value = digits(&at);
        size_t i = 0;
        while (i < KN_COUNT_OF(units) && !kn_starts_with(at, units[i].unit))
            i++;
        if (at == start || i == KN_COUNT_OF(units))
            return -1;
        sum += value * units[i].ms;
        at += strlen(units[i].unit);
    } while (*at);
    return sum <= 1e12 ? (int64_t)ceil(sum - 1e-6) : -1;
}

/* ---- starting ---- */

enum kn_status kn_limits_enter(struct kn_limits *limits, struct kn_cancel *cancel)
{
    return kn_limiter_acquire(limits->places, 0, cancel);
}

void kn_limits_leave(struct kn_limits *limits)
{
    kn_limiter_release(limits->places);
}

/* With the lock. */
static int64_t next_start_us(struct kn_limits *limits, double tokens, int64_t now_us)
{
    const int64_t times[] = {
        fits_us(&limits->requests, 1, now_us),
        fits_us(&limits->tokens, tokens, now_us),
        told_us(&limits->told_requests, 1, now_us),
        told_us(&limits->told_tokens, tokens, now_us),
        limits->paused_until_us,
        limits->proven || !limits->in_flight ? 0 : limits->first_us + head_start_us,
    };
    int64_t at_us = 0;
    for (size_t i = 0; i < KN_COUNT_OF(times); i++)
        at_us = KN_MAX(at_us, times[i]);
    return at_us;
}

static void wake_starters(void *arg)
{
    struct kn_limits *limits = ((struct starter *)arg)->limits;
    KN_LOCKED(&limits->lock);
    pthread_cond_broadcast(&limits->changed);
}

/* With the lock. */
static enum kn_status wait_for_start(struct starter *starter, double tokens,
                                     struct kn_cancel *cancel)
{
    struct kn_limits *limits = starter->limits;
    while (!kn_cancel_requested(cancel)) {
        int64_t now_us = kn_limits_now_us(limits), at_us = INT64_MAX;
        if (limits->queue.next == &starter->link)
            at_us = next_start_us(limits, tokens, now_us);
        if (at_us <= now_us)
            return KN_OK;
        if (at_us == INT64_MAX)
            pthread_cond_wait(&limits->changed, &limits->lock);
        else
            kn_cond_wait_until(&limits->changed, &limits->lock, real_us(limits, at_us));
    }
    return KN_CANCELLED;
}

/* With the lock. */
static struct kn_start count_start(struct kn_limits *limits, double tokens)
{
    int64_t now_us = kn_limits_now_us(limits);
    count_in(&limits->requests, 1, now_us);
    count_in(&limits->tokens, tokens, now_us);
    take_told(&limits->told_requests, 1, now_us);
    take_told(&limits->told_tokens, tokens, now_us);
    if (!limits->in_flight)
        limits->first_us = now_us;
    limits->starts++;
    limits->tokens_started += tokens;
    limits->in_flight++;
    return (struct kn_start){limits->starts, now_us};
}

enum kn_status kn_limits_start(struct kn_limits *limits, double tokens, struct kn_cancel *cancel,
                               struct kn_start *ret_start)
{
    struct starter starter = {.limits = limits};
    struct kn_cancel_watch watch = {.wake = wake_starters, .arg = &starter};
    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&limits->lock);
    kn_list_add(&limits->queue, &starter.link);
    enum kn_status status = wait_for_start(&starter, tokens, cancel);
    kn_list_remove(&starter.link);
    if (status == KN_OK)
        *ret_start = count_start(limits, tokens);
    pthread_cond_broadcast(&limits->changed); /* there is a new first one */
    pthread_mutex_unlock(&limits->lock);
    kn_cancel_unwatch(cancel, &watch);
    return status;
}

/* Is it much slower than at its best? */
static bool note_pace(struct pace *pace, double took)
{
    static const double share = 0.2, slow = 4;
    pace->mean = pace->count ? pace->mean + share * (took - pace->mean) : took;
    if (++pace->count < PACE_SAMPLES)
        return false;
    pace->best = pace->best > 0 ? fmin(pace->best, pace->mean) : pace->mean;
    return pace->mean > slow * pace->best;
}

/* Constant for what is asked, or in proportion to how much: who is slow is slow by both. */
static bool is_slow(struct kn_limits *limits, double took, double work)
{
    KN_LOCKED(&limits->lock);
    bool slow = note_pace(&limits->pace, took);
    slow = note_pace(&limits->pace_of_work, took / work) && slow;
    if (!slow)
        return false;
    /* Fewer at once may help or not: either way this is what the next ones are compared with. */
    limits->pace = (struct pace){.best = limits->pace.mean};
    limits->pace_of_work = (struct pace){.best = limits->pace_of_work.mean};
    return true;
}

/* With the lock. */
static void heed_headers(struct kn_limits *limits, const struct kn_start *start,
                         const struct kn_http_answer *answer, bool refused)
{
    double later = (double)(limits->starts - start->number);
    double tokens_each = limits->tokens_started / (double)limits->starts;
    int64_t at_us = start->at_us, now_us = kn_limits_now_us(limits);
    note_told(&limits->told_requests, answer, "requests", later, at_us, now_us);
    note_told(&limits->told_tokens, answer, "tokens", later * tokens_each, at_us, now_us);
    if (!refused)
        return;
    int64_t retry_ms = kn_http_retry_after_ms(answer, kn_wall_us());
    note_refusal(&limits->told_requests, retry_ms);
    note_refusal(&limits->told_tokens, retry_ms);
}

void kn_limits_heed(struct kn_limits *limits, const struct kn_start *start, double work,
                    const struct kn_http_answer *answer, enum kn_status outcome)
{
    bool slow = outcome == KN_OK && answer && is_slow(limits, (double)answer->total_us, work);
    kn_limiter_feedback(limits->places, slow ? KN_LIMIT : outcome);
    KN_LOCKED(&limits->lock);
    limits->in_flight--;
    if (answer)
        heed_headers(limits, start, answer, outcome == KN_LIMIT);
    if (outcome == KN_OK)
        limits->proven = true;
    pthread_cond_broadcast(&limits->changed);
}

void kn_limits_pause_ms(struct kn_limits *limits, int64_t ms)
{
    KN_LOCKED(&limits->lock);
    int64_t until_us = kn_limits_now_us(limits) + ms * 1000;
    limits->paused_until_us = KN_MAX(limits->paused_until_us, until_us);
    pthread_cond_broadcast(&limits->changed);
}

int kn_limits_concurrency(struct kn_limits *limits)
{
    return kn_limiter_concurrency(limits->places);
}
