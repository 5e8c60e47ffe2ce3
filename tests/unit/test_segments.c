/* From a timeline to ranked segments: what always holds, whatever is said and seen. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/candidates.h"
#include "analyze/features.h"
#include "analyze/segments.h"
#include "analyze/sentences.h"
#include "analyze/text.h"
#include "analyze/topics.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "support/arena_state.h"
#include "support/speak.h"
#include "support/spoken_talk.h"

static const struct kn_segment_options usual = {15000000, 60000000, 0};

static struct kn_segments chosen(struct kn_arena *arena, const struct kn_timeline *t,
                                 const struct kn_segment_options *options)
{
    struct kn_segments found;
    struct kn_error err = {0};
    if (kn_segments_choose(t, options, arena, &found, &err) != KN_OK)
        fail_msg("%s", err.text);
    return found;
}

/* Everything about the result as one text, to compare results by. */
static const char *printed(struct kn_arena *arena, const struct kn_segments *found)
{
    struct kn_str out = {0};
    for (int i = 0; i < found->count; i++) {
        const struct kn_segment *s = &found->segments[i];
        kn_str_printf(&out, "%lld %lld %.9g %s %s\n", (long long)s->start_us, (long long)s->end_us,
                      (double)s->score, s->title, s->hook);
        for (int k = 0; k < s->feature_count; k++)
            kn_str_printf(&out, " %s %.9g %.9g", s->features[k].name, (double)s->features[k].value,
                          (double)s->features[k].weight);
        for (int k = 0; k < s->evidence_count; k++)
            kn_str_printf(&out, " %s %s", s->evidence[k].feature, s->evidence[k].text);
    }
    kn_str_printf(&out, "%s", found->remark ? found->remark : "");
    const char *copy = kn_arena_strdup(arena, kn_str_text(&out));
    kn_str_free(&out);
    return copy;
}

/* No overlap, lengths within limits, whole words, scores and features in range, best first. */
static void check_sound(const struct kn_timeline *t, const struct kn_segment_options *options,
                        const struct kn_segments *found)
{
    for (int i = 0; i < found->count; i++) {
        const struct kn_segment *s = &found->segments[i];
        float shares = 0;
        assert_true(s->start_us >= 0);
        assert_in_range(s->end_us - s->start_us, options->min_us, options->max_us);
        assert_true(s->score >= 0 && s->score <= 100.001f);
        assert_true(i == 0 || found->segments[i - 1].score >= s->score);
        assert_true(strlen(s->title) > 0 && s->hook);
        for (int k = 0; k < s->feature_count; k++) {
            assert_true(s->features[k].value >= 0 && s->features[k].value <= 1);
            shares += s->features[k].weight;
        }
        assert_true(shares > 0.999f && shares < 1.001f);
        for (int k = 0; k < i; k++)
            assert_true(found->segments[k].start_us >= s->end_us ||
                        s->start_us >= found->segments[k].end_us);
        assert_true(s->first_word + s->word_count <= t->word_count);
        for (int k = 0; k < s->word_count; k++) {
            const struct kn_word *w = &t->words[s->first_word + k];
            assert_true(w->start_us >= s->start_us && w->start_us < s->end_us);
        }
        for (int k = 0; k < s->evidence_count; k++)
            assert_true(strlen(s->evidence[k].text) > 0 && s->evidence[k].at_us >= 0);
    }
    for (int i = 1; i < found->boundary_count; i++)
        assert_true(found->boundaries_us[i - 1] < found->boundaries_us[i]);
}

static bool cuts_a_word(const struct kn_timeline *t, int64_t at_us)
{
    for (int i = 0; i < t->word_count; i++) {
        if (t->words[i].start_us < at_us && at_us < t->words[i].end_us)
            return true;
    }
    return false;
}

