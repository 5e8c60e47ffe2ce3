/* The best set is chosen together, and does not say the same thing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/select.h"
#include "analyze/sentences.h"
#include "base/memory.h"
#include "support/arena_state.h"
#include "support/speak.h"

enum { SPANS_MAX = 60 };

struct spans {
    struct kn_edge starts[SPANS_MAX], ends[SPANS_MAX];
    struct kn_candidate list[SPANS_MAX];
    float scores[SPANS_MAX];
    struct kn_candidates all;
};

static void add_span(struct spans *s, int start_s, int end_s, float score)
{
    int i = s->all.count++;
    s->starts[i].at_us = (int64_t)start_s * 1000000;
    s->ends[i].at_us = (int64_t)end_s * 1000000;
    s->list[i] = (struct kn_candidate){.start = &s->starts[i], .end = &s->ends[i]};
    s->scores[i] = score;
    s->all.list = s->list;
}

static const struct kn_text no_text;

static void the_sum_counts_not_the_best_one(void **state)
{
    (void)state;
    struct spans s = {0};
    int chosen[4];

    add_span(&s, 10, 40, 60); /* greedy would take this one and lose both others */
    add_span(&s, 0, 20, 50);
    add_span(&s, 30, 50, 50);
    assert_int_equal(kn_select(&no_text, &s.all, s.scores, 2, chosen), 2);
    assert_int_equal(chosen[0], 1); /* the same score: the earlier first */
    assert_int_equal(chosen[1], 2);
    assert_int_equal(kn_select(&no_text, &s.all, s.scores, 1, chosen), 1);
    assert_int_equal(chosen[0], 0);
}

static void as_many_as_fit_are_chosen(void **state)
{
    (void)state;
    struct spans s = {0};
    int chosen[8];

    add_span(&s, 0, 20, 10);
    add_span(&s, 10, 30, 90);
    add_span(&s, 20, 40, 10); /* touches the first: that is no overlap */
    assert_int_equal(kn_select(&no_text, &s.all, s.scores, 8, chosen), 2);
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 2);
    assert_int_equal(kn_select_room(&s.all, 8), 2);
    assert_int_equal(kn_select_room(&s.all, 1), 1);
    s.all.count = 0;
    assert_int_equal(kn_select_room(&s.all, 8), 0);
    assert_int_equal(kn_select(&no_text, &s.all, s.scores, 8, chosen), 0);
}

/* Against trying all subsets. */
static float best_sum(const struct spans *s, int from, int wanted, int64_t free_us)
{
    float best = wanted == 0 ? 0 : -1000;
    for (int i = from; i < s->all.count && wanted > 0; i++) {
        if (s->list[i].start->at_us < free_us)
            continue;
        float with = s->scores[i] + best_sum(s, i + 1, wanted - 1, s->list[i].end->at_us);
        best = KN_MAX(best, with);
    }
    return best;
}

static void random_sets_are_as_good_as_trying_all(void **state)
{
    uint32_t seed = 3;
    (void)state;

    for (int round = 0; round < 300; round++) {
        struct spans s = {0};
        int chosen[4], start = 0;
        for (int i = 0; i < 14; i++) { /* by start, as candidates are */
            seed = seed * 1664525u + 1013904223u;
            start += (int)(seed >> 24) % 6;
            add_span(&s, start, start + 3 + (int)(seed >> 16) % 9, (float)((seed >> 8) % 50));
        }
        for (int wanted = 1; wanted <= 4; wanted++) {
            int count = kn_select(&no_text, &s.all, s.scores, wanted, chosen);
            float sum = 0;
            for (int a = 0; a < count; a++) {
                sum += s.scores[chosen[a]];
                for (int b = a + 1; b < count; b++)
                    assert_true(s.list[chosen[a]].start->at_us >= s.list[chosen[b]].end->at_us ||
                                s.list[chosen[b]].start->at_us >= s.list[chosen[a]].end->at_us);
            }
            int fit = wanted;
            while (best_sum(&s, 0, fit, 0) < 0)
                fit--;
            assert_int_equal(count, fit);
            assert_true(sum == best_sum(&s, 0, fit, 0));
        }
    }
}

/* A span a sentence, each a little weaker than the one before. */
static void add_sentences(struct spans *s, struct kn_timeline *t, struct kn_arena *arena,
                          struct kn_text *ret_text)
{
    kn_sentences_join(t, arena);
    kn_text_build(t, arena, ret_text);
    for (int i = 0; i < t->sentence_count; i++) {
        add_span(s, i * 10, i * 10 + 10, (float)(60 - 5 * i));
        s->list[i].first_word = t->sentences[i].first_word;
        s->list[i].word_count = t->sentences[i].word_count;
    }
}

static void what_says_the_same_is_not_chosen_twice(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken(arena, "The reactor runs on thorium salt. The reactor runs on "
                                         "thorium salt. The bakery makes rye bread.");
    struct kn_text text;
    struct spans s = {0};
    int chosen[3];

    add_sentences(&s, &t, arena, &text);
    assert_int_equal(kn_select(&text, &s.all, s.scores, 2, chosen), 2);
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 2); /* not the repetition, although it has the better score */
    assert_int_equal(kn_select(&text, &s.all, s.scores, 3, (int[3]){0}), 2); /* rather fewer */
}

/* The second says part of the first's words again and more besides, the third but a turn of
 * phrase. By their terms alone the second is no more alike to the first than what is allowed. */
static void what_is_partly_said_again_is_not_chosen(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t =
        spoken(arena, "I do not know why the wooden bridge fell down last night. "
                      "The wooden bridge fell down last night while seven sailors drank cider and "
                      "sang songs about whales, harbours, lanterns, ropes and distant islands. "
                      "I do not know which flowers bloom in late autumn.");
    struct kn_text text;
    struct spans s = {0};
    int chosen[3];

    add_sentences(&s, &t, arena, &text);
    assert_int_equal(kn_select(&text, &s.all, s.scores, 3, chosen), 2);
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_sum_counts_not_the_best_one),
        ARENA_TEST(as_many_as_fit_are_chosen),
        ARENA_TEST(random_sets_are_as_good_as_trying_all),
        ARENA_TEST(what_says_the_same_is_not_chosen_twice),
        ARENA_TEST(what_is_partly_said_again_is_not_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
