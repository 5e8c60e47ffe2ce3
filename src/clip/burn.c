/*
 * libass gives a list of coloured coverage bitmaps. They are put together once into an overlay of
 * premultiplied YUV (colour times opacity, and what is let through), only where something is, and
 * only when libass says that something changed. A frame then costs one multiplication a sample of
 * that box, whatever number of outlines and shadows there is.
 *
 * All work on samples is done in rows of whole blocks: compilers vectorise a loop whose length is a
 * constant at any optimisation. Boxes begin and end at blocks therefore, and may reach into what
 * lies between a frame's width and its stride, which nobody sees.
 */
#include "clip/burn.h"

#include <ass/ass.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "clip/font_lock.h"

enum {
    GLYPHS_MAX = 2000,
    BITMAPS_MAX_MB = 32,
    BLACK_LUMA = 16,
    GREY = 128,
    BLOCK = 16,           /* samples */
    BOX_STEP = 2 * BLOCK, /* luma samples: a block of chroma */
};

/* One plane of the overlay, as high as the frame's and as wide in whole blocks. */
struct overlay {
    uint8_t *colour; /* times opacity */
    uint8_t *clear;  /* 255: nothing is drawn here */
    int stride;
};

/* What is drawn on: [left, right) x [top, bottom) in luma samples; left and right are multiples of
 * BOX_STEP, top and bottom even. */
struct box {
    int left, top, right, bottom;
};

struct kn_burner {
    ASS_Library *library;
    ASS_Renderer *renderer;
    ASS_Track *track;
    int width_px, height_px;
    struct overlay planes[3];
    uint8_t *covers[3]; /* of two rows of luma, and of the row of chroma that they share */
    struct box box;     /* empty: right <= left */
};

static void log_message(int level, const char *format, va_list args, void *arg)
{
    (void)arg;
    if (level > 2) /* libass: 2 is a warning, more is chatter */
        return;
    char line[400];
    vsnprintf(line, sizeof line, format, args);
    kn_log(KN_LOG_DEBUG, "captions", "%s", line);
}

enum kn_status kn_burner_open(const char *ass, int width_px, int height_px,
                              struct kn_burner **ret_burner, struct kn_error *err)
{
    KN_SCOPED(kn_burner) burner = kn_calloc(1, sizeof *burner);
    burner->width_px = width_px;
    burner->height_px = height_px;
    int stride = (width_px + BOX_STEP - 1) / BOX_STEP * BOX_STEP;
    for (int i = 0; i < 3; i++) {
        struct overlay *plane = &burner->planes[i];
        plane->stride = i ? stride / 2 : stride;
        size_t size = (size_t)plane->stride * (size_t)(i ? height_px / 2 : height_px);
        burner->covers[i] = kn_calloc(1, (size_t)stride);
        plane->colour = kn_calloc(1, size);
        plane->clear = kn_malloc(size);
        memset(plane->clear, 255, size);
    }
    pthread_mutex_lock(&kn_font_lock);
    burner->library = ass_library_init();
    if (burner->library) {
        ass_set_message_cb(burner->library, log_message, NULL);
        burner->renderer = ass_renderer_init(burner->library);
    }
    if (burner->renderer)
        ass_set_fonts(burner->renderer, NULL, "sans-serif", ASS_FONTPROVIDER_FONTCONFIG, NULL, 1);
    pthread_mutex_unlock(&kn_font_lock);
    if (!burner->renderer)
        return kn_error_set(err, KN_INTERNAL, "captions cannot be drawn: libass does not start");

    ass_set_frame_size(burner->renderer, width_px, height_px);
    ass_set_storage_size(burner->renderer, width_px, height_px);
    ass_set_cache_limits(burner->renderer, GLYPHS_MAX, BITMAPS_MAX_MB);
    KN_SCOPED_MEM char *script = kn_strdup(ass); /* the parser writes into it */
    burner->track = ass_read_memory(burner->library, script, strlen(script), NULL);
    if (!burner->track)
        return kn_error_set(err, KN_INVALID, "the captions are not an ASS script");
    *ret_burner = KN_MOVE(burner);
    return KN_OK;
}

