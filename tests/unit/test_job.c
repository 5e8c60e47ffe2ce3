#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/job.h"

/* The diagram of model/job.h, once more by hand. */
static void the_table_is_the_diagram(void **state)
{
    static const struct {
        enum kn_job_move move;
        const char *from; /* a letter a state, in the order of the enum */
        int to;
    } cases[] = {
        {KN_MOVE_CLAIM, "Q----", KN_JOB_LEASED},
        {KN_MOVE_FINISH_OK, "-L---", KN_JOB_DONE},
        {KN_MOVE_FINISH_RETRY, "-L---", KN_JOB_QUEUED},
        {KN_MOVE_FINISH_ERROR, "-L---", KN_JOB_FAILED},
        {KN_MOVE_FINISH_CANCELLED, "-L---", KN_JOB_CANCELLED},
        {KN_MOVE_CANCEL, "Q----", KN_JOB_CANCELLED},
        {KN_MOVE_ASK_CANCEL, "-L---", KN_JOB_LEASED},
        {KN_MOVE_RECLAIM, "-L---", KN_JOB_QUEUED},
        {KN_MOVE_GIVE_UP, "-L---", KN_JOB_FAILED},
        {KN_MOVE_DROP, "-L---", KN_JOB_CANCELLED},
        {KN_MOVE_RETRY, "---FC", KN_JOB_QUEUED},
        {KN_MOVE_BUMP, "Q----", KN_JOB_QUEUED},
        {KN_MOVE_REMOVE, "--DFC", KN_JOB_GONE},
    };
    (void)state;
    assert_int_equal(KN_COUNT_OF(cases), KN_MOVE_COUNT);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_job_transition *move = &kn_job_moves[cases[i].move];
        assert_int_equal(cases[i].move, i);
        assert_int_equal(move->to, cases[i].to);
        assert_non_null(move->name);
        assert_non_null(move->caller);
        for (int from = 0; from < KN_JOB_STATE_COUNT; from++)
            if (kn_job_may((enum kn_job_state)from, cases[i].move) != (cases[i].from[from] != '-'))
                fail_msg("%s from %s", move->name, kn_job_state_name((enum kn_job_state)from));
    }
}

static void names_go_both_ways(void **state)
{
    (void)state;
    enum kn_job_state got = KN_JOB_DONE;
    for (int i = 0; i < KN_JOB_STATE_COUNT; i++) {
        assert_true(kn_job_state_parse(kn_job_state_name((enum kn_job_state)i), &got));
        assert_int_equal(got, i);
        assert_int_equal(kn_job_state_final(got), i >= KN_JOB_DONE);
    }
    assert_false(kn_job_state_parse("leased", &got));
    assert_string_equal(kn_job_state_name((enum kn_job_state)99), "unknown");
    for (int i = 0; i < KN_EVENT_KIND_COUNT; i++)
        assert_non_null(kn_event_kind_name((enum kn_event_kind)i));
    assert_string_equal(kn_event_kind_name(KN_EVENT_RETRYING), "retrying");
    assert_string_equal(kn_event_kind_name((enum kn_event_kind)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_diagram),
        cmocka_unit_test(names_go_both_ways),
    };
    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
