/*
 * The text of a post as X reads it ("Counting characters", twitter-text configuration v3, 2026-09):
 * how much it weighs, where addresses are in it, how many cashtags. Shares no code with
 * src/platform, so that it can't share its mistakes; for the fuzzer and tests, from any source.
 */
#ifndef KN_SANDBOX_X_TEXT_H
#define KN_SANDBOX_X_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>

enum { KN_XAPI_WEIGHT_MAX = 280 };

struct kn_xapi_text {
    const uint32_t *at; /* code points of the text in its composed form (NFC) */
    int length;
    int64_t weight; /* hundredths are cut off */
    bool invalid;   /* it holds U+FFFE, U+FEFF or U+FFFF, or is no UTF-8 */
    int links, cashtags;
};

/* In `arena`. */
void kn_xapi_text_read(const char *text, struct kn_arena *arena, struct kn_xapi_text *ret_text);
/* The text as it is shown: `link` gives what stands for each address, in the order of the text;
 * "&",
 * "<" and ">" are entities. In `arena`. */
const char *kn_xapi_text_show(const struct kn_xapi_text *text, struct kn_arena *arena,
                              const char *(*link)(void *arg), void *arg);

/* x_link.c: code points of the address that begins at `from`; 0: none does. */
int kn_xapi_link_length(const uint32_t *text, int length, int from);
/* May this code point stand before an address? */
bool kn_xapi_is_invalid(uint32_t c);

#endif
