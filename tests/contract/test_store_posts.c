/*
 * Posts in the store: planning, claiming, saving, leases, lists, waking.
 */
#include "post_help.h"

#include "queue/wake.h"

/* ---- planning ---- */

static void what_was_asked_for_is_stored(void **state)
{
    struct fixture *f = *state;
    struct kn_post_planned planned =
        plan_one(f, (struct kn_post_spec){.key = "k",
                                          .owner = "ann",
                                          .platform = "x",
                                          .account = "news",
                                          .clip = "{\"path\":\"/ü\"}",
                                          .request = "{\"caption\":\"☕\"}",
                                          .bytes = 1234,
                                          .due_us = START + 5 * SECOND,
                                          .job = 7});
    assert_false(planned.known);
    assert_int_equal(planned.state, KN_POST_PLANNED);
    struct kn_post post = get_post(f, planned.id);
    assert_string_equal(post.key, "k");
    assert_string_equal(post.owner, "ann");
    assert_string_equal(post.platform, "x");
    assert_string_equal(post.account, "news");
    assert_string_equal(post.clip, "{\"path\":\"/ü\"}");
    assert_string_equal(post.request, "{\"caption\":\"☕\"}");
    assert_string_equal(post.memory, "{}");
    assert_int_equal(post.bytes, 1234);
    assert_int_equal(post.due_us, START + 5 * SECOND);
    assert_int_equal(post.job, 7);
    assert_int_equal(post.attempt, 0);
    assert_int_equal(post.worker, 0);
    assert_string_equal(post.url, "");
    assert_int_equal(post.created_us, START);
    assert_int_equal(get_post(f, plan_one(f, post_spec("at once")).id).due_us, START);
}

static void a_key_is_one_post_until_it_ends_badly(void **state)
{
    static const struct {
        enum kn_post_state state;
        bool known;
    } cases[] = {
        {KN_POST_PLANNED, true}, {KN_POST_UPLOADING, true},  {KN_POST_PROCESSING, true},
        {KN_POST_LIVE, true},    {KN_POST_SCHEDULED, true},  {KN_POST_FAILED, false},
        {KN_POST_UNKNOWN, true}, {KN_POST_CANCELLED, false},
    };
    struct fixture *f = *state;
    assert_int_equal(KN_COUNT_OF(cases), KN_POST_STATE_COUNT);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int64_t id = post_in(f, cases[i].state, false);
        struct kn_post_planned again = plan_one(f, post_spec(get_post(f, id).key));
        if (again.known != cases[i].known || (again.id == id) != cases[i].known ||
            (again.known && again.state != cases[i].state))
            fail_msg("%s: known %d, %s", kn_post_state_name(cases[i].state), again.known,
                     kn_post_state_name(again.state));
        struct kn_error error;
        enum kn_post_state got; /* out of the way */
        (void)kn_store_post_cancel(f->store, again.id, &got, &error);
        pass(SECOND);
        (void)count_claimable(f, 1000);
    }
}

static void forced_posts_are_others(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_spec specs[] = {post_spec("k"), post_spec("k"), post_spec("k"), post_spec("k")};
    struct kn_post_planned planned[4];
    specs[2].force = specs[3].force = true;
    assert_ok(kn_store_posts_plan(f->store, specs, 4, planned, NULL, &error));
    assert_false(planned[0].known);
    assert_true(planned[1].known);
    assert_int_equal(planned[1].id, planned[0].id);
    assert_false(planned[2].known);
    assert_false(planned[3].known);
    assert_int_not_equal(planned[2].id, planned[3].id);
    assert_string_not_equal(get_post(f, planned[2].id).key, get_post(f, planned[3].id).key);
    assert_true(plan_one(f, post_spec("k")).id == planned[0].id);
}

