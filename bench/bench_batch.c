/*
 * What a batch of 1,000 single-row reads and 1,000 single-row inserts costs, against awaiting one
 * after another and against the floor: the same rows by one statement over arrays through libpq.
 * PostgreSQL on loopback and behind a wire that adds 5 ms to each round trip; SQLite in a file.
 *
 * The server is one of the bench's own (tests/support/with-postgres.sh starts this program again
 * beside it); without PostgreSQL only SQLite is measured.
 */
#include <kirinuki/kirinuki.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "slow_wire.h"

enum { COUNT = 1000, ROUNDS = 15, ROUND_TRIP_MS = 5 };

static const struct kn_statement one_item = {
    .name = "one_item",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT payload FROM item WHERE id = $1",
};
static const struct kn_statement joined_item = {
    .name = "joined_item",
    .access = KN_READ,
    .tables = "item",
    .sql = "SELECT payload FROM item WHERE id = $1",
    .many = "SELECT n, payload FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, n) "
            "JOIN item USING (id) ORDER BY n",
};
static const struct kn_statement insert_entry = {
    .name = "insert_entry",
    .access = KN_WRITE,
    .tables = "entry",
    .sql = "INSERT INTO entry (id, payload) VALUES ($1, $2)",
    .many = "INSERT INTO entry (id, payload) SELECT * FROM unnest($1::bigint[], $2::text[])",
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status == KN_OK)
        return;
    fprintf(stderr, "bench_batch: %s\n", kn_error_text(err));
    exit(1);
}

/* ---- one side ---- */

struct side {
    const char *name;
    struct kn_database *database;
    PGconn *pg; /* NULL: SQLite */
    struct kn_arena *arena;
    struct kn_operation reads[COUNT], joined[COUNT], inserts[COUNT], both[2 * COUNT];
    struct kn_value values[COUNT][2];
};

static void sql(struct side *side, const char *text)
{
    struct kn_error err;
    struct kn_statement statement = {
        .name = "sql", .access = KN_WRITE, .tables = "item entry", .sql = text};
    struct kn_operation operation = {.statement = &statement};
    must(kn_batch_run(side->database, &operation, 1, side->arena, NULL, &err), &err);
}

static void side_open(struct side *side, const char *name, const char *where)
{
    struct kn_error err;
    struct kn_database_options options = {.where = where};
    *side = (struct side){.name = name, .arena = kn_arena_new()};
    must(kn_database_open(&options, &side->database, &err), &err);
    if (kn_database_kind(side->database) == KN_DATABASE_POSTGRES)
        side->pg = PQconnectdb(where);
    for (int i = 0; i < COUNT; i++) {
        side->values[i][0] = (struct kn_value){.type = KN_VALUE_INTEGER, .integer = i + 1};
        side->values[i][1] = (struct kn_value){.type = KN_VALUE_TEXT,
                                               .text = "forty bytes of text, as rows often are"};
        side->reads[i] = (struct kn_operation){&one_item, 1, side->values[i]};
        side->joined[i] = (struct kn_operation){&joined_item, 1, side->values[i]};
        side->inserts[i] = (struct kn_operation){&insert_entry, 2, side->values[i]};
        side->both[2 * i] = side->joined[i];
        side->both[2 * i + 1] = side->inserts[i];
    }
    sql(side, "DROP TABLE IF EXISTS item");
    sql(side, "DROP TABLE IF EXISTS entry");
    sql(side, "CREATE TABLE item (id BIGINT PRIMARY KEY, payload TEXT)");
    sql(side, "CREATE TABLE entry (id BIGINT PRIMARY KEY, payload TEXT)");
    sql(side, side->pg
                  ? "INSERT INTO item SELECT i, repeat('x', 40) FROM generate_series(1, 10000) i"
                  : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                    "10000) INSERT INTO item SELECT i, printf('%.40c', 'x') FROM n");
    if (side->pg)
        sql(side, "ANALYZE item");
}

static void side_close(struct side *side)
{
    kn_database_close(side->database);
    PQfinish(side->pg);
    kn_arena_free(side->arena);
}

/* ---- ways, in microseconds ---- */

