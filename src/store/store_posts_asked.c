/*
 * What users ask for of posts. Each looks at the post under a lock, and then changes it; what its
 * holder saves afterwards is LOST where the post is not held any more.
 */
#include "store/store_posts_parts.h"

#define BIT(state) (1u << (state))

struct asking {
    int64_t post, appear_us;
    bool sent_ahead;
    const char *url;
    enum kn_post_state state; /* after it */
};

/* ---- looking ---- */

/* Memory is JSON without blanks, and texts in it have no quotation mark by itself. */
#define IN_DOUBT "CASE WHEN memory LIKE '%\"" KN_POST_INTENT "\":%' THEN 1 ELSE 0 END"
#define LOCK_POST(held)                                                                            \
    "SELECT state, stop, key, " held ", public_us, " IN_DOUBT " FROM post WHERE id = $1"
#define HELD_NOW KN_POST_HELD("post.worker", "$2")

static const struct kn_statement lock_post = {
    .name = "lock_post",
    .access = KN_WRITE, /* it locks */
    .tables = "post worker",
    .sqlite = LOCK_POST(HELD_NOW),
    .postgres = LOCK_POST(HELD_NOW "::int") " FOR UPDATE",
};

struct looked {
    enum kn_post_state state;
    bool cancel_asked, held;
    const char *key;
    int64_t public_us;
    bool in_doubt; /* it may be there */
};

static enum kn_status look_at(struct kn_change *change, int64_t post, struct looked *ret_looked,
                              struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &lock_post, KN_VALUES(KN_INT(post), KN_INT(change->now_us)), &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return kn_no_such_post(post, err);
    *ret_looked = (struct looked){
        .state = (enum kn_post_state)kn_cell_int(&rows, 0, 0),
        .cancel_asked = kn_cell_int(&rows, 0, 1) != 0,
        .key = kn_cell_text(&rows, 0, 2),
        .held = kn_cell_int(&rows, 0, 3) != 0,
        .public_us = kn_cell_int(&rows, 0, 4),
        .in_doubt = kn_cell_int(&rows, 0, 5) != 0,
    };
    return KN_OK;
}

/* Is its state one of these? */
static enum kn_status require(const struct looked *looked, unsigned states, int64_t post,
                              const char *what, struct kn_error *err)
{
    if (states >> looked->state & 1)
        return KN_OK;
    return kn_error_set(err, KN_INVALID, "post %lld is %s and can't be %s", (long long)post,
                        kn_post_state_name(looked->state), what);
}

/* Of one that its platform shows by itself: before that. */
static enum kn_status require_time(const struct looked *looked, const struct kn_change *change,
                                   int64_t post, const char *what, struct kn_error *err)
{
    if (looked->state != KN_POST_SCHEDULED || looked->public_us > change->now_us)
        return KN_OK;
    return kn_error_set(err, KN_INVALID,
                        "the time of post %lld is over, so it can't be %s here any more: do it on "
                        "the platform",
                        (long long)post, what);
}

/* ---- cancelling ---- */

static const struct kn_statement drop_post = {
    .name = "drop_post",
    .access = KN_WRITE,
    .tables = "post",
    .sql = "UPDATE post SET state = 7, worker = NULL, stop = 1, changed_us = $2"
           " WHERE id = $1 AND state = 0",
};

/* Its holder ends it; or, where it is on its way or may be there but is nobody's, the next one, who
 * is to come now. */
static const struct kn_statement ask_post_cancel = {
    .name = "ask_post_cancel",
    .access = KN_WRITE,
    .tables = "post",
    .sql = "UPDATE post SET stop = 1, due_us = CASE WHEN due_us > $2 THEN $2 ELSE due_us END,"
           " changed_us = $2 WHERE id = $1 AND " KN_POST_OPEN,
};

static enum kn_status cancel(struct kn_change *change, void *arg, struct kn_error *err)
{
    enum {
        MAY = BIT(KN_POST_PLANNED) | BIT(KN_POST_UPLOADING) | BIT(KN_POST_PROCESSING) |
              BIT(KN_POST_SCHEDULED)
    };
    struct asking *asking = arg;
    struct looked looked;
    enum kn_status status = look_at(change, asking->post, &looked, err);
    if (status != KN_OK)
        return status;
    asking->state = looked.state;
    if (looked.state == KN_POST_CANCELLED || (looked.held && looked.cancel_asked))
        return KN_OK;
    status = require(&looked, MAY, asking->post, "cancelled", err);
    if (status == KN_OK)
        status = require_time(&looked, change, asking->post, "cancelled", err);
    if (status != KN_OK)
        return status;
    bool ends = looked.state == KN_POST_PLANNED && !looked.held && !looked.in_doubt;
    if (ends)
        asking->state = KN_POST_CANCELLED;
    change->wakes = true;
    return kn_change_do(change, ends ? &drop_post : &ask_post_cancel,
                        KN_VALUES(KN_INT(asking->post), KN_INT(change->now_us)), NULL, err);
}

