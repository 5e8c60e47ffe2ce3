#include "platform/youtube_category.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

static const struct {
    int number;
    const char *name;
} categories[] = {
    {1, "Film & Animation"},
    {2, "Autos & Vehicles"},
    {10, "Music"},
    {15, "Pets & Animals"},
    {17, "Sports"},
    {19, "Travel & Events"},
    {20, "Gaming"},
    {22, "People & Blogs"},
    {23, "Comedy"},
    {24, "Entertainment"},
    {25, "News & Politics"},
    {26, "Howto & Style"},
    {27, "Education"},
    {28, "Science & Technology"},
    {29, "Nonprofits & Activism"},
};

/* How many letters of `name` the letters of `text` are the beginning of; 0: they are not. */
static size_t begins(const char *name, const char *text)
{
    size_t count = 0;
    for (;; name++, text++, count++) {
        while (*text && !isalnum((unsigned char)*text))
            text++;
        while (*name && !isalnum((unsigned char)*name))
            name++;
        if (!*text)
            return count;
        if (tolower((unsigned char)*name) != tolower((unsigned char)*text))
            return 0;
    }
}

int kn_youtube_category(const char *text)
{
    int found = 0;
    long long number;
    if (kn_parse_int(text, 1, INT32_MAX, &number))
        return kn_youtube_category_name((int)number) ? (int)number : 0;
    for (size_t i = 0; i < KN_COUNT_OF(categories); i++)
        if (begins(categories[i].name, text)) {
            if (found)
                return 0;
            found = categories[i].number;
        }
    return found;
}

const char *kn_youtube_category_name(int number)
{
    for (size_t i = 0; i < KN_COUNT_OF(categories); i++)
        if (categories[i].number == number)
            return categories[i].name;
    return NULL;
}

const char *kn_youtube_categories(struct kn_arena *arena)
{
    KN_SCOPED_STR all = {0};
    for (size_t i = 0; i < KN_COUNT_OF(categories); i++)
        kn_str_printf(&all, "%s%s", i ? ", " : "", categories[i].name);
    return kn_arena_strdup(arena, kn_str_text(&all));
}
