/*
 * For what a batch can't do on a PostgreSQL server: a connection of one's own, to LISTEN on.
 */
#ifndef KN_STORE_POSTGRES_H
#define KN_STORE_POSTGRES_H

#include <libpq-fe.h>

#include <kirinuki/database.h>

/*
 * Opens one more connection, beside those of the batches and with the same options: blocking,
 * silent about notices, in no pipeline. Returns owned: PQfinish it. Waits as long as the database
 * does. The database is a PostgreSQL one.
 */
enum kn_status kn_postgres_connect(struct kn_database *database, struct kn_cancel *cancel,
                                   PGconn **ret_connection, struct kn_error *err);

#endif
