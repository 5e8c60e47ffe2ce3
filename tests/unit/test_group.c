#include "run_help.h"

#include <sched.h>

#include "base/clock.h"
#include "run/internal.h"

/* Most tests are a step that uses a group: the step's function does the work and the checks whose
 * results it leaves in its argument; the test looks at them when the plan is over, since asserts
 * belong to the main thread. */

static enum kn_status count_up(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    ++*(atomic_int *)arg;
    return KN_OK;
}

/* ---- all, all settled ---- */

enum { TASKS = 60 };

struct batch {
    struct kn_group_options options;
    bool (*fails)(int i);
    struct gate *meet; /* tasks that fail wait for each other here; NULL: they do not */
    int meeting;
    atomic_int ran;
    struct batch_task {
        struct batch *batch;
        int index;
    } tasks[TASKS];
    int refused;
    enum kn_status outcomes[TASKS];
    struct kn_outcome third;
    int count;
};

static enum kn_status run_batch_task(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env;
    struct batch_task *task = arg;
    task->batch->ran++;
    if (!task->batch->fails || !task->batch->fails(task->index))
        return KN_OK;
    if (task->batch->meet) {
        gate_add(task->batch->meet);
        gate_wait(task->batch->meet, task->batch->meeting);
    }
    return kn_error_set(err, KN_DENIED, "task %d may not", task->index);
}

static enum kn_status run_batch(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct batch *batch = arg;
    struct kn_group *group = kn_group_new(env, &batch->options);
    for (int i = 0; i < TASKS; i++) {
        batch->tasks[i] = (struct batch_task){batch, i};
        if (kn_group_add(group, "task", 1, run_batch_task, &batch->tasks[i]) != KN_OK)
            batch->refused++;
    }
    enum kn_status status = kn_group_wait(group, err);
    batch->count = kn_group_count(group);
    for (int i = 0; i < batch->count; i++)
        batch->outcomes[i] = kn_group_outcome(group, i)->status;
    if (batch->count > 3)
        batch->third = *kn_group_outcome(group, 3);
    kn_group_free(group);
    return status;
}

static bool every_third(int i)
{
    return i % 3 == 0;
}

static bool every_one(int i)
{
    (void)i;
    return true;
}

static bool the_fifth(int i)
{
    return i == 5;
}

static void all_is_well_when_every_task_is(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 8};
    for (size_t c = 0; c < KN_COUNT_OF(cpus); c++) {
        struct kn_executor *executor = executor_with(3, cpus[c]);
        for (enum kn_lane lane = KN_LANE_IO; lane <= KN_LANE_GPU; lane++) {
            struct batch batch = {.options = {.mode = KN_GROUP_ALL, .lane = lane}};
            struct kn_error err;
            assert_int_equal(run_one(executor, KN_LANE_CPU, run_batch, &batch, NULL, NULL, &err),
                             KN_OK);
            assert_int_equal(batch.ran, TASKS);
            assert_int_equal(batch.count, TASKS);
            for (int i = 0; i < TASKS; i++)
                assert_int_equal(batch.outcomes[i], KN_OK);
        }
        kn_executor_close(executor);
    }
}

static void all_ends_with_the_first_error(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 1);
    struct batch batch = {.options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_CPU},
                          .fails = the_fifth};
    struct kn_error err;
    assert_int_equal(run_one(executor, KN_LANE_CPU, run_batch, &batch, NULL, NULL, &err),
                     KN_DENIED);
    assert_string_equal(err.text, "task 5 may not");
    /* One worker, in order of adding: the step itself ran them. */
    assert_int_equal(batch.ran, 6);
    assert_true(batch.refused > 0);
    assert_int_equal(batch.count + batch.refused, TASKS);
    for (int i = 0; i < batch.count; i++)
        assert_int_equal(batch.outcomes[i], i < 5 ? KN_OK : i == 5 ? KN_DENIED : KN_CANCELLED);
    kn_executor_close(executor);
}

