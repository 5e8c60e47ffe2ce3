/*
 * Tokens of accounts on every kind of database: renewed once however many ask, durable before they
 * are used, and what becomes of them when answers are lost.
 */
#include "store_help.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "service/account_secret.h"
#include "service/accounts.h"
#include "support/temp_folder.h"
#include "support/token_server.h"

enum { THREADS = 8, PROCESSES = 2, ROUNDS = 10 };

struct scene {
    struct fixture *f;
    struct token_server server;
    struct kn_http *http;
    struct kn_accounts *accounts;
    char room[PATH_MAX];
    const char *key_path;
    struct kn_seal_key key;
    struct kn_error err;
};

static int scene_make(void **state)
{
    struct scene *s = kn_calloc(1, sizeof *s);
    void *f = NULL;
    store_setup(&f);
    s->f = f;
    token_server_open(&s->server);
    assert_int_equal(kn_http_open(&(struct kn_http_options){0}, &s->http, NULL), KN_OK);
    s->key_path = kn_path_join(s->f->arena, temp_folder_make(s->room), "key");
    assert_int_equal(kn_seal_key_read(s->key_path, true, &s->key, NULL), KN_OK);
    s->accounts = kn_accounts_open(&(struct kn_accounts_options){
        .store = s->f->store, .http = s->http, .key_path = s->key_path});
    *state = s;
    return 0;
}

static int scene_drop(void **state)
{
    struct scene *s = *state;
    void *f = s->f;
    kn_accounts_close(s->accounts);
    kn_http_close(s->http);
    token_server_close(&s->server);
    temp_folder_remove(s->room);
    store_teardown(&f);
    free(s);
    return 0;
}

/* x:ann with "access-N" and "refresh-N", N the newest that the server has given out, issued and
 * expiring so many seconds from now. */
static void put_account(struct scene *s, int issued_s, int expires_s)
{
    struct kn_arena *arena = s->f->arena;
    pthread_mutex_lock(&s->server.lock);
    int n = ++s->server.issued;
    pthread_mutex_unlock(&s->server.lock);
    const struct kn_account_secret secret = {
        .tokens = {.access = kn_arena_printf(arena, "access-%d", n),
                   .refresh = kn_arena_printf(arena, "refresh-%d", n),
                   .expires_us = kn_wall_us() + expires_s * KN_US_PER_S,
                   .refresh_expires_us = INT64_MAX},
        .client_id = "id",
        .client_secret = "secret",
        .issued_us = kn_wall_us() + issued_s * KN_US_PER_S,
    };
    struct kn_account row = {
        .platform = "x", .name = "ann", .remote_id = "22", .service_url = s->server.url};
    kn_account_secret_seal(&secret, &s->key, arena, &row);
    assert_int_equal(kn_store_account_put(s->f->store, &row, &s->err), KN_OK);
}

static struct kn_account row_of(struct scene *s)
{
    struct kn_account row;
    assert_int_equal(kn_store_account_get(s->f->store, "x", "ann", s->f->arena, &row, &s->err),
                     KN_OK);
    return row;
}

static enum kn_status token(struct scene *s, const char *refused, const char **ret)
{
    s->err = (struct kn_error){0};
    return kn_accounts_token(s->accounts, "x", "ann", refused, NULL, s->f->arena, ret, &s->err);
}

static void assert_token(struct scene *s, const char *refused, const char *wanted)
{
    const char *got;
    if (token(s, refused, &got) != KN_OK)
        fail_msg("%s", s->err.text);
    assert_string_equal(got, wanted);
}

/* ---- one renewal, however many ask ---- */

struct crowd {
    struct kn_accounts *accounts;
    const char *first; /* the token that everybody begins with */
    atomic_int failed;
};

/* Says of every token that it is refused, as if the platform had just revoked it. */
static void *refuse_all(void *arg)
{
    struct crowd *crowd = arg;
    struct kn_arena *arena = kn_arena_new();
    const char *current = crowd->first;
    for (int i = 0; i < ROUNDS; i++) {
        struct kn_error err;
        const char *next;
        if (kn_accounts_token(crowd->accounts, "x", "ann", current, NULL, arena, &next, &err) !=
                KN_OK ||
            strcmp(next, current) == 0) {
            fprintf(stderr, "refused %s: %s\n", current, err.text);
            atomic_fetch_add(&crowd->failed, 1);
            break;
        }
        current = next;
    }
    kn_arena_free(arena);
    return NULL;
}

static int run_crowd(struct kn_accounts *accounts)
{
    struct crowd crowd = {.accounts = accounts, .first = "access-1"};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, refuse_all, &crowd);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&crowd.failed);
}

