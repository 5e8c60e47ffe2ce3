/*
 * Which kind of database it is, and the way down to it.
 */
#include <kirinuki/database.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/str.h"
#include "store/batch.h"
#include "store/database_backend.h"

enum { DEFAULT_CONNECTIONS = 4, DEFAULT_WAIT_MS = 10000 };

struct kn_database {
    const struct kn_database_desc *desc;
    void *state;
    char *where; /* as given: may hold a password */
};

/* The length of the word before "://"; 0: there is none. "file:" is SQLite's own. */
static size_t scheme_length(const char *where)
{
    size_t length = 0;
    while (isalnum((unsigned char)where[length]) || (length && strchr("+-.", where[length])))
        if (!where[length++])
            return 0;
    bool file = length == 4 && strncasecmp(where, "file", 4) == 0;
    return kn_starts_with(where + length, "://") && !file ? length : 0;
}

/* Schemes are the same in capitals (RFC 3986, 3.1). */
static bool is_postgres(const char *where)
{
    size_t length = scheme_length(where);
    return (length == 8 && strncasecmp(where, "postgres", 8) == 0) ||
           (length == 10 && strncasecmp(where, "postgresql", 10) == 0);
}

/* "host=… dbname=…", which libpq would take, too. */
static bool is_keywords(const char *where)
{
    static const char *const keywords[] = {"host",     "hostaddr", "port",    "dbname",
                                           "user",     "password", "sslmode", "service",
                                           "passfile", "options"};
    size_t length = strcspn(where, " =");
    for (size_t i = 0; i < KN_COUNT_OF(keywords); i++)
        if (strlen(keywords[i]) == length && strncmp(where, keywords[i], length) == 0)
            return where[length + strspn(where + length, " ")] == '=';
    return false;
}

/* What would make an SQLite file of such a name. Neither sentence shows all of it: it may hold a
 * password. */
static enum kn_status check_where(const char *where, struct kn_error *err)
{
    size_t length = scheme_length(where);
    if (length && !is_postgres(where))
        return kn_error_set(err, KN_INVALID,
                            "%.*s:// is no database that kirinuki knows: it takes the path of a "
                            "file, or postgres://user@host/name",
                            (int)KN_MIN(length, 20), where);
    if (is_keywords(where))
        return kn_error_set(err, KN_INVALID,
                            "a server is given as postgres://user@host:5432/name, not as a list of "
                            "keywords (a file of such a name: ./%.*s…)",
                            (int)strcspn(where, "="), where);
    return KN_OK;
}

/* libpq knows its scheme in small letters only. */
static char *copy_where(const char *where)
{
    char *copy = kn_strdup(where);
    for (size_t i = 0; is_postgres(where) && where[i] != ':'; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    return copy;
}

bool kn_database_is_there(const char *where)
{
    struct stat st;
    bool path = !is_postgres(where) && !kn_starts_with(where, "file:") && where[0] != ':';
    return !path || stat(where, &st) == 0 || errno != ENOENT;
}

enum kn_status kn_database_open(const struct kn_database_options *options,
                                struct kn_database **ret_database, struct kn_error *err)
{
    assert(options->where);
    assert(!options->connections ||
           (options->connections >= 2 && options->connections <= KN_CONNECTIONS_MOST));
    enum kn_status status = check_where(options->where, err);
    if (status != KN_OK)
        return status;
    struct kn_database *database = kn_calloc(1, sizeof *database);
    struct kn_database_options complete = *options;
    complete.where = database->where = copy_where(options->where);
    if (!complete.connections)
        complete.connections = DEFAULT_CONNECTIONS;
    if (complete.wait_ms <= 0)
        complete.wait_ms = DEFAULT_WAIT_MS;
    database->desc = is_postgres(options->where) ? &kn_database_postgres : &kn_database_sqlite;
    database->state = kn_calloc(1, database->desc->state_size);

    status = database->desc->open(database->state, &complete, err);
    if (status != KN_OK) {
        kn_database_close(database);
        return status;
    }
    *ret_database = database;
    return KN_OK;
}

void kn_database_close(struct kn_database *database)
{
    if (!database)
        return;
    database->desc->close(database->state);
    free(database->state);
    free(database->where);
    free(database);
}

enum kn_database_kind kn_database_kind(const struct kn_database *database)
{
    return database->desc->kind;
}

const char *kn_database_where(const struct kn_database *database)
{
    return database->desc->where(database->state);
}

const struct kn_database_desc *kn_database_backend(const struct kn_database *database,
                                                   void **ret_state)
{
    *ret_state = database->state;
    return database->desc;
}

enum kn_status kn_batch_run(struct kn_database *database, struct kn_operation *operations,
                            int count, struct kn_arena *arena, struct kn_cancel *cancel,
                            struct kn_error *err)
{
    struct kn_batch batch;
    struct kn_error stop;
    kn_batch_init(&batch, operations, count, arena, cancel);
    if (kn_cancel_check(cancel, &stop) != KN_OK) {
        kn_batch_fail_reads(&batch, &stop);
        kn_batch_undo(&batch, -1, &stop);
    } else if (count) {
        database->desc->run(database->state, &batch);
    }
    enum kn_status status = kn_batch_outcome(&batch, err);
    kn_batch_free(&batch);
    return status;
}

enum kn_status kn_transaction_run(struct kn_database *database, kn_transaction_fn *run, void *arg,
                                  struct kn_arena *arena, struct kn_cancel *cancel,
                                  struct kn_error *err)
{
    struct kn_error own;
    if (kn_cancel_check(cancel, err) != KN_OK)
        return KN_CANCELLED;
    return database->desc->transact(database->state, run, arg, arena, cancel, err ? err : &own);
}

enum kn_status kn_database_changed(struct kn_database *database, int64_t *token, bool *ret_changed,
                                   struct kn_error *err)
{
    if (!database->desc->changes)
        return kn_error_set(err, KN_UNSUPPORTED, "%s has to be listened to", database->desc->name);
    int64_t number = 0;
    enum kn_status status = database->desc->changes(database->state, &number, err);
    if (status != KN_OK)
        return status;
    *ret_changed = number != *token;
    *token = number;
    return KN_OK;
}

enum kn_status kn_database_check(const struct kn_database *database, struct kn_error *err)
{
    return database->desc->check ? database->desc->check(database->state, err) : KN_OK;
}
