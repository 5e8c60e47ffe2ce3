/* What the files of the store share. Nobody else includes this. */
#ifndef KN_STORE_STORE_PARTS_H
#define KN_STORE_STORE_PARTS_H

#include <pthread.h>

#include "base/vec.h"
#include "store/store.h"
#include "store/transaction.h"

/*
 * Where in the line a claim may begin to look: a claim that got all it wanted has seen that nothing
 * waits before its last job, and as long as nobody has put jobs into the line since, that is so.
 * Else it would walk over the dead index entries of all jobs that were claimed since the last
 * vacuum. Not quite sure are jobs that somebody else had locked in that moment and let go again; so
 * it counts for a number of turns only. PostgreSQL's alone.
 */
struct kn_line_start {
    int turns;      /* for which it still counts */
    int64_t placed; /* queue.placed then */
    int level;
    int64_t tag;
};

struct kn_store {
    struct kn_database *database;
    bool owns_database;
    enum kn_database_kind kind;
    const struct kn_store_desc *desc;
    int levels;
    int64_t ageing_us;
    int64_t (*now_us)(void *arg);
    void *now_arg;

    pthread_mutex_t lock; /* held while watches are called: they must not come back */
    /* Protected by `lock`. */
    struct kn_store_watch *watches;
    int64_t offset_us; /* the server's wall clock less our monotonic one */
    struct kn_line_start line_start;
};

/* Asks the server for the time, so that kn_store_now_us is its. Nothing to do for SQLite. */
enum kn_status kn_store_measure_clock(struct kn_store *store, struct kn_error *err);

/* ---- values ---- */

#define KN_INT(v) ((struct kn_value){.type = KN_VALUE_INTEGER, .integer = (v)})
#define KN_INTS(list, n)                                                                           \
    ((struct kn_value){.type = KN_VALUE_INTEGERS, .count = (n), .integers = (list)})
#define KN_TEXTS(list, n) ((struct kn_value){.type = KN_VALUE_TEXTS, .count = (n), .texts = (list)})
#define KN_NULL           ((struct kn_value){.type = KN_VALUE_NULL})
static inline struct kn_value kn_text(const char *text)
{
    return text ? (struct kn_value){.type = KN_VALUE_TEXT, .text = text} : KN_NULL;
}
/* A list of values and their number, as two arguments. */
#define KN_VALUES(...)                                                                             \
    (const struct kn_value[]){__VA_ARGS__},                                                        \
        (int)(sizeof((const struct kn_value[]){__VA_ARGS__}) / sizeof(struct kn_value))

static inline const struct kn_value *kn_cell(const struct kn_rows *rows, int row, int column)
{
    return &rows->values[row * rows->columns + column];
}
/* 0 for NULL. */
static inline int64_t kn_cell_int(const struct kn_rows *rows, int row, int column)
{
    const struct kn_value *value = kn_cell(rows, row, column);
    return value->type == KN_VALUE_INTEGER ? value->integer : 0;
}
static inline const char *kn_cell_text(const struct kn_rows *rows, int row, int column)
{
    const struct kn_value *value = kn_cell(rows, row, column);
    return value->type == KN_VALUE_TEXT ? value->text : NULL;
}

/* ---- changes: transactions that end with their events ---- */

struct kn_event_block {
    enum kn_event_kind kind;
    int count;
    const char *jobs;   /* "1,2,3"; "0" for none */
    const char *detail; /* or NULL */
};

struct kn_change {
    struct kn_store *store;
    struct kn_transaction *transaction;
    struct kn_arena *arena; /* for the rows, and for whatever lasts as long as the change */
    int64_t now_us;
    bool wakes; /* waiting workers are to be told */
    KN_VEC(struct kn_event_block) blocks;
};
typedef enum kn_status kn_change_fn(struct kn_change *change, void *arg, struct kn_error *err);

/* Runs `run` and then writes its events, in one transaction; tells waiting workers afterwards.
 * `arena` may be NULL: one of its own. */
enum kn_status kn_store_change(struct kn_store *store, kn_change_fn *run, void *arg,
                               struct kn_arena *arena, struct kn_cancel *cancel,
                               struct kn_error *err);
enum kn_status kn_change_do(struct kn_change *change, const struct kn_statement *statement,
                            const struct kn_value *values, int count, struct kn_rows *ret_rows,
                            struct kn_error *err);
/* Events of the change, of one kind, in the order of `jobs`. Written at its end. */
void kn_change_event(struct kn_change *change, enum kn_event_kind kind, const int64_t *jobs,
                     int count, const char *detail);
/* Calls the watches. */
void kn_store_changed(struct kn_store *store);
/* PostgreSQL's notice to other processes, for what is no change: SQLite needs none. */
extern const struct kn_statement kn_wake_others;

