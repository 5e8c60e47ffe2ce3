/* Words, terms, and what sentences say about themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/lexicon.h"
#include "analyze/sentences.h"
#include "analyze/text.h"
#include "base/memory.h"
#include "base/str.h"
#include "support/arena_state.h"
#include "support/speak.h"

static void words_are_folded(void **state)
{
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"Hello,", "hello"},
        {"“Don’t!”", "don't"},
        {"(really)", "really"},
        {"—", ""},
        {"bar-code.", "bar-code"},
        {"ÉCOLE", "école"},
        {"T_V_,", "t_v"},
        {"'quoted'", "quoted"},
        {"'Kay.", "'kay"},
        {"3.5%", "3.5"},
        {"犬。", "犬"},
        {"「ＡＩ２」、", "ai2"},
        {"ก็", "ก็"}, /* marks are letters' own */
        {"…", ""},
        {"", ""},
        {"''", ""},
    };
    (void)state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        char folded[KN_FOLDED_MAX];
        int length = kn_fold_word(cases[i].word, folded);
        assert_string_equal(folded, cases[i].want);
        assert_int_equal(length, strlen(cases[i].want));
    }
}

static void long_words_are_cut_between_characters(void **state)
{
    char word[400] = "", folded[KN_FOLDED_MAX];
    (void)state;

    for (int i = 0; i < 100; i++)
        memcpy(word + 3 * i, "犬", 4);
    int length = kn_fold_word(word, folded);
    assert_in_range(length, 30, KN_FOLDED_MAX - 1);
    assert_int_equal(length % 3, 0);
}

static void english_endings_are_taken_off(void **state)
{
    static const char *const same[][3] = {
        {"button", "buttons", "button's"}, {"press", "pressed", "pressing"},
        {"stop", "stopped", "stopping"},   {"make", "makes", "making"},
        {"city", "cities", "cities"},      {"class", "classes", "class"},
    };
    static const char *const kept[] = {"glass", "bus", "king", "red", "his"};
    (void)state;

    for (size_t i = 0; i < KN_COUNT_OF(same); i++) {
        char stems[3][KN_FOLDED_MAX];
        for (int k = 0; k < 3; k++) {
            snprintf(stems[k], sizeof stems[k], "%s", same[i][k]);
            kn_stem_word(stems[k]);
        }
        assert_string_equal(stems[0], stems[1]);
        assert_string_equal(stems[0], stems[2]);
    }
    for (size_t i = 0; i < KN_COUNT_OF(kept); i++) {
        char stem[KN_FOLDED_MAX];
        snprintf(stem, sizeof stem, "%s", kept[i]);
        kn_stem_word(stem);
        assert_string_equal(stem, kept[i]);
    }
}

static void words_have_classes(void **state)
{
    (void)state;
    assert_true(kn_word_classes("the") & KN_CLASS_FUNCTION);
    assert_true(kn_word_classes("um") & KN_CLASS_FILLER);
    assert_true(kn_word_classes("mm-hmm") & KN_CLASS_AFFIRM);
    assert_true(kn_word_classes("because") & KN_CLASS_HANGING);
    assert_true(kn_word_classes("because") & KN_CLASS_REASON);
    assert_true(kn_word_classes("should") & KN_CLASS_STANCE);
    assert_true(kn_word_classes("dunno") & KN_CLASS_FUNCTION); /* the last of its list */
    assert_int_equal(kn_word_classes("telescope"), 0);
    assert_int_equal(kn_word_classes(""), 0);
    assert_int_equal(kn_word_classes("th"), 0); /* not a beginning of "the" */
}

static void phrases_are_found_whole(void **state)
{
    const char *phrase;
    (void)state;
    assert_true(kn_hook_phrase(" and here's why it matters ", &phrase) >= 0.9f);
    assert_string_equal(phrase, " here's why ");
    assert_true(kn_hook_phrase(" imaginemore ", &phrase) == 0);
    assert_null(phrase);
    assert_true(kn_closing_phrase(" and that's why we left ", &phrase) >= 0.9f);
    assert_true(kn_hook_phrase(" 実は 大切 な の は 脳 ", &phrase) == 0.9f); /* over its words */
    assert_string_equal(phrase, "大切なのは");
    assert_true(kn_closing_phrase(" 脳 ", &phrase) == 0);
    assert_null(phrase);
}

