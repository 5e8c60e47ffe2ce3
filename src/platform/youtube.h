/*
 * YouTube: Data API v3, resumable upload. What its files share.
 *
 * Memory: "session" is the address of the upload, a secret; "doubt" stands while it is not known
 * how much of the file YouTube has; "offset" is what it has; "id" names the video. A video comes
 * into being with the last byte of its file, so the intent stands from before that is sent.
 *
 *     open ──> send the rest ──> answer: id ──> thumbnail, subtitles ──> watch ──> live
 *      ^          ^   |
 *      |          |   `── anything else: doubt ──> ask the session: offset, or id
 *      |          `──────────────────────────────────────┘  |
 *      `── gone, and the video is not there <── look <───────┘ gone
 *
 * The rest of the file goes in one request, for YouTube keeps what came of one that breaks; a
 * question after every doubt costs less than an answer after every chunk.
 *
 * A session that is finished repeats its answer. Only when it is gone (they live for about a week)
 * and the last byte may have been sent, the channel's uploads are looked through for a video with
 * this post's mark: a tag "kn" and 16 digits, which no viewer sees and which the owner is shown
 * (videos.list part=snippet). With the mark it is this post for certain. Without any such video it
 * is not there for certain an hour after the session was found gone; before that the post is
 * UNKNOWN.
 *
 * What becomes of a video that YouTube shows by itself stands in youtube_scheduled.c.
 */
#ifndef KN_PLATFORM_YOUTUBE_H
#define KN_PLATFORM_YOUTUBE_H

#include "platform/posting.h"

enum { KN_YOUTUBE_MARK_LENGTH = 19 /* as tags count, with a comma */ };

/* From a video's time to the look at what became of it: YouTube may be a little late. */
#define KN_YOUTUBE_LOOK_AFTER_US INT64_C(60000000)

/* "kn0123456789abcdef" */
const char *kn_youtube_mark(const struct kn_posting *posting);
const char *kn_youtube_api(const struct kn_posting *posting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *kn_youtube_watch_url(const struct kn_posting *posting, const char *id);

/* ---- youtube_upload.c ---- */

/* "public", as the options want it when its time has come; NULL: YouTube has no such setting. */
const char *kn_youtube_privacy(const struct kn_posting *posting);
enum kn_status kn_youtube_open(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_youtube_send(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_youtube_ask(struct kn_posting *posting, struct kn_error *err);
/* The video is there: remembers its id, and forgets what it took to send it. */
enum kn_status kn_youtube_arrived(struct kn_posting *posting, const char *id, struct kn_error *err);
/* The session is of no use any more, and nothing came of it. */
enum kn_status kn_youtube_start_over(struct kn_posting *posting, struct kn_error *err);

/* ---- youtube_find.c ---- */

/* The session is gone: is the video there? */
enum kn_status kn_youtube_look(struct kn_posting *posting, struct kn_error *err);

/* ---- youtube_after.c ---- */

enum kn_status kn_youtube_thumbnail(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_youtube_captions(struct kn_posting *posting, struct kn_error *err);
enum kn_status kn_youtube_watch(struct kn_posting *posting, struct kn_error *err);
/* It is processed; `status` is what YouTube says of it, or NULL. */
enum kn_status kn_youtube_arrived_well(struct kn_posting *posting, const json_t *status);
/* Why there is no such video any more: a reason for kn_youtube_gave_up; NULL: there is. */
const char *kn_youtube_lost(struct kn_posting *posting, const json_t *item);

/* ---- youtube_scheduled.c ---- */

/* Of a video that is there: SCHEDULED, or held back. */
enum kn_status kn_youtube_scheduled(struct kn_posting *posting, struct kn_error *err);

/* ---- youtube_error.c ---- */

/* What an answer that is no success means for the post; `quota` is the one that the request counts
 * for. May be another try, a wait or a failure. */
enum kn_status kn_youtube_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  const char *quota, struct kn_error *err);
/* "invalidTitle"; "" where none is said. */
const char *kn_youtube_reason(struct kn_posting *posting, const struct kn_http_answer *answer);
/* Of a video that YouTube gave up: there is none, and the next try sends it anew. */
enum kn_status kn_youtube_gave_up(struct kn_posting *posting, const char *reason);

#endif
