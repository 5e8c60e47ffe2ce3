#include "support/media.h"

#include <libavutil/frame.h>
#include <math.h>

#include "base/clock.h"
#include "base/vec.h"
#include "media/video_reader.h"

/* What is left of a picture when only its identity matters. */
struct seen {
    int64_t at_us;
    uint64_t print; /* of all its samples */
    bool key;
};
KN_VEC_TYPE(seen_list, struct seen);

static uint64_t print_of(const struct kn_picture *picture)
{
    uint64_t print = UINT64_C(1469598103934665603);
    int planes = picture->pixels == KN_PIXELS_YUV420P ? 3 : 1;
    for (int p = 0; p < planes; p++) {
        int width = p ? (picture->width_px + 1) / 2 : picture->width_px;
        int height = p ? (picture->height_px + 1) / 2 : picture->height_px;
        width *= picture->pixels == KN_PIXELS_RGB24 ? 3 : 1;
        for (int y = 0; y < height; y++) {
            const uint8_t *row = picture->planes[p] + (ptrdiff_t)y * picture->strides[p];
            for (int x = 0; x < width; x++)
                print = (print ^ row[x]) * UINT64_C(1099511628211);
        }
    }
    return print;
}

static struct kn_video_reader *opened(const struct kn_source *source,
                                      const struct kn_video_options *options)
{
    struct kn_video_reader *reader = NULL;
    struct kn_error err = {0};
    if (kn_video_reader_open(source, options, &reader, &err) != KN_OK)
        fail_msg("%s: %s", source->path, kn_error_text(&err));
    return reader;
}

/* Up to `max` pictures; true when there was one more, the next one then. */
static bool read_next(struct kn_video_reader *reader, struct seen *ret_seen)
{
    struct kn_picture picture = {0};
    struct kn_error err = {0};
    enum kn_status status = kn_video_reader_read(reader, &picture, &err);
    if (status == KN_OK)
        *ret_seen = (struct seen){picture.at_us, print_of(&picture), picture.key};
    else if (status != KN_END)
        fail_msg("%s", kn_error_text(&err));
    kn_picture_clear(&picture);
    return status == KN_OK;
}

static struct seen_list read_all(const struct kn_source *source,
                                 const struct kn_video_options *options)
{
    struct seen_list list = {0};
    KN_SCOPED(kn_video_reader) reader = opened(source, options);
    struct seen seen;
    while (read_next(reader, &seen))
        kn_vec_push(&list, seen);
    assert_false(read_next(reader, &seen)); /* the end stays the end */
    return list;
}

static const struct kn_video_options small_grey = {
    .end_us = -1, .pixels = KN_PIXELS_GRAY8, .width_px = 64, .height_px = 64};

/* All pictures of a file of the corpus, small and grey: what several cases compare with is decoded
 * once. */
static const struct seen_list *all_of(struct kn_arena *arena, const char *name)
{
    static struct {
        char name[80];
        struct seen_list list;
    } known[32];
    size_t i = 0;
    while (known[i].name[0] && strcmp(known[i].name, name) != 0)
        i++;
    assert_true(i + 1 < KN_COUNT_OF(known));
    if (!known[i].name[0]) {
        struct kn_source source = probed(arena, corpus_file(arena, name));
        known[i].list = read_all(&source, &small_grey);
        snprintf(known[i].name, sizeof known[i].name, "%s", name);
    }
    return &known[i].list;
}

/* First, last and number of the pictures as ffprobe lists them (best_effort_timestamp). */
static void every_picture_comes_once_at_its_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int count;
        int64_t first_us, last_us;
    } cases[] = {
        {"autoeditor_example.mp4", 1272, 0, 42366667},
        {"aws_foodvlog.mp4", 271, 0, 9009000},
        {"google_paris_office.mp4", 1026, 834000, 35068200},
        {"latentsync1_vertical_hevc.mp4", 250, 0, 9960000},
        {"nasa_multistream.mp4", 390, 0, 12979633},
        {"pathological/av1_hdr10_720x1280.mp4", 127, 0, 4204200},
        {"pathological/hevc_hdr10_1080p.mp4", 28, 0, 984100},
        {"pathological/iphone_hevc10_rot90_vfr_editlist.mp4", 77, 0, 2535000},
        {"pathological/iphone_livephoto_selfie_2video.mp4", 53, 0, 1773911},
        {"pathological/no_duration_vp9.webm", 74, 0, 4872000},
        {"pathological/odd_size_518x488.mp4", 167, 0, 5555267},
        {"pathological/opencast_scene_change.mov", 19, 0, 19000000},
        {"pathological/pcm_sowt_50fps.mov", 100, 0, 1980000},
        {"pathological/pixel7_noaudio_rot180_vfr.mp4", 36, 0, 1171722},
        {"pathological/rotate90_5.1.mp4", 45, 83333, 1916667},
        {"pathological/sar_2x1_noaudio.mp4", 150, 0, 4966667},
        {"pathological/video_with_failing_audio.mp4", 280, 0, 11160000},
        {"pathological/vp9_square.webm", 90, 0, 2966667},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct seen_list *list = all_of(arena, cases[i].name);
        if (list->count != cases[i].count || list->at[0].at_us != cases[i].first_us ||
            kn_vec_last(list)->at_us != cases[i].last_us)
            fail_msg("%s: %d pictures, %lld to %lld", cases[i].name, list->count,
                     (long long)list->at[0].at_us, (long long)kn_vec_last(list)->at_us);
    }
    kn_arena_free(arena);
}

