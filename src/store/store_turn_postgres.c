/*
 * How PostgreSQL takes turns: one statement, so one round trip and one commit.
 *
 * The parts of a statement see the database as it was at its beginning, and each other only through
 * what they return. So the order of the locks follows from who reads whom: jobs (claimed ones with
 * SKIP LOCKED), and the row `queue` at the very end, for the event ids.
 *
 * Each job costs two new versions of its row, so what is measured in microseconds is looked up as
 * rarely as can be: the rows to claim are found again by their place in the table (ctid), which is
 * sure while they are locked, and jobs that ended well, as most do, are counted and not listed.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "base/sync.h"
#include "store/store_parts.h"

/* clang-format off */
/*
 * $1 worker, $2 now, $3 how many to claim; finishes: $4 ids, $5 attempts, or the attempt of all of
 * them. Then $6 to $8 where the line may begin, $9 the most memory and $10 whether the first job is
 * claimed anyway; or $6 the list of the jobs to claim. Last, where not all that end are done, the
 * columns of ENDED.
 */
#define SEEN                                                                                       \
    "WITH seen AS MATERIALIZED (SELECT placed, paused,"                                            \
    "  EXISTS (SELECT 1 FROM worker WHERE id = $1::bigint) AS alive FROM queue)"

#define ENDED_DONE                                                                                 \
    ", ended AS ("                                                                                 \
    "  UPDATE job SET state = 2, stop = 0, held_until_us = NULL, finished_us = $2::bigint"         \
    "  WHERE id = ANY($4::bigint[]) AND attempt = $5::bigint AND worker = $1::bigint AND state = 1"\
    "  RETURNING id)"

#define AGAIN KN_FINISH_AGAIN("f.rule", "j.")

#define ENDED(rules, times, statuses, texts)                                                       \
    ", ended AS ("                                                                                 \
    "  UPDATE job AS j SET stop = 0, state = " KN_FINISH_STATE("f.rule", "j.") ","                 \
    "    standing = CASE " KN_FINISH_STATE("f.rule", "j.") " WHEN 0 THEN 1 WHEN 2 THEN 2 ELSE 3 END," \
    "    attempts_left = " KN_FINISH_LEFT("f.rule", "j.") ","                                      \
    "    held_until_us = CASE WHEN " AGAIN " THEN f.retry_us END,"                                 \
    "    finished_us = CASE WHEN " AGAIN " THEN NULL ELSE $2::bigint END"                          \
    "  FROM unnest($4::bigint[], $5::bigint[], " rules "::bigint[], " times "::bigint[],"          \
    "    " statuses "::text[], " texts "::text[])"                                                 \
    "    AS f (id, attempt, rule, retry_us, status, text)"                                         \
    "  WHERE j.id = f.id AND j.attempt = f.attempt AND j.worker = $1::bigint AND j.state = 1"      \
    "  RETURNING j.id, j.state, j.attempt, f.rule, f.status, f.text)"

/* From a place in the line on: that of $7 and $8, if queue.placed is $6 still (struct
 * kn_line_start). There is no rank, and so no row, where the worker is gone or the queue paused. */
#define FROM_THE_START(value, otherwise)                                                           \
    "CASE WHEN placed = $6::bigint THEN " value " ELSE " otherwise " END FROM seen"
#define PICKED(columns)                                                                            \
    ", picked AS MATERIALIZED ("                                                                   \
    "  SELECT ctid AS place" columns " FROM job"                                                   \
    "  WHERE " KN_POSTGRES_WAITS " AND (-level, tag) >="                                           \
    "    ((SELECT " FROM_THE_START("-($7::smallint)", "-32768") " WHERE alive AND paused = 0),"    \
    "     (SELECT " FROM_THE_START("$8::bigint", "'-9223372036854775808'::bigint") "))"            \
    "  ORDER BY -level, tag, id LIMIT $3::bigint FOR NO KEY UPDATE SKIP LOCKED)"

