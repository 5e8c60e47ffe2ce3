/* kirinuki worker: works on what is in the queue. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sync.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/queue_view.h"
#include "service/job_need.h"
#include "service/job_runner.h"
#include "service/job_text.h"
#include "service/video_folder.h"

/* A file that has not changed for so long is complete. */
enum { STILL_MS = 2000 };
/* After --grace, for handing the videos back. */
enum { HAND_BACK_MS = 4000 };

struct shift {
    struct kn_queue_call *call;
    struct kn_cancel *stop;
    struct kn_job_runner runner;
    struct kn_services *services;
    pthread_t watching;
    struct kn_error watch_error;
};

/* ---- what is said ---- */

static void say(const struct shift *shift, const struct kn_job *job, const char *what,
                const char *more)
{
    const struct kn_settings *settings = &shift->call->settings;
    if (settings->quiet)
        return;
    struct kn_arena *arena = kn_arena_new();
    const char *name = kn_job_name(job, arena);
    if (settings->json) {
        kn_print_json(json_pack("{s:s, s:I, s:i, s:s, s:s, s:s*}", "event", "job", "id",
                                (json_int_t)job->id, "attempt", job->attempt, "what", what, "name",
                                name, "text", more));
    } else {
        printf("%" PRId64 "  %-9s  %s%s%s\n", job->id, what, name, more ? ": " : "",
               more ? more : "");
    }
    fflush(stdout);
    kn_arena_free(arena);
}

static void begun(void *arg, const struct kn_job_run *run)
{
    say(arg, run->job, "began", NULL);
}

static void ended(void *arg, const struct kn_job_run *run, enum kn_job_state state,
                  enum kn_status status, const struct kn_error *err)
{
    bool well = status == KN_OK || status == KN_END;
    const char *what = state == KN_JOB_LEASED   ? "lost"
                       : state == KN_JOB_QUEUED ? "again"
                                                : kn_job_state_shown(state);
    say(arg, run->job, what, well || status == KN_CANCELLED ? NULL : kn_error_text(err));
}

/* A worker that drains ends at once where the queue is paused, whatever waits. Jobs that wait for a
 * time are not counted: they would not have begun either. */
static enum kn_status say_paused(const struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    struct kn_store_counts counts;
    enum kn_status status = kn_store_counts(call->store, call->arena, &counts, &call->err);
    if (status != KN_OK || !counts.paused)
        return status;
    int64_t waiting = counts.jobs[KN_JOB_QUEUED] - counts.held;
    if (call->settings.json)
        kn_print_json(json_pack("{s:s, s:I}", "event", "paused", "waiting", (json_int_t)waiting));
    else if (waiting)
        fprintf(stderr,
                "note: the queue is paused and %" PRId64
                " job%s: `kirinuki resume` lets %s begin\n",
                waiting, waiting == 1 ? " waits" : "s wait", waiting == 1 ? "it" : "them");
    else
        fprintf(stderr, "note: the queue is paused: `kirinuki resume` lets it go on\n");
    return KN_OK;
}

/* ---- a folder that is watched ---- */

/* On the thread that watches. The clips lie beside the video, wherever the worker was started. */
static void add_video(void *arg, const char *path)
{
    struct shift *shift = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_job_spec spec;
    struct kn_submitted made;
    struct kn_error err;
    struct kn_settings settings = shift->call->settings;
    if (!settings.job.into)
        settings.job.into = settings.queue.watch;
    enum kn_status status =
        kn_job_spec_make(&settings, path, true, arena, shift->stop, &spec, &err);
    if (status == KN_OK) {
        spec.memory_bytes = kn_job_need(path, &settings.job, shift->stop);
        status = kn_store_submit(shift->call->store, &spec, 1, &made, shift->stop, &err);
    }
    if (status != KN_OK && status != KN_CANCELLED)
        kn_log(KN_LOG_WARN, "worker", "%s is not added: %s", path, kn_error_text(&err));
    kn_arena_free(arena);
}

static void *watch_folder(void *arg)
{
    struct shift *shift = arg;
    enum kn_status status = kn_videos_watch(shift->call->settings.queue.watch, STILL_MS,
                                            shift->stop, add_video, shift, &shift->watch_error);
    if (status != KN_CANCELLED)
        kn_cancel_trigger(shift->stop); /* a worker that does not watch is not what was asked for */
    return NULL;
}

static enum kn_status start_watching(struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    int failed = kn_thread_start(&shift->watching, "kn-watch", watch_folder, shift);
    return failed ? kn_error_errno(&call->err, failed, "cannot start a thread") : KN_OK;
}

/* ---- the command ---- */

static enum kn_status run_job(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct shift *shift = arg;
    return kn_job_runner_run(&shift->runner, run, err);
}

static enum kn_status work(struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    const struct kn_queue_settings *queue = &call->settings.queue;
    const struct kn_job_worker_options options = {
        .store = call->store,
        .name = "worker",
        .concurrency = queue->concurrency,
        .chunk = queue->chunk,
        .memory_bytes = queue->memory_bytes,
        .base_bytes = KN_WORKER_BASE_BYTES,
        .lanes = kn_executor_workers(shift->runner.executor, KN_LANE_CPU),
        .measure = kn_worker_memory_now,
        .lease_us = (int64_t)(queue->lease_s * 1e6),
        .drain = queue->drain,
        .grace_ms = INT64_C(1000) * queue->grace_s,
        .keep = true,
        .run = run_job,
        .begun = begun,
        .ended = ended,
        .arg = shift,
    };
    return kn_job_worker_run(&options, shift->stop, &call->err);
}

static int run_worker(struct kn_queue_call *call)
{
    struct shift shift = {
        .call = call,
        .stop = kn_interrupt_watch(),
        .runner = {.settings = &call->settings},
    };
    kn_interrupt_limit(
        INT64_C(1000) * call->settings.queue.grace_s + HAND_BACK_MS, KN_EXIT_FAILED,
        "kirinuki: the queue did not answer in time: videos that were not handed back"
        " are continued by other workers when the lease ends\n");
    /* Made here, by one thread; the jobs' threads read them. */
    (void)kn_settings_job_table();
    (void)kn_settings_table(KN_FOR_RUN);
    bool watches = call->settings.queue.watch != NULL;
    enum kn_status status =
        kn_settings_open_executor(&call->settings, &shift.runner.executor, &call->err);
    if (status == KN_OK)
        status = kn_service_settings_open(&call->settings.services, &shift.services, &call->err);
    shift.runner.services = shift.services;
    if (status == KN_OK && watches)
        status = start_watching(&shift);
    if (status != KN_OK) {
        kn_executor_close(shift.runner.executor);
        kn_services_close(shift.services);
        return kn_complain(status, &call->err);
    }
    status = work(&shift);
    bool stopped = kn_cancel_requested(shift.stop);
    if (watches) {
        kn_cancel_trigger(shift.stop);
        pthread_join(shift.watching, NULL);
        if (status == KN_OK && shift.watch_error.status != KN_OK) {
            status = shift.watch_error.status;
            call->err = shift.watch_error;
        }
    }
    kn_executor_close(shift.runner.executor);
    kn_services_close(shift.services);
    if (status == KN_OK && call->settings.queue.drain && !stopped)
        status = say_paused(&shift);
    return status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call->err);
}

int kn_cmd_worker(int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, "worker", KN_FOR_WORKER, NULL, argc, argv);
    if (code == KN_EXIT_OK)
        code = run_worker(&call);
    kn_queue_end(&call);
    return code;
}