void kn_burner_close(struct kn_burner *burner)
{
    if (!burner)
        return;
    if (burner->track)
        ass_free_track(burner->track);
    pthread_mutex_lock(&kn_font_lock);
    if (burner->renderer)
        ass_renderer_done(burner->renderer);
    if (burner->library)
        ass_library_done(burner->library);
    pthread_mutex_unlock(&kn_font_lock);
    for (int i = 0; i < 3; i++) {
        free(burner->planes[i].colour);
        free(burner->planes[i].clear);
        free(burner->covers[i]);
    }
    free(burner);
}

/* ---- the overlay ---------------------------------------------------------------------------- */

/* x / 255, rounded; exact for all products of two bytes, and 16 bits hold what is in between. */
static inline uint8_t div_255(unsigned x)
{
    uint16_t sum = (uint16_t)(x + 128);
    return (uint8_t)((uint16_t)(sum + (sum >> 8)) >> 8);
}

/* A colour of libass (RRGGBBTT, TT: transparency) in BT.709, limited range. */
static void to_yuv(uint32_t colour, uint8_t ret_yuv[3], uint8_t *ret_opacity)
{
    double r = colour >> 24 & 255, g = colour >> 16 & 255, b = colour >> 8 & 255;
    double y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    ret_yuv[0] = (uint8_t)(BLACK_LUMA + y * 219.0 / 255.0 + 0.5);
    ret_yuv[1] = (uint8_t)(GREY + (b - y) / 1.8556 * 224.0 / 255.0 + 0.5);
    ret_yuv[2] = (uint8_t)(GREY + (r - y) / 1.5748 * 224.0 / 255.0 + 0.5);
    *ret_opacity = (uint8_t)(255 - (colour & 255));
}

static void clear_box(struct kn_burner *burner)
{
    for (int i = 0; i < 3; i++) {
        struct overlay *plane = &burner->planes[i];
        int shift = i ? 1 : 0;
        for (int y = burner->box.top >> shift; y < burner->box.bottom >> shift; y++) {
            size_t at = (size_t)y * (size_t)plane->stride + (size_t)(burner->box.left >> shift);
            size_t count = (size_t)((burner->box.right - burner->box.left) >> shift);
            memset(plane->colour + at, 0, count);
            memset(plane->clear + at, 255, count);
        }
    }
    burner->box = (struct box){0};
}

static bool box_empty(const struct box *box)
{
    return box->right <= box->left || box->bottom <= box->top;
}

static struct box image_box(const struct kn_burner *burner, const ASS_Image *image)
{
    return (struct box){
        .left = KN_MAX(image->dst_x, 0) / BOX_STEP * BOX_STEP,
        .top = KN_MAX(image->dst_y, 0) / 2 * 2,
        .right = KN_MIN((image->dst_x + image->w + BOX_STEP - 1) / BOX_STEP * BOX_STEP,
                        burner->planes[0].stride),
        .bottom = KN_MIN((image->dst_y + image->h + 1) / 2 * 2, burner->height_px),
    };
}

static void widen_box(struct box *box, const struct box *by)
{
    if (box_empty(box)) {
        *box = *by;
        return;
    }
    box->left = KN_MIN(box->left, by->left);
    box->top = KN_MIN(box->top, by->top);
    box->right = KN_MAX(box->right, by->right);
    box->bottom = KN_MAX(box->bottom, by->bottom);
}

/* The coverage of the box's row `y`, nothing beside the image. */
static void take_cover(const ASS_Image *image, const struct box *box, int y, uint8_t *ret_cover)
{
    int left = KN_MAX(image->dst_x, box->left), right = KN_MIN(image->dst_x + image->w, box->right);
    memset(ret_cover, 0, (size_t)(box->right - box->left));
    if (y >= image->dst_y && y < image->dst_y + image->h)
        memcpy(ret_cover + (left - box->left),
               image->bitmap + (ptrdiff_t)(y - image->dst_y) * image->stride +
                   (left - image->dst_x),
               (size_t)(right - left));
}

