/* What a batch means, on every kind of database. */
#include "contract.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/database_backend.h"

/* ---- what a batch means ---- */

static void results_come_in_the_order_of_the_list(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 40 };
    struct kn_operation operations[3 * COUNT];
    struct kn_value values[COUNT][3];
    for (int i = 0; i < COUNT; i++) {
        values[i][0] = INTEGER(i);
        values[i][1] = TEXT("some");
        values[i][2] = REAL(i / 2.0);
        operations[3 * i] = (struct kn_operation){&insert_item, 3, values[i]};
        operations[3 * i + 1] = PLAIN(count_items);
        operations[3 * i + 2] = PLAIN(count_notes);
    }
    assert_ok(contract_run(c, operations, 3 * COUNT, &error));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(operations[3 * i].status, KN_OK);
        assert_int_equal(operations[3 * i + 1].rows.values[0].integer, i + 1);
        assert_int_equal(operations[3 * i + 2].rows.values[0].integer, 0);
    }
}

static void nothing_to_do_is_fine(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    assert_ok(contract_run(c, NULL, 0, &error));
}

static void a_read_sees_the_writes_before_it_and_none_after(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_operation operations[] = {
        PLAIN(count_items),
        OPERATION(insert_item, INTEGER(1), TEXT("one"), NOTHING),
        PLAIN(count_items),
        OPERATION(update_item, INTEGER(1), TEXT("uno")),
        OPERATION(one_item, INTEGER(1)),
        OPERATION(insert_item, INTEGER(2), TEXT("two"), NOTHING),
        PLAIN(count_items),
    };
    assert_ok(contract_run(c, operations, KN_COUNT_OF(operations), &error));
    assert_int_equal(operations[0].rows.values[0].integer, 0);
    assert_int_equal(operations[1].rows.changed, 1);
    assert_int_equal(operations[2].rows.values[0].integer, 1);
    assert_int_equal(operations[3].rows.changed, 1);
    assert_string_equal(operations[4].rows.values[1].text, "uno");
    assert_int_equal(operations[6].rows.values[0].integer, 2);
}

/* Many reads, so that they are under way on several connections when the write could begin. */
static void reads_before_a_write_never_see_it(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 1200 };
    KN_SCOPED_MEM struct kn_operation *operations = kn_calloc(COUNT + 1, sizeof *operations);
    const struct kn_value id = INTEGER(7), uno[] = {INTEGER(0), TEXT("after")};
    contract_sql(c, "INSERT INTO item (id, name) VALUES (7, 'before')");
    for (int i = 0; i < COUNT; i++)
        operations[i] = (struct kn_operation){&one_item, 1, &id};
    operations[COUNT] = (struct kn_operation){&update_item, 2, uno};
    assert_ok(contract_run(c, operations, COUNT + 1, &error));
    for (int i = 0; i < COUNT; i++)
        assert_string_equal(operations[i].rows.values[1].text, "before");
}

static void one_failure_undoes_the_transaction_and_no_read(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    contract_sql(c, "INSERT INTO note (text) VALUES ('there')");
    struct kn_operation operations[] = {
        OPERATION(note_text, INTEGER(1)),
        OPERATION(insert_item, INTEGER(1), TEXT("one"), NOTHING),
        PLAIN(count_items),
        OPERATION(insert_item, INTEGER(1), TEXT("again"), NOTHING),
        OPERATION(insert_item, INTEGER(2), TEXT("two"), NOTHING),
        OPERATION(note_text, INTEGER(1)),
    };
    assert_status(contract_run(c, operations, KN_COUNT_OF(operations), &error), KN_INVALID);
    assert_says(error.text, "operation 4 (insert_item): ");
    assert_status(operations[3].status, KN_INVALID);
    for (int i = 1; i <= 4; i++) {
        if (i == 3)
            continue;
        assert_status(operations[i].status, KN_LOST);
        assert_says(operations[i].error, "operation 4 (insert_item)");
        assert_int_equal(operations[i].rows.count, 0);
    }
    assert_string_equal(operations[0].rows.values[0].text, "there");
    assert_string_equal(operations[5].rows.values[0].text, "there");
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 0);
}

