#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int entries_in(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
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
    assert_int_equal(entries_in(kn_path_join(arena, folder, "a/b")), 1);
    char hash[KN_HASH_TEXT_BYTES], again[KN_HASH_TEXT_BYTES];
    assert_int_equal(kn_file_hash(path, NULL, NULL, hash, &err), KN_OK);
    kn_hash_bytes("hello", 5, again);
    assert_string_equal(hash, again);
    assert_string_equal(kn_path_stem(arena, "/a/b.c/film.final.mp4"), "film.final");
    assert_string_equal(kn_path_stem(arena, ".hidden"), ".hidden");
    assert_string_equal(kn_file_part_path(arena, "/a/clip.mp4"),
                        kn_arena_printf(arena, "/a/clip.%d.part.mp4", (int)getpid()));
    assert_true(kn_disk_free("/tmp/not/there/yet") > 0);
    assert_int_equal(temp_folder_remove(folder), 0);
    assert_false(kn_file_exists(folder));
    kn_arena_free(arena);
}

static void what_dead_writers_left_is_swept(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool swept;
    } cases[] = {
        {"clip.12.part.mp4", true},
        {"x.json.12-3.part", true},
        {"a b.c.1.part", true},
        {"film.part", false},
        {"film.part.mp4", false},
        {"12.part", false},
        {".12.part", false},
        {"x.12-.part", false},
        {"x.-1.part", false},
        {"x.1-2-3.part", false},
        {"x.12.part.tar.gz", false},
        {"x.12.party", false},
        {"x.12.part.1.part", true},
        {"x.12", false},
        {"part", false},
    };
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_int_equal(kn_file_write(kn_path_join(arena, folder, cases[i].name), "x", 1, NULL),
                         KN_OK);
    kn_folder_sweep(folder, 3600); /* they are young: perhaps somebody is writing them */
    assert_int_equal(entries_in(folder), (int)KN_COUNT_OF(cases));
    kn_folder_sweep(folder, 0);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_file_exists(kn_path_join(arena, folder, cases[i].name)) == cases[i].swept)
            fail_msg("%s %s", cases[i].name, cases[i].swept ? "is still there" : "is gone");
    kn_folder_sweep("/nowhere", 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_folder_is_trimmed_from_the_oldest(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int age_s;
        bool kept;
    } cases[] = {
        {"d.json", 40, false}, {"c.json", 30, false}, {"a.json", 10, true},
        {"b.json", 20, true},  {"e.txt", 50, true},   {".json", 60, true},
    };
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *path = kn_path_join(arena, folder, cases[i].name);
        const struct timespec times[2] = {{.tv_sec = 1000 - cases[i].age_s},
                                          {.tv_sec = 1000 - cases[i].age_s}};
        assert_int_equal(kn_file_write(path, "0123456789", 10, NULL), KN_OK);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    kn_folder_trim(folder, ".json", 40);
    assert_int_equal(entries_in(folder), (int)KN_COUNT_OF(cases)); /* it is just enough */
    kn_folder_trim(folder, ".json", 29);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_int_equal(kn_file_exists(kn_path_join(arena, folder, cases[i].name)), cases[i].kept);
    kn_folder_trim("/nowhere", ".json", 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_lock_has_one_holder(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "lock");
    int first = -1, second = -1;
    struct kn_error err;
    assert_int_equal(kn_file_lock(path, &first, &err), KN_OK);
    assert_int_equal(kn_file_lock(path, &second, &err), KN_LOST);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(kn_file_lock(path, &second, &err), KN_OK);
    close(second);
    assert_int_equal(kn_file_lock("/nowhere/lock", &second, &err), KN_NOT_FOUND);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_file_that_changed_is_noticed(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "video");
    const char *other = kn_path_join(arena, folder, "other");
    struct kn_file_identity before;
    struct kn_error err;
    assert_int_equal(kn_file_write(path, "one", 3, NULL), KN_OK);
    assert_int_equal(kn_file_identify(path, &before, &err), KN_OK);
    assert_int_equal(kn_file_unchanged(path, &before, &err), KN_OK);
    /* Of the same size, written to in place. */
    const struct timespec later[2] = {{before.changed_s, before.changed_ns},
                                      {before.changed_s, (before.changed_ns + 1) % 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    assert_int_equal(kn_file_unchanged(path, &before, &err), KN_IO);
    assert_non_null(strstr(err.text, "video changed while it was being read: run again"));
    /* Another one under its name. */
    assert_int_equal(kn_file_identify(path, &before, &err), KN_OK);
    assert_int_equal(kn_file_write(other, "two", 3, NULL), KN_OK);
    assert_int_equal(utimensat(AT_FDCWD, other, later, 0), 0);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(kn_file_unchanged(path, &before, &err), KN_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kn_file_unchanged(path, &before, &err), KN_NOT_FOUND);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void only_what_nobody_else_wrote_is_trusted(void **state)
{
    (void)state;
    static const struct {
        mode_t file, folder;
        enum kn_status status;
    } cases[] = {
        {0644, 0755, KN_OK},     {0755, 0700, KN_OK},     {0644, 0775, KN_OK},
        {0644, 01777, KN_OK},    {0664, 0755, KN_DENIED}, {0646, 0755, KN_DENIED},
        {0644, 0777, KN_DENIED},
    };
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "library.so");
    struct kn_error err;
    assert_int_equal(kn_file_write(path, "x", 1, NULL), KN_OK);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        assert_int_equal(chmod(path, cases[i].file), 0);
        assert_int_equal(chmod(folder, cases[i].folder), 0);
        assert_int_equal(kn_file_trust(path, &err), cases[i].status);
    }
    assert_int_equal(chmod(folder, 0700), 0);
    if (chown(path, 12345, (gid_t)-1) == 0) /* by root only */
        assert_int_equal(kn_file_trust(path, &err), geteuid() == 12345 ? KN_OK : KN_DENIED);
    assert_int_equal(kn_file_trust(folder, &err), KN_INVALID);
    assert_int_equal(kn_file_trust("/nowhere", &err), KN_NOT_FOUND);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_home_is_never_everybodys_folder(void **state)
{
    (void)state;
    static const char *const homes[] = {NULL, "", "relative"};
    struct kn_arena *arena = kn_arena_new();
    const char *kept = getenv("HOME") ? kn_arena_strdup(arena, getenv("HOME")) : NULL;
    for (const char *const *name =
             (const char *const[]){"XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", NULL};
         *name; name++)
        unsetenv(*name);
    setenv("HOME", "/somewhere", 1);
    assert_string_equal(kn_path_cache(arena), "/somewhere/.cache/kirinuki");
    struct passwd *user = getpwuid(geteuid());
    for (size_t i = 0; i < KN_COUNT_OF(homes); i++) {
        unsetenv("HOME");
        if (homes[i])
            setenv("HOME", homes[i], 1);
        const char *data = kn_path_data(arena);
        if (user)
            assert_string_equal(data,
                                kn_arena_printf(arena, "%s/.local/share/kirinuki", user->pw_dir));
        else
            assert_null(data);
    }
    unsetenv("HOME");
    if (kept)
        setenv("HOME", kept, 1);
    kn_arena_free(arena);
}

static void nobody_waits_for_a_pipe(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "pipe");
    char *data, hash[KN_HASH_TEXT_BYTES];
    size_t size;
    struct kn_error err;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(kn_file_read(path, 100, &data, &size, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "pipe is not a regular file"));
    assert_int_equal(kn_file_hash(path, NULL, NULL, hash, &err), KN_INVALID);
    temp_folder_remove(folder);
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
    assert_string_equal(kn_time_http(784111777000000, text), "Sun, 06 Nov 1994 08:49:37 GMT");
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

static void the_first_from_a_value_on_is_found(void **state)
{
    (void)state;
    static const struct {
        int64_t at_us;
    } rows[] = {{10}, {20}, {20}, {30}};
    static const struct {
        int64_t least;
        int all, two; /* of all rows; of the first two */
    } cases[] = {{-5, 0, 0}, {10, 0, 0}, {11, 1, 1}, {20, 1, 1},
                 {21, 3, 2}, {30, 3, 2}, {31, 4, 2}};

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        assert_int_equal(kn_first_from(rows, 4, at_us, cases[i].least), cases[i].all);
        assert_int_equal(kn_first_from(rows, 2, at_us, cases[i].least), cases[i].two);
        assert_int_equal(kn_first_from(rows, 0, at_us, cases[i].least), 0);
    }
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
        {"\u202egpm.4", "?gpm.4"},
        {"\u200e\u2066a\u2069\u061c", "??a??"},
        {"\xc2\x9b"
         "2J",
         "?2J"}, /* CSI as one character */
        {"\xed\xa0\x80 \xc0\x80 \xf5", "??? ?? ?"},
        {"\xe3\x81", "??"},
        {"👩‍🚒", "👩‍🚒"},
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
        cmocka_unit_test(what_dead_writers_left_is_swept),
        cmocka_unit_test(a_folder_is_trimmed_from_the_oldest),
        cmocka_unit_test(a_lock_has_one_holder),
        cmocka_unit_test(a_file_that_changed_is_noticed),
        cmocka_unit_test(only_what_nobody_else_wrote_is_trusted),
        cmocka_unit_test(a_home_is_never_everybodys_folder),
        cmocka_unit_test(nobody_waits_for_a_pipe),
        cmocka_unit_test(times_read_well),
        cmocka_unit_test(strings_and_vectors_grow),
        cmocka_unit_test(the_first_from_a_value_on_is_found),
        cmocka_unit_test(foreign_bytes_become_showable_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