/* Another process: nothing is shared but the database, the key and the platform. */
static int be_child(const char *where, const char *key_path)
{
    struct kn_store *store = NULL;
    struct kn_http *http = NULL;
    struct kn_error err = {0};
    if (kn_store_open(&(struct kn_store_options){.where = where}, &store, &err) != KN_OK ||
        kn_http_open(&(struct kn_http_options){0}, &http, &err) != KN_OK) {
        fprintf(stderr, "child: %s\n", err.text);
        return 1;
    }
    struct kn_accounts *accounts = kn_accounts_open(
        &(struct kn_accounts_options){.store = store, .http = http, .key_path = key_path});
    int failed = run_crowd(accounts);
    kn_accounts_close(accounts);
    kn_http_close(http);
    kn_store_close(store);
    return failed ? 1 : 0;
}

static void each_refresh_token_is_sent_once(void **state)
{
    struct scene *s = *state;
    pid_t pids[PROCESSES];
    put_account(s, 0, 7200);
    setenv("KN_ACCOUNTS_CHILD", s->f->contract->where, true);
    setenv("KN_ACCOUNTS_KEY", s->key_path, true);
    char *arguments[] = {(char[]){"child"}, NULL};
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(posix_spawn(&pids[i], "/proc/self/exe", NULL, NULL, arguments, environ),
                         0);
    for (int i = 0; i < PROCESSES; i++) {
        int code;
        assert_int_equal(waitpid(pids[i], &code, 0), pids[i]);
        assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    }
    unsetenv("KN_ACCOUNTS_CHILD");
    assert_true(token_server_renewals(&s->server) >= ROUNDS);
    KN_LOCKED(&s->server.lock);
    for (int i = 1; i < s->server.issued; i++)
        if (s->server.uses[i] != 1)
            fail_msg("refresh-%d was sent %d times", i, s->server.uses[i]);
    assert_int_equal(s->server.uses[s->server.issued], 0);
    assert_string_equal(row_of(s).trouble, "");
}

/* ---- when ---- */

static void a_fresh_token_asks_nobody(void **state)
{
    struct scene *s = *state;
    put_account(s, 0, 7200);
    assert_token(s, NULL, "access-1");
    assert_token(s, NULL, "access-1");
    assert_token(s, "another", "access-1");
    assert_int_equal(token_server_asked(&s->server), 0);
}

static void tokens_are_renewed_ahead_and_kept_first(void **state)
{
    struct scene *s = *state;
    put_account(s, -7000, 200);
    assert_token(s, NULL, "access-2");
    assert_int_equal(token_server_renewals(&s->server), 1);
    struct kn_accounts *others = kn_accounts_open(&(struct kn_accounts_options){
        .store = s->f->store, .http = s->http, .key_path = s->key_path});
    const char *got;
    assert_int_equal(kn_accounts_token(others, "x", "ann", NULL, NULL, s->f->arena, &got, &s->err),
                     KN_OK);
    assert_string_equal(got, "access-2");
    assert_int_equal(token_server_renewals(&s->server), 1);
    kn_accounts_close(others);
}

static void a_good_token_outlasts_a_platform_that_is_down(void **state)
{
    static const struct token_answer down[] = {{.status = 503, .body = "<html>"}};
    struct scene *s = *state;
    const char *got;
    token_server_script(&s->server, down, 1);
    put_account(s, -7000, 200);
    assert_token(s, NULL, "access-1");
    assert_token(s, NULL, "access-1");
    assert_int_equal(token_server_asked(&s->server), 1); /* not at every step of every post */
    put_account(s, -7000, 10);
    assert_int_equal(token(s, "access-1", &got), KN_REMOTE);
    token_server_script(&s->server, NULL, 0);
    assert_token(s, NULL, "access-3");
    assert_string_equal(row_of(s).trouble, "");
}

static void a_taking_that_nobody_ends_is_waited_out(void **state)
{
    struct scene *s = *state;
    bool taken = false;
    put_account(s, -7000, 200);
    assert_int_equal(kn_store_account_take(s->f->store, "x", "ann", row_of(s).version, 60 * SECOND,
                                           &taken, &s->err),
                     KN_OK);
    assert_true(taken);
    assert_token(s, NULL, "access-1"); /* it is good for a while */
    struct crowd crowd = {.accounts = s->accounts, .first = "access-1"};
    pthread_t thread;
    pthread_create(&thread, NULL, refuse_all, &crowd);
    pass(61 * SECOND);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&crowd.failed), 0);
    assert_int_equal(token_server_renewals(&s->server), ROUNDS);
}

static void who_waits_can_be_stopped(void **state)
{
    struct scene *s = *state;
    bool taken = false;
    const char *got;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    put_account(s, -7000, 10);
    assert_int_equal(kn_store_account_take(s->f->store, "x", "ann", row_of(s).version, 60 * SECOND,
                                           &taken, &s->err),
                     KN_OK);
    kn_cancel_trigger(cancel);
    assert_int_equal(
        kn_accounts_token(s->accounts, "x", "ann", NULL, cancel, s->f->arena, &got, &s->err),
        KN_CANCELLED);
    kn_cancel_free(cancel);
}

/* ---- when it goes wrong ---- */

