/* The inside of the publisher, shared by its files (publisher*.c). Nobody else's. */
#ifndef KN_SERVICE_PUBLISHER_PARTS_H
#define KN_SERVICE_PUBLISHER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

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
    pthread_mutex_t news; /* held while somebody is told; a leaf */

    pthread_mutex_t lock; /* a leaf but for tokens that are triggered under it */
    pthread_cond_t beat;  /* for the heartbeat */
    /* Protected by `lock`. */
    int64_t worker;
    bool lost, closing;
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

/* ---- publisher_post.c ---- */

/* Takes the post as far as it goes, and gives it up: on return nothing of it is held. */
void kn_post_task_run(struct kn_post_task *task);

/* ---- publisher_progress.c ---- */

/* Often, on the caller's thread. */
void kn_publisher_keep_progress(struct kn_publisher *publisher);

/* ---- publisher.c ---- */

void kn_publisher_tell(struct kn_publisher *publisher, const struct kn_post_news *news);

#endif
