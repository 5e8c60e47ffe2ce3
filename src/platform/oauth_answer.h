/*
 * What authorization servers answer, and what it means for a person. Answers are hostile: only
 * texts of the right kind and length are taken, and nothing that a terminal or a header would obey.
 */
#ifndef KN_PLATFORM_OAUTH_ANSWER_H
#define KN_PLATFORM_OAUTH_ANSWER_H

#include <jansson.h>

#include "platform/oauth.h"

enum { KN_OAUTH_ANSWER_BYTES_MAX = 64 * 1024 };

/* What was asked for, which decides what a refusal means. */
enum kn_oauth_asked {
    KN_ASKED_CONSENT,
    KN_ASKED_TOKENS,
    KN_ASKED_RENEWAL,
    KN_ASKED_REVOCATION,
};

struct kn_oauth_refusal {
    int status;     /* HTTP */
    char code[64];  /* "invalid_grant"; "": none was named */
    char text[200]; /* the platform's own words; "" */
};

/* The sentence for it; returns its status. DENIED: a person has to do something. REMOTE: later.
 * `redirect_uri` NULL: there was none. */
enum kn_status kn_oauth_refused(const struct kn_oauth *oauth, enum kn_oauth_asked asked,
                                const struct kn_oauth_refusal *refusal, const char *redirect_uri,
                                struct kn_error *err);

/* Is the answer a refusal, of whatever status and shape? Shapes: RFC 6749's {"error": "…"},
 * TikTok's {"error": {"code": "…"}}, Instagram's {"error_type": …, "error_message": …}, Graph's
 * {"error": {"type": …, "message": …}}, X's {"title": …, "detail": …}. */
bool kn_oauth_find_refusal(const struct kn_http_answer *answer, struct kn_oauth_refusal *ret);

/* A text that fits into a header: printable, no spaces, not too long; in the arena. NULL: it is
 * none. */
const char *kn_oauth_take_token(const json_t *object, const char *name, struct kn_arena *arena);

/* The tokens of an answer that is no refusal, expiring from `asked_us` (wall clock) on. REMOTE: it
 * has none that can be used. */
enum kn_status kn_oauth_take_tokens(const struct kn_oauth *oauth,
                                    const struct kn_http_answer *answer, int64_t asked_us,
                                    struct kn_arena *arena, struct kn_tokens *ret_tokens,
                                    struct kn_error *err);

#endif
