#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/loop_guard.h"
#include "base/memory.h"

/* Tokens are the letters of a word. */
static int kept(const char *letters)
{
    int tokens[256], count = 0;
    for (; letters[count]; count++)
        tokens[count] = letters[count];
    return kn_loop_guard(tokens, count);
}

static void repetition_is_cut_to_one_copy(void **state)
{
    (void)state;
    static const struct {
        const char *letters;
        int kept;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"abcabc", 6},      /* twice is rhetoric */
        {"abcabcabc", 3},   /* three times nine tokens */
        {"xyabcabcabc", 5}, /* what went before stays */
        {"ababab", 6},      /* "no, no, no" */
        {"abababab", 2},    /* once more is a loop */
        {"aaaaaaa", 7},
        {"aaaaaaaa", 1},
        {"zaaaaaaaa", 2},
        {"abcabcabcx", 10}, /* it went on to say something else */
        {"abcabdabc", 9},
        {"abcdefghijklmnopqrstuvwxabcdefghijklmnopqrstuvwxabcdefghijklmnopqrstuvwx", 24},
        {"abcdefghijklmnopqrstuvwxyabcdefghijklmnopqrstuvwxyabcdefghijklmnopqrstuvwxy", 75},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kept(cases[i].letters) != cases[i].kept)
            fail_msg("“%s”: %d kept, not %d", cases[i].letters, kept(cases[i].letters),
                     cases[i].kept);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetition_is_cut_to_one_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
