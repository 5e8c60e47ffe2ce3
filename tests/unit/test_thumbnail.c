#include "support/media.h"

#include <kirinuki/cancel.h>

#include "clip/thumbnail.h"
#include "media/picture.h"
#include "media/video_reader.h"

static struct kn_frame_key key;
static struct kn_framing framing = {KN_ASPECT_9_16, 1, &key};

static void frame_middle(const struct kn_source *source)
{
    double width = source->height_px * 9.0 / 16.0;
    key = (struct kn_frame_key){
        .layout = KN_LAYOUT_FILL,
        .pane_count = 1,
        .panes = {{(source->width_px - width) / 2, 0, width, source->height_px}}};
}

/* Flat, then blurred, then sharp, a second each; a key frame a second. */
static const char *make_source(struct kn_arena *arena, const char *folder)
{
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=640x360:r=25:d=3 -vf "
               "drawbox=c=gray:t=fill:enable='lt(t\\,0.99)',"
               "gblur=sigma=12:enable='between(t\\,0.99\\,1.99)' -g 25 -c:v libx264 -crf 18 %s",
               path);
    return path;
}

static enum kn_status take(const struct kn_source *source, const struct kn_thumbnail_hint *hints,
                           int hint_count, const char *path, struct kn_thumbnail_report *ret_report,
                           struct kn_error *err)
{
    const struct kn_thumbnail_request request = {
        .source = source,
        .end_us = source->duration_us,
        .framing = &framing,
        .width_px = 1080,
        .height_px = 1920,
        .order = {.hint_count = hint_count, .hints = hints, .path = path},
    };
    return kn_thumbnail(&request, NULL, ret_report, err);
}

static void the_sharp_picture_wins(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, make_source(arena, folder));
    const char *path = kn_path_join(arena, folder, "x.jpg");
    struct kn_thumbnail_report report = {0};
    struct kn_error err = {0};
    frame_middle(&source);
    assert_int_equal(take(&source, NULL, 0, path, &report, &err), KN_OK);
    assert_in_range(report.at_us, 1990000, 3000000);

    /* A good face is worth more than sharpness. */
    const struct kn_thumbnail_hint hints[] = {{500000, 0.1f}, {1400000, 1.0f}};
    assert_int_equal(take(&source, hints, 2, path, &report, &err), KN_OK);
    assert_in_range(report.at_us, 1300000, 1400000);

    char *data;
    size_t size;
    assert_int_equal(kn_file_read(path, 1 << 24, &data, &size, &err), KN_OK);
    assert_memory_equal(data, "\xff\xd8\xff\xe0", 4); /* JFIF */
    assert_memory_equal(data + size - 2, "\xff\xd9", 2);
    free(data);
    assert_int_equal(count_files(folder), 2);

    assert_int_equal(take(&source, NULL, 0, kn_path_join(arena, folder, "no/x.jpg"), &report, &err),
                     KN_NOT_FOUND);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Sharp pictures and good faces around a flat clip: none of them is in it. */
