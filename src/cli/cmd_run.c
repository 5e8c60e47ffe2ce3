/*
 * kirinuki run VIDEO…: the main job, with live progress.
 *
 * The videos are submitted to the queue like any other job, and a worker in this process claims
 * them, and only them; nobody else does, for they wait for a time that never comes. So there is one
 * way in which a video is processed, and `kirinuki jobs` and `watch` see these, too. Where the
 * queue can't be opened, a private one takes its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/own_sandbox.h"
#include "cli/print_result.h"
#include "cli/progress_view.h"
#include "cli/publishing.h"
#include "cli/step_timeline.h"
#include "pipeline/clip_names.h"
#include "pipeline/job.h"
#include "service/job_need.h"
#include "service/job_runner.h"
#include "service/job_text.h"
#include "service/post_ahead.h"
#include "service/store_place.h"

struct video {
    const char *path;
    struct kn_job_options options;
    int64_t job;
    struct kn_attempt *attempt; /* NULL: never began */
    char *folder;               /* with clips; NULL: none */
    enum kn_status status;
    struct kn_error err;
    int code; /* -1: not printed yet */
};

struct run {
    const struct kn_settings *settings;
    struct kn_executor *executor;
    struct kn_services *services;                 /* NULL: none is asked */
    struct kn_sandbox *sandbox;                   /* NULL: none is wanted */
    const struct kn_renditions_ahead *renditions; /* for what is posted; NULL: none */
    struct kn_progress_display *display;
    struct kn_arena *arena;
    struct video *videos;
    int count;
};

static enum kn_progress_style progress_style(const struct kn_settings *settings)
{
    return settings->json    ? KN_PROGRESS_JSON
           : settings->quiet ? KN_PROGRESS_QUIET
                             : KN_PROGRESS_AUTO;
}

/* ---- one video ---- */

static struct video *video_of(struct run *run, int64_t job)
{
    for (int i = 0; i < run->count; i++)
        if (run->videos[i].job == job)
            return &run->videos[i];
    return NULL;
}

/* What it is called beside the others: the name alone, or the path where that is another one's,
 * too.
 */
static const char *shown_name(const struct run *run, const struct video *video)
{
    const char *name = kn_path_base(video->path);
    for (int i = 0; i < run->count; i++)
        if (&run->videos[i] != video && strcmp(kn_path_base(run->videos[i].path), name) == 0)
            return video->path;
    return name;
}

static void print_work(const struct kn_result *result)
{
    kn_print_renditions(result, stderr);
    kn_print_step_times(result, stderr);
}

static void print_outcome(const struct run *run, struct video *video)
{
    const struct kn_result *result = video->attempt ? kn_attempt_result(video->attempt) : NULL;
    if (result && video->status != KN_CANCELLED)
        kn_print_clips(result, run->settings, run->count > 1 ? shown_name(run, video) : NULL);
    if (result && run->settings->verbose)
        print_work(result);
    if (result && result->clip_count > result->failed && video->status != KN_CANCELLED)
        video->folder = kn_arena_strdup(run->arena, result->folder);
    video->code = KN_EXIT_OK;
    if (video->status == KN_OK || video->status == KN_END)
        return;
    video->code = kn_complain_about(video->path, video->status, &video->err);
    if (result && result->failed && result->failed < result->clip_count)
        video->code = KN_EXIT_SOME_FAILED;
}

struct printing {
    const struct run *run;
    struct video *video;
};

static void print_above(void *arg)
{
    const struct printing *printing = arg;
    print_outcome(printing->run, printing->video);
}

/* ---- what the worker calls ---- */

static enum kn_status run_job(void *arg, const struct kn_job_run *job, struct kn_error *err)
{
    struct run *run = arg;
    struct video *video = video_of(run, job->job->id);
    struct kn_attempt_context context = kn_job_run_context(job);
    context.fresh_since_us = 0; /* it has one attempt */
    context.services = run->services;
    context.renditions = run->renditions;
    video->attempt = kn_attempt_new(video->path, &video->options, &context);
    return kn_attempt_run(video->attempt, run->executor, job->cancel, job->progress, err);
}

static const char *title(void *arg, const struct kn_job *job)
{
    return shown_name(arg, video_of(arg, job->id));
}

static void begun(void *arg, const struct kn_job_run *job)
{
    struct run *run = arg;
    kn_progress_display_add(run->display, job->job->id, job->progress);
}

