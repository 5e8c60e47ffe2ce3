#include "analyze/downsample.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { HALF = KN_DOWNSAMPLE_TAPS / 2, FRAMES_MAX = 48000 };

/* The modified Bessel function of order 0, by its series. */
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        term *= (x / 2 / k) * (x / 2 / k);
        sum += term;
    }
    return sum;
}

/* A windowed sinc: Kaiser's window with beta 7 (-70 dB), cut at 8 kHz. */
void kn_downsampler_init(struct kn_downsampler *downsampler)
{
    const double beta = 7, cut = 1.0 / KN_DOWNSAMPLE_FACTOR;
    double sum = 0, taps[KN_DOWNSAMPLE_TAPS];
    for (int i = 0; i < KN_DOWNSAMPLE_TAPS; i++) {
        double x = i - HALF, edge = x / HALF;
        double sinc = x == 0 ? cut : sin(M_PI * cut * x) / (M_PI * x);
        taps[i] = sinc * bessel_i0(beta * sqrt(1 - edge * edge)) / bessel_i0(beta);
        sum += taps[i];
    }
    memset(downsampler, 0, sizeof *downsampler);
    for (int i = 0; i < KN_DOWNSAMPLE_TAPS; i++)
        downsampler->taps[i] = (float)(taps[i] / sum);
}

void kn_downsampler_run(struct kn_downsampler *downsampler, const float *stereo, int frames,
                        float *ret_mono)
{
    enum { PAST = KN_DOWNSAMPLE_TAPS - 1 };
    assert(frames >= 0 && frames <= FRAMES_MAX && frames % KN_DOWNSAMPLE_FACTOR == 0);
    KN_SCOPED_MEM float *mono = kn_malloc(sizeof *mono * (size_t)(PAST + frames));
    memcpy(mono, downsampler->past, sizeof downsampler->past);
    for (int i = 0; i < frames; i++)
        mono[PAST + i] = (stereo[2 * i] + stereo[2 * i + 1]) / 2;
    for (int i = 0; i < frames / KN_DOWNSAMPLE_FACTOR; i++) {
        /* The sums of every other product are apart so that they can be made side by side. */
        const float *at = mono + i * KN_DOWNSAMPLE_FACTOR, *taps = downsampler->taps;
        float sums[4] = {0};
        for (int k = 0; k < PAST; k += 4)
            for (int lane = 0; lane < 4; lane++)
                sums[lane] += at[k + lane] * taps[k + lane];
        ret_mono[i] = sums[0] + sums[1] + sums[2] + sums[3] + at[PAST] * taps[PAST];
    }
    memcpy(downsampler->past, mono + frames, sizeof downsampler->past);
}
