/*
 * Scaling is zimg's work. Three things are done around it:
 *
 * Building a filter graph costs more than running it (1.8 ms against 1.1 ms for a frame of
 * 1080x1920), so graphs are kept. A crop's corner is rounded to 1/8 of a pixel and its whole
 * pixels are dealt with by where reading begins: a camera that pans then needs 16 graphs (chroma
 * has half the pixels) rather than one a frame.
 *
 * zimg reads and writes at addresses that are multiples of 64 only. A part that begins elsewhere
 * is copied to a stage first, or from one afterwards (0.1 ms).
 *
 * The background of FIT is blurred on a copy of a twentieth of the size, in 16 bits, and dithered
 * on the way up: a dark gradient of 8 bits would show steps.
 */
#include "media/compose.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <zimg.h>

enum {
    GRAPHS_MAX = 40, /* kept: two panes that pan, and a background */
    STEPS = 8,       /* positions a pixel */
    MARGIN_PX = 16,  /* of source around a crop, for filters to reach into; even */
    ALIGN = 64,
    TINY_SHARE = 20, /* the background is blurred at 1/20 of the size */
    BLUR_RADIUS = 2, /* of each of three box blurs, which come close to a Gaussian one */
    BLUR_PASSES = 3,
    BACKGROUND_LUMA = 55, /* percent of brightness and colour that the background keeps */
    BACKGROUND_CHROMA = 80,
};

/* What a graph depends on. Compared as bytes: always made from all zero. */
struct graph_key {
    int in_width, in_height;    /* of the source's part that is handed over */
    double x, y, width, height; /* the crop in it */
    int out_width, out_height;
    int in_bits, out_bits;
};

struct graph {
    struct graph_key key;
    zimg_filter_graph *zimg;
    size_t work_bytes;
    int64_t used; /* the composer's clock, for dropping the oldest */
};

/* A part of a picture of 4:2:0, 8 or 16 bits a sample. */
struct area {
    uint8_t *planes[3];
    ptrdiff_t strides[3]; /* bytes */
    int width, height, bits;
};

/* Memory that grows to what is asked of it. */
struct room {
    uint8_t *at;
    size_t bytes;
};

struct kn_composer {
    double source_width, source_height; /* units of rectangles */
    int width_px, height_px;
    struct kn_picture_pool *pool;

    struct graph graphs[GRAPHS_MAX];
    int64_t clock;

    struct room in_stage, out_stage, work;

    struct area tiny; /* the background, 16 bits */
    struct room tiny_room, blur_room;
};

struct kn_composer *kn_composer_new(const struct kn_source *source, int width_px, int height_px)
{
    assert(width_px % 2 == 0 && height_px % 2 == 0);
    struct kn_composer *composer = kn_calloc(1, sizeof *composer);
    composer->source_width = source->width_px;
    composer->source_height = source->height_px;
    composer->width_px = width_px;
    composer->height_px = height_px;
    composer->pool = kn_picture_pool_new(KN_PIXELS_YUV420P, width_px, height_px);
    return composer;
}

void kn_composer_free(struct kn_composer *composer)
{
    if (!composer)
        return;
    for (int i = 0; i < GRAPHS_MAX; i++)
        zimg_filter_graph_free(composer->graphs[i].zimg);
    free(composer->in_stage.at);
    free(composer->out_stage.at);
    free(composer->work.at);
    free(composer->tiny_room.at);
    free(composer->blur_room.at);
    kn_picture_pool_free(composer->pool);
    free(composer);
}

void kn_composer_blank(struct kn_composer *composer, struct kn_picture *ret_frame)
{
    kn_picture_pool_get(composer->pool, ret_frame);
}

/* ---- graphs --------------------------------------------------------------------------------- */

static zimg_image_format format_of(int width, int height, int bits)
{
    zimg_image_format format;
    zimg_image_format_default(&format, ZIMG_API_VERSION);
    format.width = (unsigned)width;
    format.height = (unsigned)height;
    format.pixel_type = bits == 8 ? ZIMG_PIXEL_BYTE : ZIMG_PIXEL_WORD;
    format.depth = (unsigned)bits;
    format.subsample_w = format.subsample_h = 1;
    format.color_family = ZIMG_COLOR_YUV;
    format.matrix_coefficients = ZIMG_MATRIX_BT709;
    format.pixel_range = ZIMG_RANGE_LIMITED;
    return format;
}

