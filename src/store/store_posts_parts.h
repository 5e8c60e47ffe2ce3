/* What the files of the posts share. Nobody else includes this. */
#ifndef KN_STORE_STORE_POSTS_PARTS_H
#define KN_STORE_STORE_POSTS_PARTS_H

#include "store/store_parts.h"
#include "store/store_posts.h"

/* Posts for which something is still to be done, and those that have their key, as the partial
 * indexes say it (schema/), or they would not be used. */
#define KN_POST_OPEN  "(state <= 2 OR (state = 4 AND due_us > 0))"
#define KN_POST_KEYED "state IN (0, 1, 2, 3, 4, 6)"

/* A worker of a row of posts is there, and not silent at `now`. */
#define KN_POST_HELD(worker, now)                                                                  \
    "EXISTS (SELECT 1 FROM worker AS w WHERE w.id = " worker " AND w.alive_until_us >= " now ")"

/* The columns that kn_post_of_row reads, in its order. */
#define KN_POST_COLUMNS                                                                            \
    "id, state, key, owner, platform, account, clip, request, memory, bytes, sent_bytes, due_us,"  \
    " job, attempt, tries, worker, stop, remote_id, url, reason, remedy, created_us, changed_us,"  \
    " public_us, appear_us"
/* Borrows the row's texts. */
void kn_post_of_row(const struct kn_rows *rows, int row, struct kn_post *ret_post);

enum kn_status kn_no_such_post(int64_t post, struct kn_error *err);

/* ---- store_posts_plan.c ---- */

extern const struct kn_statement kn_insert_post, kn_find_post_key;
enum { KN_INSERT_POST_VALUES = 14, KN_FIND_POST_KEY_VALUES = 1 };
/* In the arena; those of kn_find_post_key are the first of them. `mark`: the spec's alone. */
const struct kn_value *kn_insert_post_values(const struct kn_post_spec *spec, const char *mark,
                                             int64_t now_us, struct kn_arena *arena);
/* Of a row of kn_find_post_key. */
struct kn_post_planned kn_post_planned_of(const struct kn_rows *rows, const char *mark);

/* ---- store_posts_claim.c ---- */

/* PostgreSQL's; SQLite needs none. */
extern const struct kn_statement kn_lock_publishing;

/* ---- store_posts_slots.c ---- */

/* As kn_store_posts_plan, the specs checked; with `foresee` nothing is planned. `marks`: one each.
 */
enum kn_status kn_posts_plan_in_slots(struct kn_store *store, const struct kn_post_spec *specs,
                                      const char *const *marks, int count, bool foresee,
                                      struct kn_post_planned *ret_planned, struct kn_error *err);

#endif
