/* What the files of the posts share. Nobody else includes this. */
#ifndef KN_STORE_STORE_POSTS_PARTS_H
#define KN_STORE_STORE_POSTS_PARTS_H

#include "store/store_parts.h"
#include "store/store_posts.h"

/* Posts that are under way, and those that have their key, as the partial indexes say it
 * (schema/), or they would not be used. */
#define KN_POST_OPEN  "state <= 2"
#define KN_POST_KEYED "state IN (0, 1, 2, 3, 4, 6)"

/* A worker of a row of posts is there, and not silent at `now`. */
#define KN_POST_HELD(worker, now)                                                                  \
    "EXISTS (SELECT 1 FROM worker AS w WHERE w.id = " worker " AND w.alive_until_us >= " now ")"

/* The columns that kn_post_of_row reads, in its order. */
#define KN_POST_COLUMNS                                                                            \
    "id, state, key, owner, platform, account, clip, request, memory, bytes, sent_bytes, due_us,"  \
    " job, attempt, tries, worker, stop, remote_id, url, reason, remedy, created_us, changed_us,"  \
    " public_us"
/* Borrows the row's texts. */
void kn_post_of_row(const struct kn_rows *rows, int row, struct kn_post *ret_post);

enum kn_status kn_no_such_post(int64_t post, struct kn_error *err);

#endif
