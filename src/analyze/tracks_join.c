/*
 * 1. Bend: between two finds, the followed path is shifted evenly so that it meets the second one,
 * and the size changes evenly. What was followed after the last find is dropped.
 * 2. Split at cuts.
 * 3. Bridge: a face that comes back near where it went, without a cut between, is the same.
 * 4. Drop what was found by chance.
 * 5. Smooth, and let tracks reach to the cuts that are near their ends: a face is there from the
 * first picture of a shot, even if it was first looked for a little later.
 */
#include "analyze/tracks_join.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t BRIDGE_US = 2000000; /* a face that is not found for this long may return */
static const int64_t REACH_US = 600000;   /* tracks reach to a cut that is this near */
static const int64_t CHANCE_US = 800000;  /* found once only in a longer shot: by chance */

/* ---- Bend ---- */

static void move_to(struct kn_track_sample *sample, float x, float y)
{
    sample->x = x - sample->width / 2;
    sample->y = y - sample->height / 2;
}

static float middle_x(const struct kn_track_sample *sample)
{
    return sample->x + sample->width / 2;
}

static float middle_y(const struct kn_track_sample *sample)
{
    return sample->y + sample->height / 2;
}

static void set_found(struct kn_step *step)
{
    step->sample.x = step->where.x;
    step->sample.y = step->where.y;
    step->sample.width = step->where.width;
    step->sample.height = step->where.height;
}

/* steps[from] and steps[to] are finds, none between. steps[from] stands at its find already. */
static void bend_between(struct kn_step *steps, int from, int to)
{
    const struct kn_box *goal = &steps[to].where;
    float error_x = goal->x + goal->width / 2 - middle_x(&steps[to].sample);
    float error_y = goal->y + goal->height / 2 - middle_y(&steps[to].sample);
    int64_t start_us = steps[from].sample.at_us;
    float span = (float)(steps[to].sample.at_us - start_us);
    for (int i = from + 1; i < to; i++) {
        struct kn_track_sample *sample = &steps[i].sample;
        float share = (float)(sample->at_us - start_us) / span;
        float x = middle_x(sample) + share * error_x, y = middle_y(sample) + share * error_y;
        sample->width += share * (goal->width - sample->width);
        sample->height += share * (goal->height - sample->height);
        move_to(sample, x, y);
    }
    set_found(&steps[to]);
}

static void bend(struct kn_steps *steps)
{
    int last = -1;
    for (int i = 0; i < steps->count; i++) {
        if (!steps->at[i].found)
            continue;
        if (last < 0)
            set_found(&steps->at[i]);
        else
            bend_between(steps->at, last, i);
        last = i;
    }
    steps->count = last + 1;
}

/* ---- Split and bridge ---- */

/* A run of steps within one shot. */
struct piece {
    struct kn_steps steps;
    int shot; /* number of cuts before it */
};
KN_VEC_TYPE(pieces, struct piece);

static int shot_of(const struct kn_track_span *span, int64_t at_us)
{
    int shot = 0;
    while (shot < span->cut_count && span->cuts_us[shot] <= at_us)
        shot++;
    return shot;
}

static void split(const struct kn_steps *steps, const struct kn_track_span *span,
                  struct pieces *pieces)
{
    struct piece *piece = NULL;
    for (int i = 0; i < steps->count; i++) {
        int shot = shot_of(span, steps->at[i].sample.at_us);
        if (!piece || piece->shot != shot) {
            kn_vec_push(pieces, ((struct piece){.shot = shot}));
            piece = kn_vec_last(pieces);
        }
        kn_vec_push(&piece->steps, steps->at[i]);
    }
}

static int64_t first_us(const struct piece *piece)
{
    return piece->steps.at[0].sample.at_us;
}

static int64_t last_us(const struct piece *piece)
{
    return kn_vec_last(&piece->steps)->sample.at_us;
}

static int by_start(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    int64_t start_x = first_us(x), start_y = first_us(y);
    if (start_x != start_y)
        return start_x < start_y ? -1 : 1;
    float at_x = x->steps.at[0].sample.x, at_y = y->steps.at[0].sample.x;
    return (at_x > at_y) - (at_x < at_y);
}

static bool continues(const struct piece *before, const struct piece *after)
{
    const struct kn_track_sample *a = &kn_vec_last(&before->steps)->sample;
    const struct kn_track_sample *b = &after->steps.at[0].sample;
    int64_t gap_us = b->at_us - a->at_us;
    if (before->shot != after->shot || gap_us <= 0 || gap_us > BRIDGE_US)
        return false;
    float size = (a->width + b->width) / 2, ratio = a->width / fmaxf(b->width, 1e-6f);
    return ratio > 0.6f && ratio < 1.7f && fabsf(middle_x(a) - middle_x(b)) < size &&
           fabsf(middle_y(a) - middle_y(b)) < size;
}