/* A single video's bars stay as they ended; of several, the results take the place of the bars. */
static void ended(void *arg, const struct kn_job_run *job, enum kn_job_state state,
                  enum kn_status status, const struct kn_error *err)
{
    struct run *run = arg;
    struct video *video = video_of(run, job->job->id);
    (void)state;
    video->status = status;
    video->err = *err;
    if (run->count == 1) {
        kn_progress_display_stop(run->display);
        run->display = NULL;
        print_outcome(run, video);
        return;
    }
    kn_progress_display_remove(run->display, job->job->id);
    if (status != KN_CANCELLED)
        kn_progress_display_above(run->display, print_above, &(struct printing){run, video});
    kn_attempt_free(video->attempt);
    video->attempt = NULL;
}

/* ---- all of them ---- */

static enum kn_status submit(struct run *run, struct kn_store *store, struct kn_cancel *cancel,
                             int64_t **ret_ids, struct kn_error *err)
{
    size_t count = (size_t)run->count;
    struct kn_job_spec *specs = kn_arena_array(run->arena, count, sizeof *specs);
    struct kn_submitted *made = kn_arena_array(run->arena, count, sizeof *made);
    enum kn_status status = KN_OK;
    for (int i = 0; i < run->count && status == KN_OK; i++) {
        status = kn_job_spec_make(run->settings, run->videos[i].path, false, run->arena, cancel,
                                  &specs[i], err);
        struct kn_error ignored; /* what is wrong with the video its attempt will say */
        specs[i].memory_bytes = kn_job_need(run->videos[i].path, &run->videos[i].options,
                                            run->renditions, cancel, &ignored);
        specs[i].attempts_max = 1;
        specs[i].not_before_us = KN_JOB_RESERVED_US;
    }
    if (status == KN_OK)
        status = kn_store_submit(store, specs, run->count, made, cancel, err);
    *ret_ids = kn_arena_array(run->arena, count, sizeof **ret_ids);
    for (int i = 0; i < run->count && status == KN_OK; i++)
        run->videos[i].job = (*ret_ids)[i] = made[i].id;
    return status;
}

/* Those that were not begun must not stay behind. */
static void cancel_rest(struct run *run, struct kn_store *store)
{
    for (int i = 0; i < run->count; i++) {
        enum kn_job_state state;
        if (run->videos[i].status == KN_CANCELLED && run->videos[i].job)
            (void)kn_store_cancel(store, run->videos[i].job, &state, NULL); /* may have ended */
    }
}

static enum kn_status work(struct run *run, struct kn_store *store, struct kn_cancel *cancel,
                           struct kn_error *err)
{
    int64_t *ids;
    enum kn_status status = submit(run, store, cancel, &ids, err);
    if (status != KN_OK)
        return status;
    const struct kn_progress_options view = {
        .style = progress_style(run->settings),
        .out = run->settings->json ? stdout : stderr,
        .several = run->count > 1,
    };
    const struct kn_job_worker_options options = {
        .store = store,
        .name = "run",
        .only = ids,
        .only_count = run->count,
        .run = run_job,
        .title = title,
        .begun = begun,
        .ended = ended,
        .arg = run,
    };
    run->display = kn_progress_display_start(&view);
    status = kn_job_worker_run(&options, cancel, err);
    if (run->display)
        kn_progress_display_stop(run->display);
    cancel_rest(run, store);
    return status;
}

/* All done, some failed or all failed: the code for a list of videos. */
static int code_of(const struct run *run, bool stopped)
{
    int good = 0, worst = KN_EXIT_OK;
    for (int i = 0; i < run->count; i++) {
        int code = run->videos[i].code;
        good += code == KN_EXIT_OK;
        worst = code != KN_EXIT_OK ? code : worst;
    }
    if (stopped && worst != KN_EXIT_OK)
        return KN_EXIT_INTERRUPTED;
    return worst != KN_EXIT_OK && good > 0 ? KN_EXIT_SOME_FAILED : worst;
}

static int run_videos(struct run *run, struct kn_store *store, struct kn_cancel *cancel)
{
    struct kn_error err = {0};
    for (int i = 0; i < run->count; i++) {
        run->videos[i].status = KN_CANCELLED; /* until it has ended */
        run->videos[i].code = KN_EXIT_INTERRUPTED;
    }
    enum kn_status status = work(run, store, cancel, &err);
    bool stopped = false;
    for (int i = 0; i < run->count; i++) {
        stopped |= run->videos[i].status == KN_CANCELLED;
        kn_attempt_free(run->videos[i].attempt);
    }
    if (status != KN_OK && status != KN_CANCELLED)
        return kn_complain(status, &err);
    if (stopped)
        fprintf(stderr, "kirinuki: stopped; the same command %scontinues from here\n",
                run->settings->job.fresh ? "without --fresh " : "");
    return code_of(run, stopped);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A file that is named twice is one video. */
static int leave_out_doubles(char **paths, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        bool known = false;
        char shown[512];
        for (int k = 0; k < kept; k++)
            known |= is_same_file(paths[k], paths[i]);
        if (known)
            fprintf(stderr, "note: %s was named before and is made once\n",
                    kn_text_show(paths[i], shown, sizeof shown));
        else
            paths[kept++] = paths[i];
    }
    return kept;
}

