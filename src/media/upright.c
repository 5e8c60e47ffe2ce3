#include "media/upright.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>

#include "base/str.h"
#include "base/vec.h"
#include "media/colour.h"
#include "media/ffmpeg.h"

/* Everything about a frame that decides which filters it needs. */
struct nature {
    int format, width_px, height_px;
    enum AVColorSpace matrix;
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic transfer;
    bool full_range;
    bool interlaced;
    int peak_nits; /* of HDR: the brightest that the stream says it holds */
};

struct kn_upright {
    /* Fixed. */
    int rotation_deg;
    int width_px, height_px; /* before the turn */
    int threads;

    struct nature nature; /* of the frames that `graph` was built for */
    bool interlaced;      /* sticky: after one interlaced frame the rest is looked at, too */
    bool plain;           /* frames of this nature pass as they are */
    AVFilterGraph *graph; /* NULL: none built, or plain */
    AVFilterContext *in, *out;

    KN_VEC(AVFrame *) ready; /* finished, oldest first */
    int taken;               /* so many of `ready` are gone */
};

struct kn_upright *kn_upright_new(const struct kn_source *source, int width_px, int height_px,
                                  int threads)
{
    struct kn_upright *upright = kn_calloc(1, sizeof *upright);
    bool turned = source->rotation_deg == 90 || source->rotation_deg == 270;
    upright->rotation_deg = source->rotation_deg;
    upright->width_px = source->coded_width_px;
    upright->height_px = source->coded_height_px;
    if (width_px > 0) {
        upright->width_px = turned ? height_px : width_px;
        upright->height_px = turned ? width_px : height_px;
    }
    upright->threads = threads;
    upright->interlaced = source->interlaced;
    upright->nature.format = AV_PIX_FMT_NONE;
    return upright;
}

static void drop_graph(struct kn_upright *upright)
{
    avfilter_graph_free(&upright->graph);
    upright->in = upright->out = NULL;
    upright->nature.format = AV_PIX_FMT_NONE;
}

void kn_upright_reset(struct kn_upright *upright)
{
    drop_graph(upright);
    for (int i = upright->taken; i < upright->ready.count; i++)
        av_frame_free(&upright->ready.at[i]);
    kn_vec_clear(&upright->ready);
    upright->taken = 0;
}

void kn_upright_free(struct kn_upright *upright)
{
    if (!upright)
        return;
    kn_upright_reset(upright);
    kn_vec_free(&upright->ready);
    free(upright);
}

/* Streams that do not say how bright they get, and HLG, are taken to be made for the usual 1000. */
static int peak_of(const AVFrame *frame)
{
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    int peak = 0;
    if (side)
        peak = (int)KN_MIN(((const AVContentLightMetadata *)side->data)->MaxCLL, 10000u);
    side = av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    if (peak == 0 && side) {
        const AVMasteringDisplayMetadata *display = (const void *)side->data;
        if (display->has_luminance && display->max_luminance.den > 0)
            peak = (int)KN_CLAMP(av_q2d(display->max_luminance), 0.0, 10000.0);
    }
    return peak == 0 ? 1000 : KN_MAX(peak, 300);
}

static struct nature nature_of(const struct kn_upright *upright, const AVFrame *frame)
{
    enum AVColorTransferCharacteristic transfer = kn_colour_transfer(frame);
    return (struct nature){
        .format = frame->format,
        .width_px = frame->width,
        .height_px = frame->height,
        .matrix = kn_colour_matrix(frame),
        .primaries = kn_colour_primaries(frame),
        .transfer = transfer,
        .full_range = kn_colour_full_range(frame),
        .interlaced = upright->interlaced || kn_frame_is_interlaced(frame),
        .peak_nits = transfer == AVCOL_TRC_SMPTE2084 ? peak_of(frame) : 1000,
    };
}

static bool same_nature(const struct nature *a, const struct nature *b)
{
    return a->format == b->format && a->width_px == b->width_px && a->height_px == b->height_px &&
           a->matrix == b->matrix && a->primaries == b->primaries && a->transfer == b->transfer &&
           a->full_range == b->full_range && a->interlaced == b->interlaced &&
           a->peak_nits == b->peak_nits;
}

