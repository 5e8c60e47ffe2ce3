/*
 * A clip's clock: a constant frame rate made from whatever rate the source has, and for each frame
 * the moment of the source that it shows. Pure.
 */
#ifndef KN_CLIP_TIMING_H
#define KN_CLIP_TIMING_H

#include "model/source.h"

struct kn_clip_timing {
    struct kn_rational rate; /* frames a second */
    int frames;              /* at least 1 */
    int64_t samples;         /* of sound, at sound_hz: as long as the frames */
    int64_t at_us;           /* the moment that frame 0 shows, media time */
    int64_t step_us; /* pictures closer together than this are not all needed; 0: they are */
};

/*
 * The source's own rate (the standard one that it is within 1 % of), divided by a whole number when
 * it is above `max_hz`; `max_hz` itself where rates vary or nothing divides well; a multiple of at
 * least 15 for rates under 12, because captions move at the clip's rate.
 */
struct kn_rational kn_clip_rate(const struct kn_source *source, int max_hz);

struct kn_clip_timing kn_clip_timing_make(const struct kn_source *source, int64_t start_us,
                                          int64_t end_us, struct kn_rational rate, int sound_hz);

/*
 * Frames look at the middle of the time for which a picture is on show, so that jitter in the
 * source's clock neither repeats nor drops one. Give the time of the picture on show at the start,
 * and of the one after it (or INT64_MAX). Moves the clock by half a picture at most.
 */
void kn_clip_timing_align(struct kn_clip_timing *timing, const struct kn_source *source,
                          int64_t start_us, int64_t shown_us, int64_t next_us);

/* The moment that frame `index` shows, media time; and its own time in the clip. */
int64_t kn_clip_source_us(const struct kn_clip_timing *timing, int index);
int64_t kn_clip_frame_us(const struct kn_clip_timing *timing, int index);

#endif
