#include "media/h264.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

enum {
    GOP_S = 2,            /* key frames at least so often: platforms and seeking want it */
    HARDWARE_FRAMES = 24, /* pool on the GPU */
};

/* How each encoder is asked for a quality, and what memory it reads. */
struct h264_kind {
    const char *name;
    enum AVPixelFormat pixels;  /* what it is opened with */
    enum AVHWDeviceType device; /* NONE: reads ordinary memory */
    const char *quality_option; /* takes the CRF; NULL: the bit rate below */
    const char *fixed_options;  /* key=value:…, may be NULL */
};

static const struct h264_kind kinds[] = {
    {"libx264", AV_PIX_FMT_YUV420P, AV_HWDEVICE_TYPE_NONE, "crf", NULL},
    {"h264_nvenc", AV_PIX_FMT_YUV420P, AV_HWDEVICE_TYPE_NONE, "cq",
     "preset=p4:tune=hq:rc=vbr:b=0:spatial-aq=1"},
    {"h264_qsv", AV_PIX_FMT_NV12, AV_HWDEVICE_TYPE_NONE, "global_quality", NULL},
    {"h264_vaapi", AV_PIX_FMT_VAAPI, AV_HWDEVICE_TYPE_VAAPI, "qp", "rc_mode=CQP"},
    {"h264_videotoolbox", AV_PIX_FMT_NV12, AV_HWDEVICE_TYPE_NONE, NULL, NULL},
    {"h264_v4l2m2m", AV_PIX_FMT_NV12, AV_HWDEVICE_TYPE_NONE, NULL, NULL},
};

/* About 0.1 bits a pixel: 6 Mbit/s at 1080x1920 and 30 pictures a second. */
static int64_t bit_rate(const struct kn_encoder_options *options)
{
    return (int64_t)(0.1 * options->width_px * options->height_px * options->frame_rate.num /
                     options->frame_rate.den);
}

static const struct h264_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < KN_COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void describe_stream(AVCodecContext *codec, const struct kn_encoder_options *options)
{
    int rate_hz = (options->frame_rate.num + options->frame_rate.den - 1) / options->frame_rate.den;
    codec->width = options->width_px;
    codec->height = options->height_px;
    codec->time_base = (AVRational){options->frame_rate.den, options->frame_rate.num};
    codec->framerate = (AVRational){options->frame_rate.num, options->frame_rate.den};
    codec->sample_aspect_ratio = (AVRational){1, 1};
    codec->gop_size = KN_MAX(GOP_S * rate_hz, 1);
    codec->profile = FF_PROFILE_H264_HIGH;
    codec->color_range = AVCOL_RANGE_MPEG;
    codec->color_primaries = AVCOL_PRI_BT709;
    codec->color_trc = AVCOL_TRC_BT709;
    codec->colorspace = AVCOL_SPC_BT709;
    codec->chroma_sample_location = AVCHROMA_LOC_LEFT;
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER; /* MP4 keeps parameter sets in its index */
    codec->thread_count = options->threads;
    codec->rc_max_rate = options->bits_a_second_max; /* with a buffer of one second */
    codec->rc_buffer_size = (int)KN_MIN(options->bits_a_second_max, INT_MAX);
}

/* Frames in the GPU's memory, filled by upload. */
static int set_up_device(struct kn_h264 *h264, const struct h264_kind *kind)
{
    AVCodecContext *codec = h264->codec;
    int code = av_hwdevice_ctx_create(&h264->device, kind->device, NULL, NULL, 0);
    if (code < 0)
        return code;
    codec->hw_frames_ctx = av_hwframe_ctx_alloc(h264->device);
    if (!codec->hw_frames_ctx)
        return AVERROR(ENOMEM);
    AVHWFramesContext *frames = (AVHWFramesContext *)codec->hw_frames_ctx->data;
    frames->format = kind->pixels;
    frames->sw_format = AV_PIX_FMT_NV12;
    frames->width = codec->width;
    frames->height = codec->height;
    frames->initial_pool_size = HARDWARE_FRAMES;
    return av_hwframe_ctx_init(codec->hw_frames_ctx);
}

static int open_codec(struct kn_h264 *h264, const struct h264_kind *kind,
                      const struct kn_encoder_options *options)
{
    AVDictionary *settings = NULL;
    int code =
        kind->fixed_options ? av_dict_parse_string(&settings, kind->fixed_options, "=", ":", 0) : 0;
    if (code >= 0 && kind->quality_option)
        code = av_dict_set_int(&settings, kind->quality_option, options->crf, 0);
    else
        h264->codec->bit_rate = bit_rate(options);
    if (options->bits_a_second_max && h264->codec->bit_rate > options->bits_a_second_max)
        h264->codec->bit_rate = options->bits_a_second_max;
    if (code >= 0 && strcmp(kind->name, "libx264") == 0) {
        av_dict_set(&settings, "preset", options->preset, 0);
        av_dict_set(&settings, "profile", "high", 0);
    }
    if (code >= 0)
        code = avcodec_open2(h264->codec, h264->codec->codec, &settings);
    av_dict_free(&settings);
    return code;
}

