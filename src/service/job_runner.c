#include "service/job_runner.h"

#include "pipeline/job.h"
#include "service/job_text.h"

/* A step that is recorded keeps the time at which it was done. */
static void record(void *arg, const char *step, const char *data, bool reused)
{
    const struct kn_job_run *run = arg;
    if (!reused || !kn_job_run_has_step(run, step))
        kn_job_run_record(run, step, data);
}

struct kn_attempt_context kn_job_run_context(const struct kn_job_run *run)
{
    return (struct kn_attempt_context){
        .rank = run->rank,
        .fresh_since_us = run->job->submitted_us,
        .kept = record,
        .arg = (void *)run,
    };
}

enum kn_status kn_job_runner_run(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    const struct kn_job_runner *runner = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings = *runner->settings;
    const char *path = kn_job_path_read(run->job->source, arena);
    enum kn_status status = kn_job_options_read(run->job->options, arena, &settings, err);
    if (status == KN_OK) {
        if (!settings.job.models)
            settings.job.models = runner->settings->job.models;
        struct kn_attempt_context context = kn_job_run_context(run);
        context.services = runner->services;
        struct kn_attempt *attempt = kn_attempt_new(path, &settings.job, &context);
        status = kn_attempt_run(attempt, runner->executor, run->cancel, run->progress, err);
        kn_attempt_free(attempt);
    }
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_settings_open_executor(const struct kn_settings *settings,
                                         struct kn_executor **ret_executor, struct kn_error *err)
{
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    if (settings->workers)
        workers[KN_LANE_CPU] = settings->workers;
    return kn_executor_open(workers, ret_executor, err);
}
