/*
 * Gradual changes of shot: dissolves and wipes.
 *
 * Pure. In a dissolve every part of the picture goes from what the old shot shows there to what the
 * new one does, in a wipe one part after the other; either way all that is seen on the way lies
 * between the two. When the camera turns or something moves through the picture, it does not.
 */
#ifndef KN_ANALYZE_DISSOLVES_H
#define KN_ANALYZE_DISSOLVES_H

#include <kirinuki/arena.h>

#include "analyze/shots.h"

enum {
    KN_DISSOLVE_MIN_US = 250 * 1000,  /* from start to end; shorter ones are cuts, or nearly */
    KN_DISSOLVE_MAX_US = 2000 * 1000, /* longer ones look like a change of light */
};

/*
 * `moments` as for kn_cuts_find, and the cuts that were found in them. Of a dissolve, `at_us` is
 * the first picture that has more of the new shot than of the old one, `before_us` the one before.
 * Those that a cut lies in are none. Sorted, in `arena`.
 */
int kn_dissolves_find(const struct kn_moment *moments, int count, const struct kn_cut *cuts,
                      int cut_count, struct kn_arena *arena, const struct kn_cut **ret_dissolves);

#endif
