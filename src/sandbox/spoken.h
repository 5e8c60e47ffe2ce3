/*
 * What is said in a piece of sound: words with times. From a script, from a transcript of the whole
 * source, or made up so that the same sound always gets the same words.
 */
#ifndef KN_SANDBOX_SPOKEN_H
#define KN_SANDBOX_SPOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/str.h"

struct kn_spoken_word {
    int64_t start_us, end_us;
    const char *text; /* with its punctuation, without spaces around it */
};

struct kn_spoken {
    const struct kn_spoken_word *words; /* in order of time */
    int count;
    const char *language; /* a lower-case English name: "english" */
};

struct kn_spoken_segment {
    int first, count; /* words */
};

/* Speech that fills `duration_us` plausibly; nothing for what is too short. */
void kn_spoken_make(uint64_t content, int64_t duration_us, struct kn_arena *arena,
                    struct kn_spoken *ret_spoken);
/* The words that begin in [start, start + duration), with times from there on, and none beyond. */
void kn_spoken_piece(const struct kn_spoken *whole, int64_t start_us, int64_t duration_us,
                     struct kn_arena *arena, struct kn_spoken *ret_spoken);
/* Words of a text, spread evenly over the time by their letters. */
void kn_spoken_spread(const char *text, int64_t start_us, int64_t end_us, struct kn_arena *arena,
                      struct kn_spoken *ret_spoken);
/* Lines of speech: they end at a pause, a sentence's end, or after a dozen words. */
int kn_spoken_segments(const struct kn_spoken *spoken, struct kn_arena *arena,
                       const struct kn_spoken_segment **ret_segments);
/* Words joined as their script writes them; `count` of them from `first` on. */
void kn_spoken_text(const struct kn_spoken *spoken, int first, int count, struct kn_str *out);

/* SubRip or the timeline's JSON (docs/timeline.md). The text may be hostile. */
enum kn_status kn_spoken_read(const char *path, const char *text, size_t size,
                              struct kn_arena *arena, struct kn_spoken *ret_spoken,
                              struct kn_error *err);

/* "english" of "en"; NULL: no language that is known here. */
const char *kn_language_name(const char *code);
bool kn_language_is_iso(const char *code); /* two lower-case letters */

/* ---- as the service prints it (spoken_print.c) ---- */

struct kn_spoken_form {
    bool words, segments; /* in verbose_json */
    bool whisper_cpp;     /* as that server does: words in segments */
    double temperature;
};
/* verbose_json without its usage, of what has a language; returns owned. */
json_t *kn_spoken_verbose(const struct kn_spoken *spoken, int64_t duration_us,
                          const struct kn_spoken_form *form);
json_t *kn_spoken_diarized(const struct kn_spoken *spoken, int64_t duration_us);
void kn_spoken_subtitles(const struct kn_spoken *spoken, bool vtt, struct kn_str *out);

#endif
