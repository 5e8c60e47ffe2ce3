#include "queue/backoff.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/memory.h"

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) from a seed of the system's. */
static double own_random(void *arg)
{
    static atomic_uint_fast64_t state;
    (void)arg;
    if (!atomic_load(&state)) {
        uint64_t seed = 0;
        if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
            seed = (uint64_t)kn_now_us(); /* good enough to keep jobs apart */
        uint_fast64_t none = 0;
        atomic_compare_exchange_strong(&state, &none, seed | 1);
    }
    uint64_t z = atomic_fetch_add(&state, UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

int64_t kn_backoff_us(const struct kn_backoff *backoff, int failures, int64_t floor_us)
{
    int64_t bound_us = backoff->first_us ? backoff->first_us : 2 * KN_US_PER_S;
    int64_t most_us = backoff->most_us ? backoff->most_us : 600 * KN_US_PER_S;
    int growth = backoff->growth ? backoff->growth : 2;
    for (int i = 1; i < failures && bound_us < most_us; i++)
        bound_us *= growth;
    double dice = backoff->random ? backoff->random(backoff->arg) : own_random(NULL);
    double share = backoff->sure + (1 - backoff->sure) * dice;
    return KN_MAX(floor_us, 0) + (int64_t)(share * (double)KN_MIN(bound_us, most_us));
}

bool kn_backoff_helps(enum kn_status failure)
{
    return failure == KN_NOT_FOUND || kn_status_retryable(failure);
}

struct kn_backoff kn_backoff_after(enum kn_status failure)
{
    bool lasts = failure == KN_NOT_FOUND || failure == KN_NO_SPACE || failure == KN_IO;
    if (!lasts)
        return (struct kn_backoff){0};
    return (struct kn_backoff){
        .first_us = 30 * KN_US_PER_S, .most_us = 1800 * KN_US_PER_S, .growth = 4, .sure = 0.8};
}
