/* Applause, laughter, music and silence, from curves of the sound. */
#ifndef KN_ANALYZE_SOUND_EVENTS_H
#define KN_ANALYZE_SOUND_EVENTS_H

#include <kirinuki/arena.h>

#include "model/timeline.h"

/* What is known of 100 ms of sound. */
struct kn_sound_step {
    float loudness_lufs;     /* momentary; -70 is the floor */
    float speech;            /* probability, 0..1 */
    float pitch_hz;          /* 0: none */
    float tones, steadiness; /* as in kn_spectrum_kind */
    float flutter_db;        /* how much the level changes between parts of 20 ms */
};

/*
 * Events in order of start, in `arena`. Cheap rules, and meant as hints:
 * - music: tones hold from step to step without speech, 3 s or longer;
 * - applause and laughter: loud next to the source's level, no speech, hardly a tone, none that
 *   holds, 0.8 s or longer. Laughter flutters or has pitch, applause is even;
 * - silence: 30 LU below the source's level or below -60 LUFS, 1 s or longer.
 */
int kn_sound_events_find(const struct kn_sound_step *steps, int count, float integrated_lufs,
                         struct kn_arena *arena, const struct kn_sound_event **ret_events);

#endif
