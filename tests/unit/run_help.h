/* For tests of src/run: gates to meet at instead of sleeping, executors, seeded randomness. */
#ifndef KN_TESTS_RUN_HELP_H
#define KN_TESTS_RUN_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/kirinuki.h>

#include "base/memory.h"

/* A count that threads raise and wait for. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
};
#define GATE_INIT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

static inline void gate_add(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->count++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_wait(struct gate *gate, int count)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->count < count)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

/* xorshift64*: the same run for the same seed. */
struct dice {
    uint64_t state;
};

static inline uint32_t dice_below(struct dice *dice, uint32_t bound)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return (uint32_t)(dice->state * UINT64_C(2685821657736338717) >> 33) % bound;
}

static inline struct kn_executor *executor_with(int io, int cpu)
{
    const int workers[KN_LANE_COUNT] = {[KN_LANE_IO] = io, [KN_LANE_CPU] = cpu};
    struct kn_executor *executor = NULL;
    struct kn_error err;
    if (kn_executor_open(workers, &executor, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return executor;
}

/* One step, run to its end. */
static inline enum kn_status run_one(struct kn_executor *executor, enum kn_lane lane,
                                     kn_step_fn *run, void *arg, struct kn_cancel *cancel,
                                     struct kn_progress *progress, struct kn_error *err)
{
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan, &(struct kn_step){.name = "one", .lane = lane, .run = run, .arg = arg});
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, progress, err);
    kn_plan_free(plan);
    return status;
}

/* Ends when it is told to, and not before. */
static inline enum kn_status wait_for_cancel(const struct kn_step_env *env, struct kn_error *err)
{
    while (!kn_cancel_wait_ms(env->cancel, 60000))
        ;
    return kn_cancel_check(env->cancel, err);
}

#endif
