/* JSON inside of the seal: it can grow, and a newer kirinuki reads what an older one wrote. */
#include "service/account_secret.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "base/json.h"

static struct kn_seal_owner owner_of(const struct kn_account *account)
{
    return (struct kn_seal_owner){account->platform, account->name, account->service_url};
}

void kn_account_secret_seal(const struct kn_account_secret *secret, const struct kn_seal_key *key,
                            struct kn_arena *arena, struct kn_account *account)
{
    const struct kn_tokens *t = &secret->tokens;
    const struct kn_seal_owner owner = owner_of(account);
    KN_SCOPED_JSON json = json_pack(
        "{s:s, s:s*, s:I, s:I, s:I, s:s*, s:s*, s:s, s:s*, s:s*, s:b}", "access", t->access,
        "refresh", t->refresh, "expires_us", (json_int_t)t->expires_us, "refresh_expires_us",
        (json_int_t)t->refresh_expires_us, "issued_us", (json_int_t)secret->issued_us, "scopes",
        t->scopes, "user_id", t->user_id, "client_id", secret->client_id, "client_secret",
        secret->client_secret, "dialect", secret->dialect, "answer_lost", secret->answer_lost);
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, json, true);
    kn_seal(key, &owner, kn_str_text(&text), text.length, arena, &account->sealed,
            &account->sealed_size);
    sodium_memzero(text.at, text.length);
    account->expires_us = t->expires_us;
}

static const char *text_of(const json_t *json, const char *key, struct kn_arena *arena)
{
    return kn_arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

static int64_t number_of(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

enum kn_status kn_account_secret_open(const struct kn_account *account,
                                      const struct kn_seal_key *key, struct kn_arena *arena,
                                      struct kn_account_secret *ret_secret, struct kn_error *err)
{
    const struct kn_seal_owner owner = owner_of(account);
    char *plain;
    size_t size;
    enum kn_status status =
        kn_unseal(key, &owner, account->sealed, account->sealed_size, arena, &plain, &size, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED_JSON json = json_loadb(plain, size, 0, NULL);
    sodium_memzero(plain, size);
    const struct kn_account_secret secret = {
        .tokens = {.access = text_of(json, "access", arena),
                   .refresh = text_of(json, "refresh", arena),
                   .expires_us = number_of(json, "expires_us"),
                   .refresh_expires_us = number_of(json, "refresh_expires_us"),
                   .scopes = text_of(json, "scopes", arena),
                   .user_id = text_of(json, "user_id", arena)},
        .dialect = text_of(json, "dialect", arena),
        .client_id = text_of(json, "client_id", arena),
        .client_secret = text_of(json, "client_secret", arena),
        .issued_us = number_of(json, "issued_us"),
        .answer_lost = json_is_true(json_object_get(json, "answer_lost")),
    };
    if (!secret.tokens.access || !secret.client_id)
        return kn_error_set(err, KN_DAMAGED,
                            "the %s account %s lacks its token: connect it again with `kirinuki "
                            "auth %s`",
                            account->platform, account->name, account->platform);
    *ret_secret = secret;
    return KN_OK;
}
