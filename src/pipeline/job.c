/*
 * The story of a job:
 *
 *     probe -> identify -+-> listen --+-> timeline -> segments
 *                        `-> look ----'
 *     then for each segment, side by side:   close look -> render
 *                                                       `-> thumbnail
 *     then the result and the report.
 *
 * Listening and looking never wait for each other. What a step makes is kept (the timeline in the
 * cache, clips in the output folder), so an attempt that was stopped is continued by the next.
 */
#include "pipeline/job.h"

#include <string.h>

#include "base/clock.h"
#include "pipeline/attempt.h"
#include "pipeline/output_folder.h"
#include "pipeline/report.h"

struct kn_attempt *kn_attempt_new(const char *path, const struct kn_job_options *options)
{
    struct kn_attempt *attempt = kn_calloc(1, sizeof *attempt);
    attempt->path = path;
    attempt->options = options;
    attempt->arena = kn_arena_new();
    attempt->listen_arena = kn_arena_new();
    attempt->look_arena = kn_arena_new();
    attempt->trace_arena = kn_arena_new();
    pthread_mutex_init(&attempt->trace_lock, NULL);
    return attempt;
}

void kn_attempt_free(struct kn_attempt *attempt)
{
    if (!attempt)
        return;
    for (int i = 0; i < attempt->clip_count; i++)
        kn_arena_free(attempt->clips[i].arena);
    kn_face_finder_close(attempt->finder);
    kn_vec_free(&attempt->step_times);
    pthread_mutex_destroy(&attempt->trace_lock);
    kn_arena_free(attempt->trace_arena);
    kn_arena_free(attempt->look_arena);
    kn_arena_free(attempt->listen_arena);
    kn_arena_free(attempt->arena);
    free(attempt);
}

const struct kn_result *kn_attempt_result(const struct kn_attempt *attempt)
{
    return attempt->has_result ? &attempt->result : NULL;
}

/* Runs on workers. */
static void note_step_time(void *arg, const struct kn_trace *trace)
{
    struct kn_attempt *attempt = arg;
    pthread_mutex_lock(&attempt->trace_lock);
    struct kn_step_time time = {
        .step = kn_arena_strdup(attempt->trace_arena, trace->plan_step),
        .name = kn_arena_strdup(attempt->trace_arena, trace->name),
        .lane = kn_lane_name(trace->lane),
        .worker = trace->worker,
        .start_us = trace->start_us - attempt->start_us,
        .end_us = trace->end_us - attempt->start_us,
        .status = trace->status,
    };
    kn_vec_push(&attempt->step_times, time);
    pthread_mutex_unlock(&attempt->trace_lock);
}

static int by_start(const void *a, const void *b)
{
    const struct kn_step_time *x = a, *y = b;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return x->end_us > y->end_us ? -1 : x->end_us < y->end_us;
}

static void fill_result(struct kn_attempt *attempt)
{
    char now[KN_TIME_TEXT_BYTES];
    const struct kn_job_options *options = attempt->options;
    if (attempt->step_times.count)
        qsort(attempt->step_times.at, (size_t)attempt->step_times.count,
              sizeof *attempt->step_times.at, by_start);
    attempt->result.version = KN_VERSION;
    attempt->result.created = kn_arena_strdup(attempt->arena, kn_time_iso(kn_wall_us(), now));
    attempt->result.folder = attempt->folder;
    attempt->result.timeline = &attempt->timeline;
    attempt->result.timeline_reused = attempt->timeline_reused;
    attempt->result.segments = &attempt->segments;
    attempt->result.option_count = options->described_count;
    attempt->result.options = options->described;
    attempt->result.step_time_count = attempt->step_times.count;
    attempt->result.step_times = attempt->step_times.at;
    attempt->result.wall_us = kn_now_us() - attempt->start_us;
    attempt->result.cpu_us = kn_cpu_us() - attempt->cpu_start_us;
    attempt->has_result = true;
}