static void all_settled_keeps_every_outcome(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 2);
    for (enum kn_lane lane = KN_LANE_IO; lane <= KN_LANE_CPU; lane++) {
        struct batch batch = {.options = {.mode = KN_GROUP_ALL_SETTLED, .lane = lane, .limit = 3},
                              .fails = every_third};
        struct kn_error err;
        assert_int_equal(run_one(executor, KN_LANE_CPU, run_batch, &batch, NULL, NULL, &err),
                         KN_OK);
        assert_int_equal(batch.ran, TASKS);
        assert_int_equal(batch.refused, 0);
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(batch.outcomes[i], every_third(i) ? KN_DENIED : KN_OK);
        assert_string_equal(batch.third.error.text, "task 3 may not");
    }
    kn_executor_close(executor);
}

static void errors_of_several_tasks_at_once_end_it_once(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(8, 1);
    for (int round = 0; round < 100; round++) {
        struct gate meet = GATE_INIT;
        struct batch batch = {.options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_IO},
                              .fails = every_one,
                              .meet = &meet,
                              .meeting = 7};
        struct kn_error err;
        assert_int_equal(run_one(executor, KN_LANE_CPU, run_batch, &batch, NULL, NULL, &err),
                         KN_DENIED);
        assert_true(batch.ran >= 7); /* and those that started before the first was known */
    }
    kn_executor_close(executor);
}

static void without_an_executor_tasks_run_in_place(void **state)
{
    (void)state;
    struct kn_step_env env = {.lane = KN_LANE_CPU};
    struct kn_error err = {0};
    struct batch well = {.options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_CPU}};
    assert_int_equal(run_batch(&well, &env, &err), KN_OK);
    assert_int_equal(well.ran, TASKS);
    struct batch bad = {.options = {.mode = KN_GROUP_ALL}, .fails = the_fifth};
    assert_int_equal(run_batch(&bad, &env, &err), KN_DENIED);
    assert_int_equal(bad.ran, 6);
    assert_string_equal(err.text, "task 5 may not");
    struct batch settled = {.options = {.mode = KN_GROUP_ALL_SETTLED}, .fails = every_third};
    assert_int_equal(run_batch(&settled, &env, &err), KN_OK);
    assert_int_equal(settled.outcomes[3], KN_DENIED);
}

/* ---- back-pressure, saturation ---- */

struct flood {
    enum kn_lane lane;
    int tasks, limit;
    atomic_int open, most, ran;
};

static enum kn_status run_flood_task(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct flood *flood = arg;
    flood->ran++;
    flood->open--;
    return KN_OK;
}

static enum kn_status run_flood(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct flood *flood = arg;
    struct kn_group *group =
        kn_group_new(env, &(struct kn_group_options){.lane = flood->lane, .limit = flood->limit});
    for (int i = 0; i < flood->tasks; i++) {
        int open = ++flood->open;
        flood->most = KN_MAX(flood->most, open);
        kn_group_add(group, "drop", 0, run_flood_task, flood);
    }
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static void whoever_adds_too_fast_is_slowed_down(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(4, 2);
    static const struct {
        enum kn_lane step, group;
        int limit, most;
    } cases[] = {
        {KN_LANE_CPU, KN_LANE_CPU, 1, 2}, {KN_LANE_CPU, KN_LANE_CPU, 5, 6},
        {KN_LANE_IO, KN_LANE_CPU, 3, 4},  {KN_LANE_CPU, KN_LANE_IO, 3, 4},
        {KN_LANE_CPU, KN_LANE_CPU, 0, 9}, {KN_LANE_CPU, KN_LANE_IO, 0, 17},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct flood flood = {.lane = cases[i].group, .tasks = 2000, .limit = cases[i].limit};
        struct kn_error err;
        assert_int_equal(run_one(executor, cases[i].step, run_flood, &flood, NULL, NULL, &err),
                         KN_OK);
        assert_int_equal(flood.ran, 2000);
        /* One more than the limit: counted before it is added. */
        assert_true(flood.most <= cases[i].most);
    }
    kn_executor_close(executor);
}

static void many_groups_share_few_workers(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 8};
    for (size_t c = 0; c < KN_COUNT_OF(cpus); c++) {
        struct kn_executor *executor = executor_with(2, cpus[c]);
        struct kn_plan *plan = kn_plan_new();
        struct flood floods[12];
        for (int i = 0; i < 12; i++) {
            floods[i] = (struct flood){.lane = (enum kn_lane)(i % 2), .tasks = 500};
            kn_plan_add(plan, &(struct kn_step){.name = "flood",
                                                .lane = (enum kn_lane)(i / 2 % 2),
                                                .run = run_flood,
                                                .arg = &floods[i]});
        }
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
        for (int i = 0; i < 12; i++)
            assert_int_equal(floods[i].ran, 500);
        kn_plan_free(plan);
        kn_executor_close(executor);
    }
}

