#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "clip/timing.h"

static struct kn_source source_of(int num, int den, bool variable)
{
    return (struct kn_source){
        .has_video = true, .frame_rate = {num, den}, .variable_rate = variable};
}

static void rates_are_standard_and_divide_well(void **state)
{
    (void)state;
    static const struct {
        int num, den;
        bool variable;
        int max_hz, want_num, want_den;
    } cases[] = {
        {30, 1, false, 30, 30, 1},
        {25, 1, false, 30, 25, 1},
        {30000, 1001, false, 30, 30000, 1001},
        {24000, 1001, false, 30, 24000, 1001},
        {60, 1, false, 30, 30, 1},
        {60000, 1001, false, 30, 30000, 1001},
        {50, 1, false, 30, 25, 1},
        {48, 1, false, 30, 24, 1},
        {120, 1, false, 30, 30, 1},
        {60, 1, false, 60, 60, 1},
        {35, 1, false, 30, 30, 1},
        {4110000, 137419, false, 30, 30000, 1001}, /* one picture is missing */
        {90000, 3013, true, 30, 30000, 1001},
        {51600, 1841, true, 30, 30, 1},
        {15, 1, false, 30, 15, 1},
        {18, 1, false, 30, 18, 1},
        {19, 20, false, 30, 304, 20},
        {5, 1, false, 30, 15, 1},
        {1000, 1, true, 30, 30, 1},
        {0, 1, false, 30, 30, 1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = source_of(cases[i].num, cases[i].den, cases[i].variable);
        struct kn_rational rate = kn_clip_rate(&source, cases[i].max_hz);
        double got = (double)rate.num / rate.den;
        double want = (double)cases[i].want_num / cases[i].want_den;
        if (fabs(got - want) > 1e-9)
            fail_msg("%d/%d gives %d/%d", cases[i].num, cases[i].den, rate.num, rate.den);
    }
    struct kn_source silent = {.has_audio = true};
    assert_int_equal(kn_clip_rate(&silent, 30).num, 30);
}

static void pictures_and_sound_are_equally_long(void **state)
{
    (void)state;
    static const int rates[][2] = {{30, 1}, {30000, 1001}, {25, 1}, {24000, 1001}, {19, 20}};
    for (size_t i = 0; i < KN_COUNT_OF(rates); i++)
        for (int64_t length_us = 1; length_us < 200000000; length_us = length_us * 3 + 7777) {
            struct kn_source source = source_of(rates[i][0], rates[i][1], false);
            struct kn_clip_timing timing = kn_clip_timing_make(&source, 1000, 1000 + length_us,
                                                               kn_clip_rate(&source, 30), 48000);
            double frame_s = (double)timing.rate.den / timing.rate.num;
            double pictures_s = timing.frames * frame_s;
            assert_true(timing.frames >= 1);
            assert_true(fabs(pictures_s - (double)timing.samples / 48000) < 2.1e-5);
            if (timing.frames > 1)
                assert_true(fabs(pictures_s - (double)length_us / 1e6) <= frame_s / 2 + 1e-6);
        }
}

/* Pictures as Matroska times them: rounded to a millisecond. */
static int64_t picture_us(const struct kn_source *source, int index)
{
    double ms = (double)index * source->frame_rate.den / source->frame_rate.num * 1000.0;
    return llrint(ms) * 1000;
}

static void every_picture_is_shown_once_wherever_the_clip_begins(void **state)
{
    (void)state;
    static const int rates[][2] = {{30, 1}, {30000, 1001}, {25, 1}, {24000, 1001}, {15, 1}};
    for (size_t i = 0; i < KN_COUNT_OF(rates); i++)
        for (int64_t start_us = 0; start_us < 400000; start_us += 1711) {
            struct kn_source source = source_of(rates[i][0], rates[i][1], false);
            struct kn_clip_timing timing = kn_clip_timing_make(
                &source, start_us, start_us + 60000000, kn_clip_rate(&source, 30), 48000);
            int shown = 0;
            while (picture_us(&source, shown + 1) <= start_us)
                shown++;
            kn_clip_timing_align(&timing, &source, start_us, picture_us(&source, shown),
                                 picture_us(&source, shown + 1));
            int last = -1;
            for (int n = 0; n < timing.frames; n++) {
                int64_t at_us = kn_clip_source_us(&timing, n);
                while (picture_us(&source, shown + 1) <= at_us)
                    shown++;
                if (last >= 0 && shown != last + 1)
                    fail_msg("%d/%d from %lld us: frame %d shows picture %d after %d", rates[i][0],
                             rates[i][1], (long long)start_us, n, shown, last);
                last = shown;
                /* The picture is never more than half of its length from where it belongs. */
                int64_t belongs_us = picture_us(&source, shown) - start_us;
                int64_t apart_us = llabs(belongs_us - kn_clip_frame_us(&timing, n));
                assert_true(apart_us <= 500000LL * rates[i][1] / rates[i][0] + 1001);
            }
        }
}

static void a_clip_that_starts_at_a_cut_never_shows_what_was_before(void **state)
{
    (void)state;
    struct kn_source source = source_of(30000, 1001, false);
    for (int cut = 0; cut < 300; cut++) {
        int64_t start_us = picture_us(&source, cut);
        struct kn_clip_timing timing = kn_clip_timing_make(&source, start_us, start_us + 1000000,
                                                           kn_clip_rate(&source, 30), 48000);
        kn_clip_timing_align(&timing, &source, start_us, start_us, picture_us(&source, cut + 1));
        assert_true(kn_clip_source_us(&timing, 0) >= start_us);
        assert_true(kn_clip_source_us(&timing, 0) < picture_us(&source, cut + 1));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_standard_and_divide_well),
        cmocka_unit_test(pictures_and_sound_are_equally_long),
        cmocka_unit_test(every_picture_is_shown_once_wherever_the_clip_begins),
        cmocka_unit_test(a_clip_that_starts_at_a_cut_never_shows_what_was_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