static void a_talk_gives_whole_sentences(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken_talk(arena);
    struct kn_segments found = chosen(arena, &t, &usual);

    assert_in_range(found.count, 4, 5); /* eight minutes */
    check_sound(&t, &usual, &found);
    kn_sentences_join(&t, arena);
    for (int i = 0; i < found.count; i++) {
        const struct kn_segment *s = &found.segments[i];
        bool starts = false, ends = false;
        for (int k = 0; k < t.sentence_count; k++) {
            int64_t lead_us = t.sentences[k].start_us - s->start_us;
            int64_t trail_us = s->end_us - t.sentences[k].end_us;
            starts = starts || (lead_us >= 0 && lead_us <= 250000);
            ends = ends || (trail_us >= 0 && trail_us <= 400000);
        }
        assert_true(starts && ends);
        assert_false(cuts_a_word(&t, s->start_us) || cuts_a_word(&t, s->end_us));
        assert_true(s->evidence_count >= 3);
        assert_true(strlen(s->hook) > 10);
    }
}

static void the_same_timeline_gives_the_same_segments(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken_talk(arena);
    struct kn_segments first = chosen(arena, &t, &usual);

    for (int i = 0; i < 3; i++) {
        struct kn_arena *other = kn_arena_new();
        struct kn_segments again = chosen(other, &t, &usual);
        assert_string_equal(printed(arena, &again), printed(arena, &first));
        kn_arena_free(other);
    }
}

static void wishes_for_number_and_length_are_kept(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken_talk(arena);
    const struct kn_segment_options wishes[] = {
        {15000000, 45000000, 5}, {5000000, 10000000, 12}, {60000000, 180000000, 2},
        {20000000, 25000000, 3}, {30000000, 30400000, 2},
    };

    for (size_t i = 0; i < KN_COUNT_OF(wishes); i++) {
        struct kn_segments found = chosen(arena, &t, &wishes[i]);
        assert_int_equal(found.count, wishes[i].count);
        assert_null(found.remark);
        check_sound(&t, &wishes[i], &found);
    }
}

static void thin_material_gives_fewer_and_says_why(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken_talk(arena), none = {0};
    struct kn_segment_options many = {60000000, 180000000, 20};
    struct kn_segments found = chosen(arena, &t, &many);

    assert_in_range(found.count, 3, 8);
    assert_non_null(strstr(found.remark, " of 20 segments"));
    check_sound(&t, &many, &found);

    found = chosen(arena, &none, &usual);
    assert_int_equal(found.count, 0);
    assert_non_null(strstr(found.remark, "nothing to rank"));

    struct kn_timeline brief = spoken(arena, "Hello there. That was all.");
    found = chosen(arena, &brief, &usual);
    assert_int_equal(found.count, 0);
    assert_non_null(strstr(found.remark, "no segment is shorter than 5.0 s"));
    assert_null(strstr(found.remark, "--length"));

    struct kn_timeline longer =
        spoken(arena, "Hello there, everybody who came here to listen today. "
                      "That was all that I wanted to tell all of you, and "
                      "so I wish you a pleasant way home.");
    found = chosen(arena, &longer, &usual);
    assert_int_equal(found.count, 0);
    assert_non_null(strstr(found.remark, "less than the shortest segment (15.0 s); --length"));
}

#define SALT "The reactor runs on thorium salt, and that makes it a rather safe one. "

