#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unigbrk.h>
#include <unilbrk.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/memory.h"

bool kn_utf8_valid(const char *text, size_t size)
{
    return u8_check((const uint8_t *)text, size) == NULL;
}

size_t kn_utf8_next_within(const char *at, size_t left, uint32_t *ret_char)
{
    ucs4_t c;
    int n = u8_mbtouc(&c, (const uint8_t *)at, left); /* gives U+FFFD for what is not UTF-8 */

    *ret_char = c;
    return (size_t)n;
}

void kn_utf8_clean(const char *text, size_t size, struct kn_str *out)
{
    while (size) {
        uint32_t c;
        size_t n = kn_utf8_next_within(text, size, &c);
        if (c == 0xfffd)
            kn_str_add(out, "\xef\xbf\xbd");
        else
            kn_str_add_bytes(out, text, n);
        text += n;
        size -= n;
    }
}

size_t kn_utf8_next(const char *at, uint32_t *ret_char)
{
    *ret_char = 0;
    return *at ? kn_utf8_next_within(at, strnlen(at, 4), ret_char) : 0;
}

uint32_t kn_utf8_first(const char *text)
{
    uint32_t c;

    kn_utf8_next(text, &c);
    return c;
}

uint32_t kn_utf8_last(const char *text)
{
    uint32_t c = 0, last = 0;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        last = c;
    return last;
}

void kn_utf8_add(struct kn_str *out, uint32_t c)
{
    uint8_t bytes[6];
    int n = u8_uctomb(bytes, c, sizeof bytes);

    if (n > 0)
        kn_str_add_bytes(out, bytes, (size_t)n);
    else
        kn_str_add(out, "\xef\xbf\xbd");
}

size_t kn_utf8_grapheme(const char *at)
{
    uint32_t before, c;
    size_t length = kn_utf8_next(at, &before);

    /* The library's own stepper trusts its input; walking characters keeps bad bytes harmless.
     * Pairs decide all but flags and emoji sequences, which are kept together here. */
    bool flag_open = before >= 0x1f1e6 && before <= 0x1f1ff;
    while (length) {
        size_t n = kn_utf8_next(at + length, &c);
        if (!n)
            break;
        bool flag = c >= 0x1f1e6 && c <= 0x1f1ff;
        bool joined = before == 0x200d && c >= 0x2190; /* a joiner pulls a pictograph in */
        if (!joined && !(flag && flag_open) && uc_is_grapheme_break(before, c))
            break;
        if (flag && before >= 0x1f1e6 && before <= 0x1f1ff && !flag_open)
            break;
        flag_open = flag && !flag_open;
        before = c;
        length += n;
    }
    return length;
}

int kn_utf8_graphemes(const char *text)
{
    int count = 0;

    for (size_t n; (n = kn_utf8_grapheme(text)); text += n)
        count++;
    return count;
}

int kn_utf8_columns(const char *text)
{
    int columns = 0;
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n) {
        int width = uc_width(c, "UTF-8");
        columns += width > 0 ? width : 0;
    }
    return columns;
}

/* The scripts whose line breaks only a dictionary knows (class SA of UAX #14). */
static bool needs_dictionary(uint32_t c)
{
    return (c >= 0x0e00 && c <= 0x0eff)     /* Thai, Lao */
           || (c >= 0x1000 && c <= 0x109f)  /* Burmese */
           || (c >= 0x1780 && c <= 0x17ff); /* Khmer */
}

/* Vowels that are written before, after or around their consonant and never begin a line, and the
 * signs of repetition and abbreviation. The ones written before (U+0E40..0E44) stay with what
 * follows, so the break must come before them and not after. */
static bool leads_syllable(uint32_t c)
{
    return (c >= 0x0e40 && c <= 0x0e44) || (c >= 0x0ec0 && c <= 0x0ec4);
}

static bool trails_syllable(uint32_t c)
{
    return (c >= 0x0e2f && c <= 0x0e3a) || (c >= 0x0e45 && c <= 0x0e4e) ||
           (c >= 0x0eaf && c <= 0x0ebd) || (c >= 0x0ec6 && c <= 0x0ece);
}

void kn_utf8_breaks(const char *text, size_t size, bool *ret_breaks)
{
    if (!size)
        return;
    char *kinds = kn_malloc(size);
    uint32_t before = 0, c;

    memset(kinds, UC_BREAK_PROHIBITED, size);
    if (kn_utf8_valid(text, size))
        u8_possible_linebreaks((const uint8_t *)text, size, "UTF-8", kinds);
    for (size_t i = 0; i < size; i++)
        ret_breaks[i] = kinds[i] == UC_BREAK_POSSIBLE;
    free(kinds);

    size_t start = 0; /* of the grapheme cluster */
    while (start < size && text[start]) {
        c = kn_utf8_first(text + start);
        if (start && needs_dictionary(before) && needs_dictionary(c))
            ret_breaks[start] = !trails_syllable(c) && !leads_syllable(before);
        size_t n = kn_utf8_grapheme(text + start);
        for (size_t i = start + 1; i < start + n && i < size; i++)
            ret_breaks[i] = false;
        for (size_t at = start; at < start + n;)
            at += kn_utf8_next(text + at, &before);
        start += n;
    }
}

