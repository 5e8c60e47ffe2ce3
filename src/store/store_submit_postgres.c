/*
 * How PostgreSQL submits: one statement, so one round trip and one commit.
 *
 * The parts of a statement see the database as it was at its beginning, and each other only through
 * what they return. So the order of the locks follows from who reads whom: jobs, then shares, and
 * the row `queue` at the very end, for the event ids.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store_parts.h"

/* clang-format off */
/* $1 now, $2 owners, $3 sources, $4 options, $5 levels, $6 held until, $7 attempts, $8 memory. */
#define COLUMNS                                                                                    \
    "$2::text[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::int[], $8::bigint[]"
#define COLUMN_NAMES "owner, source, options, level, held, attempts, memory"

/* Places for a crowd: so many of an owner at a level, always in the same order of both. */
#define SHARED                                                                                     \
    ", shared AS ("                                                                                \
    "  INSERT INTO share (level, owner, tag)"                                                      \
    "  SELECT level, owner, " KN_SHARE_FLOOR(KN_POSTGRES_WAITS_AT, "crowd.level") " + jobs"        \
    "  FROM crowd"                                                                                 \
    "  ON CONFLICT (level, owner) DO UPDATE SET tag = greatest(share.tag + (SELECT jobs"           \
    "    FROM crowd AS c WHERE c.level = excluded.level AND c.owner = excluded.owner),"            \
    "    excluded.tag)"                                                                            \
    "  RETURNING level, owner, tag)"

#define INTO_JOB                                                                                   \
    "INSERT INTO job (id, state, standing, level, tag, attempt, attempts_left, attempts_max,"      \
    " held_until_us, submitted_us, waiting_us, memory_bytes, key, owner, source, options)"

/* The event comes last, after what was made: its row is waited for by all others. */
#define NOTED                                                                                      \
    ", block AS MATERIALIZED (SELECT count(*) AS jobs, array_agg(id) AS list FROM made"            \
    "), q AS ("                                                                                    \
    "  UPDATE queue SET last_event = last_event + block.jobs, placed = placed + 1 FROM block"      \
    "  WHERE block.jobs > 0 RETURNING last_event"                                                                       \
    "), e AS ("                                                                                    \
    "  INSERT INTO event (last_id, count, at_us, kind, jobs)"                                      \
    "  SELECT q.last_event, block.jobs, $1::bigint, 0, block.list FROM q, block)"

/*
 * Nobody has a key: all of them are made, and who belongs to whom is known here. $9 numbers, among
 * those of the owner at the level, from 0; $10 which crowd, from 1, 0: none; the crowds' $11 levels,
 * $12 owners and $13 sizes. Columns that are 0 or "" to their end may be shorter. Ids are given and
 * listed in the order of the arrays, as there is nothing to join with.
 */
#define SUBMIT_PLAIN                                                                               \
    "WITH crowd AS MATERIALIZED ("                                                                 \
    "  SELECT * FROM unnest($11::smallint[], $12::text[], $13::bigint[]) WITH ORDINALITY"          \
    "    AS c (level, owner, jobs, n))"                                                            \
    SHARED ", base AS MATERIALIZED ("                                                              \
    "  SELECT array_agg(shared.tag - jobs ORDER BY n) AS tags"                                     \
    "  FROM shared JOIN crowd USING (level, owner)"                                                \
    "), made AS ("                                                                                 \
    "  " INTO_JOB                                                                                  \
    "  SELECT nextval('job_id'), 0, CASE WHEN held > 0 THEN 1 ELSE 0 END, level,"                  \
    "    coalesce((SELECT tags FROM base)[crowd], 0) + number, 0, attempts, attempts,"             \
    "    NULLIF(held, 0), $1::bigint, $1::bigint, coalesce(memory, 0), NULL,"                      \
    "    coalesce(owner, ''), source, options"                                                     \
    "  FROM unnest(" COLUMNS ", $9::bigint[], $10::int[])"                                         \
    "    AS x (" COLUMN_NAMES ", number, crowd)"                                                   \
    "  RETURNING id)"                                                                              \
    NOTED " SELECT jobs, list, (SELECT pg_notify('kirinuki', '')) IS NULL FROM block"

/*
 * $9 keys. `spec` has the jobs with new ids, `fresh` those whose key nobody has. A key that another
 * transaction adds at the same time is found by ON CONFLICT and left out of `made`; who has it is
 * asked then by find_keys. In the order of the keys, or two who submit the same ones would wait for
 * each other.
 */
