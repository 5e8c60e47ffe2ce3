/* Videos in a folder: which names count, and that each is told of once it is complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sync.h"
#include "media/whole.h"
#include "service/video_folder.h"
#include "support/arena_state.h"
#include "support/temp_folder.h"

/* Files that nobody can be asked about, or that are broken, are not told of within a test's time.
 */
enum { STILL_MS = 80, LOOK_MS = 100, NEVER_MS = 600000, FOUND_MAX = 16, PATIENCE_S = 20 };

/* A watcher on a thread of its own, and what it told of. */
struct watch {
    char folder[PATH_MAX];
    struct kn_cancel *cancel;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    int count;
    char names[FOUND_MAX][NAME_MAX + 1];
    int64_t sizes[FOUND_MAX], still_us[FOUND_MAX];
    int gone_count, back_count;
    int offers, refusals; /* how often it was told, and how often more it takes nothing */
    enum kn_status status;
    struct kn_error err;
    enum kn_writers (*writers)(const char *path);
};

static void put(const struct watch *watch, const char *name, const char *text, const char *how)
{
    char path[PATH_MAX + NAME_MAX];
    snprintf(path, sizeof path, "%s/%s", watch->folder, name);
    FILE *file = fopen(path, how);
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bool found(void *arg, const char *path)
{
    struct watch *watch = arg;
    struct stat st;
    assert(stat(path, &st) == 0);
    KN_LOCKED(&watch->lock);
    watch->offers++;
    if (watch->refusals > 0) {
        watch->refusals--;
        return false;
    }
    assert(watch->count < FOUND_MAX);
    int i = watch->count++;
    snprintf(watch->names[i], sizeof watch->names[i], "%s", kn_path_base(path));
    watch->sizes[i] = st.st_size;
    watch->still_us[i] =
        kn_wall_us() - (st.st_mtim.tv_sec * KN_US_PER_S + st.st_mtim.tv_nsec / 1000);
    pthread_cond_broadcast(&watch->more);
    return true;
}

static void gone(void *arg, const char *why)
{
    struct watch *watch = arg;
    KN_LOCKED(&watch->lock);
    watch->gone_count += why != NULL;
    watch->back_count += why == NULL;
    pthread_cond_broadcast(&watch->more);
}

static void *watch_on_thread(void *arg)
{
    struct watch *watch = arg;
    const struct kn_video_watch options = {
        .folder = watch->folder,
        .still_ms = STILL_MS,
        .unsure_ms = NEVER_MS,
        .broken_ms = NEVER_MS,
        .look_ms = LOOK_MS,
        .whole = kn_media_whole,
        .writers = watch->writers,
        .found = found,
        .gone = gone,
        .arg = watch,
    };
    watch->status = kn_videos_watch(&options, watch->cancel, &watch->err);
    return NULL;
}

static bool was_told(const struct watch *watch, const char *name, const char *content)
{
    for (int i = 0; i < watch->count; i++)
        if (strcmp(watch->names[i], name) == 0 && watch->sizes[i] == (int64_t)strlen(content))
            return true;
    return false;
}

static void wait_for(struct watch *watch, const char *name, const char *content)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    KN_LOCKED(&watch->lock);
    while (!was_told(watch, name, content))
        if (pthread_cond_timedwait(&watch->more, &watch->lock, &until) == ETIMEDOUT)
            fail_msg("%s was not found", name);
}

static void wait_for_gone(struct watch *watch, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    KN_LOCKED(&watch->lock);
    while (watch->gone_count < count)
        if (pthread_cond_timedwait(&watch->more, &watch->lock, &until) == ETIMEDOUT)
            fail_msg("that the folder is gone was not told");
}

static void check_told(struct watch *watch, int gone_count, int back_count)
{
    KN_LOCKED(&watch->lock);
    assert_int_equal(watch->gone_count, gone_count);
    assert_int_equal(watch->back_count, back_count);
}

