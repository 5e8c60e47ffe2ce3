/*
 * The executor owns the worker threads and runs plans on them.
 *
 * A step starts as soon as all steps that it waits for have ended well (or were optional) and a
 * worker of its lane is free. The first error of a step that is not optional wins: it cancels
 * everything else in the plan, and the plan ends with it. Every plan ends exactly once, cancelled
 * ones too: steps that have not started never do, and those that run are waited for. A plan whose
 * token is triggered ends with KN_CANCELLED whatever its interrupted steps return, but with KN_OK
 * when all had ended well by then.
 *
 * Any thread may run plans; many plans share the lanes: those of a smaller rank (kn_plan_rank; by
 * default, those that were run earlier) go first, and within a plan steps go in the order in which
 * they became ready. Steps, groups' tasks and `done` run with no lock held. The executor's lock is
 * a leaf: under it, nothing of anyone else is called.
 */
#ifndef KIRINUKI_EXECUTOR_H
#define KIRINUKI_EXECUTOR_H

#include <kirinuki/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many workers a machine like this one should have: CPU = usable cores (affinity and cgroup
 * quota respected), IO = 64, GPU = 0. IO workers are started when needed. */
void kn_executor_defaults(int ret_workers[KN_LANE_COUNT]);

/* CPU and IO need one worker at least, 4,096 at most. KN_INVALID: another number; any other
 * failure: a thread could not be started. */
enum kn_status kn_executor_open(const int workers[KN_LANE_COUNT], struct kn_executor **ret_executor,
                                struct kn_error *err);
/* Waits for every plan; NULL is fine. Not from a worker. */
void kn_executor_close(struct kn_executor *executor);
int kn_executor_workers(const struct kn_executor *executor, enum kn_lane lane); /* as given */

/*
 * Starts `plan`. `done` is called exactly once, on a worker, after the last step returned,
 * whatever the outcome; `plan`, `cancel` (may be NULL) and `progress` (may be NULL: the node
 * under which the steps appear) are borrowed until then. `done` may free the plan, and may run
 * another; it holds up one worker for as long as it takes.
 *
 * The steps' nodes have ended by the time of `done`. Their parent is the caller's to end: more may
 * be to come under it.
 */
void kn_executor_run(struct kn_executor *executor, struct kn_plan *plan, struct kn_cancel *cancel,
                     struct kn_progress *progress,
                     void (*done)(void *arg, enum kn_status status, const struct kn_error *err),
                     void *arg);

/* Runs `plan` and waits for its end. Not from inside a step. */
enum kn_status kn_executor_run_wait(struct kn_executor *executor, struct kn_plan *plan,
                                    struct kn_cancel *cancel, struct kn_progress *progress,
                                    struct kn_error *err);

/* Where and when work really ran: every step and every group task, for timelines. Called on the
 * worker after each, by many workers at once; set before work starts. A worker that waits in a
 * group may run tasks meanwhile, so spans of one worker can lie within each other. */
struct kn_trace {
    const char *plan_step; /* the step that the work belongs to */
    const char *name;      /* the step's or the task's name */
    enum kn_lane lane;
    int worker;               /* its number within the lane, from 0; while others wait in
                               * groups there may be more than the lane has */
    int64_t start_us, end_us; /* monotonic */
    enum kn_status status;
};
void kn_executor_trace(struct kn_executor *executor,
                       void (*trace)(void *arg, const struct kn_trace *trace), void *arg);
/* The same of one plan alone. Before it runs. */
void kn_plan_trace(struct kn_plan *plan, void (*trace)(void *arg, const struct kn_trace *trace),
                   void *arg);

#ifdef __cplusplus
}
#endif
#endif
