/* Steps behind the work: nobody waits for a database, and nothing is lost (service/step_recorder).
 */
#include "store_help.h"

#include <pthread.h>

#include "base/log.h"
#include "bench/slow_wire.h"
#include "service/step_recorder.h"

enum { LINES = 2, STEPS = 20 };

struct recording {
    struct fixture *fixture;
    struct kn_database *database;
    struct kn_store *store;
    struct kn_step_recorder *recorder;
    struct kn_step_line lines[LINES];
    atomic_int lost;
};

static void hear_lost(void *arg, struct kn_step_line *line)
{
    struct recording *r = arg;
    assert_true(line == &r->lines[0] || line == &r->lines[1]);
    atomic_fetch_add(&r->lost, 1);
}

/* A store that gives up waiting for a lock after `wait_ms`. */
static void open_recording(struct recording *r, struct fixture *f, int capacity, int tries,
                           int64_t wait_ms)
{
    struct kn_error error;
    int count;
    *r = (struct recording){.fixture = f};
    assert_ok(kn_database_open(
        &(struct kn_database_options){.where = f->contract->where, .wait_ms = wait_ms},
        &r->database, &error));
    assert_ok(
        kn_store_open(&(struct kn_store_options){.database = r->database, .now_us = test_clock},
                      &r->store, &error));
    submit_many(f, "", 1, LINES);
    const struct kn_job *jobs = claim(f, LINES, &count);
    assert_int_equal(count, LINES);
    for (int i = 0; i < LINES; i++)
        r->lines[i].holder = (struct kn_holder){jobs[i].id, f->worker, jobs[i].attempt};
    const struct kn_step_recorder_options options = {
        .store = r->store, .capacity = capacity, .tries = tries, .lost = hear_lost, .arg = r};
    assert_ok(kn_step_recorder_open(&options, &r->recorder, &error));
}

static void close_recording(struct recording *r)
{
    kn_step_recorder_close(r->recorder);
    kn_store_close(r->store);
    kn_database_close(r->database);
}

static enum kn_status put(struct recording *r, int line, int number, struct kn_cancel *cancel)
{
    struct kn_error error;
    char name[32], data[64];
    snprintf(name, sizeof name, "clip %02d", number);
    snprintf(data, sizeof data, "{\"number\":%d}", number);
    enum kn_status status =
        kn_step_recorder_put(r->recorder, &r->lines[line], name, data, cancel, &error);
    memset(name, '?', sizeof name - 1); /* they were copied */
    return status;
}

static void flush(struct recording *r)
{
    for (int i = 0; i < LINES; i++)
        kn_step_recorder_flush(r->recorder, &r->lines[i]);
}

static int64_t recorded(struct recording *r)
{
    return contract_number(r->fixture->contract, "SELECT count(*) FROM step");
}

/* Nobody else can write steps until it is released. */
static void hold(struct fixture *f)
{
    if (contract_is(KN_DATABASE_POSTGRES)) {
        contract_outside(f->contract, "BEGIN");
        contract_outside(f->contract, "LOCK TABLE step IN EXCLUSIVE MODE");
    } else {
        contract_outside(f->contract, "BEGIN IMMEDIATE");
    }
}

static void let_go(struct fixture *f)
{
    contract_outside(f->contract, "COMMIT");
}

static void the_work_does_not_wait_for_the_store(void **state)
{
    struct recording r;
    struct kn_error error;
    open_recording(&r, *state, 0, 0, 60000);
    hold(r.fixture);
    for (int i = 0; i < STEPS; i++)
        assert_status(put(&r, i % LINES, i, NULL), KN_OK);
    assert_int_equal(recorded(&r), 0); /* all of them are taken, and none is written */
    let_go(r.fixture);
    flush(&r);
    assert_int_equal(recorded(&r), STEPS);
    const struct kn_event *events;
    int count, steps = 0;
    assert_ok(kn_store_events(r.store, 0, 1000, r.fixture->arena, &events, &count, &error));
    for (int i = 0; i < count; i++) { /* in the order in which they were done */
        char name[32];
        if (events[i].kind != KN_EVENT_STEP)
            continue;
        snprintf(name, sizeof name, "clip %02d", steps);
        assert_string_equal(events[i].detail, name);
        assert_int_equal(events[i].job, r.lines[steps % LINES].holder.job);
        steps++;
    }
    assert_int_equal(steps, STEPS);
    close_recording(&r);
}

static void *put_one_more(void *arg)
{
    struct recording *r = arg;
    assert_status(put(r, 0, 3, NULL), KN_OK);
    return NULL;
}

static void who_finds_it_full_waits_and_loses_nothing(void **state)
{
    struct recording r;
    pthread_t thread;
    open_recording(&r, *state, 3, 0, 60000);
    hold(r.fixture);
    for (int i = 0; i < 3; i++)
        assert_status(put(&r, 0, i, NULL), KN_OK);
    struct kn_cancel *stopped = kn_cancel_new(NULL);
    kn_cancel_trigger(stopped);
    assert_status(put(&r, 1, 9, stopped), KN_CANCELLED); /* it would have waited */
    kn_cancel_free(stopped);
    assert_int_equal(pthread_create(&thread, NULL, put_one_more, &r), 0);
    let_go(r.fixture);
    pthread_join(thread, NULL);
    flush(&r);
    assert_int_equal(recorded(&r), 4);
    close_recording(&r);
}

