/*
 * The progress of the jobs that run here, into the store: twice a second at most, what has changed,
 * in one call for all of them; and the room that the worker has. A crash may lose the last half
 * second of it, and nothing else.
 */
#ifndef KN_SERVICE_PROGRESS_HUB_H
#define KN_SERVICE_PROGRESS_HUB_H

#include <kirinuki/progress.h>

#include "store/store.h"

struct kn_progress_hub;

/* Any failure: its thread could not be started. */
enum kn_status kn_progress_hub_open(struct kn_store *store, struct kn_progress_hub **ret_hub,
                                    struct kn_error *err);
void kn_progress_hub_close(struct kn_progress_hub *hub); /* NULL is fine */

/* Any thread. Borrows the root until it is removed. */
void kn_progress_hub_add(struct kn_progress_hub *hub, const struct kn_holder *holder,
                         struct kn_progress *root);
void kn_progress_hub_remove(struct kn_progress_hub *hub, struct kn_progress *root);

/* How much room the worker has, told with the next progress. Any thread. */
void kn_progress_hub_room(struct kn_progress_hub *hub, int64_t worker,
                          const struct kn_worker_room *room);

#endif
