/*
 * Headlines out of the speaker's own words: the sentence that carries most and stands alone, freed
 * of fillers, false starts and words that hang, cut at a clause, a phrase or a word.
 */
#ifndef KN_ANALYZE_TITLES_H
#define KN_ANALYZE_TITLES_H

#include <kirinuki/arena.h>

#include "analyze/candidates.h"
#include "analyze/text.h"
#include "model/segment.h"

enum {
    KN_TITLE_MAX = 80, /* columns: letters of full width count twice */
    KN_QUOTE_MAX = 140,
};

/* The headline of a span: at most KN_TITLE_MAX columns, begins with a capital, does not end with
 * a comma or a word that hangs, and is none of the `count` segments' `before` it, so that clips can
 * be told apart. "Untitled" when the span has no words for one. In `arena`. */
const char *kn_title_make(const struct kn_text *text, const struct kn_candidate *span,
                          const struct kn_segment *before, int count, struct kn_arena *arena);

/* The same for one sentence, with at most `max` columns; "" when nothing is left of it. With
 * `keep_end` a final full stop stays when the sentence is whole. */
const char *kn_line_quote(const struct kn_text *text, int line, int max, bool keep_end,
                          struct kn_arena *arena);

#endif
