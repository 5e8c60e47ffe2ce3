#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/looks.h"
#include "base/memory.h"

enum { WIDTH = 320, HEIGHT = 180, STRIDE = 384 };

static uint8_t room[STRIDE * HEIGHT];

typedef int draw_fn(int x, int y);

/* Beyond the picture's width the rows hold what no measurement may read. */
static struct kn_luma drawn(uint8_t *at, draw_fn *draw)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < STRIDE; x++)
            at[y * STRIDE + x] = (uint8_t)(x < WIDTH ? KN_CLAMP(draw(x, y), 0, 255) : y * 77);
    return (struct kn_luma){at, STRIDE, WIDTH, HEIGHT};
}

static struct kn_look look_at(draw_fn *draw, struct kn_gist *ret_gist)
{
    struct kn_luma luma = drawn(room, draw);
    struct kn_look look = {0};
    kn_look_measure(&luma, &look, ret_gist);
    return look;
}

static int even(int x, int y)
{
    (void)x;
    (void)y;
    return 102;
}

static int slope(int x, int y)
{
    return x / 4 + y / 2 * 3 / 2;
}

/* Lines of letters, 2 pixels a stroke, in the middle of white paper. */
static int text(int x, int y)
{
    bool line = y % 20 < 10 && y > 30 && y < 150 && x > 40 && x < 280;
    return line && (x / 2 * 7 + y / 10) % 5 < 2 ? 20 : 250;
}

static int texture(int x, int y)
{
    uint32_t hash = (uint32_t)x * 73856093 ^ (uint32_t)y * 19349663;
    hash ^= hash >> 13;
    hash *= 0x5bd1e995;
    return (int)((hash ^ hash >> 15) & 0xff);
}

static int blurred(int x, int y)
{
    int sum = 0;
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++)
            sum += texture(x + dx, y + dy);
    return sum / 25;
}

static int scene(int x, int y)
{
    return 90 + (int)lround(60 * sin(x / 31.0 + y / 90.0) + 40 * sin(y / 17.0 - x / 70.0));
}

static int scene_moved(int x, int y)
{
    return scene(x + 18, y - 10);
}

static int scene_lighter(int x, int y)
{
    return scene(x, y) + 12;
}

static int other_scene(int x, int y)
{
    return x > 190 ? 230 - y / 3 : 40 + (y > 90) * 30;
}

/* Everything dark but for a bright stage in one place or another. */
static int stage_left(int x, int y)
{
    return x < 100 && y > 60 ? 200 : 30;
}

static int stage_right(int x, int y)
{
    return x >= WIDTH - 100 && y > 60 ? 200 : 30;
}

static void sizes_keep_the_shape_and_are_small(void **state)
{
    (void)state;
    static const struct {
        int width, height, small_width, small_height;
    } cases[] = {{1920, 1080, 320, 180}, {1080, 1920, 180, 320}, {640, 480, 320, 240},
                 {160, 90, 320, 180},    {8000, 100, 320, 16},   {1000, 1000, 320, 320}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int width, height;
        kn_look_size(cases[i].width, cases[i].height, &width, &height);
        if (width != cases[i].small_width || height != cases[i].small_height)
            fail_msg("%d x %d became %d x %d", cases[i].width, cases[i].height, width, height);
    }
}

static void an_even_picture_has_brightness_alone(void **state)
{
    (void)state;
    struct kn_gist gist;
    struct kn_look look = look_at(even, &gist);
    assert_float_equal(look.brightness, 0.4, 1e-4);
    assert_float_equal(look.sharpness, 0, 1e-6);
    assert_float_equal(look.edges, 0, 1e-6);
    assert_float_equal(look.flat, 1, 1e-6);
    for (int i = 0; i < KN_GIST_CELLS * KN_GIST_CELLS; i++)
        assert_int_equal(gist.cells[i], 102);
    for (int i = 0; i < KN_GIST_LEVELS; i++)
        assert_int_equal(gist.levels[i], i == 102 / 8 ? 255 : 0);
}

static void a_slope_has_no_edges(void **state)
{
    (void)state;
    struct kn_gist gist;
    struct kn_look look = look_at(slope, &gist);
    assert_true(look.sharpness < 0.02f);
    assert_float_equal(look.edges, 0, 1e-6);
    assert_float_equal(look.flat, 1, 1e-6); /* as the background of a title is */
}

