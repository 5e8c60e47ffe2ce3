#include "run_help.h"

#include "run/internal.h"

/* ---- what a plan's `done` was told ---- */

struct ending {
    struct gate gate;
    atomic_int calls;
    enum kn_status status;
    struct kn_error err;
    pthread_t thread;
};
#define ENDING_INIT                                                                                \
    {                                                                                              \
        .gate = GATE_INIT                                                                          \
    }

static void note_ending(void *arg, enum kn_status status, const struct kn_error *err)
{
    struct ending *ending = arg;
    ending->calls++;
    pthread_mutex_lock(&ending->gate.lock); /* several plans may share it */
    ending->status = status;
    ending->err = *err;
    ending->thread = pthread_self();
    pthread_mutex_unlock(&ending->gate.lock);
    gate_add(&ending->gate);
}

static struct kn_step_result result_of(struct kn_plan *plan, int index)
{
    struct kn_step_result result;
    kn_plan_result(plan, index, &result);
    return result;
}

/* ---- steps ---- */

static enum kn_status do_nothing(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)arg, (void)env, (void)err;
    return KN_OK;
}

static enum kn_status count_up(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    ++*(atomic_int *)arg;
    return KN_OK;
}

static enum kn_status wait_to_be_cancelled(void *arg, const struct kn_step_env *env,
                                           struct kn_error *err)
{
    if (arg)
        gate_add(arg); /* "I run" */
    return wait_for_cancel(env, err);
}

static enum kn_status fail_with_io(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env;
    return kn_error_set(err, KN_IO, "cannot read %s", (const char *)arg);
}

static enum kn_status fail_without_words(void *arg, const struct kn_step_env *env,
                                         struct kn_error *err)
{
    (void)arg, (void)env, (void)err;
    return KN_DAMAGED;
}

static int add(struct kn_plan *plan, enum kn_lane lane, kn_step_fn *run, void *arg)
{
    return kn_plan_add(plan, &(struct kn_step){.name = "s", .lane = lane, .run = run, .arg = arg});
}

/* ---- order ---- */

enum { DAG_STEPS_MOST = 120 };

struct dag {
    atomic_int clock;
    int count;
    bool edge[DAG_STEPS_MOST][DAG_STEPS_MOST]; /* [later][earlier] */
    struct dag_step {
        struct dag *dag;
        int index, start, end;
        int written; /* plainly: a missing happens-before shows under ThreadSanitizer */
        bool missed;
    } steps[DAG_STEPS_MOST];
};

static enum kn_status run_dag_step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct dag_step *step = arg;
    struct dag *dag = step->dag;
    step->start = dag->clock++;
    for (int i = 0; i < step->index; i++)
        if (dag->edge[step->index][i] && dag->steps[i].written != i + 1)
            step->missed = true;
    step->written = step->index + 1;
    step->end = dag->clock++;
    return KN_OK;
}

static void run_random_dag(struct kn_executor *executor, uint64_t seed)
{
    struct dice dice = {seed * 2654435761u + 1};
    struct dag *dag = kn_calloc(1, sizeof *dag);
    struct kn_plan *plan = kn_plan_new();
    dag->count = 1 + (int)dice_below(&dice, DAG_STEPS_MOST);
    uint32_t density = 1 + dice_below(&dice, 12);
    for (int i = 0; i < dag->count; i++) {
        dag->steps[i] = (struct dag_step){.dag = dag, .index = i};
        add(plan, (enum kn_lane)dice_below(&dice, 2), run_dag_step, &dag->steps[i]);
        for (int k = 0; k < i; k++)
            if (!dice_below(&dice, density * 3)) {
                dag->edge[i][k] = true;
                kn_plan_after(plan, i, k);
                if (!dice_below(&dice, 4))
                    kn_plan_after(plan, i, k); /* said twice */
            }
    }
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    assert_int_equal(dag->clock, 2 * dag->count);
    for (int i = 0; i < dag->count; i++) {
        assert_false(dag->steps[i].missed);
        assert_true(result_of(plan, i).ran);
        for (int k = 0; k < i; k++)
            if (dag->edge[i][k] && dag->steps[k].end >= dag->steps[i].start)
                fail_msg("seed %d: step %d started before %d ended", (int)seed, i, k);
    }
    kn_plan_free(plan);
    free(dag);
}

