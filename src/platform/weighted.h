/*
 * The length of a text as X counts it (twitter-text, configuration v3, as of 2026-09): most letters
 * of alphabets weigh 1, everything else 2, an emoji 2 however it is composed, and an address 23.
 */
#ifndef KN_PLATFORM_WEIGHTED_H
#define KN_PLATFORM_WEIGHTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KN_WEIGHTED_MAX = 280, KN_WEIGHTED_URL = 23 };

/* Of the text in its composed form (NFC). Any thread. */
int64_t kn_weighted_length(const char *text);

/* Bytes of the address that begins at `at`, a place in `text`; 0: none does. An address needs a
 * known top-level domain, but no scheme. */
size_t kn_weighted_url(const char *text, const char *at);

/* Bytes of the emoji at `at`; 0: there is none. One that Unicode recommends is one, with all that
 * it is composed of. */
size_t kn_weighted_emoji(const char *at);

#endif
