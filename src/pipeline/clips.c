/*
 * From segments to clips: each is looked at closely, framed, captioned and rendered, side by side
 * with the others; one clip's failure leaves the others alone.
 *
 * A clip's mark is a hash over everything that makes it what it is (content, span, captions,
 * settings, version). When the output folder holds a record of that mark and its files are whole,
 * the clip is taken as it is.
 *
 * Renders are what costs memory and time. A few of them, each with several encoder threads, keep
 * all cores busy as well as many with one thread each, in a fraction of the memory; and the first
 * clips are there early. So there is a
 * render for every RENDER_WORKERS workers, and each waits for the one so many before it.
 */
#include <math.h>

#include "base/clock.h"
#include "base/str.h"
#include "clip/caption_fonts.h"
#include "clip/captions.h"
#include "clip/thumbnail.h"
#include "pipeline/attempt.h"
#include "pipeline/clip_names.h"
#include "pipeline/kept_clips.h"

enum { RENDER_WORKERS = 2 };

static const char *in_folder(struct clip_work *clip, const char *name)
{
    return kn_path_join(clip->arena, clip->attempt->folder, name);
}

/* ---- captions ---- */

/* What may be written over a picture: nothing where nobody speaks, for "Scene at 1:20" is a name
 * for lists. */
static const char *spoken_title(const struct clip_work *clip)
{
    return clip->segment->word_count > 0 ? clip->segment->title : NULL;
}

static struct kn_caption_options caption_options(const struct clip_work *clip,
                                                 enum kn_aspect aspect)
{
    const struct kn_job_options *options = clip->attempt->options;
    struct kn_caption_options made = {
        .style = (enum kn_caption_style)options->captions,
        .font = options->font,
        .title = options->titles ? spoken_title(clip) : NULL,
    };
    kn_aspect_size(aspect, &made.width_px, &made.height_px);
    return made;
}

/* The script for one aspect, or NULL when nothing is to be drawn. Line lengths follow from the
 * frame's width, so each aspect has its own layout. */
static const char *caption_script(struct clip_work *clip, enum kn_aspect aspect)
{
    const struct kn_caption_options options = caption_options(clip, aspect);
    struct kn_captions captions;
    kn_captions_layout(&clip->attempt->timeline, clip->segment->start_us, clip->segment->end_us,
                       &options, clip->arena, &captions);
    if ((options.style == KN_CAPTIONS_OFF || captions.count == 0) && !options.title)
        return NULL;
    KN_SCOPED_STR script = {0};
    kn_captions_ass(&captions, &options, &script);
    return kn_arena_strdup(clip->arena, kn_str_text(&script));
}

/* ---- before the work: names and marks ---- */

static const char *mark_clip(struct clip_work *clip)
{
    const struct kn_job_options *o = clip->attempt->options;
    KN_SCOPED_STR key = {0};
    kn_str_printf(&key, "%s|%s|%lld|%lld|%s|%d|%d|%d", KN_VERSION, clip->attempt->source.hash,
                  (long long)clip->segment->start_us, (long long)clip->segment->end_us, clip->stem,
                  o->layout, o->titles, o->thumbnail_titles);
    kn_str_printf(&key, "|%s|%s|%d|%g|%g|%d", o->render.encoder, o->render.preset, o->render.crf,
                  o->render.loudness_lufs, o->render.true_peak_dbtp, o->render.max_rate_hz);
    for (int i = 0; i < o->aspects.count; i++) {
        const char *script = caption_script(clip, o->aspects.at[i]);
        kn_str_printf(&key, "|%d|%s", (int)o->aspects.at[i], script ? script : "");
    }
    char mark[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(key.at, key.length, mark);
    return kn_arena_strdup(clip->arena, mark);
}

static void add_note(struct kn_attempt *attempt, const char *text)
{
    struct kn_timeline *timeline = &attempt->timeline;
    struct kn_note *notes =
        kn_arena_array(attempt->arena, (size_t)timeline->note_count + 1, sizeof *notes);
    for (int i = 0; i < timeline->note_count; i++)
        notes[i] = timeline->notes[i];
    notes[timeline->note_count++].text = kn_arena_strdup(attempt->arena, text);
    timeline->notes = notes;
}

/* Letters that no font has would be missing from every clip: that is said once, before the work.
 * The note belongs to this job and not to the timeline that is kept. */
static void check_fonts(struct kn_attempt *attempt, struct kn_progress *progress)
{
    const struct kn_job_options *options = attempt->options;
    bool draws =
        options->captions != KN_CAPTIONS_OFF || options->titles || options->thumbnail_titles;
    struct kn_error why;
    if (!draws || attempt->timeline.word_count == 0 ||
        kn_caption_font_check(options->font, &attempt->timeline, NULL, 0, &why) == KN_OK)
        return;
    add_note(attempt, kn_error_text(&why));
    kn_progress_stage(progress, "%s", kn_error_text(&why));
}

void kn_clips_prepare(struct kn_attempt *attempt, struct kn_progress *progress)
{
    check_fonts(attempt, progress);
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
        if (!attempt->options->fresh &&
            kn_kept_clip_read(attempt->folder, clip->mark, clip->arena, &clip->clip))
            clip->clip.reused = true;
        else
            clip->clip = (struct kn_clip){.status = KN_INTERNAL}; /* until it is made */
        clip->clip.segment = i;
    }
}