static bool knows(struct watch *watch, const char *name)
{
    KN_LOCKED(&watch->lock);
    for (int i = 0; i < watch->count; i++)
        if (strcmp(watch->names[i], name) == 0)
            return true;
    return false;
}

static void begin(struct watch *watch)
{
    *watch = (struct watch){.cancel = kn_cancel_new(NULL)};
    assert_non_null(temp_folder_make(watch->folder));
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->more, NULL);
}

static void start(struct watch *watch)
{
    assert_int_equal(pthread_create(&watch->thread, NULL, watch_on_thread, watch), 0);
}

static void end(struct watch *watch)
{
    kn_cancel_trigger(watch->cancel);
    pthread_join(watch->thread, NULL);
    assert_int_equal(watch->status, KN_CANCELLED);
    kn_cancel_free(watch->cancel);
    pthread_cond_destroy(&watch->more);
    pthread_mutex_destroy(&watch->lock);
    temp_folder_remove(watch->folder);
}

static void names_are_judged_by_their_extension(void **state)
{
    (void)state;
    static const char *const videos[] = {"a.mp4", "A.MOV", "talk.final.webm", "x.m2ts", "o.opus"};
    static const char *const others[] = {"mp4",   ".mp4", ".hidden.mp4", "a.mp4.part", "a.mp4123",
                                         "a.srt", "",     "a."};
    for (size_t i = 0; i < KN_COUNT_OF(videos); i++)
        assert_true(kn_is_video_name(videos[i]));
    for (size_t i = 0; i < KN_COUNT_OF(others); i++)
        assert_false(kn_is_video_name(others[i]));
}

static void a_folder_is_listed_by_name(void **state)
{
    struct watch watch;
    const char **paths;
    int count;
    struct kn_error err;
    char path[PATH_MAX + NAME_MAX];
    begin(&watch);
    assert_int_equal(kn_videos_in(watch.folder, *state, &paths, &count, &err), KN_OK);
    assert_int_equal(count, 0);
    put(&watch, "b.mp4", "b", "w");
    put(&watch, "a.mkv", "a", "w");
    put(&watch, "notes.txt", "n", "w");
    snprintf(path, sizeof path, "%s/folder.mp4", watch.folder);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(kn_videos_in(watch.folder, *state, &paths, &count, &err), KN_OK);
    assert_int_equal(count, 2);
    assert_string_equal(kn_path_base(paths[0]), "a.mkv");
    assert_string_equal(kn_path_base(paths[1]), "b.mp4");
    start(&watch);
    end(&watch);
    assert_int_equal(kn_videos_in(watch.folder, *state, &paths, &count, &err), KN_NOT_FOUND);
}

static void a_video_is_told_of_once_it_is_still(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    put(&watch, "there.mp4", "before", "w");
    start(&watch);
    wait_for(&watch, "there.mp4", "before");
    put(&watch, "notes.txt", "no video", "w");
    put(&watch, "empty.mp4", "", "w");
    put(&watch, "comes.mp4", "one ", "w");
    put(&watch, "comes.mp4", "two", "a");
    wait_for(&watch, "comes.mp4", "one two");
    put(&watch, "last.mp4", "the last", "w");
    wait_for(&watch, "last.mp4", "the last"); /* by now the others would have come */
    for (int i = 0; i < watch.count; i++) {
        assert_string_not_equal(watch.names[i], "notes.txt");
        assert_string_not_equal(watch.names[i], "empty.mp4");
        assert_true(watch.still_us[i] >= (STILL_MS - 10) * 1000); /* a file's clock is coarser */
    }
    end(&watch);
}

static void what_could_not_be_taken_is_told_of_again(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    watch.refusals = 3;
    put(&watch, "a.mp4", "first", "w");
    put(&watch, "b.mp4", "second", "w");
    start(&watch);
    wait_for(&watch, "a.mp4", "first");
    wait_for(&watch, "b.mp4", "second");
    end(&watch);
    assert_int_equal(watch.count, 2); /* and once only when it was taken */
    assert_int_equal(watch.offers, 5);
}

