/*
 * What is below a database: one const descriptor a kind, in database.c's list. A backend opens
 * connections and carries batches out; what they mean (src/store/batch.h) is planned before.
 */
#ifndef KN_STORE_DATABASE_BACKEND_H
#define KN_STORE_DATABASE_BACKEND_H

#include <kirinuki/database.h>

#include "store/batch.h"
#include "store/transaction.h"

struct kn_migration;

enum { KN_CONNECTIONS_MOST = 64 };

struct kn_database_desc {
    const char *name;
    enum kn_database_kind kind;
    size_t state_size; /* zeroed, passed as `state` */

    /* Required. `options` have their defaults in; what they point to outlives the state. `close`
     * is called after a failed `open` too. */
    enum kn_status (*open)(void *state, const struct kn_database_options *options,
                           struct kn_error *err);
    void (*close)(void *state);
    const char *(*where)(const void *state); /* fit to show */
    /* Gives every operation its outcome (kn_batch_done, kn_batch_fail…). Any thread. */
    void (*run)(void *state, struct kn_batch *batch);
    /* The newest version in the table kirinuki_schema, 0: none. */
    enum kn_status (*schema_version)(void *state, int *ret_version, struct kn_error *err);
    /* One migration in one transaction under a lock that all processes share. Does nothing where
     * the version is at its number already, or beyond. */
    enum kn_status (*migrate)(void *state, const struct kn_migration *migration,
                              struct kn_error *err);

    /* src/store/transaction.h. */
    enum kn_status (*transact)(void *state, kn_transaction_fn *run, void *arg,
                               struct kn_arena *arena, struct kn_cancel *cancel,
                               struct kn_error *err);

    /* Optional. A number that differs once anybody has committed since. */
    enum kn_status (*changes)(void *state, int64_t *ret_number, struct kn_error *err);
    /* Optional. Is it still what was opened? NOT_FOUND: it is not, and will not be again. */
    enum kn_status (*check)(const void *state, struct kn_error *err);
};

extern const struct kn_database_desc kn_database_sqlite;
extern const struct kn_database_desc kn_database_postgres;

const struct kn_database_desc *kn_database_backend(const struct kn_database *database,
                                                   void **ret_state);

/*
 * Whether anybody, this process or another, has committed to the database since `token` was last
 * passed here; start from 0, which tells "changed". Costs next to nothing, so it may be asked many
 * times a second. Any thread. UNSUPPORTED where the server tells of changes by itself (PostgreSQL:
 * LISTEN on a connection of kn_postgres_connect).
 */
enum kn_status kn_database_changed(struct kn_database *database, int64_t *token, bool *ret_changed,
                                   struct kn_error *err);

/* false: opening would make it. A server is taken to be there. */
bool kn_database_is_there(const char *where);

/* NOT_FOUND: the file was deleted or replaced under us, so that what we write is lost. Costs next
 * to nothing. Any thread. */
enum kn_status kn_database_check(const struct kn_database *database, struct kn_error *err);

#endif