/* `pieces` by start. Each is hung on the earlier one that ended last and that it continues. */
static void bridge(struct pieces *pieces)
{
    for (int i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->at[i];
        struct piece *best = NULL;
        for (int k = 0; k < i; k++) {
            struct piece *earlier = &pieces->at[k];
            if (earlier->steps.count > 0 && continues(earlier, piece) &&
                (!best || last_us(earlier) > last_us(best)))
                best = earlier;
        }
        if (!best)
            continue;
        for (int s = 0; s < piece->steps.count; s++)
            kn_vec_push(&best->steps, piece->steps.at[s]);
        /* The longer one stands here now, so that what follows finds it. */
        struct kn_steps emptied = piece->steps;
        piece->steps = best->steps;
        best->steps = emptied;
        best->steps.count = 0;
    }
}

/* ---- Tracks ---- */

static bool is_chance(const struct piece *piece, int64_t shot_us)
{
    int found = 0;
    for (int i = 0; i < piece->steps.count; i++)
        found += piece->steps.at[i].found;
    return found == 0 || (found == 1 && shot_us > CHANCE_US);
}

/* A weighted mean over five samples where they follow each other closely. */
static struct kn_track_sample smoothed(const struct kn_steps *steps, int at)
{
    static const float weights[] = {3, 2, 1};
    struct kn_track_sample sum = {0}, middle = steps->at[at].sample;
    float total = 0;
    for (int i = KN_MAX(at - 2, 0); i <= KN_MIN(at + 2, steps->count - 1); i++) {
        const struct kn_track_sample *sample = &steps->at[i].sample;
        if (llabs(sample->at_us - middle.at_us) > 300000)
            continue;
        float weight = weights[abs(i - at)];
        sum.x += weight * sample->x;
        sum.y += weight * sample->y;
        sum.width += weight * sample->width;
        sum.height += weight * sample->height;
        total += weight;
    }
    return (struct kn_track_sample){middle.at_us,      sum.x / total,      sum.y / total,
                                    sum.width / total, sum.height / total, middle.mouth};
}

static struct kn_face_track track_of(const struct piece *piece, int64_t shot_start_us,
                                     int64_t shot_end_us, struct kn_arena *arena)
{
    int count = piece->steps.count;
    struct kn_track_sample *samples = kn_arena_array(arena, (size_t)count, sizeof *samples);
    for (int i = 0; i < count; i++)
        samples[i] = smoothed(&piece->steps, i);
    int64_t start_us = first_us(piece), end_us = last_us(piece);
    return (struct kn_face_track){
        .start_us = start_us - shot_start_us <= REACH_US ? shot_start_us : start_us,
        .end_us = shot_end_us - end_us <= REACH_US ? shot_end_us : end_us,
        .sample_count = count,
        .samples = samples,
    };
}

int kn_tracks_join(struct kn_step_lists *lists, const struct kn_track_span *span,
                   struct kn_arena *arena, const struct kn_face_track **ret_tracks)
{
    struct pieces pieces = {0};
    for (int i = 0; i < lists->count; i++) {
        bend(&lists->at[i]);
        split(&lists->at[i], span, &pieces);
    }
    if (pieces.count > 1)
        qsort(pieces.at, (size_t)pieces.count, sizeof *pieces.at, by_start);
    bridge(&pieces);

    KN_VEC(struct kn_face_track) tracks = {0};
    for (int i = 0; i < pieces.count; i++) {
        const struct piece *piece = &pieces.at[i];
        if (piece->steps.count == 0)
            continue;
        int shot = piece->shot;
        int64_t start_us = shot > 0 ? span->cuts_us[shot - 1] : span->start_us;
        int64_t end_us = shot < span->cut_count ? span->cuts_us[shot] : span->end_us;
        if (!is_chance(piece, end_us - start_us))
            kn_vec_push(&tracks, track_of(piece, start_us, end_us, arena));
    }
    int count = tracks.count;
    *ret_tracks = kn_vec_to_arena(&tracks, arena);
    kn_vec_free(&tracks);
    for (int i = 0; i < pieces.count; i++)
        kn_vec_free(&pieces.at[i].steps);
    kn_vec_free(&pieces);
    return count;
}
