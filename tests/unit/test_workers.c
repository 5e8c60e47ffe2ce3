/* What happens when the system has no more threads. The linker sends pthread_create here. */
#include "run_help.h"

#include <errno.h>
#include <sched.h>

#include "base/clock.h"
#include "run/deadline.h"
#include "run/internal.h"

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);

static atomic_int threads_left = 1000000;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (threads_left-- > 0)
        return __real_pthread_create(thread, attr, run, arg);
    return EAGAIN;
}

static void an_executor_that_gets_no_threads_says_so(void **state)
{
    (void)state;
    static const int workers[KN_LANE_COUNT] = {4, 4, 1};
    for (int left = 0; left <= 4; left++) { /* one for deadlines and one a lane are needed */
        struct kn_executor *executor = NULL;
        struct kn_error err = {0};
        threads_left = left;
        enum kn_status status = kn_executor_open(workers, &executor, &err);
        if (left < 4) {
            assert_int_equal(status, KN_IO);
            assert_string_equal(err.text,
                                "cannot start a thread: Resource temporarily unavailable");
            assert_null(executor);
        } else {
            assert_int_equal(status, KN_OK);
        }
        kn_executor_close(executor);
    }
    threads_left = 1000000;
}

static enum kn_status count_up(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    ++*(atomic_int *)arg;
    return KN_OK;
}

static enum kn_status fan_out(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_CPU});
    for (int i = 0; i < 50; i++)
        kn_group_add(group, "task", 1, count_up, arg);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static void with_one_thread_a_lane_all_still_runs(void **state)
{
    (void)state;
    threads_left = 3;
    struct kn_executor *executor = executor_with(64, 8);
    struct kn_plan *plan = kn_plan_new();
    atomic_int ran = 0;
    for (int i = 0; i < 40; i++)
        kn_plan_add(plan, &(struct kn_step){.name = "s",
                                            .lane = (enum kn_lane)(i % 2),
                                            .run = i < 20 ? fan_out : count_up,
                                            .arg = &ran});
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    assert_int_equal(ran, 20 * 50 + 20);
    assert_int_equal(executor->workers.threads, 2);
    kn_plan_free(plan);
    kn_executor_close(executor);
    threads_left = 1000000;
}

/* ---- deadlines, which a thread of their own keeps ---- */

static void deadlines_fire_in_any_order_of_setting(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    static const int order[COUNT] = {7, 3, 11, 0, 5, 1, 9, 2, 10, 4, 8, 6};
    struct kn_deadlines deadlines;
    struct kn_error err;
    assert_int_equal(kn_deadlines_open(&deadlines, &err), KN_OK);
    struct kn_deadline set[COUNT], far[2]; /* in an hour: set before the others, and after */
    struct kn_cancel *cancels[COUNT], *never = kn_cancel_new(NULL);
    int64_t now_us = kn_now_us();
    kn_deadline_set(&deadlines, &far[0], now_us + INT64_C(3600000000), never);
    for (int i = 0; i < COUNT; i++) {
        cancels[i] = kn_cancel_new(NULL);
        kn_deadline_set(&deadlines, &set[i], now_us + order[i] * 500, cancels[i]);
    }
    kn_deadline_set(&deadlines, &far[1], now_us + INT64_C(3600000000), never);
    for (int i = 0; i < COUNT; i++) {
        while (!kn_cancel_wait_ms(cancels[i], 60000))
            ;
        assert_true(kn_now_us() >= now_us + order[i] * 500);
        assert_true(kn_deadline_unset(&deadlines, &set[i]));
        kn_cancel_free(cancels[i]);
    }
    for (int i = 0; i < 2; i++)
        assert_false(kn_deadline_unset(&deadlines, &far[i]));
    assert_false(kn_cancel_requested(never));
    kn_cancel_free(never);
    kn_deadlines_close(&deadlines);
}

static void a_deadline_that_is_taken_back_touches_nothing(void **state)
{
    (void)state;
    struct kn_deadlines deadlines;
    struct kn_error err;
    assert_int_equal(kn_deadlines_open(&deadlines, &err), KN_OK);
    for (int i = 0; i < 2000; i++) { /* most are taken back while they fire, or about to */
        struct kn_deadline deadline;
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        kn_deadline_set(&deadlines, &deadline, kn_now_us() + i % 50, cancel);
        if (i % 3)
            sched_yield();
        bool passed = kn_deadline_unset(&deadlines, &deadline);
        assert_int_equal(passed, kn_cancel_requested(cancel));
        kn_cancel_free(cancel);
    }
    kn_deadlines_close(&deadlines);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_executor_that_gets_no_threads_says_so),
        cmocka_unit_test(with_one_thread_a_lane_all_still_runs),
        cmocka_unit_test(deadlines_fire_in_any_order_of_setting),
        cmocka_unit_test(a_deadline_that_is_taken_back_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
