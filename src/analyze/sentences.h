/*
 * Joins words into sentences and pauses: the boundaries at which clips may begin and end.
 *
 * Works with punctuation (a full stop is trusted, except after abbreviations, initials and inside
 * numbers), and without any: pauses, words that open sentences, endings that close them (Japanese
 * です and ました, Korean 니다, Thai ครับ), starts of utterances and a longest length stand in then.
 *
 * Lengths in words are those of base/words.h: Japanese is measured by its letters.
 */
#ifndef KN_ANALYZE_SENTENCES_H
#define KN_ANALYZE_SENTENCES_H

#include <stdbool.h>

#include <kirinuki/arena.h>

#include "model/timeline.h"

enum {
    KN_PAUSE_MIN_US = 300000, /* shorter gaps are part of speech: stops, breaths */
    KN_SENTENCE_WORDS_MAX = 48,
    KN_SENTENCE_MAX_US = 24000000,
};

/*
 * Sets sentences and pauses of `timeline` from its words (which may overlap between speakers).
 * Both arrays live in `arena`. Sentences are sorted by first word; each word is in exactly one
 * sentence of its speaker. Linear in the number of words.
 */
void kn_sentences_join(struct kn_timeline *timeline, struct kn_arena *arena);

/*
 * Do the words' `starts_utterance` come from people or from a transcript that marks utterances, so
 * that what lies between two marks of a speaker belongs together and must stay whole? A
 * recogniser's own marks only say where it had to cut, and paragraphs are too long to stay whole.
 */
bool kn_utterances_are_marked(const struct kn_timeline *timeline);

/* How much talk they are: the sum of kn_word_measure. */
double kn_words_measure(const struct kn_word *words, int count);

/* Does the sentence that `word` belongs to end with it, judged by punctuation? `next` (the same
 * speaker's next word, may be NULL) and the pause before it decide about "U.S." or "…". */
bool kn_word_ends_sentence(const char *word, const char *next, int64_t pause_us);
/* "because...": does the word end in an ellipsis? Such a sentence has an end, but no conclusion. */
bool kn_word_trails_off(const char *word);

#endif
