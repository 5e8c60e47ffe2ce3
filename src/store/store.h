/*
 * The store: jobs and what happened to them, durable, in SQLite or PostgreSQL. It speaks
 * intentions; what SQL they are is its own business. Any thread may call any function; workers may
 * be in many processes and, with PostgreSQL, on many machines.
 *
 * Order. A claim takes the highest level first; within a level owners are served in turn, and an
 * owner's jobs in the order of their submission. That is start-time fair queueing (Goyal, Vin,
 * Cheng, SIGCOMM 1996): a job gets the tag max(the owner's next tag, the smallest tag that waits at
 * the level), and the owner's next tag is one more. So 1,000 jobs of one owner and 10 that another
 * submits later take turns. Where nothing waits, the largest tag given at the level takes the
 * place of the smallest that waits, so that nobody is punished for an idle queue's past.
 * Jobs with a time before which they must not run are no part of this until kn_store_promote
 * releases them; then they get a tag like a new job.
 *
 * Leases. A worker has one row with a time until which it is alive, whatever the number of its
 * jobs; kn_store_renew moves it. A job names its worker and the number of the attempt; only these
 * two together may finish it or record its steps, else KN_LOST. Jobs whose worker is gone or
 * silent are taken back by kn_store_reclaim, which any process may call at any time. A job's
 * attempt counts from its claim.
 *
 * Events. Every change of a state is an event in the transaction that makes the change. Their ids
 * come from one row whose lock is held to the commit, so they become visible in the order of
 * their ids, and whoever reads from the last id it saw misses none. Many jobs that change in one
 * statement are one row.
 *
 * Time is the wall clock in microseconds: the server's for PostgreSQL, so that machines whose
 * clocks are wrong agree.
 *
 * Beside what each function states, any may return what the database gives: REMOTE, TIMEOUT, IO,
 * NO_SPACE, DENIED, LOST when the connection broke while a change was being committed (it may have
 * happened or not), and CANCELLED where it takes a token. Submitting, renewing and recording a step
 * find out what happened themselves; with the two last, LOST means what they state and nothing
 * else.
 */
#ifndef KN_STORE_STORE_H
#define KN_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/database.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/job.h"

struct kn_store;

enum { KN_LEVELS_MAX = 100 };

struct kn_store_options {
    struct kn_database *database; /* borrowed; NULL: one of its own at: */
    const char *where;            /* see kirinuki/database.h */
    bool existing;                /* makes none: NOT_FOUND where there is none at `where` */
    int levels;                   /* of priority; 0: 3; at most KN_LEVELS_MAX */
    int64_t ageing_us;            /* waiting that lifts a job by a level; 0: 10 minutes */
    /* For tests: the wall clock; NULL: the real one. */
    int64_t (*now_us)(void *arg);
    void *now_arg;
};

/* Brings the tables up to date. UNSUPPORTED: they are of a newer kirinuki, or another program's. */
enum kn_status kn_store_open(const struct kn_store_options *options, struct kn_store **ret_store,
                             struct kn_error *err);
void kn_store_close(struct kn_store *store); /* nobody may use it; NULL is fine */
KN_SCOPED_DEFINE(kn_store, kn_store_close)
struct kn_database *kn_store_database(struct kn_store *store);
int kn_store_levels(const struct kn_store *store);
int64_t kn_store_now_us(struct kn_store *store);

/* Waits until what others had changed when it was called is committed or undone; so is a change of
 * our own whose connection broke (LOST), but for one that had not reached the server yet. What is
 * read afterwards tells what became of it. */
enum kn_status kn_store_await_changes(struct kn_store *store, struct kn_error *err);

/* Is called after changes by this process that a waiting worker may care for: jobs that can be
 * claimed, cancels, pauses. On the changing thread; it must not call the store. The storage is the
 * caller's until kn_store_unwatch has returned; then `changed` does not run any more. */
