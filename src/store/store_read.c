/*
 * Reading: jobs, their reasons, counts, places in the line, events.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_parts.h"

enum { LIST_MOST = 10000 };

void kn_job_of_row(const struct kn_rows *rows, int row, int first_column, struct kn_job *ret_job)
{
    int c = first_column;
    ret_job->id = kn_cell_int(rows, row, c++);
    ret_job->state = (enum kn_job_state)kn_cell_int(rows, row, c++);
    ret_job->level = (int)kn_cell_int(rows, row, c++);
    ret_job->tag = kn_cell_int(rows, row, c++);
    ret_job->memory_bytes = kn_cell_int(rows, row, c++);
    ret_job->attempt = (int)kn_cell_int(rows, row, c++);
    ret_job->attempts_left = (int)kn_cell_int(rows, row, c++);
    ret_job->attempts_max = (int)kn_cell_int(rows, row, c++);
    ret_job->held_until_us = kn_cell_int(rows, row, c++);
    ret_job->submitted_us = kn_cell_int(rows, row, c++);
    ret_job->waiting_us = kn_cell_int(rows, row, c++);
    ret_job->claimed_us = kn_cell_int(rows, row, c++);
    ret_job->finished_us = kn_cell_int(rows, row, c++);
    ret_job->worker = kn_cell_int(rows, row, c++);
    ret_job->cancel_asked = kn_cell_int(rows, row, c++) != 0;
    ret_job->key = kn_cell_text(rows, row, c++);
    ret_job->owner = kn_cell_text(rows, row, c++);
    ret_job->source = kn_cell_text(rows, row, c++);
    ret_job->options = kn_cell_text(rows, row, c++);
}

static enum kn_status no_such_job(int64_t job, struct kn_error *err)
{
    return kn_error_set(err, KN_NOT_FOUND, "there is no job %lld", (long long)job);
}

static enum kn_status check_limit(int limit, struct kn_error *err)
{
    if (limit < 1 || limit > LIST_MOST)
        return kn_error_set(err, KN_INVALID, "a limit of %d: 1 to %d are possible", limit,
                            LIST_MOST);
    return KN_OK;
}

/* ---- jobs ---- */