static void only_the_clip_itself_is_shown(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    static const char *const keys[] = {"250", "25", "10"};
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++) {
        make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=5 -vf "
                   "drawbox=c=gray:t=fill:enable='between(t\\,1.99\\,3.01)' -g %s -keyint_min 1 "
                   "-sc_threshold 0 -c:v libx264 -preset ultrafast %s",
                   keys[i], path);
        struct kn_source source = probed(arena, path);
        static const struct kn_thumbnail_hint hints[] = {
            {0, 1.0f}, {1960000, 1.0f}, {2500000, 0.1f}, {3040000, 1.0f}, {4000000, 1.0f}};
        for (int with_hints = 0; with_hints < 2; with_hints++) {
            const struct kn_thumbnail_request request = {
                .source = &source,
                .start_us = 2000000,
                .end_us = 3000000,
                .framing = &framing,
                .width_px = 1080,
                .height_px = 1920,
                .order = {.hint_count = with_hints ? (int)KN_COUNT_OF(hints) : 0,
                          .hints = hints,
                          .path = kn_path_join(arena, folder, "x.jpg")},
            };
            struct kn_thumbnail_report report = {0};
            struct kn_error err = {0};
            frame_middle(&source);
            assert_int_equal(kn_thumbnail(&request, NULL, &report, &err), KN_OK);
            assert_in_range(report.at_us, 2000000, 2999999);
        }
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void colours_survive(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *video = kn_path_join(arena, folder, "x.mp4");
    const char *path = kn_path_join(arena, folder, "x.jpg");
    const char *raw = kn_path_join(arena, folder, "x.rgb");
    make_media("-f lavfi -i color=0x2060c0:s=640x360:r=25:d=1 -vf "
               "scale=out_color_matrix=bt709,format=yuv420p -colorspace bt709 -c:v libx264 %s",
               video);
    struct kn_source source = probed(arena, video);
    struct kn_thumbnail_report report;
    frame_middle(&source);
    assert_int_equal(take(&source, NULL, 0, path, &report, NULL), KN_OK);
    make_media("-i %s -pix_fmt rgb24 -f rawvideo %s", path, raw);
    char *data;
    size_t size;
    assert_int_equal(kn_file_read(raw, 1 << 24, &data, &size, NULL), KN_OK);
    assert_int_equal(size, 1080 * 1920 * 3);
    const uint8_t *pixel = (const uint8_t *)data + size / 2 / 3 * 3;
    static const uint8_t want[3] = {0x20, 0x60, 0xc0};
    for (int i = 0; i < 3; i++)
        assert_in_range(pixel[i], want[i] - 4, want[i] + 4);
    free(data);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void real_clips_get_one(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    static const char *const names[] = {
        "google_paris_office.mp4", "pathological/hevc_hdr10_1080p.mp4",
        "pathological/sar_2x1_noaudio.mp4", "pathological/no_duration_vp9.webm"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, names[i]));
        const char *path = kn_path_join(arena, folder, "x.jpg");
        struct kn_thumbnail_report report;
        struct kn_error err = {0};
        frame_middle(&source);
        if (take(&source, NULL, 0, path, &report, &err) != KN_OK)
            fail_msg("%s: %s", names[i], kn_error_text(&err));
        assert_true(kn_file_size(path) > 5000);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_stop_leaves_nothing(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, make_source(arena, folder));
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    struct kn_thumbnail_report report;
    const struct kn_thumbnail_request request = {
        .source = &source,
        .end_us = source.duration_us,
        .framing = &framing,
        .width_px = 1080,
        .height_px = 1920,
        .order = {.path = kn_path_join(arena, folder, "x.jpg")},
    };
    frame_middle(&source);
    assert_int_equal(kn_thumbnail(&request, cancel, &report, NULL), KN_CANCELLED);
    assert_int_equal(count_files(folder), 1);
    kn_cancel_free(cancel);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* ---- frames that pass ---- */

enum { SIDE = 64, PASSING_MS = 3000 };

/* Frame after frame, 40 ms each: a pattern of the same brightness and contrast, fine where `sharp`
 * says so, else coarse. The time of the best. */
static int64_t best_of_passing(const struct kn_thumbnail_order *order, bool (*sharp)(int ms),
                               int *ret_looked_at)
{
    struct kn_picture_pool *pool = kn_picture_pool_new(KN_PIXELS_YUV420P, SIDE, SIDE);
    struct kn_picture picture = {0};
    struct kn_thumbnail_choice choice;
    kn_thumbnail_watch(&choice, order, 0, PASSING_MS * 1000);
    for (int ms = 0; ms < PASSING_MS; ms += 40) {
        kn_picture_clear(&picture); /* a fresh one: the best so far is kept */
        kn_picture_pool_get(pool, &picture);
        picture.at_us = ms * 1000;
        uint8_t *rows = kn_picture_rows(&picture, 0);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                rows[(ptrdiff_t)y * picture.strides[0] + x] =
                    (x ^ y) & (sharp(ms) ? 2 : 8) ? 200 : 60;
        kn_thumbnail_pass(&choice, picture.at_us, &picture, &picture);
    }
    int64_t at_us = choice.best.at_us;
    if (ret_looked_at)
        *ret_looked_at = choice.looked_at;
    kn_picture_clear(&picture);
    kn_thumbnail_choice_clear(&choice);
    kn_picture_pool_free(pool);
    return at_us;
}

static bool always(int ms)
{
    return ms >= 0;
}

static bool at_the_edges(int ms)
{
    return ms < 250 || ms >= PASSING_MS - 250;
}

static bool in_the_third_second(int ms)
{
    return ms >= 2000 && ms < 2700;
}

static void few_passing_frames_are_looked_at(void **state)
{
    (void)state;
    static const struct kn_thumbnail_hint hints[] = {
        {0, 1.0f}, {2990000, 1.0f}, {1500000, 0.1f}, {1500001, 0.2f}, {-5, 1.0f}};
    const struct kn_thumbnail_order none = {0},
                                    some = {.hint_count = KN_COUNT_OF(hints), .hints = hints};
    int looked_at = 0;
    assert_int_equal(best_of_passing(&none, in_the_third_second, &looked_at), 2280000);
    assert_int_equal(looked_at, 5); /* at 0.25 s, 0.75 s, ... */
    /* The first at or after a hint; not the edges, whatever is said of them. */
    assert_int_equal(best_of_passing(&some, always, &looked_at), 1520000);
    assert_int_equal(looked_at, 6); /* two hints are the same frame */
    assert_int_equal(best_of_passing(&none, at_the_edges, NULL), 280000);
}

static void what_another_clip_shows_comes_last(void **state)
{
    (void)state;
    static const struct kn_thumbnail_hint hints[] = {{1000000, 0.8f}, {2500000, 0.3f}};
    struct kn_thumbnail_span known = {500000, 2000000};
    struct kn_thumbnail_order order = {.hint_count = 2, .hints = hints, .known = &known};
    assert_int_equal(best_of_passing(&order, always, NULL), 1000000);
    order.known_count = 1;
    assert_int_equal(best_of_passing(&order, always, NULL), 2520000);
    known.end_us = 3000000; /* all of it: then the best of what there is */
    known.start_us = 0;
    assert_int_equal(best_of_passing(&order, always, NULL), 1000000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sharp_picture_wins),
        cmocka_unit_test(only_the_clip_itself_is_shown),
        cmocka_unit_test(colours_survive),
        cmocka_unit_test(real_clips_get_one),
        cmocka_unit_test(a_stop_leaves_nothing),
        cmocka_unit_test(few_passing_frames_are_looked_at),
        cmocka_unit_test(what_another_clip_shows_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
