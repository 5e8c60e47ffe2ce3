/*
 * One connection writes, a few read. In WAL mode readers and the writer never wait for each other,
 * and a reader sees what was committed when its statement began.
 *
 * A read of one row takes microseconds, a thread more than ten times that, and SQLite's allocator
 * is one for all threads: so reads stay on the caller's thread, unless there is a commit to wait
 * for meanwhile, or the first of them turn out to be slow.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/sync.h"
#include "run/cores.h"
#include "store/database_backend.h"
#include "store/migrate.h"
#include "store/pool.h"
#include "store/sqlite_link.h"

enum {
    READS_BESIDE_WRITES = 8, /* worth a thread while the caller's one writes */
    READS_AT_ONCE = 16,      /* taken by a thread at a time */
    SLOW_READ_US = 50,       /* worth threads where more of the kind are left */
};

struct sqlite {
    char *path;
    struct stat file; /* what was opened; st_ino 0: no file */
    int64_t wait_ms;
    int cores;
    struct kn_pool writer, readers;

    pthread_mutex_t changes_lock;   /* held while a number is asked for */
    struct kn_sqlite_link *changes; /* protected by it */
};

static void close_link(void *link)
{
    kn_sqlite_link_close(link);
}

static enum kn_status take_link(struct sqlite *db, bool writes, struct kn_cancel *cancel,
                                int64_t wait_ms, struct kn_sqlite_link **ret_link,
                                struct kn_error *err)
{
    struct kn_pool *pool = writes ? &db->writer : &db->readers;
    void *thing;
    enum kn_status status = kn_pool_take(pool, wait_ms, cancel, &thing);
    if (status == KN_CANCELLED)
        return kn_cancel_check(cancel, err);
    if (status != KN_OK)
        return kn_error_set(err, status, "the database %s was busy for too long", db->path);
    struct kn_sqlite_link *link = thing;
    if (!link) {
        status = kn_sqlite_link_open(db->path, writes, wait_ms, &link, err);
        if (status != KN_OK) {
            kn_pool_give(pool, NULL);
            return status;
        }
    }
    kn_sqlite_use(link, cancel, wait_ms);
    *ret_link = link;
    return KN_OK;
}

static void give_link(struct sqlite *db, struct kn_sqlite_link *link)
{
    link->cancel = NULL; /* whose life ends with the call */
    kn_pool_give(link->writes ? &db->writer : &db->readers, link);
}

/* ---- opening and closing ---- */

static enum kn_status sqlite_open(void *state, const struct kn_database_options *options,
                                  struct kn_error *err)
{
    struct sqlite *db = state;
    db->path = kn_strdup(options->where);
    db->wait_ms = options->wait_ms;
    db->cores = kn_cores();
    kn_pool_init(&db->writer, 1);
    kn_pool_init(&db->readers, options->connections - 1);
    pthread_mutex_init(&db->changes_lock, NULL);
    struct kn_sqlite_link *link;
    enum kn_status status = take_link(db, true, NULL, db->wait_ms, &link, err);
    if (status != KN_OK)
        return status;
    if (stat(db->path, &db->file) != 0)
        db->file.st_ino = 0;
    give_link(db, link);
    return KN_OK;
}

/* SQLite itself goes on with a file that has no name any more. */
static enum kn_status sqlite_check(const void *state, struct kn_error *err)
{
    const struct sqlite *db = state;
    struct stat now;
    if (!db->file.st_ino)
        return KN_OK;
    bool there = stat(db->path, &now) == 0;
    if (there ? now.st_dev == db->file.st_dev && now.st_ino == db->file.st_ino
              : errno != ENOENT && errno != ENOTDIR) /* then nobody knows */
        return KN_OK;
    return kn_error_set(err, KN_NOT_FOUND,
                        "the database %s was %s while it was in use: what is done now would not be"
                        " known afterwards",
                        db->path, there ? "replaced" : "deleted");
}

static void sqlite_close(void *state)
{
    struct sqlite *db = state;
    kn_sqlite_link_close(db->changes);
    kn_pool_done(&db->readers, close_link);
    kn_pool_done(&db->writer, close_link); /* last: it can take in the log and remove it */
    pthread_mutex_destroy(&db->changes_lock);
    free(db->path);
}

