/*
 * Jobs: what was asked for a source, and what became of it.
 *
 *              claim                finish(ok)
 *   QUEUED ------------> LEASED ------------------------> DONE
 *    | ^ ^                 | | |
 *    | | |                 | | `-- finish(cancelled) ---> CANCELLED --.
 *    | | |                 | `---- finish(error) -------> FAILED ---. |
 *    | | |                 |       or attempts used up              | |
 *    | | `-- finish(may be retried), reclaim(silent worker) --'     | |
 *    | `--------------------- retry --------------------------------'-'
 *    `-- cancel --> CANCELLED
 *
 * Cancelling a LEASED job leaves it LEASED with a mark that its worker sees; the worker ends it
 * with finish(cancelled). When the worker goes away first, was gone already, or fails in a way that
 * would be retried, the job is CANCELLED as well. FAILED is the dead letter: the reasons of all
 * attempts are kept.
 *
 * kn_job_moves is the one table of what is allowed. The store's statements carry the same as
 * guards (`WHERE state = …`), so that a lost race is KN_LOST and never a second run.
 */
#ifndef KN_MODEL_JOB_H
#define KN_MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/status.h>

/* Stored as numbers: never renumber. */
enum kn_job_state {
    KN_JOB_QUEUED,
    KN_JOB_LEASED,
    KN_JOB_DONE,
    KN_JOB_FAILED,
    KN_JOB_CANCELLED,
    KN_JOB_STATE_COUNT
};

/* What moves a job from one state to another. */
enum kn_job_move {
    KN_MOVE_CLAIM,
    KN_MOVE_FINISH_OK,
    KN_MOVE_FINISH_RETRY,
    KN_MOVE_FINISH_ERROR,
    KN_MOVE_FINISH_CANCELLED,
    KN_MOVE_CANCEL,
    KN_MOVE_ASK_CANCEL,
    KN_MOVE_RECLAIM,
    KN_MOVE_GIVE_UP,
    KN_MOVE_DROP,
    KN_MOVE_RETRY,
    KN_MOVE_BUMP,
    KN_MOVE_REMOVE,
    KN_MOVE_COUNT
};

enum { KN_JOB_GONE = -1 }; /* for `to`: the job is no more */

struct kn_job_transition {
    const char *name; /* for sentences: "cancelled" in "can't be cancelled" */
    unsigned from;    /* a bit for each state it may start from: 1 << KN_JOB_QUEUED */
    int to;           /* enum kn_job_state, or KN_JOB_GONE */
    const char *caller;
};
extern const struct kn_job_transition kn_job_moves[KN_MOVE_COUNT];

bool kn_job_may(enum kn_job_state state, enum kn_job_move move);
const char *kn_job_state_name(enum kn_job_state state); /* "queued"; never NULL */
bool kn_job_state_parse(const char *name, enum kn_job_state *ret_state);
bool kn_job_state_final(enum kn_job_state state); /* nothing happens to it by itself any more */

/* What is submitted. Texts are borrowed during the call. */
struct kn_job_spec {
    const char *key;   /* content and options, or NULL: submitted once while it lives */
    const char *owner; /* fair share is between owners; NULL: "" */
    const char *source;
    const char *options;   /* JSON; NULL: "{}" */
    int level;             /* 0 (lowest) to the store's levels - 1 */
    int64_t not_before_us; /* wall clock; 0: at once */
    int attempts_max;      /* 0: 5 */
    int64_t memory_bytes;  /* expected while a step of it computes; 0: not known */
    bool force;            /* takes the key from the job that has it */
};

/* As stored. Texts live in the arena that the job was read into. Times are wall clock. */
struct kn_job {
    int64_t id;
    enum kn_job_state state;
    int level;
    int64_t tag; /* place between the owners of a level */
    const char *key, *owner, *source, *options;
    int64_t memory_bytes;
    int attempt;       /* how often it was claimed: tells runs of the same job apart */
    int attempts_left; /* before it is given up */
    int attempts_max;
    int64_t held_until_us; /* not claimed before; 0: may be claimed */
    int64_t submitted_us;
    int64_t waiting_us;  /* since when it waits at this level */
    int64_t claimed_us;  /* 0: never was */
    int64_t finished_us; /* 0: is not */
    int64_t worker;      /* who has it, or had it last; 0: nobody */
    bool cancel_asked;
};

/* Of `kirinuki run`: it waits with a time that never comes, and nobody else takes it. The time is
 * larger than any that comes, and small enough to be added to. */
#define KN_JOB_RESERVED_US (INT64_MAX / 4)
bool kn_job_is_reserved(int64_t held_until_us);

/* Why an attempt did not end well. */
struct kn_job_reason {
    int attempt;
    int64_t at_us;
    enum kn_status status;
    const char *text;
};

/* A step whose result is kept: a restart does not repeat it. */
struct kn_job_step {
    const char *name;
    int64_t at_us;
    const char *data; /* JSON */
};

/* Stored as numbers: never renumber. */
enum kn_event_kind {
    KN_EVENT_SUBMITTED,
    KN_EVENT_CLAIMED,
    KN_EVENT_DONE,
    KN_EVENT_FAILED,
    KN_EVENT_RETRYING, /* after an error; not before a time */
    KN_EVENT_CANCELLED,
    KN_EVENT_CANCEL_ASKED,
    KN_EVENT_RELEASED, /* its time has come */
    KN_EVENT_PROMOTED, /* waited long, is a level higher now */
    KN_EVENT_BUMPED,
    KN_EVENT_RECLAIMED, /* from a silent worker */
    KN_EVENT_REQUEUED,  /* by a user's retry */
    KN_EVENT_PAUSED,    /* the queue; no job */
    KN_EVENT_RESUMED,
    KN_EVENT_STEP, /* detail: its name */
    KN_EVENT_REMOVED,
    KN_EVENT_KIND_COUNT
};
const char *kn_event_kind_name(enum kn_event_kind kind); /* "submitted"; never NULL */

struct kn_event {
    int64_t id; /* increasing, and visible in this order */
    int64_t at_us;
    enum kn_event_kind kind;
    int64_t job;        /* 0: about the queue */
    const char *detail; /* a reason, a step's name, or NULL */
};

#endif
