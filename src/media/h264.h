/*
 * H.264 encoders behind one face: libx264, and the hardware encoders that FFmpeg knows. Private to
 * src/media.
 */
#ifndef KN_MEDIA_H264_H
#define KN_MEDIA_H264_H

#include "media/av.h"
#include "media/encoder.h"

struct kn_h264 {
    AVCodecContext *codec;
    const char *name;       /* static */
    AVFrame *input;         /* reused: a reference to the caller's picture */
    AVFrame *converted;     /* NV12 for encoders that want it; NULL otherwise */
    AVBufferRef *device;    /* of encoders that read the memory of a GPU; NULL otherwise */
    struct kn_error remark; /* why a fallback is in use; KN_OK: none is */
};

/* Opens the encoder that is asked for or falls back. The codec's time base is 1 / frame rate. */
enum kn_status kn_h264_open(const struct kn_encoder_options *options, struct kn_h264 *ret_h264,
                            struct kn_error *err);
/* Feeds the picture number `index`; NULL ends. Packets are then received from `codec`. */
enum kn_status kn_h264_send(struct kn_h264 *h264, const struct kn_picture *picture, int64_t index,
                            struct kn_error *err);
void kn_h264_close(struct kn_h264 *h264); /* all zero is fine */

#endif
