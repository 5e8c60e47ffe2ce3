/*
 * Submitting: what both kinds of database check, and how SQLite does it.
 *
 * In SQLite's transaction nobody else writes, so an owner's share is read once, its tags are given
 * in memory, and the row is written at the end.
 */
#include <string.h>

#include "base/memory.h"
#include "store/store_parts.h"

enum { DEFAULT_ATTEMPTS = 5, ATTEMPTS_MOST = 1000 };

/* ---- checking ---- */

static enum kn_status check_text(const char *what, const char *text, struct kn_error *err)
{
    if (text && strnlen(text, KN_JOB_TEXT_MAX + 1) > KN_JOB_TEXT_MAX)
        return kn_error_set(err, KN_LIMIT, "the %s is longer than %d bytes", what, KN_JOB_TEXT_MAX);
    return KN_OK;
}

static enum kn_status check_spec(const struct kn_store *store, const struct kn_job_spec *spec,
                                 struct kn_error *err)
{
    if (!spec->source || !spec->source[0])
        return kn_error_set(err, KN_INVALID, "a job needs a source");
    if (spec->key && !spec->key[0])
        return kn_error_set(err, KN_INVALID, "the key is empty");
    if (spec->level < 0 || spec->level >= store->levels)
        return kn_error_set(err, KN_INVALID, "priority %d: 0 (lowest) to %d are possible",
                            spec->level, store->levels - 1);
    if (spec->attempts_max < 0 || spec->attempts_max > ATTEMPTS_MOST)
        return kn_error_set(err, KN_INVALID, "%d attempts: 1 to %d are possible",
                            spec->attempts_max, ATTEMPTS_MOST);
    if (spec->memory_bytes < 0 || spec->not_before_us < 0)
        return kn_error_set(err, KN_INVALID, "%s can't be negative",
                            spec->memory_bytes < 0 ? "memory" : "a time");
    if (check_text("source", spec->source, err) != KN_OK ||
        check_text("key", spec->key, err) != KN_OK ||
        check_text("owner", spec->owner, err) != KN_OK ||
        check_text("options", spec->options, err) != KN_OK)
        return KN_LIMIT;
    return KN_OK;
}

/* The defaults filled in, in the arena. */
static enum kn_status complete_specs(struct kn_store *store, const struct kn_job_spec *specs,
                                     int count, struct kn_arena *arena,
                                     struct kn_job_spec **ret_specs, struct kn_error *err)
{
    struct kn_error own;
    err = err ? err : &own;
    if (count > KN_SUBMIT_MAX)
        return kn_error_set(err, KN_LIMIT, "%d jobs at once: %d are possible", count,
                            KN_SUBMIT_MAX);
    struct kn_job_spec *made = kn_arena_array(arena, (size_t)count, sizeof *made);
    int64_t now_us = kn_store_now_us(store);
    for (int i = 0; i < count; i++) {
        if (check_spec(store, &specs[i], err) != KN_OK)
            return count == 1 ? err->status : kn_error_add(err, "job %d of %d", i + 1, count);
        made[i] = specs[i];
        if (!made[i].owner)
            made[i].owner = "";
        if (!made[i].options)
            made[i].options = "{}";
        if (!made[i].attempts_max)
            made[i].attempts_max = DEFAULT_ATTEMPTS;
        if (made[i].not_before_us <= now_us)
            made[i].not_before_us = 0;
    }
    *ret_specs = made;
    return KN_OK;
}

enum kn_status kn_store_submit(struct kn_store *store, const struct kn_job_spec *specs, int count,
                               struct kn_submitted *ret_submitted, struct kn_cancel *cancel,
                               struct kn_error *err)
{
    if (count < 0)
        return kn_error_set(err, KN_INVALID, "%d jobs", count);
    if (!count)
        return KN_OK;
    struct kn_arena *arena = kn_arena_new();
    struct kn_job_spec *made = NULL;
    enum kn_status status = complete_specs(store, specs, count, arena, &made, err);
    if (status == KN_OK)
        status = store->desc->submit(store, made, count, arena, ret_submitted, cancel, err);
    kn_arena_free(arena);
    if (status == KN_OK)
        kn_store_changed(store);
    return status;
}

/* ---- SQLite ---- */

static const struct kn_statement take_job_ids = {
    .name = "take_job_ids",
    .access = KN_WRITE,
    .tables = "queue",
    .sql = "UPDATE queue SET last_job = last_job + $1 RETURNING last_job - $1",
};

static const struct kn_statement find_key = {
    .name = "find_key",
    .access = KN_READ,
    .tables = "job",
    .sql = "SELECT id FROM job WHERE key = $1 AND key IS NOT NULL AND state IN (0, 1, 2)",
};

static const struct kn_statement free_key = {
    .name = "free_key",
    .access = KN_WRITE,
    .tables = "job",
    .sql = "UPDATE job SET key = NULL WHERE key = $1 AND key IS NOT NULL AND state IN (0, 1, 2)",
};

static const struct kn_statement insert_job = {
    .name = "insert_job",
    .access = KN_WRITE,
    .tables = "job",
    .sql = "INSERT INTO job (id, state, level, tag, attempt, attempts_left, attempts_max,"
           " held_until_us, submitted_us, waiting_us, memory_bytes, key, owner)"
           " VALUES ($1, 0, $2, $3, 0, $4, $4, $5, $6, $6, $7, $8, $9)",
};

static const struct kn_statement insert_spec = {
    .name = "insert_spec",
    .access = KN_WRITE,
    .tables = "job_spec",
    .sql = "INSERT INTO job_spec (job, source, options) VALUES ($1, $2, $3)",
};

/* A look at an owner's share, and what has been given of it since. */
struct share {
    int level;
    const char *owner;
    int64_t next;
    int given;
};