/* Each remark names what really stands in the way of more. */
static void a_lack_of_segments_has_its_own_reason(void **state)
{
    static const struct {
        const char *speech;
        struct kn_segment_options options;
        const char *remark;
    } cases[] = {
        {SALT
         "(30000) Nobody has built one in this country, but I think that somebody will. (9000)",
         {5000000, 9000000, 4},
         "only 2 of 4 segments found in 44.5 s: beside them no stretch of 5.0 s to 9.0 s begins "
         "and ends at a good place; another --length may find more"},
        {SALT "Nobody has built one in this country, but I think that somebody will. (30000) Yes.",
         {5000000, 9000000, 4},
         "only 1 of 4 segments found in 35.8 s: beside it no stretch of 5.0 s to 9.0 s is made of "
         "whole sentences; another --length may find more"},
        {SALT "(800) " SALT "(800) " SALT "(800) " SALT,
         {5000000, 9000000, 2},
         "only 1 of 2 segments found in 13.7 s: whatever else there is repeats it"},
        {SALT "Nobody has built one in this country, but I think that somebody will.",
         {5000000, 9000000, 2},
         "5.6 s have room for 1 of 2 segments of 5.0 s or more"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_timeline t = spoken(*state, cases[i].speech);
        struct kn_segments found = chosen(*state, &t, &cases[i].options);
        assert_string_equal(found.remark, cases[i].remark);
    }
}

/* Half a minute of music, then a few sentences: too few by themselves. */
static void a_silence_lends_length_to_little_talk(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken(arena, "(20000) The reactor runs on thorium salt. That makes it "
                                         "a safe one. Nobody has built it yet, and we will.");
    int64_t first_us = t.words[0].start_us, last_us = t.words[t.word_count - 1].end_us;
    struct kn_segments found = chosen(arena, &t, &usual);

    assert_in_range(last_us - first_us, 1, usual.min_us - 1);
    assert_int_equal(found.count, 1);
    check_sound(&t, &usual, &found);
    assert_true(found.segments[0].start_us <= first_us - 1000000);
    assert_true(found.segments[0].end_us > first_us);
    assert_false(cuts_a_word(&t, found.segments[0].end_us));
}

/* ---- whole stories ---- */

/* Two stories, each with a last line that a clip must not lose, nor begin with. */
static void stories_keep_their_ends(void **state)
{
    struct kn_arena *arena = *state;
    struct speech s = {.arena = arena, .speaker = -1, .now_us = 500000};
    speak(&s, "Why do we spend a third of our lives asleep? (700) For a long time nobody could "
              "answer that question. (400) A team watched the brain of a sleeping mouse. (400) "
              "They saw that the spaces between the cells grew by sixty percent. (400) Water "
              "flowed through them and washed away the waste of the day. (400) Sleep is not lost "
              "time. (400) It is the night shift. (900)");
    int64_t turn_us = s.now_us;
    speak(&s, "Now let me tell you about a bridge that danced. (400) One day in June many people "
              "crossed a new bridge in London. (400) There was no storm, but the bridge began to "
              "move. (400) Nobody marched in step. (400) Every small push made the next person "
              "push at the same moment. (400) Two days later the bridge was closed for repair. "
              "(400) The lesson is simple. (400) A crowd is never just many single people.");
    struct kn_timeline t = speech_timeline(&s);
    struct kn_shot shots[] = {
        {.start_us = 0, .end_us = turn_us - 300000, .kind = KN_SHOT_OTHER, .motion = 0.1f},
        {.start_us = turn_us - 300000, .end_us = t.source.duration_us, .kind = KN_SHOT_SLIDE},
    };
    t.shots = shots;
    t.shot_count = 2;
    const struct kn_segment_options two = {8000000, 60000000, 2};
    struct kn_segments found = chosen(arena, &t, &two);

    assert_int_equal(found.count, 2);
    for (int i = 0; i < 2; i++) {
        const struct kn_segment *segment = &found.segments[i];
        bool first = segment->start_us < turn_us - KN_US_PER_S;
        int64_t ends_us = first ? turn_us - 900000 : t.words[t.word_count - 1].end_us;
        int64_t starts_us = first ? t.words[0].start_us : turn_us;
        if (llabs(segment->end_us - ends_us) > 700000 ||
            llabs(segment->start_us - starts_us) > 500000)
            fail_msg("%.2f to %.2f s, with the turn at %.2f s", (double)segment->start_us / 1e6,
                     (double)segment->end_us / 1e6, (double)turn_us / 1e6);
    }
}

static void what_is_broken_off_ends_no_segment(void **state)
{
    struct kn_arena *arena = *state;
    struct speech s = {.arena = arena, .speaker = -1, .now_us = 500000};
    speak(&s, "The harbour was built in seven years by people who had never seen the sea, and who "
              "carried all of its stones over the mountains on their backs. (600)");
    int64_t broken_us = s.now_us;
    speak(&s,
          "The stones of the harbour made the harbour famous, I think, because the harbour people "
          "carried stones over the mountains, and the sea of stones should be a single");
    struct kn_timeline t = speech_timeline(&s);
    const struct kn_segment_options any = {5000000, 60000000, 1};
    struct kn_segments found = chosen(arena, &t, &any);

    assert_int_equal(found.count, 1);
    assert_true(found.segments[0].end_us <= broken_us);
}

/* "because..." has a mark at its end, but no end: not even where only a silence can lend the length
 * that is missing without it. */
static void what_trails_off_ends_no_segment(void **state)
{
    static const char *const tails[] = {
        "I think it is special because...", "I think it is special because…",
        "I think it is special and.",       "“I think it is special because...”",
        "I think it is a very special...",  "I think it is special because... (3000)"};
    struct kn_arena *arena = *state;
    for (size_t i = 0; i < KN_COUNT_OF(tails) * 2; i++) {
        struct speech s = {.arena = arena, .speaker = -1, .now_us = 0};
        bool is_alone = i >= KN_COUNT_OF(tails);
        if (!is_alone)
            speak(&s, "(20000)");
        speak(&s, "The reactor runs on thorium salt, like nothing that was ever built before. That "
                  "makes it a safe "
                  "one in the long run.");
        int64_t end_us = s.now_us;
        speak(&s, "(300)");
        speak(&s, tails[i % KN_COUNT_OF(tails)]);
        struct kn_timeline t = speech_timeline(&s);
        int64_t open_us = t.words[t.word_count - 1].end_us, start_us = t.words[0].start_us;
        const struct kn_segment_options longer = {end_us - start_us + 500000, 60000000, 1};
        struct kn_segments found = chosen(arena, &t, &longer);

        assert_int_equal(found.count, 1);
        bool is_open = found.segments[0].end_us > end_us + 300000;
        if (is_open != is_alone) /* alone it has to do */
            fail_msg("%s: %.2f to %.2f s, finished at %.2f s, left open at %.2f s",
                     tails[i % KN_COUNT_OF(tails)], (double)found.segments[0].start_us / 1e6,
                     (double)found.segments[0].end_us / 1e6, (double)end_us / 1e6,
                     (double)open_us / 1e6);
    }
}

static void neighbours_can_follow_each_other(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken(
        arena,
        "Some farmers in the valley plant their apple trees along the river every spring, "
        "before the snow on the mountains melts and the meadows are under water. (250) "
        "Several engineers measured how quickly modern turbines answer sudden storms, with "
        "instruments that they had built themselves out of old bicycles and kitchen clocks.");
    const struct kn_segment_options short_ones = {5000000, 9000000, 2};
    struct kn_segments found = chosen(arena, &t, &short_ones);

    assert_int_equal(found.count, 2);
}

/* A voice that was not understood is not cut in the middle of a phrase either. */
static void an_unknown_language_is_cut_in_its_pauses(void **state)
{
    enum { STEPS = 400 };
    struct kn_arena *arena = *state;
    static float speech[STEPS], loudness[STEPS], pitch[STEPS];
    for (int i = 0; i < STEPS; i++) {
        speech[i] = i % 37 < 33 ? 0.95f : 0.05f; /* 3.3 s of talk, 0.4 s of breath */
        loudness[i] = speech[i] > 0.5f ? -20.0f : -55.0f;
        pitch[i] = 0;
    }
    struct kn_timeline t = {.source.duration_us = 40000000};
    t.sound = (struct kn_sound){.step_us = 100000,
                                .count = STEPS,
                                .loudness_lufs = loudness,
                                .pitch_hz = pitch,
                                .speech = speech,
                                .integrated_lufs = -21};
    const struct kn_segment_options two = {6000000, 16000000, 2};
    struct kn_segments found = chosen(arena, &t, &two);

    assert_int_equal(found.count, 2);
    for (int i = 0; i < found.count; i++) {
        const int64_t edges_us[] = {found.segments[i].start_us, found.segments[i].end_us};
        for (int e = 0; e < 2; e++) {
            int before = (int)(edges_us[e] / 100000) % 37;
            bool open = edges_us[e] == 0 || edges_us[e] == 40000000;
            if (!open && before < 32 && before > 0)
                fail_msg("%.2f s is in the middle of a phrase", (double)edges_us[e] / 1e6);
        }
    }
}

static void contradictory_wishes_are_refused(void **state)
{
    static const struct kn_segment_options wrong[] = {
        {4000000, 60000000, 0},   {15000000, 181000000, 0},  {30000000, 20000000, 0},
        {15000000, 60000000, -1}, {15000000, 60000000, 101},
    };
    struct kn_timeline t = {0};

    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++) {
        struct kn_segments found = {.count = 42};
        struct kn_error err = {0};
        assert_int_equal(kn_segments_choose(&t, &wrong[i], *state, &found, &err), KN_INVALID);
        assert_true(strlen(err.text) > 10);
        assert_int_equal(found.count, 42);
        assert_int_equal(kn_segments_choose(&t, &wrong[i], *state, &found, NULL), KN_INVALID);
    }
}

