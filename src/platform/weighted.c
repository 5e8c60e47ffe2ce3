#include "platform/weighted.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <uninorm.h>

#include "base/utf8.h"
#include "platform/web_address.h"

/* ---- emoji ---- */

enum {
    EMOJI_BYTES = 128, /* longer than any: the longest family has 7 characters */
    VARIATION_TEXT = 0xfe0e,
    VARIATION_EMOJI = 0xfe0f,
    KEYCAP = 0x20e3,
};

static bool is_skin_tone(uint32_t c)
{
    return u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI_MODIFIER);
}

/* Signs that are letters to a reader until a variation says otherwise: ©, ®, ™, digits. */
static bool is_letter_like(uint32_t c)
{
    return c < 0x200d || c == 0x2122;
}

/*
 * Writes the cluster as Unicode's list of emoji has it: with the variation that asks for a picture
 * behind each character that is a text by default. People and keyboards leave it out.
 */
static int32_t qualify(const char *at, size_t size, UChar *ret_full, int32_t room)
{
    int32_t length = 0;
    uint32_t c, next;
    for (size_t i = 0; i < size && length + 4 < room;) {
        i += kn_utf8_next(at + i, &c);
        if (c == VARIATION_EMOJI)
            continue;
        UBool error = false;
        U16_APPEND(ret_full, length, room, (UChar32)c, error);
        if (error)
            return 0;
        next = 0;
        if (i < size)
            kn_utf8_next(at + i, &next);
        bool keycap = next == KEYCAP || next == VARIATION_EMOJI;
        if (u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI) &&
            !u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI_PRESENTATION) && !is_skin_tone(c) &&
            !is_skin_tone(next) && next != VARIATION_TEXT && (!is_letter_like(c) || keycap))
            ret_full[length++] = VARIATION_EMOJI;
    }
    return length;
}

/* A variation that asks for a picture behind what is one already counts by itself. */
static size_t without_surplus(const char *at, size_t size)
{
    static const char variation[] = "\xef\xb8\x8f";
    uint32_t c, before = 0, last = 0;
    for (size_t i = 0; i < size; last = c) {
        i += kn_utf8_next(at + i, &c);
        before = last;
    }
    bool needed = !u_hasBinaryProperty((UChar32)before, UCHAR_EMOJI_PRESENTATION) &&
                  before != KEYCAP && !is_skin_tone(before);
    return size > 3 && memcmp(at + size - 3, variation, 3) == 0 && !needed ? size - 3 : size;
}

/* Bytes of the emoji at `at`; 0: there is none. One that Unicode recommends is one, with all that
 * it is composed of. */
static size_t emoji_at(const char *at)
{
    UChar full[EMOJI_BYTES];
    if ((unsigned char)at[0] < 0x80 && !strchr("0123456789#*", at[0]))
        return 0;
    size_t size = kn_utf8_grapheme(at);
    if (size == 0 || size >= EMOJI_BYTES)
        return 0;
    int32_t length = qualify(at, size, full, EMOJI_BYTES);
    if (u_stringHasBinaryProperty(full, length, UCHAR_RGI_EMOJI))
        return without_surplus(at, size);
    /* One that is composed in a way of its own: at least its first part is a picture. */
    uint32_t c;
    size = kn_utf8_next(at, &c);
    length = qualify(at, size, full, EMOJI_BYTES);
    return u_stringHasBinaryProperty(full, length, UCHAR_RGI_EMOJI) ? size : 0;
}

/* ---- weights ---- */

/* In the configuration's hundredths: 100 for these, 200 for all others. */
static bool is_light(uint32_t c)
{
    return c <= 4351 || (c >= 8192 && c <= 8205) || (c >= 8208 && c <= 8223) ||
           (c >= 8242 && c <= 8247);
}

static int64_t length_composed(const char *text)
{
    int64_t length = 0;
    uint32_t c;
    for (const char *at = text; *at;) {
        size_t size = kn_web_address(text, at);
        if (size) {
            length += KN_WEIGHTED_URL;
            at += size;
            continue;
        }
        size = emoji_at(at);
        if (size) {
            length += 2;
            at += size;
            continue;
        }
        at += kn_utf8_next(at, &c);
        length += is_light(c) ? 1 : 2;
    }
    return length;
}

int64_t kn_weighted_length(const char *text)
{
    size_t size = 0;
    KN_SCOPED_STR clean = {0};
    kn_utf8_clean(text, strlen(text), &clean);
    char *composed = (char *)u8_normalize(UNINORM_NFC, (const uint8_t *)kn_str_text(&clean),
                                          clean.length + 1, NULL, &size);
    int64_t length = length_composed(composed ? composed : kn_str_text(&clean));
    free(composed);
    return length;
}
