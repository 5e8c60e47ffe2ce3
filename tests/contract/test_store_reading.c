/* What the store tells, on every kind of database: checkpoints, lists, events. */
#include "store_help.h"

/* ---- checkpoints, progress ---- */

static void checkpoints_outlive_attempts(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_job_step *steps;
    int count;
    int64_t id = submit(f, (struct kn_job_spec){0});
    struct kn_job *job = claim_one(f);
    struct kn_holder holder = {id, f->worker, job->attempt};
    assert_ok(kn_store_record_step(f->store, &holder, "probe", "{\"a\":1}", &error));
    pass(SECOND);
    assert_ok(kn_store_record_step(f->store, &holder, "listen", "{}", &error));
    pass(SECOND);
    assert_ok(kn_store_record_step(f->store, &holder, "probe", "{\"a\":2}", &error));
    finish(f, job, KN_IO, true, "disk");
    assert_status(kn_store_record_step(f->store, &holder, "late", "{}", &error), KN_LOST);
    assert_ok(kn_store_steps(f->store, id, f->arena, &steps, &count, &error));
    assert_int_equal(count, 2);
    assert_string_equal(steps[0].name, "listen");
    assert_string_equal(steps[1].name, "probe");
    assert_string_equal(steps[1].data, "{\"a\":2}");
    assert_int_equal(steps[1].at_us, START + 2 * SECOND);

    pass(10 * SECOND);
    promote(f, 1, 0);
    finish(f, claim_one(f), KN_OK, false, NULL);
    assert_ok(kn_store_remove(f->store, id, &error));
    assert_ok(kn_store_steps(f->store, id, f->arena, &steps, &count, &error));
    assert_int_equal(count, 0);
}

static void progress_is_the_latest_snapshot(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const char *data;
    int64_t at_us;
    submit_many(f, "ann", 0, 2);
    int count;
    struct kn_job *jobs = claim(f, 2, &count);
    struct kn_holder holders[] = {{jobs[0].id, f->worker, 1}, {jobs[1].id, f->worker, 99}};
    const char *first[] = {"{\"done\":0.1}", "{}"}, *second[] = {"{\"done\":0.2}", "{}"};
    assert_ok(kn_store_put_progress(f->store, holders, first, 2, &error));
    pass(SECOND);
    assert_ok(kn_store_put_progress(f->store, holders, second, 2, &error));
    assert_ok(kn_store_get_progress(f->store, jobs[0].id, f->arena, &data, &at_us, &error));
    assert_string_equal(data, "{\"done\":0.2}");
    assert_int_equal(at_us, START + SECOND);
    assert_status(kn_store_get_progress(f->store, jobs[1].id, f->arena, &data, &at_us, &error),
                  KN_NOT_FOUND);
}

/* ---- reading ---- */

static void lists_and_counts(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_job *jobs;
    struct kn_store_counts counts;
    int count;
    submit_many(f, "ann", 0, 4);
    pass(SECOND);
    submit_many(f, "bob", 1, 3);
    submit(f, (struct kn_job_spec){.owner = "bob", .not_before_us = START + 99 * SECOND});
    finish(f, claim_one(f), KN_OK, false, NULL);
    claim_one(f);

    static const struct {
        struct kn_job_filter filter;
        int count;
    } cases[] = {
        {{.limit = 100}, 8},
        {{.limit = 3}, 3},
        {{.limit = 100, .owner = "ann"}, 4},
        {{.limit = 100, .states = 1 << KN_JOB_QUEUED}, 6},
        {{.limit = 100, .states = 1 << KN_JOB_DONE | 1 << KN_JOB_LEASED}, 2},
        {{.limit = 100, .owner = "bob", .states = 1 << KN_JOB_QUEUED}, 2},
        {{.limit = 100, .since_us = START + SECOND}, 4},
        {{.limit = 100, .owner = "nobody"}, 0},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        assert_ok(kn_store_list(f->store, &cases[i].filter, f->arena, &jobs, &count, &error));
        if (count != cases[i].count)
            fail_msg("case %d: %d jobs", (int)i, count);
        for (int k = 1; k < count; k++)
            assert_true(jobs[k].id < jobs[k - 1].id);
    }
    struct kn_job_filter next = {.limit = 100};
    assert_ok(kn_store_list(f->store, &next, f->arena, &jobs, &count, &error));
    next.before_job = jobs[2].id;
    assert_ok(kn_store_list(f->store, &next, f->arena, &jobs, &count, &error));
    assert_int_equal(count, 5);

    assert_ok(kn_store_counts(f->store, f->arena, &counts, &error));
    assert_int_equal(counts.jobs[KN_JOB_QUEUED], 6);
    assert_int_equal(counts.jobs[KN_JOB_LEASED], 1);
    assert_int_equal(counts.jobs[KN_JOB_DONE], 1);
    assert_int_equal(counts.held, 1);
    assert_int_equal(counts.workers, 1);
    assert_int_equal(counts.owner_count, 2);
    assert_string_equal(counts.owners[1].owner, "bob");
    assert_int_equal(counts.owners[1].jobs[KN_JOB_QUEUED], 2);
    assert_int_equal(counts.owners[0].jobs[KN_JOB_QUEUED], 4);
}

