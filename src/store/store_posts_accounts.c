/*
 * Accounts. A version is the time of its change, or one more than the last where that is later: so
 * an account that is removed and made again never has a version that it had before.
 */
#include <string.h>

#include "base/memory.h"
#include "store/store_posts_parts.h"

enum { NAME_BYTES_MOST = 200, SEALED_BYTES_MOST = 1 << 18 };

#define ACCOUNT_COLUMNS                                                                            \
    "platform, name, remote_id, service_url, settings, sealed, expires_us, trouble, version,"      \
    " created_us, changed_us"

/* ---- bytes as text ---- */

static const char *to_hex(const void *data, size_t size, struct kn_arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *text = kn_arena_alloc(arena, 2 * size + 1);
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return text;
}

static int digit_of(char c)
{
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= '0' && c <= '9' ? c - '0' : -1;
}

/* False: it is damaged. */
static bool of_hex(const char *text, struct kn_arena *arena, const void **ret_data,
                   size_t *ret_size)
{
    size_t length = strlen(text);
    unsigned char *bytes = kn_arena_alloc(arena, length / 2 + 1);
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    *ret_data = bytes;
    *ret_size = length / 2;
    return length % 2 == 0;
}

/* ---- reading ---- */

static enum kn_status no_such_account(const char *platform, const char *name, struct kn_error *err)
{
    return kn_error_set(err, KN_NOT_FOUND, "there is no account %s of %s", name, platform);
}

static enum kn_status account_of_row(const struct kn_rows *rows, int row, struct kn_arena *arena,
                                     struct kn_account *ret_account, struct kn_error *err)
{
    struct kn_account account = {
        .platform = kn_cell_text(rows, row, 0),
        .name = kn_cell_text(rows, row, 1),
        .remote_id = kn_cell_text(rows, row, 2),
        .service_url = kn_cell_text(rows, row, 3),
        .settings = kn_cell_text(rows, row, 4),
        .expires_us = kn_cell_int(rows, row, 6),
        .trouble = kn_cell_text(rows, row, 7),
        .version = kn_cell_int(rows, row, 8),
        .created_us = kn_cell_int(rows, row, 9),
        .changed_us = kn_cell_int(rows, row, 10),
    };
    if (!of_hex(kn_cell_text(rows, row, 5), arena, &account.sealed, &account.sealed_size))
        return kn_error_set(err, KN_DAMAGED,
                            "what is stored of the account %s of %s is damaged: connect it again",
                            account.name, account.platform);
    *ret_account = account;
    return KN_OK;
}

enum kn_status kn_store_account_get(struct kn_store *store, const char *platform, const char *name,
                                    struct kn_arena *arena, struct kn_account *ret_account,
                                    struct kn_error *err)
{
    static const struct kn_statement get_account = {
        .name = "get_account",
        .access = KN_READ,
        .tables = "account",
        .sql = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE platform = $1 AND name = $2",
    };
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &get_account, KN_VALUES(kn_text(platform), kn_text(name)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return no_such_account(platform, name, err);
    return account_of_row(&rows, 0, arena, ret_account, err);
}

enum kn_status kn_store_accounts(struct kn_store *store, const char *platform,
                                 struct kn_arena *arena, const struct kn_account **ret_accounts,
                                 int *ret_count, struct kn_error *err)
{
    static const struct kn_statement list_accounts = {
        .name = "list_accounts",
        .access = KN_READ,
        .tables = "account",
        .sqlite = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE $1 IS NULL OR platform = $1"
                  " ORDER BY platform, name",
        .postgres = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE $1::text IS NULL"
                    " OR platform = $1::text ORDER BY platform COLLATE \"C\", name COLLATE \"C\"",
    };
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &list_accounts, KN_VALUES(kn_text(platform)), arena, &rows, err);
    struct kn_account *accounts = NULL;
    if (status == KN_OK)
        accounts = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *accounts);
    for (int i = 0; status == KN_OK && i < rows.count; i++)
        status = account_of_row(&rows, i, arena, &accounts[i], err);
    if (status != KN_OK)
        return status;
    *ret_accounts = accounts;
    *ret_count = rows.count;
    return KN_OK;
}

/* ---- writing ---- */

#define NEXT_VERSION(now)                                                                          \
    "CASE WHEN account.version >= " now " THEN account.version + 1 ELSE " now " END"