/* Of joined writes too, where the server alone knows nothing of single rows. */
static void the_one_that_fails_in_a_long_run_is_named(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 300, BAD = 217 };
    struct kn_operation operations[COUNT];
    struct kn_value values[COUNT][3];
    for (int i = 0; i < COUNT; i++) {
        values[i][0] = INTEGER(i == BAD ? 5 : i);
        values[i][1] = values[i][2] = NOTHING;
        operations[i] = (struct kn_operation){&insert_item, 3, values[i]};
    }
    assert_status(contract_run(c, operations, COUNT, &error), KN_INVALID);
    assert_says(error.text, "operation 218 (insert_item): ");
    assert_status(operations[BAD].status, KN_INVALID);
    assert_status(operations[BAD - 1].status, KN_LOST);
    assert_status(operations[COUNT - 1].status, KN_LOST);
}

static void every_read_has_its_own_outcome(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement bad = {
        .name = "bad", .access = KN_READ, .tables = "item", .sql = "SELECT nothing FROM nowhere"};
    enum { COUNT = 60 };
    struct kn_operation operations[COUNT];
    for (int i = 0; i < COUNT; i++)
        operations[i] = i % 7 == 3 ? PLAIN(bad) : PLAIN(count_items);
    assert_status(contract_run(c, operations, COUNT, &error), KN_INTERNAL);
    assert_says(error.text, "operation 4 (bad): ");
    for (int i = 0; i < COUNT; i++) {
        assert_status(operations[i].status, i % 7 == 3 ? KN_INTERNAL : KN_OK);
        assert_int_equal(operations[i].error != NULL, i % 7 == 3);
    }
}

static void a_failing_commit_undoes_everything(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    contract_sql(c, "DROP TABLE IF EXISTS part");
    contract_sql(c, "CREATE TABLE part (item BIGINT REFERENCES item (id) "
                    "DEFERRABLE INITIALLY DEFERRED)");
    static const struct kn_statement insert_part = {.name = "insert_part",
                                                    .access = KN_WRITE,
                                                    .tables = "part",
                                                    .sql = "INSERT INTO part (item) VALUES ($1)"};
    struct kn_operation operations[] = {
        OPERATION(insert_note, TEXT("undone")),
        OPERATION(insert_part, INTEGER(99)),
    };
    assert_status(contract_run(c, operations, 2, &error), KN_INVALID);
    assert_status(operations[0].status, KN_INVALID);
    assert_status(operations[1].status, KN_INVALID);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM note"), 0);
    contract_sql(c, "DROP TABLE part");
}

static void joined_writes_give_the_same_rows_in_the_same_order(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 500 };
    struct kn_operation operations[COUNT];
    struct kn_value values[COUNT];
    char texts[COUNT][32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"%d\\", i * 7919 % COUNT);
        values[i] = TEXT(texts[i]);
        operations[i] = (struct kn_operation){&insert_note, 1, &values[i]};
    }
    assert_ok(contract_run(c, operations, COUNT, &error));
    static const struct kn_statement all_notes = {.name = "all_notes",
                                                  .access = KN_READ,
                                                  .tables = "note",
                                                  .sql = "SELECT text FROM note ORDER BY id"};
    struct kn_operation read = PLAIN(all_notes);
    assert_ok(contract_run(c, &read, 1, &error));
    assert_int_equal(read.rows.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_string_equal(read.rows.values[i].text, texts[i]);
}

