/* Which queue: the one of the settings, or the user's own. */
#ifndef KN_SERVICE_STORE_PLACE_H
#define KN_SERVICE_STORE_PLACE_H

#include "store/store.h"

/* `where` NULL: queue.db in the user's data folder. `levels` of priority. `make` false: NOT_FOUND
 * where there is none. */
enum kn_status kn_store_open_at(const char *where, int levels, bool make,
                                struct kn_store **ret_store, struct kn_error *err);

/* An empty one that nobody else sees. *ret_folder, in the arena, is set where it has to be removed
 * once the store is closed, also after an error. */
enum kn_status kn_store_open_private(struct kn_arena *arena, int levels, char **ret_folder,
                                     struct kn_store **ret_store, struct kn_error *err);
void kn_store_remove_private(struct kn_arena *arena, const char *folder); /* NULL is fine */

#endif
