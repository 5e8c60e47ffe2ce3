#include "base/clock.h"
#include "run/internal.h"

/* A step that waits in a group runs tasks meanwhile: each level has a scratch arena of its own. */
static struct kn_arena *scratch_of(struct kn_worker *worker)
{
    if (worker->depth == worker->scratch.count)
        kn_vec_push(&worker->scratch, kn_arena_new());
    return worker->scratch.at[worker->depth];
}

static enum kn_status call(struct kn_work *work, const struct kn_step_env *env,
                           struct kn_error *err)
{
    work->start_us = kn_now_us();
    enum kn_status status = work->run(work->arg, env, err);
    work->end_us = kn_now_us();
    if (status != KN_OK && err->status != status)
        kn_error_set(err, status, "%s", kn_status_meaning(status));
    return status;
}

enum kn_status kn_work_run(struct kn_work *work, struct kn_executor *executor,
                           struct kn_worker *worker, struct kn_error *err)
{
    struct kn_step_env env = {
        .cancel = work->cancel,
        .progress = work->progress,
        .executor = executor,
        .lane = work->lane,
    };
    kn_progress_start(work->progress);
    if (!worker) {
        env.scratch = kn_arena_new();
        enum kn_status status = call(work, &env, err);
        kn_arena_free(env.scratch);
        return status;
    }
    const char *outer = worker->plan_step;
    struct kn_plan *outer_plan = worker->plan;
    worker->plan_step = work->plan_step;
    worker->plan = work->plan;
    env.scratch = scratch_of(worker);
    worker->depth++;
    enum kn_status status = call(work, &env, err);
    worker->depth--;
    worker->plan_step = outer;
    worker->plan = outer_plan;
    kn_arena_reset(env.scratch);
    return status;
}

void kn_work_trace(const struct kn_work *work, const struct kn_executor *executor,
                   const struct kn_worker *worker, enum kn_status status)
{
    if (!executor)
        return;
    const struct kn_trace trace = {
        .plan_step = work->plan_step,
        .name = work->name,
        .lane = work->lane,
        .worker = worker->number,
        .start_us = work->start_us,
        .end_us = work->end_us,
        .status = status,
    };
    if (executor->trace)
        executor->trace(executor->trace_arg, &trace);
    if (work->plan && work->plan->trace)
        work->plan->trace(work->plan->trace_arg, &trace);
}
