/* What the spectrum of a short stretch of sound tells of its kind. */
#ifndef KN_ANALYZE_SPECTRUM_H
#define KN_ANALYZE_SPECTRUM_H

enum {
    KN_SPECTRUM_STEP = 1600, /* samples a step at 16 kHz: 100 ms */
    KN_SPECTRUM_SIZE = 1024, /* of a transform: bins are 15.6 Hz apart */
    KN_SPECTRUM_BINS = 352,  /* 0.5 to 6 kHz is looked at */
};

struct kn_spectrum_kind {
    float tones;      /* lines that stand out, per 100 bins: voice and music many, noise few */
    float steadiness; /* -1..1: how alike its fine structure is to the step's before. Music holds
                         its tones (0.4 to 0.7), a voice glides (below 0.25), noise is 0 */
};

/* Remembers the step before; starts as all zero. */
struct kn_spectrum {
    float before[KN_SPECTRUM_BINS];
};

struct kn_spectrum_kind kn_spectrum_next(struct kn_spectrum *spectrum,
                                         const float samples[KN_SPECTRUM_STEP]);

#endif
