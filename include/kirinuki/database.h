/*
 * Databases and batches: many statements, as few round trips and commits as they need.
 *
 * A statement is written once, as a constant with a name; an operation is a statement with values;
 * a batch is a list of operations. What a batch means is what running its operations one after the
 * other would mean; how it is run is faster:
 *
 * - Reads that follow no write to a table of theirs run all at once, on several connections, beside
 *   the writes.
 * - Writes keep their order and are one transaction. Equal ones that follow each other become one
 *   statement over many rows where the statement says how (`many`).
 * - A read that follows a write to one of its tables is part of the transaction, in its place: it
 *   sees that write, and none that comes after it in the list. A read with a write to one of its
 *   tables after it, and none before, is answered before the transaction begins.
 *
 * Results come in the order of the list, each with its own status. When one operation of the
 * transaction fails, all of it is undone: that operation has the reason, the others of the
 * transaction are LOST, with a sentence that names it; when it is the commit that fails, all have
 * the reason. Reads outside are not touched by that.
 *
 * Two kinds of databases, told apart by where they are: "postgres://…" or "postgresql://…" is a
 * PostgreSQL server (15 or later; a connection string of libpq, as Supabase shows it), anything
 * else is the path of an SQLite file, made if it is not there ("file:…" is a URI of SQLite's).
 * Other schemes ("mysql://…") and libpq's keywords ("host=…") are INVALID. Any thread may use a
 * database.
 */
#ifndef KIRINUKI_DATABASE_H
#define KIRINUKI_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_database;

enum kn_database_kind { KN_DATABASE_SQLITE, KN_DATABASE_POSTGRES };

struct kn_database_options {
    const char *where; /* see above */
    int connections;   /* most at once; 0: 4; 2 to 64 */
    int64_t wait_ms;   /* longest wait to connect, for a free connection, for a lock; 0: 10 s */
    /* PostgreSQL: keep no prepared statements on connections. Found out by itself where a pooler in
     * transaction mode loses them. */
    bool no_prepare;
};

/*
 * Connects once, to tell now what would fail later. NOT_FOUND: the folder or database is not
 * there; DENIED: no permission, read-only, wrong password, a certificate that is not trusted;
 * INVALID: a folder, a connection string that can't be read; DAMAGED: not a database; MISSING: the
 * server is too old; REMOTE, TIMEOUT: no answer. A sentence never holds the password.
 */
enum kn_status kn_database_open(const struct kn_database_options *options,
                                struct kn_database **ret_database, struct kn_error *err);
void kn_database_close(struct kn_database *database); /* nobody may use it; NULL is fine */
enum kn_database_kind kn_database_kind(const struct kn_database *database);
/* Where it is, fit to show: without a password. Borrowed. */
const char *kn_database_where(const struct kn_database *database);

/* ---- Values and rows ---- */

enum kn_value_type {
    KN_VALUE_NULL,
    KN_VALUE_INTEGER,
    KN_VALUE_REAL,
    KN_VALUE_TEXT,     /* UTF-8 without NUL; JSON goes as text */
    KN_VALUE_INTEGERS, /* a list, as a parameter only */
    KN_VALUE_TEXTS,    /* the same of texts */
};

struct kn_value {
    enum kn_value_type type;
    int count; /* of a list */
    union {
        int64_t integer;
        double real;
        const char *text;
        const int64_t *integers;
        const char *const *texts;
    };
};

struct kn_rows {
    int count, columns;
    const struct kn_value *values; /* values[row * columns + column] */
    int64_t changed; /* rows that a write changed; -1: not known, as it was joined by `many` */
};

/* ---- Statements and batches ---- */

/* What takes locks (SELECT … FOR UPDATE) is a write. */
enum kn_access { KN_READ, KN_WRITE };

/*
 * Parameters are $1, $2 … in every text; each is used at least once. A list is read as
 * `= ANY($1::bigint[])` by PostgreSQL, and by SQLite as the JSON array `json_each($1)`.
 */
