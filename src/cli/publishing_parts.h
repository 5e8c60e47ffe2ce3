/* The inside of posting from a command, shared by its files (publishing*.c). Nobody else's. */
#ifndef KN_CLI_PUBLISHING_PARTS_H
#define KN_CLI_PUBLISHING_PARTS_H

#include "base/vec.h"
#include "service/accounts.h"
#include "service/post_plan.h"

/* What posting from a command needs; one call. */
struct publishing {
    struct kn_store *store;
    const struct kn_settings *settings;
    struct kn_cancel *cancel;
    struct kn_arena *arena;
    struct kn_http *http;
    struct kn_accounts *accounts;
    struct kn_publish_clips clips;
    struct kn_planned_post *planned;
    int planned_count;
    KN_VEC(int64_t) posts;
    KN_VEC(struct kn_post) refused; /* before they were planned: without a number */
    struct kn_error err;
};

/* ---- publishing_end.c ---- */

/* Those of the call, as they stand in the store; in the arena. */
enum kn_status kn_publishing_posts(struct publishing *publishing, const struct kn_post **ret_posts,
                                   int *ret_count);
/* The last table or document: what came of all of them, and with a status that is not KN_OK why
 * they did not come further (`err`). Gives the exit code. */
int kn_publishing_end(struct publishing *publishing, enum kn_status status);

#endif
