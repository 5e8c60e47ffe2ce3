/*
 * A progress tree as text, and back into the rows that are drawn: what one process writes into the
 * store and another shows. Only what is shown is in it: phases, running parts, failures, the last
 * few that ended, and how many wait; so a tree of a thousand nodes is a few kilobytes. Times are
 * relative to the moment of the text, which the store knows.
 */
#ifndef KN_SERVICE_PROGRESS_TEXT_H
#define KN_SERVICE_PROGRESS_TEXT_H

#include <kirinuki/arena.h>
#include <kirinuki/progress.h>

#include "base/str.h"

/* views: depth first, as kn_progress_snapshot gives them; now_us: their moment (kn_now_us). */
void kn_progress_text_write(const struct kn_progress_view *views, int count, int64_t now_us,
                            struct kn_str *out);
/*
 * In the arena, depth first. then_us: the moment of the text in this process's kn_now_us. Parts
 * that wait come back nameless, in their number. The text may be hostile. DAMAGED: it is none of
 * these.
 */
enum kn_status kn_progress_text_read(const char *text, int64_t then_us, struct kn_arena *arena,
                                     struct kn_progress_view **ret_views, int *ret_count,
                                     struct kn_error *err);

#endif
