#include "pipeline/clip_names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#include "analyze/lexicon.h"
#include "base/file.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/words.h"

enum { TITLE_BYTES_MAX = 60 };

static bool belongs_in_name(ucs4_t c)
{
    return c != 0xFFFD && (uc_is_property_alphabetic(c) || uc_is_property_decimal_digit(c) ||
                           uc_is_general_category(c, UC_CATEGORY_M));
}

static size_t last_word(const struct kn_str *out, size_t begin)
{
    size_t word = out->length;
    while (word > begin && out->at[word - 1] != '-')
        word--;
    return word;
}

/* A name that had to be cut ends with a whole word, if it has more than one. */
static bool drop_last_word(struct kn_str *out, size_t begin)
{
    size_t word = last_word(out, begin);
    if (word == begin)
        return false;
    out->length = word - 1;
    out->at[out->length] = '\0';
    return true;
}

/* Nor does it end with a word that hangs, as titles do not: "by-walking-in-a". */
static void drop_hanging_words(struct kn_str *out, size_t begin)
{
    while (kn_word_classes(out->at + last_word(out, begin)) & KN_CLASS_LEFT_OPEN &&
           drop_last_word(out, begin))
        continue;
}

/* Where a name of a script without spaces, which begins at `begin` and goes on with `more`, is best
 * cut: behind a phrase, or else behind a word; not in its first half. */
static void cut_phrase(struct kn_str *out, size_t begin, const char *more)
{
    KN_SCOPED_STR all = {0};
    struct kn_word_spans words = {0};
    size_t length = out->length - begin, phrase = 0, word = 0;
    char before[TITLE_BYTES_MAX + 1] = "", now[TITLE_BYTES_MAX + 1];

    kn_str_add(&all, out->at + begin);
    kn_str_add(&all, more);
    kn_words_find(all.at, all.length, &words);
    for (int i = 0; i < words.count && words.at[i].from <= length; i++) {
        const struct kn_word_span *w = &words.at[i];
        snprintf(now, sizeof now, "%.*s", (int)(w->to - w->from), all.at + w->from);
        if (i && w->from > length / 2) {
            word = w->from;
            if (!kn_word_leans(before, now) && !kn_word_waits(before))
                phrase = w->from;
        }
        memcpy(before, now, sizeof before);
    }
    kn_vec_free(&words);
    if (!word)
        return;
    out->length = begin + (phrase ? phrase : word);
    while (out->length > begin && out->at[out->length - 1] == '-')
        out->length--;
    out->at[out->length] = '\0';
}

static void add_slug(struct kn_str *out, const char *title)
{
    const uint8_t *at = (const uint8_t *)title;
    size_t left = strlen(title), begin = out->length;
    bool gap = false;
    while (left) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, left); /* U+FFFD for what is not UTF-8 */
        at += n;
        left -= (size_t)n;
        if (!belongs_in_name(c)) {
            gap = gap || (c != '\'' && c != 0x2019); /* "don't" becomes "dont" */
            continue;
        }
        uint8_t lower[6];
        int bytes = u8_uctomb(lower, uc_tolower(c), sizeof lower);
        if (out->length + (size_t)bytes + 1 - begin > TITLE_BYTES_MAX) {
            if (kn_words_spaceless(out->at + begin, out->length - begin)) {
                cut_phrase(out, begin, (const char *)at - n);
                return;
            }
            if (!gap)
                (void)drop_last_word(out, begin); /* of a single one the beginning stays */
            drop_hanging_words(out, begin);
            return;
        }
        if (gap && out->length > begin)
            kn_str_add_char(out, '-');
        kn_str_add_bytes(out, lower, (size_t)bytes);
        gap = false;
    }
}

const char *kn_clip_stem(struct kn_arena *arena, int rank, const char *title)
{
    KN_SCOPED_STR stem = {0};
    kn_str_printf(&stem, "%02d-", rank + 1);
    size_t prefix = stem.length;
    add_slug(&stem, title ? title : "");
    if (stem.length == prefix)
        kn_str_add(&stem, "clip");
    return kn_arena_strdup(arena, stem.at);
}

const char *kn_clip_file_name(struct kn_arena *arena, const char *stem, enum kn_aspect aspect,
                              bool first)
{
    if (first)
        return kn_arena_printf(arena, "%s.mp4", stem);
    const char *name = kn_aspect_name(aspect); /* "1:1" */
    int colon = (int)strcspn(name, ":");
    return kn_arena_printf(arena, "%s.%.*sx%s.mp4", stem, colon, name, name + colon + 1);
}

const char *kn_clip_folder_name(struct kn_arena *arena, const char *path)
{
    static const char suffix[] = "-clips";
    const char *stem = kn_path_stem(arena, path);
    char name[NAME_MAX + 1];
    stem += strspn(stem, "."); /* a folder that is hidden is a folder that is not found */
    if (!*stem)
        stem = "video";
    snprintf(name, sizeof name - strlen(suffix), "%s", stem);
    if (strlen(stem) > strlen(name))
        kn_utf8_trim(name);
    return kn_arena_printf(arena, "%s%s", name, suffix);
}
