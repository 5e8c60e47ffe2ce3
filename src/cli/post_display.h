/*
 * Posts while they are under way: events for programs; for people a line for each change, and on a
 * terminal bars, one a post, or where there are many one a platform.
 */
#ifndef KN_CLI_POST_DISPLAY_H
#define KN_CLI_POST_DISPLAY_H

#include "service/publisher.h"

struct kn_post_display;
/* Returns owned. `posts` as they stand; borrowed during the call. */
struct kn_post_display *kn_post_display_open(const struct kn_post *posts, int count, bool json,
                                             bool quiet);
/* For kn_publisher_options; any thread. */
void kn_post_display_hear(void *display, const struct kn_post_news *news);
/* Takes the bars away. NULL is fine. */
void kn_post_display_close(struct kn_post_display *display);

#endif
