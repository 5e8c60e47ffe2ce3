/*
 * Hardware encoders that open and fail later, as they do where the driver is half there or another
 * program takes the device. This machine may have none, so libx264 plays one: calls of the program
 * into FFmpeg are wrapped (see meson.build).
 */
#include "support/media.h"

#include <libavcodec/avcodec.h>

#include <kirinuki/cancel.h>

#include "clip/render.h"

enum { NEVER = -1 };

/* The picture at which the hardware fails; one more than all: when it is told the end. */
static int fails_at = NEVER;
static int sent; /* to the hardware */

const AVCodec *__real_avcodec_find_encoder_by_name(const char *name);
const AVCodec *__wrap_avcodec_find_encoder_by_name(const char *name);
int __real_avcodec_send_frame(AVCodecContext *codec, const AVFrame *frame);
int __wrap_avcodec_send_frame(AVCodecContext *codec, const AVFrame *frame);

const AVCodec *__wrap_avcodec_find_encoder_by_name(const char *name)
{
    bool hardware = strcmp(name, "h264_v4l2m2m") == 0;
    return __real_avcodec_find_encoder_by_name(hardware ? "libx264" : name);
}

int __wrap_avcodec_send_frame(AVCodecContext *codec, const AVFrame *frame)
{
    if (codec->pix_fmt == AV_PIX_FMT_NV12 && sent++ == fails_at)
        return AVERROR(EIO);
    return __real_avcodec_send_frame(codec, frame);
}

static const struct kn_render_settings settings = {
    .encoder = "h264_v4l2m2m",
    .preset = "ultrafast",
    .crf = 28,
    .threads = 1,
    .loudness_lufs = -14.0,
    .true_peak_dbtp = -1.5,
    .max_rate_hz = 30,
};

static void a_failing_encoder_is_replaced_with_a_remark(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *video = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=1 -c:v libx264 -preset ultrafast %s", video);
    const struct kn_source source = probed(arena, video);
    const struct kn_frame_key key = {
        .layout = KN_LAYOUT_FIT, .pane_count = 1, .panes = {{0, 0, 320, 180}}};
    const struct kn_framing framing = {KN_ASPECT_9_16, 1, &key};
    const struct kn_render_target targets[] = {
        {.path = kn_path_join(arena, folder, "a.mp4"), .framing = &framing},
        {.path = kn_path_join(arena, folder, "b.mp4"), .framing = &framing},
    };
    static const int moments[] = {NEVER, 0, 7, 25};
    for (size_t m = 0; m < KN_COUNT_OF(moments); m++)
        for (int count = 1; count <= 2; count++) {
            const struct kn_render_request request = {
                .source = &source,
                .end_us = 1000000,
                .settings = &settings,
                .target_count = count,
                .targets = targets,
            };
            struct kn_render_report report = {0};
            struct kn_error err = {0};
            fails_at = moments[m];
            sent = 0;
            if (kn_render(&request, NULL, NULL, &report, &err) != KN_OK)
                fail_msg("at picture %d: %s", moments[m], kn_error_text(&err));
            assert_true(sent > 0);
            assert_int_equal(report.frames, 25);
            bool failed = fails_at != NEVER;
            assert_string_equal(report.encoder, failed ? "libx264" : "h264_v4l2m2m");
            assert_int_equal(failed, strstr(report.remark, "h264_v4l2m2m cannot encode") != NULL);
            assert_int_equal(failed, strstr(report.remark, "libx264 encodes instead") != NULL);
            assert_int_equal(count_files(folder), 1 + count); /* and nothing of the first try */
            for (int i = 0; i < count; i++) {
                assert_in_range(probed(arena, targets[i].path).duration_us, 999000, 1001000);
                kn_file_discard(targets[i].path);
            }
        }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static bool full_disk(struct kn_arena *arena, const char *path)
{
    return symlink("/dev/full", kn_file_part_path(arena, path)) == 0 && kn_file_exists("/dev/full");
}

/* What is no fault of the encoder's is not tried twice. */
static void other_failures_are_told(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *video = kn_path_join(arena, folder, "x.mp4");
    const char *path = kn_path_join(arena, folder, "a.mp4");
    make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=1 -c:v libx264 -preset ultrafast %s", video);
    const struct kn_source source = probed(arena, video);
    const struct kn_frame_key key = {
        .layout = KN_LAYOUT_FIT, .pane_count = 1, .panes = {{0, 0, 320, 180}}};
    const struct kn_framing framing = {KN_ASPECT_9_16, 1, &key};
    const struct kn_render_target target = {.path = path, .framing = &framing};
    const struct kn_render_request request = {
        .source = &source,
        .end_us = 1000000,
        .settings = &settings,
        .target_count = 1,
        .targets = &target,
    };
    struct kn_render_report report = {0};
    struct kn_error err = {0};
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    fails_at = 0;
    assert_int_equal(kn_render(&request, cancel, NULL, &report, &err), KN_CANCELLED);
    kn_cancel_free(cancel);
    fails_at = NEVER;
    if (full_disk(arena, path)) {
        sent = 0;
        assert_int_equal(kn_render(&request, NULL, NULL, &report, &err), KN_NO_SPACE);
        assert_in_range(sent, 0, 26);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_encoder_is_replaced_with_a_remark),
        cmocka_unit_test(other_failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
