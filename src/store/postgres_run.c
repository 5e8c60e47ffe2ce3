/*
 * Reads are cut into segments that are handed to the connections; each ends with a Sync. The
 * transaction is one segment as well: PostgreSQL takes all statements up to a Sync for one
 * transaction, so its writes cost one round trip, and it is committed by its Sync or not at all.
 * Everything is sent before the first answer is awaited, by one loop over all sockets that reads
 * while it writes: neither side can block the other by full buffers.
 *
 * When a statement fails, the server passes over what follows up to the Sync. So what is left open
 * after an attempt is tried again in another way:
 *
 *   reads that were passed over       once more, with a Sync after each
 *   a statement over many rows        each row by itself, so that the one to blame is named
 *   prepared statements that are lost never again on this database: it is behind a pooler
 *   deadlocks                         until the wait is over
 *   a broken connection               once, unless the Sync of the transaction was on its way
 */
#include "store/postgres_attempt.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "store/postgres_rows.h"

enum {
    READS_A_LINK = 128, /* worth one more connection */
    ATTEMPTS_MOST = 8,  /* without deadlocks */
    STOP_MS = 600,      /* for the server to say that it has stopped */
    LONGEST_PAUSE_MS = 64,
};

/* ---- connections ---- */

static void add_link(struct kn_postgres_run *run, struct kn_postgres_link *link)
{
    if (link && !kn_postgres_link_alive(link)) {
        kn_postgres_link_close(link);
        link = NULL;
    }
    if (link)
        link->stale = true;
    else
        link = kn_postgres_link_start(&run->db->place, run->batch->cancel);
    if (link->pg)
        link->deadline_us = kn_now_us() + run->db->place.wait_ms * 1000;
    run->links[run->link_count++] = link;
}

/* One more where the transaction has company, and one for every so many reads. */
static int links_wanted(const struct kn_postgres_run *run)
{
    int reads = (run->reads.count + READS_A_LINK - 1) / READS_A_LINK;
    return KN_CLAMP(reads + (run->transaction == WAITING), 1, run->db->connections);
}

static enum kn_status take_links(struct kn_postgres_run *run, struct kn_error *err)
{
    void *thing;
    enum kn_status status =
        kn_pool_take(&run->db->links, run->db->place.wait_ms, run->batch->cancel, &thing);
    if (status == KN_CANCELLED)
        return kn_cancel_check(run->batch->cancel, err);
    if (status != KN_OK)
        return kn_error_set(err, status, "no connection to %s became free in time",
                            run->db->place.shown);
    add_link(run, thing);
    /* Others only where nobody has to wait for them. */
    for (int more = links_wanted(run) - 1; more > 0; more--) {
        if (!kn_pool_try_take(&run->db->links, true, &thing))
            break;
        add_link(run, thing);
    }
    return KN_OK;
}

static void give_links(struct kn_postgres_run *run)
{
    for (int i = 0; i < run->link_count; i++) {
        struct kn_postgres_link *link = run->links[i];
        /* A request to cancel may still be on its way and hit whoever uses the connection next. */
        bool spoiled = link->broken || link->spoiled || run->stopping || kn_postgres_reply(link);
        if (spoiled)
            kn_postgres_link_close(link);
        kn_pool_give(&run->db->links, spoiled ? NULL : link);
    }
    run->link_count = 0;
}

void kn_postgres_break(struct kn_postgres_run *run, struct kn_postgres_link *link)
{
    if (link->broken)
        return;
    link->broken = true;
    run->broke = true;
    kn_postgres_broken(&run->db->place, &run->why);
    if (run->transaction_link != link || run->transaction != SENT)
        return;
    /* The Sync is the last to be sent; and who had taken leave before never read it. */
    run->transaction = link->unsent || link->ending ? REPEAT : UNKNOWN;
}

bool kn_postgres_usable(const struct kn_postgres_link *link)
{
    return !link->broken && !link->connecting;
}

/* ---- taking answers ---- */

static void store(struct kn_postgres_run *run, const struct kn_reply *reply, const PGresult *result)
{
    struct kn_batch *batch = run->batch;
    const int *numbers = kn_postgres_numbers(run, reply);
    if (reply->count == 1)
        kn_postgres_store(&run->maker, batch, numbers[0], result);
    else if (batch->operations[numbers[0]].statement->access == KN_READ)
        kn_postgres_store_each(&run->maker, batch, numbers, reply->count, result);
    else
        for (int i = 0; i < reply->count; i++)
            kn_rows_store(&run->maker, batch, numbers[i], 0, -1);
}

