/* The outbox: a clip is put there once, whole, with its texts. */
#include "run_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "posting_harness.h"

enum { BYTES = 3 << 20 };

struct world {
    struct harness h;
    const char *outbox;
};

/* Names that do not begin with a dot; all of them with it. */
static int files(const struct world *w, bool hidden, const char *ending)
{
    int count = 0;
    DIR *folder = opendir(w->outbox);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += (hidden || entry->d_name[0] != '.') && kn_ends_with(entry->d_name, ending);
    if (folder)
        closedir(folder);
    return count;
}

static void empty(void *arg)
{
    const struct world *w = arg;
    DIR *folder = opendir(w->outbox);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

static int begin(void **state)
{
    static const char *const tags[] = {"one", "zwei"};
    struct world *w = harness_world_open(state, sizeof *w, &kn_platform_folder, BYTES, empty, NULL);
    w->outbox = kn_path_join(w->h.arena, w->h.folder, "out/box");
    w->h.text.caption = "Quotes \" and\nlines";
    w->h.text.tags = tags;
    w->h.text.tag_count = KN_COUNT_OF(tags);
    w->h.settings = kn_arena_printf(w->h.arena, "{\"path\":\"%s\"}", w->outbox);
    return 0;
}

static const char *clip_path(const struct world *w)
{
    return kn_path_join(w->h.arena, w->outbox, "clip 01-0123456789abcdef.mp4");
}

static void expect_live(struct world *w)
{
    char hash[KN_HASH_TEXT_BYTES] = "";
    struct kn_error err;
    if (w->h.outcome != KN_NEXT_LIVE || files(w, false, ".mp4") != 1 || files(w, true, "") != 4 ||
        kn_file_hash(clip_path(w), NULL, NULL, hash, &err) != KN_OK ||
        strcmp(hash, w->h.clip.hash) != 0)
        harness_fail(&w->h, "the clip is there once, whole, with its texts and nothing else");
    assert_string_equal(w->h.remote_id, "0123456789abcdef");
    assert_true(kn_starts_with(w->h.url, "file:///"));
    assert_true(kn_ends_with(w->h.url, "/out/box/clip%2001-0123456789abcdef.mp4"));
}

static void judge(struct harness *h, const struct harness_plan *plan)
{
    (void)plan;
    expect_live(h->world);
}

static void whatever_breaks_the_clip_is_there(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
    assert_int_equal(w->h.progress_bytes, BYTES);
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    struct kn_error err;
    const char *path = kn_path_join(w->h.arena, w->outbox, "clip 01-0123456789abcdef.json");
    assert_int_equal(kn_file_read(path, 100000, &text, &size, &err), KN_OK);
    KN_SCOPED_JSON document = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "title")), "A title");
    assert_string_equal(json_string_value(json_object_get(document, "caption")),
                        "Quotes \" and\nlines");
    assert_int_equal(json_array_size(json_object_get(document, "tags")), 2);
    assert_non_null(json_string_value(json_object_get(document, "put_at")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(document, "clip"), "file")),
        "clip 01-0123456789abcdef.mp4");
}

static void doing_it_again_finds_it(void **state)
{
    struct world *w = *state;
    struct stat before, after;
    harness_run(&w->h, NULL);
    assert_int_equal(stat(clip_path(w), &before), 0);
    free(w->h.memory);
    w->h.memory = kn_strdup("{}");
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(stat(clip_path(w), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void a_clip_that_was_taken_is_not_put_again(void **state)
{
    struct world *w = *state;
    /* It was put there, and its publisher died before it could say so. */
    harness_run(&w->h, NULL);
    empty(w);
    harness_run_again(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_non_null(strstr(w->h.remedy, "ask whoever takes clips"));
    assert_int_equal(files(w, false, ".mp4"), 0);
}

static void the_outbox_may_move_meanwhile(void **state)
{
    struct world *w = *state;
    const struct harness_plan crash = {.crash_at = 1, .crash_after = true};
    const char *moved = kn_path_join(w->h.arena, w->h.folder, "moved");
    const char *settings = w->h.settings;
    harness_run(&w->h, &crash); /* goes on where it began */
    expect_live(w);
    w->h.settings = kn_arena_printf(w->h.arena, "{\"path\":\"%s\"}", moved);
    harness_run_again(&w->h, NULL);
    w->h.settings = settings;
    expect_live(w);
    assert_false(kn_file_exists(moved));
}

static void another_file_of_that_name_stays(void **state)
{
    struct world *w = *state;
    struct kn_error err;
    harness_run(&w->h, NULL);
    assert_int_equal(kn_file_write(clip_path(w), "mine", 4, &err), KN_OK);
    harness_run_again(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.reason, "is another file"));
    assert_int_equal(kn_file_size(clip_path(w)), 4);
}

/* A limit on the size of files, which is as full as a disk can be made without being root. */
static void nothing_half_is_left_on_a_full_disk(void **state)
{
    struct world *w = *state;
    struct rlimit usual, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    small.rlim_cur = BYTES / 2;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    harness_run(&w->h, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    signal(SIGXFSZ, before);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.remedy, "make room"));
    assert_int_equal(files(w, true, ""), 2); /* "." and ".." */
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void another_clip_is_not_put(void **state)
{
    struct world *w = *state;
    int fd = open(w->h.clip.path, O_WRONLY);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = w->h.clip.modified_us / 1000000,
                                 .tv_nsec = w->h.clip.modified_us % 1000000 * 1000}};
    assert_int_equal(pwrite(fd, "another", 7, BYTES - 7), 7);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_int_equal(w->h.status, KN_INVALID);
    assert_int_equal(files(w, true, ""), 2);
}

static void places_that_cannot_be_are_refused(void **state)
{
    struct world *w = *state;
    struct kn_error err;
    w->h.settings = "{\"path\":\"relative/path\"}";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_string_equal(w->h.remedy, "set the outbox's path to an absolute one");
    w->h.settings = "{\"path\":\"/proc/no/outbox\"}"; /* not found, as a clip may be, too */
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.remedy, "set another folder for the outbox"));
    const char *file = kn_path_join(w->h.arena, w->h.folder, "file");
    assert_int_equal(kn_file_write(file, "a", 1, &err), KN_OK);
    w->h.settings = kn_arena_printf(w->h.arena, "{\"path\":\"%s\"}", file);
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.reason, "is a file, not a folder"));
}

static void without_a_setting_it_is_in_the_users_data(void **state)
{
    struct world *w = *state;
    const char *usual = getenv("XDG_DATA_HOME");
    KN_SCOPED_MEM char *kept = kn_strdup(usual);
    setenv("XDG_DATA_HOME", w->h.folder, 1);
    w->h.settings = "{}";
    w->outbox = kn_path_join(w->h.arena, w->h.folder, "kirinuki/outbox");
    harness_run(&w->h, NULL);
    if (kept)
        setenv("XDG_DATA_HOME", kept, 1);
    else
        unsetenv("XDG_DATA_HOME");
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_int_equal(files(w, false, ".mp4"), 1);
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(whatever_breaks_the_clip_is_there),
        FOLDER_TEST(doing_it_again_finds_it),
        FOLDER_TEST(a_clip_that_was_taken_is_not_put_again),
        FOLDER_TEST(the_outbox_may_move_meanwhile),
        FOLDER_TEST(another_file_of_that_name_stays),
        FOLDER_TEST(nothing_half_is_left_on_a_full_disk),
        FOLDER_TEST(another_clip_is_not_put),
        FOLDER_TEST(places_that_cannot_be_are_refused),
        FOLDER_TEST(without_a_setting_it_is_in_the_users_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
