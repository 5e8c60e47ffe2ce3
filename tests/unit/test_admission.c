#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "queue/admission.h"

#define S   INT64_C(1000000)
#define NOW (INT64_C(1764079500) * S) /* 2025-11-25 14:05:00 UTC */

static void room_is_bounded_by_chunk_concurrency_and_memory(void **state)
{
    static const struct {
        struct kn_admission admission;
        int room;
        int64_t memory;
        bool first;
    } cases[] = {
        {{0}, 10, 0, true},
        {{.running = 45}, 5, 0, false},
        {{.running = 50}, 0, 0, false},
        {{.running = 60}, 0, 0, false},
        {{.max_concurrency = 4, .chunk_size = 3}, 3, 0, true},
        {{.max_concurrency = 4, .chunk_size = 3, .running = 2}, 2, 0, false},
        {{.memory_bytes = 100}, 10, 100, true},
        {{.memory_bytes = 100, .running = 1, .memory_used = 60}, 10, 40, false},
        {{.memory_bytes = 100, .running = 1, .memory_used = 100}, 0, 1, false},
        {{.memory_bytes = 100, .running = 1, .memory_used = 400}, 0, 1, false},
    };
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_turn turn = {0};
        kn_admission_fill(&cases[i].admission, &turn);
        if (turn.claim_max != cases[i].room || turn.memory_max_bytes != cases[i].memory ||
            turn.memory_first != cases[i].first)
            fail_msg("case %d: %d, %lld, %d", (int)i, turn.claim_max,
                     (long long)turn.memory_max_bytes, turn.memory_first);
    }
}

static void what_runs_is_counted(void **state)
{
    (void)state;
    struct kn_admission admission = {.memory_bytes = 100};
    struct kn_job job = {.memory_bytes = 70};
    kn_admission_begin(&admission, &job);
    kn_admission_begin(&admission, &job);
    assert_int_equal(admission.running, 2);
    assert_int_equal(kn_admission_room(&admission), 0);
    kn_admission_end(&admission, &job);
    assert_int_equal(kn_admission_room(&admission), 10);
    kn_admission_end(&admission, &job);
    assert_int_equal(admission.memory_used, 0);
}

static void a_waiting_job_says_why(void **state)
{
    static const struct kn_admission busy = {
        .memory_bytes = 4000000000, .running = 2, .memory_used = 3100000000};
    static const struct kn_admission full = {.max_concurrency = 2, .running = 2};
    static const struct kn_job plain = {.memory_bytes = 1000000000, .attempts_max = 5};
    static const struct kn_job later = {.held_until_us = NOW + 60 * S},
                               tomorrow = {.held_until_us = NOW + 86400 * S},
                               failed = {.held_until_us = NOW + 39 * S + 1,
                                         .attempt = 1,
                                         .attempts_left = 4,
                                         .attempts_max = 5},
                               failed_long = {.held_until_us = NOW + 300 * S,
                                              .attempt = 7,
                                              .attempts_left = 1,
                                              .attempts_max = 5},
                               running = {.state = KN_JOB_LEASED};
    static const struct {
        struct kn_waiting waiting;
        const char *says;
    } cases[] = {
        {{.job = &plain, .ahead = 12}, "waiting: 12 jobs ahead"},
        {{.job = &plain, .ahead = 1, .admission = &busy}, "waiting: 1 job ahead"},
        {{.job = &plain, .admission = &busy}, "waiting: memory 3.1 of 4.0 GB in use"},
        {{.job = &plain, .admission = &full}, "waiting: 2 of 2 jobs run"},
        {{.job = &plain}, "waiting: next"},
        {{.job = &plain, .paused = true, .ahead = 3}, "the queue is paused"},
        {{.job = &later}, "scheduled for 14:06"},
        {{.job = &tomorrow}, "scheduled for 2025-11-26 14:05"},
        {{.job = &failed, .reason = "the disk is full"}, "retry 2 of 5 in 40 s: the disk is full"},
        {{.job = &failed_long}, "retry 5 of 5 in 5 min"},
        {{.job = &running, .ahead = 5}, ""},
    };
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_waiting waiting = cases[i].waiting;
        char text[KN_WAIT_TEXT_BYTES];
        waiting.now_us = NOW;
        assert_string_equal(kn_waiting_why(&waiting, text), cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_bounded_by_chunk_concurrency_and_memory),
        cmocka_unit_test(what_runs_is_counted),
        cmocka_unit_test(a_waiting_job_says_why),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
