/*
 * The ruler: asks libass how large it draws things and where it puts them. Private to captions*.c.
 *
 * Measuring with what draws later is right for every font, fallback, ligature and direction of
 * writing, where adding up advance widths is right for some.
 */
#ifndef KN_CLIP_CAPTIONS_RULER_H
#define KN_CLIP_CAPTIONS_RULER_H

#include <stdbool.h>

#include "base/memory.h"
#include "clip/captions.h"

struct kn_ruler;

/* Takes some 10 ms for the fonts. NULL when libass cannot start; then the layout estimates. */
struct kn_ruler *kn_ruler_open(void);
void kn_ruler_close(struct kn_ruler *ruler); /* NULL is fine */
KN_SCOPED_DEFINE(kn_ruler, kn_ruler_close)

/*
 * Draws one line of ASS text, centred on the origin (\an5), and gives the extent of the ink in
 * each of the colours 1..count (\1c&H000001& …) relative to the origin. A colour without ink
 * gives an empty box (right <= left).
 */
void kn_ruler_ink(struct kn_ruler *ruler, const char *ass_text, int count,
                  struct kn_caption_box *ret_boxes);

/* The height of a family's capitals as a share of the ASS font size; 0 when it has none. */
double kn_ruler_capital(struct kn_ruler *ruler, const char *family, bool bold);

#endif
