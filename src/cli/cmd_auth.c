/* kirinuki auth PLATFORM: connects an account, so that clips can be posted with it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/browser.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/queue_view.h"
#include "service/accounts.h"

enum { WAIT_MS = 600000, STOP_MS = 4000, PASTE_BYTES_MAX = 8192 };

struct auth {
    struct kn_queue_call call;
    struct kn_cancel *cancel;
    const struct kn_oauth *oauth;
    bool pastes, opens;
};

/* ---- what is said ---- */

static void show_address(void *arg, const char *url, const char *redirect_uri)
{
    const struct auth *auth = arg;
    if (auth->call.settings.json) {
        kn_print_json(json_pack("{s:s, s:s, s:s}", "event", "open", "url", url, "redirect_uri",
                                redirect_uri));
    } else {
        printf("Open this address in a browser, and allow kirinuki to post:\n\n%s\n\n", url);
        printf("It comes back to %s, which has to be registered with the application.\n",
               redirect_uri);
        puts(auth->pastes ? "Then copy the whole address that the browser shows, and paste it here:"
                          : "Waiting for it; Ctrl-C stops.");
    }
    fflush(stdout);
    if (auth->opens)
        kn_browser_open(url);
}

static void say_connected(const struct auth *auth, const struct kn_accounts_connected *connected)
{
    if (auth->call.settings.json)
        kn_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "event", "connected", "platform",
                                auth->oauth->platform, "account", connected->name, "remote_id",
                                connected->remote_id, "username", connected->shown, "again",
                                connected->again));
    else
        kn_say("%s:%s is connected%s", auth->oauth->platform, connected->name,
               connected->again ? " again" : "");
}

/* ---- what is pasted ---- */

/* One byte of stdin, or the end of waiting for it. */
static enum kn_status read_byte(struct kn_cancel *cancel, char *ret_byte, bool *ret_end,
                                struct kn_error *err)
{
    struct pollfd at[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = kn_cancel_fd(cancel), .events = POLLIN}};
    for (;;) {
        if (kn_cancel_requested(cancel))
            return kn_cancel_check(cancel, err);
        if (poll(at, 2, 1000) <= 0 || !at[0].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, ret_byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        *ret_end = n <= 0;
        return KN_OK;
    }
}

static enum kn_status read_line(void *arg, struct kn_arena *arena, const char **ret_text,
                                struct kn_error *err)
{
    const struct auth *auth = arg;
    KN_SCOPED_STR line = {0};
    char byte = 0;
    bool end = false;
    while (!end && byte != '\n' && line.length < PASTE_BYTES_MAX) {
        enum kn_status status = read_byte(auth->cancel, &byte, &end, err);
        if (status != KN_OK)
            return status;
        if (!end && byte != '\n' && byte)
            kn_str_add_char(&line, byte);
    }
    if (!line.length)
        return kn_error_set(err, KN_INVALID, "nothing was pasted");
    *ret_text = kn_arena_strdup(arena, kn_str_text(&line));
    return KN_OK;
}

/* ---- who asks ---- */

static enum kn_client client_of(const struct kn_oauth *oauth)
{
    static const char *const names[KN_CLIENT_COUNT] = {[KN_CLIENT_YOUTUBE] = "youtube",
                                                       [KN_CLIENT_TIKTOK] = "tiktok",
                                                       [KN_CLIENT_INSTAGRAM] = "instagram",
                                                       [KN_CLIENT_X] = "x"};
    int at = 0;
    while (strcmp(names[at], oauth->platform) != 0)
        at++;
    return (enum kn_client)at;
}

static const char *upper(const char *name, struct kn_arena *arena)
{
    char *text = kn_arena_strdup(arena, name);
    for (char *at = text; *at; at++)
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    return text;
}

static enum kn_status find_client(struct auth *auth, struct kn_oauth_client *ret_client)
{
    const struct kn_account_settings *s = &auth->call.settings.accounts;
    const struct kn_oauth *oauth = auth->oauth;
    enum kn_client at = client_of(oauth);
    const char *name = upper(oauth->platform, auth->call.arena);
    if (s->sandbox) {
        *ret_client = (struct kn_oauth_client){KN_SANDBOX_CLIENT, KN_SANDBOX_SECRET, s->sandbox};
        return KN_OK;
    }
    if (!s->clients[at].id)
        return kn_error_set(&auth->call.err, KN_INVALID,
                            "kirinuki is not registered with %s yet: make an application at %s, "
                            "then set KIRINUKI_%s_CLIENT_ID and KIRINUKI_%s_CLIENT_SECRET; "
                            "`kirinuki auth %s --sandbox` tries it without",
                            oauth->label, oauth->register_at, name, name, oauth->platform);
    if (!s->clients[at].secret && !oauth->secret_optional)
        return kn_error_set(&auth->call.err, KN_INVALID,
                            "KIRINUKI_%s_CLIENT_ID is set, KIRINUKI_%s_CLIENT_SECRET is not: it "
                            "stands beside the id at %s",
                            name, name, oauth->register_at);
    *ret_client = (struct kn_oauth_client){s->clients[at].id, s->clients[at].secret, NULL};
    return KN_OK;
}

