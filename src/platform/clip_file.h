/*
 * The clip while it is sent: read where it lies, in bounded memory, and known to be the file that
 * the post was planned with.
 *
 * Size and time of change are compared whenever a part is begun. The hash follows the reading: it
 * has seen the first `hashed` bytes, and a part that begins behind them is preceded by reading what
 * lies between. So a clip that is sent from its beginning to its end is read once, whatever the
 * sizes of the parts are, and the last byte is given out only when the hash is right.
 */
#ifndef KN_PLATFORM_CLIP_FILE_H
#define KN_PLATFORM_CLIP_FILE_H

#include <stdint.h>

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/post.h"

struct kn_clip_file; /* one thread at a time */

/* Borrows `clip`. NOT_FOUND: it is gone; INVALID: it is not that file any more. */
enum kn_status kn_clip_file_open(const struct kn_post_clip *clip, struct kn_clip_file **ret_file,
                                 struct kn_error *err);
void kn_clip_file_close(struct kn_clip_file *file); /* NULL is fine */
KN_SCOPED_DEFINE(kn_clip_file, kn_clip_file_close)

/* Before bytes from `offset` on are read: compares, and reads what the hash has not seen yet. */
enum kn_status kn_clip_file_begin(struct kn_clip_file *file, int64_t offset,
                                  struct kn_cancel *cancel, struct kn_error *err);
/* 1..room bytes from `offset` on, which must lie within the clip. INVALID: it is another file. */
enum kn_status kn_clip_file_read(struct kn_clip_file *file, int64_t offset, void *buffer,
                                 size_t room, size_t *ret_got, struct kn_error *err);

#endif
