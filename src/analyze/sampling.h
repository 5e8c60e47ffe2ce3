/*
 * What a survey of the coded pictures tells before anything is decoded: where it pays to look, and
 * where the picture may have changed.
 *
 * Pure. Key frames are where decoding can begin, so looking at them alone costs a thirtieth of
 * decoding everything. Encoders also tell where a shot begins: most put a key frame there, out of
 * their regular distance; and where they do not, the first picture of the new shot cannot be
 * predicted from those before it and is several times as large as its neighbours.
 */
#ifndef KN_ANALYZE_SAMPLING_H
#define KN_ANALYZE_SAMPLING_H

#include <kirinuki/arena.h>

#include "model/coded.h"

/* A key frame to look at. */
struct kn_sample {
    int64_t at_us;
    int64_t forward_until_us; /* the next key frame is far: look on between, decoding forward until
                                 here; 0: this one alone */
    bool irregular;           /* the encoder chose to put a key frame here: there may be a cut */
    int64_t slack_us;         /* and it would lie in [at - slack, at] */
};

/* A picture that was hard to predict. */
struct kn_cut_hint {
    int64_t at_us;
    int64_t slack_us; /* if there is a cut, it lies in [at - slack, at] */
    float strength;   /* size against that of the neighbours; 1.5 is little, 3 is much */
};

struct kn_sampling {
    int sample_count, hint_count;
    const struct kn_sample *samples; /* sorted */
    const struct kn_cut_hint *hints; /* sorted; key frames are none */
};

enum {
    KN_SAMPLE_STEP_US = 2000000,     /* samples at regular key frames are at least this apart */
    KN_SAMPLE_IRREGULAR_US = 300000, /* and at others */
    KN_SAMPLE_GAP_US = 12000000,     /* more than this between key frames: look on between them */
    KN_SAMPLE_FORWARD_US = 5000000,  /* at this distance */
};

/* `coded` in order of decoding; `frame_us` is the nominal duration of a picture. */
void kn_sampling_plan(const struct kn_coded *coded, int count, int64_t frame_us,
                      struct kn_arena *arena, struct kn_sampling *ret_sampling);

#endif