static void every_change_is_an_event(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_event *events;
    enum kn_job_state got;
    int count;
    submit_many(f, "ann", 0, 3);
    struct kn_job *jobs = claim(f, 3, &count);
    struct kn_holder holder = {jobs[0].id, f->worker, 1};
    assert_ok(kn_store_record_step(f->store, &holder, "probe", "{}", &error));
    finish(f, &jobs[0], KN_OK, false, NULL);
    finish(f, &jobs[1], KN_IO, true, "disk");
    assert_ok(kn_store_cancel(f->store, jobs[2].id, &got, &error));
    finish(f, &jobs[2], KN_CANCELLED, false, "stopped");
    assert_ok(kn_store_bump(f->store, jobs[1].id, &error));
    assert_ok(kn_store_pause(f->store, true, &error));
    assert_ok(kn_store_pause(f->store, false, &error));
    finish(f, claim_one(f), KN_DAMAGED, false, "broken");
    assert_ok(kn_store_retry(f->store, jobs[1].id, &error));
    assert_ok(kn_store_cancel(f->store, jobs[1].id, &got, &error));
    assert_ok(kn_store_remove(f->store, jobs[1].id, &error));
    static const enum kn_event_kind wanted[] = {
        KN_EVENT_SUBMITTED, KN_EVENT_SUBMITTED,    KN_EVENT_SUBMITTED, KN_EVENT_CLAIMED,
        KN_EVENT_CLAIMED,   KN_EVENT_CLAIMED,      KN_EVENT_STEP,      KN_EVENT_DONE,
        KN_EVENT_RETRYING,  KN_EVENT_CANCEL_ASKED, KN_EVENT_CANCELLED, KN_EVENT_BUMPED,
        KN_EVENT_PAUSED,    KN_EVENT_RESUMED,      KN_EVENT_CLAIMED,   KN_EVENT_FAILED,
        KN_EVENT_REQUEUED,  KN_EVENT_CANCELLED,    KN_EVENT_REMOVED};
    assert_ok(kn_store_events(f->store, 0, 100, f->arena, &events, &count, &error));
    assert_int_equal(count, KN_COUNT_OF(wanted));
    for (int i = 0; i < count; i++) {
        assert_int_equal(events[i].id, i + 1);
        assert_string_equal(kn_event_kind_name(events[i].kind), kn_event_kind_name(wanted[i]));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(events[i].job, jobs[i].id);
        assert_int_equal(events[3 + i].job, jobs[i].id);
    }
    assert_string_equal(events[6].detail, "probe");
    assert_string_equal(events[8].detail, "disk");
    assert_int_equal(events[12].job, 0);

    /* From the middle of a block, and in small pieces. */
    for (int64_t since = 0; since < 19;) {
        assert_ok(kn_store_events(f->store, since, 2, f->arena, &events, &count, &error));
        assert_true(count >= 1 && count <= 2);
        for (int i = 0; i < count; i++)
            assert_int_equal(events[i].id, ++since);
    }
    int64_t last;
    assert_ok(kn_store_last_event(f->store, &last, &error));
    assert_int_equal(last, KN_COUNT_OF(wanted));
    assert_ok(kn_store_events(f->store, last, 2, f->arena, &events, &count, &error));
    assert_int_equal(count, 0);
}

static void who_reads_too_late_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_event *events;
    int count;
    for (int i = 0; i < 10; i++)
        submit(f, (struct kn_job_spec){0});
    pass(10 * SECOND);
    submit_many(f, "ann", 0, 5);
    assert_ok(kn_store_trim(f->store, 12, 100 * SECOND, &error));
    assert_ok(kn_store_events(f->store, 3, 100, f->arena, &events, &count, &error));
    assert_int_equal(count, 12);
    assert_status(kn_store_events(f->store, 2, 100, f->arena, &events, &count, &error), KN_LOST);
    assert_ok(kn_store_trim(f->store, 1000, 5 * SECOND, &error));
    assert_ok(kn_store_events(f->store, 10, 100, f->arena, &events, &count, &error));
    assert_int_equal(count, 5);
    assert_ok(kn_store_events(f->store, 0, 100, f->arena, &events, &count, &error));
    assert_int_equal(events[0].id, 11);
    assert_ok(kn_store_trim(f->store, 0, 0, &error));
    assert_ok(kn_store_events(f->store, 0, 100, f->arena, &events, &count, &error));
    assert_int_equal(count, 0);
    assert_status(kn_store_events(f->store, 14, 100, f->arena, &events, &count, &error), KN_LOST);
    submit(f, (struct kn_job_spec){0});
    assert_ok(kn_store_events(f->store, 15, 100, f->arena, &events, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(events[0].id, 16);
}

static void tables_of_a_newer_program_are_refused(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_store *store = NULL;
    contract_sql(f->contract,
                 "INSERT INTO kirinuki_schema (version, at_us, name) VALUES (9999, 0, 'future')");
    struct kn_store_options options = {.database = f->contract->database};
    assert_status(kn_store_open(&options, &store, &error), KN_UNSUPPORTED);
    assert_says(error.text, "newer kirinuki");
    assert_null(store);
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

static void changes_are_told_in_the_process(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_job_state got;
    int calls = 0;
    struct kn_store_watch watch = {.changed = count_call, .arg = &calls};
    kn_store_watch(f->store, &watch);
    int64_t id = submit(f, (struct kn_job_spec){0});
    assert_int_equal(calls, 1);
    claim_one(f); /* nobody has to wake up for that */
    assert_int_equal(calls, 1);
    assert_ok(kn_store_cancel(f->store, id, &got, &error));
    assert_int_equal(calls, 2);
    assert_ok(kn_store_pause(f->store, true, &error));
    assert_int_equal(calls, 3);
    kn_store_unwatch(f->store, &watch);
    submit(f, (struct kn_job_spec){0});
    assert_int_equal(calls, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checkpoints_outlive_attempts),
        TEST(progress_is_the_latest_snapshot),
        TEST(lists_and_counts),
        TEST(every_change_is_an_event),
        TEST(who_reads_too_late_is_told),
        TEST(tables_of_a_newer_program_are_refused),
        TEST(changes_are_told_in_the_process),
    };
    return cmocka_run_group_tests_name("store reading", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
