/*
 * The pure parts of the ranking engine: what is asked, and what is made of the answer.
 */
#ifndef KN_AI_OPENAI_RANKER_H
#define KN_AI_OPENAI_RANKER_H

#include "ai/openai_chat.h"
#include "ai/ranker.h"

enum {
    KN_PROPOSAL_TITLE_MAX = 100, /* characters: YouTube's bound, the narrowest of the platforms' */
    KN_PROPOSAL_HOOK_MAX = 200,
    KN_PROPOSAL_REASON_MAX = 300,
    KN_RANK_WANTED_MAX = 16,     /* of one question: what its answer has room for */
    KN_RANK_TOKENS_MAX = 120000, /* of one question; a longer window is LIMIT */
};

/* The question about a window, but for schema, check and budget; texts in `arena`. */
void kn_ranker_ask(const struct kn_ranker_settings *settings, const struct kn_rank_window *window,
                   struct kn_arena *arena, struct kn_chat_question *ret_question);
/* What an answer looks like; owned by the caller. */
json_t *kn_ranker_schema(void);

/*
 * A span of lines that the model named, made to fit. DAMAGED: it names lines that there are not, or
 * it is reversed, or it is too long or too short and cannot be mended:
 *   too long by up to a quarter of max: whole lines are taken off its end;
 *   too short, but at least half of min: whole lines are added behind it, else before it.
 */
enum kn_status kn_rank_fit(const struct kn_rank_window *window, double first_line, double last_line,
                           struct kn_rank_candidate *ret_span, struct kn_error *err);

/*
 * The proposals of an answer that fits the schema, best first, in `arena`. Dropped are spans that
 * do not fit, those that share more than half of the shorter one's time with a better one, and what
 * is more than was wanted.
 */
int kn_ranker_read(const struct kn_rank_window *window, const json_t *content,
                   struct kn_arena *arena, const struct kn_proposal **ret_proposals);
/* DAMAGED: spans were named, and none of them fits. For kn_chat_question.check; `window` is a
 * struct kn_rank_window. */
enum kn_status kn_ranker_check(void *window, const json_t *content, struct kn_error *err);

#endif
