/* The sandbox's own reading of X's texts: by the vectors of twitter-text's conformance tests, and
 * what its package 3.1.0 answers for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "sandbox/platforms/x_text.h"

#define FAMILY "👨‍👩‍👧‍👦"
#define LABEL  "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *text;
    int repeated;
    int weight, links;
    bool invalid;
} vectors[] = {
    {"Hi http://test.co", 1, 26, 1},
    {"http://test.co", 1, 23, 1},
    {"H🐱☺" FAMILY, 1, 7, 0},
    {"😷👾😡🔥💩", 1, 10, 0},
    {"🙋🏽👨‍🎤", 1, 4, 0},
    {"1⃣", 1, 2, 0},
    {FAMILY, 140, 280, 0},
    {"故", 160, 320, 0},
    {"https://www.twitter.com/aloha ", 10, 240, 10},
    {"Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴󠁧󠁢󠁥󠁮󠁧󠁿", 1, 34, 0},
    {"ABC\xe2\x80\xaa\xef\xbf\xbf"
     "ABC\xef\xbf\xbe",
     1, 12, 0, true},
    {"\xef\xbb\xbf", 1, 2, 0, true},
    {LABEL ".com", 1, 68, 0},
    {"see example.com/x", 1, 27, 1},
    {"𠮷", 1, 2, 0},
    {"", 1, 0, 0},
    /* A letter and its accent are one. */
    {"e\xcc\x81", 1, 1, 0},
    /* Signs that are emoji with a selector alone; sequences that nobody recommends. */
    {"©", 1, 1, 0},
    {"©️", 1, 2, 0},
    {"🏳‍🌈", 1, 5, 0},
    {"🐱‍🐱", 1, 5, 0},
    {"🇩🇪", 1, 2, 0},
    {"🇩🇩", 1, 4, 0},
    /* Where addresses begin and end. */
    {"see example.com/x.", 1, 28, 1},
    {"日本語example.com", 1, 29, 1},
    {"http://twitter.comです", 1, 27, 1},
    {"http://t.co/abc.def", 1, 27, 1},
    {"https://example.com/a(b)c).", 1, 25, 1},
    {"http://日本.jp/ü/й/日", 1, 25, 1},
    {"a.example.com:80/x?y=1&z.", 1, 24, 1},
    {"foo.co.uk", 1, 23, 1},
    {"x-example.com", 1, 23, 1},
    {"user@example.com", 1, 16, 0},
    {"(example.com)", 1, 25, 1},
    {"example.com,example.org", 1, 47, 2},
    {"version 1.2.3, file.unknowntld", 1, 30, 0},
    {"HTTPS://EXAMPLE.COM", 1, 23, 1},
    {"a.b.example.com", 1, 23, 1},
    {"@example.com #example.com", 1, 25, 0},
    {"a_b.example.com", 1, 25, 1},
    {"see müller.de/x", 1, 27, 1},
    {"日本über.com", 1, 27, 1},
    {"über.com", 1, 24, 1},
    {"“example.com”", 1, 25, 1},
    {"👍example.com", 1, 25, 1},
    {"привет.com", 1, 10, 0},
};

static void test_weights(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(vectors); i++) {
        KN_SCOPED_STR text = {0};
        struct kn_xapi_text read;
        for (int n = 0; n < vectors[i].repeated; n++)
            kn_str_add(&text, vectors[i].text);
        kn_xapi_text_read(kn_str_text(&text), arena, &read);
        if (read.weight != vectors[i].weight || read.links != vectors[i].links ||
            read.invalid != vectors[i].invalid)
            fail_msg("“%s”: %d with %d links, not %d with %d", vectors[i].text, (int)read.weight,
                     read.links, vectors[i].weight, vectors[i].links);
    }
    kn_arena_free(arena);
}

static void test_cashtags(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count;
    } cases[] = {
        {"$AB", 1},         {"buy $AB and $CD", 2}, {"$AB,$CD", 1}, {"$5 is cheap", 0}, {"a$AB", 0},
        {"$BRK.A, now", 1}, {"$TOOLONGNAME", 0},    {"$$AB", 0},    {"$AB. $CD!", 2},   {"$ AB", 0},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_xapi_text read;
        kn_xapi_text_read(cases[i].text, arena, &read);
        if (read.cashtags != cases[i].count)
            fail_msg("“%s”: %d, not %d", cases[i].text, read.cashtags, cases[i].count);
    }
    kn_arena_free(arena);
}

static const char *number(void *arg)
{
    static const char *const names[] = {"<1>", "<2>"};
    return names[(*(int *)arg)++];
}

static void test_what_is_shown(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_xapi_text read;
    int links = 0;
    kn_xapi_text_read("a & b < c: example.com, http://test.co/x?y 🐱", arena, &read);
    assert_string_equal(kn_xapi_text_show(&read, arena, number, &links),
                        "a &amp; b &lt; c: <1>, <2> 🐱");
    assert_int_equal(links, 2);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_cashtags),
        cmocka_unit_test(test_what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