static void edges_order_steps(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 8};
    for (size_t c = 0; c < KN_COUNT_OF(cpus); c++) {
        struct kn_executor *executor = executor_with(2, cpus[c]);
        for (uint64_t seed = 1; seed <= 25; seed++)
            run_random_dag(executor, seed);
        kn_executor_close(executor);
    }
}

/* ---- saturation ---- */

static void thousands_of_steps_all_run(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 8};
    for (size_t c = 0; c < KN_COUNT_OF(cpus); c++) {
        struct kn_executor *executor = executor_with(1, cpus[c]);
        struct kn_plan *plan = kn_plan_new();
        atomic_int ran = 0;
        for (int i = 0; i < 3000; i++)
            add(plan, KN_LANE_CPU, count_up, &ran);
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
        assert_int_equal(ran, 3000);
        kn_plan_free(plan);
        kn_executor_close(executor);
    }
}

static void many_plans_share_the_lanes(void **state)
{
    (void)state;
    enum { PLANS = 100, STEPS = 20 };
    struct kn_executor *executor = executor_with(4, 2);
    struct ending ending = ENDING_INIT;
    struct kn_plan *plans[PLANS];
    atomic_int ran = 0;
    for (int i = 0; i < PLANS; i++) {
        plans[i] = kn_plan_new();
        for (int k = 0; k < STEPS; k++) {
            add(plans[i], (enum kn_lane)(k % 2), count_up, &ran);
            if (k > 2)
                kn_plan_after(plans[i], k, k - 3);
        }
        kn_executor_run(executor, plans[i], NULL, NULL, note_ending, &ending);
    }
    kn_executor_close(executor); /* waits for them all */
    assert_int_equal(ending.calls, PLANS);
    assert_int_equal(ran, PLANS * STEPS);
    for (int i = 0; i < PLANS; i++)
        kn_plan_free(plans[i]);
}

struct crowd {
    atomic_int inside, most;
};

static enum kn_status be_in_crowd(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct crowd *crowd = arg;
    int inside = ++crowd->inside;
    int most = crowd->most;
    while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
        ;
    sched_yield();
    --crowd->inside;
    return KN_OK;
}

static void a_lane_never_runs_more_than_its_workers(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(3, 2);
    for (enum kn_lane lane = KN_LANE_IO; lane <= KN_LANE_CPU; lane++) {
        struct kn_plan *plan = kn_plan_new();
        struct crowd crowd = {0};
        for (int i = 0; i < 500; i++)
            add(plan, lane, be_in_crowd, &crowd);
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
        assert_true(crowd.most <= kn_executor_workers(executor, lane));
        kn_plan_free(plan);
    }
    kn_executor_close(executor);
}

static enum kn_status meet(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    gate_add(arg);
    gate_wait(arg, 8);
    return KN_OK;
}

static void io_workers_start_when_needed_and_stay(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(64, 1);
    struct kn_lane_workers *io = &executor->workers.lanes[KN_LANE_IO];
    pthread_mutex_lock(&executor->workers.lock);
    assert_int_equal(io->threads, 1);
    pthread_mutex_unlock(&executor->workers.lock);
    for (int round = 0; round < 20; round++) {
        struct gate gate = GATE_INIT;
        struct kn_plan *plan = kn_plan_new();
        for (int i = 0; i < 8; i++) /* they all have to run at once, or it would hang */
            add(plan, KN_LANE_IO, meet, &gate);
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
        kn_plan_free(plan);
    }
    pthread_mutex_lock(&executor->workers.lock);
    assert_in_range(io->threads, 8, 16); /* one may still be on its way to idle when needed */
    pthread_mutex_unlock(&executor->workers.lock);
    kn_executor_close(executor);
}

/* ---- endings ---- */

static void an_empty_plan_ends_once_on_a_worker(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_plan *plan = kn_plan_new();
    struct ending ending = ENDING_INIT;
    kn_executor_run(executor, plan, NULL, NULL, note_ending, &ending);
    kn_executor_close(executor);
    assert_int_equal(ending.calls, 1);
    assert_int_equal(ending.status, KN_OK);
    assert_false(pthread_equal(ending.thread, pthread_self()));
    kn_plan_free(plan);
}

struct chain {
    struct kn_executor *executor;
    struct kn_plan *plan;
    atomic_int *ran;
    struct gate gate;
    int left;
};