/* ---- steps ---- */

static enum kn_status fail(struct clip_work *clip, enum kn_status status, struct kn_error *err)
{
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
    if (clip->clip.reused || !attempt->source.has_video) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    enum kn_status status =
        kn_look_closely(&attempt->source, attempt->finder, clip->segment->start_us,
                        clip->segment->end_us, env, clip->arena, &clip->closeup, err);
    if (status != KN_OK)
        return fail(clip, status, err);
    plan_framings(clip);
    return KN_OK;
}

/* Moments at which somebody is well to be seen: where each person's mouth is stillest, because
 * nobody looks their best in the middle of a word. */
static int find_faces(const struct kn_closeup *closeup, struct kn_thumbnail_hint *ret_hints)
{
    int count = 0;
    for (int t = 0; t < closeup->track_count && count < KN_THUMBNAIL_HINTS_MAX; t++) {
        const struct kn_face_track *track = &closeup->tracks[t];
        const struct kn_track_sample *best = NULL;
        for (int i = 0; i < track->sample_count; i++)
            if (!best || track->samples[i].mouth < best->mouth)
                best = &track->samples[i];
        if (best)
            ret_hints[count++] = (struct kn_thumbnail_hint){best->at_us, fminf(best->width * 4, 1)};
    }
    return count;
}

/* Without a title, nothing is drawn. */
static const char *thumbnail_script(struct clip_work *clip, enum kn_aspect aspect)
{
    if (!clip->attempt->options->thumbnail_titles || !spoken_title(clip))
        return NULL;
    struct kn_caption_options options = caption_options(clip, aspect);
    options.style = KN_CAPTIONS_OFF;
    options.title = spoken_title(clip);
    struct kn_captions captions;
    kn_captions_layout(&clip->attempt->timeline, clip->segment->start_us, clip->segment->start_us,
                       &options, clip->arena, &captions);
    KN_SCOPED_STR script = {0};
    kn_captions_ass(&captions, &options, &script);
    return kn_arena_strdup(clip->arena, kn_str_text(&script));
}

static void add_remark(struct clip_work *clip, const char *text)
{
    const char *before = clip->clip.remark;
    if (text[0])
        clip->clip.remark = before ? kn_arena_printf(clip->arena, "%s; %s", before, text)
                                   : kn_arena_strdup(clip->arena, text);
}

/* A clip without a thumbnail is still a clip: its failure becomes a remark. */
static enum kn_status make_thumbnail(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct clip_work *clip = arg;
    const struct kn_attempt *attempt = clip->attempt;
    if (clip->clip.reused || !attempt->source.has_video || clip->framings[0].key_count == 0) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    struct kn_thumbnail_hint hints[KN_THUMBNAIL_HINTS_MAX];
    const char *name = kn_arena_printf(clip->arena, "%s.jpg", clip->stem);
    const struct kn_thumbnail_request request = {
        .source = &attempt->source,
        .start_us = clip->segment->start_us,
        .end_us = clip->segment->end_us,
        .framing = &clip->framings[0],
        .hint_count = find_faces(&clip->closeup, hints),
        .hints = hints,
        .ass = thumbnail_script(clip, attempt->options->aspects.at[0]),
        .path = in_folder(clip, name),
    };
    struct kn_thumbnail_report report;
    enum kn_status status = kn_thumbnail(&request, env->cancel, &report, err);
    if (status == KN_OK)
        clip->clip.thumbnail = name;
    else if (status != KN_CANCELLED)
        add_remark(clip, kn_arena_printf(clip->arena, "no thumbnail: %s", kn_error_text(err)));
    return status;
}

static enum kn_status write_text(struct clip_work *clip, const char *suffix,
                                 const struct kn_str *text, const char **ret_name,
                                 struct kn_error *err)
{
    const char *name = kn_arena_printf(clip->arena, "%s.%s", clip->stem, suffix);
    enum kn_status status =
        kn_file_write(in_folder(clip, name), kn_str_text(text), text->length, err);
    if (status == KN_OK)
        *ret_name = name;
    return status;
}

/* Subtitles to read beside the clip, for platforms and editors, and the script as it was drawn, for
 * whoever wants to change it. */
