/*
 * Tokens that were just granted become an account of the store.
 *
 * Its name is the one asked for, else the one under which this very account is known already, so
 * that connecting again mends what is there, else the platform's own. A name never passes from one
 * account to another by itself: posts that wait for it would go elsewhere.
 */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "service/accounts_parts.h"

enum { NAME_BYTES_MAX = 100 };

/* The accounts of this platform, and the one that this is. */
struct known {
    const struct kn_account *rows;
    int count;
    const struct kn_account *same; /* NULL: it is new */
};

static bool is_same(const struct kn_account *row, const char *remote_id, const char *service)
{
    return remote_id[0] && strcmp(row->remote_id, remote_id) == 0 &&
           strcmp(row->service_url, service) == 0;
}

static enum kn_status find_known(struct kn_accounts *accounts, const char *platform,
                                 const char *remote_id, const char *service, struct kn_arena *arena,
                                 struct known *ret, struct kn_error *err)
{
    struct known known = {0};
    enum kn_status status =
        kn_store_accounts(accounts->options.store, platform, arena, &known.rows, &known.count, err);
    for (int i = 0; status == KN_OK && i < known.count; i++)
        if (is_same(&known.rows[i], remote_id, service))
            known.same = &known.rows[i];
    if (status == KN_OK)
        *ret = known;
    return status;
}

static const struct kn_account *by_name(const struct known *known, const char *name)
{
    for (int i = 0; i < known->count; i++)
        if (strcmp(known->rows[i].name, name) == 0)
            return &known->rows[i];
    return NULL;
}

/* "Ann", "Ann 2": the platform's names are not unique. */
static const char *free_name(const struct known *known, const char *shown, struct kn_arena *arena)
{
    char short_name[NAME_BYTES_MAX - 8];
    kn_text_show(shown, short_name, sizeof short_name);
    const char *name = kn_arena_strdup(arena, short_name);
    for (int i = 2; by_name(known, name); i++)
        name = kn_arena_printf(arena, "%s %d", short_name, i);
    return name;
}

static enum kn_status choose_name(const struct kn_oauth *oauth, const struct known *known,
                                  const char *asked, const char *remote_id, const char *service,
                                  const char *shown, struct kn_arena *arena, const char **ret_name,
                                  struct kn_error *err)
{
    if (!asked && !remote_id[0]) { /* a sandbox that does not say: one account is enough */
        *ret_name = shown;
        return KN_OK;
    }
    if (!asked) {
        *ret_name = known->same ? known->same->name : free_name(known, shown, arena);
        return KN_OK;
    }
    const struct kn_account *row = by_name(known, asked);
    if (row && row->remote_id[0] && !is_same(row, remote_id, service))
        return kn_error_set(err, KN_INVALID,
                            "%s is the name of another %s account than the one that has consented "
                            "(%s): give this one another --account, or `kirinuki accounts rm "
                            "%s:%s` first",
                            asked, oauth->label, shown, oauth->platform, asked);
    *ret_name = asked;
    return KN_OK;
}

/* Accounts of a store have one key, or another machine could not use half of them. */
static enum kn_status check_key(struct kn_accounts *accounts, const struct kn_seal_key *key,
                                const char *platform, const char *name, struct kn_arena *arena,
                                struct kn_error *err)
{
    const struct kn_account *rows;
    int count;
    enum kn_status status =
        kn_store_accounts(accounts->options.store, NULL, arena, &rows, &count, err);
    for (int i = 0; status == KN_OK && i < count; i++) {
        bool replaced = strcmp(rows[i].platform, platform) == 0 && strcmp(rows[i].name, name) == 0;
        if (!replaced && !kn_seal_is_by(key, rows[i].sealed, rows[i].sealed_size))
            return kn_error_set(err, KN_DENIED,
                                "the account %s:%s of this store is sealed with another key than "
                                "that of %s: set KIRINUKI_KEY to the key of the machine on which "
                                "it was connected, or remove it with `kirinuki accounts rm`",
                                rows[i].platform, rows[i].name, key->from);
    }
    return status;
}

