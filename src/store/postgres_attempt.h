/*
 * What the parts of a run share: one batch on its way to the server. Nobody else includes this.
 */
#ifndef KN_STORE_POSTGRES_ATTEMPT_H
#define KN_STORE_POSTGRES_ATTEMPT_H

#include "store/postgres_run.h"

enum kn_pg_transaction {
    WAITING, /* not sent in this attempt */
    SENT,
    REPEAT, /* undone, and worth another attempt */
    COMMITTED,
    FAILED,
    UNKNOWN, /* the connection broke: it may have happened or not */
};

struct kn_postgres_run {
    struct kn_postgres *db;
    struct kn_batch *batch;
    struct kn_postgres_parameters parameters;
    struct kn_rows_maker maker;
    struct kn_postgres_link *links[KN_CONNECTIONS_MOST];
    int link_count;

    /* How to try. */
    bool singly;     /* a Sync after each read */
    bool row_by_row; /* no statements over many rows */
    int attempts, breaks, conflicts;
    int64_t deadline_us;

    /* This attempt. */
    KN_VEC(int) reads; /* open ones, early ones first */
    int next_read;     /* of them, to be sent */
    enum kn_pg_transaction transaction;
    struct kn_postgres_link *transaction_link;
    int failed_number; /* whom the transaction failed because of, or -1 */
    struct kn_error failed_why;
    bool broke, conflict, later;
    struct kn_error why; /* the last of these, and of connecting */

    bool stopping;
    int64_t stop_by_us;
};

/* Neither broken nor still connecting. */
bool kn_postgres_usable(const struct kn_postgres_link *link);
void kn_postgres_break(struct kn_postgres_run *run, struct kn_postgres_link *link);
/* The operations that a reply is about. */
const int *kn_postgres_numbers(const struct kn_postgres_run *run, const struct kn_reply *reply);
/* Sends what can be sent by now: the transaction once no early read is open, and reads. */
void kn_postgres_give_work(struct kn_postgres_run *run);

#endif
