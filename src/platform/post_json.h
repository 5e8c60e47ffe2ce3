/*
 * What a post is made of, as JSON for the store: the clip, and the texts with the options.
 *
 * Reading is strict: what is missing, of another kind, unknown or out of its range is DAMAGED, and
 * the sentence names it. Only what kirinuki wrote is read here.
 */
#ifndef KN_PLATFORM_POST_JSON_H
#define KN_PLATFORM_POST_JSON_H

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "model/post.h"

/* On one line, in the arena. Paths that are not UTF-8 are kept (kn_path_to_text). */
const char *kn_post_clip_write(const struct kn_post_clip *clip, struct kn_arena *arena);
enum kn_status kn_post_clip_read(const char *text, struct kn_arena *arena,
                                 struct kn_post_clip *ret_clip, struct kn_error *err);

/* All but publish_at_us, which reading leaves 0: the post's appear_us says it. */
const char *kn_post_request_write(const struct kn_post_text *text,
                                  const struct kn_post_options *options, struct kn_arena *arena);
enum kn_status kn_post_request_read(const char *json, struct kn_arena *arena,
                                    struct kn_post_text *ret_text,
                                    struct kn_post_options *ret_options, struct kn_error *err);

#endif
