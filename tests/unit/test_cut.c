/*
 * Cuts that keep the encoded pictures: which pictures they show, whether the copied ones are the
 * very same, whether sound and pictures belong together.
 */
#include "support/media.h"

#include <math.h>

#include <kirinuki/cancel.h>

#include "clip/smartcut.h"
#include "media/audio_reader.h"
#include "media/nal.h"
#include "media/video_reader.h"

static const struct kn_render_settings settings = {
    .preset = "veryfast", .crf = 16, .threads = 1, .loudness_lufs = -14.0, .true_peak_dbtp = -1.5};

enum { WIDE = 96, HIGH = 54, PIXELS = WIDE * HIGH, PICTURES_MAX = 600 };

/* Small luma of every picture of a span. */
struct film {
    int count;
    int64_t at_us[PICTURES_MAX];
    uint8_t *luma; /* PIXELS each */
};

static struct film read_film(const struct kn_source *source, int64_t start_us, int64_t end_us)
{
    struct film film = {.luma = kn_malloc((size_t)PIXELS * PICTURES_MAX)};
    KN_SCOPED(kn_video_reader) reader = NULL;
    const struct kn_video_options options = {.start_us = start_us,
                                             .end_us = end_us,
                                             .pixels = KN_PIXELS_GRAY8,
                                             .width_px = WIDE,
                                             .height_px = HIGH};
    struct kn_error err = {0};
    if (kn_video_reader_open(source, &options, &reader, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    struct kn_picture picture = {0};
    while (film.count < PICTURES_MAX && kn_video_reader_read(reader, &picture, &err) == KN_OK) {
        for (int y = 0; y < HIGH; y++)
            memcpy(film.luma + (size_t)film.count * PIXELS + (size_t)y * WIDE,
                   picture.planes[0] + (ptrdiff_t)y * picture.strides[0], WIDE);
        film.at_us[film.count++] = picture.at_us;
        kn_picture_clear(&picture);
    }
    return film;
}

static double difference(const struct film *a, int i, const struct film *b, int k)
{
    double sum = 0;
    for (int p = 0; p < PIXELS; p++)
        sum +=
            abs(a->luma[(size_t)i * PIXELS + (size_t)p] - b->luma[(size_t)k * PIXELS + (size_t)p]);
    return sum / PIXELS;
}

static enum kn_status cut(const struct kn_source *source, double start_s, double end_s,
                          const char *path, struct kn_smartcut_report *ret_report,
                          struct kn_error *err)
{
    const struct kn_smartcut_request request = {.source = source,
                                                .start_us = llrint(start_s * 1e6),
                                                .end_us = llrint(end_s * 1e6),
                                                .settings = &settings,
                                                .path = path,
                                                .title = "cut"};
    return kn_smartcut(&request, NULL, NULL, ret_report, err);
}

static void must_cut(const struct kn_source *source, double start_s, double end_s, const char *path,
                     struct kn_smartcut_report *ret_report)
{
    struct kn_error err = {0};
    enum kn_status status = cut(source, start_s, end_s, path, ret_report, &err);
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(&err));
}

static void every_picture_is_there_and_most_are_untouched(void **state)
{
    (void)state;
    static const struct {
        const char *name, *how;
        double start_s, end_s;
        int frames, encoded_min, encoded_max;
    } cases[] = {
        {"a.mp4", "-r 25 -g 50 -profile:v high", 1.5, 6.3, 120, 12, 30},
        {"b.mp4", "-r 25 -g 50 -bf 0 -profile:v baseline", 1.5, 6.3, 120, 13, 13}, /* only a head */
        {"c.mkv", "-r 30 -g 60 -profile:v main", 0.7, 5.21, 136, 39, 60},
        {"d.ts", "-r 25 -g 25 -profile:v high", 2.2, 6.6, 110, 20, 40},
        {"e.mp4", "-r 25 -g 50 -x264-params open-gop=1:scenecut=0", 1.5, 6.3, 120, 12, 120},
        {"f.mp4", "-r 25 -g 500 -sc_threshold 0", 3.0, 6.0, 75, 75, 75}, /* no key frame inside */
        {"g.mp4", "-r 25 -g 50", 2.0, 4.0, 50, 0, 0},                    /* at key frames exactly */
        {"h.mp4", "-r 30000/1001 -g 30 -pix_fmt yuv422p", 1.111, 4.444, 100, 1, 45},
        {"i.mp4", "-r 25 -g 50 -bf 16 -b_strategy 0 -x264-params b-pyramid=normal", 0.6, 7.92, 183,
         20, 70},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *video = kn_path_join(arena, folder, cases[i].name);
        make_media("-f lavfi -i testsrc2=s=320x180:r=60:d=8 -f lavfi -i sine=440:d=8:r=48000 "
                   "-c:v libx264 -crf 23 %s -c:a aac %s",
                   cases[i].how, video);
        struct kn_source source = probed(arena, video);
        struct kn_smartcut_report report;
        must_cut(&source, cases[i].start_s, cases[i].end_s, path, &report);
        if (report.plan.frames != cases[i].frames || report.plan.encoded < cases[i].encoded_min ||
            report.plan.encoded > cases[i].encoded_max)
            fail_msg("%s: %d pictures, %d encoded", cases[i].name, report.plan.frames,
                     report.plan.encoded);
        struct kn_source clip = probed(arena, path);
        struct film from = read_film(&source, report.plan.start_us, report.plan.end_us);
        struct film to = read_film(&clip, 0, -1);
        assert_int_equal(to.count, cases[i].frames);
        assert_true(from.count >= to.count);
        int same = 0;
        for (int k = 0; k < to.count; k++) {
            double apart = difference(&from, k, &to, k);
            same += apart == 0.0;
            int64_t late_us = to.at_us[k] - (from.at_us[k] - report.plan.start_us);
            if (apart > 2.5 || llabs(late_us) > 1001)
                fail_msg("%s: picture %d differs by %.2f, is late by %lld us", cases[i].name, k,
                         apart, (long long)late_us);
        }
        assert_true(same >= report.plan.frames - report.plan.encoded);
        assert_int_equal(clip.width_px, 320);
        assert_true(llabs(clip.duration_us - (report.plan.end_us - report.plan.start_us)) < 22000);
        free(from.luma);
        free(to.luma);
        assert_int_equal(unlink(video), 0);
        assert_int_equal(count_files(folder), 1);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void sound_stays_with_the_pictures(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *video = kn_path_join(arena, folder, "x.mp4");
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    make_media("-f lavfi -i color=black:s=320x180:r=25:d=8,drawbox=c=white:t=fill:"
               "enable='lt(mod(t+0.0001\\,1)\\,0.2)' -f lavfi -i "
               "aevalsrc=exprs=0.7*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.05):s=48000:d=8 "
               "-c:v libx264 -g 40 -c:a aac %s",
               video);
    struct kn_source source = probed(arena, video);
    struct kn_smartcut_report report;
    must_cut(&source, 1.48, 6.3, path, &report);
    struct kn_source clip = probed(arena, path);
    struct film film = read_film(&clip, 0, -1);
    KN_SCOPED(kn_audio_reader) reader = NULL;
    const struct kn_audio_format format = {48000, 1};
    assert_int_equal(kn_audio_reader_open(&clip, &format, 0, -1, &reader, NULL), KN_OK);
    float *sound = kn_calloc(48000 * 8, sizeof *sound);
    int count = 0, got;
    while (kn_audio_reader_read(reader, sound + count, 4800, &got, NULL) == KN_OK)
        count += got;
    for (int second = 2; second <= 5; second++) {
        double want_s = second - (double)report.plan.start_us / 1e6, flash_s = -1, click_s = -1;
        for (int i = 1; i < film.count && flash_s < 0; i++)
            if (film.luma[(size_t)i * PIXELS + 500] > 128 &&
                film.luma[(size_t)(i - 1) * PIXELS + 500] < 128 &&
                fabs((double)film.at_us[i] / 1e6 - want_s) < 0.3)
                flash_s = (double)film.at_us[i] / 1e6;
        for (int i = (int)((want_s - 0.3) * 48000); i < count && click_s < 0; i++)
            if (fabsf(sound[i]) > 0.1f)
                click_s = i / 48000.0;
        if (fabs(flash_s - want_s) > 0.001 || fabs(click_s - want_s) > 0.004)
            fail_msg("second %d: flash %.4f, click %.4f, expected %.4f", second, flash_s, click_s,
                     want_s);
    }
    free(sound);
    free(film.luma);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void other_codecs_are_cut_at_key_frames_with_a_remark(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    static const char *const names[] = {"latentsync1_vertical_hevc.mp4",
                                        "pathological/no_duration_vp9.webm"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, names[i]));
        struct kn_smartcut_report report;
        must_cut(&source, 1.1, 2.9, path, &report);
        assert_non_null(strstr(report.plan.remark, "starts at a key frame"));
        assert_true(report.plan.start_us <= 1100000 && report.plan.end_us >= 2850000);
        assert_int_equal(report.plan.encoded, 0);
        struct kn_source clip = probed(arena, path);
        struct film film = read_film(&clip, 0, -1);
        assert_int_equal(film.count, report.plan.frames);
        free(film.luma);
    }
    struct kn_source motion_jpeg =
        probed(arena, corpus_file(arena, "pathological/opencast_scene_change.mov"));
    struct kn_smartcut_report report;
    struct kn_error err = {0};
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cut(&motion_jpeg, 1, 5, path, &report, &err), KN_UNSUPPORTED);
    assert_non_null(strstr(err.text, "mjpeg cannot be copied into an MP4"));
    assert_int_equal(count_files(folder), 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void rotation_and_pixel_shape_are_kept(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    static const char *const names[] = {"pathological/rotate90_5.1.mp4",
                                        "pathological/sar_2x1_noaudio.mp4",
                                        "pathological/pixel7_noaudio_rot180_vfr.mp4"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, names[i]));
        struct kn_smartcut_report report;
        must_cut(&source, 0.3, 1.1, path, &report);
        struct kn_source clip = probed(arena, path);
        assert_int_equal(clip.width_px, source.width_px);
        assert_int_equal(clip.height_px, source.height_px);
        assert_int_equal(clip.rotation_deg, source.rotation_deg);
        assert_true(clip.has_audio); /* silent where the source has none */
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct kn_smartcut_report report;
    struct kn_error err = {0};
    assert_int_equal(cut(&source, 5, 5, path, &report, &err), KN_INVALID);
    assert_int_equal(cut(&source, 100, 105, path, &report, &err), KN_INVALID);
    assert_int_equal(cut(&source, 0, 700, path, &report, &err), KN_LIMIT);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    const struct kn_smartcut_request request = {.source = &source,
                                                .start_us = 1000000,
                                                .end_us = 9000000,
                                                .settings = &settings,
                                                .path = path};
    assert_int_equal(kn_smartcut(&request, cancel, NULL, &report, &err), KN_CANCELLED);
    kn_cancel_free(cancel);
    assert_int_equal(count_files(folder), 0);
    if (kn_file_exists("/dev/full")) {
        assert_int_equal(symlink("/dev/full", kn_file_part_path(arena, path)), 0);
        assert_int_equal(cut(&source, 3.3, 9, path, &report, &err), KN_NO_SPACE);
        assert_int_equal(count_files(folder), 0);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void units_are_found_and_numbered(void **state)
{
    (void)state;
    static const uint8_t by_code[] = {0, 0,    0,    1, 0x67, 66, 0, 30, 0x88, 0, 0,
                                      1, 0x68, 0xC0, 0, 0,    0,  0, 1,  0x65, 9};
    struct kn_nal_reader reader = {by_code, by_code + sizeof by_code, 0};
    static const int types[] = {KN_NAL_SPS, KN_NAL_PPS, KN_NAL_IDR}, sizes[] = {5, 2, 2};
    struct kn_nal nal;
    for (int i = 0; i < 3; i++) {
        assert_true(kn_nal_next(&reader, &nal));
        assert_int_equal(kn_nal_type(&nal), types[i]);
        assert_int_equal(nal.size, sizes[i]);
    }
    assert_false(kn_nal_next(&reader, &nal));

    static const uint8_t by_length[] = {0, 2, 0x65, 1, 0, 1, 0x41, 0, 9, 0x41};
    reader = (struct kn_nal_reader){by_length, by_length + sizeof by_length, 2};
    assert_true(kn_nal_next(&reader, &nal) && nal.size == 2);
    assert_true(kn_nal_next(&reader, &nal) && nal.size == 1);
    assert_false(kn_nal_next(&reader, &nal)); /* longer than what is left */

    static const struct {
        uint8_t bytes[6];
        size_t size;
        int id;
    } sets[] = {
        {{0x67, 66, 0, 30, 0x80}, 5, 0}, {{0x67, 66, 0, 30, 0x40}, 5, 1},
        {{0x67, 66, 0, 30, 0x28}, 5, 4}, {{0x68, 0x80}, 2, 0},
        {{0x68, 0x04, 0x20}, 3, 32},     {{0x67, 66, 0, 30}, 4, -1},
        {{0x67, 66, 0, 30, 0}, 5, -1},   {{0x68, 0, 0, 3, 0x80}, 5, -1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(sets); i++) {
        nal = (struct kn_nal){sets[i].bytes, sets[i].size};
        int id = kn_nal_set_id(&nal);
        if (id != sets[i].id)
            fail_msg("set %zu: %d, expected %d", i, id, sets[i].id);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_picture_is_there_and_most_are_untouched),
        cmocka_unit_test(sound_stays_with_the_pictures),
        cmocka_unit_test(other_codecs_are_cut_at_key_frames_with_a_remark),
        cmocka_unit_test(rotation_and_pixel_shape_are_kept),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(units_are_found_and_numbered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