/* Of these, whatever else is so. */
#define PICKED_ONLY                                                                                \
    ", picked AS MATERIALIZED ("                                                                   \
    "  SELECT ctid AS place FROM job"                                                              \
    "  WHERE id = ANY($6::bigint[]) AND state = 0 AND (SELECT alive FROM seen)"                    \
    "  ORDER BY id LIMIT $3::bigint FOR NO KEY UPDATE SKIP LOCKED)"

/* The first of them whose memory fits. */
#define FITTING                                                                       \
    ", fitting AS ("                                                                               \
    "  SELECT place FROM (SELECT place, sum(memory_bytes) OVER line AS total,"                     \
    "      row_number() OVER line AS number FROM picked"                                           \
    "      WINDOW line AS (ORDER BY level DESC, tag, id)) AS p"                                    \
    "  WHERE total <= $9::bigint OR (number = 1 AND $10::bigint = 1))"

/* One that changed between the look and the lock is somewhere else, and not claimed: whoever
 * changed it wakes us again. */
#define BEGUN(whom)                                                                                \
    ", begun AS ("                                                                                 \
    "  UPDATE job SET state = 1, standing = 2, worker = $1::bigint, claimed_us = $2::bigint,"                    \
    "    attempt = attempt + 1, attempts_left = attempts_left - 1"                                 \
    "  WHERE ctid = ANY(ARRAY(SELECT place FROM " whom ")) RETURNING " CLAIMED_COLUMNS ")"
/* clang-format on */

/* What the client does not know by itself of a job that it has just claimed. */
#define CLAIMED_COLUMNS                                                                            \
    "id, level, tag, memory_bytes, attempt, attempts_left, attempts_max, held_until_us,"           \
    " submitted_us, waiting_us, key, owner, source, options"

/* A block of events of those that are done and one of those that are claimed. */
#define NOTED_DONE                                                                                 \
    ", lists AS MATERIALIZED ("                                                                    \
    "  SELECT (SELECT array_agg(id) FROM ended) AS done, (SELECT array_agg(id) FROM begun) AS got" \
    "), q AS ("                                                                                    \
    "  UPDATE queue SET last_event ="                                                              \
    "    last_event + coalesce(cardinality(done), 0) + coalesce(cardinality(got), 0)"              \
    "  FROM lists WHERE done IS NOT NULL OR got IS NOT NULL RETURNING last_event, done, got"       \
    "), e AS ("                                                                                    \
    "  INSERT INTO event (last_id, count, at_us, kind, jobs)"                                      \
    "  SELECT last_event - CASE kind WHEN 2 THEN coalesce(cardinality(got), 0) ELSE 0 END,"        \
    "    cardinality(list), $2::bigint, kind, list"                                                \
    "  FROM q CROSS JOIN LATERAL (VALUES (2, done), (1, got)) AS v (kind, list)"                   \
    "  WHERE list IS NOT NULL"                                                                     \
    "), l AS ("                                                                                    \
    "  INSERT INTO lease (worker, jobs) SELECT $1::bigint, got FROM q WHERE got IS NOT NULL)"

/* The same, but others have a block each, for the sake of their details. */
#define NOTED                                                                                      \
    ", moves AS ("                                                                                 \
    "  SELECT CASE state WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 0 THEN 4 ELSE 5 END AS kind, id,"        \
    "    CASE WHEN state = 2 THEN 0 ELSE id END AS own, CASE WHEN state <> 2 THEN text END AS "    \
    "text"                                                                                         \
    "  FROM ended UNION ALL SELECT 1, id, 0, NULL FROM begun"                                      \
    "), blocks AS MATERIALIZED ("                                                                  \
    "  SELECT kind, count(*) AS jobs, array_agg(id) AS list, min(text) AS detail,"                 \
    "    (sum(count(*)) OVER (ORDER BY kind = 1, kind, own))::bigint AS upto"                      \
    "  FROM moves GROUP BY kind, own"                                                              \
    "), q AS ("                                                                                    \
    "  UPDATE queue SET last_event = last_event + total.jobs"                                      \
    "  FROM (SELECT sum(jobs)::bigint AS jobs FROM blocks) AS total WHERE total.jobs > 0"          \
    "  RETURNING last_event - total.jobs AS base"                                                  \
    "), e AS ("                                                                                    \
    "  INSERT INTO event (last_id, count, at_us, kind, jobs, detail)"                              \
    "  SELECT q.base + b.upto, b.jobs, $2::bigint, b.kind, b.list, b.detail FROM blocks AS b, q"   \
    "), r AS ("                                                                                    \
    "  INSERT INTO reason (job, attempt, at_us, status, text)"                                     \
    "  SELECT id, attempt, $2::bigint, status, text FROM ended WHERE rule > 0"                     \
    "), l AS ("                                                                                    \
    "  INSERT INTO lease (worker, jobs) SELECT $1::bigint, list FROM blocks WHERE kind = 1)"

