/* Write-behind, on every kind of database. */
#include "contract.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct heard {
    atomic_int count;
    struct kn_error last;
};

static void hear(void *arg, const struct kn_error *err)
{
    struct heard *heard = arg;
    heard->last = *err;
    atomic_fetch_add(&heard->count, 1);
}

static struct kn_writer *open_writer(struct contract *c, int capacity, struct heard *heard)
{
    struct kn_error error;
    struct kn_writer *writer;
    struct kn_writer_options options = {
        .capacity = capacity, .failed = heard ? hear : NULL, .arg = heard};
    assert_ok(kn_writer_open(c->database, &options, &writer, &error));
    return writer;
}

/* Its texts are gone when the call returns. */
static enum kn_status put_item(struct kn_writer *writer, int64_t id, struct kn_cancel *cancel,
                               struct kn_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "item %d", (int)id);
    struct kn_operation operation = OPERATION(insert_item, INTEGER(id), TEXT(name), REAL(0.5));
    enum kn_status status = kn_writer_put(writer, &operation, 1, cancel, err);
    memset(name, '?', sizeof name - 1);
    return status;
}

static void what_was_put_is_written_in_order(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_writer *writer = open_writer(c, 16, NULL);
    enum { COUNT = 200 };
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        struct kn_operation operations[] = {
            OPERATION(insert_note, TEXT(text)),
            OPERATION(insert_item_singly, INTEGER(i), TEXT(text), NOTHING),
        };
        assert_ok(kn_writer_put(writer, operations, 2, NULL, &error));
    }
    assert_ok(kn_writer_flush(writer, NULL, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), COUNT);
    static const struct kn_statement all_notes = {.name = "all_notes",
                                                  .access = KN_READ,
                                                  .tables = "note",
                                                  .sql = "SELECT text FROM note ORDER BY id"};
    struct kn_operation read = PLAIN(all_notes);
    assert_ok(contract_run(c, &read, 1, &error));
    assert_int_equal(read.rows.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(strtol(read.rows.values[i].text, NULL, 10), i);
    kn_writer_close(writer);
}

static void every_kind_of_value_is_copied(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_writer *writer = open_writer(c, 0, NULL);
    static const struct kn_statement from_lists = {
        .name = "from_lists",
        .access = KN_WRITE,
        .tables = "item",
        .sqlite = "INSERT INTO item (id, name) SELECT a.value, b.value FROM json_each($1) a, "
                  "json_each($2) b WHERE a.key = b.key",
        .postgres = "INSERT INTO item (id, name) SELECT * FROM unnest($1::bigint[], $2::text[])"};
    int64_t ids[] = {4, 9};
    char first[] = "four", second[] = "nine";
    const char *names[] = {first, second};
    struct kn_operation operation = OPERATION(from_lists, INTEGERS(ids, 2), TEXTS(names, 2));
    contract_hold(c); /* so that it is not written before this goes on */
    assert_ok(kn_writer_put(writer, &operation, 1, NULL, &error));
    memset(ids, 0, sizeof ids);
    memset(first, '?', 4);
    names[1] = NULL;
    contract_release(c);
    assert_ok(kn_writer_flush(writer, NULL, &error));
    kn_writer_close(writer);
    struct kn_operation read = PLAIN(all_items);
    assert_ok(contract_run(c, &read, 1, &error));
    assert_int_equal(read.rows.count, 2);
    assert_int_equal(read.rows.values[0].integer, 4);
    assert_string_equal(read.rows.values[1].text, "four");
    assert_int_equal(read.rows.values[3].integer, 9);
    assert_string_equal(read.rows.values[4].text, "nine");
}

