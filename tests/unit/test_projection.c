#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "ai/projection.h"

enum { TOKENS = 500, WIDTH = 288 };

static void logits_are_those_of_exact_arithmetic(void **state)
{
    (void)state;
    static uint8_t weights[TOKENS * WIDTH];
    static float hidden[WIDTH], logits[TOKENS];
    struct kn_projection projection = {weights, TOKENS, WIDTH, 129, 0.0114F};
    srand48(7);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < TOKENS * WIDTH; i++)
            weights[i] = (uint8_t)lrand48();
        for (int i = 0; i < WIDTH; i++)
            hidden[i] = (float)drand48() * 6 - 3;
        kn_projection_run(&projection, hidden, logits);
        double worst = 0;
        for (int t = 0; t < TOKENS; t++) {
            double exact = 0;
            for (int i = 0; i < WIDTH; i++)
                exact += (weights[t * WIDTH + i] - 129.0) * 0.0114F * hidden[i];
            worst = fmax(worst, fabs(exact - logits[t]));
        }
        if (worst > 0.005)
            fail_msg("off by %g", worst);
    }
}

static void extreme_states_do_not_overflow(void **state)
{
    (void)state;
    static uint8_t weights[TOKENS * WIDTH];
    static float hidden[WIDTH], logits[TOKENS];
    struct kn_projection projection = {weights, TOKENS, WIDTH, 0, 1};
    for (int i = 0; i < TOKENS * WIDTH; i++)
        weights[i] = 255;
    for (int i = 0; i < WIDTH; i++)
        hidden[i] = 1000;
    kn_projection_run(&projection, hidden, logits);
    assert_true(fabsf(logits[0] - 255000.0F * WIDTH) < 20000);
    projection.zero_point = 255;
    kn_projection_run(&projection, hidden, logits);
    assert_true(logits[TOKENS - 1] == 0);
    for (int i = 0; i < WIDTH; i++)
        hidden[i] = 0;
    kn_projection_run(&projection, hidden, logits);
    assert_true(logits[0] == 0);
}

static void probabilities_are_softmax(void **state)
{
    (void)state;
    float logits[] = {1, 3, 3, -40, 2};
    assert_int_equal(kn_logits_best(logits, 5), 1);
    double sum = exp(1) + 2 * exp(3) + exp(2);
    assert_true(fabs(kn_logits_log_prob(logits, 5, 1) - log(exp(3) / sum)) < 1e-5);
    assert_true(fabs(kn_logits_log_prob(logits, 5, 3) - (-40 - log(sum))) < 1e-4);
    float one[] = {5};
    assert_true(fabsf(kn_logits_log_prob(one, 1, 0)) < 1e-6F);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_exact_arithmetic),
        cmocka_unit_test(extreme_states_do_not_overflow),
        cmocka_unit_test(probabilities_are_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
