/*
 * How PostgreSQL submits and takes turns: one statement each, so one round trip and one commit.
 *
 * The parts of a statement see the database as it was at its beginning, and each other only through
 * what they return. So the order of the locks follows from who reads whom: jobs (claimed ones with
 * SKIP LOCKED), then shares, and the row `queue` at the very end, for the event ids.
 */
#include <string.h>

#include "base/memory.h"
#include "store/store_parts.h"

/* ---- submitting ---- */

/*
 * `spec` has the jobs with new ids, `fresh` those whose key nobody has. A key that another
 * transaction adds at the same time is found by ON CONFLICT and left out of `made`; who has it is
 * asked then by find_keys.
 */
static const struct kn_statement submit_jobs = {
    .name = "submit_jobs",
    .access = KN_WRITE,
    .tables = "job job_spec share queue event",
    .postgres =
        "WITH spec AS MATERIALIZED ("
        "  SELECT nextval('job_id') AS id, x.* FROM unnest($2::text[], $3::text[], $4::text[],"
        "    $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) WITH ORDINALITY"
        "    AS x (key, owner, source, options, level, held, attempts, memory, place)"
        "), fresh AS MATERIALIZED ("
        "  SELECT * FROM spec WHERE key = '' OR NOT EXISTS (SELECT 1 FROM job"
        "    WHERE job.key = spec.key AND job.key IS NOT NULL AND job.state IN (0, 1, 2))"
        "), crowd AS MATERIALIZED ("
        "  SELECT level, owner, count(*) AS jobs FROM fresh WHERE held = 0"
        "    GROUP BY level, owner ORDER BY level, owner"
        "), shared AS ("
        "  INSERT INTO share (level, owner, tag)"
        "  SELECT c.level, c.owner, coalesce((SELECT tag FROM job WHERE state = 0"
        "      AND held_until_us IS NULL AND job.level = c.level"
        "      ORDER BY job.level DESC, tag, id LIMIT 1),"
        "    (SELECT max(tag) FROM share AS s WHERE s.level = c.level), 0) + c.jobs"
        "  FROM crowd AS c"
        "  ON CONFLICT (level, owner) DO UPDATE SET tag = greatest(share.tag + (SELECT jobs"
        "    FROM crowd AS c WHERE c.level = excluded.level AND c.owner = excluded.owner),"
        "    excluded.tag)"
        "  RETURNING level, owner, tag"
        "), made AS ("
        "  INSERT INTO job (id, state, level, tag, attempt, attempts_left, attempts_max,"
        "    held_until_us, submitted_us, waiting_us, memory_bytes, key, owner)"
        "  SELECT f.id, 0, f.level, coalesce(s.tag - c.jobs, 0) - 1 + row_number()"
        "      OVER (PARTITION BY f.level, f.owner, f.held = 0 ORDER BY f.place), 0, f.attempts,"
        "    f.attempts, NULLIF(f.held, 0), $1::bigint, $1::bigint, f.memory, NULLIF(f.key, ''),"
        "    f.owner"
        "  FROM fresh AS f LEFT JOIN shared AS s"
        "      ON f.held = 0 AND s.level = f.level AND s.owner = f.owner"
        "    LEFT JOIN crowd AS c ON f.held = 0 AND c.level = f.level AND c.owner = f.owner"
        "  ORDER BY f.key, f.place"
        "  ON CONFLICT (key) WHERE key IS NOT NULL AND state IN (0, 1, 2) DO NOTHING"
        "  RETURNING id"
        "), kept AS ("
        "  INSERT INTO job_spec (job, source, options)"
        "  SELECT id, source, options FROM fresh JOIN made USING (id)"
        "), block AS MATERIALIZED ("
        "  SELECT count(*) AS jobs, string_agg(id::text, ',' ORDER BY id) AS list FROM made"
        "), q AS ("
        "  UPDATE queue SET last_event = last_event + block.jobs FROM block WHERE block.jobs > 0"
        "  RETURNING last_event"
        "), e AS ("
        "  INSERT INTO event (last_id, count, at_us, kind, jobs)"
        "  SELECT q.last_event, block.jobs, $1::bigint, 0, block.list FROM q, block"
        ")"
        " SELECT spec.id, made.id IS NOT NULL, (SELECT pg_notify('kirinuki', '')) IS NULL"
        " FROM spec LEFT JOIN made ON made.id = spec.id ORDER BY spec.place",
};

