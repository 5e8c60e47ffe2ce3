#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "media/loudness.h"

enum { RATE = 48000 };

static uint32_t random_state;
static double noise(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / (1 << 23) - 1.0;
}

enum material { SINE, SPEECH_LIKE, CLICKS, NOISE_FLOOR, HIGH_TONE, ZEROS, LOUD_SQUARE };

/* `level`: the amplitude of its loudest parts. */
static struct kn_sound_buffer make_sound(enum material material, double level, double seconds)
{
    struct kn_sound_buffer sound = {
        .count = (int64_t)(seconds * RATE), .channels = 2, .rate_hz = RATE};
    sound.samples = kn_calloc((size_t)sound.count * 2, sizeof *sound.samples);
    random_state = 1;
    for (int64_t i = 0; i < sound.count; i++) {
        double t = (double)i / RATE, x = 0.0;
        switch (material) {
        case SINE:
            x = sin(2 * M_PI * 997 * t);
            break;
        case SPEECH_LIKE: /* syllables of four a second, with pauses, and a peak now and then */
            x = noise() * pow(fmax(sin(2 * M_PI * 4 * t), 0.0), 2.0) * (fmod(t, 3.0) < 2.2);
            x *= fmod(t, 1.7) < 0.01 ? 1.0 : 0.35;
            break;
        case CLICKS:
            x = fmod(t, 0.5) < 0.0005 ? 1.0 : 0.02 * sin(2 * M_PI * 300 * t);
            break;
        case NOISE_FLOOR:
            x = noise();
            break;
        case HIGH_TONE: /* a quarter of the rate at 45 degrees: samples miss its peaks by 3 dB */
            x = sin(M_PI * (double)i / 2 + M_PI / 4);
            break;
        case LOUD_SQUARE:
            x = sin(2 * M_PI * 180 * t) > 0 ? 1.0 : -1.0;
            break;
        case ZEROS:
            break;
        }
        sound.samples[2 * i] = (float)(x * level);
        sound.samples[2 * i + 1] = (float)(x * level * 0.9);
    }
    return sound;
}

static void targets_are_met_where_the_material_allows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum material material;
        double level, seconds;
    } cases[] = {
        {"quiet sine", SINE, 0.03, 5},           {"loud sine", SINE, 1.0, 5},
        {"speech", SPEECH_LIKE, 0.25, 12},       {"quiet speech", SPEECH_LIKE, 0.12, 12},
        {"far speech", SPEECH_LIKE, 0.05, 12},   {"steady hum", SINE, 0.025, 5},
        {"hot speech", SPEECH_LIKE, 1.0, 12},    {"high tone", HIGH_TONE, 0.9, 4},
        {"clipped square", LOUD_SQUARE, 1.0, 4}, {"half a second", SINE, 0.1, 0.5},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_sound_buffer sound =
            make_sound(cases[i].material, cases[i].level, cases[i].seconds);
        struct kn_level_report report;
        struct kn_loudness measured;
        kn_loudness_level(&sound, -14.0, -1.5, &report);
        kn_loudness_measure(&sound, &measured);
        if (fabs(measured.integrated_lufs + 14.0) > 0.5 || measured.true_peak_dbtp > -1.499)
            fail_msg("%s: %.2f LUFS, %.2f dBTP after a gain of %.1f dB", cases[i].name,
                     measured.integrated_lufs, measured.true_peak_dbtp, report.gain_db);
        assert_true(fabs(report.after.integrated_lufs - measured.integrated_lufs) < 0.02);
        assert_true(fabs(report.after.true_peak_dbtp - measured.true_peak_dbtp) < 0.02);
        free(sound.samples);
    }
}

static void the_ceiling_holds_where_the_target_cannot_be_met(void **state)
{
    (void)state;
    static const double levels[] = {1.0, 0.3, 0.05};
    for (size_t i = 0; i < KN_COUNT_OF(levels); i++) {
        struct kn_sound_buffer sound = make_sound(CLICKS, levels[i], 6);
        struct kn_level_report report;
        struct kn_loudness measured;
        kn_loudness_level(&sound, -14.0, -1.5, &report);
        kn_loudness_measure(&sound, &measured);
        assert_true(measured.true_peak_dbtp <= -1.499);
        assert_true(report.gain_db <= KN_AMPLIFY_LIVELY_DB);
        free(sound.samples);
    }
}