static const struct kn_statement put_account = {
    .name = "put_account",
    .access = KN_WRITE,
    .tables = "account",
    .sql = "INSERT INTO account (platform, name, remote_id, service_url, settings, sealed,"
           " expires_us, trouble, version, created_us, changed_us, change_mark)"
           " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10)"
           " ON CONFLICT (platform, name) DO UPDATE SET remote_id = excluded.remote_id,"
           " service_url = excluded.service_url, settings = excluded.settings,"
           " sealed = excluded.sealed, expires_us = excluded.expires_us,"
           " trouble = excluded.trouble, version = " NEXT_VERSION(
               "excluded.changed_us") ","
                                      " changed_us = excluded.changed_us, taken_until_us = 0, "
                                      "take_mark = '',"
                                      " change_mark = excluded.change_mark",
};

/* The tokens alone: what else there is may have been changed by somebody since it was read, but
 * then its version is another. */
static const struct kn_statement renew_account = {
    .name = "renew_account",
    .access = KN_WRITE,
    .tables = "account",
    .sqlite =
        "UPDATE account SET sealed = $4, expires_us = $5, trouble = $6,"
        " version = " NEXT_VERSION("$7") ", changed_us = $7, taken_until_us = 0,"
                                         " take_mark = '', change_mark = $8"
                                         " WHERE platform = $1 AND name = $2 AND version = $3",
    .postgres = "UPDATE account SET sealed = $4, expires_us = $5, trouble = $6,"
                " version = " NEXT_VERSION(
                    "$7::bigint") ", changed_us = $7::bigint,"
                                  " taken_until_us = 0, take_mark = '', change_mark = $8"
                                  " WHERE platform = $1 AND name = $2 AND version = $3",
};

#define LOCK_ACCOUNT                                                                               \
    "SELECT version, taken_until_us, take_mark, change_mark FROM account"                          \
    " WHERE platform = $1 AND name = $2"

static const struct kn_statement lock_account = {
    .name = "lock_account",
    .access = KN_WRITE, /* it locks */
    .tables = "account",
    .sqlite = LOCK_ACCOUNT,
    .postgres = LOCK_ACCOUNT " FOR UPDATE",
};

static const struct kn_statement take_account = {
    .name = "take_account",
    .access = KN_WRITE,
    .tables = "account",
    .sql = "UPDATE account SET taken_until_us = $4, take_mark = $5"
           " WHERE platform = $1 AND name = $2 AND version = $3",
};

static const struct kn_statement remove_account = {
    .name = "remove_account",
    .access = KN_WRITE,
    .tables = "account",
    .sql = "DELETE FROM account WHERE platform = $1 AND name = $2",
};

struct account_change {
    const struct kn_account *account; /* of a taking or removal: platform, name, version */
    const char *sealed, *mark;
    int64_t for_us;
    bool found, done;
};

static enum kn_status check_account(const struct kn_account *account, struct kn_error *err)
{
    const char *const names[] = {account->platform, account->name};
    const char *const texts[] = {account->remote_id, account->service_url, account->settings,
                                 account->trouble};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        if (!names[i] || !names[i][0] || strnlen(names[i], NAME_BYTES_MOST + 1) > NAME_BYTES_MOST)
            return kn_error_set(err, KN_INVALID,
                                "an account needs a platform and a name of 1 to %d bytes each",
                                NAME_BYTES_MOST);
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        if (texts[i] && strnlen(texts[i], KN_JOB_TEXT_MAX + 1) > KN_JOB_TEXT_MAX)
            return kn_error_set(err, KN_LIMIT, "a text of an account is longer than %d bytes",
                                KN_JOB_TEXT_MAX);
    if (account->sealed_size > SEALED_BYTES_MOST)
        return kn_error_set(err, KN_LIMIT, "the tokens of an account are longer than %d bytes",
                            SEALED_BYTES_MOST);
    return KN_OK;
}