static const struct kn_statement find_keys = {
    .name = "find_keys",
    .access = KN_READ,
    .tables = "job",
    .postgres = "SELECT x.place, job.id FROM unnest($1::text[]) WITH ORDINALITY AS x (key, place)"
                " JOIN job ON job.key = x.key AND job.key IS NOT NULL AND job.state IN (0, 1, 2)",
};

static const struct kn_statement free_keys = {
    .name = "free_keys",
    .access = KN_WRITE,
    .tables = "job",
    .postgres = "UPDATE job SET key = NULL WHERE id IN (SELECT id FROM job"
                " WHERE key = ANY($1::text[]) AND key IS NOT NULL AND state IN (0, 1, 2)"
                " ORDER BY id FOR UPDATE)",
};

struct columns {
    const char **keys, **owners, **sources, **options, **forced;
    int64_t *levels, *held, *attempts, *memory;
    int forced_count;
};

static struct columns columns_of(const struct kn_job_spec *specs, int count, struct kn_arena *arena)
{
    size_t n = (size_t)count;
    struct columns c = {
        .keys = kn_arena_array(arena, n, sizeof *c.keys),
        .owners = kn_arena_array(arena, n, sizeof *c.owners),
        .sources = kn_arena_array(arena, n, sizeof *c.sources),
        .options = kn_arena_array(arena, n, sizeof *c.options),
        .forced = kn_arena_array(arena, n, sizeof *c.forced),
        .levels = kn_arena_array(arena, n, sizeof *c.levels),
        .held = kn_arena_array(arena, n, sizeof *c.held),
        .attempts = kn_arena_array(arena, n, sizeof *c.attempts),
        .memory = kn_arena_array(arena, n, sizeof *c.memory),
    };
    for (int i = 0; i < count; i++) {
        c.keys[i] = specs[i].key ? specs[i].key : "";
        c.owners[i] = specs[i].owner;
        c.sources[i] = specs[i].source;
        c.options[i] = specs[i].options;
        c.levels[i] = specs[i].level;
        c.held[i] = specs[i].not_before_us;
        c.attempts[i] = specs[i].attempts_max;
        c.memory[i] = specs[i].memory_bytes;
        if (specs[i].key && specs[i].force)
            c.forced[c.forced_count++] = specs[i].key;
    }
    return c;
}

struct submit {
    struct kn_store *store;
    struct kn_arena *arena;
    struct kn_cancel *cancel;
    int count;
    struct columns columns;
    struct kn_rows rows; /* of submit_jobs */
};

static enum kn_status submit_forced(struct kn_transaction *transaction, void *arg,
                                    struct kn_error *err)
{
    struct submit *s = arg;
    struct columns *c = &s->columns;
    int n = s->count;
    enum kn_status status = kn_transaction_do(
        transaction, &free_keys, KN_VALUES(KN_TEXTS(c->forced, c->forced_count)), NULL, err);
    if (status != KN_OK)
        return status;
    return kn_transaction_do(
        transaction, &submit_jobs,
        KN_VALUES(KN_INT(kn_store_now_us(s->store)), KN_TEXTS(c->keys, n), KN_TEXTS(c->owners, n),
                  KN_TEXTS(c->sources, n), KN_TEXTS(c->options, n), KN_INTS(c->levels, n),
                  KN_INTS(c->held, n), KN_INTS(c->attempts, n), KN_INTS(c->memory, n)),
        &s->rows, err);
}

static enum kn_status submit_once(struct submit *s, struct kn_error *err)
{
    struct columns *c = &s->columns;
    int n = s->count;
    if (c->forced_count)
        return kn_transaction_run(s->store->database, submit_forced, s, s->arena, s->cancel, err);
    const struct kn_value values[] = {KN_INT(kn_store_now_us(s->store)),
                                      KN_TEXTS(c->keys, n),
                                      KN_TEXTS(c->owners, n),
                                      KN_TEXTS(c->sources, n),
                                      KN_TEXTS(c->options, n),
                                      KN_INTS(c->levels, n),
                                      KN_INTS(c->held, n),
                                      KN_INTS(c->attempts, n),
                                      KN_INTS(c->memory, n)};
    struct kn_operation operation = {
        .statement = &submit_jobs, .value_count = KN_COUNT_OF(values), .values = values};
    enum kn_status status =
        kn_batch_run(s->store->database, &operation, 1, s->arena, s->cancel, err);
    s->rows = operation.rows;
    return status;
}

