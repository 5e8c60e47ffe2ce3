/*
 * Are the fonts there that captions need? For `kirinuki doctor` and before a job draws anything.
 */
#ifndef KN_CLIP_CAPTION_FONTS_H
#define KN_CLIP_CAPTION_FONTS_H

#include <stddef.h>

#include <kirinuki/status.h>

#include "base/str.h"
#include "model/timeline.h"

/*
 * Looks for `family` (NULL: the styles' own) and for an installed font for every letter of the
 * words of `timeline` (NULL: letters are not asked about). MISSING: a sentence with what to type.
 * A job may go on all the same: the layout falls back to what is there.
 *
 * ret_found (NULL or `size` bytes) gets the family that will draw, whatever the outcome; on
 * MISSING that may be another one than was wanted.
 */
enum kn_status kn_caption_font_check(const char *family, const struct kn_timeline *timeline,
                                     char *ret_found, size_t size, struct kn_error *err);

/* Sets *ret_text to the scripts, of those that most videos are in, that some installed font has
 * letters for: "Latin, …", or "all but Thai: apt install fonts-noto-core". */
void kn_caption_font_scripts(struct kn_str *ret_text);

#endif
