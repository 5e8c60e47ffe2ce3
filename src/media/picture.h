/*
 * A decoded picture: planes owned by a reference-counted frame.
 */
#ifndef KN_MEDIA_PICTURE_H
#define KN_MEDIA_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

enum kn_pixels {
    KN_PIXELS_GRAY8,   /* one plane, luma 0..255 (full range) */
    KN_PIXELS_RGB24,   /* one plane, packed */
    KN_PIXELS_YUV420P, /* three planes, BT.709 limited range */
};

struct AVFrame;

struct kn_picture {
    int64_t at_us;       /* media time at which it is first shown */
    int64_t duration_us; /* 0: unknown */
    bool key;
    enum kn_pixels pixels;
    int width_px, height_px;
    const uint8_t *planes[3];
    int strides[3];
    struct AVFrame *frame; /* what keeps the planes alive */
};

/* `to` is released first, so it must be all zero or hold a picture. */
void kn_picture_clear(struct kn_picture *picture); /* releases; a cleared one is all zero */
void kn_picture_move(struct kn_picture *to, struct kn_picture *from);
void kn_picture_ref(struct kn_picture *to, const struct kn_picture *from); /* shares the planes */

/* The rows of a picture that nobody shares (yet), to write on. */
uint8_t *kn_picture_rows(struct kn_picture *picture, int plane);

/*
 * Pictures of one size whose memory is used again once they are released: fresh megabytes for every
 * picture cost more than filling them. Rows start at multiples of 64 bytes.
 */
struct kn_picture_pool;
struct kn_picture_pool *kn_picture_pool_new(enum kn_pixels pixels, int width_px, int height_px);
void kn_picture_pool_free(struct kn_picture_pool *pool); /* pictures given out live on */
void kn_picture_pool_get(struct kn_picture_pool *pool, struct kn_picture *ret_picture);

#endif
