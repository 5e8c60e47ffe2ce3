#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/post.h"

/* The diagram of model/post.h, once more by hand. The numbers are stored. */
static const struct {
    enum kn_post_state state;
    int number;
    const char *name;
    bool final;
} states[] = {
    {KN_POST_PLANNED, 0, "planned", false},       {KN_POST_UPLOADING, 1, "uploading", false},
    {KN_POST_PROCESSING, 2, "processing", false}, {KN_POST_LIVE, 3, "live", true},
    {KN_POST_SCHEDULED, 4, "scheduled", true},    {KN_POST_FAILED, 5, "failed", true},
    {KN_POST_UNKNOWN, 6, "unknown", true},        {KN_POST_CANCELLED, 7, "cancelled", true},
};

static void states_have_names_and_ends(void **state)
{
    (void)state;
    assert_int_equal(KN_COUNT_OF(states), KN_POST_STATE_COUNT);
    for (size_t i = 0; i < KN_COUNT_OF(states); i++) {
        assert_int_equal(states[i].state, states[i].number);
        assert_string_equal(kn_post_state_name(states[i].state), states[i].name);
        assert_int_equal(kn_post_state_final(states[i].state), states[i].final);
    }
    assert_string_equal(kn_post_state_name((enum kn_post_state)99), "?");
}

static void privacies_have_names(void **state)
{
    static const char *const names[] = {"default",   "public",  "unlisted",
                                        "followers", "friends", "private"};
    (void)state;
    assert_int_equal(KN_COUNT_OF(names), KN_PRIVACY_COUNT);
    for (int i = 0; i < KN_PRIVACY_COUNT; i++)
        assert_string_equal(kn_privacy_name((enum kn_privacy)i), names[i]);
    assert_string_equal(kn_privacy_name((enum kn_privacy)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_have_names_and_ends),
        cmocka_unit_test(privacies_have_names),
    };
    return cmocka_run_group_tests_name("post", tests, NULL, NULL);
}
