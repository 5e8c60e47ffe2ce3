/*
 * Voice activity beside the decoder.
 *
 * The net needs about as long for a second of sound as decoding and measuring it, and has a state:
 * frames go in order, one at a time. So frames are gathered to batches of 16 s, and a batch is a
 * task of a group while the step fills the next one. Never is more than one batch with the net,
 * which keeps the order and bounds memory at two batches; on a lane without a free worker, the
 * step runs the task itself when it has the next batch, so nothing waits for a worker that is not
 * there. What is found is the same on any number of workers.
 */
#ifndef KN_PIPELINE_VOICE_H
#define KN_PIPELINE_VOICE_H

#include <kirinuki/plan.h>

#include "base/memory.h"

enum {
    KN_VOICE_FRAME = 512, /* samples, mono, 16,000 Hz */
    KN_VOICE_BATCH = 500, /* frames: 16 s, some 50 ms of the net and 1 MB */
};

/* The probability of speech in the next frame; `samples` NULL: nothing audible. Called on any
 * thread, in order, one call at a time, each seeing what the one before has written. */
typedef enum kn_status kn_voice_fn(void *arg, const float *samples, float *ret_probability,
                                   struct kn_error *err);

struct kn_voice; /* the step's thread alone */

/* Borrows `env` and `arg`. */
struct kn_voice *kn_voice_new(const struct kn_step_env *env, kn_voice_fn *detect, void *arg);
void kn_voice_free(struct kn_voice *voice); /* waits for the task that runs; NULL is fine */
KN_SCOPED_DEFINE(kn_voice, kn_voice_free)

/* The next frame, times `factor`; copied. NULL: nothing audible. A failure is the one of a frame
 * before, or CANCELLED: the step was. It is final. */
enum kn_status kn_voice_add(struct kn_voice *voice, const float *samples, float factor,
                            struct kn_error *err);
/* Hands on what is there, and waits for what was handed on before. After two of them, all frames
 * are done. Fails like add. */
enum kn_status kn_voice_flush(struct kn_voice *voice, struct kn_error *err);
/* How many frames are done since the last take, and their probabilities, good until the next call.
 * To be called after each add and flush. */
int kn_voice_take(struct kn_voice *voice, const float **ret_probabilities);

#endif