/* None, one and several rows each, in any order and more than once. */
static void joined_reads_get_their_own_rows(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement up_to = {
        .name = "up_to",
        .access = KN_READ,
        .tables = "item",
        .sql = "SELECT id FROM item WHERE id <= $1 ORDER BY id",
        .many = "SELECT n, id FROM unnest($1::bigint[]) WITH ORDINALITY AS a (most, n) "
                "JOIN item ON id <= most ORDER BY n, id"};
    contract_sql(c, "INSERT INTO item (id) VALUES (1), (2), (3)");
    enum { COUNT = 700 };
    struct kn_operation operations[COUNT];
    struct kn_value values[COUNT];
    for (int i = 0; i < COUNT; i++) {
        values[i] = INTEGER(i * 31 % 4);
        operations[i] = (struct kn_operation){&up_to, 1, &values[i]};
    }
    assert_ok(contract_run(c, operations, COUNT, &error));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(operations[i].rows.columns, 1);
        assert_int_equal(operations[i].rows.count, i * 31 % 4);
        for (int row = 0; row < operations[i].rows.count; row++)
            assert_int_equal(operations[i].rows.values[row].integer, row + 1);
    }
}

static void one_of_joined_reads_can_fail_alone(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement tenth = {
        .name = "tenth",
        .access = KN_READ,
        .tables = "",
        .sqlite = "SELECT json_extract('[' || $1 || ']', '$[0]')",
        .postgres = "SELECT CAST($1::text AS BIGINT)",
        .many = "SELECT n, CAST(t AS BIGINT) FROM unnest($1::text[]) WITH ORDINALITY AS a (t, n) "
                "ORDER BY n"};
    enum { COUNT = 50, BAD = 20 };
    struct kn_operation operations[COUNT];
    struct kn_value number = TEXT("17"), bad = TEXT("x");
    for (int i = 0; i < COUNT; i++)
        operations[i] = (struct kn_operation){&tenth, 1, i == BAD ? &bad : &number};
    assert_int_not_equal(contract_run(c, operations, COUNT, &error), KN_OK);
    assert_says(error.text, "operation 21 (tenth): ");
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(operations[i].status != KN_OK, i == BAD);
        if (i != BAD)
            assert_int_equal(operations[i].rows.values[0].integer, 17);
    }
}

static void a_thousand_reads_and_writes(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 1000 };
    KN_SCOPED_MEM struct kn_operation *operations = kn_calloc(2 * COUNT, sizeof *operations);
    KN_SCOPED_MEM struct kn_value *values = kn_calloc(4 * COUNT, sizeof *values);
    contract_sql(c, contract_is(KN_DATABASE_SQLITE)
                        ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i "
                          "< 1000) INSERT INTO note (text) SELECT 'note ' || i FROM n"
                        : "INSERT INTO note (text) SELECT 'note ' || i FROM generate_series(1, "
                          "1000) i");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            struct kn_value *at = &values[4 * i];
            at[0] = INTEGER(round * COUNT + i);
            at[1] = TEXT("name");
            at[2] = REAL(0.5);
            at[3] = INTEGER(i + 1);
            operations[2 * i] = (struct kn_operation){&insert_item, 3, at};
            operations[2 * i + 1] = (struct kn_operation){&note_text, 1, at + 3};
        }
        assert_ok(contract_run(c, operations, 2 * COUNT, &error));
        for (int i = 0; i < COUNT; i++) {
            char expected[32];
            snprintf(expected, sizeof expected, "note %d", i + 1);
            assert_string_equal(operations[2 * i + 1].rows.values[0].text, expected);
        }
        assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), (round + 1) * COUNT);
    }
}

/* ---- values ---- */

