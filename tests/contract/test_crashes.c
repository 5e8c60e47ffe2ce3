/* Jobs whose workers go away: none of them pays for another, and the guilty one is found. */
#include "store_help.h"

/* The worker goes away with whatever it has. */
static void crash(struct fixture *f)
{
    struct kn_error error;
    assert_ok(kn_store_leave(f->store, f->worker, &error));
    (void)reclaim(f);
    f->worker = join(f->store);
}

static void release_due(struct fixture *f)
{
    struct kn_error error;
    int released, promoted;
    bool more;
    pass(10 * SECOND);
    assert_ok(kn_store_promote(f->store, &released, &promoted, &more, &error));
}

static const char *last_reason(struct fixture *f, int64_t id)
{
    struct kn_error error;
    const struct kn_job_reason *reasons;
    int count;
    assert_ok(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &error));
    return count ? reasons[count - 1].text : "";
}

/* Many are in flight, and one of them ends its worker whenever it runs: it alone is given up. */
static void who_ends_its_worker_is_found_and_the_others_are_done(void **state)
{
    enum { JOBS = 20, GUILTY = 7 };
    struct fixture *f = *state;
    int64_t ids[JOBS];
    int count, rounds = 0, crashes = 0;
    for (int i = 0; i < JOBS; i++)
        ids[i] = submit(f, (struct kn_job_spec){.attempts_max = i % 3 + 1});
    while (get(f, ids[GUILTY]).state != KN_JOB_FAILED && rounds++ < 200) {
        struct kn_job *jobs = claim(f, JOBS, &count);
        bool dies = false;
        for (int i = 0; i < count; i++)
            dies |= jobs[i].id == ids[GUILTY];
        crashes += dies;
        if (crashes > 2)
            assert_int_equal(count, 1);
        if (dies)
            crash(f);
        for (int i = 0; i < count && !dies; i++)
            finish(f, &jobs[i], KN_OK, false, NULL);
        release_due(f);
    }
    assert_int_equal(crashes, 5);
    assert_string_equal(last_reason(f, ids[GUILTY]), "the worker went away 5 times");
    for (rounds = 0; rounds < 2 * JOBS; rounds++) {
        struct kn_job *jobs = claim(f, JOBS, &count);
        for (int i = 0; i < count; i++)
            finish(f, &jobs[i], KN_OK, false, NULL);
        release_due(f);
    }
    for (int i = 0; i < JOBS; i++)
        assert_state(f, ids[i], i == GUILTY ? KN_JOB_FAILED : KN_JOB_DONE);

    /* Asked for again, it has all of its tries again. */
    struct kn_error error;
    assert_ok(kn_store_retry(f->store, ids[GUILTY], &error));
    assert_non_null(claim_one(f));
    crash(f);
    assert_state(f, ids[GUILTY], KN_JOB_QUEUED);
}

/* Five workers are killed from outside, and whatever they had goes on. */
static void workers_that_are_killed_fail_nobody(void **state)
{
    enum { JOBS = 6 };
    struct fixture *f = *state;
    int64_t ids[JOBS];
    int count;
    for (int i = 0; i < JOBS; i++)
        ids[i] = submit(f, (struct kn_job_spec){.attempts_max = 1});
    for (int i = 0; i < 5; i++) {
        claim(f, JOBS, &count);
        assert_true(count > 0);
        crash(f);
        release_due(f);
    }
    for (int i = 0; i < JOBS; i++)
        assert_true(get(f, ids[i]).state == KN_JOB_QUEUED);
}

static void a_step_that_was_recorded_clears_a_job(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 1});
    for (int i = 0; i < 7; i++) {
        struct kn_job *job = claim_one(f);
        assert_non_null(job); /* never held for its turn alone */
        struct kn_holder holder = {id, f->worker, job->attempt};
        char name[16];
        snprintf(name, sizeof name, "clip %d", i);
        assert_ok(kn_store_record_step(f->store, &holder, name, "{}", &error));
        pass(SECOND);
        crash(f);
    }
    finish(f, claim_one(f), KN_OK, false, NULL);
    assert_string_equal(last_reason(f, id), "the worker went away");
}

/* `kirinuki run` is gone: nobody else may do what it was at. */
static void a_reserved_job_ends_with_its_process(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = submit(f, (struct kn_job_spec){.not_before_us = KN_JOB_RESERVED_US});
    struct kn_turn turn = {.worker = f->worker, .claim_max = 1, .only = &id, .only_count = 1};
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    assert_int_equal(turn.claimed_count, 1);
    crash(f);
    assert_state(f, id, KN_JOB_FAILED); /* though it has attempts left */
}

/* Silent for longer than its lease: the user's word counts at once. */
static void a_cancel_does_not_wait_for_who_is_gone(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_job_state got;
    struct kn_job *jobs[2];
    for (int i = 0; i < 2; i++) {
        submit(f, (struct kn_job_spec){0});
        jobs[i] = claim_one(f);
    }
    assert_ok(kn_store_cancel(f->store, jobs[0]->id, &got, &error));
    assert_int_equal(got, KN_JOB_LEASED);
    pass(LEASE_US + 1);
    for (int i = 0; i < 2; i++) { /* asked before as well */
        assert_ok(kn_store_cancel(f->store, jobs[i]->id, &got, &error));
        assert_int_equal(got, KN_JOB_CANCELLED);
        assert_string_equal(last_reason(f, jobs[i]->id),
                            "stopped by request; the worker went away");
        assert_status(finish_by(f, f->worker, jobs[i], KN_OK, false, NULL).status, KN_LOST);
    }
    assert_standing(f);
    assert_ok(kn_store_remove(f->store, jobs[0]->id, &error));
    assert_int_equal(reclaim(f), 0);
}

/* Hand-backs are no workers that went away. */
static void hand_backs_are_not_counted_as_crashes(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 1});
    for (int i = 0; i < 6; i++) {
        struct kn_job *job = claim_one(f);
        assert_non_null(job);
        struct kn_finish back = {.job = id,
                                 .attempt = job->attempt,
                                 .outcome = KN_LOST,
                                 .text = "its worker was stopped and handed it back",
                                 .back = true,
                                 .retry_us = test_clock(NULL)};
        struct kn_turn turn = {.worker = f->worker, .finishes = &back, .finish_count = 1};
        assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
        promote(f, 1, 0);
    }
    assert_non_null(claim_one(f));
    crash(f);
    assert_state(f, id, KN_JOB_QUEUED);
    assert_string_equal(last_reason(f, id), "the worker went away");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_ends_its_worker_is_found_and_the_others_are_done),
        TEST(workers_that_are_killed_fail_nobody),
        TEST(a_step_that_was_recorded_clears_a_job),
        TEST(a_reserved_job_ends_with_its_process),
        TEST(a_cancel_does_not_wait_for_who_is_gone),
        TEST(hand_backs_are_not_counted_as_crashes),
    };
    return cmocka_run_group_tests_name("crashes", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
