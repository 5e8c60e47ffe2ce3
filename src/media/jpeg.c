/*
 * JFIF means BT.601 coefficients and full range, whatever the size of the picture: a frame that is
 * written as it is would look pale and a little off in colour. zimg converts, FFmpeg encodes.
 */
#include "media/jpeg.h"

#include <assert.h>
#include <zimg.h>

#include "base/file.h"
#include "media/av.h"

enum { ALIGN = 64 };

static zimg_filter_graph *build_graph(const struct kn_picture *picture)
{
    zimg_image_format in, out;
    zimg_image_format_default(&in, ZIMG_API_VERSION);
    in.width = (unsigned)picture->width_px;
    in.height = (unsigned)picture->height_px;
    in.pixel_type = ZIMG_PIXEL_BYTE;
    in.subsample_w = in.subsample_h = 1;
    in.color_family = ZIMG_COLOR_YUV;
    in.matrix_coefficients = ZIMG_MATRIX_BT709;
    in.pixel_range = ZIMG_RANGE_LIMITED;
    out = in;
    out.matrix_coefficients = ZIMG_MATRIX_BT470_BG;
    out.pixel_range = ZIMG_RANGE_FULL;
    out.chroma_location = ZIMG_CHROMA_CENTER;
    zimg_graph_builder_params params;
    zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
    params.dither_type = ZIMG_DITHER_ORDERED;
    return zimg_filter_graph_build(&in, &out, &params);
}

static enum kn_status convert(const struct kn_picture *picture, AVFrame *frame,
                              struct kn_error *err)
{
    zimg_filter_graph *graph = build_graph(picture);
    size_t bytes = 0;
    if (!graph || zimg_filter_graph_get_tmp_size(graph, &bytes)) {
        zimg_filter_graph_free(graph);
        return kn_error_set(err, KN_INTERNAL, "a picture cannot be converted for JPEG");
    }
    KN_SCOPED_MEM void *work = aligned_alloc(ALIGN, (bytes + ALIGN) / ALIGN * ALIGN);
    if (!work)
        kn_out_of_memory();
    zimg_image_buffer_const from = {.version = ZIMG_API_VERSION};
    zimg_image_buffer to = {.version = ZIMG_API_VERSION};
    for (int i = 0; i < 3; i++) {
        from.plane[i].data = picture->planes[i];
        from.plane[i].stride = picture->strides[i];
        from.plane[i].mask = ZIMG_BUFFER_MAX;
        to.plane[i].data = frame->data[i];
        to.plane[i].stride = frame->linesize[i];
        to.plane[i].mask = ZIMG_BUFFER_MAX;
    }
    (void)zimg_filter_graph_process(graph, &from, &to, work, NULL, NULL, NULL, NULL);
    zimg_filter_graph_free(graph);
    return KN_OK;
}

/* FFmpeg's scale: 2 is the best, 31 the worst. */
static int scale_of(int quality)
{
    return 2 + (100 - KN_CLAMP(quality, 1, 100)) * 29 / 100;
}

static int encode(AVFrame *frame, int quality, AVPacket *packet)
{
    KN_SCOPED_AV(AVCodecContext)
    encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    if (!encoder)
        return AVERROR_ENCODER_NOT_FOUND;
    encoder->width = frame->width;
    encoder->height = frame->height;
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 25};
    encoder->sample_aspect_ratio = (AVRational){1, 1}; /* without one it writes no JFIF header */
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->global_quality = FF_QP2LAMBDA * scale_of(quality);
    encoder->thread_count = 1;
    int code = avcodec_open2(encoder, encoder->codec, NULL);
    frame->quality = encoder->global_quality;
    if (code >= 0)
        code = avcodec_send_frame(encoder, frame);
    return code < 0 ? code : avcodec_receive_packet(encoder, packet);
}

static enum kn_status make_packet(const struct kn_picture *picture, int quality, AVPacket *packet,
                                  struct kn_error *err)
{
    assert(picture->pixels == KN_PIXELS_YUV420P);
    kn_av_setup();
    KN_SCOPED_AV(AVFrame) frame = kn_frame_new();
    frame->format = AV_PIX_FMT_YUVJ420P;
    frame->width = picture->width_px;
    frame->height = picture->height_px;
    frame->color_range = AVCOL_RANGE_JPEG;
    int code = av_frame_get_buffer(frame, ALIGN);
    if (code < 0)
        return kn_av_error(err, code, "a picture cannot be made into a JPEG");
    enum kn_status status = convert(picture, frame, err);
    if (status != KN_OK)
        return status;
    code = encode(frame, quality, packet);
    if (code < 0)
        return kn_av_error(err, code, "a picture cannot be encoded as JPEG");
    return KN_OK;
}

enum kn_status kn_jpeg_write(const char *path, const struct kn_picture *picture, int quality,
                             struct kn_error *err)
{
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    enum kn_status status = make_packet(picture, quality, packet, err);
    if (status != KN_OK)
        return status;
    return kn_file_write(path, packet->data, (size_t)packet->size, err);
}

enum kn_status kn_jpeg_encode(const struct kn_picture *picture, int quality, struct kn_arena *arena,
                              const void **ret_data, size_t *ret_size, struct kn_error *err)
{
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    enum kn_status status = make_packet(picture, quality, packet, err);
    if (status != KN_OK)
        return status;
    *ret_data = kn_arena_copy(arena, packet->data, (size_t)packet->size);
    *ret_size = (size_t)packet->size;
    return KN_OK;
}