static void values_come_back_as_they_were(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 4294967296};
    static const double reals[] = {0, 1.5, -2.25e-300, 1.7976931348623157e308, 0.1, 5e-324};
    static const char *const texts[] = {
        "", "plain", "it's \"quoted\"", "日本語 😀", "a\\b\nc", "{NULL,\"x\"}", "NULL", "%s $1 ?"};
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++) {
        int64_t integer = integers[i % KN_COUNT_OF(integers)];
        double real = reals[i % KN_COUNT_OF(reals)];
        /* Twice, so that PostgreSQL gets it both as one row and in an array. */
        struct kn_operation operations[] = {
            OPERATION(insert_item, INTEGER(integer), TEXT(texts[i]), REAL(real)),
            OPERATION(one_item, INTEGER(integer)),
            OPERATION(insert_item, INTEGER(10 + (int64_t)i), TEXT(texts[i]), REAL(real)),
            OPERATION(insert_item, INTEGER(30 + (int64_t)i), NOTHING, NOTHING),
            OPERATION(one_item, INTEGER(10 + (int64_t)i)),
            OPERATION(one_item, INTEGER(30 + (int64_t)i)),
        };
        contract_sql(c, "DELETE FROM item");
        assert_ok(contract_run(c, operations, KN_COUNT_OF(operations), &error));
        const struct kn_value *one = operations[1].rows.values, *other = operations[4].rows.values;
        assert_int_equal(one[0].type, KN_VALUE_INTEGER);
        assert_true(one[0].integer == integer);
        for (int k = 0; k < 2; k++) {
            const struct kn_value *row = k ? other : one;
            assert_int_equal(row[1].type, KN_VALUE_TEXT);
            assert_string_equal(row[1].text, texts[i]);
            assert_int_equal(row[2].type, KN_VALUE_REAL);
            assert_true(row[2].real == real);
        }
        assert_int_equal(operations[5].rows.values[1].type, KN_VALUE_NULL);
        assert_int_equal(operations[5].rows.values[2].type, KN_VALUE_NULL);
    }
}

static void lists_are_parameters(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement texts_of = {.name = "texts_of",
                                                 .access = KN_READ,
                                                 .tables = "",
                                                 .sqlite = "SELECT value FROM json_each($1)",
                                                 .postgres = "SELECT unnest($1::text[])"};
    static const struct kn_statement sum_of = {
        .name = "sum_of",
        .access = KN_READ,
        .tables = "",
        .sqlite = "SELECT count(*), sum(value) FROM json_each($1)",
        .postgres = "SELECT count(*), sum(v) FROM unnest($1::bigint[]) v"};
    static const char *const texts[] = {"", "a,b", "\"q\"", "\\", "\x01\x1f\n", "日本語", "{}"};
    static const int64_t integers[] = {INT64_MIN + 1, INT64_MAX, 40};
    int count = KN_COUNT_OF(texts);
    struct kn_operation operations[] = {
        OPERATION(texts_of, TEXTS(texts, count)),
        OPERATION(texts_of, TEXTS(NULL, 0)),
        OPERATION(sum_of, INTEGERS(integers, 3)),
        OPERATION(sum_of, INTEGERS(NULL, 0)),
    };
    assert_ok(contract_run(c, operations, KN_COUNT_OF(operations), &error));
    assert_int_equal(operations[0].rows.count, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(operations[0].rows.values[i].text, texts[i]);
    assert_int_equal(operations[1].rows.count, 0);
    assert_int_equal(operations[2].rows.values[0].integer, 3);
    assert_int_equal(operations[2].rows.values[1].type, KN_VALUE_INTEGER);
    assert_int_equal(operations[2].rows.values[1].integer, 40);
    assert_int_equal(operations[3].rows.values[0].integer, 0);
    assert_int_equal(operations[3].rows.values[1].type, KN_VALUE_NULL);
}

static void a_wrong_number_of_values_is_told(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_operation operations[] = {OPERATION(one_item, INTEGER(1), INTEGER(2))};
    assert_status(contract_run(c, operations, 1, &error), KN_INTERNAL);
}

static void a_write_can_give_rows(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement take = {
        .name = "take",
        .access = KN_WRITE,
        .tables = "item",
        .sql = "UPDATE item SET score = 1 WHERE id > $1 RETURNING id"};
    struct kn_operation operations[] = {
        OPERATION(insert_item_singly, INTEGER(1), NOTHING, NOTHING),
        OPERATION(insert_item_singly, INTEGER(2), NOTHING, NOTHING),
        OPERATION(take, INTEGER(0)),
        OPERATION(take, INTEGER(5)),
    };
    assert_ok(contract_run(c, operations, KN_COUNT_OF(operations), &error));
    assert_int_equal(operations[2].rows.count, 2);
    assert_int_equal(operations[2].rows.changed, 2);
    assert_int_equal(operations[3].rows.count, 0);
    assert_int_equal(operations[3].rows.changed, 0);
}

static void tables_may_change_under_prepared_statements(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement star = {
        .name = "star", .access = KN_READ, .tables = "item", .sql = "SELECT * FROM item"};
    struct kn_operation operation = PLAIN(star);
    contract_sql(c, "INSERT INTO item (id) VALUES (1)");
    assert_ok(contract_run(c, &operation, 1, &error));
    assert_int_equal(operation.rows.columns, 3);
    contract_sql(c, "ALTER TABLE item ADD COLUMN more TEXT");
    assert_ok(contract_run(c, &operation, 1, &error));
    assert_int_equal(operation.rows.columns, 4);
}

/* ---- others at the same time ---- */

static void who_can_not_write_can_still_read(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_database *impatient;
    struct kn_database_options options = {.where = c->where, .wait_ms = 200};
    assert_ok(kn_database_open(&options, &impatient, &error));
    contract_sql(c, "INSERT INTO note (text) VALUES ('read')");
    contract_hold(c);
    struct kn_operation operations[] = {
        OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING),
        OPERATION(note_text, INTEGER(1)),
    };
    int64_t began_us = kn_now_us();
    assert_status(kn_batch_run(impatient, operations, 2, c->arena, NULL, &error), KN_TIMEOUT);
    assert_true(kn_now_us() - began_us < 5 * KN_US_PER_S);
    assert_status(operations[0].status, KN_TIMEOUT);
    assert_string_equal(operations[1].rows.values[0].text, "read");
    contract_release(c);
    assert_ok(kn_batch_run(impatient, operations, 2, c->arena, NULL, &error));
    kn_database_close(impatient);
}