static const char *sqlite_where(const void *state)
{
    const struct sqlite *db = state;
    return db->path;
}

/* ---- the transaction ---- */

static void roll_back(struct kn_sqlite_link *link)
{
    link->cancel = NULL;
    if (!sqlite3_get_autocommit(link->db)) /* a full disk has rolled back already */
        (void)kn_sqlite_exec(link, "ROLLBACK", NULL);
}

static void write_all(struct kn_sqlite_link *link, struct kn_batch *batch)
{
    struct kn_rows_maker maker = {0};
    struct kn_error err;
    enum kn_status status = kn_sqlite_exec(link, "BEGIN IMMEDIATE", &err);
    int by = -1; /* whom it failed because of */
    for (int i = 0; i < batch->write_count && status == KN_OK; i++) {
        status = kn_cancel_check(batch->cancel, &err);
        if (status != KN_OK)
            break;
        status = kn_sqlite_run(link, batch, batch->writes[i], &maker, &err);
        if (status != KN_OK && status != KN_CANCELLED)
            by = batch->writes[i];
    }
    if (status == KN_OK && (status = kn_sqlite_exec(link, "COMMIT", &err)) != KN_OK)
        kn_error_add(&err, "nothing was written");
    if (status != KN_OK) {
        roll_back(link);
        kn_batch_undo(batch, by, &err);
    }
    kn_rows_maker_free(&maker);
}

static void run_transaction(struct sqlite *db, struct kn_batch *batch)
{
    struct kn_sqlite_link *link;
    struct kn_error err;
    if (take_link(db, true, batch->cancel, db->wait_ms, &link, &err) != KN_OK) {
        kn_batch_undo(batch, -1, &err);
        return;
    }
    write_all(link, batch);
    give_link(db, link);
}

/* One statement after the other: what the next one is depends on what the last one gave. */
struct transaction {
    struct kn_transaction base;
    struct kn_sqlite_link *link;
    struct kn_batch batch; /* of one operation, for kn_sqlite_run */
    struct kn_rows_maker maker;
};

static enum kn_status run_in_transaction(struct kn_transaction *base,
                                         const struct kn_statement *statement,
                                         const struct kn_value *values, int count,
                                         struct kn_rows *ret_rows, struct kn_error *err)
{
    struct transaction *transaction = KN_CONTAINER(base, struct transaction, base);
    struct kn_operation operation = {
        .statement = statement, .value_count = count, .values = values};
    transaction->batch.operations = &operation;
    enum kn_status status =
        kn_sqlite_run(transaction->link, &transaction->batch, 0, &transaction->maker, err);
    if (status == KN_OK && ret_rows)
        *ret_rows = operation.rows;
    return status;
}

static enum kn_status sqlite_transact(void *state, kn_transaction_fn *run, void *arg,
                                      struct kn_arena *arena, struct kn_cancel *cancel,
                                      struct kn_error *err)
{
    struct sqlite *db = state;
    struct transaction transaction = {
        .base = {.kind = KN_DATABASE_SQLITE, .arena = arena, .run = run_in_transaction},
        .batch = {.count = 1, .arena = arena, .cancel = cancel, .failed_write = -1},
    };
    enum kn_status status = take_link(db, true, cancel, db->wait_ms, &transaction.link, err);
    if (status != KN_OK)
        return status;
    pthread_mutex_init(&transaction.batch.lock, NULL);
    status = kn_sqlite_exec(transaction.link, "BEGIN IMMEDIATE", err);
    if (status == KN_OK)
        status = run(&transaction.base, arg, err);
    if (status == KN_OK)
        status = kn_sqlite_exec(transaction.link, "COMMIT", err);
    if (status != KN_OK)
        roll_back(transaction.link);
    give_link(db, transaction.link);
    kn_rows_maker_free(&transaction.maker);
    pthread_mutex_destroy(&transaction.batch.lock);
    return status;
}

/* ---- reads ---- */

struct reading {
    struct sqlite *db;
    struct kn_batch *batch;
    atomic_int next; /* of batch->reads, not yet taken by anybody */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int early_left; /* protected by `lock`: not yet answered */
};

