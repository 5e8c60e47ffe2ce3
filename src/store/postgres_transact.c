/*
 * Transactions in which one statement decides about the next (src/store/transaction.h), on one
 * connection of the pool. BEGIN and the limits of waiting travel with the first statement, so each
 * statement is one round trip, and COMMIT is one more. A Sync after each, which commits nothing
 * within BEGIN and COMMIT, lets the server count how long we are idle.
 *
 * A statement that fails leaves the pipeline passed over up to its Sync, and the transaction to be
 * rolled back after it; both are done before the connection is given back.
 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "store/postgres_rows.h"
#include "store/postgres_run.h"

enum { ATTEMPTS_MOST = 8, LONGEST_PAUSE_MS = 64, POLL_MS = 100 };

struct transact {
    struct kn_transaction base;
    struct kn_postgres *db;
    struct kn_postgres_link *link;
    struct kn_cancel *cancel;
    struct kn_batch batch; /* of the statement in work, for kn_postgres_store */
    struct kn_postgres_parameters parameters;
    struct kn_rows_maker maker;
    bool begun;
    bool failed;   /* the server passes over what comes */
    bool conflict; /* may succeed when tried again */
    bool vanished; /* prepared statements were: once more without them */
    bool committing;
};

/* ---- sending ---- */

static bool send_one(struct transact *t, const char *name, const char *sql,
                     const struct kn_value *values, int count, enum kn_reply_kind kind)
{
    struct kn_operation operation = {.value_count = count, .values = values};
    struct kn_reply reply = {.kind = kind, .transaction = true, .count = 1};
    kn_postgres_parameters_one(&t->parameters, &operation);
    return kn_postgres_send(t->link, name, sql, &t->parameters, !atomic_load(&t->db->no_prepare),
                            reply);
}

/* Between two statements a process may be stopped, or its machine fall asleep, with locks that all
 * others wait for. The server ends such a transaction before they lose their patience. */
#define LIMITS                                                                                     \
    "SELECT set_config('lock_timeout', $1, true),"                                                 \
    " set_config('idle_in_transaction_session_timeout', $2, true)"

static bool send_begin(struct transact *t)
{
    int64_t wait_ms = t->db->place.wait_ms;
    const struct kn_value limits[] = {
        {.type = KN_VALUE_INTEGER, .integer = wait_ms},
        {.type = KN_VALUE_INTEGER, .integer = KN_MAX(wait_ms / 2, 1)},
    };
    t->begun = true;
    return send_one(t, "begin", "BEGIN", NULL, 0, KN_REPLY_SETTING) &&
           send_one(t, "limits", LIMITS, limits, KN_COUNT_OF(limits), KN_REPLY_SETTING);
}

/* ---- taking answers ---- */

static void note_error(struct transact *t, const struct kn_reply *reply, const PGresult *result,
                       struct kn_error *err)
{
    char sqlstate[6];
    struct kn_error why;
    kn_postgres_error(&t->db->place, result, sqlstate, &why);
    if (!t->failed && err)
        *err = why; /* the first one is the reason of all */
    t->failed = true;
    if (!sqlstate[0]) {
        t->link->broken = true;
        return;
    }
    bool vanished = strcmp(sqlstate, "26000") == 0 && reply->sure;
    bool collided = strcmp(sqlstate, "42P05") == 0 && reply->kind == KN_REPLY_PREPARE;
    bool outdated = strcmp(sqlstate, "0A000") == 0 && reply->sure;
    if (vanished || collided)
        atomic_store(&t->db->no_prepare, true);
    if (reply->prepared >= 0 && reply->kind != KN_REPLY_SYNC)
        t->link->spoiled = true; /* what it has prepared is not sure any more */
    t->vanished |= vanished || collided || outdated;
    t->conflict |= strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

static void take_result(struct transact *t, struct kn_reply *reply, const PGresult *result,
                        struct kn_error *err)
{
    reply->answered = true;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        break;
    case PGRES_PIPELINE_ABORTED:
        if (reply->kind == KN_REPLY_PREPARE)
            t->link->prepared.at[reply->prepared].gone = true;
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (reply->kind == KN_REPLY_PREPARE)
            t->link->prepared.at[reply->prepared].there = true;
        else if (reply->kind == KN_REPLY_RUN)
            kn_postgres_store(&t->maker, &t->batch, 0, result);
        break;
    default:
        note_error(t, reply, result, err);
    }
}

