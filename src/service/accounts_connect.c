/* Connecting: consent in a browser on this machine, by what a person pastes, or by a sandbox. */
#include <string.h>

#include "service/accounts_parts.h"
#include "service/loopback.h"

enum { SANDBOX_LIMIT_MS = 30000 };

/* What every way ends with. */
static enum kn_status redeem(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                             const char *code, const char *name, struct kn_cancel *cancel,
                             struct kn_arena *arena, struct kn_accounts_connected *ret_connected,
                             struct kn_error *err)
{
    struct kn_tokens tokens;
    enum kn_status status =
        kn_oauth_redeem(round, accounts->options.http, code, cancel, arena, &tokens, err);
    if (status != KN_OK)
        return status;
    return kn_accounts_keep(accounts, round, &tokens, name, cancel, arena, ret_connected, err);
}

/* Before a person is asked for anything: what can't work is said at once. */
static enum kn_status check(struct kn_accounts *accounts, const struct kn_accounts_connect *connect,
                            struct kn_error *err)
{
    struct kn_seal_key key;
    const struct kn_oauth *oauth = connect->oauth;
    if (oauth->redirect_https && !connect->redirect && !connect->client.service_url)
        return kn_error_set(err, KN_INVALID,
                            "%s sends people back to https:// addresses only: register one of your "
                            "own with the application at %s, and give it with --redirect",
                            oauth->label, oauth->register_at);
    enum kn_status status = kn_accounts_key(accounts, true, &key, err);
    kn_seal_key_wipe(&key);
    return status;
}

/* ---- a browser ---- */

static enum kn_status by_browser(struct kn_accounts *accounts,
                                 const struct kn_accounts_connect *connect,
                                 struct kn_cancel *cancel, struct kn_arena *arena,
                                 struct kn_accounts_connected *ret_connected, struct kn_error *err)
{
    const struct kn_oauth *oauth = connect->oauth;
    KN_SCOPED(kn_loopback) loopback = NULL;
    struct kn_error why = {0};
    const char *code;
    enum kn_status status = kn_loopback_open(connect->port ? connect->port : oauth->redirect_port,
                                             oauth->redirect_path, &loopback, err);
    if (status != KN_OK)
        return status;
    const struct kn_oauth_round round =
        kn_oauth_begin(oauth, &connect->client, kn_loopback_uri(loopback, arena), arena);
    kn_loopback_begin(loopback, &round);
    if (connect->open)
        connect->open(connect->arg, round.url, round.redirect_uri);
    status = kn_loopback_wait(loopback, connect->wait_ms, cancel, arena, &code, &why);
    if (status == KN_OK)
        status = redeem(accounts, &round, code, connect->name, cancel, arena, ret_connected, &why);
    kn_loopback_tell(loopback, status == KN_OK,
                     status == KN_OK ? kn_arena_printf(arena,
                                                       "kirinuki posts to %s as %s from now on. "
                                                       "You can close this window.",
                                                       oauth->label, ret_connected->shown)
                                     : kn_error_text(&why));
    kn_loopback_close(KN_MOVE(loopback)); /* before `round` goes */
    return status == KN_OK ? KN_OK : kn_error_set(err, status, "%s", kn_error_text(&why));
}

/* ---- what is pasted ---- */

static enum kn_status by_paste(struct kn_accounts *accounts,
                               const struct kn_accounts_connect *connect, struct kn_cancel *cancel,
                               struct kn_arena *arena, struct kn_accounts_connected *ret_connected,
                               struct kn_error *err)
{
    const struct kn_oauth *oauth = connect->oauth;
    int port = connect->port ? connect->port : oauth->redirect_port ? oauth->redirect_port : 8765;
    const char *own = kn_arena_printf(arena, "http://127.0.0.1:%d%s", port, oauth->redirect_path);
    const struct kn_oauth_round round =
        kn_oauth_begin(oauth, &connect->client, connect->redirect ? connect->redirect : own, arena);
    const char *text, *code;
    if (connect->open)
        connect->open(connect->arg, round.url, round.redirect_uri);
    enum kn_status status = connect->paste(connect->arg, arena, &text, err);
    if (status == KN_OK)
        status = kn_oauth_read_redirect(&round, text, arena, &code, err);
    if (status == KN_OK)
        status = redeem(accounts, &round, code, connect->name, cancel, arena, ret_connected, err);
    return status;
}

enum kn_status kn_accounts_connect(struct kn_accounts *accounts,
                                   const struct kn_accounts_connect *connect,
                                   struct kn_cancel *cancel, struct kn_arena *arena,
                                   struct kn_accounts_connected *ret_connected,
                                   struct kn_error *err)
{
    enum kn_status status = check(accounts, connect, err);
    if (status != KN_OK)
        return status;
    return connect->paste ? by_paste(accounts, connect, cancel, arena, ret_connected, err)
                          : by_browser(accounts, connect, cancel, arena, ret_connected, err);
}

/* ---- a sandbox ---- */

/* The sandbox's page has a button for this; its address has a field as well. */
static enum kn_status consent(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                              struct kn_cancel *cancel, struct kn_arena *arena,
                              const char **ret_code, struct kn_error *err)
{
    const struct kn_http_request request = {
        .url = kn_arena_printf(arena, "%s&sandbox_consent=allow", round->url),
        .limit_ms = SANDBOX_LIMIT_MS,
        .answer_max = 1 << 20,
    };
    struct kn_http_answer answer;
    enum kn_status status =
        kn_http_perform(accounts->options.http, &request, cancel, arena, &answer, NULL, err);
    if (status == KN_IO)
        return kn_error_add(err, "there is no sandbox there (`kirinuki sandbox` starts one)");
    if (status != KN_OK)
        return kn_error_add(err, "the sandbox");
    const char *location = kn_http_header(&answer, "Location");
    if (answer.status / 100 != 3 || !location)
        return kn_error_set(err, KN_REMOTE,
                            "the sandbox does not send back a code (HTTP %d): is it a kirinuki "
                            "sandbox, and of this version?",
                            answer.status);
    return kn_oauth_read_redirect(round, location, arena, ret_code, err);
}

enum kn_status kn_accounts_connect_sandbox(struct kn_accounts *accounts,
                                           const struct kn_oauth *oauth, const char *url,
                                           const char *name, struct kn_cancel *cancel,
                                           struct kn_arena *arena,
                                           struct kn_accounts_connected *ret_connected,
                                           struct kn_error *err)
{
    const struct kn_accounts_connect connect = {
        .oauth = oauth,
        .client = {KN_SANDBOX_CLIENT, KN_SANDBOX_SECRET, url},
    };
    const char *code;
    enum kn_status status = check(accounts, &connect, err);
    if (status != KN_OK)
        return status;
    /* Nothing listens there: the code is read from the answer itself. */
    const char *redirect =
        kn_arena_printf(arena, "http://127.0.0.1:%d%s",
                        oauth->redirect_port ? oauth->redirect_port : 8765, oauth->redirect_path);
    const struct kn_oauth_round round = kn_oauth_begin(oauth, &connect.client, redirect, arena);
    status = consent(accounts, &round, cancel, arena, &code, err);
    if (status == KN_OK)
        status = redeem(accounts, &round, code, name, cancel, arena, ret_connected, err);
    return status;
}
