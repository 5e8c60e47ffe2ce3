/*
 * Planning posts into slots: each appears at the first time of its account's that is free.
 *
 * One transaction, in which nobody else looks for slots: SQLite's has the lock from its beginning,
 * PostgreSQL's takes the row `publishing`, as claims do. A slot is taken by whatever has its key
 * and is wanted to appear near it, slots or not. What an account has taken is read once, and kept
 * up to date here; a search goes on where the last one of the account ended, as all before that is
 * taken.
 *
 * Made again because no answer came, it finds its own posts by their marks.
 */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/vec.h"
#include "store/store_posts_parts.h"

#define DAY_US (INT64_C(86400) * KN_US_PER_S)

enum { SLOTS_LOOKED_AT_MAX = 50000 };

/* What is known of an account. */
struct slot_line {
    const char *lane;
    KN_VEC(int64_t) taken; /* in their order */
    int64_t after_us;      /* until then nothing is free */
};

struct slotting {
    const struct kn_post_spec *specs;
    const char *const *marks;
    int count;
    bool foresee;
    struct kn_post_planned *planned;
    KN_VEC(struct slot_line) lines;
};

/* ---- what is taken ---- */

static const struct kn_statement list_taken = {
    .name = "list_taken",
    .access = KN_READ,
    .tables = "post",
    .sql = "SELECT appear_us FROM post WHERE lane = $1 AND appear_us >= $2 AND appear_us > 0"
           " AND " KN_POST_KEYED " ORDER BY appear_us",
};

static void take(struct slot_line *line, int64_t at_us)
{
    kn_vec_push(&line->taken, at_us);
    int at = line->taken.count - 1;
    for (; at > 0 && line->taken.at[at - 1] > at_us; at--)
        line->taken.at[at] = line->taken.at[at - 1];
    line->taken.at[at] = at_us;
}

/* How many of them are in [from, to). */
static int count_taken(const struct slot_line *line, int64_t from_us, int64_t to_us)
{
    int count = 0;
    for (int i = line->taken.count - 1; i >= 0 && line->taken.at[i] >= from_us; i--)
        count += line->taken.at[i] < to_us;
    return count;
}

/* Would any 24 hours have more of them than are allowed, with one more then? */
static bool day_is_full(const struct slot_line *line, int64_t at_us, int day_max)
{
    if (count_taken(line, at_us - DAY_US + 1, at_us + 1) >= day_max)
        return true;
    for (int i = line->taken.count - 1; i >= 0 && line->taken.at[i] > at_us; i--) {
        int64_t end_us = line->taken.at[i];
        if (end_us < at_us + DAY_US &&
            count_taken(line, end_us - DAY_US + 1, end_us + 1) >= day_max)
            return true;
    }
    return false;
}

static enum kn_status line_of(struct kn_change *change, struct slotting *slotting, const char *lane,
                              struct slot_line **ret_line, struct kn_error *err)
{
    struct kn_rows rows;
    for (int i = 0; i < slotting->lines.count; i++)
        if (strcmp(slotting->lines.at[i].lane, lane) == 0) {
            *ret_line = &slotting->lines.at[i];
            return KN_OK;
        }
    enum kn_status status = kn_change_do(
        change, &list_taken, KN_VALUES(kn_text(lane), KN_INT(change->now_us - DAY_US)), &rows, err);
    if (status != KN_OK)
        return status;
    kn_vec_push(&slotting->lines, ((struct slot_line){.lane = lane, .after_us = change->now_us}));
    *ret_line = kn_vec_last(&slotting->lines);
    for (int i = 0; i < rows.count; i++)
        take(*ret_line, kn_cell_int(&rows, i, 0));
    return KN_OK;
}

/* ---- the first that is free ---- */