struct worker {
    struct contract *c;
    struct kn_database *database;
    int number;
    pthread_t thread;
};

enum { ROUNDS = 25 };

static enum kn_status write_rounds(const struct worker *worker, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    enum kn_status status = KN_OK;
    for (int i = 0; i < ROUNDS && status == KN_OK; i++) {
        int64_t id = worker->number * 1000 + i;
        struct kn_operation operations[] = {
            PLAIN(count_items),
            OPERATION(insert_item, INTEGER(id), TEXT("x"), NOTHING),
            OPERATION(one_item, INTEGER(id)),
            OPERATION(insert_note, TEXT("y")),
            PLAIN(count_notes),
        };
        status =
            kn_batch_run(worker->database, operations, KN_COUNT_OF(operations), arena, NULL, err);
        if (status == KN_OK && operations[2].rows.count != 1)
            status = kn_error_set(err, KN_INTERNAL, "the row of %d is not there", (int)id);
        kn_arena_reset(arena);
    }
    kn_arena_free(arena);
    return status;
}

static void *work(void *arg)
{
    struct kn_error error;
    struct worker *worker = arg;
    if (write_rounds(worker, &error) != KN_OK)
        fprintf(stderr, "thread %d: %s\n", worker->number, error.text);
    return NULL;
}

static void many_threads_share_a_database(void **state)
{
    struct contract *c = *state;
    enum { COUNT = 6 };
    struct worker workers[COUNT];
    struct kn_database *small;
    contract_open(c, 2, &small);
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (struct worker){.c = c, .database = small, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++)
        pthread_join(workers[i].thread, NULL);
    kn_database_close(small);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), COUNT * ROUNDS);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM note"), COUNT * ROUNDS);
}

static void processes_write_at_once(void **state)
{
    struct contract *c = *state;
    enum { COUNT = 3 };
    pid_t children[COUNT];
    for (int i = 0; i < COUNT; i++) {
        children[i] = fork();
        if (children[i])
            continue;
        struct kn_error error;
        struct worker worker = {.number = i};
        struct kn_database_options options = {.where = c->where};
        enum kn_status status = kn_database_open(&options, &worker.database, &error);
        if (status == KN_OK)
            status = write_rounds(&worker, &error);
        if (status != KN_OK)
            fprintf(stderr, "process %d: %s\n", i, error.text);
        _exit(status != KN_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        int result;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_int_equal(result, 0);
    }
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), COUNT * ROUNDS);
}

