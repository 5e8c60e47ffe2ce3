/*
 * What engines that look and read say of candidates: sights of single pictures, and proposals of a
 * language model. Both are opinions beside the features that are measured here, never instead of
 * them, and a span only exists where sentences begin and end.
 */
#ifndef KN_ANALYZE_ADVICE_H
#define KN_ANALYZE_ADVICE_H

#include "analyze/segments.h"

/* How well the pictures of [start, end) would do, 0..1: what their sights say of hook, action and
 * emotion, of the nearest one where none lies inside. -1: nothing is known near. */
float kn_sights_worth(const struct kn_timeline *timeline, int64_t start_us, int64_t end_us);
/* The sight inside that would do best; NULL: none lies inside. */
const struct kn_sight *kn_sights_best(const struct kn_timeline *timeline, int64_t start_us,
                                      int64_t end_us);

/* How much the proposals speak for [start, end), 0..1: a proposal's score, by as much as it covers
 * the same (intersection over union). */
float kn_proposals_worth(const struct kn_segment_options *options, int64_t start_us,
                         int64_t end_us);
/* The one that means this span: the nearest to it, and of those the best; NULL: none. */
const struct kn_proposal *kn_proposals_match(const struct kn_segment_options *options,
                                             int64_t start_us, int64_t end_us);

#endif