static void silence_stays_and_noise_is_not_blown_up(void **state)
{
    (void)state;
    struct kn_sound_buffer sound = make_sound(ZEROS, 0, 3);
    struct kn_level_report report;
    kn_loudness_level(&sound, -14.0, -1.5, &report);
    assert_true(report.gain_db == 0.0 && report.before_lufs == KN_LOUDNESS_SILENT_LUFS);
    for (int64_t i = 0; i < sound.count * 2; i++)
        assert_true(sound.samples[i] == 0.0f);
    free(sound.samples);

    sound = make_sound(NOISE_FLOOR, 0.0005, 3); /* about -66 LUFS */
    float before = sound.samples[20000];
    kn_loudness_level(&sound, -14.0, -1.5, &report);
    assert_true(!report.lively && fabs(report.gain_db - KN_AMPLIFY_STEADY_DB) < 1e-9);
    assert_true(fabsf(sound.samples[20000] - 10.0f * before) < 1e-6f);
    free(sound.samples);

    sound =
        make_sound(SPEECH_LIKE, 0.004, 12); /* more than that would be too far even for speech */
    kn_loudness_level(&sound, -14.0, -1.5, &report);
    assert_true(report.lively && fabs(report.gain_db - KN_AMPLIFY_LIVELY_DB) < 1e-9);
    free(sound.samples);

    sound = make_sound(SINE, 0.1, 0.2); /* too short to have a loudness */
    before = sound.samples[1001];
    kn_loudness_level(&sound, -14.0, -1.5, &report);
    assert_true(sound.samples[1001] == before);
    free(sound.samples);

    struct kn_sound_buffer nothing = {.count = 0, .channels = 2, .rate_hz = RATE};
    kn_loudness_level(&nothing, -14.0, -1.5, &report);
}

static void what_stays_below_the_ceiling_is_only_amplified(void **state)
{
    (void)state;
    struct kn_sound_buffer sound = make_sound(SINE, 0.02, 4), copy = make_sound(SINE, 0.02, 4);
    struct kn_level_report report;
    kn_loudness_level(&sound, -20.0, -1.5, &report);
    double gain = pow(10.0, report.gain_db / 20.0);
    for (int64_t i = 0; i < sound.count * 2; i++)
        assert_true(fabs(sound.samples[i] - gain * copy.samples[i]) < 1e-5);
    free(sound.samples);
    free(copy.samples);
}

static void the_limiter_does_not_jump(void **state)
{
    (void)state;
    /* A steady tone with one burst: around it the gain must move smoothly. */
    struct kn_sound_buffer sound = make_sound(SINE, 0.2, 3);
    for (int64_t i = RATE; i < RATE + 480; i++)
        sound.samples[2 * i] = sound.samples[2 * i + 1] *= 8.0f;
    struct kn_sound_buffer copy = sound;
    copy.samples = kn_malloc((size_t)sound.count * 2 * sizeof *copy.samples);
    for (int64_t i = 0; i < sound.count * 2; i++)
        copy.samples[i] = sound.samples[i];
    struct kn_level_report report;
    kn_loudness_level(&sound, -14.0, -1.5, &report);
    double last = 0.0;
    for (int64_t i = RATE / 2; i < 2 * RATE; i++) {
        if (fabsf(copy.samples[2 * i]) < 0.05f)
            continue;
        double gain = sound.samples[2 * i] / copy.samples[2 * i];
        assert_true(last == 0.0 || fabs(gain - last) < 0.05 * last);
        last = gain;
    }
    free(sound.samples);
    free(copy.samples);
}

static void edges_are_faded(void **state)
{
    (void)state;
    struct kn_sound_buffer sound = make_sound(LOUD_SQUARE, 0.5, 1);
    kn_sound_fade(&sound, 15000);
    assert_true(fabsf(sound.samples[0]) < 0.001f);
    assert_true(fabsf(sound.samples[2 * sound.count - 1]) < 0.001f);
    assert_true(fabsf(sound.samples[2 * 720]) > 0.499f);
    for (int64_t i = 1; i < 720; i++)
        assert_true(fabsf(sound.samples[2 * i]) >= fabsf(sound.samples[2 * i - 2]));
    free(sound.samples);
    struct kn_sound_buffer one = make_sound(SINE, 1.0, 3.0 / RATE); /* shorter than the fades */
    kn_sound_fade(&one, 15000);
    free(one.samples);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_met_where_the_material_allows),
        cmocka_unit_test(the_ceiling_holds_where_the_target_cannot_be_met),
        cmocka_unit_test(silence_stays_and_noise_is_not_blown_up),
        cmocka_unit_test(what_stays_below_the_ceiling_is_only_amplified),
        cmocka_unit_test(the_limiter_does_not_jump),
        cmocka_unit_test(edges_are_faded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
