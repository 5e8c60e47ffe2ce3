/*
 * A task is in two queues: its lane's, from which any worker takes it, and its group's, from which
 * the waiting step takes it. Both are under the executor's lock.
 *
 * Once the group's token is triggered, tasks that are queued end without running, and it is the
 * waiting step that sees to it, on whatever lane it is: a cancelled step does not wait for workers
 * that are busy elsewhere.
 */
#include <kirinuki/group.h>

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/sync.h"
#include "run/internal.h"

struct task {
    struct kn_group *group;
    struct kn_item item;
    int number;
    kn_step_fn *run;
    void *arg;
    struct kn_progress *progress;
    char name[];
};

struct kn_group {
    const struct kn_step_env *env;
    struct kn_group_options options;
    struct kn_executor *executor; /* NULL: tasks run in place */
    struct kn_worker *worker;     /* whose thread the step runs on; NULL: none of the executor's */
    const char *plan_step;
    struct kn_plan *plan;     /* whose ranks its tasks have; NULL: of none */
    struct kn_cancel *cancel; /* under the step's */
    struct kn_cancel_watch watch;

    /* Protected by the executor's lock, where there is one. */
    struct kn_link queued; /* of items, by in_group */
    int unfinished;
    int wake_at; /* unfinished tasks at which the waiting step is to wake up; -1: it is awake */
    pthread_cond_t changed;
    bool failed;
    struct kn_error failure;                    /* the first, mode all */
    KN_VEC(const struct kn_outcome *) outcomes; /* NULL: not ended; owned if a failure */
};

static const struct kn_outcome outcome_ok = {.status = KN_OK};

static void lock(struct kn_group *group)
{
    if (group->executor)
        pthread_mutex_lock(&group->executor->workers.lock);
}

static void unlock(struct kn_group *group)
{
    if (group->executor)
        pthread_mutex_unlock(&group->executor->workers.lock);
}

/* Called by whoever triggers the group's token. */
static void wake_step(void *arg)
{
    struct kn_group *group = arg;
    KN_LOCKED(&group->executor->workers.lock);
    pthread_cond_signal(&group->changed);
}

struct kn_group *kn_group_new(const struct kn_step_env *env, const struct kn_group_options *options)
{
    struct kn_group *group = kn_calloc(1, sizeof *group);
    group->env = env;
    group->options = *options;
    group->executor = env->executor;
    group->cancel = kn_cancel_new(env->cancel);
    group->wake_at = -1;
    kn_list_init(&group->queued);
    kn_cond_init(&group->changed);
    if (options->show_tasks && options->expected_weight > 0)
        kn_progress_expect(env->progress, options->expected_weight);
    if (!group->executor)
        return group;
    group->options.lane = kn_executor_lane(group->executor, options->lane);
    if (options->limit <= 0)
        group->options.limit = 4 * kn_executor_workers(group->executor, group->options.lane);
    group->worker = kn_worker_self(&group->executor->workers);
    group->plan_step = group->worker ? group->worker->plan_step : "";
    group->plan = group->worker ? group->worker->plan : NULL;
    group->watch = (struct kn_cancel_watch){.wake = wake_step, .arg = group};
    kn_cancel_watch(group->cancel, &group->watch);
    return group;
}

/* ---- the end of a task ---- */

/* After the step's own stop, whatever goes wrong goes wrong because of it. */
static bool record_failure(struct kn_group *group, const struct kn_error *err)
{
    if (group->options.mode != KN_GROUP_ALL || group->failed ||
        kn_cancel_requested(group->env->cancel))
        return false;
    group->failed = true;
    group->failure = *err;
    return true;
}

static void end_task(struct task *task, enum kn_status status, const struct kn_error *err)
{
    struct kn_group *group = task->group;
    const struct kn_outcome *outcome = &outcome_ok;
    if (status != KN_OK) {
        struct kn_outcome *failure = kn_malloc(sizeof *failure);
        *failure = (struct kn_outcome){.status = status, .error = *err};
        outcome = failure;
    }
    kn_progress_end(task->progress, status);
    lock(group);
    if (status != KN_OK && record_failure(group, err)) {
        unlock(group);
        kn_cancel_trigger(group->cancel); /* the group waits for this task, so it is still there */
        lock(group);
    }
    group->outcomes.at[task->number] = outcome;
    group->unfinished--;
    if (group->unfinished <= group->wake_at)
        pthread_cond_signal(&group->changed);
    unlock(group); /* from here on the group may be gone */
    free(task);
}

static void run_task(struct kn_item *item, struct kn_worker *worker)
{
    struct task *task = KN_CONTAINER(item, struct task, item);
    struct kn_group *group = task->group;
    struct kn_error err = {0};
    enum kn_status status = kn_cancel_check(group->cancel, &err);
    if (status == KN_OK) {
        struct kn_work work = {
            .plan_step = group->plan_step,
            .plan = group->plan,
            .name = task->name,
            .run = task->run,
            .arg = task->arg,
            .lane = group->options.lane,
            .cancel = group->cancel,
            .progress = task->progress,
        };
        status = kn_work_run(&work, group->executor, worker, &err);
        kn_work_trace(&work, group->executor, worker, status);
    }
    end_task(task, status, &err);
}

