/*
 * A token for an account: the one that the store has, or a new one.
 *
 *     read the row ── fresh ──────────────────────────────> use it
 *          │ due: half of its life is over, or its end is near, or the platform refused it
 *          ├ taken by another process ── still good ──────> use it
 *          │                          `─ else wait, and read again
 *          └ take it, ask the platform
 *                ├ new tokens: into the store, durably, and only then ──> use them
 *                ├ refused: the account has trouble, which says what to do
 *                └ no answer: give it back; the old one is used while it is good
 *
 * An answer that is lost may have carried the only refresh token that a platform takes from then
 * on. It is noted, and the old one tried once more: if the renewal never happened that mends it,
 * and if it did there is nothing left to lose.
 */
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "service/accounts_parts.h"

enum {
    TAKE_S = 60,       /* above the limit of a request (platform/oauth_tokens.c) */
    GOOD_S = 60,       /* what is given out is good for so long */
    WAIT_MS = 50,      /* for another process, between looks */
    AGAIN_S = 30,      /* after a renewal that failed while the old token is good */
    PATIENCE_S = 120,  /* for all of it */
    SAVES = 60,        /* tries to make new tokens durable, */
    SAVE_WAIT_MS = 500 /* so far apart */
};

/* A row, opened. */
struct opened {
    const struct kn_oauth *oauth;
    struct kn_account row;
    struct kn_account_secret secret;
};

struct fetch {
    struct kn_accounts *accounts;
    const char *platform, *name, *refused;
    struct kn_cancel *cancel;
    struct kn_arena *arena;
    struct kn_seal_key key;
};

static enum kn_status read_row(const struct fetch *fetch, struct opened *ret, struct kn_error *err)
{
    struct opened opened = {.oauth = kn_oauth_find(fetch->platform)};
    if (!opened.oauth)
        return kn_error_set(err, KN_INVALID, "%s is no platform with accounts", fetch->platform);
    enum kn_status status = kn_store_account_get(fetch->accounts->options.store, fetch->platform,
                                                 fetch->name, fetch->arena, &opened.row, err);
    if (status == KN_NOT_FOUND)
        return kn_error_set(err, KN_DENIED,
                            "the %s account %s is not connected: `kirinuki auth %s` connects it, "
                            "`kirinuki accounts` lists those that are",
                            opened.oauth->label, fetch->name, fetch->platform);
    if (status == KN_OK)
        status =
            kn_account_secret_open(&opened.row, &fetch->key, fetch->arena, &opened.secret, err);
    if (status != KN_OK)
        return status;
    opened.oauth = kn_oauth_find_dialect(fetch->platform, opened.secret.dialect);
    *ret = opened;
    return KN_OK;
}

/* ---- when ---- */

static bool is_good(const struct fetch *fetch, const struct opened *opened)
{
    const struct kn_tokens *tokens = &opened->secret.tokens;
    return tokens->expires_us - GOOD_S * KN_US_PER_S > kn_wall_us() &&
           !(fetch->refused && strcmp(fetch->refused, tokens->access) == 0);
}

/* Ahead of the end by what the platform's row says, but not before half of its life is over. */
static int64_t fresh_until_us(const struct opened *opened)
{
    const struct kn_tokens *tokens = &opened->secret.tokens;
    if (tokens->expires_us == INT64_MAX)
        return INT64_MAX;
    int64_t half_us = (tokens->expires_us - opened->secret.issued_us) / 2;
    int64_t ahead_us = KN_MAX(opened->oauth->renew_ahead_us, GOOD_S * KN_US_PER_S);
    return tokens->expires_us - KN_MAX(KN_MIN(ahead_us, half_us), GOOD_S * KN_US_PER_S);
}

/* ---- writing it down ---- */

/* The platform has given out new tokens meanwhile, so what is in the store is of no use, unless
 * another process was faster. *ret_theirs: it was, and the row is its own. */
static enum kn_status take_again(const struct fetch *fetch, const char *old_refresh,
                                 struct opened *opened, bool *ret_theirs, struct kn_error *err)
{
    struct opened now = {0};
    bool taken = false;
    enum kn_status status = read_row(fetch, &now, err);
    if (status != KN_OK)
        return status;
    const char *refresh = now.secret.tokens.refresh;
    *ret_theirs = !old_refresh || !refresh || strcmp(refresh, old_refresh) != 0;
    if (*ret_theirs) {
        *opened = now;
        return KN_OK;
    }
    status = kn_store_account_take(fetch->accounts->options.store, fetch->platform, fetch->name,
                                   now.row.version, TAKE_S * KN_US_PER_S, &taken, err);
    if (status == KN_OK)
        opened->row.version = now.row.version; /* not taken: seen at the next try */
    return status;
}

/* Ends the taking. New tokens are tried hard for: there are no others. */
static enum kn_status save(const struct fetch *fetch, const char *old_refresh,
                           struct opened *opened, struct kn_error *err)
{
    bool theirs = false;
    enum kn_status status = KN_LOST;
    for (int i = 0; i < SAVES; i++) {
        kn_account_secret_seal(&opened->secret, &fetch->key, fetch->arena, &opened->row);
        status = kn_store_account_renewed(fetch->accounts->options.store, &opened->row, err);
        if (status == KN_LOST)
            status = take_again(fetch, old_refresh, opened, &theirs, err);
        else if (status == KN_OK)
            return KN_OK;
        if (theirs)
            return KN_OK;
        if (status != KN_OK && !kn_status_retryable(status))
            break;
        (void)kn_cancel_wait_ms(NULL, SAVE_WAIT_MS); /* also when it is to stop */
    }
    return kn_error_add(err, "new tokens of the %s account %s could not be kept", fetch->platform,
                        fetch->name);
}

