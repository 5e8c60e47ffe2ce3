/*
 * Who waits stands in a queue, ordered by priority and arrival. Only its head may start; it alone
 * sleeps with a deadline when what it lacks is time (a token, the end of a pause), and whoever
 * becomes the head is woken to look for itself. So there is no thread for the clock, and no
 * wakeup of many for the sake of one.
 */
#include <kirinuki/limiter.h>

#include <assert.h>
#include <math.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/sync.h"
#include "run/test_clock.h"

struct kn_limiter {
    double most;   /* bound of the concurrency as set; INFINITY: none */
    double per_us; /* tokens that flow in; 0: no bound on the rate */
    double burst;
    bool adaptive;
    int64_t (*now_us)(void);

    pthread_mutex_t lock;
    /* Protected by `lock`. */
    int holders;
    double bound;  /* in force; 1 at least */
    int peak;      /* most holders since it was halved */
    int old_news;  /* holders that started before the bound was last halved */
    double tokens; /* at filled_us */
    int64_t filled_us, paused_until_us;
    struct kn_link queue; /* of waiters */
    int waiting;
};

struct waiter {
    struct kn_limiter *limiter;
    int priority;
    struct kn_link link;
    pthread_cond_t turn;
};

struct kn_limiter *kn_limiter_new(const struct kn_limiter_options *options)
{
    assert(options->concurrency >= 0 && options->rate >= 0 && options->interval_ms >= 0);
    struct kn_limiter *limiter = kn_calloc(1, sizeof *limiter);
    int64_t interval_ms = options->interval_ms ? options->interval_ms : 1000;
    limiter->most = limiter->bound = options->concurrency ? options->concurrency : INFINITY;
    limiter->per_us = options->rate / ((double)interval_ms * 1000);
    limiter->burst = limiter->tokens = fmax(options->burst, 1);
    limiter->adaptive = options->adaptive;
    limiter->now_us = kn_now_us;
    limiter->filled_us = kn_now_us();
    pthread_mutex_init(&limiter->lock, NULL);
    kn_list_init(&limiter->queue);
    return limiter;
}

void kn_limiter_free(struct kn_limiter *limiter)
{
    if (!limiter)
        return;
    assert(!limiter->holders && kn_list_empty(&limiter->queue));
    pthread_mutex_destroy(&limiter->lock);
    free(limiter);
}

/* ---- with the lock ---- */

static void fill(struct kn_limiter *limiter, int64_t now_us)
{
    double flowed = (double)(now_us - limiter->filled_us) * limiter->per_us;
    limiter->tokens = fmin(limiter->tokens + flowed, limiter->burst);
    limiter->filled_us = now_us;
}

/* When the next may start: 0: now; INT64_MAX: not before a release. */
static int64_t next_start_us(struct kn_limiter *limiter)
{
    if (limiter->holders + 1 > limiter->bound)
        return INT64_MAX;
    int64_t now_us = limiter->now_us();
    int64_t start_us = limiter->paused_until_us > now_us ? limiter->paused_until_us : 0;
    if (limiter->per_us > 0) {
        fill(limiter, now_us);
        double lacking = 1 - limiter->tokens;
        if (lacking > 1e-9) {
            double wait_us = ceil(lacking / limiter->per_us);
            start_us = KN_MAX(start_us, wait_us < 1e15 ? now_us + (int64_t)wait_us : INT64_MAX);
        }
    }
    return start_us;
}

static void start(struct kn_limiter *limiter)
{
    limiter->holders++;
    limiter->peak = KN_MAX(limiter->peak, limiter->holders);
    if (limiter->per_us > 0)
        limiter->tokens -= 1;
}

static void wake_head(struct kn_limiter *limiter)
{
    if (!kn_list_empty(&limiter->queue))
        pthread_cond_signal(&KN_CONTAINER(limiter->queue.next, struct waiter, link)->turn);
}

/* The link before which somebody of this priority would stand. */
static struct kn_link *stand_in_queue(struct kn_limiter *limiter, int priority)
{
    struct kn_link *at = &limiter->queue;
    while (at->prev != &limiter->queue &&
           KN_CONTAINER(at->prev, struct waiter, link)->priority > priority)
        at = at->prev;
    return at;
}

/* ---- waiting ---- */

static void wake_waiter(void *arg)
{
    struct waiter *waiter = arg;
    KN_LOCKED(&waiter->limiter->lock);
    pthread_cond_signal(&waiter->turn);
}

