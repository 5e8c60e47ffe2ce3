/* What the store keeps of an account under a seal: tokens, and the application they belong to. */
#ifndef KN_SERVICE_ACCOUNT_SECRET_H
#define KN_SERVICE_ACCOUNT_SECRET_H

#include "platform/oauth.h"
#include "platform/seal.h"
#include "store/store_posts.h"

struct kn_account_secret {
    struct kn_tokens tokens;
    const char *dialect;                   /* of kn_oauth_find_dialect; NULL: the usual one */
    const char *client_id, *client_secret; /* client_secret NULL: a public client */
    int64_t issued_us;                     /* wall clock, of the access token */
    bool answer_lost; /* of a renewal: the platform may have taken the refresh token */
};

/* Puts it into the row, in the arena, for the row's platform, name and service_url. */
void kn_account_secret_seal(const struct kn_account_secret *secret, const struct kn_seal_key *key,
                            struct kn_arena *arena, struct kn_account *account);
/* As kn_unseal. */
enum kn_status kn_account_secret_open(const struct kn_account *account,
                                      const struct kn_seal_key *key, struct kn_arena *arena,
                                      struct kn_account_secret *ret_secret, struct kn_error *err);

#endif
