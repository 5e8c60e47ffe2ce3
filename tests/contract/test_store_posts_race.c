/*
 * Posts, quotas and accounts under many at once: threads of one process, and processes of which
 * some are killed. Nobody gets what another has, and no limit is passed.
 */
#include "race_help.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "post_help.h"

enum { THREADS = 8, ACCOUNTS = 3, EACH = 60, ACCOUNT_MAX = 4 };

struct race {
    struct party party;
    struct contract *contract;
    struct kn_store *store;
    atomic_int held[ACCOUNTS]; /* by all of an account */
    atomic_int ends[ACCOUNTS * EACH + 1];
    atomic_int left, most, given;
    const struct kn_account *account;
};

/* ---- so that they meet ---- */

/* Nobody can change the table before some wait to do it, having read what they read. SQLite's
 * transactions come one after the other in any case. */
static void hold_table(const struct fixture *f, const char *table)
{
    if (!contract_is(KN_DATABASE_POSTGRES))
        return;
    contract_outside(f->contract, "BEGIN");
    contract_outside(f->contract,
                     kn_arena_printf(f->arena, "LOCK TABLE %s IN EXCLUSIVE MODE", table));
}

static void release_when_some_wait(struct contract *contract, int some)
{
    if (!contract_is(KN_DATABASE_POSTGRES))
        return;
    while (contract_outside_number(contract, "SELECT count(*) FROM pg_stat_activity"
                                             " WHERE wait_event_type = 'Lock'") < some)
        sched_yield();
    contract_outside(contract, "COMMIT");
}

/* ---- claims ---- */

static void note_held(struct race *race, const struct kn_post *post)
{
    int held = atomic_fetch_add(&race->held[post->account[0] - 'a'], 1) + 1;
    int most = atomic_load(&race->most);
    while (held > most && !atomic_compare_exchange_weak(&race->most, &most, held))
        ;
}

/* Counted down before it is ended: others may have the room from then on. */
static void end_post(struct race *race, const struct kn_post *post)
{
    struct kn_error error;
    struct kn_post_save save = save_of(post, KN_POST_UPLOADING);
    must(kn_store_post_save(race->store, &save, &error), &error);
    atomic_fetch_sub(&race->held[post->account[0] - 'a'], 1);
    save.state = KN_POST_LIVE;
    must(kn_store_post_save(race->store, &save, &error), &error);
    atomic_fetch_add(&race->ends[post->id], 1);
    atomic_fetch_sub(&race->left, 1);
}

static void *publish(void *arg)
{
    struct race *race = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error error;
    int64_t worker;
    must(kn_store_join(race->store, "thread", LEASE_US, &worker, &error), &error);
    meet(&race->party);
    while (atomic_load(&race->left) > 0) {
        struct kn_post_claim claim = {.worker = worker, .max = 5, .account_max = ACCOUNT_MAX};
        const struct kn_post *posts;
        int count;
        kn_arena_reset(arena);
        must(kn_store_posts_claim(race->store, &claim, arena, &posts, &count, &error), &error);
        for (int i = 0; i < count; i++)
            note_held(race, &posts[i]);
        for (int i = 0; i < count; i++)
            end_post(race, &posts[i]);
    }
    kn_arena_free(arena);
    return NULL;
}

static void a_post_is_one_publishers(void **state)
{
    struct fixture *f = *state;
    struct race *race = kn_calloc(1, sizeof *race);
    race->store = f->store;
    atomic_store(&race->left, ACCOUNTS * EACH);
    for (int i = 0; i < ACCOUNTS; i++)
        plan_many(f, (char[]){(char)('a' + i), '\0'}, EACH, 0);
    run_party(&race->party, race, publish, THREADS);
    for (int i = 1; i <= ACCOUNTS * EACH; i++)
        if (atomic_load(&race->ends[i]) != 1)
            fail_msg("post %d ended %d times", i, atomic_load(&race->ends[i]));
    assert_in_range(atomic_load(&race->most), 1, ACCOUNT_MAX);
    assert_int_equal(contract_number(f->contract, "SELECT max(attempt) FROM post"), 1);
    free(race);
}

/* Each from posts that are nobody else's: what keeps them apart is the count of what is held. The
 * first one lets them. */
static void *claim_own(void *arg)
{
    enum { OWN = 3 };
    struct race *race = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error error;
    const struct kn_post *posts;
    int64_t worker, only[OWN];
    int count, number = atomic_fetch_add(&race->given, 1) - 1;
    for (int i = 0; i < OWN; i++)
        only[i] = number * OWN + i + 1;
    struct kn_post_claim claim = {
        .max = OWN, .account_max = ACCOUNT_MAX, .only = only, .only_count = OWN};
    must(kn_store_join(race->store, "thread", LEASE_US, &worker, &error), &error);
    claim.worker = worker;
    meet(&race->party);
    if (number < 0) {
        release_when_some_wait(race->contract, 2);
    } else {
        must(kn_store_posts_claim(race->store, &claim, arena, &posts, &count, &error), &error);
        atomic_fetch_add(&race->left, count);
    }
    kn_arena_free(arena);
    return NULL;
}

