/*
 * The store under many at once: threads of one process, and processes of which some are killed.
 * Each job is done exactly once, none is lost, and readers of events miss none.
 */
#include "race_help.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4 };

struct crew {
    struct fixture *f;
    struct kn_store *store;
    int64_t jobs; /* ids are 1 to jobs */
    atomic_int *claims, *finishes;
    atomic_int left;
    struct party party;
    atomic_llong known;
};

static struct crew crew_of(struct fixture *f, int jobs)
{
    struct crew crew = {.f = f, .store = f->store, .jobs = jobs};
    crew.claims = kn_calloc((size_t)jobs + 1, sizeof *crew.claims);
    crew.finishes = kn_calloc((size_t)jobs + 1, sizeof *crew.finishes);
    atomic_store(&crew.left, jobs);
    return crew;
}

static void crew_done(struct crew *crew)
{
    free(crew->claims);
    free(crew->finishes);
}

/* ---- threads ---- */

static void *work(void *arg)
{
    struct crew *crew = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error error;
    struct kn_finish finishes[7];
    int held = 0;
    int64_t worker;
    must(kn_store_join(crew->store, "thread", LEASE_US, &worker, &error), &error);
    meet(&crew->party);
    while (atomic_load(&crew->left) > 0) {
        struct kn_turn turn = {
            .worker = worker, .finishes = finishes, .finish_count = held, .claim_max = 7};
        kn_arena_reset(arena);
        must(kn_store_turn(crew->store, &turn, arena, NULL, &error), &error);
        for (int i = 0; i < held; i++)
            if (finishes[i].status == KN_OK) {
                atomic_fetch_add(&crew->finishes[finishes[i].job], 1);
                atomic_fetch_sub(&crew->left, 1);
            }
        held = turn.claimed_count;
        for (int i = 0; i < held; i++) {
            atomic_fetch_add(&crew->claims[turn.claimed[i].id], 1);
            finishes[i] =
                (struct kn_finish){.job = turn.claimed[i].id, .attempt = turn.claimed[i].attempt};
        }
    }
    kn_arena_free(arena);
    return NULL;
}

static void threads_share_the_jobs(void **state)
{
    enum { JOBS = 2000 };
    struct fixture *f = *state;
    submit_many(f, "ann", 1, JOBS / 2);
    submit_many(f, "bob", 2, JOBS / 2);
    struct crew crew = crew_of(f, JOBS);
    run_party(&crew.party, &crew, work, THREADS);
    for (int i = 1; i <= JOBS; i++)
        if (atomic_load(&crew.claims[i]) != 1 || atomic_load(&crew.finishes[i]) != 1)
            fail_msg("job %d: claimed %d times, finished %d times", i, atomic_load(&crew.claims[i]),
                     atomic_load(&crew.finishes[i]));
    crew_done(&crew);
}

static void *submit_keys(void *arg)
{
    enum { KEYS = 40 };
    struct crew *crew = arg;
    struct kn_error error;
    meet(&crew->party);
    for (int round = 0; round < 3; round++) {
        struct kn_job_spec specs[KEYS];
        struct kn_submitted made[KEYS];
        char keys[KEYS][16];
        for (int i = 0; i < KEYS; i++) {
            snprintf(keys[i], sizeof keys[i], "key %d", (i * 7 + round * 13) % KEYS);
            specs[i] = (struct kn_job_spec){.source = "a", .key = keys[i]};
        }
        must(kn_store_submit(crew->store, specs, KEYS, made, NULL, &error), &error);
        for (int i = 0; i < KEYS; i++)
            atomic_fetch_add(&crew->known, made[i].known);
    }
    return NULL;
}

static void a_key_is_one_job_whoever_submits_it(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_store_counts counts;
    struct crew crew = crew_of(f, 0);
    run_party(&crew.party, &crew, submit_keys, THREADS);
    assert_ok(kn_store_counts(f->store, f->arena, &counts, &error));
    assert_int_equal(counts.jobs[KN_JOB_QUEUED], 40);
    assert_int_equal(atomic_load(&crew.known), THREADS * 3 * 40 - 40);
    crew_done(&crew);
}

