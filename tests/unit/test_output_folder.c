/* Which folder a source's clips go to, and what may be moved out of the way there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/output_folder.h"
#include "support/temp_folder.h"

static struct kn_arena *arena;
static char here[PATH_MAX];

static void write_file(const char *name, const char *text)
{
    struct kn_error err;
    assert_int_equal(kn_file_write(name, text, strlen(text), &err), KN_OK);
}

static void make_folder(const char *name)
{
    struct kn_error err;
    assert_int_equal(kn_folder_make(name, &err), KN_OK);
}

static void give(const char *folder, const char *source)
{
    struct kn_error err;
    const struct kn_output_record record = {.source = source};
    make_folder(folder);
    assert_int_equal(kn_output_record_write(folder, &record, &err), KN_OK);
}

static const char *chosen(const char *path, const char *hash, int from)
{
    const char *folder;
    int number;
    (void)kn_output_folder_choose(&(struct kn_folder_wish){path, hash, NULL, from}, arena, &folder,
                                  &number); /* its owner is what the folders' records say */
    return folder;
}

static int begin(void **state)
{
    (void)state;
    arena = kn_arena_new();
    return temp_folder_make(here) ? chdir(here) : -1;
}

static int end(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return chdir("/") < 0 ? -1 : temp_folder_remove(here);
}

static void a_source_has_a_folder_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(chosen("in/talk.mp4", "aa", 1), "talk-clips");
    give("talk-clips", "aa");
    assert_string_equal(chosen("talk.mp4", "aa", 1), "talk-clips");
    assert_string_equal(chosen("talk.wav", "bb", 1), "talk-wav-clips");
    assert_string_equal(chosen("talk", "bb", 1), "talk-2-clips");
    give("talk-wav-clips", "bb");
    assert_string_equal(chosen("talk.wav", "cc", 1), "talk-2-clips");
    write_file("talk-2-clips", "a file");
    assert_string_equal(chosen("talk.wav", "cc", 1), "talk-3-clips");
    assert_string_equal(chosen("talk.wav", "bb", 1), "talk-wav-clips");
}

static void names_given_away_are_passed_over(void **state)
{
    (void)state;
    assert_string_equal(chosen("talk.wav", "aa", 2), "talk-wav-clips");
    assert_string_equal(chosen("talk.wav", "aa", 5), "talk-4-clips");
    give("talk-clips", "aa");
    assert_string_equal(chosen("talk.wav", "aa", 2), "talk-clips"); /* it is its own */
    const char *folder;
    int number;
    const struct kn_folder_wish elsewhere = {"in/talk.wav", "aa", "made/here", 0};
    assert_false(kn_output_folder_choose(&elsewhere, arena, &folder, &number));
    assert_string_equal(folder, "made/here/talk-clips");
    give("made/here/talk-clips", "bb");
    give("made/here/talk-wav-clips", "aa");
    assert_true(kn_output_folder_choose(&elsewhere, arena, &folder, &number));
    assert_string_equal(folder, "made/here/talk-wav-clips");
    assert_int_equal(number, 2);
}

static void a_folder_of_nobodys_is_used(void **state)
{
    (void)state;
    make_folder("talk-clips");
    write_file("talk-clips/notes.txt", "mine");
    assert_string_equal(chosen("talk.mp4", "aa", 1), "talk-clips");
}

static void without_a_record_the_result_is_asked(void **state)
{
    (void)state;
    struct kn_output_record record;
    make_folder("talk-clips");
    write_file("talk-clips/result.json",
               "{\"kirinuki_result\": 1, \"source\": {\"hash\": \"aa\"}, \"clips\": [{\"files\": "
               "[{\"path\": \"01-a.mp4\"}, {\"path\": \"../b.mp4\"}], \"srt\": \"01-a.srt\", "
               "\"vtt\": null}]}");
    assert_true(kn_output_record_read("talk-clips", arena, &record));
    assert_string_equal(record.source, "aa");
    assert_int_equal(record.file_count, 4);
    assert_string_equal(record.files[1].name, "01-a.srt");
    assert_non_null(kn_output_record_find(&record, "result.json"));
    assert_null(kn_output_record_find(&record, "b.mp4"));
    write_file("talk-clips/result.json", "{\"source\": {\"hash\": \"of another program\"}}");
    assert_false(kn_output_record_read("talk-clips", arena, &record));
}

static void a_record_cannot_name_what_lies_elsewhere(void **state)
{
    (void)state;
    static const struct kn_written files[] = {
        {"../secret"}, {"/etc/passwd"},      {".bashrc"}, {"a/b"},
        {""},          {"01-a.mp4", "hash"}, {"b.srt"}};
    const struct kn_output_record record = {
        .source = "aa", .transcript = "11", .file_count = KN_COUNT_OF(files), .files = files};
    struct kn_output_record read;
    struct kn_error err;
    make_folder("out");
    assert_int_equal(kn_output_record_write("out", &record, &err), KN_OK);
    assert_true(kn_output_record_read("out", arena, &read));
    assert_string_equal(read.transcript, "11");
    assert_int_equal(read.file_count, 2);
    assert_string_equal(kn_output_record_find(&read, "01-a.mp4")->hash, "hash");
    assert_null(kn_output_record_find(&read, "b.srt")->hash);
    static const char *const broken[] = {"", "{", "[]", "{\"source\": 3}",
                                         "{\"files\": {\"a\": 1}}"};
    for (size_t i = 0; i < KN_COUNT_OF(broken); i++) {
        write_file("out/.kirinuki/folder.json", broken[i]);
        assert_false(kn_output_record_read("out", arena, &read));
        assert_int_equal(read.file_count, 0);
    }
}

static void only_files_are_moved_and_never_onto_others(void **state)
{
    (void)state;
    struct kn_names names = {0};
    const char *older;
    int moved;
    struct kn_error err;
    make_folder("out/folder");
    make_folder("out/older/1");
    write_file("out/01-a.mp4", "a");
    write_file("out/older/1/01-a.mp4", "older");
    write_file("secret", "secret");
    assert_int_equal(symlink("../secret", "out/link"), 0);
    kn_names_add(&names, "folder");
    kn_names_add(&names, "gone.mp4");
    assert_int_equal(kn_output_set_aside("out", &names, arena, &older, &moved, &err), KN_OK);
    assert_null(older);
    kn_names_add(&names, "01-a.mp4");
    kn_names_add(&names, "link");
    assert_int_equal(kn_output_set_aside("out", &names, arena, &older, &moved, &err), KN_OK);
    assert_string_equal(older, "older/2");
    assert_int_equal(moved, 2);
    assert_int_equal(kn_file_size("out/older/1/01-a.mp4"), 5);
    assert_int_equal(kn_file_size("out/older/2/01-a.mp4"), 1);
    assert_false(kn_file_exists("out/01-a.mp4"));
    struct stat st;
    assert_true(lstat("out/older/2/link", &st) == 0 &&
                S_ISLNK(st.st_mode)); /* not what it leads to */
    assert_true(kn_file_exists("secret") && kn_file_exists("out/folder"));
    kn_vec_free(&names);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_source_has_a_folder_of_its_own),
        TEST(names_given_away_are_passed_over),
        TEST(a_folder_of_nobodys_is_used),
        TEST(without_a_record_the_result_is_asked),
        TEST(a_record_cannot_name_what_lies_elsewhere),
        TEST(only_files_are_moved_and_never_onto_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
