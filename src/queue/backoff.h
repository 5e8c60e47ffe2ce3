/*
 * How long a job that failed waits before it is tried again: exponential back-off with full jitter
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anything between
 * nothing and a bound that doubles, so that jobs which failed together do not come back together.
 *
 * Some failures last until a person has done something: a full disk, a share that is not mounted.
 * There a part of the bound is waited in any case, and bounds grow to half an hour, so that a few
 * attempts span the time that this takes.
 */
#ifndef KN_QUEUE_BACKOFF_H
#define KN_QUEUE_BACKOFF_H

#include <stdint.h>

#include <kirinuki/status.h>

struct kn_backoff {
    int64_t first_us; /* bound after the first failure; 0: 2 s */
    int64_t most_us;  /* of the bound; 0: 10 min */
    int growth;       /* of the bound after each failure; 0: 2 */
    double sure;      /* share of the bound that is waited without dice; below 1 */
    /* A number in [0, 1); NULL: of this process's own. Any thread. */
    double (*random)(void *arg);
    void *arg;
};

/* After `failures` (1 at least). `floor_us`: what a service has asked for ("Retry-After"), 0 for
 * none; it is kept, and the jitter comes on top of it. */
int64_t kn_backoff_us(const struct kn_backoff *backoff, int failures, int64_t floor_us);

/* Whether another attempt at a queued job can end better. A file that is away counts: it was there
 * when the job was added. */
bool kn_backoff_helps(enum kn_status failure);
/* The pauses after it: short ones; or, where it lasts, 30 s, 2 min, 8 min, 30 min and so on, each
 * up to a fifth less. */
struct kn_backoff kn_backoff_after(enum kn_status failure);

#endif
