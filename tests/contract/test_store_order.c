/* The order in which the store gives jobs out, on every kind of database. */
#include "store_help.h"

static void higher_levels_come_first_then_submission(void **state)
{
    struct fixture *f = *state;
    static const int levels[] = {0, 2, 1, 2, 0, 1};
    int64_t ids[6];
    for (int i = 0; i < 6; i++)
        ids[i] = submit(f, (struct kn_job_spec){.level = levels[i]});
    static const int order[] = {1, 3, 2, 5, 0, 4};
    for (int i = 0; i < 6; i++) {
        int64_t ahead;
        struct kn_error error;
        for (int k = i; k < 6; k++) {
            assert_ok(kn_store_position(f->store, ids[order[k]], &ahead, &error));
            assert_int_equal(ahead, k - i);
        }
        struct kn_job *job = claim_one(f);
        assert_int_equal(job->id, ids[order[i]]);
        assert_ok(kn_store_position(f->store, job->id, &ahead, &error));
        assert_int_equal(ahead, -1);
    }
    assert_null(claim_one(f));
}

/* In each window of claims both have had their half. */
static void assert_in_turn(struct fixture *f, int claims, int batch)
{
    int first = 0, second = 0;
    for (int done = 0; done < claims;) {
        int count;
        struct kn_job *jobs = claim(f, KN_MIN(batch, claims - done), &count);
        assert_true(count > 0);
        for (int i = 0; i < count; i++) {
            bool ann = strcmp(jobs[i].owner, "ann") == 0;
            first += ann;
            second += !ann;
            if (abs(first - second) > 1)
                fail_msg("after %d claims: ann %d, bob %d", done + i + 1, first, second);
        }
        done += count;
    }
}

static void owners_take_turns(void **state)
{
    struct fixture *f = *state;
    submit_many(f, "ann", 1, 1000);
    submit_many(f, "bob", 1, 10);
    assert_in_turn(f, 20, 1);
}

static void a_late_comer_takes_turns_from_now_on(void **state)
{
    struct fixture *f = *state;
    int count;
    submit_many(f, "ann", 1, 500);
    claim(f, 300, &count);
    for (int i = 0; i < 40; i++) /* one by one is like a batch */
        submit(f, (struct kn_job_spec){.owner = "bob", .level = 1});
    assert_in_turn(f, 80, 7);
    claim(f, 1000, &count);
    assert_int_equal(count, 160);
}

static void an_idle_queue_forgets_who_was_served(void **state)
{
    struct fixture *f = *state;
    int count;
    submit_many(f, "ann", 1, 100);
    claim(f, 1000, &count);
    submit_many(f, "bob", 1, 50);
    submit_many(f, "ann", 1, 50);
    assert_in_turn(f, 100, 10);
}

static void an_absent_owner_saves_nothing_up(void **state)
{
    struct fixture *f = *state;
    int count;
    submit_many(f, "bob", 1, 1);
    submit_many(f, "ann", 1, 400);
    claim(f, 201, &count);
    submit_many(f, "bob", 1, 100);
    assert_in_turn(f, 200, 10);
}

static void waiting_lifts_a_job_level_by_level(void **state)
{
    struct fixture *f = *state;
    int64_t low = submit(f, (struct kn_job_spec){.level = 0, .owner = "ann"});
    pass(599 * SECOND);
    promote(f, 0, 0);
    pass(1 * SECOND);
    int64_t high = submit(f, (struct kn_job_spec){.level = 2, .owner = "bob"});
    promote(f, 0, 1);
    assert_int_equal(get(f, low).level, 1);
    promote(f, 0, 0);
    pass(600 * SECOND);
    promote(f, 0, 1);
    assert_int_equal(get(f, low).level, 2);
    pass(6000 * SECOND);
    promote(f, 0, 0);
    assert_int_equal(claim_one(f)->id, low); /* they take turns; it is the older one */
    assert_int_equal(claim_one(f)->id, high);
}

static void nothing_starves(void **state)
{
    struct fixture *f = *state;
    int64_t low = submit(f, (struct kn_job_spec){.level = 0, .owner = "ann"});
    for (int minute = 0; minute < 30; minute++) { /* more than can be done of the highest level */
        submit_many(f, "bob", 2, 3);
        struct kn_error error;
        int released, promoted, count;
        bool more;
        assert_ok(kn_store_promote(f->store, &released, &promoted, &more, &error));
        struct kn_job *jobs = claim(f, 2, &count);
        for (int i = 0; i < count; i++)
            if (jobs[i].id == low) {
                assert_in_range(minute, 20, 24);
                return;
            }
        pass(60 * SECOND);
    }
    fail_msg("the low job was never claimed");
}

static void a_job_for_later_waits_for_its_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t due, ahead;
    assert_ok(kn_store_next_due(f->store, &due, &error));
    assert_true(due == INT64_MAX);
    int64_t id = submit(f, (struct kn_job_spec){.not_before_us = START + 60 * SECOND});
    assert_null(claim_one(f));
    assert_ok(kn_store_position(f->store, id, &ahead, &error));
    assert_int_equal(ahead, -1);
    assert_ok(kn_store_next_due(f->store, &due, &error));
    assert_int_equal(due, START + 60 * SECOND);
    pass(60 * SECOND - 1);
    promote(f, 0, 0);
    assert_null(claim_one(f));
    pass(1);
    promote(f, 1, 0);
    assert_int_equal(get(f, id).held_until_us, 0);
    assert_int_equal(claim_one(f)->id, id);
    /* A time that is over is none. */
    id = submit(f, (struct kn_job_spec){.not_before_us = START});
    assert_int_equal(claim_one(f)->id, id);
}

