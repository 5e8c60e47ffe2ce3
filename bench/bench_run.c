/*
 * What the framework costs: nanoseconds for a step, a group's task, a value through a channel, each
 * with nothing in it, and how many of them one thread started and joined would pay for. That is the
 * naive alternative, measured in the same run; work of 1 ms makes of any of these less than 1 %.
 */
#include <kirinuki/kirinuki.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

enum { STEPS = 20000, CHAIN = 5000, TASKS = 100000, VALUES = 100000, THREADS = 500, ROUNDS = 5 };

static enum kn_status do_nothing(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)arg, (void)env, (void)err;
    return KN_OK;
}

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status == KN_OK)
        return;
    fprintf(stderr, "bench_run: %s\n", kn_error_text(err));
    exit(1);
}

/* ---- one round of each, in nanoseconds for one ---- */

static double time_plan(struct kn_executor *executor, int count, bool chained)
{
    struct kn_plan *plan = kn_plan_new();
    for (int i = 0; i < count; i++) {
        kn_plan_add(plan,
                    &(struct kn_step){.name = "empty", .lane = KN_LANE_CPU, .run = do_nothing});
        if (chained && i)
            kn_plan_after(plan, i, i - 1);
    }
    struct kn_error err;
    int64_t start_us = kn_now_us();
    must(kn_executor_run_wait(executor, plan, NULL, NULL, &err), &err);
    int64_t end_us = kn_now_us();
    kn_plan_free(plan);
    return (double)(end_us - start_us) * 1000 / count;
}

static double time_steps(struct kn_executor *executor)
{
    return time_plan(executor, STEPS, false);
}

static double time_chain(struct kn_executor *executor)
{
    return time_plan(executor, CHAIN, true);
}

static enum kn_status fan_out(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_group *group = kn_group_new(env, arg);
    for (int i = 0; i < TASKS; i++)
        kn_group_add(group, "empty", 1, do_nothing, NULL);
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

static double time_group(struct kn_executor *executor, enum kn_lane step_lane)
{
    struct kn_group_options options = {.lane = KN_LANE_CPU};
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(
        plan, &(struct kn_step){.name = "fan", .lane = step_lane, .run = fan_out, .arg = &options});
    struct kn_error err;
    int64_t start_us = kn_now_us();
    must(kn_executor_run_wait(executor, plan, NULL, NULL, &err), &err);
    int64_t end_us = kn_now_us();
    kn_plan_free(plan);
    return (double)(end_us - start_us) * 1000 / TASKS;
}

static double time_tasks(struct kn_executor *executor)
{
    return time_group(executor, KN_LANE_CPU);
}

static double time_tasks_of_another_lane(struct kn_executor *executor)
{
    return time_group(executor, KN_LANE_IO);
}

static void *receive_all(void *arg)
{
    int value;
    while (kn_channel_recv(arg, &value, NULL) == KN_OK)
        ;
    return NULL;
}

static double time_channel(struct kn_executor *executor)
{
    (void)executor;
    struct kn_channel *channel = kn_channel_new(sizeof(int), 64);
    pthread_t receiver;
    if (pthread_create(&receiver, NULL, receive_all, channel))
        abort();
    int64_t start_us = kn_now_us();
    for (int i = 0; i < VALUES; i++)
        kn_channel_send(channel, &i, NULL);
    kn_channel_close(channel);
    pthread_join(receiver, NULL);
    int64_t end_us = kn_now_us();
    kn_channel_free(channel);
    return (double)(end_us - start_us) * 1000 / VALUES;
}

static double time_progress(struct kn_executor *executor)
{
    (void)executor;
    struct kn_progress *root = kn_progress_new("job");
    struct kn_progress *step = kn_progress_add(root, "step", 1);
    kn_progress_start(step);
    int64_t start_us = kn_now_us();
    for (int i = 0; i < VALUES; i++)
        kn_progress_set(step, (double)i / VALUES);
    int64_t end_us = kn_now_us();
    kn_progress_free(root);
    return (double)(end_us - start_us) * 1000 / VALUES;
}

static void *end_at_once(void *arg)
{
    return arg;
}

static double time_threads(struct kn_executor *executor)
{
    (void)executor;
    int64_t start_us = kn_now_us();
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL))
            abort();
        pthread_join(thread, NULL);
    }
    return (double)(kn_now_us() - start_us) * 1000 / THREADS;
}

/* ---- the table ---- */

/* The best round: what others do on the machine only ever adds. */
static double best(double (*measure)(struct kn_executor *executor), struct kn_executor *executor)
{
    double least = measure(executor);
    for (int i = 1; i < ROUNDS; i++)
        least = KN_MIN(least, measure(executor));
    return least;
}

static void print_row(const char *what, int workers, double ns, double thread_ns)
{
    char number[16] = "-";
    if (workers)
        snprintf(number, sizeof number, "%d", workers);
    printf("%-34s %7s %9.0f %12.0f x\n", what, number, ns, thread_ns / ns);
}

int main(void)
{
    static const struct {
        const char *what;
        double (*measure)(struct kn_executor *executor);
    } rows[] = {
        {"step", time_steps},
        {"step that waits for the one before", time_chain},
        {"group task, step of its lane", time_tasks},
        {"group task, step of another lane", time_tasks_of_another_lane},
    };
    int usual[KN_LANE_COUNT];
    kn_executor_defaults(usual);
    double thread_ns = best(time_threads, NULL);
    printf("%-34s %7s %9s %14s\n", "empty", "workers", "ns each", "thread / this");
    print_row("thread, started and joined", 0, thread_ns, thread_ns);
    for (size_t row = 0; row < KN_COUNT_OF(rows); row++)
        for (int cpu = 1;; cpu = KN_MIN(cpu * 2, usual[KN_LANE_CPU])) {
            const int workers[KN_LANE_COUNT] = {[KN_LANE_IO] = 2, [KN_LANE_CPU] = cpu};
            struct kn_executor *executor = NULL;
            struct kn_error err;
            must(kn_executor_open(workers, &executor, &err), &err);
            print_row(rows[row].what, cpu, best(rows[row].measure, executor), thread_ns);
            kn_executor_close(executor);
            if (cpu == usual[KN_LANE_CPU])
                break;
        }
    print_row("value from thread to thread", 0, best(time_channel, NULL), thread_ns);
    print_row("kn_progress_set", 0, best(time_progress, NULL), thread_ns);
    return 0;
}
