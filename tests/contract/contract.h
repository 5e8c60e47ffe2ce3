/*
 * For the suites that run on every kind of database: `test_NAME sqlite` in a folder of its own,
 * `test_NAME postgres` on the server of $KN_TEST_POSTGRES.
 */
#ifndef KN_TESTS_CONTRACT_H
#define KN_TESTS_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kirinuki/kirinuki.h>

#include "base/memory.h"

/* A fresh database with empty tables: item (id, name, score), note (id, text). */
struct contract {
    enum kn_database_kind kind;
    char where[1024];
    struct kn_database *database;
    struct kn_arena *arena;
    void *outside; /* sqlite3 or PGconn */
};

/* Of the command line; 77 as the program's result where there is no server. */
int contract_main(int count, char **arguments, int (*run)(void));
bool contract_is(enum kn_database_kind kind); /* which kind this run is for */

int contract_setup(void **state);
int contract_teardown(void **state);
/* Where a second database of this kind may be: not made yet. */
void contract_open(struct contract *c, int connections, struct kn_database **ret);
enum kn_status contract_run(struct contract *c, struct kn_operation *operations, int count,
                            struct kn_error *err);
/* One statement by itself; asserts that it succeeds. */
void contract_sql(struct contract *c, const char *sql);
int64_t contract_number(struct contract *c, const char *sql);

/*
 * Somebody else at work: a connection of its own that goes past the library. With `hold` it keeps
 * everybody from writing to item until it is released.
 */
void contract_hold(struct contract *c);
void contract_release(struct contract *c);
void contract_outside(struct contract *c, const char *sql);
int64_t contract_outside_number(struct contract *c, const char *sql);
/* Transactions that have committed rows that are still in item. */
int64_t contract_commits(struct contract *c);

/* ---- values and operations ---- */

#define INTEGER(n)     ((struct kn_value){.type = KN_VALUE_INTEGER, .integer = (n)})
#define REAL(x)        ((struct kn_value){.type = KN_VALUE_REAL, .real = (x)})
#define TEXT(t)        ((struct kn_value){.type = KN_VALUE_TEXT, .text = (t)})
#define NOTHING        ((struct kn_value){.type = KN_VALUE_NULL})
#define INTEGERS(a, n) ((struct kn_value){.type = KN_VALUE_INTEGERS, .count = (n), .integers = (a)})
#define TEXTS(a, n)    ((struct kn_value){.type = KN_VALUE_TEXTS, .count = (n), .texts = (a)})

#define VALUES(...)                                                                                \
    .values = (const struct kn_value[]){__VA_ARGS__},                                              \
    .value_count = (int)(sizeof((const struct kn_value[]){__VA_ARGS__}) / sizeof(struct kn_value))
#define OPERATION(s, ...) ((struct kn_operation){.statement = &(s), VALUES(__VA_ARGS__)})
#define PLAIN(s)          ((struct kn_operation){.statement = &(s)})

#define CASE(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != KN_OK)                                                                       \
            fail_msg("%s: %s", kn_status_name(error.status), error.text);                          \
    } while (0)
#define assert_status(got, wanted) assert_string_equal(kn_status_name(got), kn_status_name(wanted))
#define assert_says(text, part)                                                                    \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" says nothing of \"%s\"", (text), (part));                             \
    } while (0)

extern const struct kn_statement insert_item, insert_item_singly, insert_note, update_item,
    count_items, count_notes, one_item, note_text, all_items;

#endif
