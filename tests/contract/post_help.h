/* For the suites of posts: short forms. */
#ifndef KN_TESTS_POST_HELP_H
#define KN_TESTS_POST_HELP_H

#include "store_help.h"

#include "store/store_posts.h"

static inline struct kn_post_spec post_spec(const char *key)
{
    return (struct kn_post_spec){
        .key = key, .platform = "youtube", .account = "main", .clip = "{}", .request = "{}"};
}

static inline struct kn_post_planned plan_one(struct fixture *f, struct kn_post_spec spec)
{
    struct kn_error error;
    struct kn_post_planned planned = {0};
    assert_ok(kn_store_posts_plan(f->store, &spec, 1, &planned, NULL, &error));
    return planned;
}

/* `count` posts of an account, with keys of their own. */
static inline void plan_many(struct fixture *f, const char *account, int count, int64_t due_us)
{
    struct kn_error error;
    struct kn_post_spec *specs = kn_calloc((size_t)count, sizeof *specs);
    struct kn_post_planned *planned = kn_calloc((size_t)count, sizeof *planned);
    for (int i = 0; i < count; i++) {
        specs[i] = post_spec(kn_arena_printf(f->arena, "%s clip %d", account, i));
        specs[i].account = account;
        specs[i].due_us = due_us;
    }
    assert_ok(kn_store_posts_plan(f->store, specs, count, planned, NULL, &error));
    free(specs);
    free(planned);
}

static inline const struct kn_post *claim_posts_by(struct fixture *f, int64_t worker, int max,
                                                   int account_max, int *ret_count)
{
    struct kn_error error;
    const struct kn_post *posts = NULL;
    struct kn_post_claim claim = {.worker = worker, .max = max, .account_max = account_max};
    assert_ok(kn_store_posts_claim(f->store, &claim, f->arena, &posts, ret_count, &error));
    return posts;
}

/* The next one for a worker; it has to be there. */
static inline struct kn_post claim_post_by(struct fixture *f, int64_t worker)
{
    int count;
    const struct kn_post *posts = claim_posts_by(f, worker, 1, 1000, &count);
    assert_int_equal(count, 1);
    return posts[0];
}

static inline int count_claimable(struct fixture *f, int account_max)
{
    int count;
    (void)claim_posts_by(f, f->worker, 1000, account_max, &count);
    return count;
}

static inline struct kn_post_save save_of(const struct kn_post *post, enum kn_post_state state)
{
    return (struct kn_post_save){
        .holder = {.post = post->id, .worker = post->worker, .attempt = post->attempt},
        .state = state,
        .tries = post->tries,
        .sent_bytes = post->sent_bytes};
}

static inline enum kn_status save_as(struct fixture *f, const struct kn_post *post,
                                     enum kn_post_state state)
{
    struct kn_error error;
    struct kn_post_save save = save_of(post, state);
    return kn_store_post_save(f->store, &save, &error);
}

static inline void give_up(struct fixture *f, const struct kn_post *post, enum kn_post_state state,
                           int64_t due_us)
{
    struct kn_error error;
    struct kn_post_save save = save_of(post, state);
    save.release = true;
    save.due_us = due_us;
    assert_ok(kn_store_post_save(f->store, &save, &error));
}

static inline struct kn_post get_post(struct fixture *f, int64_t id)
{
    struct kn_error error;
    struct kn_post post;
    assert_ok(kn_store_post_get(f->store, id, f->arena, &post, &error));
    return post;
}

#define assert_post_state(f, id, wanted)                                                           \
    assert_string_equal(kn_post_state_name(get_post(f, id).state), kn_post_state_name(wanted))

/* A post brought into a state by the shortest way; `held`: its worker has it still. */
static inline int64_t post_in(struct fixture *f, enum kn_post_state state, bool held)
{
    static int number;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id =
        plan_one(f, post_spec(kn_arena_printf(f->arena, "post in a state, %d", number++))).id;
    if (state == KN_POST_CANCELLED) {
        assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    } else if (state != KN_POST_PLANNED || held) {
        struct kn_post post = claim_post_by(f, f->worker);
        assert_int_equal(post.id, id);
        struct kn_post_save save = save_of(&post, state);
        save.memory = "{\"session\":\"s\"}";
        save.release = !held && !kn_post_state_final(state);
        save.due_us = test_clock(NULL);
        assert_ok(kn_store_post_save(f->store, &save, &error));
    }
    assert_post_state(f, id, state);
    return id;
}

/* One store for all tests of a suite, which takes less time than one for each: what they leave goes
 * before the next. */
static inline int posts_clear(void **state)
{
    static const char *const tables[] = {"post", "quota", "quota_use", "account", "worker"};
    struct fixture *f = *state;
    for (size_t i = 0; i < KN_COUNT_OF(tables); i++)
        contract_sql(f->contract, kn_arena_printf(f->arena, "DELETE FROM %s", tables[i]));
    contract_sql(f->contract, contract_is(KN_DATABASE_POSTGRES)
                                  ? "ALTER TABLE post ALTER COLUMN id RESTART"
                                  : "DELETE FROM sqlite_sequence WHERE name = 'post'");
    atomic_store(&test_now_us, START);
    f->worker = join(f->store);
    return 0;
}

#define POSTS_TEST(name) cmocka_unit_test_setup(name, posts_clear)
#define run_posts_tests(suite, tests)                                                              \
    cmocka_run_group_tests_name(suite, tests, store_setup, store_teardown)

#endif