/* Rows begin with what they are: 1 a claimed job, 0 one that has ended (attempt, state, id), 2 the
 * whole: how many are done (-1: all are listed), whether the worker is there, queue.placed, and
 * which are done, where not all of them are. */
#define CLAIMED " SELECT 1 AS what, " CLAIMED_COLUMNS " FROM begun"
#define NULLS   "NULL, NULL, NULL, NULL, NULL, NULL, NULL"
#define SAID_DONE                                                                                  \
    CLAIMED " UNION ALL SELECT 2, coalesce(cardinality(done), 0), alive::int, placed, " NULLS      \
            ", CASE WHEN cardinality(done) < cardinality($4::bigint[]) THEN done::text END,"       \
            " NULL, NULL, NULL FROM seen, lists"
#define SAID_ALL                                                                                   \
    CLAIMED " UNION ALL SELECT 0, attempt, state, id, " NULLS ", NULL, NULL, NULL, NULL"           \
            " FROM ended"                                                                          \
            " UNION ALL SELECT 2, -1, alive::int, placed, " NULLS ", NULL, NULL, NULL, NULL"       \
            " FROM seen"

#define TURN(what, text)                                                                           \
    {                                                                                              \
        .name = what, .access = KN_WRITE, .steady = true,                                          \
        .tables = "job queue event reason worker lease", .postgres = SEEN text,                    \
    }

enum claim_way { CLAIM_ANY, CLAIM_BY_MEMORY, CLAIM_ONLY, CLAIM_WAY_COUNT };

#define FOR_MEMORY ", level, tag, id, memory_bytes"

/* [all that end are done, in the same attempt] */
static const struct kn_statement turns[CLAIM_WAY_COUNT][2] =
    {
        [CLAIM_ANY] =
            {
                TURN("turn",
                     ENDED("$9", "$10", "$11", "$12") PICKED("") BEGUN("picked") NOTED SAID_ALL),
                TURN("turn_done", ENDED_DONE PICKED("") BEGUN("picked") NOTED_DONE SAID_DONE),
            },
        [CLAIM_BY_MEMORY] =
            {
                TURN("turn_by_memory", ENDED("$11", "$12", "$13", "$14")
                                           PICKED(FOR_MEMORY)
                                               FITTING BEGUN("fitting") NOTED SAID_ALL),
                TURN("turn_by_memory_done",
                     ENDED_DONE PICKED(FOR_MEMORY) FITTING BEGUN("fitting") NOTED_DONE SAID_DONE),
            },
        [CLAIM_ONLY] =
            {
                TURN("turn_only",
                     ENDED("$7", "$8", "$9", "$10") PICKED_ONLY BEGUN("picked") NOTED SAID_ALL),
                TURN("turn_only_done", ENDED_DONE PICKED_ONLY BEGUN("picked") NOTED_DONE SAID_DONE),
            },
};

/* ---- where to begin to look ---- */

enum { LINE_START_TURNS = 64 };

static struct kn_line_start line_start(struct kn_store *store)
{
    KN_LOCKED(&store->lock);
    struct kn_line_start start = store->line_start;
    if (start.turns <= 0)
        start.placed = -1;
    else
        store->line_start.turns--;
    return start;
}

