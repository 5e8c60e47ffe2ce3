#include "service/accounts.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "service/accounts_parts.h"

enum { LOOK_US = 100000 }; /* a token is looked at so often while waiting */

struct kn_accounts *kn_accounts_open(const struct kn_accounts_options *options)
{
    struct kn_accounts *accounts = kn_calloc(1, sizeof *accounts);
    accounts->options = *options;
    accounts->options.key_path = accounts->key_path = kn_strdup(options->key_path);
    pthread_mutex_init(&accounts->lock, NULL);
    kn_cond_init(&accounts->changed);
    return accounts;
}

static void forget_token(struct kn_accounts_entry *entry)
{
    if (entry->token)
        sodium_memzero(entry->token, strlen(entry->token));
    free(entry->token);
    entry->token = NULL;
}

void kn_accounts_close(struct kn_accounts *accounts)
{
    if (!accounts)
        return;
    for (struct kn_accounts_entry *entry = accounts->entries, *next; entry; entry = next) {
        next = entry->next;
        forget_token(entry);
        free(entry->platform);
        free(entry->name);
        free(entry);
    }
    kn_seal_key_wipe(&accounts->key);
    free(accounts->key_path);
    pthread_cond_destroy(&accounts->changed);
    pthread_mutex_destroy(&accounts->lock);
    free(accounts);
}

enum kn_status kn_accounts_key(struct kn_accounts *accounts, bool make, struct kn_seal_key *ret_key,
                               struct kn_error *err)
{
    struct kn_seal_key key;
    {
        KN_LOCKED(&accounts->lock);
        if (accounts->has_key) {
            *ret_key = accounts->key;
            return KN_OK;
        }
    }
    enum kn_status status = accounts->key_path
                                ? kn_seal_key_read(accounts->key_path, make, &key, err)
                                : kn_seal_key_find(make, &key, err);
    if (status != KN_OK)
        return status;
    KN_LOCKED(&accounts->lock);
    accounts->key = *ret_key = key;
    accounts->has_key = true;
    kn_seal_key_wipe(&key);
    return KN_OK;
}

struct kn_oauth_client kn_accounts_client(const struct kn_account *row,
                                          const struct kn_account_secret *secret)
{
    return (struct kn_oauth_client){
        .id = secret->client_id,
        .secret = secret->client_secret,
        .service_url = row->service_url[0] ? row->service_url : NULL,
    };
}

/* ---- tokens ---- */

/* Under `lock`. Entries stay until the end: there are as many as accounts are posted to. */
static struct kn_accounts_entry *find_entry(struct kn_accounts *accounts, const char *platform,
                                            const char *name)
{
    struct kn_accounts_entry *entry = accounts->entries;
    while (entry && (strcmp(entry->platform, platform) != 0 || strcmp(entry->name, name) != 0))
        entry = entry->next;
    if (entry)
        return entry;
    entry = kn_calloc(1, sizeof *entry);
    entry->platform = kn_strdup(platform);
    entry->name = kn_strdup(name);
    entry->next = accounts->entries;
    return accounts->entries = entry;
}

/* KN_OK: the caller is the one who is at it now, or *ret_token is set. */
static enum kn_status begin(struct kn_accounts *accounts, struct kn_accounts_entry *entry,
                            const char *refused, struct kn_cancel *cancel, struct kn_arena *arena,
                            const char **ret_token, struct kn_error *err)
{
    KN_LOCKED(&accounts->lock);
    while (entry->busy) {
        if (kn_cancel_requested(cancel))
            return kn_cancel_check(cancel, err);
        (void)kn_cond_wait_until(&accounts->changed, &accounts->lock, kn_now_us() + LOOK_US);
    }
    bool good = entry->token && entry->fresh_until_us > kn_wall_us() &&
                !(refused && strcmp(refused, entry->token) == 0);
    *ret_token = good ? kn_arena_strdup(arena, entry->token) : NULL;
    entry->busy = !good;
    return KN_OK;
}

static void end(struct kn_accounts *accounts, struct kn_accounts_entry *entry,
                const struct kn_accounts_access *access)
{
    KN_LOCKED(&accounts->lock);
    forget_token(entry);
    if (access) {
        entry->token = kn_strdup(access->token);
        entry->fresh_until_us = access->fresh_until_us;
    }
    entry->busy = false;
    pthread_cond_broadcast(&accounts->changed);
}

