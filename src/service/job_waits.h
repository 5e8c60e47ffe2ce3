/* Why a job waits, asked of the store. */
#ifndef KN_SERVICE_JOB_WAITS_H
#define KN_SERVICE_JOB_WAITS_H

#include "store/store.h"

/* "waiting: 12 jobs ahead"; "" for a job that does not wait. In the arena. */
const char *kn_job_waits(struct kn_store *store, const struct kn_job *job, struct kn_arena *arena);

#endif
