/*
 * The words of a transcript while they are gathered; shared by transcript.c (TSV) and subtitles.c
 * (SRT, VTT) alone.
 */
#ifndef KN_MODEL_TRANSCRIPT_WORDS_H
#define KN_MODEL_TRANSCRIPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/vec.h"
#include "model/timeline.h"

struct kn_transcript_words {
    struct kn_arena *arena;
    KN_VEC(struct kn_word) words;
    KN_VEC(const char *) speakers; /* by number; -1 is nobody's */
    int64_t length_us;             /* of what is said, INT64_MAX: not known */
    int skipped_cues;              /* ended before they started, or had no words */
    bool fragments;                /* words came one by one, so that they may be parts of words */
};

void kn_transcript_words_free(struct kn_transcript_words *out);

/* The speaker's number; a new name gets the next. At most INT16_MAX, then all are -1. */
int16_t kn_transcript_speaker(struct kn_transcript_words *out, const char *name, size_t length);

/*
 * Splits [text, text + length) at white space, and between the characters of scripts that are
 * written without spaces, and shares [start_us, end_us), as far as it lies in the length, among
 * the words by their characters.
 * `starts_utterance` is set on the first. LIMIT: too many words.
 */
enum kn_status kn_transcript_add(struct kn_transcript_words *out, const char *text, size_t length,
                                 int64_t start_us, int64_t end_us, int16_t speaker,
                                 bool starts_utterance, struct kn_error *err);

/* "1:02:03.456", "02:03,4", "62.5": microseconds from what `text` starts with; false when it
 * does not start so. *ret_end (may be NULL): where the time ends. Never beyond 1000 hours. */
bool kn_transcript_time(const char *text, int64_t *ret_us, const char **ret_end);

enum kn_status kn_subtitles_parse(const char *text, size_t size, bool vtt,
                                  struct kn_transcript_words *out, struct kn_error *err);

#endif
