/* Turns of many jobs: what a fast way must not forget. */
#include "store_help.h"

enum { TURNS_PATIENCE = 100 };

/* A claim may begin where the last one ended, and yet sees who was put before that since. */
static void who_is_put_in_front_is_claimed_next(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int count;
    submit_many(f, "ann", 1, 50);
    int64_t last = submit(f, (struct kn_job_spec){.owner = "ann", .level = 1});
    struct kn_store *other = open_store(f, true); /* connections of its own, like a process */
    claim(f, 5, &count);
    struct kn_submitted made;
    struct kn_job_spec urgent = {.source = "talk.mp4", .level = 2};
    assert_ok(kn_store_submit(other, &urgent, 1, &made, NULL, &error));
    assert_int_equal(claim_one(f)->id, made.id);
    claim(f, 5, &count);
    assert_ok(kn_store_bump(other, last, &error));
    assert_int_equal(claim_one(f)->id, last);

    struct kn_job *failed = claim_one(f);
    finish(f, failed, KN_DAMAGED, false, "no sound and no picture");
    claim(f, 5, &count);
    assert_ok(kn_store_retry(other, failed->id, &error)); /* behind the others */
    assert_int_not_equal(claim_one(f)->id, failed->id);

    struct kn_job *again = claim_one(f);
    finish(f, again, KN_REMOTE, true, "no answer");
    claim(f, 5, &count);
    pass(11 * SECOND);
    promote(f, 1, 0);
    assert_int_equal(claim_one(f)->id, again->id);
    kn_store_close(other);
}

static void who_was_waiting_too_long_is_claimed_next(void **state)
{
    struct fixture *f = *state;
    int count;
    int64_t low = submit(f, (struct kn_job_spec){.level = 0});
    pass(300 * SECOND);
    submit_many(f, "ann", 1, 20);
    claim(f, 5, &count);
    pass(301 * SECOND);
    promote(f, 0, 1);
    claim(f, 2, &count);
    pass(601 * SECOND);
    promote(f, 0, 14); /* all are at the highest level now, the old one among them */
    struct kn_job *jobs = claim(f, 14, &count);
    bool found = false;
    for (int i = 0; i < count; i++)
        found |= jobs[i].id == low;
    assert_true(found || get(f, low).state == KN_JOB_LEASED);
}

/* Jobs that others have locked are passed by, and come back when those let go. */
static void who_was_locked_is_not_forgotten(void **state)
{
    struct fixture *f = *state;
    if (contract_is(KN_DATABASE_SQLITE))
        return; /* whose transactions come one after the other */
    int64_t first = submit(f, (struct kn_job_spec){.level = 1});
    submit_many(f, "", 1, 2 * TURNS_PATIENCE);
    contract_outside(f->contract, "BEGIN");
    contract_outside(f->contract, kn_arena_printf(f->arena,
                                                  "SELECT 1 FROM job WHERE id = %lld"
                                                  " FOR UPDATE",
                                                  (long long)first));
    assert_int_not_equal(claim_one(f)->id, first);
    contract_outside(f->contract, "ROLLBACK");
    int turns = 1;
    while (claim_one(f)->id != first)
        if (++turns > TURNS_PATIENCE)
            fail_msg("not claimed after %d turns", turns);
}

static void each_finish_has_its_own_outcome(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int count;
    submit_many(f, "", 1, 4);
    struct kn_job *jobs = claim(f, 4, &count);
    assert_int_equal(count, 4);
    struct kn_finish finishes[] = {
        {.job = jobs[0].id, .attempt = 1},
        {.job = jobs[1].id, .attempt = 1},
        {.job = 4711, .attempt = 1},
        {.job = jobs[2].id, .attempt = 1},
    };
    struct kn_turn turn = {.worker = f->worker, .finishes = finishes, .finish_count = 4};
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    for (int i = 0; i < 4; i++)
        assert_status(finishes[i].status, i == 2 ? KN_LOST : KN_OK);
    /* Another attempt of the same job, and one that is done already. */
    struct kn_finish others[] = {
        {.job = jobs[3].id, .attempt = 2},
        {.job = jobs[3].id, .attempt = 1},
        {.job = jobs[0].id, .attempt = 1},
    };
    turn.finishes = others;
    turn.finish_count = 3;
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    for (int i = 0; i < 3; i++)
        assert_status(others[i].status, i == 1 ? KN_OK : KN_LOST);
    for (int i = 0; i < 4; i++)
        assert_state(f, jobs[i].id, KN_JOB_DONE);
    assert_int_equal(get(f, jobs[3].id).finished_us, test_clock(NULL));
}

static int64_t lease_rows(struct fixture *f)
{
    return contract_number(f->contract, "SELECT count(*) FROM lease");
}

static void renew(struct fixture *f)
{
    struct kn_error error;
    const int64_t *cancel;
    int count;
    assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancel, &count, &error));
}

/* PostgreSQL's list of leases: a row stays as long as one of its jobs is leased. */
static void leases_are_kept_while_they_are_needed(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int count;
    if (contract_is(KN_DATABASE_SQLITE))
        return; /* which has an index of them */
    submit_many(f, "", 1, 3);
    struct kn_job *pair = claim(f, 2, &count);
    struct kn_job *third = claim_one(f);
    assert_int_equal(lease_rows(f), 2);
    finish(f, &pair[0], KN_OK, false, NULL);
    finish(f, third, KN_OK, false, NULL);
    renew(f);
    assert_int_equal(lease_rows(f), 1);
    assert_ok(kn_store_leave(f->store, f->worker, &error));
    assert_int_equal(reclaim(f), 1);
    assert_state(f, pair[1].id, KN_JOB_QUEUED);
    assert_int_equal(lease_rows(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_put_in_front_is_claimed_next),   TEST(who_was_waiting_too_long_is_claimed_next),
        TEST(who_was_locked_is_not_forgotten),       TEST(each_finish_has_its_own_outcome),
        TEST(leases_are_kept_while_they_are_needed),
    };
    return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
