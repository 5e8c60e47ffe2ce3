#include "analyze/sound.h"

#include <ebur128.h>
#include <math.h>
#include <string.h>

#include "analyze/pitch.h"
#include "analyze/sound_events.h"
#include "analyze/spectrum.h"
#include "base/vec.h"

_Static_assert((int)KN_SOUND_STEP_MONO == (int)KN_SPECTRUM_STEP &&
                   (int)KN_SOUND_STEP_MONO == (int)KN_PITCH_WINDOW,
               "all look at the same step");

enum {
    RATE_HZ = 48000,
    CHANNELS = 2,
    RUN_UP = 16,     /* frames that settle the true-peak filter (12 taps a phase) */
    PEAK_BLOCK = 80, /* frames, 1.7 ms: few of a talk's come near its peak */
    PART = 320,      /* 20 ms at 16 kHz */
    PARTS = KN_SOUND_STEP_MONO / PART,
};

static const float floor_lufs = -70;
static const float voice_speech = 0.3F; /* least probability of speech for pitch to be a voice's */
/* A peak between samples is never higher than this many times the samples around it (a phase's
 * taps without their signs add up to 1.864 at most): blocks whose samples stay that far below the
 * highest peak so far cannot raise it, and need not be oversampled. */
static const float peak_between = 1.9F;

struct kn_sound_meter {
    ebur128_state *loudness, *peaks;
    float true_peak;                 /* linear */
    float run_up[RUN_UP * CHANNELS]; /* the end of the step before */
    struct kn_spectrum spectrum;
    KN_VEC(struct kn_sound_step) steps;
    /* Speech: the weighted sum over the step that is being filled. */
    KN_VEC(float) speech;
    int64_t speech_us;
    float speech_sum;
};

struct kn_sound_meter *kn_sound_meter_new(void)
{
    struct kn_sound_meter *meter = kn_calloc(1, sizeof *meter);
    meter->loudness =
        ebur128_init(CHANNELS, RATE_HZ, EBUR128_MODE_M | EBUR128_MODE_I | EBUR128_MODE_HISTOGRAM);
    meter->peaks = ebur128_init(CHANNELS, RATE_HZ, EBUR128_MODE_TRUE_PEAK);
    if (!meter->loudness || !meter->peaks)
        kn_out_of_memory();
    return meter;
}

void kn_sound_meter_free(struct kn_sound_meter *meter)
{
    if (!meter)
        return;
    ebur128_destroy(&meter->loudness);
    ebur128_destroy(&meter->peaks);
    kn_vec_free(&meter->steps);
    kn_vec_free(&meter->speech);
    free(meter);
}

static float highest_sample(const float *samples, int count)
{
    enum { LANES = 16 };
    float highest[LANES] = {0}, all = 0;
    for (int i = 0; i < count; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            float level = fabsf(samples[i + lane]);
            highest[lane] = level > highest[lane] ? level : highest[lane];
        }
    for (int lane = 0; lane < LANES; lane++)
        all = fmaxf(all, highest[lane]);
    return all;
}
_Static_assert(RUN_UP *CHANNELS % 16 == 0 && PEAK_BLOCK * CHANNELS % 16 == 0 &&
                   (int)KN_SOUND_STEP_STEREO % PEAK_BLOCK == 0,
               "whole lanes, whole blocks");

static void oversample(struct kn_sound_meter *meter, const float *run_up, const float *block)
{
    (void)ebur128_add_frames_float(meter->peaks, run_up, RUN_UP);
    (void)ebur128_add_frames_float(meter->peaks, block, PEAK_BLOCK);
    for (unsigned c = 0; c < CHANNELS; c++) {
        double peak = 0;
        if (ebur128_prev_true_peak(meter->peaks, c, &peak) == EBUR128_SUCCESS)
            meter->true_peak = fmaxf(meter->true_peak, (float)peak);
    }
}

static void measure_peak(struct kn_sound_meter *meter, const float *stereo)
{
    enum { SAMPLES = KN_SOUND_STEP_STEREO * CHANNELS, BLOCK = PEAK_BLOCK * CHANNELS };
    const float *run_up = meter->run_up;
    float before = highest_sample(run_up, RUN_UP * CHANNELS);
    for (int at = 0; at < SAMPLES; at += BLOCK) {
        const float *block = stereo + at, *end = block + BLOCK - RUN_UP * CHANNELS;
        float highest = highest_sample(block, BLOCK);
        if (fmaxf(highest, before) * peak_between > meter->true_peak)
            oversample(meter, run_up, block);
        before = highest_sample(end, RUN_UP * CHANNELS);
        run_up = end;
    }
    memcpy(meter->run_up, run_up, sizeof meter->run_up);
}

