/*
 * What claims, progress and lists of what is open cost beside many posts that have ended, and what
 * claims cost beside many that wait: counted, not timed. Of
 * SQLite the steps of its machine are counted (sqlite3_reset is wrapped for that), of PostgreSQL
 * the rows that it reads.
 */
#include "post_help.h"

#include <sched.h>

#include <sqlite3.h>

enum { CLAIMS = 20 };

static int64_t steps;

int __real_sqlite3_reset(sqlite3_stmt *stmt);
int __wrap_sqlite3_reset(sqlite3_stmt *stmt);

int __wrap_sqlite3_reset(sqlite3_stmt *stmt)
{
    steps += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
    return __real_sqlite3_reset(stmt);
}

/* PostgreSQL's connections tell what they have read when they end. */
static int64_t rows_read(struct fixture *f)
{
    while (contract_outside_number(f->contract, "SELECT count(*) FROM pg_stat_activity WHERE"
                                                " datname = current_database() AND pid <>"
                                                " pg_backend_pid() AND query LIKE '%post%'"))
        sched_yield();
    return contract_outside_number(f->contract, "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0)"
                                                " FROM pg_stat_user_tables WHERE relname = 'post'");
}

static void list_open(struct fixture *f)
{
    struct kn_error error;
    const struct kn_post *posts;
    int count;
    const struct kn_post_filter filter = {
        .states = 1u << KN_POST_SCHEDULED, .open = true, .limit = 10000};
    assert_ok(kn_store_posts_list(f->store, &filter, f->arena, &posts, &count, &error));
    assert_int_equal(count, 0);
}

static void claim_and_end(struct fixture *f, bool lists)
{
    for (int i = 0; i < CLAIMS; i++) {
        int count;
        int64_t next_us;
        struct kn_error error;
        const struct kn_post *posts = claim_posts_by(f, f->worker, 2, 2, &count);
        assert_int_equal(count, 2);
        const struct kn_post_progress progress = {
            .holder = {posts[0].id, posts[0].worker, posts[0].attempt}, .sent_bytes = 1};
        assert_ok(kn_store_posts_put_progress(f->store, &progress, 1, &error));
        for (int at = 0; at < count; at++)
            assert_status(save_as(f, &posts[at], KN_POST_LIVE), KN_OK);
        assert_ok(kn_store_posts_next_due(f->store, &next_us, &error));
        if (lists)
            list_open(f);
    }
}

/* Of so many claims, on connections of their own. */
static int64_t cost_of_claims(struct fixture *f, bool lists)
{
    if (contract_is(KN_DATABASE_SQLITE)) {
        steps = 0;
        claim_and_end(f, lists);
        return steps;
    }
    struct kn_store *store = f->store;
    struct kn_database *database = f->contract->database;
    kn_store_close(store);
    kn_database_close(database);
    int64_t before = rows_read(f);
    f->store = open_store(f, true);
    claim_and_end(f, lists);
    kn_store_close(f->store);
    int64_t cost = rows_read(f) - before;
    contract_open(f->contract, 0, &f->contract->database);
    f->store = open_store(f, false);
    return cost;
}

#define ENDED_POST "'ended ' || n, '', 'x', 'main', 'x/main', '{}', '{}', 1, 1, 0, 1, 1, '', 3"
#define ADD_ENDED                                                                                  \
    "INSERT INTO post (key, owner, platform, account, lane, clip, request, bytes, due_us, job,"    \
    " created_us, changed_us, plan_mark, state) "

static void claims_do_not_look_at_what_is_over(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 4 * CLAIMS, 0);
    (void)cost_of_claims(f, true); /* what is done once is done */
    plan_many(f, "second", 2 * CLAIMS, 0);
    int64_t before = cost_of_claims(f, true);
    contract_sql(f->contract, contract_is(KN_DATABASE_POSTGRES) ? ADD_ENDED
                                  "SELECT " ENDED_POST " FROM generate_series(1, 100000) AS x (n)"
                                                                : ADD_ENDED
                                  "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x"
                                  " WHERE n < 100000) SELECT " ENDED_POST " FROM x");
    plan_many(f, "third", 2 * CLAIMS, 0);
    int64_t after = cost_of_claims(f, true);
    if (after > before + before / 2 + 1000)
        fail_msg("%d claims cost %lld, and %lld beside 100,000 that are over", CLAIMS,
                 (long long)before, (long long)after);
}

static void claims_do_not_look_at_what_waits(void **state)
{
    struct fixture *f = *state;
    plan_many(f, "main", 4 * CLAIMS, 0);
    int64_t before = cost_of_claims(f, false);
    plan_many(f, "long", 10000, 0);
    int64_t after = cost_of_claims(f, false);
    if (after > 2 * before + 2000)
        fail_msg("%d claims cost %lld, and %lld beside 10,000 that wait", CLAIMS, (long long)before,
                 (long long)after);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(claims_do_not_look_at_what_is_over),
        POSTS_TEST(claims_do_not_look_at_what_waits),
    };
    return run_posts_tests("posts, what claims cost", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
