/* What a user should know of a clip that is not quite what one would expect. */
#include "analyze/shots.h"
#include "media/loudness.h"
#include "pipeline/attempt.h"

/* A blink of something else doesn't make a black picture worth looking at. */
static const double BLACK_THROUGHOUT = 0.95;
/* Nobody hears less than this. */
static const double FAINT_LU = 1.0;

const char *kn_clip_loudness_remark(struct clip_work *clip)
{
    const struct kn_clip *made = &clip->clip;
    double wanted_lufs = clip->attempt->options->render.loudness_lufs;
    if (made->loudness_lufs <= KN_LOUDNESS_SILENT_LUFS ||
        made->loudness_lufs > wanted_lufs - FAINT_LU)
        return "";
    /* Less than that was held back by the limiter, which will not squash everything. */
    bool too_quiet = made->gain_db >= KN_AMPLIFY_STEADY_DB;
    return kn_arena_printf(clip->arena,
                           "the sound %s: levelled to %.1f LUFS, %.0f dB louder than the source",
                           too_quiet ? "is too quiet" : "has peaks far above the rest",
                           made->loudness_lufs, made->gain_db);
}

const char *kn_clip_layout_remark(const struct clip_work *clip)
{
    const struct kn_job_options *options = clip->attempt->options;
    if (options->layout != KN_LAYOUT_SPLIT)
        return "";
    for (int i = 0; i < options->aspects.count; i++) {
        const struct kn_framing *framing = &clip->framings[i];
        for (int k = 0; k < framing->key_count; k++)
            if (framing->keys[k].layout == KN_LAYOUT_SPLIT)
                return "";
    }
    return "no split: there are never two faces at once, so the picture fills the frame";
}

const char *kn_clip_picture_remark(const struct clip_work *clip)
{
    const struct kn_timeline *timeline = &clip->attempt->timeline;
    int64_t start_us = clip->segment->start_us, end_us = clip->segment->end_us;
    bool black = kn_shots_black_share(timeline->shots, timeline->shot_count, start_us, end_us) >=
                 BLACK_THROUGHOUT;
    return black ? "the picture is black throughout" : "";
}
