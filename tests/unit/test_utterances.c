#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "analyze/utterances.h"
#include "base/vec.h"

KN_VEC_TYPE(spans, struct kn_speech_span);

/* Speech and silence in turns, in frames of 32 ms, starting with silence; 0 ends it. */
static struct spans cut(const int *turns)
{
    struct spans spans = {0};
    struct kn_speech_span span;
    struct kn_utterance_cutter *cutter = kn_utterance_cutter_new();
    for (int turn = 0; turn == 0 || turns[turn]; turn++)
        for (int i = 0; i < turns[turn]; i++)
            if (kn_utterance_cutter_add(cutter, turn % 2 ? 0.9F : 0.05F, &span))
                kn_vec_push(&spans, span);
    while (kn_utterance_cutter_end(cutter, &span))
        kn_vec_push(&spans, span);
    kn_utterance_cutter_free(cutter);
    return spans;
}

enum { FRAME_MS = KN_SPEECH_FRAME_US / 1000 };

static void pauses_divide_speech(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int turns[10];
        int count, start_ms[3], end_ms[3]; /* margins included */
    } cases[] = {
        {"nothing", {50}, 0, {0}, {0}},
        {"margins of 400 ms", {50, 60, 50}, 1, {1200}, {3920}},
        {"the start of the sound bounds the margin", {5, 60, 50}, 1, {0}, {2480}},
        {"its end too", {50, 60, 5}, 1, {1200}, {3680}},
        {"speech until the end", {50, 60}, 1, {1200}, {3520}},
        {"what is shorter than 0.25 s is no speech", {50, 7, 50}, 0, {0}, {0}},
        {"short pauses join", {50, 30, 37, 30, 50}, 1, {1200}, {5104}},
        {"long ones divide", {50, 30, 38, 30, 50}, 2, {1200, 3376}, {2960, 5136}},
        {"a flicker inside of a pause does not join",
         {50, 30, 30, 3, 30, 30, 50},
         2,
         {1200, 4176},
         {2960, 5936}},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct spans spans = cut(cases[i].turns);
        if (spans.count != cases[i].count)
            fail_msg("%s: %d utterances, not %d", cases[i].what, spans.count, cases[i].count);
        for (int k = 0; k < spans.count; k++)
            if (spans.at[k].start_us != cases[i].start_ms[k] * 1000 ||
                spans.at[k].end_us != cases[i].end_ms[k] * 1000)
                fail_msg("%s: %d to %d ms", cases[i].what, (int)(spans.at[k].start_us / 1000),
                         (int)(spans.at[k].end_us / 1000));
        kn_vec_free(&spans);
    }
}

/* 16 s are passed in the fourth stretch; the pause of 20 frames (640 ms) is the longest one. */
static void length_cuts_at_the_longest_pause(void **state)
{
    (void)state;
    static const int turns[] = {50, 220, 6, 100, 20, 100, 6, 200, 60, 0};
    struct spans spans = cut(turns);
    assert_int_equal(spans.count, 2);
    int64_t middle_us = (50 + 220 + 6 + 100 + 10) * (int64_t)KN_SPEECH_FRAME_US;
    assert_int_equal(spans.at[0].end_us, middle_us);
    assert_int_equal(spans.at[1].start_us, middle_us);
    assert_int_equal(spans.at[0].speech_us, 320 * (int64_t)KN_SPEECH_FRAME_US);
    kn_vec_free(&spans);
}

static void early_pauses_are_no_place_to_cut(void **state)
{
    (void)state;
    /* A long pause after 2 s, a short one after 12 s. */
    static const int turns[] = {50, 62, 30, 300, 6, 200, 60, 0};
    struct spans spans = cut(turns);
    assert_int_equal(spans.count, 2);
    assert_int_equal(spans.at[0].end_us, (50 + 62 + 30 + 300 + 3) * (int64_t)KN_SPEECH_FRAME_US);
    kn_vec_free(&spans);
}

