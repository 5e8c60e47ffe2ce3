/*
 * When posts appear: slots, each one post's; and those that their platform shows by itself, which
 * are looked at once more, moved, or taken back.
 */
#include "race_help.h"

#include "post_help.h"

enum { THREADS = 6, EACH = 5 };

#define HOUR (3600 * SECOND)
#define DAY  (24 * HOUR)

/* Each full hour. */
static int64_t next_hour(const void *arg, int64_t after_us)
{
    (void)arg;
    return (after_us / HOUR + 1) * HOUR;
}

static int64_t hour(int number) /* after START, from 1 */
{
    return (START / HOUR + number) * HOUR;
}

static const struct kn_post_slots hourly = {.next = next_hour};

static struct kn_post_spec slot_spec(const char *key, const struct kn_post_slots *slots)
{
    struct kn_post_spec spec = post_spec(key);
    spec.slots = slots;
    return spec;
}

static void expect_appear(struct fixture *f, const char *key, const struct kn_post_slots *slots,
                          int64_t wanted_us)
{
    int64_t got_us = plan_one(f, slot_spec(key, slots)).appear_us;
    if (got_us != wanted_us)
        fail_msg("%s appears %lld min after it should", key,
                 (long long)((got_us - wanted_us) / (60 * SECOND)));
}

static void each_post_gets_the_next_free_slot(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    struct kn_post_spec by_hand = post_spec("by hand"), other = slot_spec("other", &hourly);
    struct kn_post_spec ahead = slot_spec("ahead", &hourly);
    by_hand.appear_us = by_hand.due_us = hour(2) + 2 * 60 * SECOND; /* near enough */
    other.account = "second";
    ahead.sent_ahead = true;
    plan_one(f, by_hand);
    expect_appear(f, "a", &hourly, hour(1));
    expect_appear(f, "b", &hourly, hour(3));
    assert_int_equal(plan_one(f, other).appear_us, hour(1));
    struct kn_post_planned sent = plan_one(f, ahead);
    assert_int_equal(sent.appear_us, hour(4));
    assert_int_equal(get_post(f, sent.id).due_us, START);
    /* What is known keeps its own; what is cancelled has none any more. */
    struct kn_post_planned known = plan_one(f, slot_spec("a", &hourly));
    assert_true(known.known && known.appear_us == hour(1));
    assert_int_equal(get_post(f, known.id).due_us, hour(1));
    assert_ok(kn_store_post_cancel(f->store, known.id, &got, &error));
    expect_appear(f, "c", &hourly, hour(1));
    expect_appear(f, "d", &hourly, hour(5));
}

static void slots_keep_their_distances(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_slots apart = hourly, few = hourly;
    struct kn_post_planned planned[3];
    apart.not_before_us = hour(10);
    apart.apart_us = 3 * HOUR;
    const struct kn_post_spec specs[] = {slot_spec("a", &apart), slot_spec("b", &apart),
                                         slot_spec("c", &apart)};
    assert_ok(kn_store_posts_plan(f->store, specs, 3, planned, NULL, &error));
    assert_int_equal(planned[0].appear_us, hour(10));
    assert_int_equal(planned[1].appear_us, hour(13));
    assert_int_equal(planned[2].appear_us, hour(16));
    few.day_max = 4; /* in any 24 hours, whatever follows */
    expect_appear(f, "d", &few, hour(1));
    expect_appear(f, "e", &few, hour(25));
    expect_appear(f, "f", &few, hour(34));
}

static void what_is_foreseen_is_what_is_planned(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_planned seen[3], planned[3];
    plan_one(f, slot_spec("a", &hourly));
    const struct kn_post_spec specs[] = {slot_spec("a", &hourly), slot_spec("b", &hourly),
                                         slot_spec("c", &hourly)};
    assert_ok(kn_store_posts_foresee(f->store, specs, 3, seen, &error));
    assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post"), 1);
    assert_ok(kn_store_posts_plan(f->store, specs, 3, planned, NULL, &error));
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i].appear_us, planned[i].appear_us);
    assert_true(seen[0].known && seen[0].id == planned[0].id && !seen[1].known && !seen[1].id);
}

static int64_t never(const void *arg, int64_t after_us)
{
    (void)arg;
    (void)after_us;
    return -1;
}

static void who_finds_none_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_post_planned planned[2];
    const struct kn_post_slots none = {.next = never};
    const struct kn_post_spec specs[] = {slot_spec("a", &hourly), slot_spec("b", &none)};
    assert_status(kn_store_posts_plan(f->store, specs, 2, planned, NULL, &error), KN_LIMIT);
    assert_says(error.text, "no slot of this account is free");
    assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post"), 0);
}

/* ---- many at once ---- */

struct race {
    struct party party;
    struct kn_store *store;
    atomic_int number;
};

