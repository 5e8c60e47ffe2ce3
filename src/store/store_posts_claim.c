/*
 * Claiming posts.
 *
 * A claim goes through the lanes (a platform and an account each) that have posts under way, and
 * takes from each the earliest that are due, as many as the account has room for. Index post_line
 * has only what is under way, and before the first post that can be claimed lie those that are held
 * alone, which the account's limit bounds: so what a claim reads depends neither on what was posted
 * before nor on how much waits.
 *
 * What is held is counted, and more is held, under one lock: SQLite's transaction has it from its
 * beginning, PostgreSQL's takes the row `publishing`. Nobody else needs it: all others only make
 * the count smaller.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store_posts_parts.h"

enum { CLAIM_MAX = 10000 };

#define FREE(now) KN_POST_OPEN " AND due_us <= " now " AND NOT " KN_POST_HELD("post.worker", now)

/* ---- whom to claim ---- */

/* $1 now, $2 of each account. The lanes: from one to the next by the index. */
#define LANES                                                                                      \
    "WITH RECURSIVE l (lane) AS (SELECT min(lane) FROM post WHERE " KN_POST_OPEN                   \
    " UNION ALL SELECT (SELECT min(lane) FROM post WHERE " KN_POST_OPEN " AND lane > l.lane)"      \
    " FROM l WHERE l.lane IS NOT NULL)"
#define HELD_OF(lane, now)                                                                         \
    "(SELECT count(*) FROM post WHERE lane = " lane " AND worker IS NOT NULL"                      \
    " AND " KN_POST_HELD("post.worker", now) ")"

static const struct kn_statement find_due_posts = {
    .name = "find_due_posts",
    .access = KN_READ,
    .tables = "post worker",
    .sqlite = LANES " SELECT p.id, p.lane, " HELD_OF(
        "l.lane",
        "$1") " FROM l CROSS JOIN json_each("
              "(SELECT json_group_array(id) FROM (SELECT id FROM post WHERE lane = l.lane"
              " AND " FREE("$1") " ORDER BY due_us, id LIMIT $2))) AS x"
                                 " CROSS JOIN post AS p ON p.id = x.value ORDER BY p.due_us, p.id",
    .postgres = LANES " SELECT p.id, l.lane, " HELD_OF(
        "l.lane", "$1::bigint") " FROM l CROSS JOIN LATERAL (SELECT id, due_us FROM post"
                                " WHERE lane = l.lane AND " FREE(
                                    "$1::bigint") " ORDER BY due_us, id LIMIT $2::bigint) AS p "
                                                  "ORDER BY p.due_us, p.id",
};

#define OF_THESE(ids, now)                                                                         \
    "SELECT id, lane, " HELD_OF("p.lane", now) " FROM (SELECT id, lane, due_us FROM post"          \
                                               " WHERE id IN " ids                                 \
                                               " AND " FREE(now) ") AS p ORDER BY due_us, id"

static const struct kn_statement find_due_only = {
    .name = "find_due_only",
    .access = KN_READ,
    .tables = "post worker",
    .sqlite = OF_THESE("(SELECT value FROM json_each($2))", "$1"),
    .postgres = OF_THESE("(SELECT unnest($2::bigint[]))", "$1::bigint"),
};

static struct kn_operation find_due(const struct kn_post_claim *claim, int64_t now_us,
                                    struct kn_arena *arena)
{
    struct kn_value *values = kn_arena_array(arena, 2, sizeof *values);
    values[0] = KN_INT(now_us);
    values[1] = claim->only ? KN_INTS(claim->only, claim->only_count) : KN_INT(claim->account_max);
    return (struct kn_operation){.statement = claim->only ? &find_due_only : &find_due_posts,
                                 .value_count = 2,
                                 .values = values};
}

/* The rows come with the earliest first, and know how many their account holds already. *ret_count
 * of them fit. In the arena. */
static int64_t *pick(const struct kn_rows *rows, const struct kn_post_claim *claim,
                     struct kn_arena *arena, int *ret_count)
{
    struct {
        const char *lane;
        int64_t held;
    } *lanes = kn_arena_array(arena, (size_t)rows->count + 1, sizeof *lanes);
    int64_t *ids = kn_arena_array(arena, (size_t)rows->count + 1, sizeof *ids);
    int count = 0, lane_count = 0;
    for (int i = 0; i < rows->count && count < claim->max; i++) {
        const char *lane = kn_cell_text(rows, i, 1);
        int at = 0;
        while (at < lane_count && strcmp(lanes[at].lane, lane) != 0)
            at++;
        if (at == lane_count) {
            lanes[lane_count].lane = lane;
            lanes[lane_count++].held = kn_cell_int(rows, i, 2);
        }
        if (lanes[at].held >= claim->account_max)
            continue;
        lanes[at].held++;
        ids[count++] = kn_cell_int(rows, i, 0);
    }
    *ret_count = count;
    return ids;
}

/* ---- claiming ---- */

const struct kn_statement kn_lock_publishing = {
    .name = "lock_publishing",
    .access = KN_WRITE,
    .tables = "publishing",
    .postgres = "SELECT id FROM publishing FOR UPDATE",
};

/* Rows: none where the worker's is gone; 0: it is silent. */
static const struct kn_statement may_publish = {
    .name = "may_publish",
    .access = KN_READ,
    .tables = "worker",
    .sqlite = "SELECT alive_until_us >= $2 FROM worker WHERE id = $1",
    .postgres = "SELECT (alive_until_us >= $2)::int FROM worker WHERE id = $1",
};

