/* The part of kn_text_build that rates stretches and sentences; used by text.c alone. */
#ifndef KN_ANALYZE_LINES_H
#define KN_ANALYZE_LINES_H

#include <kirinuki/arena.h>

#include "analyze/text.h"

/* `text` has its tokens (links and lines set), terms and weights; sets lines and stretches, and
 * each token's stretch. `tokens` are text->tokens. */
void kn_lines_rate(struct kn_text *text, struct kn_token *tokens, struct kn_arena *arena);

#endif
