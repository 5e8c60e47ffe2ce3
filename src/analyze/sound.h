/*
 * Curves of the sound, 10 values a second: loudness by EBU R 128, pitch of the voice, probability
 * of speech, and from these the events of analyze/sound_events.h.
 *
 * Fed step by step; memory grows by some 40 bytes a step.
 */
#ifndef KN_ANALYZE_SOUND_H
#define KN_ANALYZE_SOUND_H

#include <kirinuki/arena.h>

#include "base/memory.h"
#include "model/timeline.h"

enum {
    KN_SOUND_STEP_US = 100000,
    KN_SOUND_STEP_STEREO = 4800, /* frames a step at 48 kHz */
    KN_SOUND_STEP_MONO = 1600,   /* samples a step at 16 kHz */
};

struct kn_sound_meter;

struct kn_sound_meter *kn_sound_meter_new(void);
void kn_sound_meter_free(struct kn_sound_meter *meter); /* NULL is fine */
KN_SCOPED_DEFINE(kn_sound_meter, kn_sound_meter_free)

/* The next step, in both forms: stereo[2 * KN_SOUND_STEP_STEREO] and mono[KN_SOUND_STEP_MONO]. */
void kn_sound_meter_add(struct kn_sound_meter *meter, const float *stereo, const float *mono);
/* The probability of speech in the next stretch of `frame_us`; behind or ahead of the steps. */
void kn_sound_meter_speech(struct kn_sound_meter *meter, int64_t frame_us, float probability);

int kn_sound_meter_steps(const struct kn_sound_meter *meter);
/* The loudest momentary loudness of steps [from, to), cut to what is there; -70 of nothing. */
float kn_sound_meter_loudest(const struct kn_sound_meter *meter, int from, int to);

/* Makes the curves, all in `arena`. */
void kn_sound_meter_finish(struct kn_sound_meter *meter, struct kn_arena *arena,
                           struct kn_sound *ret_sound);

#endif
