#include <kirinuki/plan.h>

#include <assert.h>

#include "base/memory.h"
#include "run/internal.h"

const char *kn_lane_name(enum kn_lane lane)
{
    static const char *const names[KN_LANE_COUNT] = {
        [KN_LANE_IO] = "io", [KN_LANE_CPU] = "cpu", [KN_LANE_GPU] = "gpu"};
    return (unsigned)lane < KN_LANE_COUNT ? names[lane] : "unknown";
}

struct kn_plan *kn_plan_new(void)
{
    struct kn_plan *plan = kn_calloc(1, sizeof *plan);
    plan->rank = INT64_MIN;
    return plan;
}

void kn_plan_free(struct kn_plan *plan)
{
    if (!plan)
        return;
    assert(!plan->cancel); /* it is not running */
    for (int i = 0; i < plan->steps.count; i++) {
        struct kn_planned_step *step = plan->steps.at[i];
        kn_vec_free(&step->later);
        free((char *)step->spec.name);
        free(step);
    }
    kn_vec_free(&plan->steps);
    free(plan);
}

int kn_plan_add(struct kn_plan *plan, const struct kn_step *spec)
{
    assert(!plan->executor && spec->run && (unsigned)spec->lane < KN_LANE_COUNT);
    assert(spec->weight >= 0 && spec->limit_ms >= 0);
    struct kn_planned_step *step = kn_calloc(1, sizeof *step);
    step->plan = plan;
    step->spec = *spec;
    step->spec.name = kn_strdup(spec->name ? spec->name : "step");
    kn_vec_push(&plan->steps, step);
    return plan->steps.count - 1;
}

void kn_plan_after(struct kn_plan *plan, int later, int earlier)
{
    assert(!plan->executor);
    assert(0 <= earlier && earlier < later && later < plan->steps.count);
    kn_vec_push(&plan->steps.at[earlier]->later, later);
    plan->steps.at[later]->waits_for++;
}

void kn_plan_rank(struct kn_plan *plan, int64_t rank)
{
    assert(!plan->executor && rank > INT64_MIN);
    plan->rank = rank;
}

void kn_plan_trace(struct kn_plan *plan, void (*trace)(void *arg, const struct kn_trace *trace),
                   void *arg)
{
    assert(!plan->executor);
    plan->trace = trace;
    plan->trace_arg = arg;
}

int kn_plan_count(const struct kn_plan *plan)
{
    return plan->steps.count;
}

void kn_plan_result(struct kn_plan *plan, int index, struct kn_step_result *ret_result)
{
    assert(0 <= index && index < plan->steps.count);
    const struct kn_planned_step *step = plan->steps.at[index];
    if (atomic_load_explicit(&step->ended, memory_order_acquire))
        *ret_result = step->result;
    else
        *ret_result = (struct kn_step_result){.name = step->spec.name, .lane = step->spec.lane};
}
