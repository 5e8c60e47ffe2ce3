/* kirinuki worker: works on what is in the queue. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sync.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/queue_view.h"
#include "media/whole.h"
#include "service/job_need.h"
#include "service/job_runner.h"
#include "service/job_text.h"
#include "service/job_waits.h"
#include "service/publisher.h"
#include "service/video_folder.h"

/* When a file in a watched folder is complete: see service/video_folder.h. */
enum { STILL_MS = 2000, UNSURE_MS = 30000, BROKEN_MS = 60000 };
enum { JOBS_MOST = 10000 }; /* that are counted at the end */
/* After --grace, for handing the videos back. */
enum { HAND_BACK_MS = 4000 };

struct shift {
    struct kn_queue_call *call;
    struct kn_cancel *stop;
    struct kn_job_runner runner;
    struct kn_services *services;
    pthread_t watching, posting;
    struct kn_cancel *post_stop; /* NULL: it does not post */
    struct kn_http *http;
    struct kn_accounts *accounts;
    struct kn_error watch_error;
    bool away; /* the queue, for the thread that watches: it was said */
};

/* ---- what is said ---- */

/* For people on stderr; a program gets them with the event. */
static void say_notes(const char *name, const json_t *notes)
{
    size_t i;
    json_t *note;
    json_array_foreach(notes, i, note)
    {
        KN_SCOPED_STR line = {0};
        kn_str_printf(&line, "note: %s: %s", name, json_string_value(note));
        fprintf(stderr, "%s\n", kn_text_clean(line.at));
    }
}

/* `notes`: an array, or NULL; borrowed. */
static void say(const struct shift *shift, const struct kn_job *job, const char *what,
                const char *more, json_t *notes)
{
    const struct kn_settings *settings = &shift->call->settings;
    if (settings->quiet)
        return;
    struct kn_arena *arena = kn_arena_new();
    const char *name = kn_job_name(job, arena);
    if (settings->json) {
        kn_print_json(json_pack("{s:s, s:I, s:i, s:s, s:s, s:s*, s:O*}", "event", "job", "id",
                                (json_int_t)job->id, "attempt", job->attempt, "what", what, "name",
                                name, "text", more, "notes", notes));
    } else {
        kn_say("%" PRId64 "  %-9s  %s%s%s", job->id, what, name, more ? ": " : "",
               more ? more : "");
        say_notes(name, notes);
    }
    fflush(stdout);
    kn_arena_free(arena);
}

static void begun(void *arg, const struct kn_job_run *run)
{
    say(arg, run->job, "began", NULL, NULL);
}

/* NULL: there is none, or the store is away, where `kirinuki show` has them later. */
static json_t *notes_of(const struct shift *shift, const struct kn_job *job)
{
    struct kn_arena *arena = kn_arena_new();
    const struct kn_job_step *steps;
    int count = 0;
    struct kn_error err;
    json_t *notes = NULL;
    if (kn_store_steps(shift->call->store, job->id, arena, &steps, &count, &err) == KN_OK)
        for (int i = 0; i < count && !notes; i++)
            notes = kn_step_notes(&steps[i]);
    kn_arena_free(arena);
    return notes;
}

static void ended(void *arg, const struct kn_job_run *run, enum kn_job_state state,
                  enum kn_status status, const struct kn_error *err)
{
    bool well = status == KN_OK || status == KN_END;
    const char *what = state == KN_JOB_LEASED   ? "lost"
                       : state == KN_JOB_QUEUED ? "again"
                                                : kn_job_state_shown(state);
    KN_SCOPED_JSON notes = state == KN_JOB_DONE ? notes_of(arg, run->job) : NULL;
    say(arg, run->job, what, well || status == KN_CANCELLED ? NULL : kn_error_text(err), notes);
}

