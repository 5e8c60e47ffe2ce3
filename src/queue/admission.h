/*
 * Who may begin: how many jobs a worker claims now, and why a job waits, said to its owner.
 */
#ifndef KN_QUEUE_ADMISSION_H
#define KN_QUEUE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/job.h"
#include "store/store.h"

struct kn_admission {
    int max_concurrency;  /* jobs at once; 0: 50 */
    int chunk_size;       /* claimed at a time; 0: 10 */
    int64_t memory_bytes; /* that all jobs together may expect to use; 0: no bound */

    /* What runs now, counted by begin and end. */
    int running;
    int64_t memory_used;
};

void kn_admission_begin(struct kn_admission *admission, const struct kn_job *job);
void kn_admission_end(struct kn_admission *admission, const struct kn_job *job);
/* How many may be claimed now. */
int kn_admission_room(const struct kn_admission *admission);
/* Sets the claiming part of a turn. A job that is larger than all memory runs alone: the first one
 * of an idle worker is claimed however large it is. */
void kn_admission_fill(const struct kn_admission *admission, struct kn_turn *turn);

/* What is known of a job that waits. */
struct kn_waiting {
    const struct kn_job *job;
    const struct kn_admission *admission; /* of a worker that may claim it; NULL: not known */
    bool paused;
    int64_t ahead;      /* see kn_store_position */
    int64_t now_us;     /* wall clock */
    const char *reason; /* of its last failure; NULL: none */
};

enum { KN_WAIT_TEXT_BYTES = 256 };
/* "waiting: 12 jobs ahead"; "" for a job that does not wait. Times of day are local. */
const char *kn_waiting_why(const struct kn_waiting *waiting, char text[KN_WAIT_TEXT_BYTES]);

#endif
