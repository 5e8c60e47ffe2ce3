/* What the files of the emulated TikTok Content Posting API v2 share. */
#ifndef KN_SANDBOX_TIKTOK_H
#define KN_SANDBOX_TIKTOK_H

#include "sandbox/platforms/platforms.h"

#define KN_TT_MAY_PUBLISH "video.publish"
#define KN_TT_MAY_UPLOAD  "video.upload"

/* What a request counts for; each has its own limit a minute and token ("rate limit" of each end
 * point's page, 2026-09-11). */
enum kn_tt_call { KN_TT_CREATOR, KN_TT_DIRECT, KN_TT_INBOX, KN_TT_STATUS, KN_TT_CANCEL };

/* What an init opened, to its end. */
struct kn_tt_post {
    const char *id; /* publish_id */
    struct kn_grant *grant;
    bool inbox;  /* a draft that its owner finishes in the app */
    bool pulled; /* by a URL, not sent */
    int64_t made_us;

    const char *upload_id, *upload_token;
    int64_t until_us; /* of the upload's URL */
    int64_t size, chunk, chunks;
    struct kn_upload *upload; /* NULL: nothing was found at the URL */
    bool finishing;           /* a request is at its last steps */
    bool whole;               /* all bytes are there, processing has begun */

    const char *title, *privacy;
    double processing_s;
    const char *will_fail; /* an accident's fail_reason; NULL */
    int64_t processed_us, moderated_us;
    bool settled;
    const char *failure; /* once it is settled; NULL */
    const char *post_id;
    struct kn_post *post; /* in the ledger, from `whole` on; NULL */
};

struct kn_tt_state {
    KN_VEC(struct kn_tt_post *) posts;
    /* Of the last minute, the oldest first. */
    KN_VEC(struct kn_tt_asked {
        const struct kn_token *token;
        enum kn_tt_call call;
        int64_t at_us;
    })
    asked;
};

/* ---- tiktok.c ---- */

/* The error of that code, as the documentation lists it. `message` may be NULL. */
void kn_tt_fail(struct kn_mimic_visit *visit, const char *code, const char *message);
void kn_tt_answer(struct kn_mimic_visit *visit, json_t *data); /* takes `data` */
/* The body of a call; NULL: it is none, the answer is made. May be empty where that is allowed. */
json_t *kn_tt_body(struct kn_mimic_visit *visit, bool may_be_empty);

/* ---- tiktok_limits.c ---- */

/* Counts the call. False: over the limit; the answer is made. */
bool kn_tt_admit(struct kn_mimic_visit *visit, enum kn_tt_call call);
/* Why the account cannot post now, as an error code; NULL: it can. */
const char *kn_tt_capped(const struct kn_mimic_visit *visit, bool inbox);

/* ---- tiktok_init.c ---- */

/* privacy_level_options, ended by NULL. */
const char *const *kn_tt_levels(const struct kn_mimics *m);
void kn_tt_init(struct kn_mimic_visit *visit);

/* ---- tiktok_upload.c ---- */

/* Bytes of whole chunks. */
int64_t kn_tt_stored(const struct kn_tt_post *post);
void kn_tt_upload_begin(struct kn_mimic_visit *visit);
void kn_tt_upload_run(struct kn_mimic_visit *visit);
void kn_tt_upload_gone(struct kn_mimic_visit *visit);

/* ---- tiktok_post.c ---- */

/* fail_reason; NULL: the file can be shown. */
const char *kn_tt_judge_file(const struct kn_upload *upload, double longest_s);
/* All bytes are there: processing begins. */
void kn_tt_process(struct kn_mimics *m, struct kn_tt_post *post, int64_t now_us);
void kn_tt_status(struct kn_mimic_visit *visit);
void kn_tt_cancel(struct kn_mimic_visit *visit);
void kn_tt_tick(struct kn_mimics *m, void *state, int64_t now_us);

#endif
