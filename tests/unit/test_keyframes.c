#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/keyframes.h"
#include "base/memory.h"
#include "support/arena_state.h"

#define S INT64_C(1000000)
enum { LOOKS_MAX = 20000, SHOTS_MAX = 5000 };

/* A source that is made up shot by shot, with a look every two seconds. */
static struct kn_look looks[LOOKS_MAX];
static struct kn_shot shots[SHOTS_MAX];
static struct kn_timeline source;

static void begin(void)
{
    source = (struct kn_timeline){.looks = looks, .shots = shots};
}

static struct kn_look *add_look(int64_t at_us, float brightness, float sharpness)
{
    assert_true(source.look_count < LOOKS_MAX);
    looks[source.look_count] = (struct kn_look){
        .at_us = at_us, .brightness = brightness, .sharpness = sharpness, .edges = 0.05f};
    return &looks[source.look_count++];
}

/* A shot of `seconds` whose looks are all alike. */
static void add_shot(int seconds, enum kn_shot_kind kind, float brightness)
{
    assert_true(source.shot_count < SHOTS_MAX);
    int64_t start_us = source.shot_count ? shots[source.shot_count - 1].end_us : 0;
    shots[source.shot_count++] =
        (struct kn_shot){.start_us = start_us, .end_us = start_us + seconds * S, .kind = kind};
    for (int64_t at_us = start_us + S; at_us < start_us + seconds * S; at_us += 2 * S)
        add_look(at_us, brightness, 0.5f);
}

static int choose(void **state, int most, const struct kn_keyframe **ret_frames)
{
    return kn_keyframes_choose(&source, most, *state, ret_frames);
}

static void nothing_gives_nothing(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    assert_int_equal(choose(state, 10, &frames), 0);
    add_shot(10, KN_SHOT_PEOPLE, 0.5f);
    assert_int_equal(choose(state, 0, &frames), 0);
    assert_int_equal(choose(state, -1, &frames), 0);
    source.look_count = 0;
    assert_int_equal(choose(state, 10, &frames), 0);
}

static void a_shot_gives_its_sharpest_usual_look(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    add_shot(12, KN_SHOT_PEOPLE, 0.5f);
    looks[2].sharpness = 0.7f;
    looks[4].sharpness = 0.9f; /* a flash: sharp, and unlike the rest */
    looks[4].brightness = 0.95f;
    assert_int_equal(choose(state, 10, &frames), 1);
    assert_int_equal(frames[0].look->at_us, looks[2].at_us);
    assert_int_equal(frames[0].shot, 0);
}

static void edges_of_shots_are_avoided(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    add_shot(10, KN_SHOT_PEOPLE, 0.3f);
    add_shot(10, KN_SHOT_PEOPLE, 0.7f);
    shots[1].slack_us = 2 * S;  /* the cut may be anywhere from 8 s on */
    looks[4].sharpness = 0.95f; /* at 9 s */
    assert_int_equal(choose(state, 10, &frames), 2);
    assert_true(frames[0].look->at_us < 8 * S);
    assert_int_equal(frames[1].shot, 1);
    /* But a shot with no other look is asked about all the same. */
    begin();
    add_shot(2, KN_SHOT_PEOPLE, 0.3f);
    looks[0].at_us = 0;
    shots[0].end_us = S / 5;
    assert_int_equal(choose(state, 10, &frames), 1);
}

static void long_shots_are_asked_again_when_they_change(void **state)
{
    static const struct {
        float step; /* of brightness, every 20 s */
        int frames;
    } cases[] = {{0, 1}, {0.035f, 3}, {0.1f, 6}};
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        const struct kn_keyframe *frames;
        begin();
        add_shot(120, KN_SHOT_PEOPLE, 0.2f);
        for (int i = 0; i < source.look_count; i++)
            looks[i].brightness += cases[c].step * (float)((looks[i].at_us - S) / (20 * S));
        int count = choose(state, 100, &frames);
        if (count != cases[c].frames)
            fail_msg("case %d: %d frames", (int)c, count);
        for (int i = 1; i < count; i++)
            assert_true(frames[i].look->at_us - frames[i - 1].look->at_us > 2 * S);
    }
}

