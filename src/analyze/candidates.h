/*
 * Candidates: the spans that may become segments.
 *
 * With speech they begin and end at sentence boundaries where nobody else is in the middle of
 * something; a little silence is taken along on both sides, and a shot change within reach (with
 * all words whole) is preferred as the exact place. Where that leaves nothing, the demands are
 * lowered step by step. Without speech they lie between shot changes and sound onsets.
 */
#ifndef KN_ANALYZE_CANDIDATES_H
#define KN_ANALYZE_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>

#include "analyze/segments.h"
#include "analyze/text.h"

enum {
    KN_LEAD_US = 250000,  /* silence taken along before the first word, at most */
    KN_TRAIL_US = 400000, /* and after the last */
    KN_SNAP_US = 800000,  /* a shot change within this reach is preferred */
    /* A place is inside a stretch of talk when it is farther than this from both of its ends. */
    KN_TALK_SLACK_US = 250000,
};

/* A place where a segment may begin or end. */
struct kn_edge {
    int64_t at_us;      /* with silence taken along, or the shot change */
    int64_t talk_us;    /* start of the first word, end of the last */
    int64_t silence_us; /* nobody speaks for so long before (after) it */
    int line;           /* the sentence that begins (ends) here; -1 without speech */
    bool snapped;
};

struct kn_candidate {
    const struct kn_edge *start, *end;
    int first_word, word_count; /* those that start inside */
};

struct kn_candidates {
    int start_count, end_count;
    const struct kn_edge *starts, *ends; /* by at_us */
    int count;
    const struct kn_candidate *list; /* by start, then end */
    bool quiet;                      /* hardly anybody speaks: picture and sound must decide */
    bool whole;                      /* all consist of whole sentences */
};

/* Lengths of all candidates are within the options. Everything is in `arena`. */
void kn_candidates_find(const struct kn_text *text, const struct kn_segment_options *options,
                        struct kn_arena *arena, struct kn_candidates *ret_candidates);

#endif
