/*
 * What users ask for of posts, in each state that they may be in.
 */
#include "post_help.h"

enum { CANCEL, RETRY, RESOLVE_LIVE, RESOLVE_NOT_THERE, MOVE };

static enum kn_status ask(struct fixture *f, int what, int64_t id, struct kn_error *err)
{
    enum kn_post_state got;
    switch (what) {
    case CANCEL:
        return kn_store_post_cancel(f->store, id, &got, err);
    case RETRY:
        return kn_store_post_retry(f->store, id, err);
    case MOVE:
        return kn_store_post_move(f->store, id, START + 1000000 * SECOND, false, err);
    default:
        return kn_store_post_resolve(f->store, id, what == RESOLVE_LIVE ? "https://u" : NULL, err);
    }
}

/* What is asked for of a post in each state, that nobody holds and that somebody holds: a letter is
 * the state after it, in lower case where a stop is asked for; '!': INVALID. */
static void each_state_allows_some(void **state)
{
    static const struct {
        const char *name, *says;
        const char *free, *held; /* in the order of the states */
    } cases[] = {
        [CANCEL] = {"cancel", "can't be cancelled", "Cup!!!!C", "pup"},
        [RETRY] = {"retry", "can't be retried", "!!!!!PPP", "!!!"},
        [RESOLVE_LIVE] = {"resolve as live", "can't be resolved", "!!!!!!L!", "!!!"},
        [RESOLVE_NOT_THERE] = {"resolve as not there", "can't be resolved", "!!!!!!P!", "!!!"},
        [MOVE] = {"move", "can't be moved", "P!!!!!!!", "!!!"},
    };
    static const char letters[] = "PUOLSFXC"; /* of the states; small ones: marked */
    struct fixture *f = *state;
    for (int what = 0; what < (int)KN_COUNT_OF(cases); what++)
        for (int i = 0; i < KN_POST_STATE_COUNT + 3; i++) {
            bool held = i >= KN_POST_STATE_COUNT;
            int from = i % KN_POST_STATE_COUNT;
            char wanted = held ? cases[what].held[from] : cases[what].free[from];
            struct kn_error error = {0};
            int64_t id = post_in(f, (enum kn_post_state)from, held);
            enum kn_status status = ask(f, what, id, &error);
            struct kn_post post = get_post(f, id);
            char got = letters[post.state];
            if (status == KN_INVALID)
                got = '!';
            else if (post.cancel_asked && !kn_post_state_final(post.state))
                got = post.state == KN_POST_PROCESSING ? 'p' : got == 'U' ? 'u' : 'p';
            if (got != wanted || (got == '!' && !strstr(error.text, cases[what].says)) ||
                (got == '!' && (int)post.state != from))
                fail_msg("%s, %s%s: '%c' instead of '%c': %s", cases[what].name,
                         kn_post_state_name((enum kn_post_state)from), held ? ", held" : "", got,
                         wanted, error.text);
            pass(LEASE_US + 1); /* what is left is put out of the way */
            f->worker = join(f->store);
            contract_sql(f->contract, "UPDATE post SET state = 3, worker = NULL WHERE state < 5");
        }
    struct kn_error error;
    for (int what = 0; what < (int)KN_COUNT_OF(cases); what++)
        assert_status(ask(f, what, 4711, &error), KN_NOT_FOUND);
}

static void a_cancel_is_seen_by_the_holder(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_UPLOADING, true);
    struct kn_post post = get_post(f, id);
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_POST_UPLOADING);
    struct kn_post_save save = save_of(&post, KN_POST_PROCESSING);
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_true(save.cancel_asked);
    /* Given up all the same: it comes back at once, marked. */
    give_up(f, &post, KN_POST_PROCESSING, START + 100 * SECOND);
    struct kn_post again = claim_post_by(f, f->worker);
    assert_true(again.cancel_asked);
    assert_status(save_as(f, &again, KN_POST_CANCELLED), KN_OK);
    /* Asked for again, it is not marked any more. */
    assert_ok(kn_store_post_retry(f->store, id, &error));
    assert_false(get_post(f, id).cancel_asked);
}

