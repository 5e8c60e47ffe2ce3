/* What engines say of spans: sights near them, proposals that mean them, and what becomes of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/advice.h"
#include "base/memory.h"
#include "support/arena_state.h"
#include "support/spoken_talk.h"

#define S INT64_C(1000000)

static void assert_near(float got, double wanted)
{
    if (fabs((double)got - wanted) > 1e-6)
        fail_msg("%.9g is not %.9g", (double)got, wanted);
}

/* ---- sights ---- */

static struct kn_timeline seeing(const struct kn_sight *sights, int count)
{
    return (struct kn_timeline){.sights = sights, .sight_count = count};
}

static void nothing_seen_is_worth_nothing_known(void **state)
{
    (void)state;
    struct kn_timeline t = seeing(NULL, 0);
    assert_near(kn_sights_worth(&t, 0, 10 * S), -1);
    assert_null(kn_sights_best(&t, 0, 10 * S));
}

static void what_is_seen_weighs_as_it_should(void **state)
{
    (void)state;
    static const struct {
        struct kn_sight sight;
        double worth;
    } cases[] = {
        {{.at_us = 5 * S, .hook = 1}, 0.6},
        {{.at_us = 5 * S, .action = 1}, 0.25},
        {{.at_us = 5 * S, .emotion = 1}, 0.15},
        {{.at_us = 5 * S, .hook = 1, .action = 1, .emotion = 1}, 1},
        {{.at_us = 5 * S}, 0},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_timeline t = seeing(&cases[i].sight, 1);
        assert_near(kn_sights_worth(&t, 0, 10 * S), cases[i].worth);
    }
}

static void sights_inside_count_on_average(void **state)
{
    (void)state;
    static const struct kn_sight sights[] = {
        {.at_us = 2 * S, .hook = 1}, {.at_us = 4 * S}, {.at_us = 6 * S, .action = 1}};
    struct kn_timeline t = seeing(sights, 3);
    assert_near(kn_sights_worth(&t, 1 * S, 5 * S), 0.3);
    /* The start belongs to the span, the end does not. */
    assert_near(kn_sights_worth(&t, 2 * S, 4 * S), 0.6);
    assert_near(kn_sights_worth(&t, 4 * S, 6 * S), 0);
    assert_near(kn_sights_worth(&t, 6 * S, 6 * S + 1), 0.25);
}

static void the_nearest_sight_stands_in(void **state)
{
    (void)state;
    static const struct kn_sight sights[] = {{.at_us = 20 * S, .hook = 1},
                                             {.at_us = 50 * S, .action = 1}};
    struct kn_timeline t = seeing(sights, 2);
    static const struct {
        int64_t start_us, end_us;
        double worth;
    } cases[] = {
        {22 * S, 30 * S, 0.6},          /* that before it */
        {30 * S, 48 * S, 0.25},         /* that after it */
        {25 * S, 45 * S, 0.6},          /* both as near: that before it */
        {25 * S + 1, 45 * S, 0.25},     /**/
        {0, 5 * S, 0.6},                /* 15 s are near, and there is nothing before */
        {0, 5 * S - 1, -1},             /* more are not */
        {65 * S, 80 * S, 0.25},         /* nor is there anything after this */
        {65 * S + 1, 80 * S, -1},       /**/
        {35 * S + 1, 35 * S + 2, 0.25}, /* in the midst, just within reach */
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_near(kn_sights_worth(&t, cases[i].start_us, cases[i].end_us), cases[i].worth);
}

static void the_best_sight_is_found(void **state)
{
    (void)state;
    static const struct kn_sight sights[] = {{.at_us = 10 * S, .hook = 0.2f},
                                             {.at_us = 20 * S, .hook = 0.8f},
                                             {.at_us = 30 * S, .hook = 0.5f},
                                             {.at_us = 40 * S, .hook = 0.8f}};
    struct kn_timeline t = seeing(sights, 4);
    assert_ptr_equal(kn_sights_best(&t, 0, 35 * S), &sights[1]);
    assert_ptr_equal(kn_sights_best(&t, 0, 60 * S), &sights[1]); /* the first of two as good */
    assert_ptr_equal(kn_sights_best(&t, 20 * S, 40 * S), &sights[1]);
    assert_ptr_equal(kn_sights_best(&t, 21 * S, 40 * S), &sights[2]); /* without the end */
    assert_null(kn_sights_best(&t, 41 * S, 60 * S));
    assert_null(kn_sights_best(&t, 11 * S, 20 * S));
}

/* ---- proposals ---- */

static struct kn_segment_options proposing(const struct kn_proposal *proposals, int count)
{
    return (struct kn_segment_options){
        .min_us = 15 * S, .max_us = 60 * S, .proposal_count = count, .proposals = proposals};
}

static void proposals_count_by_what_they_cover(void **state)
{
    (void)state;
    static const struct {
        struct kn_proposal proposal;
        double worth;
    } cases[] = {
        {{.start_us = 10 * S, .end_us = 30 * S, .score = 80}, 0.8},  /* the same */
        {{.start_us = 10 * S, .end_us = 50 * S, .score = 80}, 0},    /* half in common */
        {{.start_us = 15 * S, .end_us = 24 * S, .score = 80}, 0},    /* less */
        {{.start_us = 10 * S, .end_us = 25 * S, .score = 80}, 0.4},  /* three quarters */
        {{.start_us = 12 * S, .end_us = 28 * S, .score = 100}, 0.6}, /* four fifths */
        {{.start_us = 30 * S, .end_us = 50 * S, .score = 100}, 0},   /* they touch */
        {{.start_us = 40 * S, .end_us = 60 * S, .score = 100}, 0},   /* apart */
    };
    struct kn_segment_options none = proposing(NULL, 0);
    assert_near(kn_proposals_worth(&none, 10 * S, 30 * S), 0);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_segment_options one = proposing(&cases[i].proposal, 1);
        assert_near(kn_proposals_worth(&one, 10 * S, 30 * S), cases[i].worth);
    }
    struct kn_proposal two[] = {cases[3].proposal, cases[0].proposal};
    struct kn_segment_options both = proposing(two, 2);
    assert_near(kn_proposals_worth(&both, 10 * S, 30 * S), 0.8);
    two[0] = cases[0].proposal;
    two[1] = cases[3].proposal;
    assert_near(kn_proposals_worth(&both, 10 * S, 30 * S), 0.8);
}

