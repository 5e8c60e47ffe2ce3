#include "media/aac.h"

enum { BIT_RATE = 192000 };

static AVStream *add_stream(struct kn_mp4 *mp4, const AVCodecContext *codec)
{
    AVCodecParameters *parameters = avcodec_parameters_alloc();
    if (!parameters || avcodec_parameters_from_context(parameters, codec) < 0)
        kn_out_of_memory();
    AVStream *stream = kn_mp4_add(mp4, parameters, codec->time_base);
    avcodec_parameters_free(&parameters);
    return stream;
}

enum kn_status kn_aac_open(struct kn_mp4 *mp4, struct kn_aac *ret_aac, struct kn_error *err)
{
    const AVCodec *encoder = avcodec_find_encoder(AV_CODEC_ID_AAC);
    if (!encoder)
        return kn_error_set(err, KN_MISSING, "this system's FFmpeg was built without AAC");
    KN_SCOPED_AV(AVCodecContext) codec = avcodec_alloc_context3(encoder);
    if (!codec)
        kn_out_of_memory();
    codec->sample_rate = KN_AAC_HZ;
    codec->sample_fmt = AV_SAMPLE_FMT_FLTP;
    av_channel_layout_default(&codec->ch_layout, KN_AAC_CHANNELS);
    codec->bit_rate = BIT_RATE;
    codec->time_base = (AVRational){1, KN_AAC_HZ};
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int code = avcodec_open2(codec, encoder, NULL);
    if (code < 0)
        return kn_av_error(err, code, "the AAC encoder cannot be opened");
    struct kn_aac aac = {.frame = kn_frame_new(), .packet = kn_packet_new(), .mp4 = mp4};
    aac.frame->format = codec->sample_fmt;
    aac.frame->nb_samples = codec->frame_size;
    aac.frame->sample_rate = codec->sample_rate;
    av_channel_layout_copy(&aac.frame->ch_layout, &codec->ch_layout);
    if (mp4)
        aac.stream = add_stream(mp4, codec);
    aac.codec = KN_MOVE(codec);
    *ret_aac = aac;
    return KN_OK;
}

void kn_aac_close(struct kn_aac *aac)
{
    avcodec_free_context(&aac->codec);
    av_frame_free(&aac->frame);
    av_packet_free(&aac->packet);
    for (int i = 0; i < aac->kept.count; i++)
        av_packet_free(&aac->kept.at[i]);
    kn_vec_free(&aac->kept);
}

static enum kn_status encode_failed(const struct kn_aac *aac, int code, struct kn_error *err)
{
    return kn_av_error(err, code, "cannot encode the sound of %s",
                       aac->mp4 ? aac->mp4->name : "a clip");
}

/* The packet is empty afterwards. */
static enum kn_status put_packet(struct kn_aac *aac, struct kn_error *err)
{
    if (aac->mp4)
        return kn_mp4_write(aac->mp4, aac->stream, aac->packet, aac->codec->time_base, err);
    AVPacket *kept = kn_packet_new();
    av_packet_move_ref(kept, aac->packet);
    kn_vec_push(&aac->kept, kept);
    return KN_OK;
}

static enum kn_status write_packets(struct kn_aac *aac, struct kn_error *err)
{
    for (;;) {
        int code = avcodec_receive_packet(aac->codec, aac->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return KN_OK;
        if (code < 0)
            return encode_failed(aac, code, err);
        enum kn_status status = put_packet(aac, err);
        if (status != KN_OK)
            return status;
    }
}

/* Encodes what is in the frame, which the last one does not fill. */
static enum kn_status send_frame(struct kn_aac *aac, struct kn_error *err)
{
    int size = aac->frame->nb_samples;
    aac->frame->nb_samples = aac->filled;
    aac->frame->pts = aac->at;
    int code = avcodec_send_frame(aac->codec, aac->frame);
    aac->at += aac->filled;
    aac->filled = 0;
    aac->frame->nb_samples = size;
    return code < 0 ? encode_failed(aac, code, err) : write_packets(aac, err);
}

enum kn_status kn_aac_write(struct kn_aac *aac, const float *samples, int count,
                            struct kn_error *err)
{
    AVFrame *frame = aac->frame;
    while (count > 0) {
        if (aac->filled == 0) { /* the encoder may still hold a reference to the last one */
            int code =
                frame->buf[0] ? av_frame_make_writable(frame) : av_frame_get_buffer(frame, 0);
            if (code < 0)
                return encode_failed(aac, code, err);
        }
        int take = KN_MIN(count, frame->nb_samples - aac->filled);
        float *left = (float *)frame->data[0] + aac->filled;
        float *right = (float *)frame->data[1] + aac->filled;
        for (int i = 0; i < take; i++) {
            left[i] = samples[2 * i];
            right[i] = samples[2 * i + 1];
        }
        samples += 2 * (ptrdiff_t)take;
        count -= take;
        aac->filled += take;
        if (aac->filled == frame->nb_samples) {
            enum kn_status status = send_frame(aac, err);
            if (status != KN_OK)
                return status;
        }
    }
    return KN_OK;
}

enum kn_status kn_aac_flush(struct kn_aac *aac, struct kn_error *err)
{
    enum kn_status status = aac->filled > 0 ? send_frame(aac, err) : KN_OK;
    if (status != KN_OK)
        return status;
    int code = avcodec_send_frame(aac->codec, NULL);
    return code < 0 ? encode_failed(aac, code, err) : write_packets(aac, err);
}
