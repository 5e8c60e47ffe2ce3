/* Headlines and quotations out of the speaker's own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistr.h>

#include "analyze/sentences.h"
#include "analyze/titles.h"
#include "base/memory.h"
#include "support/arena_state.h"
#include "support/speak.h"

static struct kn_text text_of(struct kn_arena *arena, const char *script)
{
    struct kn_timeline *t = kn_arena_alloc(arena, sizeof *t);
    struct kn_text text;

    *t = spoken(arena, script);
    kn_sentences_join(t, arena);
    kn_text_build(t, arena, &text);
    return text;
}

static void quotations_are_cleaned_and_cut_well(void **state)
{
    static const struct {
        const char *script, *want;
        int max;
        bool keep_end;
    } cases[] = {
        {"So, um, we we should, uh, go home.", "We should, go home", 80, false},
        {"We should go home.", "We should go home.", 80, true},
        {"And then the rema- remote broke.", "The remote broke", 80, false},
        {"okay right so the plan is simple.", "The plan is simple", 80, false},
        {"Why do we sleep?", "Why do we sleep?", 80, false},
        {"Yes, really.", "Yes, really", 80, false}, /* too short to lose more */
        {"The quick brown fox jumps over the lazy dog, because it wants to be home by nine.",
         "The quick brown fox jumps over the lazy dog", 60, false},
        {"The quick brown fox jumps over the lazy dog of the old and very tired farmer.",
         "The quick brown fox jumps over the lazy dog", 52, false}, /* not "of the old and" */
        {"This is the optical and science segment of the Webb Space Telescope in one of the "
         "largest "
         "clean rooms in the world.",
         "This is the optical and science segment of the Webb Space Telescope", 80, false},
        {"If I release that bulb from a certain height, then that bulb can never come back to a "
         "point where the height is any larger.",
         "If I release that bulb from a certain height, then that bulb can never come back", 80,
         false}, /* the first clause alone has said nothing */
        {"He counted every single one of twenty three different houses and gardens there.",
         "He counted every single", 40, false}, /* not "one of twenty" */
        {"école est ouverte aujourd’hui.", "École est ouverte aujourd’hui", 80, false},
        {"地図は 物語です。", "地図は物語です", 80, false},
        {"um uh. And that is all of it.", "", 80, false},
        /* Without spaces, without 。 in a title, with it in a quotation. */
        {"地図は物語です。", "地図は物語です。", 80, true},
        {"でも、えっと、朝の脳はとてもきれいです。", "朝の脳はとてもきれいです", 80, false},
        {"最後に、豆腐を入れて火を止めます。", "豆腐を入れて火を止めます", 80, false},
        /* Cut by width at a clause, or behind a phrase; never on a particle or inside a word. */
        {"私も以前は、布団の中でニュースやメールを三十分も読んでいました。",
         "私も以前は、布団の中でニュースやメールを三十分も", 52, false},
        {"画面から入る大量の情報がまだ眠っている脳を疲れさせてしまうんです。",
         "画面から入る大量の情報がまだ眠っている", 44, false},
        {"我以前每天只睡五个小时，觉得这样可以多做一些工作。", "我以前每天只睡五个小时", 40, false},
        {"我谈谈自己的看法。", "我谈谈自己的看法", 80, false},
        {"การนอนหลับสำคัญมาก", "การนอนหลับสำคัญมาก", 80, false},
        {"우리의 뇌가 밤에 무엇을 하는지 알고 있나요?",
         "우리의 뇌가 밤에 무엇을 하는지 알고 있나요?", 80, false},
        {"هل تعلم أن الدماغ ينظف نفسه، أثناء النوم؟", "هل تعلم أن الدماغ ينظف نفسه", 30, false},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_text text = text_of(arena, cases[i].script);
        const char *got = kn_line_quote(&text, 0, cases[i].max, cases[i].keep_end, arena);
        assert_string_equal(got, cases[i].want);
    }
}

