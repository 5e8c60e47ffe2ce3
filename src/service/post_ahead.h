/* What is known of posts before the clips are there that they will be of. */
#ifndef KN_SERVICE_POST_AHEAD_H
#define KN_SERVICE_POST_AHEAD_H

#include <stdbool.h>

#include "pipeline/rendition_ahead.h"
#include "service/settings_publish.h"
#include "store/store.h"

/* Is the platform in a list such as --to takes? "all" means each. NULL: an empty list. */
bool kn_posts_mean(const char *to, const char *platform);

/*
 * The rules that clips will have to keep which are posted as the settings say: of platforms that
 * are named, and where all are meant, of those that have an account or will get one in the sandbox.
 * In the arena. NULL: nothing is to be posted, nothing smaller is to be made, or there is no folder
 * for it. Never fails: what it does not see is made of the finished clips.
 */
const struct kn_renditions_ahead *kn_posts_ahead(struct kn_store *store,
                                                 const struct kn_publish_settings *settings,
                                                 struct kn_arena *arena);

#endif
