/* kirinuki analyze VIDEO: everything but the clips. */
#include <stdio.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/own_sandbox.h"
#include "cli/print_result.h"
#include "cli/progress_view.h"
#include "cli/step_timeline.h"
#include "pipeline/job.h"

static int analyze(struct kn_settings *settings, const char *path, struct kn_arena *arena)
{
    struct kn_error err = {0};
    struct kn_executor *executor;
    struct kn_cancel *cancel = kn_interrupt_watch();
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    if (settings->workers)
        workers[KN_LANE_CPU] = settings->workers;
    struct kn_services *services = NULL;
    KN_SCOPED(kn_sandbox) sandbox = NULL;
    enum kn_status status = kn_own_sandbox_open(settings, arena, &sandbox, &err);
    if (status == KN_OK)
        status = kn_executor_open(workers, &executor, &err);
    if (status != KN_OK)
        return kn_complain(status, &err);
    if (kn_ai_asks(&settings->job.ai) &&
        kn_service_settings_open(&settings->services, &services, &err) != KN_OK) {
        kn_executor_close(executor);
        return kn_complain(err.status, &err);
    }
    const struct kn_attempt_context context = {.services = services};
    struct kn_attempt *attempt = kn_attempt_new(path, &settings->job, &context);
    struct kn_progress *progress = kn_progress_new(kn_path_base(path));
    const struct kn_progress_options view = {
        .style = settings->json || settings->quiet ? KN_PROGRESS_QUIET : KN_PROGRESS_AUTO,
        .out = stderr,
    };
    struct kn_progress_display *display = kn_progress_display_start(&view);
    kn_progress_display_add(display, 1, progress);
    status = kn_attempt_analyze(attempt, executor, cancel, progress, &err);
    kn_progress_end(progress, status);
    kn_progress_display_stop(display);
    if (status == KN_OK)
        kn_print_analysis(kn_attempt_result(attempt), settings);
    if (status == KN_OK && settings->verbose)
        kn_print_step_times(kn_attempt_result(attempt), stderr);
    if (status == KN_CANCELLED)
        fprintf(stderr, "kirinuki: stopped; the same command continues from what was heard\n");
    int code = status == KN_OK ? KN_EXIT_OK : kn_complain_about(path, status, &err);
    kn_progress_free(progress);
    kn_attempt_free(attempt);
    kn_executor_close(executor);
    kn_services_close(services);
    return code;
}

int kn_cmd_analyze(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    char **paths = kn_arena_array(arena, (size_t)argc + 1, sizeof *paths);
    int count = 0;
    enum kn_status status =
        kn_settings_read(KN_FOR_ANALYZE, argc, argv, arena, &settings, paths, &count, &err);
    if (status == KN_OK && count != 1)
        status =
            kn_error_set(&err, KN_INVALID, "analyze needs one video: kirinuki analyze talk.mp4");
    int code =
        status == KN_OK ? analyze(&settings, paths[0], arena) : kn_complain_usage("analyze", &err);
    kn_arena_free(arena);
    return code;
}