static void what_is_written_anew_is_told_of_again(void **state)
{
    (void)state;
    struct watch watch;
    char from[PATH_MAX + NAME_MAX], to[PATH_MAX + NAME_MAX];
    begin(&watch);
    start(&watch);
    put(&watch, "talk.mp4", "first", "w");
    wait_for(&watch, "talk.mp4", "first");
    put(&watch, "talk.mp4.part", "the second one", "w");
    snprintf(from, sizeof from, "%s/talk.mp4.part", watch.folder);
    snprintf(to, sizeof to, "%s/talk.mp4", watch.folder);
    assert_int_equal(rename(from, to), 0);
    wait_for(&watch, "talk.mp4", "the second one");
    assert_int_equal(watch.count, 2); /* once a content */
    end(&watch);
}

static void what_is_open_for_writing_waits(void **state)
{
    (void)state;
    struct watch watch;
    char path[PATH_MAX + NAME_MAX];
    begin(&watch);
    snprintf(path, sizeof path, "%s/open.mp4", watch.folder);
    FILE *open = fopen(path, "w");
    assert_non_null(open);
    fputs("half", open);
    assert_int_equal(fflush(open), 0);
    if (kn_file_writers(path) == KN_WRITERS_UNKNOWN) {
        fclose(open);
        kn_cancel_free(watch.cancel);
        temp_folder_remove(watch.folder);
        skip(); /* a file system without leases */
    }
    assert_int_equal(kn_file_writers(path), KN_WRITERS_SOME);
    start(&watch);
    put(&watch, "closed.mp4", "later", "w");
    wait_for(&watch, "closed.mp4", "later"); /* the other one has been still for longer */
    assert_false(knows(&watch, "open.mp4"));
    fputs(" and half", open);
    assert_int_equal(fclose(open), 0);
    wait_for(&watch, "open.mp4", "half and half");
    assert_int_equal(watch.count, 2);
    end(&watch);
}

static enum kn_writers nobody_knows(const char *path)
{
    (void)path;
    return KN_WRITERS_UNKNOWN;
}

static void where_nobody_can_tell_closing_counts(void **state)
{
    (void)state;
    struct watch watch;
    begin(&watch);
    watch.writers = nobody_knows;
    put(&watch, "before.mp4", "there before", "w");
    start(&watch);
    do /* until the folder is watched, nobody sees it closed */
        put(&watch, "closed.mp4", "seen to be closed", "w");
    while (!knows(&watch, "closed.mp4") && kn_cancel_wait_ms(watch.cancel, 2 * STILL_MS) == false);
    assert_false(knows(&watch, "before.mp4"));
    end(&watch);
}

static void a_recording_without_its_end_waits(void **state)
{
    (void)state;
    static const char head[] = "\x1a\x45\xdf\xa3\x81-\x18\x53\x80\x67\x90",
                      body[] = "0123456789abcdef";
    struct watch watch;
    char whole[64];
    begin(&watch);
    put(&watch, "talk.mkv", head, "w");
    put(&watch, "talk.mkv", "half", "a");
    start(&watch);
    put(&watch, "other.mp4", "other", "w");
    wait_for(&watch, "other.mp4", "other");
    assert_false(knows(&watch, "talk.mkv"));
    put(&watch, "talk.mkv", head, "w");
    put(&watch, "talk.mkv", body, "a");
    snprintf(whole, sizeof whole, "%s%s", head, body);
    wait_for(&watch, "talk.mkv", whole);
    end(&watch);
}

