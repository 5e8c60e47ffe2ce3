/*
 * Cuts sound into utterances that a recogniser can take: at pauses, and none too long.
 *
 * Fed with the probability of speech frame by frame, it gives each utterance as soon as it is
 * certain, so that recognition runs while the sound is still being decoded. Memory is bounded by
 * the longest utterance.
 *
 * The policy: speech begins at a probability of 0.5 and ends when it stays below 0.35 for 128 ms;
 * what is shorter than 0.25 s is dropped. Speech is joined over pauses of up to 1.2 s while it
 * stays within 16 s. Where length forces a cut, the longest pause is taken, later ones preferred;
 * speech without any pause is cut at its weakest moment before 20 s. Utterances reach 0.2 s before
 * and 0.25 s behind speech (words begin and end softly), but never past the middle of a pause, so
 * they do not overlap. Cuts inside of speech get no such margin.
 */
#ifndef KN_ANALYZE_UTTERANCES_H
#define KN_ANALYZE_UTTERANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

enum { KN_SPEECH_FRAME_US = 32000 }; /* what a probability stands for */

/* Where somebody speaks; times from the start of the stream. */
struct kn_speech_span {
    int64_t start_us, end_us; /* margins included */
    int64_t speech_us;        /* how much of it is speech */
};

struct kn_utterance_cutter;

struct kn_utterance_cutter *kn_utterance_cutter_new(void);
void kn_utterance_cutter_free(struct kn_utterance_cutter *cutter); /* NULL is fine */
KN_SCOPED_DEFINE(kn_utterance_cutter, kn_utterance_cutter_free)

/* The next frame. True when it made an utterance certain, which is then in *ret_span; spans come
 * in order. */
bool kn_utterance_cutter_add(struct kn_utterance_cutter *cutter, float probability,
                             struct kn_speech_span *ret_span);
/* After the last frame: to be called until false. */
bool kn_utterance_cutter_end(struct kn_utterance_cutter *cutter, struct kn_speech_span *ret_span);
/* Utterances that are still to come start here or later: sound before it is not needed any more. */
int64_t kn_utterance_cutter_needs_us(const struct kn_utterance_cutter *cutter);

/*
 * The frame at which to cut probabilities[count] in two: the middle of its longest pause, or its
 * weakest moment, away from both ends. 0 when it is too short to be cut.
 */
int kn_utterance_split(const float *probabilities, int count);

#endif
