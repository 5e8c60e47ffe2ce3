/*
 * Burning captions in: draws an ASS script (libass) onto frames.
 */
#ifndef KN_CLIP_BURN_H
#define KN_CLIP_BURN_H

#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/picture.h"

struct kn_burner; /* one thread at a time; any number side by side */

/* `ass` is a whole script, copied; it is drawn for frames of width x height. INVALID: not a script.
 */
enum kn_status kn_burner_open(const char *ass, int width_px, int height_px,
                              struct kn_burner **ret_burner, struct kn_error *err);
/* Draws what the script shows at `at_us` of its own time onto a writable YUV420P frame whose rows
 * begin at multiples of 64 bytes, as a pool's do; what lies between may be written on, too. */
void kn_burner_draw(struct kn_burner *burner, struct kn_picture *frame, int64_t at_us);
void kn_burner_close(struct kn_burner *burner); /* NULL is fine */
KN_SCOPED_DEFINE(kn_burner, kn_burner_close)

#endif
