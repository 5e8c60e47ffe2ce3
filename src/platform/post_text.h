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

/* What is known of the clip; NULL or "" where nothing is. */
struct kn_post_parts {
    const char *title, *hook, *description;
    const char *const *hashtags; /* with or without '#' */
    int hashtag_count;
    const char *source_title; /* of the long video */
    const char *language;
};

/* Templates by text: "{title}", "{hook}", "{description}", "{hashtags}", "{source}", "\n"; what is
 * empty takes the blanks around it with it. NULL: the platform's own. */
struct kn_post_templates {
    const char *title, *caption;
};
/* INVALID: an unknown or unclosed name in braces; the sentence lists those that there are. */
enum kn_status kn_post_template_check(const char *text, struct kn_error *err);

/*
 * Fills the templates and fits what comes of it: within the platform's lengths, cut between words
 * of the language (with "…"), hashtags the last to go, forbidden characters replaced by what looks
 * alike or taken out, line ends as '\n', no control characters, no doubled hashtags. An address is
 * never cut in the middle. Never fails: in the worst case texts are empty where that is allowed,
 * and the clip's file name where not.
 */
void kn_post_text_fit(const struct kn_platform *platform, const struct kn_post_templates *templates,
                      const struct kn_post_parts *parts, struct kn_arena *arena,
                      struct kn_post_text *ret_text);

/* In the rule's units. */
int64_t kn_text_length(const struct kn_text_rule *rule, const char *text);
/* YouTube's way: characters, a comma between two, quotes around what has a space. */
int64_t kn_tags_length(const char *const *tags, int count);

#endif