#define SUBMIT_KEYED                                                                               \
    "WITH spec AS MATERIALIZED ("                                                                  \
    "  SELECT nextval('job_id') AS id, x.* FROM unnest(" COLUMNS ", $9::text[])"                   \
    "    AS x (" COLUMN_NAMES ", key)"                                                             \
    "), fresh AS MATERIALIZED ("                                                                   \
    "  SELECT * FROM spec WHERE key = '' OR NOT EXISTS (SELECT 1 FROM job"                         \
    "    WHERE job.key = spec.key AND job.key IS NOT NULL AND job." KN_POSTGRES_LIVE ")"           \
    "), crowd AS MATERIALIZED ("                                                                   \
    "  SELECT level, owner, count(*) AS jobs FROM fresh WHERE held = 0"                            \
    "    GROUP BY level, owner ORDER BY level, owner COLLATE \"C\")"                               \
    SHARED ", made AS ("                                                                           \
    "  " INTO_JOB                                                                                  \
    "  SELECT f.id, 0, least(f.held, 1), f.level, coalesce(shared.tag - crowd.jobs, 0) - 1"        \
    "      + row_number() OVER (PARTITION BY f.level, f.owner, f.held = 0 ORDER BY f.id), 0,"      \
    "    f.attempts, f.attempts, NULLIF(f.held, 0), $1::bigint, $1::bigint, f.memory,"             \
    "    NULLIF(f.key, ''), f.owner, f.source, f.options"                                          \
    "  FROM fresh AS f LEFT JOIN shared"                                                           \
    "    ON f.held = 0 AND shared.level = f.level AND shared.owner = f.owner"                      \
    "    LEFT JOIN crowd ON f.held = 0 AND crowd.level = f.level AND crowd.owner = f.owner"        \
    "  ORDER BY f.key, f.id"                                                                       \
    "  ON CONFLICT (key) WHERE key IS NOT NULL AND " KN_POSTGRES_LIVE " DO NOTHING"                \
    "  RETURNING id)"                                                                              \
    NOTED " SELECT jobs, (SELECT array_agg(id) FROM spec),"                                        \
    "   (SELECT pg_notify('kirinuki', '')) IS NULL FROM block"                                     \
    " UNION ALL SELECT id, NULL, NULL FROM made"                                                   \
    " WHERE (SELECT jobs FROM block) < cardinality($3::text[])"
/* clang-format on */

/* Both give a row with how many jobs were made, and the ids of the specs, in their order; where not
 * all of them are jobs now, a row for each that is. */
static const struct kn_statement submit_plain = {
    .name = "submit_plain",
    .access = KN_WRITE,
    .tables = "job share queue event",
    .steady = true,
    .postgres = SUBMIT_PLAIN,
};

static const struct kn_statement submit_jobs = {
    .name = "submit_jobs",
    .access = KN_WRITE,
    .tables = "job share queue event",
    .steady = true,
    .postgres = SUBMIT_KEYED,
};

static const struct kn_statement find_keys = {
    .name = "find_keys",
    .access = KN_READ,
    .tables = "job",
    .postgres = "SELECT x.place, job.id FROM unnest($1::text[]) WITH ORDINALITY AS x (key, place)"
                " JOIN job ON job.key = x.key AND job.key IS NOT NULL AND job." KN_POSTGRES_LIVE,
};

static const struct kn_statement free_keys = {
    .name = "free_keys",
    .access = KN_WRITE,
    .tables = "job",
    .postgres = "UPDATE job SET key = NULL WHERE id IN (SELECT id FROM job"
                " WHERE key = ANY($1::text[]) AND key IS NOT NULL AND " KN_POSTGRES_LIVE
                " ORDER BY id FOR UPDATE)",
};

/* ---- what goes there ---- */

struct columns {
    const char **keys, **owners, **sources, **options, **forced;
    int64_t *levels, *held, *attempts, *memory;
    int keyed_count, forced_count;
    /* Without keys: each spec's number in its crowd, its crowd, and the crowds. */
    int64_t *numbers, *crowds, *crowd_levels, *crowd_sizes;
    const char **crowd_owners;
    int crowd_count;
};

static int by_line(const void *a, const void *b)
{
    const struct kn_job_spec *x = *(const struct kn_job_spec *const *)a;
    const struct kn_job_spec *y = *(const struct kn_job_spec *const *)b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    int order = strcmp(x->owner, y->owner);
    return order ? order : (x > y) - (x < y);
}

