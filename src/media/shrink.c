/*
 * Most of a small picture's cost is the scaler, so it is fed as little as possible: for grey only
 * the luma plane, told to be a grey picture of the same depth, so that no chroma is touched and no
 * range is converted at full size. Range and tone are put right by a table on the small picture,
 * and the turn happens there, too.
 */
#include "media/shrink.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "media/colour.h"
#include "media/ffmpeg.h"

/* Scaler contexts are kept by purpose, since those of one purpose rarely change. */
enum { SLOT_GREY, SLOT_RGB, SLOT_GREY_PART, SLOT_RGB_PART, SLOT_COUNT };

struct kn_shrinker {
    int rotation_deg;
    int width_px, height_px; /* upright, square pixels */
    struct SwsContext *slots[SLOT_COUNT];

    struct table {
        bool set, expand, pq;
        uint8_t values[256];
    } table;
};

/* A rectangle of whole pixels. */
struct box {
    int x, y, width, height;
};

struct kn_shrinker *kn_shrinker_new(const struct kn_source *source)
{
    struct kn_shrinker *shrinker = kn_calloc(1, sizeof *shrinker);
    shrinker->rotation_deg = source->rotation_deg;
    shrinker->width_px = source->width_px;
    shrinker->height_px = source->height_px;
    return shrinker;
}

void kn_shrinker_free(struct kn_shrinker *shrinker)
{
    if (!shrinker)
        return;
    for (int i = 0; i < SLOT_COUNT; i++)
        sws_freeContext(shrinker->slots[i]);
    free(shrinker);
}

void kn_letterbox(int from_width, int from_height, int width, int height, int *ret_x, int *ret_y,
                  int *ret_width, int *ret_height)
{
    double scale = fmin((double)width / from_width, (double)height / from_height);
    *ret_width = KN_CLAMP((int)lround(from_width * scale), 1, width);
    *ret_height = KN_CLAMP((int)lround(from_height * scale), 1, height);
    *ret_x = (width - *ret_width) / 2;
    *ret_y = (height - *ret_height) / 2;
}

/* ---- Which part of the coded frame is looked at ---- */

static bool is_turned(const struct kn_shrinker *shrinker)
{
    return shrinker->rotation_deg == 90 || shrinker->rotation_deg == 270;
}

/* The part of the upright picture that `view` shows, as shares of the coded one. */
static void coded_part(const struct kn_shrinker *shrinker, const struct kn_view *view,
                       double ret_part[4])
{
    double x0 = KN_CLAMP(view->x, 0.f, 1.f), x1 = KN_CLAMP(view->x + view->width, 0.f, 1.f);
    double y0 = KN_CLAMP(view->y, 0.f, 1.f), y1 = KN_CLAMP(view->y + view->height, 0.f, 1.f);
    double turned[4] = {x0, y0, x1, y1};
    switch (shrinker->rotation_deg) {
    case 90:
        memcpy(turned, (double[4]){y0, 1 - x1, y1, 1 - x0}, sizeof turned);
        break;
    case 180:
        memcpy(turned, (double[4]){1 - x1, 1 - y1, 1 - x0, 1 - y0}, sizeof turned);
        break;
    case 270:
        memcpy(turned, (double[4]){1 - y1, x0, 1 - y0, x1}, sizeof turned);
        break;
    }
    memcpy(ret_part, turned, sizeof turned);
}

/* In whole pixels, on the chroma grid, at least one chroma sample large. */
static struct box coded_box(const struct kn_shrinker *shrinker, const struct kn_view *view,
                            const AVFrame *frame, const AVPixFmtDescriptor *format)
{
    if (view->width <= 0)
        return (struct box){0, 0, frame->width, frame->height};
    double part[4];
    coded_part(shrinker, view, part);
    int grid_x = 1 << format->log2_chroma_w, grid_y = 1 << format->log2_chroma_h;
    int x0 = (int)(part[0] * frame->width) / grid_x * grid_x;
    int y0 = (int)(part[1] * frame->height) / grid_y * grid_y;
    x0 = KN_CLAMP(x0, 0, KN_MAX(frame->width - grid_x, 0));
    y0 = KN_CLAMP(y0, 0, KN_MAX(frame->height - grid_y, 0));
    int x1 = KN_CLAMP((int)lround(part[2] * frame->width), KN_MIN(x0 + grid_x, frame->width),
                      frame->width);
    int y1 = KN_CLAMP((int)lround(part[3] * frame->height), KN_MIN(y0 + grid_y, frame->height),
                      frame->height);
    return (struct box){x0, y0, x1 - x0, y1 - y0};
}

/* ---- Scaling ---- */