static enum kn_status open_kind(const struct h264_kind *kind,
                                const struct kn_encoder_options *options, struct kn_h264 *ret_h264,
                                struct kn_error *err)
{
    const AVCodec *encoder = avcodec_find_encoder_by_name(kind->name);
    if (!encoder)
        return kn_error_set(err, KN_MISSING, "this system's FFmpeg was built without %s",
                            kind->name);
    struct kn_h264 h264 = {.name = kind->name, .codec = avcodec_alloc_context3(encoder)};
    if (!h264.codec)
        kn_out_of_memory();
    describe_stream(h264.codec, options);
    h264.codec->pix_fmt = kind->pixels;
    int code = kind->device != AV_HWDEVICE_TYPE_NONE ? set_up_device(&h264, kind) : 0;
    if (code >= 0)
        code = open_codec(&h264, kind, options);
    if (code < 0) {
        kn_h264_close(&h264);
        return kn_av_error(err, code, "%s cannot be used here", kind->name);
    }
    h264.input = kn_frame_new();
    if (kind->pixels != AV_PIX_FMT_YUV420P) {
        h264.converted = kn_frame_new();
        h264.converted->format = AV_PIX_FMT_NV12;
        h264.converted->width = options->width_px;
        h264.converted->height = options->height_px;
    }
    *ret_h264 = h264;
    return KN_OK;
}

/* Hardware often opens and fails at the first picture only; so the preset is checked by name. */
static bool known_preset(const char *preset)
{
    static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                          "medium",    "slow",      "slower",   "veryslow"};
    for (size_t i = 0; i < KN_COUNT_OF(presets); i++)
        if (strcmp(presets[i], preset) == 0)
            return true;
    return false;
}

enum kn_status kn_h264_open(const struct kn_encoder_options *options, struct kn_h264 *ret_h264,
                            struct kn_error *err)
{
    const struct h264_kind *kind = find_kind(options->encoder);
    if (!kind)
        return kn_error_set(err, KN_INVALID,
                            "there is no encoder “%s”; choose libx264, h264_nvenc, h264_qsv, "
                            "h264_vaapi, h264_videotoolbox or h264_v4l2m2m",
                            options->encoder);
    if (!known_preset(options->preset))
        return kn_error_set(err, KN_INVALID,
                            "there is no preset “%s”; choose one from ultrafast to veryslow",
                            options->preset);
    struct kn_error reason = {0};
    enum kn_status status = open_kind(kind, options, ret_h264, &reason);
    if (status == KN_OK || kind == &kinds[0]) {
        if (status != KN_OK)
            kn_error_set(err, status, "%s", reason.text);
        return status;
    }
    status = open_kind(&kinds[0], options, ret_h264, err);
    if (status == KN_OK)
        kn_error_set(&ret_h264->remark, reason.status, "%s; %s encodes instead", reason.text,
                     kinds[0].name);
    return status;
}

void kn_h264_close(struct kn_h264 *h264)
{
    avcodec_free_context(&h264->codec);
    av_frame_free(&h264->input);
    av_frame_free(&h264->converted);
    av_buffer_unref(&h264->device);
}

/* ---- feeding -------------------------------------------------------------------------------- */

static void interleave_chroma(const struct kn_picture *picture, AVFrame *nv12)
{
    for (int y = 0; y < picture->height_px; y++)
        memcpy(nv12->data[0] + (ptrdiff_t)y * nv12->linesize[0],
               picture->planes[0] + (ptrdiff_t)y * picture->strides[0], (size_t)picture->width_px);
    for (int y = 0; y < picture->height_px / 2; y++) {
        const uint8_t *u = picture->planes[1] + (ptrdiff_t)y * picture->strides[1];
        const uint8_t *v = picture->planes[2] + (ptrdiff_t)y * picture->strides[2];
        uint8_t *to = nv12->data[1] + (ptrdiff_t)y * nv12->linesize[1];
        for (int x = 0; x < picture->width_px / 2; x++) {
            to[2 * x] = u[x];
            to[2 * x + 1] = v[x];
        }
    }
}

/* Makes h264->input what the codec reads: the picture itself, an NV12 copy, or an upload of it. */
static int prepare(struct kn_h264 *h264, const struct kn_picture *picture)
{
    av_frame_unref(h264->input);
    if (!h264->converted)
        return av_frame_ref(h264->input, picture->frame);
    AVFrame *nv12 = h264->converted;
    int code = nv12->buf[0] ? av_frame_make_writable(nv12) : av_frame_get_buffer(nv12, 0);
    if (code < 0)
        return code;
    interleave_chroma(picture, nv12);
    if (!h264->device)
        return av_frame_ref(h264->input, nv12);
    code = av_hwframe_get_buffer(h264->codec->hw_frames_ctx, h264->input, 0);
    return code < 0 ? code : av_hwframe_transfer_data(h264->input, nv12, 0);
}

enum kn_status kn_h264_send(struct kn_h264 *h264, const struct kn_picture *picture, int64_t index,
                            struct kn_error *err)
{
    int code = 0;
    if (picture && (code = prepare(h264, picture)) >= 0) {
        AVFrame *input = h264->input;
        input->pts = index;
        input->pict_type = AV_PICTURE_TYPE_NONE; /* the source's key frames don't matter */
        input->sample_aspect_ratio = (AVRational){1, 1};
        input->color_range = AVCOL_RANGE_MPEG;
        input->color_primaries = AVCOL_PRI_BT709;
        input->color_trc = AVCOL_TRC_BT709;
        input->colorspace = AVCOL_SPC_BT709;
        input->chroma_location = AVCHROMA_LOC_LEFT;
    }
    if (code >= 0)
        code = avcodec_send_frame(h264->codec, picture ? h264->input : NULL);
    if (picture)
        av_frame_unref(h264->input);
    if (code < 0)
        return kn_av_error(err, code, "%s cannot encode", h264->name);
    return KN_OK;
}
