/* Topic boundaries: where the talk turns to something else, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/segments.h"
#include "analyze/sentences.h"
#include "analyze/topics.h"
#include "base/memory.h"
#include "support/arena_state.h"
#include "support/speak.h"

/* Sentences about one of three subjects, never two alike. */
static void speak_about(struct speech *s, int subject, int sentences)
{
    static const char *const words[3][12] = {
        {"reactor", "salt", "steel", "pump", "heat", "turbine", "pressure", "fuel", "core", "valve",
         "pipe", "melt"},
        {"violin", "melody", "rhythm", "orchestra", "string", "chord", "concert", "bow", "tempo",
         "hall", "choir", "note"},
        {"bakery", "flour", "oven", "crust", "dough", "yeast", "bread", "butter", "loaf", "salted",
         "rye", "grain"},
    };
    uint32_t seed = 11u + (uint32_t)subject;

    for (int i = 0; i < sentences; i++) {
        char line[200];
        const char *w[4];
        for (int k = 0; k < 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            w[k] = words[subject][(seed >> 16) % 12];
        }
        snprintf(line, sizeof line, "The %s has a %s near the %s and a %s.", w[0], w[1], w[2],
                 w[3]);
        speak(s, line);
        speak(s, "(350)");
    }
}

static void boundaries_lie_where_the_subject_changes(void **state)
{
    struct kn_arena *arena = *state;
    struct speech s = {.arena = arena, .speaker = -1};
    int64_t turns_us[2];

    speak_about(&s, 0, 40);
    speak(&s, "(1500)");
    turns_us[0] = s.now_us;
    speak(&s, "Okay, now the music.");
    speak_about(&s, 1, 40);
    speak(&s, "(1500)");
    turns_us[1] = s.now_us;
    speak(&s, "So, on to the bread.");
    speak_about(&s, 2, 40);

    struct kn_timeline t = speech_timeline(&s);
    const int64_t *found;
    int count = kn_topic_boundaries(&t, KN_TOPICS_COARSE, arena, &found);
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++)
        assert_in_range(found[i], turns_us[i] - 6000000, turns_us[i] + 6000000);
}

static void who_speaks_is_a_sign(void **state)
{
    struct kn_arena *arena = *state;
    struct speech s = {.arena = arena, .speaker = 0};
    const int64_t *found;

    speak_about(&s, 0, 40);
    speak(&s, "B: (1200)");
    int64_t turn_us = s.now_us;
    speak_about(&s, 1, 40);
    struct kn_timeline t = speech_timeline(&s);
    assert_int_equal(kn_topic_boundaries(&t, KN_TOPICS_COARSE, arena, &found), 1);
    assert_in_range(found[0], turn_us - 4000000, turn_us + 4000000);
}

static void fine_boundaries_are_more(void **state)
{
    struct kn_arena *arena = *state;
    struct speech s = {.arena = arena, .speaker = -1};
    const int64_t *found;

    for (int i = 0; i < 9; i++)
        speak_about(&s, i % 3, 14);
    struct kn_timeline t = speech_timeline(&s);
    int coarse = kn_topic_boundaries(&t, KN_TOPICS_COARSE, arena, &found);
    int fine = kn_topic_boundaries(&t, KN_TOPICS_FINE, arena, &found);
    assert_true(fine > coarse);
    assert_in_range(fine, 5, 11);
    for (int i = 1; i < fine; i++)
        assert_true(found[i] - found[i - 1] >= 30000000);
}

static void a_short_or_empty_text_has_one_topic(void **state)
{
    struct kn_timeline few = spoken(*state, "One thing. Two things. Three things.");
    struct kn_timeline none = {0};
    const int64_t *found;
    assert_int_equal(kn_topic_boundaries(&few, KN_TOPICS_FINE, *state, &found), 0);
    assert_int_equal(kn_topic_boundaries(&none, KN_TOPICS_FINE, *state, &found), 0);
}

/* All the same, hence no sign: deviations of zero must not become numbers that are none. */
static void monotony_has_no_boundaries(void **state)
{
    struct speech s = {.arena = *state, .speaker = -1};
    const int64_t *found;
    for (int i = 0; i < 60; i++)
        speak(&s, "Salt melts. (400)");
    struct kn_timeline t = speech_timeline(&s);
    int count = kn_topic_boundaries(&t, KN_TOPICS_COARSE, *state, &found);
    assert_in_range(count, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(boundaries_lie_where_the_subject_changes),
        ARENA_TEST(who_speaks_is_a_sign),
        ARENA_TEST(fine_boundaries_are_more),
        ARENA_TEST(a_short_or_empty_text_has_one_topic),
        ARENA_TEST(monotony_has_no_boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
