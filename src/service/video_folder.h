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

/* Whether somebody has a file open for writing. */
enum kn_writers { KN_WRITERS_NONE, KN_WRITERS_SOME, KN_WRITERS_UNKNOWN };
/* By the kernel, which knows it for local file systems and the user's own files. */
enum kn_writers kn_file_writers(const char *path);

/*
 * Which videos are told of: those that are in the folder or come into it, once they are complete.
 * A file that somebody has open for writing is not, however still it is. Where that is known of
 * nobody, it is enough that nothing has changed for `still_ms`; where it is not known (a network
 * file system; another user's file that was not seen to be closed), for `unsure_ms`. One that is
 * not whole by what it says itself (`whole`, see media/whole.h) is given `broken_ms`, and told of
 * then all the same, so that somebody hears of it.
 */
struct kn_video_watch {
    const char *folder;
    int64_t still_ms, unsure_ms, broken_ms;
    int64_t look_ms; /* what another machine puts there causes no event here; 0: 10 s */
    bool (*whole)(const char *path);              /* NULL: all are */
    enum kn_writers (*writers)(const char *path); /* NULL: kn_file_writers */
    /* Once a content; false: it could not be taken now, and is told of again after `look_ms`. */
    bool (*found)(void *arg, const char *path);
    void (*gone)(void *arg, const char *why); /* the folder, once; NULL `why`: it is back */
    void *arg;
};

/*
 * Blocks; KN_CANCELLED is its good end. A folder that can't be watched at the beginning is an
 * error; one that goes away later (removed, renamed, unmounted) is looked for until it is back.
 */
enum kn_status kn_videos_watch(const struct kn_video_watch *watch, struct kn_cancel *cancel,
                               struct kn_error *err);

#endif
