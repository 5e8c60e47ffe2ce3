#include "analyze/spectrum.h"

#include <complex.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum {
    SIZE = KN_SPECTRUM_SIZE,
    BINS = KN_SPECTRUM_BINS,
    FIRST_BIN = 32,    /* 500 Hz */
    WINDOWS = 2,       /* a step's windows overlap by half */
    NEAR = 8,          /* bins to each side that a bin is compared with */
    STEADY_BINS = 160, /* up to 3 kHz: tones above are seldom steady */
};

/* A line stands out when it is this much above its neighbourhood, in natural log of power: 7 dB. */
static const float stands_out = 1.6F;

static float window[SIZE];
static float complex turns[SIZE / 2];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (int i = 0; i < SIZE; i++)
        window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / SIZE));
    for (int i = 0; i < SIZE / 2; i++)
        turns[i] = (float complex)cexp(-2 * M_PI * I * i / SIZE);
}

/* Cooley and Tukey's transform in place, radix 2. */
static void transform(float complex *x)
{
    for (int i = 1, k = 0; i < SIZE; i++) { /* bit-reversed order */
        int bit = SIZE >> 1;
        for (; k & bit; bit >>= 1)
            k ^= bit;
        k ^= bit;
        if (i < k) {
            float complex swapped = x[i];
            x[i] = x[k];
            x[k] = swapped;
        }
    }
    for (int length = 2; length <= SIZE; length *= 2)
        for (int at = 0; at < SIZE; at += length)
            for (int k = 0; k < length / 2; k++) {
                float complex even = x[at + k];
                float complex odd = x[at + k + length / 2] * turns[k * (SIZE / length)];
                x[at + k] = even + odd;
                x[at + k + length / 2] = even - odd;
            }
}

static void add_power(const float *samples, float *power)
{
    float complex x[SIZE];
    for (int i = 0; i < SIZE; i++)
        x[i] = samples[i] * window[i];
    transform(x);
    for (int i = 0; i < BINS; i++) {
        float re = crealf(x[FIRST_BIN + i]), im = cimagf(x[FIRST_BIN + i]);
        power[i] += re * re + im * im;
    }
}

/* The mean of the bins around each, so that what remains is fine structure without colour. */
static void whiten(const float *level, float *ret_white)
{
    float sum = 0;
    int from = 0, to = 0;
    for (int i = 0; i < BINS; i++) {
        for (; to < BINS && to <= i + NEAR; to++)
            sum += level[to];
        for (; from < i - NEAR; from++)
            sum -= level[from];
        ret_white[i] = level[i] - sum / (float)(to - from);
    }
}

static float likeness(const float *a, const float *b, int count)
{
    float ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrtf(aa * bb) : 0;
}

struct kn_spectrum_kind kn_spectrum_next(struct kn_spectrum *spectrum,
                                         const float samples[KN_SPECTRUM_STEP])
{
    float power[BINS] = {0}, level[BINS], white[BINS];
    pthread_once(&tables_once, make_tables);
    for (int i = 0; i < WINDOWS; i++)
        add_power(samples + i * (KN_SPECTRUM_STEP - SIZE) / (WINDOWS - 1), power);
    for (int i = 0; i < BINS; i++)
        level[i] = logf(power[i] + 1e-9F);
    whiten(level, white);
    int tones = 0;
    for (int i = 1; i < BINS - 1; i++)
        tones += white[i] > stands_out && level[i] >= level[i - 1] && level[i] >= level[i + 1];
    struct kn_spectrum_kind kind = {
        .tones = (float)tones * 100 / BINS,
        .steadiness = likeness(white, spectrum->before, STEADY_BINS),
    };
    memcpy(spectrum->before, white, sizeof white);
    return kind;
}
