/*
 * Videos in a folder: a list of those that are there, and word of each that comes.
 */
#ifndef KN_SERVICE_VIDEO_FOLDER_H
#define KN_SERVICE_VIDEO_FOLDER_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

/* Does the name look like a video's or a recording's? By its extension. */
bool kn_is_video_name(const char *name);
/* In the order of their names; not those in folders below. Paths in the arena. */
enum kn_status kn_videos_in(const char *folder, struct kn_arena *arena, const char ***ret_paths,
                            int *ret_count, struct kn_error *err);

/*
 * Calls `found` for each video that is in the folder or comes into it, once its size and time have
 * not changed for `still_ms`: a file that is still being written waits. Once a file's content:
 * one that is written anew is found again. Blocks; KN_CANCELLED is its good end.
 */
enum kn_status kn_videos_watch(const char *folder, int64_t still_ms, struct kn_cancel *cancel,
                               void (*found)(void *arg, const char *path), void *arg,
                               struct kn_error *err);

#endif