struct kn_store_watch {
    void (*changed)(void *arg);
    void *arg;
    struct kn_store_watch *next; /* the store's own */
};
void kn_store_watch(struct kn_store *store, struct kn_store_watch *watch);
void kn_store_unwatch(struct kn_store *store, struct kn_store_watch *watch);

/* ---- Submitting ---- */

struct kn_submitted {
    int64_t id;
    bool known; /* a job with this key was there already: it is `id` */
};

enum { KN_SUBMIT_MAX = 10000, KN_JOB_TEXT_MAX = 1 << 20 };

/*
 * All of the jobs or none, durable on return. ret_submitted[count], in the order of the
 * specs. A key is known while its job is QUEUED, LEASED or DONE.
 * INVALID: a spec is wrong (the sentence tells which one); LIMIT: more than KN_SUBMIT_MAX at once,
 * or a text of a spec longer than KN_JOB_TEXT_MAX.
 */
enum kn_status kn_store_submit(struct kn_store *store, const struct kn_job_spec *specs, int count,
                               struct kn_submitted *ret_submitted, struct kn_cancel *cancel,
                               struct kn_error *err);

/* Whether a job has this key, whatever became of it: also one that has failed or was cancelled. */
enum kn_status kn_store_knows(struct kn_store *store, const char *key, bool *ret_known,
                              struct kn_error *err);

/* ---- Workers ---- */

/* ret_worker: its id, alive for `lease_us` from now. INVALID: lease_us is not positive. */
enum kn_status kn_store_join(struct kn_store *store, const char *name, int64_t lease_us,
                             int64_t *ret_worker, struct kn_error *err);
/*
 * Alive for `lease_us` from now. ret_cancel[*ret_count], in the arena: jobs of this worker that are
 * to be cancelled, told at each renewal until they are finished. LOST: it was silent for too
 * long and others have its jobs: cancel them all, publish nothing, join again. A lease that is over
 * but that nobody has taken back is renewed like any other. NOT_FOUND: the database's file was
 * deleted or replaced.
 */
enum kn_status kn_store_renew(struct kn_store *store, int64_t worker, int64_t lease_us,
                              struct kn_arena *arena, const int64_t **ret_cancel, int *ret_count,
                              struct kn_error *err);
/* Its jobs, if any are left, go back to the queue at the next kn_store_reclaim. */
enum kn_status kn_store_leave(struct kn_store *store, int64_t worker, struct kn_error *err);

/* How much room a worker has, told by it for people who ask why a job waits. */
struct kn_worker_room {
    int running, running_most;                     /* jobs; most 0: it takes none from the queue */
    int64_t memory_used, memory_most, memory_next; /* bytes; most 0: no bound */
    /* memory_next: the largest need of a job that it would take now. */
};
enum kn_status kn_store_put_room(struct kn_store *store, int64_t worker,
                                 const struct kn_worker_room *room, struct kn_error *err);
/* The workers that are alive: neither gone nor silent. In the arena, never NULL. */
enum kn_status kn_store_alive(struct kn_store *store, struct kn_arena *arena,
                              const int64_t **ret_workers, int *ret_count, struct kn_error *err);
/* Of the workers that are alive and take from the queue. In the arena. */
enum kn_status kn_store_rooms(struct kn_store *store, struct kn_arena *arena,
                              const struct kn_worker_room **ret_rooms, int *ret_count,
                              struct kn_error *err);

/* How an attempt ended. */
struct kn_finish {
    int64_t job;
    int attempt;
    enum kn_status outcome; /* KN_OK, KN_CANCELLED, or what failed */
    const char *text;       /* why; NULL where it is KN_OK */
    bool retry;             /* of a failure: may be tried again, not before: */
    int64_t retry_us;       /* wall clock */
    bool back;              /* of a failure that is not the job's: to be tried again as with
                             * `retry`, and the attempt does not count */

    /* Set by kn_store_turn: KN_OK, or KN_LOST: the job was another's by then, nothing changed. */
    enum kn_status status;
    enum kn_job_state state; /* what it is now, where status is KN_OK */
};

