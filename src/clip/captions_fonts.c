#include "clip/captions_fonts.h"

#include <fontconfig/fontconfig.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "clip/caption_fonts.h"
#include "clip/captions_style.h"
#include "clip/font_lock.h"

pthread_mutex_t kn_font_lock = PTHREAD_MUTEX_INITIALIZER;

enum { WANTED, BROAD, CJK, CHAIN_COUNT };

struct kn_fonts {
    FcConfig *config;
    struct {
        struct kn_font font;
        FcCharSet *charset; /* NULL: not installed */
    } chain[CHAIN_COUNT];
    /* The last answer of the search through all fonts: neighbours mostly need the same. */
    char *found;
    FcCharSet *found_charset;
    FcCharSet *any; /* what all outline fonts have together; NULL: not asked for yet */
};

/* The characters of all outline faces of a family, or of all fonts; NULL when there are none. */
static FcCharSet *family_charset(FcConfig *config, const char *family)
{
    FcPattern *pattern = FcPatternBuild(NULL, FC_OUTLINE, FcTypeBool, FcTrue, (char *)NULL);
    FcObjectSet *objects = FcObjectSetBuild(FC_CHARSET, (char *)NULL);
    FcCharSet *all = NULL;

    if (family)
        FcPatternAddString(pattern, FC_FAMILY, (const FcChar8 *)family);
    FcFontSet *set = FcFontList(config, pattern, objects);
    for (int i = 0; set && i < set->nfont; i++) {
        FcCharSet *one;
        if (FcPatternGetCharSet(set->fonts[i], FC_CHARSET, 0, &one) != FcResultMatch)
            continue;
        if (!all)
            all = FcCharSetCreate();
        FcCharSetMerge(all, one, NULL);
    }
    if (set)
        FcFontSetDestroy(set);
    FcObjectSetDestroy(objects);
    FcPatternDestroy(pattern);
    return all;
}

/* One code point stands for different shapes in the four traditions; the font decides. */
static const char *cjk_family(const char *language)
{
    static const struct {
        const char *tag, *family;
    } families[] = {
        {"zh-Hant", "Noto Sans CJK TC"}, {"zh-TW", "Noto Sans CJK TC"},
        {"zh-HK", "Noto Sans CJK HK"},   {"yue", "Noto Sans CJK HK"},
        {"zh", "Noto Sans CJK SC"},      {"ko", "Noto Sans CJK KR"},
    };

    for (size_t i = 0; language && i < KN_COUNT_OF(families); i++)
        if (kn_starts_with(language, families[i].tag))
            return families[i].family;
    return "Noto Sans CJK JP";
}

struct kn_fonts *kn_fonts_open(const char *family, const char *language)
{
    struct kn_fonts *fonts = kn_calloc(1, sizeof *fonts);

    KN_LOCKED(&kn_font_lock);
    /* Its own, as libass has: the process-wide one is never freed. Takes some 3 ms. */
    fonts->config = FcInitLoadConfigAndFonts();
    fonts->chain[WANTED].font = (struct kn_font){family, false};
    fonts->chain[CJK].font = (struct kn_font){cjk_family(language), true};
    fonts->chain[BROAD].font = (struct kn_font){"DejaVu Sans", true};
    for (int i = 0; i < CHAIN_COUNT; i++)
        fonts->chain[i].charset = family_charset(fonts->config, fonts->chain[i].font.family);
    return fonts;
}

void kn_fonts_close(struct kn_fonts *fonts)
{
    if (!fonts)
        return;
    for (int i = 0; i < CHAIN_COUNT; i++)
        if (fonts->chain[i].charset)
            FcCharSetDestroy(fonts->chain[i].charset);
    if (fonts->found_charset)
        FcCharSetDestroy(fonts->found_charset);
    if (fonts->any)
        FcCharSetDestroy(fonts->any);
    free(fonts->found);
    KN_LOCKED(&kn_font_lock);
    FcConfigDestroy(fonts->config);
    free(fonts);
}