static void gather_crowds(const struct kn_job_spec *specs, int count, struct kn_arena *arena,
                          struct columns *c)
{
    const struct kn_job_spec **line = kn_arena_array(arena, (size_t)count, sizeof *line);
    int waiting = 0;
    for (int i = 0; i < count; i++)
        if (!specs[i].not_before_us)
            line[waiting++] = &specs[i];
    qsort(line, (size_t)waiting, sizeof *line, by_line);
    for (int i = 0; i < waiting; i++) {
        bool same = i && line[i]->level == line[i - 1]->level &&
                    strcmp(line[i]->owner, line[i - 1]->owner) == 0;
        if (!same) {
            c->crowd_levels[c->crowd_count] = line[i]->level;
            c->crowd_owners[c->crowd_count++] = line[i]->owner;
        }
        c->crowds[line[i] - specs] = c->crowd_count;
        c->numbers[line[i] - specs] = c->crowd_sizes[c->crowd_count - 1]++;
    }
}

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
        .numbers = kn_arena_array(arena, n, sizeof *c.numbers),
        .crowds = kn_arena_array(arena, n, sizeof *c.crowds),
        .crowd_levels = kn_arena_array(arena, n, sizeof *c.crowd_levels),
        .crowd_sizes = kn_arena_array(arena, n, sizeof *c.crowd_sizes),
        .crowd_owners = kn_arena_array(arena, n, sizeof *c.crowd_owners),
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
        c.keyed_count += specs[i].key != NULL;
        if (specs[i].key && specs[i].force)
            c.forced[c.forced_count++] = specs[i].key;
    }
    if (!c.keyed_count)
        gather_crowds(specs, count, arena, &c);
    return c;
}

struct submit {
    struct kn_store *store;
    struct kn_arena *arena;
    struct kn_cancel *cancel;
    int64_t now_us; /* by which jobs are known that nobody confirmed */
    int count;
    struct columns columns;
    struct kn_value values[13];
    int value_count;
    struct kn_rows rows; /* of submit_jobs or submit_plain */
};

/* Without what is 0 at the end of a column: most often all of it. */
static int used_numbers(const int64_t *column, int count)
{
    while (count && !column[count - 1])
        count--;
    return count;
}

static int used_texts(const char **column, int count)
{
    while (count && !column[count - 1][0])
        count--;
    return count;
}

static void fill_values(struct submit *s)
{
    const struct columns *c = &s->columns;
    bool plain = !c->keyed_count;
    int n = s->count, at = 0;
    s->values[at++] = KN_INT(s->now_us);
    s->values[at++] = KN_TEXTS(c->owners, plain ? used_texts(c->owners, n) : n);
    s->values[at++] = KN_TEXTS(c->sources, n);
    s->values[at++] = KN_TEXTS(c->options, n);
    s->values[at++] = KN_INTS(c->levels, n);
    s->values[at++] = KN_INTS(c->held, plain ? used_numbers(c->held, n) : n);
    s->values[at++] = KN_INTS(c->attempts, n);
    s->values[at++] = KN_INTS(c->memory, plain ? used_numbers(c->memory, n) : n);
    if (plain) {
        s->values[at++] = KN_INTS(c->numbers, n);
        s->values[at++] = KN_INTS(c->crowds, n);
        s->values[at++] = KN_INTS(c->crowd_levels, c->crowd_count);
        s->values[at++] = KN_TEXTS(c->crowd_owners, c->crowd_count);
        s->values[at++] = KN_INTS(c->crowd_sizes, c->crowd_count);
    } else {
        s->values[at++] = KN_TEXTS(c->keys, n);
    }
    s->value_count = at;
}

static enum kn_status submit_forced(struct kn_transaction *transaction, void *arg,
                                    struct kn_error *err)
{
    struct submit *s = arg;
    struct columns *c = &s->columns;
    enum kn_status status = kn_transaction_do(
        transaction, &free_keys, KN_VALUES(KN_TEXTS(c->forced, c->forced_count)), NULL, err);
    if (status != KN_OK)
        return status;
    return kn_transaction_do(transaction, &submit_jobs, s->values, s->value_count, &s->rows, err);
}

static enum kn_status submit_once(struct submit *s, struct kn_error *err)
{
    struct columns *c = &s->columns;
    fill_values(s);
    if (c->forced_count)
        return kn_transaction_run(s->store->database, submit_forced, s, s->arena, s->cancel, err);
    struct kn_operation operation = {
        .statement = c->keyed_count ? &submit_jobs : &submit_plain,
        .value_count = s->value_count,
        .values = s->values,
    };
    enum kn_status status =
        kn_batch_run(s->store->database, &operation, 1, s->arena, s->cancel, err);
    s->rows = operation.rows;
    return status;
}

/* ---- what comes back ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* "{1,2,3}" becomes the ids of the specs. */
static void read_ids(const struct submit *s, struct kn_submitted *submitted)
{
    const char *at = kn_cell_text(&s->rows, 0, 1);
    for (int i = 0; i < s->count && at && *at; i++) {
        char *end;
        submitted[i] = (struct kn_submitted){.id = strtoll(at + 1, &end, 10)};
        at = end;
    }
}

