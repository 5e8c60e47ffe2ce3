/* Renditions that are kept and shared: by threads, by posts, from one time to the next. */
#include "support/media.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#include <kirinuki/cancel.h>

#include "base/clock.h"
#include "pipeline/post_facts.h"
#include "pipeline/rendition_cache.h"
#include "platform/post_json.h"
#include "service/post_renditions.h"

/* A clip that is too large for X, in a cache of the test's own. */
struct trial {
    struct kn_arena *arena;
    const char *root, *folder;
    struct kn_publish_clip clip;
    struct kn_rendition_target target;
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(err));
}

static void begin(struct trial *trial)
{
    struct kn_error err = {0};
    struct kn_publish_clips clips;
    *trial = (struct trial){.arena = kn_arena_new()};
    trial->root = temp_folder(trial->arena);
    setenv("XDG_CACHE_HOME", trial->root, 1);
    must(kn_rendition_folder(trial->arena, &trial->folder, &err), &err);
    char *path = kn_path_join(trial->arena, trial->root, "clip.mp4");
    make_media("-f lavfi -i testsrc=s=460x1300:r=30:d=0.6 -pix_fmt yuv420p -c:v libx264 -preset "
               "ultrafast %s",
               path);
    must(kn_publish_clips_find(&path, 1, trial->arena, NULL, &clips, &err), &err);
    trial->clip = clips.at[0];
    kn_publish_clips_done(&clips);
    static const struct kn_media_rules narrow = {.width_max_px = 64, .height_max_px = 1280};
    trial->target = kn_rendition_target_of(&trial->clip.facts, &narrow);
}

static void end(struct trial *trial)
{
    temp_folder_remove(trial->root);
    kn_arena_free(trial->arena);
}

static int count_videos(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += kn_ends_with(entry->d_name, ".mp4");
    if (dir)
        closedir(dir);
    return count;
}

/* ---- kept ---- */

static struct kn_rendition get(struct trial *trial)
{
    struct kn_rendition rendition = {0};
    struct kn_error err = {0};
    must(kn_rendition_get(trial->folder, &trial->clip.file, &trial->target, 1, trial->arena, NULL,
                          NULL, &rendition, &err),
         &err);
    return rendition;
}

static void the_second_time_it_is_there(void **state)
{
    (void)state;
    struct trial trial;
    begin(&trial);
    assert_false(kn_rendition_kept(trial.folder, &trial.clip.file, &trial.target));
    struct kn_rendition first = get(&trial), second = get(&trial);
    assert_true(kn_rendition_kept(trial.folder, &trial.clip.file, &trial.target));
    assert_false(first.reused);
    assert_true(second.reused);
    assert_string_equal(first.file.hash, second.file.hash);
    assert_string_not_equal(first.file.hash, trial.clip.file.hash);
    assert_int_equal(first.file.modified_us, second.file.modified_us);
    assert_int_equal(first.file.bytes, kn_file_size(first.file.path));
    assert_int_equal(second.file.width_px, trial.target.width_px);

    /* What is no video any more is made again. */
    assert_int_equal(truncate(first.file.path, 100), 0);
    assert_false(get(&trial).reused);

    trial.target.bits_a_second /= 2;
    assert_false(get(&trial).reused);
    assert_int_equal(count_videos(trial.folder), 2);
    end(&trial);
}

struct taker {
    struct trial *trial;
    pthread_t thread;
    enum kn_status status;
    bool reused;
};

static void *take(void *arg)
{
    struct taker *taker = arg;
    struct trial *trial = taker->trial;
    struct kn_arena *arena = kn_arena_new(); /* one thread's */
    struct kn_rendition rendition = {0};
    struct kn_error err;
    taker->status = kn_rendition_get(trial->folder, &trial->clip.file, &trial->target, 1, arena,
                                     NULL, NULL, &rendition, &err);
    taker->reused = rendition.reused;
    kn_arena_free(arena);
    return NULL;
}

