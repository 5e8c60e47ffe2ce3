/*
 * Asking a language model what it would make clips of, in windows that are in flight together.
 */
#ifndef KN_PIPELINE_RANK_H
#define KN_PIPELINE_RANK_H

#include <kirinuki/plan.h>

#include "ai/services.h"
#include "analyze/segments.h"
#include "pipeline/engines.h"

struct kn_rank_options {
    const struct kn_ai_options *ai;
    const struct kn_services *services;
    struct kn_budget *budget; /* NULL: nobody counts */
    const struct kn_segment_options *segments;
};

/* Arrays in the arena given to kn_rank. */
struct kn_ranking {
    int count;
    const struct kn_proposal *proposals;
    const char *remark; /* what went wrong; NULL: nothing */
};

/*
 * A step of its own on the IO lane. Windows without an answer are told in the remark, and the
 * others count: fails only when it was cancelled. Without an engine, or without words, there are no
 * proposals.
 */
enum kn_status kn_rank(const struct kn_timeline *timeline, const struct kn_rank_options *options,
                       const struct kn_step_env *env, struct kn_arena *arena,
                       struct kn_ranking *ret_ranking, struct kn_error *err);

#endif
