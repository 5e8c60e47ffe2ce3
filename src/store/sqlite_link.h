/*
 * One connection to an SQLite file, with its prepared statements. One thread at a time.
 */
#ifndef KN_STORE_SQLITE_LINK_H
#define KN_STORE_SQLITE_LINK_H

#include <sqlite3.h>

#include <kirinuki/database.h>

#include "base/memory.h"
#include "base/vec.h"
#include "store/batch.h"

struct kn_sqlite_prepared {
    sqlite3_stmt *stmt;
    int parameters; /* values it wants: the highest of $1, $2 … */
};

struct kn_sqlite_link {
    sqlite3 *db;
    const char *path; /* borrowed */
    bool writes;
    /* Of the batch in work: what stops it, and how long it waits for a lock. */
    struct kn_cancel *cancel;
    int64_t deadline_us;
    KN_VEC(struct kn_sqlite_prepared) prepared; /* the one used last at the end */
};

/* The file is made if it is not there, and set to WAL. */
enum kn_status kn_sqlite_link_open(const char *path, bool writes, int64_t wait_ms,
                                   struct kn_sqlite_link **ret_link, struct kn_error *err);
void kn_sqlite_link_close(struct kn_sqlite_link *link);
KN_SCOPED_DEFINE(kn_sqlite_link, kn_sqlite_link_close)

/* For what follows. */
void kn_sqlite_use(struct kn_sqlite_link *link, struct kn_cancel *cancel, int64_t wait_ms);
/* One or more statements without values and rows. */
enum kn_status kn_sqlite_exec(struct kn_sqlite_link *link, const char *sql, struct kn_error *err);
/* The first number that a query gives; 0 where it gives none. */
enum kn_status kn_sqlite_number(struct kn_sqlite_link *link, const char *sql, int64_t *ret_number,
                                struct kn_error *err);
/* Runs an operation of the batch and stores its rows; a failure is left to the caller. */
enum kn_status kn_sqlite_run(struct kn_sqlite_link *link, struct kn_batch *batch, int number,
                             struct kn_rows_maker *maker, struct kn_error *err);

#endif