static void containers_tell_whether_they_are_whole(void **state)
{
    (void)state;
#define FTYP                                                                                       \
    "\0\0\0\x0c"                                                                                   \
    "ftypisom"
#define MOOV                                                                                       \
    "\0\0\0\x0a"                                                                                   \
    "moov12"
    static const struct {
        const char *bytes;
        size_t size;
        bool whole;
    } cases[] = {
#define CASE(bytes, whole) {bytes, sizeof bytes - 1, whole}
        CASE("no video at all", true),
        CASE("", false), /* of a file that is not empty, its first bytes are zeros */
        CASE(FTYP "\0\0\0\x0a"
                  "mdat12" MOOV,
             true),
        CASE(FTYP MOOV "\0\0\0\x0a"
                       "mdat12",
             true),
        CASE(FTYP MOOV "\0\0\0\x0b"
                       "mdat12",
             false),
        CASE(FTYP "\0\0\0\x0a"
                  "mdat12",
             false),
        CASE(FTYP "\0\0\0\0"
                  "mdat12",
             false),
        CASE(FTYP MOOV "\0\0\0\1"
                       "mdat\0\0\0\0\0\0\0\x12"
                       "12",
             true),
        CASE(FTYP MOOV "\0\0\0\1"
                       "mdat\xff\xff\xff\xff\xff\xff\xff\xff"
                       "12",
             false),
        CASE("\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x82"
             "12",
             true),
        CASE("\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x83"
             "12",
             false),
        CASE("\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff"
             "12",
             true), /* live */
        CASE("\x1a\x45\xdf\xa3\x80", false),
        CASE("RIFF\x02\0\0\0"
             "12",
             true),
        CASE("RIFF\x03\0\0\0"
             "12",
             false),
        CASE("RIFF\xff\xff\xff\xff"
             "12",
             true),
#undef CASE
    };
    char folder[PATH_MAX], path[PATH_MAX + NAME_MAX];
    assert_non_null(temp_folder_make(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fwrite(cases[i].bytes, 1, cases[i].size, file);
        assert_int_equal(fclose(file), 0);
        if (kn_media_whole(path) != cases[i].whole)
            fail_msg("case %zu is said to be %s", i, cases[i].whole ? "in part" : "whole");
    }
    temp_folder_remove(folder);
    assert_true(kn_media_whole(path)); /* what is not there, others complain of */
}

static void a_folder_that_goes_away_is_found_again(void **state)
{
    (void)state;
    struct watch watch;
    char away[PATH_MAX + 8];
    begin(&watch);
    start(&watch);
    put(&watch, "first.mp4", "one", "w");
    wait_for(&watch, "first.mp4", "one");
    snprintf(away, sizeof away, "%s-away", watch.folder);
    assert_int_equal(rename(watch.folder, away), 0);
    wait_for_gone(&watch, 1);
    assert_int_equal(mkdir(watch.folder, 0777), 0);
    put(&watch, "second.mp4", "two", "w");
    wait_for(&watch, "second.mp4", "two");
    check_told(&watch, 1, 1);
    temp_folder_remove(watch.folder);
    wait_for_gone(&watch, 2);
    assert_int_equal(rename(away, watch.folder), 0);
    put(&watch, "third.mp4", "three", "w");
    wait_for(&watch, "third.mp4", "three");
    check_told(&watch, 2, 2);
    end(&watch);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct kn_error err;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    const struct kn_video_watch watch = {.folder = "/nowhere/at/all", .found = found};
    assert_int_equal(kn_videos_watch(&watch, cancel, &err), KN_NOT_FOUND);
    assert_non_null(strstr(kn_error_text(&err), "/nowhere/at/all"));
    kn_cancel_free(cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_judged_by_their_extension),
        ARENA_TEST(a_folder_is_listed_by_name),
        cmocka_unit_test(a_video_is_told_of_once_it_is_still),
        cmocka_unit_test(what_could_not_be_taken_is_told_of_again),
        cmocka_unit_test(what_is_written_anew_is_told_of_again),
        cmocka_unit_test(what_is_open_for_writing_waits),
        cmocka_unit_test(where_nobody_can_tell_closing_counts),
        cmocka_unit_test(a_recording_without_its_end_waits),
        cmocka_unit_test(containers_tell_whether_they_are_whole),
        cmocka_unit_test(a_folder_that_goes_away_is_found_again),
        cmocka_unit_test(a_folder_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