static void a_lost_answer_is_told_once_it_is_certain(void **state)
{
    struct scene *s = *state;
    const char *got;
    put_account(s, -7200, -1);
    token_server_lose(&s->server, true); /* after it was carried out */
    assert_int_equal(token(s, NULL, &got), KN_IO);
    assert_says(s->err.text, "the answer to a renewal was lost");
    assert_string_equal(row_of(s).trouble, "");
    token_server_lose(&s->server, false);
    assert_int_equal(token(s, NULL, &got), KN_DENIED);
    assert_says(s->err.text, "was lost on its way, and X takes a renewal token once: connect the "
                             "account again with `kirinuki auth x`");
    assert_string_equal(row_of(s).trouble, s->err.text);
    int asked = token_server_asked(&s->server);
    assert_int_equal(token(s, NULL, &got), KN_DENIED);
    assert_says(s->err.text, "`kirinuki auth x`");
    assert_int_equal(token_server_asked(&s->server), asked);
}

static void a_question_that_was_lost_is_asked_again(void **state)
{
    static const struct token_answer cut[] = {{.fault = KN_REPLY_NOTHING}};
    struct scene *s = *state;
    const char *got;
    put_account(s, -7200, -1);
    token_server_script(&s->server, cut, 1);
    assert_int_equal(token(s, NULL, &got), KN_IO);
    token_server_script(&s->server, NULL, 0);
    assert_token(s, NULL, "access-2");
    assert_string_equal(row_of(s).trouble, "");
}

static void a_revoked_account_has_trouble_until_it_is_connected_again(void **state)
{
    static const struct token_answer revoked[] = {
        {.status = 400,
         .body =
             "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been revoked.\"}"}};
    struct scene *s = *state;
    const char *got;
    put_account(s, 0, 7200);
    token_server_script(&s->server, revoked, 1);
    assert_int_equal(token(s, "access-1", &got), KN_DENIED);
    assert_says(s->err.text,
                "X has ended this connection (invalid_grant: Token has been revoked.)");
    assert_says(row_of(s).trouble, "`kirinuki auth x`");
    token_server_script(&s->server, NULL, 0);
    put_account(s, 0, 7200);
    assert_token(s, "access-1", "access-2");
}

static void rows_that_somebody_changed_do_not_open(void **state)
{
    struct scene *s = *state;
    const char *got;
    put_account(s, 0, 7200);
    struct kn_account row = row_of(s);
    row.service_url = ""; /* the tokens would go to the real one */
    assert_int_equal(kn_store_account_put(s->f->store, &row, &s->err), KN_OK);
    assert_int_equal(token(s, NULL, &got), KN_DAMAGED);
    assert_says(s->err.text, "is damaged, or another account's");
    assert_int_equal(
        kn_accounts_token(s->accounts, "x", "bob", NULL, NULL, s->f->arena, &got, &s->err),
        KN_DENIED);
    assert_says(s->err.text, "the X account bob is not connected");
    assert_int_equal(token_server_asked(&s->server), 0);
}

static void what_is_removed_is_revoked(void **state)
{
    struct scene *s = *state;
    const char *left = "?";
    put_account(s, 0, 7200);
    assert_int_equal(kn_accounts_remove(s->accounts, "x", "ann", NULL, s->f->arena, &left, &s->err),
                     KN_OK);
    assert_null(left);
    assert_string_equal(token_server_request(&s->server, 0)->path, "/2/oauth2/revoke");
    assert_int_equal(kn_accounts_remove(s->accounts, "x", "ann", NULL, s->f->arena, &left, &s->err),
                     KN_NOT_FOUND);
    /* Also what can't be: nobody is bound to an account for ever. */
    static const struct token_answer down[] = {{.status = 503}};
    token_server_script(&s->server, down, 1);
    put_account(s, 0, 7200);
    assert_int_equal(kn_accounts_remove(s->accounts, "x", "ann", NULL, s->f->arena, &left, &s->err),
                     KN_OK);
    assert_says(left, "HTTP 503");
}

#define ACCOUNT_CASE(name) cmocka_unit_test_setup_teardown(name, scene_make, scene_drop)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNT_CASE(each_refresh_token_is_sent_once),
        ACCOUNT_CASE(a_fresh_token_asks_nobody),
        ACCOUNT_CASE(tokens_are_renewed_ahead_and_kept_first),
        ACCOUNT_CASE(a_good_token_outlasts_a_platform_that_is_down),
        ACCOUNT_CASE(a_taking_that_nobody_ends_is_waited_out),
        ACCOUNT_CASE(who_waits_can_be_stopped),
        ACCOUNT_CASE(a_lost_answer_is_told_once_it_is_certain),
        ACCOUNT_CASE(a_question_that_was_lost_is_asked_again),
        ACCOUNT_CASE(a_revoked_account_has_trouble_until_it_is_connected_again),
        ACCOUNT_CASE(rows_that_somebody_changed_do_not_open),
        ACCOUNT_CASE(what_is_removed_is_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    const char *where = getenv("KN_ACCOUNTS_CHILD");
    if (where)
        return be_child(where, getenv("KN_ACCOUNTS_KEY"));
    return contract_main(count, arguments, run);
}