/* ---- cancelling and claiming at once ---- */

static void *cancel_all(void *arg)
{
    struct crew *crew = arg;
    struct kn_error error;
    meet(&crew->party);
    for (int64_t id = crew->jobs; id >= 1; id--) {
        enum kn_job_state got;
        enum kn_status status = kn_store_cancel(crew->store, id, &got, &error);
        if (status != KN_INVALID) /* it was done already */
            must(status, &error);
        if (status == KN_OK && got == KN_JOB_CANCELLED) {
            atomic_fetch_add(&crew->finishes[id], 1);
            atomic_fetch_sub(&crew->left, 1);
        }
    }
    return NULL;
}

static void *claim_or_cancel(void *arg)
{
    struct crew *crew = arg;
    bool first = atomic_fetch_add(&crew->known, 1) == 0;
    if (first)
        return cancel_all(crew);
    return work(crew);
}

static void a_job_is_claimed_or_cancelled(void **state)
{
    enum { JOBS = 300 };
    struct fixture *f = *state;
    submit_many(f, "ann", 1, JOBS);
    struct crew crew = crew_of(f, JOBS);
    run_party(&crew.party, &crew, claim_or_cancel, 2);
    for (int i = 1; i <= JOBS; i++)
        if (atomic_load(&crew.finishes[i]) != 1)
            fail_msg("job %d ended %d times", i, atomic_load(&crew.finishes[i]));
    crew_done(&crew);
}

/* ---- events ---- */

struct reading {
    struct crew *crew;
    int64_t seen;
    atomic_bool over;
};

static void read_some(struct reading *reading, struct kn_arena *arena)
{
    struct kn_error error;
    const struct kn_event *events;
    int count;
    do {
        kn_arena_reset(arena);
        must(kn_store_events(reading->crew->store, reading->seen, 50, arena, &events, &count,
                             &error),
             &error);
        for (int i = 0; i < count; i++)
            if (events[i].id != ++reading->seen) {
                fprintf(stderr, "event %lld comes after %lld\n", (long long)events[i].id,
                        (long long)reading->seen - 1);
                abort();
            }
    } while (count);
}

static void *read_events(void *arg)
{
    struct reading *reading = arg;
    struct kn_arena *arena = kn_arena_new();
    bool over;
    do {
        over = atomic_load(&reading->over);
        read_some(reading, arena);
    } while (!over);
    kn_arena_free(arena);
    return NULL;
}

static void readers_miss_no_event(void **state)
{
    enum { JOBS = 1000 };
    struct fixture *f = *state;
    struct kn_error error;
    submit_many(f, "ann", 1, JOBS);
    struct crew crew = crew_of(f, JOBS);
    struct reading reading = {.crew = &crew};
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_events, &reading), 0);
    run_party(&crew.party, &crew, work, THREADS);
    atomic_store(&reading.over, true);
    pthread_join(reader, NULL);
    int64_t last;
    assert_ok(kn_store_last_event(f->store, &last, &error));
    assert_int_equal(reading.seen, last);
    assert_int_equal(last, 3 * JOBS);
    crew_done(&crew);
}

/* ---- processes, some of which are killed ---- */

/* Works until nothing is left; tells of every turn. */
static void be_worker(struct fixture *f, int tell_fd)
{
    struct kn_error error;
    struct kn_store *store = NULL;
    struct kn_arena *arena = kn_arena_new();
    struct kn_finish finishes[5];
    int64_t worker;
    int held = 0;
    struct kn_store_options options = {.where = f->contract->where, .now_us = test_clock};
    must(kn_store_open(&options, &store, &error), &error);
    must(kn_store_join(store, "process", LEASE_US, &worker, &error), &error);
    do {
        struct kn_turn turn = {
            .worker = worker, .finishes = finishes, .finish_count = held, .claim_max = 5};
        kn_arena_reset(arena);
        must(kn_store_turn(store, &turn, arena, NULL, &error), &error);
        held = turn.claimed_count;
        for (int i = 0; i < held; i++)
            finishes[i] =
                (struct kn_finish){.job = turn.claimed[i].id, .attempt = turn.claimed[i].attempt};
        if (write(tell_fd, "t", 1) != 1)
            abort();
    } while (held);
    must(kn_store_leave(store, worker, &error), &error);
    kn_store_close(store);
    _exit(0);
}