/* The first start and end that lie at this word. */
static const struct kn_edge *edge_at(const struct kn_edge *edges, int count, int64_t talk_us)
{
    for (int i = 0; i < count; i++) {
        if (edges[i].talk_us == talk_us)
            return &edges[i];
    }
    fail_msg("there is no edge");
    return NULL;
}

static void a_cut_within_reach_is_the_exact_place(void **state)
{
    static const struct kn_segment_options options = {5000000, 60000000, 1};
    struct kn_arena *arena = *state;
    struct kn_timeline t = spoken(arena, "The salt moves slowly through the steel loop. (1000) The "
                                         "pump is loud and the core is hot. (1000) The fire is out "
                                         "now and the night is dark. (1000) The end came.");
    kn_sentences_join(&t, arena);
    int64_t first_end = t.sentences[0].end_us, second_start = t.sentences[1].start_us;
    int64_t second_end = t.sentences[1].end_us, third_start = t.sentences[2].start_us;
    struct kn_shot shots[] = {
        {.start_us = 0, .end_us = first_end + 300000},
        /* Between the sentences; known to 40 ms. */
        {.start_us = first_end + 300000, .end_us = second_end - 100000, .slack_us = 40000},
        /* Inside the second sentence: its words stay whole. */
        {.start_us = second_end - 100000, .end_us = t.source.duration_us},
    };
    struct kn_text text;
    struct kn_candidates found;

    t.shots = shots;
    t.shot_count = KN_COUNT_OF(shots);
    kn_text_build(&t, arena, &text);
    kn_candidates_find(&text, &options, arena, &found);

    const struct kn_edge *end = edge_at(found.ends, found.end_count, first_end);
    assert_true(end->snapped);
    assert_int_equal(end->at_us, first_end + 260000); /* surely before the cut */
    const struct kn_edge *start = edge_at(found.starts, found.start_count, second_start);
    assert_true(start->snapped);
    assert_int_equal(start->at_us, first_end + 300000); /* surely after it */
    assert_int_equal(start->silence_us, 1000000);
    start = edge_at(found.starts, found.start_count, third_start);
    assert_false(start->snapped);
    assert_int_equal(start->at_us, third_start - 250000);
    end = edge_at(found.ends, found.end_count, second_end);
    assert_false(end->snapped);
    assert_int_equal(end->at_us, second_end + 400000);
}

