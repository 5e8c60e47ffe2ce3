/*
 * A worker's turn: what both kinds of database check, and how SQLite does it.
 *
 * SQLite's transaction has the write lock from its beginning, so what was selected for a claim is
 * still so when it is updated, and a finish whose guards match no row was lost.
 */
#include <string.h>

#include "base/memory.h"
#include "store/store_parts.h"

enum { TURN_MAX = 10000 };

enum kn_status kn_store_turn(struct kn_store *store, struct kn_turn *turn, struct kn_arena *arena,
                             struct kn_cancel *cancel, struct kn_error *err)
{
    turn->claimed = NULL;
    turn->claimed_count = 0;
    if (turn->finish_count < 0 || turn->claim_max < 0 || turn->memory_max_bytes < 0)
        return kn_error_set(err, KN_INVALID, "a turn's counts can't be negative");
    if (turn->finish_count > TURN_MAX || turn->claim_max > TURN_MAX)
        return kn_error_set(err, KN_INVALID, "a turn of more than %d jobs", TURN_MAX);
    if (!turn->finish_count && !turn->claim_max)
        return KN_OK;
    return store->desc->turn(store, turn, arena, cancel, err);
}

enum kn_finish_rule kn_finish_rule(const struct kn_finish *finish)
{
    if (finish->outcome == KN_OK)
        return KN_FINISH_DONE;
    if (finish->outcome == KN_CANCELLED)
        return KN_FINISH_CANCELLED;
    if (finish->back)
        return KN_FINISH_BACK;
    return finish->retry ? KN_FINISH_RETRY : KN_FINISH_FAILED;
}

const char *kn_finish_text(const struct kn_finish *finish)
{
    return finish->text && finish->text[0] ? finish->text : kn_status_meaning(finish->outcome);
}

enum kn_event_kind kn_finish_event(enum kn_job_state state)
{
    switch (state) {
    case KN_JOB_DONE:
        return KN_EVENT_DONE;
    case KN_JOB_FAILED:
        return KN_EVENT_FAILED;
    case KN_JOB_CANCELLED:
        return KN_EVENT_CANCELLED;
    default:
        return KN_EVENT_RETRYING;
    }
}

/* ---- finishing ---- */

#define HELD_BY_US " WHERE id = $1 AND state = 1 AND worker = $2 AND attempt = $3"

static const struct kn_statement finish_done = {
    .name = "finish_done",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = "UPDATE job SET state = 2, stop = 0, finished_us = $4" HELD_BY_US,
};

/* $5: the rule of enum kn_finish_rule. */
static const struct kn_statement finish_other = {
    .name = "finish_other",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = "UPDATE job SET stop = 0, attempts_left = " KN_FINISH_LEFT(
        "$5", "") ","
                  " state = " KN_FINISH_STATE(
                      "$5", "") ","
                                " held_until_us = CASE WHEN " KN_FINISH_AGAIN(
                                    "$5", "") " THEN $6 END,"
                                              " finished_us = CASE WHEN " KN_FINISH_AGAIN(
                                                  "$5", "") " THEN NULL ELSE $4 END" HELD_BY_US
                                                            " RETURNING state",
};

enum kn_status kn_reason_add(struct kn_change *change, int64_t job, int attempt, enum kn_status why,
                             const char *text, struct kn_error *err)
{
    static const struct kn_statement add_reason = {
        .name = "add_reason",
        .access = KN_WRITE,
        .tables = "reason",
        .sql = "INSERT INTO reason (job, attempt, at_us, status, text) VALUES ($1, $2, $3, $4, $5)",
    };
    return kn_change_do(change, &add_reason,
                        KN_VALUES(KN_INT(job), KN_INT(attempt), KN_INT(change->now_us),
                                  kn_text(kn_status_name(why)), kn_text(text)),
                        NULL, err);
}

static enum kn_status end_done(struct kn_change *change, int64_t worker, struct kn_finish *finish,
                               struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(change, &finish_done,
                                         KN_VALUES(KN_INT(finish->job), KN_INT(worker),
                                                   KN_INT(finish->attempt), KN_INT(change->now_us)),
                                         &rows, err);
    if (status != KN_OK)
        return status;
    finish->status = rows.changed ? KN_OK : KN_LOST;
    finish->state = KN_JOB_DONE;
    return KN_OK;
}

static enum kn_status end_other(struct kn_change *change, int64_t worker, struct kn_finish *finish,
                                struct kn_error *err)
{
    struct kn_rows rows;
    const char *text = kn_finish_text(finish);
    enum kn_status status =
        kn_change_do(change, &finish_other,
                     KN_VALUES(KN_INT(finish->job), KN_INT(worker), KN_INT(finish->attempt),
                               KN_INT(change->now_us), KN_INT((int)kn_finish_rule(finish)),
                               KN_INT(finish->retry_us)),
                     &rows, err);
    if (status != KN_OK)
        return status;
    finish->status = rows.count ? KN_OK : KN_LOST;
    if (!rows.count)
        return KN_OK;
    finish->state = (enum kn_job_state)kn_cell_int(&rows, 0, 0);
    kn_change_event(change, kn_finish_event(finish->state), &finish->job, 1, text);
    return kn_reason_add(change, finish->job, finish->attempt, finish->outcome, text, err);
}

