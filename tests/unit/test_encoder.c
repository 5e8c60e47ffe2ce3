#include "support/media.h"

#include <math.h>

#include "base/str.h"
#include "media/boxes.h"
#include "media/encoder.h"

enum { WIDTH = 160, HEIGHT = 284 };

static struct kn_picture_pool *pool;

static struct kn_encoder_options options_for(const char *path)
{
    return (struct kn_encoder_options){
        .path = path,
        .width_px = WIDTH,
        .height_px = HEIGHT,
        .frame_rate = {30000, 1001},
        .encoder = "libx264",
        .preset = "veryfast",
        .crf = 20,
        .threads = 1,
        .title = "Ein Titel – 題",
        .comment = "a comment",
    };
}

static struct kn_picture moving_picture(int index)
{
    struct kn_picture picture = {0};
    kn_picture_pool_get(pool, &picture);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? HEIGHT / 2 : HEIGHT); y++)
            for (int x = 0; x < (i ? WIDTH / 2 : WIDTH); x++)
                kn_picture_rows(&picture, i)[(ptrdiff_t)y * picture.strides[i] + x] =
                    (uint8_t)(i ? 128 : 16 + (x * y + index * 5) % 200);
    return picture;
}

static enum kn_status feed_pictures(struct kn_encoder *encoder, int from, int count,
                                    struct kn_error *err)
{
    enum kn_status status = KN_OK;
    for (int i = from; i < from + count && status == KN_OK; i++) {
        struct kn_picture picture = moving_picture(i);
        status = kn_encoder_picture(encoder, &picture, err);
        kn_picture_clear(&picture);
    }
    return status;
}

static enum kn_status feed_tone(struct kn_encoder *encoder, int count, struct kn_error *err)
{
    float *samples = kn_calloc((size_t)count * 2, sizeof *samples);
    for (int i = 0; i < count * 2; i++)
        samples[i] = (float)(0.2 * sin(i / 2 * 0.06));
    enum kn_status status = kn_encoder_sound(encoder, samples, count, err);
    free(samples);
    return status;
}

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(err));
}

/* 60 pictures and as much sound; `order` says which comes first. */
static void encode(const struct kn_encoder_options *options, int order)
{
    KN_SCOPED(kn_encoder) encoder = NULL;
    struct kn_error err = {0};
    int samples = 2002 * 48;
    must(kn_encoder_open(options, &encoder, &err), &err);
    if (order == 0)
        must(feed_tone(encoder, samples, &err), &err);
    must(feed_pictures(encoder, 0, 30, &err), &err);
    if (order == 1)
        must(feed_tone(encoder, samples, &err), &err);
    must(feed_pictures(encoder, 30, 30, &err), &err);
    if (order == 2)
        must(feed_tone(encoder, samples, &err), &err);
    must(kn_encoder_finish(encoder, &err), &err);
}

static void expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no “%s” in:\n%s", part, text);
}

