/*
 * Commits whose answer is lost: what was done is found, and not done twice. kn_transaction_run and
 * kn_batch_run are wrapped (the linker's --wrap), and say LOST of one that was committed, of one
 * that was not, or of one that is on its way still.
 */
#include "race_help.h"

#include "post_help.h"
#include "store/transaction.h"

enum loss { NONE, COMMITTED, UNDONE, LATE, LOSS_COUNT };

static enum loss next_loss; /* of the next change */

/* One whose commit comes when somebody waits for its locks. */
static struct late {
    struct fixture *f;
    struct kn_database *database;
    kn_transaction_fn *run;
    void *arg;
    struct kn_arena *arena;
    pthread_t thread;
    atomic_bool answered;
    bool on_its_way;
} late;

enum kn_status __real_kn_transaction_run(struct kn_database *database, kn_transaction_fn *run,
                                         void *arg, struct kn_arena *arena,
                                         struct kn_cancel *cancel, struct kn_error *err);
enum kn_status __wrap_kn_transaction_run(struct kn_database *database, kn_transaction_fn *run,
                                         void *arg, struct kn_arena *arena,
                                         struct kn_cancel *cancel, struct kn_error *err);
enum kn_status __real_kn_batch_run(struct kn_database *database, struct kn_operation *operations,
                                   int count, struct kn_arena *arena, struct kn_cancel *cancel,
                                   struct kn_error *err);
enum kn_status __wrap_kn_batch_run(struct kn_database *database, struct kn_operation *operations,
                                   int count, struct kn_arena *arena, struct kn_cancel *cancel,
                                   struct kn_error *err);

static enum kn_status run_and_undo(struct kn_transaction *transaction, void *arg,
                                   struct kn_error *err)
{
    (void)arg;
    enum kn_status status = late.run(transaction, late.arg, err);
    return status == KN_OK ? kn_error_set(err, KN_INTERNAL, "undone by the test") : status;
}

/* Its statements are answered, and its locks held, before anybody hears of the loss. */
static enum kn_status run_and_wait(struct kn_transaction *transaction, void *arg,
                                   struct kn_error *err)
{
    (void)arg;
    enum kn_status status = late.run(transaction, late.arg, err);
    if (status != KN_OK)
        return status;
    atomic_store(&late.answered, true);
    while (!contract_outside_number(late.f->contract, "SELECT count(*) FROM pg_stat_activity"
                                                      " WHERE wait_event_type = 'Lock'"))
        sched_yield();
    return KN_OK;
}

static void *commit_late(void *arg)
{
    struct kn_error error;
    (void)arg;
    must(__real_kn_transaction_run(late.database, run_and_wait, NULL, late.arena, NULL, &error),
         &error);
    return NULL;
}

enum kn_status __wrap_kn_transaction_run(struct kn_database *database, kn_transaction_fn *run,
                                         void *arg, struct kn_arena *arena,
                                         struct kn_cancel *cancel, struct kn_error *err)
{
    enum loss loss = next_loss;
    enum kn_status status;
    next_loss = NONE;
    if (loss == NONE)
        return __real_kn_transaction_run(database, run, arg, arena, cancel, err);
    late.database = database;
    late.run = run;
    late.arg = arg;
    late.arena = arena;
    if (loss == COMMITTED) {
        status = __real_kn_transaction_run(database, run, arg, arena, cancel, err);
        assert_status(status, KN_OK);
    } else if (loss == UNDONE) {
        status = __real_kn_transaction_run(database, run_and_undo, NULL, arena, cancel, err);
        assert_status(status, KN_INTERNAL);
    } else {
        atomic_store(&late.answered, false);
        assert_int_equal(pthread_create(&late.thread, NULL, commit_late, NULL), 0);
        late.on_its_way = true;
        while (!atomic_load(&late.answered))
            sched_yield();
    }
    return kn_error_set(err, KN_LOST, "lost by the test");
}

enum kn_status __wrap_kn_batch_run(struct kn_database *database, struct kn_operation *operations,
                                   int count, struct kn_arena *arena, struct kn_cancel *cancel,
                                   struct kn_error *err)
{
    bool loses = next_loss != NONE && operations[0].statement->access == KN_WRITE;
    bool runs = !loses || next_loss == COMMITTED;
    enum kn_status status =
        runs ? __real_kn_batch_run(database, operations, count, arena, cancel, err) : KN_OK;
    if (!loses)
        return status;
    assert_status(status, KN_OK);
    next_loss = NONE;
    return kn_error_set(err, KN_LOST, "lost by the test");
}

/* The ways in which a change's answer can be lost here; a late one needs locks of rows. */
#define EACH_LOSS(loss)                                                                            \
    enum loss loss = COMMITTED;                                                                    \
    loss < (contract_is(KN_DATABASE_POSTGRES) ? LOSS_COUNT : LATE);                                \
    loss++

static void lose(struct fixture *f, enum loss loss)
{
    late.f = f;
    next_loss = loss;
}

static void lost_one(enum loss loss)
{
    assert_int_equal(next_loss, NONE);
    if (late.on_its_way)
        pthread_join(late.thread, NULL);
    assert_int_equal(late.on_its_way, loss == LATE);
    late.on_its_way = false;
}

/* ---- planning ---- */

static void a_plan_is_made_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    int64_t posts = 0;
    for (enum loss loss = COMMITTED; loss <= UNDONE; loss++) {
        struct kn_post_planned planned[3];
        struct kn_post_spec specs[] = {post_spec("known"), post_spec("new"), post_spec("new")};
        specs[1].key = kn_arena_printf(f->arena, "new %d", loss);
        specs[2].force = true;
        int64_t known = plan_one(f, specs[0]).id;
        lose(f, loss);
        assert_ok(kn_store_posts_plan(f->store, specs, 3, planned, NULL, &error));
        lost_one(loss);
        assert_true(planned[0].known);
        assert_int_equal(planned[0].id, known);
        assert_false(planned[1].known);
        assert_false(planned[2].known);
        posts += 2;
        assert_int_equal(contract_number(f->contract, "SELECT count(*) FROM post"), posts + 1);
    }
}

