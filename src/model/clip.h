/*
 * Clips: what is rendered of a segment, and how it is framed.
 */
#ifndef KN_MODEL_CLIP_H
#define KN_MODEL_CLIP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/segment.h"

enum kn_aspect { KN_ASPECT_9_16, KN_ASPECT_1_1, KN_ASPECT_4_5, KN_ASPECT_16_9, KN_ASPECT_COUNT };
const char *kn_aspect_name(enum kn_aspect aspect); /* "9:16" */
/* Output size: 1080x1920, 1080x1080, 1080x1350, 1920x1080. */
void kn_aspect_size(enum kn_aspect aspect, int *ret_width_px, int *ret_height_px);

enum kn_layout {
    KN_LAYOUT_AUTO,  /* follow who speaks; fit slides and screens */
    KN_LAYOUT_FILL,  /* crop to fill the frame */
    KN_LAYOUT_FIT,   /* the whole picture over a blurred copy of itself */
    KN_LAYOUT_SPLIT, /* two people, one above the other */
    KN_LAYOUT_COUNT
};
const char *kn_layout_name(enum kn_layout layout); /* "auto" */

/* A rectangle of the upright source picture in pixels; fractions of a pixel are meant. */
struct kn_rect {
    double x, y, width, height;
};

enum { KN_PANES_MAX = 2 };

/*
 * What is shown from `at_us` on. FILL has one pane over the whole frame, SPLIT has two stacked,
 * FIT has one letterboxed pane with the blurred picture behind it. Between two key frames of the
 * same shot and layout the rectangles move linearly; at a `cut` they jump.
 */
struct kn_frame_key {
    int64_t at_us; /* media time */
    bool cut;
    enum kn_layout layout; /* FILL, FIT or SPLIT */
    int pane_count;
    struct kn_rect panes[KN_PANES_MAX]; /* the source rectangle of each pane, top first */
};

/* The framing of one clip in one aspect. The first key is at or before the clip's start. */
struct kn_framing {
    enum kn_aspect aspect;
    int key_count;
    const struct kn_frame_key *keys;
};

/* What is shown at `at_us`: the key before it, its rectangles moved towards the next key's. Before
 * the first key, the first; behind the last, the last. */
struct kn_frame_key kn_framing_at(const struct kn_framing *framing, int64_t at_us);

#endif
