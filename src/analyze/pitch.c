#include "analyze/pitch.h"

#include <math.h>

enum {
    HALVED = KN_PITCH_WINDOW / 2,
    RATE = KN_PITCH_RATE_HZ / 2,
    LAG_MIN = RATE / KN_PITCH_MAX_HZ,
    LAG_MAX = RATE / KN_PITCH_MIN_HZ + 1,
    COMPARED = 512, /* samples that are compared at each lag: 64 ms */
};
_Static_assert(COMPARED + LAG_MAX < HALVED, "every lag stays within the window");

/* The paper's threshold is 0.1 for clean voices; rooms and music ask for more. */
static const float clear_enough = 0.20F;
static const float too_weak = 1e-5F; /* mean square: -50 dBFS */

static float difference(const float *x, int lag)
{
    float sums[8] = {0};
    for (int i = 0; i < COMPARED; i += 8)
        for (int lane = 0; lane < 8; lane++) {
            float d = x[i + lane] - x[i + lane + lag];
            sums[lane] += d * d;
        }
    float sum = 0;
    for (int lane = 0; lane < 8; lane++)
        sum += sums[lane];
    return sum;
}

/* Where the parabola through three neighbours has its minimum, relative to the middle one. */
static float parabola(float before, float at, float after)
{
    float curve = before - 2 * at + after;
    return curve > 0 ? (before - after) / (2 * curve) : 0;
}

float kn_pitch_find(const float *samples)
{
    float x[HALVED], normal[LAG_MAX + 1], power = 0;
    for (int i = 0; i < HALVED; i++) {
        x[i] = (samples[2 * i] + samples[2 * i + 1]) / 2;
        power += x[i] * x[i];
    }
    if (!(power / HALVED > too_weak))
        return 0;
    /* Cumulative mean normalised difference: 1 at lag 0, near 0 at the period. */
    float sum = 0;
    normal[0] = 1;
    for (int lag = 1; lag <= LAG_MAX; lag++) {
        float d = difference(x, lag);
        sum += d;
        normal[lag] = sum > 0 ? d * (float)lag / sum : 1;
    }
    for (int lag = LAG_MIN; lag < LAG_MAX; lag++) {
        if (normal[lag] >= clear_enough || normal[lag + 1] < normal[lag])
            continue;
        float shift = parabola(normal[lag - 1], normal[lag], normal[lag + 1]);
        return (float)RATE / ((float)lag + shift);
    }
    return 0;
}
