/*
 * Planning posts: one batch, whatever their number; with slots see store_posts_slots.c.
 *
 * Each spec is inserted where nobody has its key, and then whoever has the key is read. The mark of
 * the call, and the spec's number in it, stand in the row: so a post is known when they are not
 * ours, also among specs of one call and where the call is made again because no answer came. That
 * does no harm: keys are unique, the ones that forced specs get as well.
 */
#include <string.h>

#include "base/memory.h"
#include "store/store_posts_parts.h"

enum { KEY_BYTES_MOST = 1000, NAME_BYTES_MOST = 200, PLAN_TRIES = 5 };

/* ---- checking ---- */

static enum kn_status check_length(const char *what, const char *text, size_t most,
                                   struct kn_error *err)
{
    if (text && strnlen(text, most + 1) > most)
        return kn_error_set(err, KN_LIMIT, "the %s is longer than %zu bytes", what, most);
    return KN_OK;
}

static enum kn_status check_spec(const struct kn_post_spec *spec, struct kn_error *err)
{
    if (!spec->key || !spec->key[0])
        return kn_error_set(err, KN_INVALID, "a post needs a key");
    if (!spec->platform || !spec->platform[0])
        return kn_error_set(err, KN_INVALID, "a post needs a platform");
    if (!spec->clip || !spec->request)
        return kn_error_set(err, KN_INVALID, "a post needs a clip and a text");
    if (spec->bytes < 0 || spec->due_us < 0 || spec->appear_us < 0 || spec->job < 0)
        return kn_error_set(err, KN_INVALID, "%s can't be negative",
                            spec->bytes < 0 ? "bytes"
                            : spec->job < 0 ? "a job's number"
                                            : "a time");
    if (check_length("key", spec->key, KEY_BYTES_MOST, err) != KN_OK ||
        check_length("platform", spec->platform, NAME_BYTES_MOST, err) != KN_OK ||
        check_length("account", spec->account, NAME_BYTES_MOST, err) != KN_OK ||
        check_length("owner", spec->owner, KN_JOB_TEXT_MAX, err) != KN_OK ||
        check_length("clip", spec->clip, KN_JOB_TEXT_MAX, err) != KN_OK ||
        check_length("request", spec->request, KN_JOB_TEXT_MAX, err) != KN_OK)
        return KN_LIMIT;
    return KN_OK;
}

static enum kn_status check_specs(const struct kn_post_spec *specs, int count, struct kn_error *err)
{
    struct kn_error own;
    err = err ? err : &own;
    if (count < 0)
        return kn_error_set(err, KN_INVALID, "%d posts", count);
    if (count > KN_SUBMIT_MAX)
        return kn_error_set(err, KN_LIMIT, "%d posts at once: %d are possible", count,
                            KN_SUBMIT_MAX);
    for (int i = 0; i < count; i++)
        if (check_spec(&specs[i], err) != KN_OK)
            return count == 1 ? err->status : kn_error_add(err, "post %d of %d", i + 1, count);
    return KN_OK;
}

/* ---- the batch ---- */

#define COLUMNS                                                                                    \
    "INSERT INTO post (key, owner, platform, account, lane, clip, request, bytes, due_us, job,"    \
    " created_us, changed_us, plan_mark, appear_us) "

const struct kn_statement kn_insert_post = {
    .name = "insert_post",
    .access = KN_WRITE,
    .tables = "post",
    .sql = COLUMNS "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
                   " ON CONFLICT DO NOTHING",
    .many = COLUMNS "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],"
                    " $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],"
                    " $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[])"
                    " ON CONFLICT DO NOTHING",
};
const struct kn_statement kn_find_post_key = {
    .name = "find_post_key",
    .access = KN_READ,
    .tables = "post",
    .sql = "SELECT id, state, plan_mark, appear_us FROM post WHERE key = $1 AND " KN_POST_KEYED,
    .many = "SELECT n, id, state, plan_mark, appear_us FROM unnest($1::text[]) WITH ORDINALITY AS "
            "a (k, n)"
            " JOIN post ON key = k AND " KN_POST_KEYED " ORDER BY n",
};

