/* Posts for people and for programs. */
#ifndef KN_CLI_POST_VIEW_H
#define KN_CLI_POST_VIEW_H

#include <jansson.h>

#include "service/post_plan.h"

/* One that was refused before it was planned: without a number, FAILED; as `refused` to people and
 * programs. Borrows the spec's texts; the others are copied into the arena. */
struct kn_post kn_post_refused(const struct kn_post_spec *spec, const char *reason,
                               const char *remedy, struct kn_arena *arena);

/* The clip's name without its folder, fit to show; in the arena. */
const char *kn_post_name(const struct kn_post *post, struct kn_arena *arena);
/* Due for a while, and nobody has it. */
bool kn_post_is_left_alone(const struct kn_post *post);
json_t *kn_post_result_json(const struct kn_post *post, struct kn_arena *arena);
/* A table on stdout. */
void kn_posts_print(const struct kn_post *posts, int count, struct kn_arena *arena);
/* All that is known of one, on stdout. */
void kn_post_print_whole(const struct kn_post *post, struct kn_arena *arena);
/* A text of several lines under its name. */
void kn_post_print_text(const char *name, const char *text);

enum { KN_SPEED_TEXT_BYTES = 32 };
const char *kn_speed_text(int64_t bytes_a_second, char text[KN_SPEED_TEXT_BYTES]); /* "12 MB/s" */
json_t *kn_json_text_or_null(const char *text);                                    /* "": null */

#endif
