/*
 * A patch shows a face with some room around it, always the same part of the picture, so that two
 * patches of neighbouring pictures differ by how the face moved. That motion is found on the upper
 * face (brows to nose, which no speech moves): the shift with the least difference. What then still
 * differs around the mouth, more than on the upper face, is the mouth's own motion; divided by the
 * face's contrast it does not depend on light.
 *
 * Rejected: optical flow of points (more code, no better on faces of 40 pixels), and the mouth's
 * opening from the finder's points (it has one point for the mouth).
 */
#include "analyze/tracks.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/tracks_join.h"
#include "base/vec.h"

enum {
    PX = KN_PATCH_PX,
    SHIFT_MAX = 6,  /* of a face between two patches, in their pixels: a sixth of its width */
    MISSES_MAX = 3, /* searches in a row that did not find the face again: it has gone */
};
static const float ROOM = 1.6f;         /* a patch's size against the face's */
static const float OFF_CENTRE = 0.12f;  /* of the patch: then it is moved */
static const float RESIZED = 0.15f;     /* a face that changed by this gets a new patch */
static const float LOST = 32;           /* mean difference of upper faces that are not the same */
static const float CONTRAST_MIN = 8;    /* of luma: less than this is noise */
static const float BEGIN_SCORE = 0.6f;  /* of a face that was not there before */
static const float SAME_OVERLAP = 0.2f; /* intersection over union */
static const float AS_EXPECTED = 0.5f;  /* the same, of a face that was followed well */

struct track {
    struct kn_box now;
    float mouth_x, mouth_y; /* in shares of the box */
    struct kn_area area;
    bool has_patch;
    uint8_t patch[PX * PX];
    int misses;
    struct kn_steps steps;
};

struct kn_tracker {
    int count;
    struct track tracks[KN_TRACKS_AT_ONCE_MAX];
    struct kn_step_lists finished;
};

struct kn_tracker *kn_tracker_new(void)
{
    return kn_calloc(1, sizeof(struct kn_tracker));
}

void kn_tracker_free(struct kn_tracker *tracker)
{
    if (!tracker)
        return;
    for (int i = 0; i < tracker->count; i++)
        kn_vec_free(&tracker->tracks[i].steps);
    for (int i = 0; i < tracker->finished.count; i++)
        kn_vec_free(&tracker->finished.at[i]);
    kn_vec_free(&tracker->finished);
    free(tracker);
}

int kn_tracker_count(const struct kn_tracker *tracker)
{
    return tracker->count;
}

struct kn_area kn_tracker_area(const struct kn_tracker *tracker, int track)
{
    assert(track >= 0 && track < tracker->count);
    return tracker->tracks[track].area;
}

/* ---- Areas ---- */

static float clamp_share(float x)
{
    return KN_CLAMP(x, 0.f, 1.f);
}

static struct kn_area area_around(const struct kn_box *box)
{
    float width = box->width * ROOM, height = box->height * ROOM;
    float x0 = clamp_share(box->x + box->width / 2 - width / 2);
    float y0 = clamp_share(box->y + box->height / 2 - height / 2);
    float x1 = clamp_share(box->x + box->width / 2 + width / 2);
    float y1 = clamp_share(box->y + box->height / 2 + height / 2);
    return (struct kn_area){x0, y0, fmaxf(x1 - x0, 0.01f), fmaxf(y1 - y0, 0.01f)};
}

/* Gives the track a new patch if the face has left the middle of the old one. */
static void keep_centred(struct track *track)
{
    struct kn_area right = area_around(&track->now);
    const struct kn_area *area = &track->area;
    bool off =
        fabsf(right.x + right.width / 2 - area->x - area->width / 2) > OFF_CENTRE * area->width ||
        fabsf(right.y + right.height / 2 - area->y - area->height / 2) >
            OFF_CENTRE * area->height ||
        fabsf(right.width - area->width) > RESIZED * area->width;
    if (off) {
        track->area = right;
        track->has_patch = false;
    }
}

/* A part of the face in whole pixels of the patch. */
struct region {
    int left, top, right, bottom;
};

static struct region region_of(const struct track *track, float x0, float y0, float x1, float y1)
{
    const struct kn_box *face = &track->now;
    const struct kn_area *area = &track->area;
    struct region region = {
        .left = (int)lroundf((face->x + x0 * face->width - area->x) / area->width * PX),
        .right = (int)lroundf((face->x + x1 * face->width - area->x) / area->width * PX),
        .top = (int)lroundf((face->y + y0 * face->height - area->y) / area->height * PX),
        .bottom = (int)lroundf((face->y + y1 * face->height - area->y) / area->height * PX),
    };
    region.left = KN_CLAMP(region.left, SHIFT_MAX, PX - SHIFT_MAX);
    region.right = KN_CLAMP(region.right, SHIFT_MAX, PX - SHIFT_MAX);
    region.top = KN_CLAMP(region.top, SHIFT_MAX, PX - SHIFT_MAX);
    region.bottom = KN_CLAMP(region.bottom, SHIFT_MAX, PX - SHIFT_MAX);
    return region;
}

