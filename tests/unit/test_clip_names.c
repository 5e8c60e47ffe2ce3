#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistr.h>

#include "base/memory.h"
#include "base/str.h"
#include "pipeline/clip_names.h"

static void titles_become_file_names(void **state)
{
    (void)state;
    static const struct {
        const char *title, *stem;
    } cases[] = {
        {"Why we sleep: 3 facts!", "03-why-we-sleep-3-facts"},
        {"Don’t do it, it's BAD", "03-dont-do-it-its-bad"},
        {"  ../../etc/passwd", "03-etc-passwd"},
        {"眠りについて — 三つの話", "03-眠りについて-三つの話"},
        {"ÄRGER über Größe", "03-ärger-über-größe"},
        {"हिन्दी में", "03-हिन्दी-में"},
        {"???", "03-clip"},
        {NULL, "03-clip"},
        {"a\xff\xfe"
         "b",
         "03-a-b"},
        {"--x--", "03-x"},
        {"Imagine that you could give directions by walking in a figure of eight",
         "03-imagine-that-you-could-give-directions-by-walking"},
        {"What a company learns from each transcription with the words that people said",
         "03-what-a-company-learns-from-each-transcription"},
        {"What a company learns from every single day of work in a pandemic year",
         "03-what-a-company-learns-from-every-single-day-of-work"},
        {"Of the", "03-of-the"},
        /* Behind a phrase where there are no spaces. */
        {"皆さんは、おいしい味噌汁を作るための一番大事なコツを知っていますか？",
         "03-皆さんは-おいしい味噌汁を作るための一番"},
        {"なぜ私たちは一日の三分の一を眠って過ごすのか", "03-なぜ私たちは一日の三分の一を眠って"},
        {"很多人都不知道自己的大脑在晚上做什么以及为什么",
         "03-很多人都不知道自己的大脑在晚上做什么"},
        {"โปรแกรมนี้สวัสดีครับวันนี้เรานอน", "03-โปรแกรมนี้"},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(kn_clip_stem(arena, 2, cases[i].title), cases[i].stem);
    kn_arena_free(arena);
}

static void long_titles_are_cut_between_characters(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    char title[400];
    for (size_t i = 0; i + 3 < sizeof title; i += 3)
        memcpy(title + i, "切", 4);
    const char *stem = kn_clip_stem(arena, 9, title);
    assert_true(strlen(stem) <= 63);
    assert_null(u8_check((const uint8_t *)stem, strlen(stem)));
    kn_arena_free(arena);
}

static void further_aspects_have_a_suffix(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    assert_string_equal(kn_clip_file_name(arena, "01-a", KN_ASPECT_9_16, true), "01-a.mp4");
    assert_string_equal(kn_clip_file_name(arena, "01-a", KN_ASPECT_16_9, false), "01-a.16x9.mp4");
    kn_arena_free(arena);
}

static void folders_are_visible_and_not_too_long(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
    } cases[] = {
        {"/videos/talk.mp4", "talk-clips"}, {"talk", "talk-clips"},
        {"a/..mp4", "video-clips"},         {"...", "video-clips"},
        {".hidden.mp4", "hidden-clips"},    {"a/.hidden", "hidden-clips"},
        {"talk.1.mp4", "talk.1-clips"},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(kn_clip_folder_name(arena, cases[i].path), cases[i].name);
    for (size_t letters = 247; letters <= 256; letters++) {
        KN_SCOPED_STR path = {0};
        for (size_t i = 0; i < letters / 2; i++)
            kn_str_add(&path, "é");
        kn_str_add(&path, letters % 2 ? "x" : "");
        const char *name = kn_clip_folder_name(arena, kn_str_text(&path));
        assert_int_equal(strlen(name), (letters <= 249 ? letters : 248) + strlen("-clips"));
        assert_null(u8_check((const uint8_t *)name, strlen(name)));
    }
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_become_file_names),
        cmocka_unit_test(long_titles_are_cut_between_characters),
        cmocka_unit_test(further_aspects_have_a_suffix),
        cmocka_unit_test(folders_are_visible_and_not_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
