/* The store's rules, on every kind of database: submitting, moves from state to state, attempts. */
#include "store_help.h"

/* ---- submitting ---- */

static void what_was_submitted_is_there(void **state)
{
    struct fixture *f = *state;
    int64_t id = submit(f, (struct kn_job_spec){.key = "k\"1'",
                                                .owner = "ann é",
                                                .source = "a b,{}\\\"'.mp4",
                                                .options = "{\"clips\": 3}",
                                                .level = 1,
                                                .attempts_max = 7,
                                                .memory_bytes = 1 << 20});
    struct kn_job job = get(f, id);
    assert_string_equal(job.key, "k\"1'");
    assert_string_equal(job.owner, "ann é");
    assert_string_equal(job.source, "a b,{}\\\"'.mp4");
    assert_string_equal(job.options, "{\"clips\": 3}");
    assert_int_equal(job.level, 1);
    assert_int_equal(job.attempts_max, 7);
    assert_int_equal(job.attempts_left, 7);
    assert_int_equal(job.attempt, 0);
    assert_int_equal(job.memory_bytes, 1 << 20);
    assert_int_equal(job.submitted_us, START);
    assert_int_equal(job.held_until_us, 0);
    assert_int_equal(job.worker, 0);
    job = get(f, submit(f, (struct kn_job_spec){0}));
    assert_null(job.key);
    assert_string_equal(job.owner, "");
    assert_string_equal(job.options, "{}");
    assert_int_equal(job.attempts_max, 5);
}

