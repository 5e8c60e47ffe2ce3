/*
 * Which installed font can draw a text, by fontconfig. Private to captions*.c.
 *
 * The order: the wanted family, DejaVu Sans for most alphabets, Noto Sans CJK for East Asian
 * letters, then any outline font that has every character. libass cannot draw coloured bitmap
 * emoji, so those fonts do not count; emoji come from DejaVu Sans or Symbola in one colour.
 */
#ifndef KN_CLIP_CAPTIONS_FONT_H
#define KN_CLIP_CAPTIONS_FONT_H

#include <stdbool.h>

#include "base/memory.h"

struct kn_fonts;

struct kn_font {
    const char *family; /* for \fn; lives as long as the kn_fonts */
    bool bold;          /* the wanted weight is its bold */
};

/* `family` is what the user wants or the style's own; `language` (BCP 47 or NULL) settles which
 * forms Han characters take. Used by one thread at a time. */
struct kn_fonts *kn_fonts_open(const char *family, const char *language);
void kn_fonts_close(struct kn_fonts *fonts); /* NULL is fine */
KN_SCOPED_DEFINE(kn_fonts, kn_fonts_close)

/* The first font in the order that has all of `text`; the wanted one (or what stands for it when
 * it is not installed) when none has. */
struct kn_font kn_fonts_for(struct kn_fonts *fonts, const char *text);
/* Is there any outline font with this character? */
bool kn_fonts_have(struct kn_fonts *fonts, unsigned c);
/* Is the wanted family itself installed? */
bool kn_fonts_wanted(const struct kn_fonts *fonts);

#endif