static enum kn_status build_graph(const struct graph_key *key, struct graph *ret_graph,
                                  struct kn_error *err)
{
    zimg_image_format in = format_of(key->in_width, key->in_height, key->in_bits);
    zimg_image_format out = format_of(key->out_width, key->out_height, key->out_bits);
    in.active_region.left = key->x;
    in.active_region.top = key->y;
    in.active_region.width = key->width;
    in.active_region.height = key->height;
    zimg_graph_builder_params params;
    zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
    params.resample_filter = params.resample_filter_uv = ZIMG_RESIZE_BICUBIC;
    params.filter_param_a = params.filter_param_a_uv = 0.0; /* Catmull-Rom: crisp, hardly rings */
    params.filter_param_b = params.filter_param_b_uv = 0.5;
    params.dither_type = key->in_bits > key->out_bits ? ZIMG_DITHER_ORDERED : ZIMG_DITHER_NONE;
    params.cpu_type = ZIMG_CPU_AUTO_64B;
    struct graph graph = {.key = *key, .zimg = zimg_filter_graph_build(&in, &out, &params)};
    if (!graph.zimg || zimg_filter_graph_get_tmp_size(graph.zimg, &graph.work_bytes)) {
        char reason[200] = "";
        zimg_get_last_error(reason, sizeof reason);
        zimg_filter_graph_free(graph.zimg);
        return kn_error_set(err, KN_INTERNAL, "a picture cannot be scaled: %s", reason);
    }
    *ret_graph = graph;
    return KN_OK;
}

static enum kn_status find_graph(struct kn_composer *composer, const struct graph_key *key,
                                 struct graph **ret_graph, struct kn_error *err)
{
    struct graph *oldest = &composer->graphs[0];
    for (int i = 0; i < GRAPHS_MAX; i++) {
        struct graph *graph = &composer->graphs[i];
        if (graph->zimg && memcmp(&graph->key, key, sizeof *key) == 0) {
            graph->used = ++composer->clock;
            *ret_graph = graph;
            return KN_OK;
        }
        if (graph->used < oldest->used)
            oldest = graph;
    }
    struct graph made;
    enum kn_status status = build_graph(key, &made, err);
    if (status != KN_OK)
        return status;
    zimg_filter_graph_free(oldest->zimg);
    *oldest = made;
    oldest->used = ++composer->clock;
    *ret_graph = oldest;
    return KN_OK;
}

/* ---- running a graph ------------------------------------------------------------------------ */

static enum kn_status make_room(struct room *room, size_t bytes, struct kn_error *err)
{
    if (room->bytes >= bytes)
        return KN_OK;
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    free(room->at);
    room->at = aligned_alloc(ALIGN, bytes);
    room->bytes = room->at ? bytes : 0;
    if (!room->at)
        return kn_error_set(err, KN_LIMIT, "not enough memory for a picture");
    return KN_OK;
}

/* An aligned area in `room`. */
static enum kn_status lay_out(struct room *room, int width, int height, int bits,
                              struct area *ret_area, struct kn_error *err)
{
    struct area area = {.width = width, .height = height, .bits = bits};
    size_t offsets[3], total = 0;
    for (int i = 0; i < 3; i++) {
        size_t row = (size_t)(i ? (width + 1) / 2 : width) * (size_t)bits / 8;
        area.strides[i] = (ptrdiff_t)((row + ALIGN - 1) / ALIGN * ALIGN);
        offsets[i] = total;
        total += (size_t)area.strides[i] * (size_t)(i ? (height + 1) / 2 : height);
    }
    enum kn_status status = make_room(room, total, err);
    if (status != KN_OK)
        return status;
    for (int i = 0; i < 3; i++)
        area.planes[i] = room->at + offsets[i];
    *ret_area = area;
    return KN_OK;
}

static bool is_aligned(const struct area *area)
{
    uintptr_t bits = 0;
    for (int i = 0; i < 3; i++)
        bits |= (uintptr_t)area->planes[i] | (uintptr_t)area->strides[i];
    return bits % ALIGN == 0;
}

