/*
 * Key frames: the few pictures of a source that a vision engine is asked about.
 *
 * Pure. Each shot gives its sharpest look that is like the rest of it; a long shot gives another
 * one every 20 s if something changes in it. Black pictures are passed over, and
 * frozen shots as well unless there are no others (a slide show of photos). What looks by its
 * numbers like a picture shortly before it, as when two cameras take turns, is left out; looks are
 * coarse, so the caller may compare the pictures themselves once it has them.
 */
#ifndef KN_ANALYZE_KEYFRAMES_H
#define KN_ANALYZE_KEYFRAMES_H

#include <kirinuki/arena.h>

#include "model/timeline.h"

struct kn_keyframe {
    const struct kn_look *look; /* of the timeline, as is the shot */
    int shot;
};

/*
 * At most `most`, in order of time; with more to choose from they are spread evenly over the
 * source, the sharpest of each stretch. Works on a timeline whose pictures alone are there yet. In
 * `arena`, borrows the timeline; returns how many.
 */
int kn_keyframes_choose(const struct kn_timeline *timeline, int most, struct kn_arena *arena,
                        const struct kn_keyframe **ret_keyframes);

#endif
