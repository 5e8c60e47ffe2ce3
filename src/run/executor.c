/*
 * How a plan ends. `open` counts its steps and whatever else may still touch it: the launch, and
 * the sweep that a cancelled plan is given. Whoever takes it to zero finishes the plan, so that
 * happens once, and after everything else.
 *
 * A failure records itself, then triggers the plan's token, and ends its step only after that. So
 * the sweep, which ends all steps that have not started, is counted before the plan could end.
 * The sweep is urgent: a cancelled plan ends even when every worker is busy with other plans.
 */
#include <kirinuki/executor.h>

#include <assert.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sync.h"
#include "run/cores.h"
#include "run/internal.h"

enum { DEFAULT_IO_WORKERS = 64, MOST_WORKERS = 4096 };

/* ---- life ---- */

void kn_executor_defaults(int ret_workers[KN_LANE_COUNT])
{
    ret_workers[KN_LANE_IO] = DEFAULT_IO_WORKERS;
    ret_workers[KN_LANE_CPU] = KN_MIN(kn_cores(), MOST_WORKERS);
    ret_workers[KN_LANE_GPU] = 0;
}

enum kn_status kn_executor_open(const int workers[KN_LANE_COUNT], struct kn_executor **ret_executor,
                                struct kn_error *err)
{
    for (int i = 0; i < KN_LANE_COUNT; i++) {
        int least = i == KN_LANE_GPU ? 0 : 1;
        if (workers[i] < least || workers[i] > MOST_WORKERS)
            return kn_error_set(err, KN_INVALID, "the number of %s workers must be from %d to %d",
                                kn_lane_name((enum kn_lane)i), least, MOST_WORKERS);
    }
    struct kn_executor *executor = kn_calloc(1, sizeof *executor);
    enum kn_status status = kn_deadlines_open(&executor->deadlines, err);
    if (status == KN_OK) {
        status = kn_workers_open(&executor->workers, workers, err);
        if (status != KN_OK)
            kn_deadlines_close(&executor->deadlines);
    }
    if (status != KN_OK) {
        free(executor);
        return status;
    }
    kn_cond_init(&executor->quiet);
    *ret_executor = executor;
    return KN_OK;
}

void kn_executor_close(struct kn_executor *executor)
{
    if (!executor)
        return;
    assert(!kn_worker_self(&executor->workers));
    pthread_mutex_lock(&executor->workers.lock);
    while (executor->plans)
        pthread_cond_wait(&executor->quiet, &executor->workers.lock);
    pthread_mutex_unlock(&executor->workers.lock);
    kn_workers_close(&executor->workers);
    kn_deadlines_close(&executor->deadlines);
    pthread_cond_destroy(&executor->quiet);
    free(executor);
}

int kn_executor_workers(const struct kn_executor *executor, enum kn_lane lane)
{
    return executor->workers.lanes[lane].places;
}

enum kn_lane kn_executor_lane(const struct kn_executor *executor, enum kn_lane lane)
{
    return executor->workers.lanes[lane].places ? lane : KN_LANE_CPU;
}

void kn_executor_trace(struct kn_executor *executor,
                       void (*trace)(void *arg, const struct kn_trace *trace), void *arg)
{
    executor->trace = trace;
    executor->trace_arg = arg;
}

/* ---- the end of a plan ---- */

/* Without a first failure, steps that did not end well were stopped by the caller's token. */
static enum kn_status outcome_of(const struct kn_plan *plan, struct kn_error *ret_err)
{
    *ret_err = plan->failure;
    if (plan->failed)
        return plan->failure.status;
    for (int i = 0; i < plan->steps.count; i++) {
        const struct kn_planned_step *step = plan->steps.at[i];
        enum kn_status status = step->result.status;
        if (status == KN_CANCELLED || (status != KN_OK && !step->spec.optional))
            return kn_cancel_check(plan->cancel, ret_err);
    }
    return KN_OK;
}

static void finish(struct kn_plan *plan)
{
    struct kn_executor *executor = plan->executor;
    kn_cancel_unwatch(plan->cancel, &plan->watch);
    struct kn_error err;
    enum kn_status status = outcome_of(plan, &err);
    kn_cancel_free(plan->cancel);
    plan->cancel = NULL;
    plan->done(plan->done_arg, status, &err); /* which may free the plan */
    KN_LOCKED(&executor->workers.lock);
    if (--executor->plans == 0)
        pthread_cond_broadcast(&executor->quiet);
}

static void run_ending(struct kn_item *item, struct kn_worker *worker)
{
    (void)worker;
    finish(KN_CONTAINER(item, struct kn_plan, ending));
}

/* Lets go of `count` of what keeps the plan open; on a worker, with the lock, which it returns
 * without. */
