/* What a clip's thumbnail should show, from what is known of its segment. */
#include <math.h>
#include <stdlib.h>

#include "clip/ground.h"
#include "clip/thumbnail.h"
#include "pipeline/attempt.h"

enum {
    SIDE_MAX = 1920,
    SHOWN_US = 500 * 1000, /* what a clip shows for less is not its thumbnail */
    NEAR_US = 2000 * 1000, /* faces that were seen no farther away are where they were */
};

/* Moments at which somebody is well to be seen, from the coarse look. */
static int find_sampled_faces(const struct clip_work *clip,
                              const struct kn_thumbnail_hint **ret_hints)
{
    const struct kn_timeline *timeline = &clip->attempt->timeline;
    struct kn_thumbnail_hint *hints =
        kn_arena_array(clip->arena, (size_t)timeline->face_sample_count + 1, sizeof *hints);
    int count = 0;
    for (int i = 0; i < timeline->face_sample_count; i++) {
        const struct kn_face_sample *sample = &timeline->face_samples[i];
        float widest = 0;
        for (int f = 0; f < sample->face_count; f++)
            widest = fmaxf(widest, sample->faces[f].width);
        if (widest > 0 && sample->at_us >= clip->segment->start_us &&
            sample->at_us < clip->segment->end_us)
            hints[count++] = (struct kn_thumbnail_hint){sample->at_us, fminf(widest * 4, 1)};
    }
    *ret_hints = hints;
    return count;
}

/* The same from the close look: where each person's mouth is stillest, because nobody looks their
 * best in the middle of a word. Beside them the midst of each shot, by its share of the clip: what
 * is on show for a moment only is not what the clip is about, however sharp it is. */
static int find_moments(const struct clip_work *clip, const struct kn_thumbnail_hint **ret_hints)
{
    const struct kn_closeup *closeup = &clip->closeup;
    struct kn_thumbnail_hint *hints = kn_arena_array(
        clip->arena, (size_t)closeup->track_count + (size_t)closeup->shot_count + 1, sizeof *hints);
    double length_us = (double)(closeup->end_us - closeup->start_us);
    int count = 0;
    for (int i = 0; i < closeup->shot_count; i++) {
        const struct kn_shot *shot = &closeup->shots[i];
        int64_t shown_us = shot->end_us - shot->start_us;
        hints[count++] = (struct kn_thumbnail_hint){shot->start_us + shown_us / 2,
                                                    (float)((double)shown_us / length_us)};
    }
    for (int t = 0; t < closeup->track_count; t++) {
        const struct kn_face_track *track = &closeup->tracks[t];
        const struct kn_track_sample *best = NULL;
        for (int i = 0; i < track->sample_count; i++)
            if (!best || track->samples[i].mouth < best->mouth)
                best = &track->samples[i];
        if (best)
            hints[count++] = (struct kn_thumbnail_hint){best->at_us, fminf(best->width * 4, 1)};
    }
    *ret_hints = hints;
    return count;
}

/* Without moving pictures, so that all of it looks the same. */
static bool is_still(const struct kn_shot *shot)
{
    return shot->kind == KN_SHOT_SLIDE || shot->kind == KN_SHOT_FROZEN;
}

static int64_t shown_us(const struct kn_segment *segment, const struct kn_thumbnail_span *span)
{
    return KN_MIN(segment->end_us, span->end_us) - KN_MAX(segment->start_us, span->start_us);
}

/*
 * A slide over which one clip ends and another begins would be the thumbnail of both. The better
 * clip may have it; for the other it is known. That is decided by the timeline and the ranks alone,
 * so it doesn't matter which clip is rendered first, or not at all because it is there.
 */
int kn_clip_known_stills(struct clip_work *clip, const struct kn_thumbnail_span **ret_known)
{
    const struct kn_attempt *attempt = clip->attempt;
    struct kn_thumbnail_span *known =
        kn_arena_array(clip->arena, (size_t)attempt->timeline.shot_count + 1, sizeof *known);
    int count = 0;
    for (int i = 0; i < attempt->timeline.shot_count; i++) {
        const struct kn_shot *shot = &attempt->timeline.shots[i];
        const struct kn_thumbnail_span span = {shot->start_us - shot->slack_us, shot->end_us};
        bool shown = false;
        for (const struct kn_segment *s = attempt->segments.segments; s < clip->segment; s++)
            shown = shown || shown_us(s, &span) >= SHOWN_US;
        if (shown && is_still(shot) && shown_us(clip->segment, &span) > 0)
            known[count++] = span;
    }
    *ret_known = known;
    return count;
}

