/*
 * Runs claimed jobs as attempts of the pipeline: what stands between a worker and pipeline/job.h.
 */
#ifndef KN_SERVICE_JOB_RUNNER_H
#define KN_SERVICE_JOB_RUNNER_H

#include <kirinuki/executor.h>

#include "service/settings.h"
#include "service/worker.h"

struct kn_job_runner {
    struct kn_executor *executor;
    /* Of the worker: what a job doesn't say itself (models, workers). Borrowed. */
    const struct kn_settings *settings;
    const struct kn_services *services; /* borrowed; NULL: none are set up */
};

/* For struct kn_job_worker_options; `arg` is a struct kn_job_runner. */
enum kn_status kn_job_runner_run(void *arg, const struct kn_job_run *run, struct kn_error *err);

/* What an attempt at this job has to know of it: its rank, and where its steps are recorded. */
struct kn_attempt_context kn_job_run_context(const struct kn_job_run *run);

/* An executor with as many workers as the settings say. */
enum kn_status kn_settings_open_executor(const struct kn_settings *settings,
                                         struct kn_executor **ret_executor, struct kn_error *err);

#endif