/* The mean change of level from each 20 ms to the next. */
static float flutter_db(const float *mono)
{
    float before = 0, sum = 0;
    for (int p = 0; p < PARTS; p++) {
        float power = 1e-9F;
        for (int i = 0; i < PART; i++)
            power += mono[p * PART + i] * mono[p * PART + i];
        float level = 10 * log10f(power);
        sum += p ? fabsf(level - before) : 0;
        before = level;
    }
    return sum / (PARTS - 1);
}

void kn_sound_meter_add(struct kn_sound_meter *meter, const float *stereo, const float *mono)
{
    double momentary;
    (void)ebur128_add_frames_float(meter->loudness, stereo, KN_SOUND_STEP_STEREO);
    if (ebur128_loudness_momentary(meter->loudness, &momentary) != EBUR128_SUCCESS ||
        !(momentary > floor_lufs))
        momentary = floor_lufs;
    measure_peak(meter, stereo);
    struct kn_spectrum_kind kind = kn_spectrum_next(&meter->spectrum, mono);
    struct kn_sound_step step = {
        .loudness_lufs = (float)momentary,
        .pitch_hz = momentary > floor_lufs ? kn_pitch_find(mono) : 0,
        .tones = kind.tones,
        .steadiness = kind.steadiness,
        .flutter_db = flutter_db(mono),
    };
    kn_vec_push(&meter->steps, step);
}

void kn_sound_meter_speech(struct kn_sound_meter *meter, int64_t frame_us, float probability)
{
    while (frame_us > 0) {
        int64_t room_us = KN_SOUND_STEP_US - meter->speech_us;
        int64_t part_us = KN_MIN(frame_us, room_us);
        meter->speech_sum += probability * (float)part_us;
        meter->speech_us += part_us;
        frame_us -= part_us;
        if (meter->speech_us == KN_SOUND_STEP_US) {
            kn_vec_push(&meter->speech, meter->speech_sum / KN_SOUND_STEP_US);
            meter->speech_us = 0;
            meter->speech_sum = 0;
        }
    }
}

int kn_sound_meter_steps(const struct kn_sound_meter *meter)
{
    return meter->steps.count;
}

float kn_sound_meter_loudest(const struct kn_sound_meter *meter, int from, int to)
{
    float loudest = floor_lufs;
    for (int i = KN_MAX(from, 0); i < KN_MIN(to, meter->steps.count); i++)
        loudest = fmaxf(loudest, meter->steps.at[i].loudness_lufs);
    return loudest;
}

/* Momentary loudness is over the 400 ms that end with a step. Read one step later it is centred on
 * the step's start, which is as near as steps of 100 ms allow. */
static void centre_loudness(struct kn_sound_meter *meter)
{
    for (int i = 0; i + 1 < meter->steps.count; i++)
        meter->steps.at[i].loudness_lufs = meter->steps.at[i + 1].loudness_lufs;
}

static void add_speech(struct kn_sound_meter *meter)
{
    for (int i = 0; i < meter->steps.count; i++) {
        struct kn_sound_step *step = &meter->steps.at[i];
        step->speech = i < meter->speech.count ? meter->speech.at[i] : 0;
        if (i == meter->speech.count && meter->speech_us > 0)
            step->speech = meter->speech_sum / (float)meter->speech_us;
    }
}

void kn_sound_meter_finish(struct kn_sound_meter *meter, struct kn_arena *arena,
                           struct kn_sound *ret_sound)
{
    int count = meter->steps.count;
    float *loudness = kn_arena_array(arena, (size_t)count, sizeof *loudness);
    float *pitch = kn_arena_array(arena, (size_t)count, sizeof *pitch);
    float *speech = kn_arena_array(arena, (size_t)count, sizeof *speech);
    double integrated;
    if (ebur128_loudness_global(meter->loudness, &integrated) != EBUR128_SUCCESS ||
        !(integrated > floor_lufs))
        integrated = floor_lufs;
    centre_loudness(meter);
    add_speech(meter);
    for (int i = 0; i < count; i++) {
        loudness[i] = meter->steps.at[i].loudness_lufs;
        speech[i] = meter->steps.at[i].speech;
        bool voice =
            meter->speech.count == 0 || speech[i] >= voice_speech; /* music has pitch too */
        pitch[i] = voice ? meter->steps.at[i].pitch_hz : 0;
    }
    *ret_sound = (struct kn_sound){
        .step_us = KN_SOUND_STEP_US,
        .count = count,
        .loudness_lufs = loudness,
        .pitch_hz = pitch,
        .speech = speech,
        .integrated_lufs = (float)integrated,
        .true_peak_dbtp = fmaxf(20 * log10f(fmaxf(meter->true_peak, 1e-6F)), -120),
    };
    ret_sound->event_count =
        kn_sound_events_find(meter->steps.at, count, (float)integrated, arena, &ret_sound->events);
}
