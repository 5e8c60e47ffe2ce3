#include "run_help.h"

#include <sched.h>

#include "base/clock.h"
#include "run/test_clock.h"

static int64_t fake_now_us;

static int64_t fake_clock(void)
{
    return fake_now_us;
}

static struct kn_limiter *limiter_at_zero(struct kn_limiter_options options)
{
    struct kn_limiter *limiter = kn_limiter_new(&options);
    fake_now_us = 0;
    kn_limiter_use_clock(limiter, fake_clock);
    return limiter;
}

/* Starts until it would have to wait, and lets all go again. */
static int starts_at(struct kn_limiter *limiter, int64_t now_ms)
{
    fake_now_us = now_ms * 1000;
    int starts = 0;
    while (starts < 1000 && kn_limiter_try_acquire(limiter, 0) == KN_OK)
        starts++;
    for (int i = 0; i < starts; i++)
        kn_limiter_release(limiter);
    return starts;
}

static void places_are_bounded(void **state)
{
    (void)state;
    struct kn_limiter *limiter = limiter_at_zero((struct kn_limiter_options){.concurrency = 3});
    for (int i = 0; i < 3; i++)
        assert_int_equal(kn_limiter_acquire(limiter, 0, NULL), KN_OK);
    assert_int_equal(kn_limiter_try_acquire(limiter, -9), KN_LIMIT);
    assert_int_equal(kn_limiter_holders(limiter), 3);
    assert_int_equal(kn_limiter_concurrency(limiter), 3);
    kn_limiter_release(limiter);
    assert_int_equal(kn_limiter_try_acquire(limiter, 0), KN_OK);
    for (int i = 0; i < 3; i++)
        kn_limiter_release(limiter);
    kn_limiter_free(limiter);
    kn_limiter_free(NULL);
}

static void starts_follow_the_rate(void **state)
{
    (void)state;
    static const struct {
        struct kn_limiter_options options;
        struct {
            int64_t at_ms;
            int starts;
        } when[6];
    } cases[] = {
        {{.rate = 10}, {{0, 1}, {99, 0}, {100, 1}, {150, 0}, {200, 1}, {10000, 1}}},
        {{.rate = 10, .burst = 4}, {{0, 4}, {50, 0}, {100, 1}, {400, 3}, {401, 0}, {9000, 4}}},
        {{.rate = 3, .interval_ms = 60000},
         {{0, 1}, {19999, 0}, {20000, 1}, {39999, 0}, {40000, 1}, {40001, 0}}},
        {{.rate = 0.5, .burst = 2.5},
         {{0, 2}, {1000, 1}, {2999, 0}, {3000, 1}, {99000, 2}, {99001, 0}}},
        {{0}, {{0, 1000}, {0, 1000}, {1, 1000}, {1, 1000}, {1, 1000}, {1, 1000}}},
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_limiter *limiter = limiter_at_zero(cases[c].options);
        for (int i = 0; i < 6; i++) {
            int starts = starts_at(limiter, cases[c].when[i].at_ms);
            if (starts != cases[c].when[i].starts)
                fail_msg("case %d at %d ms: %d starts", (int)c, (int)cases[c].when[i].at_ms,
                         starts);
        }
        kn_limiter_free(limiter);
    }
}

static void a_pause_holds_everything_back(void **state)
{
    (void)state;
    struct kn_limiter *limiter = limiter_at_zero((struct kn_limiter_options){.concurrency = 2});
    kn_limiter_pause_ms(limiter, 500);
    assert_int_equal(starts_at(limiter, 0), 0);
    kn_limiter_pause_ms(limiter, 100); /* does not shorten it */
    assert_int_equal(starts_at(limiter, 499), 0);
    assert_int_equal(starts_at(limiter, 500), 2);
    kn_limiter_pause_ms(limiter, INT64_MAX);
    assert_int_equal(starts_at(limiter, 1000000000), 0);
    kn_limiter_free(limiter);
}

