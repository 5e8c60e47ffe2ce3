/*
 * Workers: joining, the heartbeat, leaving; and what is done for those that went away.
 *
 * A worker is alive while its row is there. Reclaiming removes the rows of the silent ones and, in
 * the same transaction, takes back every LEASED job whose worker has no row. So a job that such a
 * worker claims at that very moment is found the next time, and a renewal that comes too late
 * finds no row and is LOST.
 */
#include <unistd.h>

#include "store/database_backend.h"
#include "store/store_parts.h"

enum { HOST_BYTES = 256, RECLAIM_AT_ONCE = 1000 };

enum kn_status kn_worker_gone(int64_t worker, struct kn_error *err)
{
    return kn_error_set(err, KN_LOST,
                        "worker %lld was silent for too long, and others have its jobs",
                        (long long)worker);
}

static enum kn_status check_lease(int64_t lease_us, struct kn_error *err)
{
    return lease_us > 0 ? KN_OK : kn_error_set(err, KN_INVALID, "a lease has to be longer than 0");
}

/* Of a row `l` of the table lease, which PostgreSQL alone has. */
#define NO_JOB_LEFT                                                                                \
    "NOT EXISTS (SELECT 1 FROM unnest(l.jobs) AS x (id) JOIN job AS j USING (id)"                  \
    " WHERE j.state = 1 AND j.worker = l.worker)"

enum kn_status kn_store_join(struct kn_store *store, const char *name, int64_t lease_us,
                             int64_t *ret_worker, struct kn_error *err)
{
    static const struct kn_statement add_worker = {
        .name = "add_worker",
        .access = KN_WRITE,
        .tables = "worker",
        .sql = "INSERT INTO worker (name, host, pid, started_us, alive_until_us)"
               " VALUES ($1, $2, $3, $4, $5) RETURNING id",
    };
    if (check_lease(lease_us, err) != KN_OK)
        return KN_INVALID;
    char host[HOST_BYTES] = "";
    (void)gethostname(host, sizeof host - 1); /* for people only */
    int64_t now_us = kn_store_now_us(store);
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &add_worker,
                    KN_VALUES(kn_text(name ? name : ""), kn_text(host), KN_INT(getpid()),
                              KN_INT(now_us), KN_INT(now_us + lease_us)),
                    arena, &rows, err);
    if (status == KN_OK)
        *ret_worker = kn_cell_int(&rows, 0, 0);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_store_renew(struct kn_store *store, int64_t worker, int64_t lease_us,
                              struct kn_arena *arena, const int64_t **ret_cancel, int *ret_count,
                              struct kn_error *err)
{
    static const struct kn_statement renew_worker = {
        .name = "renew_worker",
        .access = KN_WRITE,
        .tables = "worker",
        .sql = "UPDATE worker SET alive_until_us = $2 WHERE id = $1",
    };
    static const struct kn_statement jobs_to_cancel = {
        .name = "jobs_to_cancel",
        .access = KN_READ,
        .tables = "job lease",
        .sqlite = "SELECT id FROM job WHERE worker = $1 AND state = 1 AND stop = 1 ORDER BY id",
        .postgres =
            "SELECT DISTINCT j.id FROM lease AS l CROSS JOIN LATERAL unnest(l.jobs) AS x (id)"
            " JOIN job AS j ON j.id = x.id AND j.worker = l.worker"
            " WHERE l.worker = $1 AND j.state = 1 AND j.stop = 1 ORDER BY j.id",
    };
    /* Rows of claims of which no job is left. Found out here and not at each finish, which would
     * cost more: a look at each job that was claimed since the last time. */
    static const struct kn_statement drop_leases = {
        .name = "drop_leases",
        .access = KN_WRITE,
        .tables = "lease job",
        .postgres = "DELETE FROM lease AS l WHERE worker = $1 AND " NO_JOB_LEFT,
    };
    if (check_lease(lease_us, err) != KN_OK)
        return KN_INVALID;
    enum kn_status status = kn_database_check(store->database, err);
    if (status == KN_OK)
        status = kn_store_measure_clock(store, err);
    if (status != KN_OK)
        return status;
    struct kn_value renewal[] = {KN_INT(worker), KN_INT(kn_store_now_us(store) + lease_us)};
    struct kn_value question[] = {KN_INT(worker)};
    struct kn_operation operations[3] = {
        {.statement = &renew_worker, .value_count = 2, .values = renewal},
    };
    int parts = 1;
    if (store->kind == KN_DATABASE_POSTGRES)
        operations[parts++] =
            (struct kn_operation){.statement = &drop_leases, .value_count = 1, .values = question};
    const struct kn_operation *asked = &operations[parts];
    operations[parts++] =
        (struct kn_operation){.statement = &jobs_to_cancel, .value_count = 1, .values = question};
    status = KN_LOST; /* which is not to be said of a renewal that may have been committed */
    for (int tries = 0; status == KN_LOST && tries < KN_UNKNOWN_TRIES; tries++)
        status = kn_batch_run(store->database, operations, parts, arena, NULL, err);
    if (status == KN_LOST)
        return kn_error_set(err, KN_REMOTE, "the connection to the database breaks at each commit");
    if (status != KN_OK)
        return status;
    if (!operations[0].rows.changed)
        return kn_worker_gone(worker, err);
    int count = asked->rows.count;
    int64_t *jobs = kn_arena_array(arena, (size_t)count + 1, sizeof *jobs);
    for (int i = 0; i < count; i++)
        jobs[i] = kn_cell_int(&asked->rows, i, 0);
    *ret_cancel = jobs;
    *ret_count = count;
    return KN_OK;
}

