/*
 * The few names that differ between the FFmpeg releases that kirinuki builds with (5.1 and later),
 * and the text of FFmpeg's error codes.
 */
#ifndef KN_MEDIA_FFMPEG_H
#define KN_MEDIA_FFMPEG_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/avutil.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>

#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100) /* 6.1 */
static inline bool kn_frame_is_key(const AVFrame *frame)
{
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
}
static inline bool kn_frame_is_interlaced(const AVFrame *frame)
{
    return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
}
#else
static inline bool kn_frame_is_key(const AVFrame *frame)
{
    return frame->key_frame != 0;
}
static inline bool kn_frame_is_interlaced(const AVFrame *frame)
{
    return frame->interlaced_frame != 0;
}
#endif

#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100) /* 6.0 */
static inline int64_t *kn_frame_duration(AVFrame *frame)
{
    return &frame->duration;
}
#else
static inline int64_t *kn_frame_duration(AVFrame *frame)
{
    return &frame->pkt_duration;
}
#endif

/* "Invalid data found when processing input"; valid until the end of the full expression. */
#define KN_AV_TEXT(code)                                                                           \
    av_make_error_string((char[AV_ERROR_MAX_STRING_SIZE]){0}, AV_ERROR_MAX_STRING_SIZE, (code))

#endif