static void copy_area(const struct area *to, const struct area *from)
{
    for (int i = 0; i < 3; i++) {
        int rows = i ? (from->height + 1) / 2 : from->height;
        size_t bytes = (size_t)(i ? (from->width + 1) / 2 : from->width) * (size_t)from->bits / 8;
        for (int y = 0; y < rows; y++)
            memcpy(to->planes[i] + y * to->strides[i], from->planes[i] + y * from->strides[i],
                   bytes);
    }
}

/* A part of an area; x and y are even. */
static struct area part_of(const struct area *area, int x, int y, int width, int height)
{
    struct area part = {.width = width, .height = height, .bits = area->bits};
    for (int i = 0; i < 3; i++) {
        int shift = i ? 1 : 0;
        part.strides[i] = area->strides[i];
        part.planes[i] =
            area->planes[i] + (y >> shift) * area->strides[i] + (x >> shift) * (area->bits / 8);
    }
    return part;
}

static void run_graph(const struct graph *graph, const struct area *from, const struct area *to,
                      void *work)
{
    zimg_image_buffer_const in = {.version = ZIMG_API_VERSION};
    zimg_image_buffer out = {.version = ZIMG_API_VERSION};
    for (int i = 0; i < 3; i++) {
        in.plane[i].data = from->planes[i];
        in.plane[i].stride = from->strides[i];
        in.plane[i].mask = ZIMG_BUFFER_MAX;
        out.plane[i].data = to->planes[i];
        out.plane[i].stride = to->strides[i];
        out.plane[i].mask = ZIMG_BUFFER_MAX;
    }
    /* Fails by a callback only, and there is none. */
    (void)zimg_filter_graph_process(graph->zimg, &in, &out, work, NULL, NULL, NULL, NULL);
}

/* Scales the rectangle `crop` of `from` (in its pixels) to the whole of `to`. */
static enum kn_status scale(struct kn_composer *composer, const struct area *from,
                            const struct kn_rect *crop, const struct area *to, struct kn_error *err)
{
    int left = KN_MAX((int)crop->x / 2 * 2 - MARGIN_PX, 0);
    int top = KN_MAX((int)crop->y / 2 * 2 - MARGIN_PX, 0);
    int right = KN_MIN((int)ceil(crop->x + crop->width) / 2 * 2 + MARGIN_PX, from->width);
    int bottom = KN_MIN((int)ceil(crop->y + crop->height) / 2 * 2 + MARGIN_PX, from->height);
    struct area in = part_of(from, left, top, right - left, bottom - top), out = *to;
    struct graph_key key;
    memset(&key, 0, sizeof key); /* padding too: keys are compared as bytes */
    key.in_width = in.width;
    key.in_height = in.height;
    key.x = crop->x - left;
    key.y = crop->y - top;
    key.width = crop->width;
    key.height = crop->height;
    key.out_width = to->width;
    key.out_height = to->height;
    key.in_bits = from->bits;
    key.out_bits = to->bits;
    struct graph *graph = NULL;
    enum kn_status status = find_graph(composer, &key, &graph, err);
    if (status == KN_OK)
        status = make_room(&composer->work, graph->work_bytes, err);
    if (status == KN_OK && !is_aligned(&in)) {
        struct area stage;
        status = lay_out(&composer->in_stage, in.width, in.height, in.bits, &stage, err);
        if (status == KN_OK) {
            copy_area(&stage, &in);
            in = stage;
        }
    }
    if (status == KN_OK && !is_aligned(&out))
        status = lay_out(&composer->out_stage, out.width, out.height, out.bits, &out, err);
    if (status != KN_OK)
        return status;
    run_graph(graph, &in, &out, composer->work.at);
    if (out.planes[0] != to->planes[0])
        copy_area(to, &out);
    return KN_OK;
}

/* ---- the blurred background ----------------------------------------------------------------- */

