/*
 * Behind a pooler that hands each transaction to another connection of the server. That everything
 * else works there is shown by the other suites, which run through it as well.
 */
#include "store_help.h"

#include "queue/wake.h"

enum { PATIENCE_MS = 10000 };

static struct kn_wake *open_wake(struct fixture *f)
{
    struct kn_error error;
    struct kn_wake *wake = NULL;
    assert_ok(kn_wake_open(f->store, &wake, &error));
    return wake;
}

static void submit_to(struct kn_store *store)
{
    struct kn_error error;
    struct kn_submitted made;
    struct kn_job_spec spec = {.source = "talk.mp4"};
    assert_ok(kn_store_submit(store, &spec, 1, &made, NULL, &error));
}

/* LISTEN is lost with the connection that it went to: a look each second takes its place. */
static void changes_of_others_are_looked_for(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    struct kn_store *other = open_store(f, true);
    for (int i = 0; i < 2; i++) {
        submit_to(other);
        int64_t start_us = kn_now_us();
        assert_int_equal(kn_wake_wait(wake, start_us + PATIENCE_MS * 1000, NULL), KN_OK);
        assert_in_range(kn_now_us() - start_us, 0, 8000000);
    }
    kn_store_close(other);
}

static void the_looks_are_a_second_apart(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    int looks = 0;
    int64_t until_us = kn_now_us() + 3500000;
    while (kn_wake_wait(wake, until_us, NULL) == KN_OK)
        looks++;
    assert_in_range(looks, 1, 4);
}

static void own_changes_are_told_at_once(void **state)
{
    struct fixture *f = *state;
    KN_SCOPED(kn_wake) wake = open_wake(f);
    submit_to(f->store);
    assert_int_equal(kn_wake_wait(wake, 0, NULL), KN_OK);
}

/* Each round asks several connections at once, of which none has what it had prepared. */
static void statements_that_are_gone_are_no_trouble(void **state)
{
    struct fixture *f = *state;
    struct contract *c = f->contract;
    struct kn_error error;
    for (int round = 0; round < 20; round++) {
        struct kn_operation operations[] = {
            OPERATION(insert_note, TEXT("round")),
            PLAIN(count_notes),
            PLAIN(count_items),
            OPERATION(one_item, INTEGER(round)),
        };
        contract_sql(c, "CREATE TABLE IF NOT EXISTS note (id BIGSERIAL, text TEXT)");
        contract_sql(c, "CREATE TABLE IF NOT EXISTS item (id BIGINT, name TEXT, score FLOAT)");
        assert_ok(contract_run(c, operations, 4, &error));
        assert_int_equal(operations[1].rows.values[0].integer, round + 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_of_others_are_looked_for),
        TEST(the_looks_are_a_second_apart),
        TEST(own_changes_are_told_at_once),
        TEST(statements_that_are_gone_are_no_trouble),
    };
    return cmocka_run_group_tests_name("pooler", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
