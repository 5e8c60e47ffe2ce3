/* What plan.c, executor.c and group.c share. */
#ifndef KN_RUN_INTERNAL_H
#define KN_RUN_INTERNAL_H

#include <stdatomic.h>

#include <kirinuki/executor.h>

#include "run/deadline.h"
#include "run/workers.h"

struct kn_executor {
    struct kn_workers workers; /* whose lock is the executor's */
    struct kn_deadlines deadlines;
    void (*trace)(void *arg, const struct kn_trace *trace); /* set before work starts */
    void *trace_arg;
    /* Protected by the lock. */
    int plans;           /* running */
    int64_t plans_begun; /* gives plans their ranks */
    pthread_cond_t quiet;
};

struct kn_planned_step {
    /* Set while the plan is built. */
    struct kn_plan *plan;
    struct kn_step spec; /* `name` is owned */
    KN_VEC(int) later;
    /* Set when the plan starts. */
    struct kn_progress *progress;
    struct kn_item item;
    /* Protected by the executor's lock. */
    int waits_for; /* earlier steps that have not ended; edges, while the plan is built */
    /* Written once, before `ended` is set. */
    struct kn_step_result result;
    atomic_bool ended;
};

struct kn_plan {
    KN_VEC(struct kn_planned_step *) steps;
    int64_t rank; /* INT64_MIN: not set */
    void (*trace)(void *arg, const struct kn_trace *trace);
    void *trace_arg;
    /* Set when the plan starts. */
    struct kn_line lines[KN_LANE_COUNT];
    struct kn_executor *executor;
    struct kn_cancel *cancel; /* under the caller's */
    struct kn_cancel_watch watch;
    struct kn_item sweep, ending;
    void (*done)(void *arg, enum kn_status status, const struct kn_error *err);
    void *done_arg;
    /* Protected by the executor's lock. */
    int open; /* steps that have not ended, and what else may still touch the plan */
    bool failed;
    struct kn_error failure; /* the first */
};

/* Where work for `lane` is done: lanes without workers leave theirs to the CPU lane. */
enum kn_lane kn_executor_lane(const struct kn_executor *executor, enum kn_lane lane);

/* One call of a step's function, whoever makes it. */
struct kn_work {
    const char *plan_step, *name;
    struct kn_plan *plan; /* NULL: of none */
    kn_step_fn *run;
    void *arg;
    enum kn_lane lane;
    struct kn_cancel *cancel;
    struct kn_progress *progress;
    int64_t start_us, end_us; /* set by kn_work_run */
};

/* Runs it with an environment of its own, and sees to it that a failure has a sentence.
 * `executor` and `worker` are NULL together: in place, without an executor. */
enum kn_status kn_work_run(struct kn_work *work, struct kn_executor *executor,
                           struct kn_worker *worker, struct kn_error *err);
void kn_work_trace(const struct kn_work *work, const struct kn_executor *executor,
                   const struct kn_worker *worker, enum kn_status status);

#endif
