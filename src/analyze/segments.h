/*
 * From a timeline to ranked segments: topic boundaries, candidates, features, choice.
 *
 * Pure: no files, no clock, no randomness; the same timeline and options give the same result.
 */
#ifndef KN_ANALYZE_SEGMENTS_H
#define KN_ANALYZE_SEGMENTS_H

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "model/proposal.h"
#include "model/segment.h"
#include "model/timeline.h"

struct kn_segment_options {
    int64_t min_us, max_us; /* 15 s and 60 s by default; 5 to 180 s allowed */
    int count;              /* 0: 4 to 10, scaled by the source's length */
    /* What a language model would choose, in any order; it has a say, and it names what it meant.
     */
    int proposal_count;
    const struct kn_proposal *proposals;
};

/* Works with words alone (a transcript), with picture and sound alone (music, sport), or both.
 * INVALID: the options contradict each other. An empty timeline gives 0 segments and a remark. */
enum kn_status kn_segments_choose(const struct kn_timeline *timeline,
                                  const struct kn_segment_options *options, struct kn_arena *arena,
                                  struct kn_segments *ret_segments, struct kn_error *err);

enum kn_topic_detail {
    KN_TOPICS_COARSE, /* chapters: about one in three minutes of talk */
    KN_TOPICS_FINE,   /* their parts: about one a minute */
    KN_TOPICS_COUNT
};
const char *kn_topic_detail_name(enum kn_topic_detail detail); /* "coarse" */

/* The topic boundaries alone: *ret_times_us, sorted, in `arena`; returns how many. What
 * kn_segments_choose gives is coarse. */
int kn_topic_boundaries(const struct kn_timeline *timeline, enum kn_topic_detail detail,
                        struct kn_arena *arena, const int64_t **ret_times_us);

#endif
