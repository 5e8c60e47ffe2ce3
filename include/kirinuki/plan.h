/*
 * Plans: the steps of one job and what each waits for.
 *
 * A plan is built on one thread and run once by an executor, which alone knows the graph. A step
 * is a plain blocking function that can be tested by itself; it sees everything that the steps
 * it waits for have written. An edge leads from a smaller index to a larger one, so a cycle
 * cannot be written.
 *
 * Misuse (an edge backwards, a plan that is run twice) is a programmer's mistake and asserts.
 */
#ifndef KIRINUKI_PLAN_H
#define KIRINUKI_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>
#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kn_lane {
    KN_LANE_IO,  /* many workers: waits on files, sockets, processes */
    KN_LANE_CPU, /* as many workers as cores: computes */
    KN_LANE_GPU, /* accelerators; without workers of its own, its work goes to the CPU lane */
    KN_LANE_COUNT
};
const char *kn_lane_name(enum kn_lane lane); /* "io", "cpu", "gpu" */

struct kn_executor;

/* What a running step is given. A test may make one by hand: all zeroes, but for the scratch
 * arena of a step that uses it, will do. */
struct kn_step_env {
    struct kn_arena *scratch;     /* emptied when the step returns */
    struct kn_cancel *cancel;     /* check at least every 100 ms of work; may be NULL */
    struct kn_progress *progress; /* this step's node; may be NULL */
    struct kn_executor *executor; /* for groups; NULL: they run their tasks in place */
    enum kn_lane lane;            /* where this step runs */
};

/* KN_OK, or a failure with its sentence in `err` (never NULL; without a sentence, the status's
 * meaning is used). */
typedef enum kn_status kn_step_fn(void *arg, const struct kn_step_env *env, struct kn_error *err);

struct kn_step {
    const char *name;  /* "transcribe": logs, progress; copied */
    enum kn_lane lane; /* which workers run it */
    double weight;     /* share of the plan's progress, > 0; 0 stands for 1 */
    /* From its start. Then its token is triggered, and unless it ends well all the same it fails
     * with KN_TIMEOUT; 0: no limit. */
    int64_t limit_ms;
    bool optional; /* its failure does not fail the plan: those after it still run */
    kn_step_fn *run;
    void *arg; /* borrowed until the plan is freed */
};

struct kn_plan;

struct kn_plan *kn_plan_new(void);
void kn_plan_free(struct kn_plan *plan);                           /* not while it runs */
int kn_plan_add(struct kn_plan *plan, const struct kn_step *step); /* its index, from 0 */
void kn_plan_after(struct kn_plan *plan, int later, int earlier);  /* later waits for earlier */
/*
 * Where workers are scarce, what is ready of the plan with the smallest rank goes first, groups'
 * tasks included; so plans that were started together end one after the other instead of all at
 * the end. Before it runs. Without this, a plan's rank is its number in the order of
 * kn_executor_run, from 1. More than INT64_MIN.
 */
void kn_plan_rank(struct kn_plan *plan, int64_t rank);

/* What became of a step. Any thread may ask at any time until the plan is freed. */
struct kn_step_result {
    const char *name; /* borrows from the plan */
    enum kn_lane lane;
    bool ended; /* false: not yet, and what follows is zero */
    bool ran;   /* false: cancelled before it started */
    enum kn_status status;
    struct kn_error error;
    int64_t start_us, end_us; /* monotonic; both the moment of the end when it never ran */
};
int kn_plan_count(const struct kn_plan *plan);
void kn_plan_result(struct kn_plan *plan, int index, struct kn_step_result *ret_result);

#ifdef __cplusplus
}
#endif
#endif
