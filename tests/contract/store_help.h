/* For the suites of the store: a fresh one for each test, on a clock that the test moves. */
#ifndef KN_TESTS_STORE_HELP_H
#define KN_TESTS_STORE_HELP_H

#include "contract.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"

enum { LEASE_US = 30 * 1000000 };
#define SECOND INT64_C(1000000)
#define START  (INT64_C(1700000000) * SECOND)

static atomic_llong test_now_us;

static inline int64_t test_clock(void *arg)
{
    (void)arg;
    return atomic_load(&test_now_us);
}

static inline void pass(int64_t us)
{
    atomic_fetch_add(&test_now_us, us);
}

struct fixture {
    struct contract *contract;
    struct kn_store *store;
    struct kn_arena *arena;
    int64_t worker;
};

static inline struct kn_store *open_store(struct fixture *f, bool own_database)
{
    struct kn_error error;
    struct kn_store *store = NULL;
    assert_ok(kn_store_open(
        &(struct kn_store_options){.database = own_database ? NULL : f->contract->database,
                                   .where = f->contract->where,
                                   .now_us = test_clock},
        &store, &error));
    return store;
}

static inline int64_t join(struct kn_store *store)
{
    struct kn_error error;
    int64_t worker = 0;
    assert_ok(kn_store_join(store, "tester", LEASE_US, &worker, &error));
    return worker;
}

static inline int store_setup(void **state)
{
    struct fixture *f = kn_calloc(1, sizeof *f);
    void *contract = NULL;
    atomic_store(&test_now_us, START);
    contract_setup(&contract);
    f->contract = contract;
    if (contract_is(KN_DATABASE_POSTGRES)) {
        contract_sql(f->contract, "DROP SCHEMA public CASCADE");
        contract_sql(f->contract, "CREATE SCHEMA public");
    }
    f->store = open_store(f, false);
    f->arena = kn_arena_new();
    f->worker = join(f->store);
    *state = f;
    return 0;
}

/* PostgreSQL's job.standing follows from other columns: every statement must have kept it so. */
static inline void assert_standing(struct fixture *f)
{
    if (contract_is(KN_DATABASE_POSTGRES))
        assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM job WHERE standing <>"
                                                      " CASE WHEN state > 2 THEN 3"
                                                      " WHEN state > 0 THEN 2"
                                                      " WHEN held_until_us IS NULL THEN 0"
                                                      " ELSE 1 END"),
                         0);
}

static inline int store_teardown(void **state)
{
    struct fixture *f = *state;
    void *contract = f->contract;
    assert_standing(f);
    kn_store_close(f->store);
    kn_arena_free(f->arena);
    free(f);
    return contract_teardown(&contract);
}

/* ---- short forms ---- */

static inline int64_t submit(struct fixture *f, struct kn_job_spec spec)
{
    struct kn_error error;
    struct kn_submitted made;
    if (!spec.source)
        spec.source = "talk.mp4";
    assert_ok(kn_store_submit(f->store, &spec, 1, &made, NULL, &error));
    return made.id;
}

static inline void submit_many(struct fixture *f, const char *owner, int level, int count)
{
    struct kn_error error;
    struct kn_job_spec *specs = kn_calloc((size_t)count, sizeof *specs);
    struct kn_submitted *made = kn_calloc((size_t)count, sizeof *made);
    for (int i = 0; i < count; i++)
        specs[i] = (struct kn_job_spec){.source = "talk.mp4", .owner = owner, .level = level};
    assert_ok(kn_store_submit(f->store, specs, count, made, NULL, &error));
    free(specs);
    free(made);
}

static inline struct kn_job *claim(struct fixture *f, int max, int *ret_count)
{
    struct kn_error error;
    struct kn_turn turn = {.worker = f->worker, .claim_max = max};
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    *ret_count = turn.claimed_count;
    return turn.claimed;
}

/* The next job; NULL: none. */
static inline struct kn_job *claim_one(struct fixture *f)
{
    int count;
    struct kn_job *jobs = claim(f, 1, &count);
    return count ? jobs : NULL;
}

static inline struct kn_finish finish_by(struct fixture *f, int64_t worker,
                                         const struct kn_job *job, enum kn_status outcome,
                                         bool retry, const char *text)
{
    struct kn_error error;
    struct kn_finish finish = {.job = job->id,
                               .attempt = job->attempt,
                               .outcome = outcome,
                               .text = text,
                               .retry = retry,
                               .retry_us = test_clock(NULL) + 10 * SECOND};
    struct kn_turn turn = {.worker = worker, .finishes = &finish, .finish_count = 1};
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    return finish;
}

static inline struct kn_finish finish(struct fixture *f, const struct kn_job *job,
                                      enum kn_status outcome, bool retry, const char *text)
{
    struct kn_finish done = finish_by(f, f->worker, job, outcome, retry, text);
    assert_status(done.status, KN_OK);
    return done;
}

static inline struct kn_job get(struct fixture *f, int64_t id)
{
    struct kn_error error;
    struct kn_job job;
    assert_ok(kn_store_get(f->store, id, f->arena, &job, &error));
    return job;
}

#define assert_state(f, id, wanted)                                                                \
    assert_string_equal(kn_job_state_name(get(f, id).state), kn_job_state_name(wanted))

static inline int reclaim(struct fixture *f)
{
    struct kn_error error;
    int count = -1;
    assert_ok(kn_store_reclaim(f->store, &count, &error));
    return count;
}

static inline void promote(struct fixture *f, int released, int promoted)
{
    struct kn_error error;
    int got_released = -1, got_promoted = -1;
    bool more;
    assert_ok(kn_store_promote(f->store, &got_released, &got_promoted, &more, &error));
    assert_int_equal(got_released, released);
    assert_int_equal(got_promoted, promoted);
}

/* A job brought into a state by the shortest way. */
static inline int64_t job_in(struct fixture *f, enum kn_job_state state)
{
    struct kn_error error;
    enum kn_job_state got;
    int64_t id = submit(f, (struct kn_job_spec){.level = 2});
    if (state == KN_JOB_QUEUED)
        return id;
    if (state == KN_JOB_CANCELLED) {
        assert_ok(kn_store_cancel(f->store, id, &got, &error));
        return id;
    }
    struct kn_job *job = claim_one(f);
    assert_int_equal(job->id, id);
    if (state == KN_JOB_DONE)
        finish(f, job, KN_OK, false, NULL);
    else if (state == KN_JOB_FAILED)
        finish(f, job, KN_DAMAGED, false, "no sound and no picture");
    return id;
}

#endif
