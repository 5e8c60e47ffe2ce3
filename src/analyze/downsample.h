/*
 * From 48 kHz stereo, in which loudness is measured, to the 16 kHz mono that recognisers hear: one
 * decode serves both.
 */
#ifndef KN_ANALYZE_DOWNSAMPLE_H
#define KN_ANALYZE_DOWNSAMPLE_H

enum {
    KN_DOWNSAMPLE_FACTOR = 3,
    KN_DOWNSAMPLE_TAPS = 97, /* the filter's length in samples at 48 kHz */
};

/* A linear-phase low-pass (pass band to 6.9 kHz, -70 dB from 9.1 kHz) and what it remembers of the
 * stream so far. All zero but for what init sets; no resources. */
struct kn_downsampler {
    float taps[KN_DOWNSAMPLE_TAPS];
    float past[KN_DOWNSAMPLE_TAPS - 1];
};

void kn_downsampler_init(struct kn_downsampler *downsampler);

/*
 * stereo[frames * 2] to ret_mono[frames / 3]; `frames` is a multiple of 3 and at most 48000. The
 * result is 1 ms late (48 samples at 48 kHz): half the filter's length.
 */
void kn_downsampler_run(struct kn_downsampler *downsampler, const float *stereo, int frames,
                        float *ret_mono);

#endif
