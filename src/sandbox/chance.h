/*
 * Chance that can be repeated: a draw follows from the seed, what it is for, and what is asked, so
 * it does not matter in which order requests arrive.
 */
#ifndef KN_SANDBOX_CHANCE_H
#define KN_SANDBOX_CHANCE_H

#include <stdint.h>

struct kn_chance {
    uint64_t state;
};

/* A source of its own for each (seed, content, occurrence, purpose). */
struct kn_chance kn_chance_of(uint64_t seed, uint64_t content, uint64_t occurrence,
                              const char *purpose);
double kn_chance_share(struct kn_chance *chance);         /* [0, 1) */
int kn_chance_below(struct kn_chance *chance, int count); /* [0, count); 0 for count < 1 */

#endif