enum { WORKERS = 3 };

/* One generation: some workers, of which the first are killed after so many turns of all. */
static void generation(struct fixture *f, int turns, int killed)
{
    pid_t pids[WORKERS];
    int pipe_fds[2], state;
    char byte;
    assert_int_equal(pipe(pipe_fds), 0);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            close(pipe_fds[0]);
            be_worker(f, pipe_fds[1]);
        }
    }
    close(pipe_fds[1]);
    while (turns-- > 0 && read(pipe_fds[0], &byte, 1) == 1)
        ;
    for (int i = 0; i < killed; i++)
        kill(pids[i], SIGKILL);
    while (read(pipe_fds[0], &byte, 1) == 1)
        ;
    close(pipe_fds[0]);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(waitpid(pids[i], &state, 0), pids[i]);
        if (i >= killed && (!WIFEXITED(state) || WEXITSTATUS(state)))
            fail_msg("worker %d ended with %d", i, state);
    }
}

static void killed_workers_lose_no_job(void **state)
{
    enum { JOBS = 1500 };
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_store_counts counts;
    struct kn_job_spec specs[JOBS];
    struct kn_submitted made[JOBS];
    for (int i = 0; i < JOBS; i++)
        specs[i] = (struct kn_job_spec){.source = "a", .level = i % 3, .attempts_max = 100};
    assert_ok(kn_store_submit(f->store, specs, JOBS, made, NULL, &error));
    /* Children have connections of their own: this process keeps none open meanwhile. */
    kn_store_close(f->store);
    kn_database_close(f->contract->database);
    int reclaimed = 0;
    for (int round = 0;; round++) {
        generation(f, 20 + round * 17 % 29, round < 8 ? WORKERS : 1);
        f->contract->database = NULL;
        contract_open(f->contract, 0, &f->contract->database);
        f->store = open_store(f, false);
        pass(LEASE_US + 1);
        reclaimed += reclaim(f);
        assert_ok(kn_store_counts(f->store, f->arena, &counts, &error));
        if (counts.jobs[KN_JOB_DONE] == JOBS)
            break;
        /* A server may still be at the last claim of somebody who was killed: then it is LEASED by
         * a worker that is gone already, and taken back the next time. */
        assert_int_equal(counts.jobs[KN_JOB_DONE] + counts.jobs[KN_JOB_QUEUED] +
                             counts.jobs[KN_JOB_LEASED],
                         JOBS);
        assert_in_range(round, 0, 50);
        kn_store_close(f->store);
        kn_database_close(f->contract->database);
    }
    assert_true(reclaimed > 0);

    /* As often as it was done, there is an event. */
    int *done = kn_calloc(JOBS + 1, sizeof *done);
    const struct kn_event *events;
    int count;
    for (int64_t since = 0;; since = events[count - 1].id) {
        assert_ok(kn_store_events(f->store, since, 1000, f->arena, &events, &count, &error));
        if (!count)
            break;
        for (int i = 0; i < count; i++)
            if (events[i].kind == KN_EVENT_DONE)
                done[events[i].job]++;
    }
    for (int i = 1; i <= JOBS; i++)
        if (done[i] != 1)
            fail_msg("job %d was done %d times", i, done[i]);
    free(done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_share_the_jobs),        TEST(a_key_is_one_job_whoever_submits_it),
        TEST(a_job_is_claimed_or_cancelled), TEST(readers_miss_no_event),
        TEST(killed_workers_lose_no_job),
    };
    return cmocka_run_group_tests_name("store, many at once", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
