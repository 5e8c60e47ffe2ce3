/*
 * What a transcription service answers, in any of the dialects that are spoken: OpenAI's json and
 * verbose_json, Groq's, LocalAI's (words at the top, times in nanoseconds once), and that of
 * whisper.cpp's server (words inside segments, in pieces). The answer is hostile.
 */
#ifndef KN_AI_SPEECH_ANSWER_H
#define KN_AI_SPEECH_ANSWER_H

#include <stdint.h>

#include <jansson.h>
#include <kirinuki/arena.h>

#include "ai/engine.h"

/*
 * `length_us`: of the sound. What *ret_findings points to is in `arena`, and nothing of it in
 * `answer`; `token_count` is left 0.
 *
 * Times: words are in order, do not overlap, last 5 ms at least, and lie in 0..length_us. Small
 * faults are put right; a word that begins half a second after the end was never said there, and is
 * dropped. DAMAGED: where a quarter of the words and more begin before the word in front of them,
 * or after the end: then no time can be believed. So is an answer without any text, or one that is
 * larger than any speech of that length.
 *
 * A segment that Whisper itself would take for silence (probability of no speech above 0.6 and a
 * mean log probability below -1: its transcribe.py) is dropped. One that is only probably silent,
 * or so repetitive that it compresses by more than 2.4, is kept at half its confidence; the latter
 * sets `looped`.
 */
enum kn_status kn_speech_answer_read(const json_t *answer, int64_t length_us,
                                     struct kn_arena *arena, struct kn_findings *ret_findings,
                                     struct kn_error *err);

#endif
