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

#define MB (INT64_C(1) << 20)

static void begin(struct kn_admission *admission, int64_t need)
{
    const struct kn_job job = {.memory_bytes = need};
    kn_admission_begin(admission, &job);
}

static void end(struct kn_admission *admission, int64_t need)
{
    const struct kn_job job = {.memory_bytes = need};
    kn_admission_end(admission, &job);
}

static void room_is_bounded_by_chunk_and_concurrency(void **state)
{
    static const struct {
        struct kn_admission admission;
        int running, room;
    } cases[] = {
        {{0}, 0, 10},
        {{0}, 45, 5},
        {{0}, 50, 0},
        {{0}, 60, 0},
        {{.max_concurrency = 4, .chunk_size = 3}, 0, 3},
        {{.max_concurrency = 4, .chunk_size = 3}, 2, 2},
        {{.memory_bytes = 100 * MB}, 0, 1},               /* one fills the only lane */
        {{.memory_bytes = 100 * MB, .lanes = 2}, 0, 2},   /* two renders of two threads each */
        {{.memory_bytes = 100 * MB, .lanes = 2}, 12, 10}, /* whose needs are not known */
    };
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_admission admission = cases[i].admission;
        struct kn_turn turn = {0};
        for (int k = 0; k < cases[i].running; k++)
            begin(&admission, 0);
        kn_admission_fill(&admission, &turn);
        if (turn.claim_max != cases[i].room || turn.memory_first != !cases[i].running ||
            (turn.memory_max_bytes > 0) != (admission.memory_bytes > 0))
            fail_msg("case %d: %d, %lld, %d", (int)i, turn.claim_max,
                     (long long)turn.memory_max_bytes, turn.memory_first);
        kn_admission_done(&admission);
    }
}

/* Of an order of jobs, as many as are let in one after the other. */
static int let_in(struct kn_admission *admission, int64_t need, int jobs)
{
    int count = 0;
    for (; count < jobs; count++) {
        struct kn_turn turn = {0};
        kn_admission_fill(admission, &turn);
        if (!turn.claim_max || (need > turn.memory_max_bytes && !turn.memory_first))
            break;
        begin(admission, need);
    }
    return count;
}

static void memory_counts_what_computes_and_what_waits(void **state)
{
    static const struct {
        int64_t memory, need;
        int lanes, jobs;
    } cases[] = {
        {1024 * MB, 160 * MB, 2, 50}, /* two compute, the others take 9 MB each */
        {700 * MB, 160 * MB, 2, 22},
        {450 * MB, 160 * MB, 2, 1},
        {100 * MB, 160 * MB, 2, 1}, /* one runs, whatever it takes */
        {1024 * MB, 780 * MB, 2, 1},
        {2048 * MB, 780 * MB, 2, 12},
        {1024 * MB, 780 * MB, 1, 2}, /* one thread computes: the other waits */
        {2048 * MB, 160 * MB, 8, 50},
        {1024 * MB, 160 * MB, 8, 1}, /* four renders of a job, four of another */
    };
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_admission admission = {.max_concurrency = 50,
                                         .memory_bytes = cases[i].memory,
                                         .base_bytes = 200 * MB,
                                         .lanes = cases[i].lanes};
        int jobs = let_in(&admission, cases[i].need, 50);
        if (jobs != cases[i].jobs)
            fail_msg("case %d: %d jobs", (int)i, jobs);
        assert_true(jobs == 1 || kn_admission_used(&admission) <= cases[i].memory);
        while (jobs-- > 0)
            end(&admission, cases[i].need);
        assert_int_equal(kn_admission_used(&admission), 200 * MB);
        kn_admission_done(&admission);
    }
}

static void a_larger_job_takes_the_place_of_a_smaller_one(void **state)
{
    struct kn_admission admission = {.memory_bytes = 700 * MB, .base_bytes = 100 * MB, .lanes = 2};
    struct kn_turn turn = {0};
    (void)state;
    begin(&admission, 100 * MB);
    begin(&admission, 200 * MB);
    begin(&admission, 100 * MB);
    int64_t used = kn_admission_used(&admission);
    assert_in_range(used, 400 * MB, 410 * MB);
    kn_admission_fill(&admission, &turn);
    assert_int_equal(turn.claim_max, 1);
    assert_in_range(turn.memory_max_bytes, 380 * MB, 400 * MB); /* 100 more than what is left */
    begin(&admission, turn.memory_max_bytes);
    assert_in_range(kn_admission_used(&admission), 690 * MB, 700 * MB);
    end(&admission, 200 * MB);
    end(&admission, turn.memory_max_bytes);
    assert_in_range(kn_admission_used(&admission), 300 * MB, 310 * MB);
    kn_admission_done(&admission);
}

static void what_the_process_has_counts_where_it_is_more(void **state)
{
    struct kn_admission admission = {.memory_bytes = 700 * MB, .base_bytes = 100 * MB, .lanes = 2};
    (void)state;
    begin(&admission, 100 * MB);
    assert_int_equal(kn_admission_room(&admission), 1);
    admission.measured_bytes = 701 * MB;
    assert_int_equal(kn_admission_room(&admission), 0);
    assert_int_equal(kn_admission_tell(&admission).memory_used, 701 * MB);
    end(&admission, 100 * MB);
    assert_int_equal(kn_admission_room(&admission), 2); /* nothing waits for ever */
    kn_admission_done(&admission);
}

static void a_waiting_job_says_why(void **state)
{
    static const struct kn_worker_room busy = {.running = 2,
                                               .running_most = 50,
                                               .memory_used = 3174 * MB,
                                               .memory_most = 4096 * MB,
                                               .memory_next = 900 * MB};
    static const struct kn_worker_room full = {2, 2, 0, 0, INT64_MAX},
                                       free_one = {1, 2, 0, 0, INT64_MAX};
    const struct kn_worker_room several[] = {full, busy}, one_free[] = {busy, free_one};
    static const struct kn_job plain = {.memory_bytes = 1000 * MB, .attempts_max = 5};
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
    const struct {
        struct kn_waiting waiting;
        const char *says;
    } cases[] = {
        {{.job = &plain, .ahead = 12}, "waiting: 12 jobs ahead"},
        {{.job = &plain, .ahead = 1, .rooms = &busy, .room_count = 1},
         "waiting: 1 job ahead, memory 3.1 of 4 GB in use"},
        {{.job = &plain, .rooms = &busy, .room_count = 1}, "waiting: memory 3.1 of 4 GB in use"},
        {{.job = &plain, .rooms = &full, .room_count = 1}, "waiting: 2 of 2 jobs run"},
        {{.job = &plain, .rooms = several, .room_count = 2}, "waiting: memory 3.1 of 4 GB in use"},
        {{.job = &plain, .rooms = one_free, .room_count = 2}, "waiting: next"},
        {{.job = &plain}, "waiting: next"},
        {{.job = &plain, .paused = true, .ahead = 3}, "the queue is paused"},
        {{.job = &later}, "scheduled for 14:06 +0000"},
        {{.job = &tomorrow}, "scheduled for 2025-11-26 14:05 +0000"},
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
        cmocka_unit_test(room_is_bounded_by_chunk_and_concurrency),
        cmocka_unit_test(memory_counts_what_computes_and_what_waits),
        cmocka_unit_test(a_larger_job_takes_the_place_of_a_smaller_one),
        cmocka_unit_test(what_the_process_has_counts_where_it_is_more),
        cmocka_unit_test(a_waiting_job_says_why),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
