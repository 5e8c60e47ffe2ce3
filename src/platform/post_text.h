/*
 * What people read of a post: made of a clip's texts by a template, and fitted to a platform's
 * rules.
 */
#ifndef KN_PLATFORM_POST_TEXT_H
#define KN_PLATFORM_POST_TEXT_H

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "model/post.h"
#include "platform/platform.h"

/* What is known of the clip; NULL or "" where nothing is. Any bytes. */
struct kn_post_parts {
    const char *title, *hook, *description;
    const char *const *hashtags; /* with or without '#' */
    int hashtag_count;
    const char *source;   /* title of the long video */
    const char *filename; /* the clip's: the last resort where a text may not be empty */
    const char *language;
};

/*
 * Texts with names in braces: "{title}", "{hook}", "{description}", "{source}", "{hashtags}", and
 * "{hook|title}" for the first of several that is there. A line of which nothing is left goes.
 * NULL: the rule's own.
 */
struct kn_post_templates {
    const char *title, *caption;
};
/* INVALID: an unknown name or a brace without its other; the sentence lists the names. */
enum kn_status kn_post_template_check(const char *text, struct kn_error *err);

/*
 * Fills the templates and fits what comes of it: within the platform's lengths, cut between words
 * and never inside an address; first the description gives way, then the source, the hook, the
 * title, and hashtags the last. Forbidden characters become what looks alike, control characters
 * go, line ends are '\n', no hashtag comes twice. Never fails: in the worst case texts are empty
 * where that is allowed, and the file's name where not. The same input gives the same text.
 */
void kn_post_text_fit(const struct kn_platform *platform, const struct kn_post_templates *templates,
                      const struct kn_post_parts *parts, struct kn_arena *arena,
                      struct kn_post_text *ret_text);

/* In the rule's units. */
int64_t kn_text_length(const struct kn_text_rule *rule, const char *text);
/* YouTube's way: characters, a comma between two, quotes around what has a space. */
int64_t kn_tags_length(const char *const *tags, int count);

/* How many there are in a text: '#' or '@' before a letter, and after nothing that belongs to a
 * word. */
int kn_text_hashtags(const char *text);
int kn_text_mentions(const char *text);

#endif