static bool is_output_colour(const struct nature *nature)
{
    return nature->format == AV_PIX_FMT_YUV420P && !nature->full_range &&
           nature->matrix == AVCOL_SPC_BT709 && nature->primaries == AVCOL_PRI_BT709 &&
           nature->transfer == AVCOL_TRC_BT709;
}

/*
 * HLG was made to be watched on SDR displays as it is (ITU-R BT.2390), and tried on pictures that
 * gives better colours than undoing its curve and rolling off: only its gamut is converted.
 *
 * zimg's names. The input is always spelled out: a stream that leaves them unspecified would
 * otherwise be refused ("no path between colorspaces").
 */
static void add_colour(struct kn_str *spec, const struct nature *nature)
{
    kn_str_printf(spec, ",zscale=matrixin=%s:rangein=%s:primariesin=%s:transferin=%s",
                  av_color_space_name(nature->matrix), nature->full_range ? "full" : "limited",
                  av_color_primaries_name(nature->primaries),
                  nature->transfer == AVCOL_TRC_SMPTE2084 ? "smpte2084" : "bt709");
    if (nature->transfer == AVCOL_TRC_SMPTE2084) {
        /* HDR's reference white of 203 cd/m² (ITU-R BT.2408-7, 2023, table 1) becomes 1.0; mobius
         * leaves what is darker than 0.6 alone and rolls off the rest up to the peak. */
        kn_str_printf(spec,
                      ":transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709"
                      ",tonemap=tonemap=mobius:param=0.6:desat=2:peak=%.3f,zscale=",
                      nature->peak_nits / 203.0);
    } else {
        kn_str_add(spec, ":");
    }
    kn_str_add(spec, "matrix=709:range=limited:primaries=709:transfer=709:dither=ordered");
    kn_str_add(spec, ",format=yuv420p");
}

static void add_filters(struct kn_str *spec, const struct kn_upright *upright,
                        const struct nature *nature)
{
    kn_str_add(spec, "null");
    if (nature->interlaced)
        kn_str_add(spec, ",bwdif=mode=send_frame:parity=auto:deint=interlaced");
    bool resized = nature->width_px != upright->width_px || nature->height_px != upright->height_px;
    bool shrinks = (int64_t)nature->width_px * nature->height_px >
                   (int64_t)upright->width_px * upright->height_px;
    bool odd = nature->width_px % 2 || nature->height_px % 2; /* zimg makes no 4:2:0 of that */
    if (resized && (shrinks || odd))
        kn_str_printf(spec, ",scale=%d:%d:flags=bicubic", upright->width_px, upright->height_px);
    if (!is_output_colour(nature))
        add_colour(spec, nature);
    if (resized && !shrinks && !odd)
        kn_str_printf(spec, ",scale=%d:%d:flags=bicubic", upright->width_px, upright->height_px);
    if (upright->rotation_deg == 90)
        kn_str_add(spec, ",transpose=clock");
    else if (upright->rotation_deg == 180)
        kn_str_add(spec, ",hflip,vflip");
    else if (upright->rotation_deg == 270)
        kn_str_add(spec, ",transpose=cclock");
}

static enum kn_status build_graph(struct kn_upright *upright, const AVFrame *frame,
                                  struct kn_error *err)
{
    KN_SCOPED_STR source = {0};
    KN_SCOPED_STR filters = {0};
    const struct nature *nature = &upright->nature;
    kn_str_printf(&source, "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=%d/%d",
                  nature->width_px, nature->height_px, nature->format,
                  frame->sample_aspect_ratio.num, KN_MAX(frame->sample_aspect_ratio.den, 1));
    add_filters(&filters, upright, nature);

    AVFilterInOut *ends[2] = {avfilter_inout_alloc(), avfilter_inout_alloc()};
    AVFilterGraph *graph = upright->graph = avfilter_graph_alloc();
    if (!graph || !ends[0] || !ends[1])
        kn_out_of_memory();
    graph->nb_threads = KN_MAX(upright->threads, 1);

