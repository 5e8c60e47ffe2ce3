/* A worker's rules, with jobs that do what the test wants instead of videos. */
#include "run_help.h"

#include <limits.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/progress_text.h"
#include "service/worker.h"
#include "store/transaction.h"
#include "support/temp_folder.h"

struct fixture {
    char folder[PATH_MAX];
    struct kn_store *store;
    struct kn_arena *arena;
    struct kn_cancel *stop;
    struct kn_job_worker_options options;

    struct gate begun, go; /* of what runs */
    atomic_int runs, inside, most_inside;
    enum kn_status outcome;
    int fails; /* so many times, with `outcome` */
    pthread_t thread;
    enum kn_status status;
    struct kn_error err;
};

/* ---- what a job does ---- */

static enum kn_status count_run(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct fixture *f = arg;
    (void)run;
    int number = ++f->runs;
    if (number <= f->fails)
        return kn_error_set(err, f->outcome, "failure %d", number);
    return KN_OK;
}

static enum kn_status wait_for_go(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct fixture *f = arg;
    (void)run, (void)err;
    int inside = ++f->inside, most = f->most_inside;
    while (inside > most && !atomic_compare_exchange_weak(&f->most_inside, &most, inside))
        ;
    gate_add(&f->begun);
    gate_wait(&f->go, 1);
    f->inside--;
    f->runs++;
    return KN_OK;
}

static enum kn_status wait_to_be_stopped(void *arg, const struct kn_job_run *run,
                                         struct kn_error *err)
{
    struct fixture *f = arg;
    f->runs++;
    gate_add(&f->begun);
    while (!kn_cancel_wait_ms(run->cancel, 60000))
        ;
    return kn_cancel_check(run->cancel, err);
}

/* ---- the fixture ---- */