static void run_next(void *arg, enum kn_status status, const struct kn_error *err)
{
    (void)err;
    struct chain *chain = arg;
    kn_plan_free(chain->plan); /* `done` may do that */
    chain->plan = NULL;
    if (status != KN_OK || --chain->left == 0) {
        gate_add(&chain->gate);
        return;
    }
    chain->plan = kn_plan_new();
    add(chain->plan, KN_LANE_CPU, count_up, chain->ran);
    kn_executor_run(chain->executor, chain->plan, NULL, NULL, run_next, chain);
}

static void done_may_free_its_plan_and_run_another(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    atomic_int ran = 0;
    struct chain chain = {.executor = executor, .ran = &ran, .gate = GATE_INIT, .left = 50};
    chain.plan = kn_plan_new();
    kn_executor_run(executor, chain.plan, NULL, NULL, run_next, &chain);
    gate_wait(&chain.gate, 1);
    assert_int_equal(ran, 49);
    kn_executor_close(executor);
}

/* ---- errors ---- */

static enum kn_status fail_beside_another(void *arg, const struct kn_step_env *env,
                                          struct kn_error *err)
{
    (void)env;
    gate_wait(arg, 1);
    return kn_error_set(err, KN_IO, "cannot read a.mp4");
}

static void the_first_error_cancels_the_rest(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(4, 1);
    struct kn_plan *plan = kn_plan_new();
    atomic_int ran = 0;
    int before = add(plan, KN_LANE_CPU, count_up, &ran);
    struct gate other_runs = GATE_INIT;
    int running = add(plan, KN_LANE_IO, wait_to_be_cancelled, &other_runs);
    int broken = add(plan, KN_LANE_IO, fail_beside_another, &other_runs);
    int after = add(plan, KN_LANE_CPU, count_up, &ran);
    int far = add(plan, KN_LANE_CPU, count_up, &ran);
    kn_plan_after(plan, broken, before);
    kn_plan_after(plan, after, broken);
    kn_plan_after(plan, far, after);
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_IO);
    assert_string_equal(err.text, "cannot read a.mp4");
    assert_int_equal(ran, 1);
    assert_int_equal(result_of(plan, before).status, KN_OK);
    assert_true(result_of(plan, running).ran);
    assert_int_equal(result_of(plan, running).status, KN_CANCELLED);
    assert_int_equal(result_of(plan, broken).status, KN_IO);
    for (int i = after; i <= far; i++) {
        assert_true(result_of(plan, i).ended);
        assert_false(result_of(plan, i).ran);
        assert_int_equal(result_of(plan, i).status, KN_CANCELLED);
    }
    kn_plan_free(plan);
    kn_executor_close(executor);
}

static enum kn_status fail_together(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env;
    gate_add(arg);
    gate_wait(arg, 8);
    return kn_error_set(err, KN_REMOTE, "the service is down");
}

static void errors_of_several_steps_at_once_end_it_once(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(8, 1);
    for (int round = 0; round < 100; round++) {
        struct kn_plan *plan = kn_plan_new();
        struct gate gate = GATE_INIT;
        struct ending ending = ENDING_INIT;
        atomic_int ran = 0;
        for (int i = 0; i < 8; i++)
            add(plan, KN_LANE_IO, fail_together, &gate);
        for (int i = 0; i < 8; i++)
            kn_plan_after(plan, add(plan, KN_LANE_CPU, count_up, &ran), i);
        kn_executor_run(executor, plan, NULL, NULL, note_ending, &ending);
        gate_wait(&ending.gate, 1);
        assert_int_equal(ending.calls, 1);
        assert_int_equal(ending.status, KN_REMOTE);
        assert_string_equal(ending.err.text, "the service is down");
        assert_int_equal(ran, 0);
        kn_plan_free(plan);
    }
    kn_executor_close(executor);
}

static void a_failure_without_words_gets_its_meaning(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_error err;
    assert_int_equal(run_one(executor, KN_LANE_CPU, fail_without_words, NULL, NULL, NULL, &err),
                     KN_DAMAGED);
    assert_string_equal(kn_error_text(&err), kn_status_meaning(KN_DAMAGED));
    kn_executor_close(executor);
}