static void take_results(struct transact *t, struct kn_error *err)
{
    struct kn_reply *reply;
    while ((reply = kn_postgres_reply(t->link)) && !PQisBusy(t->link->pg)) {
        PGresult *result = PQgetResult(t->link->pg);
        bool synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result)
            take_result(t, reply, result, err);
        bool over = synced || (!result && reply->answered && reply->kind != KN_REPLY_SYNC);
        if (over)
            kn_postgres_reply_pop(t->link);
        PQclear(result);
        if (!result && !over)
            break;
    }
}

static enum kn_status broke(struct transact *t, struct kn_error *err)
{
    t->link->broken = true;
    return kn_postgres_broken(&t->db->place, err);
}

/* Sends what is queued and takes all its answers. */
static enum kn_status converse(struct transact *t, struct kn_error *err)
{
    struct kn_postgres_link *link = t->link;
    if (!kn_postgres_flush(link))
        return broke(t, err);
    while (kn_postgres_reply(link)) {
        short events = (short)(POLLIN | (link->unsent ? POLLOUT : 0));
        struct pollfd fds[] = {{.fd = PQsocket(link->pg), .events = events},
                               {.fd = kn_cancel_fd(t->cancel), .events = POLLIN}};
        int got = poll(fds, KN_COUNT_OF(fds), t->cancel ? POLL_MS : -1);
        if (!t->committing && kn_cancel_requested(t->cancel)) {
            link->broken = true; /* nothing is committed by it any more */
            return kn_cancel_check(t->cancel, err);
        }
        if (got <= 0)
            continue;
        bool good = !(fds[0].revents & (POLLIN | POLLERR | POLLHUP)) || PQconsumeInput(link->pg);
        take_results(t, err);
        if (!good || link->broken || PQstatus(link->pg) == CONNECTION_BAD)
            return broke(t, err);
        if (link->unsent && !kn_postgres_flush(link))
            return broke(t, err);
    }
    return t->failed ? (err ? err->status : KN_INTERNAL) : KN_OK;
}

static enum kn_status run_statement(struct kn_transaction *base,
                                    const struct kn_statement *statement,
                                    const struct kn_value *values, int count,
                                    struct kn_rows *ret_rows, struct kn_error *err)
{
    struct transact *t = KN_CONTAINER(base, struct transact, base);
    struct kn_operation operation = {
        .statement = statement, .value_count = count, .values = values};
    struct kn_error own;
    t->batch.operations = &operation;
    bool sent = (t->begun || send_begin(t)) &&
                send_one(t, statement->name, kn_statement_text(statement, KN_DATABASE_POSTGRES),
                         values, count, KN_REPLY_RUN) &&
                kn_postgres_sync(t->link, true); /* or the limit of idleness would not hold */
    if (!sent)
        return broke(t, err);
    enum kn_status status = converse(t, err ? err : &own);
    if (status == KN_OK && ret_rows)
        *ret_rows = operation.rows;
    return status;
}

/* ---- the transaction ---- */

static enum kn_status end_with(struct transact *t, const char *word, struct kn_error *err)
{
    struct kn_error own;
    t->failed = false;
    bool sent = (!word || send_one(t, word, word, NULL, 0, KN_REPLY_SETTING)) &&
                kn_postgres_sync(t->link, true);
    return sent ? converse(t, err ? err : &own) : broke(t, err);
}

static enum kn_status commit(struct transact *t, struct kn_error *err)
{
    t->committing = true; /* from here on it is not given up */
    enum kn_status status = end_with(t, "COMMIT", err);
    if (status != KN_OK && t->link->broken)
        return kn_error_set(err, KN_LOST,
                            "the connection to %s broke while the transaction was being "
                            "committed, so it may have happened or not",
                            t->db->place.shown);
    return status;
}

