/* Rounded shapes as ASS drawing commands. Private to captions*.c. */
#ifndef KN_CLIP_CAPTIONS_SHAPE_H
#define KN_CLIP_CAPTIONS_SHAPE_H

#include "base/str.h"
#include "clip/captions.h"

/* Appends the outline of `count` rows (1 to 4) that stand on each other without gaps (a row's
 * bottom is the next one's top), all centred alike, with all corners rounded, the inner ones too.
 */
void kn_shape_rows(struct kn_str *path, const struct kn_caption_box *rows, int count,
                   double radius);

#endif
