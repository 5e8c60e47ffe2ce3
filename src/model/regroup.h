/*
 * Real words out of what a recogniser gives. Whisper's "words" of Japanese are fragments of one to
 * three characters, those of whisper.cpp are tokens with a space in front of what begins a word,
 * and neither has the marks that the text beside them has.
 */
#ifndef KN_MODEL_REGROUP_H
#define KN_MODEL_REGROUP_H

#include <kirinuki/arena.h>

#include "model/timeline.h"

/* Are two words of one speaker, one after the other, written with a space between them? */
bool kn_words_spaced(const struct kn_word *before, const struct kn_word *after);

/*
 * Joins the `count` pieces, in order of their times and with spaces around where the recogniser
 * gave them, into words as base/words.h finds them. A character of a piece has its share of the
 * piece's time, and a word lasts from its first character to its last; confidence is the mean of
 * the pieces', speaker and starts_utterance those of the first one's.
 *
 * `text` is what was said as it is written, with marks; NULL: what the pieces spell is all. Its
 * letters are found in the pieces whatever their case; what is only in the text gets the time
 * between its neighbours, and what is only in the pieces is left out.
 *
 * The words are in `arena`, in order, without overlaps of their own making. Bytes of the pieces may
 * be parts of characters; what is not UTF-8 in the end becomes U+FFFD. Linear. Returns how many.
 */
int kn_words_regroup(const char *text, const struct kn_word *pieces, int count,
                     struct kn_arena *arena, const struct kn_word **ret_words);

/* The same for the words of a whole transcript: pieces of scripts without spaces that follow each
 * other are regrouped, each speaker's run by itself; all other words stay as they are. */
int kn_words_regroup_runs(const struct kn_word *words, int count, struct kn_arena *arena,
                          const struct kn_word **ret_words);

#endif