static enum kn_status say_scheduled(const struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    const struct kn_job_filter filter = {.states = 1u << KN_JOB_QUEUED, .limit = JOBS_MOST};
    const struct kn_job *jobs;
    int count, waiting = 0;
    int64_t first_us = INT64_MAX;
    char at[KN_TIME_TEXT_BYTES];
    enum kn_status status =
        kn_store_list(call->store, &filter, call->arena, &jobs, &count, &call->err);
    for (int i = 0; status == KN_OK && i < count; i++)
        if (jobs[i].held_until_us && !kn_job_is_reserved(jobs[i].held_until_us)) {
            waiting++;
            first_us = KN_MIN(first_us, jobs[i].held_until_us);
        }
    if (status != KN_OK || !waiting)
        return status;
    if (call->settings.json)
        kn_print_json(json_pack("{s:s, s:i, s:s}", "event", "scheduled", "waiting", waiting,
                                "first", kn_time_iso(first_us, at)));
    else
        fprintf(stderr, "note: %d job%s scheduled for later, the first for %s\n", waiting,
                waiting == 1 ? " is" : "s are", kn_time_local(first_us, at));
    return KN_OK;
}

/* What a worker that drains leaves behind: it ends at once where the queue is paused, whatever
 * waits, and does not wait for jobs with a time. The latter are not counted as paused: they would
 * not have begun either. */
static enum kn_status say_left(const struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    struct kn_store_counts counts;
    enum kn_status status = kn_store_counts(call->store, call->arena, &counts, &call->err);
    if (status != KN_OK)
        return status;
    if (!counts.paused)
        return say_scheduled(shift);
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

/* Whether the file is done with. A queue that is away is said once. */
static bool note_added(struct shift *shift, const char *path, enum kn_status status, bool again,
                       const struct kn_error *err)
{
    if (again && !shift->away)
        kn_log(KN_LOG_WARN, "worker", "%s is not added yet, and will be tried again: %s", path,
               kn_error_text(err));
    else if (!again && status != KN_OK && status != KN_CANCELLED)
        kn_log(KN_LOG_WARN, "worker", "%s is not added: %s", path, kn_error_text(err));
    shift->away = again;
    return !again;
}

/* On the thread that watches. The clips lie beside the video, wherever the worker was started. What
 * has failed or was cancelled is not made again only because a worker was started again: that is
 * for people to ask for. */
static bool add_video(void *arg, const char *path)
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
    bool known = false, asked = status == KN_OK;
    if (status == KN_OK && !settings.queue.force)
        status = kn_store_knows(shift->call->store, spec.key, &known, &err);
    if (status == KN_OK && !known) {
        spec.memory_bytes = kn_job_need(path, &settings.job, NULL, shift->stop, &err);
        status = kn_store_submit(shift->call->store, &spec, 1, &made, shift->stop, &err);
    }
    kn_arena_free(arena);
    return note_added(shift, path, status, asked && kn_status_retryable(status), &err);
}

static void say_gone(void *arg, const char *why)
{
    const struct shift *shift = arg;
    if (why)
        kn_log(KN_LOG_WARN, "worker", "%s; looking for it until it is back", why);
    else
        kn_log(KN_LOG_WARN, "worker", "the folder %s is back", shift->call->settings.queue.watch);
}

static void *watch_folder(void *arg)
{
    struct shift *shift = arg;
    const struct kn_video_watch watch = {
        .folder = shift->call->settings.queue.watch,
        .still_ms = STILL_MS,
        .unsure_ms = UNSURE_MS,
        .broken_ms = BROKEN_MS,
        .whole = kn_media_whole,
        .found = add_video,
        .gone = say_gone,
        .arg = shift,
    };
    enum kn_status status = kn_videos_watch(&watch, shift->stop, &shift->watch_error);
    if (status != KN_CANCELLED)
        kn_cancel_trigger(shift->stop); /* a worker that does not watch is not what was asked for */
    return NULL;
}

/* Clips among the videos would be taken for videos, and clips be made of them without end. */
static enum kn_status check_output(struct kn_queue_call *call)
{
    const char *watched = call->settings.queue.watch, *output = call->settings.job.output;
    struct stat a, b;
    if (!output || stat(watched, &a) != 0 || stat(output, &b) != 0 || a.st_dev != b.st_dev ||
        a.st_ino != b.st_ino)
        return KN_OK;
    return kn_error_set(&call->err, KN_INVALID,
                        "output = %s is the folder that is watched: its clips would be taken for "
                        "videos; `into` makes a folder for each video",
                        output);
}

