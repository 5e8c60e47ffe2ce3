/*
 * Accounts in the store.
 */
#include "post_help.h"

static const unsigned char sealed[] = {0, 1, 0x7f, 0x80, 0xff, 0, 'x'};

static struct kn_account account_of(const char *platform, const char *name)
{
    return (struct kn_account){.platform = platform,
                               .name = name,
                               .sealed = sealed,
                               .sealed_size = sizeof sealed,
                               .expires_us = START + 3600 * SECOND};
}

static void put(struct fixture *f, struct kn_account account)
{
    struct kn_error error;
    assert_ok(kn_store_account_put(f->store, &account, &error));
}

static struct kn_account get_account(struct fixture *f, const char *platform, const char *name)
{
    struct kn_error error;
    struct kn_account account;
    assert_ok(kn_store_account_get(f->store, platform, name, f->arena, &account, &error));
    return account;
}

static bool take(struct fixture *f, const struct kn_account *account)
{
    struct kn_error error;
    bool taken = false;
    assert_ok(kn_store_account_take(f->store, account->platform, account->name, account->version,
                                    60 * SECOND, &taken, &error));
    return taken;
}

static void what_is_put_is_read(void **state)
{
    struct fixture *f = *state;
    struct kn_account account = account_of("x", "news");
    put(f, account);
    struct kn_account got = get_account(f, "x", "news");
    assert_int_equal(got.sealed_size, sizeof sealed);
    assert_memory_equal(got.sealed, sealed, sizeof sealed);
    assert_string_equal(got.settings, "{}");
    assert_string_equal(got.trouble, "");
    assert_int_equal(got.expires_us, START + 3600 * SECOND);
    assert_int_equal(got.created_us, START);
    pass(SECOND);
    account.remote_id = "123";
    account.service_url = "http://127.0.0.1:8787";
    account.settings = "{\"privacy\":\"private\"}";
    account.trouble = "revoked";
    account.sealed_size = 0;
    put(f, account);
    struct kn_account other = get_account(f, "x", "news");
    assert_true(other.version > got.version);
    assert_string_equal(other.remote_id, "123");
    assert_string_equal(other.service_url, "http://127.0.0.1:8787");
    assert_string_equal(other.settings, "{\"privacy\":\"private\"}");
    assert_string_equal(other.trouble, "revoked");
    assert_int_equal(other.sealed_size, 0);
    assert_int_equal(other.created_us, START);
    assert_int_equal(other.changed_us, START + SECOND);
}

static void lists_are_in_order(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    const struct kn_account *accounts;
    int count;
    put(f, account_of("youtube", "b"));
    put(f, account_of("x", "b"));
    put(f, account_of("x", "Z"));
    assert_ok(kn_store_accounts(f->store, NULL, f->arena, &accounts, &count, &error));
    assert_int_equal(count, 3);
    assert_string_equal(accounts[0].name, "Z");
    assert_string_equal(accounts[1].name, "b");
    assert_string_equal(accounts[2].platform, "youtube");
    assert_memory_equal(accounts[2].sealed, sealed, sizeof sealed);
    assert_ok(kn_store_accounts(f->store, "youtube", f->arena, &accounts, &count, &error));
    assert_int_equal(count, 1);
}

static void an_account_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_account account;
    bool taken;
    assert_status(kn_store_account_get(f->store, "x", "a", f->arena, &account, &error),
                  KN_NOT_FOUND);
    assert_string_equal(error.text, "there is no account a of x");
    assert_status(kn_store_account_remove(f->store, "x", "a", &error), KN_NOT_FOUND);
    assert_status(kn_store_account_take(f->store, "x", "a", 1, SECOND, &taken, &error),
                  KN_NOT_FOUND);
    account = account_of("x", "a");
    assert_status(kn_store_account_renewed(f->store, &account, &error), KN_LOST);
    account.name = "";
    assert_status(kn_store_account_put(f->store, &account, &error), KN_INVALID);
    put(f, account_of("x", "a"));
    assert_ok(kn_store_account_remove(f->store, "x", "a", &error));
    assert_status(kn_store_account_remove(f->store, "x", "a", &error), KN_NOT_FOUND);
}

static void one_renews_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    put(f, account_of("x", "a"));
    struct kn_account account = get_account(f, "x", "a");
    assert_true(take(f, &account));
    assert_false(take(f, &account));
    account.sealed = "new";
    account.sealed_size = 3;
    account.settings = "{\"not\":\"written\"}";
    assert_ok(kn_store_account_renewed(f->store, &account, &error));
    struct kn_account renewed = get_account(f, "x", "a");
    assert_true(renewed.version > account.version);
    assert_memory_equal(renewed.sealed, "new", 3);
    assert_string_equal(renewed.settings, "{}");
    assert_false(take(f, &account)); /* the old version */
    assert_status(kn_store_account_renewed(f->store, &account, &error), KN_LOST);
    assert_true(take(f, &renewed));
}

static void a_taking_ends_by_time_and_by_putting(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    put(f, account_of("x", "a"));
    struct kn_account account = get_account(f, "x", "a");
    assert_true(take(f, &account));
    pass(60 * SECOND - 1);
    assert_false(take(f, &account));
    pass(1);
    assert_true(take(f, &account));
    put(f, account_of("x", "a")); /* connected anew meanwhile */
    assert_status(kn_store_account_renewed(f->store, &account, &error), KN_LOST);
    struct kn_account anew = get_account(f, "x", "a");
    assert_true(take(f, &anew));
}

static void a_new_account_has_no_old_version(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    put(f, account_of("x", "a"));
    struct kn_account before = get_account(f, "x", "a");
    assert_ok(kn_store_account_remove(f->store, "x", "a", &error));
    pass(1);
    put(f, account_of("x", "a"));
    assert_false(take(f, &before));
    assert_status(kn_store_account_renewed(f->store, &before, &error), KN_LOST);
}

static void what_is_damaged_is_told(void **state)
{
    struct fixture *f = *state;
    struct kn_error error;
    struct kn_account account;
    static const char *const wrong[] = {"0", "0g", "0A", "%%"};
    put(f, account_of("x", "a"));
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++) {
        contract_sql(f->contract,
                     kn_arena_printf(f->arena, "UPDATE account SET sealed = '%s'", wrong[i]));
        assert_status(kn_store_account_get(f->store, "x", "a", f->arena, &account, &error),
                      KN_DAMAGED);
        assert_says(error.text, "the account a of x is damaged: connect it again");
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        POSTS_TEST(what_is_put_is_read),
        POSTS_TEST(lists_are_in_order),
        POSTS_TEST(an_account_that_is_not_there_is_told),
        POSTS_TEST(one_renews_at_a_time),
        POSTS_TEST(a_taking_ends_by_time_and_by_putting),
        POSTS_TEST(a_new_account_has_no_old_version),
        POSTS_TEST(what_is_damaged_is_told),
    };
    return run_posts_tests("accounts", tests);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