/* How often something is done that does no harm twice, and of which it is not known (LOST) whether
 * it was committed. LOST has to mean that somebody else has the job: its holder gives it up. */
enum { KN_UNKNOWN_TRIES = 3 };
/* A change that does no harm twice, or finds out by a mark that it has happened: again while it is
 * not known. REMOTE: so it was at each try. `run` itself must not return LOST. */
enum kn_status kn_store_change_surely(struct kn_store *store, kn_change_fn *run, void *arg,
                                      struct kn_arena *arena, struct kn_error *err);

/* What no other change has, to be written with this one: 32 hexadecimal digits, in the arena. */
const char *kn_mark_new(struct kn_arena *arena);

/* One statement outside of any change; its rows in the arena. */
enum kn_status kn_store_do(struct kn_store *store, const struct kn_statement *statement,
                           const struct kn_value *values, int count, struct kn_arena *arena,
                           struct kn_rows *ret_rows, struct kn_error *err);

/* ---- places in the queue ---- */

/* Jobs in the line, jobs held for a time, and jobs that have their key: as the partial indexes of
 * each kind say it (schema/), or they would not be used. */
#define KN_SQLITE_WAITS   "state = 0 AND held_until_us IS NULL"
#define KN_SQLITE_HELD    "state = 0 AND held_until_us IS NOT NULL"
#define KN_SQLITE_LIVE    "state IN (0, 1, 2)"
#define KN_POSTGRES_WAITS "standing = 0"
#define KN_POSTGRES_HELD  "standing = 1"
#define KN_POSTGRES_LIVE  "standing <= 2"

#define KN_SQLITE_WAITS_AT(level)   KN_SQLITE_WAITS " AND level = " level
#define KN_POSTGRES_WAITS_AT(level) KN_POSTGRES_WAITS " AND -level = -(" level "::smallint)"

/* The smallest tag of a new job at a level. */
#define KN_SHARE_FLOOR(waits_at, level)                                                            \
    "coalesce((SELECT tag FROM job WHERE " waits_at(                                               \
        level) " ORDER BY tag, id LIMIT 1),"                                                       \
               " (SELECT max(tag) FROM share WHERE level = " level "), 0)"
#define KN_SQLITE_FLOOR   KN_SHARE_FLOOR(KN_SQLITE_WAITS_AT, "$1")
#define KN_POSTGRES_FLOOR KN_SHARE_FLOOR(KN_POSTGRES_WAITS_AT, "$1")
/* The owner's next `count` tags at a level: *ret_tag is the first. */
enum kn_status kn_share_take(struct kn_change *change, int level, const char *owner, int count,
                             int64_t *ret_tag, struct kn_error *err);
/* Puts QUEUED jobs of one owner into the line of a level, waiting from now. */
enum kn_status kn_jobs_place(struct kn_change *change, int level, const char *owner,
                             const int64_t *jobs, int count, struct kn_error *err);

/*
 * Gathers jobs that come ordered by level and owner, and places each owner's together. `again`: the
 * job was claimed before and has paid for its place; it goes to the front of its level, with
 * the smallest tag that waits there, so that what is submitted next gains nothing from it. Start
 * from {.change = …}, end with a flush and kn_vec_free(&jobs).
 */
struct kn_places {
    struct kn_change *change;
    int level;
    const char *owner; /* borrowed */
    bool again;
    KN_VEC(int64_t) jobs;
};
enum kn_status kn_places_add(struct kn_places *places, int level, const char *owner, bool again,
                             int64_t job, struct kn_error *err);
enum kn_status kn_places_flush(struct kn_places *places, struct kn_error *err);

/* ---- rows of jobs ---- */

/* The columns that kn_job_of_row reads, in its order; the last two are in `job_spec` with SQLite,
 * which keeps the order of a CROSS JOIN: from a job to its spec. */
#define KN_JOB_COLUMNS(t)                                                                          \
    t "id, " t "state, " t "level, " t "tag, " t "memory_bytes, " t "attempt, " t                  \
      "attempts_left, " t "attempts_max, " t "held_until_us, " t "submitted_us, " t                \
      "waiting_us, " t "claimed_us, " t "finished_us, " t "worker, " t "stop, " t "key, " t        \
      "owner"
#define KN_JOB_SQLITE                                                                              \
    "SELECT " KN_JOB_COLUMNS("j.") ", s.source, s.options FROM job AS j"                           \
                                   " CROSS JOIN job_spec AS s WHERE s.job = j.id AND "
