/* Sights: what a vision engine says of single pictures of the source. */
#ifndef KN_MODEL_SIGHT_H
#define KN_MODEL_SIGHT_H

#include <stdint.h>

struct kn_sight {
    int64_t at_us;    /* media time of the picture */
    const char *seen; /* one sentence: what is to be seen */
    const char *text; /* what is written in the picture; "" where nothing is */
    /* 0..1 each. */
    float action;  /* how much happens */
    float emotion; /* how strongly faces or gestures show a feeling */
    float hook;    /* would somebody who scrolls by stop here? */
};

#endif
