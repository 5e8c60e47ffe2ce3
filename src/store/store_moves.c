/*
 * What users ask for. Each looks at the job under a lock, asks kn_job_moves whether it may, and
 * then changes it; the guards in the statements are the same again.
 */
#include "store/store_parts.h"

static const struct kn_statement lock_job = {
    .name = "lock_job",
    .access = KN_WRITE,
    .tables = "job job_spec",
    .sqlite = KN_JOB_SQLITE "j.id = $1",
    .postgres = KN_JOB_POSTGRES "j.id = $1 FOR UPDATE",
};

static enum kn_status no_such_job(int64_t job, struct kn_error *err)
{
    return kn_error_set(err, KN_NOT_FOUND, "there is no job %lld", (long long)job);
}

static enum kn_status read_job(struct kn_change *change, int64_t id, struct kn_job *ret_job,
                               struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(change, &lock_job, KN_VALUES(KN_INT(id)), &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return no_such_job(id, err);
    kn_job_of_row(&rows, 0, 0, ret_job);
    return KN_OK;
}

static enum kn_status refuse(const struct kn_job *job, enum kn_job_move move, struct kn_error *err)
{
    return kn_error_set(err, KN_INVALID, "job %lld is %s and can't be %s", (long long)job->id,
                        kn_job_state_name(job->state), kn_job_moves[move].name);
}

/* A statement that must change the one row that was locked before. */
static enum kn_status change_job(struct kn_change *change, const struct kn_statement *statement,
                                 const struct kn_value *values, int count, int64_t job,
                                 struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(change, statement, values, count, &rows, err);
    if (status == KN_OK && !rows.changed)
        return kn_error_set(err, KN_LOST, "job %lld was changed meanwhile", (long long)job);
    return status;
}

/* ---- cancelling ---- */

/* Where PostgreSQL's text sets `standing` as well (schema/), `more` is that. */
#define CANCEL_QUEUED(more)                                                                        \
    "UPDATE job SET state = 4, held_until_us = NULL, finished_us = $2" more                        \
    " WHERE id = $1 AND state = 0"

static const struct kn_statement cancel_queued = {
    .name = "cancel_queued",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = CANCEL_QUEUED(""),
    .postgres = CANCEL_QUEUED(", standing = 3"),
};

static const struct kn_statement ask_cancel = {
    .name = "ask_cancel",
    .access = KN_WRITE,
    .tables = "job",
    .sql = "UPDATE job SET stop = 1 WHERE id = $1 AND state = 1",
};

/* Of a worker that is gone, or silent for longer than its lease. */
#define DROP_LEFT(more)                                                                            \
    "UPDATE job SET state = 4, stop = 0, held_until_us = NULL, finished_us = $2" more              \
    " WHERE id = $1 AND state = 1 AND NOT EXISTS (SELECT 1 FROM worker AS w"                       \
    " WHERE w.id = job.worker AND w.alive_until_us >= $2)"

static const struct kn_statement drop_left = {
    .name = "drop_left",
    .access = KN_WRITE,
    .tables = "job worker",
    .sqlite = DROP_LEFT(""),
    .postgres = DROP_LEFT(", standing = 3"),
};

struct move {
    int64_t job;
    enum kn_job_state state; /* after it */
};

/* Nobody is there to end it: it ends here. *ret_dropped: so it was. */
static enum kn_status drop_if_left(struct kn_change *change, const struct kn_job *job,
                                   bool *ret_dropped, struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &drop_left, KN_VALUES(KN_INT(job->id), KN_INT(change->now_us)), &rows, err);
    *ret_dropped = status == KN_OK && rows.changed;
    if (!*ret_dropped)
        return status;
    static const char why[] = "stopped by request; " KN_WENT_AWAY;
    kn_change_event(change, KN_EVENT_CANCELLED, &job->id, 1, why);
    return kn_reason_add(change, job->id, job->attempt, KN_CANCELLED, why, err);
}

