/*
 * What the files of Instagram's client share: Reels by the Graph API's content publishing, as its
 * references "IG User Media", "Resumable Uploads", "IG Container" and "IG User media_publish"
 * describe it, 2026-09-11.
 *
 * A clip goes into a container, which nobody sees; media_publish makes a post of it, once. So the
 * intent is recorded before that call, and whoever finds it asks the container, whether it is
 * PUBLISHED. Where the container is gone, the account's newest media tell by caption and time.
 *
 * Only a Facebook Login can upload a file. With an Instagram Login Meta fetches the video itself
 * from a public address, which a clip on this machine has not.
 *
 * Memory: container, upload_url; "uploaded_us", when the container had all of the clip; "asked_us",
 * when it was first asked to be published without a clear answer; "media", the post's id;
 * "containers", "looks", "finds", "refused": how often something was done.
 */
#ifndef KN_PLATFORM_INSTAGRAM_H
#define KN_PLATFORM_INSTAGRAM_H

#include "platform/posting.h"

/* Within the version that this follows; the account's settings are as advance has checked them. */
const char *kn_instagram_url(const struct kn_posting *posting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *kn_instagram_user(const struct kn_posting *posting); /* its id; NULL: not said */
/* The account's page. */
const char *kn_instagram_profile(const struct kn_posting *posting);

/* ---- the container ---- */

/* Asks the container how it is, and goes on from there. */
enum kn_status kn_instagram_look(struct kn_posting *posting, struct kn_error *err);
/* Another container, a few times. Nothing may be intended. */
enum kn_status kn_instagram_start_over(struct kn_posting *posting, const char *why,
                                       struct kn_error *err);

/* ---- publishing ---- */

enum kn_status kn_instagram_publish(struct kn_posting *posting, struct kn_error *err);
/* Which of the account's media is it? `published`: the container says that it is there; else the
 * container is gone while an intent stands. */
enum kn_status kn_instagram_find(struct kn_posting *posting, bool published, struct kn_error *err);
/* The id is known; fetches the address. */
enum kn_status kn_instagram_read_back(struct kn_posting *posting, struct kn_error *err);

/* ---- calls and refusals ---- */

enum kn_instagram_then {
    KN_INSTAGRAM_STOP,
    KN_INSTAGRAM_RETRY,     /* Meta's own trouble */
    KN_INSTAGRAM_NEW,       /* another container may do */
    KN_INSTAGRAM_NO_SUCH,   /* container or media are not there, or not yet */
    KN_INSTAGRAM_NOT_READY, /* the container is still being processed */
    KN_INSTAGRAM_USED_UP,   /* posts of the day */
    KN_INSTAGRAM_SLOW_DOWN, /* posting->next says until when */
};
struct kn_instagram_refusal {
    enum kn_instagram_then then;
    const char *sentence, *remedy; /* never NULL */
};

/* With the account's token; takes `body`, NULL: GET. KN_OK: *ret_json is the answer, an object
 * without an error. END: *ret_refusal says why not. */
enum kn_status kn_instagram_call(struct kn_posting *posting, const char *url, json_t *body,
                                 const json_t **ret_json, struct kn_instagram_refusal *ret_refusal,
                                 struct kn_error *err);
/* What an answer that is no success says. END: *ret_refusal; REMOTE: it makes no sense. */
enum kn_status kn_instagram_judge(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  struct kn_instagram_refusal *ret_refusal, struct kn_error *err);
/* Sends the clip from `offset` on; KN_OK: the container has all of it. */
enum kn_status kn_instagram_send(struct kn_posting *posting, int64_t offset,
                                 struct kn_instagram_refusal *ret_refusal, struct kn_error *err);
/* What stands in the status of a container whose processing failed, by the subcode in its text. */
struct kn_instagram_refusal kn_instagram_error(struct kn_posting *posting, const char *status_text);
/* What a refusal leads to where it means nothing special. */
enum kn_status kn_instagram_act(struct kn_posting *posting,
                                const struct kn_instagram_refusal *refusal, struct kn_error *err);
/* As kn_posting_give_up. Of a post that may be there the remedy of the refusal is told as well: it
 * is what lets Instagram be asked again. */
enum kn_status kn_instagram_give_up(struct kn_posting *posting, const char *remedy,
                                    const char *sentence);

#endif