/* ---- nesting ---- */

struct nest {
    int depth, width;
    bool alternate; /* lanes change from level to level */
    atomic_int leaves;
};

struct nest_level {
    struct nest *nest;
    int depth;
};

static enum kn_status run_nest(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct nest_level *level = arg;
    struct nest *nest = level->nest;
    /* What lies in the scratch of a step has to outlive the tasks that run on its thread. */
    struct nest_level *below = kn_arena_alloc(env->scratch, sizeof *below);
    *below = (struct nest_level){nest, level->depth + 1};
    if (level->depth == nest->depth) {
        nest->leaves++;
        return KN_OK;
    }
    enum kn_lane lane = nest->alternate ? (enum kn_lane)(level->depth % 2) : KN_LANE_CPU;
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = lane});
    for (int i = 0; i < nest->width; i++)
        kn_group_add(group, "level", 1, run_nest, below);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return below->nest == nest && below->depth == level->depth + 1 ? status : KN_INTERNAL;
}

static void nested_groups_need_but_one_worker(void **state)
{
    (void)state;
    static const struct {
        int io, cpu;
        bool alternate;
    } cases[] = {{1, 1, false}, {1, 1, true}, {2, 2, false}, {2, 2, true}, {8, 8, true}};
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_executor *executor = executor_with(cases[c].io, cases[c].cpu);
        struct nest nest = {.depth = 5, .width = 4, .alternate = cases[c].alternate};
        struct nest_level top = {&nest, 0};
        struct kn_error err;
        assert_int_equal(run_one(executor, KN_LANE_CPU, run_nest, &top, NULL, NULL, &err), KN_OK);
        assert_int_equal(nest.leaves, 4 * 4 * 4 * 4 * 4);
        pthread_mutex_lock(&executor->workers.lock);
        if (!nest.alternate && cases[c].cpu == 1) /* the waiting steps do the work themselves */
            assert_int_equal(executor->workers.lanes[KN_LANE_CPU].threads, 1);
        /* Never more than sleep over each other above each that runs, beside the idle ones. */
        assert_true(executor->workers.threads <= 2 * (cases[c].io + cases[c].cpu) * nest.depth);
        pthread_mutex_unlock(&executor->workers.lock);
        kn_executor_close(executor);
    }
}

struct crossing {
    enum kn_lane lane;
    struct gate *both_wait;
    atomic_int ran;
};

static enum kn_status run_crossing(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct crossing *crossing = arg;
    gate_add(crossing->both_wait);
    gate_wait(crossing->both_wait, 2); /* now the only worker of each lane is taken */
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = crossing->lane});
    kn_group_add(group, "other", 1, count_up, &crossing->ran);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static void steps_that_wait_for_each_others_lanes_do_not_deadlock(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    for (int round = 0; round < 50; round++) {
        struct gate both_wait = GATE_INIT;
        struct crossing crossings[2] = {{.lane = KN_LANE_CPU, .both_wait = &both_wait},
                                        {.lane = KN_LANE_IO, .both_wait = &both_wait}};
        struct kn_plan *plan = kn_plan_new();
        for (int i = 0; i < 2; i++)
            kn_plan_add(plan, &(struct kn_step){.name = "cross",
                                                .lane = (enum kn_lane)i, /* the other one */
                                                .run = run_crossing,
                                                .arg = &crossings[i]});
        struct kn_error err;
        assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
        assert_int_equal(crossings[0].ran + crossings[1].ran, 2);
        kn_plan_free(plan);
    }
    kn_executor_close(executor);
}

static enum kn_status wait_for_gate(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    gate_wait(arg, 1);
    return KN_OK;
}

