/* What the files of the emulated Instagram Graph API share. */
#ifndef KN_SANDBOX_INSTAGRAM_H
#define KN_SANDBOX_INSTAGRAM_H

#include "sandbox/platforms/platforms.h"

/* Instagram Login, or Facebook Login, which alone has resumable uploads. */
#define KN_IG_MAY_READ   "instagram_business_basic|instagram_basic pages_read_engagement"
#define KN_IG_MAY_RESUME "instagram_basic instagram_content_publish pages_read_engagement"
#define KN_IG_MAY_PUBLISH                                                                          \
    "instagram_business_basic instagram_business_content_publish|" KN_IG_MAY_RESUME

enum { KN_IG_HOURS = 24 };
#define KN_IG_DAY_US (INT64_C(86400) * 1000000)

struct kn_ig_container {
    const char *id;
    int account;
    bool story; /* else a reel */
    bool resumable;
    bool to_feed;
    const char *caption;     /* NULL: none */
    int64_t thumb_offset_ms; /* -1: not said */
    int64_t made_us, until_us;

    int64_t file_size; /* as the first request said; -1: none came */
    struct kn_upload *upload, *cover;
    bool finishing; /* a request is at its last steps */
    bool whole;     /* all bytes are there, processing has begun */
    double processing_s;
    bool will_fail; /* an accident */
    int64_t processed_us;
    bool settled;
    int subcode; /* of its failure, once it is settled; 0: none */
    struct kn_ig_media *media;
};

/* A container that was published. */
struct kn_ig_media {
    const char *id, *shortcode;
    const struct kn_ig_container *container;
    struct kn_post *post;
    int64_t at_us;
};

struct kn_ig_state {
    KN_VEC(struct kn_ig_container *) containers;
    KN_VEC(struct kn_ig_media *) media;
    /* Calls for an account, by the hours of the last day. */
    struct kn_ig_calls {
        int64_t hour; /* since 1970, of the newest */
        int counts[KN_IG_HOURS];
    } calls[KN_MIMIC_ACCOUNTS_MAX];
};

/* ---- instagram_error.c ---- */

/* The error of that code and subcode (0: none). `message` may be NULL where both are listed. */
void kn_ig_fail(struct kn_mimic_visit *visit, int code, int subcode, const char *message);
/* The code that goes with a subcode. */
int kn_ig_code(int subcode);
/* What rupload says. */
void kn_ig_upload_fail(struct kn_mimic_visit *visit, const char *type, bool retriable,
                       const char *message);
void kn_ig_refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why);

/* ---- instagram.c ---- */

/* Who asks, by either transport of the token; the call is counted. False: the answer is made. */
bool kn_ig_enter(struct kn_mimic_visit *visit, const char *scopes);
/* The id in the path, behind the version that may be there. NULL: that is no version; the answer
 * is made. */
const char *kn_ig_id(struct kn_mimic_visit *visit);
/* The path's account is the token's. False: the answer is made. */
bool kn_ig_is_own(struct kn_mimic_visit *visit);
/* A parameter that says something; NULL. */
const char *kn_ig_param(struct kn_mimic_visit *visit, const char *name);
struct kn_ig_container *kn_ig_find(const struct kn_mimic_visit *visit, const char *id); /* NULL */
/* Containers (`made`), or what was published, of the last 24 hours. */
int kn_ig_recent(const struct kn_mimic_visit *visit, bool made);

/* ---- instagram_rules.c ---- */

/* Judges what is said about a container; false: the answer is made. */
bool kn_ig_judge_params(struct kn_mimic_visit *visit);
/* Bytes of a file at most. */
int64_t kn_ig_most(const struct kn_ig_container *container);
/* The subcode of what is wrong with the file; 0: nothing. `priming`: an edit list may skip the
 * first samples. */
int kn_ig_judge_file(const struct kn_ig_container *container, bool priming);

/* ---- instagram_container.c ---- */

void kn_ig_create(struct kn_mimic_visit *visit);
/* All bytes are there: processing begins. */
void kn_ig_process(struct kn_ig_container *container, int64_t now_us);
/* "FINISHED" */
const char *kn_ig_status_code(const struct kn_ig_container *container, int64_t now_us);
void kn_ig_tick(struct kn_mimics *m, void *state, int64_t now_us);

/* ---- instagram_upload.c ---- */

void kn_ig_upload_begin(struct kn_mimic_visit *visit);
void kn_ig_upload_run(struct kn_mimic_visit *visit);

/* ---- instagram_publish.c ---- */

void kn_ig_limit(struct kn_mimic_visit *visit);
void kn_ig_publish(struct kn_mimic_visit *visit);

/* ---- instagram_read.c ---- */

void kn_ig_node(struct kn_mimic_visit *visit);
void kn_ig_media_list(struct kn_mimic_visit *visit);
void kn_ig_me(struct kn_mimic_visit *visit);
void kn_ig_accounts(struct kn_mimic_visit *visit);

#endif