static enum kn_status write_sidecars(struct clip_work *clip, const char *script,
                                     struct kn_error *err)
{
    const struct kn_caption_options reading = {.style = KN_CAPTIONS_OFF};
    struct kn_captions captions;
    kn_captions_layout(&clip->attempt->timeline, clip->segment->start_us, clip->segment->end_us,
                       &reading, clip->arena, &captions);
    if (captions.count == 0)
        return KN_OK;
    KN_SCOPED_STR srt = {0}, vtt = {0}, ass = {0};
    kn_captions_srt(&captions, &srt);
    kn_captions_vtt(&captions, &vtt);
    enum kn_status status = write_text(clip, "srt", &srt, &clip->clip.srt, err);
    if (status == KN_OK)
        status = write_text(clip, "vtt", &vtt, &clip->clip.vtt, err);
    if (status == KN_OK && script) {
        kn_str_add(&ass, script);
        status = write_text(clip, "ass", &ass, &clip->clip.ass, err);
    }
    return status;
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
    clip->clip.duration_us = report->duration_us;
    clip->clip.loudness_lufs = report->loudness_lufs;
    clip->clip.true_peak_dbtp = report->true_peak_dbtp;
    clip->clip.gain_db = report->gain_db;
    add_remark(clip, report->remark);
}

static enum kn_status render_clip(struct clip_work *clip, const struct kn_step_env *env,
                                  struct kn_error *err)
{
    struct kn_attempt *attempt = clip->attempt;
    const struct kn_aspects *aspects = &attempt->options->aspects;
    struct kn_render_target targets[KN_ASPECT_COUNT];
    for (int i = 0; i < aspects->count; i++) {
        const char *name = kn_clip_file_name(clip->arena, clip->stem, aspects->at[i], i == 0);
        targets[i] = (struct kn_render_target){
            .path = in_folder(clip, name),
            .framing = &clip->framings[i],
            .ass = caption_script(clip, aspects->at[i]),
        };
    }
    struct kn_render_settings settings = attempt->options->render;
    if (settings.threads == 0)
        settings.threads = attempt->encoder_threads;
    const struct kn_render_request request = {
        .source = &attempt->source,
        .start_us = clip->segment->start_us,
        .end_us = clip->segment->end_us,
        .settings = &settings,
        .target_count = aspects->count,
        .targets = targets,
        .title = clip->segment->title,
        .comment = clip->segment->hook,
    };
    struct kn_render_report report;
    enum kn_status status = kn_render(&request, env->cancel, env->progress, &report, err);
    if (status != KN_OK)
        return status;
    describe_files(clip, targets, &report);
    return write_sidecars(clip, targets[0].ass, err);
}

static enum kn_status render(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct clip_work *clip = arg;
    if (clip->clip.reused) {
        kn_progress_skip(env->progress);
        return KN_OK;
    }
    if (clip->error.status != KN_OK) /* the close look failed and said why */
        return clip->error.status;
    enum kn_status status = render_clip(clip, env, err);
    if (status != KN_OK)
        return fail(clip, status, err);
    clip->clip.status = KN_OK;
    /* Without its record the clip would only be made again by the next run. */
    (void)kn_kept_clip_write(clip->attempt->folder, clip->mark, &clip->clip, NULL);
    return KN_OK;
}

/* The steps of one clip, in order. */
enum { LOOK, THUMBNAIL, RENDER, PARTS };

static void plan_clip(struct clip_work *clip, int number, struct kn_plan *plan, int *ret_steps)
{
    double seconds = kn_seconds(clip->segment->end_us - clip->segment->start_us);
    static const struct {
        const char *what;
        double cost; /* CPU seconds a second of clip, measured */
        kn_step_fn *run;
    } parts[PARTS] = {[LOOK] = {"look", 0.05, look_closely},
                      [THUMBNAIL] = {"thumbnail", 0.02, make_thumbnail},
                      [RENDER] = {"render", 0.9, render}};
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
 * there are workers have theirs and a thumbnail, so that the first renders do not stand behind all
 * looks in the queue.
 */
void kn_clips_plan(struct kn_attempt *attempt, int workers, struct kn_plan *plan)
{
    int renders = KN_MAX(workers / RENDER_WORKERS, 1);
    attempt->encoder_threads = (workers + renders - 1) / renders;
    int(*steps)[PARTS] = kn_arena_array(attempt->arena, (size_t)attempt->clip_count, sizeof *steps);
    for (int i = 0; i < attempt->clip_count; i++) {
        plan_clip(&attempt->clips[i], i + 1, plan, steps[i]);
        if (i >= workers)
            kn_plan_after(plan, steps[i][LOOK], steps[i - workers][THUMBNAIL]);
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
