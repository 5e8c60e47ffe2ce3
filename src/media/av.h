/*
 * What the files of this folder share about FFmpeg: errors as sentences, opening a local file so
 * that nothing else is ever touched, decoders. Private to src/media.
 */
#ifndef KN_MEDIA_AV_H
#define KN_MEDIA_AV_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"

/* A side of a picture, and its pixels: 16384, and 8192 x 8192. A decoder holds up to some twenty
 * pictures, so larger ones would break every promise about memory. */
enum { KN_SIDE_MAX_PX = 16384, KN_PICTURE_MAX_PX = 8192 * 8192 };

/* Sends FFmpeg's own messages to the debug log. Every entry point of this folder calls it first. */
void kn_av_setup(void);

/* Sets status and sentence from an FFmpeg error: "cannot write x.mp4: No space left on device". */
enum kn_status kn_av_error(struct kn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * An open source. The bytes come from one regular file through a descriptor of our own: no
 * protocol is ever resolved, so a name like "http://x" or "concat:a|b" is just a name, and a
 * playlist can't pull in another file. Devices, FIFOs and playlists are refused.
 */
struct kn_input {
    AVFormatContext *format;
    struct kn_cancel *cancel; /* borrowed; NULL: none */
    char *name;               /* the path, fit to be shown */
    int fd;
    /* A picture that the headers announce and that is over the limits; 0, 0: none. */
    int oversize_width_px, oversize_height_px;
};

enum kn_input_depth {
    KN_INPUT_QUICK,  /* for a file that was probed: decodes nothing where headers tell enough */
    KN_INPUT_ANALYSE /* looks into every stream, as probing needs it */
};

enum kn_status kn_input_open(const char *path, enum kn_input_depth depth, struct kn_cancel *cancel,
                             struct kn_input **ret_input, struct kn_error *err);
void kn_input_close(struct kn_input *input); /* NULL is fine */
KN_SCOPED_DEFINE(kn_input, kn_input_close)

/* Drops the packets of all streams but these two (-1: none). */
void kn_input_select(struct kn_input *input, int stream_a, int stream_b);

/* The next packet of a selected stream. KN_END, also where a damaged file has no more to give.
 * KN_IO: the disk failed. */
enum kn_status kn_input_packet(struct kn_input *input, AVPacket *packet, struct kn_error *err);

static inline bool kn_oversize(int width_px, int height_px)
{
    return width_px > KN_SIDE_MAX_PX || height_px > KN_SIDE_MAX_PX ||
           (int64_t)width_px * height_px > KN_PICTURE_MAX_PX;
}

/* An open decoder for `stream`; `threads` 0 stands for 1. UNSUPPORTED: none, or too large. */
enum kn_status kn_decoder_open(const struct kn_input *input, int stream, int threads,
                               AVCodecContext **ret_decoder, struct kn_error *err);

/* Clockwise turn that makes the stream's pictures upright: 0, 90, 180 or 270. */
int kn_stream_rotation(const AVStream *stream);
/* Lets a stream that is written say the same. */
void kn_stream_copy_rotation(AVStream *to, const AVStream *from);

static inline void AVCodecContext_scoped(AVCodecContext **at)
{
    avcodec_free_context(at);
}
static inline void AVPacket_scoped(AVPacket **at)
{
    av_packet_free(at);
}
static inline void AVFrame_scoped(AVFrame **at)
{
    av_frame_free(at);
}
#define KN_SCOPED_AV(type) __attribute__((cleanup(type##_scoped))) type *

/* Small FFmpeg objects follow the rule for small allocations. */
AVPacket *kn_packet_new(void);
AVFrame *kn_frame_new(void);

#endif
