/*
 * Places in the queue: the tags of start-time fair queueing (store.h says what they do).
 *
 * KN_SHARE_FLOOR is the level's virtual time: the smallest tag that waits there; where none waits,
 * the largest that was ever given, which is what the paper sets it to at the end of a busy time.
 */
#include <string.h>

#include "store/store_parts.h"

/* The row holds the tag after the last one that was given. */
static const struct kn_statement take_share = {
    .name = "take_share",
    .access = KN_WRITE,
    .tables = "share job",
    .sqlite = "INSERT INTO share (level, owner, tag) VALUES ($1, $2, " KN_SQLITE_FLOOR " + $3)"
              " ON CONFLICT (level, owner) DO UPDATE SET tag = max(share.tag + $3, excluded.tag)"
              " RETURNING tag - $3",
    .postgres = "INSERT INTO share (level, owner, tag)"
                " VALUES ($1::smallint, $2::text, " KN_POSTGRES_FLOOR " + $3::bigint)"
                " ON CONFLICT (level, owner)"
                " DO UPDATE SET tag = greatest(share.tag + $3::bigint, excluded.tag)"
                " RETURNING tag - $3::bigint",
};

enum kn_status kn_share_take(struct kn_change *change, int level, const char *owner, int count,
                             int64_t *ret_tag, struct kn_error *err)
{
    struct kn_rows rows;
    enum kn_status status = kn_change_do(
        change, &take_share, KN_VALUES(KN_INT(level), kn_text(owner), KN_INT(count)), &rows, err);
    if (status == KN_OK)
        *ret_tag = kn_cell_int(&rows, 0, 0);
    return status;
}

/* Guards: they are QUEUED already, held or at another level. */
static const struct kn_statement place_jobs = {
    .name = "place_jobs",
    .access = KN_WRITE,
    .tables = "job",
    .sqlite = "UPDATE job SET level = $1, tag = $2 + x.key, waiting_us = $3, held_until_us = NULL"
              " FROM json_each($4) AS x WHERE job.id = x.value AND job.state = 0",
    .postgres = "UPDATE job SET level = $1::smallint, tag = $2::bigint + x.place - 1,"
                " waiting_us = $3::bigint, held_until_us = NULL, standing = 0"
                " FROM unnest($4::bigint[]) WITH ORDINALITY AS x (id, place)"
                " WHERE job.id = x.id AND job.state = 0",
};

enum kn_status kn_jobs_place(struct kn_change *change, int level, const char *owner,
                             const int64_t *jobs, int count, struct kn_error *err)
{
    int64_t tag = 0;
    enum kn_status status = kn_share_take(change, level, owner, count, &tag, err);
    if (status != KN_OK)
        return status;
    return kn_change_do(
        change, &place_jobs,
        KN_VALUES(KN_INT(level), KN_INT(tag), KN_INT(change->now_us), KN_INTS(jobs, count)), NULL,
        err);
}

static const struct kn_statement place_again = {
    .name = "place_again",
    .access = KN_WRITE,
    .tables = "job share",
    .sqlite = "UPDATE job SET tag = " KN_SQLITE_FLOOR ", waiting_us = $2, held_until_us = NULL"
              " WHERE id IN (SELECT value FROM json_each($3)) AND state = 0",
    .postgres = "UPDATE job SET tag = " KN_POSTGRES_FLOOR ", waiting_us = $2::bigint,"
                " held_until_us = NULL, standing = 0 WHERE id = ANY($3::bigint[]) AND state = 0",
};

enum kn_status kn_places_flush(struct kn_places *places, struct kn_error *err)
{
    if (!places->jobs.count)
        return KN_OK;
    struct kn_change *change = places->change;
    enum kn_status status =
        places->again ? kn_change_do(change, &place_again,
                                     KN_VALUES(KN_INT(places->level), KN_INT(change->now_us),
                                               KN_INTS(places->jobs.at, places->jobs.count)),
                                     NULL, err)
                      : kn_jobs_place(change, places->level, places->owner, places->jobs.at,
                                      places->jobs.count, err);
    kn_vec_clear(&places->jobs);
    return status;
}

enum kn_status kn_places_add(struct kn_places *places, int level, const char *owner, bool again,
                             int64_t job, struct kn_error *err)
{
    bool same = places->level == level && places->again == again &&
                (again || (places->owner && strcmp(places->owner, owner) == 0));
    enum kn_status status = same ? KN_OK : kn_places_flush(places, err);
    if (status != KN_OK)
        return status;
    places->level = level;
    places->owner = owner;
    places->again = again;
    kn_vec_push(&places->jobs, job);
    return KN_OK;
}