/* Three sliding means along a line of `count` values that are `step` apart; ends are repeated. */
static void blur_line(uint16_t *line, int count, ptrdiff_t step, uint16_t *other)
{
    enum { WINDOW = 2 * BLUR_RADIUS + 1 };
    for (int pass = 0; pass < BLUR_PASSES; pass++) {
        for (int i = 0; i < count; i++)
            other[i] = line[i * step];
        unsigned sum = (unsigned)other[0] * BLUR_RADIUS;
        for (int i = 0; i <= BLUR_RADIUS; i++)
            sum += other[KN_MIN(i, count - 1)];
        for (int i = 0; i < count; i++) {
            line[i * step] = (uint16_t)((sum + WINDOW / 2) / WINDOW);
            sum += other[KN_MIN(i + BLUR_RADIUS + 1, count - 1)];
            sum -= other[KN_MAX(i - BLUR_RADIUS, 0)];
        }
    }
}

static void blur_plane(uint16_t *plane, int width, int height, ptrdiff_t stride, uint16_t *other)
{
    for (int y = 0; y < height; y++)
        blur_line(plane + y * stride, width, 1, other);
    for (int x = 0; x < width; x++)
        blur_line(plane + x, height, stride, other);
}

/* Towards `rest`, which is black of luma and grey of chroma. */
static void fade_plane(uint16_t *plane, int width, int height, ptrdiff_t stride, int rest,
                       int percent)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint16_t *at = &plane[y * stride + x];
            *at = (uint16_t)(rest + (*at - rest) * percent / 100);
        }
}

/* Fills composer->tiny with the middle of `crop` in the frame's shape, blurred and darkened. */
static enum kn_status make_background(struct kn_composer *composer, const struct area *from,
                                      const struct kn_rect *crop, struct kn_error *err)
{
    int width = KN_MAX(composer->width_px / TINY_SHARE / 2 * 2, 16);
    int height = KN_MAX(composer->height_px / TINY_SHARE / 2 * 2, 16);
    enum kn_status status = lay_out(&composer->tiny_room, width, height, 16, &composer->tiny, err);
    if (status == KN_OK)
        status =
            make_room(&composer->blur_room, sizeof(uint16_t) * (size_t)KN_MAX(width, height), err);
    if (status != KN_OK)
        return status;
    /* A pixel of the source may not be square. */
    double pixel = composer->source_width / from->width * from->height / composer->source_height;
    double shape = (double)composer->width_px / composer->height_px / pixel;
    struct kn_rect middle = *crop;
    middle.width = fmin(crop->width, crop->height * shape);
    middle.height = fmin(crop->height, crop->width / shape);
    middle.x += (crop->width - middle.width) / 2.0;
    middle.y += (crop->height - middle.height) / 2.0;
    status = scale(composer, from, &middle, &composer->tiny, err);
    if (status != KN_OK)
        return status;
    for (int i = 0; i < 3; i++) {
        uint16_t *plane = (uint16_t *)composer->tiny.planes[i];
        ptrdiff_t stride = composer->tiny.strides[i] / 2;
        int w = i ? width / 2 : width, h = i ? height / 2 : height;
        blur_plane(plane, w, h, stride, (uint16_t *)composer->blur_room.at);
        fade_plane(plane, w, h, stride, (i ? 128 : 16) << 8,
                   i ? BACKGROUND_CHROMA : BACKGROUND_LUMA);
    }
    return KN_OK;
}

/* The part of the background that lies under [x, x + width) x [y, y + height) of the frame. */
static enum kn_status draw_background(struct kn_composer *composer, const struct area *frame, int x,
                                      int y, int width, int height, struct kn_error *err)
{
    if (width <= 0 || height <= 0)
        return KN_OK;
    double share_x = (double)composer->tiny.width / frame->width;
    double share_y = (double)composer->tiny.height / frame->height;
    struct kn_rect crop = {x * share_x, y * share_y, width * share_x, height * share_y};
    struct area to = part_of(frame, x, y, width, height);
    return scale(composer, &composer->tiny, &crop, &to, err);
}

/* ---- layouts -------------------------------------------------------------------------------- */

/* The rectangle in pixels of the picture, inside it, its corner at an eighth of a pixel. */
static struct kn_rect to_pixels(const struct kn_composer *composer, const struct area *from,
                                const struct kn_rect *pane)
{
    double share_x = from->width / composer->source_width;
    double share_y = from->height / composer->source_height;
    struct kn_rect crop = {
        .width = KN_CLAMP(pane->width * share_x, 2.0, (double)from->width),
        .height = KN_CLAMP(pane->height * share_y, 2.0, (double)from->height),
    };
    crop.x = KN_CLAMP(pane->x * share_x, 0.0, from->width - crop.width);
    crop.y = KN_CLAMP(pane->y * share_y, 0.0, from->height - crop.height);
    double x = round(crop.x * STEPS) / STEPS, y = round(crop.y * STEPS) / STEPS;
    crop.x = x + crop.width <= from->width ? x : crop.x;
    crop.y = y + crop.height <= from->height ? y : crop.y;
    return crop;
}