/* The jobs that have the keys of those that were not made. *ret_left: how many nobody has: such a
 * job has failed since, and its key is free. */
static enum kn_status find_known(struct submit *s, const int *missing, int count,
                                 struct kn_submitted *submitted, int *ret_left,
                                 struct kn_error *err)
{
    const char **keys = kn_arena_array(s->arena, (size_t)count, sizeof *keys);
    for (int i = 0; i < count; i++)
        keys[i] = s->columns.keys[missing[i]];
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(s->store, &find_keys, KN_VALUES(KN_TEXTS(keys, count)), s->arena, &rows, err);
    if (status != KN_OK)
        return status;
    for (int i = 0; i < rows.count; i++) {
        int at = missing[kn_cell_int(&rows, i, 0) - 1];
        submitted[at] = (struct kn_submitted){kn_cell_int(&rows, i, 1), true};
    }
    *ret_left = count - rows.count;
    return KN_OK;
}

enum kn_status kn_submit_postgres(struct kn_store *store, const struct kn_job_spec *specs,
                                  int count, struct kn_arena *arena,
                                  struct kn_submitted *ret_submitted, struct kn_cancel *cancel,
                                  struct kn_error *err)
{
    struct submit s = {.store = store, .arena = arena, .cancel = cancel, .count = count};
    s.columns = columns_of(specs, count, arena);
    enum kn_status status = submit_once(&s, err);
    if (status != KN_OK)
        return status;
    struct kn_submitted *submitted = kn_arena_array(arena, (size_t)count, sizeof *submitted);
    int *missing = kn_arena_array(arena, (size_t)count, sizeof *missing);
    int missing_count = 0, left = 0;
    for (int i = 0; i < count; i++) {
        submitted[i].id = kn_cell_int(&s.rows, i, 0);
        if (!kn_cell_int(&s.rows, i, 1))
            missing[missing_count++] = i;
    }
    if (missing_count)
        status = find_known(&s, missing, missing_count, submitted, &left, err);
    if (status == KN_OK && left)
        status = kn_error_set(err, KN_LOST, "%d jobs ended while they were submitted again", left);
    if (status == KN_OK)
        memcpy(ret_submitted, submitted, (size_t)count * sizeof *ret_submitted);
    return status;
}

/* ---- turns ---- */

#define AGAIN KN_FINISH_AGAIN("f.rule", "j.")

/* clang-format off */
/*
 * $1 worker, $2 now, $3 how many to claim; finishes: $4 ids, $5 attempts, $6 rules, $7 not before,
 * $8 statuses, $9 texts; $10 memory, $11 the first one anyway. "state + 0": so that a job is found by
 * its id, and not through the index of all that are leased, which would be looked through for each.
 */
#define ENDED                                                                                      \
    "ended AS ("                                                                                   \
    "  UPDATE job AS j SET stop = 0, state = " KN_FINISH_STATE("f.rule", "j.") ","                 \
    "    attempts_left = " KN_FINISH_LEFT("f.rule", "j.") ","                                      \
    "    held_until_us = CASE WHEN " AGAIN " THEN f.retry_us END,"                                 \
    "    finished_us = CASE WHEN " AGAIN " THEN NULL ELSE $2::bigint END"                          \
    "  FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],"            \
    "    $9::text[]) AS f (id, attempt, rule, retry_us, status, text)"                             \
    "  WHERE j.id = f.id AND j.attempt = f.attempt AND j.worker = $1::bigint AND j.state + 0 = 1"  \
    "  RETURNING j.id, j.state, j.attempt, f.rule, f.status, f.text)"

#define PICKED                                                                                     \
    "picked AS MATERIALIZED ("                                                                     \
    "  SELECT id, level, tag, memory_bytes FROM job"                                               \
    "  WHERE state = 0 AND held_until_us IS NULL AND (SELECT paused FROM queue) = 0"               \
    "    AND EXISTS (SELECT 1 FROM worker WHERE id = $1::bigint)"                                  \
    "  ORDER BY level DESC, tag, id LIMIT $3::bigint FOR UPDATE SKIP LOCKED)"

