/* What the files of service/accounts.h share. */
#ifndef KN_SERVICE_ACCOUNTS_PARTS_H
#define KN_SERVICE_ACCOUNTS_PARTS_H

#include <pthread.h>

#include "service/account_secret.h"
#include "service/accounts.h"

/* An account that somebody has asked a token of. */
struct kn_accounts_entry {
    char *platform, *name; /* immutable */
    /* Protected by `lock` of struct kn_accounts. */
    bool busy;              /* a thread is at the store or at the platform for it */
    char *token;            /* NULL: none is known */
    int64_t fresh_until_us; /* wall clock; until then nobody is asked */
    struct kn_accounts_entry *next;
};

struct kn_accounts {
    struct kn_accounts_options options;
    char *key_path;
    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t changed;
    struct kn_accounts_entry *entries; /* protected by `lock`, as what follows */
    struct kn_seal_key key;
    bool has_key;
};

enum kn_status kn_accounts_key(struct kn_accounts *accounts, bool make, struct kn_seal_key *ret_key,
                               struct kn_error *err);

/* accounts_renew.c: a token from the store or the platform; one thread at a time an account. */
struct kn_accounts_access {
    const char *token; /* in the arena */
    int64_t fresh_until_us;
};
enum kn_status kn_accounts_fetch(struct kn_accounts *accounts, const char *platform,
                                 const char *name, const char *refused, struct kn_cancel *cancel,
                                 struct kn_arena *arena, struct kn_accounts_access *ret_access,
                                 struct kn_error *err);

/* From a store's row; the texts are the row's and the secret's. */
struct kn_oauth_client kn_accounts_client(const struct kn_account *row,
                                          const struct kn_account_secret *secret);

/* accounts_keep.c: tokens that were just granted become an account. */
enum kn_status kn_accounts_keep(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                                const struct kn_tokens *tokens, const char *name,
                                struct kn_cancel *cancel, struct kn_arena *arena,
                                struct kn_accounts_connected *ret_connected, struct kn_error *err);

#endif
