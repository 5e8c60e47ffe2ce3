/*
 * Opening, time, watches, and changes: transactions that end with their events.
 *
 * The row `queue` is touched last in a transaction and held to its commit. So event ids become
 * visible in their order, and no transaction waits for anything while it holds that row: there is
 * no cycle through it.
 */
#include "store/store.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/sync.h"
#include "store/database_backend.h"
#include "store/migrate.h"
#include "store/store_parts.h"

enum { DEFAULT_LEVELS = 3 };

/* ---- time ---- */

static const struct kn_statement server_time = {
    .name = "server_time",
    .access = KN_READ,
    .tables = "",
    .postgres = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
};

/* Half of the round trip is taken for the way there. Between two looks the server's time goes on by
 * the clock that nobody sets. */
enum kn_status kn_store_measure_clock(struct kn_store *store, struct kn_error *err)
{
    if (store->kind != KN_DATABASE_POSTGRES || store->now_us)
        return KN_OK;
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    int64_t before_us = kn_now_us();
    enum kn_status status = kn_store_do(store, &server_time, NULL, 0, arena, &rows, err);
    int64_t after_us = kn_now_us();
    if (status == KN_OK) {
        KN_LOCKED(&store->lock);
        store->offset_us = kn_cell_int(&rows, 0, 0) - (before_us + (after_us - before_us) / 2);
    }
    kn_arena_free(arena);
    return status;
}

int64_t kn_store_now_us(struct kn_store *store)
{
    if (store->now_us)
        return store->now_us(store->now_arg);
    if (store->kind == KN_DATABASE_SQLITE)
        return kn_wall_us();
    KN_LOCKED(&store->lock);
    return kn_now_us() + store->offset_us;
}

/* ---- opening ---- */

/* Tables where ours are not. One statement: ours come in one transaction, together with the one
 * that tells that they are ours. */
static const struct kn_statement count_others = {
    .name = "count_others",
    .access = KN_READ,
    .tables = "",
    .sqlite = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
              " AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'kirinuki_schema')",
    .postgres = "SELECT count(*) FROM pg_class"
                " WHERE relnamespace = quote_ident(current_schema())::regnamespace"
                " AND relname IN ('queue', 'job', 'job_id', 'worker', 'lease', 'share', 'reason',"
                " 'event', 'step', 'progress', 'publishing', 'post', 'quota', 'quota_use',"
                " 'account') AND NOT EXISTS (SELECT 1 FROM pg_class AS c"
                " WHERE c.relnamespace = quote_ident(current_schema())::regnamespace"
                " AND c.relname = 'kirinuki_schema')",
};

static enum kn_status no_store(const char *where, struct kn_error *err)
{
    return kn_error_set(err, KN_NOT_FOUND,
                        "there is no queue at %s: `kirinuki add` or `kirinuki worker` makes it",
                        where);
}

/* A file may hold one program's tables; a server has schemas, where only equal names collide. */
static enum kn_status check_others(struct kn_store *store, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    const char *where = kn_database_where(store->database);
    enum kn_status status = kn_store_do(store, &count_others, NULL, 0, arena, &rows, err);
    bool others = status == KN_OK && kn_cell_int(&rows, 0, 0) > 0;
    kn_arena_free(arena);
    if (!others)
        return status;
    if (store->kind == KN_DATABASE_SQLITE)
        return kn_error_set(err, KN_UNSUPPORTED,
                            "the database %s belongs to another program: the queue needs a file of "
                            "its own",
                            where);
    return kn_error_set(err, KN_UNSUPPORTED,
                        "%s has another program's tables of the names that the queue needs: give "
                        "it a database of its own, or a schema (CREATE SCHEMA kirinuki, and "
                        "?options=-csearch_path%%3Dkirinuki at the end of the string)",
                        where);
}

/* A database that was handed over may have tables of its owner's. `existing`: tables are not made,
 * but brought up to date. */
static enum kn_status prepare_tables(struct kn_store *store, bool existing, struct kn_error *err)
{
    void *state;
    int version, count;
    const struct kn_database_desc *desc = kn_database_backend(store->database, &state);
    const struct kn_migration *schema = kn_schema(store->kind, &count);
    enum kn_status status = desc->schema_version(state, &version, err);
    if (status == KN_OK && !version && store->owns_database)
        status = check_others(store, err);
    if (status == KN_OK && !version && existing)
        status = no_store(kn_database_where(store->database), err);
    return status == KN_OK ? kn_migrate(store->database, schema, count, err) : status;
}