enum kn_status kn_store_leave(struct kn_store *store, int64_t worker, struct kn_error *err)
{
    static const struct kn_statement remove_worker = {
        .name = "remove_worker",
        .access = KN_WRITE,
        .tables = "worker",
        .sql = "DELETE FROM worker WHERE id = $1",
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &remove_worker, KN_VALUES(KN_INT(worker)), arena, &rows, err);
    kn_arena_free(arena);
    return status;
}

/* ---- reclaiming ---- */

static const struct kn_statement remove_silent_workers = {
    .name = "remove_silent_workers",
    .access = KN_WRITE,
    .tables = "worker",
    .sql = "DELETE FROM worker WHERE alive_until_us < $1",
};

static const struct kn_statement jobs_left_alone = {
    .name = "jobs_left_alone",
    .access = KN_WRITE, /* it locks */
    .tables = "job worker",
    .sqlite = "SELECT id, worker, attempt, stop, level, attempts_max, held_until_us FROM job"
              " WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job.worker)"
              " ORDER BY level, id LIMIT $1",
    .postgres = "SELECT j.id, j.worker, attempt, stop, level, attempts_max, held_until_us"
                " FROM lease AS l CROSS JOIN LATERAL unnest(l.jobs) AS x (id)"
                " JOIN job AS j ON j.id = x.id AND j.worker = l.worker WHERE j.state = 1"
                " AND NOT EXISTS (SELECT 1 FROM worker AS w WHERE w.id = l.worker)"
                " ORDER BY level, j.id LIMIT $1 FOR UPDATE OF j SKIP LOCKED",
};

/* A claim that a silent worker makes at this very moment is not seen, and so not dropped. */
static const struct kn_statement drop_leases_left = {
    .name = "drop_leases_left",
    .access = KN_WRITE,
    .tables = "lease job worker",
    .postgres = "DELETE FROM lease AS l WHERE NOT EXISTS (SELECT 1 FROM worker AS w"
                " WHERE w.id = l.worker) AND " NO_JOB_LEFT,
};

/*
 * Worker and attempt once more: PostgreSQL looks at a row again when it has locked it, but with the
 * workers that it saw before; the job may be somebody else's by now, who joined since. A job that
 * goes back waits for its place (kn_jobs_place) with a time that is over, or for its turn alone
 * with one that is to come.
 */
#define TAKE_BACK(more)                                                                            \
    "UPDATE job SET stop = 0, state = $4, held_until_us = $5, finished_us = $6,"                   \
    " attempts_left = attempts_left + $7" more                                                     \
    " WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 1"

static const struct kn_statement take_back = {
    .name = "take_back",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = TAKE_BACK(""),
    .postgres = TAKE_BACK(", standing = CASE $4::smallint WHEN 0 THEN 1 ELSE 3 END"),
};

static const struct kn_statement count_crashes = {
    .name = "count_crashes",
    .access = KN_READ,
    .tables = "reason step job",
    .sql = "SELECT " KN_CRASHES("j.id") ", " KN_CRASHES_EVER("j.id") " FROM job AS j WHERE id = $1",
};

struct reclaim {
    int64_t silent_us; /* who was silent then */
    int count;
    bool more;
};

/* A job that its worker took with it, or the other way round. */
struct left_job {
    int64_t id, worker, attempt, attempts_max;
    bool stop;
    bool reserved; /* its time never comes: of a `kirinuki run`, which alone may run it */
    int level;

    /* What becomes of it, and why. */
    enum kn_job_state state;
    const char *text;
    bool suspected; /* it is to run alone, after a while */
};

static struct left_job left_job_of(const struct kn_rows *rows, int row)
{
    return (struct left_job){
        .id = kn_cell_int(rows, row, 0),
        .worker = kn_cell_int(rows, row, 1),
        .attempt = kn_cell_int(rows, row, 2),
        .stop = kn_cell_int(rows, row, 3) != 0,
        .level = (int)kn_cell_int(rows, row, 4),
        .attempts_max = kn_cell_int(rows, row, 5),
        .reserved = kn_job_is_reserved(kn_cell_int(rows, row, 6)),
        .state = KN_JOB_QUEUED,
        .text = KN_WENT_AWAY,
    };
}