static int region_pixels(const struct region *region)
{
    return KN_MAX(region->right - region->left, 0) * KN_MAX(region->bottom - region->top, 0);
}

/* ---- Matching patches ---- */

/* Mean difference of a region in `before` and the same region, moved, in `after`. */
static float difference(const uint8_t *before, const struct kn_luma *after,
                        const struct region *region, int dx, int dy)
{
    int sum = 0;
    for (int y = region->top; y < region->bottom; y++) {
        const uint8_t *a = before + y * PX;
        const uint8_t *b = after->at + (ptrdiff_t)(y + dy) * after->stride + dx;
        for (int x = region->left; x < region->right; x++)
            sum += abs(a[x] - b[x]);
    }
    return (float)sum / (float)region_pixels(region);
}

struct shift {
    int dx, dy;
    float difference;
};

static void try_shift(const uint8_t *before, const struct kn_luma *after,
                      const struct region *region, int dx, int dy, struct shift *best)
{
    if (abs(dx) > SHIFT_MAX || abs(dy) > SHIFT_MAX)
        return;
    float value = difference(before, after, region, dx, dy);
    if (value < best->difference)
        *best = (struct shift){dx, dy, value};
}

/* Every second shift, then those around the best. Standing still is tried first, so it wins ties.
 */
static struct shift find_shift(const uint8_t *before, const struct kn_luma *after,
                               const struct region *region)
{
    struct shift best = {0, 0, difference(before, after, region, 0, 0)};
    for (int dy = -SHIFT_MAX; dy <= SHIFT_MAX; dy += 2)
        for (int dx = -SHIFT_MAX; dx <= SHIFT_MAX; dx += 2)
            try_shift(before, after, region, dx, dy, &best);
    struct shift coarse = best;
    for (int dy = coarse.dy - 1; dy <= coarse.dy + 1; dy++)
        for (int dx = coarse.dx - 1; dx <= coarse.dx + 1; dx++)
            try_shift(before, after, region, dx, dy, &best);
    return best;
}

static float contrast_of(const uint8_t *patch, const struct region *region)
{
    int64_t sum = 0, squares = 0;
    for (int y = region->top; y < region->bottom; y++)
        for (int x = region->left; x < region->right; x++) {
            int value = patch[y * PX + x];
            sum += value;
            squares += value * value;
        }
    double count = region_pixels(region), mean = (double)sum / count;
    return fmaxf((float)sqrt(fmax((double)squares / count - mean * mean, 0)), CONTRAST_MIN);
}

static void copy_patch(uint8_t *to, const struct kn_luma *from)
{
    for (int y = 0; y < PX; y++)
        memcpy(to + y * PX, from->at + (ptrdiff_t)y * from->stride, PX);
}

static void push_step(struct track *track, int64_t at_us, float mouth)
{
    const struct kn_box *box = &track->now;
    kn_vec_push(&track->steps, ((struct kn_step){.sample = {at_us, box->x, box->y, box->width,
                                                            box->height, mouth}}));
}

/* Moves the face as its patch moved; returns the mouth's motion. */
static float follow_patch(struct track *track, const struct kn_luma *patch)
{
    struct region upper = region_of(track, 0.1f, 0.f, 0.9f, 0.55f);
    struct region mouth = region_of(track, track->mouth_x - 0.3f, track->mouth_y - 0.15f,
                                    track->mouth_x + 0.3f, track->mouth_y + 0.25f);
    if (region_pixels(&upper) == 0)
        return 0;
    struct shift shift = find_shift(track->patch, patch, &upper);
    if (shift.difference > LOST)
        return 0;
    track->now.x += (float)shift.dx / PX * track->area.width;
    track->now.y += (float)shift.dy / PX * track->area.height;
    if (region_pixels(&mouth) == 0)
        return 0;
    float moved = difference(track->patch, patch, &mouth, shift.dx, shift.dy) - shift.difference;
    return fmaxf(moved, 0) / contrast_of(track->patch, &upper);
}

void kn_tracker_follow(struct kn_tracker *tracker, int index, int64_t at_us,
                       const struct kn_luma *patch)
{
    assert(index >= 0 && index < tracker->count);
    assert(patch->width == PX && patch->height == PX);
    struct track *track = &tracker->tracks[index];
    float mouth = 0;
    if (track->has_patch)
        mouth = follow_patch(track, patch);
    else if (track->steps.count > 0) /* the patch has just moved: nothing to compare with */
        mouth = kn_vec_last(&track->steps)->sample.mouth;
    copy_patch(track->patch, patch);
    track->has_patch = true;
    if (track->steps.count == 0 || at_us > kn_vec_last(&track->steps)->sample.at_us)
        push_step(track, at_us, mouth);
    keep_centred(track);
}