/* Index of the picture on show at `at_us`; 0 before the first. */
static int on_show(const struct seen_list *list, int64_t at_us)
{
    int index = 0;
    while (index + 1 < list->count && list->at[index + 1].at_us <= at_us)
        index++;
    return index;
}

static void expect_from(struct kn_video_reader *reader, const struct seen_list *list, int64_t at_us,
                        const char *name)
{
    int index = on_show(list, at_us);
    for (int i = index; i < KN_MIN(index + 4, list->count); i++) {
        struct seen seen = {0};
        bool more = read_next(reader, &seen);
        if (!more || seen.at_us != list->at[i].at_us || seen.print != list->at[i].print)
            fail_msg("%s from %lld: picture %d should be at %lld, is %s at %lld", name,
                     (long long)at_us, i, (long long)list->at[i].at_us,
                     seen.at_us == list->at[i].at_us ? "another one" : "one",
                     (long long)seen.at_us);
    }
}

/* Opening at and jumping to `steps` places gives what reading everything gives there. */
static void expect_exact_seeks(const struct kn_source *source, const struct seen_list *list,
                               int steps)
{
    KN_SCOPED(kn_video_reader) reader = opened(source, &small_grey);
    for (int i = 0; i < steps; i++) {
        /* Backwards and forwards; on a picture, just before and just after it. */
        const struct seen *near = &list->at[(int64_t)(i * 37 % steps) * list->count / steps];
        int64_t at_us = KN_MAX(near->at_us + (i % 3 - 1), 0);
        struct kn_error err = {0};
        assert_int_equal(kn_video_reader_seek(reader, at_us, &err), KN_OK);
        expect_from(reader, list, at_us, source->path);
        if (i % 4 == 0) {
            struct kn_video_options options = small_grey;
            options.start_us = at_us;
            options.threads = 2;
            KN_SCOPED(kn_video_reader) other = opened(source, &options);
            expect_from(other, list, at_us, source->path);
        }
    }
}

static void seeks_are_exact_in_real_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int steps;
    } cases[] = {
        {"autoeditor_example.mp4", 8},
        {"google_paris_office.mp4", 60},
        {"nasa_multistream.mp4", 30},
        {"pathological/av1_hdr10_720x1280.mp4", 4},
        {"pathological/iphone_hevc10_rot90_vfr_editlist.mp4", 6},
        {"pathological/iphone_livephoto_selfie_2video.mp4", 5},
        {"pathological/no_duration_vp9.webm", 12},
        {"pathological/opencast_scene_change.mov", 30},
        {"pathological/rotate90_5.1.mp4", 20},
        {"pathological/vp9_square.webm", 20},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        expect_exact_seeks(&source, all_of(arena, cases[i].name), cases[i].steps);
    }
    kn_arena_free(arena);
}

/* B-frame pyramids, open groups of pictures, hardly any key frames, in containers with a good
 * index, a poor one and none. */