enum kn_status kn_store_get(struct kn_store *store, int64_t job, struct kn_arena *arena,
                            struct kn_job *ret_job, struct kn_error *err)
{
    static const struct kn_statement get_job = {
        .name = "get_job",
        .access = KN_READ,
        .tables = "job job_spec",
        .sqlite = KN_JOB_SQLITE "j.id = $1",
        .postgres = KN_JOB_POSTGRES "j.id = $1",
    };
    struct kn_rows rows;
    enum kn_status status = kn_store_do(store, &get_job, KN_VALUES(KN_INT(job)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return no_such_job(job, err);
    kn_job_of_row(&rows, 0, 0, ret_job);
    return KN_OK;
}

enum kn_status kn_store_knows(struct kn_store *store, const char *key, bool *ret_known,
                              struct kn_error *err)
{
    /* Each part has an index of its own. */
    static const struct kn_statement find_any_key = {
        .name = "find_any_key",
        .access = KN_READ,
        .tables = "job",
        .sqlite = "SELECT EXISTS (SELECT 1 FROM job WHERE key = $1 AND key IS NOT NULL"
                  " AND " KN_SQLITE_LIVE ") OR EXISTS (SELECT 1 FROM job WHERE key = $1"
                  " AND key IS NOT NULL AND state IN (3, 4))",
        .postgres = "SELECT (EXISTS (SELECT 1 FROM job WHERE key = $1::text AND key IS NOT NULL"
                    " AND " KN_POSTGRES_LIVE ") OR EXISTS (SELECT 1 FROM job WHERE key = $1::text"
                    " AND key IS NOT NULL AND standing = 3))::int",
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &find_any_key, KN_VALUES(kn_text(key)), arena, &rows, err);
    if (status == KN_OK)
        *ret_known = kn_cell_int(&rows, 0, 0) != 0;
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_status_of_name(const char *name)
{
    for (int status = 0; name && status < KN_STATUS_COUNT; status++)
        if (strcmp(name, kn_status_name((enum kn_status)status)) == 0)
            return (enum kn_status)status;
    return KN_INTERNAL;
}

enum kn_status kn_store_reasons(struct kn_store *store, int64_t job, struct kn_arena *arena,
                                const struct kn_job_reason **ret_reasons, int *ret_count,
                                struct kn_error *err)
{
    static const struct kn_statement get_reasons = {
        .name = "get_reasons",
        .access = KN_READ,
        .tables = "reason",
        .sql = "SELECT attempt, at_us, status, text FROM reason WHERE job = $1 ORDER BY attempt",
    };
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &get_reasons, KN_VALUES(KN_INT(job)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_job_reason *reasons = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *reasons);
    for (int i = 0; i < rows.count; i++)
        reasons[i] = (struct kn_job_reason){
            .attempt = (int)kn_cell_int(&rows, i, 0),
            .at_us = kn_cell_int(&rows, i, 1),
            .status = kn_status_of_name(kn_cell_text(&rows, i, 2)),
            .text = kn_cell_text(&rows, i, 3),
        };
    *ret_reasons = reasons;
    *ret_count = rows.count;
    return KN_OK;
}

enum kn_status kn_store_list(struct kn_store *store, const struct kn_job_filter *filter,
                             struct kn_arena *arena, const struct kn_job **ret_jobs, int *ret_count,
                             struct kn_error *err)
{
    static const struct kn_statement list_jobs = {
        .name = "list_jobs",
        .access = KN_READ,
        .tables = "job job_spec",
        .sqlite = KN_JOB_SQLITE "(($1 >> state) & 1) = 1 AND ($2 IS NULL OR owner = $2)"
                                " AND submitted_us >= $3 AND j.id < $4 ORDER BY j.id DESC LIMIT $5",
        .postgres = KN_JOB_POSTGRES
        "(($1::int >> state) & 1) = 1 AND ($2::text IS NULL OR owner = $2::text)"
        " AND submitted_us >= $3 AND j.id < $4 ORDER BY j.id DESC LIMIT $5",
    };
    if (check_limit(filter->limit, err) != KN_OK)
        return KN_INVALID;
    int64_t states = filter->states ? filter->states : (1u << KN_JOB_STATE_COUNT) - 1;
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &list_jobs,
                    KN_VALUES(KN_INT(states), kn_text(filter->owner), KN_INT(filter->since_us),
                              KN_INT(filter->before_job ? filter->before_job : INT64_MAX),
                              KN_INT(filter->limit)),
                    arena, &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_job *jobs = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *jobs);
    for (int i = 0; i < rows.count; i++)
        kn_job_of_row(&rows, i, 0, &jobs[i]);
    *ret_jobs = jobs;
    *ret_count = rows.count;
    return KN_OK;
}

/* ---- counts and places ---- */

static const struct kn_statement count_jobs = {
    .name = "count_jobs",
    .access = KN_READ,
    .tables = "job",
    .sql = "SELECT owner, state, count(*), count(CASE WHEN state = 0 THEN held_until_us END)"
           " FROM job GROUP BY owner, state ORDER BY owner, state",
};

static const struct kn_statement look_at_queue = {
    .name = "look_at_queue",
    .access = KN_READ,
    .tables = "queue worker",
    .sql = "SELECT paused, last_event, trimmed_event,"
           " (SELECT count(*) FROM worker WHERE alive_until_us >= $1) FROM queue",
};

static void gather_counts(const struct kn_rows *rows, struct kn_arena *arena,
                          struct kn_store_counts *counts)
{
    struct kn_owner_counts *owners = kn_arena_array(arena, (size_t)rows->count + 1, sizeof *owners);
    struct kn_owner_counts *owner = NULL;
    for (int i = 0; i < rows->count; i++) {
        const char *name = kn_cell_text(rows, i, 0);
        int64_t state = kn_cell_int(rows, i, 1), jobs = kn_cell_int(rows, i, 2);
        if (!owner || strcmp(owner->owner, name) != 0) {
            owner = &owners[counts->owner_count++];
            owner->owner = name;
        }
        owner->jobs[state] = jobs;
        counts->jobs[state] += jobs;
        counts->held += kn_cell_int(rows, i, 3);
    }
    counts->owners = owners;
}

enum kn_status kn_store_counts(struct kn_store *store, struct kn_arena *arena,
                               struct kn_store_counts *ret_counts, struct kn_error *err)
{
    struct kn_value now[] = {KN_INT(kn_store_now_us(store))};
    struct kn_operation operations[] = {
        {.statement = &count_jobs},
        {.statement = &look_at_queue, .value_count = 1, .values = now},
    };
    enum kn_status status = kn_batch_run(store->database, operations, 2, arena, NULL, err);
    if (status != KN_OK)
        return status;
    *ret_counts = (struct kn_store_counts){
        .paused = kn_cell_int(&operations[1].rows, 0, 0) != 0,
        .workers = (int)kn_cell_int(&operations[1].rows, 0, 3),
    };
    gather_counts(&operations[0].rows, arena, ret_counts);
    return KN_OK;
}

#define JOBS_AHEAD(above, beside)                                                                  \
    "WITH j AS (SELECT id, state, held_until_us, level AS at, tag AS mark FROM job WHERE id = $1)" \
    " SELECT j.state, j.held_until_us, (SELECT count(*) FROM job WHERE " above ")"                 \
    " + (SELECT count(*) FROM job WHERE " beside " AND (tag, id) < (mark, j.id)) FROM j"

enum kn_status kn_store_position(struct kn_store *store, int64_t job, int64_t *ret_ahead,
                                 struct kn_error *err)
{
    /* An index range of the claimable jobs for each part. */
    static const struct kn_statement jobs_ahead = {
        .name = "jobs_ahead",
        .access = KN_READ,
        .tables = "job",
        .sqlite = JOBS_AHEAD(KN_SQLITE_WAITS " AND level > at", KN_SQLITE_WAITS_AT("at")),
        .postgres = JOBS_AHEAD(KN_POSTGRES_WAITS " AND -level < -at", KN_POSTGRES_WAITS_AT("at")),
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &jobs_ahead, KN_VALUES(KN_INT(job)), arena, &rows, err);
    if (status == KN_OK && !rows.count)
        status = no_such_job(job, err);
    if (status == KN_OK) {
        bool waits = kn_cell_int(&rows, 0, 0) == KN_JOB_QUEUED &&
                     kn_cell(&rows, 0, 1)->type == KN_VALUE_NULL;
        *ret_ahead = waits ? kn_cell_int(&rows, 0, 2) : -1;
    }
    kn_arena_free(arena);
    return status;
}

static enum kn_status read_queue(struct kn_store *store, struct kn_arena *arena,
                                 struct kn_rows *ret_rows, struct kn_error *err)
{
    return kn_store_do(store, &look_at_queue, KN_VALUES(KN_INT(0)), arena, ret_rows, err);
}

enum kn_status kn_store_paused(struct kn_store *store, bool *ret_paused, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = read_queue(store, arena, &rows, err);
    if (status == KN_OK)
        *ret_paused = kn_cell_int(&rows, 0, 0) != 0;
    kn_arena_free(arena);
    return status;
}

/* ---- events ---- */

enum kn_status kn_store_last_event(struct kn_store *store, int64_t *ret_id, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = read_queue(store, arena, &rows, err);
    if (status == KN_OK)
        *ret_id = kn_cell_int(&rows, 0, 1);
    kn_arena_free(arena);
    return status;
}

/* The events of a block beyond `since`, as long as there is room. */
static int explode(const struct kn_rows *rows, int row, int64_t since, struct kn_event *events,
                   int room)
{
    int64_t count = kn_cell_int(rows, row, 1);
    int64_t id = kn_cell_int(rows, row, 0) - count;
    const char *at = kn_cell_text(rows, row, 4); /* "1,2,3", or PostgreSQL's "{1,2,3}" */
    int made = 0;
    at += at && *at == '{';
    for (int64_t i = 0; i < count && at && made < room; i++) {
        char *end;
        int64_t job = strtoll(at, &end, 10);
        at = *end == ',' ? end + 1 : NULL;
        if (++id > since)
            events[made++] = (struct kn_event){
                .id = id,
                .at_us = kn_cell_int(rows, row, 2),
                .kind = (enum kn_event_kind)kn_cell_int(rows, row, 3),
                .job = job,
                .detail = kn_cell_text(rows, row, 5),
            };
    }
    return made;
}

enum kn_status kn_store_events(struct kn_store *store, int64_t since, int limit,
                               struct kn_arena *arena, const struct kn_event **ret_events,
                               int *ret_count, struct kn_error *err)
{
    /* What was trimmed is read by the same statement, or a trim could come between. */
    static const struct kn_statement read_events = {
        .name = "read_events",
        .access = KN_READ,
        .tables = "event queue",
        .sql = "SELECT e.last_id, e.count, e.at_us, e.kind, e.jobs, e.detail, q.trimmed_event"
               " FROM queue AS q LEFT JOIN (SELECT * FROM event WHERE last_id > $1"
               " ORDER BY last_id LIMIT $2) AS e ON e.last_id > $1 ORDER BY e.last_id",
    };
    if (check_limit(limit, err) != KN_OK)
        return KN_INVALID;
    struct kn_rows rows;
    enum kn_status status = kn_store_do(store, &read_events,
                                        KN_VALUES(KN_INT(since), KN_INT(limit)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    int64_t trimmed = kn_cell_int(&rows, 0, 6);
    if (since > 0 && since < trimmed)
        return kn_error_set(err, KN_LOST, "events up to %lld are not kept any more",
                            (long long)trimmed);
    struct kn_event *events = kn_arena_array(arena, (size_t)limit, sizeof *events);
    int count = 0;
    for (int i = 0; i < rows.count && count < limit; i++)
        if (kn_cell(&rows, i, 0)->type != KN_VALUE_NULL)
            count += explode(&rows, i, since, events + count, limit - count);
    *ret_events = events;
    *ret_count = count;
    return KN_OK;
}