#define CLAIM(ids, now)                                                                            \
    "UPDATE post SET worker = $1, attempt = attempt + 1, changed_us = $2, claim_mark = $3"         \
    " WHERE id IN " ids " AND " FREE(now) " RETURNING " KN_POST_COLUMNS

/* What changed between the look and the lock is not claimed: the guards are those of the look. */
static const struct kn_statement claim_posts = {
    .name = "claim_posts",
    .access = KN_WRITE,
    .tables = "post worker",
    .sqlite = CLAIM("(SELECT value FROM json_each($4))", "$2"),
    .postgres = CLAIM("(SELECT unnest($4::bigint[]))", "$2"),
};

static const struct kn_statement find_claimed = {
    .name = "find_claimed",
    .access = KN_READ,
    .tables = "post",
    .sql = "SELECT " KN_POST_COLUMNS " FROM post WHERE worker = $1 AND worker IS NOT NULL"
           " AND claim_mark = $2",
};

struct claiming {
    const struct kn_post_claim *claim;
    const char *mark;
    bool again; /* the try before may have been committed */
    bool there; /* the worker's row */
    struct kn_rows rows;
};

static enum kn_status look_at_worker(struct kn_change *change, struct claiming *claiming,
                                     bool *ret_may, struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = KN_OK;
    if (change->store->kind == KN_DATABASE_POSTGRES)
        status = kn_change_do(change, &kn_lock_publishing, NULL, 0, NULL, err);
    if (status == KN_OK)
        status = kn_change_do(change, &may_publish,
                              KN_VALUES(KN_INT(claiming->claim->worker), KN_INT(change->now_us)),
                              &rows, err);
    if (status != KN_OK)
        return status;
    claiming->there = rows.count > 0;
    *ret_may = rows.count > 0 && kn_cell_int(&rows, 0, 0);
    return KN_OK;
}

static enum kn_status claim_some(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct claiming *claiming = arg;
    const struct kn_post_claim *claim = claiming->claim;
    bool may = false, again = claiming->again;
    claiming->rows = (struct kn_rows){0};
    claiming->again = true;
    enum kn_status status = look_at_worker(change, claiming, &may, err);
    if (status == KN_OK && again)
        status = kn_change_do(change, &find_claimed,
                              KN_VALUES(KN_INT(claim->worker), kn_text(claiming->mark)),
                              &claiming->rows, err);
    if (status != KN_OK || !may || claiming->rows.count)
        return status;
    struct kn_rows due;
    struct kn_operation find = find_due(claim, change->now_us, change->arena);
    status = kn_change_do(change, find.statement, find.values, find.value_count, &due, err);
    if (status != KN_OK)
        return status;
    int count;
    int64_t *ids = pick(&due, claim, change->arena, &count);
    if (!count)
        return KN_OK;
    return kn_change_do(change, &claim_posts,
                        KN_VALUES(KN_INT(claim->worker), KN_INT(change->now_us),
                                  kn_text(claiming->mark), KN_INTS(ids, count)),
                        &claiming->rows, err);
}

/* So that whoever is woken for other reasons takes no lock. */
static enum kn_status is_anything_due(struct kn_store *store, const struct kn_post_claim *claim,
                                      struct kn_arena *arena, bool *ret_any, struct kn_error *err)
{
    int64_t now_us = kn_store_now_us(store);
    struct kn_value worker[] = {KN_INT(claim->worker), KN_INT(now_us)};
    struct kn_operation operations[] = {
        {.statement = &may_publish, .value_count = 2, .values = worker},
        find_due(claim, now_us, arena),
    };
    enum kn_status status = kn_batch_run(store->database, operations, 2, arena, NULL, err);
    if (status != KN_OK)
        return status;
    if (!operations[0].rows.count)
        return kn_worker_gone(claim->worker, err);
    *ret_any = operations[1].rows.count > 0;
    return KN_OK;
}

static int by_due(const void *a, const void *b)
{
    const struct kn_post *x = a, *y = b;
    if (x->due_us != y->due_us)
        return x->due_us < y->due_us ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

enum kn_status kn_store_posts_claim(struct kn_store *store, const struct kn_post_claim *claim,
                                    struct kn_arena *arena, const struct kn_post **ret_posts,
                                    int *ret_count, struct kn_error *err)
{
    if (claim->max < 1 || claim->max > CLAIM_MAX || claim->account_max < 1 ||
        claim->account_max > CLAIM_MAX)
        return kn_error_set(err, KN_INVALID, "a claim of %d posts, %d of an account: 1 to %d",
                            claim->max, claim->account_max, CLAIM_MAX);
    struct claiming claiming = {.claim = claim, .mark = kn_mark_new(arena), .there = true};
    bool any = false;
    enum kn_status status = is_anything_due(store, claim, arena, &any, err);
    if (status == KN_OK && any)
        status = kn_store_change_surely(store, claim_some, &claiming, arena, err);
    if (status != KN_OK)
        return status;
    if (!claiming.there)
        return kn_worker_gone(claim->worker, err);
    int count = claiming.rows.count;
    struct kn_post *posts = kn_arena_array(arena, (size_t)count + 1, sizeof *posts);
    for (int i = 0; i < count; i++)
        kn_post_of_row(&claiming.rows, i, &posts[i]);
    qsort(posts, (size_t)count, sizeof *posts, by_due);
    *ret_posts = posts;
    *ret_count = count;
    return KN_OK;
}