/* The one of two that means [10 s, 20 s), whichever comes first: 0, 1, or -1 for none. */
static int meant(struct kn_proposal a, struct kn_proposal b)
{
    struct kn_proposal ab[] = {a, b}, ba[] = {b, a};
    struct kn_segment_options one = proposing(ab, 2), other = proposing(ba, 2);
    const struct kn_proposal *first = kn_proposals_match(&one, 10 * S, 20 * S);
    const struct kn_proposal *second = kn_proposals_match(&other, 10 * S, 20 * S);
    int found = first ? (int)(first - ab) : -1;
    assert_int_equal(second ? 1 - (int)(second - ba) : -1, found);
    return found;
}

static void the_proposal_that_means_a_span_is_found(void **state)
{
    (void)state;
    const struct kn_proposal far = {.start_us = 100 * S, .end_us = 110 * S, .score = 100};
    const struct kn_proposal seven = {.start_us = 10 * S, .end_us = 17 * S, .score = 50};
    const struct kn_proposal less = {.start_us = 10 * S, .end_us = 17 * S - 1, .score = 100};
    const struct kn_proposal nine = {.start_us = 11 * S, .end_us = 20 * S, .score = 10};
    const struct kn_proposal better = {.start_us = 10 * S, .end_us = 17 * S, .score = 51};
    const struct kn_proposal later = {.start_us = 13 * S, .end_us = 20 * S, .score = 60};
    struct kn_segment_options none = proposing(NULL, 0);

    assert_null(kn_proposals_match(&none, 10 * S, 20 * S));
    assert_int_equal(meant(far, less), -1);
    assert_int_equal(meant(far, seven), 1);    /* seven tenths are enough */
    assert_int_equal(meant(seven, nine), 1);   /* the nearer, whatever the scores */
    assert_int_equal(meant(seven, better), 1); /* as near: the better */
    assert_int_equal(meant(later, better), 0);
}

/* ---- what becomes of it ---- */

static struct kn_segments chosen(struct kn_arena *arena, const struct kn_timeline *t,
                                 const struct kn_proposal *proposals, int count)
{
    struct kn_segment_options options = proposing(proposals, count);
    struct kn_segments found;
    struct kn_error err = {0};
    options.count = 5;
    if (kn_segments_choose(t, &options, arena, &found, &err) != KN_OK)
        fail_msg("%s", err.text);
    return found;
}

/* -1: it has no such feature. */
static float value_of(const struct kn_segment *s, const char *feature)
{
    for (int k = 0; k < s->feature_count; k++)
        if (strcmp(s->features[k].name, feature) == 0)
            return s->features[k].value;
    return -1;
}

static const char *evidence_of(const struct kn_segment *s, const char *feature)
{
    for (int k = 0; k < s->evidence_count; k++)
        if (strcmp(s->evidence[k].feature, feature) == 0)
            return s->evidence[k].text;
    return "";
}

static const struct kn_segment *at_span(const struct kn_segments *found,
                                        const struct kn_segment *span)
{
    for (int i = 0; i < found->count; i++)
        if (found->segments[i].start_us == span->start_us &&
            found->segments[i].end_us == span->end_us)
            return &found->segments[i];
    fail_msg("the span from %d s on was not chosen", (int)(span->start_us / S));
    return NULL;
}

static struct kn_proposal proposal_of(const struct kn_segment *s, const char *title,
                                      const char *hook, const char *reason)
{
    return (struct kn_proposal){.start_us = s->start_us,
                                .end_us = s->end_us,
                                .score = 100,
                                .title = title,
                                .hook = hook,
                                .reason = reason};
}