/* $10: of these, whatever else is so. */
#define PICKED_ONLY                                                                                \
    "picked AS MATERIALIZED ("                                                                     \
    "  SELECT id, level, tag FROM job"                                                             \
    "  WHERE id = ANY($10::bigint[]) AND state + 0 = 0"                                            \
    "    AND EXISTS (SELECT 1 FROM worker WHERE id = $1::bigint)"                                  \
    "  ORDER BY id LIMIT $3::bigint FOR UPDATE SKIP LOCKED)"

/* The first of them whose memory fits. */
#define FITTING                                                                                    \
    "fitting AS ("                                                                                 \
    "  SELECT id FROM (SELECT id, sum(memory_bytes) OVER line AS total,"                           \
    "      row_number() OVER line AS place FROM picked"                                            \
    "      WINDOW line AS (ORDER BY level DESC, tag, id)) AS p"                                    \
    "  WHERE total <= $10::bigint OR (place = 1 AND $11::bigint = 1))"

#define BEGUN(whom)                                                                                \
    "begun AS ("                                                                                   \
    "  UPDATE job AS j SET state = 1, worker = $1::bigint, claimed_us = $2::bigint,"               \
    "    attempt = attempt + 1, attempts_left = attempts_left - 1"                                 \
    "  FROM " whom " AS p WHERE j.id = p.id RETURNING " KN_JOB_COLUMNS("j.") ")"
/* clang-format on */

/* DONE and CLAIMED events are one block each, the others one each for the sake of their details. */
#define BLOCKS                                                                                     \
    "moves AS ("                                                                                   \
    "  SELECT CASE state WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 0 THEN 4 ELSE 5 END AS kind, id,"        \
    "    CASE WHEN state = 2 THEN 0 ELSE id END AS own, CASE WHEN state <> 2 THEN text END AS "    \
    "text"                                                                                         \
    "  FROM ended UNION ALL SELECT 1, id, 0, NULL FROM begun"                                      \
    "), blocks AS MATERIALIZED ("                                                                  \
    "  SELECT kind, count(*) AS jobs, string_agg(id::text, ',') AS list, min(text) AS detail,"     \
    "    (sum(count(*)) OVER (ORDER BY kind = 1, kind, own))::bigint AS upto"                      \
    "  FROM moves GROUP BY kind, own)"

#define WRITTEN                                                                                    \
    "q AS ("                                                                                       \
    "  UPDATE queue SET last_event = last_event + total.jobs"                                      \
    "  FROM (SELECT sum(jobs)::bigint AS jobs FROM blocks) AS total WHERE total.jobs > 0"          \
    "  RETURNING last_event - total.jobs AS base"                                                  \
    "), e AS ("                                                                                    \
    "  INSERT INTO event (last_id, count, at_us, kind, jobs, detail)"                              \
    "  SELECT q.base + b.upto, b.jobs, $2::bigint, b.kind, b.list, b.detail FROM blocks AS b, q"   \
    "), r AS ("                                                                                    \
    "  INSERT INTO reason (job, attempt, at_us, status, text)"                                     \
    "  SELECT id, attempt, $2::bigint, status, text FROM ended WHERE rule > 0)"

#define NO_COLUMNS "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"

/* Rows begin with what they are: 0 an ended job, 1 a claimed one, 2 the worker, if it is there. */
#define SAID                                                                                       \
    " SELECT 1 AS what, begun.*, s.source, s.options FROM begun"                                   \
    " JOIN job_spec AS s ON s.job = begun.id"                                                      \
    " UNION ALL SELECT 0, id, state, NULL, NULL, NULL, attempt, " NO_COLUMNS " FROM ended"         \
    " UNION ALL SELECT 2, id, NULL, NULL, NULL, NULL, NULL, " NO_COLUMNS                           \
    " FROM worker WHERE id = $1::bigint"

static const struct kn_statement take_turn = {
    .name = "take_turn",
    .access = KN_WRITE,
    .tables = "job job_spec queue event reason worker",
    .postgres = "WITH " ENDED ", " PICKED ", " BEGUN("picked") ", " BLOCKS ", " WRITTEN SAID,
};

