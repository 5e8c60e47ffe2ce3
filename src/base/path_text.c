/* Paths as text: names of files are bytes, and what keeps them takes text alone. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include "base/file.h"
#include "base/str.h"

#define BYTES "bytes:"

const char *kn_path_to_text(const char *path, struct kn_arena *arena)
{
    if (!u8_check((const uint8_t *)path, strlen(path)))
        return kn_arena_strdup(arena, path);
    KN_SCOPED_STR text = {0};
    kn_str_add(&text, BYTES);
    for (const char *at = path; *at;) {
        int length = u8_mblen((const uint8_t *)at, strlen(at));
        if (length > 0 && *at != '%')
            kn_str_add_bytes(&text, at, (size_t)length);
        else
            kn_str_printf(&text, "%%%02X", (unsigned char)*at);
        at += length > 0 ? length : 1;
    }
    return kn_arena_strdup(arena, kn_str_text(&text));
}

const char *kn_path_from_text(const char *text, struct kn_arena *arena)
{
    if (!kn_starts_with(text, BYTES))
        return kn_arena_strdup(arena, text);
    char *path = kn_arena_strdup(arena, text + strlen(BYTES)), *to = path;
    for (const char *from = path; *from; to++) {
        unsigned byte;
        bool escaped = from[0] == '%' && isxdigit((unsigned char)from[1]) &&
                       isxdigit((unsigned char)from[2]) && sscanf(from + 1, "%2x", &byte) == 1 &&
                       byte;
        *to = escaped ? (char)byte : *from;
        from += escaped ? 3 : 1;
    }
    *to = '\0';
    return path;
}
