/*
 * A bounded set of things that are taken, used by one at a time, and given back: connections. The
 * pool keeps places and does not know what stands in them: who is given a place without a thing
 * makes one. Any thread.
 */
#ifndef KN_STORE_POOL_H
#define KN_STORE_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/list.h"
#include "store/database_backend.h"

struct kn_pool {
    int most;
    pthread_mutex_t lock;
    /* Protected by `lock`. */
    int taken;
    int idle_count;
    void *idle[KN_CONNECTIONS_MOST]; /* the last one given back is taken first: it is warm */
    struct kn_link waiters;
};

void kn_pool_init(struct kn_pool *pool, int most);
/* Nobody has anything from it. `end` is called for each thing. */
void kn_pool_done(struct kn_pool *pool, void (*end)(void *thing));

/*
 * A place: with a thing in it, or NULL: make one. TIMEOUT: none became free within `wait_ms`, with
 * no sentence; CANCELLED. Who waits is served in order.
 */
enum kn_status kn_pool_take(struct kn_pool *pool, int64_t wait_ms, struct kn_cancel *cancel,
                            void **ret_thing);
/* Does not wait. `make`: a place without a thing is welcome too. */
bool kn_pool_try_take(struct kn_pool *pool, bool make, void **ret_thing);
/* NULL: the place is empty again. */
void kn_pool_give(struct kn_pool *pool, void *thing);

#endif
