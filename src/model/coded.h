/*
 * Coded pictures: what a container tells of each picture before it is decoded.
 */
#ifndef KN_MODEL_CODED_H
#define KN_MODEL_CODED_H

#include <stdbool.h>
#include <stdint.h>

struct kn_coded {
    int64_t at_us; /* media time at which it is shown; INT64_MIN: not known */
    int bytes;
    bool key; /* decoding can begin here */
};

#endif