static void an_accounts_limit_is_everybodys(void **state)
{
    struct fixture *f = *state;
    struct race *race = kn_calloc(1, sizeof *race);
    race->store = f->store;
    race->contract = f->contract;
    plan_many(f, "main", 3 * THREADS, 0);
    hold_table(f, "post");
    run_party(&race->party, race, claim_own, THREADS + 1);
    assert_int_equal(atomic_load(&race->left), ACCOUNT_MAX);
    free(race);
}

static void *claim_all(void *arg)
{
    struct fixture *f = arg;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error error;
    const struct kn_post *posts;
    int count;
    struct kn_post_claim claim = {.worker = f->worker, .max = 10, .account_max = 10};
    must(kn_store_posts_claim(f->store, &claim, arena, &posts, &count, &error), &error);
    if (count != 1 || posts[0].id != 2)
        abort();
    kn_arena_free(arena);
    return NULL;
}

/* PostgreSQL's alone: between the look of a claim and its change. */
static void what_ends_meanwhile_is_not_claimed(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    if (!contract_is(KN_DATABASE_POSTGRES))
        return;
    plan_many(f, "main", 2, 0);
    contract_outside(f->contract, "BEGIN");
    contract_outside(f->contract, "UPDATE post SET state = 7 WHERE id = 1");
    assert_int_equal(pthread_create(&thread, NULL, claim_all, f), 0);
    release_when_some_wait(f->contract, 1);
    pthread_join(thread, NULL);
    assert_int_equal(get_post(f, 1).attempt, 0);
}

/* ---- keys ---- */

static void *plan_keys(void *arg)
{
    enum { KEYS = 30 };
    struct race *race = arg;
    struct kn_error error;
    int own = atomic_fetch_add(&race->given, 1);
    meet(&race->party);
    for (int round = 0; round < 3; round++) {
        struct kn_post_spec specs[KEYS];
        struct kn_post_planned planned[KEYS];
        char keys[KEYS][16];
        for (int i = 0; i < KEYS; i++) {
            snprintf(keys[i], sizeof keys[i], "key %d", (i * 7 + round * 13 + own * 11) % KEYS);
            specs[i] = post_spec(keys[i]);
        }
        must(kn_store_posts_plan(race->store, specs, KEYS, planned, NULL, &error), &error);
        for (int i = 0; i < KEYS; i++)
            atomic_fetch_add(&race->left, !planned[i].known);
    }
    return NULL;
}

static void a_key_is_one_post_whoever_plans_it(void **state)
{
    struct fixture *f = *state;
    struct race *race = kn_calloc(1, sizeof *race);
    race->store = f->store;
    run_party(&race->party, race, plan_keys, THREADS);
    assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post"), 30);
    assert_int_equal(atomic_load(&race->left), 30);
    free(race);
}

/* ---- quotas ---- */

enum { BOOKERS = 16, BOOK_EACH = 3, BOOK_LIMIT = 2 };

static void *book(void *arg)
{
    struct race *race = arg;
    struct kn_error error;
    int first = atomic_fetch_add(&race->left, BOOK_EACH) + 1 - BOOK_EACH;
    meet(&race->party);
    if (first < 0)
        release_when_some_wait(race->contract, BOOK_LIMIT + 1);
    for (int i = 0; first > 0 && i < BOOK_EACH; i++) {
        int64_t free_us;
        struct kn_quota_use use = {.platform = "x",
                                   .account = "main",
                                   .kind = "posts",
                                   .post = first + i,
                                   .amount = 1,
                                   .limit = BOOK_LIMIT,
                                   .since_us = START - 3600 * SECOND,
                                   .span_us = 3600 * SECOND};
        must(kn_store_quota_book(race->store, &use, &free_us, &error), &error);
        atomic_fetch_add(&race->given, free_us == 0);
    }
    return NULL;
}

static void a_quota_is_never_passed(void **state)
{
    struct fixture *f = *state;
    struct race *race = kn_calloc(1, sizeof *race);
    race->store = f->store;
    race->contract = f->contract;
    plan_many(f, "main", BOOKERS * BOOK_EACH, 0);
    hold_table(f, "quota_use");
    run_party(&race->party, race, book, BOOKERS + 1);
    assert_int_equal(atomic_load(&race->given), BOOK_LIMIT);
    assert_int_equal(
        contract_number(f->contract, "SELECT sum(amount) FROM quota_use WHERE booked = 1"),
        BOOK_LIMIT);
    /* The others were told slots, of which none is given to more than fit. */
    assert_int_equal(contract_number(f->contract,
                                     "SELECT max(n) FROM (SELECT count(*) AS n FROM quota_use"
                                     " WHERE booked = 0 GROUP BY at_us) AS slots"),
                     BOOK_LIMIT);
    free(race);
}