/* B talks through the end of A's sentence: no clip ends or begins there. */
static void nobody_is_cut_in_the_middle(void **state)
{
    static const struct kn_segment_options options = {5000000, 60000000, 1};
    struct kn_arena *arena = *state;
    struct kn_word words[] = {
        {0, 3000000, "We", 1, 0, true},           {3000000, 6000000, "left.", 1, 0, false},
        {5000000, 7000000, "But", 1, 1, true},    {7000000, 9000000, "why?", 1, 1, false},
        {8900000, 12000000, "It", 1, 0, true},    {12000000, 15000000, "rained.", 1, 0, false},
        {15100000, 20000000, "Yes,", 1, 1, true}, {20000000, 22000000, "rain.", 1, 1, false},
    };
    struct kn_timeline t = {.words = words, .word_count = KN_COUNT_OF(words)};
    struct kn_text text;
    struct kn_candidates found;

    kn_sentences_join(&t, arena);
    kn_text_build(&t, arena, &text);
    kn_candidates_find(&text, &options, arena, &found);
    for (int i = 0; i < found.end_count; i++)
        assert_int_not_equal(found.ends[i].talk_us, 6000000);
    for (int i = 0; i < found.start_count; i++)
        assert_int_not_equal(found.starts[i].talk_us, 5000000);
    /* An overlap of a tenth of a second is a change of turns. */
    (void)edge_at(found.ends, found.end_count, 9000000);
    (void)edge_at(found.starts, found.start_count, 8900000);
}

