#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ai/vocab.h"

enum { BYTE_41 = 3, BYTE_E5, BYTE_88, BYTE_87, SPACE, SPACE_HE, HE, LLO, LL, O, COMMA, JAPAN };

static const char text[] = "<unk>\n<s>\n</s>\n<0x41>\n<0xE5>\n<0x88>\n<0x87>\n▁\n▁he\nhe\nllo\nll\n"
                           "o\n,\n日本\n";

static struct kn_vocab *small_vocab(void)
{
    struct kn_error err;
    struct kn_vocab *vocab = NULL;
    assert_int_equal(kn_vocab_parse(text, sizeof text - 1, &vocab, &err), KN_OK);
    return vocab;
}

static void tokens_become_text(void **state)
{
    (void)state;
    static const struct {
        int tokens[8], count;
        const char *text;
    } cases[] = {
        {{0}, 0, ""},
        {{SPACE_HE, LLO, COMMA, SPACE_HE}, 4, "hello, he"},
        {{1, SPACE_HE, 2, 32000, -5}, 5, "he"},            /* marks and specials have no text */
        {{SPACE, BYTE_E5, BYTE_88, BYTE_87, O}, 5, "切o"}, /* bytes join to a character */
        {{BYTE_E5, BYTE_88, HE}, 3, "he"},                 /* or are left out */
        {{BYTE_87, BYTE_41}, 2, "A"},
        {{SPACE, SPACE, HE}, 3, " he"}, /* one space is dropped, not all */
        {{JAPAN}, 1, "日本"},
    };
    struct kn_vocab *vocab = small_vocab();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_STR out = {0};
        kn_vocab_decode(vocab, cases[i].tokens, cases[i].count, &out);
        assert_string_equal(kn_str_text(&out), cases[i].text);
    }
    kn_vocab_free(vocab);
}

static void words_begin_at_spaces_and_sound_where_letters_are(void **state)
{
    (void)state;
    struct kn_vocab *vocab = small_vocab();
    assert_int_equal(kn_vocab_count(vocab), JAPAN + 1);
    assert_true(kn_vocab_starts_word(vocab, SPACE_HE));
    assert_false(kn_vocab_starts_word(vocab, HE));
    assert_false(kn_vocab_starts_word(vocab, 99999));
    assert_true(kn_vocab_is_spoken(vocab, SPACE_HE));
    assert_true(kn_vocab_is_spoken(vocab, JAPAN));
    assert_true(kn_vocab_is_spoken(vocab, BYTE_E5));
    assert_false(kn_vocab_is_spoken(vocab, COMMA));
    assert_false(kn_vocab_is_spoken(vocab, SPACE));
    assert_false(kn_vocab_is_spoken(vocab, 2));
    kn_vocab_free(vocab);
}

static void text_becomes_the_longest_tokens_or_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count, tokens[8];
    } cases[] = {
        {"hello", 2, {SPACE_HE, LLO}},
        {"  hello\n he ", 3, {SPACE_HE, LLO, SPACE_HE}},
        {"A切", 5, {SPACE, BYTE_41, BYTE_E5, BYTE_88, BYTE_87}},
        {"llllo", 4, {SPACE, LL, LLO}},
        {"", 0, {0}},
        {" \t", 0, {0}},
    };
    struct kn_vocab *vocab = small_vocab();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int tokens[8] = {0}, count = kn_vocab_encode(vocab, cases[i].text, tokens, 8);
        if (i != 3)
            assert_int_equal(count, cases[i].count);
        for (int k = 0; k < KN_MIN(count, 3); k++)
            assert_int_equal(tokens[k], cases[i].tokens[k]);
    }
    int none;
    assert_int_equal(kn_vocab_encode(vocab, "hello he", &none, 0), 3);
    kn_vocab_free(vocab);
}

static void what_is_no_vocabulary_is_refused(void **state)
{
    (void)state;
    struct kn_error err;
    struct kn_vocab *vocab = NULL;
    static char lines[1 << 18], line[600];
    memset(lines, '\n', sizeof lines);
    memset(line, 'x', sizeof line);
    memcpy(line, "a\nb\nc\nd\n", 8);
    assert_int_equal(kn_vocab_parse("", 0, &vocab, &err), KN_DAMAGED);
    assert_int_equal(kn_vocab_parse("a\nb", 3, &vocab, &err), KN_DAMAGED);
    assert_int_equal(kn_vocab_parse(lines, sizeof lines, &vocab, &err), KN_DAMAGED);
    assert_int_equal(kn_vocab_parse(line, sizeof line, &vocab, &err), KN_DAMAGED);
    assert_string_equal(err.text, "this is not a vocabulary: line 5 is too long");
    assert_null(vocab);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_become_text),
        cmocka_unit_test(words_begin_at_spaces_and_sound_where_letters_are),
        cmocka_unit_test(text_becomes_the_longest_tokens_or_bytes),
        cmocka_unit_test(what_is_no_vocabulary_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