static void text_is_sharp_edges_on_flat_ground(void **state)
{
    (void)state;
    struct kn_gist gist;
    struct kn_look paper = look_at(text, &gist), grain = look_at(texture, &gist);
    assert_true(paper.sharpness > 0.8f);
    assert_true(paper.edges > 0.05f && paper.edges < 0.4f);
    assert_true(paper.flat > 0.4f);
    assert_true(grain.edges > 0.5f); /* texture has edges, too, but nothing flat */
    assert_float_equal(grain.flat, 0, 1e-6);
}

static void blur_takes_sharpness(void **state)
{
    (void)state;
    struct kn_gist gist;
    struct kn_look sharp = look_at(texture, &gist), soft = look_at(blurred, &gist);
    assert_true(sharp.sharpness > 0.95f);
    assert_true(soft.sharpness < sharp.sharpness - 0.2f);
    assert_true(soft.edges < sharp.edges / 3);
    assert_float_equal(soft.brightness, sharp.brightness, 0.02);
}

static int barred(int x, int y)
{
    return x < 80 || x >= 240 ? 0 : texture(x, y) / 4 + 100;
}

static struct kn_surface surface_of(draw_fn *draw)
{
    struct kn_luma luma = drawn(room, draw);
    struct kn_surface surface;
    kn_surface_measure(&luma, &surface);
    return surface;
}

static int black(int x, int y)
{
    return even(x, y) * 0;
}

static void surfaces_tell_drawings_from_photos(void **state)
{
    (void)state;
    struct kn_surface photo = surface_of(barred), page = surface_of(text);
    assert_float_equal(photo.textured, 1, 1e-6); /* bars do not count */
    assert_float_equal(photo.even, 0, 1e-6);
    assert_true(page.textured < 0.05f && page.even > 0.4f);
    assert_float_equal(surface_of(slope).even, 1, 1e-6);
    assert_float_equal(surface_of(black).even, 0, 1e-6); /* nothing is inside the bars */
}

static float gist_difference(draw_fn *a, draw_fn *b)
{
    struct kn_gist gist_a, gist_b;
    (void)look_at(a, &gist_a);
    struct kn_luma luma = drawn(room, b);
    kn_gist_measure(&luma, &gist_b);
    float difference = kn_gist_difference(&gist_a, &gist_b);
    assert_float_equal(difference, kn_gist_difference(&gist_b, &gist_a), 1e-6);
    return difference;
}

static void gists_forgive_small_moves_and_light(void **state)
{
    (void)state;
    assert_float_equal(gist_difference(scene, scene), 0, 1e-6);
    assert_true(gist_difference(scene, scene_moved) < 0.1f);
    assert_true(gist_difference(scene, scene_lighter) < 0.15f);
}

static void gists_tell_compositions_apart(void **state)
{
    (void)state;
    assert_true(gist_difference(scene, other_scene) > KN_GIST_CUT);
    /* The same histogram in other places. */
    assert_true(gist_difference(stage_left, stage_right) > KN_GIST_CUT);
    /* The same everywhere but lighter by far. */
    assert_true(gist_difference(even, text) > KN_GIST_CUT);
}

static void differences_are_the_mean_over_all_pixels(void **state)
{
    (void)state;
    static uint8_t other[STRIDE * HEIGHT];
    struct kn_luma a = drawn(room, even), b = drawn(other, even);
    assert_float_equal(kn_luma_difference(&a, &b), 0, 1e-9);
    for (int x = 0; x < WIDTH; x++)
        other[(HEIGHT - 1) * STRIDE + x] = (uint8_t)(x % 2 ? 102 + 51 : 102 - 51);
    assert_float_equal(kn_luma_difference(&a, &b), 0.2 / HEIGHT, 1e-6);
    for (int y = 0; y < HEIGHT; y++) /* what lies beyond the width is not looked at */
        memset(other + y * STRIDE + WIDTH, 255 - y, STRIDE - WIDTH);
    assert_float_equal(kn_luma_difference(&a, &b), 0.2 / HEIGHT, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_keep_the_shape_and_are_small),
        cmocka_unit_test(an_even_picture_has_brightness_alone),
        cmocka_unit_test(a_slope_has_no_edges),
        cmocka_unit_test(text_is_sharp_edges_on_flat_ground),
        cmocka_unit_test(blur_takes_sharpness),
        cmocka_unit_test(surfaces_tell_drawings_from_photos),
        cmocka_unit_test(gists_forgive_small_moves_and_light),
        cmocka_unit_test(gists_tell_compositions_apart),
        cmocka_unit_test(differences_are_the_mean_over_all_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