/* Of several sources of one name the first has the plain folder, whichever is analysed first. */
static void prepare(struct run *run, char **paths)
{
    for (int i = 0; i < run->count; i++) {
        struct video *video = &run->videos[i];
        video->path = paths[i];
        video->options = run->settings->job;
        video->options.folder_from = 1;
        const char *folder = kn_clip_folder_name(run->arena, paths[i]);
        for (int k = 0; k < i; k++)
            if (strcmp(kn_clip_folder_name(run->arena, paths[k]), folder) == 0)
                video->options.folder_from++;
    }
}

/* ---- posting ---- */

/* The clips of the videos that have some. */
static int publish_clips(struct run *run, struct kn_store *store, struct kn_cancel *cancel,
                         int code)
{
    char **folders = kn_arena_array(run->arena, (size_t)run->count + 1, sizeof *folders);
    int count = 0;
    for (int i = 0; i < run->count; i++)
        if (run->videos[i].folder)
            folders[count++] = run->videos[i].folder;
    if (!count)
        return code;
    int posted = kn_publish_now(store, run->settings, folders, count, cancel);
    return code == KN_EXIT_OK || posted == KN_EXIT_INTERRUPTED ? posted : code;
}

/* ---- the store ---- */

static int run_with_store(struct run *run, struct kn_cancel *cancel)
{
    struct kn_error err = {0};
    struct kn_store *store = NULL;
    char *folder = NULL;
    enum kn_status status = kn_store_open_at(run->settings->queue.store,
                                             run->settings->queue.levels, true, &store, &err);
    if (status != KN_OK && run->settings->publish.to && run->settings->publish.spread) {
        (void)kn_error_add(&err, "--spread needs a queue that keeps posts for later");
        return kn_complain(status, &err);
    }
    if (status != KN_OK) {
        fprintf(stderr, "note: %s; this run keeps a queue of its own\n", kn_text_clean(err.text));
        status =
            kn_store_open_private(run->arena, run->settings->queue.levels, &folder, &store, &err);
    }
    if (status == KN_OK)
        run->renditions = kn_posts_ahead(store, &run->settings->publish, run->arena);
    int code = status == KN_OK ? run_videos(run, store, cancel) : kn_complain(status, &err);
    if (status == KN_OK && code != KN_EXIT_INTERRUPTED && run->settings->publish.to)
        code = publish_clips(run, store, cancel, code);
    kn_store_close(store);
    if (folder)
        kn_store_remove_private(run->arena, folder);
    return code;
}

int kn_cmd_run(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    char **paths = kn_arena_array(arena, (size_t)argc + 1, sizeof *paths);
    int count = 0, code;
    enum kn_status status =
        kn_settings_read(KN_FOR_RUN, argc, argv, arena, &settings, paths, &count, &err);
    if (status == KN_OK && count == 0)
        status = kn_error_set(&err, KN_INVALID, "run needs a video: kirinuki run talk.mp4");
    if (status == KN_OK && count > 1 && (settings.job.output || settings.job.transcript))
        status = kn_error_set(&err, KN_INVALID, "--%s belongs to one video, but %d were given",
                              settings.job.output ? "output" : "transcript", count);
    if (status != KN_OK) {
        code = kn_complain_usage("run", &err);
    } else {
        count = leave_out_doubles(paths, count);
        struct kn_cancel *cancel = kn_interrupt_watch();
        struct run run = {.settings = &settings, .arena = arena, .count = count};
        run.videos = kn_arena_array(arena, (size_t)count, sizeof *run.videos);
        prepare(&run, paths);
        status = kn_own_sandbox_open(&settings, arena, &run.sandbox, &err);
        if (status == KN_OK)
            status = kn_settings_open_executor(&settings, &run.executor, &err);
        if (status == KN_OK && kn_ai_asks(&settings.job.ai))
            status = kn_service_settings_open(&settings.services, &run.services, &err);
        code = status == KN_OK ? run_with_store(&run, cancel) : kn_complain(status, &err);
        kn_executor_close(run.executor);
        kn_services_close(run.services);
        kn_sandbox_close(run.sandbox);
    }
    kn_arena_free(arena);
    return code;
}
