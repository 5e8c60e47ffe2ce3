/* Hashtags: lists of them made from whatever people and models write. */
#ifndef KN_PLATFORM_HASHTAGS_H
#define KN_PLATFORM_HASHTAGS_H

#include <kirinuki/arena.h>

struct kn_hashtags {
    int count;
    const char **items; /* without '#': letters, digits and '_' of any script, not digits alone */
};

/* Blanks inside one go ("deep work" becomes "deepwork"), what is none is left out, and what was
 * there before in whatever case. Any bytes; in the arena. */
struct kn_hashtags kn_hashtags_make(const char *const *texts, int count, struct kn_arena *arena);
/* Takes out those that `text` says as hashtags already. */
void kn_hashtags_drop(struct kn_hashtags *hashtags, const char *text);

#endif