/* Whether another attempt may help, and how. */
static bool repeatable(struct kn_postgres_run *run, const struct kn_reply *reply,
                       const char *sqlstate)
{
    bool vanished = strcmp(sqlstate, "26000") == 0;
    bool collided = strcmp(sqlstate, "42P05") == 0 && reply->kind == KN_REPLY_PREPARE;
    if ((vanished && reply->sure) || collided)
        atomic_store(&run->db->no_prepare, true);
    if (vanished || collided)
        return true;
    if (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0) {
        run->conflict = true;
        return true;
    }
    /* "cached plan must not change result type": the tables have changed since it was prepared. */
    return strcmp(sqlstate, "0A000") == 0 && reply->sure;
}

static void transaction_failed(struct kn_postgres_run *run, const struct kn_reply *reply,
                               bool again, const struct kn_error *why)
{
    if (run->transaction != SENT)
        return;
    bool of_one = reply->kind == KN_REPLY_RUN || reply->kind == KN_REPLY_PREPARE;
    run->failed_number = of_one ? *kn_postgres_numbers(run, reply) : -1;
    run->failed_why = *why;
    run->transaction = again ? REPEAT : FAILED;
}

static void failed(struct kn_postgres_run *run, struct kn_postgres_link *link,
                   const struct kn_reply *reply, const PGresult *result)
{
    char sqlstate[6];
    struct kn_error why;
    kn_postgres_error(&run->db->place, result, sqlstate, &why);
    if (reply->prepared >= 0 && reply->kind != KN_REPLY_SYNC) {
        /* Whatever it was: a fresh preparation next time costs nothing. */
        struct kn_postgres_prepared *prepared = &link->prepared.at[reply->prepared];
        prepared->gone = !prepared->there || strcmp(sqlstate, "26000") == 0;
        if (strcmp(sqlstate, "0A000") == 0)
            link->spoiled = true;
    }
    if (!sqlstate[0])
        return; /* it broke, which the socket will tell as well */
    if (kn_postgres_ends(result)) {
        /* In the place of a statement's answer: the server did not come to the Sync. */
        if (reply->transaction && reply->kind != KN_REPLY_SYNC && run->transaction == SENT)
            run->transaction = REPEAT;
        kn_postgres_break(run, link);
        run->why = why;
        return;
    }
    bool again =
        repeatable(run, reply, sqlstate) || (run->stopping && strcmp(sqlstate, "57014") == 0);
    if (reply->count > 1)
        again = run->row_by_row = true;
    if (again)
        run->why = why;
    if (reply->transaction)
        transaction_failed(run, reply, again, &why);
    else if (!again && kn_batch_open(run->batch, *kn_postgres_numbers(run, reply)))
        kn_batch_fail(run->batch, *kn_postgres_numbers(run, reply), &why);
}

static void take_result(struct kn_postgres_run *run, struct kn_postgres_link *link,
                        struct kn_reply *reply, const PGresult *result)
{
    reply->answered = true;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        if (reply->transaction && run->transaction == SENT)
            run->transaction = COMMITTED;
        break;
    case PGRES_PIPELINE_ABORTED:
        if (reply->kind == KN_REPLY_PREPARE)
            link->prepared.at[reply->prepared].gone = true;
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (reply->kind == KN_REPLY_PREPARE)
            link->prepared.at[reply->prepared].there = true;
        else if (reply->kind == KN_REPLY_RUN)
            store(run, reply, result);
        break;
    default:
        failed(run, link, reply, result);
    }
}

/* All that have come. A NULL ends the results of a statement; one that ends nothing can stand
 * before a Sync's result, and a second one in a row says that there is no more. */
static void take_results(struct kn_postgres_run *run, struct kn_postgres_link *link)
{
    struct kn_reply *reply;
    int nothing = 0;
    while ((reply = kn_postgres_reply(link)) && !link->broken && nothing < 2 &&
           !PQisBusy(link->pg)) {
        PGresult *result = PQgetResult(link->pg);
        bool synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result)
            take_result(run, link, reply, result);
        bool over = synced || (!result && reply->answered && reply->kind != KN_REPLY_SYNC);
        if (over && reply->kind == KN_REPLY_RUN && !reply->transaction)
            link->reads -= reply->count;
        if (over)
            kn_postgres_reply_pop(link);
        nothing = result || over ? 0 : nothing + 1;
        PQclear(result);
    }
}

/* ---- waiting ---- */

