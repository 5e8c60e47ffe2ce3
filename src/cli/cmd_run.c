/* kirinuki run VIDEO…: the main job, with live progress. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/print_result.h"
#include "cli/progress_view.h"
#include "cli/step_timeline.h"
#include "pipeline/job.h"

struct run {
    const struct kn_settings *settings;
    struct kn_executor *executor;
    struct kn_cancel *cancel;
};

static enum kn_progress_style progress_style(const struct kn_settings *settings)
{
    return settings->json    ? KN_PROGRESS_JSON
           : settings->quiet ? KN_PROGRESS_QUIET
                             : KN_PROGRESS_AUTO;
}

/* One video, from progress to printed result. Gives the exit code of this video alone. */
static int run_video(const struct run *run, const char *path)
{
    struct kn_error err = {0};
    struct kn_attempt *attempt = kn_attempt_new(path, &run->settings->job);
    struct kn_progress *progress = kn_progress_new(kn_path_base(path));
    const struct kn_progress_options view = {
        .style = progress_style(run->settings),
        .out = run->settings->json ? stdout : stderr,
    };
    struct kn_progress_display *display = kn_progress_display_start(progress, &view);
    enum kn_status status = kn_attempt_run(attempt, run->executor, run->cancel, progress, &err);
    kn_progress_end(progress, status);
    kn_progress_display_stop(display);
    const struct kn_result *result = kn_attempt_result(attempt);
    if (result && status != KN_CANCELLED)
        kn_print_clips(result, run->settings);
    if (result && run->settings->verbose)
        kn_print_step_times(result, stderr);
    int code = KN_EXIT_OK;
    if (status == KN_CANCELLED)
        fprintf(stderr, "kirinuki: stopped; the same command %scontinues from here\n",
                run->settings->job.fresh ? "without --fresh " : "");
    if (status != KN_OK && status != KN_END) {
        code = kn_complain(status, &err);
        if (result && result->failed && result->failed < result->clip_count)
            code = KN_EXIT_SOME_FAILED;
    }
    kn_progress_free(progress);
    kn_attempt_free(attempt);
    return code;
}

/* All done, some failed or all failed: the code for a list of videos. */
static int run_videos(const struct run *run, char **paths, int count)
{
    int good = 0, worst = KN_EXIT_OK;
    for (int i = 0; i < count; i++) {
        int code = run_video(run, paths[i]);
        if (code == KN_EXIT_INTERRUPTED)
            return code;
        good += code == KN_EXIT_OK;
        worst = code != KN_EXIT_OK ? code : worst;
    }
    if (worst != KN_EXIT_OK && good > 0)
        return KN_EXIT_SOME_FAILED;
    return worst;
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
        struct run run = {.settings = &settings, .cancel = kn_interrupt_watch()};
        int workers[KN_LANE_COUNT];
        kn_executor_defaults(workers);
        if (settings.workers)
            workers[KN_LANE_CPU] = settings.workers;
        status = kn_executor_open(workers, &run.executor, &err);
        code = status == KN_OK ? run_videos(&run, paths, count) : kn_complain(status, &err);
        kn_executor_close(run.executor);
    }
    kn_arena_free(arena);
    return code;
}
