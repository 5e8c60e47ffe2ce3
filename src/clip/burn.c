/*
 * libass gives a list of coloured coverage bitmaps. They are put together once into an overlay of
 * premultiplied YUV (colour times opacity, and what is let through), only where something is, and
 * only when libass says that something changed. A frame then costs one multiplication a sample of
 * that box, whatever number of outlines and shadows there is.
 */
#include "clip/burn.h"

#include <ass/ass.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "clip/font_lock.h"

enum { GLYPHS_MAX = 2000, BITMAPS_MAX_MB = 32, BLACK_LUMA = 16, GREY = 128 };

/* One plane of the overlay, of the size of the frame's. */
struct overlay {
    uint8_t *colour; /* times opacity */
    uint8_t *clear;  /* 255: nothing is drawn here */
    int width, height;
};

/* What is drawn on: [left, right) x [top, bottom) in luma samples, even. */
struct box {
    int left, top, right, bottom;
};

struct kn_burner {
    ASS_Library *library;
    ASS_Renderer *renderer;
    ASS_Track *track;
    struct overlay planes[3];
    struct box box; /* empty: right <= left */
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
    for (int i = 0; i < 3; i++) {
        struct overlay *plane = &burner->planes[i];
        plane->width = i ? width_px / 2 : width_px;
        plane->height = i ? height_px / 2 : height_px;
        size_t size = (size_t)plane->width * (size_t)plane->height;
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
    }
    free(burner);
}

/* ---- the overlay ---------------------------------------------------------------------------- */

/* x / 255, rounded; exact for all products of two bytes. */
static inline unsigned div_255(unsigned x)
{
    x += 128;
    return (x + (x >> 8)) >> 8;
}

/* A colour of libass (RRGGBBTT, TT: transparency) in BT.709, limited range. */
static void to_yuv(uint32_t colour, unsigned yuv[3], unsigned *ret_opacity)
{
    double r = colour >> 24 & 255, g = colour >> 16 & 255, b = colour >> 8 & 255;
    double y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    yuv[0] = (unsigned)(BLACK_LUMA + y * 219.0 / 255.0 + 0.5);
    yuv[1] = (unsigned)(GREY + (b - y) / 1.8556 * 224.0 / 255.0 + 0.5);
    yuv[2] = (unsigned)(GREY + (r - y) / 1.5748 * 224.0 / 255.0 + 0.5);
    *ret_opacity = 255 - (colour & 255);
}

static void clear_box(struct kn_burner *burner)
{
    for (int i = 0; i < 3; i++) {
        struct overlay *plane = &burner->planes[i];
        int shift = i ? 1 : 0;
        for (int y = burner->box.top >> shift; y < burner->box.bottom >> shift; y++) {
            size_t at = (size_t)y * (size_t)plane->width + (size_t)(burner->box.left >> shift);
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
        .left = KN_MAX(image->dst_x, 0) / 2 * 2,
        .top = KN_MAX(image->dst_y, 0) / 2 * 2,
        .right = KN_MIN((image->dst_x + image->w + 1) / 2 * 2, burner->planes[0].width),
        .bottom = KN_MIN((image->dst_y + image->h + 1) / 2 * 2, burner->planes[0].height),
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

/* Lays `colour` over one sample by `cover` (0..255). */
static inline void lay_over(struct overlay *plane, size_t at, unsigned colour, unsigned cover)
{
    plane->colour[at] = (uint8_t)div_255(colour * cover + plane->colour[at] * (255 - cover));
    plane->clear[at] = (uint8_t)div_255(plane->clear[at] * (255 - cover));
}

static void lay_luma(struct overlay *plane, const ASS_Image *image, const struct box *box,
                     unsigned colour, unsigned opacity)
{
    int top = KN_MAX(image->dst_y, box->top), bottom = KN_MIN(image->dst_y + image->h, box->bottom);
    int left = KN_MAX(image->dst_x, box->left), right = KN_MIN(image->dst_x + image->w, box->right);
    for (int y = top; y < bottom; y++) {
        const uint8_t *cover = image->bitmap + (ptrdiff_t)(y - image->dst_y) * image->stride;
        for (int x = left; x < right; x++)
            if (cover[x - image->dst_x])
                lay_over(plane, (size_t)y * (size_t)plane->width + (size_t)x, colour,
                         div_255(cover[x - image->dst_x] * opacity));
    }
}

static unsigned cover_at(const ASS_Image *image, int x, int y)
{
    x -= image->dst_x;
    y -= image->dst_y;
    bool inside = x >= 0 && y >= 0 && x < image->w && y < image->h;
    return inside ? image->bitmap[(ptrdiff_t)y * image->stride + x] : 0;
}

/* A chroma sample covers four of luma. */
static void lay_chroma(struct overlay *u, struct overlay *v, const ASS_Image *image,
                       const struct box *box, const unsigned yuv[3], unsigned opacity)
{
    for (int y = box->top; y < box->bottom; y += 2)
        for (int x = box->left; x < box->right; x += 2) {
            unsigned cover = cover_at(image, x, y) + cover_at(image, x + 1, y) +
                             cover_at(image, x, y + 1) + cover_at(image, x + 1, y + 1);
            if (!cover)
                continue;
            size_t at = (size_t)(y / 2) * (size_t)u->width + (size_t)(x / 2);
            cover = div_255((cover + 2) / 4 * opacity);
            lay_over(u, at, yuv[1], cover);
            lay_over(v, at, yuv[2], cover);
        }
}

static void rebuild(struct kn_burner *burner, const ASS_Image *images)
{
    clear_box(burner);
    for (const ASS_Image *image = images; image; image = image->next) {
        struct box box = image_box(burner, image);
        unsigned yuv[3], opacity;
        to_yuv(image->color, yuv, &opacity);
        if (box_empty(&box) || opacity == 0)
            continue;
        widen_box(&burner->box, &box);
        lay_luma(&burner->planes[0], image, &box, yuv[0], opacity);
        lay_chroma(&burner->planes[1], &burner->planes[2], image, &box, yuv, opacity);
    }
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void blend_row(uint8_t *restrict to, const uint8_t *restrict colour,
                      const uint8_t *restrict clear, int count)
{
    for (int i = 0; i < count; i++) {
        uint16_t x = (uint16_t)(to[i] * clear[i] + 128);
        to[i] = (uint8_t)(colour[i] + (uint8_t)((uint16_t)(x + (x >> 8)) >> 8));
    }
}

void kn_burner_draw(struct kn_burner *burner, struct kn_picture *frame, int64_t at_us)
{
    assert(frame->pixels == KN_PIXELS_YUV420P && frame->width_px == burner->planes[0].width &&
           frame->height_px == burner->planes[0].height);
    int change = 0;
    const ASS_Image *images =
        ass_render_frame(burner->renderer, burner->track, (at_us + 500) / 1000, &change);
    if (change)
        rebuild(burner, images);
    for (int i = 0; i < 3 && !box_empty(&burner->box); i++) {
        const struct overlay *plane = &burner->planes[i];
        int shift = i ? 1 : 0, left = burner->box.left >> shift;
        uint8_t *rows = kn_picture_rows(frame, i);
        for (int y = burner->box.top >> shift; y < burner->box.bottom >> shift; y++) {
            size_t at = (size_t)y * (size_t)plane->width + (size_t)left;
            blend_row(rows + (ptrdiff_t)y * frame->strides[i] + left, plane->colour + at,
                      plane->clear + at, (burner->box.right >> shift) - left);
        }
    }
}