static int even(double x)
{
    return (int)floor(x / 2.0 + 0.5) * 2;
}

static enum kn_status compose_fit(struct kn_composer *composer, const struct area *from,
                                  const struct kn_rect *pane, const struct area *frame,
                                  struct kn_error *err)
{
    struct kn_rect crop = to_pixels(composer, from, pane);
    double square_width = crop.width * composer->source_width / from->width;
    double square_height = crop.height * composer->source_height / from->height;
    double share = fmin(frame->width / square_width, frame->height / square_height);
    int width = KN_CLAMP(even(square_width * share), 2, frame->width);
    int height = KN_CLAMP(even(square_height * share), 2, frame->height);
    int x = (frame->width - width) / 4 * 2, y = (frame->height - height) / 4 * 2;
    enum kn_status status = KN_OK;
    if (width < frame->width || height < frame->height)
        status = make_background(composer, from, &crop, err);
    if (status == KN_OK)
        status = draw_background(composer, frame, 0, 0, frame->width, y, err);
    if (status == KN_OK)
        status = draw_background(composer, frame, 0, y + height, frame->width,
                                 frame->height - y - height, err);
    if (status == KN_OK)
        status = draw_background(composer, frame, 0, y, x, height, err);
    if (status == KN_OK)
        status =
            draw_background(composer, frame, x + width, y, frame->width - x - width, height, err);
    struct area middle = part_of(frame, x, y, width, height);
    return status == KN_OK ? scale(composer, from, &crop, &middle, err) : status;
}

/* One pane over all of the frame, or several of the same height. */
static enum kn_status compose_stack(struct kn_composer *composer, const struct area *from,
                                    const struct kn_frame_key *key, const struct area *frame,
                                    struct kn_error *err)
{
    int top = 0;
    for (int i = 0; i < key->pane_count; i++) {
        int bottom = even((double)frame->height * (i + 1) / key->pane_count);
        struct kn_rect crop = to_pixels(composer, from, &key->panes[i]);
        struct area to = part_of(frame, 0, top, frame->width, bottom - top);
        enum kn_status status = scale(composer, from, &crop, &to, err);
        if (status != KN_OK)
            return status;
        top = bottom;
    }
    return KN_OK;
}

/* Without the last column or row of an odd size, which has no chroma of its own. */
static struct area area_of(const struct kn_picture *picture)
{
    struct area area = {
        .width = picture->width_px / 2 * 2, .height = picture->height_px / 2 * 2, .bits = 8};
    for (int i = 0; i < 3; i++) {
        area.planes[i] = (uint8_t *)(uintptr_t)picture->planes[i]; /* only read, or our own */
        area.strides[i] = picture->strides[i];
    }
    return area;
}

enum kn_status kn_composer_run(struct kn_composer *composer, const struct kn_picture *picture,
                               const struct kn_frame_key *key, struct kn_picture *ret_frame,
                               struct kn_error *err)
{
    assert(picture->pixels == KN_PIXELS_YUV420P);
    assert(key->pane_count >= 1 && key->pane_count <= KN_PANES_MAX);
    if (picture->width_px < 2 || picture->height_px < 2)
        return kn_error_set(err, KN_UNSUPPORTED, "a picture of %dx%d is too small for a clip",
                            picture->width_px, picture->height_px);
    struct kn_picture made = {0};
    kn_picture_pool_get(composer->pool, &made);
    made.at_us = picture->at_us;
    struct area from = area_of(picture), frame = area_of(&made);
    enum kn_status status = key->layout == KN_LAYOUT_FIT
                                ? compose_fit(composer, &from, &key->panes[0], &frame, err)
                                : compose_stack(composer, &from, key, &frame, err);
    if (status == KN_OK)
        kn_picture_move(ret_frame, &made);
    else
        kn_picture_clear(&made);
    return status;
}
