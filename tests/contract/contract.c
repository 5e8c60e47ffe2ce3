#include "contract.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "support/temp_folder.h"

static enum kn_database_kind kind;

const struct kn_statement insert_item = {
    .name = "insert_item",
    .access = KN_WRITE,
    .tables = "item",
    .sql = "INSERT INTO item (id, name, score) VALUES ($1, $2, $3)",
    .many = "INSERT INTO item (id, name, score) "
            "SELECT * FROM unnest($1::bigint[], $2::text[], $3::double precision[])",
};
const struct kn_statement insert_item_singly = {
    .name = "insert_item_singly",
    .access = KN_WRITE,
    .tables = "item",
    .sql = "INSERT INTO item (id, name, score) VALUES ($1, $2, $3)",
};
const struct kn_statement insert_note = {
    .name = "insert_note",
    .access = KN_WRITE,
    .tables = "note",
    .sql = "INSERT INTO note (text) VALUES ($1)",
    .many = "INSERT INTO note (text) SELECT * FROM unnest($1::text[])",
};
const struct kn_statement update_item = {
    .name = "update_item",
    .access = KN_WRITE,
    .tables = "item",
    .sql = "UPDATE item SET name = $2 WHERE id >= $1",
};
const struct kn_statement count_items = {
    .name = "count_items",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT count(*) FROM item",
};
const struct kn_statement count_notes = {
    .name = "count_notes",
    .access = KN_READ,
    .tables = "note",
    .sql = "SELECT count(*) FROM note",
};
const struct kn_statement one_item = {
    .name = "one_item",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT id, name, score FROM item WHERE id = $1",
    .many = "SELECT n, id, name, score FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, n) "
            "JOIN item USING (id) ORDER BY n",
};
const struct kn_statement note_text = {
    .name = "note_text",
    .access = KN_READ,
    .tables = "note",
    .sql = "SELECT text FROM note WHERE id = $1",
};
const struct kn_statement all_items = {
    .name = "all_items",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT id, name, score FROM item ORDER BY id",
};

static const char *const tables_of_kind[][4] = {
    [KN_DATABASE_SQLITE] =
        {
            "DROP TABLE IF EXISTS item",
            "DROP TABLE IF EXISTS note",
            "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, score REAL)",
            "CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)",
        },
    [KN_DATABASE_POSTGRES] =
        {
            "DROP TABLE IF EXISTS item",
            "DROP TABLE IF EXISTS note",
            "CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT, score DOUBLE PRECISION)",
            "CREATE TABLE note (id BIGSERIAL PRIMARY KEY, text TEXT NOT NULL)",
        },
};

int contract_main(int count, char **arguments, int (*run)(void))
{
    if (count == 2 && strcmp(arguments[1], "sqlite") == 0) {
        kind = KN_DATABASE_SQLITE;
    } else if (count == 2 && strcmp(arguments[1], "postgres") == 0) {
        kind = KN_DATABASE_POSTGRES;
        if (!getenv("KN_TEST_POSTGRES")) {
            puts("1..0 # SKIP no server in KN_TEST_POSTGRES");
            return 77;
        }
    } else {
        fprintf(stderr, "usage: %s sqlite|postgres\n", arguments[0]);
        return 2;
    }
    return run();
}

bool contract_is(enum kn_database_kind wanted)
{
    return kind == wanted;
}

void contract_open(struct contract *c, int connections, struct kn_database **ret)
{
    struct kn_error error;
    struct kn_database_options options = {.where = c->where, .connections = connections};
    assert_ok(kn_database_open(&options, ret, &error));
}

int contract_setup(void **state)
{
    struct contract *c = kn_calloc(1, sizeof *c);
    c->kind = kind;
    c->arena = kn_arena_new();
    if (kind == KN_DATABASE_POSTGRES) {
        snprintf(c->where, sizeof c->where, "%s", getenv("KN_TEST_POSTGRES"));
    } else {
        char folder[PATH_MAX];
        assert_non_null(temp_folder_make(folder));
        snprintf(c->where, sizeof c->where, "%.1000s/test.db", folder);
    }
    contract_open(c, 0, &c->database);
    for (size_t i = 0; i < KN_COUNT_OF(tables_of_kind[kind]); i++)
        contract_sql(c, tables_of_kind[kind][i]);
    *state = c;
    return 0;
}