static int setup(void **state)
{
    struct fixture *f = kn_calloc(1, sizeof *f);
    struct kn_error err;
    char where[PATH_MAX + 16];
    kn_log_set_level(KN_LOG_ERROR);
    assert_non_null(temp_folder_make(f->folder));
    snprintf(where, sizeof where, "%s/queue.db", f->folder);
    if (kn_store_open(&(struct kn_store_options){.where = where}, &f->store, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    f->arena = kn_arena_new();
    f->stop = kn_cancel_new(NULL);
    f->begun = f->go = (struct gate)GATE_INIT;
    f->options = (struct kn_job_worker_options){
        .store = f->store, .name = "test", .run = count_run, .arg = f, .drain = true, .keep = true};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    kn_store_close(f->store);
    kn_cancel_free(f->stop);
    kn_arena_free(f->arena);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static int64_t submit(struct fixture *f, struct kn_job_spec spec)
{
    struct kn_submitted made;
    struct kn_error err;
    spec.source = "/talk.mp4";
    if (kn_store_submit(f->store, &spec, 1, &made, NULL, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return made.id;
}

static struct kn_job get(struct fixture *f, int64_t id)
{
    struct kn_job job = {0};
    struct kn_error err;
    if (kn_store_get(f->store, id, f->arena, &job, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return job;
}

static void run_worker(struct fixture *f)
{
    struct kn_error err = {0};
    if (kn_job_worker_run(&f->options, f->stop, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
}

static void *worker_thread(void *arg)
{
    struct fixture *f = arg;
    f->status = kn_job_worker_run(&f->options, f->stop, &f->err);
    return NULL;
}

static void start_worker(struct fixture *f)
{
    assert_int_equal(pthread_create(&f->thread, NULL, worker_thread, f), 0);
}

static void join_worker(struct fixture *f)
{
    pthread_join(f->thread, NULL);
    assert_int_equal(f->status, KN_OK);
}

/* ---- tests ---- */

static void a_drained_queue_ends_it(void **state)
{
    struct fixture *f = *state;
    int64_t ids[40];
    for (int i = 0; i < 40; i++)
        ids[i] = submit(f, (struct kn_job_spec){0});
    int64_t later = submit(f, (struct kn_job_spec){.not_before_us = kn_wall_us() * 2});
    run_worker(f);
    assert_int_equal(f->runs, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(get(f, ids[i]).state, KN_JOB_DONE);
    assert_int_equal(get(f, later).state, KN_JOB_QUEUED);
}

static void never_more_at_once_than_it_may(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_for_go;
    f->options.concurrency = 3;
    f->options.chunk = 2;
    for (int i = 0; i < 12; i++)
        submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 3);
    gate_add(&f->go);
    join_worker(f);
    assert_int_equal(f->runs, 12);
    assert_int_equal(f->most_inside, 3);
}

static void memory_bounds_what_runs(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_for_go;
    f->options.memory_bytes = 100;
    int64_t sizes[] = {60, 40, 1, 500, 99};
    for (int i = 0; i < 5; i++)
        submit(f, (struct kn_job_spec){.memory_bytes = sizes[i]});
    start_worker(f);
    gate_wait(&f->begun, 2);
    gate_add(&f->go);
    join_worker(f);
    assert_int_equal(f->runs, 5); /* what is larger than all memory runs alone */
    assert_int_equal(f->most_inside, 2);
}

static void what_may_help_is_tried_again(void **state)
{
    struct fixture *f = *state;
    f->outcome = KN_REMOTE;
    f->fails = 1; /* the first back-off is at most 2 s */
    int64_t id = submit(f, (struct kn_job_spec){0});
    run_worker(f);
    assert_int_equal(f->runs, 2);
    assert_int_equal(get(f, id).state, KN_JOB_DONE);
    assert_int_equal(get(f, id).attempt, 2);
    const struct kn_job_reason *reasons;
    int count;
    struct kn_error err;
    assert_int_equal(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &err), KN_OK);
    assert_int_equal(count, 1);
    assert_string_equal(reasons[0].text, "failure 1");
}

/* Whoever sees it go back to the queue brings the file, and says that it may be tried. */
static void bring_it(void *arg, const struct kn_job_run *run, enum kn_job_state state,
                     enum kn_status status, const struct kn_error *err)
{
    struct fixture *f = arg;
    (void)err;
    if (status == KN_OK)
        return;
    assert_int_equal(state, KN_JOB_QUEUED);
    int64_t now_us = kn_store_now_us(f->store), held_us = get(f, run->job->id).held_until_us;
    assert_in_range(held_us - now_us, 20 * KN_US_PER_S, 30 * KN_US_PER_S);
    assert_int_equal(kn_store_bump(f->store, run->job->id, NULL), KN_OK);
}

static void what_is_away_is_tried_again_later(void **state)
{
    static const enum kn_status outcomes[] = {KN_NOT_FOUND, KN_NO_SPACE, KN_IO};
    struct fixture *f = *state;
    f->fails = 1;
    f->options.ended = bring_it;
    for (size_t i = 0; i < KN_COUNT_OF(outcomes); i++) {
        f->outcome = outcomes[i];
        f->runs = 0;
        int64_t id = submit(f, (struct kn_job_spec){0});
        run_worker(f);
        assert_int_equal(f->runs, 2);
        assert_int_equal(get(f, id).state, KN_JOB_DONE);
    }
}

static void what_cannot_help_is_not(void **state)
{
    struct fixture *f = *state;
    f->outcome = KN_DAMAGED;
    f->fails = 1;
    int64_t id = submit(f, (struct kn_job_spec){0});
    run_worker(f);
    assert_int_equal(f->runs, 1);
    assert_int_equal(get(f, id).state, KN_JOB_FAILED);
}

static void a_cancel_reaches_what_runs(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_to_be_stopped;
    int64_t id = submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1);
    enum kn_job_state answer;
    struct kn_error err;
    int64_t begin_us = kn_now_us();
    assert_int_equal(kn_store_cancel(f->store, id, &answer, &err), KN_OK);
    assert_int_equal(answer, KN_JOB_LEASED);
    join_worker(f);
    assert_true(kn_now_us() - begin_us < 4 * KN_US_PER_S); /* long before the next renewal */
    assert_int_equal(get(f, id).state, KN_JOB_CANCELLED);
}

static void told_to_stop_it_hands_back(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_to_be_stopped;
    f->options.drain = false;
    int64_t id = submit(f, (struct kn_job_spec){.attempts_max = 1});
    start_worker(f);
    gate_wait(&f->begun, 1);
    kn_cancel_trigger(f->stop);
    join_worker(f);
    struct kn_job job = get(f, id);
    assert_int_equal(job.state, KN_JOB_QUEUED);
    assert_int_equal(job.attempts_left, 1); /* it did not count */
}

static void what_finishes_within_the_grace_is_done(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_for_go;
    f->options.grace_ms = 60000;
    f->options.concurrency = 1; /* a turn that had begun before the stop has no room for `late` */
    int64_t id = submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1);
    kn_cancel_trigger(f->stop);
    int64_t late = submit(f, (struct kn_job_spec){0});
    gate_add(&f->go);
    join_worker(f);
    assert_int_equal(get(f, id).state, KN_JOB_DONE);
    assert_int_equal(get(f, late).state, KN_JOB_QUEUED);
}

/* Its row goes away under it, as when it was silent for too long. */
static void a_lost_lease_stops_all_and_finishes_nothing(void **state)
{
    struct fixture *f = *state;
    f->options.run = wait_to_be_stopped;
    f->options.lease_us = 300000;
    int64_t id = submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1);
    struct kn_error err;
    int64_t first = get(f, id).worker;
    assert_int_equal(kn_store_leave(f->store, first, &err), KN_OK);
    gate_wait(&f->begun, 2); /* stopped, reclaimed, and claimed anew by the same worker */
    struct kn_job job = get(f, id);
    assert_int_equal(job.attempt, 2);
    assert_true(job.worker != first);
    const struct kn_job_reason *reasons;
    int count;
    assert_int_equal(kn_store_reasons(f->store, id, f->arena, &reasons, &count, &err), KN_OK);
    assert_int_equal(count, 1);
    assert_string_equal(reasons[0].text, "the worker went away");
    kn_cancel_trigger(f->stop);
    join_worker(f);
    assert_int_equal(get(f, id).state, KN_JOB_QUEUED);
}

/* A server that was away comes back, and who begins is quicker than those who renew. */
static void who_begins_takes_nobody_for_dead_at_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error err;
    int64_t id = submit(f, (struct kn_job_spec){0}), other;
    assert_int_equal(kn_store_join(f->store, "other", 60000000, &other, &err), KN_OK);
    struct kn_turn turn = {.worker = other, .claim_max = 1};
    assert_int_equal(kn_store_turn(f->store, &turn, f->arena, NULL, &err), KN_OK);
    assert_int_equal(turn.claimed_count, 1);
    const int64_t *cancels;
    int count;
    assert_int_equal(kn_store_renew(f->store, other, 1, f->arena, &cancels, &count, &err), KN_OK);
    f->options.run = wait_to_be_stopped;
    submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1); /* the upkeep comes before it */
    assert_int_equal(get(f, id).state, KN_JOB_LEASED);
    assert_int_equal(kn_store_renew(f->store, other, 60000000, f->arena, &cancels, &count, &err),
                     KN_OK);
    kn_cancel_trigger(f->stop);
    join_worker(f);
    assert_int_equal(get(f, id).worker, other);
    assert_int_equal(f->runs, 1);
}

/* Until the lease is over, nobody but this change has the store; and a user cancels the job. */
static enum kn_status cancel_while_cut_off(struct kn_transaction *transaction, void *arg,
                                           struct kn_error *err)
{
    static const struct kn_statement cancel = {
        .name = "cancel_for_test",
        .access = KN_WRITE,
        .tables = "job",
        .sql = "UPDATE job SET state = 4, finished_us = 1",
    };
    const struct fixture *f = arg;
    enum kn_status status = kn_transaction_do(transaction, &cancel, NULL, 0, NULL, err);
    (void)kn_cancel_wait_ms(f->stop, f->options.lease_us / 1000 * 2); /* which is what is tested */
    return status;
}

static void what_was_cancelled_while_it_was_cut_off_is_stopped(void **state)
{
    struct fixture *f = *state;
    struct kn_error err;
    f->options.run = wait_to_be_stopped;
    f->options.lease_us = 500000;
    int64_t id = submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1);
    assert_int_equal(kn_transaction_run(kn_store_database(f->store), cancel_while_cut_off, f,
                                        f->arena, NULL, &err),
                     KN_OK);
    join_worker(f); /* the job has ended, and nothing is left */
    assert_int_equal(f->runs, 1);
    assert_int_equal(get(f, id).state, KN_JOB_CANCELLED);
}

static enum kn_status record_steps(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct fixture *f = arg;
    bool again = run->job->attempt > 1;
    assert_int_equal(kn_job_run_has_step(run, "analysis"), again);
    assert_false(kn_job_run_has_step(run, "clip 1"));
    if (!again)
        kn_job_run_record(run, "analysis", "{\"words\": 3}");
    f->runs++;
    return again ? KN_OK : kn_error_set(err, KN_REMOTE, "half way");
}

static void steps_are_known_to_the_next_attempt(void **state)
{
    struct fixture *f = *state;
    f->options.run = record_steps;
    int64_t id = submit(f, (struct kn_job_spec){0});
    run_worker(f);
    assert_int_equal(f->runs, 2);
    const struct kn_job_step *steps;
    int count;
    struct kn_error err;
    assert_int_equal(kn_store_steps(f->store, id, f->arena, &steps, &count, &err), KN_OK);
    assert_int_equal(count, 1);
    assert_string_equal(steps[0].name, "analysis");
}

static enum kn_status record_three(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    static const char *const names[] = {"analysis", "clip 1", "clip 2"};
    struct fixture *f = arg;
    (void)err;
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        kn_job_run_record(run, names[i], "{}");
    f->runs++;
    return KN_OK;
}

static void a_job_is_done_after_its_steps(void **state)
{
    enum { JOBS = 20, STEPS = 3 };
    struct fixture *f = *state;
    int steps[JOBS + 1] = {0}, count, done = 0;
    const struct kn_event *events;
    struct kn_error err;
    f->options.run = record_three;
    for (int i = 0; i < JOBS; i++)
        submit(f, (struct kn_job_spec){0});
    run_worker(f);
    assert_int_equal(kn_store_events(f->store, 0, 1000, f->arena, &events, &count, &err), KN_OK);
    for (int i = 0; i < count; i++) {
        assert_in_range(events[i].job, 1, JOBS);
        if (events[i].kind == KN_EVENT_STEP)
            steps[events[i].job]++;
        if (events[i].kind != KN_EVENT_DONE)
            continue;
        assert_int_equal(steps[events[i].job], STEPS);
        done++;
    }
    assert_int_equal(done, JOBS);
}

static void only_its_own_jobs(void **state)
{
    struct fixture *f = *state;
    int64_t other = submit(f, (struct kn_job_spec){.level = 2});
    int64_t only[3];
    for (int i = 0; i < 3; i++)
        only[i] = submit(f, (struct kn_job_spec){.not_before_us = KN_JOB_RESERVED_US});
    f->options.only = only;
    f->options.only_count = 3;
    f->options.concurrency = 2;
    f->options.chunk = 1;
    run_worker(f);
    assert_int_equal(f->runs, 3);
    assert_int_equal(get(f, other).state, KN_JOB_QUEUED);
}

static enum kn_status show_progress(void *arg, const struct kn_job_run *run, struct kn_error *err)
{
    struct fixture *f = arg;
    struct kn_progress *phase = kn_progress_add(run->progress, "analysis", 1);
    kn_progress_set(phase, 0.25);
    kn_progress_stage(phase, "utterance 3 of 12");
    return wait_to_be_stopped(f, run, err);
}

static void progress_is_in_the_store(void **state)
{
    struct fixture *f = *state;
    f->options.run = show_progress;
    int64_t id = submit(f, (struct kn_job_spec){0});
    start_worker(f);
    gate_wait(&f->begun, 1);
    struct kn_progress_view *views = NULL;
    int count = 0;
    while (count < 2) { /* it is told twice a second */
        const char *text;
        int64_t at_us;
        struct kn_error err;
        if (kn_store_get_progress(f->store, id, f->arena, &text, &at_us, &err) == KN_OK)
            assert_int_equal(
                kn_progress_text_read(text, kn_now_us(), f->arena, &views, &count, &err), KN_OK);
    }
    assert_string_equal(views[1].name, "analysis");
    assert_string_equal(views[1].stage, "utterance 3 of 12");
    assert_true(views[1].fraction == 0.25 && views[1].depth == 1);
    kn_cancel_trigger(f->stop);
    join_worker(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_drained_queue_ends_it),
        TEST(never_more_at_once_than_it_may),
        TEST(memory_bounds_what_runs),
        TEST(what_may_help_is_tried_again),
        TEST(what_is_away_is_tried_again_later),
        TEST(what_cannot_help_is_not),
        TEST(a_cancel_reaches_what_runs),
        TEST(told_to_stop_it_hands_back),
        TEST(what_finishes_within_the_grace_is_done),
        TEST(a_lost_lease_stops_all_and_finishes_nothing),
        TEST(who_begins_takes_nobody_for_dead_at_once),
        TEST(what_was_cancelled_while_it_was_cut_off_is_stopped),
        TEST(steps_are_known_to_the_next_attempt),
        TEST(a_job_is_done_after_its_steps),
        TEST(only_its_own_jobs),
        TEST(progress_is_in_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
