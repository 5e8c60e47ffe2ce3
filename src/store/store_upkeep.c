/*
 * What has to be done from time to time: releasing what is due, ageing, trimming events.
 *
 * Ageing looks at the front of each level alone: a job that starves gets there, because those
 * before it are claimed or lifted themselves. So it needs no index of its own, which every claim
 * would pay for.
 */
#include "store/store_parts.h"

enum { RELEASE_AT_ONCE = 1000, LOOK_AT_FRONT = 1000 };

#define DUE(held)                                                                                  \
    "SELECT id, level, owner, attempt > 0 AS again FROM job"                                       \
    " WHERE " held " AND held_until_us <= $1 ORDER BY held_until_us LIMIT $2"

static const struct kn_statement due_jobs = {
    .name = "due_jobs",
    .access = KN_WRITE, /* it locks */
    .tables = "job",
    .sqlite = "SELECT id, level, owner, again FROM (" DUE(
        KN_SQLITE_HELD) ")"
                        " ORDER BY level, again, owner, id",
    .postgres = "SELECT id, level, owner, again::int FROM (" DUE(
        KN_POSTGRES_HELD) " FOR UPDATE SKIP LOCKED) AS due ORDER BY level, again, owner, id",
};

/* Of the front of level $1, those that wait since $2 or longer. */
#define TIRED(waits_at)                                                                            \
    "SELECT id, owner, tag, waiting_us FROM job WHERE " waits_at("$1") " ORDER BY tag, id LIMIT "  \
                                                                       "$3"

static const struct kn_statement tired_jobs = {
    .name = "tired_jobs",
    .access = KN_WRITE, /* it locks */
    .tables = "job",
    .sqlite = "SELECT id, owner FROM (" TIRED(
        KN_SQLITE_WAITS_AT) ")"
                            " WHERE waiting_us <= $2 ORDER BY owner, tag, id",
    .postgres = "SELECT id, owner FROM (" TIRED(
        KN_POSTGRES_WAITS_AT) " FOR UPDATE SKIP LOCKED)"
                              " AS front WHERE waiting_us <= $2 ORDER BY owner, tag, id",
};

/*
 * Of those that saw their workers go away several times, one at a time is let into the queue, who
 * saw it least first, and the others look again after a while. So the one that is the reason for it
 * gets to its end alone.
 */
#define DUE_TO_RUN_ALONE(held)                                                                     \
    "SELECT id FROM job AS j WHERE " held " AND held_until_us <= $1 AND " KN_RUNS_ALONE            \
    " ORDER BY " KN_CRASHES("j.id") ", held_until_us, id LIMIT $2"

static const struct kn_statement due_to_run_alone = {
    .name = "due_to_run_alone",
    .access = KN_WRITE, /* it locks */
    .tables = "job reason step",
    .sqlite = DUE_TO_RUN_ALONE(KN_SQLITE_HELD),
    .postgres = DUE_TO_RUN_ALONE(KN_POSTGRES_HELD) " FOR UPDATE SKIP LOCKED",
};

static const struct kn_statement runs_alone = {
    .name = "runs_alone",
    .access = KN_READ,
    .tables = "job reason step",
    .sql = "SELECT 1 FROM job AS j WHERE (state = 1 OR (state = 0 AND held_until_us IS NULL))"
           " AND " KN_RUNS_ALONE " LIMIT 1",
};

#define LOOK_LATER "UPDATE job SET held_until_us = $2 WHERE id IN "

static const struct kn_statement look_later = {
    .name = "look_later",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = LOOK_LATER "(SELECT value FROM json_each($1))",
    .postgres = LOOK_LATER "(SELECT unnest($1::bigint[]))",
};

static enum kn_status hold_back(struct kn_change *change, struct kn_error *err)
{
    struct kn_rows due, other;
    enum kn_status status =
        kn_change_do(change, &due_to_run_alone,
                     KN_VALUES(KN_INT(change->now_us), KN_INT(RELEASE_AT_ONCE)), &due, err);
    if (status == KN_OK && due.count)
        status = kn_change_do(change, &runs_alone, NULL, 0, &other, err);
    if (status != KN_OK || !due.count)
        return status;
    int count = 0;
    int64_t *jobs = kn_arena_array(change->arena, (size_t)due.count, sizeof *jobs);
    for (int i = other.count ? 0 : 1; i < due.count; i++)
        jobs[count++] = kn_cell_int(&due, i, 0);
    if (!count)
        return KN_OK;
    return kn_change_do(change, &look_later,
                        KN_VALUES(KN_INTS(jobs, count), KN_INT(change->now_us + KN_ALONE_LOOK_US)),
                        NULL, err);
}