static enum kn_status wait_in_other_lane(void *arg, const struct kn_step_env *env,
                                         struct kn_error *err)
{
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_IO});
    kn_group_add(group, "wait", 1, wait_for_gate, arg);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static enum kn_status open_gate(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    gate_add(arg);
    return KN_OK;
}

static void a_step_that_sleeps_gives_its_place_away(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct gate gate = GATE_INIT;
    struct kn_plan *plan = kn_plan_new();
    /* The second step needs the place of the first, or both wait for ever. */
    kn_plan_add(plan,
                &(struct kn_step){
                    .name = "a", .lane = KN_LANE_CPU, .run = wait_in_other_lane, .arg = &gate});
    kn_plan_add(
        plan, &(struct kn_step){.name = "b", .lane = KN_LANE_CPU, .run = open_gate, .arg = &gate});
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    kn_plan_free(plan);
    kn_executor_close(executor);
}

struct crowd {
    atomic_int inside, most;
};

static enum kn_status be_in_crowd(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct crowd *crowd = arg;
    int inside = ++crowd->inside;
    if (inside > crowd->most)
        crowd->most = inside;
    sched_yield();
    --crowd->inside;
    return KN_OK;
}

static void who_took_its_place_leaves_when_it_is_back(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct gate gate = GATE_INIT;
    struct crowd crowd = {0};
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan,
                &(struct kn_step){
                    .name = "a", .lane = KN_LANE_CPU, .run = wait_in_other_lane, .arg = &gate});
    kn_plan_add(
        plan, &(struct kn_step){.name = "b", .lane = KN_LANE_CPU, .run = open_gate, .arg = &gate});
    for (int i = 0; i < 400; i++)
        kn_plan_add(plan, &(struct kn_step){
                              .name = "c", .lane = KN_LANE_CPU, .run = be_in_crowd, .arg = &crowd});
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_OK);
    assert_int_equal(crowd.most, 1);
    kn_plan_free(plan);
    kn_executor_close(executor);
}

/* ---- cancelling ---- */

struct waiting_step {
    struct kn_group_options options;
    int tasks;
    kn_step_fn *run;
    struct gate running;
    struct gate group_ended; /* set when wait has returned */
    enum kn_status added_after, waited;
};

static enum kn_status run_until_cancelled(void *arg, const struct kn_step_env *env,
                                          struct kn_error *err)
{
    gate_add(arg);
    return wait_for_cancel(env, err);
}

static enum kn_status fail_when_cancelled(void *arg, const struct kn_step_env *env,
                                          struct kn_error *err)
{
    gate_add(arg);
    wait_for_cancel(env, err);
    return kn_error_set(err, KN_IO, "interrupted");
}

static enum kn_status run_waiting_step(void *arg, const struct kn_step_env *env,
                                       struct kn_error *err)
{
    struct waiting_step *step = arg;
    struct kn_group *group = kn_group_new(env, &step->options);
    for (int i = 0; i < step->tasks; i++)
        kn_group_add(group, "linger", 1, step->run, &step->running);
    step->waited = kn_group_wait(group, err);
    step->added_after = kn_group_add(group, "late", 1, run_until_cancelled, &step->running);
    kn_group_free(group);
    gate_add(&step->group_ended);
    return step->waited;
}

static void finished(void *arg, enum kn_status status, const struct kn_error *err)
{
    (void)status, (void)err;
    gate_add(arg);
}

