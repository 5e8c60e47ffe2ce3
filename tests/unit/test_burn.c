#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clip/burn.h"

enum { WIDTH = 360, HEIGHT = 640 };

#define SCRIPT(events)                                                                             \
    "[Script Info]\nScriptType: v4.00+\nPlayResX: 360\nPlayResY: 640\n[V4+ Styles]\n"              \
    "Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, BorderStyle, "    \
    "Outline, Shadow, Alignment, MarginL, MarginR, MarginV\n"                                      \
    "Style: D,DejaVu Sans,40,&H00FFFFFF,&H00000000,&H80000000,1,2,1,5,10,10,10\n[Events]\n"        \
    "Format: Start, End, Style, Text\n" events

/* A rectangle drawn as a vector: no font is needed. `tags` give colour and opacity. */
#define BOX(start, end, tags)                                                                      \
    "Dialogue: 0:00:0" start ",0:00:0" end ",D,{\\an7\\pos(100,200)\\bord0\\shad0" tags            \
    "\\p1}m 0 0 l 80 0 80 60 0 60{\\p0}\n"

static struct kn_picture_pool *pool;

static struct kn_picture grey_frame(int luma)
{
    struct kn_picture frame = {0};
    kn_picture_pool_get(pool, &frame);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? HEIGHT / 2 : HEIGHT); y++)
            memset(kn_picture_rows(&frame, i) + (ptrdiff_t)y * frame.strides[i], i ? 128 : luma,
                   (size_t)(i ? WIDTH / 2 : WIDTH));
    return frame;
}

static int at(const struct kn_picture *frame, int plane, int x, int y)
{
    int shift = plane ? 1 : 0;
    return frame->planes[plane][(ptrdiff_t)(y >> shift) * frame->strides[plane] + (x >> shift)];
}

static struct kn_burner *open_burner(const char *script)
{
    struct kn_burner *burner = NULL;
    struct kn_error err = {0};
    if (kn_burner_open(script, WIDTH, HEIGHT, &burner, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return burner;
}

static void colours_are_bt709(void **state)
{
    (void)state;
    static const struct {
        const char *tags;
        int y, u, v;
    } cases[] = {
        /* ITU-R BT.709-6, table 3: 75 % or 100 % bars in limited range. */
        {"\\c&HFFFFFF&", 235, 128, 128},
        {"\\c&H000000&", 16, 128, 128},
        {"\\c&H0000FF&", 63, 102, 240},
        {"\\c&H00FF00&", 173, 42, 26},
        {"\\c&HFF0000&", 32, 240, 118},
        {"\\c&H00FFFF&", 219, 16, 138},
        {"\\c&HFFFFFF&\\alpha&H80&", 168, 128, 128}, /* half over luma 100 */
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        char script[1200];
        snprintf(script, sizeof script, SCRIPT(BOX("0.00", "5.00", "%s")), cases[i].tags);
        KN_SCOPED(kn_burner) burner = open_burner(script);
        struct kn_picture frame = grey_frame(100);
        kn_burner_draw(burner, &frame, 1000000);
        int y = at(&frame, 0, 140, 230), u = at(&frame, 1, 140, 230), v = at(&frame, 2, 140, 230);
        if (abs(y - cases[i].y) > 1 || abs(u - cases[i].u) > 1 || abs(v - cases[i].v) > 1)
            fail_msg("%s: %d %d %d", cases[i].tags, y, u, v);
        assert_int_equal(at(&frame, 0, 90, 230), 100); /* outside */
        assert_int_equal(at(&frame, 0, 140, 270), 100);
        assert_int_equal(at(&frame, 1, 90, 230), 128);
        kn_picture_clear(&frame);
    }
}

static void captions_come_and_go_in_time(void **state)
{
    (void)state;
    KN_SCOPED(kn_burner) burner =
        open_burner(SCRIPT(BOX("1.00", "2.00", "") BOX("3.00", "4.00", "")));
    for (int round = 0; round < 2; round++) /* and back again */
        for (int ms = 0; ms < 5000; ms += 40) {
            struct kn_picture frame = grey_frame(60);
            kn_burner_draw(burner, &frame, ms * 1000);
            bool shown = (ms >= 1000 && ms < 2000) || (ms >= 3000 && ms < 4000);
            assert_int_equal(at(&frame, 0, 140, 230), shown ? 235 : 60);
            kn_picture_clear(&frame);
        }
}

static void unchanged_frames_look_the_same(void **state)
{
    (void)state;
    KN_SCOPED(kn_burner) burner =
        open_burner(SCRIPT("Dialogue: 0:00:00.00,0:00:09.00,D,Hello {\\c&H00FFFF&}there\n"));
    struct kn_picture first = grey_frame(60), second = grey_frame(60);
    kn_burner_draw(burner, &first, 0);
    kn_burner_draw(burner, &second, 500000);
    int drawn = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            assert_int_equal(at(&first, 0, x, y), at(&second, 0, x, y));
            drawn += at(&first, 0, x, y) > 180;
        }
    assert_true(drawn > 500); /* letters */
    kn_picture_clear(&first);
    kn_picture_clear(&second);
}

static void drawing_over_the_edges_is_cut(void **state)
{
    (void)state;
    KN_SCOPED(kn_burner) burner = open_burner(
        SCRIPT("Dialogue: 0:00:00.00,0:00:09.00,D,{\\an5\\pos(0,0)\\fs90}MMMM\n"
               "Dialogue: 0:00:00.00,0:00:09.00,D,{\\an5\\pos(359,639)\\fs90\\frz33}MMMM\n"
               "Dialogue: 0:00:00.00,0:00:09.00,D,{\\an5\\pos(901,333)}far away\n"));
    struct kn_picture frame = grey_frame(60);
    kn_burner_draw(burner, &frame, 0); /* ASan would tell */
    kn_picture_clear(&frame);
}

static void what_is_no_script_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "hello", "1\n00:00:01,000 --> 00:00:02,000\nHi\n"};
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++) {
        struct kn_burner *burner = NULL;
        struct kn_error err = {0};
        assert_int_equal(kn_burner_open(bad[i], WIDTH, HEIGHT, &burner, &err), KN_INVALID);
        assert_null(burner);
    }
}

static void *burn_some(void *arg)
{
    KN_SCOPED(kn_burner) burner =
        open_burner(SCRIPT("Dialogue: 0:00:00.00,0:00:09.00,D,{\\k30}Several {\\k30}at once\n"));
    for (int n = 0; n < 20; n++) {
        struct kn_picture frame = grey_frame(60);
        kn_burner_draw(burner, &frame, n * 40000);
        *(int *)arg += at(&frame, 0, 180, 320);
        kn_picture_clear(&frame);
    }
    return NULL;
}

static void several_draw_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    int sums[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, burn_some, &sums[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        assert_int_equal(sums[i], sums[0]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_are_bt709),
        cmocka_unit_test(captions_come_and_go_in_time),
        cmocka_unit_test(unchanged_frames_look_the_same),
        cmocka_unit_test(drawing_over_the_edges_is_cut),
        cmocka_unit_test(what_is_no_script_is_refused),
        cmocka_unit_test(several_draw_side_by_side),
    };
    pool = kn_picture_pool_new(KN_PIXELS_YUV420P, WIDTH, HEIGHT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kn_picture_pool_free(pool);
    return failed;
}
