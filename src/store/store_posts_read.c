/*
 * Reading posts: one, lists, and when the next one comes due.
 */
#include "store/store_posts_parts.h"

enum { LIST_MOST = 10000, SPEED_KEEPS_US = 10000000 };

/* Posts that are looked at, with what their holders tell of uploads. */
#define LOOK                                                                                       \
    "SELECT " KN_POST_COLUMNS ", out_bytes, out_a_second, out_us FROM post"                        \
    " LEFT JOIN post_progress ON out_post = id AND out_attempt = attempt AND state = 1 "

void kn_post_of_row(const struct kn_rows *rows, int row, struct kn_post *ret_post)
{
    int c = 0;
    ret_post->id = kn_cell_int(rows, row, c++);
    ret_post->state = (enum kn_post_state)kn_cell_int(rows, row, c++);
    ret_post->key = kn_cell_text(rows, row, c++);
    ret_post->owner = kn_cell_text(rows, row, c++);
    ret_post->platform = kn_cell_text(rows, row, c++);
    ret_post->account = kn_cell_text(rows, row, c++);
    ret_post->clip = kn_cell_text(rows, row, c++);
    ret_post->request = kn_cell_text(rows, row, c++);
    ret_post->memory = kn_cell_text(rows, row, c++);
    ret_post->bytes = kn_cell_int(rows, row, c++);
    ret_post->sent_bytes = kn_cell_int(rows, row, c++);
    ret_post->bytes_a_second = 0;
    ret_post->due_us = kn_cell_int(rows, row, c++);
    ret_post->job = kn_cell_int(rows, row, c++);
    ret_post->attempt = (int)kn_cell_int(rows, row, c++);
    ret_post->tries = (int)kn_cell_int(rows, row, c++);
    ret_post->worker = kn_cell_int(rows, row, c++);
    ret_post->cancel_asked = kn_cell_int(rows, row, c++) != 0;
    ret_post->remote_id = kn_cell_text(rows, row, c++);
    ret_post->url = kn_cell_text(rows, row, c++);
    ret_post->reason = kn_cell_text(rows, row, c++);
    ret_post->remedy = kn_cell_text(rows, row, c++);
    ret_post->created_us = kn_cell_int(rows, row, c++);
    ret_post->changed_us = kn_cell_int(rows, row, c++);
    ret_post->public_us = kn_cell_int(rows, row, c++);
    ret_post->appear_us = kn_cell_int(rows, row, c++);
}

/* A row of LOOK. A speed that nobody told of for a while is none any more. */
static void look_at_row(struct kn_store *store, const struct kn_rows *rows, int row,
                        struct kn_post *ret_post)
{
    kn_post_of_row(rows, row, ret_post);
    int c = rows->columns - 3;
    int64_t out_bytes = kn_cell_int(rows, row, c), out_us = kn_cell_int(rows, row, c + 2);
    if (out_us && ret_post->worker) {
        ret_post->sent_bytes = KN_MIN(KN_MAX(ret_post->sent_bytes, out_bytes), ret_post->bytes);
        if (kn_store_now_us(store) - out_us < SPEED_KEEPS_US)
            ret_post->bytes_a_second = kn_cell_int(rows, row, c + 1);
    }
}

enum kn_status kn_no_such_post(int64_t post, struct kn_error *err)
{
    return kn_error_set(err, KN_NOT_FOUND,
                        "there is no post %lld; `kirinuki posts` lists those that there are",
                        (long long)post);
}

enum kn_status kn_store_post_get(struct kn_store *store, int64_t post, struct kn_arena *arena,
                                 struct kn_post *ret_post, struct kn_error *err)
{
    static const struct kn_statement get_post = {
        .name = "get_post",
        .access = KN_READ,
        .tables = "post post_progress",
        .sql = LOOK "WHERE id = $1",
    };
    struct kn_rows rows;
    enum kn_status status =
        kn_store_do(store, &get_post, KN_VALUES(KN_INT(post)), arena, &rows, err);
    if (status != KN_OK)
        return status;
    if (!rows.count)
        return kn_no_such_post(post, err);
    look_at_row(store, &rows, 0, ret_post);
    return KN_OK;
}

/* ---- lists ---- */

#define LIST_SQLITE(first)                                                                         \
    LOOK "WHERE " first " (($1 >> state) & 1) = 1"                                                 \
         " AND ($2 IS NULL OR platform = $2) AND ($3 IS NULL OR account = $3)"                     \
         " AND ($4 IS NULL OR owner = $4) AND ($5 = 0 OR job = $5) AND id < $6 ORDER BY id DESC"   \
         " LIMIT $7"