/* Music or sport: shots and loudness alone. The loud, moving minute wins. */
static void without_speech_picture_and_sound_decide(void **state)
{
    enum { SECONDS = 300, STEPS = SECONDS * 10 };
    struct kn_arena *arena = *state;
    struct kn_shot *shots = kn_arena_array(arena, SECONDS / 5, sizeof *shots);
    float *loud = kn_arena_array(arena, STEPS, sizeof *loud);
    float *zero = kn_arena_array(arena, STEPS, sizeof *zero);
    struct kn_timeline t = {.shots = shots, .shot_count = SECONDS / 5};

    for (int i = 0; i < SECONDS / 5; i++) {
        bool lively = i * 5 >= 120 && i * 5 < 180;
        shots[i] = (struct kn_shot){.start_us = i * INT64_C(5000000),
                                    .end_us = (i + 1) * INT64_C(5000000),
                                    .motion = lively ? 0.5f : 0.05f,
                                    .brightness = 0.4f};
    }
    for (int i = 0; i < STEPS; i++)
        loud[i] = i >= 1200 && i < 1800 ? -14.0f : -26.0f;
    t.sound = (struct kn_sound){
        .step_us = 100000, .count = STEPS, .loudness_lufs = loud, .pitch_hz = zero, .speech = zero};
    t.source.duration_us = SECONDS * INT64_C(1000000);

    struct kn_segments found = chosen(arena, &t, &usual);
    assert_true(found.count >= 1);
    check_sound(&t, &usual, &found);
    assert_in_range(found.segments[0].start_us, 100000000, 180000000);
    assert_true(found.segments[0].snapped_start);
    assert_int_equal(found.segments[0].word_count, 0);
    assert_true(kn_starts_with(found.segments[0].title, "Scene at "));
    assert_true(found.segments[0].evidence_count > 0);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Random people talk over each other; pictures and sound are random, too. */
static struct kn_timeline random_timeline(struct kn_arena *arena, uint32_t seed)
{
    static const char *const texts[] = {
        "so",   "well.", "reactor", "salt,", "we",    "should",  "and",  "the",   "um", "why?",
        "Most", "fire!", "core",    "never", "seven", "because", "yes.", "okay.", "…",  "犬。"};
    int words = (int)(next_random(&seed) % 600), shots = (int)(next_random(&seed) % 30);
    int steps = (int)(next_random(&seed) % 2) * 3000, speakers = 1 + (int)(next_random(&seed) % 4);
    bool marked = next_random(&seed) % 2;
    struct kn_word *w = kn_arena_array(arena, (size_t)words + 1, sizeof *w);
    struct kn_shot *s = kn_arena_array(arena, (size_t)shots + 1, sizeof *s);
    float *curves = kn_arena_array(arena, 3 * (size_t)steps + 1, sizeof *curves);
    struct kn_timeline t = {.words = w, .word_count = words, .shots = s, .shot_count = shots};
    int64_t now = (int64_t)next_random(&seed) % 5000000;

    for (int i = 0; i < words; i++) {
        int64_t length = (int64_t)next_random(&seed) % 900000;
        w[i] = (struct kn_word){now,
                                now + length,
                                texts[next_random(&seed) % KN_COUNT_OF(texts)],
                                0.9f,
                                (int16_t)((int)next_random(&seed) % speakers - 1),
                                marked && next_random(&seed) % 6 == 0};
        now += (int64_t)next_random(&seed) % 700000;
    }
    int64_t at = 0;
    for (int i = 0; i < shots; i++) {
        int64_t length = 100000 + (int64_t)next_random(&seed) % 20000000;
        s[i] = (struct kn_shot){at,
                                at + length,
                                (int64_t)next_random(&seed) % 100000,
                                (enum kn_shot_kind)(next_random(&seed) % KN_SHOT_KIND_COUNT),
                                (float)(next_random(&seed) % 100) / 100,
                                0.5f,
                                0.5f,
                                (float)(next_random(&seed) % 3),
                                0.1f};
        at += length;
    }
    for (int i = 0; i < 3 * steps; i++)
        curves[i] = i < steps       ? -(float)(next_random(&seed) % 60)
                    : i < 2 * steps ? (float)(next_random(&seed) % 2) * 150
                                    : 0.5f;
    if (steps)
        t.sound = (struct kn_sound){.step_us = 100000,
                                    .count = steps,
                                    .loudness_lufs = curves,
                                    .pitch_hz = curves + steps,
                                    .speech = curves + 2 * steps};
    t.source.duration_us = KN_MAX(now + 1000000, at);
    return t;
}

static void black_pictures_without_words_come_last(void **state)
{
    struct kn_arena *arena = *state;
    enum { SHOTS = 60 };
    struct kn_shot *shots = kn_arena_array(arena, SHOTS, sizeof *shots);
    struct kn_timeline t = {.shots = shots, .shot_count = SHOTS, .source.duration_us = 300000000};
    const struct kn_segment_options many = {15000000, 30000000, 8};
    for (int i = 0; i < SHOTS; i++) /* black but for one minute */
        shots[i] = (struct kn_shot){.start_us = i * INT64_C(5000000),
                                    .end_us = (i + 1) * INT64_C(5000000),
                                    .kind = i < 24 || i >= 36 ? KN_SHOT_BLACK : KN_SHOT_OTHER,
                                    .brightness = 0.1f};
    struct kn_segments found = chosen(arena, &t, &many);
    assert_true(found.count >= 1);
    for (int i = 0; i < found.count; i++) {
        const struct kn_segment *s = &found.segments[i];
        int64_t lit_us = KN_MIN(s->end_us, 180000000) - KN_MAX(s->start_us, 120000000);
        if (2 * lit_us < s->end_us - s->start_us)
            fail_msg("%.1f..%.1f s is mostly black", (double)s->start_us / 1e6,
                     (double)s->end_us / 1e6);
    }
    for (int i = 0; i < SHOTS; i++)
        shots[i].kind = KN_SHOT_BLACK;
    assert_true(chosen(arena, &t, &many).count >= 1); /* there is nothing else */
}

static void random_timelines_keep_every_promise(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 400; round++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_timeline t = random_timeline(arena, round * 7919 + 1);
        struct kn_segment_options options = {5000000 + (int64_t)(round % 4) * 5000000,
                                             25000000 + (int64_t)(round % 5) * 20000000,
                                             (int)(round % 7)};
        struct kn_segments found = chosen(arena, &t, &options);
        check_sound(&t, &options, &found);
        if (found.count == 0)
            assert_non_null(found.remark);
        kn_arena_free(arena);
    }
}

