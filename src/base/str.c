#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void kn_str_free(struct kn_str *str)
{
    free(str->at);
    *str = (struct kn_str){0};
}

void kn_str_clear(struct kn_str *str)
{
    str->length = 0;
    if (str->at)
        str->at[0] = '\0';
}

const char *kn_str_text(const struct kn_str *str)
{
    return str->at ? str->at : "";
}

char *kn_str_take(struct kn_str *str)
{
    char *text = str->at ? str->at : kn_strdup("");
    *str = (struct kn_str){0};
    return text;
}

static void make_room(struct kn_str *str, size_t more)
{
    if (more >= SIZE_MAX / 2 - str->length)
        kn_out_of_memory();
    size_t need = str->length + more + 1;
    if (need <= str->room)
        return;
    size_t room = str->room ? str->room * 2 : 64;
    str->room = KN_MAX(room, need);
    str->at = kn_realloc(str->at, str->room, 1);
}

void kn_str_add_bytes(struct kn_str *str, const void *bytes, size_t length)
{
    make_room(str, length);
    if (length)
        memcpy(str->at + str->length, bytes, length);
    str->length += length;
    str->at[str->length] = '\0';
}

void kn_str_add(struct kn_str *str, const char *text)
{
    kn_str_add_bytes(str, text, strlen(text));
}

void kn_str_add_char(struct kn_str *str, char c)
{
    kn_str_add_bytes(str, &c, 1);
}

void kn_str_printf(struct kn_str *str, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        make_room(str, (size_t)n);
        vsnprintf(str->at + str->length, (size_t)n + 1, format, again);
        str->length += (size_t)n;
    }
    va_end(again);
}

void kn_utf8_trim(char *text)
{
    size_t n = strlen(text);
    size_t back = 0;
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == n)
        return;
    unsigned char lead = (unsigned char)text[n - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (need > back)
        text[n - 1 - back] = '\0';
}

size_t kn_utf8_count(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* The character at `at` and its bytes; 0: it is not UTF-8 (Unicode 15, table 3-7). By hand, as
 * what prints a complaint is not to wait for a library of all characters. */
static size_t next_char(const unsigned char *at, uint32_t *ret_char)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = at[0] < 0x80                     ? 1
                   : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                   : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                   : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                    : 0;
    uint32_t c = bytes > 1 ? at[0] & (0x7fu >> bytes) : at[0];
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3f);
    }
    bool surrogate = c >= 0xd800 && c <= 0xdfff;
    *ret_char = c;
    return c < least[bytes] || c > 0x10ffff || surrogate ? 0 : bytes;
}

/* What changes a terminal's state, or the order of what stands around it: control characters (Cc)
 * and those of UAX #9 for direction; line and paragraph separators. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

const char *kn_text_show(const char *bytes, char *ret_text, size_t room)
{
    static const char ellipsis[] = "…";
    size_t used = 0, fits = 0; /* `fits`: where the ellipsis would still find room */
    while (*bytes) {
        uint32_t c;
        size_t n = next_char((const unsigned char *)bytes, &c);
        bool shown = n > 0 && !is_control(c);
        size_t width = shown ? n : 1;
        if (used + width + 1 > room) {
            memcpy(ret_text + fits, ellipsis, sizeof ellipsis);
            return ret_text;
        }
        memmove(ret_text + used, shown ? bytes : "?", width);
        used += width;
        if (used + sizeof ellipsis <= room)
            fits = used;
        bytes += n ? n : 1;
    }
    ret_text[used] = '\0';
    return ret_text;
}

char *kn_text_clean(char *text)
{
    (void)kn_text_show(text, text, strlen(text) + sizeof "…");
    return text;
}

bool kn_text_is_clean(const char *text)
{
    uint32_t c;
    for (size_t n; *text; text += n) {
        n = next_char((const unsigned char *)text, &c);
        if (!n || is_control(c))
            return false;
    }
    return true;
}

bool kn_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool kn_ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

bool kn_parse_int(const char *text, long long min, long long max, long long *ret)
{
    if (text[0] == '\0' || strchr(" \t\n\r\f\v+", text[0]))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool kn_parse_double(const char *text, double min, double max, double *ret)
{
    if (text[0] == '\0' || strspn(text, "0123456789.eE+-") != strlen(text))
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end || !isfinite(value) || value < min || value > max)
        return false;
    *ret = value;
    return true;
}