static void those_who_want_it_at_once_make_it_once(void **state)
{
    (void)state;
    struct trial trial;
    struct taker takers[4];
    int made = 0;
    begin(&trial);
    for (size_t i = 0; i < KN_COUNT_OF(takers); i++) {
        takers[i] = (struct taker){.trial = &trial};
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take, &takers[i]), 0);
    }
    for (size_t i = 0; i < KN_COUNT_OF(takers); i++)
        pthread_join(takers[i].thread, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(takers); i++) {
        assert_int_equal(takers[i].status, KN_OK);
        made += !takers[i].reused;
    }
    assert_int_equal(made, 1);
    assert_int_equal(count_videos(trial.folder), 1);
    end(&trial);
}

/* Time enough for making it, if nothing held that up. */
static void *stop_soon(void *cancel)
{
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    kn_cancel_trigger(cancel);
    return NULL;
}

static void who_waits_for_another_can_be_stopped(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_rendition rendition;
    struct kn_error err = {0};
    int locks[64];
    begin(&trial);
    assert_int_equal(kn_folder_make(trial.folder, &err), KN_OK);
    for (int i = 0; i < 64; i++)
        must(kn_file_lock(kn_arena_printf(trial.arena, "%s/lock-%02d", trial.folder, i), &locks[i],
                          &err),
             &err);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_soon, cancel), 0);
    assert_int_equal(kn_rendition_get(trial.folder, &trial.clip.file, &trial.target, 1, trial.arena,
                                      cancel, NULL, &rendition, &err),
                     KN_CANCELLED);
    pthread_join(stopper, NULL);
    assert_int_equal(count_videos(trial.folder), 0);
    for (int i = 0; i < 64; i++)
        close(locks[i]);
    kn_cancel_free(cancel);
    end(&trial);
}

/* ---- removed ---- */

static const char *put_old(struct trial *trial, const char *name, int days)
{
    const char *path = kn_path_join(trial->arena, trial->folder, name);
    time_t then = time(NULL) - (time_t)days * 24 * 3600;
    const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
    assert_int_equal(kn_file_write(path, "0123456789", 10, NULL), KN_OK);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return path;
}

static void what_nobody_wants_goes(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial);
    assert_int_equal(kn_folder_make(trial.folder, &err), KN_OK);
    const char *forgotten = put_old(&trial, "a.mp4", 31), *needed = put_old(&trial, "b.mp4", 40);
    const char *older = put_old(&trial, "c.mp4", 20), *old = put_old(&trial, "d.mp4", 10);
    const char *young = put_old(&trial, "e.mp4", 0), *foreign = put_old(&trial, "f.txt", 99);
    const char *left = put_old(&trial, "g.77.part.mp4", 3);
    struct kn_rendition_limits limits = kn_rendition_limits;
    kn_renditions_trim(trial.folder, &limits, &needed, 1);
    assert_false(kn_file_exists(forgotten) || kn_file_exists(left));
    assert_true(kn_file_exists(needed) && kn_file_exists(foreign));
    assert_true(kn_file_exists(older) && kn_file_exists(old) && kn_file_exists(young));
    limits.bytes_max = 30;
    kn_renditions_trim(trial.folder, &limits, &needed, 1);
    assert_false(kn_file_exists(older));
    assert_true(kn_file_exists(needed) && kn_file_exists(old) && kn_file_exists(young));
    limits.bytes_max = 0;
    kn_renditions_trim(trial.folder, &limits, &needed, 1);
    assert_false(kn_file_exists(old));
    assert_true(kn_file_exists(needed) && kn_file_exists(young)); /* it may be in use */
    end(&trial);
}

static void taking_it_makes_it_young(void **state)
{
    (void)state;
    struct trial trial;
    begin(&trial);
    struct kn_rendition first = get(&trial);
    time_t then = time(NULL) - (time_t)60 * 24 * 3600;
    const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
    assert_int_equal(utimensat(AT_FDCWD, first.file.path, times, 0), 0);
    struct kn_rendition second = get(&trial);
    assert_true(second.reused);
    assert_int_equal(second.file.modified_us, then * KN_US_PER_S); /* posts compare it */
    kn_renditions_trim(trial.folder, &kn_rendition_limits, NULL, 0);
    assert_int_equal(count_videos(trial.folder), 1);
    end(&trial);
}

/* ---- in posts ---- */

static const struct kn_publish_target targets[] = {
    {&kn_platform_x, "one"}, {&kn_platform_x, "two"}, {&kn_platform_youtube, "one"}};

