#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyze/sampling.h"
#include "base/memory.h"

#define S INT64_C(1000000)
enum { FRAME_US = 40 * 1000, CODED_MAX = 4000, KEY_BYTES = 50000, USUAL_BYTES = 3000 };

/* A stream of 25 pictures a second that is made up as an encoder would. */
struct stream {
    int count;
    struct kn_coded at[CODED_MAX];
};

static struct kn_arena *arena;
static struct stream stream;

static int begin(void **state)
{
    (void)state;
    arena = kn_arena_new();
    stream.count = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return 0;
}

static void add(int64_t frame, int bytes, bool key)
{
    assert_true(stream.count < CODED_MAX);
    stream.at[stream.count++] =
        (struct kn_coded){.at_us = frame * FRAME_US, .bytes = bytes, .key = key};
}

/* Pictures [from, to), each of about the usual size, after a key frame. */
static void add_group(int64_t from, int64_t to)
{
    add(from, KEY_BYTES, true);
    for (int64_t i = from + 1; i < to; i++)
        add(i, USUAL_BYTES + (int)(i * 37 % 100), false);
}

static struct kn_sampling planned(void)
{
    struct kn_sampling sampling;
    kn_sampling_plan(stream.at, stream.count, FRAME_US, arena, &sampling);
    return sampling;
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.sample_count, 0);
    assert_int_equal(sampling.hint_count, 0);
}

static void regular_key_frames_are_thinned_out(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) /* one a second */
        add_group(i * 25, (i + 1) * 25);
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.sample_count, 10);
    for (int i = 0; i < sampling.sample_count; i++) {
        assert_int_equal(sampling.samples[i].at_us, i * 2 * S);
        assert_false(sampling.samples[i].irregular);
        assert_int_equal(sampling.samples[i].forward_until_us, 0);
    }
    assert_int_equal(sampling.hint_count, 0);
}

static void key_frames_out_of_turn_are_looked_at(void **state)
{
    (void)state;
    int64_t at = 0;
    static const int lengths[] = {75, 75, 75, 20, 75, 75, 12, 75, 75, 75, 3, 75, 75};
    int64_t irregular_us[3];
    int count = 0;
    for (size_t i = 0; i < KN_COUNT_OF(lengths); i++) {
        add_group(at, at + lengths[i]);
        at += lengths[i];
        if (lengths[i] == 20 || lengths[i] == 12)
            irregular_us[count++] = at * FRAME_US;
    }
    struct kn_sampling sampling = planned();
    int found = 0;
    for (int i = 0; i < sampling.sample_count; i++)
        if (sampling.samples[i].irregular)
            assert_int_equal(sampling.samples[i].at_us, irregular_us[found++]);
    assert_int_equal(found, 2); /* and not the one only 3 pictures after another */
}

/* The pictures shown before a key frame may be decoded after it, and belong to the group before. */
static void pictures_that_lead_up_to_a_key_frame_do_not_confuse(void **state)
{
    (void)state;
    for (int group = 0; group < 6; group++) {
        int64_t first = group * 50;
        add(first, KEY_BYTES, true);
        if (group > 0)
            for (int64_t i = first - 3; i < first; i++)
                add(i, 900, false);
        for (int64_t i = first + 1; i < first + 47; i++)
            add(i, USUAL_BYTES, false);
    }
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.sample_count, 6);
    for (int i = 0; i < sampling.sample_count; i++)
        assert_false(sampling.samples[i].irregular);
    /* Three pictures were not heard of when the key frame came: the cut may be at any. */
    assert_int_equal(sampling.samples[1].slack_us, 3 * FRAME_US);
}

static void far_key_frames_are_looked_on_from(void **state)
{
    (void)state;
    add_group(0, 100);
    add_group(100, 600); /* 20 s */
    add_group(600, 700);
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.sample_count, 3);
    assert_int_equal(sampling.samples[0].forward_until_us, 0);
    assert_int_equal(sampling.samples[1].at_us, 4 * S);
    assert_int_equal(sampling.samples[1].forward_until_us, 24 * S);
    assert_int_equal(sampling.samples[2].forward_until_us, 0);
}

static void a_large_picture_hints_at_a_cut(void **state)
{
    (void)state;
    add_group(0, 100);
    stream.at[60].bytes = USUAL_BYTES * 4;
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.hint_count, 1);
    assert_int_equal(sampling.hints[0].at_us, 60 * FRAME_US);
    assert_int_equal(sampling.hints[0].slack_us, 0);
    assert_true(sampling.hints[0].strength > 3.5f && sampling.hints[0].strength < 4.1f);
}

/* Of four pictures, the last one is decoded first, and it is larger as a rule. */
static void add_reordered(int64_t from, int64_t to)
{
    add(from, KEY_BYTES, true);
    for (int64_t i = from + 1; i + 3 < to; i += 4) {
        add(i + 3, 2 * USUAL_BYTES, false);
        add(i + 1, USUAL_BYTES, false);
        add(i, USUAL_BYTES / 2, false);
        add(i + 2, USUAL_BYTES / 2, false);
    }
}

static void a_hint_knows_where_the_cut_may_lie(void **state)
{
    (void)state;
    add_reordered(0, 121);
    assert_int_equal(planned().hint_count, 0); /* what is usual is no hint */
    int at = 1 + 4 * 15;
    stream.at[at].bytes *= 3;
    stream.at[at + 2].bytes *= 12; /* lies before it, and is told by it already */
    struct kn_sampling sampling = planned();
    assert_int_equal(sampling.hint_count, 1);
    assert_int_equal(sampling.hints[0].at_us, stream.at[at].at_us);
    assert_int_equal(sampling.hints[0].slack_us, 3 * FRAME_US);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_gives_nothing),
        TEST(regular_key_frames_are_thinned_out),
        TEST(key_frames_out_of_turn_are_looked_at),
        TEST(pictures_that_lead_up_to_a_key_frame_do_not_confuse),
        TEST(far_key_frames_are_looked_on_from),
        TEST(a_large_picture_hints_at_a_cut),
        TEST(a_hint_knows_where_the_cut_may_lie),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