static enum kn_status find_platform(struct auth *auth)
{
    struct kn_queue_call *call = &auth->call;
    const char *names[8], *word = call->rest[0];
    int count = 0;
    auth->oauth = kn_oauth_find(word);
    if (auth->oauth && call->rest_count == 1)
        return KN_OK;
    if (call->rest_count > 1)
        return kn_error_set(&call->err, KN_INVALID, "auth takes one platform at a time");
    for (const struct kn_oauth *const *at = kn_oauths(); *at; at++)
        names[count++] = (*at)->platform;
    names[count] = NULL;
    const char *nearest = kn_nearest_name(word, names);
    if (nearest)
        return kn_error_set(&call->err, KN_INVALID, "“%.40s” has no accounts; did you mean %s?",
                            word, nearest);
    return kn_error_set(&call->err, KN_INVALID,
                        "“%.40s” has no accounts; youtube, tiktok, instagram and x have", word);
}

/* Files are uploaded with Facebook's login alone. */
static void choose_dialect(struct auth *auth)
{
    const struct kn_account_settings *s = &auth->call.settings.accounts;
    if (auth->oauth == &kn_oauth_instagram && s->login != KN_LOGIN_INSTAGRAM)
        auth->oauth = &kn_oauth_instagram_page;
}

/* ---- the command ---- */

static enum kn_status connect_account(struct auth *auth, const struct kn_oauth_client *client,
                                      struct kn_accounts *accounts,
                                      struct kn_accounts_connected *ret_connected)
{
    struct kn_queue_call *call = &auth->call;
    const struct kn_account_settings *s = &call->settings.accounts;
    const struct kn_accounts_connect connect = {
        .oauth = auth->oauth,
        .name = s->name,
        .client = *client,
        .redirect = s->redirect,
        .port = s->port,
        .wait_ms = WAIT_MS,
        .open = show_address,
        .paste = auth->pastes ? read_line : NULL,
        .arg = auth,
    };
    if (s->sandbox && s->browser && !auth->pastes)
        return kn_accounts_connect_sandbox(accounts, auth->oauth, s->sandbox, s->name, auth->cancel,
                                           call->arena, ret_connected, &call->err);
    return kn_accounts_connect(accounts, &connect, auth->cancel, call->arena, ret_connected,
                               &call->err);
}

static int work(struct auth *auth, const struct kn_oauth_client *client)
{
    struct kn_queue_call *call = &auth->call;
    struct kn_accounts_connected connected;
    struct kn_http *http = NULL;
    enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &http, &call->err);
    if (status == KN_OK) {
        struct kn_accounts *accounts =
            kn_accounts_open(&(struct kn_accounts_options){.store = call->store, .http = http});
        status = connect_account(auth, client, accounts, &connected);
        kn_accounts_close(accounts);
    }
    kn_http_close(http);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    say_connected(auth, &connected);
    return KN_EXIT_OK;
}

int kn_cmd_auth(int argc, char **argv)
{
    struct auth auth = {.cancel = kn_interrupt_watch()}; /* the store has threads */
    struct kn_oauth_client client;
    kn_interrupt_limit(STOP_MS, KN_EXIT_INTERRUPTED, "");
    int code =
        kn_queue_begin(&auth.call, "auth", KN_FOR_AUTH,
                       "a platform: kirinuki auth youtube (or tiktok, instagram, x)", argc, argv);
    if (code == KN_EXIT_OK &&
        (find_platform(&auth) != KN_OK || find_client(&auth, &client) != KN_OK))
        code = kn_complain_usage("auth", &auth.call.err);
    if (code == KN_EXIT_OK) {
        const struct kn_account_settings *s = &auth.call.settings.accounts;
        choose_dialect(&auth);
        auth.pastes = s->paste || s->redirect;
        auth.opens =
            s->browser && !auth.pastes && !auth.call.settings.json && kn_browser_can_open();
        code = work(&auth, &client);
    }
    kn_queue_end(&auth.call);
    return code;
}
