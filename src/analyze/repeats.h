/*
 * What is said again word for word: a trailer before the talk, a stream that loops, a chorus.
 *
 * Terms tell that two passages are about the same; that somebody hears the same sentences twice
 * shows in runs of words. Pure; linear in the number of words, times a logarithm.
 */
#ifndef KN_ANALYZE_REPEATS_H
#define KN_ANALYZE_REPEATS_H

#include "analyze/text.h"

struct kn_repeats;

/* Borrows the text. Free it. */
struct kn_repeats *kn_repeats_new(const struct kn_text *text);
void kn_repeats_free(struct kn_repeats *repeats); /* NULL is fine */

/* Sets the passage that others are compared with: the words [first, first + count). */
void kn_repeats_set(struct kn_repeats *repeats, int first, int count);
/* How much of the shorter one of the two, 0..1, is said in both in runs of some words. */
double kn_repeats_share(const struct kn_repeats *repeats, int first, int count);

#endif