static void seeks_are_exact_in_made_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *coding;
    } cases[] = {
        {"open.mp4", "-c:v libx264 -g 40 -bf 5 -b_strategy 0 -x264-params open-gop=1:b-pyramid=2"},
        {"rare.mkv", "-c:v libx264 -g 1000 -bf 3 -sc_threshold 0"},
        {"stream.ts", "-c:v libx264 -g 25 -bf 3 -output_ts_offset 700"},
        {"old.avi", "-c:v mpeg4 -g 60 -bf 2"},
        {"intra.mov", "-c:v mjpeg -q:v 5"},
        {"program.mpg", "-c:v mpeg2video -g 15 -bf 2 -q:v 5"},
        {"open.hevc.mp4",
         "-c:v libx265 -x265-params keyint=30:bframes=4:open-gop=1:log-level=none"},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *path = kn_path_join(arena, folder, cases[i].name);
        make_media("-f lavfi -i testsrc2=size=192x108:rate=25:duration=9 -pix_fmt yuv420p %s %s",
                   strcmp(cases[i].name, "intra.mov") == 0 ? "-c:v mjpeg -pix_fmt yuvj420p"
                                                           : cases[i].coding,
                   path);
        struct kn_source source = probed(arena, path);
        struct seen_list list = read_all(&source, &small_grey);
        if (list.count != 225)
            fail_msg("%s: %d pictures", cases[i].name, list.count);
        expect_exact_seeks(&source, &list, 24);
        kn_vec_free(&list);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Matroska has no times below zero: here the packets of the first five seconds have none, and the
 * container finds nothing before them however far back it is asked. */
static void a_start_among_packets_without_times_is_found(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *whole = kn_path_join(arena, folder, "whole.mkv");
    const char *path = kn_path_join(arena, folder, "below-zero.mkv");
    make_media("-f lavfi -i testsrc2=size=192x108:rate=25:duration=9 -c:v libx264 -g 50 "
               "-pix_fmt yuv420p %s",
               whole);
    make_media("-i %s -c copy -output_ts_offset -5 -avoid_negative_ts disabled %s", whole, path);
    struct kn_source source = probed(arena, path);
    for (int64_t at_us = 0; at_us < source.duration_us; at_us += 400 * 1000) {
        struct kn_video_options options = small_grey;
        options.start_us = at_us;
        KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
        struct seen seen = {0};
        if (!read_next(reader, &seen))
            fail_msg("nothing from %lld on", (long long)at_us);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_span_ends_before_its_end(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "google_paris_office.mp4"));
    struct kn_video_options options = small_grey;
    options.start_us = 10 * KN_US_PER_S;
    options.end_us = 11 * KN_US_PER_S;
    struct seen_list list = read_all(&source, &options);
    assert_true(list.at[0].at_us <= options.start_us);
    assert_true(list.at[1].at_us > options.start_us);
    assert_true(kn_vec_last(&list)->at_us < options.end_us);
    assert_true(list.count == 30 || list.count == 31);
    kn_vec_free(&list);

    options.start_us = options.end_us = 40 * KN_US_PER_S; /* nothing, but the one on show */
    list = read_all(&source, &options);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.at[0].at_us, 35068200);
    kn_vec_free(&list);
    kn_arena_free(arena);
}

static void fewer_pictures_are_the_same_pictures(void **state)
{
    (void)state;
    static const char *const names[] = {"google_paris_office.mp4", "latentsync1_vertical_hevc.mp4",
                                        "pathological/no_duration_vp9.webm"};
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, names[i]));
        const struct seen_list *all = all_of(arena, names[i]);
        for (int decode = KN_DECODE_REFERENCE; decode <= KN_DECODE_KEY; decode++) {
            struct kn_video_options options = small_grey;
            options.decode = (enum kn_decode)decode;
            struct seen_list fewer = read_all(&source, &options);
            int keys = 0;
            for (int k = 0; k < fewer.count; k++) {
                const struct seen *same = &all->at[on_show(all, fewer.at[k].at_us)];
                assert_int_equal(same->at_us, fewer.at[k].at_us);
                assert_true(same->print == fewer.at[k].print);
                keys += fewer.at[k].key;
            }
            int all_keys = 0;
            for (int k = 0; k < all->count; k++)
                all_keys += all->at[k].key;
            assert_int_equal(keys, all_keys);
            if (decode == KN_DECODE_KEY)
                assert_int_equal(fewer.count, all_keys);
            kn_vec_free(&fewer);
        }
    }
    kn_arena_free(arena);
}

static void steps_thin_out(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "nasa_multistream.mp4"));
    struct kn_video_options options = small_grey;
    options.step_us = 500 * 1000;
    struct seen_list list = read_all(&source, &options);
    assert_in_range(list.count, 24, 27);
    for (int i = 1; i < list.count; i++)
        assert_in_range(list.at[i].at_us - list.at[i - 1].at_us, 500000, 540000);
    kn_vec_free(&list);
    kn_arena_free(arena);
}