/* Whose is it? Without an answer it can be kept all the same, once it has a name: under a name of
 * ours it would be a second account for the same channel, which gets each clip twice. */
static enum kn_status identify(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                               const struct kn_tokens *tokens, const char *name,
                               struct kn_cancel *cancel, struct kn_arena *arena,
                               const char **ret_id, const char **ret_shown, struct kn_error *err)
{
    struct kn_error why = {0};
    const char *service = round->client.service_url;
    enum kn_status status = round->oauth->identify(accounts->options.http, service, tokens->access,
                                                   cancel, arena, ret_id, ret_shown, &why);
    if (status == KN_OK)
        return KN_OK;
    if (status == KN_CANCELLED || !name)
        return kn_error_set(err, status, "%s; --account NAME connects it under that name",
                            kn_error_text(&why));
    *ret_id = tokens->user_id ? tokens->user_id : "";
    *ret_shown = name;
    return KN_OK;
}

static enum kn_status put(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                          const struct kn_tokens *tokens, const struct kn_seal_key *key,
                          struct kn_account *row, struct kn_arena *arena, struct kn_error *err)
{
    const struct kn_account_secret secret = {
        .tokens = *tokens,
        .dialect = round->oauth->dialect,
        .client_id = round->client.id,
        .client_secret = round->client.secret,
        .issued_us = kn_wall_us(),
    };
    kn_account_secret_seal(&secret, key, arena, row);
    return kn_store_account_put(accounts->options.store, row, err);
}

/* What the account's posts are told of it: what they were told before, and by which way it is
 * connected now. */
static const char *settings_of(const struct kn_account *before, const struct kn_oauth *oauth,
                               const char *shown, struct kn_arena *arena)
{
    KN_SCOPED_JSON json = before ? json_loads(before->settings, 0, NULL) : NULL;
    if (!json_is_object(json)) {
        json_decref(json);
        json = json_pack("{s:o}", "username", kn_json_text(shown));
    }
    if (oauth->dialect)
        json_object_set_new(json, "login", json_string(oauth->dialect));
    else
        json_object_del(json, "login");
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, json, true);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

enum kn_status kn_accounts_keep(struct kn_accounts *accounts, const struct kn_oauth_round *round,
                                const struct kn_tokens *tokens, const char *name,
                                struct kn_cancel *cancel, struct kn_arena *arena,
                                struct kn_accounts_connected *ret_connected, struct kn_error *err)
{
    const struct kn_oauth *oauth = round->oauth;
    const char *service = round->client.service_url ? round->client.service_url : "";
    const char *id = "", *shown = "";
    struct known known = {0};
    struct kn_seal_key key = {{0}, ""};
    enum kn_status status =
        identify(accounts, round, tokens, name, cancel, arena, &id, &shown, err);
    if (status == KN_OK)
        status = find_known(accounts, oauth->platform, id, service, arena, &known, err);
    if (status == KN_OK)
        status = choose_name(oauth, &known, name, id, service, shown, arena, &name, err);
    if (status == KN_OK)
        status = kn_accounts_key(accounts, true, &key, err);
    if (status == KN_OK)
        status = check_key(accounts, &key, oauth->platform, name, arena, err);
    if (status == KN_OK) {
        const struct kn_account *before = by_name(&known, name);
        struct kn_account row = {
            .platform = oauth->platform,
            .name = name,
            .remote_id = id,
            .service_url = service,
            .settings = settings_of(before, oauth, shown, arena),
            .trouble = "",
        };
        status = put(accounts, round, tokens, &key, &row, arena, err);
        if (status == KN_OK)
            *ret_connected = (struct kn_accounts_connected){name, id, shown, before != NULL};
    }
    kn_seal_key_wipe(&key);
    return status;
}
