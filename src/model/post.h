/*
 * Posts: a clip on one platform, with one account.
 *
 *   PLANNED ──> UPLOADING ──> PROCESSING ──> LIVE <──────┐
 *      │            │             │    `───> SCHEDULED ───┤ the platform makes it public by itself
 *      │            │             │           │ `────┐   │
 *      │            `─────────────┴───────────┼> FAILED  │ with a reason and what to do
 *      │                          `───────────┼> UNKNOWN │ it may be there; only a person can tell
 *      `── cancel ────────────────────────────┴> CANCELLED
 *
 * A SCHEDULED post has no publisher. It is looked at after its time, a few times at most, and
 * whenever somebody wants another time for it, or it taken back (cancel) before its time.
 *
 * FAILED, UNKNOWN and CANCELLED go back to PLANNED when that is asked for; what was uploaded before
 * is gone on with where the platform allows it. An UNKNOWN post is asked after before anything is
 * sent again. Cancelling one that is under way is seen by its publisher before its next request
 * that could make it visible.
 *
 * Exactly once: before a request whose effect others can see, the intent is recorded; after it, the
 * platform's id. Whoever finds an intent without an id asks the platform before it sends again.
 */
#ifndef KN_MODEL_POST_H
#define KN_MODEL_POST_H

#include <stdbool.h>
#include <stdint.h>

/* Stored as numbers: never renumber. */
enum kn_post_state {
    KN_POST_PLANNED, /* waits for its time, for a slot of the platform, or for a worker */
    KN_POST_UPLOADING,
    KN_POST_PROCESSING, /* the platform has all it needs and works on it */
    KN_POST_LIVE,
    KN_POST_SCHEDULED,
    KN_POST_FAILED,
    KN_POST_UNKNOWN,
    KN_POST_CANCELLED,
    KN_POST_STATE_COUNT
};
const char *kn_post_state_name(enum kn_post_state state); /* "planned"; never NULL */
bool kn_post_state_final(enum kn_post_state state); /* nothing happens to it by itself any more */

enum kn_privacy {
    KN_PRIVACY_DEFAULT, /* public where the platform lets one choose */
    KN_PRIVACY_PUBLIC,
    KN_PRIVACY_UNLISTED,
    KN_PRIVACY_FOLLOWERS,
    KN_PRIVACY_FRIENDS,
    KN_PRIVACY_PRIVATE,
    KN_PRIVACY_COUNT
};
const char *kn_privacy_name(enum kn_privacy privacy); /* "public" */

/* What people read, for one platform: as it is sent, already within its rules. UTF-8. */
struct kn_post_text {
    const char *title;   /* ""; for platforms that have titles apart */
    const char *caption; /* description, caption or text, hashtags included where they go there */
    int tag_count;
    const char *const *tags; /* without '#', for platforms that take them apart */
    const char *language;    /* BCP 47; NULL: not known */
};

/* How it is to be posted. */
struct kn_post_options {
    enum kn_privacy privacy;
    int64_t publish_at_us; /* wall clock, for platforms that schedule by themselves; 0: at once.
                              Of a post that is stored, its appear_us says it, and its JSON not */
    int64_t cover_us; /* of the clip: the picture that stands for it; -1: the platform's choice */
    bool made_for_kids;
    bool notify;       /* subscribers, where that can be chosen */
    bool draft;        /* into the account's inbox instead of to the public, where there is one */
    bool made_with_ai; /* the platform's label for synthetic media */
    bool share_to_feed;
    int category; /* YouTube's number of it (platform/youtube_category.h); 0: the platform's usual
                     one */
};

/* The file, as it was when the post was planned. */
struct kn_post_clip {
    const char *path;     /* absolute */
    const char *original; /* likewise, of what the file is a rendition of; NULL: it is none */
    const char *hash;     /* kn_hash_file; a file that has another is not sent */
    int64_t bytes, modified_us;
    int64_t duration_us;
    int width_px, height_px;
    const char *thumbnail, *subtitles; /* absolute paths of a JPEG and an .srt; NULL: none */
};

/*
 * Times at which posts of an account may appear: each post gets the first one that is free, which
 * is one that has no post of the account within KN_SLOT_HALF_US. `next` is called in a transaction,
 * on the caller's thread, and must depend on nothing but its arguments.
 */
#define KN_SLOT_HALF_US INT64_C(300000000)
struct kn_post_slots {
    int64_t (*next)(const void *arg, int64_t after_us); /* wall clock; -1: none comes */
    const void *arg;
    int64_t not_before_us; /* wall clock; 0: from now on */
    int64_t apart_us;      /* between two posts of one call at an account, at least; 0: any */
    int day_max;           /* posts of the account in 24 hours; 0: any number */
};

#define KN_POST_INTENT "intent_us"

/* What is asked for. Texts are borrowed during the call. */
struct kn_post_spec {
    const char *key;      /* clip's hash, platform, account: one post while it is not CANCELLED or
                           * FAILED; `force` makes another */
    const char *owner;    /* NULL: "" */
    const char *platform; /* a name of platform/platform.h */
    const char *account;  /* its name; "" for platforms without accounts */
    const char *clip;     /* struct kn_post_clip as JSON, platform/post_json.h */
    const char *request;  /* text and options as JSON, likewise */
    int64_t bytes;        /* of the clip, for progress */
    int64_t due_us;       /* of what is done for it: wall clock, not before; 0: at once */
    int64_t appear_us;    /* wall clock: when it is to be visible; 0: as soon as can be */
    const struct kn_post_slots *slots; /* NULL, or they choose appear_us */
    bool sent_ahead; /* with slots: its platform keeps the time; else it is due when it appears */
    int64_t job;     /* whose clip it is; 0: nobody's */
    bool force;
};

/* As stored. Texts live in the arena that the post was read into. Times are wall clock. */
struct kn_post {
    int64_t id;
    enum kn_post_state state;
    const char *key, *owner, *platform, *account, *clip, *request;
    const char *memory; /* JSON: what the platform's client needs to go on; "{}" at first. Holds
                         * secrets of upload sessions: never shown. With KN_POST_INTENT it may be
                         * there, or is (platform/posting.h) */
    int64_t bytes, sent_bytes; /* sent: stored by the platform, as far as is known; where it is
                                * read to be looked at, what is on its way as well */
    int64_t bytes_a_second;    /* of an upload that goes on; 0: not known */
    int64_t due_us;    /* of one that is SCHEDULED: of the next look at it; 0: there is none */
    int64_t appear_us; /* when it is wanted to be visible; 0: as soon as can be */
    int64_t job;
    int attempt;    /* how often it was claimed */
    int tries;      /* failed ones in a row since something moved, for back-off */
    int64_t worker; /* who has it; 0: nobody */
    bool cancel_asked;
    const char *remote_id, *url; /* "": not yet */
    const char *reason, *remedy; /* of FAILED and UNKNOWN, or why it waits; "" */
    int64_t created_us, changed_us;
    int64_t public_us; /* when it became, or will become, visible; 0: not known */
};

#endif