static void black_and_frozen_pictures_are_passed_over(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    add_shot(10, KN_SHOT_BLACK, 0.01f);
    add_shot(10, KN_SHOT_FROZEN, 0.3f);
    add_shot(10, KN_SHOT_OTHER, 0.6f);
    assert_int_equal(choose(state, 10, &frames), 1);
    assert_int_equal(frames[0].shot, 2);
    /* A black moment in a shot. */
    for (int i = 10; i < 14; i++) {
        looks[i].brightness = 0.01f;
        looks[i].flat = 1;
        looks[i].sharpness = 1;
    }
    assert_int_equal(choose(state, 10, &frames), 1);
    assert_int_equal(frames[0].look->at_us, looks[14].at_us);
    /* A slide show of photos: frozen ones are all there is. */
    source.shot_count = 2;
    assert_int_equal(choose(state, 10, &frames), 1);
    assert_int_equal(frames[0].shot, 1);
}

static void cameras_that_take_turns_count_once(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    for (int i = 0; i < 10; i++)
        add_shot(8, KN_SHOT_PEOPLE, i % 2 ? 0.3f : 0.6f);
    int count = choose(state, 100, &frames);
    assert_int_equal(count, 2);
    /* After a while they are worth another look. */
    for (int i = 0; i < 50; i++)
        add_shot(8, KN_SHOT_PEOPLE, i % 2 ? 0.3f : 0.6f);
    count = choose(state, 100, &frames);
    assert_in_range(count, 8, 14);
}

/* Every shot different from those before it. */
static void add_many(int count, int seconds)
{
    for (int i = 0; i < count; i++)
        add_shot(seconds, KN_SHOT_OTHER, 0.1f + 0.07f * (float)(i * 5 % 12));
}

static void too_many_are_spread_over_the_source(void **state)
{
    static const int most[] = {1, 2, 7, 40, 199};
    begin();
    add_many(200, 10);
    for (size_t c = 0; c < KN_COUNT_OF(most); c++) {
        const struct kn_keyframe *frames;
        int count = choose(state, most[c], &frames);
        assert_int_equal(count, most[c]);
        int64_t gap_us = frames[0].look->at_us;
        for (int i = 1; i < count; i++) {
            assert_true(frames[i].look->at_us > frames[i - 1].look->at_us);
            gap_us = KN_MAX(gap_us, frames[i].look->at_us - frames[i - 1].look->at_us);
        }
        gap_us = KN_MAX(gap_us, 2000 * S - frames[count - 1].look->at_us);
        if (count > 1 && gap_us > 2 * 2000 * S / count + 10 * S)
            fail_msg("%d frames: a gap of %d s", count, (int)(gap_us / S));
    }
}

static void of_each_stretch_the_sharpest_is_taken(void **state)
{
    static const int sharp[] = {20, 70, 120, 170}; /* one shot in each quarter */
    const struct kn_keyframe *frames;
    begin();
    add_many(200, 10);
    for (size_t k = 0; k < KN_COUNT_OF(sharp); k++)
        for (int i = 0; i < source.look_count; i++)
            if (looks[i].at_us >= shots[sharp[k]].start_us &&
                looks[i].at_us < shots[sharp[k]].end_us)
                looks[i].sharpness = 0.6f;
    assert_int_equal(choose(state, 4, &frames), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(frames[i].shot, sharp[i]);
}

static void where_nothing_is_elsewhere_gets_more(void **state)
{
    const struct kn_keyframe *frames;
    begin();
    add_many(100, 4);
    add_shot(1200, KN_SHOT_BLACK, 0.01f);
    add_many(100, 4);
    assert_int_equal(choose(state, 20, &frames), 20);
    int early = 0;
    for (int i = 0; i < 20; i++)
        early += frames[i].look->at_us < 400 * S;
    assert_in_range(early, 8, 12);
}

static void the_same_source_gives_the_same_frames(void **state)
{
    const struct kn_keyframe *frames, *again;
    begin();
    add_many(500, 6);
    int count = choose(state, 60, &frames);
    assert_int_equal(choose(state, 60, &again), count);
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(frames[i].look, again[i].look);
        assert_int_equal(frames[i].shot, again[i].shot);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ARENA_TEST(nothing_gives_nothing),
        ARENA_TEST(a_shot_gives_its_sharpest_usual_look),
        ARENA_TEST(edges_of_shots_are_avoided),
        ARENA_TEST(long_shots_are_asked_again_when_they_change),
        ARENA_TEST(black_and_frozen_pictures_are_passed_over),
        ARENA_TEST(cameras_that_take_turns_count_once),
        ARENA_TEST(too_many_are_spread_over_the_source),
        ARENA_TEST(of_each_stretch_the_sharpest_is_taken),
        ARENA_TEST(where_nothing_is_elsewhere_gets_more),
        ARENA_TEST(the_same_source_gives_the_same_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