/* A minute without any pause, but with a weak moment: cut there, and every piece within 20 s. */
static void speech_without_pauses_is_cut_where_it_is_weak(void **state)
{
    (void)state;
    enum { DIP = 500, FRAMES = 1900 };
    struct kn_utterance_cutter *cutter = kn_utterance_cutter_new();
    struct spans spans = {0};
    struct kn_speech_span span;
    for (int i = 0; i < FRAMES; i++)
        if (kn_utterance_cutter_add(cutter, abs(i - DIP) < 4 ? 0.4F : 0.95F, &span))
            kn_vec_push(&spans, span);
    while (kn_utterance_cutter_end(cutter, &span))
        kn_vec_push(&spans, span);
    assert_int_equal(spans.at[0].end_us, DIP * (int64_t)KN_SPEECH_FRAME_US);
    int64_t at_us = 0;
    for (int i = 0; i < spans.count; i++) {
        assert_int_equal(spans.at[i].start_us, at_us); /* nothing is lost between pieces */
        at_us = spans.at[i].end_us;
        assert_in_range(at_us - spans.at[i].start_us, 1, 20000000);
    }
    assert_int_equal(at_us, FRAMES * (int64_t)KN_SPEECH_FRAME_US);
    kn_vec_free(&spans);
    kn_utterance_cutter_free(cutter);
}

/* Whatever comes: in order, apart, at most 20.8 s with margins, and within what is still kept. */
static void any_probabilities_keep_the_promises(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++) {
        srand48(seed);
        struct kn_utterance_cutter *cutter = kn_utterance_cutter_new();
        struct kn_speech_span span;
        int64_t end_us = 0, needed_us = 0, frames = 4000;
        int mood = 1, left = 0;
        bool more = true;
        for (int64_t i = 0; more; i++) {
            if (left-- <= 0) {
                mood = (int)lrand48() % 3;
                left = (int)lrand48() % (seed % 2 ? 400 : 30);
            }
            float p = (float)drand48();
            p = mood == 0 ? p * 0.3F : mood == 1 ? 0.5F + p / 2 : p;
            bool made = i < frames ? kn_utterance_cutter_add(cutter, p, &span)
                                   : kn_utterance_cutter_end(cutter, &span);
            more = i < frames || made;
            if (made) {
                assert_true(span.start_us >= end_us && span.start_us >= needed_us);
                assert_true(span.end_us > span.start_us);
                assert_true(span.end_us - span.start_us <= 20800000);
                assert_true(span.speech_us > 0 && span.speech_us <= span.end_us - span.start_us);
                end_us = span.end_us;
            }
            needed_us = kn_utterance_cutter_needs_us(cutter);
        }
        kn_utterance_cutter_free(cutter);
    }
}

static void an_utterance_is_known_soon_after_it_ends(void **state)
{
    (void)state;
    struct kn_utterance_cutter *cutter = kn_utterance_cutter_new();
    struct kn_speech_span span;
    int frame = 0;
    for (; frame < 100; frame++)
        assert_false(kn_utterance_cutter_add(cutter, 0.9F, &span));
    while (!kn_utterance_cutter_add(cutter, 0.1F, &span))
        frame++;
    assert_in_range((frame - 100) * FRAME_MS, 1180, 1250);
    kn_utterance_cutter_free(cutter);
}

static void splitting_finds_the_pause_or_the_weak_moment(void **state)
{
    (void)state;
    float p[200];
    for (int i = 0; i < 200; i++)
        p[i] = 0.9F;
    for (int i = 2; i < 30; i++)
        p[i] = 0; /* a pause at the edge would leave nothing on its side */
    for (int i = 117; i < 124; i++)
        p[i] = 0.6F;
    assert_int_equal(kn_utterance_split(p, 200), 120);
    for (int i = 60; i < 70; i++)
        p[i] = 0.1F;
    assert_int_equal(kn_utterance_split(p, 200), 65);
    assert_int_equal(kn_utterance_split(p, 40), 0);
    assert_int_equal(kn_utterance_split(NULL, 0), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_divide_speech),
        cmocka_unit_test(length_cuts_at_the_longest_pause),
        cmocka_unit_test(early_pauses_are_no_place_to_cut),
        cmocka_unit_test(speech_without_pauses_is_cut_where_it_is_weak),
        cmocka_unit_test(any_probabilities_keep_the_promises),
        cmocka_unit_test(an_utterance_is_known_soon_after_it_ends),
        cmocka_unit_test(splitting_finds_the_pause_or_the_weak_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
