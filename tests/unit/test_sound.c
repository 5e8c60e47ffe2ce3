#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ebur128.h>
#include <math.h>
#include <stdlib.h>

#include "analyze/downsample.h"
#include "analyze/pitch.h"
#include "analyze/sound.h"

enum { RATE = 48000, MONO_RATE = 16000 };

typedef float signal_fn(double t);

static float noise(void)
{
    return (float)drand48() * 2 - 1;
}

static float sine_1k(double t)
{
    return (float)sin(2 * M_PI * 1000 * t);
}

/* Meters `seconds` of the signal on both channels, with a probability of speech. */
static void meter(struct kn_sound_meter *m, signal_fn *signal, double seconds, float speech)
{
    float stereo[KN_SOUND_STEP_STEREO * 2], mono[KN_SOUND_STEP_MONO];
    struct kn_downsampler downsampler;
    kn_downsampler_init(&downsampler);
    for (int step = 0; step < (int)lround(seconds * 10); step++) {
        for (int i = 0; i < KN_SOUND_STEP_STEREO; i++) {
            float x = signal((double)step / 10 + (double)i / RATE);
            stereo[2 * i] = x;
            stereo[2 * i + 1] = x;
        }
        kn_downsampler_run(&downsampler, stereo, KN_SOUND_STEP_STEREO, mono);
        kn_sound_meter_add(m, stereo, mono);
        kn_sound_meter_speech(m, KN_SOUND_STEP_US, speech);
    }
}

/* EBU Tech 3341, test case 1: a stereo sine of 1 kHz at -23 dBFS is -23 LUFS. */
static float sine_23(double t)
{
    return powf(10, -23.0F / 20) * sine_1k(t);
}

static void loudness_is_that_of_ebu_tech_3341(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_sound_meter *m = kn_sound_meter_new();
    struct kn_sound sound;
    meter(m, sine_23, 5, 0);
    kn_sound_meter_finish(m, arena, &sound);
    assert_int_equal(sound.count, 50);
    assert_int_equal(sound.step_us, 100000);
    assert_true(fabsf(sound.integrated_lufs + 23) < 0.15F);
    assert_true(fabsf(sound.loudness_lufs[20] + 23) < 0.15F);
    assert_true(fabsf(sound.true_peak_dbtp + 23) < 0.2F);
    kn_sound_meter_free(m);
    kn_arena_free(arena);
}

/* A quarter of the sample rate, sampled 45 degrees off its peaks: samples reach 0.707 of the true
 * peak. The step that has it follows louder-looking ones, which must not hide it. */
static float between_samples(double t)
{
    double n = t * RATE;
    return t < 1 ? (float)sin(2 * M_PI * 100 * t) * 0.8F : (float)sin(M_PI / 2 * n + M_PI / 4);
}

static void peaks_between_samples_are_found(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_sound_meter *m = kn_sound_meter_new();
    struct kn_sound sound;
    meter(m, between_samples, 2, 0);
    kn_sound_meter_finish(m, arena, &sound);
    if (fabsf(sound.true_peak_dbtp) > 0.5F)
        fail_msg("%.2f dBTP", sound.true_peak_dbtp);
    kn_sound_meter_free(m);
    kn_arena_free(arena);
}

/* Two samples that end a step, with a peak between them: it comes out of the filter with the next
 * step, all of which is silent. */
static float late_peak(double t)
{
    long n = lround(t * RATE);
    return n == 4798 || n == 4799 ? 0.7F : 0;
}

/* Noise of another level each 5 ms, loud ones being rare. */
static float bursts(double t)
{
    static const float levels[] = {0.01F, 0.3F, 0.05F, 0.45F, 0, 0.02F, 0.9F, 0.1F, 0.5F};
    return noise() * levels[lround(t * RATE) / 240 * 7919 % 9];
}

/* As libebur128 has it when it oversamples every sample. */
static double whole_true_peak(signal_fn *signal, double seconds)
{
    ebur128_state *whole = ebur128_init(1, RATE, EBUR128_MODE_TRUE_PEAK);
    double peak = 0;
    for (int i = 0; i < (int)lround(seconds * RATE); i++) {
        float x = signal((double)(i / 4800) / 10 + (double)(i % 4800) / RATE);
        assert_int_equal(ebur128_add_frames_float(whole, &x, 1), EBUR128_SUCCESS);
    }
    assert_int_equal(ebur128_true_peak(whole, 0, &peak), EBUR128_SUCCESS);
    ebur128_destroy(&whole);
    return 20 * log10(peak);
}

