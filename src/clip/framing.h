/*
 * Framing: from faces and shots to what each moment of a clip shows.
 *
 * Pure. The camera holds still while the face stays in a dead zone, moves at a limited speed when
 * it must, and jumps only at shot changes (or, rarely, between two speakers far apart).
 */
#ifndef KN_CLIP_FRAMING_H
#define KN_CLIP_FRAMING_H

#include <kirinuki/arena.h>

#include "model/clip.h"
#include "model/timeline.h"
#include "model/track.h"

/* What a close look at the pictures of one segment found. */
struct kn_closeup {
    int64_t start_us, end_us;
    int cut_count;
    const int64_t *cuts_us; /* exact to the frame: the first picture of each new shot */
    int shot_count;         /* cut_count + 1 */
    const struct kn_shot *shots;
    int track_count;
    const struct kn_face_track *tracks;
};

/*
 * What the camera promises, per shot and axis, between cuts: it moves at most this share of the
 * crop's width (or height) a second, and does not turn round more often than this.
 */
#define KN_FRAMING_SPEED_MAX   0.6
#define KN_FRAMING_TURN_MIN_US INT64_C(1000000)
/* Who is on screen is changed by a cut inside a shot not more often than this. */
#define KN_FRAMING_SWITCH_MIN_US INT64_C(1500000)
/* A small face may be brought closer until the picture is enlarged this much. */
#define KN_FRAMING_ENLARGE_MAX 2.5

struct kn_framing_options {
    enum kn_aspect aspect;
    enum kn_layout layout; /* AUTO decides for each shot */
};

/* `speech` (may be NULL) says when somebody speaks, for following the speaker. Keys cover
 * [closeup->start, closeup->end); a closeup without shots is one shot without people. Rectangles
 * lie inside the picture and have the shape of their pane. */
void kn_framing_plan(const struct kn_source *source, const struct kn_closeup *closeup,
                     const struct kn_sound *speech, const struct kn_framing_options *options,
                     struct kn_arena *arena, struct kn_framing *ret_framing);

#endif
