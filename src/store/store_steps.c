/*
 * Checkpoints and progress of jobs that run.
 */
#include "store/store_parts.h"

#define HELD_BY_US "id = $1 AND worker = $2 AND attempt = $3 AND state = 1"

/* ---- checkpoints ---- */

static const struct kn_statement hold_job = {
    .name = "hold_job",
    .access = KN_WRITE, /* it locks */
    .tables = "job",
    .sqlite = "SELECT 1 FROM job WHERE " HELD_BY_US,
    .postgres = "SELECT 1 FROM job WHERE " HELD_BY_US " FOR NO KEY UPDATE",
};

static const struct kn_statement put_step = {
    .name = "put_step",
    .access = KN_WRITE,
    .tables = "step",
    .sql = "INSERT INTO step (job, name, at_us, data) VALUES ($1, $2, $3, $4)"
           " ON CONFLICT (job, name) DO UPDATE SET at_us = excluded.at_us, data = excluded.data",
};

static const struct kn_statement find_step = {
    .name = "find_step",
    .access = KN_READ,
    .tables = "step",
    .sql = "SELECT 1 FROM step WHERE job = $1 AND name = $2 AND at_us = $3",
};

/* Whether the try before was committed, though nobody said so. */
static enum kn_status was_recorded(struct kn_change *change, const struct kn_step_record *record,
                                   bool *ret_was, struct kn_error *err)
{
    struct kn_rows rows = {0};
    enum kn_status status = KN_OK;
    if (record->at_us)
        status = kn_change_do(
            change, &find_step,
            KN_VALUES(KN_INT(record->holder.job), kn_text(record->name), KN_INT(record->at_us)),
            &rows, err);
    *ret_was = rows.count > 0;
    return status;
}

static enum kn_status record_step(struct kn_change *change, struct kn_step_record *record,
                                  struct kn_error *err)
{
    const struct kn_holder *holder = &record->holder;
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &hold_job,
        KN_VALUES(KN_INT(holder->job), KN_INT(holder->worker), KN_INT(holder->attempt)), &rows,
        err);
    if (status != KN_OK)
        return status;
    record->status = rows.count ? KN_OK : KN_LOST;
    bool was = false;
    if (rows.count)
        status = was_recorded(change, record, &was, err);
    if (status != KN_OK || was || !rows.count)
        return status;
    record->at_us = change->now_us;
    kn_change_event(change, KN_EVENT_STEP, &holder->job, 1, record->name);
    return kn_change_do(change, &put_step,
                        KN_VALUES(KN_INT(holder->job), kn_text(record->name),
                                  KN_INT(change->now_us), kn_text(record->data)),
                        NULL, err);
}

struct recording {
    struct kn_step_record *records;
    int count;
};

static enum kn_status record_all(struct kn_change *change, void *arg, struct kn_error *err)
{
    const struct recording *recording = arg;
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < recording->count; i++)
        status = record_step(change, &recording->records[i], err);
    return status;
}

enum kn_status kn_store_record_steps(struct kn_store *store, struct kn_step_record *records,
                                     int count, struct kn_error *err)
{
    struct recording recording = {records, count};
    for (int i = 0; i < count; i++)
        records[i].at_us = 0;
    return count ? kn_store_change_surely(store, record_all, &recording, NULL, err) : KN_OK;
}

enum kn_status kn_store_record_step(struct kn_store *store, const struct kn_holder *holder,
                                    const char *name, const char *data, struct kn_error *err)
{
    struct kn_step_record record = {.holder = *holder, .name = name, .data = data};
    enum kn_status status = kn_store_record_steps(store, &record, 1, err);
    if (status == KN_OK && record.status == KN_LOST)
        status = kn_error_set(err, KN_LOST, "job %lld is not worker %lld's any more",
                              (long long)holder->job, (long long)holder->worker);
    return status;
}

enum kn_status kn_store_steps(struct kn_store *store, int64_t job, struct kn_arena *arena,
                              const struct kn_job_step **ret_steps, int *ret_count,
                              struct kn_error *err)
{
    static const struct kn_statement get_steps = {
        .name = "get_steps",
        .access = KN_READ,
        .tables = "step",
        .sql = "SELECT name, at_us, data FROM step WHERE job = $1 ORDER BY at_us, name",
    };
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &get_steps, KN_VALUES(KN_INT(job)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_job_step *steps = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *steps);
    for (int i = 0; i < rows.count; i++)
        steps[i] = (struct kn_job_step){
            .name = kn_cell_text(&rows, i, 0),
            .at_us = kn_cell_int(&rows, i, 1),
            .data = kn_cell_text(&rows, i, 2),
        };
    *ret_steps = steps;
    *ret_count = rows.count;
    return KN_OK;
}

/* ---- progress ---- */

#define PUT_PROGRESS(bigint, text)                                                                 \
    "INSERT INTO progress (job, at_us, data) SELECT id, $4" bigint ", $5" text                     \
    " FROM job WHERE " HELD_BY_US " ON CONFLICT (job)"                                             \
    " DO UPDATE SET at_us = excluded.at_us, data = excluded.data"

enum kn_status kn_store_put_progress(struct kn_store *store, const struct kn_holder *holders,
                                     const char *const *data, int count, struct kn_error *err)
{
    static const struct kn_statement put_progress = {
        .name = "put_progress",
        .access = KN_WRITE,
        .tables = "progress job",
        .sqlite = PUT_PROGRESS("", ""),
        .postgres = PUT_PROGRESS("::bigint", "::text"),
    };
    if (count <= 0)
        return count ? kn_error_set(err, KN_INVALID, "%d snapshots", count) : KN_OK;
    struct kn_arena *arena = kn_arena_new();
    int64_t now_us = kn_store_now_us(store);
    struct kn_operation *operations = kn_arena_array(arena, (size_t)count, sizeof *operations);
    for (int i = 0; i < count; i++) {
        struct kn_value *values = kn_arena_array(arena, 5, sizeof *values);
        values[0] = KN_INT(holders[i].job);
        values[1] = KN_INT(holders[i].worker);
        values[2] = KN_INT(holders[i].attempt);
        values[3] = KN_INT(now_us);
        values[4] = kn_text(data[i]);
        operations[i] =
            (struct kn_operation){.statement = &put_progress, .value_count = 5, .values = values};
    }
    enum kn_status status = kn_batch_run(store->database, operations, count, arena, NULL, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_store_get_progress(struct kn_store *store, int64_t job, struct kn_arena *arena,
                                     const char **ret_data, int64_t *ret_at_us,
                                     struct kn_error *err)
{
    static const struct kn_statement get_progress = {
        .name = "get_progress",
        .access = KN_READ,
        .tables = "progress",
        .sql = "SELECT data, at_us FROM progress WHERE job = $1",
    };
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &get_progress, KN_VALUES(KN_INT(job)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return kn_error_set(err, KN_NOT_FOUND, "there is no progress of job %lld", (long long)job);
    *ret_data = kn_cell_text(&rows, 0, 0);
    *ret_at_us = kn_cell_int(&rows, 0, 1);
    return KN_OK;
}