/* Key frames at or before: for sparse looks. */
static void key_frame_seeks_land_at_or_before(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct kn_video_options options = small_grey;
    options.decode = KN_DECODE_KEY;
    struct seen_list keys = read_all(&source, &options);
    KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
    for (int64_t at_us = source.duration_us; at_us >= 0; at_us -= 1700 * 1000) {
        struct seen seen = {0};
        assert_int_equal(kn_video_reader_seek(reader, at_us, NULL), KN_OK);
        assert_true(read_next(reader, &seen));
        const struct seen *right = &keys.at[on_show(&keys, at_us)];
        assert_int_equal(seen.at_us, right->at_us);
        assert_true(seen.print == right->print);
    }
    kn_vec_free(&keys);
    kn_arena_free(arena);
}

/* Key frames for what there is to see, and one picture soon after each for how it moves. */
static void key_frames_come_with_a_picture_soon_after(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int keys;
    } cases[] = {{"autoeditor_example.mp4", 22},
                 {"google_paris_office.mp4", 15},
                 {"nasa_multistream.mp4", 2}};
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        const struct seen_list *all = all_of(arena, cases[i].name);
        struct kn_video_options options = small_grey;
        options.decode = KN_DECODE_KEY;
        options.step_us = KN_US_PER_S;
        options.also_us = 100 * 1000;
        struct seen_list pairs = read_all(&source, &options);
        int keys = 0;
        for (int k = 0; k < pairs.count; k++) {
            const struct seen *same = &all->at[on_show(all, pairs.at[k].at_us)];
            assert_int_equal(same->at_us, pairs.at[k].at_us);
            assert_true(same->print == pairs.at[k].print);
            keys += pairs.at[k].key;
            if (k % 2)
                assert_in_range(pairs.at[k].at_us - pairs.at[k - 1].at_us, 100000, 300000);
            else
                assert_true(pairs.at[k].key);
        }
        assert_int_equal(keys, cases[i].keys);
        assert_in_range(pairs.count, keys * 2 - 1, keys * 2);
        kn_vec_free(&pairs);
    }
    kn_arena_free(arena);
}

/* What a reader's chooser heard, and what it answers from `all_from_us` on. */
struct chooser {
    int heard, keys;
    int64_t bytes, all_from_us;
};

static enum kn_decode choose(void *arg, const struct kn_coded *coded)
{
    struct chooser *chooser = arg;
    chooser->heard++;
    chooser->keys += coded->key;
    chooser->bytes += coded->bytes;
    return coded->at_us >= chooser->all_from_us ? KN_DECODE_ALL : KN_DECODE_REFERENCE;
}

static void a_chooser_hears_of_every_packet_and_decides(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct chooser chooser = {.all_from_us = 20 * KN_US_PER_S};
    struct kn_video_options options = small_grey;
    options.choose = choose;
    options.choose_arg = &chooser;
    struct seen_list list = read_all(&source, &options);
    assert_int_equal(chooser.heard, 1272);
    assert_int_equal(chooser.keys, 22);
    assert_in_range(chooser.bytes, 1000000, 3022780);
    int before = on_show(&list, chooser.all_from_us);
    assert_in_range(before, 300, 400); /* of 600 */
    assert_int_equal(list.count - before, 672);
    kn_vec_free(&list);
    kn_arena_free(arena);
}

/* ---- shape and colour ---- */

/* The mean of one channel over a part of the picture, the part in shares of 1/8. */
static double mean_of(const struct kn_picture *picture, int channel, int x8, int y8)
{
    int bytes = picture->pixels == KN_PIXELS_RGB24 ? 3 : 1;
    int64_t sum = 0;
    int count = 0;
    for (int y = picture->height_px * y8 / 8; y < picture->height_px * (y8 + 1) / 8; y++)
        for (int x = picture->width_px * x8 / 8; x < picture->width_px * (x8 + 1) / 8; x++) {
            sum += picture->planes[0][(ptrdiff_t)y * picture->strides[0] + x * bytes + channel];
            count++;
        }
    return (double)sum / count;
}

/* A picture with red in its upper left quarter, green to its right, blue below and white. */
#define QUARTERS                                                                                   \
    "color=red:size=%dx%d:rate=10:duration=1,format=rgb24[a];"                                     \
    "color=lime:size=%dx%d:rate=10:duration=1,format=rgb24[b];"                                    \
    "color=blue:size=%dx%d:rate=10:duration=1,format=rgb24[c];"                                    \
    "color=white:size=%dx%d:rate=10:duration=1,format=rgb24[d];"                                   \
    "[a][b]hstack[e];[c][d]hstack[f];[e][f]vstack"

static const char *quarters(struct kn_arena *arena, int width, int height)
{
    return kn_arena_printf(arena, QUARTERS, width, height, width, height, width, height, width,
                           height);
}