static enum kn_status start_watching(struct shift *shift)
{
    struct kn_queue_call *call = shift->call;
    if (check_output(call) != KN_OK)
        return KN_INVALID;
    int failed = kn_thread_start(&shift->watching, "kn-watch", watch_folder, shift);
    return failed ? kn_error_errno(&call->err, failed, "cannot start a thread") : KN_OK;
}

/* ---- posts ---- */

static void say_post(void *arg, const struct kn_post_news *news)
{
    const struct shift *shift = arg;
    const struct kn_settings *settings = &shift->call->settings;
    if (settings->quiet || (!kn_post_state_final(news->state) && !news->reason[0]))
        return;
    if (settings->json)
        kn_print_json(json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "event", "post", "id",
                                (json_int_t)news->post, "platform", news->platform, "state",
                                kn_post_state_name(news->state), "url", news->url, "reason",
                                news->reason));
    else
        kn_say("post %" PRId64 "  %s on %s %s%s", news->post, kn_post_state_name(news->state),
               news->platform, news->url, news->reason);
    fflush(stdout);
}

static struct kn_publisher_options post_options(struct shift *shift)
{
    const struct kn_settings *settings = &shift->call->settings;
    return (struct kn_publisher_options){
        .store = shift->call->store,
        .http = shift->http,
        .accounts = shift->accounts,
        .webhook_secret = settings->publish.webhook_secret,
        .name = "posts",
        .at_once = settings->publish.at_once,
        .lease_us = (int64_t)(settings->queue.lease_s * 1e6),
        .heard = say_post,
        .arg = shift,
    };
}

static void *keep_posting(void *arg)
{
    struct shift *shift = arg;
    const struct kn_publisher_options options = post_options(shift);
    kn_publisher_keep(&options, shift->post_stop);
    return NULL;
}

static enum kn_status start_posting(struct shift *shift)
{
    struct kn_error *err = &shift->call->err;
    enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &shift->http, err);
    if (status != KN_OK)
        return status;
    shift->accounts = kn_accounts_open(
        &(struct kn_accounts_options){.store = shift->call->store, .http = shift->http});
    shift->post_stop = kn_cancel_new(shift->stop);
    int failed = kn_thread_start(&shift->posting, "kn-posts", keep_posting, shift);
    if (!failed)
        return KN_OK;
    kn_cancel_free(KN_MOVE(shift->post_stop));
    return kn_error_errno(err, failed, "cannot start a thread");
}

/* A worker that drains posts what is due before it ends. */
static void stop_posting(struct shift *shift)
{
    if (shift->post_stop) {
        kn_cancel_trigger(shift->post_stop);
        pthread_join(shift->posting, NULL);
        kn_cancel_free(shift->post_stop);
    }
    if (shift->call->settings.queue.drain && shift->accounts && !kn_cancel_requested(shift->stop)) {
        struct kn_publisher_options options = post_options(shift);
        struct kn_error err;
        int64_t due_us = INT64_MAX;
        options.drain = true;
        if (kn_store_posts_next_due(shift->call->store, &due_us, &err) == KN_OK &&
            due_us <= kn_store_now_us(shift->call->store) &&
            kn_publisher_run(&options, shift->stop, &err) != KN_OK)
            kn_log(KN_LOG_WARN, "worker", "%s", kn_error_text(&err));
    }
    kn_accounts_close(shift->accounts);
    kn_http_close(shift->http);
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
    if (status == KN_OK && call->settings.publish.posts)
        status = start_posting(&shift);
    if (status == KN_OK && watches)
        status = start_watching(&shift);
    if (status != KN_OK) {
        stop_posting(&shift);
        kn_executor_close(shift.runner.executor);
        kn_services_close(shift.services);
        return kn_complain(status, &call->err);
    }
    status = work(&shift);
    bool stopped = kn_cancel_requested(shift.stop);
    stop_posting(&shift);
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
        status = say_left(&shift);
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