static void wrong_specs_plan_nothing(void **state)
{
    static char long_text[KN_JOB_TEXT_MAX + 2], long_key[1002];
    struct fixture *f = *state;
    memset(long_text, 'x', sizeof long_text - 1);
    memset(long_key, 'x', sizeof long_key - 1);
    struct {
        struct kn_post_spec spec;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {{.platform = "x", .clip = "{}", .request = "{}"}, KN_INVALID, "needs a key"},
        {{.key = "k", .clip = "{}", .request = "{}"}, KN_INVALID, "needs a platform"},
        {{.key = "k", .platform = "x", .request = "{}"}, KN_INVALID, "needs a clip"},
        {{.key = "k", .platform = "x", .clip = "{}", .request = "{}", .due_us = -1},
         KN_INVALID,
         "a time can't be negative"},
        {{.key = long_key, .platform = "x", .clip = "{}", .request = "{}"},
         KN_LIMIT,
         "the key is longer than 1000 bytes"},
        {{.key = "k", .platform = "x", .clip = "{}", .request = long_text},
         KN_LIMIT,
         "the request is longer"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error error;
        struct kn_post_planned planned[2];
        struct kn_post_spec specs[] = {post_spec("good"), cases[i].spec};
        assert_status(kn_store_posts_plan(f->store, specs, 2, planned, NULL, &error),
                      cases[i].status);
        assert_says(error.text, cases[i].says);
        assert_says(error.text, "post 2 of 2");
    }
    assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post"), 0);
}

static void ten_thousand_are_planned_at_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_filter filter = {.limit = 10000};
    const struct kn_post *posts;
    int count;
    int64_t start_us = kn_now_us();
    plan_many(f, "main", 10000, 0);
    assert_in_range(kn_now_us() - start_us, 0, 60 * SECOND);
    assert_ok(kn_store_posts_list(f->store, &filter, f->arena, &posts, &count, &error));
    assert_int_equal(count, 10000);
    for (int i = 0; i < count; i++)
        assert_int_equal(posts[i].id, 10000 - i);
    assert_string_equal(posts[0].key, "main clip 9999");
    struct kn_post_spec too_many = post_spec("k");
    assert_status(kn_store_posts_plan(f->store, &too_many, 10001, NULL, NULL, &error), KN_LIMIT);
}

/* ---- claiming ---- */

static void the_earliest_that_is_due_is_first(void **state)
{
    struct fixture *f = *state;
    int64_t due[] = {START + 30 * SECOND, START - 5 * SECOND, START + 10 * SECOND, 0};
    int64_t ids[4], next_us;
    struct kn_error error;
    int count;
    for (int i = 0; i < 4; i++) {
        struct kn_post_spec spec = post_spec(kn_arena_printf(f->arena, "%d", i));
        spec.due_us = due[i];
        ids[i] = plan_one(f, spec).id;
    }
    const struct kn_post *posts = claim_posts_by(f, f->worker, 10, 10, &count);
    assert_int_equal(count, 2);
    assert_int_equal(posts[0].id, ids[1]);
    assert_int_equal(posts[1].id, ids[3]);
    assert_int_equal(posts[0].attempt, 1);
    assert_int_equal(posts[0].worker, f->worker);
    assert_int_equal(posts[0].state, KN_POST_PLANNED);
    assert_ok(kn_store_posts_next_due(f->store, &next_us, &error));
    assert_int_equal(next_us, START + 10 * SECOND);
    pass(10 * SECOND);
    assert_int_equal(claim_post_by(f, f->worker).id, ids[2]);
    pass(10 * SECOND); /* 20 s: the lease is not over yet */
    assert_int_equal(count_claimable(f, 10), 0);
    pass(10 * SECOND);
    assert_int_equal(claim_post_by(f, f->worker).id, ids[0]);
    assert_ok(kn_store_posts_next_due(f->store, &next_us, &error));
    assert_int_equal(next_us, INT64_MAX);
}