static void the_true_peak_is_that_of_every_sample(void **state)
{
    (void)state;
    static signal_fn *const signals[] = {late_peak, bursts, sine_23};
    for (size_t i = 0; i < KN_COUNT_OF(signals); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_sound_meter *m = kn_sound_meter_new();
        struct kn_sound sound;
        srand48(5);
        meter(m, signals[i], 2, 0);
        kn_sound_meter_finish(m, arena, &sound);
        srand48(5);
        double whole = whole_true_peak(signals[i], 2);
        if (fabs((double)sound.true_peak_dbtp - whole) > 1e-5)
            fail_msg("signal %zu: %.6f, not %.6f dBTP", i, (double)sound.true_peak_dbtp, whole);
        kn_sound_meter_free(m);
        kn_arena_free(arena);
    }
}

static float silence(double t)
{
    (void)t;
    return 0;
}

static void nothing_is_the_floor(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    for (int steps = 0; steps <= 20; steps += 20) {
        struct kn_sound_meter *m = kn_sound_meter_new();
        struct kn_sound sound;
        meter(m, silence, steps / 10.0, 0);
        kn_sound_meter_finish(m, arena, &sound);
        assert_int_equal(sound.count, steps);
        assert_true(sound.integrated_lufs == -70);
        assert_true(sound.true_peak_dbtp <= -100);
        assert_int_equal(sound.event_count, steps ? 1 : 0);
        for (int i = 0; i < steps; i++)
            assert_true(sound.loudness_lufs[i] == -70 && sound.pitch_hz[i] == 0);
        kn_sound_meter_free(m);
    }
    kn_arena_free(arena);
}

static void speech_of_uneven_frames_becomes_steps(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_sound_meter *m = kn_sound_meter_new();
    struct kn_sound sound;
    meter(m, silence, 0.4, 0);
    kn_sound_meter_free(m);
    m = kn_sound_meter_new();
    float stereo[KN_SOUND_STEP_STEREO * 2] = {0}, mono[KN_SOUND_STEP_MONO] = {0};
    for (int i = 0; i < 4; i++)
        kn_sound_meter_add(m, stereo, mono);
    kn_sound_meter_speech(m, 150000, 1); /* the first step and half of the second */
    kn_sound_meter_speech(m, 100000, 0);
    kn_sound_meter_finish(m, arena, &sound);
    static const float want[] = {1, 0.5F, 0, 0};
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(sound.speech[i] - want[i]) < 1e-5F);
    kn_sound_meter_free(m);
    kn_arena_free(arena);
}

/* A voice: harmonics of a fundamental. */
static void voice(float *samples, double hz, float level)
{
    for (int i = 0; i < KN_PITCH_WINDOW; i++) {
        double t = (double)i / KN_PITCH_RATE_HZ, x = 0;
        for (int h = 1; h <= 8; h++)
            x += sin(2 * M_PI * hz * h * t + h) / h;
        samples[i] = level * (float)x;
    }
}

static void pitch_of_voices_is_found(void **state)
{
    (void)state;
    static const double hz[] = {70, 98, 110, 147, 196, 233, 311, 440};
    float samples[KN_PITCH_WINDOW];
    for (size_t i = 0; i < KN_COUNT_OF(hz); i++) {
        voice(samples, hz[i], 0.2F);
        float found = kn_pitch_find(samples);
        if (fabs(found - hz[i]) > hz[i] * 0.01)
            fail_msg("%.0f Hz was taken for %.1f", hz[i], found);
    }
    voice(samples, 150, 0.0005F);
    assert_true(kn_pitch_find(samples) == 0); /* too weak to tell */
    srand48(5);
    int pitched = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < KN_PITCH_WINDOW; i++)
            samples[i] = noise() * 0.3F;
        pitched += kn_pitch_find(samples) > 0;
    }
    assert_in_range(pitched, 0, 2);
}

static float gain_at(double hz)
{
    static float stereo[RATE * 2], mono[MONO_RATE];
    struct kn_downsampler downsampler;
    kn_downsampler_init(&downsampler);
    for (int i = 0; i < RATE; i++)
        stereo[2 * i] = stereo[2 * i + 1] = (float)sin(2 * M_PI * hz * i / RATE);
    kn_downsampler_run(&downsampler, stereo, RATE, mono);
    double sum = 0;
    for (int i = 100; i < MONO_RATE; i++)
        sum += mono[i] * mono[i];
    return (float)(10 * log10(sum / (MONO_RATE - 100) * 2 + 1e-12));
}