static void a_headline_is_the_sentence_that_carries_most(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_text text = text_of(
        arena, "Okay. Well, yes. The reactor runs on thorium salt. It was late then. We left. "
               "The reactor was cold and the salt was solid.");
    struct kn_candidate all = {.word_count = text.timeline->word_count};

    assert_string_equal(kn_title_make(&text, &all, NULL, 0, arena),
                        "The reactor runs on thorium salt");
}

static void a_headline_stands_alone(void **state)
{
    static const struct {
        const char *script, *want;
    } cases[] = {
        {"That I do not give this object an initial speed when I stand here. The pendulum comes "
         "back to my chin. We will see the object again.",
         "The pendulum comes back to my chin"},
        {"It is the object of the bridge and the tower. A tower is the oldest sign of a city. The "
         "bridge and the tower are old.",
         "A tower is the oldest sign of a city"},
        {"Welcome back to the harbour show, everybody. The last time that we met the harbour "
         "pilots we focused on two",
         "Welcome back to the harbour show, everybody"},
        /* One that would have to be cut loses against a whole one. */
        {"The harbour and its lighthouse and the ships that had been lying there since a summer of "
         "which nobody could say anything. The harbour lost its only lighthouse. Ships left.",
         "The harbour lost its only lighthouse"},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_text text = text_of(arena, cases[i].script);
        struct kn_candidate all = {.word_count = text.timeline->word_count};
        assert_string_equal(kn_title_make(&text, &all, NULL, 0, arena), cases[i].want);
    }
}

static void a_hook_that_stands_alone_is_a_headline(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_text text = text_of(
        arena, "Why do we never find our way without a map? The map has streets and the streets "
               "have names on the map. Streets and names are a map.");
    struct kn_candidate all = {.word_count = text.timeline->word_count};

    assert_string_equal(kn_title_make(&text, &all, NULL, 0, arena),
                        "Why do we never find our way without a map?");
}

static void no_two_headlines_are_the_same(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_text text = text_of(arena, "The reactor runs on thorium salt. It was late then. "
                                         "The reactor was cold and the salt was solid.");
    struct kn_candidate all = {.word_count = text.timeline->word_count};
    const struct kn_segment before[] = {{.title = "Else"},
                                        {.title = "The reactor runs on thorium salt"}};

    assert_string_equal(kn_title_make(&text, &all, before, 2, arena),
                        "The reactor was cold and the salt was solid");
}

static void headlines_fit_whatever_is_said(void **state)
{
    static const char *const odd[] = {
        "… — ♪",
        "supercalifragilisticexpialidociousandmuchmoreofthatkindwithoutanyspaceinitatall"
        "becausesomebodyforgotthem.",
        "and and and and",
        "the of the of the",
        "\"",
        "犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬"
        "犬"
        "犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬"
        "犬",
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(odd); i++) {
        struct kn_text text = text_of(arena, odd[i]);
        struct kn_candidate all = {.word_count = text.timeline->word_count};
        const char *title = kn_title_make(&text, &all, NULL, 0, arena);
        assert_true(title[0] != '\0');
        assert_true(u8_mbsnlen((const uint8_t *)title, strlen(title)) <= KN_TITLE_MAX);
        assert_null(u8_check((const uint8_t *)title, strlen(title)));
    }
}

static void a_span_without_words_has_a_name(void **state)
{
    struct kn_text text = text_of(*state, "Hello.");
    struct kn_candidate none = {0};
    assert_string_equal(kn_title_make(&text, &none, NULL, 0, *state), "Untitled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(quotations_are_cleaned_and_cut_well),
        ARENA_TEST(a_headline_is_the_sentence_that_carries_most),
        ARENA_TEST(a_headline_stands_alone),
        ARENA_TEST(a_hook_that_stands_alone_is_a_headline),
        ARENA_TEST(no_two_headlines_are_the_same),
        ARENA_TEST(headlines_fit_whatever_is_said),
        ARENA_TEST(a_span_without_words_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
