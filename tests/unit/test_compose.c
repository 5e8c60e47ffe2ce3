#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/compose.h"

typedef int paint_fn(int plane, double x, double y); /* in luma pixels, at the sample's place */

static struct kn_picture paint(int width, int height, paint_fn *value)
{
    struct kn_picture_pool *pool = kn_picture_pool_new(KN_PIXELS_YUV420P, width, height);
    struct kn_picture picture = {0};
    kn_picture_pool_get(pool, &picture);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? (height + 1) / 2 : height); y++)
            for (int x = 0; x < (i ? (width + 1) / 2 : width); x++) {
                /* Chroma lies at every second luma column, between two rows. */
                double at_x = i ? 2.0 * x : x, at_y = i ? 2.0 * y + 0.5 : y;
                kn_picture_rows(&picture, i)[(ptrdiff_t)y * picture.strides[i] + x] =
                    (uint8_t)value(i, at_x, at_y);
            }
    kn_picture_pool_free(pool);
    return picture;
}

static int at(const struct kn_picture *picture, int plane, int x, int y)
{
    return picture->planes[plane][(ptrdiff_t)y * picture->strides[plane] + x];
}

static struct kn_frame_key whole(enum kn_layout layout, double x, double y, double w, double h)
{
    return (struct kn_frame_key){.layout = layout, .pane_count = 1, .panes = {{x, y, w, h}}};
}

static struct kn_picture run(int source_width, int source_height, int width, int height,
                             const struct kn_picture *picture, const struct kn_frame_key *key)
{
    struct kn_source source = {.width_px = source_width, .height_px = source_height};
    KN_SCOPED(kn_composer) composer = kn_composer_new(&source, width, height);
    struct kn_picture frame = {0};
    struct kn_error err = {0};
    if (kn_composer_run(composer, picture, key, &frame, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    assert_int_equal(frame.width_px, width);
    assert_int_equal(frame.height_px, height);
    return frame;
}

static int texture(int plane, double x, double y)
{
    unsigned h =
        (unsigned)(int)x * 2654435761u ^ (unsigned)(int)y * 40503u ^ (unsigned)plane * 977u;
    return 16 + (int)(h >> 13) % 200;
}

static void an_equal_size_is_a_copy(void **state)
{
    (void)state;
    struct kn_picture picture = paint(320, 200, texture);
    struct kn_frame_key key = whole(KN_LAYOUT_FILL, 0, 0, 320, 200);
    struct kn_picture frame = run(320, 200, 320, 200, &picture, &key);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? 100 : 200); y++)
            assert_memory_equal(frame.planes[i] + (ptrdiff_t)y * frame.strides[i],
                                picture.planes[i] + (ptrdiff_t)y * picture.strides[i],
                                i ? 160 : 320);
    kn_picture_clear(&picture);
    kn_picture_clear(&frame);
}

/* Slopes whose value tells the place. */
static int slope(int plane, double x, double y)
{
    return (int)lrint(plane == 0 ? 20 + x / 4 + y / 8 : plane == 1 ? 30 + x / 5 : 200 - x / 6);
}

static void check_place(const struct kn_picture *frame, const struct kn_rect *crop)
{
    double sx = crop->width / frame->width_px, sy = crop->height / frame->height_px;
    for (int y = 4; y < frame->height_px - 4; y += 7)
        for (int x = 4; x < frame->width_px - 4; x += 5) {
            double from_x = crop->x + (x + 0.5) * sx - 0.5, from_y = crop->y + (y + 0.5) * sy - 0.5;
            double want = 20 + from_x / 4 + from_y / 8;
            if (fabs(at(frame, 0, x, y) - want) > 0.95)
                fail_msg("crop %.3f,%.3f %.2fx%.2f: luma %d,%d is %d, not %.2f", crop->x, crop->y,
                         crop->width, crop->height, x, y, at(frame, 0, x, y), want);
        }
    for (int x = 4; x < frame->width_px / 2 - 4; x += 3) {
        /* The left one of two luma columns of the frame. */
        double from_x = crop->x + (2.0 * x + 0.5) * sx - 0.5;
        double u = 30 + from_x / 5, v = 200 - from_x / 6;
        if (fabs(at(frame, 1, x, 20) - u) > 0.95 || fabs(at(frame, 2, x, 20) - v) > 0.95)
            fail_msg("crop %.3f %.2f: chroma %d is %d, %d, not %.2f, %.2f", crop->x, crop->width, x,
                     at(frame, 1, x, 20), at(frame, 2, x, 20), u, v);
    }
}

