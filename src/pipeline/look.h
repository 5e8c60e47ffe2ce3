/*
 * Looking: coarse over the whole source, close around what was chosen.
 */
#ifndef KN_PIPELINE_LOOK_H
#define KN_PIPELINE_LOOK_H

#include <kirinuki/plan.h>

#include "ai/faces.h"
#include "clip/framing.h"
#include "model/timeline.h"

struct kn_seen {
    int shot_count, look_count, face_sample_count, note_count;
    const struct kn_shot *shots;
    const struct kn_look *looks;
    const struct kn_face_sample *face_samples;
    const struct kn_note *notes;
};

/* The whole source by sparse samples: a small fraction of a full decode. `finder` may be NULL: no
 * faces are looked for, and a note says so. A source without pictures gives empty arrays. */
enum kn_status kn_look_over(const struct kn_source *source, struct kn_face_finder *finder,
                            const struct kn_step_env *env, struct kn_arena *arena,
                            struct kn_seen *ret_seen, struct kn_error *err);

/* [start, end) closely: exact cuts, shots, face tracks with mouth motion. */
enum kn_status kn_look_closely(const struct kn_source *source, struct kn_face_finder *finder,
                               int64_t start_us, int64_t end_us, const struct kn_step_env *env,
                               struct kn_arena *arena, struct kn_closeup *ret_closeup,
                               struct kn_error *err);

#endif
