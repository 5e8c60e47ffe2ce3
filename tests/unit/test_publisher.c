/* The publisher: many posts at a receiver of the test's, while its lease is lost, its store is
 * away, somebody cancels, or it is told to stop. Who gets a clip tells them apart by their keys. */
#include "run_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sync.h"
#include "net/server.h"
#include "platform/post_json.h"
#include "service/publisher.h"
#include "support/temp_folder.h"

enum { POSTS = 40, CLIP_BYTES = 20000, KEY_BYTES = 40 };

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != KN_OK)                                                                       \
            fail_msg("%s", kn_error_text(&err));                                                   \
    } while (0)

static const int64_t quick_lease_us = 1500000;

struct stage {
    char folder[PATH_MAX], url[64];
    const char *database;
    struct kn_arena *arena;
    struct kn_store *store;
    struct kn_http *http;
    struct kn_server *server;
    struct kn_cancel *stop;
    int64_t posts[POSTS];
    int count; /* of them: those that are published */
    pthread_t publishing;
    enum kn_status status; /* of the publisher, when it has ended */
    int64_t lease_us;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Protected by `lock`. */
    bool held; /* nothing is answered */
    bool busy; /* nothing is taken for half a minute, and what was done is not said */
    int asked, taken;
    char keys[POSTS][KEY_BYTES]; /* of the clips that were taken */
    int told_live;
};

/* ---- the receiver ---- */

static void note_key(struct stage *stage, const char *key)
{
    for (int i = 0; i < stage->taken; i++)
        if (strcmp(stage->keys[i], key) == 0)
            return;
    assert_true(stage->taken < POSTS);
    snprintf(stage->keys[stage->taken++], KEY_BYTES, "%s", key);
}

static void handle(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct stage *stage = arg;
    const struct kn_server_field *key = kn_server_header(x, "idempotency-key");
    KN_LOCKED(&stage->lock);
    stage->asked++;
    pthread_cond_broadcast(&stage->changed);
    while (stage->held && !kn_cancel_requested(x->cancel))
        (void)kn_cond_wait_until(&stage->changed, &stage->lock, kn_now_us() + 20000);
    if (stage->busy) {
        static const struct kn_server_field later = {
            .name = "Retry-After", .data = "30", .size = 2};
        reply->status = 503;
        reply->headers = &later;
        reply->header_count = 1;
        return;
    }
    note_key(stage, kn_arena_strndup(x->arena, key->data, key->size));
    reply->status = 200;
    reply->content_type = "application/json";
    reply->body = "{\"id\":\"a\",\"url\":\"https://example.com/a\"}";
    reply->size = strlen(reply->body);
}

static void wait_asked(struct stage *stage, int count)
{
    int64_t until_us = kn_now_us() + 60000000;
    KN_LOCKED(&stage->lock);
    while (stage->asked < count && kn_now_us() < until_us)
        (void)kn_cond_wait_until(&stage->changed, &stage->lock, until_us);
    assert_true(stage->asked >= count);
}

static void hold(struct stage *stage, bool held)
{
    KN_LOCKED(&stage->lock);
    stage->held = held;
    pthread_cond_broadcast(&stage->changed);
}

/* ---- the publisher ---- */

static void hear(void *arg, const struct kn_post_news *news)
{
    struct stage *stage = arg;
    KN_LOCKED(&stage->lock);
    stage->told_live += news->state == KN_POST_LIVE;
}

static void *publish(void *arg)
{
    struct stage *stage = arg;
    struct kn_error err;
    const struct kn_publisher_options options = {
        .store = stage->store,
        .http = stage->http,
        .at_once = 16,
        .account_at_once = 16,
        .lease_us = stage->lease_us,
        .only = stage->posts,
        .only_count = stage->count,
        .heard = hear,
        .arg = stage,
    };
    stage->status = kn_publisher_run(&options, stage->stop, &err);
    return NULL;
}

static void start(struct stage *stage)
{
    assert_int_equal(kn_thread_start(&stage->publishing, "publish", publish, stage), 0);
}

static void end_well(struct stage *stage)
{
    pthread_join(stage->publishing, NULL);
    assert_int_equal(stage->status, KN_OK);
}

static const struct kn_post *list(struct stage *stage, enum kn_post_state state, int *ret_count)
{
    struct kn_error err;
    const struct kn_post *posts;
    const struct kn_post_filter filter = {.states = 1u << state, .limit = 1000};
    assert_ok(kn_store_posts_list(stage->store, &filter, stage->arena, &posts, ret_count, &err));
    return posts;
}

static int count_in(struct stage *stage, enum kn_post_state state)
{
    int count;
    (void)list(stage, state, &count);
    return count;
}

/* ---- the stage ---- */