static void a_waiting_step_is_cancelled(void **state)
{
    (void)state;
    static const struct {
        enum kn_lane step, group;
        enum kn_group_mode mode;
        int limit, tasks, running; /* how many have to run before the cancel */
    } cases[] = {
        {KN_LANE_CPU, KN_LANE_CPU, KN_GROUP_ALL, 4, 4, 2},        /* sleeps in a task */
        {KN_LANE_IO, KN_LANE_CPU, KN_GROUP_ALL, 4, 2, 2},         /* sleeps in wait */
        {KN_LANE_CPU, KN_LANE_IO, KN_GROUP_ALL_SETTLED, 3, 9, 3}, /* sleeps in add */
        {KN_LANE_CPU, KN_LANE_CPU, KN_GROUP_ALL_SETTLED, 1, 3, 1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_executor *executor = executor_with(3, 2);
        struct waiting_step step = {
            .options = {cases[i].mode, cases[i].group, cases[i].limit},
            .tasks = cases[i].tasks,
            /* What breaks because of a stop is no error of its own. */
            .run = i % 2 ? fail_when_cancelled : run_until_cancelled,
            .running = GATE_INIT,
            .group_ended = GATE_INIT,
        };
        struct kn_plan *plan = kn_plan_new();
        kn_plan_add(plan, &(struct kn_step){.name = "wait",
                                            .lane = cases[i].step,
                                            .run = run_waiting_step,
                                            .arg = &step});
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        struct gate over = GATE_INIT;
        kn_executor_run(executor, plan, cancel, NULL, finished, &over);
        gate_wait(&step.running, cases[i].running);
        kn_cancel_trigger(cancel);
        gate_wait(&over, 1);
        assert_int_equal(step.waited, KN_CANCELLED);
        assert_int_equal(step.added_after, KN_CANCELLED);
        kn_executor_close(executor);
        kn_plan_free(plan);
        kn_cancel_free(cancel);
    }
}

static enum kn_status hold(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    struct gate *gates = arg; /* [0]: it runs, [1]: it may end */
    gate_add(&gates[0]);
    gate_wait(&gates[1], 1);
    return KN_OK;
}

static void queued_tasks_are_cancelled_while_their_lane_is_busy(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 1);
    struct gate gates[2] = {GATE_INIT, GATE_INIT}, busy_over = GATE_INIT, over = GATE_INIT;
    struct kn_plan *busy = kn_plan_new(), *plan = kn_plan_new();
    kn_plan_add(busy,
                &(struct kn_step){.name = "busy", .lane = KN_LANE_CPU, .run = hold, .arg = gates});
    kn_executor_run(executor, busy, NULL, NULL, finished, &busy_over);
    gate_wait(&gates[0], 1);
    struct waiting_step step = {.options = {KN_GROUP_ALL, KN_LANE_CPU, 10},
                                .tasks = 10,
                                .run = run_until_cancelled,
                                .running = GATE_INIT,
                                .group_ended = GATE_INIT};
    kn_plan_add(plan,
                &(struct kn_step){
                    .name = "wait", .lane = KN_LANE_IO, .run = run_waiting_step, .arg = &step});
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_executor_run(executor, plan, cancel, NULL, finished, &over);
    kn_cancel_trigger(cancel);
    gate_wait(&over, 1); /* while the CPU lane is still taken */
    assert_int_equal(step.running.count, 0);
    gate_add(&gates[1]);
    kn_executor_close(executor);
    kn_plan_free(busy);
    kn_plan_free(plan);
    kn_cancel_free(cancel);
}

struct dropped {
    struct gate running;
    atomic_int ran;
};

static enum kn_status drop_group(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)err;
    struct dropped *dropped = arg;
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_IO});
    for (int i = 0; i < 3; i++)
        kn_group_add(group, "linger", 1, run_until_cancelled, &dropped->running);
    gate_wait(&dropped->running, 2);
    kn_group_free(group); /* hangs unless it cancels */
    return KN_OK;
}

static void a_group_that_is_freed_cancels_what_is_left(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(2, 1);
    struct dropped dropped = {.running = GATE_INIT};
    struct kn_error err;
    assert_int_equal(run_one(executor, KN_LANE_CPU, drop_group, &dropped, NULL, NULL, &err), KN_OK);
    kn_executor_close(executor);
}

static enum kn_status wait_for_interrupted(void *arg, const struct kn_step_env *env,
                                           struct kn_error *err)
{
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_IO});
    kn_group_add(group, "x", 1, fail_when_cancelled, arg);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static void a_step_s_limit_reaches_its_tasks(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct gate running = GATE_INIT;
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan, &(struct kn_step){.name = "vision",
                                        .lane = KN_LANE_CPU,
                                        .limit_ms = 5,
                                        .run = wait_for_interrupted,
                                        .arg = &running});
    struct kn_error err;
    assert_int_equal(kn_executor_run_wait(executor, plan, NULL, NULL, &err), KN_TIMEOUT);
    kn_plan_free(plan);
    kn_executor_close(executor);
}

