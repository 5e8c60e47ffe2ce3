#include "analyze/sound_events.h"

#include <math.h>
#include <stdlib.h>

#include "base/vec.h"

enum { STEP_US = 100000, SMOOTH_MUSIC = 10, SMOOTH_BURST = 4, GAP_MAX = 4 };

KN_VEC_TYPE(events, struct kn_sound_event);

/* What a kind of event asks of the steps around each moment, and how it is put together. */
struct rule {
    enum kn_sound_event_kind kind;
    int smooth; /* steps to each side that are averaged */
    int least;  /* steps that an event lasts at least */
    bool (*holds)(const struct kn_sound_step *mean, float integrated_lufs);
    float (*strength)(const struct kn_sound_step *mean, float integrated_lufs);
};

static float share(float value, float low, float high)
{
    return KN_CLAMP((value - low) / (high - low), 0.0F, 1.0F);
}

static bool is_music(const struct kn_sound_step *mean, float integrated_lufs)
{
    return mean->steadiness > 0.32F && mean->speech < 0.3F && mean->loudness_lufs > -55 &&
           mean->loudness_lufs > integrated_lufs - 25;
}

static float music_strength(const struct kn_sound_step *mean, float integrated_lufs)
{
    (void)integrated_lufs;
    return share(mean->steadiness, 0.2F, 0.7F);
}

static bool is_burst(const struct kn_sound_step *mean, float integrated_lufs)
{
    return mean->speech < 0.25F && mean->tones < 1.9F && mean->steadiness < 0.2F &&
           mean->loudness_lufs > -45 && mean->loudness_lufs > integrated_lufs - 15;
}

static float burst_strength(const struct kn_sound_step *mean, float integrated_lufs)
{
    return share(mean->loudness_lufs, integrated_lufs - 20, integrated_lufs + 4);
}

static bool is_silent(const struct kn_sound_step *mean, float integrated_lufs)
{
    return mean->loudness_lufs < fmaxf(-60, integrated_lufs - 30);
}

static float silence_strength(const struct kn_sound_step *mean, float integrated_lufs)
{
    (void)mean, (void)integrated_lufs;
    return 1;
}

static const struct rule rules[] = {
    {KN_SOUND_MUSIC, SMOOTH_MUSIC, 30, is_music, music_strength},
    {KN_SOUND_APPLAUSE, SMOOTH_BURST, 8, is_burst, burst_strength},
    {KN_SOUND_SILENCE, 0, 10, is_silent, silence_strength},
};

static struct kn_sound_step mean_of(const struct kn_sound_step *steps, int from, int to)
{
    struct kn_sound_step mean = {0};
    float share_of_one = 1.0F / (float)(to - from);
    for (int i = from; i < to; i++) {
        mean.loudness_lufs += steps[i].loudness_lufs * share_of_one;
        mean.speech += steps[i].speech * share_of_one;
        mean.pitch_hz += (steps[i].pitch_hz > 0) * share_of_one; /* share of steps with pitch */
        mean.tones += steps[i].tones * share_of_one;
        mean.steadiness += steps[i].steadiness * share_of_one;
        mean.flutter_db += steps[i].flutter_db * share_of_one;
    }
    return mean;
}

static bool holds_at(const struct rule *rule, const struct kn_sound_step *steps, int count, int at,
                     float integrated_lufs)
{
    int from = KN_MAX(at - rule->smooth, 0), to = KN_MIN(at + rule->smooth + 1, count);
    struct kn_sound_step mean = mean_of(steps, from, to);
    return rule->holds(&mean, integrated_lufs);
}

static void add_event(const struct rule *rule, const struct kn_sound_step *steps, int from, int to,
                      float integrated_lufs, struct events *events)
{
    if (to - from < rule->least)
        return;
    struct kn_sound_step mean = mean_of(steps, from, to);
    struct kn_sound_event event = {
        .start_us = (int64_t)from * STEP_US,
        .end_us = (int64_t)to * STEP_US,
        .kind = rule->kind,
        .strength = rule->strength(&mean, integrated_lufs),
    };
    if (rule->kind == KN_SOUND_APPLAUSE && (mean.flutter_db > 3.0F || mean.pitch_hz > 0.25F))
        event.kind = KN_SOUND_LAUGHTER;
    kn_vec_push(events, event);
}

/* Events of one rule; short gaps do not end one. */
static void apply(const struct rule *rule, const struct kn_sound_step *steps, int count,
                  float integrated_lufs, struct events *events)
{
    int start = -1, end = -1; /* of the event in the making */
    for (int i = 0; i < count; i++) {
        if (!holds_at(rule, steps, count, i, integrated_lufs))
            continue;
        if (start >= 0 && i - end > GAP_MAX) {
            add_event(rule, steps, start, end, integrated_lufs, events);
            start = -1;
        }
        start = start < 0 ? i : start;
        end = i + 1;
    }
    if (start >= 0)
        add_event(rule, steps, start, end, integrated_lufs, events);
}

static int by_start(const void *a, const void *b)
{
    const struct kn_sound_event *x = a, *y = b;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

int kn_sound_events_find(const struct kn_sound_step *steps, int count, float integrated_lufs,
                         struct kn_arena *arena, const struct kn_sound_event **ret_events)
{
    struct events events = {0};
    for (size_t i = 0; i < KN_COUNT_OF(rules); i++)
        apply(&rules[i], steps, count, integrated_lufs, &events);
    if (events.count) /* an empty list has no address */
        qsort(events.at, (size_t)events.count, events.at ? sizeof *events.at : 1, by_start);
    int found = events.count;
    *ret_events = kn_vec_to_arena(&events, arena);
    kn_vec_free(&events);
    return found;
}