/* With the lock. */
static enum kn_status wait_for_turn(struct waiter *waiter, struct kn_cancel *cancel)
{
    struct kn_limiter *limiter = waiter->limiter;
    for (;;) {
        if (kn_cancel_requested(cancel))
            return KN_CANCELLED;
        bool first = limiter->queue.next == &waiter->link;
        int64_t start_us = first ? next_start_us(limiter) : INT64_MAX;
        if (!start_us)
            return KN_OK;
        if (start_us == INT64_MAX)
            pthread_cond_wait(&waiter->turn, &limiter->lock);
        else
            kn_cond_wait_until(&waiter->turn, &limiter->lock, start_us);
    }
}

enum kn_status kn_limiter_acquire(struct kn_limiter *limiter, int priority,
                                  struct kn_cancel *cancel)
{
    if (kn_cancel_requested(cancel))
        return KN_CANCELLED;
    if (kn_limiter_try_acquire(limiter, priority) == KN_OK)
        return KN_OK;
    struct waiter waiter = {.limiter = limiter, .priority = priority};
    struct kn_cancel_watch watch = {.wake = wake_waiter, .arg = &waiter};
    kn_cond_init(&waiter.turn);
    kn_cancel_watch(cancel, &watch);

    pthread_mutex_lock(&limiter->lock);
    kn_list_add(stand_in_queue(limiter, priority), &waiter.link);
    limiter->waiting++;
    enum kn_status status = wait_for_turn(&waiter, cancel);
    limiter->waiting--;
    kn_list_remove(&waiter.link);
    if (status == KN_OK)
        start(limiter);
    wake_head(limiter); /* there is a new one, or one that may be able to start as well */
    pthread_mutex_unlock(&limiter->lock);

    kn_cancel_unwatch(cancel, &watch);
    pthread_cond_destroy(&waiter.turn);
    return status;
}

enum kn_status kn_limiter_try_acquire(struct kn_limiter *limiter, int priority)
{
    KN_LOCKED(&limiter->lock);
    if (stand_in_queue(limiter, priority) != limiter->queue.next || next_start_us(limiter))
        return KN_LIMIT;
    start(limiter);
    return KN_OK;
}

void kn_limiter_release(struct kn_limiter *limiter)
{
    KN_LOCKED(&limiter->lock);
    assert(limiter->holders > 0);
    limiter->holders--;
    wake_head(limiter);
}

/* ---- adapting ---- */

/* Half of what is in flight, which is the "FlightSize" of RFC 5681, equation 4: half of a bound
 * that nobody uses would not slow anything down. */
static void slow_down(struct kn_limiter *limiter)
{
    limiter->bound = fmax(1, floor(fmin(limiter->bound, limiter->holders) / 2));
    limiter->old_news = KN_MAX(limiter->holders - 1, 0);
    limiter->peak = 0;
}

void kn_limiter_feedback(struct kn_limiter *limiter, enum kn_status status)
{
    if (!limiter->adaptive || (status != KN_OK && status != KN_LIMIT))
        return;
    KN_LOCKED(&limiter->lock);
    if (limiter->old_news > 0) {
        limiter->old_news--;
        return;
    }
    if (status == KN_LIMIT) {
        slow_down(limiter);
    } else if (limiter->peak + 1 > limiter->bound) { /* a bound that nobody reaches stays */
        limiter->bound = fmin(limiter->bound + 1 / limiter->bound, limiter->most);
        wake_head(limiter);
    }
}

void kn_limiter_pause_ms(struct kn_limiter *limiter, int64_t ms)
{
    KN_LOCKED(&limiter->lock);
    int64_t now_us = limiter->now_us();
    int64_t until_us = ms < (INT64_MAX - now_us) / 1000 ? now_us + ms * 1000 : INT64_MAX - 1;
    limiter->paused_until_us = KN_MAX(limiter->paused_until_us, until_us);
}

int kn_limiter_holders(struct kn_limiter *limiter)
{
    KN_LOCKED(&limiter->lock);
    return limiter->holders;
}

int kn_limiter_waiting(struct kn_limiter *limiter)
{
    KN_LOCKED(&limiter->lock);
    return limiter->waiting;
}

int kn_limiter_concurrency(struct kn_limiter *limiter)
{
    KN_LOCKED(&limiter->lock);
    return isinf(limiter->bound) ? 0 : (int)limiter->bound;
}

void kn_limiter_use_clock(struct kn_limiter *limiter, int64_t (*now_us)(void))
{
    limiter->now_us = now_us;
    limiter->filled_us = now_us();
}
