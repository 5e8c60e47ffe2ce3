#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "base/vec.h"
#include "support/temp_folder.h"

static void errors_gather_context(void **state)
{
    (void)state;
    struct kn_error err;
    assert_int_equal(kn_error_set(&err, KN_DAMAGED, "no %s found", "moov"), KN_DAMAGED);
    assert_int_equal(kn_error_add(&err, "clip %d", 3), KN_DAMAGED);
    assert_string_equal(kn_error_text(&err), "clip 3: no moov found");
    assert_int_equal(kn_error_errno(&err, ENOSPC, "cannot write x"), KN_NO_SPACE);
    assert_string_equal(err.text, "cannot write x: No space left on device");
    assert_true(kn_status_retryable(KN_NO_SPACE));
    assert_string_equal(kn_status_name((enum kn_status)999), "INTERNAL");
}

static void long_errors_stay_utf8(void **state)
{
    (void)state;
    struct kn_error err;
    char name[1200];
    for (size_t i = 0; i + 3 < sizeof name; i += 3)
        memcpy(name + i, "切", 4);
    for (int shift = 0; shift < 3; shift++) {
        kn_error_set(&err, KN_INVALID, "%s%s", &"aa"[2 - shift], name);
        size_t n = strlen(err.text);
        assert_true(n > sizeof err.text - 5);
        assert_int_equal((n - (size_t)shift) % 3, 0);
    }
}

static void arenas_align_zero_and_reset(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    for (int i = 1; i < 3000; i++) {
        unsigned char *at = kn_arena_alloc(arena, (size_t)i);
        assert_int_equal((uintptr_t)at % 16, 0);
        for (int k = 0; k < i; k++)
            assert_int_equal(at[k], 0);
        memset(at, 0xEE, (size_t)i);
    }
    kn_arena_alloc(arena, 5 * 1024 * 1024);
    kn_arena_reset(arena);
    assert_int_equal(kn_arena_used(arena), 0);
    assert_string_equal(kn_arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    kn_arena_free(arena);
}

static void numbers_parse_strictly(void **state)
{
    (void)state;
    long long n = -1;
    assert_true(kn_parse_int("42", 0, 100, &n));
    assert_int_equal(n, 42);
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "1x", "101", "-1", "1e2", "99999999999999999999"};
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++)
        assert_false(kn_parse_int(bad[i], 0, 100, &n));
    assert_int_equal(n, 42);
    double d = 0;
    assert_true(kn_parse_double("-1.5e1", -20, 0, &d));
    assert_true(d == -15);
    assert_false(kn_parse_double("nan", -20, 20, &d));
    assert_false(kn_parse_double("0x10", -20, 20, &d));
    assert_false(kn_parse_double("1e999", -20, 20, &d));
}

static void files_are_whole_or_absent(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    char *deep = kn_path_join(arena, folder, "a/b/c");
    assert_int_equal(kn_folder_make(deep, &err), KN_OK);
    char *path = kn_path_join(arena, deep, "x.json");
    assert_int_equal(kn_file_write(path, "hello", 5, &err), KN_OK);
    char *data;
    size_t size;
    assert_int_equal(kn_file_read(path, 100, &data, &size, &err), KN_OK);
    assert_int_equal(size, 5);
    assert_string_equal(data, "hello");
    free(data);
    assert_int_equal(kn_file_read(path, 4, &data, &size, &err), KN_LIMIT);
    assert_int_equal(kn_file_read(deep, 4, &data, &size, &err), KN_INVALID);
    assert_int_equal(kn_file_read("/nowhere/x", 4, &data, &size, &err), KN_NOT_FOUND);
    assert_string_equal(err.text, "cannot open /nowhere/x: No such file or directory");
    /* The target is a folder: the rename fails, and the part file must be gone. */
    assert_int_not_equal(kn_file_write(deep, "x", 1, &err), KN_OK);
    assert_false(kn_file_exists(kn_arena_printf(arena, "%s.part", deep)));
    char hash[KN_HASH_TEXT_BYTES], again[KN_HASH_TEXT_BYTES];
    assert_int_equal(kn_file_hash(path, NULL, NULL, hash, &err), KN_OK);
    kn_hash_bytes("hello", 5, again);
    assert_string_equal(hash, again);
    assert_string_equal(kn_path_stem(arena, "/a/b.c/film.final.mp4"), "film.final");
    assert_string_equal(kn_path_stem(arena, ".hidden"), ".hidden");
    assert_string_equal(kn_file_part_path(arena, "/a/clip.mp4"), "/a/clip.part.mp4");
    assert_true(kn_disk_free("/tmp/not/there/yet") > 0);
    assert_int_equal(temp_folder_remove(folder), 0);
    assert_false(kn_file_exists(folder));
    kn_arena_free(arena);
}

static void times_read_well(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *clock, *span;
    } cases[] = {
        {0, "0:00.0", "0 ms"},
        {7500000, "0:07.5", "7.5 s"},
        {723400000, "12:03.4", "12 min 03 s"},
        {3723400000, "1:02:03.4", "1 h 02 min"},
        {999999, "0:00.9", "1.0 s"},
    };
    char text[KN_TIME_TEXT_BYTES];
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        assert_string_equal(kn_time_clock(cases[i].us, text), cases[i].clock);
        assert_string_equal(kn_time_span(cases[i].us, text), cases[i].span);
    }
    assert_string_equal(kn_time_iso(1795810487000000, text), "2026-11-27T20:14:47Z");
}

static void strings_and_vectors_grow(void **state)
{
    (void)state;
    KN_SCOPED_STR str = {0};
    KN_VEC(int) squares = {0};
    for (int i = 0; i < 1000; i++) {
        kn_str_printf(&str, "%d,", i);
        kn_vec_push(&squares, i * i);
    }
    assert_int_equal(str.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(*kn_vec_last(&squares), 999 * 999);
    kn_vec_free(&squares);
    assert_true(kn_starts_with(kn_str_text(&str), "0,1,2"));
    assert_true(kn_ends_with(kn_str_text(&str), ",999,"));
}

static void foreign_bytes_become_showable_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *shown;
    } cases[] = {
        {"", ""},
        {"plain.mp4", "plain.mp4"},
        {"a\nb\x1b[31m", "a?b?[31m"},
        {"caf\xe9.mp4", "caf?.mp4"},
        {"切り抜き", "切り抜き"},
        {"abcdefghijklmno", "abcdefghijklmno"},
        {"abcdefghijklmnop", "abcdefghijkl…"}, /* 16 bytes: 12, the ellipsis' 3, a NUL */
        {"切り抜き切り抜き", "切り抜き…"},
    };
    char text[16];
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(kn_text_show(cases[i].bytes, text, sizeof text), cases[i].shown);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_gather_context),
        cmocka_unit_test(long_errors_stay_utf8),
        cmocka_unit_test(arenas_align_zero_and_reset),
        cmocka_unit_test(numbers_parse_strictly),
        cmocka_unit_test(files_are_whole_or_absent),
        cmocka_unit_test(times_read_well),
        cmocka_unit_test(strings_and_vectors_grow),
        cmocka_unit_test(foreign_bytes_become_showable_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
