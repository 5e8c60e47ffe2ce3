/* What a batch means, on every kind of database. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void results_come_in_the_order_of_the_list(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    enum { COUNT = 40 };
    struct kn_operation operations[3 * COUNT];
    struct kn_value values[3 * COUNT][3];
    for (int i = 0; i < COUNT; i++) {
        values[3 * i][0] = INTEGER(i);
        values[3 * i][1] = TEXT("some");
        values[3 * i][2] = REAL(i / 2.0);
        operations[3 * i] = (struct kn_operation){&insert_item, 3, values[3 * i]};
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

static int run(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)
    const struct CMUnitTest tests[] = {
        CASE(results_come_in_the_order_of_the_list),
        CASE(a_read_sees_the_writes_before_it_and_none_after),
        CASE(one_failure_undoes_the_transaction_and_no_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