static void release(struct kn_plan *plan, int count)
{
    plan->open -= count;
    bool over = !plan->open;
    pthread_mutex_unlock(&plan->executor->workers.lock);
    if (over)
        finish(plan);
}

/* ---- the end of a step ---- */

/* With the lock. */
static void set_result(struct kn_planned_step *step, enum kn_status status,
                       const struct kn_error *err, const struct kn_work *work)
{
    int64_t now_us = kn_now_us();
    step->result = (struct kn_step_result){
        .name = step->spec.name,
        .lane = step->spec.lane,
        .ended = true,
        .ran = work != NULL,
        .status = status,
        .error = *err,
        .start_us = work ? work->start_us : now_us,
        .end_us = work ? work->end_us : now_us,
    };
    atomic_store_explicit(&step->ended, true, memory_order_release);
}

/* With the lock. `worker` has nothing else to do after this. */
static void push_later(struct kn_planned_step *step, const struct kn_worker *worker)
{
    for (int i = 0; i < step->later.count; i++) {
        struct kn_planned_step *later = step->plan->steps.at[step->later.at[i]];
        if (--later->waits_for == 0 && !atomic_load(&later->ended))
            kn_workers_push(&step->plan->executor->workers, &later->item, worker);
    }
}

/* After a user's stop, whatever goes wrong goes wrong because of it. */
static bool record_failure(struct kn_plan *plan, const struct kn_error *err)
{
    KN_LOCKED(&plan->executor->workers.lock);
    if (plan->failed || kn_cancel_requested(plan->cancel))
        return false;
    plan->failed = true;
    plan->failure = *err;
    return true;
}

/* `work` is NULL when it did not run. */
static void end_step(struct kn_planned_step *step, const struct kn_worker *worker,
                     enum kn_status status, const struct kn_error *err, const struct kn_work *work)
{
    struct kn_plan *plan = step->plan;
    bool well = status == KN_OK || step->spec.optional;
    if (!well && record_failure(plan, err))
        kn_cancel_trigger(plan->cancel);
    kn_progress_end(step->progress, status);
    pthread_mutex_lock(&plan->executor->workers.lock);
    set_result(step, status, err, work);
    if (well)
        push_later(step, worker);
    release(plan, 1);
}

/* ---- running a step ---- */

static enum kn_status run_limited(struct kn_planned_step *step, struct kn_work *work,
                                  struct kn_worker *worker, struct kn_error *err)
{
    struct kn_executor *executor = step->plan->executor;
    int64_t limit_us = KN_MIN(step->spec.limit_ms, INT64_MAX / 4000) * 1000;
    struct kn_deadline deadline;
    work->cancel = kn_cancel_new(step->plan->cancel);
    kn_deadline_set(&executor->deadlines, &deadline, kn_now_us() + limit_us, work->cancel);
    enum kn_status status = kn_work_run(work, executor, worker, err);
    bool late = kn_deadline_unset(&executor->deadlines, &deadline);
    kn_cancel_free(work->cancel);
    if (!late || status == KN_OK)
        return status;
    char limit[KN_TIME_TEXT_BYTES];
    return kn_error_set(err, KN_TIMEOUT, "%s took longer than its limit of %s", step->spec.name,
                        kn_time_span(limit_us, limit));
}

static void run_step(struct kn_item *item, struct kn_worker *worker)
{
    struct kn_planned_step *step = KN_CONTAINER(item, struct kn_planned_step, item);
    struct kn_plan *plan = step->plan;
    struct kn_error err = {0};
    if (kn_cancel_check(plan->cancel, &err) != KN_OK) {
        end_step(step, worker, KN_CANCELLED, &err, NULL);
        return;
    }
    struct kn_work work = {
        .plan_step = step->spec.name,
        .plan = plan,
        .name = step->spec.name,
        .run = step->spec.run,
        .arg = step->spec.arg,
        .lane = item->lane,
        .cancel = plan->cancel,
        .progress = step->progress,
    };
    enum kn_status status = step->spec.limit_ms ? run_limited(step, &work, worker, &err)
                                                : kn_work_run(&work, plan->executor, worker, &err);
    if (status == KN_OK)
        err = (struct kn_error){0};
    kn_work_trace(&work, plan->executor, worker, status);
    end_step(step, worker, status, &err, &work);
}

/* ---- cancelling ---- */

/* With the lock: ends the steps that have not started. Returns how many. */
static int end_unstarted(struct kn_plan *plan, const struct kn_error *err)
{
    int count = 0;
    for (int i = 0; i < plan->steps.count; i++) {
        struct kn_planned_step *step = plan->steps.at[i];
        if (atomic_load(&step->ended) || (!step->item.queued && !step->waits_for))
            continue; /* the latter has been taken by a worker */
        if (step->item.queued)
            kn_workers_remove(&plan->executor->workers, &step->item);
        set_result(step, KN_CANCELLED, err, NULL);
        count++;
    }
    return count;
}

