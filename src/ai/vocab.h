/*
 * The recogniser's vocabulary: token numbers to text and back.
 *
 * The file has one token a line; the line's number is the token's. A space is written "▁"
 * (U+2581), and a token spelled "<0x41>" is a single byte, so that any UTF-8 text can be written.
 * The first tokens (unknown, start, end) and numbers beyond the file have no text.
 */
#ifndef KN_AI_VOCAB_H
#define KN_AI_VOCAB_H

#include <stdbool.h>
#include <stddef.h>

#include <kirinuki/status.h>

#include "base/memory.h"
#include "base/str.h"

enum { KN_TOKEN_START = 1, KN_TOKEN_END = 2, KN_TOKEN_FIRST_TEXT = 3 };

struct kn_vocab; /* immutable: any number of threads */

/* DAMAGED: no vocabulary. The text may be anything; it is copied. */
enum kn_status kn_vocab_parse(const char *text, size_t size, struct kn_vocab **ret_vocab,
                              struct kn_error *err);
void kn_vocab_free(struct kn_vocab *vocab); /* NULL is fine */
KN_SCOPED_DEFINE(kn_vocab, kn_vocab_free)

int kn_vocab_count(const struct kn_vocab *vocab);

/* Appends the text of the tokens, without the space that a first word begins with. What is no
 * valid UTF-8 once all bytes are joined is left out. */
void kn_vocab_decode(const struct kn_vocab *vocab, const int *tokens, int count,
                     struct kn_str *out);

/* Does a word begin with this token? */
bool kn_vocab_starts_word(const struct kn_vocab *vocab, int token);
/* Does it have something that is spoken: a letter, a digit, or any byte beyond ASCII? */
bool kn_vocab_is_spoken(const struct kn_vocab *vocab, int token);

/*
 * Tokens for a text, by taking the longest token that fits, and bytes where none does. That is not
 * always what the model's own tokenizer would choose, but the model reads it well enough to place
 * the text in time. Returns how many there are; only the first `max` are written.
 */
int kn_vocab_encode(const struct kn_vocab *vocab, const char *text, int *ret_tokens, int max);

#endif
