/*
 * Accounts of publishing platforms: connected once by a person, kept in the store under a seal
 * (platform/seal.h), their tokens renewed when it is time.
 *
 * Renewing. An account is renewed by one thread of one process at a time: threads wait for each
 * other here, processes take the row (kn_store_account_take), and whoever was not first reads what
 * the first one wrote. New tokens are durable before anybody uses them: a platform that takes a
 * refresh token once would otherwise lock the account out after a crash.
 *
 * A token never goes to another address than that under which it was given out: the row's
 * service_url is part of the seal. No token, code or client secret is in a sentence or a log.
 */
#ifndef KN_SERVICE_ACCOUNTS_H
#define KN_SERVICE_ACCOUNTS_H

#include <kirinuki/cancel.h>

#include "net/http.h"
#include "platform/oauth.h"
#include "store/store_posts.h"

#define KN_SANDBOX_CLIENT "sandbox-client"
#define KN_SANDBOX_SECRET "sandbox-secret"

struct kn_accounts;

struct kn_accounts_options {
    struct kn_store *store; /* borrowed */
    struct kn_http *http;   /* borrowed */
    const char *key_path;   /* NULL: as kn_seal_key_find */
};

/* Nothing is read yet: the key is looked for when it is needed. */
struct kn_accounts *kn_accounts_open(const struct kn_accounts_options *options);
void kn_accounts_close(struct kn_accounts *accounts); /* nobody may be calling; NULL is fine */
KN_SCOPED_DEFINE(kn_accounts, kn_accounts_close)

/*
 * An access token that is good for a minute at least, in the arena. `refused` (NULL: none) is one
 * that the platform did not take: another one is fetched, or the account is said not to work. Any
 * thread; blocks on the store and the network.
 *
 * DENIED: there is no token to be had before a person has done what the sentence says. REMOTE, IO,
 * TIMEOUT: later. CANCELLED.
 */
enum kn_status kn_accounts_token(struct kn_accounts *accounts, const char *platform,
                                 const char *name, const char *refused, struct kn_cancel *cancel,
                                 struct kn_arena *arena, const char **ret_token,
                                 struct kn_error *err);

/* Does it work now? Asks the platform whose account it is, with a token that is renewed where it
 * has to be. As kn_accounts_token. */
enum kn_status kn_accounts_check(struct kn_accounts *accounts, const struct kn_account *account,
                                 struct kn_cancel *cancel, struct kn_arena *arena,
                                 struct kn_error *err);

/* Can its tokens be opened here? Nobody is asked. MISSING: there is no key; DENIED: they were
 * sealed with another one; DAMAGED. */
enum kn_status kn_accounts_can_open(struct kn_accounts *accounts, const struct kn_account *account,
                                    struct kn_error *err);

/* How an account is connected. */
struct kn_accounts_connect {
    const struct kn_oauth *oauth;
    const char *name;              /* NULL: that of the platform, or the one it had before */
    struct kn_oauth_client client; /* with service_url for a sandbox */
    const char *redirect;          /* NULL: this machine, at `port` */
    int port;                      /* 0: the platform's usual one, or any */
    int64_t wait_ms;               /* for the browser */
    /* Called once with what to open; must not block for long. May be NULL. */
    void (*open)(void *arg, const char *url, const char *redirect_uri);
    /* Not NULL: asked for what the person pastes, instead of listening. */
    enum kn_status (*paste)(void *arg, struct kn_arena *arena, const char **ret_text,
                            struct kn_error *err);
    void *arg;
};
/* What was connected; texts in the arena. */
struct kn_accounts_connected {
    const char *name;      /* of the account */
    const char *remote_id; /* "" where the platform does not say */
    const char *shown;     /* the platform's own name for it */
    bool again;            /* it was known before */
};
/*
 * Asks for consent, redeems the code, asks whose account it is, and keeps it: durable on return.
 * DENIED: refused, and what to do. INVALID: `name` is another account's, or what was pasted has no
 * code. TIMEOUT: nobody consented within the time. CANCELLED.
 */
enum kn_status kn_accounts_connect(struct kn_accounts *accounts,
                                   const struct kn_accounts_connect *connect,
                                   struct kn_cancel *cancel, struct kn_arena *arena,
                                   struct kn_accounts_connected *ret_connected,
                                   struct kn_error *err);
/* With a running sandbox at `url`, which consents by itself. `name` as above. */
enum kn_status kn_accounts_connect_sandbox(struct kn_accounts *accounts,
                                           const struct kn_oauth *oauth, const char *url,
                                           const char *name, struct kn_cancel *cancel,
                                           struct kn_arena *arena,
                                           struct kn_accounts_connected *ret_connected,
                                           struct kn_error *err);

/* Ends the connection at the platform and forgets the account. It is forgotten in any case:
 * *ret_left (in `arena`) says why the platform may still have it, or is NULL. NOT_FOUND. */
enum kn_status kn_accounts_remove(struct kn_accounts *accounts, const char *platform,
                                  const char *name, struct kn_cancel *cancel,
                                  struct kn_arena *arena, const char **ret_left,
                                  struct kn_error *err);

#endif