struct promote {
    int released, promoted;
    bool more;
};

static void add_event(struct kn_change *change, enum kn_event_kind kind, const struct kn_rows *rows)
{
    int64_t *jobs = kn_arena_array(change->arena, (size_t)rows->count + 1, sizeof *jobs);
    for (int i = 0; i < rows->count; i++)
        jobs[i] = kn_cell_int(rows, i, 0);
    kn_change_event(change, kind, jobs, rows->count, NULL);
}

static enum kn_status release(struct kn_change *change, struct promote *promote,
                              struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &due_jobs, KN_VALUES(KN_INT(change->now_us), KN_INT(RELEASE_AT_ONCE)), &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_places places = {.change = change};
    for (int i = 0; status == KN_OK && i < rows.count; i++)
        status = kn_places_add(&places, (int)kn_cell_int(&rows, i, 1), kn_cell_text(&rows, i, 2),
                               kn_cell_int(&rows, i, 3) != 0, kn_cell_int(&rows, i, 0), err);
    if (status == KN_OK)
        status = kn_places_flush(&places, err);
    kn_vec_free(&places.jobs);
    if (status != KN_OK)
        return status;
    add_event(change, KN_EVENT_RELEASED, &rows);
    promote->released = rows.count;
    promote->more |= rows.count == RELEASE_AT_ONCE;
    change->wakes |= rows.count > 0;
    return KN_OK;
}

static enum kn_status lift(struct kn_change *change, struct promote *promote, int level,
                           struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &tired_jobs,
                     KN_VALUES(KN_INT(level), KN_INT(change->now_us - change->store->ageing_us),
                               KN_INT(LOOK_AT_FRONT)),
                     &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_places places = {.change = change};
    for (int i = 0; status == KN_OK && i < rows.count; i++)
        status = kn_places_add(&places, level + 1, kn_cell_text(&rows, i, 1), false,
                               kn_cell_int(&rows, i, 0), err);
    if (status == KN_OK)
        status = kn_places_flush(&places, err);
    kn_vec_free(&places.jobs);
    if (status != KN_OK)
        return status;
    add_event(change, KN_EVENT_PROMOTED, &rows);
    promote->promoted += rows.count;
    promote->more |= rows.count > 0; /* others may be at the front now */
    change->wakes |= rows.count > 0; /* whom a claim has just missed in passing */
    return KN_OK;
}

/* From the top down, so that nothing is lifted twice. */
static enum kn_status promote_some(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct promote *promote = arg;
    *promote = (struct promote){0};
    enum kn_status status = hold_back(change, err);
    if (status == KN_OK)
        status = release(change, promote, err);
    for (int level = change->store->levels - 2; status == KN_OK && level >= 0; level--)
        status = lift(change, promote, level, err);
    return status;
}

/* A look first: with nothing to do, no lock is taken and no commit made. */
static const struct kn_statement is_due = {
    .name = "is_due",
    .access = KN_READ,
    .tables = "job",
    .sqlite = "SELECT 1 FROM job WHERE " KN_SQLITE_HELD " AND held_until_us <= $1 LIMIT 1",
    .postgres = "SELECT 1 FROM job WHERE " KN_POSTGRES_HELD " AND held_until_us <= $1 LIMIT 1",
};

#define IS_TIRED(waits_at)                                                                         \
    "SELECT 1 FROM (" TIRED(waits_at) ") AS front WHERE waiting_us <= $2 LIMIT 1"

static const struct kn_statement is_tired = {
    .name = "is_tired",
    .access = KN_READ,
    .tables = "job",
    .sqlite = IS_TIRED(KN_SQLITE_WAITS_AT),
    .postgres = IS_TIRED(KN_POSTGRES_WAITS_AT),
};

