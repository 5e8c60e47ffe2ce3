#include "clip/ground.h"

#include <math.h>

#include "base/memory.h"
#include "base/vec.h"

/* Faces are looked up this often: they move little meanwhile. */
enum { STEP_US = 200000 };

struct finder {
    const struct kn_source *source;
    const struct kn_framing *framing;
    int64_t start_us, end_us; /* of the clip, media time */
    int width_px, height_px;
    KN_VEC(struct kn_caption_stretch) stretches;
    KN_VEC(struct kn_caption_face) faces;
};

/* ---- layouts ---- */

/* Where a picture that is fitted into the frame ends; compose.c centres it the same way. */
static double picture_bottom(const struct finder *finder, const struct kn_rect *pane)
{
    double share = fmin(finder->width_px / pane->width, finder->height_px / pane->height);
    return (finder->height_px + pane->height * share) / 2;
}

static void find_stretches(struct finder *finder)
{
    for (int i = 0; i < finder->framing->key_count; i++) {
        const struct kn_frame_key *key = &finder->framing->keys[i];
        int64_t at_us = KN_MAX(key->at_us, finder->start_us) - finder->start_us;
        struct kn_caption_stretch *last =
            finder->stretches.count ? kn_vec_last(&finder->stretches) : NULL;
        if (key->at_us >= finder->end_us || (last && last->layout == key->layout))
            continue;
        if (last)
            last->end_us = at_us;
        struct kn_caption_stretch stretch = {
            .start_us = at_us, .end_us = finder->end_us - finder->start_us, .layout = key->layout};
        if (key->layout == KN_LAYOUT_FIT)
            stretch.picture_bottom = picture_bottom(finder, &key->panes[0]);
        kn_vec_push(&finder->stretches, stretch);
    }
}

/* ---- faces ---- */

static struct kn_rect face_at(const struct finder *finder, const struct kn_face_track *track,
                              int64_t at_us)
{
    int k = 0, last = track->sample_count - 1;
    while (k < last && track->samples[k + 1].at_us <= at_us)
        k++;
    const struct kn_track_sample *a = &track->samples[k], *b = &track->samples[KN_MIN(k + 1, last)];
    double span = (double)(b->at_us - a->at_us);
    double t = span > 0 ? KN_CLAMP((double)(at_us - a->at_us) / span, 0, 1) : 0;
    double width = finder->source->width_px, height = finder->source->height_px;
    return (struct kn_rect){.x = ((double)a->x * (1 - t) + (double)b->x * t) * width,
                            .y = ((double)a->y * (1 - t) + (double)b->y * t) * height,
                            .width = ((double)a->width * (1 - t) + (double)b->width * t) * width,
                            .height =
                                ((double)a->height * (1 - t) + (double)b->height * t) * height};
}

/* A rectangle of the source where pane `k` shows it, cut to the pane; false: not there. */
static bool project(const struct finder *finder, const struct kn_frame_key *key, int k,
                    const struct kn_rect *face, struct kn_caption_box *ret_box)
{
    const struct kn_rect *pane = &key->panes[k];
    double height = (double)finder->height_px / key->pane_count, top = height * k, left = 0;
    double share_x = finder->width_px / pane->width, share_y = height / pane->height;
    double right = finder->width_px, bottom = top + height;
    if (key->layout == KN_LAYOUT_FIT) {
        share_x = share_y = fmin(share_x, share_y);
        left = (finder->width_px - pane->width * share_x) / 2;
        right = finder->width_px - left;
        bottom = picture_bottom(finder, pane);
        top = finder->height_px - bottom;
    }
    struct kn_caption_box box = {
        .left = fmax(left + (face->x - pane->x) * share_x, left),
        .top = fmax(top + (face->y - pane->y) * share_y, top),
        .right = fmin(left + (face->x + face->width - pane->x) * share_x, right),
        .bottom = fmin(top + (face->y + face->height - pane->y) * share_y, bottom),
    };
    *ret_box = box;
    return box.right > box.left && box.bottom > box.top;
}

/* The faces of the moment `at_us`, as there over [start, end) of the clip. */
static void add_faces(struct finder *finder, const struct kn_closeup *closeup, int64_t at_us,
                      int64_t start_us, int64_t end_us)
{
    const struct kn_frame_key key = kn_framing_at(finder->framing, at_us);
    for (int i = 0; i < closeup->track_count; i++) {
        const struct kn_face_track *track = &closeup->tracks[i];
        if (!track->sample_count || at_us < track->start_us || at_us >= track->end_us)
            continue;
        struct kn_rect face = face_at(finder, track, at_us);
        for (int k = 0; k < key.pane_count; k++) {
            struct kn_caption_face shown = {.start_us = start_us, .end_us = end_us};
            if (project(finder, &key, k, &face, &shown.box))
                kn_vec_push(&finder->faces, shown);
        }
    }
}

static void find_faces(struct finder *finder, const struct kn_closeup *closeup)
{
    for (int64_t at_us = finder->start_us; at_us < finder->end_us; at_us += STEP_US)
        add_faces(finder, closeup, at_us, at_us - finder->start_us,
                  KN_MIN(at_us + STEP_US, finder->end_us) - finder->start_us);
}

static void hand_over(struct finder *finder, struct kn_arena *arena,
                      struct kn_caption_ground *ret_ground)
{
    ret_ground->stretch_count = finder->stretches.count;
    ret_ground->stretches = kn_vec_to_arena(&finder->stretches, arena);
    ret_ground->face_count = finder->faces.count;
    ret_ground->faces = kn_vec_to_arena(&finder->faces, arena);
    kn_vec_free(&finder->stretches);
    kn_vec_free(&finder->faces);
}

void kn_ground_find(const struct kn_source *source, const struct kn_closeup *closeup,
                    const struct kn_framing *framing, int64_t start_us, int64_t end_us,
                    struct kn_arena *arena, struct kn_caption_ground *ret_ground)
{
    struct finder finder = {
        .source = source, .framing = framing, .start_us = start_us, .end_us = end_us};
    *ret_ground = (struct kn_caption_ground){0};
    if (framing->key_count == 0)
        return;
    kn_aspect_size(framing->aspect, &finder.width_px, &finder.height_px);
    find_stretches(&finder);
    find_faces(&finder, closeup);
    hand_over(&finder, arena, ret_ground);
}

void kn_ground_at(const struct kn_source *source, const struct kn_closeup *closeup,
                  const struct kn_framing *framing, int64_t at_us, int width_px, int height_px,
                  struct kn_arena *arena, struct kn_caption_ground *ret_ground)
{
    struct finder finder = {
        .source = source, .framing = framing, .width_px = width_px, .height_px = height_px};
    *ret_ground = (struct kn_caption_ground){0};
    if (framing->key_count == 0)
        return;
    add_faces(&finder, closeup, at_us, 0, INT64_MAX);
    hand_over(&finder, arena, ret_ground);
}