static void expect_colours(const struct kn_picture *picture, const int order[4], const char *what)
{
    static const int rgb[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
    for (int q = 0; q < 4; q++)
        for (int c = 0; c < 3; c++) {
            double got = mean_of(picture, c, q % 2 ? 6 : 1, q / 2 ? 6 : 1);
            if (fabs(got - rgb[order[q]][c]) > 6)
                fail_msg("%s: channel %d of quarter %d is %.1f", what, c, q, got);
        }
}

static void expect_yuv(const struct kn_picture *picture, const int order[4], const char *what)
{
    /* BT.709, limited range: red, green, blue, white. */
    static const int yuv[4][3] = {{63, 102, 240}, {173, 42, 26}, {32, 240, 118}, {235, 128, 128}};
    for (int q = 0; q < 4; q++)
        for (int p = 0; p < 3; p++) {
            int width = p ? picture->width_px / 2 : picture->width_px;
            int height = p ? picture->height_px / 2 : picture->height_px;
            int x = width * (q % 2 ? 6 : 2) / 8, y = height * (q / 2 ? 6 : 2) / 8;
            int got = picture->planes[p][(ptrdiff_t)y * picture->strides[p] + x];
            int right = yuv[order[q]][p];
            if (abs(got - right) > 4)
                fail_msg("%s: plane %d of quarter %d is %d, not %d", what, p, q, got, right);
        }
}

/* Whatever the coding, the same picture comes out. */
static void colours_become_bt709_limited(void **state)
{
    (void)state;
    static const struct {
        const char *name, *coding;
        int width, height;
    } cases[] = {
        {"hd709.mp4",
         "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p -colorspace bt709 -c:v "
         "libx264",
         640, 360},
        {"untagged_hd.mp4", "-vf scale=out_color_matrix=bt709,format=yuv420p -c:v libx264", 640,
         360},
        {"untagged_sd.mp4", "-vf scale=out_color_matrix=bt601,format=yuv420p -c:v libx264", 160,
         120},
        {"full.mp4",
         "-vf scale=out_color_matrix=bt709:out_range=pc,format=yuvj420p -colorspace bt709 -c:v "
         "libx264",
         640, 360},
        {"ten.mp4",
         "-vf scale=out_color_matrix=bt709,format=yuv420p10le -colorspace bt709 -c:v libx264", 640,
         360},
        {"s422.mp4",
         "-vf scale=out_color_matrix=bt709,format=yuv422p -colorspace bt709 -c:v libx264", 640,
         360},
        {"s444.mp4",
         "-vf scale=out_color_matrix=bt601,format=yuv444p -colorspace smpte170m -c:v libx264", 640,
         360},
        {"rgb.mp4", "-pix_fmt rgb24 -c:v libx264rgb", 320, 180},
        {"odd444.mkv",
         "-vf scale=out_color_matrix=bt709,format=yuv444p -colorspace bt709 -c:v ffv1", 321, 181},
        {"bgra.avi", "-pix_fmt bgra -c:v rawvideo", 64, 64},
        {"pal8.avi", "-pix_fmt pal8 -c:v rawvideo", 64, 64},
        {"gif.gif", "", 64, 64},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *path = kn_path_join(arena, folder, cases[i].name);
        make_media("-f lavfi -i %s %s %s", quarters(arena, cases[i].width, cases[i].height),
                   cases[i].coding, path);
        struct kn_source source = probed(arena, path);
        struct kn_picture picture = {0};
        struct kn_error err = {0};

        struct kn_video_options options = {.end_us = -1, .pixels = KN_PIXELS_YUV420P};
        struct kn_video_reader *reader = opened(&source, &options);
        if (kn_video_reader_read(reader, &picture, &err) != KN_OK)
            fail_msg("%s: %s", cases[i].name, kn_error_text(&err));
        assert_int_equal(picture.width_px, cases[i].width * 2);
        assert_int_equal(picture.height_px, cases[i].height * 2);
        expect_yuv(&picture, (int[4]){0, 1, 2, 3}, cases[i].name);
        kn_picture_clear(&picture);
        kn_video_reader_close(reader);

        options = (struct kn_video_options){
            .end_us = -1, .pixels = KN_PIXELS_RGB24, .width_px = 64, .height_px = 64};
        reader = opened(&source, &options);
        if (kn_video_reader_read(reader, &picture, &err) != KN_OK)
            fail_msg("%s: %s", cases[i].name, kn_error_text(&err));
        expect_colours(&picture, (int[4]){0, 1, 2, 3}, cases[i].name);
        kn_picture_clear(&picture);

        const struct kn_view grey = {.pixels = KN_PIXELS_GRAY8, .width_px = 64, .height_px = 64};
        assert_int_equal(kn_video_reader_view(reader, &grey, &picture, &err), KN_OK);
        assert_in_range(mean_of(&picture, 0, 6, 6), 250, 255);
        assert_in_range(mean_of(&picture, 0, 1, 6), 14, 34);
        kn_picture_clear(&picture);

        const struct kn_view corner = {.pixels = KN_PIXELS_RGB24,
                                       .width_px = 40,
                                       .height_px = 40,
                                       .x = 0.6f,
                                       .y = -0.1f,
                                       .width = 0.3f,
                                       .height = 0.5f};
        assert_int_equal(kn_video_reader_view(reader, &corner, &picture, &err), KN_OK);
        for (int p = 0; p < 8; p++) {
            assert_in_range(mean_of(&picture, 0, p, 7 - p), 0, 6);
            assert_in_range(mean_of(&picture, 1, p, p), 249, 255);
        }
        kn_picture_clear(&picture);
        kn_video_reader_close(reader);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Whatever the container says of a turn is in the source; here it is set by hand. */
static void turned_pictures_come_upright(void **state)
{
    (void)state;
    /* Which colour (of red, green, blue, white) is in which quarter after a clockwise turn. */
    static const struct {
        int turn;
        int order[4];
    } cases[] = {{0, {0, 1, 2, 3}}, {90, {2, 0, 3, 1}}, {180, {3, 2, 1, 0}}, {270, {1, 3, 0, 2}}};
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "flat.mp4");
    make_media("-f lavfi -i %s -vf scale=out_color_matrix=bt709,format=yuv420p -colorspace bt709 "
               "-c:v libx264 %s",
               quarters(arena, 160, 100), path);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, path);
        bool lying = cases[i].turn % 180 == 90;
        source.rotation_deg = cases[i].turn;
        source.width_px = lying ? 200 : 320;
        source.height_px = lying ? 320 : 200;
        struct kn_picture picture = {0};

        struct kn_video_options options = {.end_us = -1, .pixels = KN_PIXELS_YUV420P};
        struct kn_video_reader *reader = opened(&source, &options);
        assert_int_equal(kn_video_reader_read(reader, &picture, NULL), KN_OK);
        assert_int_equal(picture.width_px, source.width_px);
        assert_int_equal(picture.height_px, source.height_px);
        expect_yuv(&picture, cases[i].order, "full size");
        kn_picture_clear(&picture);
        kn_video_reader_close(reader);

        options = (struct kn_video_options){.end_us = -1,
                                            .pixels = KN_PIXELS_RGB24,
                                            .width_px = 128,
                                            .height_px = 128,
                                            .letterbox = true};
        reader = opened(&source, &options);
        assert_int_equal(kn_video_reader_read(reader, &picture, NULL), KN_OK);
        int x, y, width, height;
        kn_letterbox(source.width_px, source.height_px, 128, 128, &x, &y, &width, &height);
        assert_int_equal(lying ? height : width, 128);
        assert_int_equal(lying ? width : height, 80);
        struct kn_picture content = picture;
        content.planes[0] += (ptrdiff_t)y * picture.strides[0] + x * 3;
        content.width_px = width;
        content.height_px = height;
        expect_colours(&content, cases[i].order, "letterboxed");
        assert_int_equal(picture.planes[0][0], 0); /* the bars are black */
        kn_picture_clear(&picture);

        /* Parts are parts of the upright picture. */
        for (int q = 0; q < 4; q++) {
            const struct kn_view part = {.pixels = KN_PIXELS_RGB24,
                                         .width_px = 32,
                                         .height_px = 32,
                                         .x = q % 2 ? 0.55f : 0.05f,
                                         .y = q / 2 ? 0.55f : 0.05f,
                                         .width = 0.4f,
                                         .height = 0.4f};
            assert_int_equal(kn_video_reader_view(reader, &part, &picture, NULL), KN_OK);
            int colour = cases[i].order[q];
            expect_colours(&picture, (int[4]){colour, colour, colour, colour}, "part");
            kn_picture_clear(&picture);
        }
        kn_video_reader_close(reader);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void stretched_pixels_are_put_right_in_small_pictures(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "pathological/sar_2x1_noaudio.mp4"));
    struct kn_video_options options = {.end_us = 1,
                                       .pixels = KN_PIXELS_GRAY8,
                                       .width_px = 256,
                                       .height_px = 256,
                                       .letterbox = true};
    KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
    struct kn_picture picture = {0};
    assert_int_equal(kn_video_reader_read(reader, &picture, NULL), KN_OK);
    /* 1280x360 as seen: bars above and below of (256 - 72) / 2 rows. */
    int top = 0, bottom = 0;
    for (int x = 0; x < 256; x++) {
        top += picture.planes[0][91 * picture.strides[0] + x];
        bottom += picture.planes[0][164 * picture.strides[0] + x];
        assert_int_equal(picture.planes[0][90 * picture.strides[0] + x], 0);
    }
    assert_int_equal(top + bottom, 0);
    assert_true(mean_of(&picture, 0, 4, 4) > 20);
    kn_picture_clear(&picture);
    kn_arena_free(arena);
}

