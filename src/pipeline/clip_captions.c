/* What is written over a clip and beside it: captions, titles, subtitles. */
#include "base/str.h"
#include "clip/caption_fonts.h"
#include "clip/captions.h"
#include "clip/ground.h"
#include "pipeline/attempt.h"

/* What may be written over a picture: nothing where nobody speaks, for "Scene at 1:20" is a name
 * for lists. */
static const char *spoken_title(const struct clip_work *clip)
{
    return clip->segment->word_count > 0 ? clip->segment->title : NULL;
}

static struct kn_caption_options caption_options(const struct clip_work *clip, int width_px,
                                                 int height_px)
{
    const struct kn_job_options *options = clip->attempt->options;
    struct kn_caption_options made = {
        .style = (enum kn_caption_style)options->captions,
        .font = options->font,
        .title = options->titles ? spoken_title(clip) : NULL,
        .width_px = width_px,
        .height_px = height_px,
    };
    return made;
}

/* What is shown where in one aspect; empty until the clip was framed. */
static struct kn_caption_ground find_ground(struct clip_work *clip, enum kn_aspect aspect)
{
    struct kn_caption_ground ground = {0};
    for (int i = 0; i < clip->attempt->options->aspects.count; i++)
        if (clip->framings[i].aspect == aspect && clip->framings[i].key_count > 0)
            kn_ground_find(&clip->attempt->source, &clip->closeup, &clip->framings[i],
                           clip->segment->start_us, clip->segment->end_us, clip->arena, &ground);
    return ground;
}

const char *kn_clip_caption_script(struct clip_work *clip, enum kn_aspect aspect)
{
    int width_px, height_px;
    kn_aspect_size(aspect, &width_px, &height_px);
    const struct kn_caption_ground ground = find_ground(clip, aspect);
    struct kn_caption_options options = caption_options(clip, width_px, height_px);
    options.ground = &ground;
    struct kn_captions captions;
    kn_captions_layout(&clip->attempt->timeline, clip->segment->start_us, clip->segment->end_us,
                       &options, clip->arena, &captions);
    if ((options.style == KN_CAPTIONS_OFF || captions.count == 0) && !options.title)
        return NULL;
    KN_SCOPED_STR script = {0};
    kn_captions_ass(&captions, &options, &script);
    return kn_arena_strdup(clip->arena, kn_str_text(&script));
}

const char *kn_clip_thumbnail_script(struct clip_work *clip, int width_px, int height_px,
                                     const struct kn_caption_ground *ground)
{
    if (!clip->attempt->options->thumbnail_titles || !spoken_title(clip))
        return NULL;
    struct kn_caption_options options = caption_options(clip, width_px, height_px);
    options.style = KN_CAPTIONS_OFF;
    options.title = spoken_title(clip);
    options.ground = ground;
    struct kn_captions captions; /* of all the clip: over a shorter span its title is gone sooner */
    kn_captions_layout(&clip->attempt->timeline, clip->segment->start_us, clip->segment->end_us,
                       &options, clip->arena, &captions);
    KN_SCOPED_STR script = {0};
    kn_captions_ass(&captions, &options, &script);
    return kn_arena_strdup(clip->arena, kn_str_text(&script));
}

static enum kn_status write_text(struct clip_work *clip, const char *suffix,
                                 const struct kn_str *text, const char **ret_name,
                                 struct kn_error *err)
{
    const char *name = kn_arena_printf(clip->arena, "%s.%s", clip->stem, suffix);
    enum kn_status status =
        kn_file_write(kn_clip_path(clip, name), kn_str_text(text), text->length, err);
    if (status == KN_OK)
        *ret_name = name;
    return status;
}

static void lay_out_subtitles(struct clip_work *clip, int64_t start_us, int64_t end_us,
                              struct kn_captions *ret_captions)
{
    const struct kn_caption_options reading = {.style = KN_CAPTIONS_OFF};
    kn_captions_layout(&clip->attempt->timeline, start_us, end_us, &reading, clip->arena,
                       ret_captions);
}

const char *kn_clip_subtitles(struct clip_work *clip)
{
    KN_SCOPED_STR srt = {0};
    struct kn_captions captions;
    lay_out_subtitles(clip, clip->segment->start_us, clip->segment->end_us, &captions);
    kn_captions_srt(&captions, &srt);
    return kn_arena_strdup(clip->arena, kn_str_text(&srt));
}

enum kn_status kn_clip_write_sidecars(struct clip_work *clip, const char *script,
                                      struct kn_error *err)
{
    struct kn_captions captions;
    const struct kn_clip *made = &clip->clip;
    lay_out_subtitles(clip, made->start_us, made->start_us + made->duration_us, &captions);
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

/* ---- fonts ---- */

/* The note belongs to this job and not to the timeline that is kept. */
void kn_clips_check_fonts(struct kn_attempt *attempt, struct kn_progress *progress)
{
    const struct kn_job_options *options = attempt->options;
    bool on_clips = options->captions != KN_CAPTIONS_OFF || options->titles;
    bool draws = (on_clips && !options->copy) || options->thumbnail_titles;
    struct kn_error why;
    if (!draws || attempt->timeline.word_count == 0 ||
        kn_caption_font_check(options->font, &attempt->timeline, NULL, 0, &why) == KN_OK)
        return;
    kn_attempt_note(attempt, kn_error_text(&why));
    kn_progress_stage(progress, "%s", kn_error_text(&why));
}