static void wrong_specs_are_refused_whole(void **state)
{
    struct fixture *f = *state;
    struct kn_submitted made[2];
    struct kn_error error;
    static const struct {
        struct kn_job_spec spec;
        const char *says;
    } cases[] = {
        {{.source = NULL}, "needs a source"},
        {{.source = ""}, "needs a source"},
        {{.source = "a", .key = ""}, "key is empty"},
        {{.source = "a", .level = 3}, "priority 3"},
        {{.source = "a", .level = -1}, "priority -1"},
        {{.source = "a", .attempts_max = -1}, "attempts"},
        {{.source = "a", .memory_bytes = -1}, "memory"},
        {{.source = "a", .not_before_us = -1}, "time"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_job_spec specs[] = {{.source = "good"}, cases[i].spec};
        assert_status(kn_store_submit(f->store, specs, 2, made, NULL, &error), KN_INVALID);
        assert_says(error.text, cases[i].says);
        assert_says(error.text, "job 2 of 2");
    }
    assert_status(kn_store_submit(f->store, NULL, -1, made, NULL, &error), KN_INVALID);
    assert_status(kn_store_submit(f->store, NULL, KN_SUBMIT_MAX + 1, made, NULL, &error), KN_LIMIT);
    char *long_text = kn_malloc(KN_JOB_TEXT_MAX + 2);
    memset(long_text, 'x', KN_JOB_TEXT_MAX + 1);
    long_text[KN_JOB_TEXT_MAX + 1] = '\0';
    struct kn_job_spec spec = {.source = long_text};
    assert_status(kn_store_submit(f->store, &spec, 1, made, NULL, &error), KN_LIMIT);
    free(long_text);
    struct kn_store_counts counts;
    assert_ok(kn_store_counts(f->store, f->arena, &counts, &error));
    assert_int_equal(counts.owner_count, 0);
}

static void a_key_is_submitted_once_while_its_job_lives(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_job_spec spec = {.source = "a", .key = "same"};
    struct kn_job_spec specs[] = {spec, {.source = "b"}, spec};
    struct kn_submitted made[3], again;
    assert_ok(kn_store_submit(f->store, specs, 3, made, NULL, &error));
    assert_false(made[0].known || made[1].known);
    assert_true(made[2].known);
    assert_int_equal(made[2].id, made[0].id);

    for (int i = 0; i < 3; i++) { /* QUEUED, LEASED, DONE */
        assert_ok(kn_store_submit(f->store, &spec, 1, &again, NULL, &error));
        assert_true(again.known);
        assert_int_equal(again.id, made[0].id);
        if (i == 0)
            claim_one(f);
        struct kn_job job = get(f, made[0].id);
        if (i == 1)
            finish(f, &job, KN_OK, false, NULL);
    }
    assert_state(f, made[0].id, KN_JOB_DONE);
}

static void failed_and_cancelled_jobs_free_their_key(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_job_spec spec = {.source = "a", .key = "same"};
    struct kn_submitted first, second, third;
    enum kn_job_state got;
    assert_ok(kn_store_submit(f->store, &spec, 1, &first, NULL, &error));
    assert_ok(kn_store_cancel(f->store, first.id, &got, &error));
    bool known = false, other = true; /* whatever became of it */
    assert_ok(kn_store_knows(f->store, "same", &known, &error));
    assert_ok(kn_store_knows(f->store, "other", &other, &error));
    assert_true(known && !other);
    assert_ok(kn_store_submit(f->store, &spec, 1, &second, NULL, &error));
    assert_false(second.known);
    finish(f, claim_one(f), KN_DAMAGED, false, "broken");
    assert_ok(kn_store_submit(f->store, &spec, 1, &third, NULL, &error));
    assert_false(third.known);

    assert_status(kn_store_retry(f->store, second.id, &error), KN_INVALID);
    char says[64];
    snprintf(says, sizeof says, "job %lld does the same", (long long)third.id);
    assert_says(error.text, says);
}

static void force_takes_the_key_away(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_job_spec spec = {.source = "a", .key = "same"};
    struct kn_submitted first, second, third;
    assert_ok(kn_store_submit(f->store, &spec, 1, &first, NULL, &error));
    spec.force = true;
    assert_ok(kn_store_submit(f->store, &spec, 1, &second, NULL, &error));
    assert_false(second.known);
    assert_int_not_equal(second.id, first.id);
    assert_null(get(f, first.id).key);
    assert_state(f, first.id, KN_JOB_QUEUED);
    spec.force = false;
    assert_ok(kn_store_submit(f->store, &spec, 1, &third, NULL, &error));
    assert_true(third.known);
    assert_int_equal(third.id, second.id);
}

/* ---- the state machine ---- */

static enum kn_status try_move(struct fixture *f, enum kn_job_move move, int64_t id,
                               struct kn_error *err)
{
    enum kn_job_state got;
    struct kn_job job = get(f, id);
    switch (move) {
    case KN_MOVE_CANCEL:
    case KN_MOVE_ASK_CANCEL:
        return kn_store_cancel(f->store, id, &got, err);
    case KN_MOVE_RETRY:
        return kn_store_retry(f->store, id, err);
    case KN_MOVE_BUMP:
        return kn_store_bump(f->store, id, err);
    case KN_MOVE_REMOVE:
        return kn_store_remove(f->store, id, err);
    case KN_MOVE_FINISH_OK:
        return finish_by(f, f->worker, &job, KN_OK, false, NULL).status;
    case KN_MOVE_FINISH_ERROR:
        return finish_by(f, f->worker, &job, KN_DAMAGED, false, "broken").status;
    case KN_MOVE_FINISH_RETRY:
        return finish_by(f, f->worker, &job, KN_IO, true, "try again").status;
    case KN_MOVE_FINISH_CANCELLED:
        return finish_by(f, f->worker, &job, KN_CANCELLED, false, "stopped").status;
    default:
        return KN_OK;
    }
}

/* Each move from each state: allowed or refused, as the table says, and refused ones change
 * nothing. */
static void every_move_is_as_the_table_says(void **state)
{
    struct fixture *f = *state;
    static const enum kn_job_move moves[] = {
        KN_MOVE_CANCEL,    KN_MOVE_RETRY,        KN_MOVE_BUMP,         KN_MOVE_REMOVE,
        KN_MOVE_FINISH_OK, KN_MOVE_FINISH_ERROR, KN_MOVE_FINISH_RETRY, KN_MOVE_FINISH_CANCELLED};
    for (int from = 0; from < KN_JOB_STATE_COUNT; from++)
        for (size_t m = 0; m < KN_COUNT_OF(moves); m++) {
            struct kn_error error = {0};
            int64_t id = job_in(f, (enum kn_job_state)from);
            struct kn_job before = get(f, id), after;
            bool may = kn_job_may((enum kn_job_state)from, moves[m]);
            int to = kn_job_moves[moves[m]].to;
            if (moves[m] == KN_MOVE_CANCEL && from == KN_JOB_LEASED) {
                may = true;
                to = KN_JOB_LEASED;
            }
            if (moves[m] == KN_MOVE_CANCEL && from == KN_JOB_CANCELLED)
                may = true; /* asking twice */
            enum kn_status status = try_move(f, moves[m], id, &error);
            bool finishing = moves[m] >= KN_MOVE_FINISH_OK && moves[m] <= KN_MOVE_FINISH_CANCELLED;
            enum kn_status wanted = may ? KN_OK : finishing ? KN_LOST : KN_INVALID;
            if (status != wanted)
                fail_msg("%s from %s: %s", kn_job_moves[moves[m]].name,
                         kn_job_state_name((enum kn_job_state)from), kn_status_name(status));
            if (to == KN_JOB_GONE && may) {
                assert_status(kn_store_get(f->store, id, f->arena, &after, &error), KN_NOT_FOUND);
                continue;
            }
            after = get(f, id);
            assert_int_equal(after.state, may ? to : (int)before.state);
            assert_int_equal(after.attempt, before.attempt);
            if (from == KN_JOB_QUEUED || after.state == KN_JOB_QUEUED) /* out of the way */
                (void)try_move(f, KN_MOVE_CANCEL, id, &error);
        }
}

static void unknown_jobs_are_not_found(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_job job = {.id = 4711, .attempt = 1};
    enum kn_job_state got;
    int64_t ahead, at_us;
    const char *data;
    assert_status(kn_store_get(f->store, 4711, f->arena, &job, &error), KN_NOT_FOUND);
    assert_says(error.text, "no job 4711");
    assert_status(kn_store_cancel(f->store, 4711, &got, &error), KN_NOT_FOUND);
    assert_status(kn_store_retry(f->store, 4711, &error), KN_NOT_FOUND);
    assert_status(kn_store_bump(f->store, 4711, &error), KN_NOT_FOUND);
    assert_status(kn_store_remove(f->store, 4711, &error), KN_NOT_FOUND);
    assert_status(kn_store_position(f->store, 4711, &ahead, &error), KN_NOT_FOUND);
    assert_status(kn_store_get_progress(f->store, 4711, f->arena, &data, &at_us, &error),
                  KN_NOT_FOUND);
    job.id = 4711;
    assert_status(finish_by(f, f->worker, &job, KN_OK, false, NULL).status, KN_LOST);
    assert_status(finish_by(f, f->worker, &job, KN_IO, true, "no").status, KN_LOST);
}

static void counts_and_limits_are_checked(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_job *jobs;
    const struct kn_event *events;
    int64_t worker;
    int count;
    static const int wrong[] = {0, -1, 10001};
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++) {
        struct kn_job_filter filter = {.limit = wrong[i]};
        assert_status(kn_store_list(f->store, &filter, f->arena, &jobs, &count, &error),
                      KN_INVALID);
        assert_status(kn_store_events(f->store, 0, wrong[i], f->arena, &events, &count, &error),
                      KN_INVALID);
    }
    struct kn_turn turn = {.worker = f->worker, .claim_max = -1};
    assert_status(kn_store_turn(f->store, &turn, f->arena, NULL, &error), KN_INVALID);
    turn = (struct kn_turn){.worker = f->worker, .finish_count = -1};
    assert_status(kn_store_turn(f->store, &turn, f->arena, NULL, &error), KN_INVALID);
    turn = (struct kn_turn){.worker = f->worker}; /* empty is fine */
    assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
    assert_status(kn_store_join(f->store, "x", 0, &worker, &error), KN_INVALID);
    assert_status(kn_store_trim(f->store, -1, 0, &error), KN_INVALID);
    struct kn_store *store;
    assert_status(
        kn_store_open(&(struct kn_store_options){.database = f->contract->database, .levels = 101},
                      &store, &error),
        KN_INVALID);
}