/* Runs `run` until it is known what became of it. */
static enum kn_status change_account(struct kn_store *store, kn_change_fn *run,
                                     struct account_change *call, struct kn_error *err)
{
    enum kn_status status = check_account(call->account, err);
    if (status != KN_OK)
        return status;
    struct kn_arena *arena = kn_arena_new();
    call->mark = kn_mark_new(arena);
    call->sealed = to_hex(call->account->sealed, call->account->sealed_size, arena);
    status = kn_store_change_surely(store, run, call, arena, err);
    kn_arena_free(arena);
    return status;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static enum kn_status put(struct kn_change *change, void *arg, struct kn_error *err)
{
    const struct account_change *call = arg;
    const struct kn_account *account = call->account;
    change->wakes = true; /* posts may wait for it */
    return kn_change_do(change, &put_account,
                        KN_VALUES(kn_text(account->platform), kn_text(account->name),
                                  kn_text(text_or(account->remote_id, "")),
                                  kn_text(text_or(account->service_url, "")),
                                  kn_text(text_or(account->settings, "{}")), kn_text(call->sealed),
                                  KN_INT(account->expires_us),
                                  kn_text(text_or(account->trouble, "")), KN_INT(change->now_us),
                                  kn_text(call->mark)),
                        NULL, err);
}

enum kn_status kn_store_account_put(struct kn_store *store, const struct kn_account *account,
                                    struct kn_error *err)
{
    struct account_change call = {.account = account};
    return change_account(store, put, &call, err);
}

static enum kn_status look_at(struct kn_change *change, struct account_change *call,
                              struct kn_rows *ret_rows, struct kn_error *err)
{
    enum kn_status status = kn_change_do(
        change, &lock_account,
        KN_VALUES(kn_text(call->account->platform), kn_text(call->account->name)), ret_rows, err);
    call->found = status == KN_OK && ret_rows->count > 0;
    return status;
}

static enum kn_status take(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct account_change *call = arg;
    const struct kn_account *account = call->account;
    struct kn_rows rows;
    call->done = false;
    enum kn_status status = look_at(change, call, &rows, err);
    if (status != KN_OK || !call->found)
        return status;
    bool ours = strcmp(kn_cell_text(&rows, 0, 2), call->mark) == 0;
    call->done = kn_cell_int(&rows, 0, 0) == account->version &&
                 (ours || kn_cell_int(&rows, 0, 1) <= change->now_us);
    if (!call->done || ours)
        return KN_OK;
    return kn_change_do(change, &take_account,
                        KN_VALUES(kn_text(account->platform), kn_text(account->name),
                                  KN_INT(account->version), KN_INT(change->now_us + call->for_us),
                                  kn_text(call->mark)),
                        NULL, err);
}

enum kn_status kn_store_account_take(struct kn_store *store, const char *platform, const char *name,
                                     int64_t version, int64_t for_us, bool *ret_taken,
                                     struct kn_error *err)
{
    struct kn_account account = {.platform = platform, .name = name, .version = version};
    struct account_change call = {.account = &account, .for_us = for_us};
    if (for_us <= 0)
        return kn_error_set(err, KN_INVALID, "an account is taken for longer than 0");
    enum kn_status status = change_account(store, take, &call, err);
    if (status == KN_OK && !call.found)
        status = no_such_account(platform, name, err);
    if (status == KN_OK)
        *ret_taken = call.done;
    return status;
}

static enum kn_status renew(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct account_change *call = arg;
    const struct kn_account *account = call->account;
    struct kn_rows rows;
    enum kn_status status = look_at(change, call, &rows, err);
    if (status != KN_OK)
        return status;
    bool was = call->found && strcmp(kn_cell_text(&rows, 0, 3), call->mark) == 0;
    call->done = was || (call->found && kn_cell_int(&rows, 0, 0) == account->version);
    if (was || !call->done)
        return KN_OK;
    change->wakes = true;
    return kn_change_do(change, &renew_account,
                        KN_VALUES(kn_text(account->platform), kn_text(account->name),
                                  KN_INT(account->version), kn_text(call->sealed),
                                  KN_INT(account->expires_us),
                                  kn_text(text_or(account->trouble, "")), KN_INT(change->now_us),
                                  kn_text(call->mark)),
                        NULL, err);
}

enum kn_status kn_store_account_renewed(struct kn_store *store, const struct kn_account *account,
                                        struct kn_error *err)
{
    struct account_change call = {.account = account};
    enum kn_status status = change_account(store, renew, &call, err);
    if (status == KN_OK && !call.done)
        return kn_error_set(err, KN_LOST,
                            "the account %s of %s was changed by somebody else meanwhile",
                            account->name, account->platform);
    return status;
}

static enum kn_status remove_it(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct account_change *call = arg;
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &remove_account,
        KN_VALUES(kn_text(call->account->platform), kn_text(call->account->name)), &rows, err);
    if (status == KN_OK)
        call->done |= rows.changed > 0; /* now, or by the try before */
    return status;
}

enum kn_status kn_store_account_remove(struct kn_store *store, const char *platform,
                                       const char *name, struct kn_error *err)
{
    struct kn_account account = {.platform = platform, .name = name};
    struct account_change call = {.account = &account};
    enum kn_status status = change_account(store, remove_it, &call, err);
    if (status == KN_OK && !call.done)
        return no_such_account(platform, name, err);
    return status;
}