static void crops_lie_where_they_should_to_a_fraction_of_a_pixel(void **state)
{
    (void)state;
    struct kn_picture picture = paint(640, 360, slope);
    static const struct kn_rect crops[] = {
        {0, 0, 640, 360},         {437.5, 0, 202.5, 360},   {0, 0, 202.5, 360},
        {100.125, 0, 202.5, 360}, {101.875, 3.5, 180, 320}, {63.25, 10.75, 90, 160},
        {33, 77, 101.25, 180},
    };
    for (size_t i = 0; i < KN_COUNT_OF(crops); i++) {
        struct kn_frame_key key = whole(KN_LAYOUT_FILL, 0, 0, 0, 0);
        key.panes[0] = crops[i];
        struct kn_picture frame = run(640, 360, 270, 480, &picture, &key);
        check_place(&frame, &crops[i]);
        kn_picture_clear(&frame);
    }
    kn_picture_clear(&picture);
}

static int fine_stripes(int plane, double x, double y)
{
    (void)y;
    return plane ? 128 : (int)x % 2 ? 220 : 30;
}

static void making_smaller_does_not_alias(void **state)
{
    (void)state;
    struct kn_picture picture = paint(1280, 720, fine_stripes);
    struct kn_frame_key key = whole(KN_LAYOUT_FILL, 0, 0, 1280, 720);
    struct kn_picture frame = run(1280, 720, 426, 240, &picture, &key);
    for (int x = 8; x < 418; x++)
        assert_in_range(at(&frame, 0, x, 100), 119, 131); /* grey, not stripes */
    kn_picture_clear(&picture);
    kn_picture_clear(&frame);
}

static void a_pan_moves_smoothly(void **state)
{
    (void)state;
    struct kn_picture picture = paint(640, 360, slope);
    struct kn_source source = {.width_px = 640, .height_px = 360};
    KN_SCOPED(kn_composer) composer = kn_composer_new(&source, 270, 480);
    int last = 0;
    for (int step = 0; step <= 400; step++) { /* more positions than graphs are kept */
        struct kn_frame_key key = whole(KN_LAYOUT_FILL, step * 1.09, 0, 202.5, 360);
        struct kn_picture frame = {0};
        assert_int_equal(kn_composer_run(composer, &picture, &key, &frame, NULL), KN_OK);
        int value = at(&frame, 0, 135, 240);
        double want = 20 + (key.panes[0].x + 135.5 * 0.75 - 0.5) / 4 + (240.5 * 0.75 - 0.5) / 8;
        assert_true(fabs(value - want) < 1.0 && value >= last);
        last = value;
        kn_picture_clear(&frame);
    }
    kn_picture_clear(&picture);
}

static int left_and_right(int plane, double x, double y)
{
    (void)y;
    return plane == 0 ? (x < 320 ? 60 : 190) : plane == 1 ? (x < 320 ? 90 : 160) : 128;
}

static void split_stacks_its_panes(void **state)
{
    (void)state;
    struct kn_picture picture = paint(640, 360, left_and_right);
    struct kn_frame_key key = {.layout = KN_LAYOUT_SPLIT,
                               .pane_count = 2,
                               .panes = {{350, 40, 216, 192}, {40, 40, 216, 192}}};
    static const int heights[] = {480, 482, 270}; /* 270 / 2 is odd */
    for (size_t i = 0; i < KN_COUNT_OF(heights); i++) {
        struct kn_picture frame = run(640, 360, 270, heights[i], &picture, &key);
        int seam = (heights[i] / 2 + 1) / 2 * 2;
        for (int y = 0; y < heights[i]; y++)
            assert_int_equal(at(&frame, 0, 100, y), y < seam ? 190 : 60);
        for (int y = 0; y < heights[i] / 2; y++)
            assert_int_equal(at(&frame, 1, 50, y), y < seam / 2 ? 160 : 90);
        kn_picture_clear(&frame);
    }
    kn_picture_clear(&picture);
}

static int bright_scene(int plane, double x, double y)
{
    return plane ? 128 : 150 + (int)(20 * sin(x / 40) + 10 * cos(y / 30));
}

static void fit_shows_all_over_a_darker_blur(void **state)
{
    (void)state;
    struct kn_picture picture = paint(640, 360, bright_scene);
    struct kn_frame_key key = whole(KN_LAYOUT_FIT, 0, 0, 640, 360);
    struct kn_picture frame = run(640, 360, 1080, 1920, &picture, &key);
    /* 1080 wide means 607.5 high: rows 656 to 1263. */
    for (int y = 0; y < 1920; y++) {
        bool inside = y >= 656 && y < 656 + 608;
        int value = at(&frame, 0, 500, y);
        if (inside ? value < 115 || value > 185 : value < 60 || value > 110)
            fail_msg("row %d: %d", y, value);
    }
    for (int x = 1; x < 1080; x++) /* smooth: neighbours differ by dither only */
        assert_true(abs(at(&frame, 0, x, 300) - at(&frame, 0, x - 1, 300)) <= 1);
    struct kn_picture wide = paint(360, 640, bright_scene);
    struct kn_frame_key tall = whole(KN_LAYOUT_FIT, 0, 0, 360, 640);
    struct kn_picture frame2 = run(360, 640, 1920, 1080, &wide, &tall);
    assert_in_range(at(&frame2, 0, 100, 500), 60, 110);
    assert_in_range(at(&frame2, 0, 1820, 500), 60, 110);
    assert_in_range(at(&frame2, 0, 960, 500), 115, 185);
    kn_picture_clear(&picture);
    kn_picture_clear(&frame);
    kn_picture_clear(&wide);
    kn_picture_clear(&frame2);
}

