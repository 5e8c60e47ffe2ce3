/*
 * Ranking engines: which spans of a transcript a language model would make clips of. One file makes
 * one const descriptor, and ranker.c lists it.
 */
#ifndef KN_AI_RANKER_H
#define KN_AI_RANKER_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "ai/service.h"
#include "model/proposal.h"
#include "model/sight.h"

struct kn_ranker_settings {
    struct kn_service *service;
    const char *model;
};

/* A sentence as it is shown to the model, which names sentences by their numbers. */
struct kn_rank_line {
    int64_t start_us, end_us;
    const char *text;
    int speaker; /* -1: unknown */
};

/* What the local ranking found. */
struct kn_rank_candidate {
    int first_line, last_line; /* of this window */
    float score;               /* 0..100 */
};

/* A stretch of the source. */
struct kn_rank_window {
    const struct kn_rank_line *lines;
    int line_count;
    const struct kn_sight *sights; /* of that stretch */
    int sight_count;
    const struct kn_rank_candidate *candidates;
    int candidate_count;
    int wanted;             /* how many at most */
    int64_t min_us, max_us; /* a segment's length */
    const char *language;   /* of the source, BCP 47; NULL: unknown */
    struct kn_budget *budget;
};

struct kn_ranker_desc {
    const char *name, *summary;
    /*
     * Any number of threads at once. Every proposal begins at the start of a line and ends at the
     * end of one, lasts min..max, and lies in the window: what the model invented beyond that is
     * dropped. DAMAGED: no answer, even after one repair, could be used. In `arena`, best first.
     */
    enum kn_status (*run)(const struct kn_ranker_settings *settings,
                          const struct kn_rank_window *window, struct kn_cancel *cancel,
                          struct kn_arena *arena, const struct kn_proposal **ret_proposals,
                          int *ret_count, struct kn_error *err);
};

extern const struct kn_ranker_desc kn_ranker_openai; /* "openai-ranker" */

const struct kn_ranker_desc *const *kn_rankers(void); /* NULL ends the list */
const struct kn_ranker_desc *kn_ranker_find(const char *name);

#endif