/* ---- adapting ---- */

static void hold(struct kn_limiter *limiter, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(kn_limiter_try_acquire(limiter, 0), KN_OK);
}

static void end(struct kn_limiter *limiter, int count, enum kn_status status)
{
    for (int i = 0; i < count; i++) {
        kn_limiter_feedback(limiter, status);
        kn_limiter_release(limiter);
    }
}

static void one_overload_halves_once(void **state)
{
    (void)state;
    struct kn_limiter *limiter =
        limiter_at_zero((struct kn_limiter_options){.concurrency = 16, .adaptive = true});
    hold(limiter, 16);
    end(limiter, 16, KN_LIMIT); /* one overload, told sixteen times */
    assert_int_equal(kn_limiter_concurrency(limiter), 8);
    hold(limiter, 8);
    assert_int_equal(kn_limiter_try_acquire(limiter, 0), KN_LIMIT);
    end(limiter, 8, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 4);
    hold(limiter, 2); /* half of what is in flight, not of the bound */
    end(limiter, 2, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 1);
    hold(limiter, 1);
    end(limiter, 1, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 1); /* never none */
    kn_limiter_free(limiter);
}

static void successes_win_it_back_slowly(void **state)
{
    (void)state;
    struct kn_limiter *limiter =
        limiter_at_zero((struct kn_limiter_options){.concurrency = 8, .adaptive = true});
    hold(limiter, 8);
    end(limiter, 8, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 4);
    int rounds = 0;
    for (; kn_limiter_concurrency(limiter) < 8 && rounds < 100; rounds++) {
        int bound = kn_limiter_concurrency(limiter);
        hold(limiter, bound);
        end(limiter, bound, KN_OK);
    }
    assert_in_range(rounds, 4, 8); /* about one a round */
    for (int i = 0; i < 10; i++) {
        hold(limiter, 8);
        end(limiter, 8, KN_OK);
    }
    assert_int_equal(kn_limiter_concurrency(limiter), 8); /* never over what was set */
    hold(limiter, 1);
    end(limiter, 1, KN_REMOTE);
    assert_int_equal(kn_limiter_concurrency(limiter), 8);
    kn_limiter_free(limiter);
}

static void an_unbounded_one_learns_a_bound(void **state)
{
    (void)state;
    struct kn_limiter *limiter = limiter_at_zero((struct kn_limiter_options){.adaptive = true});
    assert_int_equal(kn_limiter_concurrency(limiter), 0);
    hold(limiter, 20);
    end(limiter, 20, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 10);
    kn_limiter_free(limiter);
}

static void unless_adaptive_feedback_is_ignored(void **state)
{
    (void)state;
    struct kn_limiter *limiter = limiter_at_zero((struct kn_limiter_options){.concurrency = 8});
    hold(limiter, 8);
    end(limiter, 8, KN_LIMIT);
    assert_int_equal(kn_limiter_concurrency(limiter), 8);
    kn_limiter_free(limiter);
}

/* ---- waiting ---- */

struct caller {
    struct kn_limiter *limiter;
    struct kn_cancel *cancel;
    int priority, id;
    atomic_int *turns; /* how many got theirs */
    int *order;        /* their ids */
    struct gate *meet; /* holds its place until two are here; NULL: does not */
    enum kn_status status;
    pthread_t thread;
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    caller->status = kn_limiter_acquire(caller->limiter, caller->priority, caller->cancel);
    if (caller->status == KN_OK) {
        caller->order[(*caller->turns)++] = caller->id;
        if (caller->meet) {
            gate_add(caller->meet);
            gate_wait(caller->meet, 2);
        }
        kn_limiter_release(caller->limiter);
    }
    return NULL;
}

/* Starts a caller and returns once it stands in the queue. */
static void queue_up(struct caller *caller)
{
    int before = kn_limiter_waiting(caller->limiter);
    pthread_create(&caller->thread, NULL, call, caller);
    while (kn_limiter_waiting(caller->limiter) == before)
        sched_yield();
}