struct kn_statement {
    const char *name; /* "claim_jobs": in messages, and of the prepared statement */
    enum kn_access access;
    const char *tables;   /* what it reads or writes, divided by spaces: "job event" */
    const char *sql;      /* for both kinds, or NULL: */
    const char *sqlite;   /* … for this one … */
    const char *postgres; /* … and for this one */
    /* Optional: PostgreSQL's text of the same for many at once, parameters being arrays of equal
     * length. For writes without rows: `INSERT … SELECT * FROM unnest($1::bigint[], $2::text[])`.
     * For reads it numbers the rows by the place in the arrays, from 1, in a first column that is
     * not part of the result, and sorts by it: `SELECT n, name FROM unnest($1::bigint[]) WITH
     * ORDINALITY AS a (id, n) JOIN item USING (id) ORDER BY n`. Operations with lists are not
     * joined. SQLite needs none: a statement costs it no round trip. */
    const char *many;
    /* Of a write: PostgreSQL plans it once on each connection, for all values, and through indexes.
     * For what has to be as fast on full tables as on the empty ones that it was planned on, and
     * would be planned anew for its first values else. */
    bool steady;
};

struct kn_operation {
    const struct kn_statement *statement;
    int value_count;
    const struct kn_value *values; /* borrowed during the call */

    /* Set by kn_batch_run. */
    enum kn_status status;
    struct kn_rows rows; /* in the arena; empty unless status is KN_OK */
    const char *error;   /* in the arena; NULL unless failed */
};

/*
 * Runs a batch; blocks. KN_OK: every operation succeeded. Else the status and the sentence of the
 * first one in the list that failed by itself, with its number (from 1) and name before it. LOST as
 * a whole: the connection broke while the transaction was being committed, so it may have happened
 * or not. CANCELLED: nothing was written, unless the writes are KN_OK by themselves: then the stop
 * came after their commit, while reads were going on. A batch of no operations is fine.
 *
 * INVALID: a value or a constraint forbids it; INTERNAL: the statement is wrong; TIMEOUT: somebody
 * else holds a lock; NO_SPACE, DAMAGED, DENIED, REMOTE as usual.
 *
 * What may be tried again is tried again here: a busy file and a deadlock until `wait_ms` is over,
 * a broken connection once, while nothing was committed.
 */
enum kn_status kn_batch_run(struct kn_database *database, struct kn_operation *operations,
                            int count, struct kn_arena *arena, struct kn_cancel *cancel,
                            struct kn_error *err);

/* ---- Write-behind ---- */

/*
 * Writes that nobody has to wait for at once, so that work and database overlap. Units of writes
 * go into a bounded queue; a thread takes all that are there and commits them together. A unit is
 * written whole or not at all, and units in order; when a group fails, its units are tried one by
 * one, so one's failure is not another's. (But all of a group fail when its outcome is LOST, since
 * none may be written twice, and when the database can't be reached or is full.)
 */
struct kn_writer;

struct kn_writer_options {
    int capacity; /* operations in the queue before producers wait; 0: 1024 */
    /* Hears of each unit that could not be written, on the writer's thread. NULL: nobody does,
     * and kn_writer_flush tells. */
    void (*failed)(void *arg, const struct kn_error *err);
    void *arg;
};

/* Any failure: the thread could not be started. Borrows the database. */
enum kn_status kn_writer_open(struct kn_database *database, const struct kn_writer_options *options,
                              struct kn_writer **ret_writer, struct kn_error *err);
/* Copies the unit, of writes alone, into the queue, waiting for room: one that is larger than the
 * queue waits until that is empty. Any thread. CANCELLED: it was not taken. */
enum kn_status kn_writer_put(struct kn_writer *writer, const struct kn_operation *operations,
                             int count, struct kn_cancel *cancel, struct kn_error *err);
/* Waits until all that was put before is durable. The first failure since the last flush. */
enum kn_status kn_writer_flush(struct kn_writer *writer, struct kn_cancel *cancel,
                               struct kn_error *err);
/* Writes what is left; NULL is fine. */
void kn_writer_close(struct kn_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
