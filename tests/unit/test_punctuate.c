/* The spelling of a text on the words that were heard in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ai/languages.h"
#include "ai/punctuate.h"
#include "base/str.h"

enum { TICK_US = 100000, WORDS_MAX = 64 };

/* "a b c" as words of one tick each; "a _ b" leaves a tick free. */
static int words_of(struct kn_arena *arena, const char *list, struct kn_found_word *words)
{
    char *copy = kn_arena_strdup(arena, list), *rest = NULL;
    int count = 0, tick = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest), tick++)
        if (strcmp(word, "_") != 0)
            words[count++] = (struct kn_found_word){.start_us = tick * TICK_US,
                                                    .end_us = (tick + 1) * TICK_US,
                                                    .text = word,
                                                    .confidence = 0.8F};
    return count;
}

/* "The(0-1) beach,(1-2)" in tenths of a tick where they are not whole. */
static void show(const struct kn_found_word *words, int count, struct kn_str *out)
{
    for (int i = 0; i < count; i++)
        kn_str_printf(out, "%s%s(%g-%g)", i ? " " : "", words[i].text,
                      (double)(words[i].start_us / (TICK_US / 10)) / 10,
                      (double)(words[i].end_us / (TICK_US / 10)) / 10);
}

static void words_get_the_spelling_of_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *heard, *text, *becomes;
    } cases[] = {
        {"The beach was hot", " The beach was hot.", "The(0-1) beach(1-2) was(2-3) hot.(3-4)"},
        {"the beach was hot", "\"The beach,\" was (hot)!",
         "\"The(0-1) beach,\"(1-2) was(2-3) (hot)!(3-4)"},
        /* Pieces of a word, as whisper.cpp's server has them. */
        {"un believ able story .", "Unbelievable story.", "Unbelievable(0-3) story.(3-4)"},
        {"it 's e mail", "It's e-mail", "It's(0-2) e-mail(2-4)"},
        {"don't stop", "Don’t stop…", "Don’t(0-1) stop…(1-2)"},
        /* Marks that stand by themselves, and dashes, which nobody says. */
        {"ça va", "Ça va ?", "Ça(0-1) va\xC2\xA0?(1-2)"},
        {"il dit oui", "Il dit « oui »", "Il(0-1) dit(1-2) «\xC2\xA0oui\xC2\xA0»(2-3)"},
        {"one two", "One – two", "One(0-1) two(1-2)"},
        {"qué tal", "¿Qué tal?", "¿Qué(0-1) tal?(1-2)"},
        /* Scripts without spaces: pieces stay words, marks go to their side. */
        {"今日 は いい 天気 です ね", "今日はいい天気ですね。",
         "今日(0-1) は(1-2) いい(2-3) 天気(3-4) です(4-5) ね。(5-6)"},
        {"彼 は はい と 言っ た", "彼は「はい」と言った！",
         "彼(0-1) は(1-2) 「はい」(2-3) と(3-4) 言っ(4-5) た！(5-6)"},
        {"そう です か 行き ます", "そうですか?行きます。",
         "そう(0-1) です(1-2) か?(2-3) 行き(3-4) ます。(4-5)"},
        {"Open AI の モデル", "OpenAIのモデル", "OpenAI(0-2) の(2-3) モデル(3-4)"},
        {"你好 世界", "你好，世界。", "你好，(0-1) 世界。(1-2)"},
        {"สวัสดี ครับ", "สวัสดีครับ", "สวัสดี(0-1) ครับ(1-2)"},
        /* A character that was cut in two is whole in the text. */
        {"こん \xEF\xBF\xBD \xEF\xBF\xBD ちは です", "こんにちはです",
         "こんに(0-1) ちは(3-4) です(4-5)"},
        {"नमस्ते दुनिया", "नमस्ते, दुनिया!", "नमस्ते,(0-1) दुनिया!(1-2)"},
        /* What is only in one of them. */
        {"we had about twenty five of these in the house", "We had about 25 of these in the house.",
         "We(0-1) had(1-2) about(2-3) 25(3-5) of(5-6) these(6-7) in(7-8) the(8-9) house.(9-10)"},
        {"we saw _ the big house", "We saw John, the big house",
         "We(0-1) saw(1-2) John,(2-3) the(3-4) big(4-5) house(5-6)"},
        {"we saw uhm the big house", "We saw the big house",
         "We(0-1) saw(1-2) the(3-4) big(4-5) house(5-6)"},
        {"New_York is big", "New York is big", "New(0-0.4) York(0.4-1) is(1-2) big(2-3)"},
        /* About something else, or nothing. */
        {"all of this", "Quite another text", "all(0-1) of(1-2) this(2-3)"},
        {"all of this", "All of this and very much more of it that nobody heard",
         "all(0-1) of(1-2) this(2-3)"},
        {"all of this", "", "all(0-1) of(1-2) this(2-3)"},
        {"all of this", "...", "all(0-1) of(1-2) this(2-3)"},
        {"", "Text alone", ""},
        {"... ♪", "...", "...(0-1) ♪(1-2)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_found_word words[WORDS_MAX];
        const struct kn_found_word *made;
        struct kn_str shown = {0};
        int count = words_of(arena, cases[i].heard, words);
        count = kn_punctuate(words, count, cases[i].text, arena, &made);
        show(made, count, &shown);
        if (strcmp(kn_str_text(&shown), cases[i].becomes) != 0)
            fail_msg("“%s” with “%s”: %s", cases[i].heard, cases[i].text, kn_str_text(&shown));
        kn_str_free(&shown);
        kn_arena_free(arena);
    }
}

/* Two texts that agree in nothing but their alphabet must not take a minute. */
static void what_does_not_agree_is_given_up_soon(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct kn_arena *arena = kn_arena_new();
    struct kn_found_word *words = kn_arena_array(arena, COUNT, sizeof *words);
    struct kn_str text = {0};
    const struct kn_found_word *made;
    for (int i = 0; i < COUNT; i++) {
        words[i] = (struct kn_found_word){i, i + 1, i % 3 ? "abab" : "aaab", 1};
        kn_str_add(&text, i % 5 ? "bbaa " : "abba ");
    }
    assert_int_equal(kn_punctuate(words, COUNT, text.at, arena, &made), COUNT);
    kn_str_free(&text);
    kn_arena_free(arena);
}

static void languages_have_names_and_codes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tag;
    } tags[] = {{"english", "en"},  {"English", "en"},   {"en", "en"},
                {"EN-us", "en"},    {"japanese", "ja"},  {"haitian creole", "ht"},
                {"mandarin", "zh"}, {"jw", "jv"},        {"cantonese", "yue"},
                {"yue", "yue"},     {"pt_BR", "pt"},     {"klingon", NULL},
                {"", NULL},         {"e", NULL},         {"eng", NULL},
                {"nynorsk", "nn"},  {"hawaiian", "haw"}, {"castilian", "es"},
                {NULL, NULL}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const char *tag = kn_language_tag(tags[i].name);
        if (tag != tags[i].tag && (!tag || !tags[i].tag || strcmp(tag, tags[i].tag) != 0))
            fail_msg("%s: %s", tags[i].name, tag ? tag : "none");
    }
    assert_string_equal(kn_language_iso639_1("ja-JP"), "ja");
    assert_string_equal(kn_language_iso639_1("nb"), "no");
    assert_null(kn_language_iso639_1("yue"));
    assert_null(kn_language_iso639_1("xx"));
    assert_null(kn_language_iso639_1(NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_get_the_spelling_of_the_text),
        cmocka_unit_test(what_does_not_agree_is_given_up_soon),
        cmocka_unit_test(languages_have_names_and_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
