/*
 * How far uploads are. It stands in a table of its own, which no save waits for: a holder's row is
 * only looked at here, and what its client goes on from is in its memory alone.
 */
#include "store/store_posts_parts.h"

#define PUT "INSERT INTO post_progress (out_post, out_attempt, out_bytes, out_a_second, out_us) "
#define TAKE                                                                                       \
    " ON CONFLICT (out_post) DO UPDATE SET out_attempt = excluded.out_attempt,"                    \
    " out_bytes = excluded.out_bytes, out_a_second = excluded.out_a_second,"                       \
    " out_us = excluded.out_us"

static const struct kn_statement put_post_progress = {
    .name = "put_post_progress",
    .access = KN_WRITE,
    .tables = "post post_progress",
    .sql = PUT "SELECT id, attempt, $4, $5, $6 FROM post WHERE id = $1 AND worker = $2"
               " AND attempt = $3 AND " KN_POST_OPEN TAKE,
    .many = PUT "SELECT id, attempt, s, v, t FROM unnest($1::bigint[], $2::bigint[],"
                " $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS a (p, w, n, s, v, t)"
                " JOIN post ON id = p AND worker = w AND attempt = n AND " KN_POST_OPEN TAKE,
};
enum { PUT_VALUES = 6 };

/* The table is as long as what is under way. A query for a value is made once for each of its rows,
 * by the post's number; with NOT EXISTS PostgreSQL would read all posts that wait as well. */
static const struct kn_statement drop_post_progress = {
    .name = "drop_post_progress",
    .access = KN_WRITE,
    .tables = "post post_progress",
    .sql = "DELETE FROM post_progress WHERE (SELECT 1 FROM post WHERE id = out_post"
           " AND attempt = out_attempt AND worker IS NOT NULL AND " KN_POST_OPEN ") IS NULL",
};

enum kn_status kn_store_posts_put_progress(struct kn_store *store,
                                           const struct kn_post_progress *progress, int count,
                                           struct kn_error *err)
{
    if (count <= 0)
        return count ? kn_error_set(err, KN_INVALID, "the progress of %d posts", count) : KN_OK;
    struct kn_arena *arena = kn_arena_new();
    int64_t now_us = kn_store_now_us(store);
    struct kn_operation *operations = kn_arena_array(arena, (size_t)count + 1, sizeof *operations);
    for (int i = 0; i < count; i++) {
        struct kn_value *values = kn_arena_array(arena, PUT_VALUES, sizeof *values);
        values[0] = KN_INT(progress[i].holder.post);
        values[1] = KN_INT(progress[i].holder.worker);
        values[2] = KN_INT(progress[i].holder.attempt);
        values[3] = KN_INT(progress[i].sent_bytes);
        values[4] = KN_INT(progress[i].bytes_a_second);
        values[5] = KN_INT(now_us);
        operations[i] = (struct kn_operation){
            .statement = &put_post_progress, .value_count = PUT_VALUES, .values = values};
    }
    operations[count] = (struct kn_operation){.statement = &drop_post_progress};
    enum kn_status status = kn_batch_run(store->database, operations, count + 1, arena, NULL, err);
    kn_arena_free(arena);
    return status;
}
