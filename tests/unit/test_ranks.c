/* Which plan's work goes first, and whose traces are whose. */
#include "run_help.h"

static void ignore_end(void *arg, enum kn_status status, const struct kn_error *err)
{
    (void)arg, (void)status, (void)err;
}

static int add(struct kn_plan *plan, enum kn_lane lane, kn_step_fn *run, void *arg)
{
    return kn_plan_add(plan, &(struct kn_step){.name = "s", .lane = lane, .run = run, .arg = arg});
}

static enum kn_status count_up(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    ++*(atomic_int *)arg;
    return KN_OK;
}

enum { RANKED_PLANS = 4, RANKED_STEPS = 3, RANKED_TASKS = 2 };

struct ranked {
    struct gate begun, go; /* the one worker is held until all plans are queued */
    int order[RANKED_PLANS * (RANKED_STEPS + RANKED_TASKS)];
    int count; /* one worker: no lock needed */
    struct ranked_plan {
        struct ranked *ranked;
        int number;
    } plans[RANKED_PLANS];
};

static enum kn_status hold_the_worker(void *arg, const struct kn_step_env *env,
                                      struct kn_error *err)
{
    (void)env, (void)err;
    struct ranked *ranked = arg;
    gate_add(&ranked->begun);
    gate_wait(&ranked->go, 1);
    return KN_OK;
}

static enum kn_status note_plan(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct ranked_plan *plan = arg;
    plan->ranked->order[plan->ranked->count++] = plan->number;
    return KN_OK;
}

/* Runs on the IO lane, so its tasks are queued for the CPU lane's worker like everything else. */
static enum kn_status note_plan_in_tasks(void *arg, const struct kn_step_env *env,
                                         struct kn_error *err)
{
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_CPU});
    for (int i = 0; i < RANKED_TASKS; i++)
        kn_group_add(group, "task", 1, note_plan, arg);
    struct ranked_plan *plan = arg;
    gate_add(&plan->ranked->begun);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

/* Queues plans while the CPU lane's one worker is held; `ranks` NULL: the default ones. */
static void run_ranked(struct ranked *ranked, const int64_t *ranks)
{
    *ranked = (struct ranked){.begun = GATE_INIT, .go = GATE_INIT};
    struct kn_executor *executor = executor_with(8, 1);
    struct kn_plan *holder = kn_plan_new(), *plans[RANKED_PLANS];
    add(holder, KN_LANE_CPU, hold_the_worker, ranked);
    kn_executor_run(executor, holder, NULL, NULL, ignore_end, NULL);
    gate_wait(&ranked->begun, 1);
    for (int p = 0; p < RANKED_PLANS; p++) {
        ranked->plans[p] = (struct ranked_plan){ranked, p};
        plans[p] = kn_plan_new();
        if (ranks)
            kn_plan_rank(plans[p], ranks[p]);
        for (int i = 0; i < RANKED_STEPS; i++) {
            add(plans[p], KN_LANE_CPU, note_plan, &ranked->plans[p]);
            if (i > 0)
                kn_plan_after(plans[p], i, i - 1); /* ready only while others wait already */
        }
        add(plans[p], KN_LANE_IO, note_plan_in_tasks, &ranked->plans[p]);
        kn_executor_run(executor, plans[p], NULL, NULL, ignore_end, NULL);
    }
    gate_wait(&ranked->begun, 1 + RANKED_PLANS); /* all tasks are queued */
    gate_add(&ranked->go);
    kn_executor_close(executor);
    for (int p = 0; p < RANKED_PLANS; p++)
        kn_plan_free(plans[p]);
    kn_plan_free(holder);
}

static void expect_order(const struct ranked *ranked, const int plans[RANKED_PLANS])
{
    enum { EACH = RANKED_STEPS + RANKED_TASKS };
    assert_int_equal(ranked->count, RANKED_PLANS * EACH);
    for (int i = 0; i < ranked->count; i++)
        if (ranked->order[i] != plans[i / EACH])
            fail_msg("work %d is of plan %d instead of %d", i, ranked->order[i], plans[i / EACH]);
}

static void plans_that_were_run_earlier_go_first(void **state)
{
    (void)state;
    struct ranked ranked;
    run_ranked(&ranked, NULL);
    expect_order(&ranked, (const int[]){0, 1, 2, 3});
}

static void a_smaller_rank_goes_first(void **state)
{
    (void)state;
    struct ranked ranked;
    run_ranked(&ranked, (const int64_t[]){30, INT64_MAX, -5, 7});
    expect_order(&ranked, (const int[]){2, 3, 0, 1});
}

static void note_trace_of_plan(void *arg, const struct kn_trace *trace)
{
    assert_string_equal(trace->plan_step, "s");
    ++*(atomic_int *)arg;
}

static void a_plan_is_traced_alone(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 2);
    atomic_int traced[2] = {0}, ran = 0;
    struct kn_plan *plans[2];
    for (int p = 0; p < 2; p++) {
        plans[p] = kn_plan_new();
        for (int i = 0; i <= p; i++)
            add(plans[p], KN_LANE_CPU, count_up, &ran);
        kn_plan_trace(plans[p], note_trace_of_plan, &traced[p]);
        kn_executor_run(executor, plans[p], NULL, NULL, ignore_end, NULL);
    }
    kn_executor_close(executor);
    assert_int_equal(traced[0], 1);
    assert_int_equal(traced[1], 2);
    for (int p = 0; p < 2; p++)
        kn_plan_free(plans[p]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_that_were_run_earlier_go_first),
        cmocka_unit_test(a_smaller_rank_goes_first),
        cmocka_unit_test(a_plan_is_traced_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