/* ---- Matching finds ---- */

static float overlap(const struct kn_box *a, const struct kn_face *b)
{
    float width = fminf(a->x + a->width, b->x + b->width) - fmaxf(a->x, b->x);
    float height = fminf(a->y + a->height, b->y + b->height) - fmaxf(a->y, b->y);
    if (width <= 0 || height <= 0)
        return 0;
    float both = width * height;
    return both / (a->width * a->height + b->width * b->height - both);
}

/* How well a find continues a track: 0 not at all. A fast face may have left its box; it is then
 * the nearest one of about its size. */
static float likeness(const struct kn_box *box, const struct kn_face *face)
{
    float shared = overlap(box, face);
    if (shared >= SAME_OVERLAP)
        return 1 + shared;
    float ratio = face->width / fmaxf(box->width, 1e-6f);
    if (ratio < 0.6f || ratio > 1.7f)
        return 0;
    float dx = (box->x + box->width / 2 - face->x - face->width / 2) / box->width;
    float dy = (box->y + box->height / 2 - face->y - face->height / 2) / box->height;
    return fmaxf(1 - hypotf(dx, dy), 0);
}

static void place(struct track *track, int64_t at_us, const struct kn_face *face)
{
    struct kn_box where = {face->x, face->y, face->width, face->height};
    if (track->steps.count == 0 || kn_vec_last(&track->steps)->sample.at_us < at_us)
        push_step(track, at_us, 0);
    struct kn_step *step = kn_vec_last(&track->steps);
    step->found = true;
    step->where = where;
    track->now = where;
    track->misses = 0;
    track->mouth_x = (face->mouth_x - face->x) / fmaxf(face->width, 1e-6f);
    track->mouth_y = (face->mouth_y - face->y) / fmaxf(face->height, 1e-6f);
    keep_centred(track);
}

static void finish(struct kn_tracker *tracker, int index)
{
    kn_vec_push(&tracker->finished, tracker->tracks[index].steps);
    tracker->tracks[index] = tracker->tracks[--tracker->count];
    tracker->tracks[tracker->count].steps = (struct kn_steps){0};
}

static void begin(struct kn_tracker *tracker, int64_t at_us, const struct kn_face *face)
{
    if (tracker->count == KN_TRACKS_AT_ONCE_MAX)
        return;
    struct track *track = &tracker->tracks[tracker->count++];
    *track = (struct track){.now = {face->x, face->y, face->width, face->height}};
    track->area = area_around(&track->now);
    place(track, at_us, face);
}

bool kn_tracker_found(struct kn_tracker *tracker, int64_t at_us, const struct kn_face *faces,
                      int count)
{
    enum { FACES = 64 };
    bool expected = true;
    bool face_used[FACES] = {false}, matched[KN_TRACKS_AT_ONCE_MAX] = {false};
    count = KN_MIN(count, FACES);
    for (;;) { /* the best pair that is left */
        float best = 0;
        int best_track = -1, best_face = -1;
        for (int t = 0; t < tracker->count; t++)
            for (int f = 0; f < count && !matched[t]; f++) {
                float value = face_used[f] ? 0 : likeness(&tracker->tracks[t].now, &faces[f]);
                if (value > best) {
                    best = value;
                    best_track = t;
                    best_face = f;
                }
            }
        if (best_track < 0)
            break;
        matched[best_track] = face_used[best_face] = true;
        expected &= overlap(&tracker->tracks[best_track].now, &faces[best_face]) >= AS_EXPECTED;
        place(&tracker->tracks[best_track], at_us, &faces[best_face]);
    }
    for (int t = tracker->count - 1; t >= 0; t--) {
        expected &= matched[t];
        if (!matched[t] && ++tracker->tracks[t].misses >= MISSES_MAX)
            finish(tracker, t);
    }
    for (int f = 0; f < count; f++) {
        if (face_used[f] || faces[f].score < BEGIN_SCORE)
            continue;
        expected = false;
        begin(tracker, at_us, &faces[f]);
    }
    return expected;
}

void kn_tracker_break(struct kn_tracker *tracker)
{
    while (tracker->count > 0)
        finish(tracker, tracker->count - 1);
}

int kn_tracker_end(struct kn_tracker *tracker, const struct kn_track_span *span,
                   struct kn_arena *arena, const struct kn_face_track **ret_tracks)
{
    kn_tracker_break(tracker);
    return kn_tracks_join(&tracker->finished, span, arena, ret_tracks);
}
