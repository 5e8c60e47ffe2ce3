#include "sandbox/platforms/words.h"

#include <stdbool.h>

#include "base/utf8.h"

int kn_utf16_units(const char *text)
{
    int units = 0;
    uint32_t c;
    for (size_t size; (size = kn_utf8_next(text, &c)); text += size)
        units += c > 0xffff ? 2 : 1;
    return units;
}

/* Letters, digits, the underscore, and all that is not ASCII. */
static bool is_of_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c & 0x80);
}

int kn_tags_count(const char *text, char sign)
{
    int count = 0;
    bool in_word = false;
    for (const char *at = text; *at; at++) {
        count += *at == sign && !in_word && is_of_word(at[1]);
        in_word = is_of_word(*at);
    }
    return count;
}