struct submit {
    const struct kn_job_spec *specs;
    int count;
    struct kn_submitted *submitted;
    KN_VEC(struct share) shares;
    int last; /* of them: often asked for again */
};

static const struct kn_statement look_at_share = {
    .name = "look_at_share",
    .access = KN_READ,
    .tables = "share job",
    .sqlite = "SELECT max(coalesce((SELECT tag FROM share WHERE level = $1 AND owner = $2), 0),"
              " " KN_SQLITE_FLOOR ")",
};

static const struct kn_statement set_share = {
    .name = "set_share",
    .access = KN_WRITE,
    .tables = "share",
    .sqlite = "INSERT INTO share (level, owner, tag) VALUES ($1, $2, $3)"
              " ON CONFLICT (level, owner) DO UPDATE SET tag = excluded.tag",
};

static enum kn_status find_share(struct kn_change *change, struct submit *submit,
                                 const struct kn_job_spec *spec, struct share **ret_share,
                                 struct kn_error *err)
{
    for (int i = 0; i < submit->shares.count; i++) {
        int at = (submit->last + i) % submit->shares.count;
        struct share *share = &submit->shares.at[at];
        if (share->level == spec->level && strcmp(share->owner, spec->owner) == 0) {
            submit->last = at;
            *ret_share = share;
            return KN_OK;
        }
    }
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &look_at_share, KN_VALUES(KN_INT(spec->level), kn_text(spec->owner)), &rows, err);
    if (status != KN_OK)
        return status;
    struct share made = {spec->level, spec->owner, kn_cell_int(&rows, 0, 0), 0};
    kn_vec_push(&submit->shares, made);
    submit->last = submit->shares.count - 1;
    *ret_share = kn_vec_last(&submit->shares);
    return KN_OK;
}

/* ret_id: 0: nobody has the key. */
static enum kn_status settle_key(struct kn_change *change, const struct kn_job_spec *spec,
                                 int64_t *ret_id, struct kn_error *err)
{
    *ret_id = 0;
    if (!spec->key)
        return KN_OK;
    const struct kn_statement *statement = spec->force ? &free_key : &find_key;
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, statement, KN_VALUES(kn_text(spec->key)), &rows, err);
    if (status == KN_OK && !spec->force && rows.count)
        *ret_id = kn_cell_int(&rows, 0, 0);
    return status;
}

static enum kn_status submit_one(struct kn_change *change, struct submit *submit, int i,
                                 int64_t new_id, struct kn_error *err)
{
    const struct kn_job_spec *spec = &submit->specs[i];
    int64_t known = 0, tag = 0;
    enum kn_status status = settle_key(change, spec, &known, err);
    if (status != KN_OK)
        return status;
    submit->submitted[i] = (struct kn_submitted){known ? known : new_id, known != 0};
    if (known)
        return KN_OK;
    if (!spec->not_before_us) {
        struct share *share;
        status = find_share(change, submit, spec, &share, err);
        if (status != KN_OK)
            return status;
        tag = share->next + share->given++;
    }
    struct kn_value held = spec->not_before_us ? KN_INT(spec->not_before_us) : KN_NULL;
    status = kn_change_do(change, &insert_job,
                          KN_VALUES(KN_INT(new_id), KN_INT(spec->level), KN_INT(tag),
                                    KN_INT(spec->attempts_max), held, KN_INT(change->now_us),
                                    KN_INT(spec->memory_bytes), kn_text(spec->key),
                                    kn_text(spec->owner)),
                          NULL, err);
    if (status != KN_OK)
        return status;
    return kn_change_do(change, &insert_spec,
                        KN_VALUES(KN_INT(new_id), kn_text(spec->source), kn_text(spec->options)),
                        NULL, err);
}

static enum kn_status write_shares(struct kn_change *change, struct submit *submit,
                                   struct kn_error *err)
{
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < submit->shares.count; i++) {
        struct share *share = &submit->shares.at[i];
        status = kn_change_do(change, &set_share,
                              KN_VALUES(KN_INT(share->level), kn_text(share->owner),
                                        KN_INT(share->next + share->given)),
                              NULL, err);
    }
    return status;
}

static enum kn_status submit_all(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct submit *submit = arg;
    kn_vec_clear(&submit->shares);
    submit->last = 0;
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &take_job_ids, KN_VALUES(KN_INT(submit->count)), &rows, err);
    if (status != KN_OK)
        return status;
    int64_t before = kn_cell_int(&rows, 0, 0);
    int64_t *made = kn_arena_array(change->arena, (size_t)submit->count, sizeof *made);
    int made_count = 0;
    for (int i = 0; status == KN_OK && i < submit->count; i++) {
        status = submit_one(change, submit, i, before + 1 + made_count, err);
        if (status == KN_OK && !submit->submitted[i].known)
            made[made_count++] = submit->submitted[i].id;
    }
    if (status == KN_OK)
        status = write_shares(change, submit, err);
    if (status == KN_OK)
        kn_change_event(change, KN_EVENT_SUBMITTED, made, made_count, NULL);
    return status;
}

enum kn_status kn_submit_sqlite(struct kn_store *store, const struct kn_job_spec *specs, int count,
                                struct kn_arena *arena, struct kn_submitted *ret_submitted,
                                struct kn_cancel *cancel, struct kn_error *err)
{
    struct submit submit = {.specs = specs, .count = count};
    submit.submitted = kn_arena_array(arena, (size_t)count, sizeof *submit.submitted);
    enum kn_status status = kn_store_change(store, submit_all, &submit, arena, cancel, err);
    kn_vec_free(&submit.shares);
    if (status == KN_OK)
        memcpy(ret_submitted, submit.submitted, (size_t)count * sizeof *ret_submitted);
    return status;
}