static struct kn_post_clip make_clip(struct stage *stage)
{
    static char data[CLIP_BYTES];
    char hash[KN_HASH_TEXT_BYTES];
    struct kn_error err;
    struct stat about;
    const char *path = kn_path_join(stage->arena, stage->folder, "clip.mp4");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, sizeof data, file), sizeof data);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_ok(kn_file_hash(path, NULL, NULL, hash, &err));
    return (struct kn_post_clip){
        .path = path,
        .hash = kn_arena_strdup(stage->arena, hash),
        .bytes = about.st_size,
        .modified_us = about.st_mtim.tv_sec * 1000000 + about.st_mtim.tv_nsec / 1000,
        .duration_us = 1000000,
    };
}

static void plan(struct stage *stage)
{
    struct kn_error err;
    struct kn_post_planned planned[POSTS];
    struct kn_post_spec specs[POSTS];
    const struct kn_post_clip clip = make_clip(stage);
    const struct kn_post_text text = {.title = "A clip", .caption = "Words"};
    const struct kn_post_options options = {.cover_us = -1};
    for (int i = 0; i < POSTS; i++)
        specs[i] = (struct kn_post_spec){
            .key = kn_arena_printf(stage->arena, "clip %d", i),
            .platform = "webhook",
            .account = stage->url,
            .clip = kn_post_clip_write(&clip, stage->arena),
            .request = kn_post_request_write(&text, &options, stage->arena),
            .bytes = clip.bytes,
        };
    assert_ok(kn_store_posts_plan(stage->store, specs, POSTS, planned, NULL, &err));
    for (int i = 0; i < POSTS; i++)
        stage->posts[i] = planned[i].id;
    stage->count = POSTS;
}

static int begin(void **state)
{
    struct stage *stage = kn_calloc(1, sizeof *stage);
    struct kn_error err;
    assert_non_null(temp_folder_make(stage->folder));
    stage->arena = kn_arena_new();
    stage->database = kn_path_join(stage->arena, stage->folder, "queue.db");
    stage->stop = kn_cancel_new(NULL);
    pthread_mutex_init(&stage->lock, NULL);
    kn_cond_init(&stage->changed);
    assert_ok(
        kn_store_open(&(struct kn_store_options){.where = stage->database}, &stage->store, &err));
    assert_ok(kn_http_open(&(struct kn_http_options){0}, &stage->http, &err));
    assert_ok(kn_server_open(&(struct kn_server_options){.handle = handle, .arg = stage},
                             &stage->server, &err));
    snprintf(stage->url, sizeof stage->url, "http://127.0.0.1:%d/in",
             kn_server_port(stage->server));
    plan(stage);
    *state = stage;
    return 0;
}

static int end(void **state)
{
    struct stage *stage = *state;
    kn_server_close(stage->server);
    kn_http_close(stage->http);
    kn_store_close(stage->store);
    kn_cancel_free(stage->stop);
    pthread_cond_destroy(&stage->changed);
    pthread_mutex_destroy(&stage->lock);
    assert_int_equal(temp_folder_remove(stage->folder), 0);
    kn_arena_free(stage->arena);
    free(stage);
    return 0;
}

static void expect_all_live(struct stage *stage)
{
    assert_int_equal(count_in(stage, KN_POST_LIVE), POSTS);
    assert_int_equal(stage->taken, POSTS);
}

/* ---- the cases ---- */

static void test_many_posts_are_each_sent_once(void **state)
{
    struct stage *stage = *state;
    start(stage);
    end_well(stage);
    expect_all_live(stage);
    assert_int_equal(stage->asked, POSTS);
    assert_int_equal(stage->told_live, POSTS);
}

static void test_a_lost_lease_stops_what_runs_and_all_is_claimed_again(void **state)
{
    struct stage *stage = *state;
    struct kn_error err;
    int count;
    stage->lease_us = quick_lease_us;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 16);
    const struct kn_post *posts = list(stage, KN_POST_UPLOADING, &count);
    assert_true(count > 0);
    assert_ok(kn_store_leave(stage->store, posts[0].worker, &err)); /* as though it were dead */
    wait_asked(stage, 17); /* the next life asks again, with the keys that it had */
    hold(stage, false);
    end_well(stage);
    expect_all_live(stage);
}

static void test_a_store_that_is_away_for_a_while_is_waited_for(void **state)
{
    struct stage *stage = *state;
    sqlite3 *other;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 16);
    assert_int_equal(sqlite3_open(stage->database, &other), SQLITE_OK);
    (void)sqlite3_busy_timeout(other, 60000);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    hold(stage, false); /* all answers come while nothing can be written */
    (void)kn_cancel_wait_ms(stage->stop, 300);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    end_well(stage);
    expect_all_live(stage);
    assert_int_equal(stage->asked, POSTS);
}