/* The grey format that the first plane of `format` is by itself, or NONE. */
static enum AVPixelFormat luma_format(const AVPixFmtDescriptor *format)
{
    const AVComponentDescriptor *luma = &format->comp[0];
    if (format->flags &
        (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BE |
         AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT))
        return AV_PIX_FMT_NONE;
    if (luma->plane != 0 || luma->offset != 0 || luma->step != (luma->depth > 8 ? 2 : 1))
        return AV_PIX_FMT_NONE;
    switch (luma->depth + luma->shift) {
    case 8:
        return AV_PIX_FMT_GRAY8;
    case 10:
        return AV_PIX_FMT_GRAY10LE;
    case 12:
        return AV_PIX_FMT_GRAY12LE;
    case 14:
        return AV_PIX_FMT_GRAY14LE;
    case 16:
        return AV_PIX_FMT_GRAY16LE;
    default:
        return AV_PIX_FMT_NONE;
    }
}

static void plane_pointers(const AVFrame *frame, const AVPixFmtDescriptor *format,
                           const struct box *part, const uint8_t *ret_planes[4])
{
    bool seen[4] = {false};
    for (int c = 0; c < format->nb_components; c++) {
        const AVComponentDescriptor *component = &format->comp[c];
        int p = component->plane;
        if (seen[p])
            continue;
        seen[p] = true;
        bool chroma = (c == 1 || c == 2) && !(format->flags & AV_PIX_FMT_FLAG_RGB);
        int x = part->x >> (chroma ? format->log2_chroma_w : 0);
        int y = part->y >> (chroma ? format->log2_chroma_h : 0);
        ret_planes[p] = frame->data[p] + (ptrdiff_t)y * frame->linesize[p] + x * component->step;
    }
    if (format->flags & AV_PIX_FMT_FLAG_PAL)
        ret_planes[1] = frame->data[1];
}

static enum kn_status scale(struct kn_shrinker *shrinker, const AVFrame *frame,
                            const struct kn_view *view, AVFrame *target, const struct box *into,
                            bool *ret_expand, struct kn_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    if (!format || (format->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM)))
        return kn_error_set(err, KN_UNSUPPORTED, "pictures of kind %s cannot be looked at",
                            format ? format->name : "unknown");
    struct box part = coded_box(shrinker, view, frame, format);
    const uint8_t *planes[4] = {NULL};
    plane_pointers(frame, format, &part, planes);

    bool grey = view->pixels == KN_PIXELS_GRAY8;
    enum AVPixelFormat luma = grey ? luma_format(format) : AV_PIX_FMT_NONE;
    enum AVPixelFormat from = luma != AV_PIX_FMT_NONE ? luma : (enum AVPixelFormat)frame->format;
    enum AVPixelFormat to = grey ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
    struct SwsContext **sws =
        &shrinker->slots[(grey ? SLOT_GREY : SLOT_RGB) + (view->width > 0 ? SLOT_GREY_PART : 0)];
    *sws = sws_getCachedContext(*sws, part.width, part.height, from, into->width, into->height, to,
                                SWS_AREA, NULL, NULL, NULL);
    if (!*sws)
        return kn_error_set(err, KN_UNSUPPORTED, "pictures of kind %s cannot be looked at",
                            format->name);
    *ret_expand = luma != AV_PIX_FMT_NONE && !kn_colour_full_range(frame);
    if (luma == AV_PIX_FMT_NONE && !(format->flags & AV_PIX_FMT_FLAG_RGB))
        (void)sws_setColorspaceDetails(*sws, sws_getCoefficients((int)kn_colour_matrix(frame)),
                                       kn_colour_full_range(frame),
                                       sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    uint8_t *out[4] = {target->data[0] + (ptrdiff_t)into->y * target->linesize[0] +
                       into->x * (grey ? 1 : 3)};
    sws_scale(*sws, planes, frame->linesize, 0, part.height, out, target->linesize);
    return KN_OK;
}

/* ---- Tone ---- */

/* A PQ code value (0..1) as the SDR value of the same look: SMPTE ST 2084's EOTF against a
 * reference white of 203 cd/m² (ITU-R BT.2408), highlights rolled off. */
static double sdr_of_pq(double code)
{
    const double m1 = 0.1593017578125, m2 = 78.84375, c1 = 0.8359375, c2 = 18.8515625, c3 = 18.6875;
    double root = pow(code, 1 / m2);
    double light = pow(fmax(root - c1, 0) / (c2 - c3 * root), 1 / m1) * 10000 / 203;
    double peak = 1000.0 / 203;
    return pow(KN_MIN(light * (1 + light / (peak * peak)) / (1 + light), 1.0), 1 / 2.2);
}