static struct kn_text text_of(struct kn_arena *arena, const char *script)
{
    struct kn_timeline *t = kn_arena_alloc(arena, sizeof *t);
    struct kn_text text;

    *t = spoken(arena, script);
    kn_sentences_join(t, arena);
    kn_text_build(t, arena, &text);
    return text;
}

static void terms_are_what_comes_back(void **state)
{
    struct kn_text text = text_of(*state, "The maps lie. A map is a story. Mapping is power. The "
                                          "map, the map.");
    int term = text.tokens[1].term;

    assert_true(text.english);
    assert_true(term >= 0);
    assert_int_equal(text.term_uses[term], 5); /* maps, map, Mapping, map, map */
    assert_int_equal(text.tokens[0].term, -1); /* "The" */
    for (int i = 0; i < text.term_count; i++)
        assert_true(text.term_weights[i] > 0 && text.term_weights[i] <= 1);
}

static void sentences_are_rated(void **state)
{
    struct kn_text text =
        text_of(*state, "The reactor uses thorium salt in a closed steel loop. " /* 0 */
                        "Yeah, okay. "                                           /* 1 */
                        "And then it was gone. "                                 /* 2 */
                        "Why do they fear the reactor? "                         /* 3 */
                        "So we should build a second reactor here. "             /* 4 */
                        "Um, the the salt uh melts. "                            /* 5 */
                        "He said it would go to the ");                          /* 6 */
    const struct kn_line *l = text.lines;

    assert_int_equal(text.timeline->sentence_count, 7);
    assert_true(l[0].said.substance > l[1].said.substance);
    assert_true(l[1].said.affirm > 0.9f);
    assert_true(l[2].begins < 0.2f); /* hangs on what was before */
    assert_true(l[0].begins > 0.9f);
    assert_true(l[3].question);
    assert_true(l[3].hook > 0.6f);
    assert_string_equal(l[3].hook_reason, "a question");
    assert_true(l[3].ends < 0.5f); /* the answer would be missing */
    assert_true(l[4].said.stance > 0.8f);
    assert_true(l[4].opening > 0);
    assert_true(l[5].said.disfluent > 0.4f);
    assert_true(l[6].ends == 0); /* left open */
    assert_true(l[0].ends > 0.9f);
}

static void marks_do_not_finish_a_thought(void **state)
{
    struct kn_text text = text_of(*state, "We like it because... (900) We like it and. "
                                          "He left us, “but…” (900) We all think so. "
                                          "Is that so...?");
    const struct kn_line *l = text.lines;

    assert_int_equal(text.timeline->sentence_count, 5);
    for (int i = 0; i < 3; i++)
        assert_true(l[i].ends == 0);
    assert_true(l[3].ends > 0);
    assert_true(l[4].ends > 0);
}

static void what_was_just_said_counts_less(void **state)
{
    struct kn_text text = text_of(*state, "The reactor uses salt. The reactor uses salt. (65000) "
                                          "The reactor uses salt.");
    const struct kn_line *l = text.lines;

    assert_true(l[1].said.substance < l[0].said.substance);
    assert_true(l[2].said.substance > l[1].said.substance); /* a minute later it is new again */
}

static void marked_utterances_are_stretches(void **state)
{
    struct kn_text text = text_of(*state, "A: | salt melts B: | no A: slowly. | Then it B: | yes "
                                          "A: cools.");
    assert_int_equal(text.stretch_count, 4);
    assert_int_equal(text.tokens[0].stretch, text.tokens[3].stretch); /* "salt", "slowly." */
    assert_int_not_equal(text.tokens[0].stretch, text.tokens[2].stretch);
    assert_int_equal(text.stretches[text.tokens[0].stretch].words, 3);
}