static void early_done(struct reading *reading, int count)
{
    KN_LOCKED(&reading->lock);
    reading->early_left -= count;
    if (!reading->early_left)
        pthread_cond_broadcast(&reading->changed);
}

static void read_one(struct kn_sqlite_link *link, struct kn_batch *batch, int number,
                     struct kn_rows_maker *maker)
{
    struct kn_error err;
    if (kn_cancel_check(batch->cancel, &err) != KN_OK ||
        kn_sqlite_run(link, batch, number, maker, &err) != KN_OK)
        kn_batch_fail(batch, number, &err);
}

/* Reads until `end` of the list are taken. */
static void read_until(struct reading *reading, struct kn_sqlite_link *link, int end)
{
    struct kn_batch *batch = reading->batch;
    struct kn_rows_maker maker = {0};
    for (;;) {
        /* Looked at first, so that nobody takes more than the early ones by mistake. */
        int first = atomic_load(&reading->next);
        int last = KN_MIN(first + READS_AT_ONCE, end);
        if (first >= end)
            break;
        if (!atomic_compare_exchange_weak(&reading->next, &first, last))
            continue;
        for (int i = first; i < last; i++)
            read_one(link, batch, batch->reads[i], &maker);
        int early = KN_MIN(last, batch->early_count) - first;
        if (early > 0)
            early_done(reading, early);
    }
    kn_rows_maker_free(&maker);
}

/* A helper reads on a connection that is free, or does nothing. */
static void *help(void *arg)
{
    struct reading *reading = arg;
    struct kn_sqlite_link *link;
    if (take_link(reading->db, false, reading->batch->cancel, 0, &link, NULL) == KN_OK) {
        read_until(reading, link, reading->batch->read_count);
        give_link(reading->db, link);
    }
    return NULL;
}

/* The caller's own part; fails what nobody reads. */
static void read_here(struct reading *reading, int end)
{
    struct kn_batch *batch = reading->batch;
    struct kn_sqlite_link *link;
    struct kn_error err;
    if (atomic_load(&reading->next) >= end)
        return;
    if (take_link(reading->db, false, batch->cancel, reading->db->wait_ms, &link, &err) == KN_OK) {
        read_until(reading, link, end);
        give_link(reading->db, link);
        return;
    }
    int first = atomic_exchange(&reading->next, batch->read_count);
    for (int i = first; i < batch->read_count; i++)
        kn_batch_fail(batch, batch->reads[i], &err);
    if (first < batch->early_count)
        early_done(reading, batch->early_count - first);
}

static void await_early(struct reading *reading)
{
    KN_LOCKED(&reading->lock);
    while (reading->early_left)
        pthread_cond_wait(&reading->changed, &reading->lock);
}

struct helpers {
    pthread_t threads[KN_CONNECTIONS_MOST];
    int count;
};

static void start_helpers(struct helpers *helpers, struct reading *reading, int wanted)
{
    wanted = KN_MIN(wanted, reading->db->readers.most);
    while (helpers->count < wanted &&
           kn_thread_start(&helpers->threads[helpers->count], "kn-read", help, reading) == 0)
        helpers->count++;
}

/* Reads a few, and gets help where they were slow. */
static void try_some(struct helpers *helpers, struct reading *reading)
{
    int all = reading->batch->read_count;
    int64_t start_us = kn_now_us();
    read_here(reading, KN_MIN(atomic_load(&reading->next) + READS_AT_ONCE, all));
    int64_t cost_us = (kn_now_us() - start_us) / READS_AT_ONCE;
    int left = all - atomic_load(&reading->next);
    if (cost_us >= SLOW_READ_US)
        start_helpers(helpers, reading, KN_MIN(left / READS_AT_ONCE, reading->db->cores - 1));
}

static void sqlite_run(void *state, struct kn_batch *batch)
{
    struct sqlite *db = state;
    struct reading reading = {.db = db, .batch = batch, .early_left = batch->early_count};
    struct helpers helpers = {.count = 0};
    pthread_mutex_init(&reading.lock, NULL);
    kn_cond_init(&reading.changed);

    if (batch->write_count) {
        if (batch->read_count - batch->early_count >= READS_BESIDE_WRITES)
            start_helpers(&helpers, &reading, 1);
        read_here(&reading, batch->early_count);
        await_early(&reading);
        run_transaction(db, batch);
    }
    if (batch->read_count - atomic_load(&reading.next) > 2 * READS_AT_ONCE)
        try_some(&helpers, &reading);
    read_here(&reading, batch->read_count);
    for (int i = 0; i < helpers.count; i++)
        pthread_join(helpers.threads[i], NULL);
    pthread_cond_destroy(&reading.changed);
    pthread_mutex_destroy(&reading.lock);
}

