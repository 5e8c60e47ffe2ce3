/*
 * The cases of the peers' batch harness (1,000 single-row reads, 1,000 single-row inserts), done by
 * kn_batch_run: the same rows, the same statements, a line of JSON each as the harness has it.
 *
 *   peer_batch tables    makes the tables that all of them work on
 *   peer_batch [REPS]    the server is at $PGURL, $LABEL says how far
 */
#include <kirinuki/kirinuki.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum { COUNT = 1000, ITEMS = 100000, REPS = 5, REPS_MOST = 100 };

/* What the harness gives its drivers. */
static const char payload[] =
    "{\"start\":12.5,\"end\":42.5,\"score\":0.87,\"title\":\"a highlight\",\"pad\":"
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}";

static const struct kn_statement read_item = {
    .name = "read_item",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT id, kind, payload FROM item WHERE id = $1::bigint",
};
static const struct kn_statement read_items = {
    .name = "read_items",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT id, kind, payload FROM item WHERE id = $1::bigint",
    .many = "SELECT n, id, kind, payload FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, n)"
            " JOIN item USING (id) ORDER BY n",
};
static const struct kn_statement insert_item = {
    .name = "insert_item",
    .access = KN_WRITE,
    .tables = "item_w",
    .sql = "INSERT INTO item_w (job_id, kind, payload) VALUES ($1::int, $2, $3::jsonb)",
};
static const struct kn_statement insert_items = {
    .name = "insert_items",
    .access = KN_WRITE,
    .tables = "item_w",
    .sql = "INSERT INTO item_w (job_id, kind, payload) VALUES ($1::int, $2, $3::jsonb)",
    .many = "INSERT INTO item_w (job_id, kind, payload)"
            " SELECT * FROM unnest($1::int[], $2::text[], $3::jsonb[])",
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status == KN_OK)
        return;
    fprintf(stderr, "peer_batch: %s\n", kn_error_text(err));
    exit(1);
}

static void sql(struct kn_database *database, const char *text)
{
    struct kn_error err;
    struct kn_statement statement = {
        .name = "sql", .access = KN_WRITE, .tables = "item item_w", .sql = text};
    struct kn_operation operation = {.statement = &statement};
    struct kn_arena *arena = kn_arena_new();
    must(kn_batch_run(database, &operation, 1, arena, NULL, &err), &err);
    kn_arena_free(arena);
}

static void make_tables(struct kn_database *database)
{
    char fill[512];
    sql(database, "DROP TABLE IF EXISTS item, item_w");
    sql(database, "CREATE TABLE item (id bigint PRIMARY KEY, kind text NOT NULL, payload jsonb)");
    sql(database, "CREATE TABLE item_w (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,"
                  " job_id int NOT NULL, kind text NOT NULL, payload jsonb)");
    snprintf(fill, sizeof fill,
             "INSERT INTO item SELECT i, 'clip', '%s'::jsonb FROM generate_series(1, %d) AS i",
             payload, ITEMS);
    sql(database, fill);
    sql(database, "ANALYZE item");
}

static int64_t run_once(struct kn_database *database, const struct kn_statement *statement)
{
    static struct kn_operation operations[COUNT];
    static struct kn_value values[COUNT][3];
    struct kn_error err;
    struct kn_arena *arena = kn_arena_new();
    bool reads = statement->access == KN_READ;
    for (int i = 0; i < COUNT; i++) {
        values[i][0] = (struct kn_value){.type = KN_VALUE_INTEGER,
                                         .integer = reads ? 1 + i * 7919 % ITEMS : i};
        values[i][1] = (struct kn_value){.type = KN_VALUE_TEXT, .text = "clip"};
        values[i][2] = (struct kn_value){.type = KN_VALUE_TEXT, .text = payload};
        operations[i] = (struct kn_operation){statement, reads ? 1 : 3, values[i]};
    }
    if (!reads)
        sql(database, "TRUNCATE item_w");
    int64_t start_us = kn_now_us();
    must(kn_batch_run(database, operations, COUNT, arena, NULL, &err), &err);
    int64_t took_us = kn_now_us() - start_us;
    for (int i = 0; reads && i < COUNT; i++)
        if (operations[i].rows.count != 1 || operations[i].rows.columns != 3)
            must(kn_error_set(&err, KN_DAMAGED, "read %d gave no row", i), &err);
    kn_arena_free(arena);
    return took_us;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(struct kn_database *database, const char *name,
                    const struct kn_statement *statement, int reps)
{
    int64_t us[REPS_MOST];
    const char *label = getenv("LABEL");
    (void)run_once(database, statement); /* connections and prepared statements are there */
    for (int i = 0; i < reps; i++)
        us[i] = run_once(database, statement);
    qsort(us, (size_t)reps, sizeof us[0], by_size);
    printf("{\"case\": \"%s\", \"label\": \"%s\", \"n\": %d, \"reps\": %d, \"median_ms\": %.2f}\n",
           name, label ? label : "loopback", COUNT, reps, (double)us[reps / 2] / 1000);
}

int main(int count, char **arguments)
{
    const char *where = getenv("PGURL");
    struct kn_error err;
    struct kn_database *database;
    if (!where) {
        fputs("peer_batch: PGURL names no server\n", stderr);
        return 1;
    }
    must(kn_database_open(&(struct kn_database_options){.where = where}, &database, &err), &err);
    if (count > 1 && strcmp(arguments[1], "tables") == 0) {
        make_tables(database);
    } else {
        int reps = count > 1 ? (int)strtol(arguments[1], NULL, 10) : REPS;
        reps = KN_CLAMP(reps, 1, REPS_MOST);
        measure(database, "read kirinuki, a batch", &read_item, reps);
        measure(database, "read kirinuki, a batch, joined", &read_items, reps);
        measure(database, "insert kirinuki, a batch", &insert_item, reps);
        measure(database, "insert kirinuki, a batch, joined", &insert_items, reps);
    }
    kn_database_close(database);
    return 0;
}