/* While one group can't go on, all the others gather into one. */
static void units_are_committed_together(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_writer *writer = open_writer(c, 0, NULL);
    if (contract_is(KN_DATABASE_SQLITE))
        contract_outside(c, "PRAGMA wal_checkpoint(TRUNCATE)");
    contract_hold(c);
    for (int i = 0; i < 100; i++)
        assert_ok(put_item(writer, i, NULL, &error));
    contract_release(c);
    assert_ok(kn_writer_flush(writer, NULL, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 100);
    int64_t commits = contract_commits(c);
    if (commits < 1 || commits > 2)
        fail_msg("100 units in %d transactions", (int)commits);
    kn_writer_close(writer);
}

static void *stop_soon(void *cancel)
{
    kn_cancel_wait_ms(NULL, 300); /* only bounds the test: a slow machine fills less of the queue */
    kn_cancel_trigger(cancel);
    return NULL;
}

static void a_full_queue_makes_producers_wait(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { CAPACITY = 8 };
    struct kn_writer *writer = open_writer(c, CAPACITY, NULL);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    pthread_t thread;
    contract_hold(c);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, cancel), 0);
    int taken = 0;
    while (put_item(writer, taken, cancel, &error) == KN_OK)
        taken++;
    assert_status(error.status, KN_CANCELLED);
    /* As many are in the queue, and as many with the thread. */
    assert_in_range(taken, 0, 2 * CAPACITY);
    assert_status(kn_writer_flush(writer, cancel, &error), KN_CANCELLED);
    contract_release(c);
    assert_ok(kn_writer_flush(writer, NULL, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), taken);
    pthread_join(thread, NULL);
    kn_cancel_free(cancel);
    kn_writer_close(writer);
}

static void a_unit_larger_than_the_queue_is_written(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_writer *writer = open_writer(c, 4, NULL);
    struct kn_operation operations[50];
    struct kn_value values[50][3];
    for (int i = 0; i < 50; i++) {
        values[i][0] = INTEGER(i);
        values[i][1] = values[i][2] = NOTHING;
        operations[i] = (struct kn_operation){&insert_item, 3, values[i]};
    }
    assert_ok(put_item(writer, 100, NULL, &error));
    assert_ok(kn_writer_put(writer, operations, 50, NULL, &error));
    assert_ok(put_item(writer, 101, NULL, &error));
    assert_ok(kn_writer_flush(writer, NULL, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 52);
    kn_writer_close(writer);
}

static void a_bad_unit_does_not_spoil_its_neighbours(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct heard heard = {0};
    struct kn_writer *writer = open_writer(c, 0, &heard);
    contract_sql(c, "INSERT INTO item (id) VALUES (50)");
    contract_hold(c); /* so that they are one group */
    for (int i = 0; i < 20; i++) {
        struct kn_operation operations[] = {
            OPERATION(insert_item, INTEGER(i), NOTHING, NOTHING),
            OPERATION(insert_item, INTEGER(i == 7 ? 50 : 100 + i), NOTHING, NOTHING),
        };
        assert_ok(kn_writer_put(writer, operations, 2, NULL, &error));
    }
    contract_release(c);
    assert_status(kn_writer_flush(writer, NULL, &error), KN_INVALID);
    assert_ok(kn_writer_flush(writer, NULL, &error)); /* told once */
    assert_int_equal(atomic_load(&heard.count), 1);
    assert_status(heard.last.status, KN_INVALID);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 1 + 2 * 19);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item WHERE id = 7"), 0);
    kn_writer_close(writer);
}

static void closing_writes_what_is_left(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_writer *writer = open_writer(c, 0, NULL);
    for (int i = 0; i < 300; i++)
        assert_ok(put_item(writer, i, NULL, &error));
    kn_writer_close(writer);
    kn_writer_close(NULL);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 300);
}

struct producer {
    struct kn_writer *writer;
    int number;
    pthread_t thread;
};

static void *produce(void *arg)
{
    struct kn_error error;
    struct producer *producer = arg;
    for (int i = 0; i < 100; i++)
        if (put_item(producer->writer, producer->number * 1000 + i, NULL, &error) != KN_OK ||
            (i % 25 == 24 && kn_writer_flush(producer->writer, NULL, &error) != KN_OK))
            fprintf(stderr, "producer %d: %s\n", producer->number, error.text);
    return NULL;
}

static void many_threads_put(void **state)
{
    struct contract *c = *state;
    struct producer producers[4];
    struct kn_writer *writer = open_writer(c, 8, NULL);
    for (int i = 0; i < 4; i++) {
        producers[i] = (struct producer){.writer = writer, .number = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(producers[i].thread, NULL);
    kn_writer_close(writer);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 400);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_is_written_in_order),
        CASE(every_kind_of_value_is_copied),
        CASE(units_are_committed_together),
        CASE(a_full_queue_makes_producers_wait),
        CASE(a_unit_larger_than_the_queue_is_written),
        CASE(a_bad_unit_does_not_spoil_its_neighbours),
        CASE(closing_writes_what_is_left),
        CASE(many_threads_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