/* ---- adding and waiting ---- */

static bool lends_its_thread(const struct kn_group *group)
{
    return group->worker && group->worker->lane == group->options.lane;
}

/* With the lock: starts a queued task on this thread, or sleeps until no more than `wake_at` are
 * unfinished or the group is cancelled. May return early. */
static void help_or_sleep(struct kn_group *group, int wake_at)
{
    struct kn_workers *workers = &group->executor->workers;
    bool cancelled = kn_cancel_requested(group->cancel);
    if (!kn_list_empty(&group->queued) && (cancelled || lends_its_thread(group))) {
        struct kn_item *item = KN_CONTAINER(group->queued.next, struct kn_item, in_group);
        kn_workers_remove(workers, item);
        unlock(group);
        run_task(item, group->worker); /* when cancelled, this only ends it */
        lock(group);
        return;
    }
    group->wake_at = wake_at;
    kn_worker_block(group->worker);
    pthread_cond_wait(&group->changed, &workers->lock);
    kn_worker_resume(group->worker);
    group->wake_at = -1;
}

static struct task *task_new(struct kn_group *group, const char *name, double weight,
                             kn_step_fn *run, void *arg)
{
    size_t name_bytes = strlen(name) + 1;
    struct task *task = kn_malloc(sizeof *task + name_bytes);
    *task = (struct task){
        .group = group,
        .item = {.run = run_task, .lane = group->options.lane, .group = &group->queued},
        .run = run,
        .arg = arg,
    };
    if (group->plan)
        task->item.line = &group->plan->lines[group->options.lane];
    memcpy(task->name, name, name_bytes);
    if (group->options.show_tasks)
        task->progress = kn_progress_add(group->env->progress, name, weight);
    return task;
}

/* At how many unfinished tasks to add more again: half of the limit, so that a wakeup pays for
 * several tasks, but soon enough that no worker of the lane runs dry meanwhile. */
static int low_water(const struct kn_group *group)
{
    int workers = kn_executor_workers(group->executor, group->options.lane);
    return KN_MIN(group->options.limit - 1, KN_MAX(group->options.limit / 2, workers));
}

/* Waits for room, then queues the task, unless the group is cancelled by then. */
static bool queue_task(struct kn_group *group, struct task *task)
{
    KN_LOCKED(&group->executor->workers.lock);
    while (group->unfinished >= group->options.limit)
        help_or_sleep(group, low_water(group));
    if (kn_cancel_requested(group->cancel))
        return false;
    task->number = group->outcomes.count;
    kn_vec_push(&group->outcomes, NULL);
    group->unfinished++;
    kn_workers_push(&group->executor->workers, &task->item, NULL);
    return true;
}

static void run_in_place(struct kn_group *group, struct task *task)
{
    task->number = group->outcomes.count;
    kn_vec_push(&group->outcomes, NULL);
    group->unfinished++;
    run_task(&task->item, NULL);
}

enum kn_status kn_group_add(struct kn_group *group, const char *name, double weight,
                            kn_step_fn *run, void *arg)
{
    if (kn_cancel_requested(group->cancel))
        return KN_CANCELLED;
    struct task *task = task_new(group, name, weight, run, arg);
    if (!group->executor) {
        run_in_place(group, task);
        return KN_OK;
    }
    if (queue_task(group, task))
        return KN_OK;
    kn_progress_end(task->progress, KN_CANCELLED);
    free(task);
    return KN_CANCELLED;
}

static void wait_for_all(struct kn_group *group)
{
    if (!group->executor)
        return;
    KN_LOCKED(&group->executor->workers.lock);
    while (group->unfinished)
        help_or_sleep(group, 0);
}

enum kn_status kn_group_wait(struct kn_group *group, struct kn_error *err)
{
    wait_for_all(group);
    if (group->failed)
        return kn_error_set(err, group->failure.status, "%s", kn_error_text(&group->failure));
    return kn_cancel_check(group->env->cancel, err);
}

void kn_group_free(struct kn_group *group)
{
    if (!group)
        return;
    kn_cancel_trigger(group->cancel);
    wait_for_all(group);
    if (group->executor)
        kn_cancel_unwatch(group->cancel, &group->watch);
    kn_cancel_free(group->cancel);
    for (int i = 0; i < group->outcomes.count; i++)
        if (group->outcomes.at[i] != &outcome_ok)
            free((void *)group->outcomes.at[i]);
    kn_vec_free(&group->outcomes);
    pthread_cond_destroy(&group->changed);
    free(group);
}

int kn_group_count(const struct kn_group *group)
{
    return group->outcomes.count;
}

const struct kn_outcome *kn_group_outcome(const struct kn_group *group, int task)
{
    assert(0 <= task && task < group->outcomes.count && group->outcomes.at[task]);
    return group->outcomes.at[task];
}