static enum kn_status anything_to_promote(struct kn_store *store, struct kn_arena *arena,
                                          bool *ret_any, struct kn_error *err)
{
    int64_t now_us = kn_store_now_us(store);
    struct kn_operation *operations =
        kn_arena_array(arena, (size_t)store->levels, sizeof *operations);
    struct kn_value due[] = {KN_INT(now_us)};
    operations[0] = (struct kn_operation){.statement = &is_due, .value_count = 1, .values = due};
    for (int level = 0; level < store->levels - 1; level++) {
        struct kn_value *values = kn_arena_array(arena, 3, sizeof *values);
        values[0] = KN_INT(level);
        values[1] = KN_INT(now_us - store->ageing_us);
        values[2] = KN_INT(LOOK_AT_FRONT);
        operations[1 + level] =
            (struct kn_operation){.statement = &is_tired, .value_count = 3, .values = values};
    }
    enum kn_status status =
        kn_batch_run(store->database, operations, store->levels, arena, NULL, err);
    *ret_any = false;
    for (int i = 0; status == KN_OK && i < store->levels; i++)
        *ret_any |= operations[i].rows.count > 0;
    return status;
}

enum kn_status kn_store_promote(struct kn_store *store, int *ret_released, int *ret_promoted,
                                bool *ret_more, struct kn_error *err)
{
    struct promote promote = {0};
    bool any = false;
    struct kn_arena *arena = kn_arena_new();
    enum kn_status status = anything_to_promote(store, arena, &any, err);
    if (status == KN_OK && any)
        status = kn_store_change(store, promote_some, &promote, arena, NULL, err);
    kn_arena_free(arena);
    if (status != KN_OK)
        return status;
    *ret_released = promote.released;
    *ret_promoted = promote.promoted;
    *ret_more = promote.more;
    return KN_OK;
}

#define NEXT_DUE(held) "SELECT held_until_us FROM job WHERE " held " ORDER BY held_until_us LIMIT 1"

enum kn_status kn_store_next_due(struct kn_store *store, int64_t *ret_us, struct kn_error *err)
{
    static const struct kn_statement next_due = {
        .name = "next_due",
        .access = KN_READ,
        .tables = "job",
        .sqlite = NEXT_DUE(KN_SQLITE_HELD),
        .postgres = NEXT_DUE(KN_POSTGRES_HELD),
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = kn_store_do(store, &next_due, NULL, 0, arena, &rows, err);
    if (status == KN_OK)
        *ret_us = rows.count ? kn_cell_int(&rows, 0, 0) : INT64_MAX;
    kn_arena_free(arena);
    return status;
}

/* ---- trimming ---- */

static const struct kn_statement trim_point = {
    .name = "trim_point",
    .access = KN_READ,
    .tables = "event queue",
    .sql = "SELECT max(last_id) FROM event WHERE at_us < $1"
           " OR last_id <= (SELECT last_event FROM queue) - $2",
};

static const struct kn_statement delete_events = {
    .name = "delete_events",
    .access = KN_WRITE,
    .tables = "event",
    .sql = "DELETE FROM event WHERE last_id <= $1",
};

static const struct kn_statement note_trimmed = {
    .name = "note_trimmed",
    .access = KN_WRITE,
    .tables = "queue",
    .sql = "UPDATE queue SET trimmed_event = $1 WHERE trimmed_event < $1",
};

enum kn_status kn_store_trim(struct kn_store *store, int64_t keep_count, int64_t keep_us,
                             struct kn_error *err)
{
    if (keep_count < 0 || keep_us < 0)
        return kn_error_set(err, KN_INVALID, "what is kept of the events can't be negative");
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &trim_point, KN_VALUES(KN_INT(kn_store_now_us(store) - keep_us), KN_INT(keep_count)),
        arena, &rows, err);
    if (status == KN_OK && kn_cell_int(&rows, 0, 0)) {
        struct kn_value upto[] = {KN_INT(kn_cell_int(&rows, 0, 0))};
        struct kn_operation operations[] = {
            {.statement = &delete_events, .value_count = 1, .values = upto},
            {.statement = &note_trimmed, .value_count = 1, .values = upto},
        };
        status = kn_batch_run(store->database, operations, 2, arena, NULL, err);
    }
    kn_arena_free(arena);
    return status;
}