static void smaller_priorities_go_first_and_equals_in_order(void **state)
{
    (void)state;
    static const int priorities[] = {5, 5, 1, 5, 1, 9, 1, 5};
    static const int expected[] = {2, 4, 6, 0, 1, 3, 7, 5};
    enum { CALLERS = KN_COUNT_OF(priorities) };
    struct kn_limiter *limiter = kn_limiter_new(&(struct kn_limiter_options){.concurrency = 1});
    atomic_int turns = 0;
    int order[CALLERS];
    struct caller callers[CALLERS];
    kn_limiter_acquire(limiter, 0, NULL);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.limiter = limiter,
                                     .priority = priorities[i],
                                     .id = i,
                                     .turns = &turns,
                                     .order = order};
        queue_up(&callers[i]);
    }
    kn_limiter_release(limiter);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(order[i], expected[i]);
    kn_limiter_free(limiter);
}

static void the_cancelled_leave_the_queue(void **state)
{
    (void)state;
    enum { CALLERS = 5 };
    for (int stopped = 0; stopped < CALLERS; stopped++) {
        struct kn_limiter *limiter = kn_limiter_new(&(struct kn_limiter_options){.concurrency = 1});
        atomic_int turns = 0;
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        int order[CALLERS];
        struct caller callers[CALLERS];
        kn_limiter_acquire(limiter, 0, NULL);
        for (int i = 0; i < CALLERS; i++) {
            callers[i] = (struct caller){.limiter = limiter,
                                         .cancel = i == stopped ? cancel : NULL,
                                         .id = i,
                                         .turns = &turns,
                                         .order = order};
            queue_up(&callers[i]);
        }
        kn_cancel_trigger(cancel);
        pthread_join(callers[stopped].thread, NULL); /* while the place is still taken */
        assert_int_equal(callers[stopped].status, KN_CANCELLED);
        assert_int_equal(kn_limiter_acquire(limiter, 0, cancel), KN_CANCELLED);
        kn_limiter_release(limiter);
        for (int i = 0; i < CALLERS; i++)
            if (i != stopped)
                pthread_join(callers[i].thread, NULL);
        assert_int_equal(turns, CALLERS - 1);
        for (int i = 0, id = 0; i < CALLERS - 1; i++, id++) {
            id += id == stopped;
            assert_int_equal(order[i], id);
        }
        assert_int_equal(kn_limiter_holders(limiter), 0);
        kn_cancel_free(cancel);
        kn_limiter_free(limiter);
    }
}

static void nobody_overtakes_without_waiting(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct kn_limiter *limiter = kn_limiter_new(&(struct kn_limiter_options){.concurrency = 1});
        atomic_int turns = 0;
        int order[1];
        struct caller caller = {.limiter = limiter, .turns = &turns, .order = order};
        kn_limiter_acquire(limiter, 0, NULL);
        queue_up(&caller);
        kn_limiter_release(limiter);
        if (kn_limiter_try_acquire(limiter, 0) == KN_OK) { /* then the other has been there */
            assert_int_equal(turns, 1);
            kn_limiter_release(limiter);
        }
        pthread_join(caller.thread, NULL);
        kn_limiter_free(limiter);
    }
}

static void a_pause_ends_for_all_who_wait(void **state)
{
    (void)state;
    struct kn_limiter *limiter = kn_limiter_new(&(struct kn_limiter_options){.concurrency = 2});
    struct gate meet = GATE_INIT;
    atomic_int turns = 0;
    int order[4];
    struct caller callers[4];
    kn_limiter_pause_ms(limiter, 30);
    int64_t before_us = kn_now_us();
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.limiter = limiter,
                                     .priority = -i,
                                     .id = i,
                                     .turns = &turns,
                                     .order = order,
                                     .meet = &meet};
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(callers[i].thread, NULL);
    assert_true(kn_now_us() - before_us >= 30000);
    assert_int_equal(turns, 4);
    kn_limiter_free(limiter);
}

