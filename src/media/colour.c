#include "media/colour.h"

#include <libavutil/pixdesc.h>

static bool is_rgb(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    return format && (format->flags & AV_PIX_FMT_FLAG_RGB);
}

enum AVColorSpace kn_colour_matrix(const AVFrame *frame)
{
    if (is_rgb(frame))
        return AVCOL_SPC_RGB;
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return frame->colorspace;
    default:
        /* The dividing line that players agree on: above PAL's size it is HD. */
        return frame->width >= 1280 || frame->height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    }
}

enum AVColorPrimaries kn_colour_primaries(const AVFrame *frame)
{
    return frame->color_primaries == AVCOL_PRI_BT2020 ? AVCOL_PRI_BT2020 : AVCOL_PRI_BT709;
}

enum AVColorTransferCharacteristic kn_colour_transfer(const AVFrame *frame)
{
    return kn_colour_is_hdr(frame->color_trc) ? frame->color_trc : AVCOL_TRC_BT709;
}

bool kn_colour_full_range(const AVFrame *frame)
{
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
        return true;
    default:
        return is_rgb(frame) || frame->color_range == AVCOL_RANGE_JPEG;
    }
}

bool kn_colour_is_hdr(enum AVColorTransferCharacteristic transfer)
{
    return transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67;
}
