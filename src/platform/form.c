#include "platform/form.h"

#include <string.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

void kn_form_escape(struct kn_str *out, const char *text)
{
    for (; *text; text++) {
        if (is_unreserved(*text))
            kn_str_add_char(out, *text);
        else
            kn_str_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

void kn_form_add(struct kn_str *out, const char *name, const char *value)
{
    if (!value)
        return;
    if (out->length)
        kn_str_add_char(out, '&');
    kn_form_escape(out, name);
    kn_str_add_char(out, '=');
    kn_form_escape(out, value);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

const char *kn_form_unescape(const char *text, size_t length, struct kn_arena *arena)
{
    char *out = kn_arena_alloc(arena, length + 1);
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        int c = text[i] == '+' ? ' ' : (unsigned char)text[i];
        if (text[i] == '%') {
            bool whole = length - i > 2;
            int high = whole ? hex_digit(text[i + 1]) : -1,
                low = whole ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = high * 16 + low;
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            return NULL;
        out[n++] = (char)c;
    }
    return out;
}

bool kn_form_find(const char *form, const char *name, struct kn_arena *arena,
                  const char **ret_value)
{
    size_t name_length = strlen(name);
    *ret_value = NULL;
    for (const char *at = form; *at;) {
        size_t length = strcspn(at, "&");
        if (length > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            if (*ret_value)
                return false;
            *ret_value = kn_form_unescape(at + name_length + 1, length - name_length - 1, arena);
            if (!*ret_value)
                return false;
        }
        at += length + (at[length] == '&');
    }
    return true;
}
