/*
 * The reasons for a segment in words that a person can check: quotations, moments, measurements.
 */
#ifndef KN_ANALYZE_EVIDENCE_H
#define KN_ANALYZE_EVIDENCE_H

#include <kirinuki/arena.h>

#include "analyze/features.h"
#include "model/segment.h"

/* Sets evidence and hook of `segment`, which has its span, title and features. `usual` are the
 * source's mean values. At most KN_SEGMENT_EVIDENCE_MAX entries, the weightiest first. */
void kn_evidence_gather(const struct kn_text *text, const struct kn_topics *topics,
                        const struct kn_candidate *candidate, const float *usual,
                        struct kn_arena *arena, struct kn_segment *segment);

#endif