/*
 * One turn of a worker: any number of finished jobs out, up to `claim_max` new ones in. One
 * transaction and, with PostgreSQL, one round trip; on return both are durable. Either part may
 * be empty. A failure that may be retried is FAILED when no attempts are left, and CANCELLED when
 * that was asked for.
 */
struct kn_turn {
    int64_t worker;
    struct kn_finish *finishes;
    int finish_count;
    int claim_max;
    /* Stops before the jobs' expected memory together is more than this; 0: no bound. Order is
     * kept: a small job does not pass a large one that waits for room. */
    int64_t memory_max_bytes;
    bool memory_first; /* the first job is claimed however large it is */
    /* Claims from these jobs alone (NULL: from the queue), whatever their memory, also such as wait
     * for a time, and while the queue is paused: of whoever submitted them for itself. */
    const int64_t *only;
    int only_count;

    /* Set: in the arena, in the order of the queue. */
    struct kn_job *claimed;
    int claimed_count;
};
/* INVALID: negative counts, or more than 10,000. LOST: it may claim nothing, because its row is
 * gone (see kn_store_renew); what became of the finishes is marked in them. An empty or paused
 * queue is KN_OK with no jobs. */
enum kn_status kn_store_turn(struct kn_store *store, struct kn_turn *turn, struct kn_arena *arena,
                             struct kn_cancel *cancel, struct kn_error *err);

/* ---- Upkeep: any process, every few seconds; several at once do no harm ---- */

/* Takes back the jobs of workers that are gone or silent when it is called. ret_count: how many
 * jobs. The attempt does not count; what is counted apart is how often that happened to a job since
 * its last step. After two times it waits until it may run alone, that is, beside no other such
 * job; after five, or as many as it has attempts, it is FAILED, and a reserved one at once: nobody
 * else may run it. */
enum kn_status kn_store_reclaim(struct kn_store *store, int *ret_count, struct kn_error *err);
/* Releases jobs whose time has come and lifts those that waited too long, up to some thousands a
 * call: *ret_more says that there are more. */
enum kn_status kn_store_promote(struct kn_store *store, int *ret_released, int *ret_promoted,
                                bool *ret_more, struct kn_error *err);
/* When the next job that is held for a time comes due; INT64_MAX: none is held. */
enum kn_status kn_store_next_due(struct kn_store *store, int64_t *ret_us, struct kn_error *err);
/* Drops events beyond the newest `keep_count`, and those older than `keep_us`. INVALID: negative.
 */
enum kn_status kn_store_trim(struct kn_store *store, int64_t keep_count, int64_t keep_us,
                             struct kn_error *err);

/* ---- What users ask for ---- */

/* NOT_FOUND: there is no such job. INVALID: its state does not allow it, the sentence says so. */
/* ret_state: CANCELLED, or LEASED where its worker has to end it first; one that is gone or silent
 * is not waited for. Asking twice is fine. */
enum kn_status kn_store_cancel(struct kn_store *store, int64_t job, enum kn_job_state *ret_state,
                               struct kn_error *err);
/* A FAILED or CANCELLED job again, with fresh attempts; its reasons stay. INVALID as well: its key
 * is another job's by now. */
enum kn_status kn_store_retry(struct kn_store *store, int64_t job, struct kn_error *err);
/* To the front of the highest level; a time that it was to wait for is forgotten. */
enum kn_status kn_store_bump(struct kn_store *store, int64_t job, struct kn_error *err);
/* A job that has ended, with its reasons, steps and progress. */
enum kn_status kn_store_remove(struct kn_store *store, int64_t job, struct kn_error *err);
/* Nothing is claimed while paused; what runs goes on. */
enum kn_status kn_store_pause(struct kn_store *store, bool paused, struct kn_error *err);

/* ---- Reading ---- */

/* NOT_FOUND: there is no such job. */
enum kn_status kn_store_get(struct kn_store *store, int64_t job, struct kn_arena *arena,
                            struct kn_job *ret_job, struct kn_error *err);
