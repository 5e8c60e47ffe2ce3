/*
 * What is used of a platform's limits, and what waits.
 */
#include "post_help.h"

#define HOUR (3600 * SECOND)
#define DAY  (24 * HOUR)

/* Of a limit of `limit` in each hour. */
static struct kn_quota_use hourly(int64_t post, int amount, int limit)
{
    return (struct kn_quota_use){.platform = "tiktok",
                                 .account = "main",
                                 .kind = "posts",
                                 .post = post,
                                 .amount = amount,
                                 .limit = limit,
                                 .since_us = test_clock(NULL) - HOUR,
                                 .span_us = HOUR};
}

/* Of a limit of each day; the day began with START. */
static struct kn_quota_use daily(int64_t post, int amount, int limit)
{
    int64_t days = (test_clock(NULL) - START) / DAY;
    struct kn_quota_use use = hourly(post, amount, limit);
    use.kind = "units";
    use.since_us = START + days * DAY;
    use.span_us = 0;
    use.reset_us = use.since_us + DAY;
    return use;
}

static int64_t book(struct fixture *f, struct kn_quota_use use)
{
    struct kn_error error;
    int64_t free_us = -1;
    assert_ok(kn_store_quota_book(f->store, &use, &free_us, &error));
    return free_us;
}

static int64_t booked(struct fixture *f)
{
    return contract_number(f->contract,
                           "SELECT coalesce(sum(amount), 0) FROM quota_use WHERE booked = 1");
}

static void a_span_slides(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 10, 0);
    assert_int_equal(book(f, hourly(1, 1, 2)), 0);
    pass(10 * SECOND);
    assert_int_equal(book(f, hourly(2, 1, 2)), 0);
    pass(10 * SECOND);
    /* Each is told a slot of its own. */
    assert_int_equal(book(f, hourly(3, 1, 2)), START + HOUR + 1);
    assert_int_equal(book(f, hourly(4, 1, 2)), START + 10 * SECOND + HOUR + 1);
    assert_int_equal(book(f, hourly(5, 1, 2)), START + 2 * (HOUR + 1));
    assert_int_equal(book(f, hourly(3, 1, 2)), START + HOUR + 1); /* who asks again keeps it */
    assert_int_equal(booked(f), 2);
    pass(HOUR - 20 * SECOND + 1);
    /* Nobody takes it away, and it is enough then. */
    assert_int_equal(book(f, hourly(4, 1, 2)), START + 10 * SECOND + HOUR + 1);
    assert_int_equal(book(f, hourly(6, 1, 2)), START + 10 * SECOND + 2 * (HOUR + 1));
    assert_int_equal(book(f, hourly(3, 1, 2)), 0);
    assert_int_equal(booked(f), 2); /* the first is forgotten */
}

static void a_kind_is_booked_once_for_a_post(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 2, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(book(f, hourly(1, 1, 1)), 0);
    assert_int_equal(booked(f), 1);
    struct kn_quota_use other = hourly(1, 1, 1);
    other.kind = "pending";
    assert_int_equal(book(f, other), 0);
    pass(HOUR + 1); /* what it used then does not count any more */
    assert_int_equal(book(f, hourly(1, 1, 1)), 0);
    assert_int_equal(book(f, hourly(2, 1, 1)), START + 2 * (HOUR + 1));
}

static void accounts_and_platforms_have_their_own(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 4, 0);
    assert_int_equal(book(f, hourly(1, 1, 1)), 0);
    struct kn_quota_use use = hourly(2, 1, 1);
    use.account = "";
    assert_int_equal(book(f, use), 0);
    use = hourly(3, 1, 1);
    use.platform = "x";
    assert_int_equal(book(f, use), 0);
    assert_true(book(f, hourly(4, 1, 1)) > 0);
}

static void days_fill_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 8, 0);
    assert_int_equal(book(f, daily(1, 40, 100)), 0);
    assert_int_equal(book(f, daily(2, 50, 100)), 0);
    assert_int_equal(book(f, daily(3, 50, 100)), START + DAY);
    assert_int_equal(book(f, daily(4, 50, 100)), START + DAY);
    assert_int_equal(book(f, daily(5, 50, 100)), START + 2 * DAY);
    pass(DAY);
    assert_int_equal(book(f, daily(3, 50, 100)), 0);
    assert_int_equal(book(f, daily(4, 50, 100)), 0);
    assert_int_equal(book(f, daily(5, 50, 100)), START + 2 * DAY);
}