/* Inserts, then looks, then PostgreSQL's notice. */
struct plan {
    struct kn_operation *operations;
    const char **marks; /* a spec each */
    int count;          /* of specs */
    int operation_count;
};

const struct kn_value *kn_insert_post_values(const struct kn_post_spec *spec, const char *mark,
                                             int64_t now_us, struct kn_arena *arena)
{
    struct kn_value *values = kn_arena_array(arena, KN_INSERT_POST_VALUES, sizeof *values);
    const char *account = spec->account ? spec->account : "";
    values[0] = kn_text(spec->force ? kn_arena_printf(arena, "%s#%s", spec->key, mark) : spec->key);
    values[1] = kn_text(spec->owner ? spec->owner : "");
    values[2] = kn_text(spec->platform);
    values[3] = kn_text(account);
    values[4] = kn_text(kn_arena_printf(arena, "%s/%s", spec->platform, account));
    values[5] = kn_text(spec->clip);
    values[6] = kn_text(spec->request);
    values[7] = KN_INT(spec->bytes);
    values[8] = KN_INT(spec->due_us ? spec->due_us : now_us);
    values[9] = KN_INT(spec->job);
    values[10] = values[11] = KN_INT(now_us);
    values[12] = kn_text(mark);
    values[13] = KN_INT(spec->appear_us);
    return values;
}

struct kn_post_planned kn_post_planned_of(const struct kn_rows *rows, const char *mark)
{
    return (struct kn_post_planned){
        .id = kn_cell_int(rows, 0, 0),
        .state = (enum kn_post_state)kn_cell_int(rows, 0, 1),
        .known = strcmp(kn_cell_text(rows, 0, 2), mark) != 0,
        .appear_us = kn_cell_int(rows, 0, 3),
    };
}

static struct plan plan_of(struct kn_store *store, const struct kn_post_spec *specs,
                           const char **marks, int count, struct kn_arena *arena)
{
    struct plan plan = {.count = count, .marks = marks};
    int64_t now_us = kn_store_now_us(store);
    plan.operations = kn_arena_array(arena, 2 * (size_t)count + 1, sizeof *plan.operations);
    for (int i = 0; i < count; i++) {
        const struct kn_value *values =
            kn_insert_post_values(&specs[i], plan.marks[i], now_us, arena);
        plan.operations[i] = (struct kn_operation){
            .statement = &kn_insert_post, .value_count = KN_INSERT_POST_VALUES, .values = values};
        plan.operations[count + i] = (struct kn_operation){.statement = &kn_find_post_key,
                                                           .value_count = KN_FIND_POST_KEY_VALUES,
                                                           .values = values};
    }
    plan.operation_count = 2 * count;
    if (store->kind == KN_DATABASE_POSTGRES)
        plan.operations[plan.operation_count++] =
            (struct kn_operation){.statement = &kn_wake_others};
    return plan;
}

/* False: who had the key when the spec was to be inserted has ended badly since, and the key is
 * free. */
static bool read_planned(const struct plan *plan, struct kn_post_planned *planned)
{
    for (int i = 0; i < plan->count; i++) {
        const struct kn_rows *rows = &plan->operations[plan->count + i].rows;
        if (!rows->count)
            return false;
        planned[i] = kn_post_planned_of(rows, plan->marks[i]);
    }
    return true;
}

/* Those of the call, one a spec. */
static const char **make_marks(int count, struct kn_arena *arena)
{
    const char **marks = kn_arena_array(arena, (size_t)count + 1, sizeof *marks);
    const char *mark = kn_mark_new(arena);
    for (int i = 0; i < count; i++)
        marks[i] = kn_arena_printf(arena, "%s/%d", mark, i);
    return marks;
}