/* With one speaker no edge may lie inside a word, however careless the times are. */
static void no_word_is_cut_in_two(void **state)
{
    static const struct kn_segment_options options = {5000000, 30000000, 6};
    (void)state;
    int edges = 0;

    for (uint32_t round = 0; round < 200; round++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_timeline t = random_timeline(arena, round * 104729 + 5);
        struct kn_word *words = kn_arena_array(arena, (size_t)t.word_count + 1, sizeof *words);
        for (int i = 0; i < t.word_count; i++) {
            words[i] = t.words[i];
            words[i].speaker = 0;
            if (i + 1 < t.word_count) /* one voice: a word ends before the next */
                words[i].end_us = KN_MIN(words[i].end_us, t.words[i + 1].start_us);
        }
        t.words = words;
        struct kn_segments found = chosen(arena, &t, &options);
        for (int i = 0; i < found.count && found.segments[i].word_count; i++) {
            assert_false(cuts_a_word(&t, found.segments[i].start_us));
            assert_false(cuts_a_word(&t, found.segments[i].end_us));
            edges += 2;
        }
        kn_arena_free(arena);
    }
    assert_true(edges > 500);
}

/* Sentences of 22 words each, the last ones so slow that talk drags: the same beats in any script.
 */
static struct kn_timeline beats(struct kn_arena *arena, const char *word, const char *last)
{
    enum { SENTENCES = 40, SLOW_FROM = 30, WORDS = 22 };
    struct kn_word *words = kn_arena_array(arena, SENTENCES * WORDS, sizeof *words);
    struct kn_timeline t = {.words = words};
    int64_t now_us = 1000000;

