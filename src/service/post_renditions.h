/*
 * The renditions that planned posts ask for: each is made once, however many posts go out with it,
 * several at once as far as there are cores, and put into those posts.
 */
#ifndef KN_SERVICE_POST_RENDITIONS_H
#define KN_SERVICE_POST_RENDITIONS_H

#include <kirinuki/progress.h>

#include "service/post_plan.h"
#include "store/store.h"

struct kn_post_renditions;

/* Borrows the posts. MISSING: there is no folder for renditions. */
enum kn_status kn_post_renditions_open(struct kn_planned_post *posts, int count,
                                       struct kn_post_renditions **ret_renditions,
                                       struct kn_error *err);
void kn_post_renditions_close(struct kn_post_renditions *renditions); /* NULL is fine */
KN_SCOPED_DEFINE(kn_post_renditions, kn_post_renditions_close)

/* How many there are, and how many of them are not there from before. */
int kn_post_renditions_count(const struct kn_post_renditions *renditions);
int kn_post_renditions_missing(const struct kn_post_renditions *renditions);
/* Whose rules ask for those that are missing, for people: "X and Instagram". In the arena. */
const char *kn_post_renditions_for(const struct kn_post_renditions *renditions,
                                   struct kn_arena *arena);

/*
 * Makes or takes all of them and puts them into the posts, each checked again. A post whose
 * rendition cannot be made, or is refused as well, becomes bad, its findings say why, and the
 * others go on. What is put into the posts is in the arena. `progress` (may be NULL) gets a node
 * for each. CANCELLED; others: no threads.
 */
enum kn_status kn_post_renditions_make(struct kn_post_renditions *renditions,
                                       struct kn_arena *arena, struct kn_cancel *cancel,
                                       struct kn_progress *progress, struct kn_error *err);

/* Removes old renditions (pipeline/rendition_cache.h) but for those of posts in the store that
 * still have to go out. */
void kn_post_renditions_tidy(const struct kn_post_renditions *renditions, struct kn_store *store);

#endif