/* Characters that need no glyph of their own: spaces, joiners, variation selectors. */
static bool needs_glyph(uint32_t c)
{
    return c > 0x20 && c != 0xa0 && c != 0x200c && c != 0x200d && !(c >= 0xfe00 && c <= 0xfe0f) &&
           !kn_char_is_format(c);
}

static bool covers(const FcCharSet *charset, const char *text)
{
    uint32_t c;

    if (!charset)
        return false;
    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (needs_glyph(c) && !FcCharSetHasChar(charset, c))
            return false;
    return true;
}

/* How well a family suits captions: a plain sans serif before others, then by name, so that the
 * choice does not depend on the order of files on the disk. */
static int family_rank(const char *family)
{
    int rank = strstr(family, "Sans") || strstr(family, "Gothic") ? 0 : 4;

    if (strstr(family, "Mono") || strstr(family, "Condensed") || strstr(family, "Light") ||
        strstr(family, "Thin"))
        rank += 2;
    if (strstr(family, "Serif"))
        rank += 4;
    return rank;
}

/* Any outline font that has all of `text`; its family or NULL. */
static char *search_all(FcConfig *config, const char *text)
{
    FcCharSet *charset = FcCharSetCreate();
    uint32_t c;
    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (needs_glyph(c))
            FcCharSetAddChar(charset, c);
    FcPattern *pattern = FcPatternBuild(NULL, FC_CHARSET, FcTypeCharSet, charset, FC_OUTLINE,
                                        FcTypeBool, FcTrue, (char *)NULL);
    FcObjectSet *objects = FcObjectSetBuild(FC_FAMILY, (char *)NULL);
    FcFontSet *set = FcFontList(config, pattern, objects);
    const char *best = NULL;

    for (int i = 0; set && i < set->nfont; i++) {
        FcChar8 *family;
        if (FcPatternGetString(set->fonts[i], FC_FAMILY, 0, &family) != FcResultMatch)
            continue;
        const char *name = (const char *)family;
        int better = best ? family_rank(name) - family_rank(best) : -1;
        if (better < 0 || (better == 0 && strcmp(name, best) < 0))
            best = name;
    }
    char *found = kn_strdup(best);
    if (set)
        FcFontSetDestroy(set);
    FcObjectSetDestroy(objects);
    FcPatternDestroy(pattern);
    FcCharSetDestroy(charset);
    return found;
}

struct kn_font kn_fonts_for(struct kn_fonts *fonts, const char *text)
{
    for (int i = 0; i < CHAIN_COUNT; i++)
        if (covers(fonts->chain[i].charset, text))
            return fonts->chain[i].font;
    if (fonts->found && covers(fonts->found_charset, text))
        return (struct kn_font){fonts->found, true};

    char *found = search_all(fonts->config, text);
    if (!found)
        return fonts->chain[fonts->chain[WANTED].charset ? WANTED : BROAD].font;
    free(fonts->found);
    if (fonts->found_charset)
        FcCharSetDestroy(fonts->found_charset);
    fonts->found = found;
    fonts->found_charset = family_charset(fonts->config, found);
    return (struct kn_font){fonts->found, true};
}

/* Made at the first character that the usual families lack: one pass over all fonts, so that a text
 * of rare characters costs no search each. */
static const FcCharSet *any_charset(struct kn_fonts *fonts)
{
    if (!fonts->any)
        fonts->any = family_charset(fonts->config, NULL);
    return fonts->any;
}

bool kn_fonts_have(struct kn_fonts *fonts, unsigned c)
{
    if (!needs_glyph(c))
        return true;
    for (int i = 0; i < CHAIN_COUNT; i++)
        if (fonts->chain[i].charset && FcCharSetHasChar(fonts->chain[i].charset, c))
            return true;
    const FcCharSet *any = any_charset(fonts);
    return any && FcCharSetHasChar(any, c);
}

bool kn_fonts_wanted(const struct kn_fonts *fonts)
{
    return fonts->chain[WANTED].charset != NULL;
}

/* ---- the check ---- */

