/*
 * Quotas: what was used of a platform's limits, and who waits for a slot.
 *
 * Whoever does not fit now is told a time, and that time stands as a plan in the same table. Plans
 * are first come, first served: a post counts what is booked and the plans that stand before its
 * own, and one without a plan counts all. So nobody who comes later takes the slot of one that
 * waits, and each that waits is told a slot of its own. Plans count as long as their post is
 * PLANNED, UPLOADING or PROCESSING.
 *
 * A span slides: those that count, oldest first, stop to count one span after their time; plans
 * count from their time on, or from now where that is over. A day (span 0) has room for the whole
 * limit again after its end: the plans fill one day after the other.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "store/store_posts_parts.h"

#define DAY_US (INT64_C(86400) * KN_US_PER_S)

struct booking {
    const struct kn_quota_use *use;
    int64_t closed_until_us;
    int64_t until_us; /* of kn_store_quota_close */
    int64_t own;      /* what the post has booked of it before, and books more of */
    int64_t free_us;
};

/* ---- the limit's row: whoever has it decides alone ---- */

static const struct kn_statement lock_quota = {
    .name = "lock_quota",
    .access = KN_WRITE,
    .tables = "quota",
    .sql = "INSERT INTO quota (platform, account, kind) VALUES ($1, $2, $3)"
           " ON CONFLICT (platform, account, kind)"
           " DO UPDATE SET closed_until_us = quota.closed_until_us RETURNING closed_until_us",
};

static const struct kn_statement close_quota = {
    .name = "close_quota",
    .access = KN_WRITE,
    .tables = "quota",
    .sql = "INSERT INTO quota (platform, account, kind, closed_until_us) VALUES ($1, $2, $3, $4)"
           " ON CONFLICT (platform, account, kind)"
           " DO UPDATE SET closed_until_us = excluded.closed_until_us",
};

/* ---- what counts ---- */

/* Those of the post itself do not count: it has this kind once. */
#define BOOKED                                                                                     \
    " FROM quota_use WHERE platform = $1 AND account = $2 AND kind = $3 AND booked = 1"            \
    " AND at_us >= $4 AND post <> $5"
/* Before the post's own plan, of posts that will come. */
#define PLANNED                                                                                    \
    " FROM quota_use AS q WHERE q.platform = $1 AND q.account = $2 AND q.kind = $3"                \
    " AND q.booked = 0 AND q.post <> $4"                                                           \
    " AND NOT EXISTS (SELECT 1 FROM quota_use AS o WHERE o.post = $4 AND o.kind = $3"              \
    " AND o.platform = $1 AND o.account = $2 AND o.booked = 0"                                     \
    " AND (o.at_us, o.post) < (q.at_us, q.post))"                                                  \
    " AND EXISTS (SELECT 1 FROM post AS p WHERE p.id = q.post AND p.state <= 2)"

static const struct kn_statement sum_booked = {
    .name = "sum_booked",
    .access = KN_READ,
    .tables = "quota_use",
    .sql = "SELECT coalesce(sum(amount), 0)" BOOKED,
};
static const struct kn_statement sum_planned = {
    .name = "sum_planned",
    .access = KN_READ,
    .tables = "quota_use post",
    .sql = "SELECT coalesce(sum(q.amount), 0)" PLANNED,
};
static const struct kn_statement list_booked = {
    .name = "list_booked",
    .access = KN_READ,
    .tables = "quota_use",
    .sql = "SELECT at_us, amount" BOOKED " ORDER BY at_us, post",
};
static const struct kn_statement list_planned = {
    .name = "list_planned",
    .access = KN_READ,
    .tables = "quota_use post",
    .sql = "SELECT q.at_us, q.amount" PLANNED " ORDER BY q.at_us, q.post",
};

static enum kn_status ask_booked(struct kn_change *change, const struct kn_statement *statement,
                                 const struct kn_quota_use *use, struct kn_rows *ret_rows,
                                 struct kn_error *err)
{
    return kn_change_do(change, statement,
                        KN_VALUES(kn_text(use->platform), kn_text(use->account), kn_text(use->kind),
                                  KN_INT(use->since_us), KN_INT(use->post)),
                        ret_rows, err);
}

