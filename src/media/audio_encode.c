#include "media/audio_encode.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include <libavutil/channel_layout.h>

#include "media/av.h"

enum { WAV_HEAD = 44, LONGEST_S = 3600, FLAC_LEVEL = 5 };

static const struct {
    const char *ending, *type;
} files[KN_AUDIO_FILE_COUNT] = {
    [KN_AUDIO_FLAC] = {"flac", "audio/flac"},
    [KN_AUDIO_WAV] = {"wav", "audio/wav"},
};

const char *kn_audio_file_ending(enum kn_audio_file file)
{
    return files[file].ending;
}

const char *kn_audio_file_type(enum kn_audio_file file)
{
    return files[file].type;
}

static int16_t sample_of(float value)
{
    if (isnan(value))
        return 0;
    return (int16_t)lrintf(KN_CLAMP(value * 32768.0F, -32768.0F, 32767.0F));
}

/* ---- WAV ---- */

static uint8_t *put_little(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *put_tag(uint8_t *at, const char *tag)
{
    while (*tag)
        *at++ = (uint8_t)*tag++;
    return at;
}

/* "Multimedia Programming Interface and Data Specifications 1.0", 1991: RIFF, fmt, data. */
static void put_head(uint8_t *at, int count, int rate_hz)
{
    uint32_t bytes = (uint32_t)count * 2;
    at = put_tag(at, "RIFF");
    at = put_little(at, WAV_HEAD - 8 + bytes, 4);
    at = put_tag(at, "WAVEfmt ");
    at = put_little(at, 16, 4);
    at = put_little(at, 1, 2); /* PCM */
    at = put_little(at, 1, 2); /* channel */
    at = put_little(at, (uint32_t)rate_hz, 4);
    at = put_little(at, (uint32_t)rate_hz * 2, 4); /* bytes a second */
    at = put_little(at, 2, 2);                     /* bytes a sample of all channels */
    at = put_little(at, 16, 2);
    at = put_tag(at, "data");
    (void)put_little(at, bytes, 4);
}

static enum kn_status encode_wav(const float *samples, int count, int rate_hz, void **ret_data,
                                 size_t *ret_size, struct kn_error *err)
{
    size_t size = WAV_HEAD + (size_t)count * 2;
    uint8_t *data = malloc(size);
    if (!data)
        return kn_error_set(err, KN_LIMIT, "not enough memory for %d samples of sound", count);
    put_head(data, count, rate_hz);
    for (int i = 0; i < count; i++)
        (void)put_little(data + WAV_HEAD + 2 * (size_t)i, (uint16_t)sample_of(samples[i]), 2);
    *ret_data = data;
    *ret_size = size;
    return KN_OK;
}

/* ---- FLAC ---- */

struct flac {
    AVCodecContext *encoder;
    AVFormatContext *format; /* its pb is the file in memory */
    AVFrame *frame;
    AVPacket *packet;
};

static int open_encoder(struct flac *flac, const AVCodec *codec, int rate_hz)
{
    flac->encoder = avcodec_alloc_context3(codec);
    if (!flac->encoder)
        return AVERROR(ENOMEM);
    flac->encoder->sample_fmt = AV_SAMPLE_FMT_S16;
    flac->encoder->sample_rate = rate_hz;
    flac->encoder->time_base = (AVRational){1, rate_hz};
    flac->encoder->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    flac->encoder->compression_level = FLAC_LEVEL;
    flac->encoder->flags |= AV_CODEC_FLAG_BITEXACT;
    flac->encoder->thread_count = 1;
    return avcodec_open2(flac->encoder, codec, NULL);
}

static int open_file(struct flac *flac)
{
    int code = avformat_alloc_output_context2(&flac->format, NULL, "flac", NULL);
    if (code < 0)
        return code;
    flac->format->flags |= AVFMT_FLAG_BITEXACT;
    AVStream *stream = avformat_new_stream(flac->format, NULL);
    if (!stream)
        return AVERROR(ENOMEM);
    stream->time_base = flac->encoder->time_base;
    code = avcodec_parameters_from_context(stream->codecpar, flac->encoder);
    if (code >= 0)
        code = avio_open_dyn_buf(&flac->format->pb);
    return code < 0 ? code : avformat_write_header(flac->format, NULL);
}

/* NULL ends the stream. */
static int encode_frame(struct flac *flac, const AVFrame *frame)
{
    int code = avcodec_send_frame(flac->encoder, frame);
    while (code >= 0) {
        code = avcodec_receive_packet(flac->encoder, flac->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return 0;
        if (code >= 0) {
            av_packet_rescale_ts(flac->packet, flac->encoder->time_base,
                                 flac->format->streams[0]->time_base);
            code = av_write_frame(flac->format, flac->packet);
        }
        av_packet_unref(flac->packet);
    }
    return code;
}

static int encode_all(struct flac *flac, const float *samples, int count)
{
    int size = flac->encoder->frame_size > 0 ? flac->encoder->frame_size : 4096, code = 0;
    for (int from = 0; from < count && code >= 0; from += size) {
        int here = KN_MIN(size, count - from);
        flac->frame->format = AV_SAMPLE_FMT_S16;
        flac->frame->sample_rate = flac->encoder->sample_rate;
        flac->frame->ch_layout = flac->encoder->ch_layout; /* mono has nothing to free */
        flac->frame->nb_samples = here;
        flac->frame->pts = from;
        code = av_frame_get_buffer(flac->frame, 0);
        if (code < 0)
            break;
        int16_t *to = (int16_t *)flac->frame->data[0];
        for (int i = 0; i < here; i++)
            to[i] = sample_of(samples[from + i]);
        code = encode_frame(flac, flac->frame);
        av_frame_unref(flac->frame);
    }
    if (code >= 0)
        code = encode_frame(flac, NULL);
    return code < 0 ? code : av_write_trailer(flac->format);
}

/* What was written, in memory of malloc; NULL: not enough of it. */
static void *take_file(struct flac *flac, size_t *ret_size)
{
    uint8_t *written = NULL;
    int size = avio_close_dyn_buf(flac->format->pb, &written);
    flac->format->pb = NULL;
    void *data = size > 0 ? malloc((size_t)size) : NULL;
    if (data)
        memcpy(data, written, (size_t)size);
    av_free(written);
    *ret_size = data ? (size_t)size : 0;
    return data;
}

static void close_flac(struct flac *flac)
{
    size_t ignored;
    if (flac->format && flac->format->pb)
        free(take_file(flac, &ignored));
    avformat_free_context(flac->format);
    avcodec_free_context(&flac->encoder);
    av_frame_free(&flac->frame);
    av_packet_free(&flac->packet);
}

static enum kn_status encode_flac(const float *samples, int count, int rate_hz, void **ret_data,
                                  size_t *ret_size, struct kn_error *err)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_FLAC);
    if (!codec || !av_guess_format("flac", NULL, NULL))
        return kn_error_set(err, KN_UNSUPPORTED, "this FFmpeg cannot write FLAC");
    struct flac flac = {.frame = kn_frame_new(), .packet = kn_packet_new()};
    int code = open_encoder(&flac, codec, rate_hz);
    if (code >= 0)
        code = open_file(&flac);
    if (code >= 0)
        code = encode_all(&flac, samples, count);
    void *data = NULL;
    if (code >= 0 && !(data = take_file(&flac, ret_size)))
        code = AVERROR(ENOMEM);
    close_flac(&flac);
    if (code < 0)
        return kn_av_error(err, code, "cannot encode sound as FLAC");
    *ret_data = data;
    return KN_OK;
}

enum kn_status kn_audio_encode(const float *samples, int count, int rate_hz,
                               enum kn_audio_file file, void **ret_data, size_t *ret_size,
                               struct kn_error *err)
{
    assert(count >= 0 && rate_hz >= 8000 && rate_hz <= 48000);
    if (count / rate_hz >= LONGEST_S)
        return kn_error_set(err, KN_LIMIT, "more than an hour of sound is too long for one file");
    kn_av_setup();
    return file == KN_AUDIO_FLAC ? encode_flac(samples, count, rate_hz, ret_data, ret_size, err)
                                 : encode_wav(samples, count, rate_hz, ret_data, ret_size, err);
}