static int64_t next_ten_minutes(const void *arg, int64_t after_us)
{
    (void)arg;
    return (after_us / (600 * SECOND) + 1) * 600 * SECOND;
}

static void a_slot_is_taken_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_post_slots slots = {.next = next_ten_minutes};
    int64_t before_us = START;
    for (EACH_LOSS(loss)) {
        struct kn_post_planned planned[2];
        struct kn_post_spec specs[] = {post_spec(kn_arena_printf(f->arena, "a %d", loss)),
                                       post_spec(kn_arena_printf(f->arena, "b %d", loss))};
        specs[0].slots = specs[1].slots = &slots;
        lose(f, loss);
        assert_ok(kn_store_posts_plan(f->store, specs, 2, planned, NULL, &error));
        lost_one(loss);
        for (int i = 0; i < 2; i++) {
            assert_false(planned[i].known);
            assert_int_equal(planned[i].appear_us, next_ten_minutes(NULL, before_us));
            before_us = planned[i].appear_us;
        }
    }
}

/* ---- claiming ---- */

static void what_was_claimed_is_handed_out(void **state)
{
    struct fixture *f = *state;
    for (EACH_LOSS(loss)) {
        int count;
        plan_many(f, kn_arena_printf(f->arena, "account %d", loss), 3, 0);
        lose(f, loss);
        const struct kn_post *posts = claim_posts_by(f, f->worker, 2, 2, &count);
        lost_one(loss);
        assert_int_equal(count, 2);
        for (int i = 0; i < count; i++) {
            assert_int_equal(posts[i].attempt, 1);
            assert_status(save_as(f, &posts[i], KN_POST_LIVE), KN_OK);
        }
        assert_int_equal(count_claimable(f, 2), 1);
    }
}

/* ---- saving ---- */

static void a_save_is_the_holders(void **state)
{
    static const struct {
        enum kn_post_state state;
        bool release;
    } cases[] = {{KN_POST_LIVE, false}, {KN_POST_UPLOADING, false}, {KN_POST_PROCESSING, true}};
    struct fixture *f = *state;
    struct kn_error error;
    for (EACH_LOSS(loss))
        for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
            int64_t id = post_in(f, KN_POST_PLANNED, true);
            struct kn_post post = get_post(f, id);
            struct kn_post_save save = save_of(&post, cases[i].state);
            save.release = cases[i].release;
            save.due_us = START + 1000 * SECOND;
            save.remote_id = "the id";
            lose(f, loss);
            assert_ok(kn_store_post_save(f->store, &save, &error));
            lost_one(loss);
            post = get_post(f, id);
            assert_int_equal(post.state, cases[i].state);
            assert_string_equal(post.remote_id, "the id");
            assert_int_equal(post.worker, i == 1 ? f->worker : 0);
        }
}

static void a_strangers_save_is_lost_all_the_same(void **state)
{
    struct fixture *f = *state;
    for (EACH_LOSS(loss)) {
        struct kn_post post = get_post(f, post_in(f, KN_POST_UPLOADING, true));
        post.attempt--;
        if (loss == LATE)
            break; /* it locks nothing: nobody waits for it */
        lose(f, loss);
        assert_status(save_as(f, &post, KN_POST_LIVE), KN_LOST);
        lost_one(loss);
        assert_post_state(f, post.id, KN_POST_UPLOADING);
    }
}

/* ---- quotas and accounts ---- */

static void a_use_is_booked_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_quota_use use = {.platform = "x",
                               .account = "main",
                               .kind = "posts",
                               .amount = 1,
                               .limit = 3,
                               .since_us = START - SECOND,
                               .span_us = SECOND};
    for (EACH_LOSS(loss)) {
        int64_t free_us = -1;
        use.post++;
        lose(f, loss);
        assert_ok(kn_store_quota_book(f->store, &use, &free_us, &error));
        lost_one(loss);
        assert_int_equal(free_us, 0);
    }
    assert_int_equal(contract_number(f->contract, "SELECT sum(amount) FROM quota_use"), use.post);
}

static void an_account_is_changed_once(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_account account = {.platform = "x", .name = "main"};
    for (EACH_LOSS(loss)) {
        bool taken = false;
        lose(f, loss);
        assert_ok(kn_store_account_put(f->store, &account, &error));
        lost_one(loss);
        assert_ok(kn_store_account_get(f->store, "x", "main", f->arena, &account, &error));
        lose(f, loss);
        assert_ok(
            kn_store_account_take(f->store, "x", "main", account.version, SECOND, &taken, &error));
        lost_one(loss);
        assert_true(taken);
        lose(f, loss);
        assert_ok(kn_store_account_renewed(f->store, &account, &error));
        lost_one(loss);
        lose(f, loss);
        assert_ok(kn_store_account_remove(f->store, "x", "main", &error));
        lost_one(loss);
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(a_plan_is_made_once),
        POSTS_TEST(a_slot_is_taken_once),
        POSTS_TEST(what_was_claimed_is_handed_out),
        POSTS_TEST(a_save_is_the_holders),
        POSTS_TEST(a_strangers_save_is_lost_all_the_same),
        POSTS_TEST(a_use_is_booked_once),
        POSTS_TEST(an_account_is_changed_once),
    };
    return run_posts_tests("posts, lost answers", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
