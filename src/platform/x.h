/*
 * X: API v2, chunked media upload and posts. What its files share.
 *
 * Memory: "media" is the upload, "media_key" names it in posts, "appended" counts the segments that
 * X has taken, in their order; "finalizing", "ready" and "id" (of the post) are what they say.
 *
 *     initialize ──> append … ──> finalize ──> status … ──> subtitles ──> intent, post ──> live
 *          ^            |             |           |                          |    ^
 *          `────────────┴── expired, refused ─────┘                     look ┴────┘
 *
 * Nobody sees an upload, so whatever is in doubt there is done again. A post is another matter: X
 * has no key that makes its request safe to repeat. One whose answer is lost is looked for among
 * the account's newest posts, where it is known by its media_key; an answer without attachments is
 * compared by text as X changes it (addresses become t.co links, one more for the video at the
 * end) and by time. When several looks within a minute do not find it, the same request is sent
 * again: if the first one did arrive after all, X refuses the second as a duplicate, by the text.
 * That refusal without a post to be seen is UNKNOWN, and so is, for an hour, a post without a text.
 */
#ifndef KN_PLATFORM_X_H
#define KN_PLATFORM_X_H

#include "platform/posting.h"

const char *kn_x_api(const struct kn_posting *posting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A request with the account's token, and with `json` as its body, or NULL. */
enum kn_status kn_x_call(struct kn_posting *posting, const char *method, const char *url,
                         const json_t *json, struct kn_http_answer *ret_answer, bool *ret_sent,
                         struct kn_error *err);

/* ---- x_error.c ---- */

/* What an answer that is no success means for the post; `quota` is the one that counts the request,
 * NULL where none is kept. */
enum kn_status kn_x_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                            const char *quota, struct kn_error *err);
/* What X says about it, for people; "" where it says nothing. */
const char *kn_x_detail(struct kn_posting *posting, const struct kn_http_answer *answer);

/* ---- x_upload.c ---- */

enum { KN_X_SEGMENT_BYTES = 4 << 20, KN_X_SEGMENTS_MAX = 1000 };

enum kn_status kn_x_initialize(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_x_append(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_x_finalize(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_x_watch(struct kn_posting *posting, struct kn_error *err);
/* The upload is of no use any more. */
enum kn_status kn_x_start_over(struct kn_posting *posting, const char *why, struct kn_error *err);

/* ---- x_subtitles.c ---- */

enum kn_status kn_x_subtitles(struct kn_posting *posting, struct kn_error *err);

/* ---- x_post.c, x_find.c ---- */

enum kn_status kn_x_post(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_x_look(struct kn_posting *posting, struct kn_error *err);
/* It is there: remembers its id. */
enum kn_status kn_x_arrived(struct kn_posting *posting, const char *id, struct kn_error *err);
/* Is `seen` what X makes of `sent`? Addresses have become links of t.co, others may follow, and
 * '&', '<' and '>' are written as entities. */
bool kn_x_is_text(const char *sent, const char *seen);

#endif
