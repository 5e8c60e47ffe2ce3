/* What a person asks of a post that its platform shows by itself: told to the platform at once. */
#ifndef KN_CLI_POST_ORDERS_H
#define KN_CLI_POST_ORDERS_H

#include "cli/queue_view.h"

/* Has a SCHEDULED post's cancel or new time, which the store knows, carried out. *ret_sentence, in
 * the call's arena: what came of it ("is cancelled: …"). A worker that is quicker is waited for.
 * Stopped, or cut off, it stays to be done by whoever publishes next. INVALID, REMOTE: it was
 * refused, and why. */
enum kn_status kn_post_carry_out(struct kn_queue_call *call, int64_t post,
                                 const char **ret_sentence);

#endif