#define LIST_POSTGRES(first)                                                                       \
    LOOK "WHERE " first " (($1::int >> state) & 1) = 1"                                            \
         " AND ($2::text IS NULL OR platform = $2::text) AND ($3::text IS NULL OR account = "      \
         "$3::text)"                                                                               \
         " AND ($4::text IS NULL OR owner = $4::text) AND ($5::bigint = 0 OR job = $5::bigint)"    \
         " AND id < $6::bigint ORDER BY id DESC LIMIT $7::bigint"

static const struct kn_statement list_posts = {
    .name = "list_posts",
    .access = KN_READ,
    .tables = "post post_progress",
    .sqlite = LIST_SQLITE(""),
    .postgres = LIST_POSTGRES(""),
};

/* Those of a job, some, and what is open have indexes of their own. */
static const struct kn_statement list_posts_of_job = {
    .name = "list_posts_of_job",
    .access = KN_READ,
    .tables = "post post_progress",
    .sqlite = LIST_SQLITE("job = $5 AND"),
    .postgres = LIST_POSTGRES("job = $5::bigint AND"),
};

static const struct kn_statement list_some_posts = {
    .name = "list_some_posts",
    .access = KN_READ,
    .tables = "post post_progress",
    .sqlite = LIST_SQLITE("id IN (SELECT value FROM json_each($8)) AND"),
    .postgres = LIST_POSTGRES("id = ANY($8::bigint[]) AND"),
};

/* They are gathered first: the order by numbers alone would lead past all that is over. The bound
 * of due_us is what SQLite takes the index for. */
#define OPEN_IDS "SELECT id FROM post WHERE " KN_POST_OPEN " AND due_us >= 0"

static const struct kn_statement list_open_posts = {
    .name = "list_open_posts",
    .access = KN_READ,
    .tables = "post post_progress",
    .sqlite = LIST_SQLITE("id IN (" OPEN_IDS ") AND"),
    .postgres = LIST_POSTGRES("id = ANY(ARRAY(" OPEN_IDS ")) AND"),
};

enum kn_status kn_store_posts_list(struct kn_store *store, const struct kn_post_filter *filter,
                                   struct kn_arena *arena, const struct kn_post **ret_posts,
                                   int *ret_count, struct kn_error *err)
{
    if (filter->limit < 1 || filter->limit > LIST_MOST)
        return kn_error_set(err, KN_INVALID, "a limit of %d: 1 to %d are possible", filter->limit,
                            LIST_MOST);
    const struct kn_statement *statement = filter->only   ? &list_some_posts
                                           : filter->job  ? &list_posts_of_job
                                           : filter->open ? &list_open_posts
                                                          : &list_posts;
    int64_t states = filter->states ? filter->states : (1u << KN_POST_STATE_COUNT) - 1;
    const struct kn_value values[] = {
        KN_INT(states),           kn_text(filter->platform),
        kn_text(filter->account), kn_text(filter->owner),
        KN_INT(filter->job),      KN_INT(filter->before_post ? filter->before_post : INT64_MAX),
        KN_INT(filter->limit),    KN_INTS(filter->only, filter->only_count),
    };
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, statement, values, (int)KN_COUNT_OF(values) - !filter->only, arena, &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_post *posts = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *posts);
    for (int i = 0; i < rows.count; i++)
        look_at_row(store, &rows, i, &posts[i]);
    *ret_posts = posts;
    *ret_count = rows.count;
    return KN_OK;
}

enum kn_status kn_store_posts_next_due(struct kn_store *store, int64_t *ret_us,
                                       struct kn_error *err)
{
    static const struct kn_statement next_post_due = {
        .name = "next_post_due",
        .access = KN_READ,
        .tables = "post worker",
        .sql = "SELECT due_us FROM post WHERE " KN_POST_OPEN
               " AND NOT " KN_POST_HELD("post.worker", "$1") " ORDER BY due_us LIMIT 1",
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &next_post_due, KN_VALUES(KN_INT(kn_store_now_us(store))), arena, &rows, err);
    if (status == KN_OK)
        *ret_us = rows.count ? kn_cell_int(&rows, 0, 0) : INT64_MAX;
    kn_arena_free(arena);
    return status;
}
