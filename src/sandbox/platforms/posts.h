/* What became of uploads: the ledger by which tests count what was posted. */
#ifndef KN_SANDBOX_POSTS_H
#define KN_SANDBOX_POSTS_H

#include <stdint.h>

#include <jansson.h>

#include "base/vec.h"

struct kn_mimics;
struct kn_upload;

enum kn_shown_state {
    KN_SHOWN_PROCESSING,
    KN_SHOWN_SCHEDULED, /* its time has not come */
    KN_SHOWN_HIDDEN,    /* there, for its owner alone */
    KN_SHOWN_DRAFT,     /* waits for its owner to finish it */
    KN_SHOWN_LIVE,      /* others can see it */
    KN_SHOWN_FAILED,
    KN_SHOWN_DELETED,
    KN_SHOWN_STATE_COUNT,
};
const char *kn_shown_state_name(enum kn_shown_state state); /* "live" */

/* In the arena of struct kn_mimics; its mimic changes it, under the lock. */
struct kn_post {
    int number;           /* 1, 2, … */
    const char *platform; /* borrowed, like the texts that follow */
    const char *account;
    const char *id;
    const char *url; /* as the platform's users see it */
    enum kn_shown_state state;
    const char *reason;      /* of FAILED; NULL */
    const char *privacy;     /* in the platform's words; NULL */
    json_t *text;            /* borrowed: {"title", "description", "caption", "tags", …} */
    int64_t made_us;         /* when the platform took it; by the sandbox's clock */
    int64_t publish_us;      /* when it is to be published; -1: at once */
    int64_t visible_us;      /* when others could see it; -1: never yet */
    struct kn_upload *video; /* finished; NULL: none */
    struct kn_upload *cover; /* an image; NULL */
};

KN_VEC_TYPE(kn_shown_posts, struct kn_post *);

/* All zero but for number, platform, account, made_us and the two times that are -1. */
struct kn_post *kn_shown_posts_add(struct kn_mimics *m, const char *platform, int account,
                                   int64_t now_us);
/* It is LIVE from `at_us` on; its text is kept as it is now, whatever becomes of it. Once only. */
void kn_shown_appear(struct kn_mimics *m, struct kn_post *post, int64_t at_us);
json_t *kn_shown_posts_json(const struct kn_mimics *m); /* {"posts": […]}; returns owned */

#endif