/* ---- attempts ---- */

static void a_failure_is_tried_again_until_attempts_are_used_up(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 3});
    for (int attempt = 1; attempt <= 3; attempt++) {
        struct kn_job *job = claim_one(f);
        assert_int_equal(job->id, id);
        assert_int_equal(job->attempt, attempt);
        assert_int_equal(job->attempts_left, 3 - attempt);
        char text[32];
        snprintf(text, sizeof text, "reason %d", attempt);
        struct kn_finish done = finish(f, job, KN_REMOTE, true, text);
        assert_int_equal(done.state, attempt < 3 ? KN_JOB_QUEUED : KN_JOB_FAILED);
        assert_null(claim_one(f));
        pass(9 * SECOND);
        promote(f, 0, 0);
        pass(1 * SECOND);
        promote(f, attempt < 3 ? 1 : 0, 0);
    }
    struct kn_job job = get(f, id);
    assert_int_equal(job.state, KN_JOB_FAILED);
    assert_int_not_equal(job.finished_us, 0);
    const struct kn_job_reason *reasons;
    int count;
    assert_ok(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &error));
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reasons[i].attempt, i + 1);
        assert_status(reasons[i].status, KN_REMOTE);
        assert_int_equal(reasons[i].text[7], '1' + i);
    }

    assert_ok(kn_store_retry(f->store, id, &error));
    job = *claim_one(f);
    assert_int_equal(job.id, id);
    assert_int_equal(job.attempt, 4);
    assert_int_equal(job.attempts_left, 2);
    finish(f, &job, KN_OK, false, NULL);
    assert_ok(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &error));
    assert_int_equal(count, 3);
}

