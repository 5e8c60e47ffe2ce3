/*
 * Silero VAD (v6): the probability that somebody speaks, every 32 ms.
 */
#ifndef KN_AI_SILERO_H
#define KN_AI_SILERO_H

#include <kirinuki/status.h>

#include "base/memory.h"

enum { KN_SILERO_RATE_HZ = 16000, KN_SILERO_FRAME = 512 };

struct kn_silero; /* one stream of sound: one thread at a time */

enum kn_status kn_silero_open(const char *models, struct kn_silero **ret_silero,
                              struct kn_error *err);
/* The next KN_SILERO_FRAME samples of the stream, mono, -1..1, neither very loud nor very quiet
 * (a peak around 0.7 is right: at -30 dB first words get lost). */
enum kn_status kn_silero_next(struct kn_silero *silero, const float *samples,
                              float *ret_probability, struct kn_error *err);
/* As if a frame of silence had been heard, in no time. */
void kn_silero_skip(struct kn_silero *silero);
void kn_silero_close(struct kn_silero *silero); /* NULL is fine */
KN_SCOPED_DEFINE(kn_silero, kn_silero_close)

#endif
