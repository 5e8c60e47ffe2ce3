/*
 * Following faces from picture to picture.
 *
 * Pure. Faces are found in a few pictures a second (that is costly) and followed in those between
 * by matching patches of luma, which also shows how the mouth moves against the rest of the face.
 * In the end, what was followed is bent so that it meets what was found, gaps without a cut are
 * bridged, and chance finds are dropped.
 *
 *     for each picture:
 *         for each track i < kn_tracker_count():
 *             kn_tracker_follow(i, patch of kn_tracker_area(i))
 *         now and then: kn_tracker_found(faces of the whole picture)
 *     kn_tracker_end(cuts)
 */
#ifndef KN_ANALYZE_TRACKS_H
#define KN_ANALYZE_TRACKS_H

#include <kirinuki/arena.h>

#include "analyze/looks.h"
#include "model/timeline.h"
#include "model/track.h"

enum { KN_PATCH_PX = 64, KN_TRACKS_AT_ONCE_MAX = 8 };

/* A part of the picture, in shares of it. */
struct kn_area {
    float x, y, width, height;
};

struct kn_tracker;
struct kn_tracker *kn_tracker_new(void);
void kn_tracker_free(struct kn_tracker *tracker); /* NULL is fine */

/* How many faces are being followed now, and which part of the picture a patch must show. */
int kn_tracker_count(const struct kn_tracker *tracker);
struct kn_area kn_tracker_area(const struct kn_tracker *tracker, int track);

/* The patch (KN_PATCH_PX square) of a track's area in a later picture. */
void kn_tracker_follow(struct kn_tracker *tracker, int track, int64_t at_us,
                       const struct kn_luma *patch);
/* All faces of one picture; tracks are matched with them, begun and given up. True: they are where
 * they were followed to, nobody came and nobody went, so the next search can wait a little. */
bool kn_tracker_found(struct kn_tracker *tracker, int64_t at_us, const struct kn_face *faces,
                      int count);
/* The picture changes here, perhaps by a cut: nobody is followed across. */
void kn_tracker_break(struct kn_tracker *tracker);

/* What was gone through, and the cuts in it. */
struct kn_track_span {
    int64_t start_us, end_us;
    int cut_count;
    const int64_t *cuts_us;
};

/* After the last picture. Tracks by start; none reaches across a cut. */
int kn_tracker_end(struct kn_tracker *tracker, const struct kn_track_span *span,
                   struct kn_arena *arena, const struct kn_face_track **ret_tracks);

#endif