/* Of the first aspect; a copied clip's has the source's shape, and is no larger than a screen. */
static void find_size(const struct kn_attempt *attempt, int *ret_width_px, int *ret_height_px)
{
    const struct kn_source *source = &attempt->source;
    int longer = KN_MAX(source->width_px, source->height_px);
    double share = longer > SIDE_MAX ? (double)SIDE_MAX / longer : 1;
    kn_aspect_size(attempt->options->aspects.at[0], ret_width_px, ret_height_px);
    if (attempt->options->copy) {
        *ret_width_px = KN_MAX((int)(source->width_px * share) / 2 * 2, 16);
        *ret_height_px = KN_MAX((int)(source->height_px * share) / 2 * 2, 16);
    }
}

/* ---- the title ---- */

/* A copied clip shows all of the picture. */
static struct kn_frame_key whole_picture(const struct clip_work *clip)
{
    const struct kn_source *source = &clip->attempt->source;
    return (struct kn_frame_key){
        .at_us = clip->segment->start_us,
        .layout = KN_LAYOUT_FILL,
        .pane_count = 1,
        .panes = {{0, 0, source->width_px, source->height_px}},
    };
}

/* Copied clips are not looked at closely: what the coarse look saw nearest to the moment. */
static struct kn_closeup coarse_closeup(const struct clip_work *clip, int64_t at_us)
{
    const struct kn_timeline *timeline = &clip->attempt->timeline;
    const struct kn_face_sample *seen = NULL;
    int64_t least_us = NEAR_US;
    for (int i = 0; i < timeline->face_sample_count; i++) {
        int64_t way_us = llabs(timeline->face_samples[i].at_us - at_us);
        seen = way_us < least_us ? &timeline->face_samples[i] : seen;
        least_us = KN_MIN(way_us, least_us);
    }
    if (!seen)
        return (struct kn_closeup){0};
    struct kn_face_track *tracks =
        kn_arena_array(clip->arena, (size_t)seen->face_count + 1, sizeof *tracks);
    for (int i = 0; i < seen->face_count; i++) {
        const struct kn_face *face = &seen->faces[i];
        struct kn_track_sample *sample = kn_arena_array(clip->arena, 1, sizeof *sample);
        *sample = (struct kn_track_sample){.at_us = at_us,
                                           .x = face->x,
                                           .y = face->y,
                                           .width = face->width,
                                           .height = face->height};
        tracks[i] = (struct kn_face_track){at_us, at_us + 1, 1, sample};
    }
    return (struct kn_closeup){.track_count = seen->face_count, .tracks = tracks};
}

/* Over a picture that stands still only the faces of its own moment count. */
static const char *title_at(void *arg, int64_t at_us)
{
    struct clip_work *clip = arg;
    const struct kn_attempt *attempt = clip->attempt;
    struct kn_caption_ground ground;
    int width_px, height_px;
    find_size(attempt, &width_px, &height_px);
    if (attempt->options->copy) {
        struct kn_frame_key whole = whole_picture(clip);
        const struct kn_framing framing = {.key_count = 1, .keys = &whole};
        const struct kn_closeup closeup = coarse_closeup(clip, at_us);
        kn_ground_at(&attempt->source, &closeup, &framing, at_us, width_px, height_px, clip->arena,
                     &ground);
    } else {
        kn_ground_at(&attempt->source, &clip->closeup, &clip->framings[0], at_us, width_px,
                     height_px, clip->arena, &ground);
    }
    return kn_clip_thumbnail_script(clip, width_px, height_px, &ground);
}

const struct kn_thumbnail_order *kn_clip_thumbnail_order(struct clip_work *clip)
{
    const struct kn_attempt *attempt = clip->attempt;
    if (!attempt->source.has_video)
        return NULL;
    struct kn_thumbnail_order *order = kn_arena_array(clip->arena, 1, sizeof *order);
    order->hint_count = attempt->options->copy ? find_sampled_faces(clip, &order->hints)
                                               : find_moments(clip, &order->hints);
    order->known_count = kn_clip_known_stills(clip, &order->known);
    order->title = title_at;
    order->title_arg = clip;
    order->path = kn_clip_path(clip, kn_arena_printf(clip->arena, "%s.jpg", clip->stem));
    return order;
}

enum kn_status kn_clip_fetch_thumbnail(struct clip_work *clip,
                                       const struct kn_thumbnail_order *order,
                                       struct kn_cancel *cancel, struct kn_error *err)
{
    const struct kn_source *source = &clip->attempt->source;
    struct kn_frame_key whole = whole_picture(clip);
    const struct kn_framing framing = {.key_count = 1, .keys = &whole};
    struct kn_thumbnail_request request = {
        .source = source,
        .start_us = clip->segment->start_us,
        .end_us = clip->segment->end_us,
        .framing = &framing,
        .order = *order,
    };
    find_size(clip->attempt, &request.width_px, &request.height_px);
    struct kn_thumbnail_report report;
    return kn_thumbnail(&request, cancel, &report, err);
}
