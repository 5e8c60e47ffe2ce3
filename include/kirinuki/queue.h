/*
 * The queue, for programs that hand videos over and follow them: the same that `kirinuki add`,
 * `jobs` and `watch` use. The work is done by workers (`kirinuki worker`), in other processes.
 *
 * A queue is an SQLite file or a PostgreSQL server (see kirinuki/database.h). Any thread may use an
 * open one. Beside what each function states, any may return what the database gives: REMOTE,
 * TIMEOUT, IO, NO_SPACE, DENIED, LOST when the connection broke while a change was being committed.
 */
#ifndef KIRINUKI_QUEUE_H
#define KIRINUKI_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>
#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_queue;

/* `where`: a file, "postgres://…", or NULL: the user's own, as the program has it. UNSUPPORTED: its
 * tables are of a newer kirinuki. */
enum kn_status kn_queue_open(const char *where, struct kn_queue **ret_queue, struct kn_error *err);
void kn_queue_close(struct kn_queue *queue); /* nobody may use it; NULL is fine */

/* ---- handing over ---- */

/* As on the command line, without the dashes: {"clips", "3"}, {"captions", "bold"}, {"speech",
 * "no"}. `kirinuki add --help` lists them. */
struct kn_queue_option {
    const char *name, *value;
};

enum kn_queue_priority { KN_QUEUE_NORMAL, KN_QUEUE_LOW, KN_QUEUE_HIGH };

struct kn_queue_video {
    const char *path; /* of the video; workers must find it there, too */
    const struct kn_queue_option *options;
    int option_count;
    const char *owner; /* owners share the queue fairly; NULL: nobody */
    enum kn_queue_priority priority;
    int64_t not_before_us; /* wall clock; 0: at once */
    bool force;            /* add it even if the same was added before */
};

struct kn_queue_added {
    int64_t job;
    bool known; /* the same video with the same options and folder was there */
};

/*
 * Reads the videos, for what makes them known; adds all of them or none, durable on return.
 * ret_added[count]. INVALID: an option is wrong; NOT_FOUND and others: a video can't be read;
 * LIMIT: more than 10,000 at once.
 */
enum kn_status kn_queue_add(struct kn_queue *queue, const struct kn_queue_video *videos, int count,
                            struct kn_queue_added *ret_added, struct kn_cancel *cancel,
                            struct kn_error *err);

/* Work that runs stops within a second. NOT_FOUND; INVALID: it has ended already. */
enum kn_status kn_queue_cancel(struct kn_queue *queue, int64_t job, struct kn_error *err);

/* ---- looking ---- */

enum kn_queue_state {
    KN_QUEUE_WAITING,
    KN_QUEUE_RUNNING,
    KN_QUEUE_DONE,
    KN_QUEUE_FAILED,
    KN_QUEUE_CANCELLED,
    KN_QUEUE_STATE_COUNT
};
const char *kn_queue_state_name(enum kn_queue_state state); /* "waiting"; never NULL */

enum { KN_QUEUE_TEXT_BYTES = 256 };

/* A job as it stands, a value to keep. */
struct kn_queue_job {
    int64_t job;
    enum kn_queue_state state;
    int attempt;                    /* how often it was begun */
    double fraction;                /* 0..1 */
    int64_t eta_ms;                 /* -1: not known */
    char text[KN_QUEUE_TEXT_BYTES]; /* why it waits or did not end well; may be empty */
};
/* NOT_FOUND. */
enum kn_status kn_queue_get(struct kn_queue *queue, int64_t job, struct kn_queue_job *ret_job,
                            struct kn_error *err);

struct kn_queue_event {
    int64_t id; /* increasing, and visible in this order */
    int64_t at_us;
    int64_t job;                      /* 0: about the queue */
    char what[24];                    /* "submitted", "claimed", "step", "done" … */
    char detail[KN_QUEUE_TEXT_BYTES]; /* a step's name, a reason; may be empty */
};
/* Up to `max` events after `since` (0: from the oldest that is kept), in order. LOST: some of them
 * are not kept any more; read the states anew, and go on from kn_queue_last_event. */
enum kn_status kn_queue_events(struct kn_queue *queue, int64_t since, int max,
                               struct kn_queue_event *ret_events, int *ret_count,
                               struct kn_error *err);
enum kn_status kn_queue_last_event(struct kn_queue *queue, int64_t *ret_id, struct kn_error *err);

/*
 * Follows one job, several or all of them, whichever processes run them. What happens is told on
 * the calling thread:
 *
 * - `event`: each change of a state and each finished step, in the order of their ids; none is
 *   missed. To go on after a while, or after a crash of one's own, keep the id that was seen last
 *   and begin with `since` = that id.
 * - `changed`: how a job stands, when that is not what was told before: why it waits ("waiting: 12
 *   jobs ahead", of the first 20 that do), or the rows of its progress tree, depth first, with each
 *   step's fraction, stage, measured weight and ETA (parts that wait have id -1 and no name).
 *   Looked for twice a second; what came and went between is not told. The job's own fraction
 *   never runs backwards, though another attempt may begin at an earlier step.
 */
enum { KN_QUEUE_FROM_NOW = -1 }; /* for `since` */

struct kn_queue_follower {
    const int64_t *jobs; /* NULL: all that wait or run, and with `since` what has ended, too */
    int job_count;
    int64_t since; /* the id of an event; 0: from the oldest that is kept */
    bool stays;    /* all jobs: goes on when they have ended, and takes in new ones */
    /* Either may be NULL. */
    void (*event)(void *arg, const struct kn_queue_event *event);
    void (*changed)(void *arg, const struct kn_queue_job *job, const struct kn_progress_view *views,
                    int count);
    void *arg;
};

/* Until all of them have ended (KN_OK) or `cancel` is triggered (CANCELLED). NOT_FOUND: there is no
 * such job. Events that are not kept any more are left out, and the states told. */
enum kn_status kn_queue_follow(struct kn_queue *queue, const struct kn_queue_follower *follower,
                               struct kn_cancel *cancel, struct kn_error *err);

/*
 * Waits until a job has ended. `changed` (may be NULL) is called on this thread, at once and then
 * about twice a second while it runs, with the job and the rows of its progress tree, depth first
 * (none before it begins; parts that wait have no name). CANCELLED: the waiting was, not the job.
 */
enum kn_status kn_queue_wait(struct kn_queue *queue, int64_t job,
                             void (*changed)(void *arg, const struct kn_queue_job *job,
                                             const struct kn_progress_view *views, int count),
                             void *arg, struct kn_cancel *cancel, struct kn_queue_job *ret_job,
                             struct kn_error *err);

#ifdef __cplusplus
}
#endif
#endif
