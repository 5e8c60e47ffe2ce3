/*
 * Posts, accounts and quotas in the store. What store/store.h says of times, errors and leases
 * holds here as well: a post is held by a worker (kn_store_join, kn_store_renew) and the number of
 * its attempt, and only these two together may change it, else KN_LOST. A worker that is gone or
 * silent holds nothing: a claim takes its posts, and what it saves after that is LOST; what it
 * saves before counts, as nobody else has looked at the post since.
 *
 * Posts have no events. What others may wait for wakes them all the same (kn_store_watch, and
 * queue/wake.h for other processes): posts that are planned, that are given up or end, cancels and
 * whatever else users ask for, accounts. What a holder saves in between does not.
 *
 * Planning, claiming, saving, quotas and accounts find out themselves what became of a commit whose
 * answer was lost; there LOST means what is stated and nothing else. (Planning gives up after some
 * tries, and then LOST is what store.h says.) Jobs that are removed leave their posts.
 */
#ifndef KN_STORE_STORE_POSTS_H
#define KN_STORE_STORE_POSTS_H

#include "model/post.h"
#include "store/store.h"

/* ---- planning ---- */

struct kn_post_planned {
    int64_t id;
    bool known; /* a post with this key was there: it is `id` */
    enum kn_post_state state;
    int64_t appear_us; /* its own, also where it is known */
};
/* All or none, durable on return, in the order of the specs. A forced one gets a key of its own.
 * INVALID, LIMIT as kn_store_submit; a key is at most 1,000 bytes long, names are 200.
 * Of all who plan with slots at once, in whatever process, no two take one of the same account; a
 * post whose time was set by hand takes its slot as well. LIMIT: none is free for years. */
enum kn_status kn_store_posts_plan(struct kn_store *store, const struct kn_post_spec *specs,
                                   int count, struct kn_post_planned *ret_planned,
                                   struct kn_cancel *cancel, struct kn_error *err);

/* Those that have the specs' keys now; id 0: nobody has it. Only the keys of the specs are read. */
enum kn_status kn_store_posts_known(struct kn_store *store, const struct kn_post_spec *specs,
                                    int count, struct kn_post_planned *ret_known,
                                    struct kn_error *err);

/* What kn_store_posts_plan would do now; nothing is done, and `id` is 0 of what is not there yet.
 */
enum kn_status kn_store_posts_foresee(struct kn_store *store, const struct kn_post_spec *specs,
                                      int count, struct kn_post_planned *ret_planned,
                                      struct kn_error *err);

/* ---- working ---- */

struct kn_post_holder {
    int64_t post, worker;
    int attempt;
};

/* Posts that are due and that nobody holds (nobody: the worker's row is gone or its time is over),
 * the earliest first, of each account no more than `account_max` held at a time by anybody. Their
 * state stays: one that comes from a worker that went away is UPLOADING or PROCESSING. Pausing the
 * queue does not concern them. In the arena. LOST: the worker's row is gone, it may claim nothing;
 * one that is silent gets none until it has renewed. INVALID: counts below 1 or above 10,000. */
struct kn_post_claim {
    int64_t worker;
    int max, account_max;
    const int64_t *only; /* of these alone, when they are due; NULL: of all */
    int only_count;
};
enum kn_status kn_store_posts_claim(struct kn_store *store, const struct kn_post_claim *claim,
                                    struct kn_arena *arena, const struct kn_post **ret_posts,
                                    int *ret_count, struct kn_error *err);

/* What becomes of somebody's wish to have it stopped, when the post is released. */
enum kn_cancel_answer {
    KN_CANCEL_UNHEARD, /* the next one hears of it, at once */
    KN_CANCEL_LATER,   /* it is known, and waits for due_us */
    KN_CANCEL_REFUSED, /* of SCHEDULED: the post goes on as though nobody had asked */
};