static enum kn_status ask_planned(struct kn_change *change, const struct kn_statement *statement,
                                  const struct kn_quota_use *use, struct kn_rows *ret_rows,
                                  struct kn_error *err)
{
    return kn_change_do(change, statement,
                        KN_VALUES(kn_text(use->platform), kn_text(use->account), kn_text(use->kind),
                                  KN_INT(use->post)),
                        ret_rows, err);
}

/* ---- when it fits ---- */

/* Of a sliding span: the oldest stop to count one after the other, until there is room. */
static enum kn_status free_in_span(struct kn_change *change, struct booking *booking, int64_t total,
                                   struct kn_error *err)
{
    const struct kn_quota_use *use = booking->use;
    struct kn_rows lists[2];
    enum kn_status status = ask_booked(change, &list_booked, use, &lists[0], err);
    if (status == KN_OK)
        status = ask_planned(change, &list_planned, use, &lists[1], err);
    if (status != KN_OK)
        return status;
    int64_t at_us = change->now_us;
    for (size_t list = 0; list < KN_COUNT_OF(lists); list++)
        for (int i = 0; i < lists[list].count && total > use->limit; i++) {
            int64_t used_us = kn_cell_int(&lists[list], i, 0);
            if (list)
                used_us = KN_MAX(used_us, change->now_us);
            total -= kn_cell_int(&lists[list], i, 1);
            at_us = KN_MAX(at_us, used_us + use->span_us + 1); /* at the end it counts still */
        }
    booking->free_us = KN_MAX(at_us, booking->closed_until_us);
    return KN_OK;
}

/* Of days. Closed: what is left of this one is as good as used. */
static void free_in_days(struct booking *booking, int64_t booked, int64_t planned)
{
    const struct kn_quota_use *use = booking->use;
    if (booking->closed_until_us)
        booked = KN_MAX(booked, use->limit);
    else
        booked = KN_MIN(booked, use->limit); /* of another limit, before */
    int64_t days = (booked + planned + use->amount - 1) / use->limit;
    booking->free_us =
        KN_MAX(use->reset_us, booking->closed_until_us) + (KN_MAX(days, 1) - 1) * DAY_US;
}

/* ---- booking ---- */

static const struct kn_statement is_booked = {
    .name = "is_booked",
    .access = KN_READ,
    .tables = "quota_use",
    .sql = "SELECT amount FROM quota_use WHERE post = $1 AND kind = $2 AND booked = 1"
           " AND at_us >= $3",
};

static const struct kn_statement put_use = {
    .name = "put_use",
    .access = KN_WRITE,
    .tables = "quota_use",
    .sql = "INSERT INTO quota_use (post, kind, platform, account, amount, at_us, booked)"
           " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (post, kind) DO UPDATE"
           " SET platform = excluded.platform, account = excluded.account,"
           " amount = excluded.amount, at_us = excluded.at_us, booked = excluded.booked",
};

/* Those that will never count again. */
static const struct kn_statement drop_old_uses = {
    .name = "drop_old_uses",
    .access = KN_WRITE,
    .tables = "quota_use",
    .sql = "DELETE FROM quota_use WHERE platform = $1 AND account = $2 AND kind = $3"
           " AND booked = 1 AND at_us < $4",
};

static enum kn_status find_room(struct kn_change *change, struct booking *booking,
                                struct kn_error *err)
{
    const struct kn_quota_use *use = booking->use;
    struct kn_rows booked, planned;
    enum kn_status status = ask_booked(change, &sum_booked, use, &booked, err);
    if (status == KN_OK)
        status = ask_planned(change, &sum_planned, use, &planned, err);
    if (status != KN_OK)
        return status;
    int64_t used = kn_cell_int(&booked, 0, 0) + booking->own;
    int64_t waiting = kn_cell_int(&planned, 0, 0);
    booking->free_us = 0;
    if (!booking->closed_until_us && used + waiting + use->amount <= use->limit)
        return KN_OK;
    if (use->span_us)
        return free_in_span(change, booking, used + waiting + use->amount, err);
    free_in_days(booking, used, waiting);
    return KN_OK;
}