static enum kn_status cancel_job(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct move *move = arg;
    struct kn_job job;
    enum kn_status status = read_job(change, move->job, &job, err);
    if (status != KN_OK)
        return status;
    move->state = job.state;
    if (kn_job_may(job.state, KN_MOVE_DROP)) {
        bool dropped;
        status = drop_if_left(change, &job, &dropped, err);
        if (dropped)
            move->state = KN_JOB_CANCELLED;
        if (status != KN_OK || dropped)
            return status;
    }
    if (job.cancel_asked)
        return KN_OK;
    if (kn_job_may(job.state, KN_MOVE_CANCEL)) {
        move->state = KN_JOB_CANCELLED;
        kn_change_event(change, KN_EVENT_CANCELLED, &job.id, 1, NULL);
        return change_job(change, &cancel_queued, KN_VALUES(KN_INT(job.id), KN_INT(change->now_us)),
                          job.id, err);
    }
    if (!kn_job_may(job.state, KN_MOVE_ASK_CANCEL))
        return job.state == KN_JOB_CANCELLED ? KN_OK : refuse(&job, KN_MOVE_CANCEL, err);
    change->wakes = true;
    kn_change_event(change, KN_EVENT_CANCEL_ASKED, &job.id, 1, NULL);
    return change_job(change, &ask_cancel, KN_VALUES(KN_INT(job.id)), job.id, err);
}

enum kn_status kn_store_cancel(struct kn_store *store, int64_t job, enum kn_job_state *ret_state,
                               struct kn_error *err)
{
    struct move move = {.job = job};
    enum kn_status status = kn_store_change(store, cancel_job, &move, NULL, NULL, err);
    if (status == KN_OK)
        *ret_state = move.state;
    return status;
}

/* ---- retrying ---- */

#define KEY_ELSEWHERE "SELECT id FROM job WHERE key = $1 AND key IS NOT NULL AND "

static const struct kn_statement key_elsewhere = {
    .name = "key_elsewhere",
    .access = KN_READ,
    .tables = "job",
    .sqlite = KEY_ELSEWHERE KN_SQLITE_LIVE,
    .postgres = KEY_ELSEWHERE KN_POSTGRES_LIVE,
};

#define REQUEUE(more)                                                                              \
    "UPDATE job SET state = 0, attempts_left = attempts_max, stop = 0, finished_us = NULL,"        \
    " held_until_us = $2" more " WHERE id = $1 AND state IN (3, 4)"

static const struct kn_statement requeue_job = {
    .name = "requeue_job",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = REQUEUE(""),
    .postgres = REQUEUE(", standing = 1"),
};

/* `other`: 0: not known. */
static enum kn_status key_is_elsewhere(const struct kn_job *job, int64_t other,
                                       struct kn_error *err)
{
    if (!other)
        return kn_error_set(err, KN_INVALID, "job %lld can't be retried: another one does the same",
                            (long long)job->id);
    return kn_error_set(err, KN_INVALID, "job %lld can't be retried: job %lld does the same",
                        (long long)job->id, (long long)other);
}

static enum kn_status retry_job(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct move *move = arg;
    struct kn_job job;
    struct kn_rows rows;
    enum kn_status status = read_job(change, move->job, &job, err);
    if (status != KN_OK)
        return status;
    if (!kn_job_may(job.state, KN_MOVE_RETRY))
        return refuse(&job, KN_MOVE_RETRY, err);
    if (job.key) {
        status = kn_change_do(change, &key_elsewhere, KN_VALUES(kn_text(job.key)), &rows, err);
        if (status != KN_OK)
            return status;
        if (rows.count)
            return key_is_elsewhere(&job, kn_cell_int(&rows, 0, 0), err);
    }
    change->wakes = true;
    kn_change_event(change, KN_EVENT_REQUEUED, &job.id, 1, NULL);
    status = change_job(change, &requeue_job, KN_VALUES(KN_INT(job.id), KN_INT(change->now_us)),
                        job.id, err);
    if (status == KN_INVALID) /* PostgreSQL: somebody has submitted the key since the look above */
        return key_is_elsewhere(&job, 0, err);
    return status == KN_OK ? kn_jobs_place(change, job.level, job.owner, &job.id, 1, err) : status;
}

enum kn_status kn_store_retry(struct kn_store *store, int64_t job, struct kn_error *err)
{
    struct move move = {.job = job};
    return kn_store_change(store, retry_job, &move, NULL, NULL, err);
}

/* ---- to the front ---- */

