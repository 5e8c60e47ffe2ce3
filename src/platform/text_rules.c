/*
 * How platforms count: lengths of texts and of lists of tags, hashtags and mentions.
 */
#include <string.h>

#include "base/utf8.h"
#include "platform/post_text.h"
#include "platform/weighted.h"

static int64_t utf16_length(const char *text)
{
    int64_t length = 0;
    uint32_t c;
    for (size_t size; (size = kn_utf8_next(text, &c)) > 0; text += size)
        length += c > 0xffff ? 2 : 1;
    return length;
}

int64_t kn_text_length(const struct kn_text_rule *rule, const char *text)
{
    switch (rule->unit) {
    case KN_UNIT_UTF16:
        return utf16_length(text);
    case KN_UNIT_BYTES:
        return (int64_t)strlen(text);
    case KN_UNIT_CHARACTERS:
        return (int64_t)kn_utf8_count(text);
    case KN_UNIT_WEIGHTED:
        return kn_weighted_length(text);
    }
    return 0;
}

int64_t kn_tags_length(const char *const *tags, int count)
{
    int64_t length = 0;
    for (int i = 0; i < count; i++) {
        length += utf16_length(tags[i]) + (i > 0);
        length += strchr(tags[i], ' ') ? 2 : 0;
    }
    return length;
}

static int count_marked(const char *text, uint32_t mark, uint32_t wide_mark)
{
    int count = 0;
    uint32_t before = 0, c = 0, next = 0;
    for (size_t size; (size = kn_utf8_next(text, &c)) > 0; text += size, before = c) {
        kn_utf8_next(text + size, &next);
        if ((c == mark || c == wide_mark) && !kn_char_is_in_words(before) &&
            (kn_char_is_in_words(next) || next == '_'))
            count++;
    }
    return count;
}

int kn_text_hashtags(const char *text)
{
    return count_marked(text, '#', 0xff03);
}

int kn_text_mentions(const char *text)
{
    return count_marked(text, '@', 0xff20);
}
