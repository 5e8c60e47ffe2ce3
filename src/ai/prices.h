/*
 * What models cost. A price that is not known is said to be unknown, never guessed: a budget in
 * money lets no such request through.
 */
#ifndef KN_AI_PRICES_H
#define KN_AI_PRICES_H

#include "ai/budget.h"

/* All of it is added up; 0: not billed by that. */
struct kn_price {
    double usd_audio_minute;
    double usd_input, usd_cached, usd_output; /* a million tokens */
    double audio_min_s; /* a shorter request is billed as one of that length */
};

/*
 * By the longest name in the table that `model` begins with, at a service of that host; models on
 * this machine cost nothing. False: not known.
 */
bool kn_price_find(const char *base_url, const char *model, struct kn_price *ret_price);
/* `cached_tokens`: of usage->input_tokens, those that are billed as cached. */
double kn_price_usd(const struct kn_price *price, const struct kn_usage *usage,
                    int64_t cached_tokens);

#endif
