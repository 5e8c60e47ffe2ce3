/*
 * Following jobs, whichever process runs them: what `kirinuki watch` and kn_queue_follow show.
 *
 * Changes of state come from the store's events, in the order of their ids, so none is missed, and
 * what was missed while nobody followed is read from the id that was seen last. Percentages are the
 * newest snapshot that a job's worker has put into the store; they are looked for twice a second.
 */
#ifndef KN_SERVICE_FOLLOW_H
#define KN_SERVICE_FOLLOW_H

#include <kirinuki/progress.h>

#include "store/store.h"

/* A job as it stands, during a call. */
struct kn_followed {
    const struct kn_job *job; /* `state` is KN_JOB_CANCELLED for one that was removed */
    const char *waits;        /* why; "" where it does not */
    double fraction;          /* never less than before, whatever becomes of the job */
    int64_t event_id;         /* the last event that was read: what follows has a higher one */
    int64_t eta_ms;           /* -1: not known */
    /* Its tree as service/progress_text.h gives it; none unless it runs. */
    const struct kn_progress_view *views;
    int view_count;
};

enum { KN_FOLLOW_FROM_NOW = -1 };

struct kn_follow_options {
    const int64_t *jobs; /* NULL: all */
    int job_count;
    int64_t since; /* events after this id are told; KN_FOLLOW_FROM_NOW */
    bool stays;    /* goes on when all have ended, and takes in new jobs; else only all is told */
    /* What happened, in order. Optional. */
    void (*event)(void *arg, const struct kn_event *event, const struct kn_job *job);
    /* A job's state, reason or progress is another than at the call before, or is told for the
     * first time. Optional: without it nobody looks for progress. */
    void (*changed)(void *arg, const struct kn_followed *followed);
    /* The store can't be asked, for this reason. Told once each time it goes away; then it is asked
     * each second until it answers, and what happened meanwhile is told. Optional: without it the
     * failure is returned. That of the first look always is. */
    void (*away)(void *arg, const struct kn_error *why);
    void *arg;
};

struct kn_follow_end {
    int jobs, done; /* followed; of these DONE */
};

/* Blocks until all have ended, or `cancel` is triggered (CANCELLED). NOT_FOUND: there is no such
 * job. Events that were trimmed before they could be read are left out; the states are told. */
enum kn_status kn_follow(struct kn_store *store, const struct kn_follow_options *options,
                         struct kn_cancel *cancel, struct kn_follow_end *ret_end,
                         struct kn_error *err);

#endif
