#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "queue/backoff.h"

#define S INT64_C(1000000)

static double fixed(void *arg)
{
    return *(double *)arg;
}

static void the_bound_doubles_up_to_a_limit(void **state)
{
    static const struct {
        int failures;
        double dice;
        int64_t floor_us, wait_us;
    } cases[] = {
        {1, 0, 0, 0},
        {1, 0.5, 0, 1 * S},
        {2, 0.5, 0, 2 * S},
        {3, 0.5, 0, 4 * S},
        {9, 0.5, 0, 256 * S},
        {10, 0.5, 0, 300 * S},
        {11, 0.5, 0, 300 * S},
        {1000, 0.5, 0, 300 * S},
        {1, 0.25, 7 * S, 7 * S + S / 2},
        {1, 0, 3600 * S, 3600 * S},
        {1, 0.5, -5, 1 * S},
        {0, 0.5, 0, 1 * S},
    };
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        double dice = cases[i].dice;
        struct kn_backoff backoff = {.random = fixed, .arg = &dice};
        int64_t wait_us = kn_backoff_us(&backoff, cases[i].failures, cases[i].floor_us);
        if (wait_us != cases[i].wait_us)
            fail_msg("case %d: %lld us", (int)i, (long long)wait_us);
    }
    double dice = 0.999;
    struct kn_backoff own = {.first_us = 10, .most_us = 1000, .random = fixed, .arg = &dice};
    assert_int_equal(kn_backoff_us(&own, 1, 0), 9);
    assert_int_equal(kn_backoff_us(&own, 100, 0), 999);
}

static void what_lasts_is_given_minutes(void **state)
{
    static const int lasting[] = {KN_NO_SPACE, KN_NOT_FOUND, KN_IO};
    static const int64_t most_s[] = {30, 120, 480, 1800, 1800};
    double none = 0, nearly_all = 0.999999;
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(lasting); i++) {
        struct kn_backoff backoff = kn_backoff_after(lasting[i]);
        assert_true(kn_backoff_helps(lasting[i]));
        backoff.random = fixed;
        for (int failures = 1; failures <= (int)KN_COUNT_OF(most_s); failures++) {
            int64_t most_us = most_s[failures - 1] * S;
            backoff.arg = &none;
            assert_int_equal(kn_backoff_us(&backoff, failures, 0), most_us * 4 / 5);
            backoff.arg = &nearly_all;
            assert_in_range(kn_backoff_us(&backoff, failures, 0), most_us - S, most_us);
        }
    }
    /* What passes quickly is tried again soon; what stays is not tried again. */
    struct kn_backoff quick = kn_backoff_after(KN_REMOTE);
    assert_true(kn_backoff_helps(KN_REMOTE));
    assert_in_range(kn_backoff_us(&quick, 1, 0), 0, 2 * S);
    assert_false(kn_backoff_helps(KN_DAMAGED));
    assert_false(kn_backoff_helps(KN_DENIED));
}

static void own_dice_spread_over_the_whole_range(void **state)
{
    (void)state;
    struct kn_backoff backoff = {0};
    int quarters[4] = {0};
    for (int i = 0; i < 4000; i++) {
        int64_t wait_us = kn_backoff_us(&backoff, 1, 0);
        assert_in_range(wait_us, 0, 2 * S - 1);
        quarters[wait_us * 4 / (2 * S)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarters[i], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_doubles_up_to_a_limit),
        cmocka_unit_test(what_lasts_is_given_minutes),
        cmocka_unit_test(own_dice_spread_over_the_whole_range),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
