/* Characters, graphemes, columns and line breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/utf8.h"

static void graphemes_are_what_readers_see(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int graphemes, columns;
    } cases[] = {
        {"", 0, 0},
        {"Straße", 6, 6},
        {"e\xcc\x81t\xc3\xa9", 3, 3}, /* é as letter and mark, t, é */
        {"日本語", 3, 6},
        {"한국", 2, 4},
        {"👨‍👩‍👧", 1, 6}, /* a family is one, whatever it is wide */
        {"🇯🇵🇩🇪", 2, 4},
        {"นี้", 1, 1},
        {"a\xff\xfe"
         "b",
         4, 4},             /* bad bytes stand for a character each */
        {"\xe6\x97", 1, 1}, /* cut off in the middle */
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        if (kn_utf8_graphemes(cases[i].text) != cases[i].graphemes ||
            kn_utf8_columns(cases[i].text) != cases[i].columns)
            fail_msg("“%s”: %d graphemes (%d wanted), %d columns (%d wanted)", cases[i].text,
                     kn_utf8_graphemes(cases[i].text), cases[i].graphemes,
                     kn_utf8_columns(cases[i].text), cases[i].columns);
    }
}

/* The text with "|" where a line may break. */
static const char *marked(const char *text, struct kn_str *out)
{
    size_t size = strlen(text);
    bool breaks[256] = {false};

    kn_utf8_breaks(text, size, breaks);
    kn_str_clear(out);
    for (size_t i = 0; i < size; i++) {
        if (breaks[i])
            kn_str_add_char(out, '|');
        kn_str_add_char(out, text[i]);
    }
    return kn_str_text(out);
}

static void lines_break_where_they_may(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "one |two-|three",
        "日|本|語。|「は|い」|と", /* no line begins with 。 or 」 or ends with 「 */
        "ちょっ|と|キャッ|シュ",   /* small kana stay with what they follow */
        "เรา|น|อ|น",               /* a Thai vowel before its consonant stays with it */
        "กา|ร",
        "e\xcc\x81 |a",
        "3,000.50 |€",
    };
    KN_SCOPED_STR plain = {0};
    KN_SCOPED_STR got = {0};

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        kn_str_clear(&plain);
        for (const char *at = cases[i]; *at; at++)
            if (*at != '|')
                kn_str_add_char(&plain, *at);
        assert_string_equal(marked(kn_str_text(&plain), &got), cases[i]);
    }
}

static void words_are_joined_as_they_are_written(void **state)
{
    (void)state;
    assert_true(kn_utf8_spaced("one", "two"));
    assert_true(kn_utf8_spaced("한국", "사람"));
    assert_true(kn_utf8_spaced("نحن", "ننام"));
    assert_true(kn_utf8_spaced("ไป", "Bangkok"));
    assert_false(kn_utf8_spaced("日本", "語"));
    assert_false(kn_utf8_spaced("日本の", "IT"));
    assert_false(kn_utf8_spaced("ไป", "ไหน"));
}

static void directions_are_those_of_most_letters(void **state)
{
    (void)state;
    assert_int_equal(kn_utf8_direction("one"), 1);
    assert_int_equal(kn_utf8_direction("日本"), 1);
    assert_int_equal(kn_utf8_direction("שלום a"), -1);
    assert_int_equal(kn_utf8_direction("New York وفي كل مكان"), -1);
    assert_int_equal(kn_utf8_direction("20 %"), 0);
    assert_int_equal(kn_utf8_first_direction("20 % New كل"), 1);
    assert_int_equal(kn_utf8_first_direction("(كل New"), -1);
}

static void capitals_follow_the_language(void **state)
{
    (void)state;
    static const struct {
        const char *text, *language, *upper;
    } cases[] = {
        {"Straße", "de", "STRASSE"},      {"iki", "tr", "İKİ"},
        {"iki", "en-GB", "IKI"},          {"日本", NULL, "日本"},
        {"b\xff", "en", "b\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_STR got = {0};
        kn_utf8_upper(cases[i].text, cases[i].language, &got);
        assert_string_equal(kn_str_text(&got), cases[i].upper);
    }
}

static void bad_bytes_are_replaced(void **state)
{
    (void)state;
    KN_SCOPED_STR got = {0};
    static const char bad[] = "a\xc3(\xed\xa0\x80z\xf0\x9f"; /* cut, a surrogate, cut at the end */
    kn_utf8_clean(bad, sizeof bad - 1, &got);
    assert_true(kn_utf8_valid(kn_str_text(&got), got.length));
    assert_non_null(strchr(kn_str_text(&got), 'z'));
    assert_false(kn_utf8_valid(bad, sizeof bad - 1));
    assert_int_equal(kn_utf8_last("x日"), 0x65e5);
    assert_int_equal(kn_utf8_first(""), 0);
}

static void numerals_are_those_of_both_scripts(void **state)
{
    (void)state;
    const char *numerals = "079０９〇一三九十百千万萬億亿兆两兩", *others = "a年数と.,ー零";
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(numerals, &c)); numerals += n)
        if (!kn_char_is_numeral(c))
            fail_msg("U+%04X is one", c);
    for (size_t n; (n = kn_utf8_next(others, &c)); others += n)
        if (kn_char_is_numeral(c))
            fail_msg("U+%04X is none", c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphemes_are_what_readers_see),
        cmocka_unit_test(lines_break_where_they_may),
        cmocka_unit_test(words_are_joined_as_they_are_written),
        cmocka_unit_test(directions_are_those_of_most_letters),
        cmocka_unit_test(capitals_follow_the_language),
        cmocka_unit_test(bad_bytes_are_replaced),
        cmocka_unit_test(numerals_are_those_of_both_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