static void an_account_has_its_limit(void **state)
{
    struct fixture *f = *state;
    int count;
    int64_t other = join(f->store);
    plan_many(f, "a", 5, 0);
    plan_many(f, "b", 2, 0);
    const struct kn_post *first = claim_posts_by(f, f->worker, 100, 2, &count);
    assert_int_equal(count, 4);
    for (int i = 0; i < count; i++)
        assert_true(strcmp(first[i].account, i < 2 ? "a" : "b") == 0);
    (void)claim_posts_by(f, other, 100, 2, &count);
    assert_int_equal(count, 0);
    assert_status(save_as(f, &first[0], KN_POST_LIVE), KN_OK);
    const struct kn_post *next = claim_posts_by(f, other, 100, 2, &count);
    assert_int_equal(count, 1);
    assert_string_equal(next[0].account, "a");
    give_up(f, &first[1], KN_POST_PROCESSING, START + 100 * SECOND);
    (void)claim_posts_by(f, other, 100, 3, &count);
    assert_int_equal(count, 2);
    /* Of the same name on another platform. */
    struct kn_post_spec spec = post_spec("elsewhere");
    spec.platform = "x";
    spec.account = "a";
    (void)plan_one(f, spec);
    (void)claim_posts_by(f, other, 100, 1, &count);
    assert_int_equal(count, 1);
}

static void only_some_are_claimed(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_post *posts;
    int count;
    plan_many(f, "a", 4, 0);
    struct kn_post_spec later = post_spec("later");
    later.due_us = START + SECOND;
    const int64_t only[] = {plan_one(f, later).id, 4, 2, 3, 99};
    struct kn_post_claim claim = {
        .worker = f->worker, .max = 10, .account_max = 2, .only = only, .only_count = 5};
    assert_ok(kn_store_posts_claim(f->store, &claim, f->arena, &posts, &count, &error));
    assert_int_equal(count, 2);
    assert_int_equal(posts[0].id, 2);
    assert_int_equal(posts[1].id, 3);
    claim.only_count = 0;
    assert_ok(kn_store_posts_claim(f->store, &claim, f->arena, &posts, &count, &error));
    assert_int_equal(count, 0);
}

static void who_may_not_claim_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_post *posts;
    int count;
    plan_many(f, "a", 1, 0);
    struct kn_post_claim claim = {.worker = 4711, .max = 1, .account_max = 1};
    assert_status(kn_store_posts_claim(f->store, &claim, f->arena, &posts, &count, &error),
                  KN_LOST);
    claim.account_max = 0;
    assert_status(kn_store_posts_claim(f->store, &claim, f->arena, &posts, &count, &error),
                  KN_INVALID);
    pass(LEASE_US + 1);
    assert_int_equal(count_claimable(f, 1), 0); /* silent */
    const int64_t *cancels;
    assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancels, &count, &error));
    assert_int_equal(count_claimable(f, 1), 1);
}

/* ---- saving ---- */

static void what_is_saved_is_read(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    (void)plan_one(f, post_spec("k"));
    struct kn_post post = claim_post_by(f, f->worker);
    pass(SECOND);
    struct kn_post_save save = save_of(&post, KN_POST_UPLOADING);
    save.memory = "{\"session\":\"https://…\"}";
    save.sent_bytes = 99;
    save.tries = 2;
    save.reason = "slow";
    save.remedy = "wait";
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_false(save.cancel_asked);
    post = get_post(f, post.id);
    assert_int_equal(post.state, KN_POST_UPLOADING);
    assert_string_equal(post.memory, "{\"session\":\"https://…\"}");
    assert_int_equal(post.sent_bytes, 99);
    assert_int_equal(post.tries, 2);
    assert_int_equal(post.worker, f->worker);
    assert_int_equal(post.changed_us, START + SECOND);
    save.state = KN_POST_LIVE;
    save.memory = save.reason = NULL;
    save.remedy = "";
    save.remote_id = "id 1";
    save.url = "https://youtu.be/1";
    save.public_us = START;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    post = get_post(f, post.id);
    assert_int_equal(post.state, KN_POST_LIVE);
    assert_string_equal(post.memory, "{\"session\":\"https://…\"}");
    assert_string_equal(post.reason, "slow");
    assert_string_equal(post.remedy, "");
    assert_string_equal(post.remote_id, "id 1");
    assert_string_equal(post.url, "https://youtu.be/1");
    assert_int_equal(post.public_us, START);
    assert_int_equal(post.worker, 0);
    assert_status(kn_store_post_save(f->store, &save, &error), KN_LOST); /* it has ended */
}

