/* AAC of 48 kHz stereo out of float samples, into an MP4 or kept. Private to src/media. */
#ifndef KN_MEDIA_AAC_H
#define KN_MEDIA_AAC_H

#include "base/vec.h"
#include "media/mp4.h"

enum { KN_AAC_HZ = 48000, KN_AAC_CHANNELS = 2 };

struct kn_aac {
    AVCodecContext *codec;
    AVFrame *frame; /* being filled */
    AVPacket *packet;
    int filled;         /* its samples so far */
    int64_t at;         /* position of its first sample */
    struct kn_mp4 *mp4; /* borrowed; NULL: packets are kept */
    AVStream *stream;
    KN_VEC(AVPacket *) kept; /* owned; times in samples */
};

/* Opens the encoder and adds its stream to `mp4` (may be NULL), which is not begun yet. */
enum kn_status kn_aac_open(struct kn_mp4 *mp4, struct kn_aac *ret_aac, struct kn_error *err);
/* The next `count` sample frames, interleaved. */
enum kn_status kn_aac_write(struct kn_aac *aac, const float *samples, int count,
                            struct kn_error *err);
enum kn_status kn_aac_flush(struct kn_aac *aac, struct kn_error *err); /* the end */
void kn_aac_close(struct kn_aac *aac);                                 /* all zero is fine */

#endif
