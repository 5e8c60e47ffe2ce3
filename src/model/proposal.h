/* Proposals: segments that a language model would choose, once their times are real boundaries. */
#ifndef KN_MODEL_PROPOSAL_H
#define KN_MODEL_PROPOSAL_H

#include <stdint.h>

/* What a post of the clip would say on one platform. */
struct kn_proposed_post {
    const char *platform; /* "youtube", "tiktok", "instagram", "x" */
    const char *description;
    int hashtag_count;
    const char *const *hashtags; /* without the sign; no spaces */
};

struct kn_proposal {
    int64_t start_us, end_us;
    float score; /* 0..100 */
    /* In the source's language, UTF-8, one line each; "" where the model gave none. */
    const char *title, *hook, *reason;
    int post_count;
    const struct kn_proposed_post *posts;
};

#endif