static void an_attempt_that_is_handed_back_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 1});
    for (int round = 0; round < 3; round++) {
        struct kn_job *job = claim_one(f);
        assert_non_null(job);
        assert_int_equal(job->attempts_left, 0);
        bool stopped = round == 2;
        enum kn_job_state answer;
        if (stopped)
            assert_ok(kn_store_cancel(f->store, id, &answer, &error));
        struct kn_finish finish = {.job = id,
                                   .attempt = job->attempt,
                                   .outcome = KN_LOST,
                                   .text = "handed back",
                                   .back = true,
                                   .retry_us = test_clock(NULL)};
        struct kn_turn turn = {.worker = f->worker, .finishes = &finish, .finish_count = 1};
        assert_ok(kn_store_turn(f->store, &turn, f->arena, NULL, &error));
        assert_int_equal(finish.state, stopped ? KN_JOB_CANCELLED : KN_JOB_QUEUED);
        int released, promoted;
        bool more;
        assert_ok(kn_store_promote(f->store, &released, &promoted, &more, &error));
        assert_int_equal(released, !stopped);
    }
}

static void an_error_that_stays_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = submit(f, (struct kn_job_spec){0});
    assert_int_equal(finish(f, claim_one(f), KN_DAMAGED, false, NULL).state, KN_JOB_FAILED);
    assert_state(f, id, KN_JOB_FAILED);
    struct kn_error error;
    const struct kn_job_reason *reasons;
    int count;
    assert_ok(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &error));
    assert_string_equal(reasons[0].text, kn_status_meaning(KN_DAMAGED));
}

/* What was tried before comes back at the front, and others gain nothing from that. */
static void cancelling_what_runs_reaches_its_worker(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_job_state got;
    const int64_t *cancel;
    int count;
    int64_t id = submit(f, (struct kn_job_spec){0});
    struct kn_job *job = claim_one(f);
    assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancel, &count, &error));
    assert_int_equal(count, 0);
    assert_ok(kn_store_cancel(f->store, id, &got, &error));
    assert_int_equal(got, KN_JOB_LEASED);
    assert_true(get(f, id).cancel_asked);
    for (int i = 0; i < 2; i++) { /* told until it is done */
        assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancel, &count, &error));
        assert_int_equal(count, 1);
        assert_int_equal(cancel[0], id);
    }
    assert_int_equal(finish(f, job, KN_CANCELLED, false, "stopped by request").state,
                     KN_JOB_CANCELLED);
    assert_false(get(f, id).cancel_asked);
    assert_ok(kn_store_renew(f->store, f->worker, LEASE_US, f->arena, &cancel, &count, &error));
    assert_int_equal(count, 0);
}

