/*
 * The tables change with the program: numbered SQL texts, applied once each and in order, when a
 * database is opened by a program that knows more of them than it has.
 */
#ifndef KN_STORE_MIGRATE_H
#define KN_STORE_MIGRATE_H

#include <kirinuki/database.h>

struct kn_migration {
    int number; /* from 1, without gaps */
    const char *name;
    const char *sql; /* one or more statements; no BEGIN and COMMIT */
};

/*
 * Brings the database to the last number of the list: each migration is one transaction, noted in
 * the table kirinuki_schema(version, at_us, name). Processes that begin together apply each of them
 * once. UNSUPPORTED: the database is newer than the list; nothing is changed.
 */
enum kn_status kn_migrate(struct kn_database *database, const struct kn_migration *list, int count,
                          struct kn_error *err);

/* What is built into the program, from src/store/schema/KIND/NUMBER_NAME.sql. */
const struct kn_migration *kn_schema(enum kn_database_kind kind, int *ret_count);

/* The same for both kinds of database. */
#define KN_SCHEMA_TABLE                                                                            \
    "CREATE TABLE IF NOT EXISTS kirinuki_schema (version BIGINT PRIMARY KEY, "                     \
    "at_us BIGINT NOT NULL, name TEXT NOT NULL)"
#define KN_SCHEMA_VERSION "SELECT max(version) FROM kirinuki_schema"

enum { KN_MIGRATION_WAIT_MS = 60000 }; /* for another process that migrates, at least */

#endif