static bool awaits_something(const struct kn_postgres_run *run)
{
    bool to_do = run->next_read < run->reads.count || run->transaction == WAITING;
    for (int i = 0; i < run->link_count; i++) {
        struct kn_postgres_link *link = run->links[i];
        if (link->broken)
            continue;
        if (kn_postgres_reply(link) || (link->connecting && to_do && !run->stopping))
            return true;
    }
    return false;
}

static void *send_cancel(void *arg)
{
    PGcancel *cancel = arg;
    char reason[256];
    (void)PQcancel(cancel, reason, sizeof reason); /* who waits has a deadline of its own */
    PQfreeCancel(cancel);
    return NULL;
}

/* On a thread of its own, because libpq connects for it and has no limit for that. */
static void ask_to_stop(struct kn_postgres_link *link)
{
    pthread_t thread;
    PGcancel *cancel = PQgetCancel(link->pg);
    if (!cancel)
        return;
    if (kn_thread_start(&thread, "kn-cancel", send_cancel, cancel) == 0)
        pthread_detach(thread);
    else
        PQfreeCancel(cancel);
}

static void look_for_cancel(struct kn_postgres_run *run)
{
    if (!run->stopping && kn_cancel_requested(run->batch->cancel)) {
        run->stopping = true;
        run->stop_by_us = kn_now_us() + STOP_MS * 1000;
        for (int i = 0; i < run->link_count; i++)
            if (kn_postgres_usable(run->links[i]) && kn_postgres_reply(run->links[i]))
                ask_to_stop(run->links[i]);
    }
    if (run->stopping && kn_now_us() >= run->stop_by_us)
        for (int i = 0; i < run->link_count; i++)
            kn_postgres_break(run, run->links[i]);
}

static short events_of(struct kn_postgres_link *link)
{
    if (link->connecting)
        return link->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    return (short)((kn_postgres_reply(link) ? POLLIN : 0) | (link->unsent ? POLLOUT : 0));
}

static int poll_ms(const struct kn_postgres_run *run)
{
    int64_t until_us = INT64_MAX;
    for (int i = 0; i < run->link_count; i++)
        if (run->links[i]->connecting && !run->links[i]->broken)
            until_us = KN_MIN(until_us, run->links[i]->deadline_us);
    if (run->stopping)
        until_us = KN_MIN(until_us, run->stop_by_us);
    if (until_us == INT64_MAX)
        return -1;
    return (int)KN_CLAMP((until_us - kn_now_us()) / 1000 + 1, 0, INT32_MAX);
}

static void connect_further(struct kn_postgres_run *run, struct kn_postgres_link *link, bool ready)
{
    enum kn_status status = KN_OK;
    if (ready)
        status = kn_postgres_link_step(link, &run->db->place, &run->why);
    else if (kn_now_us() >= link->deadline_us)
        status = kn_postgres_link_late(&run->db->place, &run->why);
    if (status != KN_OK) {
        link->broken = true;
        run->broke |= link->stale; /* a fresh one may fare better */
        run->later |= link->pg && kn_postgres_says_later(link->pg);
    }
}

static void serve(struct kn_postgres_run *run, struct kn_postgres_link *link, short events)
{
    if (link->connecting) {
        connect_further(run, link, events != 0);
        return;
    }
    if (events & (POLLIN | POLLERR | POLLHUP)) {
        bool good = PQconsumeInput(link->pg);
        take_results(run, link);
        if (!good || PQstatus(link->pg) == CONNECTION_BAD)
            kn_postgres_break(run, link);
    }
    if (!link->broken && link->unsent && !kn_postgres_flush(link))
        kn_postgres_break(run, link);
}

static void wait_and_serve(struct kn_postgres_run *run)
{
    struct pollfd fds[KN_CONNECTIONS_MOST + 1];
    struct kn_cancel *cancel = run->batch->cancel;
    int count = run->link_count, ms = poll_ms(run);
    for (int i = 0; i < count; i++) {
        struct kn_postgres_link *link = run->links[i];
        int fd = link->broken ? -1 : PQsocket(link->pg);
        fds[i] = (struct pollfd){.fd = fd, .events = fd < 0 ? 0 : events_of(link)};
    }
    fds[count] = (struct pollfd){.fd = run->stopping ? -1 : kn_cancel_fd(cancel), .events = POLLIN};
    if (cancel && fds[count].fd < 0 && (ms < 0 || ms > 100))
        ms = 100; /* no descriptor could be had, or it would wake without end */
    if (poll(fds, (nfds_t)count + 1, ms) < 0)
        return; /* a signal */
    look_for_cancel(run);
    for (int i = 0; i < count; i++)
        if (!run->links[i]->broken)
            serve(run, run->links[i], fds[i].revents);
}

