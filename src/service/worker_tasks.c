/* The jobs that run: a thread each. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/worker_parts.h"

/* ---- one job ---- */

static void end_task(struct kn_job_task *task)
{
    struct kn_job_worker *worker = task->worker;
    KN_LOCKED(&worker->lock);
    struct kn_job_task **at = &worker->tasks;
    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    task->next = worker->ended;
    worker->ended = task;
    worker->woken = true;
    pthread_cond_signal(&worker->changed);
}

static void *run_task(void *arg)
{
    struct kn_job_task *task = arg;
    const struct kn_job_worker_options *options = task->worker->options;
    struct kn_error err = {0};
    enum kn_status status = kn_cancel_check(task->run.cancel, &err);
    if (status == KN_OK)
        status = options->run(options->arg, &task->run, &err);
    if (status != KN_OK && err.status != status)
        kn_error_set(&err, status, "%s", kn_status_meaning(status));
    kn_progress_end(task->run.progress, status == KN_END ? KN_OK : status);
    kn_step_recorder_flush(task->worker->recorder,
                           &task->line); /* it is finished after its steps */
    task->status = status;
    task->error = err;
    end_task(task);
    return NULL;
}

static const char *title_of(const struct kn_job_worker *worker, const struct kn_job *job)
{
    const struct kn_job_worker_options *options = worker->options;
    return options->title ? options->title(options->arg, job) : kn_path_base(job->source);
}

static struct kn_job_task *task_new(struct kn_job_worker *worker, const struct kn_job *job)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_job_task *task = kn_arena_alloc(arena, sizeof *task);
    task->worker = worker;
    task->arena = arena;
    task->job = *job;
    task->job.key = kn_arena_strdup(arena, job->key);
    task->job.owner = kn_arena_strdup(arena, job->owner);
    task->job.source = kn_arena_strdup(arena, job->source);
    task->job.options = kn_arena_strdup(arena, job->options);
    task->line = (struct kn_step_line){.holder = {job->id, job->worker, job->attempt}, .arg = task};
    task->run = (struct kn_job_run){
        .job = &task->job,
        .cancel = kn_cancel_new(NULL),
        .progress = kn_progress_new(title_of(worker, job)),
        .rank = ++worker->claims,
        .worker = task,
    };
    return task;
}

/* Of earlier attempts; without them a step would only be recorded once more. */
static void read_steps(struct kn_job_task *task)
{
    struct kn_error err;
    if (task->job.attempt > 1 && kn_store_steps(task->worker->store, task->job.id, task->arena,
                                                &task->steps, &task->step_count, &err) != KN_OK)
        kn_log(KN_LOG_DEBUG, "worker", "the steps of job %lld: %s", (long long)task->job.id,
               kn_error_text(&err));
}

static void start_task(struct kn_job_worker *worker, const struct kn_job *job)
{
    struct kn_job_task *task = task_new(worker, job);
    const struct kn_job_worker_options *options = worker->options;
    read_steps(task);
    kn_admission_begin(&worker->admission, &task->job);
    if (options->begun)
        options->begun(options->arg, &task->run);
    kn_progress_hub_add(worker->hub, &task->line.holder, task->run.progress);
    pthread_mutex_lock(&worker->lock);
    task->next = worker->tasks;
    worker->tasks = task;
    if (worker->lost)
        kn_tasks_stop(worker, KN_STOP_LOST, &task->job.id, 1);
    char name[32];
    snprintf(name, sizeof name, "kn-job %lld", (long long)job->id);
    int failed = kn_thread_start(&task->thread, name, run_task, task);
    task->has_thread = !failed;
    pthread_mutex_unlock(&worker->lock);
    if (!failed)
        return;
    task->status = kn_error_errno(&task->error, failed, "cannot start a thread");
    end_task(task);
}

void kn_tasks_start(struct kn_job_worker *worker, const struct kn_job *jobs, int count)
{
    for (int i = 0; i < count; i++)
        start_task(worker, &jobs[i]);
}

/* ---- all of them ---- */

