#include "platform/hashtags.h"

#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/utf8.h"

enum { HASHTAG_BYTES = 100 }; /* longer ones are no links anywhere */

static bool same(const char *a, size_t size_a, const char *b, size_t size_b)
{
    int order = 1;
    return u8_casecmp((const uint8_t *)a, size_a, (const uint8_t *)b, size_b, NULL, UNINORM_NFC,
                      &order) == 0 &&
           order == 0;
}

static bool is_in_hashtag(uint32_t c)
{
    return kn_char_is_in_words(c) || c == '_' || c == 0x200c || c == 0x200d;
}

/* NULL: nothing of it can be one. */
static const char *make_one(const char *text, struct kn_arena *arena)
{
    KN_SCOPED_STR out = {0};
    bool letter = false;
    uint32_t c;
    for (size_t size; (size = kn_utf8_next(text, &c)) > 0; text += size) {
        if (c == 0xfffd || !is_in_hashtag(c))
            continue;
        letter |= !kn_char_is_digit(c) && c != '_';
        kn_utf8_add(&out, c);
    }
    return letter && out.length <= HASHTAG_BYTES ? kn_arena_strdup(arena, kn_str_text(&out)) : NULL;
}

struct kn_hashtags kn_hashtags_make(const char *const *texts, int count, struct kn_arena *arena)
{
    struct kn_hashtags hashtags = {
        .items = kn_arena_array(arena, (size_t)count + 1, sizeof(char *)),
    };
    for (int i = 0; i < count; i++) {
        const char *one = texts[i] ? make_one(texts[i], arena) : NULL;
        bool known = !one;
        for (int k = 0; !known && k < hashtags.count; k++)
            known = same(one, strlen(one), hashtags.items[k], strlen(hashtags.items[k]));
        if (!known)
            hashtags.items[hashtags.count++] = one;
    }
    return hashtags;
}

static void drop_one(struct kn_hashtags *hashtags, const char *name, size_t size)
{
    int kept = 0;
    for (int i = 0; i < hashtags->count; i++)
        if (!same(hashtags->items[i], strlen(hashtags->items[i]), name, size))
            hashtags->items[kept++] = hashtags->items[i];
    hashtags->count = kept;
}

void kn_hashtags_drop(struct kn_hashtags *hashtags, const char *text)
{
    uint32_t c;
    for (const char *at = text; (at = strchr(at, '#')); at++) {
        size_t length = 0, size;
        while ((size = kn_utf8_next(at + 1 + length, &c)) > 0 && is_in_hashtag(c))
            length += size;
        if (length)
            drop_one(hashtags, at + 1, length);
    }
}
