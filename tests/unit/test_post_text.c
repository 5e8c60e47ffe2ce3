/* Texts of posts: counted as platforms count, and fitted to their rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "platform/hashtags.h"
#include "platform/post_text.h"
#include "platform/web_address.h"
#include "platform/weighted.h"
#include "support/arena_state.h"

#define FAMILY                                                                                     \
    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f" \
    "\x91\xa6"
#define KANJI "\xe6\xbc\xa2"

/* ---- counting ---- */

/* From the reference's conformance vectors and npm twitter-text 3.1.0, which was asked. */
static void x_counts_by_weight(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t length;
    } cases[] = {
        {"", 0},
        {"Hi http://test.co", 26},
        {"http://test.co", 23},
        {"H🐱☺" FAMILY, 7},
        {"😷👾😡🔥💩", 10},
        {"🙋🏽👨‍🎤", 4},
        {"1⃣", 2},
        {"Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴󠁧󠁢󠁥󠁮󠁧󠁿", 34},
        {"see example.com/x", 27},
        {"see example.com.", 28},
        {"a.b.co.uk/x(y)z. end", 28},
        {"日本語example.comです", 33},
        {"https://日本語.jp/パス", 27},
        {"mail foo@example.com now", 24},
        {"x-example.com", 23},
        {".example.com", 12},
        {"$example.com", 12},
        {"http://foo_bar.example.com", 23},
        {"http://ex_ample.com", 19},
        {"http://example.com:8080/a?b=c&d=e!", 24},
        {"https://example.com/wiki/Foo_(bar) ok", 26},
        {"example.notatld", 15},
        {"http://example.com,http://b.org", 47},
        {"𠮷", 2},
        {"© ® ™", 6},
        {"🇩🇪🇫🇷🇩", 6},
        {"#️⃣*️⃣", 4},
        {"e\xcc\x81", 1}, /* composed first */
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_weighted_length(cases[i].text) != cases[i].length)
            fail_msg("\"%s\" weighs %lld, not %lld", cases[i].text,
                     (long long)kn_weighted_length(cases[i].text), (long long)cases[i].length);
}

static void long_texts_weigh_what_their_parts_do(void **state)
{
    (void)state;
    KN_SCOPED_STR families = {0}, kanji = {0}, label = {0};
    for (int i = 0; i < 140; i++)
        kn_str_add(&families, FAMILY);
    kn_str_add(&kanji, "the");
    for (int i = 0; i < 160; i++)
        kn_str_add(&kanji, KANJI);
    for (int i = 0; i < 64; i++)
        kn_str_add(&label, "a");
    kn_str_add(&label, ".com");
    assert_int_equal(kn_weighted_length(kn_str_text(&families)), 280);
    assert_int_equal(kn_weighted_length(kn_str_text(&kanji)), 323);
    assert_int_equal(kn_weighted_length(kn_str_text(&label)), 68);
    assert_int_equal(kn_weighted_length("\xff\xfe broken"), 2 * 2 + 7);
}

static void every_unit_counts_its_own(void **state)
{
    (void)state;
    static const char text[] = "a" KANJI "😷";
    struct kn_text_rule rule = {.unit = KN_UNIT_UTF16};
    assert_int_equal(kn_text_length(&rule, text), 4);
    rule.unit = KN_UNIT_BYTES;
    assert_int_equal(kn_text_length(&rule, text), 8);
    rule.unit = KN_UNIT_CHARACTERS;
    assert_int_equal(kn_text_length(&rule, text), 3);
    rule.unit = KN_UNIT_WEIGHTED;
    assert_int_equal(kn_text_length(&rule, text), 5);
    assert_int_equal(kn_tags_length((const char *[]){"Foo-Baz"}, 1), 7);
    assert_int_equal(kn_tags_length((const char *[]){"Foo Baz", "x"}, 2), 11);
    assert_int_equal(kn_text_hashtags("#a b#c ##d #é #1 #!x ＃漢"), 5);
    assert_int_equal(kn_text_mentions("@a me@b.c @@d (@e)"), 3);
}