/* The specs that no job was made of. */
static int find_missing(const struct submit *s, const struct kn_submitted *submitted, int *missing)
{
    int made_count = s->rows.count - 1, count = 0;
    if (kn_cell_int(&s->rows, 0, 0) == s->count)
        return 0;
    int64_t *made = kn_arena_array(s->arena, (size_t)made_count + 1, sizeof *made);
    for (int i = 0; i < made_count; i++)
        made[i] = kn_cell_int(&s->rows, i + 1, 0);
    qsort(made, (size_t)made_count, sizeof *made, by_number);
    for (int i = 0; i < s->count; i++)
        if (!bsearch(&submitted[i].id, made, (size_t)made_count, sizeof *made, by_number))
            missing[count++] = i;
    return count;
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

/* ---- what nobody answered ---- */

static const struct kn_statement find_submitted = {
    .name = "find_submitted",
    .access = KN_READ,
    .tables = "job",
    .postgres = "SELECT id, owner, source, options FROM job WHERE submitted_us = $1 ORDER BY id",
};

static bool is_of(const struct columns *c, int i, const struct kn_rows *rows, int row)
{
    return strcmp(kn_cell_text(rows, row, 1), c->owners[i]) == 0 &&
           strcmp(kn_cell_text(rows, row, 2), c->sources[i]) == 0 &&
           strcmp(kn_cell_text(rows, row, 3), c->options[i]) == 0;
}

/*
 * After a submission without an answer. Its commit may be on its way still: a look at once would
 * miss it, and a forced one would be made twice. A forced one has been answered before its COMMIT
 * is sent, so it holds the row that is waited for; others take a key that is there for known. One
 * that does not end in time leaves it unknown. All of its jobs are there or none, and those that
 * are have its time and what was asked for. Sets their ids, and lists the specs that no job was
 * made of. *ret_found: whether any is there.
 */
static enum kn_status find_submission(struct submit *s, struct kn_submitted *submitted,
                                      int *missing, int *ret_missing_count, bool *ret_found,
                                      struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_store_await_changes(s->store, err);
    if (status == KN_OK)
        status = kn_store_do(s->store, &find_submitted, KN_VALUES(KN_INT(s->now_us)), s->arena,
                             &rows, err);
    if (status != KN_OK)
        return status;
    bool *taken = kn_arena_array(s->arena, (size_t)rows.count + 1, sizeof *taken);
    int count = 0;
    for (int i = 0; i < s->count; i++) {
        submitted[i] = (struct kn_submitted){0};
        for (int row = 0; !submitted[i].id && row < rows.count; row++) {
            int at = (i + row) % rows.count; /* most often in the order of the list */
            if (taken[at] || !is_of(&s->columns, i, &rows, at))
                continue;
            taken[at] = true;
            submitted[i].id = kn_cell_int(&rows, at, 0);
        }
        if (!submitted[i].id)
            missing[count++] = i;
    }
    *ret_missing_count = count;
    *ret_found = count < s->count;
    return KN_OK;
}

/* Submits, and finds out what became of it. */
static enum kn_status submit_surely(struct submit *s, struct kn_submitted *submitted, int *missing,
                                    int *ret_missing_count, struct kn_error *err)
{
    enum kn_status status = KN_LOST;
    for (int tries = 0; status == KN_LOST && tries < KN_UNKNOWN_TRIES; tries++) {
        bool found = false;
        status = submit_once(s, err);
        if (status == KN_LOST &&
            find_submission(s, submitted, missing, ret_missing_count, &found, NULL) != KN_OK)
            break; /* what is known is that nothing is known */
        if (found)
            return KN_OK;
    }
    if (status != KN_OK)
        return status;
    read_ids(s, submitted);
    *ret_missing_count = find_missing(s, submitted, missing);
    return KN_OK;
}

enum kn_status kn_submit_postgres(struct kn_store *store, const struct kn_job_spec *specs,
                                  int count, struct kn_arena *arena,
                                  struct kn_submitted *ret_submitted, struct kn_cancel *cancel,
                                  struct kn_error *err)
{
    struct submit s = {.store = store, .arena = arena, .cancel = cancel, .count = count};
    s.now_us = kn_store_now_us(store);
    s.columns = columns_of(specs, count, arena);
    struct kn_submitted *submitted = kn_arena_array(arena, (size_t)count, sizeof *submitted);
    int *missing = kn_arena_array(arena, (size_t)count, sizeof *missing);
    int missing_count = 0, left = 0;
    enum kn_status status = submit_surely(&s, submitted, missing, &missing_count, err);
    if (status != KN_OK)
        return status;
    if (missing_count)
        status = find_known(&s, missing, missing_count, submitted, &left, err);
    if (status == KN_OK && left)
        status = kn_error_set(err, KN_LOST, "%d jobs ended while they were submitted again", left);
    if (status == KN_OK)
        memcpy(ret_submitted, submitted, (size_t)count * sizeof *ret_submitted);
    return status;
}
