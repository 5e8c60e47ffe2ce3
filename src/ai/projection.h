/*
 * The last layer of a language model: from a hidden state to the probabilities of all tokens.
 *
 * In the exported decoder this layer is half of the time: its 8-bit weights are widened to floats
 * (38 MB) and streamed through memory for every token. Multiplying the 8-bit weights with a hidden
 * state of 15 bits gives the same tokens in an eighth of the time, from 9 MB, in plain C that every
 * compiler vectorises.
 */
#ifndef KN_AI_PROJECTION_H
#define KN_AI_PROJECTION_H

#include <stdint.h>

/* weights[token * width + i]; the real weight is (weight - zero_point) * scale. */
struct kn_projection {
    const uint8_t *weights;
    int tokens, width; /* width: a multiple of 32, at most 512 so that sums fit into 32 bits */
    uint8_t zero_point;
    float scale;
};

/* hidden[width] to ret_logits[tokens]; finite input gives finite output. */
void kn_projection_run(const struct kn_projection *projection, const float *hidden,
                       float *ret_logits);

/* The token with the greatest logit (the first of equal ones). */
int kn_logits_best(const float *logits, int count);
/* The natural logarithm of a token's probability under softmax, ≤ 0. */
float kn_logits_log_prob(const float *logits, int count, int token);

#endif