static void rectangles_are_in_square_pixels(void **state)
{
    (void)state;
    /* Coded 320x360, shown as 640x360: x counts double. */
    struct kn_picture picture = paint(320, 360, slope);
    struct kn_frame_key key = whole(KN_LAYOUT_FILL, 200, 0, 202.5, 360);
    struct kn_picture frame = run(640, 360, 270, 480, &picture, &key);
    struct kn_rect coded = {100, 0, 101.25, 360};
    check_place(&frame, &coded);
    kn_picture_clear(&picture);
    kn_picture_clear(&frame);
}

static int flat(int plane, double x, double y)
{
    (void)x;
    (void)y;
    return plane ? 100 : 180;
}

static void odd_sizes_and_bad_rectangles_are_taken(void **state)
{
    (void)state;
    static const int sizes[][2] = {{2, 2}, {3, 3}, {17, 5}, {9, 41}, {853, 480}, {1921, 1081}};
    static const struct kn_rect rects[] = {
        {0, 0, 1e9, 1e9}, {-50, -50, 100, 100}, {1e6, 1e6, 10, 10}, {0, 0, 0, 0}, {0.4, 0.4, 1, 1},
    };
    for (size_t s = 0; s < KN_COUNT_OF(sizes); s++) {
        struct kn_picture picture = paint(sizes[s][0], sizes[s][1], flat);
        for (size_t r = 0; r < KN_COUNT_OF(rects); r++)
            for (int layout = KN_LAYOUT_FILL; layout <= KN_LAYOUT_SPLIT; layout++) {
                struct kn_frame_key key = {.layout = layout,
                                           .pane_count = 1 + (layout == 3),
                                           .panes = {rects[r], rects[r]}};
                struct kn_picture frame = run(sizes[s][0], sizes[s][1], 108, 192, &picture, &key);
                assert_in_range(at(&frame, 0, 54, 96), 179, 181);
                assert_in_range(at(&frame, 1, 27, 48), 99, 101);
                kn_picture_clear(&frame);
            }
        kn_picture_clear(&picture);
    }
}

static void keys_move_linearly_and_jump_at_cuts(void **state)
{
    (void)state;
    static const struct kn_frame_key keys[] = {
        {.at_us = 1000, .layout = KN_LAYOUT_FILL, .pane_count = 1, .panes = {{0, 0, 100, 200}}},
        {.at_us = 2000, .layout = KN_LAYOUT_FILL, .pane_count = 1, .panes = {{50, 10, 80, 160}}},
        {.at_us = 3000,
         .cut = true,
         .layout = KN_LAYOUT_FILL,
         .pane_count = 1,
         .panes = {{7, 7, 80, 160}}},
        {.at_us = 4000, .layout = KN_LAYOUT_FIT, .pane_count = 1, .panes = {{0, 0, 300, 200}}},
    };
    const struct kn_framing framing = {KN_ASPECT_9_16, 4, keys};
    static const struct {
        int64_t at_us;
        double x, y, width;
        enum kn_layout layout;
    } cases[] = {
        {0, 0, 0, 100, KN_LAYOUT_FILL},     {1000, 0, 0, 100, KN_LAYOUT_FILL},
        {1500, 25, 5, 90, KN_LAYOUT_FILL},  {2000, 50, 10, 80, KN_LAYOUT_FILL},
        {2999, 50, 10, 80, KN_LAYOUT_FILL}, {3000, 7, 7, 80, KN_LAYOUT_FILL},
        {3999, 7, 7, 80, KN_LAYOUT_FILL},   {4000, 0, 0, 300, KN_LAYOUT_FIT},
        {99999, 0, 0, 300, KN_LAYOUT_FIT},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_frame_key key = kn_framing_at(&framing, cases[i].at_us);
        if (key.panes[0].x != cases[i].x || key.panes[0].y != cases[i].y ||
            key.panes[0].width != cases[i].width || key.layout != cases[i].layout)
            fail_msg("at %lld: %g,%g %g", (long long)cases[i].at_us, key.panes[0].x, key.panes[0].y,
                     key.panes[0].width);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_size_is_a_copy),
        cmocka_unit_test(crops_lie_where_they_should_to_a_fraction_of_a_pixel),
        cmocka_unit_test(making_smaller_does_not_alias),
        cmocka_unit_test(a_pan_moves_smoothly),
        cmocka_unit_test(split_stacks_its_panes),
        cmocka_unit_test(fit_shows_all_over_a_darker_blur),
        cmocka_unit_test(rectangles_are_in_square_pixels),
        cmocka_unit_test(odd_sizes_and_bad_rectangles_are_taken),
        cmocka_unit_test(keys_move_linearly_and_jump_at_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
