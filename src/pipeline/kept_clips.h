/*
 * Records of finished clips, in `.kirinuki/` inside the output folder: what lets a second run take
 * a clip as it is. A record is written after its clip's files, so it never promises too much.
 */
#ifndef KN_PIPELINE_KEPT_CLIPS_H
#define KN_PIPELINE_KEPT_CLIPS_H

#include <stdbool.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "model/result.h"

char *kn_kept_clip_path(struct kn_arena *arena, const char *folder, const char *mark);
enum kn_status kn_kept_clip_write(const char *folder, const char *mark, const struct kn_clip *clip,
                                  struct kn_error *err);

/* False when there is no such record, or when a file that it names is gone or has another size. */
bool kn_kept_clip_read(const char *folder, const char *mark, struct kn_arena *arena,
                       struct kn_clip *ret_clip);

/* Records may have been edited by anybody: only names inside the folder are taken, and none that
 * are hidden. NULL is no name. */
bool kn_is_plain_name(const char *name);

#endif
