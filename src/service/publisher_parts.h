/* The inside of the publisher, shared by its files (publisher*.c). Nobody else's. */
#ifndef KN_SERVICE_PUBLISHER_PARTS_H
#define KN_SERVICE_PUBLISHER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "platform/posting.h"
#include "queue/wake.h"
#include "run/rate.h"
#include "service/publisher.h"

struct kn_publisher {
    struct kn_publisher_options options; /* with the defaults filled in */
    struct kn_store *store;
    struct kn_wake *wake;
    struct kn_cancel *stop;  /* the caller's */
    struct kn_cancel *rouse; /* of the caller's thread's sleep: replaced after each */
    int64_t kept_us;         /* when progress was last stored; the caller's thread's */
    pthread_t heart;
    bool unrenewed;       /* heart's: the last renewal failed, and that was told */
    pthread_mutex_t news; /* held while somebody is told; a leaf */

    pthread_mutex_t lock; /* a leaf but for tokens that are triggered under it */
    pthread_cond_t beat;  /* for the heartbeat */
    /* Protected by `lock`. */
    int64_t worker;
    bool lost, closing;
    struct kn_error trouble; /* with a status: the store did not take what a post is to remember */
    int running;
    struct kn_post_task *tasks, *ended;
};

/* A post under way. */
struct kn_post_task {
    struct kn_publisher *publisher;
    struct kn_arena *arena; /* of the post's texts */
    struct kn_post post;    /* as it was claimed */
    struct kn_post_holder holder;
    struct kn_cancel *cancel;
    pthread_t thread;
    bool has_thread;
    _Atomic int64_t sent_bytes;
    _Atomic int state;       /* enum kn_post_state, as it was last remembered */
    _Atomic bool lost;       /* the post is somebody else's */
    _Atomic bool stop_asked; /* somebody wants it stopped, and its token was triggered for that */
    int64_t told_bytes;      /* the caller's thread's, like the next two */
    int64_t kept_bytes;      /* as progress, in the store */
    struct kn_rate rate;
    struct kn_post_task *next;
};

/* Its work, on a thread of its own. */
struct post_work {
    struct kn_post_task *task;
    struct kn_posting posting;
    struct kn_posting_host host;
    struct kn_account account;
    int tries;
    int64_t kept_bytes; /* sent, as it was last remembered */
    bool cancel_asked;  /* somebody wants it stopped */
};

/* What is planned, booked and waited for goes by the store's clock, which all who work share. */
static inline int64_t kn_post_now_us(const struct post_work *work)
{
    return kn_store_now_us(work->task->publisher->store);
}

/* ---- publisher_post.c ---- */

/* Takes the post as far as it goes, and gives it up: on return nothing of it is held, unless the
 * publisher is in trouble. */
void kn_post_task_run(struct kn_post_task *task);
/* For struct kn_posting_host; `arg`: the work. */
enum kn_status kn_post_remember(void *arg, const struct kn_posting *posting, struct kn_error *err);

/* ---- publisher_prepare.c ---- */

/* Fills in the posting. Close it and let its memory go, whatever the outcome. */
enum kn_status kn_post_prepare(struct post_work *work, struct kn_error *err);

/* ---- publisher_quotas.c ---- */

/* What the platform allows, before the first step; false: the post waits, as its posting says. */
bool kn_post_book_quotas(struct post_work *work);
/* For struct kn_posting_host; `arg`: the work. */
enum kn_status kn_post_book(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                            struct kn_error *err);
/* What its posting says is used up: others who share it are not to run into it one by one. */
void kn_post_close_quota(struct post_work *work);
/* What was booked for a post that never began is others' to use. */
void kn_post_return_quotas(struct post_work *work);

/* ---- publisher_progress.c ---- */

/* Often, on the caller's thread. */
void kn_publisher_keep_progress(struct kn_publisher *publisher);

/* ---- publisher.c ---- */

void kn_publisher_tell(struct kn_publisher *publisher, const struct kn_post_news *news);

/* ---- publisher_trouble.c ---- */

/* How long a store that fails is waited for, from the first failure on: as long as it takes, unless
 * somebody waits for certain posts. */
int64_t kn_publisher_patience_us(const struct kn_publisher *publisher);
/* Has it given up on its store? Any thread; err may be NULL. */
bool kn_publisher_in_trouble(struct kn_publisher *publisher, struct kn_error *err);
/* The store has failed for longer than that: the publisher ends with this. The first one counts. */
void kn_publisher_trouble(struct kn_publisher *publisher, const struct kn_error *err);
/* Warns where this machine's clock is not the store's: whoever says --at means this one. */
void kn_publisher_compare_clocks(struct kn_publisher *publisher);

#endif
