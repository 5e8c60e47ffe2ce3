/* Posts as they go, whichever process publishes them. */
#ifndef KN_CLI_POST_WATCH_H
#define KN_CLI_POST_WATCH_H

#include <kirinuki/cancel.h>

#include "cli/queue_view.h"

/*
 * Shows those posts (count 0: all that are under way or due within a quarter of an hour) as
 * `kirinuki publish` does, until each has come to its end or `cancel`, then in a table. Gives the
 * exit code: OK, SOME_FAILED or FAILED by what became of them, INTERRUPTED. Complaints have been
 * made.
 */
int kn_posts_watch(struct kn_queue_call *call, const int64_t *ids, int count,
                   struct kn_cancel *cancel);

#endif