/* `start`: where this claim began. */
static void note_line_start(struct kn_store *store, const struct kn_turn *turn,
                            struct kn_line_start start, int64_t placed)
{
    bool full = turn->claimed_count == turn->claim_max;
    if (!turn->claim_max || turn->only)
        return;
    KN_LOCKED(&store->lock);
    struct kn_line_start *kept = &store->line_start;
    if (!full) {
        kept->turns = 0;
        return;
    }
    const struct kn_job *last = &turn->claimed[turn->claimed_count - 1];
    if (start.placed != placed)
        kept->turns = LINE_START_TURNS; /* it looked from the beginning */
    kept->placed = placed;
    kept->level = last->level;
    kept->tag = last->tag;
}

/* ---- what comes back ---- */

static int by_order(const void *a, const void *b)
{
    const struct kn_job *x = a, *y = b;
    if (x->level != y->level)
        return x->level > y->level ? -1 : 1;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The server gives them in any order, most often that of the list. */
static void note_ended(struct kn_turn *turn, int64_t job, int attempt, enum kn_job_state state,
                       int *hint)
{
    for (int i = 0; i < turn->finish_count; i++) {
        struct kn_finish *finish = &turn->finishes[(*hint + i) % turn->finish_count];
        if (finish->job == job && finish->attempt == attempt) {
            finish->status = KN_OK;
            finish->state = state;
            *hint = (*hint + i + 1) % turn->finish_count;
            return;
        }
    }
}

/* In the order of CLAIMED_COLUMNS. */
static void read_claimed(const struct kn_rows *rows, int row, const struct kn_turn *turn,
                         int64_t now_us, struct kn_job *ret_job)
{
    *ret_job = (struct kn_job){
        .state = KN_JOB_LEASED,
        .worker = turn->worker,
        .claimed_us = now_us,
        .id = kn_cell_int(rows, row, 1),
        .level = (int)kn_cell_int(rows, row, 2),
        .tag = kn_cell_int(rows, row, 3),
        .memory_bytes = kn_cell_int(rows, row, 4),
        .attempt = (int)kn_cell_int(rows, row, 5),
        .attempts_left = (int)kn_cell_int(rows, row, 6),
        .attempts_max = (int)kn_cell_int(rows, row, 7),
        .held_until_us = kn_cell_int(rows, row, 8),
        .submitted_us = kn_cell_int(rows, row, 9),
        .waiting_us = kn_cell_int(rows, row, 10),
        .key = kn_cell_text(rows, row, 11),
        .owner = kn_cell_text(rows, row, 12),
        .source = kn_cell_text(rows, row, 13),
        .options = kn_cell_text(rows, row, 14),
    };
}

/* All of them, or those in "{1,2,3}". */
static void note_done(struct kn_turn *turn, int64_t count, const char *list)
{
    int hint = 0;
    for (int i = 0; i < turn->finish_count && count == turn->finish_count; i++) {
        turn->finishes[i].status = KN_OK;
        turn->finishes[i].state = KN_JOB_DONE;
    }
    while (list && list[0] && list[1]) {
        char *end;
        int64_t job = strtoll(list + 1, &end, 10);
        note_ended(turn, job, turn->finishes[0].attempt, KN_JOB_DONE, &hint);
        list = end;
    }
}

/* *ret_placed: queue.placed before the turn. */
static enum kn_status understand(const struct kn_rows *rows, struct kn_turn *turn, int64_t now_us,
                                 struct kn_arena *arena, int64_t *ret_placed, struct kn_error *err)
{
    bool alive = false;
    int hint = 0;
    struct kn_job *jobs = kn_arena_array(arena, (size_t)rows->count + 1, sizeof *jobs);
    for (int i = 0; i < turn->finish_count; i++)
        turn->finishes[i].status = KN_LOST;
    for (int i = 0; i < rows->count; i++) {
        int64_t what = kn_cell_int(rows, i, 0), number = kn_cell_int(rows, i, 1);
        if (what == 1) {
            read_claimed(rows, i, turn, now_us, &jobs[turn->claimed_count++]);
        } else if (what == 2) {
            alive = kn_cell_int(rows, i, 2) != 0;
            *ret_placed = kn_cell_int(rows, i, 3);
            note_done(turn, number, kn_cell_text(rows, i, 11));
        } else {
            note_ended(turn, kn_cell_int(rows, i, 3), (int)number,
                       (enum kn_job_state)kn_cell_int(rows, i, 2), &hint);
        }
    }
    qsort(jobs, (size_t)turn->claimed_count, sizeof *jobs, by_order);
    turn->claimed = jobs;
    return alive || !turn->claim_max ? KN_OK : kn_worker_gone(turn->worker, err);
}

struct finish_columns {
    int64_t *ids, *attempts, *rules, *times;
    const char **statuses, **texts;
    bool done; /* all of them, in the same attempt: the ids are enough */
};

static struct finish_columns columns_of(const struct kn_turn *turn, struct kn_arena *arena)
{
    size_t room = (size_t)turn->finish_count + 1;
    struct finish_columns c = {
        .ids = kn_arena_array(arena, room, sizeof *c.ids),
        .attempts = kn_arena_array(arena, room, sizeof *c.attempts),
        .rules = kn_arena_array(arena, room, sizeof *c.rules),
        .times = kn_arena_array(arena, room, sizeof *c.times),
        .statuses = kn_arena_array(arena, room, sizeof *c.statuses),
        .texts = kn_arena_array(arena, room, sizeof *c.texts),
        .done = true,
    };
    for (int i = 0; i < turn->finish_count; i++) {
        const struct kn_finish *finish = &turn->finishes[i];
        c.ids[i] = finish->job;
        c.attempts[i] = finish->attempt;
        c.rules[i] = kn_finish_rule(finish);
        c.times[i] = finish->retry_us;
        c.statuses[i] = kn_status_name(finish->outcome);
        c.texts[i] = c.rules[i] == KN_FINISH_DONE ? "" : kn_finish_text(finish);
        c.done &= c.rules[i] == KN_FINISH_DONE && c.attempts[i] == c.attempts[0];
    }
    return c;
}

struct values {
    struct kn_value at[14];
    int count;
};

static void add(struct values *values, struct kn_value value)
{
    values->at[values->count++] = value;
}

static enum kn_status turn_postgres(struct kn_store *store, struct kn_turn *turn,
                                    struct kn_arena *arena, struct kn_cancel *cancel,
                                    struct kn_error *err)
{
    int n = turn->finish_count;
    int64_t now_us = kn_store_now_us(store);
    struct finish_columns c = columns_of(turn, arena);
    struct kn_line_start start = line_start(store);
    struct values v = {.count = 0};
    enum claim_way way = CLAIM_ONLY;
    add(&v, KN_INT(turn->worker));
    add(&v, KN_INT(now_us));
    add(&v, KN_INT(turn->claim_max));
    add(&v, KN_INTS(c.ids, n));
    add(&v, c.done ? KN_INT(n ? c.attempts[0] : 0) : KN_INTS(c.attempts, n));
    if (turn->only) {
        add(&v, KN_INTS(turn->only, turn->only_count));
    } else {
        way = CLAIM_ANY;
        add(&v, KN_INT(start.placed));
        add(&v, KN_INT(start.level));
        add(&v, KN_INT(start.tag));
    }
    if (way == CLAIM_ANY && turn->memory_max_bytes > 0) {
        way = CLAIM_BY_MEMORY;
        add(&v, KN_INT(turn->memory_max_bytes));
        add(&v, KN_INT(turn->memory_first));
    }
    if (!c.done) {
        add(&v, KN_INTS(c.rules, n));
        add(&v, KN_INTS(c.times, n));
        add(&v, KN_TEXTS(c.statuses, n));
        add(&v, KN_TEXTS(c.texts, n));
    }
    struct kn_operation operation = {
        .statement = &turns[way][c.done], .value_count = v.count, .values = v.at};
    enum kn_status status = kn_batch_run(store->database, &operation, 1, arena, cancel, err);
    if (status != KN_OK)
        return status;
    int64_t placed = 0;
    status = understand(&operation.rows, turn, now_us, arena, &placed, err);
    note_line_start(store, turn, start, placed);
    return status;
}

const struct kn_store_desc kn_store_postgres = {
    .submit = kn_submit_postgres,
    .turn = turn_postgres,
};