enum kn_status kn_store_post_cancel(struct kn_store *store, int64_t post,
                                    enum kn_post_state *ret_state, struct kn_error *err)
{
    struct asking asking = {.post = post};
    enum kn_status status = kn_store_change(store, cancel, &asking, NULL, NULL, err);
    if (status == KN_OK)
        *ret_state = asking.state;
    return status;
}

/* ---- again ---- */

static const struct kn_statement post_key_elsewhere = {
    .name = "post_key_elsewhere",
    .access = KN_READ,
    .tables = "post",
    .sql = "SELECT id FROM post WHERE key = $1 AND id <> $2 AND " KN_POST_KEYED,
};

/* One that was cancelled while it waited for its time has that back. With $3 all that it remembers
 * goes as well. */
#define REPLAN(smallint)                                                                           \
    "UPDATE post SET state = 0, changed_us = $2, tries = 0, stop = 0, worker = NULL,"              \
    " due_us = CASE WHEN state = 7 AND appear_us > $2 AND due_us >= appear_us THEN appear_us"      \
    " ELSE $2 END,"                                                                                \
    " reason = '', remedy = '',"                                                                   \
    " memory = CASE WHEN $3" smallint " = 1 THEN '{}' ELSE memory END,"                            \
    " sent_bytes = CASE WHEN $3" smallint " = 1 THEN 0 ELSE sent_bytes END,"                       \
    " remote_id = CASE WHEN $3" smallint " = 1 THEN '' ELSE remote_id END,"                        \
    " url = CASE WHEN $3" smallint " = 1 THEN '' ELSE url END,"                                    \
    " public_us = CASE WHEN $3" smallint " = 1 THEN 0 ELSE public_us END"                          \
    " WHERE id = $1 AND state IN (5, 6, 7)"

static const struct kn_statement replan_post = {
    .name = "replan_post",
    .access = KN_WRITE,
    .tables = "post",
    .sqlite = REPLAN(""),
    .postgres = REPLAN("::smallint"),
};

static enum kn_status replan(struct kn_change *change, int64_t post, bool forget,
                             struct kn_error *err)
{
    change->wakes = true;
    return kn_change_do(change, &replan_post,
                        KN_VALUES(KN_INT(post), KN_INT(change->now_us), KN_INT(forget)), NULL, err);
}

/* `other`: 0: not known. */
static enum kn_status key_is_elsewhere(int64_t post, int64_t other, struct kn_error *err)
{
    if (!other)
        return kn_error_set(err, KN_INVALID, "post %lld can't be retried: another one is the same",
                            (long long)post);
    return kn_error_set(err, KN_INVALID, "post %lld can't be retried: post %lld is the same",
                        (long long)post, (long long)other);
}

static enum kn_status retry(struct kn_change *change, void *arg, struct kn_error *err)
{
    enum { MAY = BIT(KN_POST_FAILED) | BIT(KN_POST_UNKNOWN) | BIT(KN_POST_CANCELLED) };
    struct asking *asking = arg;
    struct looked looked;
    struct kn_rows rows;
    enum kn_status status = look_at(change, asking->post, &looked, err);
    if (status == KN_OK)
        status = require(&looked, MAY, asking->post, "retried", err);
    if (status == KN_OK)
        status = kn_change_do(change, &post_key_elsewhere,
                              KN_VALUES(kn_text(looked.key), KN_INT(asking->post)), &rows, err);
    if (status != KN_OK)
        return status;
    if (rows.count)
        return key_is_elsewhere(asking->post, kn_cell_int(&rows, 0, 0), err);
    status = replan(change, asking->post, false, err);
    if (status == KN_INVALID) /* PostgreSQL: somebody has planned the key since the look above */
        return key_is_elsewhere(asking->post, 0, err);
    return status;
}

enum kn_status kn_store_post_retry(struct kn_store *store, int64_t post, struct kn_error *err)
{
    struct asking asking = {.post = post};
    return kn_store_change(store, retry, &asking, NULL, NULL, err);
}

