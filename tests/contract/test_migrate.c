/* How tables change with the program, on every kind of database. */
#include "contract.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/migrate.h"

static const struct kn_migration list[] = {
    {1, "letters", "CREATE TABLE letter (name TEXT); INSERT INTO letter VALUES ('a');"},
    {2, "more", "INSERT INTO letter VALUES ('b');\n-- a remark\nINSERT INTO letter VALUES ('c')"},
    {3, "counts", "ALTER TABLE letter ADD COLUMN count BIGINT; UPDATE letter SET count = 1"},
};

/* The tables of other tests stay; what migrations make goes. */
static int setup(void **state)
{
    if (contract_setup(state) != 0)
        return -1;
    contract_sql(*state, "DROP TABLE IF EXISTS kirinuki_schema");
    contract_sql(*state, "DROP TABLE IF EXISTS letter");
    return 0;
}

static void each_is_applied_once_and_noted(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    assert_ok(kn_migrate(c->database, list, 2, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM letter"), 3);
    assert_ok(kn_migrate(c->database, list, 2, &error));
    assert_ok(kn_migrate(c->database, list, 3, &error));
    assert_int_equal(contract_number(c, "SELECT count(*) FROM letter WHERE count = 1"), 3);
    static const struct kn_statement notes = {
        .name = "notes",
        .access = KN_READ,
        .tables = "",
        .sql = "SELECT version, at_us, name FROM kirinuki_schema ORDER BY version"};
    struct kn_operation read = PLAIN(notes);
    assert_ok(contract_run(c, &read, 1, &error));
    assert_int_equal(read.rows.count, 3);
    for (int i = 0; i < 3; i++) {
        const struct kn_value *row = &read.rows.values[3 * i];
        assert_int_equal(row[0].integer, i + 1);
        assert_true(row[1].integer > INT64_C(1600000000000000));
        assert_string_equal(row[2].text, list[i].name);
    }
}

static void none_are_fine(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    assert_ok(kn_migrate(c->database, NULL, 0, &error));
}

static void a_failing_one_leaves_nothing(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    const struct kn_migration bad[] = {
        list[0], {2, "bad", "INSERT INTO letter VALUES ('x'); INSERT INTO nowhere VALUES (1)"}};
    assert_status(kn_migrate(c->database, bad, 2, &error), KN_INTERNAL);
    assert_says(error.text, "(2, bad)");
    assert_int_equal(contract_number(c, "SELECT count(*) FROM letter"), 1);
    assert_int_equal(contract_number(c, "SELECT max(version) FROM kirinuki_schema"), 1);
    assert_ok(kn_migrate(c->database, list, 3, &error));
}

static void a_newer_database_is_refused(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    assert_ok(kn_migrate(c->database, list, 3, &error));
    assert_status(kn_migrate(c->database, list, 2, &error), KN_UNSUPPORTED);
    assert_says(error.text, "made by a newer kirinuki");
    assert_says(error.text, "version 3");
}

/* Each writes a letter a migration: twice would be seen. */
static void processes_migrate_at_once(void **state)
{
    struct contract *c = *state;
    enum { COUNT = 5 };
    pid_t children[COUNT];
    int ready[2], go[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < COUNT; i++) {
        children[i] = fork();
        if (children[i])
            continue;
        struct kn_error error;
        struct kn_database *database;
        struct kn_database_options options = {.where = c->where};
        bool good = write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1;
        good = good && kn_database_open(&options, &database, &error) == KN_OK &&
               kn_migrate(database, list, 3, &error) == KN_OK;
        if (!good)
            fprintf(stderr, "process %d: %s\n", i, error.text);
        _exit(!good);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(write(go[1], "12345", COUNT), COUNT);
    for (int i = 0; i < COUNT; i++) {
        int result;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_int_equal(result, 0);
    }
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
    assert_int_equal(contract_number(c, "SELECT count(*) FROM letter"), 3);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM kirinuki_schema"), 3);
}

static void what_is_built_in_can_be_applied(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    int count;
    const struct kn_migration *built_in = kn_schema(c->kind, &count);
    for (int i = 0; i < count; i++)
        assert_int_equal(built_in[i].number, i + 1);
    assert_ok(kn_migrate(c->database, built_in, count, &error));
}

static int run(void)
{
#define MIGRATION_CASE(name) cmocka_unit_test_setup_teardown(name, setup, contract_teardown)
    const struct CMUnitTest tests[] = {
        MIGRATION_CASE(each_is_applied_once_and_noted),
        MIGRATION_CASE(none_are_fine),
        MIGRATION_CASE(a_failing_one_leaves_nothing),
        MIGRATION_CASE(a_newer_database_is_refused),
        MIGRATION_CASE(processes_migrate_at_once),
        MIGRATION_CASE(what_is_built_in_can_be_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