static void a_cancelled_job_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_job_state got;
    submit_many(f, "ann", 0, 3);
    int count;
    struct kn_job *jobs = claim(f, 3, &count);
    for (int i = 0; i < 3; i++)
        assert_ok(kn_store_cancel(f->store, jobs[i].id, &got, &error));
    assert_int_equal(finish(f, &jobs[0], KN_IO, true, "disk").state, KN_JOB_CANCELLED);
    assert_int_equal(finish(f, &jobs[1], KN_OK, false, NULL).state, KN_JOB_DONE);
    pass(LEASE_US + 1);
    assert_int_equal(reclaim(f), 1);
    assert_state(f, jobs[2].id, KN_JOB_CANCELLED);
}

/* ---- workers that go away ---- */

static void a_silent_worker_loses_its_jobs(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const int64_t *cancel;
    int count;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 2});
    struct kn_job *job = claim_one(f);
    int64_t silent = f->worker, other = join(f->store);
    pass(LEASE_US - 1);
    assert_int_equal(reclaim(f), 0);
    pass(2);
    assert_ok(kn_store_renew(f->store, other, LEASE_US, f->arena, &cancel, &count, &error));
    assert_int_equal(reclaim(f), 1);
    assert_state(f, id, KN_JOB_QUEUED);

    f->worker = other;
    struct kn_job *again = claim_one(f);
    assert_int_equal(again->id, id);
    assert_int_equal(again->attempt, 2);

    /* The first one wakes up: nothing that it says counts. */
    assert_status(finish_by(f, silent, job, KN_OK, false, NULL).status, KN_LOST);
    assert_status(finish_by(f, silent, again, KN_OK, false, NULL).status, KN_LOST);
    assert_status(finish_by(f, other, job, KN_OK, false, NULL).status, KN_LOST);
    assert_state(f, id, KN_JOB_LEASED);
    assert_status(kn_store_renew(f->store, silent, LEASE_US, f->arena, &cancel, &count, &error),
                  KN_LOST);
    struct kn_turn turn = {.worker = silent, .claim_max = 1};
    assert_status(kn_store_turn(f->store, &turn, f->arena, NULL, &error), KN_LOST);
    struct kn_holder holder = {id, silent, 1};
    assert_status(kn_store_record_step(f->store, &holder, "probe", "{}", &error), KN_LOST);

    pass(LEASE_US + 1);
    assert_int_equal(reclaim(f), 1);
    assert_state(f, id, KN_JOB_QUEUED);
    assert_int_equal(get(f, id).attempts_left, 2); /* none of this was its own failure */
    const struct kn_job_reason *reasons;
    assert_ok(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &error));
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(reasons[i].text, "the worker went away");
        assert_status(reasons[i].status, KN_LOST);
    }
}

static void who_leaves_gives_its_jobs_back(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t id = job_in(f, KN_JOB_LEASED);
    assert_ok(kn_store_leave(f->store, f->worker, &error));
    assert_int_equal(reclaim(f), 1);
    assert_state(f, id, KN_JOB_QUEUED);
    f->worker = join(f->store);
    assert_int_equal(claim_one(f)->id, id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_submitted_is_there),
        TEST(wrong_specs_are_refused_whole),
        TEST(a_key_is_submitted_once_while_its_job_lives),
        TEST(failed_and_cancelled_jobs_free_their_key),
        TEST(force_takes_the_key_away),
        TEST(every_move_is_as_the_table_says),
        TEST(unknown_jobs_are_not_found),
        TEST(counts_and_limits_are_checked),
        TEST(a_failure_is_tried_again_until_attempts_are_used_up),
        TEST(an_attempt_that_is_handed_back_does_not_count),
        TEST(an_error_that_stays_is_not_tried_again),
        TEST(cancelling_what_runs_reaches_its_worker),
        TEST(a_cancelled_job_is_not_tried_again),
        TEST(a_silent_worker_loses_its_jobs),
        TEST(who_leaves_gives_its_jobs_back),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