/* ---- accounts ---- */

static void *take_account(void *arg)
{
    struct race *race = arg;
    struct kn_error error;
    bool taken = false;
    meet(&race->party);
    must(kn_store_account_take(race->store, "x", "main", race->account->version, 60 * SECOND,
                               &taken, &error),
         &error);
    atomic_fetch_add(&race->given, taken);
    return NULL;
}

static void an_account_is_taken_once_a_version(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_account account = {.platform = "x", .name = "main"};
    struct race *race = kn_calloc(1, sizeof *race);
    race->store = f->store;
    race->account = &account;
    assert_ok(kn_store_account_put(f->store, &account, &error));
    for (int version = 0; version < 3; version++) {
        assert_ok(kn_store_account_get(f->store, "x", "main", f->arena, &account, &error));
        atomic_store(&race->given, 0);
        run_party(&race->party, race, take_account, 16);
        assert_int_equal(atomic_load(&race->given), 1);
        assert_ok(kn_store_account_renewed(f->store, &account, &error));
    }
    free(race);
}

/* ---- processes, some of which are killed ---- */

/* Publishes until nothing is left; tells of each post that it has sent. */
static void be_publisher(const struct fixture *f, int tell_fd)
{
    struct kn_error error;
    struct kn_store *store = NULL;
    struct kn_arena *arena = kn_arena_new();
    struct kn_store_options options = {.where = f->contract->where, .now_us = test_clock};
    const struct kn_post *posts;
    int64_t worker;
    int count;
    must(kn_store_open(&options, &store, &error), &error);
    must(kn_store_join(store, "process", LEASE_US, &worker, &error), &error);
    do {
        struct kn_post_claim claim = {.worker = worker, .max = 3, .account_max = 100};
        kn_arena_reset(arena);
        must(kn_store_posts_claim(store, &claim, arena, &posts, &count, &error), &error);
        for (int i = 0; i < count; i++) {
            int64_t id = posts[i].id;
            struct kn_post_save save = save_of(&posts[i], KN_POST_LIVE);
            must(kn_store_post_save(store, &save, &error), &error);
            if (write(tell_fd, &id, sizeof id) != sizeof id)
                abort();
        }
    } while (count);
    must(kn_store_leave(store, worker, &error), &error);
    kn_store_close(store);
    _exit(0);
}

enum { PUBLISHERS = 3 };

/* One generation: the first `killed` are killed after so many posts of all. Counts what is told. */
static void generation(const struct fixture *f, int posts, int killed, int *told)
{
    pid_t pids[PUBLISHERS];
    int fds[2], state;
    int64_t id;
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < PUBLISHERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            close(fds[0]);
            be_publisher(f, fds[1]);
        }
    }
    close(fds[1]);
    for (; posts > 0 && read(fds[0], &id, sizeof id) == sizeof id; posts--)
        told[id]++;
    for (int i = 0; i < killed; i++)
        kill(pids[i], SIGKILL);
    while (read(fds[0], &id, sizeof id) == sizeof id)
        told[id]++;
    close(fds[0]);
    for (int i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(waitpid(pids[i], &state, 0), pids[i]);
        if (i >= killed && (!WIFEXITED(state) || WEXITSTATUS(state)))
            fail_msg("publisher %d ended with %d", i, state);
    }
}

static void killed_publishers_lose_no_post(void **state)
{
    enum { POSTS = 200, ROUNDS_MOST = 30 };
    struct fixture *f = *state;
    int told[POSTS + 1] = {0};
    int64_t live = 0;
    plan_many(f, "main", POSTS, 0);
    /* Children have connections of their own: this process keeps none open meanwhile. */
    for (int round = 0; live < POSTS; round++) {
        kn_store_close(f->store);
        kn_database_close(f->contract->database);
        generation(f, 20 + round * 17 % 29, round < 3 ? PUBLISHERS : 1, told);
        f->contract->database = NULL;
        contract_open(f->contract, 0, &f->contract->database);
        f->store = open_store(f, false);
        pass(LEASE_US + 1);
        live = contract_number(f->contract, "SELECT count(*) FROM post WHERE state = 3");
        assert_in_range(round, 0, ROUNDS_MOST);
    }
    for (int i = 1; i <= POSTS; i++)
        if (told[i] > 1) /* 0: killed between the two */
            fail_msg("post %d was sent %d times", i, told[i]);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(a_post_is_one_publishers),
        POSTS_TEST(an_accounts_limit_is_everybodys),
        POSTS_TEST(what_ends_meanwhile_is_not_claimed),
        POSTS_TEST(a_key_is_one_post_whoever_plans_it),
        POSTS_TEST(a_quota_is_never_passed),
        POSTS_TEST(an_account_is_taken_once_a_version),
        POSTS_TEST(killed_publishers_lose_no_post),
    };
    return run_posts_tests("posts, many at once", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