static void files_are_what_players_and_platforms_want(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "a clip.mp4");
    for (int order = 0; order < 3; order++) {
        struct kn_encoder_options options = options_for(path);
        encode(&options, order);
        assert_int_equal(count_files(folder), 1);
        const char *text =
            program_output(arena, "ffprobe",
                           (const char *[]){"-v", "error", "-show_streams", "-show_format",
                                            "-count_packets", path, NULL});
        static const char *const parts[] = {
            "codec_name=h264",
            "profile=High\n",
            "width=160",
            "height=284",
            "pix_fmt=yuv420p\n",
            "sample_aspect_ratio=1:1",
            "color_range=tv",
            "color_space=bt709",
            "color_transfer=bt709",
            "color_primaries=bt709",
            "r_frame_rate=30000/1001",
            "avg_frame_rate=30000/1001",
            "nb_read_packets=60",
            "duration=2.002000",
            "codec_name=aac",
            "profile=LC",
            "sample_rate=48000",
            "channels=2",
            "TAG:title=Ein Titel – 題",
            "TAG:comment=a comment",
            "TAG:encoder=kirinuki",
        };
        for (size_t i = 0; i < KN_COUNT_OF(parts); i++)
            expect(text, parts[i]);

        char *data;
        size_t size;
        assert_int_equal(kn_file_read(path, 1 << 24, &data, &size, NULL), KN_OK);
        char *index = memmem(data, size, "moov", 4), *media = memmem(data, size, "mdat", 4);
        assert_true(index && media && index < media);
        free(data);
        struct kn_source source = probed(arena, path);
        assert_in_range(source.duration_us, 2002000, 2002100);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Of a slow clip two pictures' delay is much more than any sound encoder's. */
static void nothing_is_edited_away(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "slow.mp4");
    struct kn_encoder_options options = options_for(path);
    struct kn_boxes boxes;
    options.frame_rate = (struct kn_rational){10, 1};
    encode(&options, 0);
    assert_int_equal(kn_boxes_read(path, &boxes, NULL), KN_OK);
    assert_true(boxes.index_first);
    assert_false(boxes.edit_lists);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void the_same_input_gives_the_same_file(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    char hashes[2][KN_HASH_TEXT_BYTES];
    for (int i = 0; i < 2; i++) {
        const char *path = kn_arena_printf(arena, "%s/%d.mp4", folder, i);
        struct kn_encoder_options options = options_for(path);
        encode(&options, 0);
        assert_int_equal(kn_file_hash(path, NULL, NULL, hashes[i], NULL), KN_OK);
    }
    assert_string_equal(hashes[0], hashes[1]);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *good = kn_path_join(arena, folder, "x.mp4");
    const char *file = kn_path_join(arena, folder, "file");
    assert_int_equal(kn_file_write(file, "x", 1, NULL), KN_OK);
    struct {
        struct kn_encoder_options options;
        enum kn_status status;
        const char *part;
    } cases[] = {
        {options_for(good), KN_INVALID, "no encoder “h265_fancy”"},
        {options_for(good), KN_INVALID, "no preset “quick”"},
        {options_for(good), KN_INVALID, "161x284"},
        {options_for(kn_path_join(arena, folder, "none/x.mp4")), KN_NOT_FOUND, "cannot write"},
        {options_for(kn_path_join(arena, file, "x.mp4")), KN_NOT_FOUND, "Not a directory"},
    };
    cases[0].options.encoder = "h265_fancy";
    cases[1].options.preset = "quick";
    cases[2].options.width_px = 161;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_encoder *encoder = NULL;
        struct kn_error err = {0};
        enum kn_status status = kn_encoder_open(&cases[i].options, &encoder, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].part))
            fail_msg("case %zu: %s %s", i, kn_status_name(status), err.text);
        assert_null(encoder);
    }
    assert_int_equal(count_files(folder), 1);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void missing_hardware_falls_back_with_a_remark(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    static const char *const names[] = {"h264_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox",
                                        "h264_v4l2m2m"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        struct kn_encoder_options options = options_for(path);
        options.encoder = names[i];
        KN_SCOPED(kn_encoder) encoder = NULL;
        struct kn_error err = {0};
        must(kn_encoder_open(&options, &encoder, &err), &err);
        if (strcmp(kn_encoder_name(encoder), names[i]) == 0)
            continue; /* it is there */
        assert_string_equal(kn_encoder_name(encoder), "libx264");
        expect(kn_encoder_remark(encoder), names[i]);
        expect(kn_encoder_remark(encoder), "libx264 encodes instead");
        must(feed_pictures(encoder, 0, 5, &err), &err);
    }
    assert_int_equal(count_files(folder), 0); /* none was finished */
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* The encoder holds pictures back; giving them out takes seconds with slow presets. */
static void a_stop_does_not_wait_for_what_is_held_back(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_encoder_options options = options_for(kn_path_join(arena, folder, "x.mp4"));
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    options.preset = "slow";
    options.cancel = cancel;
    struct kn_error err = {0};
    KN_SCOPED(kn_encoder) encoder = NULL;
    must(kn_encoder_open(&options, &encoder, &err), &err);
    must(feed_pictures(encoder, 0, 60, &err), &err);
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_encoder_flush(encoder, &err), KN_CANCELLED);
    assert_false(kn_encoder_gave_up(encoder));
    kn_encoder_close(KN_MOVE(encoder));
    assert_int_equal(count_files(folder), 0);
    kn_cancel_free(cancel);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_full_disk_is_named_and_leaves_nothing(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    /* What is written aside goes to a device that is always full. */
    if (symlink("/dev/full", kn_file_part_path(arena, path)) != 0 || !kn_file_exists("/dev/full"))
        skip();
    struct kn_encoder_options options = options_for(path);
    KN_SCOPED(kn_encoder) encoder = NULL;
    struct kn_error err = {0};
    enum kn_status status = kn_encoder_open(&options, &encoder, &err);
    if (status == KN_OK)
        status = feed_tone(encoder, 48000, &err);
    if (status == KN_OK)
        status = feed_pictures(encoder, 0, 300, &err);
    if (status == KN_OK)
        status = kn_encoder_finish(encoder, &err);
    assert_int_equal(status, KN_NO_SPACE);
    expect(err.text, "No space left on device");
    expect(err.text, "x.mp4");
    kn_encoder_close(KN_MOVE(encoder));
    assert_int_equal(count_files(folder), 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Encoded once for both, or by each: the same file. */
static void sound_that_is_encoded_once_is_the_same(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_error err = {0};
    int count = 2002 * 48 + 7; /* the last packet is not full */
    float *samples = kn_calloc((size_t)count * 2, sizeof *samples);
    for (int i = 0; i < count * 2; i++)
        samples[i] = (float)(0.2 * sin(i / 2 * 0.06));
    char hashes[3][KN_HASH_TEXT_BYTES];
    KN_SCOPED(kn_coded_sound) coded = NULL;
    must(kn_coded_sound_make(samples, count, NULL, &coded, &err), &err);
    for (int i = 0; i < 3; i++) {
        KN_SCOPED(kn_encoder) encoder = NULL;
        const struct kn_encoder_options options = {
            .path = kn_arena_printf(arena, "%s/%d.mp4", folder, i),
            .width_px = WIDTH,
            .height_px = HEIGHT,
            .frame_rate = {30, 1},
            .encoder = "libx264",
            .preset = "ultrafast",
            .crf = 30,
            .threads = 1};
        must(kn_encoder_open(&options, &encoder, &err), &err);
        must(feed_pictures(encoder, 0, 30, &err), &err);
        if (i)
            must(kn_encoder_coded_sound(encoder, coded, 48000, &err), &err);
        must(feed_pictures(encoder, 30, 30, &err), &err);
        if (i)
            must(kn_encoder_coded_sound(encoder, coded, INT64_MAX, &err), &err);
        else
            must(kn_encoder_sound(encoder, samples, count, &err), &err);
        must(kn_encoder_finish(encoder, &err), &err);
        must(kn_file_hash(options.path, NULL, NULL, hashes[i], &err), &err);
    }
    assert_string_equal(hashes[1], hashes[0]);
    assert_string_equal(hashes[2], hashes[0]);
    free(samples);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_that_is_encoded_once_is_the_same),
        cmocka_unit_test(files_are_what_players_and_platforms_want),
        cmocka_unit_test(nothing_is_edited_away),
        cmocka_unit_test(the_same_input_gives_the_same_file),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(missing_hardware_falls_back_with_a_remark),
        cmocka_unit_test(a_stop_does_not_wait_for_what_is_held_back),
        cmocka_unit_test(a_full_disk_is_named_and_leaves_nothing),
    };
    pool = kn_picture_pool_new(KN_PIXELS_YUV420P, WIDTH, HEIGHT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kn_picture_pool_free(pool);
    return failed;
}