#define KN_JOB_POSTGRES "SELECT " KN_JOB_COLUMNS("j.") ", j.source, j.options FROM job AS j WHERE "
/* Borrows the row's texts. */
void kn_job_of_row(const struct kn_rows *rows, int row, int first_column, struct kn_job *ret_job);

/* The status whose name is stored; INTERNAL for an unknown one. */
enum kn_status kn_status_of_name(const char *name);

/* ---- finishing ---- */

enum kn_finish_rule {
    KN_FINISH_DONE,
    KN_FINISH_RETRY,
    KN_FINISH_FAILED,
    KN_FINISH_CANCELLED,
    KN_FINISH_BACK
};
enum kn_finish_rule kn_finish_rule(const struct kn_finish *finish);
const char *kn_finish_text(const struct kn_finish *finish); /* why; never empty */
/* The event of a finish that led to this state. */
enum kn_event_kind kn_finish_event(enum kn_job_state state);
/* The rules as SQL, of a LEASED job `j` ("j." or ""): does it go back to the queue, and what state
 * is it in then? See kn_job_moves. */
#define KN_FINISH_AGAIN(rule, j)                                                                   \
    "(" rule " = 4 OR (" rule " = 1 AND " j "attempts_left > 0)) AND " j "stop = 0"
#define KN_FINISH_STATE(rule, j)                                                                   \
    "CASE WHEN " rule " = 0 THEN 2 WHEN " rule " = 3 OR (" rule " IN (1, 4) AND " j                \
    "stop = 1) THEN 4 WHEN " rule " = 4 OR (" rule " = 1 AND " j                                   \
    "attempts_left > 0) THEN 0 ELSE 3 END"
#define KN_FINISH_LEFT(rule, j) j "attempts_left + CASE WHEN " rule " = 4 THEN 1 ELSE 0 END"

/* ---- jobs whose worker went away ---- */

#define KN_WENT_AWAY "the worker went away"
enum {
    KN_CRASHES_MOST = 5,         /* then it is given up; or after as many as it has attempts */
    KN_CRASHES_ALONE = 3,        /* of these, so many at the end alone */
    KN_ALONE_LOOK_US = 10000000, /* between looks whether it may */
};
/* How often that happened to a job since it was last given up for it; and since its last step. */
#define KN_CRASHES_OF(job)                                                                         \
    "SELECT count(*) FROM reason AS r WHERE r.job = " job " AND r.text = '" KN_WENT_AWAY "'"       \
    " AND r.attempt > coalesce((SELECT max(g.attempt) FROM reason AS g WHERE g.job = " job         \
    " AND g.text LIKE '" KN_WENT_AWAY " %'), 0)"
#define KN_CRASHES_EVER(job) "(" KN_CRASHES_OF(job) ")"
#define KN_CRASHES(job)                                                                            \
    "(" KN_CRASHES_OF(                                                                             \
        job) " AND r.at_us > coalesce((SELECT max(s.at_us) FROM step AS s WHERE s.job = " job      \
             "), 0))"
/* Is it to run alone? Of a row `j`; the numbers are those from above. */
#define KN_RUNS_ALONE                                                                              \
    "(j.attempt >= 2 AND " KN_CRASHES(                                                             \
        "j.id") " >= CASE WHEN j.attempts_max > 5 THEN j.attempts_max ELSE 5 END - 3)"

enum kn_status kn_reason_add(struct kn_change *change, int64_t job, int attempt, enum kn_status why,
                             const char *text, struct kn_error *err);
/* LOST: its row is not there. */
enum kn_status kn_worker_gone(int64_t worker, struct kn_error *err);

/* ---- what each kind of database does in its own way ---- */

struct kn_store_desc {
    /* The specs are checked and have their defaults in. */
    enum kn_status (*submit)(struct kn_store *store, const struct kn_job_spec *specs, int count,
                             struct kn_arena *arena, struct kn_submitted *ret_submitted,
                             struct kn_cancel *cancel, struct kn_error *err);
    enum kn_status (*turn)(struct kn_store *store, struct kn_turn *turn, struct kn_arena *arena,
                           struct kn_cancel *cancel, struct kn_error *err);
};
extern const struct kn_store_desc kn_store_sqlite, kn_store_postgres;

enum kn_status kn_submit_sqlite(struct kn_store *store, const struct kn_job_spec *specs, int count,
                                struct kn_arena *arena, struct kn_submitted *ret_submitted,
                                struct kn_cancel *cancel, struct kn_error *err);
enum kn_status kn_submit_postgres(struct kn_store *store, const struct kn_job_spec *specs,
                                  int count, struct kn_arena *arena,
                                  struct kn_submitted *ret_submitted, struct kn_cancel *cancel,
                                  struct kn_error *err);

#endif