static enum kn_status analyze(struct kn_attempt *attempt, struct kn_executor *executor,
                              struct kn_cancel *cancel, struct kn_progress *node,
                              struct kn_error *err)
{
    struct kn_plan *plan = kn_plan_new();
    kn_analysis_plan(attempt, plan);
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, node, err);
    kn_plan_free(plan);
    kn_progress_end(node, status);
    if (status == KN_OK)
        fill_result(attempt);
    return status;
}

static enum kn_status make_clips(struct kn_attempt *attempt, struct kn_executor *executor,
                                 struct kn_cancel *cancel, struct kn_progress *node,
                                 struct kn_error *err)
{
    if (attempt->clip_count == 0) {
        kn_progress_end(node, KN_OK);
        return KN_END;
    }
    struct kn_plan *plan = kn_plan_new();
    kn_clips_plan(attempt, kn_executor_workers(executor, KN_LANE_CPU), plan);
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, node, err);
    kn_plan_free(plan);
    if (status == KN_OK)
        status = kn_clips_collect(attempt, err);
    kn_progress_end(node, status);
    return status;
}

/* A 30-second clip takes about as long to make as this share of its length on one core. */
static double expected_seconds(const struct kn_segments *segments)
{
    double seconds = 0;
    for (int i = 0; i < segments->count; i++)
        seconds += kn_seconds(segments->segments[i].end_us - segments->segments[i].start_us);
    return 0.5 * seconds;
}

static enum kn_status make_ready(struct kn_attempt *attempt, struct kn_progress *node,
                                 struct kn_error *err)
{
    const char *given = attempt->options->output;
    attempt->folder =
        given ? given : kn_output_folder_choose(attempt->path, attempt->hash, attempt->arena);
    enum kn_status status = kn_folder_make(attempt->folder, err);
    if (status != KN_OK)
        return status;
    if (attempt->segments.count)
        kn_clips_prepare(attempt, node);
    return kn_outputs_claim(attempt, err);
}

static void begin(struct kn_attempt *attempt, struct kn_executor *executor)
{
    attempt->start_us = kn_now_us();
    attempt->cpu_start_us = kn_cpu_us();
    kn_executor_trace(executor, note_step_time, attempt);
}

enum kn_status kn_attempt_analyze(struct kn_attempt *attempt, struct kn_executor *executor,
                                  struct kn_cancel *cancel, struct kn_progress *progress,
                                  struct kn_error *err)
{
    begin(attempt, executor);
    struct kn_progress *node = kn_progress_add(progress, "analysis", 1);
    return analyze(attempt, executor, cancel, node, err);
}

enum kn_status kn_attempt_run(struct kn_attempt *attempt, struct kn_executor *executor,
                              struct kn_cancel *cancel, struct kn_progress *progress,
                              struct kn_error *err)
{
    begin(attempt, executor);
    attempt->makes_clips = true;
    struct kn_progress *analysis = kn_progress_add(progress, "analysis", 1);
    struct kn_progress *clips = kn_progress_add(progress, "clips", 3);
    enum kn_status status = analyze(attempt, executor, cancel, analysis, err);
    if (status != KN_OK)
        return status;
    double seconds = kn_seconds(kn_now_us() - attempt->start_us);
    kn_progress_weight(clips, expected_seconds(&attempt->segments) / (seconds + 0.1));
    status = make_ready(attempt, clips, err);
    if (status != KN_OK)
        return status;
    status = make_clips(attempt, executor, cancel, clips, err);
    if (status == KN_CANCELLED)
        return status;
    fill_result(attempt);
    if (status == KN_OK || status == KN_END)
        kn_outputs_settle(attempt);
    struct kn_error report_error;
    enum kn_status written = kn_report_write(&attempt->result, attempt->folder, &report_error);
    if (written == KN_OK || (status != KN_OK && status != KN_END))
        return status;
    *err = report_error;
    return written;
}
