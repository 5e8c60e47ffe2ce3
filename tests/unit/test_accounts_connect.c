/* Connecting accounts: a browser that comes back to this machine, what is pasted, and names. */
#include "net_help.h"

#include "base/file.h"
#include "service/accounts.h"
#include "service/loopback.h"
#include "support/temp_folder.h"
#include "support/token_server.h"

struct scene {
    char room[PATH_MAX];
    struct token_server server;
    struct kn_store *store;
    struct kn_http *http;
    struct kn_accounts *accounts;
    struct kn_arena *arena;
    struct kn_error err;
    struct kn_accounts_connected connected;
    /* The browser: the queries with which it comes back, one after another. */
    const char *const *visits;
    pthread_t browser;
    bool browses;
    char redirect[256], state[128];
    struct kn_str pages;
    const char *pasted;
};

static int scene_make(void **state)
{
    struct scene *s = kn_calloc(1, sizeof *s);
    const char *folder = temp_folder_make(s->room);
    s->arena = kn_arena_new();
    token_server_open(&s->server);
    assert_int_equal(kn_http_open(&(struct kn_http_options){0}, &s->http, NULL), KN_OK);
    assert_int_equal(kn_store_open(&(struct kn_store_options){.where = kn_path_join(
                                                                  s->arena, folder, "queue.db")},
                                   &s->store, &s->err),
                     KN_OK);
    s->accounts = kn_accounts_open(&(struct kn_accounts_options){
        .store = s->store, .http = s->http, .key_path = kn_path_join(s->arena, folder, "key")});
    *state = s;
    return 0;
}

static int scene_drop(void **state)
{
    struct scene *s = *state;
    kn_accounts_close(s->accounts);
    kn_store_close(s->store);
    kn_http_close(s->http);
    token_server_close(&s->server);
    temp_folder_remove(s->room);
    kn_arena_free(s->arena);
    kn_str_free(&s->pages);
    free(s);
    return 0;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("“%s” has no “%s”", text, part);
}

/* ---- a browser ---- */

static void *browse(void *arg)
{
    struct scene *s = arg;
    char *path;
    int port = (int)strtol(strrchr(s->redirect, ':') + 1, &path, 10);
    for (int i = 0; s->visits[i]; i++) {
        char request[1024];
        int fd = raw_connect(port);
        const char *visit = s->visits[i];
        bool whole = visit[0] == '/', stateless = !whole && !strstr(visit, "state=");
        snprintf(request, sizeof request,
                 "GET %s%s%s%s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                 whole ? "" : path, whole ? "" : "?", visit, stateless ? "&state=" : "",
                 stateless ? s->state : "");
        (void)raw_send(fd, request);
        (void)raw_read_all(fd, &s->pages, WAIT_MS);
        close(fd);
    }
    return NULL;
}

static void open_browser(void *arg, const char *url, const char *redirect_uri)
{
    struct scene *s = arg;
    const char *state = NULL;
    assert_true(kn_form_find(strchr(url, '?') + 1, "state", s->arena, &state));
    snprintf(s->state, sizeof s->state, "%s", state);
    snprintf(s->redirect, sizeof s->redirect, "%s", redirect_uri);
    if (!s->visits)
        return;
    s->browses = true;
    pthread_create(&s->browser, NULL, browse, s);
}

static enum kn_status paste(void *arg, struct kn_arena *arena, const char **ret_text,
                            struct kn_error *err)
{
    struct scene *s = arg;
    (void)err;
    *ret_text = strchr(s->pasted, '%') ? kn_arena_printf(arena, s->pasted, s->state) : s->pasted;
    return KN_OK;
}