/* ---- attempts ---- */

static void begin_attempt(struct kn_postgres_run *run)
{
    struct kn_batch *batch = run->batch;
    kn_vec_clear(&run->reads);
    for (int i = 0; i < batch->read_count; i++)
        if (kn_batch_open(batch, batch->reads[i]))
            kn_vec_push(&run->reads, batch->reads[i]);
    run->next_read = 0;
    if (run->transaction == REPEAT)
        run->transaction = WAITING;
    run->transaction_link = NULL;
    run->broke = run->conflict = run->later = false;
    run->failed_number = -1;
    run->attempts++;
}

/* False: there is nothing to try it on. */
static bool attempt(struct kn_postgres_run *run)
{
    begin_attempt(run);
    if (take_links(run, &run->why) != KN_OK)
        return false;
    for (;;) {
        kn_postgres_give_work(run);
        if (!awaits_something(run))
            break;
        wait_and_serve(run);
    }
    int connected = 0;
    for (int i = 0; i < run->link_count; i++)
        connected += !run->links[i]->connecting;
    give_links(run);
    return connected > 0 || run->broke;
}

static bool finished(const struct kn_postgres_run *run)
{
    for (int i = 0; i < run->batch->read_count; i++)
        if (kn_batch_open(run->batch, run->batch->reads[i]))
            return false;
    return run->transaction != WAITING && run->transaction != REPEAT;
}

static void give_up(struct kn_postgres_run *run, const struct kn_error *why)
{
    kn_batch_fail_reads(run->batch, why);
    if (run->transaction == WAITING || run->transaction == REPEAT)
        kn_batch_undo(run->batch, run->transaction == REPEAT ? run->failed_number : -1, why);
}

/* Whether what is left may be tried again; sets how. */
static bool try_again(struct kn_postgres_run *run, bool connected)
{
    struct kn_error stop;
    if (run->stopping || kn_cancel_requested(run->batch->cancel)) {
        (void)kn_cancel_check(run->batch->cancel, &stop);
        run->failed_number = -1;
        give_up(run, &stop);
        return false;
    }
    run->singly = true; /* reads that are left were passed over */
    if (run->conflict) {
        int pause_ms = KN_MIN(1 << KN_MIN(run->conflicts, 10), LONGEST_PAUSE_MS);
        run->conflicts++;
        run->attempts--;
        (void)kn_cancel_wait_ms(run->batch->cancel, pause_ms);
    }
    bool in_time = kn_now_us() < run->deadline_us;
    if (!connected && run->later && in_time) {
        run->attempts--;
        (void)kn_cancel_wait_ms(run->batch->cancel, KN_POSTGRES_LATER_MS);
        return true; /* which looks at the cancel again */
    }
    bool late = run->conflict && !in_time;
    if (connected && !late && !(run->broke && run->breaks++) && run->attempts < ATTEMPTS_MOST)
        return true;
    give_up(run, &run->why);
    return false;
}

static void settle(struct kn_postgres_run *run)
{
    struct kn_error lost;
    switch (run->transaction) {
    case FAILED:
        if (run->failed_number < 0)
            kn_error_add(&run->failed_why, "nothing was written");
        kn_batch_undo(run->batch, run->failed_number, &run->failed_why);
        break;
    case UNKNOWN:
        kn_error_set(&lost, KN_LOST,
                     "the connection to %s broke while the transaction was being committed, so it "
                     "may have happened or not",
                     run->db->place.shown);
        kn_batch_undo(run->batch, -1, &lost);
        break;
    default:
        break;
    }
}

void kn_postgres_run(struct kn_postgres *db, struct kn_batch *batch)
{
    struct kn_postgres_run run = {
        .db = db, .batch = batch, .deadline_us = kn_now_us() + db->place.wait_ms * 1000};
    run.transaction = batch->write_count ? WAITING : COMMITTED;
    kn_error_set(&run.why, KN_REMOTE, "%s gave no answer that can be used", db->place.shown);
    bool connected;
    do
        connected = attempt(&run);
    while (!finished(&run) && try_again(&run, connected));
    settle(&run);
    kn_vec_free(&run.reads);
    kn_postgres_parameters_free(&run.parameters);
    kn_rows_maker_free(&run.maker);
}
