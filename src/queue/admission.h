/*
 * Who may begin: how many jobs a worker claims now, and why a job waits, said to its owner.
 *
 * Memory. Many jobs are in flight, but what computes is bounded by the lanes, and computing is what
 * takes memory: pictures in decoders and encoders. A job's expected memory is what one such step of
 * it takes, and a small part of it stays with a job that is in flight and waits for its turn in
 * the lanes. So what jobs together are expected to take is
 *
 *     base + sum of what stays with each + (for the few largest that fill the lanes) steps x memory
 *
 * and no less than what the process has at this moment, which knows better where a job turns out
 * larger than expected.
 */
#ifndef KN_QUEUE_ADMISSION_H
#define KN_QUEUE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/job.h"
#include "store/store.h"

struct kn_admission {
    int max_concurrency;  /* jobs at once; 0: 50 */
    int chunk_size;       /* claimed at a time; 0: 10 */
    int64_t memory_bytes; /* that the process may use; 0: no bound */
    int64_t base_bytes;   /* that it takes without any job */
    int lanes;            /* threads that compute; 0: 1 */

    /* What it has at this moment; 0: not known. Set before each turn. */
    int64_t measured_bytes;

    /* What runs now, counted by begin and end. */
    int running;
    KN_VEC(int64_t) needs; /* theirs, the largest first */
};

void kn_admission_done(struct kn_admission *admission);
void kn_admission_begin(struct kn_admission *admission, const struct kn_job *job);
void kn_admission_end(struct kn_admission *admission, const struct kn_job *job);
/* What all that runs is expected to take, or has. */
int64_t kn_admission_used(const struct kn_admission *admission);
/* How many may be claimed now. */
int kn_admission_room(const struct kn_admission *admission);
/* Sets the claiming part of a turn. A job that is larger than all memory runs alone: the first one
 * of an idle worker is claimed however large it is. */
void kn_admission_fill(const struct kn_admission *admission, struct kn_turn *turn);

/* As others may know it: see kn_store_put_room. */
struct kn_worker_room kn_admission_tell(const struct kn_admission *admission);

/* What is known of a job that waits. */
struct kn_waiting {
    const struct kn_job *job;
    /* Of the workers that may claim it; none: not known. */
    const struct kn_worker_room *rooms;
    int room_count;
    bool paused;
    int64_t ahead;      /* see kn_store_position */
    int64_t now_us;     /* wall clock */
    const char *reason; /* of its last failure; NULL: none */
};

enum { KN_WAIT_TEXT_BYTES = 256 };
/* "waiting: 12 jobs ahead"; "" for a job that does not wait. Times of day are local. */
const char *kn_waiting_why(const struct kn_waiting *waiting, char text[KN_WAIT_TEXT_BYTES]);

#endif
