/*
 * What makes a candidate worth watching: named features, each 0..1, and their weights in one
 * table. docs/ranking.md explains each idea and where it comes from.
 *
 * A feature without data (no sound curve, no picture, no words) drops out for the whole source and
 * the weights of the others are scaled up, so that scores of one source can be compared.
 */
#ifndef KN_ANALYZE_FEATURES_H
#define KN_ANALYZE_FEATURES_H

#include <stdbool.h>

#include <kirinuki/arena.h>

#include "analyze/candidates.h"
#include "analyze/text.h"
#include "analyze/topics.h"
#include "model/segment.h"

enum kn_feature {
    KN_FEATURE_SUBSTANCE,
    KN_FEATURE_STANCE,
    KN_FEATURE_FLUENCY,
    KN_FEATURE_HOOK,
    KN_FEATURE_SELF_CONTAINED,
    KN_FEATURE_WHOLE,
    KN_FEATURE_ENDING,
    KN_FEATURE_FLOW,
    KN_FEATURE_CLEAN_CUT,
    KN_FEATURE_LENGTH,
    KN_FEATURE_EMPHASIS,
    KN_FEATURE_REACTION,
    KN_FEATURE_FACES,
    KN_FEATURE_RHYTHM,
    KN_FEATURE_MOTION,
    KN_FEATURE_NOVELTY,
    KN_FEATURE_PICTURE,
    KN_FEATURE_MODEL,
    KN_FEATURE_COUNT
};
_Static_assert((int)KN_FEATURE_COUNT <= (int)KN_SEGMENT_FEATURES_MAX, "a segment has room");

struct kn_feature_desc {
    const char *name;
    float weight;       /* with speech */
    float quiet_weight; /* without */
    const char *idea;   /* one line for people */
};
extern const struct kn_feature_desc kn_features[KN_FEATURE_COUNT];

/* The features of all candidates. */
struct kn_ratings {
    bool available[KN_FEATURE_COUNT];
    float weights[KN_FEATURE_COUNT];   /* of those available; they add up to 1 */
    float (*values)[KN_FEATURE_COUNT]; /* one row a candidate */
    float *scores;                     /* 0..100 */
};

/* Everything is in `arena`. The time is linear in candidates and in their words. */
void kn_features_rate(const struct kn_text *text, const struct kn_topics *topics,
                      const struct kn_candidates *candidates,
                      const struct kn_segment_options *options, struct kn_arena *arena,
                      struct kn_ratings *ret_ratings);

#endif
