/* What asking paid services used. */
#ifndef KN_MODEL_USAGE_H
#define KN_MODEL_USAGE_H

#include <stdint.h>

struct kn_usage {
    int requests; /* that were sent and billed */
    int cached;   /* that were answered from the cache: nothing was sent */
    int64_t input_tokens, output_tokens;
    double audio_s;
    double usd;   /* by the prices known; see `unpriced` */
    int unpriced; /* of `requests`, those whose price is not known */
};

#endif