static enum kn_status connect_with(struct scene *s, struct kn_accounts_connect connect,
                                   struct kn_cancel *cancel)
{
    connect.oauth = &kn_oauth_x;
    connect.client = (struct kn_oauth_client){"id", "secret", s->server.url};
    connect.port = connect.port ? connect.port : -1;
    connect.wait_ms = connect.wait_ms ? connect.wait_ms : 60000;
    connect.open = open_browser;
    connect.arg = s;
    s->err = (struct kn_error){0};
    kn_str_clear(&s->pages);
    /* A port that is free: found by letting it go again. */
    int port, fd = raw_listen(1, &port);
    close(fd);
    if (connect.port < 0)
        connect.port = port;
    enum kn_status status =
        kn_accounts_connect(s->accounts, &connect, cancel, s->arena, &s->connected, &s->err);
    if (s->browses)
        pthread_join(s->browser, NULL);
    s->browses = false;
    return status;
}

static enum kn_status connect_by(struct scene *s, const char *const *visits, const char *name)
{
    s->visits = visits;
    return connect_with(s, (struct kn_accounts_connect){.name = name}, NULL);
}

static enum kn_status connect_pasting(struct scene *s, const char *text, const char *name)
{
    s->visits = NULL;
    s->pasted = text;
    return connect_with(s, (struct kn_accounts_connect){.name = name, .paste = paste}, NULL);
}

static int accounts_of(struct scene *s)
{
    const struct kn_account *rows;
    int count;
    assert_int_equal(kn_store_accounts(s->store, "x", s->arena, &rows, &count, NULL), KN_OK);
    return count;
}

static void a_browser_comes_back(void **state)
{
    struct scene *s = *state;
    static const char *const visits[] = {"code=good-code", NULL};
    if (connect_by(s, visits, NULL) != KN_OK)
        fail_msg("%s", s->err.text);
    assert_string_equal(s->connected.name, "ann");
    assert_string_equal(s->connected.remote_id, "2244994945");
    assert_false(s->connected.again);
    assert_has(kn_str_text(&s->pages), "HTTP/1.1 200");
    assert_has(kn_str_text(&s->pages), "kirinuki posts to X as ann from now on");
    assert_has(kn_str_text(&s->pages), "no-store");
    assert_has(kn_str_text(&s->pages), "</html>"); /* whole, though the listener is gone */
    const char *token;
    assert_int_equal(
        kn_accounts_token(s->accounts, "x", "ann", NULL, NULL, s->arena, &token, &s->err), KN_OK);
    assert_string_equal(token, "access-1");
}

static void other_visits_do_not_disturb(void **state)
{
    struct scene *s = *state;
    static const char *const visits[] = {"/favicon.ico",
                                         "/callback",
                                         "code=evil&state=another",
                                         "error=access_denied&state=another",
                                         "code=good-code",
                                         NULL};
    if (connect_by(s, visits, NULL) != KN_OK)
        fail_msg("%s", s->err.text);
    const char *pages = kn_str_text(&s->pages);
    assert_has(pages, "HTTP/1.1 404");
    assert_has(pages, "HTTP/1.1 400");
    assert_has(pages, "Not the answer");
    assert_has(pages, "HTTP/1.1 200");
    assert_null(strstr(token_server_request(&s->server, 0)->body, "evil"));
}

static void refusals_are_shown_in_the_browser_as_well(void **state)
{
    struct scene *s = *state;
    static const char *const denied[] = {"error=access_denied", NULL};
    static const char *const wrong[] = {"code=used-up", NULL};
    static const char *const evil[] = {"error=%3Cscript%3E", NULL};
    assert_int_equal(connect_by(s, denied, NULL), KN_DENIED);
    assert_string_equal(s->err.text, "consent was not given at X: nothing was connected");
    assert_has(kn_str_text(&s->pages), "consent was not given at X");
    assert_int_equal(token_server_asked(&s->server), 0);
    assert_int_equal(connect_by(s, wrong, NULL), KN_DENIED);
    assert_has(kn_str_text(&s->pages), "does not take the code");
    assert_int_equal(connect_by(s, evil, NULL), KN_DENIED);
    assert_has(kn_str_text(&s->pages), "&lt;script&gt;");
    assert_int_equal(accounts_of(s), 0);
}

