/*
 * Text as people write it, over libunistring: characters, what a reader takes for one (grapheme
 * clusters), columns, and where a line may break (UAX #14, #29).
 *
 * Texts may be hostile: bytes that are not UTF-8 count as U+FFFD, and nothing reads past the
 * closing NUL.
 */
#ifndef KN_BASE_UTF8_H
#define KN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

bool kn_utf8_valid(const char *text, size_t size);
/* Appends `text` with U+FFFD in the place of what is not UTF-8. */
void kn_utf8_clean(const char *text, size_t size, struct kn_str *out);
/* The character at `at` and the bytes it takes; 0 bytes at the closing NUL. */
size_t kn_utf8_next(const char *at, uint32_t *ret_char);
/* The same in a text of `left` more bytes, at least one, that need not end with NUL. */
size_t kn_utf8_next_within(const char *at, size_t left, uint32_t *ret_char);
/* The first and the last character; 0 for an empty text. */
uint32_t kn_utf8_first(const char *text);
uint32_t kn_utf8_last(const char *text);
void kn_utf8_add(struct kn_str *out, uint32_t c);

/* Bytes of the first grapheme cluster: a letter with its marks, a family of emoji. 0 at the end. */
size_t kn_utf8_grapheme(const char *at);
int kn_utf8_graphemes(const char *text);

/* Columns of a fixed-width screen: 2 for wide East Asian characters, 0 for combining marks. */
int kn_utf8_columns(const char *text);

/*
 * ret_breaks[i], for i in [0, size): a line may break before byte i. Thai, Lao, Khmer and Burmese
 * need a dictionary for this; there every grapheme cluster that does not begin with a dependent
 * vowel is an opportunity, so that a line always fits.
 */
void kn_utf8_breaks(const char *text, size_t size, bool *ret_breaks);

/* Letters of scripts that part words by nothing: kana, Han, Thai, Lao, Khmer, Burmese. */
bool kn_char_is_spaceless(uint32_t c);
bool kn_char_is_han(uint32_t c);
bool kn_char_is_hiragana(uint32_t c);
bool kn_char_is_hangul(uint32_t c);
/* Kana, Han, their punctuation and full-width forms. */
bool kn_char_is_japanese_or_chinese(uint32_t c);
/* Letters and digits, with the marks that are written over and under them. */
bool kn_char_is_in_words(uint32_t c);
/* Opening brackets and quotation marks, signs before a number. */
bool kn_char_opens(uint32_t c);
bool kn_char_is_upper(uint32_t c);
bool kn_char_is_digit(uint32_t c);
/* A digit, of full width, too, or what numbers of Japanese and Chinese are written with: 三, 十,
 * 万. */
bool kn_char_is_numeral(uint32_t c);
/* Sets direction or formatting without being seen: bidi controls, zero-width marks, tags. The
 * joiners that shape emoji and Indic letters (U+200C, U+200D) are not among them. */
bool kn_char_is_format(uint32_t c);
/* What a terminal obeys instead of showing it, or what turns a whole line around: control
 * characters (Cc), separators of lines and paragraphs, embeddings, overrides and isolates of UAX
 * #9. Between words such a one stands for a space, and there is none inside of a word. */
bool kn_char_is_control(uint32_t c);
/* Makes spaces of them, in place; returns the text. */
char *kn_utf8_blank_controls(char *text);

/* Does the text run from right to left? -1: more of its letters do; 1: more run from left to right;
 * 0: it has none with a direction. The sum of several texts is how a paragraph of them runs. */
int kn_utf8_direction(const char *text);
/* Its first letter with a direction, in the same way. */
int kn_utf8_first_direction(const char *text);

/* Are two words said one after the other written with a space between them? The characters are the
 * last of the one and the first of the other. */
bool kn_chars_spaced(uint32_t before, uint32_t after);
bool kn_utf8_spaced(const char *before, const char *after);
/* Appends `text` in capitals by the rules of `language` (BCP 47 or NULL): "straße" "STRASSE". */
void kn_utf8_upper(const char *text, const char *language, struct kn_str *out);

#endif