static void what_nobody_was_asked_about_is_no_feature(void **state)
{
    struct kn_timeline t = spoken_talk(*state);
    struct kn_segments found = chosen(*state, &t, NULL, 0);
    assert_true(found.count >= 3);
    for (int i = 0; i < found.count; i++) {
        assert_near(value_of(&found.segments[i], "picture"), -1);
        assert_near(value_of(&found.segments[i], "model"), -1);
        assert_null(found.segments[i].proposal);
    }
}

static void a_proposal_names_what_it_means(void **state)
{
    struct kn_timeline t = spoken_talk(*state);
    struct kn_segments own = chosen(*state, &t, NULL, 0);
    const struct kn_segment *best = &own.segments[0];

    struct kn_proposal named = proposal_of(best, "Its title", "Its hook.", "it surprises");
    struct kn_segments found = chosen(*state, &t, &named, 1);
    const struct kn_segment *s = at_span(&found, best);
    assert_ptr_equal(s->proposal, &named);
    assert_string_equal(s->title, "Its title");
    assert_string_equal(s->hook, "Its hook.");
    assert_near(value_of(s, "model"), 1);
    assert_string_equal(evidence_of(s, "model"), "a language model: it surprises");

    struct kn_proposal nameless = proposal_of(best, "", "", "");
    found = chosen(*state, &t, &nameless, 1);
    s = at_span(&found, best);
    assert_string_equal(s->title, best->title);
    assert_string_equal(s->hook, best->hook);
    assert_string_equal(evidence_of(s, "model"), "a language model would choose it, too");
}

static void no_two_segments_have_one_title(void **state)
{
    struct kn_timeline t = spoken_talk(*state);
    struct kn_segments own = chosen(*state, &t, NULL, 0);
    struct kn_proposal two[] = {proposal_of(&own.segments[0], "One title", "One.", ""),
                                proposal_of(&own.segments[1], "One title", "Two.", "")};
    struct kn_segments found = chosen(*state, &t, two, 2);
    const struct kn_segment *a = at_span(&found, &own.segments[0]);
    const struct kn_segment *b = at_span(&found, &own.segments[1]);
    const struct kn_segment *first = a < b ? a : b, *second = a < b ? b : a;

    assert_string_equal(first->title, "One title");
    assert_string_not_equal(second->title, "One title");
    assert_true(second->title[0]);
    assert_string_equal(a->hook, "One.");
    assert_string_equal(b->hook, "Two.");
}

static void what_is_far_from_any_sight_is_ordinary(void **state)
{
    static const struct kn_sight sights[] = {
        {.at_us = 30 * S, .seen = "a lamp", .text = "", .hook = 0.1f},
        {.at_us = 60 * S, .seen = "a map", .text = "", .hook = 0.9f},
        {.at_us = 100 * S, .seen = "a door", .text = "", .hook = 0.4f}};
    struct kn_timeline t = spoken_talk(*state);
    t.sights = sights;
    t.sight_count = 3;
    struct kn_segments found = chosen(*state, &t, NULL, 0);
    int far = 0;
    for (int i = 0; i < found.count; i++) {
        const struct kn_segment *s = &found.segments[i];
        assert_true(value_of(s, "picture") >= 0);
        if (s->start_us > 116 * S) {
            assert_true(fabsf(value_of(s, "picture") - 0.5f) < 1e-4f);
            far++;
        }
    }
    assert_true(far > 0);
}

static void what_was_seen_is_told(void **state)
{
    struct kn_timeline t = spoken_talk(*state);
    struct kn_segments own = chosen(*state, &t, NULL, 0);
    const struct kn_segment *best = &own.segments[0];
    enum { COUNT = 40 };
    struct kn_sight *sights = kn_arena_array(*state, COUNT, sizeof *sights);
    for (int i = 0; i < COUNT; i++) {
        int64_t at_us = i * 12 * S;
        bool inside = at_us >= best->start_us && at_us < best->end_us;
        sights[i] = (struct kn_sight){.at_us = at_us,
                                      .seen = inside ? "A whale jumps." : "A lectern.",
                                      .text = "",
                                      .hook = inside ? 0.9f : 0.1f};
    }
    t.sights = sights;
    t.sight_count = COUNT;
    struct kn_proposal proposal = proposal_of(best, "", "", "");
    struct kn_segments found = chosen(*state, &t, &proposal, 1);
    const struct kn_segment *s = at_span(&found, best);
    assert_string_equal(evidence_of(s, "picture"), "to be seen: A whale jumps.");
    assert_string_equal(evidence_of(s, "model"), "a language model would choose it, too");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_seen_is_worth_nothing_known),
        cmocka_unit_test(what_is_seen_weighs_as_it_should),
        cmocka_unit_test(sights_inside_count_on_average),
        cmocka_unit_test(the_nearest_sight_stands_in),
        cmocka_unit_test(the_best_sight_is_found),
        cmocka_unit_test(proposals_count_by_what_they_cover),
        cmocka_unit_test(the_proposal_that_means_a_span_is_found),
        ARENA_TEST(what_nobody_was_asked_about_is_no_feature),
        ARENA_TEST(a_proposal_names_what_it_means),
        ARENA_TEST(no_two_segments_have_one_title),
        ARENA_TEST(what_is_far_from_any_sight_is_ordinary),
        ARENA_TEST(what_was_seen_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