/* What a holder records; durable on return. */
struct kn_post_save {
    struct kn_post_holder holder;
    enum kn_post_state state; /* a final one, or any with `release`, ends the attempt */
    const char *memory;       /* NULL: as it was */
    int64_t sent_bytes;
    bool release; /* nobody holds it any more; not to be claimed before: */
    int64_t due_us;
    int tries;
    const char *remote_id, *url, *reason, *remedy; /* NULL: as they were */
    int64_t public_us, appear_us;                  /* 0: as it was */
    enum kn_cancel_answer cancel;

    bool cancel_asked; /* set: somebody wants it stopped */
};
/* A PLANNED one that is released when somebody wants it stopped is CANCELLED, and save->state says
 * so; another that is released, also one that becomes SCHEDULED, is due at once then, for whoever
 * claims it to end it, unless `cancel` says otherwise. SCHEDULED is else due for a look at due_us
 * (0: for none any more). Other final states are for good: what asks for a stop then came too late,
 * and cancel_asked stays. LOST: the post is not the holder's any more; nothing changed. INVALID:
 * negative numbers. LIMIT: a text longer than KN_JOB_TEXT_MAX. */
enum kn_status kn_store_post_save(struct kn_store *store, struct kn_post_save *save,
                                  struct kn_error *err);
/* How far uploads are, for whoever reads posts; lost in a crash, and of those that are not the
 * holder's (any more) nothing is kept. Wakes nobody, and no save waits for it. */
struct kn_post_progress {
    struct kn_post_holder holder;
    int64_t sent_bytes;
    int64_t bytes_a_second; /* 0: not known yet */
};
enum kn_status kn_store_posts_put_progress(struct kn_store *store,
                                           const struct kn_post_progress *progress, int count,
                                           struct kn_error *err);
/* When the next post that nobody holds comes due; INT64_MAX: none. Over where an account has no
 * room for it, or by the time of the call: a claim tells. Posts of a worker that falls silent count
 * from then on; nobody is woken by that. */
enum kn_status kn_store_posts_next_due(struct kn_store *store, int64_t *ret_us,
                                       struct kn_error *err);

/* ---- what users ask for ---- */

/* NOT_FOUND, INVALID as for jobs. One that is held is marked, its holder ends it; so is one that
 * nobody holds and that is on its way, SCHEDULED for a time to come, or planned again while it may
 * be there (else its key were free for another one), and it is due at once. Asking twice is fine.
 */
enum kn_status kn_store_post_cancel(struct kn_store *store, int64_t post,
                                    enum kn_post_state *ret_state, struct kn_error *err);
/* FAILED, UNKNOWN or CANCELLED: to PLANNED, its memory kept, due at once; but one that was
 * cancelled before it was due at its time. INVALID as well: its key is another post's by now. */
enum kn_status kn_store_post_retry(struct kn_store *store, int64_t post, struct kn_error *err);
/* A person has looked: an UNKNOWN post is LIVE at `url`, or (NULL) is not there and is planned
 * again, due at once and without memory: what it had uploaded may be used up. */
enum kn_status kn_store_post_resolve(struct kn_store *store, int64_t post, const char *url,
                                     struct kn_error *err);
/* Another time to appear at; 0: at once. PLANNED, not held: it is due then, or where its platform
 * keeps the time (`sent_ahead`) now. SCHEDULED, not held, its time not over: it is due now, for a
 * publisher to tell the platform. INVALID as well: for a SCHEDULED one the new time is over. */
enum kn_status kn_store_post_move(struct kn_store *store, int64_t post, int64_t appear_us,
                                  bool sent_ahead, struct kn_error *err);

struct kn_post_filter {
    unsigned states; /* 1 << state each; 0: all */
    bool open;       /* only those for which something is still to be done: an index has them, so
                        this reads nothing of what is over. Without `job` and `only` */
    const char *platform, *account, *owner;
    int64_t job;         /* 0: all */
    const int64_t *only; /* NULL: all */
    int only_count;
    int64_t before_post;
    int limit; /* 1 to 10,000 */
};
/* Both with the progress of those that are uploading. */
enum kn_status kn_store_post_get(struct kn_store *store, int64_t post, struct kn_arena *arena,
                                 struct kn_post *ret_post, struct kn_error *err);