static void waiting_has_an_end(void **state)
{
    struct scene *s = *state;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    s->visits = NULL;
    assert_int_equal(connect_with(s, (struct kn_accounts_connect){.wait_ms = 20}, NULL),
                     KN_TIMEOUT);
    assert_has(s->err.text, "--paste");
    kn_cancel_trigger(cancel);
    assert_int_equal(connect_with(s, (struct kn_accounts_connect){0}, cancel), KN_CANCELLED);
    kn_cancel_free(cancel);
    int port, fd = raw_listen(1, &port);
    assert_int_equal(connect_with(s, (struct kn_accounts_connect){.port = port}, NULL), KN_IO);
    assert_has(s->err.text, "--port takes another one");
    close(fd);
}

static void what_is_pasted_is_read(void **state)
{
    struct scene *s = *state;
    assert_int_equal(connect_pasting(s, "https://example.com/?code=good-code&state=%s", NULL),
                     KN_OK);
    assert_int_equal(connect_pasting(s, "good-code", NULL), KN_OK);
    assert_true(s->connected.again);
    assert_int_equal(accounts_of(s), 1);
    assert_int_equal(connect_pasting(s, "?code=good-code&state=other", NULL), KN_DENIED);
    assert_int_equal(connect_pasting(s, "hello there", NULL), KN_INVALID);
}

/* ---- names ---- */

static const struct token_answer tokens = {
    .body = "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":7200}"};
static const struct token_answer ann = {.body = "{\"data\":{\"id\":\"1\",\"username\":\"ann\"}}"};
static const struct token_answer other_ann = {.body =
                                                  "{\"data\":{\"id\":\"2\",\"username\":\"ann\"}}"};

static void say_as(struct scene *s, const struct token_answer *who)
{
    struct token_answer *script = kn_arena_array(s->arena, 2, sizeof *script);
    script[0] = tokens;
    script[1] = *who;
    token_server_script(&s->server, script, 2);
}

static void names_never_pass_to_another_account(void **state)
{
    struct scene *s = *state;
    say_as(s, &ann);
    assert_int_equal(connect_pasting(s, "c", "work"), KN_OK);
    assert_string_equal(s->connected.name, "work");
    say_as(s, &ann);
    assert_int_equal(connect_pasting(s, "c", NULL), KN_OK); /* it mends what is there */
    assert_string_equal(s->connected.name, "work");
    say_as(s, &other_ann);
    assert_int_equal(connect_pasting(s, "c", "work"), KN_INVALID);
    assert_has(s->err.text, "`kirinuki accounts rm x:work` first");
    say_as(s, &other_ann);
    assert_int_equal(connect_pasting(s, "c", NULL), KN_OK);
    assert_string_equal(s->connected.name, "ann");
    assert_int_equal(accounts_of(s), 2);
}

static void a_store_has_one_key(void **state)
{
    struct scene *s = *state;
    say_as(s, &ann);
    assert_int_equal(connect_pasting(s, "c", "first"), KN_OK);
    struct kn_accounts *own = s->accounts;
    s->accounts = kn_accounts_open(&(struct kn_accounts_options){
        .store = s->store, .http = s->http, .key_path = kn_path_join(s->arena, s->room, "key2")});
    say_as(s, &other_ann);
    assert_int_equal(connect_pasting(s, "c", "second"), KN_DENIED);
    assert_has(s->err.text, "x:first of this store is sealed with another key");
    const char *token;
    assert_int_equal(
        kn_accounts_token(s->accounts, "x", "first", NULL, NULL, s->arena, &token, &s->err),
        KN_DENIED);
    assert_has(s->err.text, "sealed with another key");
    /* Who has lost the key connects again. */
    say_as(s, &ann);
    assert_int_equal(connect_pasting(s, "c", NULL), KN_OK);
    kn_accounts_close(own);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_make, scene_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_browser_comes_back),
        CASE(other_visits_do_not_disturb),
        CASE(refusals_are_shown_in_the_browser_as_well),
        CASE(waiting_has_an_end),
        CASE(what_is_pasted_is_read),
        CASE(names_never_pass_to_another_account),
        CASE(a_store_has_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