static void set_table(struct table *table, bool expand, bool pq)
{
    if (table->set && table->expand == expand && table->pq == pq)
        return;
    *table = (struct table){.set = true, .expand = expand, .pq = pq};
    for (int i = 0; i < 256; i++) {
        double value = expand ? KN_CLAMP((i - 16) / 219.0, 0.0, 1.0) : i / 255.0;
        table->values[i] = (uint8_t)lround(255 * (pq ? sdr_of_pq(value) : value));
    }
}

static void apply_table(const struct table *table, AVFrame *frame, int bytes_per_row)
{
    for (int y = 0; y < frame->height; y++) {
        uint8_t *row = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];
        for (int x = 0; x < bytes_per_row; x++)
            row[x] = table->values[row[x]];
    }
}

/* ---- The turn ---- */

static void turn(const AVFrame *from, AVFrame *to, const struct box *into, int rotation_deg,
                 int bytes)
{
    for (int y = 0; y < into->height; y++) {
        uint8_t *out = to->data[0] + (ptrdiff_t)(into->y + y) * to->linesize[0] + into->x * bytes;
        for (int x = 0; x < into->width; x++, out += bytes) {
            int from_x = rotation_deg == 90    ? y
                         : rotation_deg == 180 ? into->width - 1 - x
                                               : into->height - 1 - y;
            int from_y = rotation_deg == 90    ? into->width - 1 - x
                         : rotation_deg == 180 ? into->height - 1 - y
                                               : x;
            memcpy(out, from->data[0] + (ptrdiff_t)from_y * from->linesize[0] + from_x * bytes,
                   (size_t)bytes);
        }
    }
}

/* ---- All together ---- */

static AVFrame *new_target(int width_px, int height_px, bool grey, struct kn_error *err)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        kn_out_of_memory();
    frame->format = grey ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
    frame->width = width_px;
    frame->height = height_px;
    int code = av_frame_get_buffer(frame, 0);
    if (code < 0) {
        av_frame_free(&frame);
        kn_error_set(err, KN_LIMIT, "no memory for a picture of %d x %d", width_px, height_px);
    }
    return frame;
}

/* Where in the target the picture goes. */
static struct box content_box(const struct kn_shrinker *shrinker, const struct kn_view *view)
{
    struct box into = {0, 0, view->width_px, view->height_px};
    if (!view->letterbox)
        return into;
    double width = shrinker->width_px, height = shrinker->height_px;
    if (view->width > 0) {
        width *= KN_CLAMP(view->x + view->width, 0.f, 1.f) - KN_CLAMP(view->x, 0.f, 1.f);
        height *= KN_CLAMP(view->y + view->height, 0.f, 1.f) - KN_CLAMP(view->y, 0.f, 1.f);
    }
    kn_letterbox(KN_MAX((int)lround(width), 1), KN_MAX((int)lround(height), 1), view->width_px,
                 view->height_px, &into.x, &into.y, &into.width, &into.height);
    return into;
}

enum kn_status kn_shrinker_run(struct kn_shrinker *shrinker, const AVFrame *frame,
                               const struct kn_view *view, AVFrame **ret_frame,
                               struct kn_error *err)
{
    assert(view->pixels == KN_PIXELS_GRAY8 || view->pixels == KN_PIXELS_RGB24);
    assert(view->width_px > 0 && view->height_px > 0);
    bool grey = view->pixels == KN_PIXELS_GRAY8;
    int bytes = grey ? 1 : 3;
    struct box into = content_box(shrinker, view);
    AVFrame *target = new_target(view->width_px, view->height_px, grey, err);
    if (!target)
        return KN_LIMIT;
    if (into.width < view->width_px || into.height < view->height_px)
        memset(target->data[0], 0, (size_t)target->linesize[0] * (size_t)target->height);

    bool expand = false;
    enum kn_status status;
    if (shrinker->rotation_deg == 0) {
        status = scale(shrinker, frame, view, target, &into, &expand, err);
    } else {
        bool turned = is_turned(shrinker);
        struct box whole = {0, 0, turned ? into.height : into.width,
                            turned ? into.width : into.height};
        AVFrame *lying = new_target(whole.width, whole.height, grey, err);
        status = lying ? scale(shrinker, frame, view, lying, &whole, &expand, err) : KN_LIMIT;
        if (status == KN_OK)
            turn(lying, target, &into, shrinker->rotation_deg, bytes);
        av_frame_free(&lying);
    }
    if (status != KN_OK) {
        av_frame_free(&target);
        return status;
    }
    bool pq = kn_colour_transfer(frame) == AVCOL_TRC_SMPTE2084;
    if (expand || pq) {
        set_table(&shrinker->table, expand, pq);
        apply_table(&shrinker->table, target, view->width_px * bytes);
    }
    target->pts = frame->pts;
    *ret_frame = target;
    return KN_OK;
}