/* ---- more adds, progress, traces ---- */

struct rounds {
    atomic_int ran;
    int after[3];
};

static enum kn_status add_in_rounds(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct rounds *rounds = arg;
    struct kn_group *group = kn_group_new(env, &(struct kn_group_options){.lane = KN_LANE_CPU});
    enum kn_status status = KN_OK;
    for (int i = 0; i < 3 && status == KN_OK; i++) {
        for (int k = 0; k < 10; k++)
            kn_group_add(group, "r", 1, count_up, &rounds->ran);
        status = kn_group_wait(group, err);
        rounds->after[i] = rounds->ran;
    }
    if (kn_group_count(group) != 30)
        status = KN_INTERNAL;
    kn_group_free(group);
    return status;
}

static void a_group_takes_more_after_a_wait(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 2);
    struct rounds rounds = {0};
    struct kn_error err;
    assert_int_equal(run_one(executor, KN_LANE_CPU, add_in_rounds, &rounds, NULL, NULL, &err),
                     KN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rounds.after[i], 10 * (i + 1));
    kn_executor_close(executor);
}

static enum kn_status show_tasks(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_progress_view *ret_after_one = arg;
    struct kn_group *group = kn_group_new(
        env,
        &(struct kn_group_options){.lane = KN_LANE_CPU, .show_tasks = true, .expected_weight = 10});
    atomic_int ran = 0;
    kn_group_add(group, "clip 1", 4, count_up, &ran);
    kn_group_wait(group, err);
    kn_progress_view(env->progress, ret_after_one);
    kn_group_add(group, "clip 2", 6, count_up, &ran);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static void tasks_are_shown_as_their_share_of_the_step(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 1);
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress_view after_one, views[8];
    assert_int_equal(run_one(executor, KN_LANE_CPU, show_tasks, &after_one, NULL, root, NULL),
                     KN_OK);
    assert_true(after_one.fraction > 0.39 && after_one.fraction < 0.401);
    assert_int_equal(kn_progress_snapshot(root, views, 8), 4);
    assert_string_equal(views[2].name, "clip 1");
    for (int i = 1; i < 4; i++)
        assert_int_equal(views[i].state, KN_PROGRESS_DONE);
    kn_progress_free(root);
    kn_executor_close(executor);
}

struct tally {
    atomic_int tasks, steps, bad;
};

static void check_trace(void *arg, const struct kn_trace *trace)
{
    struct tally *tally = arg;
    bool step = strcmp(trace->name, "one") == 0;
    ++*(step ? &tally->steps : &tally->tasks);
    tally->bad += strcmp(trace->plan_step, "one") != 0 || trace->end_us < trace->start_us ||
                  trace->worker < 0 || (!step && strcmp(trace->name, "task") != 0);
}

static void tasks_are_traced_under_their_step(void **state)
{
    (void)state;
    struct kn_executor *executor = executor_with(1, 2);
    struct tally tally = {0};
    kn_executor_trace(executor, check_trace, &tally);
    struct batch batch = {.options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_CPU}};
    assert_int_equal(run_one(executor, KN_LANE_CPU, run_batch, &batch, NULL, NULL, NULL), KN_OK);
    assert_int_equal(tally.tasks, TASKS);
    assert_int_equal(tally.steps, 1);
    assert_int_equal(tally.bad, 0);
    kn_executor_close(executor);
}

/* ---- trouble of all kinds ---- */

struct storm {
    struct kn_cancel *cancel;
    atomic_int running, started;
    int trigger_at;
};

struct storm_task {
    struct storm *storm;
    uint64_t seed;
    int depth;
};