static void *plan_some(void *arg)
{
    struct race *race = arg;
    struct kn_error error;
    struct kn_post_planned planned[EACH];
    struct kn_post_spec specs[EACH];
    char keys[EACH][32];
    int number = atomic_fetch_add(&race->number, 1);
    for (int i = 0; i < EACH; i++) {
        snprintf(keys[i], sizeof keys[i], "clip %d of %d", i, number);
        specs[i] = slot_spec(keys[i], &hourly);
    }
    meet(&race->party);
    must(kn_store_posts_plan(race->store, specs, EACH, planned, NULL, &error), &error);
    return NULL;
}

static void a_slot_is_one_posts(void **state)
{
    struct fixture *f = *state;
    struct race race = {.store = f->store};
    run_party(&race.party, &race, plan_some, THREADS);
    assert_int_equal(contract_number(f->contract, "SELECT count(DISTINCT appear_us) FROM post"),
                     THREADS * EACH);
    assert_int_equal(contract_number(f->contract, "SELECT max(appear_us) FROM post"),
                     hour(THREADS * EACH));
}

/* ---- shown by their platform ---- */

/* A post that its platform is to show in an hour, looked at a minute after. */
static struct kn_post scheduled(struct fixture *f, const char *key)
{
    struct kn_error error;
    struct kn_post_spec spec = post_spec(key);
    spec.appear_us = START + HOUR;
    int64_t id = plan_one(f, spec).id;
    struct kn_post post = claim_post_by(f, f->worker);
    assert_int_equal(post.id, id);
    struct kn_post_save save = save_of(&post, KN_POST_SCHEDULED);
    save.release = true;
    save.public_us = START + HOUR;
    save.due_us = START + HOUR + 60 * SECOND;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    return get_post(f, id);
}

static void renew(struct fixture *f, int64_t us)
{
    pass(us);
    f->worker = join(f->store);
}

static void it_is_looked_at_after_its_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t due_us, id = scheduled(f, "a").id;
    assert_int_equal(count_claimable(f, 10), 0);
    assert_ok(kn_store_posts_next_due(f->store, &due_us, &error));
    assert_int_equal(due_us, START + HOUR + 60 * SECOND);
    renew(f, HOUR + 61 * SECOND);
    struct kn_post post = claim_post_by(f, f->worker);
    assert_int_equal(post.state, KN_POST_SCHEDULED);
    assert_int_equal(post.appear_us, START + HOUR);
    give_up(f, &post, KN_POST_SCHEDULED, START + 3 * HOUR);
    assert_int_equal(count_claimable(f, 10), 0);
    renew(f, 2 * HOUR);
    post = claim_post_by(f, f->worker);
    give_up(f, &post, KN_POST_SCHEDULED, 0); /* for good */
    renew(f, DAY);
    assert_int_equal(count_claimable(f, 10), 0);
    assert_ok(kn_store_posts_next_due(f->store, &due_us, &error));
    assert_int_equal(due_us, INT64_MAX);
    assert_post_state(f, id, KN_POST_SCHEDULED);
}

static void it_can_be_taken_back_before_its_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t first = scheduled(f, "a").id, second = scheduled(f, "b").id;
    assert_ok(kn_store_post_cancel(f->store, first, &got, &error));
    assert_int_equal(got, KN_POST_SCHEDULED);
    struct kn_post post = claim_post_by(f, f->worker);
    assert_true(post.id == first && post.cancel_asked);
    assert_status(save_as(f, &post, KN_POST_CANCELLED), KN_OK);
    /* Refused, it appears as though nobody had asked. */
    assert_ok(kn_store_post_cancel(f->store, second, &got, &error));
    post = claim_post_by(f, f->worker);
    struct kn_post_save save = save_of(&post, KN_POST_SCHEDULED);
    save.cancel = KN_CANCEL_LATER; /* there is no room for it now */
    save.release = true;
    save.due_us = START + 10 * SECOND;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_int_equal(count_claimable(f, 10), 0);
    pass(10 * SECOND);
    post = claim_post_by(f, f->worker);
    save = save_of(&post, KN_POST_SCHEDULED);
    save.cancel = KN_CANCEL_REFUSED;
    save.due_us = START + 2 * HOUR;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_int_equal(count_claimable(f, 10), 0);
    assert_false(get_post(f, second).cancel_asked);
    renew(f, HOUR);
    assert_status(kn_store_post_cancel(f->store, second, &got, &error), KN_INVALID);
    assert_says(error.text, "the time of post 2 is over, so it can't be cancelled");
}

/* Asked for while it was still on its way. */
static void a_cancel_comes_after_it(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    int64_t id = post_in(f, KN_POST_PROCESSING, true);
    struct kn_post post = get_post(f, id);
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    give_up(f, &post, KN_POST_SCHEDULED, START + HOUR);
    post = claim_post_by(f, f->worker);
    assert_true(post.state == KN_POST_SCHEDULED && post.cancel_asked);
}

