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
/* So did these, with rows of one result: its first column says which of them a row is of, from 1
 * and in order, and is not part of the row. One that has no rows in it has none. */
void kn_postgres_store_each(struct kn_rows_maker *maker, struct kn_batch *batch, const int *numbers,
                            int count, const PGresult *result);

#endif