static struct kn_planned_post *plan(struct trial *trial, bool rendition, int *ret_count)
{
    const struct kn_publish_settings settings = {.rendition = rendition};
    const struct kn_publish_clips clips = {.count = 1, .at = &trial->clip};
    struct kn_planned_post *posts;
    *ret_count = kn_publish_plan(&clips, targets, 3, &settings, trial->arena, &posts);
    return posts;
}

static void posts_share_a_rendition_and_keep_their_keys(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    struct kn_post_clip file[3];
    int count;
    begin(&trial);
    struct kn_planned_post *posts = plan(&trial, true, &count);
    assert_true(posts[0].rendition && posts[1].rendition && !posts[2].rendition);
    assert_false(posts[0].bad || posts[1].bad || posts[2].bad);
    assert_int_equal(posts[0].rendition->height_px, 1280);
    {
        KN_SCOPED(kn_post_renditions) renditions = NULL;
        must(kn_post_renditions_open(posts, count, &renditions, &err), &err);
        assert_int_equal(kn_post_renditions_count(renditions), 1);
        assert_int_equal(kn_post_renditions_missing(renditions), 1);
        assert_string_equal(kn_post_renditions_for(renditions, trial.arena), "X");
        must(kn_post_renditions_make(renditions, trial.arena, NULL, NULL, &err), &err);
    }
    assert_int_equal(count_videos(trial.folder), 1);
    for (int i = 0; i < count; i++) {
        assert_false(posts[i].bad);
        assert_non_null(strstr(posts[i].spec.key, trial.clip.file.hash));
        must(kn_post_clip_read(posts[i].spec.clip, trial.arena, &file[i], &err), &err);
        assert_int_equal(file[i].bytes, posts[i].spec.bytes);
        assert_int_equal(file[i].height_px, i < 2 ? 1280 : 1300);
    }
    assert_string_equal(file[0].path, file[1].path);
    assert_string_equal(file[2].path, trial.clip.file.path);
    KN_SCOPED(kn_post_renditions) again = NULL;
    must(kn_post_renditions_open(plan(&trial, true, &count), 3, &again, &err), &err);
    assert_int_equal(kn_post_renditions_missing(again), 0);
    end(&trial);
}

static void without_renditions_it_is_refused(void **state)
{
    (void)state;
    struct trial trial;
    int count;
    begin(&trial);
    struct kn_planned_post *posts = plan(&trial, false, &count);
    assert_true(posts[0].bad && posts[1].bad && !posts[2].bad);
    assert_null(posts[0].rendition);
    trial.clip.facts.duration_us = 100; /* no rendition makes it longer */
    posts = plan(&trial, true, &count);
    assert_true(posts[0].bad && !posts[0].rendition);
    end(&trial);
}

static void what_cannot_be_made_holds_nobody_up(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    int count;
    begin(&trial);
    struct kn_planned_post *posts = plan(&trial, true, &count);
    const char *place = kn_path_join(trial.arena, trial.root, "kirinuki");
    assert_int_equal(kn_file_write(place, "", 0, &err), KN_OK); /* where the folder would be */
    KN_SCOPED(kn_post_renditions) renditions = NULL;
    must(kn_post_renditions_open(posts, count, &renditions, &err), &err);
    must(kn_post_renditions_make(renditions, trial.arena, NULL, NULL, &err), &err);
    assert_true(posts[0].bad && posts[1].bad && !posts[2].bad);
    assert_string_equal(posts[0].findings[0].rule, "rendition");
    assert_non_null(strstr(posts[0].findings[0].text, "X: the rendition that it needs cannot be"));

    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_post_renditions_make(renditions, trial.arena, cancel, NULL, &err),
                     KN_CANCELLED);
    kn_cancel_free(cancel);
    end(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_time_it_is_there),
        cmocka_unit_test(those_who_want_it_at_once_make_it_once),
        cmocka_unit_test(who_waits_for_another_can_be_stopped),
        cmocka_unit_test(what_nobody_wants_goes),
        cmocka_unit_test(taking_it_makes_it_young),
        cmocka_unit_test(posts_share_a_rendition_and_keep_their_keys),
        cmocka_unit_test(without_renditions_it_is_refused),
        cmocka_unit_test(what_cannot_be_made_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