static void run_sweep(struct kn_item *item, struct kn_worker *worker)
{
    (void)worker;
    struct kn_plan *plan = KN_CONTAINER(item, struct kn_plan, sweep);
    struct kn_error err;
    kn_cancel_check(plan->cancel, &err);
    pthread_mutex_lock(&plan->executor->workers.lock);
    int ended = end_unstarted(plan, &err);
    pthread_mutex_unlock(&plan->executor->workers.lock);
    for (int i = 0; i < plan->steps.count; i++) {
        const struct kn_planned_step *step = plan->steps.at[i];
        if (atomic_load(&step->ended) && !step->result.ran)
            kn_progress_end(step->progress, KN_CANCELLED);
    }
    pthread_mutex_lock(&plan->executor->workers.lock);
    release(plan, ended + 1);
}

/* Called by whoever triggers the token: leaves the work to a worker. */
static void wake_for_sweep(void *arg)
{
    struct kn_plan *plan = arg;
    KN_LOCKED(&plan->executor->workers.lock);
    if (!plan->open)
        return; /* it is over; only the watch has not been taken back yet */
    plan->open++;
    kn_workers_push(&plan->executor->workers, &plan->sweep, NULL);
}

/* ---- starting a plan ---- */

void kn_executor_run(struct kn_executor *executor, struct kn_plan *plan, struct kn_cancel *cancel,
                     struct kn_progress *progress,
                     void (*done)(void *arg, enum kn_status status, const struct kn_error *err),
                     void *arg)
{
    struct kn_workers *workers = &executor->workers;
    assert(!plan->executor); /* a plan is run once */
    plan->executor = executor;
    plan->cancel = kn_cancel_new(cancel);
    plan->watch = (struct kn_cancel_watch){.wake = wake_for_sweep, .arg = plan};
    plan->sweep = (struct kn_item){.run = run_sweep, .lane = KN_LANE_IO, .urgent = true};
    plan->ending = (struct kn_item){.run = run_ending, .lane = KN_LANE_IO, .urgent = true};
    plan->done = done;
    plan->done_arg = arg;
    plan->open = plan->steps.count + 1;
    for (int i = 0; i < plan->steps.count; i++) {
        struct kn_planned_step *step = plan->steps.at[i];
        enum kn_lane lane = kn_executor_lane(executor, step->spec.lane);
        step->item = (struct kn_item){.run = run_step, .lane = lane, .line = &plan->lines[lane]};
        step->progress = kn_progress_add(progress, step->spec.name, step->spec.weight);
    }
    pthread_mutex_lock(&workers->lock);
    executor->plans++;
    executor->plans_begun++;
    for (int i = 0; i < KN_LANE_COUNT; i++)
        kn_line_init(&plan->lines[i], plan->rank == INT64_MIN ? executor->plans_begun : plan->rank);
    pthread_mutex_unlock(&workers->lock);
    kn_cancel_watch(plan->cancel, &plan->watch); /* may call at once */

    KN_LOCKED(&workers->lock);
    int count = plan->steps.count;
    for (int i = 0; i < count; i++) {
        struct kn_planned_step *step = plan->steps.at[i];
        if (!step->waits_for && !atomic_load(&step->ended))
            kn_workers_push(workers, &step->item, NULL);
    }
    if (--plan->open == 0)
        kn_workers_push(workers, &plan->ending, NULL);
}

/* ---- waiting for a plan ---- */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over;
    enum kn_status status;
    struct kn_error *err;
};

static void wake_waiting(void *arg, enum kn_status status, const struct kn_error *err)
{
    struct waiting *waiting = arg;
    KN_LOCKED(&waiting->lock);
    waiting->over = true;
    waiting->status = status;
    if (status != KN_OK && waiting->err)
        *waiting->err = *err;
    pthread_cond_signal(&waiting->changed);
}

enum kn_status kn_executor_run_wait(struct kn_executor *executor, struct kn_plan *plan,
                                    struct kn_cancel *cancel, struct kn_progress *progress,
                                    struct kn_error *err)
{
    assert(!kn_worker_self(&executor->workers));
    struct waiting waiting = {.err = err};
    pthread_mutex_init(&waiting.lock, NULL);
    kn_cond_init(&waiting.changed);
    kn_executor_run(executor, plan, cancel, progress, wake_waiting, &waiting);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.over)
        pthread_cond_wait(&waiting.changed, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.changed);
    pthread_mutex_destroy(&waiting.lock);
    return waiting.status;
}
