#include "clip/timing.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"

enum { SLOW_HZ = 12, SMOOTH_HZ = 15 };

static double hz(struct kn_rational rate)
{
    return (double)rate.num / rate.den;
}

/* The standard rate within 1 % of the source's; 0/1 when there is none. */
static struct kn_rational standard_rate(double wanted)
{
    static const struct kn_rational standards[] = {
        {24000, 1001}, {24, 1},       {25, 1},  {30000, 1001}, {30, 1},
        {48, 1},       {50, 1},       {60, 1},  {60000, 1001}, {90, 1},
        {100, 1},      {120, 1},      {240, 1}, {10, 1},       {120000, 1001},
        {12, 1},       {12000, 1001}, {15, 1},  {15000, 1001}, {20, 1},
    };
    struct kn_rational best = {0, 1};
    for (size_t i = 0; i < KN_COUNT_OF(standards); i++) {
        double apart = fabs(hz(standards[i]) / wanted - 1.0);
        if (apart <= 0.01 && (best.num == 0 || apart < fabs(hz(best) / wanted - 1.0)))
            best = standards[i];
    }
    return best;
}

struct kn_rational kn_clip_rate(const struct kn_source *source, int max_hz)
{
    struct kn_rational max = {max_hz, 1}, rate = source->frame_rate;
    if (!source->has_video || rate.num <= 0 || rate.den <= 0)
        return max;
    struct kn_rational standard = standard_rate(hz(rate));
    if (standard.num)
        rate = standard;
    else if (source->variable_rate)
        return max;
    if (hz(rate) > max_hz * 1.001) {
        int divisor = (int)ceil(hz(rate) / max_hz - 0.001);
        if (hz(rate) / divisor < 0.75 * max_hz || rate.den > INT32_MAX / divisor)
            return max;
        rate.den *= divisor;
    } else if (hz(rate) < SLOW_HZ) {
        int factor = (int)ceil(SMOOTH_HZ / hz(rate));
        if (rate.num > INT32_MAX / factor)
            return max;
        rate.num *= factor;
    }
    return rate;
}

static int64_t frames_to_us(struct kn_rational rate, int64_t frames)
{
    return llrint((double)frames * rate.den / rate.num * 1e6);
}

struct kn_clip_timing kn_clip_timing_make(const struct kn_source *source, int64_t start_us,
                                          int64_t end_us, struct kn_rational rate, int sound_hz)
{
    double frames = kn_seconds(end_us - start_us) * hz(rate);
    struct kn_clip_timing timing = {.rate = rate, .frames = KN_MAX((int)lrint(frames), 1)};
    timing.samples = llrint((double)timing.frames * sound_hz * rate.den / rate.num);
    timing.at_us = start_us + frames_to_us(rate, 1) / 2;
    /* Of twice as many pictures or more, those between need not even be decoded. */
    if (source->has_video && !source->variable_rate && hz(source->frame_rate) > 1.9 * hz(rate))
        timing.step_us = frames_to_us(rate, 1) * 3 / 4;
    return timing;
}

void kn_clip_timing_align(struct kn_clip_timing *timing, const struct kn_source *source,
                          int64_t start_us, int64_t shown_us, int64_t next_us)
{
    int64_t picture_us = next_us - shown_us;
    int64_t frame_us = frames_to_us(timing->rate, 1);
    if (source->variable_rate || next_us == INT64_MAX || picture_us <= 0 ||
        picture_us > frame_us * 3 / 2 || shown_us > start_us)
        return; /* no regular grid, or one that the frames are finer than */
    int64_t nearest_us = start_us - shown_us > picture_us / 2 ? next_us : shown_us;
    timing->at_us = nearest_us + picture_us / 2;
}

int64_t kn_clip_source_us(const struct kn_clip_timing *timing, int index)
{
    return timing->at_us + frames_to_us(timing->rate, index);
}

int64_t kn_clip_frame_us(const struct kn_clip_timing *timing, int index)
{
    return frames_to_us(timing->rate, index);
}
