/* Waking up, on every kind of database: for what this process does, and for what others do. */
#include "store_help.h"

#include <pthread.h>

#include "queue/wake.h"

enum { PATIENCE_MS = 10000, QUIET_MS = 300, TOLD = 20 };

static enum kn_status wait_ms(struct kn_wake *wake, int64_t ms)
{
    return kn_wake_wait(wake, kn_now_us() + ms * 1000, NULL);
}

static struct kn_wake *open_wake(struct fixture *f)
{
    struct kn_error error;
    struct kn_wake *wake = NULL;
    assert_ok(kn_wake_open(f->store, &wake, &error));
    return wake;
}

/* What was done before may be told twice; then there is silence. */
static void expect_silence(struct kn_wake *wake)
{
    for (int i = 0; i < 10; i++)
        if (wait_ms(wake, QUIET_MS) == KN_TIMEOUT)
            return;
    fail_msg("it never becomes quiet");
}

static void submit_to(struct kn_store *store)
{
    struct kn_error error;
    struct kn_submitted made;
    struct kn_job_spec spec = {.source = "talk.mp4"};
    assert_ok(kn_store_submit(store, &spec, 1, &made, NULL, &error));
}

static void own_submits_are_told(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    for (int i = 0; i < 3; i++) {
        expect_silence(wake);
        submit_to(f->store);
        assert_int_equal(wait_ms(wake, PATIENCE_MS), KN_OK);
    }
    expect_silence(wake);
}

/* Of each of TOLD submits, one after another. The looks that are made each second anyway would hear
 * of one a second. */
static void expect_told_at_once(int64_t waited_us)
{
    if (waited_us > TOLD * INT64_C(500000))
        fail_msg("heard after %d ms", (int)(waited_us / TOLD / 1000));
}

static void submits_of_others_are_told(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    struct kn_store *other = open_store(f, true); /* connections of its own, like a process */
    expect_silence(wake);
    int64_t waited_us = 0;
    for (int i = 0; i < TOLD; i++) {
        int64_t start_us = kn_now_us();
        submit_to(other);
        assert_int_equal(wait_ms(wake, PATIENCE_MS), KN_OK);
        waited_us += kn_now_us() - start_us;
    }
    expect_told_at_once(waited_us);
    expect_silence(wake);
    kn_store_close(other);
}

static void *submit_slowly(void *store)
{
    submit_to(store);
    return NULL;
}

/* SQLite's log is written a while before the commit can be seen: the notice alone is too early. */
static void a_commit_is_heard_in_the_middle_of_the_wait(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    struct kn_store *other = open_store(f, true);
    expect_silence(wake);
    int64_t waited_us = 0;
    for (int i = 0; i < TOLD; i++) {
        pthread_t thread;
        int64_t start_us = kn_now_us();
        assert_int_equal(pthread_create(&thread, NULL, submit_slowly, other), 0);
        assert_int_equal(wait_ms(wake, PATIENCE_MS), KN_OK);
        waited_us += kn_now_us() - start_us;
        pthread_join(thread, NULL);
        while (wait_ms(wake, 0) == KN_OK)
            ; /* told twice */
    }
    expect_told_at_once(waited_us);
    kn_store_close(other);
}

static void pauses_and_cancels_of_others_are_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    enum kn_job_state got;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    struct kn_store *other = open_store(f, true);
    int64_t id = job_in(f, KN_JOB_LEASED);
    expect_silence(wake);
    assert_ok(kn_store_cancel(other, id, &got, &error));
    assert_int_equal(wait_ms(wake, PATIENCE_MS), KN_OK);
    expect_silence(wake);
    assert_ok(kn_store_pause(other, true, &error));
    assert_int_equal(wait_ms(wake, PATIENCE_MS), KN_OK);
    kn_store_close(other);
}

static void *trigger(void *cancel)
{
    kn_cancel_trigger(cancel);
    return NULL;
}

static void a_cancel_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    pthread_t thread;
    expect_silence(wake);
    assert_int_equal(pthread_create(&thread, NULL, trigger, cancel), 0);
    assert_int_equal(kn_wake_wait(wake, INT64_MAX, cancel), KN_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(kn_wake_wait(wake, INT64_MAX, cancel), KN_CANCELLED);
    kn_cancel_free(cancel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(own_submits_are_told),
        TEST(submits_of_others_are_told),
        TEST(a_commit_is_heard_in_the_middle_of_the_wait),
        TEST(pauses_and_cancels_of_others_are_told),
        TEST(a_cancel_ends_the_wait),
    };
    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