/* Two that take the same rows in opposite orders: one of them is tried again. */
static void *update_backwards(void *arg)
{
    struct kn_error error;
    struct worker *worker = arg;
    struct kn_arena *arena = kn_arena_new();
    static const struct kn_statement touch = {
        .name = "touch",
        .access = KN_WRITE,
        .tables = "item",
        .sql = "UPDATE item SET score = score + 1 WHERE id = $1"};
    for (int i = 0; i < 20; i++) {
        bool backwards = worker->number % 2;
        struct kn_operation operations[] = {
            OPERATION(touch, INTEGER(backwards ? 2 : 1)),
            OPERATION(touch, INTEGER(backwards ? 1 : 2)),
        };
        if (kn_batch_run(worker->database, operations, 2, arena, NULL, &error) != KN_OK)
            fprintf(stderr, "thread %d: %s\n", worker->number, error.text);
    }
    kn_arena_free(arena);
    return NULL;
}

static void deadlocks_are_tried_again(void **state)
{
    struct contract *c = *state;
    struct worker workers[4];
    if (contract_is(KN_DATABASE_POSTGRES))
        contract_outside(c, "ALTER SYSTEM SET deadlock_timeout = '5ms'");
    if (contract_is(KN_DATABASE_POSTGRES))
        contract_outside(c, "SELECT pg_reload_conf()");
    contract_sql(c, "INSERT INTO item (id, score) VALUES (1, 0), (2, 0)");
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.database = c->database, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, update_backwards, &workers[i]),
                         0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(contract_number(c, "SELECT CAST(sum(score) AS BIGINT) FROM item"), 160);
}

/* ---- cancelling ---- */

static const struct kn_statement slow_read = {
    .name = "slow_read",
    .access = KN_READ,
    .tables = "",
    .sqlite = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
              "100000000000) SELECT count(*) FROM n",
    .postgres = "SELECT count(pg_sleep(60))",
};
static const struct kn_statement slow_write = {
    .name = "slow_write",
    .access = KN_WRITE,
    .tables = "item",
    .sqlite = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
              "100000000000) INSERT INTO item (score) SELECT count(*) FROM n",
    .postgres = "INSERT INTO item (id, score) SELECT 99, count(pg_sleep(60))",
};

struct stopper {
    struct contract *c;
    struct kn_cancel *cancel;
    bool while_writing;
    int64_t at_us;
};

/* Once somebody holds the lock of writers. */
static void await_writing(struct contract *c)
{
    if (c->kind == KN_DATABASE_POSTGRES) {
        while (!contract_outside_number(c, "SELECT count(*) FROM pg_stat_activity WHERE "
                                           "wait_event = 'PgSleep' AND query LIKE '%INSERT%'"))
            ;
        return;
    }
    contract_outside(c, "PRAGMA busy_timeout = 0");
    struct kn_database_options options = {.where = c->where, .wait_ms = 1};
    struct kn_database *other;
    struct kn_arena *arena = kn_arena_new();
    assert_int_equal(kn_database_open(&options, &other, NULL), KN_OK);
    static const struct kn_statement nothing = {
        .name = "nothing", .access = KN_WRITE, .tables = "item", .sql = "DELETE FROM item"};
    struct kn_operation operation = PLAIN(nothing);
    while (kn_batch_run(other, &operation, 1, arena, NULL, NULL) != KN_TIMEOUT)
        kn_arena_reset(arena);
    kn_arena_free(arena);
    kn_database_close(other);
}

static void *stop(void *arg)
{
    struct stopper *stopper = arg;
    if (stopper->while_writing)
        await_writing(stopper->c);
    stopper->at_us = kn_now_us();
    kn_cancel_trigger(stopper->cancel);
    return NULL;
}

static void expect_stop(struct contract *c, struct kn_operation *operations, int count,
                        bool while_writing)
{
    struct kn_error error;
    struct stopper stopper = {
        .c = c, .cancel = kn_cancel_new(NULL), .while_writing = while_writing};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop, &stopper), 0);
    assert_status(kn_batch_run(c->database, operations, count, c->arena, stopper.cancel, &error),
                  KN_CANCELLED);
    int64_t ended_us = kn_now_us();
    pthread_join(thread, NULL);
    assert_true(ended_us - stopper.at_us < 5 * KN_US_PER_S);
    kn_cancel_free(stopper.cancel);
    assert_ok(contract_run(c, (struct kn_operation[]){PLAIN(count_notes)}, 1, &error));
}