static void optional_steps_may_fail(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_plan *plan = kn_plan_new();
    atomic_int ran = 0;
    int broken = kn_plan_add(plan, &(struct kn_step){.name = "extra",
                                                     .lane = KN_LANE_IO,
                                                     .optional = true,
                                                     .run = fail_with_io,
                                                     .arg = (char[]){"font"}});
    kn_plan_after(plan, add(plan, KN_LANE_CPU, count_up, &ran), broken);
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    assert_int_equal(ran, 1);
    assert_int_equal(result_of(plan, broken).status, KN_IO);
    assert_string_equal(result_of(plan, broken).error.text, "cannot read font");
    kn_plan_free(plan);
    kn_executor_close(executor);
}

/* ---- limits ---- */

static enum kn_status outlive_limit(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)arg;
    wait_for_cancel(env, err);
    return KN_OK;
}

static void a_limit_cancels_one_step(void **state)
{
    (void)state;
    static const struct {
        kn_step_fn *run;
        bool optional;
        enum kn_status step, plan;
    } cases[] = {
        {wait_to_be_cancelled, false, KN_TIMEOUT, KN_TIMEOUT},
        {wait_to_be_cancelled, true, KN_TIMEOUT, KN_OK},
        {outlive_limit, false, KN_OK, KN_OK}, /* it ended well all the same */
    };
    struct kn_executor *executor = executor_with(1, 1);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_plan *plan = kn_plan_new();
        kn_plan_add(plan, &(struct kn_step){.name = "listen",
                                            .lane = KN_LANE_CPU,
                                            .limit_ms = 5,
                                            .optional = cases[i].optional,
                                            .run = cases[i].run});
        atomic_int ran = 0;
        kn_plan_after(plan, add(plan, KN_LANE_CPU, count_up, &ran), 0);
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), cases[i].plan);
        assert_int_equal(result_of(plan, 0).status, cases[i].step);
        assert_int_equal(ran, cases[i].plan == KN_OK);
        if (cases[i].plan == KN_TIMEOUT)
            assert_string_equal(err.text, "listen took longer than its limit of 5 ms");
        kn_plan_free(plan);
    }
    kn_executor_close(executor);
}

static void limits_that_are_met_leave_no_trace(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(8, 2);
    struct kn_plan *plan = kn_plan_new();
    for (int i = 0; i < 300; i++)
        kn_plan_add(plan, &(struct kn_step){.name = "quick",
                                            .lane = (enum kn_lane)(i % 2),
                                            .limit_ms = i % 7 ? 600000 + i : INT64_MAX,
                                            .run = do_nothing});
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    kn_plan_free(plan);
    kn_executor_close(executor);
}

/* ---- cancelling ---- */

static void cancelled_before_the_start_nothing_runs(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 2);
    for (int count = 0; count < 40; count++) {
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        kn_cancel_trigger(cancel);
        struct kn_plan *plan = kn_plan_new();
        atomic_int ran = 0;
        for (int i = 0; i < count; i++) {
            add(plan, (enum kn_lane)(i % 2), count_up, &ran);
            if (i >= 3)
                kn_plan_after(plan, i, i - 3);
        }
        struct kn_error err;
        enum kn_status status = kn_executor_run_wait(executor, plan, cancel, NULL, &err);
        assert_int_equal(status, count ? KN_CANCELLED : KN_OK);
        assert_int_equal(ran, 0);
        for (int i = 0; i < count; i++)
            assert_false(result_of(plan, i).ran);
        kn_plan_free(plan);
        kn_cancel_free(cancel);
    }
    kn_executor_close(executor);
}

static enum kn_status hold(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct gate *gates = arg; /* [0]: it runs, [1]: it may end */
    gate_add(&gates[0]);
    gate_wait(&gates[1], 1);
    return KN_OK;
}