    int code = avfilter_graph_create_filter(&upright->in, avfilter_get_by_name("buffer"), "in",
                                            kn_str_text(&source), NULL, graph);
    if (code >= 0)
        code = avfilter_graph_create_filter(&upright->out, avfilter_get_by_name("buffersink"),
                                            "out", NULL, NULL, graph);
    if (code >= 0) {
        *ends[0] = (AVFilterInOut){.name = av_strdup("in"), .filter_ctx = upright->in};
        *ends[1] = (AVFilterInOut){.name = av_strdup("out"), .filter_ctx = upright->out};
        code = avfilter_graph_parse_ptr(graph, kn_str_text(&filters), &ends[1], &ends[0], NULL);
    }
    if (code >= 0)
        code = avfilter_graph_config(graph, NULL);
    avfilter_inout_free(&ends[0]);
    avfilter_inout_free(&ends[1]);
    if (code < 0) {
        drop_graph(upright);
        const char *format = av_get_pix_fmt_name(frame->format);
        return kn_error_set(err, KN_UNSUPPORTED, "pictures of kind %s cannot be converted: %s",
                            format ? format : "unknown", KN_AV_TEXT(code));
    }
    return KN_OK;
}

static AVFrame *new_frame(void)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        kn_out_of_memory();
    return frame;
}

/* Moves what the graph has finished to the list. */
static enum kn_status collect(struct kn_upright *upright, struct kn_error *err)
{
    for (;;) {
        AVFrame *frame = new_frame();
        int code = av_buffersink_get_frame(upright->out, frame);
        if (code < 0) {
            av_frame_free(&frame);
            if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
                return KN_OK;
            return kn_error_set(err, KN_INTERNAL, "a picture could not be converted: %s",
                                KN_AV_TEXT(code));
        }
        /* bwdif counts in half microseconds. */
        frame->pts =
            av_rescale_q(frame->pts, av_buffersink_get_time_base(upright->out), AV_TIME_BASE_Q);
        kn_vec_push(&upright->ready, frame);
    }
}

/* Pushes the end through the graph and puts it away: an ended graph takes no more frames. */
static enum kn_status finish_graph(struct kn_upright *upright, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    if (upright->graph && av_buffersrc_add_frame(upright->in, NULL) >= 0)
        status = collect(upright, err);
    drop_graph(upright);
    return status;
}

static enum kn_status prepare(struct kn_upright *upright, const AVFrame *frame,
                              struct kn_error *err)
{
    struct nature nature = nature_of(upright, frame);
    if (same_nature(&nature, &upright->nature))
        return KN_OK;
    enum kn_status status = finish_graph(upright, err);
    if (status != KN_OK)
        return status;
    upright->nature = nature;
    upright->interlaced = nature.interlaced;
    upright->plain = is_output_colour(&nature) && !nature.interlaced &&
                     upright->rotation_deg == 0 && nature.width_px == upright->width_px &&
                     nature.height_px == upright->height_px;
    return upright->plain ? KN_OK : build_graph(upright, frame, err);
}

enum kn_status kn_upright_put(struct kn_upright *upright, AVFrame *frame, struct kn_error *err)
{
    if (!frame)
        return finish_graph(upright, err);
    enum kn_status status = prepare(upright, frame, err);
    if (status != KN_OK)
        return status;
    if (upright->plain) {
        AVFrame *kept = new_frame();
        av_frame_move_ref(kept, frame);
        kn_vec_push(&upright->ready, kept);
        return KN_OK;
    }
    int code = av_buffersrc_add_frame(upright->in, frame);
    if (code < 0)
        return kn_error_set(err, KN_INTERNAL, "a picture could not be converted: %s",
                            KN_AV_TEXT(code));
    return collect(upright, err);
}

enum kn_status kn_upright_get(struct kn_upright *upright, AVFrame *ret_frame)
{
    if (upright->taken == upright->ready.count) {
        kn_vec_clear(&upright->ready);
        upright->taken = 0;
        return KN_END;
    }
    AVFrame *frame = upright->ready.at[upright->taken++];
    av_frame_move_ref(ret_frame, frame);
    av_frame_free(&frame);
    return KN_OK;
}