static const struct kn_statement take_turn_only = {
    .name = "take_turn_only",
    .access = KN_WRITE,
    .tables = "job job_spec queue event reason worker",
    .postgres = "WITH " ENDED ", " PICKED_ONLY ", " BEGUN("picked") ", " BLOCKS ", " WRITTEN SAID,
};

static const struct kn_statement take_turn_by_memory = {
    .name = "take_turn_by_memory",
    .access = KN_WRITE,
    .tables = "job job_spec queue event reason worker",
    .postgres =
        "WITH " ENDED ", " PICKED ", " FITTING ", " BEGUN("fitting") ", " BLOCKS ", " WRITTEN SAID,
};

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

static enum kn_status understand(const struct kn_rows *rows, struct kn_turn *turn,
                                 struct kn_arena *arena, struct kn_error *err)
{
    bool alive = false;
    int hint = 0;
    struct kn_job *jobs = kn_arena_array(arena, (size_t)rows->count + 1, sizeof *jobs);
    for (int i = 0; i < turn->finish_count; i++)
        turn->finishes[i].status = KN_LOST;
    for (int i = 0; i < rows->count; i++) {
        int64_t what = kn_cell_int(rows, i, 0);
        if (what == 1)
            kn_job_of_row(rows, i, 1, &jobs[turn->claimed_count++]);
        else if (what == 2)
            alive = true;
        else
            note_ended(turn, kn_cell_int(rows, i, 1), (int)kn_cell_int(rows, i, 6),
                       (enum kn_job_state)kn_cell_int(rows, i, 2), &hint);
    }
    qsort(jobs, (size_t)turn->claimed_count, sizeof *jobs, by_order);
    turn->claimed = jobs;
    return alive || !turn->claim_max ? KN_OK : kn_worker_gone(turn->worker, err);
}

static enum kn_status turn_postgres(struct kn_store *store, struct kn_turn *turn,
                                    struct kn_arena *arena, struct kn_cancel *cancel,
                                    struct kn_error *err)
{
    int n = turn->finish_count;
    size_t room = (size_t)n + 1;
    int64_t *ids = kn_arena_array(arena, room, sizeof *ids);
    int64_t *attempts = kn_arena_array(arena, room, sizeof *attempts);
    int64_t *rules = kn_arena_array(arena, room, sizeof *rules);
    int64_t *times = kn_arena_array(arena, room, sizeof *times);
    const char **statuses = kn_arena_array(arena, room, sizeof *statuses);
    const char **texts = kn_arena_array(arena, room, sizeof *texts);
    for (int i = 0; i < n; i++) {
        const struct kn_finish *finish = &turn->finishes[i];
        ids[i] = finish->job;
        attempts[i] = finish->attempt;
        rules[i] = kn_finish_rule(finish);
        times[i] = finish->retry_us;
        statuses[i] = kn_status_name(finish->outcome);
        texts[i] = rules[i] == KN_FINISH_DONE ? "" : kn_finish_text(finish);
    }
    struct kn_value values[] = {
        KN_INT(turn->worker),       KN_INT(kn_store_now_us(store)),
        KN_INT(turn->claim_max),    KN_INTS(ids, n),
        KN_INTS(attempts, n),       KN_INTS(rules, n),
        KN_INTS(times, n),          KN_TEXTS(statuses, n),
        KN_TEXTS(texts, n),         KN_INT(turn->memory_max_bytes),
        KN_INT(turn->memory_first),
    };
    if (turn->only)
        values[9] = KN_INTS(turn->only, turn->only_count);
    bool by_memory = turn->memory_max_bytes > 0 && !turn->only;
    struct kn_operation operation = {
        .statement = turn->only  ? &take_turn_only
                     : by_memory ? &take_turn_by_memory
                                 : &take_turn,
        .value_count = turn->only  ? 10
                       : by_memory ? 11
                                   : 9,
        .values = values,
    };
    enum kn_status status = kn_batch_run(store->database, &operation, 1, arena, cancel, err);
    return status == KN_OK ? understand(&operation.rows, turn, arena, err) : status;
}

const struct kn_store_desc kn_store_postgres = {
    .submit = kn_submit_postgres,
    .turn = turn_postgres,
};
