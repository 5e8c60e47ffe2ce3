/*
 * Key frames: the few pictures of a source that a vision engine is asked about.
 *
 * Pure. Each shot gives its sharpest look that is like the rest of it; a long shot gives another
 * one every KN_KEYFRAME_AGAIN_US if something changes in it. Black pictures are passed over, and
 * frozen shots as well unless there are no others (a slide show of photos). What looks by its
 * numbers like a picture shortly before it, as when two cameras take turns, is left out; looks are
 * coarse, so the caller may compare the pictures themselves once it has them.
 */
#ifndef KN_ANALYZE_KEYFRAMES_H
#define KN_ANALYZE_KEYFRAMES_H

#include <kirinuki/arena.h>

#include "model/timeline.h"

enum {
    KN_KEYFRAME_AGAIN_US = 20 * 1000 * 1000,
    KN_KEYFRAME_NEAR_US = 90 * 1000 * 1000, /* how far back a picture counts as seen already */
};
/* Looks that differ by less are one picture seen again: in the same shot, where people move and
 * light changes, and in different ones, where only the same camera gives the same numbers. */
#define KN_KEYFRAME_SAME_SHOT  0.06f
#define KN_KEYFRAME_OTHER_SHOT 0.03f

struct kn_keyframe {
    int64_t at_us; /* that of a look */
    int shot;      /* of the timeline */
    float sharpness;
};

/*
 * At most `most`, in order of time; with more to choose from they are spread evenly over the
 * source, the sharpest of each stretch. Works on a timeline whose pictures alone are there yet. In
 * `arena`; returns how many.
 */
int kn_keyframes_choose(const struct kn_timeline *timeline, int most, struct kn_arena *arena,
                        const struct kn_keyframe **ret_keyframes);

/* How different two looks are, 0..1 and a little more. */
float kn_look_difference(const struct kn_look *a, const struct kn_look *b);

#endif