bool kn_char_is_han(uint32_t c)
{
    return (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff) || c == 0x3005 ||
           c == 0x3006 || c == 0x3007;
}

bool kn_char_is_hiragana(uint32_t c)
{
    return c >= 0x3041 && c <= 0x309f;
}

bool kn_char_is_hangul(uint32_t c)
{
    return (c >= 0xac00 && c <= 0xd7a3) || (c >= 0x1100 && c <= 0x11ff) ||
           (c >= 0x3131 && c <= 0x318e);
}

bool kn_char_is_in_words(uint32_t c)
{
    return uc_is_property_alphabetic(c) ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_M);
}

bool kn_char_opens(uint32_t c)
{
    return c == 0xa1 || c == 0xbf ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ps | UC_CATEGORY_MASK_Pi |
                                                   UC_CATEGORY_MASK_Sc);
}

/* Not Hangul, which uses spaces. */
bool kn_char_is_japanese_or_chinese(uint32_t c)
{
    return kn_char_is_han(c) || (c >= 0x3001 && c <= 0x30ff) || (c >= 0x31f0 && c <= 0x31ff) ||
           (c >= 0xff01 && c <= 0xff9f);
}

bool kn_char_is_spaceless(uint32_t c)
{
    return kn_char_is_japanese_or_chinese(c) || needs_dictionary(c);
}

bool kn_char_is_upper(uint32_t c)
{
    return uc_is_upper(c);
}

bool kn_char_is_digit(uint32_t c)
{
    return uc_is_digit(c);
}

bool kn_char_is_numeral(uint32_t c)
{
    static const uint32_t han[] = {0x4e00, 0x4e8c, 0x4e09, 0x56db, 0x4e94,
                                   0x516d, 0x4e03, 0x516b, 0x4e5d,         /* 一 … 九 */
                                   0x5341, 0x767e, 0x5343, 0x3007,         /* 十百千〇 */
                                   0x4e07, 0x842c, 0x5104, 0x4ebf, 0x5146, /* 万萬億亿兆 */
                                   0x4e24, 0x5169};                        /* 两兩 */

    for (size_t i = 0; i < KN_COUNT_OF(han); i++)
        if (c == han[i])
            return true;
    return kn_char_is_digit(c) || (c >= 0xff10 && c <= 0xff19);
}

bool kn_char_is_format(uint32_t c)
{
    return c != 0x200c && c != 0x200d && uc_is_general_category(c, UC_FORMAT);
}

bool kn_char_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

char *kn_utf8_blank_controls(char *text)
{
    uint32_t c;
    for (size_t at = 0, n; (n = kn_utf8_next(text + at, &c)); at += n)
        if (kn_char_is_control(c))
            memset(text + at, ' ', n);
    return text;
}

static int direction_of(uint32_t c)
{
    int category = uc_bidi_category(c);

    if (category == UC_BIDI_R || category == UC_BIDI_AL)
        return -1;
    return category == UC_BIDI_L;
}

int kn_utf8_first_direction(const char *text)
{
    int direction = 0;
    uint32_t c;

    for (size_t n; !direction && (n = kn_utf8_next(text, &c)); text += n)
        direction = direction_of(c);
    return direction;
}

int kn_utf8_direction(const char *text)
{
    int sum = 0;
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        sum += direction_of(c);
    return (sum > 0) - (sum < 0);
}

bool kn_chars_spaced(uint32_t before, uint32_t after)
{
    /* Latin words and figures stand in Japanese without spaces too; in Thai they take them. */
    if (kn_char_is_japanese_or_chinese(before) || kn_char_is_japanese_or_chinese(after))
        return false;
    return !(needs_dictionary(before) && needs_dictionary(after));
}

bool kn_utf8_spaced(const char *before, const char *after)
{
    return kn_chars_spaced(kn_utf8_last(before), kn_utf8_first(after));
}

void kn_utf8_upper(const char *text, const char *language, struct kn_str *out)
{
    size_t size = strlen(text), length = 0;
    char tag[4] = "";

    /* libunistring knows the languages with rules of their own by their two letters. */
    if (language)
        memcpy(tag, language, strnlen(language, 2));
    uint8_t *upper = NULL;
    if (kn_utf8_valid(text, size))
        upper = u8_toupper((const uint8_t *)text, size, tag[0] ? tag : NULL, NULL, NULL, &length);
    if (upper)
        kn_str_add_bytes(out, upper, length);
    else
        kn_utf8_clean(text, size, out);
    free(upper);
}