/* How much neighbouring rows differ beyond what rows two apart do: the teeth of a comb. */
static double combing(const struct kn_picture *picture)
{
    int64_t sum = 0;
    for (int y = 2; y < picture->height_px; y++)
        for (int x = 0; x < picture->width_px; x++) {
            const uint8_t *at = picture->planes[0] + (ptrdiff_t)y * picture->strides[0] + x;
            int near = abs(at[0] - at[-picture->strides[0]]);
            int far = abs(at[0] - at[-2 * picture->strides[0]]);
            sum += near > far ? near - far : 0;
        }
    return (double)sum / (picture->width_px * picture->height_px);
}

static void interlaced_pictures_are_made_whole(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "interlaced.mp4");
    make_media("-f lavfi -i testsrc2=size=320x240:rate=50:duration=2,scroll=h=0.02,interlace "
               "-c:v libx264 -flags +ilme+ildct -crf 10 -pix_fmt yuv420p %s",
               path);
    struct kn_source source = probed(arena, path);
    assert_true(source.interlaced);
    double worst[2] = {0};
    for (int deinterlaced = 0; deinterlaced < 2; deinterlaced++) {
        /* Small pictures of the same size come as they are coded. */
        struct kn_video_options options = {.end_us = -1, .pixels = KN_PIXELS_YUV420P};
        if (!deinterlaced)
            options = (struct kn_video_options){
                .end_us = -1, .pixels = KN_PIXELS_GRAY8, .width_px = 320, .height_px = 240};
        KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
        struct kn_picture picture = {0};
        int count = 0;
        int64_t last_us = -1;
        while (kn_video_reader_read(reader, &picture, NULL) == KN_OK) {
            assert_true(picture.at_us > last_us);
            last_us = picture.at_us;
            worst[deinterlaced] = KN_MAX(worst[deinterlaced], combing(&picture));
            kn_picture_clear(&picture);
            count++;
        }
        assert_int_equal(count, 50);
        assert_int_equal(last_us, 1960000);
    }
    if (worst[1] > worst[0] / 2)
        fail_msg("combing was %.2f and is %.2f", worst[0], worst[1]);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* The decoder keeps the pictures that others depend on, so those that it shares with the reader
 * can't be written to, where copies could. */
