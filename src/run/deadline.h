/*
 * Deadlines: cancel tokens that are triggered at a time. One thread serves them all.
 */
#ifndef KN_RUN_DEADLINE_H
#define KN_RUN_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/cancel.h>

#include "base/list.h"

struct kn_deadlines {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a new first deadline, a trigger has returned, closing */
    /* Protected by `lock`. */
    struct kn_link waiting; /* of deadlines, soonest first */
    bool closing;
};

struct kn_deadline {
    int64_t at_us; /* monotonic */
    struct kn_cancel *cancel;
    /* Protected by the lock. */
    struct kn_link link;
    enum { KN_DEADLINE_WAITING, KN_DEADLINE_FIRING, KN_DEADLINE_FIRED } phase;
};

enum kn_status kn_deadlines_open(struct kn_deadlines *deadlines, struct kn_error *err);
void kn_deadlines_close(struct kn_deadlines *deadlines); /* none may be left */

/* The caller's storage, from here until it is taken back. */
void kn_deadline_set(struct kn_deadlines *deadlines, struct kn_deadline *deadline, int64_t at_us,
                     struct kn_cancel *cancel);
/* Takes it back: the token is not touched any more. True: it had passed. */
bool kn_deadline_unset(struct kn_deadlines *deadlines, struct kn_deadline *deadline);

#endif