static enum kn_status finish_all(struct kn_change *change, struct kn_turn *turn,
                                 struct kn_error *err)
{
    int64_t *done = kn_arena_array(change->arena, (size_t)turn->finish_count + 1, sizeof *done);
    int done_count = 0;
    for (int i = 0; i < turn->finish_count; i++) {
        struct kn_finish *finish = &turn->finishes[i];
        bool ok = finish->outcome == KN_OK;
        enum kn_status status = ok ? end_done(change, turn->worker, finish, err)
                                   : end_other(change, turn->worker, finish, err);
        if (status != KN_OK)
            return status;
        if (ok && finish->status == KN_OK)
            done[done_count++] = finish->job;
    }
    kn_change_event(change, KN_EVENT_DONE, done, done_count, NULL);
    return KN_OK;
}

/* ---- claiming ---- */

static const struct kn_statement may_claim = {
    .name = "may_claim",
    .access = KN_READ,
    .tables = "queue worker",
    .sql = "SELECT paused, EXISTS (SELECT 1 FROM worker WHERE id = $1) FROM queue",
};

static const struct kn_statement select_claimable = {
    .name = "select_claimable",
    .access = KN_READ,
    .tables = "job job_spec",
    .sqlite = KN_JOB_SQLITE "state = 0 AND held_until_us IS NULL"
                            " ORDER BY level DESC, tag, id LIMIT $1",
};

static const struct kn_statement select_only = {
    .name = "select_only",
    .access = KN_READ,
    .tables = "job job_spec",
    .sqlite = KN_JOB_SQLITE "id IN (SELECT value FROM json_each($2)) AND state = 0"
                            " ORDER BY id LIMIT $1",
};

static const struct kn_statement claim_jobs = {
    .name = "claim_jobs",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = "UPDATE job SET state = 1, worker = $2, claimed_us = $3, attempt = attempt + 1,"
              " attempts_left = attempts_left - 1"
              " WHERE id IN (SELECT value FROM json_each($1)) AND state = 0",
};

/* How many from the front fit into the memory. */
static int fitting(const struct kn_rows *rows, const struct kn_turn *turn)
{
    enum { MEMORY_COLUMN = 4 };
    if (!turn->memory_max_bytes)
        return rows->count;
    int64_t left = turn->memory_max_bytes;
    for (int i = 0; i < rows->count; i++) {
        int64_t needs = kn_cell_int(rows, i, MEMORY_COLUMN);
        if (needs > left && !(i == 0 && turn->memory_first))
            return i;
        left -= needs;
    }
    return rows->count;
}

static enum kn_status claim(struct kn_change *change, struct kn_turn *turn, bool *ret_alive,
                            struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &may_claim, KN_VALUES(KN_INT(turn->worker)), &rows, err);
    if (status != KN_OK)
        return status;
    *ret_alive = kn_cell_int(&rows, 0, 1) != 0;
    if (!*ret_alive || (kn_cell_int(&rows, 0, 0) && !turn->only))
        return KN_OK;
    if (turn->only)
        status = kn_change_do(
            change, &select_only,
            KN_VALUES(KN_INT(turn->claim_max), KN_INTS(turn->only, turn->only_count)), &rows, err);
    else
        status =
            kn_change_do(change, &select_claimable, KN_VALUES(KN_INT(turn->claim_max)), &rows, err);
    int count = status != KN_OK ? 0 : turn->only ? rows.count : fitting(&rows, turn);
    if (!count)
        return status;
    turn->claimed = kn_arena_array(change->arena, (size_t)count, sizeof *turn->claimed);
    int64_t *ids = kn_arena_array(change->arena, (size_t)count, sizeof *ids);
    for (int i = 0; i < count; i++) {
        struct kn_job *job = &turn->claimed[i];
        kn_job_of_row(&rows, i, 0, job);
        job->state = KN_JOB_LEASED;
        job->worker = turn->worker;
        job->claimed_us = change->now_us;
        job->attempt++;
        job->attempts_left--;
        ids[i] = job->id;
    }
    turn->claimed_count = count;
    kn_change_event(change, KN_EVENT_CLAIMED, ids, count, NULL);
    return kn_change_do(
        change, &claim_jobs,
        KN_VALUES(KN_INTS(ids, count), KN_INT(turn->worker), KN_INT(change->now_us)), NULL, err);
}

/* ---- SQLite's turn ---- */

struct turn_call {
    struct kn_turn *turn;
    bool alive;
};

static enum kn_status take_turn(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct turn_call *call = arg;
    struct kn_turn *turn = call->turn;
    turn->claimed = NULL;
    turn->claimed_count = 0;
    call->alive = true;
    enum kn_status status = finish_all(change, turn, err);
    if (status == KN_OK && turn->claim_max)
        status = claim(change, turn, &call->alive, err);
    return status;
}

static enum kn_status turn_sqlite(struct kn_store *store, struct kn_turn *turn,
                                  struct kn_arena *arena, struct kn_cancel *cancel,
                                  struct kn_error *err)
{
    struct turn_call call = {.turn = turn};
    enum kn_status status = kn_store_change(store, take_turn, &call, arena, cancel, err);
    if (status != KN_OK) {
        turn->claimed = NULL;
        turn->claimed_count = 0;
        return status;
    }
    return call.alive ? KN_OK : kn_worker_gone(turn->worker, err);
}

const struct kn_store_desc kn_store_sqlite = {.submit = kn_submit_sqlite, .turn = turn_sqlite};
