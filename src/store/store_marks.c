/*
 * Changes of which no answer came: again, and whether it was this one that happened. A mark that a
 * change writes with the rest tells that. The try before may be on its way still; it had locked its
 * rows before its COMMIT was sent, so a look that locks one of them waits for its end.
 */
#include <sys/random.h>

#include "store/store_parts.h"

const char *kn_mark_new(struct kn_arena *arena)
{
    uint64_t bits[2];
    while (getrandom(bits, sizeof bits, 0) != sizeof bits)
        ; /* interrupted before the system had any randomness */
    return kn_arena_printf(arena, "%016llx%016llx", (unsigned long long)bits[0],
                           (unsigned long long)bits[1]);
}

enum kn_status kn_store_change_surely(struct kn_store *store, kn_change_fn *run, void *arg,
                                      struct kn_arena *arena, struct kn_error *err)
{
    for (int tries = 0; tries < KN_UNKNOWN_TRIES; tries++) {
        enum kn_status status = kn_store_change(store, run, arg, arena, NULL, err);
        if (status != KN_LOST)
            return status;
    }
    return kn_error_set(err, KN_REMOTE, "the connection to the database breaks at each commit");
}