/* As a full disk does: what is there can be read, and nothing grows. */
static void let_files_grow(bool may)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = may ? limit.rlim_max : 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_store_that_stays_full_ends_it_and_the_next_goes_on(void **state)
{
    struct stage *stage = *state;
    (void)signal(SIGXFSZ, SIG_IGN);
    stage->lease_us = quick_lease_us / 3;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 16);
    let_files_grow(false);
    hold(stage, false); /* all answers come while nothing can be written */
    pthread_join(stage->publishing, NULL);
    let_files_grow(true);
    assert_int_not_equal(stage->status, KN_OK);
    assert_int_equal(count_in(stage, KN_POST_FAILED) + count_in(stage, KN_POST_UNKNOWN), 0);
    assert_int_equal(stage->told_live, 0);
    start(stage);
    end_well(stage);
    expect_all_live(stage);
}

static void test_a_post_that_was_cancelled_is_not_sent(void **state)
{
    struct stage *stage = *state;
    struct kn_error err;
    enum kn_post_state now;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 16);
    assert_ok(kn_store_post_cancel(stage->store, stage->posts[POSTS - 1], &now, &err));
    assert_int_equal(now, KN_POST_CANCELLED);
    hold(stage, false);
    end_well(stage);
    assert_int_equal(count_in(stage, KN_POST_LIVE), POSTS - 1);
    assert_int_equal(count_in(stage, KN_POST_CANCELLED), 1);
    assert_int_equal(stage->taken, POSTS - 1);
}

/* It may be there, so it is asked after: when its platform wants that, not again and again. */
static void test_a_cancel_does_not_shorten_waits(void **state)
{
    struct stage *stage = *state;
    struct kn_error err;
    enum kn_post_state now;
    stage->count = 1;
    stage->busy = true;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 1);
    assert_ok(kn_store_post_cancel(stage->store, stage->posts[0], &now, &err));
    hold(stage, false);
    wait_asked(stage, 2); /* whoever hears of it looks once */
    (void)kn_cancel_wait_ms(stage->stop, 300);
    kn_cancel_trigger(stage->stop);
    end_well(stage);
    assert_int_equal(stage->asked, 2);
}

/* Of somebody who began to send it and went away: it may be there, and is to be stopped. */
static void leave_in_doubt(struct stage *stage)
{
    struct kn_error err;
    enum kn_post_state now;
    const struct kn_post *posts;
    int64_t worker;
    int count;
    assert_ok(kn_store_join(stage->store, "before", 60000000, &worker, &err));
    const struct kn_post_claim claim = {
        .worker = worker, .max = 1, .account_max = 1, .only = stage->posts, .only_count = 1};
    assert_ok(kn_store_posts_claim(stage->store, &claim, stage->arena, &posts, &count, &err));
    assert_int_equal(count, 1);
    struct kn_post_save save = {.holder = {posts->id, worker, posts->attempt},
                                .state = KN_POST_UPLOADING,
                                .memory = "{\"intent_us\":1}",
                                .release = true,
                                .due_us = 1};
    assert_ok(kn_store_post_save(stage->store, &save, &err));
    assert_ok(kn_store_leave(stage->store, worker, &err));
    assert_ok(kn_store_post_cancel(stage->store, posts->id, &now, &err));
    assert_int_equal(now, KN_POST_UPLOADING);
}

/* Whoever knew it at the beginning sends it to its end. */
static void test_a_cancel_does_not_cut_each_try(void **state)
{
    struct stage *stage = *state;
    stage->count = 1;
    leave_in_doubt(stage);
    hold(stage, true);
    start(stage);
    wait_asked(stage, 1);
    (void)kn_cancel_wait_ms(stage->stop, 1500); /* longer than from one look to the next */
    hold(stage, false);
    end_well(stage);
    assert_int_equal(stage->asked, 1);
    assert_int_equal(count_in(stage, KN_POST_LIVE), 1);
}

static void test_who_is_stopped_hands_back_and_the_next_goes_on(void **state)
{
    struct stage *stage = *state;
    int count;
    hold(stage, true);
    start(stage);
    wait_asked(stage, 16);
    kn_cancel_trigger(stage->stop);
    int64_t begin_us = kn_now_us();
    end_well(stage);
    assert_true(kn_now_us() - begin_us < 20000000);
    const struct kn_post *posts = list(stage, KN_POST_UPLOADING, &count);
    for (int i = 0; i < count; i++)
        assert_int_equal(posts[i].worker, 0);
    assert_int_equal(count_in(stage, KN_POST_LIVE) + count_in(stage, KN_POST_FAILED) +
                         count_in(stage, KN_POST_UNKNOWN),
                     0);
    kn_cancel_free(stage->stop);
    stage->stop = kn_cancel_new(NULL);
    hold(stage, false);
    start(stage);
    end_well(stage);
    expect_all_live(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_posts_are_each_sent_once, begin, end),
        cmocka_unit_test_setup_teardown(test_a_lost_lease_stops_what_runs_and_all_is_claimed_again,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_store_that_is_away_for_a_while_is_waited_for, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_store_that_stays_full_ends_it_and_the_next_goes_on,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_post_that_was_cancelled_is_not_sent, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cancel_does_not_shorten_waits, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cancel_does_not_cut_each_try, begin, end),
        cmocka_unit_test_setup_teardown(test_who_is_stopped_hands_back_and_the_next_goes_on, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