static void a_long_read_is_stopped(void **state)
{
    struct kn_operation operations[] = {PLAIN(slow_read), PLAIN(slow_read)};
    expect_stop(*state, operations, 2, false);
    assert_status(operations[0].status, KN_CANCELLED);
    assert_status(operations[1].status, KN_CANCELLED);
}

static void a_long_write_is_stopped_and_undone(void **state)
{
    struct contract *c = *state;
    struct kn_operation operations[] = {
        OPERATION(insert_note, TEXT("undone")),
        PLAIN(slow_write),
        OPERATION(insert_note, TEXT("undone")),
    };
    expect_stop(c, operations, 3, true);
    for (int i = 0; i < 3; i++)
        assert_status(operations[i].status, KN_CANCELLED);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM note"), 0);
}

static void who_waits_for_a_lock_is_stopped(void **state)
{
    struct contract *c = *state;
    struct kn_operation operations[] = {OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING)};
    contract_hold(c);
    expect_stop(c, operations, 1, false);
    contract_release(c);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 0);
}

static void a_token_triggered_before_stops_all(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    struct kn_operation operations[] = {PLAIN(count_items), OPERATION(insert_note, TEXT("no"))};
    assert_status(kn_batch_run(c->database, operations, 2, c->arena, cancel, &error), KN_CANCELLED);
    assert_status(operations[1].status, KN_CANCELLED);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM note"), 0);
    kn_cancel_free(cancel);
}

/* ---- changes ---- */

static void changes_by_anybody_are_noticed(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    int64_t token = 0;
    bool changed = false;
    if (contract_is(KN_DATABASE_POSTGRES)) {
        assert_status(kn_database_changed(c->database, &token, &changed, &error), KN_UNSUPPORTED);
        return;
    }
    assert_ok(kn_database_changed(c->database, &token, &changed, &error));
    assert_true(changed);
    assert_ok(kn_database_changed(c->database, &token, &changed, &error));
    assert_false(changed);
    contract_sql(c, "INSERT INTO note (text) VALUES ('mine')");
    assert_ok(kn_database_changed(c->database, &token, &changed, &error));
    assert_true(changed);
    contract_outside(c, "INSERT INTO note (text) VALUES ('another''s')");
    assert_ok(kn_database_changed(c->database, &token, &changed, &error));
    assert_true(changed);
    assert_ok(kn_database_changed(c->database, &token, &changed, &error));
    assert_false(changed);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        CASE(results_come_in_the_order_of_the_list),
        CASE(nothing_to_do_is_fine),
        CASE(a_read_sees_the_writes_before_it_and_none_after),
        CASE(reads_before_a_write_never_see_it),
        CASE(one_failure_undoes_the_transaction_and_no_read),
        CASE(the_one_that_fails_in_a_long_run_is_named),
        CASE(every_read_has_its_own_outcome),
        CASE(a_failing_commit_undoes_everything),
        CASE(joined_writes_give_the_same_rows_in_the_same_order),
        CASE(joined_reads_get_their_own_rows),
        CASE(one_of_joined_reads_can_fail_alone),
        CASE(a_thousand_reads_and_writes),
        CASE(values_come_back_as_they_were),
        CASE(lists_are_parameters),
        CASE(a_wrong_number_of_values_is_told),
        CASE(a_write_can_give_rows),
        CASE(tables_may_change_under_prepared_statements),
        CASE(who_can_not_write_can_still_read),
        CASE(many_threads_share_a_database),
        CASE(processes_write_at_once),
        CASE(deadlocks_are_tried_again),
        CASE(a_long_read_is_stopped),
        CASE(a_long_write_is_stopped_and_undone),
        CASE(who_waits_for_a_lock_is_stopped),
        CASE(a_token_triggered_before_stops_all),
        CASE(changes_by_anybody_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