static void tell_progress(struct fixture *f, const struct kn_post *post, int64_t bytes)
{
    struct kn_error error;
    const struct kn_post_progress progress = {
        .holder = {.post = post->id, .worker = post->worker, .attempt = post->attempt},
        .sent_bytes = bytes,
        .bytes_a_second = 7,
    };
    assert_ok(kn_store_posts_put_progress(f->store, &progress, 1, &error));
}

static void how_far_an_upload_is_is_read_until_it_ends(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_spec spec = post_spec("k");
    spec.bytes = 1000;
    (void)plan_one(f, spec);
    struct kn_post post = claim_post_by(f, f->worker), other = post, held = post;
    tell_progress(f, &held, 100);
    assert_int_equal(get_post(f, post.id).sent_bytes, 0); /* it is no upload yet */
    assert_ok(save_as(f, &held, KN_POST_UPLOADING));
    post = get_post(f, post.id);
    assert_int_equal(post.sent_bytes, 100);
    assert_int_equal(post.bytes_a_second, 7);
    other.worker++;
    tell_progress(f, &other, 200); /* of somebody who does not hold it */
    assert_int_equal(get_post(f, post.id).sent_bytes, 100);
    tell_progress(f, &held, 5000);
    pass(11 * SECOND);
    const struct kn_post_filter all = {.limit = 10};
    const struct kn_post *listed;
    int count;
    assert_ok(kn_store_posts_list(f->store, &all, f->arena, &listed, &count, &error));
    assert_int_equal(listed[0].sent_bytes, 1000);
    assert_int_equal(listed[0].bytes_a_second, 0); /* nobody told of it for a while */
    /* Whoever goes on begins with what was saved, which is all that the platform is known to have.
     */
    give_up(f, &held, KN_POST_UPLOADING, 0);
    post = claim_post_by(f, f->worker);
    assert_int_equal(post.sent_bytes, 0);
    assert_int_equal(get_post(f, post.id).sent_bytes, 0);
    tell_progress(f, &post, 300);
    assert_ok(save_as(f, &post, KN_POST_LIVE));
    assert_int_equal(get_post(f, post.id).sent_bytes, 0);
    tell_progress(f, &post, 400); /* too late: and what is over is not kept */
    assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post_progress"), 0);
}

static void who_has_keys_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_post_spec specs[] = {post_spec("a"), post_spec("b"), post_spec("c")};
    struct kn_post_planned known[3];
    int64_t a = plan_one(f, specs[0]).id, c = plan_one(f, specs[2]).id;
    enum kn_post_state ended;
    assert_ok(kn_store_post_cancel(f->store, c, &ended, &error));
    assert_ok(kn_store_posts_known(f->store, specs, 3, known, &error));
    assert_int_equal(known[0].id, a);
    assert_int_equal(known[0].state, KN_POST_PLANNED);
    assert_int_equal(known[1].id, 0);
    assert_int_equal(known[2].id, 0); /* its key is free */
    assert_ok(kn_store_posts_known(f->store, specs, 0, known, &error));
}

static void a_released_post_waits_for_its_time(void **state)
{
    struct fixture *f = *state;
    (void)plan_one(f, post_spec("k"));
    struct kn_post post = claim_post_by(f, f->worker);
    give_up(f, &post, KN_POST_PROCESSING, START + 10 * SECOND);
    assert_status(save_as(f, &post, KN_POST_LIVE), KN_LOST);
    assert_int_equal(count_claimable(f, 10), 0);
    pass(10 * SECOND);
    struct kn_post again = claim_post_by(f, f->worker);
    assert_int_equal(again.state, KN_POST_PROCESSING);
    assert_int_equal(again.attempt, 2);
    assert_status(save_as(f, &post, KN_POST_LIVE), KN_LOST);
    assert_status(save_as(f, &again, KN_POST_LIVE), KN_OK);
}