enum kn_status kn_store_open(const struct kn_store_options *options, struct kn_store **ret_store,
                             struct kn_error *err)
{
    int levels = options->levels ? options->levels : DEFAULT_LEVELS;
    if (levels < 1 || levels > KN_LEVELS_MAX)
        return kn_error_set(err, KN_INVALID, "%d levels of priority: 1 to %d are possible", levels,
                            KN_LEVELS_MAX);
    KN_SCOPED(kn_store) store = kn_calloc(1, sizeof *store);
    pthread_mutex_init(&store->lock, NULL);
    store->levels = levels;
    store->ageing_us = options->ageing_us ? options->ageing_us : 600 * KN_US_PER_S;
    store->now_us = options->now_us;
    store->now_arg = options->now_arg;
    store->database = options->database;
    store->owns_database = !options->database;
    enum kn_status status = KN_OK;
    if (store->owns_database && options->existing && !kn_database_is_there(options->where))
        return no_store(options->where, err);
    if (store->owns_database)
        status = kn_database_open(&(struct kn_database_options){.where = options->where},
                                  &store->database, err);
    if (status == KN_OK) {
        store->kind = kn_database_kind(store->database);
        store->desc = store->kind == KN_DATABASE_SQLITE ? &kn_store_sqlite : &kn_store_postgres;
        status = prepare_tables(store, options->existing, err);
    }
    if (status == KN_OK)
        status = kn_store_measure_clock(store, err);
    if (status == KN_OK)
        *ret_store = KN_MOVE(store);
    return status;
}