    for (int i = 0; i < SENTENCES * WORDS; i++) {
        words[i] = (struct kn_word){.start_us = now_us,
                                    .end_us = now_us + 230000,
                                    .text = i % WORDS == WORDS - 1 ? last : word,
                                    .confidence = 1,
                                    .speaker = -1};
        now_us += i < SLOW_FROM * WORDS ? 250000 : 525000;
    }
    t.word_count = SENTENCES * WORDS;
    t.source.duration_us = now_us;
    kn_sentences_join(&t, arena);
    return t;
}

static int rated(const struct kn_timeline *t, struct kn_arena *arena, struct kn_ratings *ratings)
{
    struct kn_text text;
    struct kn_topics topics;
    struct kn_candidates candidates;

    kn_text_build(t, arena, &text);
    kn_topics_find(&text, KN_TOPICS_COARSE, arena, &topics);
    kn_candidates_find(&text, &usual, arena, &candidates);
    kn_features_rate(&text, &topics, &candidates, &usual, arena, ratings);
    return candidates.count;
}

static void talk_flows_alike_in_all_scripts(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline english = beats(arena, "tree", "tree."),
                       chinese = beats(arena, "山", "山。");
    struct kn_ratings one, other;
    int count = rated(&english, arena, &one);
    float least = 1;

    assert_int_equal(rated(&chinese, arena, &other), count);
    for (int i = 0; i < count; i++) {
        float a = one.values[i][KN_FEATURE_FLOW], b = other.values[i][KN_FEATURE_FLOW];
        if (fabsf(a - b) > 0.001f)
            fail_msg("candidate %d: %g in English, %g in Chinese", i, (double)a, (double)b);
        least = KN_MIN(least, a);
    }
    assert_true(least < 0.85f);
    /* What is told of it counts alike. */
    struct kn_segments found = chosen(arena, &chinese, &usual);
    int told = 0;
    for (int i = 0; i < found.count; i++) {
        const struct kn_segment *s = &found.segments[i];
        for (int k = 0; k < s->evidence_count; k++) {
            int words;
            if (sscanf(s->evidence[k].text, "no dead air: %d words", &words) == 1) {
                assert_int_equal(words, lround(s->word_count / 2.2));
                told++;
            }
        }
    }
    assert_true(told > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(a_talk_gives_whole_sentences),
        ARENA_TEST(the_same_timeline_gives_the_same_segments),
        ARENA_TEST(wishes_for_number_and_length_are_kept),
        ARENA_TEST(thin_material_gives_fewer_and_says_why),
        ARENA_TEST(a_lack_of_segments_has_its_own_reason),
        ARENA_TEST(a_silence_lends_length_to_little_talk),
        ARENA_TEST(stories_keep_their_ends),
        ARENA_TEST(what_is_broken_off_ends_no_segment),
        ARENA_TEST(what_trails_off_ends_no_segment),
        ARENA_TEST(neighbours_can_follow_each_other),
        ARENA_TEST(an_unknown_language_is_cut_in_its_pauses),
        ARENA_TEST(contradictory_wishes_are_refused),
        ARENA_TEST(a_cut_within_reach_is_the_exact_place),
        ARENA_TEST(nobody_is_cut_in_the_middle),
        ARENA_TEST(without_speech_picture_and_sound_decide),
        ARENA_TEST(black_pictures_without_words_come_last),
        ARENA_TEST(random_timelines_keep_every_promise),
        ARENA_TEST(no_word_is_cut_in_two),
        ARENA_TEST(talk_flows_alike_in_all_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
