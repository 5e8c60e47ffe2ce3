/*
 * How long a job that failed waits before it is tried again: exponential back-off with full jitter
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anything between
 * nothing and a bound that doubles, so that jobs which failed together do not come back together.
 */
#ifndef KN_QUEUE_BACKOFF_H
#define KN_QUEUE_BACKOFF_H

#include <stdint.h>

struct kn_backoff {
    int64_t first_us; /* bound after the first failure; 0: 2 s */
    int64_t most_us;  /* of the bound; 0: 10 min */
    /* A number in [0, 1); NULL: of this process's own. Any thread. */
    double (*random)(void *arg);
    void *arg;
};

/* After `failures` (1 at least). `floor_us`: what a service has asked for ("Retry-After"), 0 for
 * none; it is kept, and the jitter comes on top of it. */
int64_t kn_backoff_us(const struct kn_backoff *backoff, int failures, int64_t floor_us);

#endif