/* What has no new tokens is not worth waiting for: the taking ends by itself. */
static void save_once(const struct fetch *fetch, struct opened *opened)
{
    kn_account_secret_seal(&opened->secret, &fetch->key, fetch->arena, &opened->row);
    (void)kn_store_account_renewed(fetch->accounts->options.store, &opened->row, NULL);
}

/* ---- asking the platform ---- */

static enum kn_status into_trouble(const struct fetch *fetch, struct opened *opened,
                                   struct kn_error *err)
{
    if (opened->secret.answer_lost)
        kn_error_set(err, KN_DENIED,
                     "the answer to a renewal was lost on its way, and %s takes a renewal token "
                     "once: connect the account again with `kirinuki auth %s`",
                     opened->oauth->label, opened->oauth->platform);
    opened->row.trouble = kn_arena_strdup(fetch->arena, kn_error_text(err));
    save_once(fetch, opened);
    return KN_DENIED;
}

/* The row is taken. */
static enum kn_status renew(const struct fetch *fetch, struct opened *opened, struct kn_error *err)
{
    const struct kn_oauth_client client = kn_accounts_client(&opened->row, &opened->secret);
    const char *old_refresh = opened->secret.tokens.refresh;
    struct kn_tokens tokens;
    bool sent;
    struct kn_error why = {0};
    int64_t asked_us = kn_wall_us();
    enum kn_status status = kn_oauth_renew(opened->oauth, &client, &opened->secret.tokens,
                                           fetch->accounts->options.http, fetch->cancel,
                                           fetch->arena, &tokens, &sent, &why);
    if (err && status != KN_OK)
        *err = why;
    if (status == KN_DENIED)
        return into_trouble(fetch, opened, err ? err : &why);
    if (status != KN_OK) {
        opened->secret.answer_lost |= sent && opened->oauth->refresh_once;
        save_once(fetch, opened);
        return status;
    }
    struct opened renewed = *opened;
    renewed.secret.tokens = tokens;
    renewed.secret.issued_us = asked_us;
    renewed.secret.answer_lost = false;
    renewed.row.trouble = "";
    status = save(fetch, old_refresh, &renewed, err);
    if (status == KN_OK) /* else nobody may use them: they would be lost with this process */
        *opened = renewed;
    return status;
}

/* One look. KN_LOST: another process is at it, look again. */
static enum kn_status look(const struct fetch *fetch, struct opened *ret_opened,
                           struct kn_error *err)
{
    struct opened opened = {0};
    bool taken = false;
    enum kn_status status = read_row(fetch, &opened, err);
    if (status != KN_OK)
        return status;
    bool good = is_good(fetch, &opened), fresh = good && fresh_until_us(&opened) > kn_wall_us();
    bool troubled = opened.row.trouble[0] != '\0';
    if (!good && troubled)
        return kn_error_set(err, KN_DENIED, "%s", opened.row.trouble);
    if (!fresh && !troubled) {
        status = kn_store_account_take(fetch->accounts->options.store, fetch->platform, fetch->name,
                                       opened.row.version, TAKE_S * KN_US_PER_S, &taken, err);
        if (taken)
            status = renew(fetch, &opened, err);
        else if (status == KN_OK && !good)
            status = kn_error_set(err, KN_LOST, "another process is renewing it");
    }
    /* A renewal that failed ahead of time does not matter yet. */
    if (status != KN_OK && status != KN_CANCELLED && good)
        status = KN_OK;
    if (status == KN_OK)
        *ret_opened = opened;
    return status;
}

enum kn_status kn_accounts_fetch(struct kn_accounts *accounts, const char *platform,
                                 const char *name, const char *refused, struct kn_cancel *cancel,
                                 struct kn_arena *arena, struct kn_accounts_access *ret_access,
                                 struct kn_error *err)
{
    struct fetch fetch = {accounts, platform, name, refused, cancel, arena, {{0}, ""}};
    struct opened opened = {0};
    int64_t until_us = kn_now_us() + PATIENCE_S * KN_US_PER_S;
    enum kn_status status = kn_accounts_key(accounts, false, &fetch.key, err);
    if (status != KN_OK)
        return status;
    while ((status = look(&fetch, &opened, err)) == KN_LOST) {
        if (kn_now_us() > until_us) {
            status = kn_error_set(err, KN_TIMEOUT,
                                  "another process has been renewing the %s account %s for too "
                                  "long",
                                  platform, name);
            break;
        }
        if (kn_cancel_wait_ms(cancel, WAIT_MS)) {
            status = kn_cancel_check(cancel, err);
            break;
        }
    }
    kn_seal_key_wipe(&fetch.key);
    if (status != KN_OK)
        return status;
    int64_t end_us = opened.secret.tokens.expires_us - GOOD_S * KN_US_PER_S;
    int64_t again_us = KN_MIN(kn_wall_us() + AGAIN_S * KN_US_PER_S, end_us);
    *ret_access = (struct kn_accounts_access){
        .token = opened.secret.tokens.access,
        .fresh_until_us = KN_MAX(fresh_until_us(&opened), again_us),
    };
    return KN_OK;
}