static enum kn_status plan_at_once(struct kn_store *store, const struct kn_post_spec *specs,
                                   const char **marks, int count, struct kn_arena *arena,
                                   struct kn_post_planned *planned, struct kn_cancel *cancel,
                                   struct kn_error *err)
{
    struct plan plan = plan_of(store, specs, marks, count, arena);
    enum kn_status status = KN_OK;
    bool complete = false;
    for (int tries = 0; !complete && tries < PLAN_TRIES; tries++) {
        status = kn_batch_run(store->database, plan.operations, plan.operation_count, arena, cancel,
                              err);
        if (status == KN_OK)
            complete = read_planned(&plan, planned);
        else if (status != KN_LOST)
            break;
    }
    if (status == KN_OK && !complete)
        status = kn_error_set(
            err, KN_TIMEOUT, "posts of the same clips end again and again while these are planned");
    return status;
}

static bool any_slots(const struct kn_post_spec *specs, int count)
{
    for (int i = 0; i < count; i++)
        if (specs[i].slots)
            return true;
    return false;
}

enum kn_status kn_store_posts_plan(struct kn_store *store, const struct kn_post_spec *specs,
                                   int count, struct kn_post_planned *ret_planned,
                                   struct kn_cancel *cancel, struct kn_error *err)
{
    enum kn_status status = check_specs(specs, count, err);
    if (status != KN_OK || !count)
        return status;
    struct kn_arena *arena = kn_arena_new();
    struct kn_post_planned *planned = kn_arena_array(arena, (size_t)count, sizeof *planned);
    const char **marks = make_marks(count, arena);
    if (any_slots(specs, count))
        status = kn_posts_plan_in_slots(store, specs, marks, count, false, planned, err);
    else
        status = plan_at_once(store, specs, marks, count, arena, planned, cancel, err);
    if (status == KN_OK)
        memcpy(ret_planned, planned, (size_t)count * sizeof *planned);
    kn_arena_free(arena);
    if (status == KN_OK)
        kn_store_changed(store);
    return status;
}

enum kn_status kn_store_posts_known(struct kn_store *store, const struct kn_post_spec *specs,
                                    int count, struct kn_post_planned *ret_known,
                                    struct kn_error *err)
{
    if (count <= 0)
        return KN_OK;
    struct kn_arena *arena = kn_arena_new();
    struct kn_operation *operations = kn_arena_array(arena, (size_t)count, sizeof *operations);
    struct kn_value *keys = kn_arena_array(arena, (size_t)count, sizeof *keys);
    for (int i = 0; i < count; i++) {
        keys[i] = kn_text(specs[i].key);
        operations[i] = (struct kn_operation){
            .statement = &kn_find_post_key, .value_count = 1, .values = &keys[i]};
    }
    enum kn_status status = kn_batch_run(store->database, operations, count, arena, NULL, err);
    for (int i = 0; status == KN_OK && i < count; i++) {
        const struct kn_rows *rows = &operations[i].rows;
        ret_known[i] = (struct kn_post_planned){0};
        if (rows->count)
            ret_known[i] = kn_post_planned_of(rows, "");
    }
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_store_posts_foresee(struct kn_store *store, const struct kn_post_spec *specs,
                                      int count, struct kn_post_planned *ret_planned,
                                      struct kn_error *err)
{
    enum kn_status status = check_specs(specs, count, err);
    if (status != KN_OK || !count)
        return status;
    struct kn_arena *arena = kn_arena_new();
    struct kn_post_planned *planned = kn_arena_array(arena, (size_t)count, sizeof *planned);
    status =
        kn_posts_plan_in_slots(store, specs, make_marks(count, arena), count, true, planned, err);
    if (status == KN_OK)
        memcpy(ret_planned, planned, (size_t)count * sizeof *planned);
    kn_arena_free(arena);
    return status;
}