/* ---- migrations and changes ---- */

static enum kn_status version_of(struct kn_sqlite_link *link, int *ret_version,
                                 struct kn_error *err)
{
    int64_t version = 0;
    enum kn_status status = kn_sqlite_number(
        link, "SELECT count(*) FROM sqlite_master WHERE name = 'kirinuki_schema'", &version, err);
    if (status == KN_OK && version)
        status = kn_sqlite_number(link, KN_SCHEMA_VERSION, &version, err);
    if (status == KN_OK)
        *ret_version = (int)version;
    return status;
}

static enum kn_status sqlite_schema_version(void *state, int *ret_version, struct kn_error *err)
{
    struct sqlite *db = state;
    struct kn_sqlite_link *link;
    enum kn_status status = take_link(db, true, NULL, db->wait_ms, &link, err);
    if (status != KN_OK)
        return status;
    status = version_of(link, ret_version, err);
    give_link(db, link);
    return status;
}

static enum kn_status note(struct kn_sqlite_link *link, const struct kn_migration *migration,
                           struct kn_error *err)
{
    char *sql = sqlite3_mprintf("INSERT INTO kirinuki_schema (version, at_us, name) "
                                "VALUES (%d, %lld, %Q)",
                                migration->number, (long long)kn_wall_us(), migration->name);
    enum kn_status status = kn_sqlite_exec(link, sql, err);
    sqlite3_free(sql);
    return status;
}

static enum kn_status apply(struct kn_sqlite_link *link, const struct kn_migration *migration,
                            struct kn_error *err)
{
    int version = 0;
    enum kn_status status = kn_sqlite_exec(link, "BEGIN IMMEDIATE; " KN_SCHEMA_TABLE, err);
    if (status == KN_OK)
        status = version_of(link, &version, err);
    if (status == KN_OK && version < migration->number) {
        status = kn_sqlite_exec(link, migration->sql, err);
        if (status == KN_OK)
            status = note(link, migration, err);
    }
    return status == KN_OK ? kn_sqlite_exec(link, "COMMIT", err) : status;
}

static enum kn_status sqlite_migrate(void *state, const struct kn_migration *migration,
                                     struct kn_error *err)
{
    struct sqlite *db = state;
    struct kn_sqlite_link *link;
    int64_t wait_ms = KN_MAX(db->wait_ms, KN_MIGRATION_WAIT_MS);
    enum kn_status status = take_link(db, true, NULL, wait_ms, &link, err);
    if (status != KN_OK)
        return status;
    status = apply(link, migration, err);
    if (status != KN_OK)
        roll_back(link);
    give_link(db, link);
    return status;
}

/* The number is a connection's own: only one that is always the same can tell. It counts commits of
 * other connections, and this one makes none. */
static enum kn_status sqlite_changes(void *state, int64_t *ret_number, struct kn_error *err)
{
    struct sqlite *db = state;
    KN_LOCKED(&db->changes_lock);
    enum kn_status status = KN_OK;
    if (!db->changes)
        status = kn_sqlite_link_open(db->path, false, db->wait_ms, &db->changes, err);
    if (status == KN_OK)
        status = kn_sqlite_number(db->changes, "PRAGMA data_version", ret_number, err);
    return status;
}

const struct kn_database_desc kn_database_sqlite = {
    .name = "SQLite",
    .kind = KN_DATABASE_SQLITE,
    .state_size = sizeof(struct sqlite),
    .open = sqlite_open,
    .close = sqlite_close,
    .where = sqlite_where,
    .run = sqlite_run,
    .schema_version = sqlite_schema_version,
    .migrate = sqlite_migrate,
    .transact = sqlite_transact,
    .changes = sqlite_changes,
    .check = sqlite_check,
};
