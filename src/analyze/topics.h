/*
 * Topic boundaries: where the talk turns to something else.
 *
 * Each sentence start is scored by six signs (docs/ranking.md): a valley of lexical cohesion
 * between blocks of terms (Hearst, TextTiling, Computational Linguistics 23(1), 1997), turnover of
 * the vocabulary (after Youmans' vocabulary-management profile, Language 67(4), 1991), the pause
 * before it, words that open something new (Grosz and Sidner's cue phrases, Computational
 * Linguistics 12(3), 1986), a change of who speaks, and a new slide. Each sign is taken relative to
 * the same source (z-scores), so that the bounds hold for a meeting and for a monologue alike.
 */
#ifndef KN_ANALYZE_TOPICS_H
#define KN_ANALYZE_TOPICS_H

#include <stdint.h>

#include <kirinuki/arena.h>

#include "analyze/segments.h"
#include "analyze/text.h"

struct kn_topics {
    int count;               /* boundaries */
    const int *lines;        /* the sentence that opens each new topic, ascending; never 0 */
    const int64_t *times_us; /* their starts */
    const float *strength;   /* one a sentence: how strongly a topic opens there, in standard
                                deviations of the source; 0 for the first, and not above
                                0 near the start and the end */
    float sure;              /* the strength from which on it surely is another topic */
};

/* Everything is in `arena`. Linear in the number of words. */
void kn_topics_find(const struct kn_text *text, enum kn_topic_detail detail, struct kn_arena *arena,
                    struct kn_topics *ret_topics);

#endif