/*
 * Of the many jobs that a worker had, one at most was the reason of its end, so the attempt counts
 * for none of them. What counts is how often this has happened since the job's last step: whoever
 * saw it happen twice runs alone from then on (kn_store_promote), so that no innocent job is beside
 * the guilty one time after time, and is given up in the end. A job that records a step and
 * ends its worker again and again is given up as well, later.
 */
static enum kn_status judge(struct kn_change *change, struct left_job *job, struct kn_error *err)
{
    struct kn_rows rows;
    if (job->stop) {
        job->state = KN_JOB_CANCELLED;
        job->text = "stopped by request; " KN_WENT_AWAY;
        return KN_OK;
    }
    if (job->reserved) {
        job->state = KN_JOB_FAILED;
        return KN_OK;
    }
    enum kn_status status =
        kn_change_do(change, &count_crashes, KN_VALUES(KN_INT(job->id)), &rows, err);
    if (status != KN_OK)
        return status;
    int64_t crashes = kn_cell_int(&rows, 0, 0) + 1, ever = kn_cell_int(&rows, 0, 1) + 1;
    int64_t most = KN_MAX(job->attempts_max, KN_CRASHES_MOST);
    job->suspected = crashes >= most - KN_CRASHES_ALONE;
    if (crashes < most && ever < most * 4)
        return KN_OK;
    job->state = KN_JOB_FAILED;
    job->text = kn_arena_printf(change->arena, KN_WENT_AWAY " %lld times",
                                (long long)(crashes < most ? ever : crashes));
    return KN_OK;
}

/* *ret_placed: it goes back to the queue and needs a place there. */
static enum kn_status take_one_back(struct kn_change *change, struct reclaim *reclaim,
                                    struct left_job *job, bool *ret_placed, struct kn_error *err)
{
    enum kn_status status = judge(change, job, err);
    if (status != KN_OK)
        return status;
    bool again = job->state == KN_JOB_QUEUED;
    int64_t held_us = change->now_us + (job->suspected ? KN_ALONE_LOOK_US : 0);
    struct kn_rows done;
    status = kn_change_do(change, &take_back,
                          KN_VALUES(KN_INT(job->id), KN_INT(job->worker), KN_INT(job->attempt),
                                    KN_INT((int)job->state), again ? KN_INT(held_us) : KN_NULL,
                                    again ? KN_NULL : KN_INT(change->now_us), KN_INT(again)),
                          &done, err);
    if (status != KN_OK || !done.changed)
        return status;
    reclaim->count++;
    *ret_placed = again && !job->suspected;
    kn_change_event(change, again ? KN_EVENT_RECLAIMED : kn_finish_event(job->state), &job->id, 1,
                    job->text);
    return kn_reason_add(change, job->id, (int)job->attempt, KN_LOST, job->text, err);
}

static enum kn_status reclaim_some(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct reclaim *reclaim = arg;
    *reclaim = (struct reclaim){.silent_us = reclaim->silent_us};
    struct kn_rows rows;
    enum kn_status status = kn_change_do(change, &remove_silent_workers,
                                         KN_VALUES(KN_INT(reclaim->silent_us)), NULL, err);
    if (status == KN_OK)
        status =
            kn_change_do(change, &jobs_left_alone, KN_VALUES(KN_INT(RECLAIM_AT_ONCE)), &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_places places = {.change = change};
    for (int i = 0; status == KN_OK && i < rows.count; i++) {
        bool placed = false;
        struct left_job job = left_job_of(&rows, i);
        status = take_one_back(change, reclaim, &job, &placed, err);
        if (status == KN_OK && placed)
            status = kn_places_add(&places, job.level, "", true, job.id, err);
    }
    if (status == KN_OK)
        status = kn_places_flush(&places, err);
    kn_vec_free(&places.jobs);
    if (status == KN_OK && change->store->kind == KN_DATABASE_POSTGRES)
        status = kn_change_do(change, &drop_leases_left, NULL, 0, NULL, err);
    reclaim->more = rows.count == RECLAIM_AT_ONCE;
    change->wakes = reclaim->count > 0;
    return status;
}

/* Silence counts up to the call: while it waited for a lock, those who are alive waited, too. */
enum kn_status kn_store_reclaim(struct kn_store *store, int *ret_count, struct kn_error *err)
{
    int total = 0;
    struct reclaim reclaim = {.silent_us = kn_store_now_us(store)};
    do {
        enum kn_status status = kn_store_change(store, reclaim_some, &reclaim, NULL, NULL, err);
        if (status != KN_OK)
            return status;
        total += reclaim.count;
    } while (reclaim.more && reclaim.count);
    *ret_count = total;
    return KN_OK;
}
