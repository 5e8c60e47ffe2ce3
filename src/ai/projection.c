#include "ai/projection.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"

enum {
    BLOCK = 32,
    WIDTH_MAX = 512,
    /* 512 products of 255 and this fit into an int32_t. */
    STEP_MAX = INT32_MAX / (WIDTH_MAX * UINT8_MAX),
};

/* The inner loop's length is a constant so that compilers vectorise it at any optimisation. */
static int32_t dot(const uint8_t *weights, const int16_t *steps, int width)
{
    int32_t sum = 0;
    for (int i = 0; i < width; i += BLOCK)
        for (int k = 0; k < BLOCK; k++)
            sum += (int16_t)weights[i + k] * steps[i + k];
    return sum;
}

void kn_projection_run(const struct kn_projection *projection, const float *hidden,
                       float *ret_logits)
{
    int width = projection->width;
    assert(width > 0 && width <= WIDTH_MAX && width % BLOCK == 0);
    float largest = 0;
    for (int i = 0; i < width; i++)
        largest = fmaxf(largest, fabsf(hidden[i]));
    int16_t steps[WIDTH_MAX];
    int32_t step_sum = 0;
    float to_steps = largest > 0 ? STEP_MAX / largest : 0;
    for (int i = 0; i < width; i++) {
        steps[i] = (int16_t)lrintf(hidden[i] * to_steps);
        step_sum += steps[i];
    }
    float to_logit = to_steps > 0 ? projection->scale / to_steps : 0;
    int32_t zero = projection->zero_point * step_sum;
    for (int t = 0; t < projection->tokens; t++) {
        int32_t sum = dot(projection->weights + (size_t)t * width, steps, width);
        ret_logits[t] = (float)((int64_t)sum - zero) * to_logit;
    }
}

int kn_logits_best(const float *logits, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

float kn_logits_log_prob(const float *logits, int count, int token)
{
    /* What is e^-20 of the greatest changes a sum over 32768 by less than 1e-4: not worth its
     * exponential, and that is nearly all of them. */
    const float negligible = -20;
    float greatest = logits[kn_logits_best(logits, count)], sum = 0;
    for (int i = 0; i < count; i++)
        if (logits[i] - greatest > negligible)
            sum += expf(logits[i] - greatest);
    return logits[token] - greatest - logf(sum);
}
