#include "sandbox/chance.h"

#include <string.h>

#include "base/file.h"

/* SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t bits(struct kn_chance *chance)
{
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(chance->state);
}

struct kn_chance kn_chance_of(uint64_t seed, uint64_t content, uint64_t occurrence,
                              const char *purpose)
{
    struct kn_chance chance = {mix(seed + 1)};
    chance.state ^= mix(content + 2);
    chance.state = mix(chance.state + occurrence + 3);
    chance.state ^= kn_hash_key(purpose, strlen(purpose));
    return chance;
}

double kn_chance_share(struct kn_chance *chance)
{
    return (double)(bits(chance) >> 11) * 0x1p-53;
}

int kn_chance_below(struct kn_chance *chance, int count)
{
    return count < 1 ? 0 : (int)(kn_chance_share(chance) * count);
}