static void a_store_that_comes_back_gets_all(void **state)
{
    struct recording r;
    open_recording(&r, *state, 0, 0, 50);
    hold(r.fixture);
    for (int i = 0; i < STEPS; i++)
        assert_status(put(&r, i % LINES, i, NULL), KN_OK);
    struct timespec some = {.tv_nsec = 300000000}; /* several tries fail meanwhile */
    nanosleep(&some, NULL);
    assert_int_equal(recorded(&r), 0);
    let_go(r.fixture);
    flush(&r);
    assert_int_equal(recorded(&r), STEPS);
    close_recording(&r);
}

static void where_somebody_waits_it_gives_up(void **state)
{
    struct recording r;
    open_recording(&r, *state, 0, 2, 50);
    hold(r.fixture);
    assert_status(put(&r, 0, 1, NULL), KN_OK);
    kn_step_recorder_flush(r.recorder, &r.lines[0]); /* comes back */
    let_go(r.fixture);
    assert_status(put(&r, 0, 2, NULL), KN_OK);
    flush(&r);
    assert_int_equal(recorded(&r), 1);
    close_recording(&r);
}

static void what_is_dropped_is_waited_for_no_more(void **state)
{
    struct recording r;
    open_recording(&r, *state, 0, 0, 50);
    hold(r.fixture);
    assert_status(put(&r, 0, 1, NULL), KN_OK);
    assert_status(put(&r, 1, 2, NULL), KN_OK);
    kn_step_recorder_drop(r.recorder, &r.lines[0]);
    kn_step_recorder_flush(r.recorder, &r.lines[0]);
    let_go(r.fixture);
    flush(&r);
    assert_int_equal(recorded(&r), 1);
    close_recording(&r);
}

static void a_job_that_is_anothers_is_told(void **state)
{
    struct recording r;
    open_recording(&r, *state, 0, 0, 60000);
    r.lines[0].holder.attempt++; /* as if another attempt had begun */
    hold(r.fixture);
    for (int i = 0; i < STEPS; i++)
        assert_status(put(&r, i % LINES, i, NULL), KN_OK);
    let_go(r.fixture);
    flush(&r);
    assert_int_equal(recorded(&r), STEPS / LINES); /* the other's, in the same transaction */
    assert_true(r.lost > 0);
    int lost = r.lost;
    assert_status(put(&r, 0, 99, NULL), KN_OK);
    flush(&r);
    assert_int_equal(recorded(&r), STEPS / LINES);
    assert_int_equal(r.lost, lost); /* dropped: the store is not asked again */
    close_recording(&r);
}

/* A server 50 ms away: the steps of a job take as long as handing them over does. */
static void a_far_server_holds_nobody_up(void **state)
{
    enum { ONE_WAY_US = 25000 };
    struct recording r;
    struct kn_error error;
    struct kn_store *far = NULL;
    const char *near = getenv("KN_TEST_POSTGRES_TCP");
    if (!contract_is(KN_DATABASE_POSTGRES) || !near)
        skip();
    open_recording(&r, *state, 0, 0, 60000);
    const char *colon = strrchr(near, ':');
    int port = slow_wire_start((int)strtol(colon + 1, NULL, 10), ONE_WAY_US);
    char where[1024];
    snprintf(where, sizeof where, "%.*s:%d%s", (int)(colon - near), near, port,
             colon + 1 + strspn(colon + 1, "0123456789"));
    assert_ok(kn_store_open(&(struct kn_store_options){.where = where, .now_us = test_clock}, &far,
                            &error));

    int64_t begin_us = kn_now_us();
    assert_ok(kn_store_record_step(far, &r.lines[0].holder, "waited for", "{}", &error));
    int64_t one_us = kn_now_us() - begin_us;
    struct kn_step_recorder *behind = NULL;
    const struct kn_step_recorder_options options = {.store = far};
    assert_ok(kn_step_recorder_open(&options, &behind, &error));
    begin_us = kn_now_us();
    for (int i = 0; i < STEPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "behind %d", i);
        assert_ok(kn_step_recorder_put(behind, &r.lines[1], name, "{}", NULL, &error));
    }
    int64_t put_us = kn_now_us() - begin_us;
    kn_step_recorder_flush(behind, &r.lines[1]);
    printf("# one step waited for: %.1f ms; %d behind the work: %.2f ms, durable after %.1f ms\n",
           (double)one_us / 1000, STEPS, (double)put_us / 1000,
           (double)(kn_now_us() - begin_us) / 1000);
    assert_true(one_us >= 2 * ONE_WAY_US);
    assert_true(put_us < STEPS * one_us / 4); /* none of them is waited for */
    assert_int_equal(recorded(&r), STEPS + 1);
    kn_step_recorder_close(behind);
    kn_store_close(far);
    close_recording(&r);
}

#define STORE_CASE(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        STORE_CASE(the_work_does_not_wait_for_the_store),
        STORE_CASE(who_finds_it_full_waits_and_loses_nothing),
        STORE_CASE(a_store_that_comes_back_gets_all),
        STORE_CASE(where_somebody_waits_it_gives_up),
        STORE_CASE(what_is_dropped_is_waited_for_no_more),
        STORE_CASE(a_job_that_is_anothers_is_told),
        STORE_CASE(a_far_server_holds_nobody_up),
    };
    kn_log_set_level(KN_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