int contract_teardown(void **state)
{
    struct contract *c = *state;
    kn_database_close(c->database);
    if (c->outside && kind == KN_DATABASE_SQLITE)
        sqlite3_close(c->outside);
    else
        PQfinish(c->outside);
    kn_arena_free(c->arena);
    if (kind == KN_DATABASE_SQLITE) {
        *strrchr(c->where, '/') = '\0';
        temp_folder_remove(c->where);
    }
    free(c);
    return 0;
}

enum kn_status contract_run(struct contract *c, struct kn_operation *operations, int count,
                            struct kn_error *err)
{
    return kn_batch_run(c->database, operations, count, c->arena, NULL, err);
}

void contract_sql(struct contract *c, const char *sql)
{
    struct kn_error error;
    struct kn_statement statement = {
        .name = "sql", .access = KN_WRITE, .tables = "item note", .sql = sql};
    struct kn_operation operation = PLAIN(statement);
    assert_ok(contract_run(c, &operation, 1, &error));
}

int64_t contract_number(struct contract *c, const char *sql)
{
    struct kn_error error;
    struct kn_statement statement = {.name = "number", .access = KN_READ, .tables = "", .sql = sql};
    struct kn_operation operation = PLAIN(statement);
    assert_ok(contract_run(c, &operation, 1, &error));
    assert_int_equal(operation.rows.count, 1);
    return operation.rows.values[0].integer;
}

/* ---- somebody else ---- */

static void outside_open(struct contract *c)
{
    if (c->outside)
        return;
    if (kind == KN_DATABASE_SQLITE) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(c->where, &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 10000);
        c->outside = db;
    } else {
        c->outside = PQconnectdb(c->where);
        assert_int_equal(PQstatus(c->outside), CONNECTION_OK);
    }
}

int64_t contract_outside_number(struct contract *c, const char *sql)
{
    int64_t number = 0;
    outside_open(c);
    if (kind == KN_DATABASE_SQLITE) {
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(c->outside, sql, -1, &stmt, NULL), SQLITE_OK);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            number = sqlite3_column_int64(stmt, 0);
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
        return number;
    }
    PGresult *result = PQexec(c->outside, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c->outside));
    if (PQntuples(result))
        number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

void contract_outside(struct contract *c, const char *sql)
{
    (void)contract_outside_number(c, sql);
}

void contract_hold(struct contract *c)
{
    if (kind == KN_DATABASE_SQLITE) {
        contract_outside(c, "BEGIN IMMEDIATE");
    } else {
        contract_outside(c, "BEGIN");
        contract_outside(c, "LOCK TABLE item IN SHARE ROW EXCLUSIVE MODE");
    }
}

void contract_release(struct contract *c)
{
    contract_outside(c, "COMMIT");
}

/* Frames of the write-ahead log that end a transaction (sqlite.org/fileformat2.html, 4.1): 32 bytes
 * of header, then frames of 24 bytes and a page; bytes 4 to 7 of a frame are 0 but at a commit. */
static int64_t commits_in_log(const struct contract *c)
{
    enum { HEADER = 32, FRAME = 24, PAGE = 4096 };
    char path[1100];
    unsigned char frame[FRAME];
    int64_t commits = 0;
    snprintf(path, sizeof path, "%s-wal", c->where);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (long at = HEADER; fseek(file, at, SEEK_SET) == 0; at += FRAME + PAGE) {
        if (fread(frame, 1, FRAME, file) != FRAME)
            break;
        commits += frame[4] || frame[5] || frame[6] || frame[7];
    }
    fclose(file);
    return commits;
}

int64_t contract_commits(struct contract *c)
{
    if (kind == KN_DATABASE_SQLITE)
        return commits_in_log(c);
    return contract_outside_number(c, "SELECT count(DISTINCT xmin::text) FROM item");
}
