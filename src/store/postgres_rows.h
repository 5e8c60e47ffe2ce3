/* Results of a PostgreSQL server as rows. */
#ifndef KN_STORE_POSTGRES_ROWS_H
#define KN_STORE_POSTGRES_ROWS_H

#include <libpq-fe.h>

#include "store/batch.h"

/*
 * The operation succeeded with this result. Integers, and numerics that are whole and fit, become
 * INTEGER; other numbers REAL; booleans 0 and 1 as in SQLite; everything else is text.
 */
void kn_postgres_store(struct kn_rows_maker *maker, struct kn_batch *batch, int number,
                       const PGresult *result);

#endif