static void plain_pictures_are_not_copied(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct kn_video_options options = {.end_us = KN_US_PER_S, .pixels = KN_PIXELS_YUV420P};
    KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
    struct kn_picture picture = {0};
    int count = 0, shared = 0;
    for (; kn_video_reader_read(reader, &picture, NULL) == KN_OK; count++) {
        shared += !av_frame_is_writable(picture.frame);
        kn_picture_clear(&picture);
    }
    assert_true(count > 20);
    if (shared < count / 2)
        fail_msg("of %d pictures %d are the decoder's own", count, shared);
    kn_arena_free(arena);
}

/* ---- damage ---- */

static void damaged_packets_are_passed_over_and_counted(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *path = corpus_file(arena, "autoeditor_example.mp4");
    const char *folder = temp_folder(arena);
    const char *broken = kn_path_join(arena, folder, "broken.mp4");
    char *data;
    size_t size;
    assert_int_equal(kn_file_read(path, 64 << 20, &data, &size, NULL), KN_OK);
    memset(data + size / 3, 0x55, size / 10);
    assert_int_equal(kn_file_write(broken, data, size, NULL), KN_OK);
    free(data);
    struct kn_source source = probed(arena, broken);
    struct kn_video_options options = small_grey;
    KN_SCOPED(kn_video_reader) reader = opened(&source, &options);
    struct seen seen = {0};
    int count = 0;
    while (read_next(reader, &seen))
        count++;
    assert_true(kn_video_reader_damaged(reader) > 10);
    assert_true(count > 1272 * 8 / 10);
    assert_true(seen.at_us > 42 * KN_US_PER_S); /* it goes on behind the damage */
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

struct stopper {
    struct kn_cancel *cancel;
    int left; /* packets until it stops */
};

static enum kn_decode stop_soon(void *arg, const struct kn_coded *coded)
{
    struct stopper *stopper = arg;
    (void)coded;
    if (--stopper->left == 0)
        kn_cancel_trigger(stopper->cancel);
    assert_true(stopper->left >= 0); /* no packet after that */
    return KN_DECODE_ALL;
}

/* One call that leads through hundreds of pictures: to a start far from its key frame, or to the
 * next key frame. */
static void a_stop_is_seen_inside_one_call(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=160x90:r=25:d=12 -g 1000 -c:v libx264 -preset ultrafast %s",
               path);
    struct kn_source source = probed(arena, path);
    static const struct {
        int64_t start_us, step_us;
    } cases[] = {{11000000, 0}, {0, 11000000}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct stopper stopper = {kn_cancel_new(NULL), 100};
        const struct kn_video_options options = {
            .start_us = cases[i].start_us,
            .end_us = -1,
            .step_us = cases[i].step_us,
            .choose = stop_soon,
            .choose_arg = &stopper,
            .cancel = stopper.cancel,
            .pixels = KN_PIXELS_YUV420P,
        };
        KN_SCOPED(kn_video_reader) reader = NULL;
        struct kn_picture picture = {0};
        struct kn_error err = {0};
        enum kn_status status = KN_OK;
        assert_int_equal(kn_video_reader_open(&source, &options, &reader, &err), KN_OK);
        for (int read = 0; read < 2 && status == KN_OK; read++) {
            kn_picture_clear(&picture);
            status = kn_video_reader_read(reader, &picture, &err);
        }
        kn_picture_clear(&picture);
        assert_int_equal(status, KN_CANCELLED);
        kn_cancel_free(stopper.cancel);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_cut_off_file_gives_what_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {"cut.mkv", "cut.ts", "cut.mp4"};
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        const char *path = kn_path_join(arena, folder, names[i]);
        make_media("-f lavfi -i testsrc2=size=320x240:rate=25:duration=8 -c:v libx264 -g 25 "
                   "-movflags +faststart %s",
                   path);
        assert_int_equal(truncate(path, kn_file_size(path) / 2), 0);
        struct kn_source source = probed(arena, path);
        struct seen_list list = read_all(&source, &small_grey);
        assert_in_range(list.count, 60, 150);
        kn_vec_free(&list);
        struct kn_video_options options = small_grey; /* beyond what is there: the last one */
        options.start_us = 7 * KN_US_PER_S;
        list = read_all(&source, &options);
        assert_in_range(list.count, 0, 1);
        kn_vec_free(&list);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_file_that_went_away_is_said_plainly(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source = probed(arena, corpus_file(arena, "nasa_multistream.mp4"));
    struct kn_video_reader *reader = NULL;
    struct kn_error err = {0};
    source.path = "gone.mp4";
    assert_int_equal(kn_video_reader_open(&source, &small_grey, &reader, &err), KN_NOT_FOUND);
    assert_null(reader);
    assert_non_null(strstr(kn_error_text(&err), "gone.mp4"));
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_picture_comes_once_at_its_time),
        cmocka_unit_test(seeks_are_exact_in_real_files),
        cmocka_unit_test(seeks_are_exact_in_made_files),
        cmocka_unit_test(a_start_among_packets_without_times_is_found),
        cmocka_unit_test(a_span_ends_before_its_end),
        cmocka_unit_test(fewer_pictures_are_the_same_pictures),
        cmocka_unit_test(steps_thin_out),
        cmocka_unit_test(key_frame_seeks_land_at_or_before),
        cmocka_unit_test(key_frames_come_with_a_picture_soon_after),
        cmocka_unit_test(a_chooser_hears_of_every_packet_and_decides),
        cmocka_unit_test(colours_become_bt709_limited),
        cmocka_unit_test(turned_pictures_come_upright),
        cmocka_unit_test(stretched_pixels_are_put_right_in_small_pictures),
        cmocka_unit_test(interlaced_pictures_are_made_whole),
        cmocka_unit_test(plain_pictures_are_not_copied),
        cmocka_unit_test(damaged_packets_are_passed_over_and_counted),
        cmocka_unit_test(a_stop_is_seen_inside_one_call),
        cmocka_unit_test(a_cut_off_file_gives_what_is_there),
        cmocka_unit_test(a_file_that_went_away_is_said_plainly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
