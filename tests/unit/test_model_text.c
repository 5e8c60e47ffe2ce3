#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ai/model_text.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "support/arena_state.h"

static void lines_are_clean_and_short(void **state)
{
    static const struct {
        const char *text;
        int most;
        const char *line;
    } cases[] = {
        {NULL, 10, ""},
        {"", 10, ""},
        {" \n\t ", 10, ""},
        {"  Why \n we\tsleep ", 40, "Why we sleep"},
        {"a\x01\x1b[31mb\x7f", 40, "a[31mb"},
        {"abc\u202edef\u200bghi\u2066", 40, "abcdefghi"},
        {"a\u2028b\u00a0c", 40, "a b c"},
        {"cut \xff\xfe here", 40, "cut here"},
        /* Between words, and no mark that hangs at the end. */
        {"Why we sleep at night", 21, "Why we sleep at night"},
        {"Why we sleep at night", 20, "Why we sleep at…"},
        {"Why we sleep, at night", 14, "Why we sleep…"},
        {"Why we sleep: (or not)", 17, "Why we sleep…"},
        {"Donaudampfschifffahrt", 10, "Donaudamp…"},
        {"a Donaudampfschifffahrt", 12, "a Donaudamp…"},
        /* Scripts without spaces: between characters, or words where the library knows them. */
        {"人はなぜ眠るのか、その理由", 9, "人はなぜ眠るのか…"},
        {"人はなぜ眠るのか、その理由", 10, "人はなぜ眠るのか…"},
        {"ทำไมเราต้องนอนหลับ", 8, "ทำไมเรา…"},
        {"왜 우리는 잠을 자는가", 7, "왜 우리는…"},
        /* Nothing is cut inside a character. */
        {"xx👨‍👩‍👧‍👦yy", 6, "xx…"},
        {"ab🇯🇵🇩🇪", 5, "ab🇯🇵…"},
        {"e\u0301e\u0301e\u0301e\u0301", 6, "e\u0301e\u0301…"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *line = kn_model_line(*state, cases[i].text, cases[i].most);
        if (strcmp(line, cases[i].line) != 0)
            fail_msg("case %d: \"%s\" and not \"%s\"", (int)i, line, cases[i].line);
        assert_true(kn_utf8_valid(line, strlen(line)));
    }
}

static void paragraphs_keep_line_ends(void **state)
{
    assert_string_equal(kn_model_paragraphs(*state, " One. \r\n\r\n\r\n\nTwo\n three\t! \n", 100),
                        "One.\n\nTwo\nthree !");
    assert_string_equal(kn_model_paragraphs(*state, "\n\n", 100), "");
    assert_string_equal(kn_model_paragraphs(*state, "One two.\nThree four", 14), "One two…");
}

static void whatever_is_cut_fits(void **state)
{
    static const char *const texts[] = {
        "The quick brown fox, (jumps) over — the lazy dog: twice; \"thrice\"",
        "人はなぜ眠るのか、その理由は「脳」にある（らしい）。",
        "🧠💤👨‍👩‍👧‍👦 brains e\u0301e\u0301 🇯🇵🇩🇪🇫🇷 ﷽﷽",
        "ทำไมเราต้องนอนหลับ",
    };
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        for (int most = 2; most < 80; most++) {
            const char *line = kn_model_line(*state, texts[i], most);
            assert_true(kn_utf8_count(line) <= most);
            assert_true(kn_utf8_valid(line, strlen(line)));
        }
}

static void hashtags_are_letters_and_digits(void **state)
{
    static const struct {
        const char *list, *tags; /* joined by spaces */
    } cases[] = {
        {"[]", ""},
        {"[\"sleep\", \"#Brain\", \"＃脳\"]", "sleep Brain 脳"},
        {"[\"deep sleep!\", \"why-we-sleep\", \"snake_case\"]", "deepsleep whywesleep snake_case"},
        {"[\"#one #two#three\"]", "one two three"},
        {"[\"睡眠の科学\", \"ทำไม\", \"हिन्दी\", \"café\"]", "睡眠の科学 ทำไม हिन्दी café"},
        {"[\"123\", \"#\", \"\", \"!!\", \"2026goals\", \"___\"]", "2026goals"},
        {"[\"Sleep\", \"sleep\", \"SLEEP\", \"schlaf\"]", "Sleep schlaf"},
        {"[\"ok\", 3, null, {\"a\": 1}, [\"x\"], true]", "ok"},
        {"[\"a\\nb\\u202ec🧠\"]", "abc"},
        {"[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"]",
         "a b c d e f g h i j"},
        {"[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"b\"]", "b"},
        {"{\"not\": \"a list\"}", ""},
        {"\"text\"", ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_JSON list = json_loads(cases[i].list, JSON_DECODE_ANY, NULL);
        assert_non_null(list);
        const char *const *tags;
        int count = kn_model_hashtags(*state, list, &tags);
        KN_SCOPED_STR joined = {0};
        for (int k = 0; k < count; k++)
            kn_str_printf(&joined, "%s%s", k ? " " : "", tags[k]);
        if (strcmp(kn_str_text(&joined), cases[i].tags) != 0)
            fail_msg("case %d: %s", (int)i, kn_str_text(&joined));
    }
    const char *const *tags;
    assert_int_equal(kn_model_hashtags(*state, NULL, &tags), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ARENA_TEST(lines_are_clean_and_short),
        ARENA_TEST(paragraphs_keep_line_ends),
        ARENA_TEST(whatever_is_cut_fits),
        ARENA_TEST(hashtags_are_letters_and_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
