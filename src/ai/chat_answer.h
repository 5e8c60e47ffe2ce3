/*
 * What came back from a chat completion, judged before anybody believes it.
 *
 * Pure. Servers that call themselves compatible differ: the content may be a text, a list of parts
 * or an object already; it may stand in a code fence, after a model's thoughts, between polite
 * sentences. Errors, with whatever status they come, are the service's business: see
 * service_error.c.
 */
#ifndef KN_AI_CHAT_ANSWER_H
#define KN_AI_CHAT_ANSWER_H

#include <stdbool.h>

#include <jansson.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "ai/budget.h"
#include "ai/secrets.h"

enum kn_chat_verdict {
    KN_CHAT_GOOD,    /* `content` is what was asked for */
    KN_CHAT_FLAWED,  /* an answer, but invalid or cut off: asking again may help */
    KN_CHAT_REFUSED, /* the model, or a filter behind it, declined: asking again is of no use */
    KN_CHAT_NONE,    /* no chat completion at all: no choices, for example */
};

enum { KN_CHAT_CONTENT_MAX = 1 << 20 }; /* bytes of an answer's text; more is FLAWED */

struct kn_chat_reading {
    json_t *content;  /* owned by the caller; NULL unless GOOD */
    const char *said; /* the answer's text as it came, in the arena; "" where there is none */
    bool cut_off;     /* by the bound on its tokens */
};

/* `err` says what is wrong with anything but a GOOD answer; the caller puts the model's name before
 * it. The content is rid of `secrets` (NULL: none) and checked against `schema`. */
enum kn_chat_verdict kn_chat_read(const json_t *answer, const json_t *schema,
                                  const struct kn_secrets *secrets, struct kn_arena *arena,
                                  struct kn_chat_reading *ret_reading, struct kn_error *err);

#endif
