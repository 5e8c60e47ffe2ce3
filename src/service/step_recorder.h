/*
 * Steps that are done, into the store behind the work: a bounded queue and a thread that takes all
 * that is there and commits it together, so that no lane waits for a database.
 *
 * Being late is allowed, since a step's result is on the disk before it is recorded; being lost is
 * not. Where the store is away, records wait and are tried again until their job is another's, so
 * a job is finished after its steps: who ends it flushes its line first.
 */
#ifndef KN_SERVICE_STEP_RECORDER_H
#define KN_SERVICE_STEP_RECORDER_H

#include "store/store.h"

/* A job's place among those that record; the caller's, zeroed but for the first two. */
struct kn_step_line {
    struct kn_holder holder;
    void *arg; /* the caller's own */

    /* The recorder's, by its lock. */
    int waiting;  /* records that are not settled */
    bool dropped; /* nothing more of it is recorded */
};

struct kn_step_recorder;

struct kn_step_recorder_options {
    struct kn_store *store; /* borrowed */
    int capacity;           /* records that wait before who adds one waits; 0: 256 */
    int tries;              /* with a store that is away; 0: as long as it takes */
    /* The line's job is another's by now; its line is dropped. On the recorder's thread. */
    void (*lost)(void *arg, struct kn_step_line *line);
    void *arg;
};

/* Any failure: its thread could not be started. */
enum kn_status kn_step_recorder_open(const struct kn_step_recorder_options *options,
                                     struct kn_step_recorder **ret_recorder, struct kn_error *err);
/* Every line has been flushed; NULL is fine. */
void kn_step_recorder_close(struct kn_step_recorder *recorder);

/* Copies the texts. Waits for room. Any thread. CANCELLED: it was not taken. */
enum kn_status kn_step_recorder_put(struct kn_step_recorder *recorder, struct kn_step_line *line,
                                    const char *name, const char *data, struct kn_cancel *cancel,
                                    struct kn_error *err);
/* Waits until all that was put into the line is recorded, or will never be (then a warning has said
 * so). The line may be freed afterwards. */
void kn_step_recorder_flush(struct kn_step_recorder *recorder, struct kn_step_line *line);
/* The job is not ours any more: what waits of it is let go. Any thread, and with locks held. */
void kn_step_recorder_drop(struct kn_step_recorder *recorder, struct kn_step_line *line);

#endif
