/*
 * The descriptor: opening, migrations, and connections for other uses.
 */
#include "store/postgres.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/database_backend.h"
#include "store/migrate.h"
#include "store/postgres_run.h"

/* "kirinuki" in numbers: whoever migrates a database holds this lock. */
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(7738993612981)"

static void close_link(void *link)
{
    kn_postgres_link_close(link);
}

static enum kn_status postgres_open(void *state, const struct kn_database_options *options,
                                    struct kn_error *err)
{
    struct kn_postgres *db = state;
    db->connections = options->connections;
    atomic_init(&db->no_prepare, options->no_prepare);
    kn_pool_init(&db->links, options->connections);
    enum kn_status status =
        kn_postgres_place_init(&db->place, options->where, options->wait_ms, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED(kn_postgres_link) link = kn_postgres_link_start(&db->place, NULL);
    status = kn_postgres_link_await(link, &db->place, NULL, err);
    if (status != KN_OK)
        return status;
    void *thing;
    status = kn_pool_take(&db->links, 0, NULL, &thing);
    assert(status == KN_OK && !thing); /* nobody else knows the database yet */
    kn_pool_give(&db->links, KN_MOVE(link));
    return status;
}

static void postgres_close(void *state)
{
    struct kn_postgres *db = state;
    kn_pool_done(&db->links, close_link);
    kn_postgres_place_done(&db->place);
}

static const char *postgres_where(const void *state)
{
    const struct kn_postgres *db = state;
    return db->place.shown;
}

static void postgres_run(void *state, struct kn_batch *batch)
{
    kn_postgres_run(state, batch);
}

static enum kn_status postgres_transact(void *state, kn_transaction_fn *run, void *arg,
                                        struct kn_arena *arena, struct kn_cancel *cancel,
                                        struct kn_error *err)
{
    return kn_postgres_transact(state, run, arg, arena, cancel, err);
}

/* ---- connections for other uses ---- */

static enum kn_status connect_plainly(struct kn_postgres *db, struct kn_cancel *cancel,
                                      PGconn **ret_pg, struct kn_error *err)
{
    KN_SCOPED(kn_postgres_link) link = kn_postgres_link_start(&db->place, cancel);
    enum kn_status status = kn_postgres_link_await(link, &db->place, cancel, err);
    if (status != KN_OK)
        return status;
    PGconn *pg = kn_postgres_link_plain(link);
    if (!pg)
        return kn_postgres_broken(&db->place, err);
    *ret_pg = pg;
    return KN_OK;
}

enum kn_status kn_postgres_connect(struct kn_database *database, struct kn_cancel *cancel,
                                   PGconn **ret_connection, struct kn_error *err)
{
    void *state;
    const struct kn_database_desc *desc = kn_database_backend(database, &state);
    assert(desc == &kn_database_postgres);
    (void)desc;
    return connect_plainly(state, cancel, ret_connection, err);
}

/* ---- migrations ---- */

struct session {
    struct kn_postgres *db;
    PGconn *pg;
};

static enum kn_status session_begin(struct session *session, struct kn_postgres *db,
                                    struct kn_error *err)
{
    *session = (struct session){.db = db};
    return connect_plainly(db, NULL, &session->pg, err);
}

/* What is open is undone. */
static void session_end(struct session *session)
{
    PQfinish(session->pg);
}

/* `ret_number` may be NULL; NULL in the answer is 0. */
static enum kn_status judge(const struct session *session, PGresult *result, int64_t *ret_number,
                            struct kn_error *err)
{
    enum kn_status status = KN_OK;
    ExecStatusType got = PQresultStatus(result);
    if (got != PGRES_TUPLES_OK && got != PGRES_COMMAND_OK && got != PGRES_EMPTY_QUERY)
        status = kn_postgres_error(&session->db->place, result, NULL, err);
    else if (ret_number)
        *ret_number = PQntuples(result) ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return status;
}

static enum kn_status execute(const struct session *session, const char *sql, int64_t *ret_number,
                              struct kn_error *err)
{
    return judge(session, PQexec(session->pg, sql), ret_number, err);
}

static enum kn_status version_of(const struct session *session, int *ret_version,
                                 struct kn_error *err)
{
    int64_t version = 0;
    enum kn_status status =
        execute(session, "SELECT (to_regclass('kirinuki_schema') IS NOT NULL)::int", &version, err);
    if (status == KN_OK && version)
        status = execute(session, KN_SCHEMA_VERSION, &version, err);
    if (status == KN_OK)
        *ret_version = (int)version;
    return status;
}

static enum kn_status note(const struct session *session, const struct kn_migration *migration,
                           struct kn_error *err)
{
    char number[16], at_us[32];
    snprintf(number, sizeof number, "%d", migration->number);
    snprintf(at_us, sizeof at_us, "%lld", (long long)kn_wall_us());
    const char *const values[] = {number, at_us, migration->name};
    PGresult *result = PQexecParams(session->pg,
                                    "INSERT INTO kirinuki_schema (version, at_us, name) "
                                    "VALUES ($1, $2, $3)",
                                    3, NULL, values, NULL, NULL, 0);
    return judge(session, result, NULL, err);
}

static enum kn_status apply(const struct session *session, const struct kn_migration *migration,
                            struct kn_error *err)
{
    char limit[64];
    int version = 0;
    snprintf(limit, sizeof limit, "SET LOCAL lock_timeout = %lld",
             (long long)KN_MAX(session->db->place.wait_ms, KN_MIGRATION_WAIT_MS));
    const char *const before[] = {"BEGIN", limit, MIGRATION_LOCK, KN_SCHEMA_TABLE};
    for (size_t i = 0; i < KN_COUNT_OF(before); i++) {
        enum kn_status status = execute(session, before[i], NULL, err);
        if (status != KN_OK)
            return status;
    }
    enum kn_status status = version_of(session, &version, err);
    if (status == KN_OK && version < migration->number) {
        status = execute(session, migration->sql, NULL, err);
        if (status == KN_OK)
            status = note(session, migration, err);
    }
    return status == KN_OK ? execute(session, "COMMIT", NULL, err) : status;
}

static enum kn_status postgres_schema_version(void *state, int *ret_version, struct kn_error *err)
{
    struct session session;
    enum kn_status status = session_begin(&session, state, err);
    if (status != KN_OK)
        return status;
    status = version_of(&session, ret_version, err);
    session_end(&session);
    return status;
}

static enum kn_status postgres_migrate(void *state, const struct kn_migration *migration,
                                       struct kn_error *err)
{
    struct session session;
    enum kn_status status = session_begin(&session, state, err);
    if (status != KN_OK)
        return status;
    status = apply(&session, migration, err);
    session_end(&session);
    return status;
}

const struct kn_database_desc kn_database_postgres = {
    .name = "PostgreSQL",
    .kind = KN_DATABASE_POSTGRES,
    .state_size = sizeof(struct kn_postgres),
    .open = postgres_open,
    .close = postgres_close,
    .where = postgres_where,
    .run = postgres_run,
    .schema_version = postgres_schema_version,
    .migrate = postgres_migrate,
    .transact = postgres_transact,
};