static enum kn_status run_storm(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct storm_task *task = arg;
    struct storm *storm = task->storm;
    struct dice dice = {task->seed};
    if (storm->started++ == storm->trigger_at)
        kn_cancel_trigger(storm->cancel);
    storm->running++;
    enum kn_status status = KN_OK;
    if (task->depth > 0) {
        enum { MOST = 8 };
        struct storm_task below[MOST];
        struct kn_group *group = kn_group_new(
            env, &(struct kn_group_options){.mode = (enum kn_group_mode)dice_below(&dice, 2),
                                            .lane = (enum kn_lane)dice_below(&dice, 3),
                                            .limit = (int)dice_below(&dice, 5),
                                            .show_tasks = dice_below(&dice, 2)});
        int count = (int)dice_below(&dice, MOST + 1);
        for (int i = 0; i < count; i++) {
            below[i] = (struct storm_task){storm, dice.state + (uint64_t)i * 977, task->depth - 1};
            if (kn_group_add(group, "t", 1, run_storm, &below[i]) != KN_OK)
                break;
        }
        if (dice_below(&dice, 8)) /* sometimes it is freed without a wait */
            status = kn_group_wait(group, err);
        kn_group_free(group);
    }
    if (status == KN_OK && !dice_below(&dice, 30))
        status = kn_error_set(err, KN_REMOTE, "lightning");
    storm->running--;
    return status;
}

static void in_any_storm_all_ends_once(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 8};
    for (size_t c = 0; c < KN_COUNT_OF(cpus); c++) {
        struct kn_executor *executor = executor_with(1 + (int)c, cpus[c]);
        for (uint64_t seed = 1; seed <= 60; seed++) {
            struct dice dice = {seed * 104729};
            struct storm storm = {.cancel = kn_cancel_new(NULL),
                                  .trigger_at = (int)dice_below(&dice, 200)};
            struct storm_task tasks[3];
            struct kn_plan *plan = kn_plan_new();
            struct kn_progress *root = kn_progress_new("job");
            for (int i = 0; i < 3; i++) {
                tasks[i] = (struct storm_task){&storm, dice.state * 31 + (uint64_t)i + 1, 3};
                kn_plan_add(plan,
                            &(struct kn_step){.name = "storm",
                                              .lane = (enum kn_lane)dice_below(&dice, 2),
                                              .limit_ms = dice_below(&dice, 2) ? 0 : 1 + 20000,
                                              .optional = dice_below(&dice, 2),
                                              .run = run_storm,
                                              .arg = &tasks[i]});
            }
            struct gate over = GATE_INIT;
            kn_executor_run(executor, plan, storm.cancel, root, finished, &over);
            gate_wait(&over, 1);
            assert_int_equal(over.count, 1);
            assert_int_equal(storm.running, 0);
            int count = kn_progress_snapshot(root, NULL, 0);
            struct kn_progress_view *views = kn_calloc((size_t)count, sizeof *views);
            kn_progress_snapshot(root, views, count);
            for (int i = 1; i < count; i++)
                assert_true(views[i].state >= KN_PROGRESS_DONE);
            free(views);
            kn_plan_free(plan);
            kn_progress_free(root);
            kn_cancel_free(storm.cancel);
        }
        kn_executor_close(executor);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well_when_every_task_is),
        cmocka_unit_test(all_ends_with_the_first_error),
        cmocka_unit_test(all_settled_keeps_every_outcome),
        cmocka_unit_test(errors_of_several_tasks_at_once_end_it_once),
        cmocka_unit_test(without_an_executor_tasks_run_in_place),
        cmocka_unit_test(whoever_adds_too_fast_is_slowed_down),
        cmocka_unit_test(many_groups_share_few_workers),
        cmocka_unit_test(nested_groups_need_but_one_worker),
        cmocka_unit_test(steps_that_wait_for_each_others_lanes_do_not_deadlock),
        cmocka_unit_test(a_step_that_sleeps_gives_its_place_away),
        cmocka_unit_test(who_took_its_place_leaves_when_it_is_back),
        cmocka_unit_test(a_waiting_step_is_cancelled),
        cmocka_unit_test(queued_tasks_are_cancelled_while_their_lane_is_busy),
        cmocka_unit_test(a_group_that_is_freed_cancels_what_is_left),
        cmocka_unit_test(a_step_s_limit_reaches_its_tasks),
        cmocka_unit_test(a_group_takes_more_after_a_wait),
        cmocka_unit_test(tasks_are_shown_as_their_share_of_the_step),
        cmocka_unit_test(tasks_are_traced_under_their_step),
        cmocka_unit_test(in_any_storm_all_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
