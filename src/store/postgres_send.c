/*
 * What goes to the server, and on which connection: segments of reads, each up to a Sync, and the
 * transaction. Equal operations that follow each other become one statement over arrays.
 */
#include "store/postgres_attempt.h"

#include "base/memory.h"

enum {
    SEGMENT_MOST = 256, /* reads up to one Sync */
    SEGMENT_LEAST = 16,
    READS_IN_FLIGHT = 2048,  /* on a connection: bounds its buffers */
    ROWS_A_STATEMENT = 5000, /* of writes that are joined; reads by segments */
};

/* For this transaction: no state of a session, which a pooler would hand to somebody else. Where a
 * table has one row and no index, "no sequential scan" is a cost that JIT would rise to. */
#define LOCK_LIMIT "SELECT set_config('lock_timeout', $1, true)"
#define STEADY                                                                                     \
    LOCK_LIMIT ", set_config('plan_cache_mode', 'force_generic_plan', true),"                      \
               " set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"

static bool early_reads_open(const struct kn_postgres_run *run)
{
    for (int i = 0; i < run->batch->early_count; i++)
        if (kn_batch_open(run->batch, run->batch->reads[i]))
            return true;
    return false;
}

/* The one with the fewest reads in flight; beside the transaction only where there is no other. */
static struct kn_postgres_link *least_busy(const struct kn_postgres_run *run)
{
    struct kn_postgres_link *best = NULL, *last = NULL;
    for (int i = 0; i < run->link_count; i++) {
        struct kn_postgres_link *link = run->links[i];
        if (!kn_postgres_usable(link))
            continue;
        if (link == run->transaction_link)
            last = link;
        else if (!best || link->reads < best->reads)
            best = link;
    }
    return best ? best : last;
}

static int segment_size(const struct kn_postgres_run *run)
{
    int share = (run->reads.count + run->link_count - 1) / run->link_count;
    return run->singly ? 1 : KN_CLAMP(share, SEGMENT_LEAST, SEGMENT_MOST);
}

static bool joinable(const struct kn_operation *operation)
{
    if (!operation->statement->many || !operation->value_count)
        return false;
    for (int i = 0; i < operation->value_count; i++)
        if (operation->values[i].type == KN_VALUE_INTEGERS ||
            operation->values[i].type == KN_VALUE_TEXTS)
            return false;
    return true;
}

/* How many of these operations, from the first on, can be one statement. */
static int equal_ones(const struct kn_postgres_run *run, const int *numbers, int count)
{
    const struct kn_operation *operations = run->batch->operations;
    const struct kn_operation *first = &operations[numbers[0]];
    int equal = 1;
    if (run->row_by_row || !joinable(first))
        return 1;
    for (; equal < KN_MIN(count, ROWS_A_STATEMENT); equal++) {
        const struct kn_operation *next = &operations[numbers[equal]];
        if (next->statement != first->statement || next->value_count != first->value_count ||
            !joinable(next))
            break;
    }
    return equal;
}

const int *kn_postgres_numbers(const struct kn_postgres_run *run, const struct kn_reply *reply)
{
    return reply->transaction ? &run->batch->writes[reply->first] : &run->reads.at[reply->first];
}

/* Sends operations from `first` of their list on as one statement; returns how many, 0: broken. */
static int send_equal_ones(struct kn_postgres_run *run, struct kn_postgres_link *link,
                           bool transaction, int first, int count)
{
    struct kn_reply reply = {.kind = KN_REPLY_RUN, .transaction = transaction, .first = first};
    const int *numbers = kn_postgres_numbers(run, &reply);
    const struct kn_operation *operation = &run->batch->operations[numbers[0]];
    const struct kn_statement *statement = operation->statement;
    const char *sql = statement->many;
    reply.count = equal_ones(run, numbers, count);
    if (reply.count > 1) {
        kn_postgres_parameters_many(&run->parameters, run->batch->operations, numbers, reply.count);
    } else {
        kn_postgres_parameters_one(&run->parameters, operation);
        sql = kn_statement_text(statement, KN_DATABASE_POSTGRES);
    }
    bool sent = kn_postgres_send(link, statement->name, sql, &run->parameters,
                                 !atomic_load(&run->db->no_prepare), reply);
    return sent ? reply.count : 0;
}

static bool send_segment(struct kn_postgres_run *run, struct kn_postgres_link *link, int end)
{
    while (run->next_read < end) {
        int sent = send_equal_ones(run, link, false, run->next_read, end - run->next_read);
        if (!sent)
            return false;
        run->next_read += sent;
        link->reads += sent;
    }
    return kn_postgres_sync(link, false);
}

static void send_reads(struct kn_postgres_run *run)
{
    int size = segment_size(run);
    while (run->next_read < run->reads.count) {
        struct kn_postgres_link *link = least_busy(run);
        if (!link || link->reads >= READS_IN_FLIGHT)
            return;
        if (!send_segment(run, link, KN_MIN(run->next_read + size, run->reads.count)))
            kn_postgres_break(run, link);
    }
}

static bool any_steady(const struct kn_batch *batch)
{
    for (int i = 0; i < batch->write_count; i++)
        if (batch->operations[batch->writes[i]].statement->steady)
            return true;
    return false;
}

static bool send_settings(struct kn_postgres_run *run, struct kn_postgres_link *link)
{
    bool steady = any_steady(run->batch);
    struct kn_value wait = {.type = KN_VALUE_INTEGER, .integer = run->db->place.wait_ms};
    struct kn_operation operation = {.value_count = 1, .values = &wait};
    struct kn_reply reply = {.kind = KN_REPLY_SETTING, .transaction = true};
    kn_postgres_parameters_one(&run->parameters, &operation);
    return kn_postgres_send(link, steady ? "steady" : "lock_limit", steady ? STEADY : LOCK_LIMIT,
                            &run->parameters, !atomic_load(&run->db->no_prepare), reply);
}

static bool send_writes(struct kn_postgres_run *run, struct kn_postgres_link *link)
{
    int count = run->batch->write_count, sent;
    if (!send_settings(run, link))
        return false;
    for (int place = 0; place < count; place += sent)
        if (!(sent = send_equal_ones(run, link, true, place, count - place)))
            return false;
    return true;
}

static void send_transaction(struct kn_postgres_run *run)
{
    struct kn_postgres_link *link = least_busy(run);
    if (!link || early_reads_open(run))
        return;
    run->transaction_link = link;
    run->transaction = SENT;
    if (send_writes(run, link) && kn_postgres_sync(link, true))
        return;
    run->transaction = REPEAT; /* without its Sync nothing is committed */
    kn_postgres_break(run, link);
}

void kn_postgres_give_work(struct kn_postgres_run *run)
{
    if (!run->stopping) {
        if (run->transaction == WAITING)
            send_transaction(run);
        send_reads(run);
    }
    for (int i = 0; i < run->link_count; i++) {
        struct kn_postgres_link *link = run->links[i];
        if (kn_postgres_usable(link) && link->unsent && !kn_postgres_flush(link))
            kn_postgres_break(run, link);
    }
}
