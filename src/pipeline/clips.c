/*
 * From segments to clips: each is looked at closely, framed, captioned and rendered, side by side
 * with the others; one clip's failure leaves the others alone.
 *
 * A clip's mark is a hash over everything that makes it what it is (content, span, captions, what
 * its thumbnail leaves to others, settings, version). When the output folder holds a record of that
 * mark and its files are whole, the clip is taken as it is.
 *
 * Renders are what costs memory and time. A few of them, each with several encoder threads, keep
 * all cores busy as well as many with one thread each, in a fraction of the memory; and the first
 * clips are there early. So there is a
 * render for every RENDER_WORKERS workers, and each waits for the one so many before it.
 */
#include "base/clock.h"
#include "base/str.h"
#include "clip/smartcut.h"
#include "pipeline/attempt.h"
#include "pipeline/clip_names.h"
#include "pipeline/kept_clips.h"

/* Raise when the same settings make another clip than before: old clips are made anew. */
enum { CLIP_VERSION = 3 };

enum { RENDER_WORKERS = 2 };

const char *kn_clip_path(struct clip_work *clip, const char *name)
{
    return kn_path_join(clip->arena, clip->attempt->folder, name);
}

/* ---- before the work: names and marks ---- */

static const char *mark_clip(struct clip_work *clip)
{
    const struct kn_job_options *o = clip->attempt->options;
    KN_SCOPED_STR key = {0};
    kn_str_printf(&key, "%s|%d|%s|%lld|%lld|%s|%d|%d|%d", KN_VERSION, CLIP_VERSION,
                  clip->attempt->source.hash, (long long)clip->segment->start_us,
                  (long long)clip->segment->end_us, clip->stem, o->layout, o->titles,
                  o->thumbnail_titles);
    kn_str_printf(&key, "|%s|%s|%d|%g|%g|%d", o->render.encoder, o->render.preset, o->render.crf,
                  o->render.loudness_lufs, o->render.true_peak_dbtp, o->render.max_rate_hz);
    kn_str_printf(&key, "|%s|%s", o->copy ? "copy" : "render", kn_clip_subtitles(clip));
    for (int i = 0; i < o->aspects.count && !o->copy; i++) {
        const char *script = kn_clip_caption_script(clip, o->aspects.at[i]);
        kn_str_printf(&key, "|%d|%s", (int)o->aspects.at[i], script ? script : "");
    }
    const struct kn_thumbnail_span *known;
    int known_count = kn_clip_known_stills(clip, &known);
    for (int i = 0; i < known_count; i++)
        kn_str_printf(&key, "|%lld", (long long)known[i].start_us);
    char mark[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(key.at, key.length, mark);
    return kn_arena_strdup(clip->arena, mark);
}

static void tell_kept(const struct clip_work *clip)
{
    const char *step = kn_arena_printf(clip->arena, "clip %d", clip->clip.segment + 1);
    json_t *data = json_pack("{s:o, s:s, s:s*}", "file", kn_json_text(clip->clip.files[0].path),
                             "mark", clip->mark, "renditions", clip->clip.renditions);
    kn_attempt_kept(clip->attempt, step, data, clip->clip.reused);
}

void kn_clips_prepare(struct kn_attempt *attempt, struct kn_progress *progress)
{
    kn_clips_check_fonts(attempt, progress);
    attempt->clip_count = attempt->segments.count;
    attempt->clips =
        kn_arena_array(attempt->arena, (size_t)attempt->clip_count, sizeof *attempt->clips);
    for (int i = 0; i < attempt->clip_count; i++) {
        struct clip_work *clip = &attempt->clips[i];
        clip->attempt = attempt;
        clip->arena = kn_arena_new();
        clip->segment = &attempt->segments.segments[i];
        clip->stem = kn_clip_stem(clip->arena, i, clip->segment->title);
        clip->mark = mark_clip(clip);
        const char *record = kn_kept_clip_path(clip->arena, attempt->folder, clip->mark);
        if (kn_attempt_reuses(attempt, record) &&
            kn_kept_clip_read(attempt->folder, clip->mark, clip->arena, &clip->clip))
            clip->clip.reused = true;
        else
            clip->clip = (struct kn_clip){.status = KN_INTERNAL}; /* until it is made */
        clip->clip.segment = i;
        if (clip->clip.reused)
            tell_kept(clip);
    }
}

/* ---- steps ---- */

/* What was made for a clip that there will not be. */
static void discard_files(struct clip_work *clip)
{
    struct kn_clip *made = &clip->clip;
    const char **besides[] = {&made->thumbnail, &made->srt, &made->vtt, &made->ass};
    for (int i = 0; i < made->file_count; i++)
        kn_file_discard(kn_clip_path(clip, made->files[i].path));
    made->file_count = 0;
    for (size_t i = 0; i < KN_COUNT_OF(besides); i++) {
        if (*besides[i])
            kn_file_discard(kn_clip_path(clip, *besides[i]));
        *besides[i] = NULL;
    }
    kn_clip_renditions_discard(clip);
}

/* Takes the outcome; where the source changed meanwhile, that is why. */
static enum kn_status fail(struct clip_work *clip, enum kn_status status, struct kn_error *err)
{
    if (status != KN_CANCELLED && kn_attempt_check_source(clip->attempt, err) != KN_OK)
        status = err->status;
    discard_files(clip);
    clip->clip.status = status;
    clip->error = *err;
    return status;
}

static void plan_framings(struct clip_work *clip)
{
    const struct kn_attempt *attempt = clip->attempt;
    for (int i = 0; i < attempt->options->aspects.count; i++) {
        const struct kn_framing_options how = {
            .aspect = attempt->options->aspects.at[i],
            .layout = (enum kn_layout)attempt->options->layout,
        };
        kn_framing_plan(&attempt->source, &clip->closeup, &attempt->timeline.sound, &how,
                        clip->arena, &clip->framings[i]);
    }
}

static enum kn_status look_closely(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct clip_work *clip = arg;
    struct kn_attempt *attempt = clip->attempt;
    if (clip->clip.reused || !attempt->source.has_video || attempt->options->copy) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    enum kn_status status = kn_attempt_check_source(attempt, err);
    if (status == KN_OK)
        status = kn_look_closely(&attempt->source, attempt->finder, clip->segment->start_us,
                                 clip->segment->end_us, env, clip->arena, &clip->closeup, err);
    if (status != KN_OK)
        return fail(clip, status, err);
    plan_framings(clip);
    return KN_OK;
}

static void add_remark(struct clip_work *clip, const char *text)
{
    const char *before = clip->clip.remark;
    if (text[0])
        clip->clip.remark = before ? kn_arena_printf(clip->arena, "%s; %s", before, text)
                                   : kn_arena_strdup(clip->arena, text);
}

/* A clip without a thumbnail is still a clip. */
static void describe_thumbnail(struct clip_work *clip, const struct kn_thumbnail_order *order,
                               const struct kn_error *error)
{
    if (!order)
        return;
    if (error->status == KN_OK)
        clip->clip.thumbnail = kn_path_base(order->path);
    else
        add_remark(clip, kn_arena_printf(clip->arena, "no thumbnail: %s", kn_error_text(error)));
}

static void describe_files(struct clip_work *clip, const struct kn_render_target *targets,
                           const struct kn_render_report *report)
{
    const struct kn_aspects *aspects = &clip->attempt->options->aspects;
    for (int i = 0; i < aspects->count; i++) {
        struct kn_clip_file *file = &clip->clip.files[i];
        file->aspect = aspects->at[i];
        file->path = kn_clip_file_name(clip->arena, clip->stem, file->aspect, i == 0);
        kn_aspect_size(file->aspect, &file->width_px, &file->height_px);
        file->frames = report->frames;
        file->framing = *targets[i].framing;
    }
    clip->clip.file_count = aspects->count;
    clip->clip.start_us = clip->segment->start_us;
    clip->clip.duration_us = report->duration_us;
    clip->clip.loudness_lufs = report->loudness_lufs;
    clip->clip.true_peak_dbtp = report->true_peak_dbtp;
    clip->clip.gain_db = report->gain_db;
    add_remark(clip, report->remark);
    add_remark(clip, kn_clip_picture_remark(clip));
    add_remark(clip, kn_clip_layout_remark(clip));
    add_remark(clip, kn_clip_loudness_remark(clip));
}

static struct kn_render_settings render_settings(const struct kn_attempt *attempt)
{
    struct kn_render_settings settings = attempt->options->render;
    if (settings.threads == 0)
        settings.threads = attempt->encoder_threads;
    return settings;
}

static enum kn_status render_clip(struct clip_work *clip, const struct kn_step_env *env,
                                  struct kn_error *err)
{
    struct kn_attempt *attempt = clip->attempt;
    const struct kn_aspects *aspects = &attempt->options->aspects;
    struct kn_render_target targets[KN_RENDER_TARGETS_MAX];
    for (int i = 0; i < aspects->count; i++) {
        const char *name = kn_clip_file_name(clip->arena, clip->stem, aspects->at[i], i == 0);
        targets[i] = (struct kn_render_target){
            .path = kn_clip_path(clip, name),
            .framing = &clip->framings[i],
            .ass = kn_clip_caption_script(clip, aspects->at[i]),
        };
    }
    int target_count = kn_clip_renditions_add(clip, targets, aspects->count);
    const struct kn_render_settings settings = render_settings(attempt);
    const struct kn_thumbnail_order *thumbnail = kn_clip_thumbnail_order(clip);
    const struct kn_render_request request = {
        .source = &attempt->source,
        .start_us = clip->segment->start_us,
        .end_us = clip->segment->end_us,
        .settings = &settings,
        .target_count = target_count,
        .targets = targets,
        .title = clip->segment->title,
        .comment = clip->segment->hook,
        .thumbnail = thumbnail,
    };
    struct kn_render_report report;
    enum kn_status status = kn_render(&request, env->cancel, env->progress, &report, err);
    if (status != KN_OK)
        return status;
    kn_clip_renditions_made(clip, report.smaller_errors + aspects->count);
    describe_files(clip, targets, &report);
    describe_thumbnail(clip, thumbnail, &report.thumbnail_error);
    return kn_clip_write_sidecars(clip, targets[0].ass, err);
}

static void describe_copy(struct clip_work *clip, const char *name,
                          const struct kn_smartcut_report *report)
{
    const struct kn_source *source = &clip->attempt->source;
    const struct kn_cut_plan *plan = &report->plan;
    clip->clip.file_count = 1;
    clip->clip.files[0] = (struct kn_clip_file){
        .path = name,
        .width_px = source->width_px,
        .height_px = source->height_px,
        .frames = plan->frames,
        .copied = true,
        .copied_frames = plan->frames - plan->encoded,
    };
    clip->clip.start_us = KN_MAX(plan->start_us, 0);
    clip->clip.duration_us = plan->end_us - plan->start_us;
    clip->clip.loudness_lufs = report->loudness_lufs;
    clip->clip.true_peak_dbtp = report->true_peak_dbtp;
    clip->clip.gain_db = report->gain_db;
    add_remark(clip, plan->remark);
    add_remark(clip, kn_clip_picture_remark(clip));
    add_remark(clip, kn_clip_loudness_remark(clip));
}

static enum kn_status fetch_thumbnail(struct clip_work *clip, struct kn_cancel *cancel,
                                      struct kn_error *err)
{
    const struct kn_thumbnail_order *order = kn_clip_thumbnail_order(clip);
    struct kn_error why = {0};
    enum kn_status status = order ? kn_clip_fetch_thumbnail(clip, order, cancel, &why) : KN_OK;
    if (status == KN_CANCELLED) {
        *err = why;
        return status;
    }
    describe_thumbnail(clip, order, &why);
    return KN_OK;
}

static enum kn_status copy_clip(struct clip_work *clip, const struct kn_step_env *env,
                                struct kn_error *err)
{
    const struct kn_attempt *attempt = clip->attempt;
    const char *name = kn_arena_printf(clip->arena, "%s.mp4", clip->stem);
    const struct kn_render_settings settings = render_settings(attempt);
    const struct kn_smartcut_request request = {
        .source = &attempt->source,
        .start_us = clip->segment->start_us,
        .end_us = clip->segment->end_us,
        .settings = &settings,
        .path = kn_clip_path(clip, name),
        .title = clip->segment->title,
        .comment = clip->segment->hook,
    };
    struct kn_smartcut_report report;
    enum kn_status status = kn_smartcut(&request, env->cancel, env->progress, &report, err);
    if (status != KN_OK)
        return status;
    describe_copy(clip, name, &report);
    status = fetch_thumbnail(clip, env->cancel, err);
    if (status != KN_OK)
        return status;
    return kn_clip_write_sidecars(clip, NULL, err);
}

static enum kn_status render(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct clip_work *clip = arg;
    if (clip->clip.reused) {
        kn_progress_stage(env->progress, "%s", clip->clip.files[0].path);
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    if (clip->error.status != KN_OK) /* the close look failed and said why */
        return clip->error.status;
    bool copy = clip->attempt->options->copy;
    enum kn_status status = copy ? copy_clip(clip, env, err) : render_clip(clip, env, err);
    if (status == KN_OK)
        status = kn_attempt_check_source(clip->attempt, err);
    if (status != KN_OK)
        return fail(clip, status, err);
    clip->clip.status = KN_OK;
    kn_clip_renditions_keep(clip, env->cancel);
    kn_progress_stage(env->progress, "%s", clip->clip.files[0].path); /* what is there now */
    /* Without its record the clip would only be made again by the next run. */
    if (kn_kept_clip_write(clip->attempt->folder, clip->mark, &clip->clip, NULL) == KN_OK)
        tell_kept(clip);
    return KN_OK;
}

/* The steps of one clip, in order. */
enum { LOOK, RENDER, PARTS };

static void plan_clip(struct clip_work *clip, int number, struct kn_plan *plan, int *ret_steps)
{
    double seconds = kn_seconds(clip->segment->end_us - clip->segment->start_us);
    bool copy = clip->attempt->options->copy;
    const struct {
        const char *what;
        double cost; /* CPU seconds a second of clip, measured */
        kn_step_fn *run;
    } parts[PARTS] = {
        [LOOK] = {"look", 0.05, look_closely}, [RENDER] = {"render", copy ? 0.07 : 0.9, render}};
    for (int p = 0; p < PARTS; p++) {
        const struct kn_step step = {
            .name = kn_arena_printf(clip->arena, "clip %d %s", number, parts[p].what),
            .lane = KN_LANE_CPU,
            .weight = parts[p].cost * seconds,
            .optional = true, /* the outcome is kept; other clips go on */
            .run = parts[p].run,
            .arg = clip,
        };
        ret_steps[p] = kn_plan_add(plan, &step);
        if (p > 0)
            kn_plan_after(plan, ret_steps[p], ret_steps[p - 1]);
    }
}

/*
 * Clip after clip rather than step after step: a close look waits until as many clips before it as
 * there are workers have theirs, so that the first renders do not stand behind all looks in the
 * queue.
 */
void kn_clips_plan(struct kn_attempt *attempt, int workers, struct kn_plan *plan)
{
    int renders = KN_MAX(workers / RENDER_WORKERS, 1);
    attempt->encoder_threads = (workers + renders - 1) / renders;
    int(*steps)[PARTS] = kn_arena_array(attempt->arena, (size_t)attempt->clip_count, sizeof *steps);
    for (int i = 0; i < attempt->clip_count; i++) {
        plan_clip(&attempt->clips[i], i + 1, plan, steps[i]);
        if (i >= workers)
            kn_plan_after(plan, steps[i][LOOK], steps[i - workers][LOOK]);
        if (i >= renders)
            kn_plan_after(plan, steps[i][RENDER], steps[i - renders][RENDER]);
    }
}

enum kn_status kn_clips_collect(struct kn_attempt *attempt, struct kn_error *err)
{
    struct kn_clip *clips =
        kn_arena_array(attempt->arena, (size_t)attempt->clip_count, sizeof *clips);
    enum kn_status first = KN_OK;
    int failed = 0;
    for (int i = 0; i < attempt->clip_count; i++) {
        struct clip_work *clip = &attempt->clips[i];
        clips[i] = clip->clip;
        if (clip->clip.status == KN_OK)
            continue;
        clips[i].error = kn_arena_strdup(attempt->arena, kn_error_text(&clip->error));
        failed++;
        if (first == KN_OK) {
            *err = clip->error;
            first = clip->clip.status;
        }
    }
    attempt->result.clips = clips;
    attempt->result.clip_count = attempt->clip_count;
    attempt->result.failed = failed;
    return first;
}