enum kn_status kn_accounts_token(struct kn_accounts *accounts, const char *platform,
                                 const char *name, const char *refused, struct kn_cancel *cancel,
                                 struct kn_arena *arena, const char **ret_token,
                                 struct kn_error *err)
{
    struct kn_accounts_entry *entry;
    struct kn_accounts_access access = {0};
    const char *token = NULL;
    {
        KN_LOCKED(&accounts->lock);
        entry = find_entry(accounts, platform, name);
    }
    enum kn_status status = begin(accounts, entry, refused, cancel, arena, &token, err);
    if (status != KN_OK)
        return status;
    if (!token) {
        status = kn_accounts_fetch(accounts, platform, name, refused, cancel, arena, &access, err);
        end(accounts, entry, status == KN_OK ? &access : NULL);
        token = access.token;
    }
    if (status == KN_OK)
        *ret_token = token;
    return status;
}

static enum kn_status open_secret(struct kn_accounts *accounts, const struct kn_account *row,
                                  struct kn_arena *arena, struct kn_account_secret *ret_secret,
                                  struct kn_error *err)
{
    struct kn_seal_key key = {{0}, ""};
    enum kn_status status = kn_accounts_key(accounts, false, &key, err);
    if (status == KN_OK)
        status = kn_account_secret_open(row, &key, arena, ret_secret, err);
    kn_seal_key_wipe(&key);
    return status;
}

enum kn_status kn_accounts_can_open(struct kn_accounts *accounts, const struct kn_account *account,
                                    struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_account_secret secret;
    enum kn_status status = open_secret(accounts, account, arena, &secret, err);
    kn_arena_free(arena);
    return status;
}

/* Only whoever has opened an account knows its dialect. */
static enum kn_status ask(struct kn_accounts *accounts, const struct kn_account *account,
                          const char *token, struct kn_cancel *cancel, struct kn_arena *arena,
                          struct kn_error *err)
{
    struct kn_account_secret secret;
    const char *id, *name, *service = account->service_url[0] ? account->service_url : NULL;
    enum kn_status status = open_secret(accounts, account, arena, &secret, err);
    if (status != KN_OK)
        return status;
    const struct kn_oauth *oauth = kn_oauth_find_dialect(account->platform, secret.dialect);
    return oauth->identify(accounts->options.http, service, token, cancel, arena, &id, &name, err);
}

enum kn_status kn_accounts_check(struct kn_accounts *accounts, const struct kn_account *account,
                                 struct kn_cancel *cancel, struct kn_arena *arena,
                                 struct kn_error *err)
{
    const char *token, *other;
    enum kn_status status = kn_accounts_token(accounts, account->platform, account->name, NULL,
                                              cancel, arena, &token, err);
    if (status != KN_OK)
        return status;
    status = ask(accounts, account, token, cancel, arena, err);
    if (status != KN_DENIED)
        return status;
    status = kn_accounts_token(accounts, account->platform, account->name, token, cancel, arena,
                               &other, err);
    return status == KN_OK ? ask(accounts, account, other, cancel, arena, err) : status;
}

/* ---- the end of an account ---- */

static enum kn_status revoke(struct kn_accounts *accounts, const struct kn_account *row,
                             struct kn_cancel *cancel, struct kn_arena *arena, struct kn_error *err)
{
    struct kn_account_secret secret;
    if (!kn_oauth_find(row->platform))
        return kn_error_set(err, KN_UNSUPPORTED, "%s is no platform with accounts", row->platform);
    enum kn_status status = open_secret(accounts, row, arena, &secret, err);
    if (status != KN_OK)
        return status;
    const struct kn_oauth *oauth = kn_oauth_find_dialect(row->platform, secret.dialect);
    const struct kn_oauth_client client = kn_accounts_client(row, &secret);
    return kn_oauth_revoke(oauth, &client, &secret.tokens, accounts->options.http, cancel, err);
}

enum kn_status kn_accounts_remove(struct kn_accounts *accounts, const char *platform,
                                  const char *name, struct kn_cancel *cancel,
                                  struct kn_arena *arena, const char **ret_left,
                                  struct kn_error *err)
{
    struct kn_account row;
    struct kn_error why = {0};
    enum kn_status status =
        kn_store_account_get(accounts->options.store, platform, name, arena, &row, err);
    if (status != KN_OK)
        return status;
    enum kn_status revoked = revoke(accounts, &row, cancel, arena, &why);
    if (revoked == KN_CANCELLED)
        return kn_error_set(err, KN_CANCELLED, "%s", kn_error_text(&why));
    status = kn_store_account_remove(accounts->options.store, platform, name, err);
    if (status == KN_OK)
        *ret_left = revoked == KN_OK ? NULL : kn_arena_strdup(arena, kn_error_text(&why));
    return status;
}
