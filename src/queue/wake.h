/*
 * Sleeping until there may be something to do: no polling of an idle queue, and milliseconds from a
 * submit to the claim.
 *
 * Changes by this process are told at once. Those of others are heard from PostgreSQL by LISTEN on
 * a connection of its own, and from SQLite by the kernel's notice that the log was written. Where
 * neither works (a pooler that does not deliver notifications, a file system without notices), a
 * look each second takes their place.
 */
#ifndef KN_QUEUE_WAKE_H
#define KN_QUEUE_WAKE_H

#include <kirinuki/cancel.h>

#include "base/memory.h"
#include "store/store.h"

struct kn_wake;

/* Borrows the store. Failures are those of a connection to the database. */
enum kn_status kn_wake_open(struct kn_store *store, struct kn_wake **ret_wake,
                            struct kn_error *err);
void kn_wake_close(struct kn_wake *wake); /* NULL is fine */
KN_SCOPED_DEFINE(kn_wake, kn_wake_close)

/*
 * One thread at a time. OK: the store may have changed since the last call (the change may be one's
 * own, and uninteresting); TIMEOUT: `until_us` (kn_now_us; INT64_MAX: never) has come; CANCELLED.
 * Nothing that is committed before the call and was not seen by an earlier one is missed.
 */
enum kn_status kn_wake_wait(struct kn_wake *wake, int64_t until_us, struct kn_cancel *cancel);

#endif
