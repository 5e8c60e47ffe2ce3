#include "sandbox/platforms/x_text.h"

#include <string.h>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/memory.h"
#include "base/str.h"

enum {
    SCALE = 100,
    LIGHT = 100, /* weights in hundredths */
    HEAVY = 200,
    LINK = 2300,
    EMOJI_POINTS = 16, /* of the longest sequence; families and tags need 10 */
    CASHTAG_LETTERS = 6,
};

bool kn_xapi_is_invalid(uint32_t c)
{
    return c == 0xFFFE || c == 0xFEFF || c == 0xFFFF;
}

/* ---- code points ---- */

/* The composed form (NFC), as UTF-16 of ICU; NULL: it is no UTF-8. */
static const UChar *compose(const char *text, struct kn_arena *arena, int32_t *ret_units)
{
    UErrorCode failed = U_ZERO_ERROR;
    size_t bytes = strlen(text);
    UChar *plain = kn_arena_array(arena, bytes + 1, sizeof *plain);
    int32_t units = 0;
    u_strFromUTF8(plain, (int32_t)bytes + 1, &units, text, (int32_t)bytes, &failed);
    if (U_FAILURE(failed))
        return NULL;
    const UNormalizer2 *form = unorm2_getNFCInstance(&failed);
    int32_t room = 3 * units + 1; /* what composing can add at most */
    UChar *composed = kn_arena_array(arena, (size_t)room, sizeof *composed);
    *ret_units = unorm2_normalize(form, plain, units, composed, room, &failed);
    return U_SUCCESS(failed) ? composed : NULL;
}

/* ---- emoji ---- */

static bool is_keycap(const uint32_t *at, int left)
{
    return left >= 2 && at[1] == 0x20E3 &&
           ((at[0] >= '0' && at[0] <= '9') || at[0] == '#' || at[0] == '*');
}

/* Code points of the longest sequence at `at` that Unicode recommends; a keycap also counts
 * without its variation selector. 0: there is none. */
static int emoji_length(const uint32_t *at, int left)
{
    UChar units[2 * EMOJI_POINTS];
    int32_t ends[EMOJI_POINTS], count = 0;
    int points = KN_MIN(left, EMOJI_POINTS);
    if (is_keycap(at, left))
        return 2;
    if (!u_hasBinaryProperty((UChar32)at[0], UCHAR_EMOJI))
        return 0;
    for (int i = 0; i < points; i++) {
        U16_APPEND_UNSAFE(units, count, at[i]);
        ends[i] = count;
    }
    for (int i = points; i > 0; i--)
        if (u_stringHasBinaryProperty(units, ends[i - 1], UCHAR_RGI_EMOJI))
            return i;
    return 0;
}

/* ---- what is in it ---- */

static int weight_of(uint32_t c)
{
    bool light = c <= 4351 || (c >= 8192 && c <= 8205) || (c >= 8208 && c <= 8223) ||
                 (c >= 8242 && c <= 8247);
    return light ? LIGHT : HEAVY;
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "$AB", "$BRK.A": a dollar sign and letters that stand alone. */
static bool is_cashtag(const struct kn_xapi_text *text, int from)
{
    int at = from + 1, letters = 0;
    if (text->at[from] != '$' || (from > 0 && !u_isUWhiteSpace((UChar32)text->at[from - 1])))
        return false;
    while (at < text->length && is_letter(text->at[at]) && letters < CASHTAG_LETTERS) {
        at++;
        letters++;
    }
    if (letters && at + 1 < text->length && (text->at[at] == '.' || text->at[at] == '_') &&
        is_letter(text->at[at + 1]))
        at += at + 2 < text->length && is_letter(text->at[at + 2]) ? 3 : 2;
    return letters && (at == text->length || u_isUWhiteSpace((UChar32)text->at[at]) ||
                       u_ispunct((UChar32)text->at[at]));
}

static void weigh(struct kn_xapi_text *text)
{
    int64_t weight = 0;
    for (int i = 0; i < text->length;) {
        int link = kn_xapi_link_length(text->at, text->length, i);
        int emoji = link ? 0 : emoji_length(text->at + i, text->length - i);
        text->links += link > 0;
        text->cashtags += is_cashtag(text, i);
        text->invalid |= kn_xapi_is_invalid(text->at[i]);
        weight += link ? LINK : emoji ? HEAVY : weight_of(text->at[i]);
        i += link ? link : emoji ? emoji : 1;
    }
    text->weight = weight / SCALE;
}

void kn_xapi_text_read(const char *text, struct kn_arena *arena, struct kn_xapi_text *ret_text)
{
    int32_t units = 0;
    const UChar *composed = compose(text, arena, &units);
    *ret_text = (struct kn_xapi_text){.invalid = !composed};
    uint32_t *points = kn_arena_array(arena, (size_t)units + 1, sizeof *points);
    for (int32_t i = 0; composed && i < units;) {
        UChar32 c;
        U16_NEXT(composed, i, units, c);
        points[ret_text->length++] = (uint32_t)c;
    }
    ret_text->at = points;
    weigh(ret_text);
}

/* ---- showing it ---- */

static void add_point(struct kn_str *out, uint32_t c)
{
    char bytes[U8_MAX_LENGTH];
    int32_t count = 0;
    UBool failed = false;
    if (c == '&' || c == '<' || c == '>') {
        kn_str_add(out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        return;
    }
    U8_APPEND(bytes, count, U8_MAX_LENGTH, (UChar32)c, failed);
    if (!failed)
        kn_str_add_bytes(out, bytes, (size_t)count);
}

const char *kn_xapi_text_show(const struct kn_xapi_text *text, struct kn_arena *arena,
                              const char *(*link)(void *arg), void *arg)
{
    KN_SCOPED_STR out = {0};
    for (int i = 0; i < text->length;) {
        int length = kn_xapi_link_length(text->at, text->length, i);
        if (length)
            kn_str_add(&out, link(arg));
        else
            add_point(&out, text->at[i]);
        i += length ? length : 1;
    }
    return kn_arena_strdup(arena, kn_str_text(&out));
}
