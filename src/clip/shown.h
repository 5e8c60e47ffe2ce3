/*
 * The picture that a source has on show at a moment, for moments that never go back.
 */
#ifndef KN_CLIP_SHOWN_H
#define KN_CLIP_SHOWN_H

#include <stdbool.h>

#include "clip/timing.h"
#include "media/video_reader.h"

/* Two neighbours of the source: what is on show, and what comes next. */
struct kn_shown {
    struct kn_video_reader *reader; /* borrowed; one thread at a time */
    struct kn_picture picture, next;
    bool ended;
};

/* The first two pictures; aligns the clock of [start, end) with them. DAMAGED: there is not one. */
enum kn_status kn_shown_start(struct kn_shown *shown, const struct kn_source *source,
                              int64_t start_us, int64_t end_us, struct kn_clip_timing *timing,
                              struct kn_error *err);
/* Makes `picture` what is on show at `at_us`; the last picture stays on when there are no more. */
enum kn_status kn_shown_at(struct kn_shown *shown, int64_t at_us, struct kn_error *err);
void kn_shown_clear(struct kn_shown *shown); /* the pictures alone; all zero is fine */

#endif