/* ---- hashtags ---- */

static void hashtags_are_made_of_anything(void **state)
{
    struct kn_arena *arena = *state;
    static const char *const texts[] = {"#Deep Work", "deepwork", "2026", "睡眠",  "",
                                        "#",          "naïve!",   NULL,   "NAÏVE", "a\xff"};
    struct kn_hashtags made = kn_hashtags_make(texts, KN_COUNT_OF(texts), arena);
    assert_int_equal(made.count, 4);
    assert_string_equal(made.items[0], "DeepWork");
    assert_string_equal(made.items[1], "睡眠");
    assert_string_equal(made.items[2], "naïve");
    assert_string_equal(made.items[3], "a");
    kn_hashtags_drop(&made, "about #deepWORK, and 睡眠");
    assert_int_equal(made.count, 3);
    assert_string_equal(made.items[0], "睡眠");
}

/* ---- fitting ---- */

static const struct kn_platform short_one = {
    .name = "short",
    .caption = {"post", 0, 60, KN_UNIT_WEIGHTED, NULL, 0, 0, "{hook|title}\n\n{hashtags}"},
};
static const struct kn_platform titled = {
    .name = "titled",
    .title = {"title", 1, 20, KN_UNIT_UTF16, "<>", 0, 0, "{title}"},
    .caption = {"description", 0, 100, KN_UNIT_BYTES, "<>", 3, 2,
                "{description}\n\nFrom: {source}\n\n{hashtags}"},
    .tags_max = 20,
};

static struct kn_post_text fit(const struct kn_platform *platform,
                               const struct kn_post_parts *parts, const char *caption,
                               struct kn_arena *arena)
{
    struct kn_post_text text;
    kn_post_text_fit(platform, &(struct kn_post_templates){.caption = caption}, parts, arena,
                     &text);
    return text;
}

static void templates_are_filled(void **state)
{
    struct kn_arena *arena = *state;
    static const char *const tags[] = {"sleep", "health"};
    struct kn_post_parts parts = {.title = "Why we sleep", .hashtags = tags, .hashtag_count = 2};
    assert_string_equal(fit(&short_one, &parts, NULL, arena).caption,
                        "Why we sleep\n\n#sleep #health");
    parts.hook = "Do you  dream?";
    assert_string_equal(fit(&short_one, &parts, NULL, arena).caption,
                        "Do you dream?\n\n#sleep #health");
    assert_string_equal(
        fit(&short_one, &parts, "{source}\n{hook} - {title}\n\n\n\n{description}", arena).caption,
        "Do you dream? - Why we sleep");
    /* A line with nothing to say goes, with what it says around it. */
    struct kn_post_text text = fit(&titled, &parts, NULL, arena);
    assert_string_equal(text.caption, "#sleep #health");
    assert_string_equal(text.title, "Why we sleep");
    assert_int_equal(text.tag_count, 2);
    parts.source = "A <b>talk</b>\x1b[31m\n";
    assert_string_equal(fit(&titled, &parts, NULL, arena).caption,
                        "From: A ‹b›talk‹/b›[31m\n\n#sleep #health");
}

static void templates_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"{titel}", "{title", "title}", "{}", "{title|}", "{{title}}"};
    struct kn_error err = {0};
    assert_int_equal(kn_post_template_check("{hook|title} and {hashtags}\n", &err), KN_OK);
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++)
        assert_int_equal(kn_post_template_check(bad[i], &err), KN_INVALID);
}

