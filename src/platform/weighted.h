/*
 * The length of a text as X counts it (twitter-text, configuration v3, as of 2026-09): most letters
 * of alphabets weigh 1, everything else 2, an emoji 2 however it is composed, and an address 23.
 */
#ifndef KN_PLATFORM_WEIGHTED_H
#define KN_PLATFORM_WEIGHTED_H

#include <stdint.h>

enum { KN_WEIGHTED_MAX = 280, KN_WEIGHTED_URL = 23 };

/* Of the text in its composed form (NFC). Any thread. */
int64_t kn_weighted_length(const char *text);

#endif