static void downsampling_keeps_speech_and_does_not_alias(void **state)
{
    (void)state;
    static const struct {
        double hz;
        float at_least, at_most; /* dB */
    } cases[] = {{50, -.1F, .1F},   {1000, -.1F, .1F},  {6800, -.5F, .1F},
                 {9200, -200, -60}, {15000, -200, -65}, {23000, -200, -65}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        float gain = gain_at(cases[i].hz);
        if (gain < cases[i].at_least || gain > cases[i].at_most)
            fail_msg("%.0f Hz: %.1f dB", cases[i].hz, gain);
    }
}

static void downsampling_in_pieces_is_the_same(void **state)
{
    (void)state;
    static float stereo[9600 * 2], whole[3200], pieces[3200];
    struct kn_downsampler downsampler;
    srand48(9);
    for (int i = 0; i < 9600 * 2; i++)
        stereo[i] = noise();
    kn_downsampler_init(&downsampler);
    kn_downsampler_run(&downsampler, stereo, 9600, whole);
    kn_downsampler_init(&downsampler);
    for (int at = 0, n = 3; at < 9600; at += n, n = KN_MIN(n * 2, 9600 - at))
        kn_downsampler_run(&downsampler, stereo + 2 * at, n, pieces + at / 3);
    assert_memory_equal(whole, pieces, sizeof whole);
}

/* A concert: 6 s of chords that change every half second; 4 s of claps; 5 s of a talking voice; 3 s
 * of nothing. */
static float chords(double t)
{
    static const double hz[] = {523, 587, 659, 784, 880};
    double root = hz[(int)(t * 2) % 5], x = 0;
    for (int i = 0; i < 3; i++)
        x += sin(2 * M_PI * root * (1 + i * 0.5) * t) + 0.3 * sin(2 * M_PI * root * (2 + i) * t);
    return (float)x * 0.05F;
}

static float claps(double t)
{
    (void)t;
    return noise() * 0.15F;
}

static float glide(double t)
{
    double hz = 140 + 40 * sin(2 * M_PI * 1.3 * t), x = 0;
    for (int h = 1; h <= 20; h++)
        x += sin(2 * M_PI * hz * h * t) / h;
    return (float)x * 0.1F;
}

static void events_are_told_apart(void **state)
{
    (void)state;
    srand48(4);
    struct kn_arena *arena = kn_arena_new();
    struct kn_sound_meter *m = kn_sound_meter_new();
    struct kn_sound sound;
    meter(m, chords, 6, 0.02F);
    meter(m, claps, 4, 0.02F);
    meter(m, glide, 5, 0.95F);
    meter(m, silence, 3, 0);
    kn_sound_meter_finish(m, arena, &sound);
    static const struct {
        enum kn_sound_event_kind kind;
        double start_s, end_s;
    } want[] = {{KN_SOUND_MUSIC, 0, 6}, {KN_SOUND_APPLAUSE, 6, 10}, {KN_SOUND_SILENCE, 15.2, 18}};
    for (int i = 0; i < sound.event_count; i++)
        print_message("%s %.1f-%.1f %.2f\n", kn_sound_event_name(sound.events[i].kind),
                      sound.events[i].start_us / 1e6, sound.events[i].end_us / 1e6,
                      sound.events[i].strength);
    assert_int_equal(sound.event_count, KN_COUNT_OF(want));
    for (int i = 0; i < sound.event_count; i++) {
        assert_int_equal(sound.events[i].kind, want[i].kind);
        assert_true(fabs(sound.events[i].start_us / 1e6 - want[i].start_s) < 0.8);
        assert_true(fabs(sound.events[i].end_us / 1e6 - want[i].end_s) < 0.8);
        assert_true(sound.events[i].strength > 0.2F && sound.events[i].strength <= 1);
    }
    for (int i = 0; i < 60; i++)
        assert_true(sound.pitch_hz[i] == 0); /* an instrument is no voice */
    kn_sound_meter_free(m);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(loudness_is_that_of_ebu_tech_3341),
        cmocka_unit_test(peaks_between_samples_are_found),
        cmocka_unit_test(the_true_peak_is_that_of_every_sample),
        cmocka_unit_test(nothing_is_the_floor),
        cmocka_unit_test(speech_of_uneven_frames_becomes_steps),
        cmocka_unit_test(pitch_of_voices_is_found),
        cmocka_unit_test(downsampling_keeps_speech_and_does_not_alias),
        cmocka_unit_test(downsampling_in_pieces_is_the_same),
        cmocka_unit_test(events_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