/* In the order of the attempts; empty for an unknown job. */
enum kn_status kn_store_reasons(struct kn_store *store, int64_t job, struct kn_arena *arena,
                                const struct kn_job_reason **ret_reasons, int *ret_count,
                                struct kn_error *err);

struct kn_job_filter {
    unsigned states;    /* 1 << state each; 0: all */
    const char *owner;  /* NULL: all */
    int64_t since_us;   /* submitted then or later */
    int64_t before_job; /* ids below it: the next page; 0: from the newest */
    int limit;          /* 1 to 10,000 */
};
/* The newest first. INVALID: the limit. */
enum kn_status kn_store_list(struct kn_store *store, const struct kn_job_filter *filter,
                             struct kn_arena *arena, const struct kn_job **ret_jobs, int *ret_count,
                             struct kn_error *err);

struct kn_owner_counts {
    const char *owner;
    int64_t jobs[KN_JOB_STATE_COUNT];
};
struct kn_store_counts {
    int64_t jobs[KN_JOB_STATE_COUNT];
    int64_t held; /* of the QUEUED ones: wait for a time */
    bool paused;
    int workers; /* alive */
    const struct kn_owner_counts *owners;
    int owner_count;
};
/* Reads every job: for people, not for every turn. */
enum kn_status kn_store_counts(struct kn_store *store, struct kn_arena *arena,
                               struct kn_store_counts *ret_counts, struct kn_error *err);
/* Jobs that will be claimed before this one; -1: it does not stand in the queue (it runs, has
 * ended, or waits for a time). NOT_FOUND. */
enum kn_status kn_store_position(struct kn_store *store, int64_t job, int64_t *ret_ahead,
                                 struct kn_error *err);
enum kn_status kn_store_paused(struct kn_store *store, bool *ret_paused, struct kn_error *err);

/* Up to `limit` events after `since` (0: from the oldest that is kept), in order. LOST: some after
 * `since` were trimmed, so the reader has missed events and must read the states anew. */
enum kn_status kn_store_events(struct kn_store *store, int64_t since, int limit,
                               struct kn_arena *arena, const struct kn_event **ret_events,
                               int *ret_count, struct kn_error *err);
enum kn_status kn_store_last_event(struct kn_store *store, int64_t *ret_id, struct kn_error *err);

/* ---- Checkpoints and progress ---- */

/* Who records: a job that was claimed. LOST: it is not this worker's attempt any more. */
struct kn_holder {
    int64_t job, worker;
    int attempt;
};
/* Durable on return; recorded anew, the newer one counts. */
enum kn_status kn_store_record_step(struct kn_store *store, const struct kn_holder *holder,
                                    const char *name, const char *data, struct kn_error *err);
struct kn_step_record {
    struct kn_holder holder;
    const char *name, *data;
    /* Set where the call returns KN_OK: KN_OK, or KN_LOST: it was not recorded. */
    enum kn_status status;
    int64_t at_us; /* the store's own */
};
/* The same for steps of many jobs, in one transaction and in their order; one that is LOST leaves
 * the others alone. */
enum kn_status kn_store_record_steps(struct kn_store *store, struct kn_step_record *records,
                                     int count, struct kn_error *err);
/* In the order of their times. They outlive attempts, retries and restarts. */
enum kn_status kn_store_steps(struct kn_store *store, int64_t job, struct kn_arena *arena,
                              const struct kn_job_step **ret_steps, int *ret_count,
                              struct kn_error *err);
/* The latest snapshot of each job; a crash may lose it. Those of jobs that are not the holder's any
 * more are dropped silently. */
enum kn_status kn_store_put_progress(struct kn_store *store, const struct kn_holder *holders,
                                     const char *const *data, int count, struct kn_error *err);
/* NOT_FOUND: there is none. */
enum kn_status kn_store_get_progress(struct kn_store *store, int64_t job, struct kn_arena *arena,
                                     const char **ret_data, int64_t *ret_at_us,
                                     struct kn_error *err);

#endif