static void a_queued_plan_is_cancelled_while_all_workers_are_busy(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct gate gates[2] = {GATE_INIT, GATE_INIT};
    struct kn_plan *busy = kn_plan_new(), *queued = kn_plan_new();
    add(busy, KN_LANE_CPU, hold, gates);
    add(busy, KN_LANE_IO, hold, gates);
    struct ending busy_ending = ENDING_INIT, queued_ending = ENDING_INIT;
    kn_executor_run(executor, busy, NULL, NULL, note_ending, &busy_ending);
    gate_wait(&gates[0], 2);

    atomic_int ran = 0;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    add(queued, KN_LANE_CPU, count_up, &ran);
    add(queued, KN_LANE_IO, count_up, &ran);
    kn_executor_run(executor, queued, cancel, NULL, note_ending, &queued_ending);
    kn_cancel_trigger(cancel);
    gate_wait(&queued_ending.gate, 1); /* while `busy` still holds every worker */
    assert_int_equal(queued_ending.status, KN_CANCELLED);
    assert_string_equal(queued_ending.err.text, "stopped by request");
    assert_int_equal(busy_ending.calls, 0);
    assert_int_equal(ran, 0);
    gate_add(&gates[1]);
    kn_executor_close(executor);
    assert_int_equal(busy_ending.status, KN_OK);
    kn_plan_free(busy);
    kn_plan_free(queued);
    kn_cancel_free(cancel);
}

static void running_steps_are_stopped(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 1);
    struct gate running = GATE_INIT;
    struct kn_plan *plan = kn_plan_new();
    add(plan, KN_LANE_IO, wait_to_be_cancelled, &running);
    add(plan, KN_LANE_IO, wait_to_be_cancelled, &running);
    add(plan, KN_LANE_CPU, wait_to_be_cancelled, &running);
    kn_plan_after(plan, add(plan, KN_LANE_CPU, do_nothing, NULL), 0);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct ending ending = ENDING_INIT;
    kn_executor_run(executor, plan, cancel, NULL, note_ending, &ending);
    gate_wait(&running, 3);
    assert_false(result_of(plan, 0).ended);
    kn_cancel_trigger(cancel);
    gate_wait(&ending.gate, 1);
    assert_int_equal(ending.status, KN_CANCELLED);
    assert_true(result_of(plan, 2).ran);
    assert_false(result_of(plan, 3).ran);
    kn_executor_close(executor);
    kn_plan_free(plan);
    kn_cancel_free(cancel);
}

static enum kn_status break_when_cancelled(void *arg, const struct kn_step_env *env,
                                           struct kn_error *err)
{
    gate_add(arg);
    wait_for_cancel(env, err);
    return kn_error_set(err, KN_IO, "interrupted system call");
}

static void a_stop_is_not_a_failure(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct gate running = GATE_INIT;
    struct kn_plan *plan = kn_plan_new();
    add(plan, KN_LANE_CPU, break_when_cancelled, &running);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct ending ending = ENDING_INIT;
    kn_executor_run(executor, plan, cancel, NULL, note_ending, &ending);
    gate_wait(&running, 1);
    kn_cancel_trigger(cancel);
    gate_wait(&ending.gate, 1);
    assert_int_equal(ending.status, KN_CANCELLED);
    assert_int_equal(result_of(plan, 0).status, KN_IO);
    kn_executor_close(executor);
    kn_plan_free(plan);
    kn_cancel_free(cancel);
}

static enum kn_status trigger_and_succeed(void *arg, const struct kn_step_env *env,
                                          struct kn_error *err)
{
    (void)env, (void)err;
    kn_cancel_trigger(arg);
    return KN_OK;
}

static void a_stop_after_the_last_step_is_none(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct kn_error err;
    assert_int_equal(
        run_one(executor, KN_LANE_CPU, trigger_and_succeed, cancel, cancel, NULL, &err), KN_OK);
    kn_executor_close(executor);
    kn_cancel_free(cancel);
}

/* Triggers the plan's token at its nth step, in a random graph of steps that succeed, fail, wait
 * to be stopped, or may fail. */
struct trouble {
    struct kn_cancel *cancel;
    atomic_int starts, running;
    int trigger_at;
    struct trouble_step {
        struct trouble *all;
        enum { SUCCEED, FAIL, LINGER } manner;
    } steps[40];
};

static enum kn_status run_trouble(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct trouble_step *step = arg;
    struct trouble *all = step->all;
    all->running++;
    if (all->starts++ == all->trigger_at)
        kn_cancel_trigger(all->cancel);
    enum kn_status status = KN_OK;
    if (step->manner == FAIL)
        status = kn_error_set(err, KN_DENIED, "no entry");
    else if (step->manner == LINGER)
        status = kn_cancel_wait_ms(env->cancel, 1) ? kn_cancel_check(env->cancel, err) : KN_OK;
    all->running--;
    return status;
}