static int64_t run_batch(struct side *side, struct kn_operation *operations, int count)
{
    struct kn_error err;
    int64_t start_us = kn_now_us();
    must(kn_batch_run(side->database, operations, count, side->arena, NULL, &err), &err);
    int64_t end_us = kn_now_us();
    kn_arena_reset(side->arena);
    return end_us - start_us;
}

static int64_t batch_reads(struct side *side)
{
    return run_batch(side, side->reads, COUNT);
}

static int64_t batch_joined(struct side *side)
{
    return run_batch(side, side->joined, COUNT);
}

static int64_t batch_inserts(struct side *side)
{
    sql(side, "DELETE FROM entry");
    return run_batch(side, side->inserts, COUNT);
}

static int64_t batch_both(struct side *side)
{
    sql(side, "DELETE FROM entry");
    return run_batch(side, side->both, 2 * COUNT);
}

static int64_t loop(struct side *side, struct kn_operation *operations)
{
    int64_t sum_us = 0;
    for (int i = 0; i < COUNT; i++)
        sum_us += run_batch(side, &operations[i], 1);
    return sum_us;
}

static int64_t loop_reads(struct side *side)
{
    return loop(side, side->reads);
}

static int64_t loop_inserts(struct side *side)
{
    sql(side, "DELETE FROM entry");
    return loop(side, side->inserts);
}

static void check(PGresult *result, ExecStatusType wanted)
{
    if (PQresultStatus(result) != wanted) {
        fprintf(stderr, "bench_batch: %s", PQresultErrorMessage(result));
        exit(1);
    }
    PQclear(result);
}

static void array_of_ids(struct kn_str *array)
{
    for (int i = 0; i < COUNT; i++)
        kn_str_printf(array, "%c%d", i ? ',' : '{', i + 1);
    kn_str_add_char(array, '}');
}

/* The floor of libpq's own: what it takes to fetch the rows, however they are used. */
static int64_t floor_reads(struct side *side)
{
    int64_t start_us = kn_now_us();
    KN_SCOPED_STR ids = {0};
    array_of_ids(&ids);
    const char *values[] = {kn_str_text(&ids)};
    check(PQexecParams(side->pg, "SELECT id, payload FROM item WHERE id = ANY($1::bigint[])", 1,
                       NULL, values, NULL, NULL, 0),
          PGRES_TUPLES_OK);
    return kn_now_us() - start_us;
}

static int64_t floor_inserts(struct side *side)
{
    sql(side, "DELETE FROM entry");
    int64_t start_us = kn_now_us();
    KN_SCOPED_STR ids = {0}, texts = {0};
    array_of_ids(&ids);
    for (int i = 0; i < COUNT; i++)
        kn_str_printf(&texts, "%c\"%s\"", i ? ',' : '{', side->values[i][1].text);
    kn_str_add_char(&texts, '}');
    const char *values[] = {kn_str_text(&ids), kn_str_text(&texts)};
    check(PQexecParams(side->pg, insert_entry.many, 2, NULL, values, NULL, NULL, 0),
          PGRES_COMMAND_OK);
    return kn_now_us() - start_us;
}

