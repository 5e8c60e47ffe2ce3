/* The inside of a worker, shared by its files (worker*.c). Nobody else's. */
#ifndef KN_SERVICE_WORKER_PARTS_H
#define KN_SERVICE_WORKER_PARTS_H

#include <pthread.h>

#include "queue/admission.h"
#include "queue/backoff.h"
#include "queue/wake.h"
#include "service/progress_hub.h"
#include "service/step_recorder.h"
#include "service/worker.h"

/* Why a task's token was triggered; the first one counts. */
enum kn_task_stop { KN_STOP_NOT, KN_STOP_ASKED, KN_STOP_LOST, KN_STOP_SHUTDOWN };

/* Who asks the store. */
enum kn_asker { KN_ASKER_MAIN, KN_ASKER_HEART };

/* A store that stays away: what was said of it. Protected by the worker's lock. */
struct kn_store_trouble {
    unsigned askers;  /* 1 << enum kn_asker: whose last call failed */
    int64_t since_us; /* kn_now_us */
    int64_t say_us;   /* when it is said again */
};

struct kn_job_task {
    struct kn_job_worker *worker;
    struct kn_arena *arena;
    struct kn_job job;
    struct kn_job_run run;
    const struct kn_job_step *steps; /* of earlier attempts */
    int step_count;
    struct kn_step_line line; /* of those that it records */
    pthread_t thread;
    bool has_thread;

    /* Set by its thread before it is on the list of ended ones. */
    enum kn_status status;
    struct kn_error error;

    /* Protected by the worker's lock. */
    enum kn_task_stop stop;
    struct kn_job_task *next;
};

struct kn_job_worker {
    const struct kn_job_worker_options *options;
    struct kn_store *store;
    int64_t lease_us;
    struct kn_wake *wake;
    struct kn_progress_hub *hub;
    struct kn_step_recorder *recorder;
    struct kn_cancel *close; /* ends the ear */
    pthread_t heart, ear;

    /* The main thread's alone. */
    struct kn_admission admission;
    struct kn_backoff patience; /* with a store that fails */
    int failures;               /* of the store, in a row */
    int64_t claims;             /* so far: the rank of the next */
    int64_t retry_us;           /* no turn before (kn_now_us); after a failure */
    int64_t upkeep_us, trim_us; /* when they are due */

    pthread_mutex_t lock;   /* held while tokens are triggered and lines of the recorder dropped */
    pthread_cond_t changed; /* for the main thread */
    pthread_cond_t beat;    /* for the heartbeat */
    /* Protected by `lock`. */
    int64_t id;
    bool woken;             /* something may be to do for the main thread */
    bool poked;             /* the heartbeat is to look for cancels now */
    bool lost;              /* the lease; until the main thread has joined anew */
    bool closing;           /* the heartbeat is to end */
    int64_t alive_until_us; /* by our own clock (kn_now_us) */
    int64_t settled_us;     /* nobody is taken for dead before (kn_now_us) */
    bool doubts;            /* we were cut off: what runs may have become somebody else's */
    struct kn_store_trouble trouble;
    struct kn_error gone;      /* of a store that will not come back; KN_OK: it may */
    struct kn_job_task *tasks; /* that run */
    struct kn_job_task *ended; /* the newest first */
};

/* ---- worker_tasks.c ---- */

/* Starts a thread for each; on the main thread. */
void kn_tasks_start(struct kn_job_worker *worker, const struct kn_job *jobs, int count);
/* The ended ones, with their threads joined; to be freed. On the main thread. */
struct kn_job_task *kn_tasks_take_ended(struct kn_job_worker *worker);
void kn_task_free(struct kn_job_task *task);
bool kn_tasks_has(struct kn_job_worker *worker, int64_t job, int attempt);
/* Triggers the tokens of all, or of those named. With the lock. */
void kn_tasks_stop(struct kn_job_worker *worker, enum kn_task_stop why, const int64_t *jobs,
                   int count);
/* Who holds what runs now. In the arena. */
const struct kn_holder *kn_tasks_held(struct kn_job_worker *worker, struct kn_arena *arena,
                                      int *ret_count);
/* Stops the one that runs this attempt, if it still does: the job is not ours any more. */
void kn_tasks_lose(struct kn_job_worker *worker, const struct kn_holder *holder);
/* Stops the line's task: the job is another's. For the recorder, whose `arg` is the worker. */
void kn_task_lost(void *arg, struct kn_step_line *line);

/* ---- worker_lease.c ---- */

/* Joins the store: a new id, a new lease. */
enum kn_status kn_lease_join(struct kn_job_worker *worker, struct kn_error *err);
/* May others be taken for dead? Not while we are cut off ourselves, nor soon after: they were, too.
 * *ret_again_us: when to ask again (kn_now_us). */
bool kn_lease_is_settled(struct kn_job_worker *worker, int64_t *ret_again_us);
/* The heartbeat and the ear. */
enum kn_status kn_lease_start(struct kn_job_worker *worker, struct kn_error *err);
void kn_lease_stop(struct kn_job_worker *worker);

/* ---- worker_trouble.c ---- */

/* What came of a call to the store. Says so when it begins to fail, a minute later, each ten
 * minutes, and when it is back. Without the lock. */
void kn_worker_heard(struct kn_job_worker *worker, enum kn_asker who, enum kn_status status,
                     const struct kn_error *err);

#endif
