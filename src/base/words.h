/*
 * Words, phrases and line breaks of every script, over ICU's dictionaries where a script parts
 * words by nothing (Japanese, Chinese, Thai, Lao, Khmer, Burmese).
 *
 * ICU is asked only about texts with letters of such scripts: everybody else's words are parted by
 * white space, and a program that never meets one never reads ICU's 30 MB of data.
 *
 * Texts may be hostile: bytes that are not UTF-8 part no words, and nothing reads past the end.
 * Linear in the text's length. Any thread.
 */
#ifndef KN_BASE_WORDS_H
#define KN_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"

/* One word with the marks that belong to it, 「 before and 。」 behind: bytes [from, to). */
struct kn_word_span {
    size_t from, to;
    bool after_space; /* white space stands before it */
};
KN_VEC_TYPE(kn_word_spans, struct kn_word_span);

/* Has the text any letter of a script that parts words by nothing? */
bool kn_words_spaceless(const char *text, size_t size);

/* Appends the words of [text, text + size): what white space parts, and in scripts without spaces
 * what the dictionary does. Marks that stand alone are a word where white space makes them one. */
void kn_words_find(const char *text, size_t size, struct kn_word_spans *words);

/*
 * ret_breaks[i], for i in [0, size): a line may break before byte i (UAX #14 in its strict form: no
 * line begins with 。, 」, a small kana or ー, none ends with 「). In scripts without spaces lines
 * break between words alone, and not before a particle or an ending. A phrase wider than
 * `most` letters of full width may break between its words, and a word so wide wherever the script
 * allows it.
 */
void kn_words_breaks(const char *text, size_t size, int most, bool *ret_breaks);

/*
 * Does a Japanese or Chinese word lean on the one before it: a particle, an auxiliary verb, an
 * ending (は, から, ます, 的, 了), with or without marks? A phrase ends after such words and never
 * before. `before` may be "": then the word alone decides.
 */
bool kn_word_leans(const char *before, const char *word);

/* Words after which a reader waits for more, so that no title ends with one: Japanese particles
 * that join (は, が, を, の, と, て), この, Chinese 的, 和, 在. With a mark that ends something it
 * waits no longer. */
bool kn_word_waits(const char *word);

/* How much of talk a word is: 1 for one of a script with spaces, and for those without the share
 * that takes as long to say. A dictionary's words of Japanese are half as long as those of
 * English. */
double kn_word_measure(const char *word);

#endif
