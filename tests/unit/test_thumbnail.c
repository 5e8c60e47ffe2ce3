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
        .hint_count = hint_count,
        .hints = hints,
        .path = path,
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
                .hint_count = with_hints ? (int)KN_COUNT_OF(hints) : 0,
                .hints = hints,
                .path = kn_path_join(arena, folder, "x.jpg"),
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
        .path = kn_path_join(arena, folder, "x.jpg"),
    };
    frame_middle(&source);
    assert_int_equal(kn_thumbnail(&request, cancel, &report, NULL), KN_CANCELLED);
    assert_int_equal(count_files(folder), 1);
    kn_cancel_free(cancel);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sharp_picture_wins), cmocka_unit_test(only_the_clip_itself_is_shown),
        cmocka_unit_test(colours_survive),        cmocka_unit_test(real_clips_get_one),
        cmocka_unit_test(a_stop_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