static void a_released_plan_that_was_cancelled_ends(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_PLANNED, true);
    struct kn_post post = get_post(f, id);
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_POST_PLANNED);
    struct kn_post_save save = save_of(&post, KN_POST_PLANNED);
    save.release = true;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_int_equal(save.state, KN_POST_CANCELLED);
    assert_post_state(f, id, KN_POST_CANCELLED);
}

/* Or its key were free, and the clip could be posted a second time. */
static void what_may_be_there_is_not_cancelled_unseen(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_PROCESSING, true);
    struct kn_post post = get_post(f, id);
    struct kn_post_save save = save_of(&post, KN_POST_UNKNOWN);
    save.memory = "{\"text\":\"\\\"x\",\"intent_us\":17}";
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_ok(kn_store_post_retry(f->store, id, &error));
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_POST_PLANNED);
    assert_true(get_post(f, id).cancel_asked);
    assert_true(plan_one(f, post_spec(get_post(f, id).key)).known);
    struct kn_post again = claim_post_by(f, f->worker); /* to find out */
    assert_true(again.id == id && again.cancel_asked);
    /* A text that looks like it is none. */
    id = post_in(f, KN_POST_PROCESSING, true);
    post = get_post(f, id);
    save = save_of(&post, KN_POST_FAILED);
    save.memory = "{\"text\":\"\\\"intent_us\\\":17\"}";
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_ok(kn_store_post_retry(f->store, id, &error));
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_POST_CANCELLED);
}

static void nobody_holds_what_a_silent_worker_has(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_PLANNED, true);
    struct kn_post post = get_post(f, id);
    pass(LEASE_US + 1);
    assert_ok(kn_store_post_move(f->store, id, START + 1000 * SECOND, false, &error));
    assert_status(save_as(f, &post, KN_POST_UPLOADING), KN_LOST);
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_POST_CANCELLED);
}

static void a_retry_keeps_what_is_remembered(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t failed = post_in(f, KN_POST_FAILED, false);
    int64_t unknown = post_in(f, KN_POST_UNKNOWN, false);
    pass(5 * SECOND);
    assert_ok(kn_store_post_retry(f->store, failed, &error));
    assert_ok(kn_store_post_resolve(f->store, unknown, NULL, &error));
    assert_string_equal(get_post(f, failed).memory, "{\"session\":\"s\"}");
    assert_string_equal(get_post(f, unknown).memory, "{}");
    assert_int_equal(get_post(f, failed).due_us, START + 5 * SECOND);
    assert_int_equal(count_claimable(f, 10), 2);
}

static void a_retry_gives_a_cancelled_one_its_time_back(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_PLANNED, false);
    assert_ok(kn_store_post_move(f->store, id, START + 10 * SECOND, false, &error));
    for (int i = 0; i < 2; i++) { /* before that time, and after it */
        assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
        pass(9 * SECOND);
        assert_ok(kn_store_post_retry(f->store, id, &error));
        assert_int_equal(get_post(f, id).due_us, START + (i ? 18 : 10) * SECOND);
        assert_int_equal(count_claimable(f, 10), i);
    }
}

static void a_key_that_is_anothers_is_not_retried(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = post_in(f, KN_POST_FAILED, false);
    int64_t other = plan_one(f, post_spec(get_post(f, id).key)).id;
    assert_status(kn_store_post_retry(f->store, id, &error), KN_INVALID);
    assert_says(error.text, kn_arena_printf(f->arena, "post %lld is the same", (long long)other));
    assert_post_state(f, id, KN_POST_FAILED);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(each_state_allows_some),
        POSTS_TEST(a_cancel_is_seen_by_the_holder),
        POSTS_TEST(a_released_plan_that_was_cancelled_ends),
        POSTS_TEST(what_may_be_there_is_not_cancelled_unseen),
        POSTS_TEST(nobody_holds_what_a_silent_worker_has),
        POSTS_TEST(a_retry_keeps_what_is_remembered),
        POSTS_TEST(a_retry_gives_a_cancelled_one_its_time_back),
        POSTS_TEST(a_key_that_is_anothers_is_not_retried),
    };
    return run_posts_tests("posts, what is asked for", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
