#include "queue_floor.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "bench_queue: the floor failed: %s\n", why);
    exit(1);
}

/* ---- SQLite ---- */

static sqlite3 *open_sqlite(const struct floor *floor)
{
    sqlite3 *db;
    if (sqlite3_open(floor->where, &db) != SQLITE_OK)
        die("cannot open");
    return db;
}

static void run_sqlite(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        die(why);
}

static sqlite3 *fresh_sqlite(const struct floor *floor)
{
    sqlite3 *db = open_sqlite(floor);
    run_sqlite(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                   "DROP TABLE IF EXISTS floor_job;"
                   "CREATE TABLE floor_job (id INTEGER PRIMARY KEY, level INT NOT NULL,"
                   " state INT NOT NULL DEFAULT 0, payload TEXT NOT NULL);"
                   "CREATE INDEX floor_ready ON floor_job (level DESC, id) WHERE state = 0");
    return db;
}

static sqlite3_stmt *prepare_sqlite(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    return stmt;
}

static double insert_sqlite(const struct floor *floor, int jobs, int chunk)
{
    sqlite3 *db = fresh_sqlite(floor);
    sqlite3_stmt *insert =
        prepare_sqlite(db, "INSERT INTO floor_job (level, payload) VALUES (?, ?)");
    int64_t start_us = kn_now_us();
    for (int i = 0; i < jobs; i++) {
        if (chunk > 1 && i % chunk == 0)
            run_sqlite(db, "BEGIN IMMEDIATE");
        sqlite3_bind_int(insert, 1, i % 3);
        sqlite3_bind_text(insert, 2, floor->payload, -1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die(sqlite3_errmsg(db));
        sqlite3_reset(insert);
        if (chunk > 1 && (i % chunk == chunk - 1 || i == jobs - 1))
            run_sqlite(db, "COMMIT");
    }
    int64_t end_us = kn_now_us();
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return kn_seconds(end_us - start_us);
}

static double drain_sqlite(const struct floor *floor, int jobs, int concurrency)
{
    sqlite3 *db = open_sqlite(floor);
    run_sqlite(db, "PRAGMA synchronous=FULL");
    sqlite3_stmt *claim = prepare_sqlite(
        db, "UPDATE floor_job SET state = 1 WHERE id IN (SELECT id FROM floor_job WHERE state = 0"
            " ORDER BY level DESC, id LIMIT ?) RETURNING id, level, payload");
    sqlite3_stmt *done = prepare_sqlite(db, "UPDATE floor_job SET state = 2 WHERE id = ?");
    int64_t *ids = kn_calloc((size_t)concurrency, sizeof *ids);
    int held = 0;
    int64_t start_us = kn_now_us();
    for (int finished = 0; finished < jobs;) {
        run_sqlite(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < held; i++) {
            sqlite3_bind_int64(done, 1, ids[i]);
            sqlite3_step(done);
            sqlite3_reset(done);
        }
        finished += held;
        held = 0;
        sqlite3_bind_int(claim, 1, concurrency);
        while (sqlite3_step(claim) == SQLITE_ROW) {
            ids[held++] = sqlite3_column_int64(claim, 0);
            (void)sqlite3_column_text(claim, 2);
        }
        sqlite3_reset(claim);
        run_sqlite(db, "COMMIT");
    }
    int64_t end_us = kn_now_us();
    free(ids);
    sqlite3_finalize(claim);
    sqlite3_finalize(done);
    sqlite3_close(db);
    return kn_seconds(end_us - start_us);
}

/* ---- PostgreSQL ---- */

static PGresult *check(PGconn *pg, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        die(PQerrorMessage(pg));
    return result;
}

static void run_pg(PGconn *pg, const char *sql)
{
    PQclear(check(pg, PQexec(pg, sql)));
}

static PGconn *open_pg(const struct floor *floor)
{
    PGconn *pg = PQconnectdb(floor->where);
    if (PQstatus(pg) != CONNECTION_OK)
        die(PQerrorMessage(pg));
    return pg;
}

static PGconn *fresh_pg(const struct floor *floor)
{
    PGconn *pg = open_pg(floor);
    run_pg(pg, "SET client_min_messages = error");
    run_pg(pg, "DROP TABLE IF EXISTS floor_job");
    run_pg(pg, "CREATE TABLE floor_job (id bigserial PRIMARY KEY, level smallint NOT NULL,"
               " state smallint NOT NULL DEFAULT 0, payload text NOT NULL)");
    run_pg(pg, "CREATE INDEX ON floor_job (level DESC, id) WHERE state = 0");
    return pg;
}

static double insert_pg(const struct floor *floor, int jobs, int chunk)
{
    PGconn *pg = fresh_pg(floor);
    PQclear(check(pg, PQprepare(pg, "i",
                                "INSERT INTO floor_job (level, payload)"
                                " SELECT * FROM unnest($1::smallint[], $2::text[])",
                                0, NULL)));
    KN_SCOPED_STR levels = {0}, payloads = {0}, quoted = {0};
    for (const char *at = floor->payload; *at; at++) {
        if (*at == '"' || *at == '\\')
            kn_str_add_char(&quoted, '\\');
        kn_str_add_char(&quoted, *at);
    }
    int64_t start_us = kn_now_us();
    for (int i = 0; i < jobs; i += chunk) {
        kn_str_clear(&levels);
        kn_str_clear(&payloads);
        for (int k = i; k < jobs && k < i + chunk; k++) {
            kn_str_printf(&levels, "%c%d", k > i ? ',' : '{', k % 3);
            kn_str_printf(&payloads, "%c\"%s\"", k > i ? ',' : '{', kn_str_text(&quoted));
        }
        kn_str_add_char(&levels, '}');
        kn_str_add_char(&payloads, '}');
        const char *values[] = {kn_str_text(&levels), kn_str_text(&payloads)};
        PQclear(check(pg, PQexecPrepared(pg, "i", 2, values, NULL, NULL, 0)));
    }
    int64_t end_us = kn_now_us();
    PQfinish(pg);
    return kn_seconds(end_us - start_us);
}

static double drain_pg(const struct floor *floor, int jobs, int concurrency)
{
    PGconn *pg = open_pg(floor);
    PQclear(check(pg, PQprepare(pg, "c",
                                "WITH a AS (UPDATE floor_job SET state = 2"
                                " WHERE id = ANY($2::bigint[]))"
                                " UPDATE floor_job j SET state = 1 FROM (SELECT id FROM floor_job"
                                " WHERE state = 0 ORDER BY level DESC, id LIMIT $1"
                                " FOR UPDATE SKIP LOCKED) q"
                                " WHERE j.id = q.id RETURNING j.id, j.level, j.payload",
                                0, NULL)));
    char limit[16];
    snprintf(limit, sizeof limit, "%d", concurrency);
    KN_SCOPED_STR ids = {0};
    kn_str_add(&ids, "{}");
    int held = 0;
    int64_t start_us = kn_now_us();
    for (int finished = 0; finished < jobs;) {
        const char *values[] = {limit, kn_str_text(&ids)};
        PGresult *result = check(pg, PQexecPrepared(pg, "c", 2, values, NULL, NULL, 0));
        finished += held;
        held = PQntuples(result);
        kn_str_clear(&ids);
        kn_str_add_char(&ids, '{');
        for (int i = 0; i < held; i++)
            kn_str_printf(&ids, "%s%s", i ? "," : "", PQgetvalue(result, i, 0));
        kn_str_add_char(&ids, '}');
        PQclear(result);
    }
    int64_t end_us = kn_now_us();
    PQfinish(pg);
    return kn_seconds(end_us - start_us);
}

/* ---- both ---- */

double floor_single(const struct floor *floor, int jobs)
{
    return floor->postgres ? insert_pg(floor, jobs, 1) : insert_sqlite(floor, jobs, 1);
}

double floor_batch(const struct floor *floor, int jobs, int chunk)
{
    return floor->postgres ? insert_pg(floor, jobs, chunk) : insert_sqlite(floor, jobs, chunk);
}

double floor_drain(const struct floor *floor, int jobs, int concurrency)
{
    return floor->postgres ? drain_pg(floor, jobs, concurrency)
                           : drain_sqlite(floor, jobs, concurrency);
}
