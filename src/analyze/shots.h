/*
 * Shots: where the picture changes, and what kind of picture it is between the changes.
 *
 * Pure. Two ways to the cuts: from sparse looks and hints (good to a fraction of a second or, where
 * nothing hints, to the distance of two looks; `slack_us` says which), and from all pictures of a
 * span (exact to the frame).
 */
#ifndef KN_ANALYZE_SHOTS_H
#define KN_ANALYZE_SHOTS_H

#include <kirinuki/arena.h>

#include "analyze/looks.h"
#include "analyze/sampling.h"
#include "model/timeline.h"

/* What was seen at one moment. */
struct kn_glance {
    struct kn_look look;
    struct kn_gist gist;
    struct kn_surface surface;
    bool irregular;   /* as in kn_sample */
    int64_t slack_us; /* as in kn_sample */
};

struct kn_glances {
    int count;
    const struct kn_glance *at; /* sorted, times distinct */
    int hint_count;
    const struct kn_cut_hint *hints; /* sorted */
    int face_sample_count;
    const struct kn_face_sample *face_samples; /* sorted; those without faces count, too */
};

/* Nothing is to be seen: a fade, or a lens that is covered. */
bool kn_look_is_black(const struct kn_look *look);

/* Shots that cover [start, end) without gaps, in `arena`; none if it is empty. */
void kn_shots_find(const struct kn_glances *glances, int64_t start_us, int64_t end_us,
                   struct kn_arena *arena, const struct kn_shot **ret_shots, int *ret_count);

/* Sets kind and measurements of a shot whose times are known, from what was seen in it. */
void kn_shot_describe(struct kn_shot *shot, const struct kn_glances *glances);

/* Neighbouring pictures that differ by less than this have no cut between them. */
#define KN_CUT_DIFFERENCE_MIN 0.2f

/* One of a run of neighbouring pictures. */
struct kn_moment {
    int64_t at_us;
    struct kn_gist gist;
};

/*
 * Cuts in a run of pictures that follow each other closely (at most a few are left out between
 * two). A cut is where a picture differs from the one before much more than those around it differ
 * from theirs, and the difference stays: a flash is none, and neither is a fast turn of the camera.
 * Of cuts that follow each other within KN_CUT_STEP_MIN_US (a flash between two shots, a picture
 * that blends them) the first one counts. Dissolves are found by dissolves.h.
 */
#define KN_CUT_STEP_MIN_US INT64_C(100000)
struct kn_cut {
    int64_t before_us; /* the last picture of the old shot that was in the run */
    int64_t at_us;     /* the first of the new one */
};
int kn_cuts_find(const struct kn_moment *moments, int count, struct kn_arena *arena,
                 const struct kn_cut **ret_cuts);

/*
 * Where pictures that were left out of a run could show a cut at another place, or one where there
 * seems to be none, or none where there seems to be one: the spans [from, to], sorted and apart.
 * Both ends are pictures of the run.
 */
struct kn_doubt {
    int64_t from_us, to_us;
};
int kn_cuts_doubt(const struct kn_moment *moments, int count, struct kn_arena *arena,
                  const struct kn_doubt **ret_doubts);

/* The share of [start, end) that lies in black shots, 0..1; 0 where there are none. */
double kn_shots_black_share(const struct kn_shot *shots, int count, int64_t start_us,
                            int64_t end_us);

#endif
