/*
 * Face tracks: one person followed through pictures between two cuts.
 */
#ifndef KN_MODEL_TRACK_H
#define KN_MODEL_TRACK_H

#include <stdint.h>

struct kn_track_sample {
    int64_t at_us;
    float x, y, width, height; /* shares of the upright picture, as kn_face */
    float mouth;               /* mouth motion against the face's own motion, >= 0 */
};

/* Samples are dense enough to interpolate linearly (found a few times a second, followed between);
 * before the first and after the last one the face stays where it was. */
struct kn_face_track {
    int64_t start_us, end_us;
    int sample_count;
    const struct kn_track_sample *samples;
};

#endif
