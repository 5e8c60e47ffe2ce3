#include "ai/model_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>
#include <uniwbrk.h>

#include "base/memory.h"
#include "base/utf8.h"

/* ---- cleaning ---- */

static bool is_line_end(uint32_t c)
{
    return c == '\n' || c == 0x2028 || c == 0x2029 || c == 0x85;
}

static bool is_unwanted(uint32_t c)
{
    return uc_is_cntrl(c) || kn_char_is_format(c) || c == 0xfffd;
}

/* What stands between two words of the original, and is written when the next word comes. */
struct gap {
    bool space;
    int line_ends;
};

static void close_gap(struct kn_str *out, struct gap *gap)
{
    if (out->length > 0 && gap->line_ends > 0)
        kn_str_add(out, gap->line_ends > 1 ? "\n\n" : "\n");
    else if (out->length > 0 && gap->space)
        kn_str_add_char(out, ' ');
    *gap = (struct gap){0};
}

static void clean(const char *text, bool keep_lines, struct kn_str *out)
{
    struct gap gap = {0};
    uint32_t c;
    for (size_t n; (n = kn_utf8_next(text, &c)); text += n) {
        if (is_line_end(c) && keep_lines)
            gap.line_ends++;
        else if (uc_is_property_white_space(c))
            gap.space = true;
        else if (!is_unwanted(c)) {
            close_gap(out, &gap);
            kn_utf8_add(out, c);
        }
    }
}

/* ---- cutting ---- */

static bool hangs(uint32_t c)
{
    return c == '.' || c == 0x3002 || c == ',' || c == ';' || c == ':' || c == '-' || c == '(' ||
           c == '[' || c == '"' || c == 0x3001 || c == 0x300c || c == 0x300e || c == 0xff08 ||
           c == 0x201c || c == 0x2013 || c == 0x2014 || uc_is_property_white_space(c);
}

/* Takes off spaces and marks that make no sense at an end. */
static size_t without_hanging(const char *text, size_t size)
{
    size_t end = 0;
    uint32_t c;
    for (size_t at = 0, n; at < size && (n = kn_utf8_next(text + at, &c)); at += n)
        if (!hangs(c))
            end = at + n;
    return end;
}

/* The last place among the first `most` characters where a cut is allowed: before a word, or, when
 * the first half has none (a script without spaces that the library does not know, a long web
 * address), between two characters as readers see them. */
static size_t cut_place(const char *text, size_t size, int most)
{
    char *before_word = kn_calloc(size + 1, 1);
    u8_wordbreaks((const uint8_t *)text, size, before_word);
    size_t word = 0, grapheme = 0;
    int count = 0;
    for (size_t at = 0, n; (n = kn_utf8_grapheme(text + at)); at += n) {
        if (at > 0 && before_word[at])
            word = at;
        grapheme = at;
        uint32_t c;
        for (size_t in = 0; in < n; count++)
            in += kn_utf8_next(text + at + in, &c);
        if (count > most)
            break;
    }
    free(before_word);
    return word >= grapheme / 2 ? word : grapheme;
}

static const char *made_fit(struct kn_arena *arena, const char *text, int most, bool keep_lines)
{
    KN_SCOPED_STR whole = {0};
    clean(text ? text : "", keep_lines, &whole);
    if ((int64_t)kn_utf8_count(kn_str_text(&whole)) <= most)
        return kn_arena_strdup(arena, kn_str_text(&whole));
    size_t end = cut_place(whole.at, whole.length, most - 1);
    return kn_arena_printf(arena, "%.*s…", (int)without_hanging(whole.at, end), whole.at);
}

const char *kn_model_line(struct kn_arena *arena, const char *text, int most)
{
    return made_fit(arena, text, most, false);
}

const char *kn_model_paragraphs(struct kn_arena *arena, const char *text, int most)
{
    return made_fit(arena, text, most, true);
}

/* ---- hashtags ---- */

static bool is_sign(uint32_t c)
{
    return c == '#' || c == 0xff03;
}

static bool is_of_hashtag(uint32_t c)
{
    return c == '_' || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
                                                               UC_CATEGORY_MASK_Nd);
}

static bool is_double(const char *const *taken, int count, const char *tag)
{
    for (int i = 0; i < count; i++) {
        int differs = 0;
        const uint8_t *a = (const uint8_t *)taken[i], *b = (const uint8_t *)tag;
        if (u8_casecmp(a, u8_strlen(a), b, u8_strlen(b), "", NULL, &differs) == 0 && !differs)
            return true;
    }
    return false;
}

/* The text of one hashtag, up to a sign that begins the next: returns where that is. */
static const char *read_hashtag(const char *at, struct kn_str *tag, bool *ret_letter)
{
    uint32_t c;
    *ret_letter = false;
    for (size_t n; (n = kn_utf8_next(at, &c)); at += n) {
        if (is_sign(c))
            return at + n;
        if (!is_of_hashtag(c))
            continue;
        kn_utf8_add(tag, c);
        *ret_letter = *ret_letter || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L);
    }
    return at;
}

int kn_model_hashtags(struct kn_arena *arena, const json_t *list, const char *const **ret_hashtags)
{
    const char **taken = kn_arena_array(arena, KN_HASHTAGS_MAX, sizeof *taken);
    int count = 0;
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *at = json_string_value(item);
        while (at && *at && count < KN_HASHTAGS_MAX) {
            KN_SCOPED_STR tag = {0};
            bool letter;
            at = read_hashtag(at, &tag, &letter);
            if (letter && kn_utf8_count(kn_str_text(&tag)) <= KN_HASHTAG_CHARS_MAX &&
                !is_double(taken, count, tag.at))
                taken[count++] = kn_arena_strndup(arena, tag.at, tag.length);
        }
    }
    *ret_hashtags = taken;
    return count;
}