static void check_trouble(struct kn_plan *plan, struct trouble *all, struct kn_progress *root,
                          const struct ending *ending)
{
    assert_int_equal(ending->calls, 1);
    assert_int_equal(all->running, 0);
    int ran = 0;
    for (int i = 0; i < kn_plan_count(plan); i++) {
        struct kn_step_result result = result_of(plan, i);
        assert_true(result.ended);
        ran += result.ran;
        if (!result.ran)
            assert_int_equal(result.status, KN_CANCELLED);
        if (ending->status == KN_OK)
            assert_true(result.status == KN_OK || plan->steps.at[i]->spec.optional);
    }
    assert_int_equal(ran, all->starts);
    struct kn_progress_view views[64];
    int count = kn_progress_snapshot(root, views, 64);
    assert_int_equal(count, kn_plan_count(plan) + 1);
    for (int i = 1; i < count; i++)
        assert_true(views[i].state >= KN_PROGRESS_DONE);
}

static void cancelled_at_any_point_all_ends_once(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 2);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct dice dice = {seed * 7919};
        struct trouble all = {.cancel = kn_cancel_new(NULL),
                              .trigger_at = (int)dice_below(&dice, 60) - 1};
        struct kn_plan *plan = kn_plan_new();
        int count = 1 + (int)dice_below(&dice, 40);
        bool failures = dice_below(&dice, 2);
        for (int i = 0; i < count; i++) {
            uint32_t manner = dice_below(&dice, 20);
            all.steps[i] = (struct trouble_step){&all, manner == 0 && failures ? FAIL
                                                       : manner < 3            ? LINGER
                                                                               : SUCCEED};
            kn_plan_add(plan, &(struct kn_step){.name = "t",
                                                .lane = (enum kn_lane)dice_below(&dice, 2),
                                                .limit_ms = dice_below(&dice, 3) ? 0 : 10000,
                                                .optional = !dice_below(&dice, 3),
                                                .run = run_trouble,
                                                .arg = &all.steps[i]});
            for (int k = 0; k < i; k++)
                if (!dice_below(&dice, 6))
                    kn_plan_after(plan, i, k);
        }
        struct kn_progress *root = kn_progress_new("job");
        struct ending ending = ENDING_INIT;
        kn_executor_run(executor, plan, all.cancel, root, note_ending, &ending);
        if (all.trigger_at < 0)
            kn_cancel_trigger(all.cancel); /* from outside, at any moment */
        gate_wait(&ending.gate, 1);
        check_trouble(plan, &all, root, &ending);
        kn_plan_free(plan);
        kn_progress_free(root);
        kn_cancel_free(all.cancel);
    }
    kn_executor_close(executor);
}

/* ---- environment, trace, progress ---- */

struct seen {
    enum kn_lane lane;
    size_t used;
    bool complete;
};

static enum kn_status look_around(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct seen *seen = arg;
    seen->lane = env->lane;
    seen->used = kn_arena_used(env->scratch);
    seen->complete = env->cancel && env->progress && env->executor && err;
    memset(kn_arena_alloc(env->scratch, 100000), 1, 100000);
    return KN_OK;
}

static void steps_get_an_empty_arena_and_where_they_are(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    assert_int_equal(kn_executor_workers(executor, KN_LANE_GPU), 0);
    static const enum kn_lane lanes[][2] = {
        {KN_LANE_IO, KN_LANE_IO}, {KN_LANE_CPU, KN_LANE_CPU}, {KN_LANE_GPU, KN_LANE_CPU}};
    for (int i = 0; i < 6; i++) {
        struct kn_progress *root = kn_progress_new("job");
        struct seen seen = {0};
        assert_int_equal(run_one(executor, lanes[i % 3][0], look_around, &seen, NULL, root, NULL),
                         KN_OK);
        assert_true(seen.complete);
        assert_int_equal(seen.lane, lanes[i % 3][1]);
        assert_int_equal(seen.used, 0);
        kn_progress_free(root);
    }
    kn_executor_close(executor);
}

struct tally {
    pthread_mutex_t lock;
    int count, bad;
};

static void check_trace(void *arg, const struct kn_trace *trace)
{
    struct tally *tally = arg;
    pthread_mutex_lock(&tally->lock);
    tally->count++;
    tally->bad += strcmp(trace->name, "s") != 0 || strcmp(trace->plan_step, "s") != 0 ||
                  trace->worker < 0 || trace->worker >= 2 || trace->lane != KN_LANE_CPU ||
                  trace->start_us <= 0 || trace->end_us < trace->start_us;
    pthread_mutex_unlock(&tally->lock);
}