static enum kn_status book(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct booking *booking = arg;
    const struct kn_quota_use *use = booking->use;
    struct kn_rows rows;
    booking->free_us = 0;
    enum kn_status status = kn_change_do(
        change, &lock_quota,
        KN_VALUES(kn_text(use->platform), kn_text(use->account), kn_text(use->kind)), &rows, err);
    if (status != KN_OK)
        return status;
    int64_t closed_us = kn_cell_int(&rows, 0, 0);
    booking->closed_until_us = closed_us > change->now_us ? closed_us : 0;
    status = kn_change_do(change, &is_booked,
                          KN_VALUES(KN_INT(use->post), kn_text(use->kind), KN_INT(use->since_us)),
                          &rows, err);
    if (status != KN_OK || (rows.count && !use->more))
        return status;
    booking->own = rows.count ? kn_cell_int(&rows, 0, 0) : 0;
    status = find_room(change, booking, err);
    if (status == KN_OK)
        status = kn_change_do(change, &drop_old_uses,
                              KN_VALUES(kn_text(use->platform), kn_text(use->account),
                                        kn_text(use->kind), KN_INT(use->since_us)),
                              NULL, err);
    if (status != KN_OK)
        return status;
    bool fits = booking->free_us == 0;
    if (!fits && booking->own)
        return KN_OK;
    return kn_change_do(change, &put_use,
                        KN_VALUES(KN_INT(use->post), kn_text(use->kind), kn_text(use->platform),
                                  kn_text(use->account), KN_INT(booking->own + use->amount),
                                  KN_INT(fits ? change->now_us : booking->free_us), KN_INT(fits)),
                        NULL, err);
}

static enum kn_status check_use(const struct kn_quota_use *use, struct kn_error *err)
{
    if (use->amount < 1 || use->limit < 1 || use->since_us < 0 || use->span_us < 0 ||
        use->reset_us < 0)
        return kn_error_set(err, KN_INVALID, "a quota's numbers have to be positive");
    if (use->amount > use->limit)
        return kn_error_set(err, KN_INVALID, "%d %s at once, of %d that %s allows", use->amount,
                            use->kind, use->limit, use->platform);
    return KN_OK;
}

enum kn_status kn_store_quota_book(struct kn_store *store, const struct kn_quota_use *use,
                                   int64_t *ret_free_us, struct kn_error *err)
{
    struct booking booking = {.use = use};
    enum kn_status status = check_use(use, err);
    if (status == KN_OK)
        status = kn_store_change_surely(store, book, &booking, NULL, err);
    if (status == KN_OK)
        *ret_free_us = booking.free_us;
    return status;
}

static enum kn_status close_it(struct kn_change *change, void *arg, struct kn_error *err)
{
    const struct booking *booking = arg;
    const struct kn_quota_use *use = booking->use;
    return kn_change_do(change, &close_quota,
                        KN_VALUES(kn_text(use->platform), kn_text(use->account), kn_text(use->kind),
                                  KN_INT(booking->until_us)),
                        NULL, err);
}

enum kn_status kn_store_quota_close(struct kn_store *store, const struct kn_quota_use *use,
                                    int64_t until_us, struct kn_error *err)
{
    struct booking booking = {.use = use, .until_us = until_us};
    return kn_store_change_surely(store, close_it, &booking, NULL, err);
}

/* ---- giving back ---- */

struct returning {
    int64_t post;
    const char *kind;
};

static enum kn_status give_back(struct kn_change *change, void *arg, struct kn_error *err)
{
    static const struct kn_statement drop_use = {
        .name = "drop_use",
        .access = KN_WRITE,
        .tables = "quota_use",
        .sql = "DELETE FROM quota_use WHERE post = $1 AND kind = $2",
    };
    const struct returning *returning = arg;
    return kn_change_do(change, &drop_use,
                        KN_VALUES(KN_INT(returning->post), kn_text(returning->kind)), NULL, err);
}

enum kn_status kn_store_quota_return(struct kn_store *store, int64_t post, const char *kind,
                                     struct kn_error *err)
{
    struct returning returning = {post, kind};
    return kn_store_change_surely(store, give_back, &returning, NULL, err);
}