/* A chroma sample covers four of luma. */
static void join_covers(const uint8_t *restrict upper, const uint8_t *restrict lower, int count,
                        uint8_t *restrict ret_cover)
{
    for (int i = 0; i < count; i += BLOCK)
        for (int k = i; k < i + BLOCK; k++)
            ret_cover[k] =
                (uint8_t)((upper[2 * k] + upper[2 * k + 1] + lower[2 * k] + lower[2 * k + 1] + 2) /
                          4);
}

/* Lays `colour` over a row of samples by `cover`; where that is 0, nothing changes. */
static void lay_over(uint8_t *restrict to, uint8_t *restrict clear, const uint8_t *restrict cover,
                     int count, uint8_t colour, uint8_t opacity)
{
    for (int i = 0; i < count; i += BLOCK)
        for (int k = i; k < i + BLOCK; k++) {
            uint8_t over = div_255((unsigned)cover[k] * opacity), under = (uint8_t)(255 - over);
            to[k] = div_255((unsigned)colour * over + (unsigned)to[k] * under);
            clear[k] = div_255((unsigned)clear[k] * under);
        }
}

static void lay_image(struct kn_burner *burner, const ASS_Image *image, const struct box *box,
                      const uint8_t yuv[3], uint8_t opacity)
{
    int count = box->right - box->left;
    uint8_t *const *covers = burner->covers;
    for (int y = box->top; y < box->bottom; y += 2) {
        take_cover(image, box, y, covers[0]);
        take_cover(image, box, y + 1, covers[1]);
        join_covers(covers[0], covers[1], count / 2, covers[2]);
        const struct overlay *plane = &burner->planes[0];
        size_t at = (size_t)y * (size_t)plane->stride + (size_t)box->left;
        for (int i = 0; i < 2; i++, at += (size_t)plane->stride)
            lay_over(plane->colour + at, plane->clear + at, covers[i], count, yuv[0], opacity);
        for (int i = 1; i < 3; i++) {
            plane = &burner->planes[i];
            at = (size_t)(y / 2) * (size_t)plane->stride + (size_t)(box->left / 2);
            lay_over(plane->colour + at, plane->clear + at, covers[2], count / 2, yuv[i], opacity);
        }
    }
}

static void rebuild(struct kn_burner *burner, const ASS_Image *images)
{
    clear_box(burner);
    for (const ASS_Image *image = images; image; image = image->next) {
        struct box box = image_box(burner, image);
        uint8_t yuv[3], opacity;
        to_yuv(image->color, yuv, &opacity);
        if (box_empty(&box) || opacity == 0)
            continue;
        widen_box(&burner->box, &box);
        lay_image(burner, image, &box, yuv, opacity);
    }
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void blend_row(uint8_t *restrict to, const uint8_t *restrict colour,
                      const uint8_t *restrict clear, int count)
{
    for (int i = 0; i < count; i += BLOCK)
        for (int k = i; k < i + BLOCK; k++)
            to[k] = (uint8_t)(colour[k] + div_255((unsigned)to[k] * clear[k]));
}

void kn_burner_draw(struct kn_burner *burner, struct kn_picture *frame, int64_t at_us)
{
    assert(frame->pixels == KN_PIXELS_YUV420P && frame->width_px == burner->width_px &&
           frame->height_px == burner->height_px);
    int change = 0;
    const ASS_Image *images =
        ass_render_frame(burner->renderer, burner->track, (at_us + 500) / 1000, &change);
    if (change)
        rebuild(burner, images);
    const struct box *box = &burner->box;
    for (int i = 0; i < 3 && !box_empty(box); i++) {
        const struct overlay *plane = &burner->planes[i];
        assert(frame->strides[i] >= plane->stride);
        int shift = i ? 1 : 0, left = box->left >> shift, count = (box->right >> shift) - left;
        uint8_t *rows = kn_picture_rows(frame, i) + left;
        for (int y = box->top >> shift; y < box->bottom >> shift; y++) {
            size_t at = (size_t)y * (size_t)plane->stride + (size_t)left;
            blend_row(rows + (ptrdiff_t)y * frame->strides[i], plane->colour + at,
                      plane->clear + at, count);
        }
    }
}