static void roll_back(struct transact *t)
{
    if (t->link->broken || !t->begun)
        return;
    t->committing = true;
    if (end_with(t, t->failed ? NULL : "ROLLBACK", NULL) == KN_OK &&
        PQtransactionStatus(t->link->pg) == PQTRANS_IDLE)
        return;
    if (end_with(t, "ROLLBACK", NULL) != KN_OK || PQtransactionStatus(t->link->pg) != PQTRANS_IDLE)
        t->link->broken = true;
}

static enum kn_status take_link(struct transact *t, struct kn_error *err)
{
    void *thing;
    struct kn_postgres *db = t->db;
    enum kn_status status = kn_pool_take(&db->links, db->place.wait_ms, t->cancel, &thing);
    if (status == KN_CANCELLED)
        return kn_cancel_check(t->cancel, err);
    if (status != KN_OK)
        return kn_error_set(err, status, "no connection to %s became free in time",
                            db->place.shown);
    struct kn_postgres_link *link = thing;
    if (link && !kn_postgres_link_alive(link)) {
        kn_postgres_link_close(link);
        link = NULL;
    }
    if (!link)
        link = kn_postgres_link_start(&db->place, t->cancel);
    status = kn_postgres_link_await(link, &db->place, t->cancel, err);
    if (status != KN_OK) {
        kn_postgres_link_close(link);
        kn_pool_give(&db->links, NULL);
        return status;
    }
    t->link = link;
    return KN_OK;
}

static void give_link(struct transact *t)
{
    struct kn_postgres_link *link = t->link;
    bool spoiled = link->broken || link->spoiled || kn_postgres_reply(link);
    if (spoiled)
        kn_postgres_link_close(link);
    kn_pool_give(&t->db->links, spoiled ? NULL : link);
    t->link = NULL;
}

/* *ret_broke: the connection did, and nothing was committed. */
static enum kn_status attempt(struct transact *t, kn_transaction_fn *run, void *arg,
                              bool *ret_broke, struct kn_error *err)
{
    t->begun = t->failed = t->conflict = t->vanished = t->committing = false;
    *ret_broke = false;
    enum kn_status status = take_link(t, err);
    if (status != KN_OK)
        return status;
    status = run(&t->base, arg, err);
    if (status == KN_OK && t->begun)
        status = commit(t, err);
    else if (status != KN_OK) {
        *ret_broke = t->link->broken && status != KN_CANCELLED;
        roll_back(t);
    }
    give_link(t);
    return status;
}

enum kn_status kn_postgres_transact(struct kn_postgres *db, kn_transaction_fn *run, void *arg,
                                    struct kn_arena *arena, struct kn_cancel *cancel,
                                    struct kn_error *err)
{
    struct transact t = {
        .base = {.kind = KN_DATABASE_POSTGRES, .arena = arena, .run = run_statement},
        .db = db,
        .cancel = cancel,
        .batch = {.count = 1, .arena = arena, .cancel = cancel, .failed_write = -1},
    };
    int64_t deadline_us = kn_now_us() + db->place.wait_ms * 1000;
    int conflicts = 0, others = 0, breaks = 0;
    enum kn_status status;
    pthread_mutex_init(&t.batch.lock, NULL);
    for (;;) {
        bool gone;
        status = attempt(&t, run, arg, &gone, err);
        if (status == KN_OK || status == KN_CANCELLED)
            break;
        bool again = (t.conflict && kn_now_us() < deadline_us) ||
                     (t.vanished && others++ < ATTEMPTS_MOST) || (gone && !breaks++);
        if (!again)
            break;
        if (t.conflict) {
            (void)kn_cancel_wait_ms(cancel, KN_MIN(1 << KN_MIN(conflicts, 10), LONGEST_PAUSE_MS));
            conflicts++;
        }
    }
    kn_postgres_parameters_free(&t.parameters);
    kn_rows_maker_free(&t.maker);
    pthread_mutex_destroy(&t.batch.lock);
    return status;
}
