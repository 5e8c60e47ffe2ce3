#include "store/pool.h"

#include <assert.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sync.h"

struct waiter {
    struct kn_pool *pool;
    struct kn_link link;
    pthread_cond_t turn;
};

void kn_pool_init(struct kn_pool *pool, int most)
{
    assert(most >= 1 && most <= KN_CONNECTIONS_MOST);
    *pool = (struct kn_pool){.most = most};
    pthread_mutex_init(&pool->lock, NULL);
    kn_list_init(&pool->waiters);
}

void kn_pool_done(struct kn_pool *pool, void (*end)(void *thing))
{
    assert(!pool->taken && kn_list_empty(&pool->waiters));
    while (pool->idle_count)
        end(pool->idle[--pool->idle_count]);
    pthread_mutex_destroy(&pool->lock);
}

/* ---- with the lock ---- */

static bool take(struct kn_pool *pool, bool make, void **ret_thing)
{
    if (pool->idle_count)
        *ret_thing = pool->idle[--pool->idle_count];
    else if (make && pool->taken < pool->most)
        *ret_thing = NULL;
    else
        return false;
    pool->taken++;
    return true;
}

static void wake_first(struct kn_pool *pool)
{
    if (!kn_list_empty(&pool->waiters))
        pthread_cond_signal(&KN_CONTAINER(pool->waiters.next, struct waiter, link)->turn);
}

static enum kn_status wait_for_turn(struct waiter *waiter, int64_t deadline_us,
                                    struct kn_cancel *cancel, void **ret_thing)
{
    struct kn_pool *pool = waiter->pool;
    for (;;) {
        if (kn_cancel_requested(cancel))
            return KN_CANCELLED;
        if (pool->waiters.next == &waiter->link && take(pool, true, ret_thing))
            return KN_OK;
        if (kn_now_us() >= deadline_us)
            return KN_TIMEOUT;
        kn_cond_wait_until(&waiter->turn, &pool->lock, deadline_us);
    }
}

/* ---- without ---- */

static void wake(void *arg)
{
    struct waiter *waiter = arg;
    KN_LOCKED(&waiter->pool->lock);
    pthread_cond_signal(&waiter->turn);
}

enum kn_status kn_pool_take(struct kn_pool *pool, int64_t wait_ms, struct kn_cancel *cancel,
                            void **ret_thing)
{
    if (kn_pool_try_take(pool, true, ret_thing))
        return KN_OK;
    struct waiter waiter = {.pool = pool};
    struct kn_cancel_watch watch = {.wake = wake, .arg = &waiter};
    int64_t deadline_us = kn_now_us() + wait_ms * 1000;
    kn_cond_init(&waiter.turn);
    kn_cancel_watch(cancel, &watch);

    pthread_mutex_lock(&pool->lock);
    kn_list_add(&pool->waiters, &waiter.link);
    enum kn_status status = wait_for_turn(&waiter, deadline_us, cancel, ret_thing);
    kn_list_remove(&waiter.link);
    wake_first(pool); /* there is a new first one */
    pthread_mutex_unlock(&pool->lock);

    kn_cancel_unwatch(cancel, &watch);
    pthread_cond_destroy(&waiter.turn);
    return status;
}

bool kn_pool_try_take(struct kn_pool *pool, bool make, void **ret_thing)
{
    KN_LOCKED(&pool->lock);
    return kn_list_empty(&pool->waiters) && take(pool, make, ret_thing);
}

void kn_pool_give(struct kn_pool *pool, void *thing)
{
    KN_LOCKED(&pool->lock);
    assert(pool->taken > 0);
    pool->taken--;
    if (thing)
        pool->idle[pool->idle_count++] = thing;
    wake_first(pool);
}
