#include "analyze/keyframes.h"

#include <math.h>
#include <stdlib.h>

#include "analyze/shots.h"
#include "base/vec.h"

/* A shot's beginning may be a dissolve, and its end is where the next may already show. */
enum { EDGE_US = 200 * 1000 };
enum {
    AGAIN_US = 20 * 1000 * 1000, /* in a long shot */
    NEAR_US = 90 * 1000 * 1000,  /* how far back a picture counts as seen already */
};
/* Looks that differ by less are one picture seen again: in the same shot, where people move and
 * light changes, and in different ones, where only the same camera gives the same numbers. */
static const float SAME_SHOT = 0.06f, OTHER_SHOT = 0.03f;

KN_VEC_TYPE(keyframe_list, struct kn_keyframe);
KN_VEC_TYPE(look_list, const struct kn_look *);

/* 0..1 and a little more. */
static float difference(const struct kn_look *a, const struct kn_look *b)
{
    /* Edges are a small share of any picture, and sharpness varies with every movement. */
    return fabsf(a->brightness - b->brightness) + fabsf(a->flat - b->flat) / 2 +
           2 * fabsf(a->edges - b->edges) + fabsf(a->sharpness - b->sharpness) / 4 +
           fabsf(a->motion - b->motion) / 4;
}

/* ---- the looks of a shot ---- */

static void looks_between(const struct kn_timeline *t, int64_t start_us, int64_t end_us,
                          struct look_list *looks)
{
    kn_vec_clear(looks);
    int first = kn_first_from(t->looks, t->look_count, at_us, start_us);
    for (int i = first; i < t->look_count && t->looks[i].at_us < end_us; i++)
        if (!kn_look_is_black(&t->looks[i]))
            kn_vec_push(looks, &t->looks[i]);
}

/* Those that show this shot for sure, or else those that probably do. */
static void looks_of_shot(const struct kn_timeline *t, int shot, struct look_list *looks)
{
    int64_t start_us = t->shots[shot].start_us, end_us = t->shots[shot].end_us;
    int64_t slack_us = shot + 1 < t->shot_count ? t->shots[shot + 1].slack_us : 0;
    looks_between(t, start_us + (shot ? EDGE_US : 0), end_us - slack_us - EDGE_US, looks);
    if (looks->count == 0)
        looks_between(t, start_us, end_us, looks);
}

/* ---- choosing within a shot ---- */

static struct kn_look mean_look(const struct look_list *looks)
{
    struct kn_look mean = {0};
    float share = 1 / (float)looks->count;
    for (int i = 0; i < looks->count; i++) {
        mean.brightness += looks->at[i]->brightness * share;
        mean.sharpness += looks->at[i]->sharpness * share;
        mean.motion += looks->at[i]->motion * share;
        mean.edges += looks->at[i]->edges * share;
        mean.flat += looks->at[i]->flat * share;
    }
    return mean;
}

/* Sharp, and like the rest: a flash or a hand before the lens is sharp as well at times. */
static float worth(const struct kn_look *look, const struct kn_look *mean)
{
    struct kn_look as_sharp = *look;
    as_sharp.sharpness = mean->sharpness;
    return look->sharpness - 2 * difference(&as_sharp, mean);
}

/* The best of looks [first, after). */
static const struct kn_look *best_of(const struct look_list *looks, int first, int after,
                                     const struct kn_look *mean)
{
    const struct kn_look *best = looks->at[first];
    for (int i = first + 1; i < after; i++)
        if (worth(looks->at[i], mean) > worth(best, mean))
            best = looks->at[i];
    return best;
}

/* Was it seen before: by the key frame before it in the same shot, or shortly before by any other?
 */
static bool is_seen(const struct keyframe_list *chosen, int shot, const struct kn_look *look)
{
    for (int i = chosen->count - 1; i >= 0; i--) {
        const struct kn_keyframe *before = &chosen->at[i];
        bool here = before->shot == shot;
        if (look->at_us - before->look->at_us > NEAR_US && !(here && i == chosen->count - 1))
            return false;
        if (difference(look, before->look) < (here ? SAME_SHOT : OTHER_SHOT))
            return true;
    }
    return false;
}

