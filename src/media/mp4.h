/*
 * An MP4 that is written aside: index in front, packets interleaved, the final name only at the
 * end. Private to src/media.
 */
#ifndef KN_MEDIA_MP4_H
#define KN_MEDIA_MP4_H

#include <kirinuki/arena.h>

#include "media/av.h"

struct kn_mp4 {
    struct kn_arena *arena;
    const char *path, *part_path;
    char *name; /* the path, fit to be shown */
    AVFormatContext *format;
    bool file_open, committed;
};

/* Nothing is on the disk yet: streams are added first. MISSING: FFmpeg without MP4. */
enum kn_status kn_mp4_open(const char *path, struct kn_mp4 *ret_mp4, struct kn_error *err);
AVStream *kn_mp4_add(struct kn_mp4 *mp4, const AVCodecParameters *parameters, AVRational time_base);
/* Makes the file. `title` and `comment` may be NULL. */
enum kn_status kn_mp4_begin(struct kn_mp4 *mp4, const char *title, const char *comment,
                            struct kn_error *err);
/* Takes the packet's content; its times are in `time_base`. A stream may run ahead by any length.
 */
enum kn_status kn_mp4_write(struct kn_mp4 *mp4, AVStream *stream, AVPacket *packet,
                            AVRational time_base, struct kn_error *err);
/* Index, sync, name. */
enum kn_status kn_mp4_finish(struct kn_mp4 *mp4, struct kn_error *err);
void kn_mp4_close(struct kn_mp4 *mp4); /* all zero is fine; removes what was not finished */

#endif