static void other_languages_still_have_terms(void **state)
{
    struct kn_text german = text_of(*state, "Der Turm ist hoch. Wir sehen den Turm. Ein Turm hilft "
                                            "beim Gehen.");
    assert_false(german.english);
    assert_true(german.term_count > 3);
    assert_false(german.classed);
    struct kn_text korean =
        text_of(*state, "우리는 지도를 봅니다. 지도는 이야기입니다. 지도가 좋습니다.");
    assert_int_equal(korean.term_uses[1], 3); /* 지도 with three particles */
    struct kn_text arabic =
        text_of(*state, "الدماغ ينام. هذا دماغ كبير. للدماغ وقت وبالدماغ نحلم.");
    assert_true(arabic.term_uses[0] >= 3);
    struct kn_text thai = text_of(*state, "แต่ การนอน ก็ดี");
    assert_string_equal(thai.term_words[thai.tokens[0].term], "แต่"); /* marks stay */
    struct kn_text marks = text_of(*state, "… — !? ♪");
    assert_int_equal(marks.term_count, 0);
}

/* The terms of a text, in the order in which they are first said. */
static const char *terms_of(const struct kn_text *text, struct kn_arena *arena)
{
    KN_SCOPED_STR out = {0};
    for (int i = 0; i < text->term_count; i++)
        kn_str_printf(&out, "%s%s", i ? " " : "", text->term_words[i]);
    return kn_arena_strdup(arena, kn_str_text(&out));
}

static void japanese_and_chinese_terms_are_no_grammar(void **state)
{
    struct kn_text japanese =
        text_of(*state, "今日は、脳とコーヒーの話をします。私は三十分、脳が眠るのを待ちました。");
    assert_true(japanese.classed && !japanese.english);
    assert_string_equal(terms_of(&japanese, *state), "脳 コーヒー 話 眠る 待ち");
    struct kn_text chinese = text_of(*state, "我们的大脑需要睡眠。你知道吗？大脑在晚上做梦。");
    assert_true(chinese.classed && !chinese.english);
    assert_string_equal(terms_of(&chinese, *state), "大脑 睡眠 晚上 做梦");
    struct kn_text english =
        text_of(*state, "We have a reactor, and it is the biggest of all. 東京");
    assert_true(english.classed && english.english);
}

static void japanese_and_chinese_lines_are_rated(void **state)
{
    static const struct {
        const char *script;
        bool question, hook, begins;
    } cases[] = {
        {"実は、ほとんどの人が間違えています。", false, true, true},
        {"なぜ脳は眠るのでしょうか。", true, true, true},
        {"庭に木があります。", false, false, true},
        {"だから庭に木があります。", false, false, false},
        {"你知道吗，大脑会清洁自己吗？", true, true, true},
        {"但是院子里有一棵树。", false, false, false},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_text text = text_of(*state, cases[i].script);
        const struct kn_line *line = &text.lines[0];
        if (line->question != cases[i].question || (line->hook >= 0.4f) != cases[i].hook ||
            (line->begins >= 0.5f) != cases[i].begins)
            fail_msg("“%s”: question %d, hook %.2f, begins %.2f", cases[i].script, line->question,
                     (double)line->hook, (double)line->begins);
    }
    struct kn_text two = text_of(*state, "朝の脳は、一日の中で一番きれいな状態なのです。");
    assert_in_range(two.lines[0].said.words, 8, 11); /* not the dictionary's 14 */
    /* Shares are of the words as they are parted: five, of which all agree and four are broken. */
    struct kn_text agreeing = text_of(*state, "对 对 对 嗯 嗯。");
    assert_int_equal(agreeing.stretch_count, 1);
    assert_true(agreeing.stretches[0].affirm == 1.0f);
    assert_true(agreeing.stretches[0].disfluent == 0.8f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(words_are_folded),
        ARENA_TEST(long_words_are_cut_between_characters),
        ARENA_TEST(english_endings_are_taken_off),
        ARENA_TEST(words_have_classes),
        ARENA_TEST(phrases_are_found_whole),
        ARENA_TEST(terms_are_what_comes_back),
        ARENA_TEST(sentences_are_rated),
        ARENA_TEST(marks_do_not_finish_a_thought),
        ARENA_TEST(what_was_just_said_counts_less),
        ARENA_TEST(marked_utterances_are_stretches),
        ARENA_TEST(other_languages_still_have_terms),
        ARENA_TEST(japanese_and_chinese_terms_are_no_grammar),
        ARENA_TEST(japanese_and_chinese_lines_are_rated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
