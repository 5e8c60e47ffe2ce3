#include "media/picture.h"

#include <assert.h>

#include <libavutil/buffer.h>
#include <libavutil/frame.h>

#include "base/memory.h"

void kn_picture_clear(struct kn_picture *picture)
{
    av_frame_free(&picture->frame);
    *picture = (struct kn_picture){0};
}

void kn_picture_move(struct kn_picture *to, struct kn_picture *from)
{
    if (to == from)
        return;
    kn_picture_clear(to);
    *to = *from;
    *from = (struct kn_picture){0};
}

void kn_picture_ref(struct kn_picture *to, const struct kn_picture *from)
{
    AVFrame *frame = NULL;
    if (from->frame && !(frame = av_frame_clone(from->frame)))
        kn_out_of_memory(); /* a reference is small; the planes are shared */
    struct kn_picture made = *from;
    made.frame = frame;
    kn_picture_clear(to);
    *to = made;
}

uint8_t *kn_picture_rows(struct kn_picture *picture, int plane)
{
    assert(picture->frame && av_frame_is_writable(picture->frame));
    return picture->frame->data[plane];
}

enum { ROW_ALIGN = 64 };

struct kn_picture_pool {
    AVBufferPool *buffers;
    struct kn_picture shape; /* its planes are offsets from the start of a buffer */
    size_t offsets[3];
};

struct kn_picture_pool *kn_picture_pool_new(enum kn_pixels pixels, int width_px, int height_px)
{
    struct kn_picture_pool *pool = kn_calloc(1, sizeof *pool);
    pool->shape =
        (struct kn_picture){.pixels = pixels, .width_px = width_px, .height_px = height_px};
    size_t total = 0;
    for (int i = 0; i < (pixels == KN_PIXELS_YUV420P ? 3 : 1); i++) {
        int width = i ? (width_px + 1) / 2 : width_px * (pixels == KN_PIXELS_RGB24 ? 3 : 1);
        int height = i ? (height_px + 1) / 2 : height_px;
        pool->shape.strides[i] = (width + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
        pool->offsets[i] = total;
        total += (size_t)pool->shape.strides[i] * (size_t)height;
    }
    pool->buffers = av_buffer_pool_init(total + ROW_ALIGN, NULL);
    if (!pool->buffers)
        kn_out_of_memory();
    return pool;
}

void kn_picture_pool_free(struct kn_picture_pool *pool)
{
    if (!pool)
        return;
    av_buffer_pool_uninit(&pool->buffers);
    free(pool);
}

void kn_picture_pool_get(struct kn_picture_pool *pool, struct kn_picture *ret_picture)
{
    static const int formats[] = {
        [KN_PIXELS_GRAY8] = AV_PIX_FMT_GRAY8,
        [KN_PIXELS_RGB24] = AV_PIX_FMT_RGB24,
        [KN_PIXELS_YUV420P] = AV_PIX_FMT_YUV420P,
    };
    kn_picture_clear(ret_picture);
    AVFrame *frame = av_frame_alloc();
    AVBufferRef *buffer = av_buffer_pool_get(pool->buffers);
    if (!frame || !buffer)
        kn_out_of_memory();
    uint8_t *start = buffer->data + (-(uintptr_t)buffer->data & (ROW_ALIGN - 1));
    *ret_picture = pool->shape;
    frame->buf[0] = buffer;
    frame->format = formats[pool->shape.pixels];
    frame->width = pool->shape.width_px;
    frame->height = pool->shape.height_px;
    for (int i = 0; i < 3 && pool->shape.strides[i]; i++) {
        frame->data[i] = start + pool->offsets[i];
        frame->linesize[i] = pool->shape.strides[i];
        ret_picture->planes[i] = frame->data[i];
    }
    ret_picture->frame = frame;
}