/* ---- a person has looked ---- */

static const struct kn_statement note_live = {
    .name = "note_live",
    .access = KN_WRITE,
    .tables = "post",
    .sql = "UPDATE post SET state = 3, url = $3, reason = '', remedy = '', changed_us = $2"
           " WHERE id = $1 AND state = 6",
};

static enum kn_status resolve(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct asking *asking = arg;
    struct looked looked;
    enum kn_status status = look_at(change, asking->post, &looked, err);
    if (status == KN_OK)
        status = require(&looked, BIT(KN_POST_UNKNOWN), asking->post, "resolved", err);
    if (status != KN_OK)
        return status;
    if (!asking->url)
        return replan(change, asking->post, true, err);
    change->wakes = true;
    return kn_change_do(
        change, &note_live,
        KN_VALUES(KN_INT(asking->post), KN_INT(change->now_us), kn_text(asking->url)), NULL, err);
}

enum kn_status kn_store_post_resolve(struct kn_store *store, int64_t post, const char *url,
                                     struct kn_error *err)
{
    struct asking asking = {.post = post, .url = url};
    return kn_store_change(store, resolve, &asking, NULL, NULL, err);
}

/* ---- another time ---- */

/* $3 when it is due, $4 when it is to appear. */
static const struct kn_statement move_post = {
    .name = "move_post",
    .access = KN_WRITE,
    .tables = "post",
    .sql = "UPDATE post SET due_us = $3, appear_us = $4, worker = NULL, changed_us = $2"
           " WHERE id = $1 AND state IN (0, 4)",
};

/* The slot of a platform's limit that it waited for. */
static const struct kn_statement forget_slots = {
    .name = "forget_slots",
    .access = KN_WRITE,
    .tables = "quota_use",
    .sql = "DELETE FROM quota_use WHERE post = $1 AND booked = 0",
};

/* A time that a typing error puts into the past would make a video public. */
static enum kn_status check_new_time(const struct asking *asking, int64_t now_us,
                                     struct kn_error *err)
{
    static const int64_t just_now_us = 60000000;
    if (asking->appear_us && asking->appear_us < now_us - just_now_us)
        return kn_error_set(err, KN_INVALID,
                            "the new time of post %lld is over: give one to come, or none to have "
                            "it appear at once",
                            (long long)asking->post);
    return KN_OK;
}

static enum kn_status move(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct asking *asking = arg;
    struct looked looked;
    enum kn_status status = look_at(change, asking->post, &looked, err);
    if (status == KN_OK)
        status = require(&looked, BIT(KN_POST_PLANNED) | BIT(KN_POST_SCHEDULED), asking->post,
                         "moved", err);
    if (status == KN_OK)
        status = require_time(&looked, change, asking->post, "moved", err);
    if (status == KN_OK)
        status = check_new_time(asking, change->now_us, err);
    if (status != KN_OK)
        return status;
    if (looked.held || (looked.cancel_asked && looked.state == KN_POST_SCHEDULED))
        return kn_error_set(err, KN_INVALID, "post %lld is about to be %s and can't be moved",
                            (long long)asking->post,
                            looked.cancel_asked                 ? "cancelled"
                            : looked.state == KN_POST_SCHEDULED ? "changed"
                                                                : "sent");
    bool at_once = asking->appear_us <= change->now_us;
    bool now = at_once || asking->sent_ahead || looked.state == KN_POST_SCHEDULED;
    change->wakes = true;
    status = kn_change_do(change, &forget_slots, KN_VALUES(KN_INT(asking->post)), NULL, err);
    if (status != KN_OK)
        return status;
    return kn_change_do(change, &move_post,
                        KN_VALUES(KN_INT(asking->post), KN_INT(change->now_us),
                                  KN_INT(now ? change->now_us : asking->appear_us),
                                  KN_INT(at_once ? 0 : asking->appear_us)),
                        NULL, err);
}

enum kn_status kn_store_post_move(struct kn_store *store, int64_t post, int64_t appear_us,
                                  bool sent_ahead, struct kn_error *err)
{
    if (appear_us < 0)
        return kn_error_set(err, KN_INVALID, "a time can't be negative");
    struct asking asking = {.post = post, .appear_us = appear_us, .sent_ahead = sent_ahead};
    return kn_store_change(store, move, &asking, NULL, NULL, err);
}
