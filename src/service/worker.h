/*
 * A worker: claims jobs from a store, runs each on a thread of its own, and finishes them.
 *
 * - the main thread takes turns (finished jobs out, new ones in) and does the upkeep; it sleeps
 *   until something happens;
 * - kn-heart renews the lease each third of it, and cancels what is to stop;
 * - kn-ear hears of changes of the store and wakes these two;
 * - kn-hub writes the progress of all jobs, twice a second in one call, and the worker's room;
 * - kn-steps records finished steps behind the work (service/step_recorder.h);
 * - kn-job …, one for each job that runs, sleeps while the executor's lanes work.
 *
 * A job's thread ends by putting its task on the list of ended ones; only the main thread takes
 * from it, so a job is finished once. When the lease is lost, whatever runs is cancelled and
 * nothing of it is finished: others have these jobs. Then the worker joins anew. A store that is
 * away takes no lease from anybody (worker_lease.c).
 *
 * Told to stop, it claims nothing more, lets its jobs finish for a while, then cancels them and
 * hands them back: they are tried again at once, by whoever is there, and the attempt does not
 * count.
 */
#ifndef KN_SERVICE_WORKER_H
#define KN_SERVICE_WORKER_H

#include <kirinuki/progress.h>

#include "store/store.h"

/* A claimed job while it runs. */
struct kn_job_run {
    const struct kn_job *job;
    struct kn_cancel *cancel;
    struct kn_progress *progress; /* a root; ended by the worker */
    int64_t rank;                 /* grows with each claim: see kn_plan_rank */
    void *worker;                 /* the worker's own */
};

/* Has the steps of earlier attempts at this job one of this name? */
bool kn_job_run_has_step(const struct kn_job_run *run, const char *name);
/* Records a finished step behind the work: the job is finished after all of its steps are durable.
 * When the job is another's by now, it is cancelled. Waits where very many wait already. Any
 * thread. */
void kn_job_run_record(const struct kn_job_run *run, const char *name, const char *data);

struct kn_job_worker_options {
    struct kn_store *store;   /* borrowed */
    const char *name;         /* for people */
    int concurrency;          /* 0: 50 */
    int chunk;                /* 0: 10 */
    int64_t memory_bytes;     /* for the process; 0: three quarters of the machine's */
    int64_t base_bytes;       /* of that, what it takes without any job */
    int lanes;                /* threads that compute, see queue/admission.h; 0: 1 */
    int64_t (*measure)(void); /* what the process has now; NULL: nobody knows */
    int64_t lease_us;         /* 0: 30 s */
    /* Only these jobs, which nobody else claims; ends with the last of them. NULL: the queue. */
    const int64_t *only;
    int only_count;
    /* Ends when nothing waits or runs, here or elsewhere: what another worker loses is waited for.
     * Jobs for later (--at) and a paused queue are not. */
    bool drain;
    int64_t grace_ms; /* after `stop`, before jobs are cancelled */
    bool keep;        /* after `stop`: jobs are handed back; false: they are CANCELLED */

    /* Runs a job; blocks. KN_OK or KN_END: it is done. Any other: failed; tried again where the
     * status says that this can help. Many at once. */
    enum kn_status (*run)(void *arg, const struct kn_job_run *run, struct kn_error *err);
    /* Optional: the name of a job's progress; NULL: its source's name without the folder. */
    const char *(*title)(void *arg, const struct kn_job *job);
    /* Optional, on the worker's main thread: before a job's thread starts, and when it is over
     * (`state`: what became of it; LEASED: the lease was lost). */
    void (*begun)(void *arg, const struct kn_job_run *run);
    void (*ended)(void *arg, const struct kn_job_run *run, enum kn_job_state state,
                  enum kn_status status, const struct kn_error *err);
    void *arg;
};

/*
 * Works until `stop` is triggered, or as the options say. KN_OK: it came to its end. Errors of the
 * store are waited out, with a warning each time it stays away, but for those of the beginning,
 * which are returned, and NOT_FOUND: its file was deleted or replaced; jobs of `only` are done all
 * the same.
 */
enum kn_status kn_job_worker_run(const struct kn_job_worker_options *options,
                                 struct kn_cancel *stop, struct kn_error *err);

#endif
