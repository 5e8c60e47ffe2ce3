/*
 * Puts the spelling of a text onto words that have times.
 *
 * Recognisers give the text with capitals and punctuation, and the times of words, or of pieces of
 * them, without either. Both are the same letters in the same order, nearly.
 */
#ifndef KN_AI_PUNCTUATE_H
#define KN_AI_PUNCTUATE_H

#include <kirinuki/arena.h>

#include "ai/engine.h"

/*
 * words[count] are in order of time. The result, in `arena`, has the words of `text` as they are
 * written there: a piece joins the ones that it is written together with ("un", "believ", "able."),
 * but in scripts without spaces pieces stay what they are. Punctuation belongs to the word before
 * it, opening brackets and quotes to the one after. Words that only the text has lie between their
 * neighbours, or in the place of what was heard instead; what only the words have is dropped.
 *
 * Where less than 70 % of the letters agree the text is about something else: then the words stay
 * as they are.
 */
int kn_punctuate(const struct kn_found_word *words, int count, const char *text,
                 struct kn_arena *arena, const struct kn_found_word **ret_words);

#endif
