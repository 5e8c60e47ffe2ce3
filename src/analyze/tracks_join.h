/*
 * From what was followed to tracks: the second half of tracks.h.
 */
#ifndef KN_ANALYZE_TRACKS_JOIN_H
#define KN_ANALYZE_TRACKS_JOIN_H

#include <stdbool.h>

#include <kirinuki/arena.h>

#include "analyze/tracks.h"
#include "base/vec.h"
#include "model/track.h"

struct kn_box {
    float x, y, width, height;
};

/* A face in one picture. */
struct kn_step {
    struct kn_track_sample sample; /* where it was followed to */
    bool found;
    struct kn_box where; /* where it was found */
};
KN_VEC_TYPE(kn_steps, struct kn_step);
KN_VEC_TYPE(kn_step_lists, struct kn_steps);

/* As kn_tracker_end; the lists are used up on the way. */
int kn_tracks_join(struct kn_step_lists *lists, const struct kn_track_span *span,
                   struct kn_arena *arena, const struct kn_face_track **ret_tracks);

#endif