static void every_step_is_traced(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 2);
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    kn_executor_trace(executor, check_trace, &tally);
    struct kn_plan *plan = kn_plan_new();
    for (int i = 0; i < 200; i++)
        add(plan, KN_LANE_CPU, i == 150 ? fail_without_words : do_nothing, NULL);
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_DAMAGED);
    int ran = 0;
    for (int i = 0; i < 200; i++)
        ran += result_of(plan, i).ran;
    assert_int_equal(tally.count, ran);
    assert_int_equal(tally.bad, 0);
    kn_plan_free(plan);
    kn_executor_close(executor);
}

static enum kn_status skip_step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)arg, (void)err;
    kn_progress_skip(env->progress);
    return KN_OK;
}

static void progress_shows_each_step(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_progress *root = kn_progress_new("job");
    struct kn_plan *plan = kn_plan_new();
    static const struct {
        kn_step_fn *run;
        enum kn_progress_state state;
    } cases[] = {
        {do_nothing, KN_PROGRESS_DONE},
        {skip_step, KN_PROGRESS_SKIPPED},
        {fail_without_words, KN_PROGRESS_FAILED},
        {do_nothing, KN_PROGRESS_CANCELLED},
    };
    for (int i = 0; i < 4; i++) {
        kn_plan_add(plan,
                    &(struct kn_step){
                        .name = "step", .lane = KN_LANE_CPU, .weight = i, .run = cases[i].run});
        if (i)
            kn_plan_after(plan, i, i - 1);
    }
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, root, &err), KN_DAMAGED);
    struct kn_progress_view views[5];
    assert_int_equal(kn_progress_snapshot(root, views, 5), 5);
    assert_int_equal(views[0].state, KN_PROGRESS_RUNNING); /* its owner ends it */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(views[i + 1].state, cases[i].state);
        assert_true(views[i + 1].weight == (i ? i : 1));
    }
    kn_plan_free(plan);
    kn_progress_free(root);
    kn_executor_close(executor);
}

static void impossible_workers_are_refused(void **state)
{
    (void)state;
    static const int cases[][KN_LANE_COUNT] = {{0, 1, 0}, {1, 0, 0}, {1, 1, -1}, {1, 5000, 0}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_executor *executor = NULL;
        struct kn_error err;
        assert_int_equal(kn_executor_open(cases[i], &executor, &err), KN_INVALID);
        assert_null(executor);
    }
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    assert_true(workers[KN_LANE_IO] >= 1 && workers[KN_LANE_CPU] >= 1 && !workers[KN_LANE_GPU]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_order_steps),
        cmocka_unit_test(thousands_of_steps_all_run),
        cmocka_unit_test(many_plans_share_the_lanes),
        cmocka_unit_test(a_lane_never_runs_more_than_its_workers),
        cmocka_unit_test(io_workers_start_when_needed_and_stay),
        cmocka_unit_test(an_empty_plan_ends_once_on_a_worker),
        cmocka_unit_test(done_may_free_its_plan_and_run_another),
        cmocka_unit_test(the_first_error_cancels_the_rest),
        cmocka_unit_test(errors_of_several_steps_at_once_end_it_once),
        cmocka_unit_test(a_failure_without_words_gets_its_meaning),
        cmocka_unit_test(optional_steps_may_fail),
        cmocka_unit_test(a_limit_cancels_one_step),
        cmocka_unit_test(limits_that_are_met_leave_no_trace),
        cmocka_unit_test(cancelled_before_the_start_nothing_runs),
        cmocka_unit_test(a_queued_plan_is_cancelled_while_all_workers_are_busy),
        cmocka_unit_test(running_steps_are_stopped),
        cmocka_unit_test(a_stop_is_not_a_failure),
        cmocka_unit_test(a_stop_after_the_last_step_is_none),
        cmocka_unit_test(cancelled_at_any_point_all_ends_once),
        cmocka_unit_test(steps_get_an_empty_arena_and_where_they_are),
        cmocka_unit_test(every_step_is_traced),
        cmocka_unit_test(progress_shows_each_step),
        cmocka_unit_test(impossible_workers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