struct kn_job_task *kn_tasks_take_ended(struct kn_job_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct kn_job_task *newest = worker->ended, *ended = NULL;
    worker->ended = NULL;
    pthread_mutex_unlock(&worker->lock);
    while (newest) { /* in the order in which they ended */
        struct kn_job_task *task = newest;
        newest = task->next;
        task->next = ended;
        ended = task;
        if (task->has_thread)
            pthread_join(task->thread, NULL);
        kn_progress_hub_remove(worker->hub, task->run.progress);
        kn_admission_end(&worker->admission, &task->job);
    }
    return ended;
}

void kn_task_free(struct kn_job_task *task)
{
    kn_progress_free(task->run.progress);
    kn_cancel_free(task->run.cancel);
    kn_arena_free(task->arena);
}

bool kn_tasks_has(struct kn_job_worker *worker, int64_t job, int attempt)
{
    KN_LOCKED(&worker->lock);
    for (const struct kn_job_task *task = worker->tasks; task; task = task->next)
        if (task->job.id == job && task->job.attempt == attempt)
            return true;
    for (const struct kn_job_task *task = worker->ended; task; task = task->next)
        if (task->job.id == job && task->job.attempt == attempt)
            return true;
    return false;
}

static bool is_named(const struct kn_job_task *task, const int64_t *jobs, int count)
{
    for (int i = 0; i < count; i++)
        if (task->job.id == jobs[i])
            return true;
    return !jobs;
}

const struct kn_holder *kn_tasks_held(struct kn_job_worker *worker, struct kn_arena *arena,
                                      int *ret_count)
{
    KN_LOCKED(&worker->lock);
    int count = 0;
    for (const struct kn_job_task *task = worker->tasks; task; task = task->next)
        count++;
    struct kn_holder *held = kn_arena_array(arena, (size_t)count + 1, sizeof *held);
    *ret_count = 0;
    for (const struct kn_job_task *task = worker->tasks; task; task = task->next)
        held[(*ret_count)++] = task->line.holder;
    return held;
}

/* With the lock. */
static void stop_task(struct kn_job_worker *worker, struct kn_job_task *task, enum kn_task_stop why)
{
    /* A user's wish is stronger than our own stop, and a lost lease than both. */
    if (why == KN_STOP_LOST || task->stop == KN_STOP_NOT ||
        (why == KN_STOP_ASKED && task->stop == KN_STOP_SHUTDOWN))
        task->stop = why;
    if (why == KN_STOP_LOST)
        kn_step_recorder_drop(worker->recorder, &task->line);
    kn_cancel_trigger(task->run.cancel);
}

void kn_tasks_lose(struct kn_job_worker *worker, const struct kn_holder *holder)
{
    KN_LOCKED(&worker->lock);
    for (struct kn_job_task *task = worker->tasks; task; task = task->next)
        if (task->job.id == holder->job && task->job.attempt == holder->attempt)
            stop_task(worker, task, KN_STOP_LOST);
}

void kn_tasks_stop(struct kn_job_worker *worker, enum kn_task_stop why, const int64_t *jobs,
                   int count)
{
    for (struct kn_job_task *task = worker->tasks; task; task = task->next)
        if (is_named(task, jobs, count))
            stop_task(worker, task, why);
}

void kn_task_lost(void *arg, struct kn_step_line *line)
{
    struct kn_job_worker *worker = arg;
    const struct kn_job_task *task = line->arg;
    KN_LOCKED(&worker->lock);
    kn_tasks_stop(worker, KN_STOP_LOST, &task->job.id, 1);
}

/* ---- for whoever runs a job ---- */

bool kn_job_run_has_step(const struct kn_job_run *run, const char *name)
{
    const struct kn_job_task *task = run->worker;
    for (int i = 0; i < task->step_count; i++)
        if (strcmp(task->steps[i].name, name) == 0)
            return true;
    return false;
}

/* Of a job that is to stop, the last steps may stay unrecorded: their results are on the disk. */
void kn_job_run_record(const struct kn_job_run *run, const char *name, const char *data)
{
    struct kn_job_task *task = run->worker;
    struct kn_error err;
    if (kn_step_recorder_put(task->worker->recorder, &task->line, name, data, run->cancel, &err) !=
        KN_OK)
        kn_log(KN_LOG_DEBUG, "worker", "job %lld: %s is not recorded: %s", (long long)task->job.id,
               name, kn_error_text(&err));
}