static void choose_in_shot(const struct kn_timeline *t, int shot, struct look_list *looks,
                           struct keyframe_list *chosen)
{
    looks_of_shot(t, shot, looks);
    if (looks->count == 0)
        return;
    struct kn_look mean = mean_look(looks);
    for (int first = 0, after; first < looks->count; first = after) {
        int64_t until_us = looks->at[first]->at_us + AGAIN_US;
        for (after = first; after < looks->count && looks->at[after]->at_us < until_us;)
            after++;
        const struct kn_look *best = best_of(looks, first, after, &mean);
        if (!is_seen(chosen, shot, best))
            kn_vec_push(chosen, ((struct kn_keyframe){best, shot}));
    }
}

static bool any_moves(const struct kn_timeline *t)
{
    for (int i = 0; i < t->shot_count; i++)
        if (t->shots[i].kind != KN_SHOT_BLACK && t->shots[i].kind != KN_SHOT_FROZEN)
            return true;
    return false;
}

/* ---- spreading over the source ---- */

/* The sharpest of each of `most` equal stretches; returns how many had one. */
static int take_one_a_stretch(const struct keyframe_list *all, int most, bool *taken)
{
    int64_t start_us = all->at[0].look->at_us;
    double stretch_us = (double)(kn_vec_last(all)->look->at_us - start_us + 1) / most;
    int count = 0;
    for (int first = 0, after; first < all->count; first = after) {
        int stretch = (int)((double)(all->at[first].look->at_us - start_us) / stretch_us);
        int best = first;
        for (after = first + 1; after < all->count; after++) {
            if ((int)((double)(all->at[after].look->at_us - start_us) / stretch_us) != stretch)
                break;
            if (all->at[after].look->sharpness > all->at[best].look->sharpness)
                best = after;
        }
        taken[best] = true;
        count++;
    }
    return count;
}

/* The one that is farthest from all that are taken: where stretches were empty, others give more.
 */
static void take_farthest(const struct keyframe_list *all, bool *taken)
{
    int64_t before_us = INT64_MIN / 2, farthest_us = -1;
    int best = 0, next = 0; /* `next`: the first that is taken, from here on */
    for (int i = 0; i < all->count; i++) {
        int64_t at_us = all->at[i].look->at_us;
        if (taken[i]) {
            before_us = at_us;
            continue;
        }
        for (next = KN_MAX(next, i); next < all->count && !taken[next];)
            next++;
        int64_t after_us = next < all->count ? all->at[next].look->at_us : INT64_MAX / 2;
        int64_t distance_us = KN_MIN(at_us - before_us, after_us - at_us);
        if (distance_us > farthest_us) {
            farthest_us = distance_us;
            best = i;
        }
    }
    taken[best] = true;
}

static void spread(struct keyframe_list *all, int most)
{
    bool *taken = kn_calloc((size_t)all->count, sizeof *taken);
    for (int count = take_one_a_stretch(all, most, taken); count < most; count++)
        take_farthest(all, taken);
    int kept = 0;
    for (int i = 0; i < all->count; i++)
        if (taken[i])
            all->at[kept++] = all->at[i];
    all->count = kept;
    free(taken);
}

int kn_keyframes_choose(const struct kn_timeline *timeline, int most, struct kn_arena *arena,
                        const struct kn_keyframe **ret_keyframes)
{
    struct keyframe_list chosen = {0};
    struct look_list looks = {0};
    bool frozen_too = !any_moves(timeline);
    for (int i = 0; i < timeline->shot_count; i++) {
        enum kn_shot_kind kind = timeline->shots[i].kind;
        if (kind != KN_SHOT_BLACK && (kind != KN_SHOT_FROZEN || frozen_too))
            choose_in_shot(timeline, i, &looks, &chosen);
    }
    if (most <= 0)
        kn_vec_clear(&chosen);
    else if (chosen.count > most)
        spread(&chosen, most);
    int count = chosen.count;
    *ret_keyframes = kn_vec_to_arena(&chosen, arena);
    kn_vec_free(&chosen);
    kn_vec_free(&looks);
    return count;
}