static int64_t floor_both(struct side *side)
{
    int64_t inserts_us = floor_inserts(side);
    return inserts_us + floor_reads(side);
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(struct side *side, int64_t (*way)(struct side *side), int rounds)
{
    int64_t us[ROUNDS];
    for (int i = 0; i < rounds; i++)
        us[i] = way(side);
    qsort(us, (size_t)rounds, sizeof us[0], by_size);
    return (double)us[rounds / 2] / 1000;
}

struct figures {
    double loop, batch, floor; /* floor 0: none */
};

static struct figures measure(struct side *side, int64_t (*one)(struct side *),
                              int64_t (*batch)(struct side *), int64_t (*least)(struct side *))
{
    struct figures f = {0};
    (void)batch(side); /* connections and prepared statements are there */
    f.loop = one ? median_ms(side, one, 1) : 0;
    f.batch = median_ms(side, batch, ROUNDS);
    f.floor = least ? median_ms(side, least, ROUNDS) : 0;
    return f;
}

static void print_figures(const char *side, const char *what, struct figures f)
{
    printf("%-22s %-14s", side, what);
    if (f.loop > 0)
        printf(" %9.1f ms", f.loop);
    else
        printf(" %9s   ", "");
    printf(" %8.2f ms", f.batch);
    if (f.floor > 0)
        printf(" %8.2f ms   %.2f of the floor", f.floor, f.batch / f.floor);
    if (f.loop > 0)
        printf("%s   %.0f times faster than one by one", f.floor > 0 ? "," : "           ",
               f.loop / f.batch);
    putchar('\n');
}

struct results {
    struct figures reads, joined, inserts, both;
};

static struct results measure_side(struct side *side)
{
    bool server = side->pg;
    struct results r;
    r.reads = measure(side, loop_reads, batch_reads, server ? floor_reads : NULL);
    r.joined = measure(side, NULL, batch_joined, server ? floor_reads : NULL);
    r.inserts = measure(side, loop_inserts, batch_inserts, server ? floor_inserts : NULL);
    r.both = measure(side, NULL, batch_both, server ? floor_both : NULL);
    print_figures(side->name, "1,000 reads", r.reads);
    if (server)
        print_figures(side->name, "... joined", r.joined);
    print_figures(side->name, "1,000 inserts", r.inserts);
    print_figures(side->name, "both at once", r.both);
    return r;
}

static void aim(const char *what, double value, double most)
{
    printf("aim: %s: %.2f (at most %.1f) %s\n", what, value, most,
           value <= most ? "reached" : "MISSED");
}

static void measure_server(const char *where)
{
    static struct side side;
    side_open(&side, "PostgreSQL, loopback", where);
    struct results near = measure_side(&side);
    side_close(&side);

    const char *colon = strrchr(where, ':');
    const char *rest = colon + 1 + strspn(colon + 1, "0123456789");
    int port = slow_wire_start((int)strtol(colon + 1, NULL, 10), ROUND_TRIP_MS * 1000 / 2);
    KN_SCOPED_STR slow = {0};
    kn_str_printf(&slow, "%.*s:%d%s", (int)(colon - where), where, port, rest);
    side_open(&side, "PostgreSQL, +5 ms", kn_str_text(&slow));
    struct results far = measure_side(&side);
    side_close(&side);

    aim("reads at 5 ms, in round trips", far.reads.batch / ROUND_TRIP_MS, 5);
    aim("inserts at 5 ms, in round trips", far.inserts.batch / ROUND_TRIP_MS, 5);
    aim("joined reads on loopback, of the floor", near.joined.batch / near.joined.floor, 1.3);
    aim("inserts on loopback, of the floor", near.inserts.batch / near.inserts.floor, 1.3);
}

static void measure_file(void)
{
    static struct side side;
    char folder[] = "/tmp/kirinuki-bench-XXXXXX", path[64], log[80];
    if (!mkdtemp(folder))
        exit(1);
    snprintf(path, sizeof path, "%s/bench.db", folder);
    side_open(&side, "SQLite", path);
    (void)measure_side(&side);
    side_close(&side);
    for (int i = 0; i < 3; i++) {
        snprintf(log, sizeof log, "%s%s", path, (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(log);
    }
    rmdir(folder);
}

/* This program again, with a server beside it. */
static int with_server(const char *self)
{
    char helper[4096];
    const char *root = getenv("KN_SOURCE_ROOT");
    snprintf(helper, sizeof helper, "%s/tests/support/with-postgres.sh", root ? root : ".");
    pid_t child = fork();
    if (child == 0) {
        execl(helper, helper, self, (char *)NULL);
        _exit(127);
    }
    int result = 0;
    waitpid(child, &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 1;
}

int main(int count, char **arguments)
{
    (void)count;
    const char *where = getenv("KN_TEST_POSTGRES_TCP");
    if (where) {
        measure_server(where);
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%-37s %12s %11s %11s\n", "", "one by one", "a batch", "the floor");
    measure_file();
    int result = with_server(arguments[0]);
    return result == 77 ? 0 : result;
}
