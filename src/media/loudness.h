/*
 * Loudness of a clip's sound: measured by EBU R128 (ITU-R BS.1770-4, libebur128), brought to a
 * target, true peaks held below a ceiling by a limiter that looks ahead.
 *
 * The sound of a clip is held whole (23 MB a minute), interleaved, -1..1 nominal.
 */
#ifndef KN_MEDIA_LOUDNESS_H
#define KN_MEDIA_LOUDNESS_H

#include <stdbool.h>
#include <stdint.h>

struct kn_sound_buffer {
    float *samples; /* borrowed: count x channels */
    int64_t count;  /* sample frames */
    int channels, rate_hz;
};

#define KN_LOUDNESS_SILENT_LUFS (-70.0) /* the floor of R128's absolute gate */
#define KN_PEAK_SILENT_DBTP     (-120.0)

struct kn_loudness {
    double integrated_lufs; /* KN_LOUDNESS_SILENT_LUFS: nothing above the gate, or under 0.4 s */
    double true_peak_dbtp;  /* KN_PEAK_SILENT_DBTP: digital silence */
};

void kn_loudness_measure(const struct kn_sound_buffer *sound, struct kn_loudness *ret_loudness);

struct kn_level_report {
    double before_lufs;
    struct kn_loudness after;
    double gain_db; /* applied before the limiter */
    bool lively;    /* comes and goes: may be amplified further */
};

/*
 * The most that a sound is amplified: one that comes and goes, as speech and music do, so far that
 * a microphone far away is made up for; one that never changes only so far that noise stays noise.
 */
#define KN_AMPLIFY_LIVELY_DB 30.0
#define KN_AMPLIFY_STEADY_DB 20.0

/*
 * Brings the sound to `target_lufs` with true peaks of at most `peak_dbtp`, in place. Within
 * 0.5 LU, unless that would take more amplification than is allowed (silence stays silence) or
 * 8 dB of limiting beyond a plain gain (which would squash it).
 */
void kn_loudness_level(const struct kn_sound_buffer *sound, double target_lufs, double peak_dbtp,
                       struct kn_level_report *ret_report);

/* Fades the first and the last `fade_us` in and out, so that a cut does not click. */
void kn_sound_fade(const struct kn_sound_buffer *sound, int64_t fade_us);

#endif