static void jobs_for_later_are_fair_when_they_are_due(void **state)
{
    struct fixture *f = *state;
    int count;
    for (int i = 0; i < 60; i++)
        submit(f, (struct kn_job_spec){.owner = "ann", .not_before_us = START + SECOND});
    submit_many(f, "ann", 0, 1);
    submit_many(f, "bob", 0, 160);
    claim(f, 101, &count); /* what bob had meanwhile gives ann no credit */
    pass(SECOND);
    promote(f, 60, 0);
    assert_in_turn(f, 120, 9);
}

static void memory_bounds_a_claim_and_keeps_the_order(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    static const int64_t needs[] = {30, 50, 40, 1};
    for (int i = 0; i < 4; i++)
        submit(f, (struct kn_job_spec){.memory_bytes = needs[i]});
    static const struct {
        int64_t memory;
        bool first;
        int claimed;
    } cases[] = {{20, false, 0}, {99, false, 2}, {39, false, 0}, {39, true, 1}, {1, false, 1}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_turn turn = {.worker = f->worker,
                               .claim_max = 10,
                               .memory_max_bytes = cases[i].memory,
                               .memory_first = cases[i].first};
        assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
        if (turn.claimed_count != cases[i].claimed)
            fail_msg("case %d: %d claimed", (int)i, turn.claimed_count);
    }
}

static void a_paused_queue_gives_nothing(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    bool paused;
    int64_t running = job_in(f, KN_JOB_LEASED), id = submit(f, (struct kn_job_spec){0});
    assert_ok(kn_store_pause(f->store, true, &error));
    assert_ok(kn_store_pause(f->store, true, &error));
    assert_ok(kn_store_paused(f->store, &paused, &error));
    assert_true(paused);
    assert_null(claim_one(f));
    struct kn_job job = get(f, running);
    finish(f, &job, KN_OK, false, NULL);
    assert_ok(kn_store_pause(f->store, false, &error));
    assert_int_equal(claim_one(f)->id, id);
    assert_ok(kn_store_paused(f->store, &paused, &error));
    assert_false(paused);
}

static void only_the_named_jobs_are_claimed(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    submit(f, (struct kn_job_spec){0});
    const int64_t only[] = {
        submit(f, (struct kn_job_spec){.not_before_us = KN_JOB_RESERVED_US, .memory_bytes = 1000}),
        submit(f, (struct kn_job_spec){.not_before_us = KN_JOB_RESERVED_US, .attempts_max = 1}),
    };
    assert_ok(kn_store_pause(f->store, true, &error));
    struct kn_turn turn = {
        .worker = f->worker, .claim_max = 1, .memory_max_bytes = 1, .only = only, .only_count = 2};
    for (int round = 0; round < 2; round++) {
        assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
        assert_int_equal(turn.claimed_count, 1);
        assert_int_equal(turn.claimed[0].id, only[round]);
        assert_int_equal(get(f, only[round]).state, KN_JOB_LEASED);
    }
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    assert_int_equal(turn.claimed_count, 0);
}

static void a_bumped_job_is_next(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    submit_many(f, "ann", 2, 5);
    int64_t low = submit(f, (struct kn_job_spec){.level = 0});
    int64_t later = submit(f, (struct kn_job_spec){.not_before_us = START + SECOND});
    assert_ok(kn_store_bump(f->store, low, &error));
    assert_ok(kn_store_bump(f->store, later, &error));
    assert_int_equal(claim_one(f)->id, later);
    assert_int_equal(claim_one(f)->id, low);
    assert_string_equal(claim_one(f)->owner, "ann");
}

static void a_second_attempt_keeps_its_place(void **state)
{
    struct fixture *f = *state;
    int count;
    submit_many(f, "ann", 1, 300);
    struct kn_job *jobs = claim(f, 100, &count);
    finish(f, &jobs[3], KN_IO, true, "again");
    int64_t id = jobs[3].id;
    pass(10 * SECOND);
    promote(f, 1, 0);
    submit_many(f, "bob", 1, 100);
    assert_int_equal(claim_one(f)->id, id);
    assert_in_turn(f, 200, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(higher_levels_come_first_then_submission),
        TEST(owners_take_turns),
        TEST(a_late_comer_takes_turns_from_now_on),
        TEST(an_idle_queue_forgets_who_was_served),
        TEST(an_absent_owner_saves_nothing_up),
        TEST(waiting_lifts_a_job_level_by_level),
        TEST(nothing_starves),
        TEST(a_job_for_later_waits_for_its_time),
        TEST(jobs_for_later_are_fair_when_they_are_due),
        TEST(memory_bounds_a_claim_and_keeps_the_order),
        TEST(a_paused_queue_gives_nothing),
        TEST(only_the_named_jobs_are_claimed),
        TEST(a_bumped_job_is_next),
        TEST(a_second_attempt_keeps_its_place),
    };
    return cmocka_run_group_tests_name("store order", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