static void it_can_be_moved_before_its_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = scheduled(f, "a").id;
    assert_status(kn_store_post_move(f->store, id, START - HOUR, true, &error), KN_INVALID);
    assert_says(error.text, "the new time of post 1 is over");
    assert_ok(kn_store_post_move(f->store, id, START + 5 * HOUR, true, &error));
    struct kn_post post = claim_post_by(f, f->worker);
    assert_int_equal(post.appear_us, START + 5 * HOUR);
    assert_int_equal(post.public_us, START + HOUR);
    assert_status(kn_store_post_move(f->store, id, START + 6 * HOUR, true, &error), KN_INVALID);
    assert_says(error.text, "about to be changed");
    struct kn_post_save save = save_of(&post, KN_POST_SCHEDULED);
    save.appear_us = START + HOUR; /* it was refused */
    save.due_us = START + 2 * HOUR;
    assert_ok(kn_store_post_save(f->store, &save, &error));
    assert_int_equal(get_post(f, id).appear_us, START + HOUR);
    assert_ok(kn_store_post_move(f->store, id, 0, true, &error)); /* at once */
    assert_int_equal(get_post(f, id).appear_us, 0);
    assert_int_equal(get_post(f, id).due_us, START);
    renew(f, HOUR);
    assert_status(kn_store_post_move(f->store, id, START + 9 * HOUR, true, &error), KN_INVALID);
    assert_says(error.text, "the time of post 1 is over, so it can't be moved");
}

static void planned_ones_are_moved_as_their_platform_needs_it(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = plan_one(f, post_spec("a")).id;
    assert_ok(kn_store_post_move(f->store, id, START + HOUR, true, &error));
    assert_int_equal(get_post(f, id).due_us, START);
    assert_int_equal(get_post(f, id).appear_us, START + HOUR);
    assert_ok(kn_store_post_move(f->store, id, START + HOUR, false, &error));
    assert_int_equal(get_post(f, id).due_us, START + HOUR);
    assert_ok(kn_store_post_move(f->store, id, 0, true, &error));
    assert_int_equal(get_post(f, id).due_us, START);
    assert_int_equal(get_post(f, id).appear_us, 0);
}

static void what_was_cancelled_before_its_time_waits_for_it_again(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_post_state got;
    struct kn_post_spec spec = post_spec("later");
    spec.appear_us = spec.due_us = hour(9);
    int64_t id = plan_one(f, spec).id;
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    assert_ok(kn_store_post_retry(f->store, id, &error));
    struct kn_post post = get_post(f, id);
    assert_int_equal(post.state, KN_POST_PLANNED);
    assert_int_equal(post.due_us, hour(9));
    assert_ok(kn_store_post_cancel(f->store, id, &got, &error));
    pass(hour(10) - START);
    assert_ok(kn_store_post_retry(f->store, id, &error));
    assert_int_equal(get_post(f, id).due_us, hour(10));
}

/* ---- what was there before ---- */

#define OLD_POST                                                                                   \
    "INSERT INTO post (key, owner, platform, account, lane, clip, request, bytes, due_us, job,"    \
    " created_us, changed_us, plan_mark, state, public_us) VALUES ('old', '', 'youtube', 'main',"  \
    " 'youtube/main', '{}', '{\"title\":\"a\",\"publish_at_us\":1700000000000000,\"tags\":[]}',"   \
    " 1, 5, 0, 1, 1, '', 4, 1700000000000000)"

static void times_in_requests_are_kept(void **state)
{
    static const char *const back[] = {
        "DELETE FROM kirinuki_schema WHERE version = 6", "DROP INDEX post_appear",
        "ALTER TABLE post DROP COLUMN appear_us", OLD_POST,
        "INSERT INTO post (key, owner, platform, account, lane, clip, request, bytes, due_us, job,"
        " created_us, changed_us, plan_mark) SELECT 'none', '', 'x', 'main', 'x/main', '{}', '{}',"
        " 1, 7, 0, 1, 1, ''"};
    struct fixture *f = *state;
    kn_store_close(f->store);
    for (size_t i = 0; i < KN_COUNT_OF(back); i++)
        contract_sql(f->contract, back[i]);
    f->store = open_store(f, false);
    struct kn_post old = get_post(f, 1), other = get_post(f, 2);
    assert_int_equal(old.appear_us, INT64_C(1700000000000000));
    assert_int_equal(old.due_us, INT64_C(1700000060000000));
    assert_null(strstr(old.request, "publish_at_us"));
    assert_non_null(strstr(old.request, "title"));
    assert_int_equal(other.appear_us, 0);
    assert_int_equal(other.due_us, 7);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(each_post_gets_the_next_free_slot),
        POSTS_TEST(slots_keep_their_distances),
        POSTS_TEST(what_is_foreseen_is_what_is_planned),
        POSTS_TEST(who_finds_none_is_told),
        POSTS_TEST(a_slot_is_one_posts),
        POSTS_TEST(it_is_looked_at_after_its_time),
        POSTS_TEST(it_can_be_taken_back_before_its_time),
        POSTS_TEST(a_cancel_comes_after_it),
        POSTS_TEST(it_can_be_moved_before_its_time),
        POSTS_TEST(planned_ones_are_moved_as_their_platform_needs_it),
        POSTS_TEST(what_was_cancelled_before_its_time_waits_for_it_again),
        POSTS_TEST(times_in_requests_are_kept),
    };
    return run_posts_tests("posts, when they appear", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
