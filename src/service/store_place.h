/* Which queue: the one of the settings, or the user's own. */
#ifndef KN_SERVICE_STORE_PLACE_H
#define KN_SERVICE_STORE_PLACE_H

#include "store/store.h"

/* `where` NULL: queue.db in the user's data folder, which is made. `levels` of priority. */
enum kn_status kn_store_open_at(const char *where, int levels, struct kn_store **ret_store,
                                struct kn_error *err);

#endif
