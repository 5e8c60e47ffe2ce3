#include "media/encoder.h"

#include <assert.h>

#include "media/aac.h"
#include "media/h264.h"
#include "media/mp4.h"

static_assert((int)KN_ENCODER_SOUND_HZ == (int)KN_AAC_HZ, "sound is encoded as it is given");
static_assert((int)KN_ENCODER_SOUND_CHANNELS == (int)KN_AAC_CHANNELS, "both are stereo");

struct kn_encoder {
    struct kn_mp4 mp4;
    struct kn_h264 h264;
    struct kn_aac aac;
    AVStream *video;
    AVPacket *packet;
    struct kn_cancel *cancel;
    int64_t pictures; /* fed so far */
    int coded;        /* packets of coded sound that were written */
    bool flushed;
    bool gave_up; /* the picture encoder */
};

struct kn_coded_sound {
    struct kn_aac aac; /* without a file */
};

enum kn_status kn_coded_sound_make(const float *samples, int64_t count, struct kn_cancel *cancel,
                                   struct kn_coded_sound **ret_sound, struct kn_error *err)
{
    kn_av_setup();
    KN_SCOPED(kn_coded_sound) sound = kn_calloc(1, sizeof *sound);
    enum kn_status status = kn_aac_open(NULL, &sound->aac, err);
    for (int64_t at = 0; status == KN_OK && at < count; at += KN_AAC_HZ) {
        status = kn_cancel_check(cancel, err);
        if (status == KN_OK)
            status = kn_aac_write(&sound->aac, samples + at * KN_AAC_CHANNELS,
                                  (int)KN_MIN(count - at, (int64_t)KN_AAC_HZ), err);
    }
    if (status == KN_OK)
        status = kn_aac_flush(&sound->aac, err);
    if (status == KN_OK)
        *ret_sound = KN_MOVE(sound);
    return status;
}

void kn_coded_sound_free(struct kn_coded_sound *sound)
{
    if (!sound)
        return;
    kn_aac_close(&sound->aac);
    free(sound);
}

static AVStream *add_video(struct kn_encoder *encoder)
{
    const AVCodecContext *codec = encoder->h264.codec;
    AVCodecParameters *parameters = avcodec_parameters_alloc();
    if (!parameters || avcodec_parameters_from_context(parameters, codec) < 0)
        kn_out_of_memory();
    AVStream *stream = kn_mp4_add(&encoder->mp4, parameters, codec->time_base);
    stream->avg_frame_rate = codec->framerate;
    avcodec_parameters_free(&parameters);
    return stream;
}

enum kn_status kn_encoder_open(const struct kn_encoder_options *options,
                               struct kn_encoder **ret_encoder, struct kn_error *err)
{
    kn_av_setup();
    if (options->width_px < 16 || options->height_px < 16 || options->width_px % 2 ||
        options->height_px % 2)
        return kn_error_set(err, KN_INVALID, "a clip of %dx%d cannot be encoded: both must be even",
                            options->width_px, options->height_px);
    KN_SCOPED(kn_encoder) encoder = kn_calloc(1, sizeof *encoder);
    encoder->packet = kn_packet_new();
    encoder->cancel = options->cancel;
    enum kn_status status = kn_mp4_open(options->path, &encoder->mp4, err);
    if (status == KN_OK)
        status = kn_h264_open(options, &encoder->h264, err);
    if (status != KN_OK)
        return status;
    encoder->video = add_video(encoder);
    status = kn_aac_open(&encoder->mp4, &encoder->aac, err);
    if (status == KN_OK)
        status = kn_mp4_begin(&encoder->mp4, options->title, options->comment, err);
    if (status == KN_OK)
        *ret_encoder = KN_MOVE(encoder);
    return status;
}