#define BUMP(floor, more)                                                                          \
    "UPDATE job SET level = $1, tag = " floor " - 1, held_until_us = NULL, waiting_us = $2" more   \
    " WHERE id = $3 AND state = 0"

static const struct kn_statement bump_job = {
    .name = "bump_job",
    .access = KN_WRITE,
    .tables = "job share",
    .sqlite = BUMP(KN_SQLITE_FLOOR, ""),
    .postgres = BUMP(KN_POSTGRES_FLOOR, ", standing = 0"),
};

static enum kn_status bump(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct move *move = arg;
    struct kn_job job;
    enum kn_status status = read_job(change, move->job, &job, err);
    if (status != KN_OK)
        return status;
    if (!kn_job_may(job.state, KN_MOVE_BUMP))
        return refuse(&job, KN_MOVE_BUMP, err);
    change->wakes = true;
    kn_change_event(change, KN_EVENT_BUMPED, &job.id, 1, NULL);
    return change_job(
        change, &bump_job,
        KN_VALUES(KN_INT(change->store->levels - 1), KN_INT(change->now_us), KN_INT(job.id)),
        job.id, err);
}

enum kn_status kn_store_bump(struct kn_store *store, int64_t job, struct kn_error *err)
{
    struct move move = {.job = job};
    return kn_store_change(store, bump, &move, NULL, NULL, err);
}

/* ---- removing ---- */

#define REMOVE(what, table, where)                                                                 \
    {                                                                                              \
        .name = what, .access = KN_WRITE, .tables = table,                                         \
        .sql = "DELETE FROM " table " WHERE " where                                                \
    }

static enum kn_status remove_job(struct kn_change *change, void *arg, struct kn_error *err)
{
    static const struct kn_statement job_row =
        REMOVE("remove_job", "job", "id = $1 AND state IN (2, 3, 4)");
    static const struct kn_statement spec = REMOVE("remove_spec", "job_spec", "job = $1");
    static const struct kn_statement others[] = {
        REMOVE("remove_reasons", "reason", "job = $1"),
        REMOVE("remove_steps", "step", "job = $1"),
        REMOVE("remove_progress", "progress", "job = $1"),
    };
    struct move *move = arg;
    struct kn_job job;
    enum kn_status status = read_job(change, move->job, &job, err);
    if (status != KN_OK)
        return status;
    if (!kn_job_may(job.state, KN_MOVE_REMOVE))
        return refuse(&job, KN_MOVE_REMOVE, err);
    kn_change_event(change, KN_EVENT_REMOVED, &job.id, 1, NULL);
    status = change_job(change, &job_row, KN_VALUES(KN_INT(job.id)), job.id, err);
    if (status == KN_OK && change->store->kind == KN_DATABASE_SQLITE)
        status = kn_change_do(change, &spec, KN_VALUES(KN_INT(job.id)), NULL, err);
    for (size_t i = 0; status == KN_OK && i < KN_COUNT_OF(others); i++)
        status = kn_change_do(change, &others[i], KN_VALUES(KN_INT(job.id)), NULL, err);
    return status;
}

enum kn_status kn_store_remove(struct kn_store *store, int64_t job, struct kn_error *err)
{
    struct move move = {.job = job};
    return kn_store_change(store, remove_job, &move, NULL, NULL, err);
}

/* ---- the queue as a whole ---- */

static const struct kn_statement set_paused = {
    .name = "set_paused",
    .access = KN_WRITE,
    .tables = "queue",
    .sql = "UPDATE queue SET paused = $1 WHERE paused <> $1",
};

static enum kn_status pause_queue(struct kn_change *change, void *arg, struct kn_error *err)
{
    static const int64_t no_job = 0;
    const bool *paused = arg;
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &set_paused, KN_VALUES(KN_INT(*paused)), &rows, err);
    if (status != KN_OK || !rows.changed)
        return status;
    change->wakes = true;
    kn_change_event(change, *paused ? KN_EVENT_PAUSED : KN_EVENT_RESUMED, &no_job, 1, NULL);
    return KN_OK;
}

enum kn_status kn_store_pause(struct kn_store *store, bool paused, struct kn_error *err)
{
    return kn_store_change(store, pause_queue, &paused, NULL, NULL, err);
}
