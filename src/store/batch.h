/*
 * A batch on its way: which operations are one transaction, which reads are free, and the outcome
 * of each. Shared by the backends.
 *
 * A read is *early* when a write to one of its tables comes later in the list: it is free, but the
 * transaction begins only after it, or it could see what it must not.
 */
#ifndef KN_STORE_BATCH_H
#define KN_STORE_BATCH_H

#include <pthread.h>

#include <kirinuki/database.h>

#include "base/str.h"
#include "base/vec.h"

struct kn_batch {
    struct kn_operation *operations;
    int count;
    struct kn_cancel *cancel;

    /* Numbers of operations. */
    int *reads;      /* the free ones, early ones first */
    int read_count;  /* all free ones */
    int early_count; /* of them */
    int *writes;     /* the transaction, in order */
    int write_count;

    /* The operation of the transaction that failed by itself; -1: none has. */
    int failed_write;

    pthread_mutex_t lock;   /* a leaf */
    struct kn_arena *arena; /* protected by `lock` while backends read on several threads */
};

/* Plans; takes no outcome yet. Borrows everything. */
void kn_batch_init(struct kn_batch *batch, struct kn_operation *operations, int count,
                   struct kn_arena *arena, struct kn_cancel *cancel);
void kn_batch_free(struct kn_batch *batch);
/* The batch's own outcome, of those of its operations: see kn_batch_run. */
enum kn_status kn_batch_outcome(struct kn_batch *batch, struct kn_error *err);

/* ---- outcomes; any thread, each operation from one at a time ---- */

bool kn_batch_open(const struct kn_batch *batch, int number); /* has none yet */
void kn_batch_fail(struct kn_batch *batch, int number, const struct kn_error *why);
/* What is open of the reads, and of the transaction. */
void kn_batch_fail_reads(struct kn_batch *batch, const struct kn_error *why);
/* The transaction was undone because of operation `number`: it has `why`, the others are LOST,
 * also those that succeeded. -1: because of none of them (the commit failed, the connection
 * broke, it was cancelled): all have `why`. */
void kn_batch_undo(struct kn_batch *batch, int number, const struct kn_error *why);

/* Rows on their way into the arena. Start from {0}; can be used again after kn_rows_store. */
struct kn_rows_maker {
    KN_VEC(struct kn_value) values; /* texts as places in `texts` */
    struct kn_str texts;
};
void kn_rows_add(struct kn_rows_maker *maker, struct kn_value value); /* no texts */
void kn_rows_add_text(struct kn_rows_maker *maker, const char *text, size_t length);
/* The operation succeeded with these rows; empties `maker`. */
void kn_rows_store(struct kn_rows_maker *maker, struct kn_batch *batch, int number, int columns,
                   int64_t changed);
void kn_rows_drop(struct kn_rows_maker *maker); /* empties it */
void kn_rows_maker_free(struct kn_rows_maker *maker);

/* The text of the statement for a kind; asserts that there is one. */
const char *kn_statement_text(const struct kn_statement *statement, enum kn_database_kind kind);

#endif