static void wrong_saves_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = post_in(f, KN_POST_UPLOADING, true);
    struct kn_post post = get_post(f, id);
    struct kn_post_save wrong[4];
    for (int i = 0; i < 4; i++)
        wrong[i] = save_of(&post, KN_POST_LIVE);
    wrong[0].holder.attempt++;
    wrong[1].holder.worker++;
    wrong[2].holder.post++;
    wrong[3].holder.attempt--;
    for (int i = 0; i < 4; i++)
        assert_status(kn_store_post_save(f->store, &wrong[i], &error), KN_LOST);
    struct kn_post_save negative = save_of(&post, KN_POST_LIVE);
    negative.tries = -1;
    assert_status(kn_store_post_save(f->store, &negative, &error), KN_INVALID);
    negative = save_of(&post, KN_POST_STATE_COUNT);
    assert_status(kn_store_post_save(f->store, &negative, &error), KN_INVALID);
    assert_post_state(f, id, KN_POST_UPLOADING);
}

/* ---- leases ---- */

static void a_silent_worker_loses_its_posts(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int count;
    int64_t id = post_in(f, KN_POST_UPLOADING, true);
    struct kn_post first = get_post(f, id);
    pass(LEASE_US + 1);
    int64_t other = join(f->store);
    /* Until somebody has it, what it says counts. */
    assert_status(save_as(f, &first, KN_POST_PROCESSING), KN_OK);
    struct kn_post second = claim_post_by(f, other);
    assert_int_equal(second.id, id);
    assert_int_equal(second.state, KN_POST_PROCESSING);
    assert_int_equal(second.attempt, first.attempt + 1);
    assert_status(save_as(f, &first, KN_POST_LIVE), KN_LOST);
    /* Alive again, it has lost it all the same. */
    const int64_t *cancels;
    assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancels, &count, &error));
    assert_status(save_as(f, &first, KN_POST_LIVE), KN_LOST);
    assert_status(save_as(f, &second, KN_POST_LIVE), KN_OK);
}

static void a_worker_that_left_loses_its_posts(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t next_us, id = post_in(f, KN_POST_PLANNED, true);
    struct kn_post first = get_post(f, id);
    int64_t other = join(f->store);
    assert_ok(kn_store_posts_next_due(f->store, &next_us, &error));
    assert_int_equal(next_us, INT64_MAX);
    assert_ok(kn_store_leave(f->store, f->worker, &error));
    assert_ok(kn_store_posts_next_due(f->store, &next_us, &error));
    assert_int_equal(next_us, START);
    assert_int_equal(claim_post_by(f, other).id, id);
    assert_status(save_as(f, &first, KN_POST_UPLOADING), KN_LOST);
}

/* ---- lists ---- */