/* The newest first. INVALID: the limit. */
enum kn_status kn_store_posts_list(struct kn_store *store, const struct kn_post_filter *filter,
                                   struct kn_arena *arena, const struct kn_post **ret_posts,
                                   int *ret_count, struct kn_error *err);

/* ---- quotas: what was used, by platform, account ("" for the whole application) and kind ---- */

struct kn_quota_use {
    const char *platform, *account, *kind;
    int64_t post; /* for whom; the same post books a kind once */
    int amount, limit;
    bool more; /* on top of what the post has booked of it, which stays where it does not fit;
                  twice, where the answer to a commit is lost: never too little */
    int64_t since_us; /* uses from then on count, the others are forgotten */
    int64_t span_us;  /* when does one that counts stop to: so long after it; 0: at reset_us */
    int64_t reset_us; /* and each 24 hours after it */
};
/*
 * Books it when it fits: *ret_free_us is 0. Else nothing is booked, and *ret_free_us is the time at
 * which it would fit, counting what others have planned. Atomic among all processes.
 *
 * That time stands as the post's plan until it asks again, ends, or is moved or returned: whoever
 * asks later comes after it, though there is room before. A use that still counts is not booked
 * again. INVALID: numbers that are not positive, or an amount above the limit.
 */
enum kn_status kn_store_quota_book(struct kn_store *store, const struct kn_quota_use *use,
                                   int64_t *ret_free_us, struct kn_error *err);
/* It was not used after all, or will not be. */
enum kn_status kn_store_quota_return(struct kn_store *store, int64_t post, const char *kind,
                                     struct kn_error *err);
/* The platform itself says that nothing is left before `until_us`. */
enum kn_status kn_store_quota_close(struct kn_store *store, const struct kn_quota_use *use,
                                    int64_t until_us, struct kn_error *err);

/* ---- accounts ---- */

struct kn_account {
    const char *platform, *name; /* together they are unique */
    const char *remote_id;       /* the platform's; "" */
    const char *service_url;     /* "": the platform itself; else a sandbox */
    const char *settings;        /* JSON: defaults of its posts; "{}" */
    const void *sealed;          /* tokens and client, by platform/seal.h */
    size_t sealed_size;
    int64_t expires_us;  /* of the access token, for lists */
    const char *trouble; /* "": it works; else why it has to be connected again */
    int64_t version;     /* rises with each change; another one after each removal, too */
    int64_t created_us, changed_us;
};
/* New, or in the place of the one with this platform and name, whose taking ends. version and times
 * are the store's. NULL for texts: their defaults. INVALID: no platform or name, or longer than 200
 * bytes; LIMIT: other texts, or tokens longer than 256 KiB. */
enum kn_status kn_store_account_put(struct kn_store *store, const struct kn_account *account,
                                    struct kn_error *err);
/* NOT_FOUND. */
enum kn_status kn_store_account_get(struct kn_store *store, const char *platform, const char *name,
                                    struct kn_arena *arena, struct kn_account *ret_account,
                                    struct kn_error *err);
/* In the order of platform and name, by bytes; platform NULL: all. */
enum kn_status kn_store_accounts(struct kn_store *store, const char *platform,
                                 struct kn_arena *arena, const struct kn_account **ret_accounts,
                                 int *ret_count, struct kn_error *err);
/* NOT_FOUND. */
enum kn_status kn_store_account_remove(struct kn_store *store, const char *platform,
                                       const char *name, struct kn_error *err);
/*
 * Renewing is for one process at a time: takes the account for `for_us` (a crash frees it by time).
 * *ret_taken false: another one is at it, or the version is not `version` any more: read it again.
 * NOT_FOUND.
 */
enum kn_status kn_store_account_take(struct kn_store *store, const char *platform, const char *name,
                                     int64_t version, int64_t for_us, bool *ret_taken,
                                     struct kn_error *err);
/* New tokens (sealed, expires_us), or trouble, of an account that was taken at account->version;
 * ends the taking. The rest stays as it is. LOST: it is at another version, or gone. */
enum kn_status kn_store_account_renewed(struct kn_store *store, const struct kn_account *account,
                                        struct kn_error *err);

#endif
