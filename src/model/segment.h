/*
 * Segments: ranked spans of a source, each with the reasons for its rank.
 */
#ifndef KN_MODEL_SEGMENT_H
#define KN_MODEL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

struct kn_proposal;

enum { KN_SEGMENT_FEATURES_MAX = 24, KN_SEGMENT_EVIDENCE_MAX = 12 };

/* One named feature of a segment. */
struct kn_feature_value {
    const char *name; /* static: "hook" */
    float value;      /* 0..1 */
    float weight;     /* its share of the score; shares add up to 1 */
};

/* One reason a person can check: a quotation, a moment, a measurement. */
struct kn_evidence {
    const char *feature; /* static; which feature it supports */
    int64_t at_us;       /* where to look or listen */
    const char *text;    /* "opens with a question: “Why do we sleep?”" */
};

struct kn_segment {
    int64_t start_us, end_us;
    int first_word, word_count; /* in the timeline; 0, 0 without speech */
    float score;                /* 0..100 */
    /* A headline: of at most 80 columns from the words said, or the proposal's, of at most 100
     * characters. */
    const char *title;
    const char
        *hook; /* the line that opens or carries it, or the proposal's; may equal the title */
    const struct kn_proposal *proposal; /* of a language model that means this span; NULL: none */
    bool snapped_start, snapped_end;    /* moved to a shot change */
    int feature_count;
    struct kn_feature_value features[KN_SEGMENT_FEATURES_MAX];
    int evidence_count;
    struct kn_evidence evidence[KN_SEGMENT_EVIDENCE_MAX];
};

/* Best first. */
struct kn_segments {
    int count;
    const struct kn_segment *segments;
    int boundary_count;           /* topic boundaries */
    const int64_t *boundaries_us; /* sorted */
    const char *remark;           /* why there are fewer than asked for; NULL when there are not */
};

#endif