void kn_store_close(struct kn_store *store)
{
    if (!store)
        return;
    assert(!store->watches);
    if (store->owns_database)
        kn_database_close(store->database);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

struct kn_database *kn_store_database(struct kn_store *store)
{
    return store->database;
}

int kn_store_levels(const struct kn_store *store)
{
    return store->levels;
}

/* ---- watches ---- */

void kn_store_watch(struct kn_store *store, struct kn_store_watch *watch)
{
    KN_LOCKED(&store->lock);
    watch->next = store->watches;
    store->watches = watch;
}

void kn_store_unwatch(struct kn_store *store, struct kn_store_watch *watch)
{
    KN_LOCKED(&store->lock);
    struct kn_store_watch **at = &store->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
}

void kn_store_changed(struct kn_store *store)
{
    KN_LOCKED(&store->lock);
    for (struct kn_store_watch *watch = store->watches; watch; watch = watch->next)
        watch->changed(watch->arg);
}

/* ---- statements ---- */

enum kn_status kn_store_do(struct kn_store *store, const struct kn_statement *statement,
                           const struct kn_value *values, int count, struct kn_arena *arena,
                           struct kn_rows *ret_rows, struct kn_error *err)
{
    struct kn_operation operation = {
        .statement = statement, .value_count = count, .values = values};
    enum kn_status status = kn_batch_run(store->database, &operation, 1, arena, NULL, err);
    if (status == KN_OK)
        *ret_rows = operation.rows;
    return status;
}

/* Whoever changes jobs has this row before it is answered, until it is committed or undone. */
static const struct kn_statement wait_for_changes = {
    .name = "wait_for_changes",
    .access = KN_WRITE, /* it locks */
    .tables = "queue",
    .postgres = "SELECT id FROM queue FOR SHARE",
};

enum kn_status kn_store_await_changes(struct kn_store *store, struct kn_error *err)
{
    if (store->kind != KN_DATABASE_POSTGRES)
        return KN_OK;
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = KN_LOST;
    for (int tries = 0; status == KN_LOST && tries < KN_UNKNOWN_TRIES; tries++)
        status = kn_store_do(store, &wait_for_changes, NULL, 0, arena, &rows, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_change_do(struct kn_change *change, const struct kn_statement *statement,
                            const struct kn_value *values, int count, struct kn_rows *ret_rows,
                            struct kn_error *err)
{
    return kn_transaction_do(change->transaction, statement, values, count, ret_rows, err);
}

/* ---- events ---- */

void kn_change_event(struct kn_change *change, enum kn_event_kind kind, const int64_t *jobs,
                     int count, const char *detail)
{
    if (!count)
        return;
    KN_SCOPED_STR list = {0};
    for (int i = 0; i < count; i++)
        kn_str_printf(&list, "%s%" PRId64, i ? "," : "", jobs[i]);
    struct kn_event_block block = {
        .kind = kind,
        .count = count,
        .jobs = kn_arena_strdup(change->arena, kn_str_text(&list)),
        .detail = detail,
    };
    kn_vec_push(&change->blocks, block);
}

static const struct kn_statement take_event_ids = {
    .name = "take_event_ids",
    .access = KN_WRITE,
    .tables = "queue",
    .sql = "UPDATE queue SET last_event = last_event + $1 RETURNING last_event",
};

static const struct kn_statement write_event = {
    .name = "write_event",
    .access = KN_WRITE,
    .tables = "event",
    .sql = "INSERT INTO event (last_id, count, at_us, kind, jobs, detail)"
           " VALUES ($1, $2, $3, $4, $5, $6)",
};

static enum kn_status write_events_sqlite(struct kn_change *change, int total, struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &take_event_ids, KN_VALUES(KN_INT(total)), &rows, err);
    if (status != KN_OK)
        return status;
    int64_t last = kn_cell_int(&rows, 0, 0) - total;
    for (int i = 0; status == KN_OK && i < change->blocks.count; i++) {
        const struct kn_event_block *block = &change->blocks.at[i];
        last += block->count;
        status = kn_change_do(change, &write_event,
                              KN_VALUES(KN_INT(last), KN_INT(block->count), KN_INT(change->now_us),
                                        KN_INT((int)block->kind), kn_text(block->jobs),
                                        kn_text(block->detail)),
                              NULL, err);
    }
    return status;
}

/* One round trip for all, so that the row is not held longer than that and the commit. */
static const struct kn_statement write_events = {
    .name = "write_events",
    .access = KN_WRITE,
    .tables = "queue event",
    .postgres = "WITH b AS MATERIALIZED ("
                "  SELECT n, kind, jobs, NULLIF(detail, '') AS detail,"
                "         (sum(n) OVER (ORDER BY place))::bigint AS upto"
                "  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])"
                "       WITH ORDINALITY AS x (n, kind, jobs, detail, place)"
                "), q AS (UPDATE queue SET last_event = last_event + $5::bigint, placed = placed + "
                "$7::bigint"
                "         RETURNING last_event - $5::bigint AS base"
                "), e AS (INSERT INTO event (last_id, count, at_us, kind, jobs, detail)"
                "         SELECT q.base + b.upto, b.n, $6::bigint, b.kind,"
                "                string_to_array(b.jobs, ',')::bigint[], b.detail FROM b, q)"
                " SELECT pg_notify('kirinuki', '') IS NULL WHERE $7::bigint = 1",
};

static enum kn_status write_events_postgres(struct kn_change *change, int total,
                                            struct kn_error *err)
{
    int n = change->blocks.count;
    int64_t *counts = kn_arena_array(change->arena, (size_t)n, sizeof *counts);
    int64_t *kinds = kn_arena_array(change->arena, (size_t)n, sizeof *kinds);
    const char **jobs = kn_arena_array(change->arena, (size_t)n, sizeof *jobs);
    const char **details = kn_arena_array(change->arena, (size_t)n, sizeof *details);
    for (int i = 0; i < n; i++) {
        const struct kn_event_block *block = &change->blocks.at[i];
        counts[i] = block->count;
        kinds[i] = block->kind;
        jobs[i] = block->jobs;
        details[i] = block->detail ? block->detail : "";
    }
    return kn_change_do(change, &write_events,
                        KN_VALUES(KN_INTS(counts, n), KN_INTS(kinds, n), KN_TEXTS(jobs, n),
                                  KN_TEXTS(details, n), KN_INT(total), KN_INT(change->now_us),
                                  KN_INT(change->wakes)),
                        NULL, err);
}

/* ---- changes ---- */

/* Of a change without events; with some, it goes along with them. */
const struct kn_statement kn_wake_others = {
    .name = "wake_others",
    .access = KN_WRITE,
    .tables = "",
    .postgres = "SELECT pg_notify('kirinuki', '') IS NULL",
};

struct change_call {
    struct kn_change change;
    kn_change_fn *run;
    void *arg;
};

static enum kn_status run_change(struct kn_transaction *transaction, void *arg,
                                 struct kn_error *err)
{
    struct change_call *call = arg;
    struct kn_change *change = &call->change;
    change->transaction = transaction;
    change->now_us = kn_store_now_us(change->store);
    change->wakes = false;
    kn_vec_clear(&change->blocks);
    enum kn_status status = call->run(change, call->arg, err);
    if (status != KN_OK)
        return status;
    if (!change->blocks.count)
        return change->wakes && transaction->kind == KN_DATABASE_POSTGRES
                   ? kn_change_do(change, &kn_wake_others, NULL, 0, NULL, err)
                   : KN_OK;
    int total = 0;
    for (int i = 0; i < change->blocks.count; i++)
        total += change->blocks.at[i].count;
    return transaction->kind == KN_DATABASE_SQLITE ? write_events_sqlite(change, total, err)
                                                   : write_events_postgres(change, total, err);
}

enum kn_status kn_store_change(struct kn_store *store, kn_change_fn *run, void *arg,
                               struct kn_arena *arena, struct kn_cancel *cancel,
                               struct kn_error *err)
{
    struct kn_error own;
    struct kn_arena *made = arena ? NULL : kn_arena_new();
    struct change_call call = {
        .change = {.store = store, .arena = arena ? arena : made}, .run = run, .arg = arg};
    enum kn_status status = kn_transaction_run(store->database, run_change, &call,
                                               call.change.arena, cancel, err ? err : &own);
    kn_vec_free(&call.change.blocks);
    kn_arena_free(made);
    if (status == KN_OK && call.change.wakes)
        kn_store_changed(store);
    return status;
}
