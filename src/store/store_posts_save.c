/*
 * What a holder records. One guarded statement, and its mark: when no answer comes to the commit, a
 * look that waits for the row tells whether it was this one that happened. It may have ended the
 * attempt, so that the guards do not hold a second time.
 */
#include <string.h>

#include "store/store_posts_parts.h"

/* With $4 it is given up; then a PLANNED one that somebody wants stopped has its end here, and
 * another that is wanted stopped is for the next one at once, unless its holder has answered that
 * ($18). The word `stop` is of before. State 4 is SCHEDULED. */
#define SAVE(bigint, integer, smallint, text)                                                      \
    "UPDATE post SET changed_us = $14" bigint ", save_mark = $15" text ","                         \
    " state = CASE WHEN $4" smallint " = 1 AND $5" smallint " = 0 AND stop = 1 THEN 7"             \
    " ELSE $5" smallint " END,"                                                                    \
    " worker = CASE WHEN $4" smallint " = 1 THEN NULL ELSE worker END,"                            \
    " due_us = CASE WHEN $4" smallint " = 0 OR $5" smallint " IN (3, 5, 6, 7) THEN due_us"         \
    " WHEN stop = 1 AND $18" smallint " = 0 THEN $14" bigint " ELSE $6" bigint " END,"             \
    " stop = CASE WHEN $18" smallint " = 2 THEN 0 ELSE stop END,"                                  \
    " tries = $7" integer ", sent_bytes = $8" bigint ", memory = coalesce($9" text ", memory),"    \
    " remote_id = coalesce($10" text ", remote_id), url = coalesce($11" text ", url),"             \
    " reason = coalesce($12" text ", reason), remedy = coalesce($13" text ", remedy),"             \
    " public_us = CASE WHEN $16" bigint " = 0 THEN public_us ELSE $16" bigint " END,"              \
    " appear_us = CASE WHEN $17" bigint " = 0 THEN appear_us ELSE $17" bigint " END"               \
    " WHERE id = $1" bigint " AND worker = $2" bigint " AND attempt = $3" integer                  \
    " AND " KN_POST_OPEN " RETURNING stop, state"

static const struct kn_statement save_post = {
    .name = "save_post",
    .access = KN_WRITE,
    .tables = "post",
    .sqlite = SAVE("", "", "", ""),
    .postgres = SAVE("::bigint", "::integer", "::smallint", "::text"),
};

#define FIND_SAVE "SELECT stop, state, save_mark FROM post WHERE id = $1"

static const struct kn_statement find_save = {
    .name = "find_save",
    .access = KN_WRITE, /* it locks */
    .tables = "post",
    .sqlite = FIND_SAVE,
    .postgres = FIND_SAVE " FOR UPDATE",
};

struct saving {
    const struct kn_post_save *save;
    const char *mark;
    bool ends;  /* nobody holds it any more */
    bool again; /* the try before may have been committed */
    bool kept;  /* it was the holder's */
    bool cancel_asked;
    enum kn_post_state state;
};

static enum kn_status was_saved(struct kn_change *change, struct saving *saving,
                                struct kn_rows *ret_rows, struct kn_error *err)
{
    enum kn_status status = kn_change_do(
        change, &find_save, KN_VALUES(KN_INT(saving->save->holder.post)), ret_rows, err);
    if (status == KN_OK && ret_rows->count &&
        strcmp(kn_cell_text(ret_rows, 0, 2), saving->mark) != 0)
        ret_rows->count = 0;
    return status;
}

static enum kn_status save_once(struct kn_change *change, struct saving *saving,
                                struct kn_rows *ret_rows, struct kn_error *err)
{
    const struct kn_post_save *save = saving->save;
    return kn_change_do(
        change, &save_post,
        KN_VALUES(KN_INT(save->holder.post), KN_INT(save->holder.worker),
                  KN_INT(save->holder.attempt), KN_INT(saving->ends), KN_INT((int)save->state),
                  KN_INT(save->due_us), KN_INT(save->tries), KN_INT(save->sent_bytes),
                  kn_text(save->memory), kn_text(save->remote_id), kn_text(save->url),
                  kn_text(save->reason), kn_text(save->remedy), KN_INT(change->now_us),
                  kn_text(saving->mark), KN_INT(save->public_us), KN_INT(save->appear_us),
                  KN_INT((int)save->cancel)),
        ret_rows, err);
}

static enum kn_status save_change(struct kn_change *change, void *arg, struct kn_error *err)
{
    struct saving *saving = arg;
    struct kn_rows rows = {0};
    enum kn_status status = saving->again ? was_saved(change, saving, &rows, err) : KN_OK;
    saving->again = true;
    if (status == KN_OK && !rows.count)
        status = save_once(change, saving, &rows, err);
    if (status != KN_OK)
        return status;
    saving->kept = rows.count > 0;
    if (saving->kept) {
        saving->cancel_asked = kn_cell_int(&rows, 0, 0) != 0;
        saving->state = (enum kn_post_state)kn_cell_int(&rows, 0, 1);
    }
    change->wakes = saving->kept && saving->ends; /* an account has room, or it has a new time */
    return KN_OK;
}

static enum kn_status check_save(const struct kn_post_save *save, struct kn_error *err)
{
    const char *const texts[] = {save->memory, save->remote_id, save->url, save->reason,
                                 save->remedy};
    if ((unsigned)save->state >= KN_POST_STATE_COUNT)
        return kn_error_set(err, KN_INVALID, "a post has no state %d", (int)save->state);
    if (save->sent_bytes < 0 || save->due_us < 0 || save->public_us < 0 || save->appear_us < 0 ||
        save->tries < 0)
        return kn_error_set(err, KN_INVALID, "what is recorded of a post can't be negative");
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        if (texts[i] && strnlen(texts[i], KN_JOB_TEXT_MAX + 1) > KN_JOB_TEXT_MAX)
            return kn_error_set(err, KN_LIMIT,
                                "a text that is recorded of a post is longer than %d bytes",
                                KN_JOB_TEXT_MAX);
    return KN_OK;
}

enum kn_status kn_store_post_save(struct kn_store *store, struct kn_post_save *save,
                                  struct kn_error *err)
{
    enum kn_status status = check_save(save, err);
    if (status != KN_OK)
        return status;
    struct kn_arena *arena = kn_arena_new();
    struct saving saving = {.save = save,
                            .mark = kn_mark_new(arena),
                            .ends = save->release || kn_post_state_final(save->state)};
    status = kn_store_change_surely(store, save_change, &saving, arena, err);
    kn_arena_free(arena);
    if (status != KN_OK)
        return status;
    if (!saving.kept)
        return kn_error_set(err, KN_LOST, "post %lld is not worker %lld's any more",
                            (long long)save->holder.post, (long long)save->holder.worker);
    save->cancel_asked = saving.cancel_asked;
    save->state = saving.state;
    return KN_OK;
}