static enum kn_status choose(struct slot_line *line, const struct kn_post_slots *slots,
                             int64_t *ret_us, struct kn_error *err)
{
    int64_t at_us = KN_MAX(line->after_us, slots->not_before_us - 1);
    for (int looked = 0; looked < SLOTS_LOOKED_AT_MAX; looked++) {
        at_us = slots->next(slots->arg, at_us);
        if (at_us < 0)
            break;
        if (count_taken(line, at_us - KN_SLOT_HALF_US, at_us + KN_SLOT_HALF_US) ||
            (slots->day_max && day_is_full(line, at_us, slots->day_max)))
            continue;
        take(line, at_us);
        line->after_us = slots->apart_us ? at_us + slots->apart_us - 1 : at_us;
        *ret_us = at_us;
        return KN_OK;
    }
    return kn_error_set(
        err, KN_LIMIT,
        "no slot of this account is free for years: give it more times, or post less");
}

/* ---- planning ---- */

static enum kn_status plan_one(struct kn_change *change, struct slotting *slotting, int i,
                               struct kn_error *err)
{
    struct kn_post_spec spec = slotting->specs[i];
    const char *mark = slotting->marks[i];
    const struct kn_value *values =
        kn_insert_post_values(&spec, mark, change->now_us, change->arena);
    struct kn_rows rows;
    enum kn_status status =
        kn_change_do(change, &kn_find_post_key, values, KN_FIND_POST_KEY_VALUES, &rows, err);
    if (status != KN_OK)
        return status;
    if (rows.count) {
        slotting->planned[i] = kn_post_planned_of(&rows, mark);
        return KN_OK;
    }
    if (spec.slots) {
        struct slot_line *line;
        status = line_of(change, slotting, values[4].text, &line, err);
        if (status == KN_OK)
            status = choose(line, spec.slots, &spec.appear_us, err);
        if (status != KN_OK)
            return kn_error_add(err, "%s, %s", spec.platform, spec.account);
        spec.due_us = spec.sent_ahead ? 0 : spec.appear_us;
    }
    slotting->planned[i] = (struct kn_post_planned){.appear_us = spec.appear_us};
    if (slotting->foresee)
        return KN_OK;
    values = kn_insert_post_values(&spec, mark, change->now_us, change->arena);
    status = kn_change_do(change, &kn_insert_post, values, KN_INSERT_POST_VALUES, NULL, err);
    if (status == KN_OK)
        status =
            kn_change_do(change, &kn_find_post_key, values, KN_FIND_POST_KEY_VALUES, &rows, err);
    if (status == KN_OK && !rows.count) /* somebody had its key in between */
        status = kn_error_set(err, KN_TIMEOUT, "another post of the same clip has just ended");
    if (status == KN_OK)
        slotting->planned[i] = kn_post_planned_of(&rows, mark);
    return status;
}

static void forget_lines(struct slotting *slotting)
{
    for (int i = 0; i < slotting->lines.count; i++)
        kn_vec_free(&slotting->lines.at[i].taken);
    kn_vec_free(&slotting->lines);
}

static enum kn_status plan_all(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct slotting *slotting = arg;
    enum kn_status status = KN_OK;
    forget_lines(slotting); /* of a try before */
    if (change->store->kind == KN_DATABASE_POSTGRES)
        status = kn_change_do(change, &kn_lock_publishing, NULL, 0, NULL, err);
    for (int i = 0; status == KN_OK && i < slotting->count; i++)
        status = plan_one(change, slotting, i, err);
    change->wakes = !slotting->foresee;
    return status;
}

enum kn_status kn_posts_plan_in_slots(struct kn_store *store, const struct kn_post_spec *specs,
                                      const char *const *marks, int count, bool foresee,
                                      struct kn_post_planned *ret_planned, struct kn_error *err)
{
    struct slotting slotting = {
        .specs = specs, .marks = marks, .count = count, .foresee = foresee, .planned = ret_planned};
    enum kn_status status = kn_store_change_surely(store, plan_all, &slotting, NULL, err);
    forget_lines(&slotting);
    return status;
}
