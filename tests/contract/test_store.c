/* The store's rules, on every kind of database. */
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

/* ---- order ---- */

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

/* ---- of whoever submitted them ---- */

static void only_the_named_jobs_are_claimed(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    submit(f, (struct kn_job_spec){0});
    const int64_t only[] = {
        submit(f, (struct kn_job_spec){.not_before_us = INT64_MAX / 4, .memory_bytes = 1000}),
        submit(f, (struct kn_job_spec){.not_before_us = INT64_MAX / 4, .attempts_max = 1}),
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

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_submitted_is_there),
        TEST(wrong_specs_are_refused_whole),
        TEST(a_key_is_submitted_once_while_its_job_lives),
        TEST(failed_and_cancelled_jobs_free_their_key),
        TEST(force_takes_the_key_away),
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
        TEST(every_move_is_as_the_table_says),
        TEST(unknown_jobs_are_not_found),
        TEST(counts_and_limits_are_checked),
        TEST(a_failure_is_tried_again_until_attempts_are_used_up),
        TEST(an_attempt_that_is_handed_back_does_not_count),
        TEST(an_error_that_stays_is_not_tried_again),
        TEST(a_second_attempt_keeps_its_place),
        TEST(cancelling_what_runs_reaches_its_worker),
        TEST(a_cancelled_job_is_not_tried_again),
        TEST(a_silent_worker_loses_its_jobs),
        TEST(who_leaves_gives_its_jobs_back),
        TEST(checkpoints_outlive_attempts),
        TEST(progress_is_the_latest_snapshot),
        TEST(lists_and_counts),
        TEST(every_change_is_an_event),
        TEST(who_reads_too_late_is_told),
        TEST(tables_of_a_newer_program_are_refused),
        TEST(changes_are_told_in_the_process),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
