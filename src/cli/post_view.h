/* Posts for people and for programs. */
#ifndef KN_CLI_POST_VIEW_H
#define KN_CLI_POST_VIEW_H

#include <jansson.h>

#include "service/post_plan.h"
#include "service/publisher.h"

/* The clip's name without its folder, fit to show; in the arena. */
const char *kn_post_name(const struct kn_post *post, struct kn_arena *arena);
/* What stands beside its state: where it is, why it failed, what it waits for; in the arena. */
const char *kn_post_detail(const struct kn_post *post, struct kn_arena *arena);
json_t *kn_post_result_json(const struct kn_post *post, struct kn_arena *arena);
/* A table on stdout. */
void kn_posts_print(const struct kn_post *posts, int count, struct kn_arena *arena);
/* All that is known of one, on stdout. */
void kn_post_print_whole(const struct kn_post *post, struct kn_arena *arena);
/* A text of several lines under its name. */
void kn_post_print_text(const char *name, const char *text);

/* What is told while posts are under way: lines, bars on a terminal, or JSON. */
struct kn_post_display;
struct kn_post_display *kn_post_display_open(const struct kn_post *posts, int count, bool json,
                                             bool quiet);
/* For kn_publisher_options; any thread. */
void kn_post_display_hear(void *display, const struct kn_post_news *news);
void kn_post_display_close(struct kn_post_display *display);

#endif
