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