/* The Debian package that has the letters of a character's script. */
static const char *package_for(uint32_t c)
{
    if (kn_char_is_han(c) || (c >= 0x3000 && c <= 0x30ff) || (c >= 0x1100 && c <= 0x11ff) ||
        (c >= 0xac00 && c <= 0xd7ff) || (c >= 0xff00 && c <= 0xffef))
        return "fonts-noto-cjk";
    return c >= 0x0530 ? "fonts-noto-core" : "fonts-dejavu-core";
}

/* Emoji without a font are left out of the picture; letters without one are worth a word. */
static bool is_pictograph(uint32_t c)
{
    return (c >= 0x2190 && c <= 0x2bff) || (c >= 0xe000 && c <= 0xf8ff) ||
           (c >= 0x1f000 && c <= 0x1faff) || c >= 0xe0000;
}

static enum kn_status check_letters(struct kn_fonts *fonts, const struct kn_timeline *timeline,
                                    struct kn_error *err)
{
    uint32_t known = 0, c;

    for (int i = 0; i < timeline->word_count; i++) {
        const char *at = timeline->words[i].text;
        for (size_t n; (n = kn_utf8_next(at, &c)); at += n) {
            if (c == known || is_pictograph(c) || kn_fonts_have(fonts, c)) {
                known = c;
                continue;
            }
            KN_SCOPED_STR letter = {0};
            kn_utf8_add(&letter, c);
            return kn_error_set(err, KN_MISSING,
                                "no installed font has the letter “%s” (in “%.60s”): "
                                "apt install %s",
                                kn_str_text(&letter), timeline->words[i].text, package_for(c));
        }
    }
    return KN_OK;
}

enum kn_status kn_caption_font_check(const char *family, const struct kn_timeline *timeline,
                                     char *ret_found, size_t size, struct kn_error *err)
{
    const char *wanted = family ? family : kn_caption_look(KN_CAPTIONS_DEFAULT)->font;
    KN_SCOPED(kn_fonts) fonts = kn_fonts_open(wanted, timeline ? timeline->language : NULL);
    struct kn_font font = kn_fonts_for(fonts, "Hamburgefonstiv");

    if (ret_found)
        snprintf(ret_found, size, "%s", font.family);
    if (!kn_fonts_wanted(fonts) && family)
        return kn_error_set(err, KN_MISSING,
                            "the font “%s” is not installed: install it, or choose another with "
                            "--font (fc-list : family lists them)",
                            family);
    if (!kn_fonts_wanted(fonts))
        return kn_error_set(err, KN_MISSING,
                            "the font “%s” is not installed: apt install fonts-lato, or choose "
                            "another with --font",
                            wanted);
    return timeline ? check_letters(fonts, timeline, err) : KN_OK;
}

void kn_caption_font_scripts(struct kn_str *ret_text)
{
    static const struct {
        const char *name;
        uint32_t letter;
    } scripts[] = {
        {"Latin", 'A'},      {"Cyrillic", 0x0416}, {"Greek", 0x03a9}, {"Arabic", 0x0639},
        {"Hebrew", 0x05d0},  {"Hindi", 0x0905},    {"Thai", 0x0e01},  {"Japanese", 0x3042},
        {"Chinese", 0x6c49}, {"Korean", 0xd55c},
    };
    KN_SCOPED(kn_fonts) fonts = kn_fonts_open(kn_caption_look(KN_CAPTIONS_DEFAULT)->font, NULL);
    KN_SCOPED_STR lacking = {0};
    const char *package = NULL;

    kn_str_clear(ret_text);
    for (size_t i = 0; i < KN_COUNT_OF(scripts); i++) {
        bool have = kn_fonts_have(fonts, scripts[i].letter);
        struct kn_str *list = have ? ret_text : &lacking;
        kn_str_printf(list, "%s%s", list->length ? ", " : "", scripts[i].name);
        const char *has_it = package_for(scripts[i].letter);
        if (!have) /* several packages: the one that brings all */
            package = package && strcmp(package, has_it) != 0 ? "fonts-noto" : has_it;
    }
    if (!lacking.length)
        return;
    kn_str_clear(ret_text); /* the shorter list */
    kn_str_printf(ret_text, "all but %s: apt install %s", kn_str_text(&lacking), package);
}