static void lists_are_filtered(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    static const int64_t some[] = {1, 3, 4};
    struct kn_post_spec specs[] = {post_spec("1"), post_spec("2"), post_spec("3"), post_spec("4")};
    struct kn_post_planned planned[4];
    specs[1].platform = "x";
    specs[2].account = "other";
    specs[2].job = specs[3].job = 8;
    specs[3].owner = "bob";
    assert_ok(kn_store_posts_plan(f->store, specs, 4, planned, NULL, &error));
    enum kn_post_state got;
    assert_ok(kn_store_post_cancel(f->store, 4, &got, &error));
    const struct {
        struct kn_post_filter filter;
        const char *ids;
    } cases[] = {
        {{.limit = 10}, "4321"},
        {{.limit = 2}, "43"},
        {{.limit = 10, .before_post = 3}, "21"},
        {{.limit = 10, .states = 1u << KN_POST_PLANNED}, "321"},
        {{.limit = 10, .platform = "youtube"}, "431"},
        {{.limit = 10, .account = "main"}, "421"},
        {{.limit = 10, .owner = "bob"}, "4"},
        {{.limit = 10, .job = 8}, "43"},
        {{.limit = 10, .job = 8, .states = 1u << KN_POST_PLANNED}, "3"},
        {{.limit = 10, .only = some, .only_count = 3}, "431"},
        {{.limit = 10, .only = some, .only_count = 3, .platform = "youtube", .job = 8}, "43"},
        {{.limit = 10, .only = some, .only_count = 0}, ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_post *posts;
        char ids[16] = "";
        int count;
        assert_ok(
            kn_store_posts_list(f->store, &cases[i].filter, f->arena, &posts, &count, &error));
        for (int at = 0; at < count; at++)
            ids[at] = (char)('0' + posts[at].id);
        if (strcmp(ids, cases[i].ids) != 0)
            fail_msg("filter %zu: %s instead of %s", i, ids, cases[i].ids);
    }
    const struct kn_post *posts;
    int count;
    struct kn_post_filter wrong = {.limit = 0};
    assert_status(kn_store_posts_list(f->store, &wrong, f->arena, &posts, &count, &error),
                  KN_INVALID);
}

static void a_removed_job_leaves_its_posts(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_spec spec = post_spec("k");
    spec.job = job_in(f, KN_JOB_DONE);
    int64_t id = plan_one(f, spec).id;
    assert_ok(kn_store_remove(f->store, spec.job, &error));
    assert_int_equal(get_post(f, id).job, spec.job);
}

/* ---- waking ---- */

static void take_the_rest(struct kn_wake *wake)
{
    while (kn_wake_wait(wake, kn_now_us() + SECOND / 20, NULL) == KN_OK)
        ;
}

static void assert_woken(struct kn_wake *wake, const char *by)
{
    if (kn_wake_wait(wake, kn_now_us() + 20 * SECOND, NULL) != KN_OK)
        fail_msg("not woken by %s", by);
    take_the_rest(wake);
}

static void waiting_publishers_are_woken(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    struct kn_wake *wake = NULL;
    struct kn_store *own = f->store, *other = open_store(f, true);
    assert_ok(kn_wake_open(own, &wake, &error));
    take_the_rest(wake); /* its own probe */
    for (int by_other = 0; by_other < 2; by_other++) {
        f->store = by_other ? other : own;
        int64_t id = plan_one(f, post_spec(by_other ? "b" : "a")).id;
        assert_woken(wake, "a plan");
        struct kn_post post = claim_post_by(f, f->worker);
        assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
        assert_woken(wake, "a cancel");
        assert_status(save_as(f, &post, KN_POST_FAILED), KN_OK);
        assert_woken(wake, "an end");
        assert_ok(kn_store_post_retry(f->store, id, &error));
        assert_woken(wake, "a retry");
        assert_ok(kn_store_post_move(f->store, id, START + SECOND, false, &error));
        assert_woken(wake, "a move");
    }
    f->store = own;
    kn_wake_close(wake);
    kn_store_close(other);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(what_was_asked_for_is_stored),
        POSTS_TEST(a_key_is_one_post_until_it_ends_badly),
        POSTS_TEST(forced_posts_are_others),
        POSTS_TEST(wrong_specs_plan_nothing),
        POSTS_TEST(ten_thousand_are_planned_at_once),
        POSTS_TEST(the_earliest_that_is_due_is_first),
        POSTS_TEST(an_account_has_its_limit),
        POSTS_TEST(only_some_are_claimed),
        POSTS_TEST(who_may_not_claim_is_told),
        POSTS_TEST(what_is_saved_is_read),
        POSTS_TEST(how_far_an_upload_is_is_read_until_it_ends),
        POSTS_TEST(who_has_keys_is_told),
        POSTS_TEST(a_released_post_waits_for_its_time),
        POSTS_TEST(wrong_saves_change_nothing),
        POSTS_TEST(a_silent_worker_loses_its_posts),
        POSTS_TEST(a_worker_that_left_loses_its_posts),
        POSTS_TEST(lists_are_filtered),
        POSTS_TEST(a_removed_job_leaves_its_posts),
        POSTS_TEST(waiting_publishers_are_woken),
    };
    return run_posts_tests("posts", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
