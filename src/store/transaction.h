/*
 * A transaction in which what a statement gives decides about the next one. kn_batch_run is the
 * faster way where nothing is to be decided; with PostgreSQL every statement here is a round trip.
 */
#ifndef KN_STORE_TRANSACTION_H
#define KN_STORE_TRANSACTION_H

#include <kirinuki/database.h>

struct kn_transaction {
    enum kn_database_kind kind;
    struct kn_arena *arena; /* where rows go */
    /* The backend's: runs one statement. */
    enum kn_status (*run)(struct kn_transaction *transaction, const struct kn_statement *statement,
                          const struct kn_value *values, int count, struct kn_rows *ret_rows,
                          struct kn_error *err);
    void *backend;
    bool broken; /* the backend's: it may be tried again on another connection */
};

/* Returning anything but KN_OK undoes all. It is called again where the transaction is tried again
 * (a deadlock, a broken connection before the commit), so it must not keep what it read before. */
typedef enum kn_status kn_transaction_fn(struct kn_transaction *transaction, void *arg,
                                         struct kn_error *err);

/*
 * Nobody else's changes come between its statements: SQLite's transaction has the write lock from
 * its beginning; PostgreSQL's is READ COMMITTED, so lock what decides (`FOR UPDATE`). The
 * function's own failure and sentence are returned as they are. LOST: the connection broke during
 * the commit.
 */
enum kn_status kn_transaction_run(struct kn_database *database, kn_transaction_fn *run, void *arg,
                                  struct kn_arena *arena, struct kn_cancel *cancel,
                                  struct kn_error *err);

/* One statement; ret_rows (NULL is fine) is in the arena. */
static inline enum kn_status kn_transaction_do(struct kn_transaction *transaction,
                                               const struct kn_statement *statement,
                                               const struct kn_value *values, int count,
                                               struct kn_rows *ret_rows, struct kn_error *err)
{
    return transaction->run(transaction, statement, values, count, ret_rows, err);
}

#endif
