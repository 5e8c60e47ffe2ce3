/*
 * Worker threads: each lane has a queue and up to so many threads that are busy at once. Threads
 * start when there is work for them, and idle ones are kept.
 *
 * The queue is a list of lines in the order of their ranks; a line is first in, first out. A plan
 * has a line in each lane, which stands in the lane's list while it is not empty. So what an item
 * costs to queue depends on how many plans wait for the lane, never on how many items do.
 *
 * A thread that waits for others' work gives its place in the lane away for that time
 * (kn_worker_block), so that a lane never stands still because all its threads wait: a place, not
 * a thread, is what is scarce. Hence there may be more threads than places for a while. They do not
 * grow without bound: who waits in a group waits for a task that runs, or waits likewise below it,
 * so there are at most as many as places in all lanes times the depth of nested groups.
 *
 * One lock for all of it, "the executor's lock": a leaf. Nothing of anyone else is called under it.
 */
#ifndef KN_RUN_WORKERS_H
#define KN_RUN_WORKERS_H

#include <pthread.h>
#include <stdbool.h>

#include <kirinuki/plan.h>

#include "base/list.h"
#include "base/vec.h"

struct kn_worker;
struct kn_item;

/* What waits for a lane and has the same rank. Protected by the lock once an item was queued. */
struct kn_line {
    int64_t rank; /* smaller first */
    struct kn_link in_lane;
    struct kn_link items; /* by in_line */
};
void kn_line_init(struct kn_line *line, int64_t rank);

/* Something to run, embedded in a step or a task. */
struct kn_item {
    void (*run)(struct kn_item *item, struct kn_worker *worker); /* called without the lock */
    enum kn_lane lane;
    bool urgent;           /* first of all, and with a thread of its own if need be; has no line */
    struct kn_line *line;  /* NULL: before all plans */
    struct kn_link *group; /* the list of what is queued of its group; NULL: of none */

    /* Protected by the lock. */
    bool queued;
    struct kn_link in_line, in_group;
};

struct kn_lane_workers {
    int places; /* immutable */
    /* Protected by the lock. */
    int busy;    /* threads that hold a place, those on their way to an item included */
    int threads; /* all: busy, idle and blocked */
    int idle_count;
    struct kn_worker *idle; /* a stack: the warmest thread goes first */
    struct kn_link queue;   /* of lines that are not empty, by in_lane */
    struct kn_line ahead;   /* of items without a plan: always the first in the queue */
    KN_VEC(bool) numbers;   /* which are taken */
};

struct kn_workers {
    pthread_mutex_t lock;
    struct kn_lane_workers lanes[KN_LANE_COUNT];
    /* Protected by `lock`. */
    int threads;
    bool closing;
    pthread_cond_t left;       /* a thread has left */
    struct kn_worker *retired; /* the last that left: joins and frees the one before */
};

struct kn_worker {
    struct kn_workers *workers;
    enum kn_lane lane;
    int number; /* within the lane; the smallest that was free */
    pthread_t thread;
    struct kn_worker *older; /* retired before this one */

    /* Its own thread's. */
    const char *plan_step;             /* of the work at hand */
    struct kn_plan *plan;              /* to which that belongs */
    KN_VEC(struct kn_arena *) scratch; /* one a level of nesting */
    int depth;

    /* Protected by the lock. */
    bool woken;
    pthread_cond_t wake;
    struct kn_worker *next_idle;
};

/* Starts one thread a lane, so that later failures to start one only cost speed. */
enum kn_status kn_workers_open(struct kn_workers *workers, const int places[KN_LANE_COUNT],
                               struct kn_error *err);
void kn_workers_close(struct kn_workers *workers); /* nothing may be queued or running */

/* With the lock. `by` is the calling worker when it will look for its next item at once, else
 * NULL: then no other has to be woken for what it can take itself. */
void kn_workers_push(struct kn_workers *workers, struct kn_item *item, const struct kn_worker *by);
/* With the lock. */
void kn_workers_remove(struct kn_workers *workers, struct kn_item *item); /* which is queued */
void kn_worker_block(struct kn_worker *worker);                           /* NULL: nothing */
void kn_worker_resume(struct kn_worker *worker);

/* The calling thread's worker; NULL: it is none of `workers`. */
struct kn_worker *kn_worker_self(const struct kn_workers *workers);

#endif
