/*
 * The story of a job:
 *
 *     probe -> identify -+-> listen ----------+-> timeline -> rank -> segments
 *                        `-> look -> vision --'
 *     then for each segment, side by side:   close look -> render
 *     then the result and the report.
 *
 * Listening and looking never wait for each other. What a step makes is kept (the timeline in the
 * cache, clips in the output folder), so an attempt that was stopped is continued by the next.
 */
#include "pipeline/job.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "pipeline/attempt.h"
#include "pipeline/report.h"

struct kn_attempt *kn_attempt_new(const char *path, const struct kn_job_options *options,
                                  const struct kn_attempt_context *context)
{
    struct kn_attempt *attempt = kn_calloc(1, sizeof *attempt);
    attempt->path = path;
    attempt->options = options;
    if (context)
        attempt->context = *context;
    attempt->folder_lock = -1;
    attempt->arena = kn_arena_new();
    attempt->listen_arena = kn_arena_new();
    attempt->look_arena = kn_arena_new();
    attempt->sights_arena = kn_arena_new();
    attempt->trace_arena = kn_arena_new();
    pthread_mutex_init(&attempt->trace_lock, NULL);
    const struct kn_services *services = attempt->context.services;
    const struct kn_budget_limits limits = {.usd = options->ai.budget_usd,
                                            .tokens = options->ai.budget_tokens,
                                            .hint = "--budget or --token-budget"};
    if (services && kn_ai_asks(&options->ai))
        attempt->budget = kn_budget_new("this video's budget", &limits, services->day);
    return attempt;
}

void kn_attempt_free(struct kn_attempt *attempt)
{
    if (!attempt)
        return;
    for (int i = 0; i < attempt->clip_count; i++)
        kn_arena_free(attempt->clips[i].arena);
    kn_face_finder_close(attempt->finder);
    kn_budget_free(attempt->budget);
    if (attempt->folder_lock >= 0)
        close(attempt->folder_lock); /* which unlocks it */
    kn_vec_free(&attempt->step_times);
    pthread_mutex_destroy(&attempt->trace_lock);
    kn_arena_free(attempt->trace_arena);
    kn_arena_free(attempt->sights_arena);
    kn_arena_free(attempt->look_arena);
    kn_arena_free(attempt->listen_arena);
    kn_arena_free(attempt->arena);
    free(attempt);
}

void kn_attempt_note(struct kn_attempt *attempt, const char *text)
{
    struct kn_timeline *timeline = &attempt->timeline;
    struct kn_note *notes =
        kn_arena_array(attempt->arena, (size_t)timeline->note_count + 1, sizeof *notes);
    for (int i = 0; i < timeline->note_count; i++)
        notes[i] = timeline->notes[i];
    notes[timeline->note_count++].text = kn_arena_strdup(attempt->arena, text);
    timeline->notes = notes;
}

enum kn_status kn_attempt_check_source(const struct kn_attempt *attempt, struct kn_error *err)
{
    return kn_file_unchanged(attempt->path, &attempt->identity, err);
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
    attempt->result.asked = attempt->budget != NULL;
    if (attempt->budget)
        kn_budget_used(attempt->budget, &attempt->result.usage);
    attempt->result.wall_us = kn_now_us() - attempt->start_us;
    attempt->result.cpu_us = kn_cpu_us() - attempt->cpu_start_us;
    attempt->has_result = true;
}

/* Once, and never before the timeline is kept: whoever takes that up asks the model anew. */
static void note_ranking(struct kn_attempt *attempt)
{
    if (attempt->ranking.remark)
        kn_attempt_note(attempt, attempt->ranking.remark);
}

void kn_attempt_kept(const struct kn_attempt *attempt, const char *step, json_t *data, bool reused)
{
    KN_SCOPED_JSON held = data;
    const struct kn_attempt_context *context = &attempt->context;
    if (!context->kept || !held)
        return;
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, held, true);
    context->kept(context->arg, step, kn_str_text(&text), reused);
}

bool kn_attempt_is_own(const struct kn_attempt *attempt, const char *path)
{
    int64_t since_us = attempt->context.fresh_since_us;
    struct stat st;
    return since_us && stat(path, &st) == 0 &&
           st.st_mtim.tv_sec * KN_US_PER_S + st.st_mtim.tv_nsec / 1000 >= since_us;
}

bool kn_attempt_reuses(const struct kn_attempt *attempt, const char *path)
{
    return !attempt->options->fresh || kn_attempt_is_own(attempt, path);
}

static struct kn_plan *begin_plan(struct kn_attempt *attempt)
{
    struct kn_plan *plan = kn_plan_new();
    if (attempt->context.rank)
        kn_plan_rank(plan, attempt->context.rank);
    kn_plan_trace(plan, note_step_time, attempt);
    return plan;
}

static enum kn_status analyze(struct kn_attempt *attempt, struct kn_executor *executor,
                              struct kn_cancel *cancel, struct kn_progress *node,
                              struct kn_error *err)
{
    struct kn_plan *plan = begin_plan(attempt);
    kn_analysis_plan(attempt, plan);
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, node, err);
    kn_plan_free(plan);
    /* Whatever a step stumbled over, this is why. */
    if (status != KN_OK && status != KN_CANCELLED && attempt->identity.inode &&
        kn_attempt_check_source(attempt, err) != KN_OK)
        status = err->status;
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
    struct kn_plan *plan = begin_plan(attempt);
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

static enum kn_status take_folder(struct kn_attempt *attempt, struct kn_progress *node,
                                  struct kn_error *err)
{
    enum kn_status status = kn_attempt_hold_folder(attempt, err);
    if (status != KN_OK)
        return status;
    kn_attempt_keep_timeline(attempt); /* before this job's own notes are in it */
    note_ranking(attempt);
    if (attempt->segments.count)
        kn_clips_prepare(attempt, node);
    return kn_outputs_claim(attempt, err);
}

static void begin(struct kn_attempt *attempt)
{
    attempt->start_us = kn_now_us();
    attempt->cpu_start_us = kn_cpu_us();
}

enum kn_status kn_attempt_analyze(struct kn_attempt *attempt, struct kn_executor *executor,
                                  struct kn_cancel *cancel, struct kn_progress *progress,
                                  struct kn_error *err)
{
    begin(attempt);
    struct kn_progress *node = kn_progress_add(progress, "analysis", 1);
    enum kn_status status = analyze(attempt, executor, cancel, node, err);
    if (status == KN_OK)
        note_ranking(attempt);
    return status;
}

enum kn_status kn_attempt_run(struct kn_attempt *attempt, struct kn_executor *executor,
                              struct kn_cancel *cancel, struct kn_progress *progress,
                              struct kn_error *err)
{
    begin(attempt);
    attempt->makes_clips = true;
    struct kn_progress *analysis = kn_progress_add(progress, "analysis", 1);
    struct kn_progress *clips = kn_progress_add(progress, "clips", 3);
    enum kn_status status = analyze(attempt, executor, cancel, analysis, err);
    if (status != KN_OK)
        return status;
    double seconds = kn_seconds(kn_now_us() - attempt->start_us);
    kn_progress_weight(clips, expected_seconds(&attempt->segments) / (seconds + 0.1));
    status = take_folder(attempt, clips, err);
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