static void a_rate_lets_all_through_in_time(void **state)
{
    (void)state;
    struct kn_limiter *limiter = kn_limiter_new(&(struct kn_limiter_options){.rate = 1000});
    enum { CALLERS = 20 };
    atomic_int turns = 0;
    int order[CALLERS];
    struct caller callers[CALLERS];
    int64_t before_us = kn_now_us();
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){
            .limiter = limiter, .priority = i % 3, .id = i, .turns = &turns, .order = order};
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    assert_true(kn_now_us() - before_us >= (CALLERS - 1) * 1000);
    assert_int_equal(turns, CALLERS);
    kn_limiter_free(limiter);
}

/* ---- stress ---- */

struct rush {
    struct kn_limiter *limiter;
    struct kn_cancel *cancel;
    uint64_t seed;
    atomic_int *inside;
    int most, got;
    bool too_many;
};

static void *rush(void *arg)
{
    struct rush *me = arg;
    struct dice dice = {me->seed};
    for (int i = 0; i < 400; i++) {
        struct kn_cancel *mine = dice_below(&dice, 4) ? me->cancel : kn_cancel_new(me->cancel);
        if (mine != me->cancel && !dice_below(&dice, 2))
            kn_cancel_trigger(mine);
        if (kn_limiter_acquire(me->limiter, (int)dice_below(&dice, 3), mine) == KN_OK) {
            me->got++;
            if (++*me->inside > me->most)
                me->too_many = true;
            if (!dice_below(&dice, 4))
                sched_yield();
            --*me->inside;
            kn_limiter_feedback(me->limiter, dice_below(&dice, 10) ? KN_OK : KN_LIMIT);
            kn_limiter_release(me->limiter);
        }
        if (mine != me->cancel)
            kn_cancel_free(mine);
    }
    return NULL;
}

static void in_a_rush_the_bound_holds_and_all_get_through(void **state)
{
    (void)state;
    enum { RUSHERS = 8 };
    for (int stopped = 0; stopped < 2; stopped++) {
        struct kn_limiter *limiter =
            kn_limiter_new(&(struct kn_limiter_options){.concurrency = 3, .adaptive = true});
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        atomic_int inside = 0;
        struct rush rushers[RUSHERS];
        pthread_t threads[RUSHERS];
        for (int i = 0; i < RUSHERS; i++) {
            rushers[i] = (struct rush){limiter, cancel, (uint64_t)i + 1, &inside, 3, 0, false};
            pthread_create(&threads[i], NULL, rush, &rushers[i]);
        }
        if (stopped)
            kn_cancel_trigger(cancel);
        for (int i = 0; i < RUSHERS; i++) {
            pthread_join(threads[i], NULL);
            assert_false(rushers[i].too_many);
            assert_true(stopped || rushers[i].got >= 300);
        }
        assert_int_equal(kn_limiter_holders(limiter), 0);
        assert_int_equal(kn_limiter_waiting(limiter), 0);
        kn_cancel_free(cancel);
        kn_limiter_free(limiter);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_bounded),
        cmocka_unit_test(starts_follow_the_rate),
        cmocka_unit_test(a_pause_holds_everything_back),
        cmocka_unit_test(one_overload_halves_once),
        cmocka_unit_test(successes_win_it_back_slowly),
        cmocka_unit_test(an_unbounded_one_learns_a_bound),
        cmocka_unit_test(unless_adaptive_feedback_is_ignored),
        cmocka_unit_test(smaller_priorities_go_first_and_equals_in_order),
        cmocka_unit_test(the_cancelled_leave_the_queue),
        cmocka_unit_test(nobody_overtakes_without_waiting),
        cmocka_unit_test(a_pause_ends_for_all_who_wait),
        cmocka_unit_test(a_rate_lets_all_through_in_time),
        cmocka_unit_test(in_a_rush_the_bound_holds_and_all_get_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