static void what_is_returned_is_free(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    plan_many(f, "main", 3, 0);
    assert_int_equal(book(f, hourly(1, 1, 1)), 0);
    assert_true(book(f, hourly(2, 1, 1)) > 0);
    assert_ok(kn_store_quota_return(f->store, 1, "posts", &error));
    assert_ok(kn_store_quota_return(f->store, 1, "posts", &error)); /* nothing there: fine */
    assert_true(book(f, hourly(3, 1, 1)) > 0);                      /* the other one waits for it */
    assert_int_equal(book(f, hourly(2, 1, 1)), 0);
}

static void who_does_not_come_any_more_holds_no_slot(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    plan_many(f, "main", 5, 0);
    assert_int_equal(book(f, hourly(1, 1, 1)), 0);
    for (int64_t post = 2; post <= 3; post++)
        assert_int_equal(book(f, hourly(post, 1, 1)), START + (post - 1) * (HOUR + 1));
    assert_ok(kn_store_post_cancel(f->store, 2, &got, &error));
    assert_ok(kn_store_post_move(f->store, 3, START + DAY, false, &error));
    assert_int_equal(book(f, hourly(4, 1, 1)), START + HOUR + 1);
}

static void a_closed_quota_opens_at_its_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_quota_use use = hourly(1, 1, 5), day = daily(1, 1, 2);
    plan_many(f, "main", 9, 0);
    assert_ok(kn_store_quota_close(f->store, &use, START + 5 * SECOND, &error));
    assert_int_equal(book(f, hourly(1, 1, 5)), START + 5 * SECOND);
    assert_ok(kn_store_quota_close(f->store, &day, START + DAY, &error));
    assert_int_equal(book(f, daily(1, 1, 2)), START + DAY);
    assert_int_equal(book(f, daily(2, 1, 2)), START + DAY);
    assert_int_equal(book(f, daily(3, 1, 2)), START + 2 * DAY);
    assert_int_equal(booked(f), 0);
    pass(5 * SECOND);
    assert_int_equal(book(f, hourly(1, 1, 5)), 0);
    assert_ok(kn_store_quota_close(f->store, &day, 0, &error)); /* it was a mistake */
    assert_int_equal(book(f, daily(1, 1, 2)), 0);
}

static void more_comes_on_top_of_what_is_booked(void **state)
{
    struct fixture *f = *state;
    struct kn_quota_use more = daily(1, 5, 10);
    more.more = true;
    plan_many(f, "main", 3, 0);
    assert_int_equal(book(f, daily(1, 1, 10)), 0);
    assert_int_equal(book(f, more), 0);
    assert_int_equal(book(f, daily(2, 4, 10)), 0); /* 10 of 10 */
    assert_true(book(f, more) > 0);
    assert_int_equal(contract_number(f->contract, "SELECT amount FROM quota_use WHERE post = 1"
                                                  " AND booked = 1"),
                     6);
    more.post = 3; /* it has nothing yet, and waits in the line */
    assert_true(book(f, more) > 0);
}

static void wrong_uses_are_refused(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t free_us;
    struct kn_quota_use none = hourly(1, 0, 1), much = hourly(1, 3, 2), past = hourly(1, 1, 1);
    past.span_us = -1;
    assert_status(kn_store_quota_book(f->store, &none, &free_us, &error), KN_INVALID);
    assert_status(kn_store_quota_book(f->store, &past, &free_us, &error), KN_INVALID);
    assert_status(kn_store_quota_book(f->store, &much, &free_us, &error), KN_INVALID);
    assert_says(error.text, "3 posts at once, of 2 that tiktok allows");
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(a_span_slides),
        POSTS_TEST(a_kind_is_booked_once_for_a_post),
        POSTS_TEST(accounts_and_platforms_have_their_own),
        POSTS_TEST(days_fill_one_after_the_other),
        POSTS_TEST(what_is_returned_is_free),
        POSTS_TEST(who_does_not_come_any_more_holds_no_slot),
        POSTS_TEST(a_closed_quota_opens_at_its_time),
        POSTS_TEST(more_comes_on_top_of_what_is_booked),
        POSTS_TEST(wrong_uses_are_refused),
    };
    return run_posts_tests("quotas", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