void kn_encoder_close(struct kn_encoder *encoder)
{
    if (!encoder)
        return;
    kn_h264_close(&encoder->h264);
    kn_aac_close(&encoder->aac);
    av_packet_free(&encoder->packet);
    kn_mp4_close(&encoder->mp4);
    free(encoder);
}

const char *kn_encoder_name(const struct kn_encoder *encoder)
{
    return encoder->h264.name;
}

const char *kn_encoder_remark(const struct kn_encoder *encoder)
{
    return encoder->h264.remark.status == KN_OK ? NULL : encoder->h264.remark.text;
}

bool kn_encoder_gave_up(const struct kn_encoder *encoder)
{
    return encoder->gave_up;
}

/* A picture, or NULL for the end. */
static enum kn_status send_picture(struct kn_encoder *encoder, const struct kn_picture *picture,
                                   struct kn_error *err)
{
    enum kn_status status = kn_h264_send(&encoder->h264, picture, encoder->pictures, err);
    encoder->gave_up = status != KN_OK;
    return status;
}

static enum kn_status write_pictures(struct kn_encoder *encoder, struct kn_error *err)
{
    AVCodecContext *codec = encoder->h264.codec;
    for (;;) {
        enum kn_status status = kn_cancel_check(encoder->cancel, err);
        if (status != KN_OK)
            return status;
        int code = avcodec_receive_packet(codec, encoder->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return KN_OK;
        encoder->gave_up = code < 0;
        if (code < 0)
            return kn_av_error(err, code, "%s cannot encode", encoder->h264.name);
        encoder->packet->duration = 1;
        status =
            kn_mp4_write(&encoder->mp4, encoder->video, encoder->packet, codec->time_base, err);
        if (status != KN_OK)
            return status;
    }
}

enum kn_status kn_encoder_picture(struct kn_encoder *encoder, const struct kn_picture *picture,
                                  struct kn_error *err)
{
    assert(picture->pixels == KN_PIXELS_YUV420P && picture->frame);
    assert(picture->width_px == encoder->h264.codec->width);
    assert(picture->height_px == encoder->h264.codec->height);
    enum kn_status status = send_picture(encoder, picture, err);
    if (status != KN_OK)
        return status;
    encoder->pictures++;
    return write_pictures(encoder, err);
}

enum kn_status kn_encoder_sound(struct kn_encoder *encoder, const float *samples, int count,
                                struct kn_error *err)
{
    return kn_aac_write(&encoder->aac, samples, count, err);
}

enum kn_status kn_encoder_coded_sound(struct kn_encoder *encoder,
                                      const struct kn_coded_sound *sound, int64_t until,
                                      struct kn_error *err)
{
    enum kn_status status = KN_OK;
    const AVRational time_base = encoder->aac.codec->time_base;
    while (status == KN_OK && encoder->coded < sound->aac.kept.count &&
           sound->aac.kept.at[encoder->coded]->pts < until) {
        if (av_packet_ref(encoder->packet, sound->aac.kept.at[encoder->coded++]) < 0)
            kn_out_of_memory();
        status = kn_cancel_check(encoder->cancel, err);
        if (status == KN_OK)
            status =
                kn_mp4_write(&encoder->mp4, encoder->aac.stream, encoder->packet, time_base, err);
    }
    return status;
}

enum kn_status kn_encoder_flush(struct kn_encoder *encoder, struct kn_error *err)
{
    assert(!encoder->flushed);
    encoder->flushed = true;
    enum kn_status status = encoder->coded ? KN_OK : kn_aac_flush(&encoder->aac, err);
    if (status == KN_OK)
        status = send_picture(encoder, NULL, err);
    return status == KN_OK ? write_pictures(encoder, err) : status;
}

enum kn_status kn_encoder_finish(struct kn_encoder *encoder, struct kn_error *err)
{
    enum kn_status status = encoder->flushed ? KN_OK : kn_encoder_flush(encoder, err);
    return status == KN_OK ? kn_mp4_finish(&encoder->mp4, err) : status;
}