static void descriptions_give_way_first(void **state)
{
    struct kn_arena *arena = *state;
    static const char *const tags[] = {"one", "two", "three", "four"};
    const struct kn_post_parts parts = {
        .title = "A title of more than twenty letters",
        .description =
            "The first sentence is here. The second one is https://example.com/long too.",
        .source = "The source",
        .hashtags = tags,
        .hashtag_count = 4,
    };
    struct kn_post_text text = fit(&titled, &parts, NULL, arena);
    assert_string_equal(text.title, "A title of more…");
    assert_true(strlen(text.caption) <= 100);
    assert_string_equal(text.caption, "The first sentence is here. The second one is…\n\n"
                                      "From: The source\n\n#one #two #three");
    assert_int_equal(text.tag_count, 4); /* 3 + 1 + 3 + 1 + 5 + 1 + 4 = 18 */
}

static void hashtags_go_last(void **state)
{
    struct kn_arena *arena = *state;
    static const char *const tags[] = {"averylonghashtagindeed", "averylonghashtagtwo",
                                       "averylonghashtagthree"};
    const struct kn_post_parts parts = {
        .hook = "いつも眠れないあなたに、すぐに試せる三つの方法を教えます。",
        .hashtags = tags,
        .hashtag_count = 2};
    struct kn_post_text text = fit(&short_one, &parts, NULL, arena);
    assert_true(kn_weighted_length(text.caption) <= 60);
    assert_non_null(strstr(text.caption, "…\n\n#averylonghashtagindeed #averylonghashtagtwo"));
    const struct kn_post_parts many = {.hashtags = tags, .hashtag_count = 3};
    assert_string_equal(fit(&short_one, &many, NULL, arena).caption,
                        "#averylonghashtagindeed #averylonghashtagtwo");
}

static void a_word_without_end_is_cut_between_letters(void **state)
{
    struct kn_arena *arena = *state;
    const struct kn_post_parts parts = {.title = "Donaudampfschifffahrtsgesellschaft"};
    assert_string_equal(fit(&titled, &parts, NULL, arena).title, "Donaudampfschifffah…");
    assert_string_equal(fit(&titled, &parts, "\x1b[31m\xe2\x80\xae{title}", arena).caption,
                        "[31mDonaudampfschifffahrtsgesellschaft");
}

static void hostile_parts_fit(void **state)
{
    struct kn_arena *arena = *state;
    KN_SCOPED_STR wild = {0};
    for (int i = 0; i < 3000; i++)
        kn_str_add(&wild, i % 3 ? "@x\xff\xe2\x80\xae<" : FAMILY " ");
    const struct kn_post_parts parts = {.title = kn_str_text(&wild),
                                        .hook = kn_str_text(&wild),
                                        .description = kn_str_text(&wild),
                                        .filename = "01.mp4"};
    struct kn_post_text text = fit(&titled, &parts, NULL, arena);
    assert_true(kn_utf8_valid(text.caption, strlen(text.caption)));
    assert_true(strlen(text.caption) <= 100 && !strpbrk(text.caption, "<>"));
    assert_true(kn_text_mentions(text.caption) <= 2);
    assert_true(kn_text_length(&titled.title, text.title) <= 20 && text.title[0]);
    /* Nothing at all is left of this one. */
    const struct kn_post_parts none = {.title = "\xe2\x80\xae\n \x01", .filename = "01-a.mp4"};
    assert_string_equal(fit(&titled, &none, NULL, arena).title, "01-a.mp4");
    assert_string_equal(fit(&titled, &none, NULL, arena).caption, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x_counts_by_weight),
        cmocka_unit_test(long_texts_weigh_what_their_parts_do),
        cmocka_unit_test(every_unit_counts_its_own),
        ARENA_TEST(hashtags_are_made_of_anything),
        ARENA_TEST(templates_are_filled),
        cmocka_unit_test(templates_are_checked),
        ARENA_TEST(descriptions_give_way_first),
        ARENA_TEST(hashtags_go_last),
        ARENA_TEST(a_word_without_end_is_cut_between_letters),
        ARENA_TEST(hostile_parts_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
