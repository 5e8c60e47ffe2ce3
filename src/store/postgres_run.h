/*
 * Carries a batch out on a PostgreSQL server, on the thread of its caller.
 */
#ifndef KN_STORE_POSTGRES_RUN_H
#define KN_STORE_POSTGRES_RUN_H

#include <stdatomic.h>

#include "store/batch.h"
#include "store/pool.h"
#include "store/postgres_link.h"
#include "store/transaction.h"

struct kn_postgres {
    struct kn_postgres_place place;
    int connections;
    struct kn_pool links;
    atomic_bool no_prepare; /* also found out: a pooler hands every transaction to another server */
};

void kn_postgres_run(struct kn_postgres *db, struct kn_batch *batch);
/* src/store/transaction.h; `err` is not NULL. */
enum kn_status kn_postgres_transact(struct kn_postgres *db, kn_transaction_fn *run, void *arg,
                                    struct kn_arena *arena, struct kn_cancel *cancel,
                                    struct kn_error *err);

#endif
