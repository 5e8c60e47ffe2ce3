/*
 * Sights: what a vision engine says of chosen pictures, asked in batches that are in flight
 * together while listening goes on.
 */
#ifndef KN_PIPELINE_SIGHTS_H
#define KN_PIPELINE_SIGHTS_H

#include <kirinuki/plan.h>

#include "ai/services.h"
#include "model/timeline.h"
#include "pipeline/engines.h"
#include "pipeline/look.h"

struct kn_sights_options {
    const struct kn_ai_options *ai;
    const struct kn_services *services;
    struct kn_budget *budget; /* NULL: nobody counts */
    const char *language;     /* that answers are wanted in; NULL: English */
};

/* Arrays in the arena given to kn_see. */
struct kn_sights {
    bool partial; /* some pictures were not described */
    int count, note_count;
    const struct kn_sight *sights; /* by time */
    const struct kn_note *notes;
};

/*
 * A step of its own on the CPU lane: pictures are decoded there, while batches wait for their
 * answers on the IO lane. A batch that gets no answer is reported in a note, and the others count:
 * fails only when the source can't be read, or was cancelled. Without an engine there are no
 * sights.
 */
enum kn_status kn_see(const struct kn_source *source, const struct kn_seen *seen,
                      const struct kn_sights_options *options, const struct kn_step_env *env,
                      struct kn_arena *arena, struct kn_sights *ret_sights, struct kn_error *err);

#endif
