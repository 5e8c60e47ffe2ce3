/* Why a job waits, asked of the store. */
#ifndef KN_SERVICE_JOB_WAITS_H
#define KN_SERVICE_JOB_WAITS_H

#include "store/store.h"

/* Why its last attempt did not end well; NULL: it did, or that can't be read. In the arena. */
const char *kn_job_last_reason(struct kn_store *store, int64_t job, struct kn_arena *arena);

/* "waiting: 12 jobs ahead"; what a job waits for whose worker is gone; "" for one that does not
 * wait. In the arena. */
const char *kn_job_waits(struct kn_store *store, const struct kn_job *job, struct kn_arena *arena);

/* The same for many: what is the same for all of them is asked once. */
struct kn_queue_outlook {
    bool paused;
    const int64_t *workers; /* that are alive; in the arena; NULL: not known */
    int worker_count;
    const struct kn_worker_room *rooms; /* in the arena */
    int room_count;
};
struct kn_queue_outlook kn_queue_outlook(struct kn_store *store, struct kn_arena *arena);
const char *kn_job_waits_in(struct kn_store *store, const struct kn_queue_outlook *outlook,
                            const struct kn_job *job, struct kn_arena *arena);

#endif
