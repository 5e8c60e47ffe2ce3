/* What a rendition is to be, and what comes out. */
#include "support/media.h"

#include <math.h>

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>

#include "base/clock.h"
#include "media/audio_reader.h"
#include "media/video_reader.h"
#include "pipeline/post_facts.h"
#include "pipeline/rendition.h"

/* As X has them, and a rate and bits such as Instagram's. */
static const struct kn_media_rules rules = {
    .bytes_max = 300000000,
    .width_min_px = 32,
    .width_max_px = 1280,
    .height_min_px = 32,
    .height_max_px = 1280,
    .aspect_min = 1.0 / 3,
    .aspect_max = 3,
    .fps_min = 23,
    .fps_max = 60,
    .containers = (const char *const[]){"mp4", "mov", NULL},
    .video_codecs = (const char *const[]){"h264", NULL},
    .audio_codecs = (const char *const[]){"aac", NULL},
    .audio_rate_max = 48000,
    .audio_channels_max = 2,
    .video_bits_a_second_max = 25000000,
    .index_first = true,
    .no_edit_lists = true,
};
static const struct kn_platform platform = {.name = "strict", .label = "Strict", .media = &rules};

/* ---- the target ---- */

static void sizes_keep_their_shape(void **state)
{
    (void)state;
    static const struct {
        int width_px, height_px, want_width_px, want_height_px;
    } cases[] = {
        {1080, 1920, 720, 1280},  {1920, 1080, 1280, 720},
        {1080, 1080, 1080, 1080}, {4096, 4096, 1280, 1280},
        {1080, 1350, 1024, 1280}, {641, 361, 642, 362}, /* odd */
        {1279, 719, 1280, 720},   {1281, 719, 1280, 718},
        {1301, 77, 1280, 76},   /* beyond 3:1 from the start: not ours to mend */
        {640, 1920, 426, 1278}, /* 1:3 exactly: even sides may not make it narrower */
        {1920, 640, 1278, 426},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_media_facts facts = {.width_px = cases[i].width_px,
                                             .height_px = cases[i].height_px,
                                             .fps = 30,
                                             .duration_us = 10 * KN_US_PER_S};
        struct kn_rendition_target target = kn_rendition_target_of(&facts, &rules);
        if (target.width_px != cases[i].want_width_px ||
            target.height_px != cases[i].want_height_px)
            fail_msg("%dx%d: %dx%d", cases[i].width_px, cases[i].height_px, target.width_px,
                     target.height_px);
    }
}

static void rates_are_kept_where_they_may(void **state)
{
    (void)state;
    static const struct {
        int num, den;
        bool variable;
        double fps_min, fps_max;
        int want_num, want_den;
    } cases[] = {
        {30, 1, false, 23, 60, 30, 1},
        {60, 1, false, 23, 60, 60, 1},
        {60000, 1001, false, 23, 60, 60000, 1001},
        {24000, 1001, false, 23, 60, 24000, 1001},
        {120, 1, false, 23, 60, 60, 1},
        {120000, 1001, false, 23, 60, 60000, 1001},
        {90, 1, false, 23, 60, 45, 1},
        {70, 1, false, 23, 60, 60, 1}, /* 35 would be too far below */
        {50, 1, false, 23, 30, 25, 1},
        {15, 1, false, 23, 60, 30, 1},
        {10, 1, false, 23, 60, 40, 1},
        {20, 1, false, 23, 30, 30, 1}, /* 40 would be too much */
        {120, 1, false, 0, 0, 120, 1},
        {19, 1, true, 23, 60, 30, 1},
        {41, 1, true, 23, 60, 41, 1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_source source = {.has_video = true,
                                         .frame_rate = {cases[i].num, cases[i].den},
                                         .variable_rate = cases[i].variable};
        const struct kn_media_rules limits = {.fps_min = cases[i].fps_min,
                                              .fps_max = cases[i].fps_max};
        const struct kn_media_facts facts = {.width_px = 100,
                                             .height_px = 100,
                                             .fps = (double)cases[i].num / cases[i].den,
                                             .duration_us = KN_US_PER_S};
        struct kn_rendition_target target = kn_rendition_target_of(&facts, &limits);
        struct kn_rational rate = kn_rendition_rate(&source, &target);
        if (rate.num * cases[i].want_den != rate.den * cases[i].want_num)
            fail_msg("case %zu: %d/%d", i, rate.num, rate.den);
    }
}

static void bits_follow_from_the_narrowest_limit(void **state)
{
    (void)state;
    struct kn_media_facts facts = {
        .width_px = 100, .height_px = 100, .fps = 30, .duration_us = 100 * KN_US_PER_S};
    struct kn_media_rules limits = {0};
    assert_int_equal(kn_rendition_target_of(&facts, &limits).bits_a_second, 25000000);
    limits.video_bits_a_second_max = 9000000;
    assert_int_equal(kn_rendition_target_of(&facts, &limits).bits_a_second, 9000000);
    limits.bytes_max = 50000000;
    assert_int_equal(kn_rendition_target_of(&facts, &limits).bits_a_second, 4000000);
}

/* ---- what comes out ---- */

struct trial {
    struct kn_arena *arena;
    const char *folder, *path;
    struct kn_media_facts before, after;
    struct kn_rendition_order order;
};

static void begin(struct trial *trial)
{
    *trial = (struct trial){.arena = kn_arena_new()};
    trial->folder = temp_folder(trial->arena);
    trial->path = kn_path_join(trial->arena, trial->folder, "rendition.mp4");
}

static void end(struct trial *trial)
{
    temp_folder_remove(trial->folder);
    kn_arena_free(trial->arena);
}

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(err));
}

static void order_for(struct trial *trial, const char *clip, const struct kn_media_rules *limits)
{
    struct kn_error err = {0};
    struct kn_file_identity identity;
    must(kn_post_facts(clip, trial->arena, NULL, &trial->before, &err), &err);
    must(kn_file_identify(clip, &identity, &err), &err);
    trial->order = (struct kn_rendition_order){
        .clip_path = clip,
        .bytes = identity.size_bytes,
        .modified_us = identity.changed_s * KN_US_PER_S + identity.changed_ns / 1000,
        .target = kn_rendition_target_of(&trial->before, limits),
        .path = trial->path,
        .threads = 2,
    };
}

/* Makes it of a clip, and finds every rule met. */
static void make(struct trial *trial, const char *clip)
{
    struct kn_error err = {0};
    order_for(trial, clip, &rules);
    if (kn_rendition_make(&trial->order, NULL, NULL, &err) != KN_OK)
        fail_msg("%s: %s", clip, kn_error_text(&err));
    must(kn_post_facts(trial->path, trial->arena, NULL, &trial->after, &err), &err);
    const struct kn_finding *findings;
    const struct kn_preflight asked = {
        .platform = &platform,
        .facts = &trial->after,
        .text = &(struct kn_post_text){.title = "", .caption = ""},
        .options = &(struct kn_post_options){.cover_us = -1},
    };
    if (kn_preflight(&asked, trial->arena, &findings))
        fail_msg("%s", findings[0].text);
}

/* Made by ffmpeg with these arguments, in the folder. */
static const char *clip_of(const struct trial *trial, const char *name, const char *arguments)
{
    const char *path = kn_path_join(trial->arena, trial->folder, name);
    make_media("%s %s", arguments, path);
    return path;
}

#define PICTURES(size, rate, seconds) "-f lavfi -i testsrc=s=" size ":r=" rate ":d=" seconds " "
#define TONE(seconds)                 "-f lavfi -i sine=f=440:r=44100:d=" seconds " "
#define QUICK                         "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -c:a aac "

static void an_upright_clip_becomes_smaller_and_stays_whole(void **state)
{
    (void)state;
    struct trial trial;
    begin(&trial);
    make(&trial, clip_of(&trial, "clip.mp4", PICTURES("1080x1920", "30", "0.5") TONE("0.5") QUICK));
    assert_int_equal(trial.after.width_px, 720);
    assert_int_equal(trial.after.height_px, 1280);
    assert_true(fabs(trial.after.fps - 30) < 0.001);
    assert_in_range(trial.after.duration_us, 499000, 501000);
    assert_string_equal(trial.after.audio_codec, "aac");
    assert_int_equal(trial.after.audio_channels, 2);
    assert_int_equal(count_files(trial.folder), 2);
    end(&trial);
}

static void rates_codecs_and_depths_are_put_right(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        int width_px, height_px;
        double fps;
    } cases[] = {
        {"fast.mp4", PICTURES("160x90", "120", "0.5") TONE("0.5") QUICK, 160, 90, 60},
        {"slow.mp4", PICTURES("160x90", "10", "1") QUICK, 160, 90, 40},
        {"odd.mkv", PICTURES("161x91", "25", "0.4") TONE("0.4") "-c:v ffv1 -c:a flac ", 162, 92,
         25},
        {"hdr.mkv",
         PICTURES("160x284", "25", "0.4") "-vf format=yuv420p10le,setparams=color_primaries=bt2020:"
                                          "color_trc=smpte2084:colorspace=bt2020nc -c:v ffv1 ",
         160, 284, 25},
        {"5.1.mkv",
         PICTURES("160x90", "25", "0.4") TONE("0.4") "-ac 6 -ar 96000 -c:v ffv1 -c:a flac ", 160,
         90, 25},
        {"late.mp4", PICTURES("160x90", "30", "0.5") TONE("0.5") QUICK "-movflags -faststart ", 160,
         90, 30},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct trial trial;
        begin(&trial);
        make(&trial, clip_of(&trial, cases[i].name, cases[i].arguments));
        struct kn_source source = probed(trial.arena, trial.path);
        if (trial.after.width_px != cases[i].width_px ||
            trial.after.height_px != cases[i].height_px ||
            fabs(trial.after.fps - cases[i].fps) > 0.001 ||
            llabs(trial.after.duration_us - trial.before.duration_us) > 60000)
            fail_msg("%s: %dx%d, %g, %lld us of %lld", cases[i].name, trial.after.width_px,
                     trial.after.height_px, trial.after.fps, (long long)trial.after.duration_us,
                     (long long)trial.before.duration_us);
        assert_string_equal(source.pixel_format, "yuv420p");
        assert_false(source.hdr);
        assert_true(source.has_audio); /* silence where there was none */
        end(&trial);
    }
}

/* The time from which on it is bright, and the one from which on it is loud, in microseconds. */
static void when_it_begins(const char *path, struct kn_arena *arena, int64_t *ret_seen_us,
                           int64_t *ret_heard_us)
{
    struct kn_source source = probed(arena, path);
    struct kn_error err = {0};
    KN_SCOPED(kn_video_reader) pictures = NULL;
    KN_SCOPED(kn_audio_reader) sound = NULL;
    const struct kn_video_options grey = {
        .end_us = -1, .pixels = KN_PIXELS_GRAY8, .width_px = 16, .height_px = 16};
    must(kn_video_reader_open(&source, &grey, &pictures, &err), &err);
    *ret_seen_us = *ret_heard_us = -1;
    for (struct kn_picture picture = {0}; *ret_seen_us < 0; kn_picture_clear(&picture)) {
        must(kn_video_reader_read(pictures, &picture, &err), &err);
        if (picture.planes[0][8 * picture.strides[0] + 8] > 128)
            *ret_seen_us = picture.at_us;
    }
    must(kn_audio_reader_open(&source, &(struct kn_audio_format){48000, 1}, 0, -1, &sound, &err),
         &err);
    for (int64_t at = 0; *ret_heard_us < 0;) {
        float samples[480];
        int got;
        must(kn_audio_reader_read(sound, samples, 480, &got, &err), &err);
        for (int i = 0; i < got && *ret_heard_us < 0; i++)
            if (fabsf(samples[i]) > 0.1F)
                *ret_heard_us = (at + i) * KN_US_PER_S / 48000;
        at += got;
    }
}

static void sound_and_pictures_stay_together(void **state)
{
    (void)state;
    struct trial trial;
    int64_t seen_us, heard_us;
    begin(&trial);
    make(&trial,
         clip_of(&trial, "clip.mp4",
                 "-f lavfi -i color=black:s=160x90:r=120:d=0.5 "
                 "-f lavfi -i color=white:s=160x90:r=120:d=0.5 "
                 "-f lavfi -i aevalsrc=gte(t\\,0.5)*0.5*sin(2*PI*1000*t):s=48000:d=1 "
                 "-filter_complex [0:v][1:v]concat -pix_fmt yuv420p -c:v libx264 -bf 3 -c:a aac "));
    when_it_begins(trial.path, trial.arena, &seen_us, &heard_us);
    assert_in_range(seen_us, 499000, 501000);
    assert_in_range(heard_us, 495000, 502000); /* AAC rounds the edge off */
    end(&trial);
}

static void no_more_bits_than_allowed(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial);
    const char *clip =
        clip_of(&trial, "noise.mp4",
                PICTURES("320x568", "30", "3") "-vf noise=alls=80:allf=t -crf 20 " QUICK);
    struct kn_media_rules narrow = {.bytes_max = 340000};
    order_for(&trial, clip, &narrow);
    assert_true(trial.before.bytes > 4 * narrow.bytes_max);
    must(kn_rendition_make(&trial.order, NULL, NULL, &err), &err);
    assert_in_range(kn_file_size(trial.path), narrow.bytes_max / 2, narrow.bytes_max);

    narrow.bytes_max = 100000;
    order_for(&trial, clip, &narrow);
    assert_int_equal(kn_rendition_make(&trial.order, NULL, NULL, &err), KN_LIMIT);
    end(&trial);
}

/* ---- what goes wrong ---- */

struct stop {
    struct kn_cancel *cancel;
    int64_t at_us;
};

static void stop_in_the_middle(void *arg, const struct kn_progress_view *view)
{
    struct stop *stop = arg;
    if (view->fraction > 0.2 && !stop->at_us) {
        stop->at_us = kn_now_us();
        kn_cancel_trigger(stop->cancel);
    }
}

static void a_stop_leaves_nothing(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial);
    order_for(&trial, clip_of(&trial, "clip.mp4", PICTURES("640x360", "30", "4") TONE("4") QUICK),
              &rules);
    struct stop stop = {.cancel = kn_cancel_new(NULL)};
    struct kn_progress *progress = kn_progress_new("rendition");
    kn_progress_listen(progress, 1000, stop_in_the_middle, &stop);
    assert_int_equal(kn_rendition_make(&trial.order, stop.cancel, progress, &err), KN_CANCELLED);
    print_message("stopped after %.1f ms\n", (double)(kn_now_us() - stop.at_us) / 1e3);
    assert_int_equal(count_files(trial.folder), 1);
    kn_progress_free(progress);
    kn_cancel_free(stop.cancel);
    end(&trial);
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial);
    order_for(&trial, clip_of(&trial, "clip.mp4", PICTURES("160x90", "30", "1") TONE("1") QUICK),
              &rules);
    if (symlink("/dev/full", kn_file_part_path(trial.arena, trial.path)) == 0 &&
        kn_file_exists("/dev/full")) {
        assert_int_equal(kn_rendition_make(&trial.order, NULL, NULL, &err), KN_NO_SPACE);
        assert_int_equal(count_files(trial.folder), 1);
    }
    end(&trial);
}

static void another_clip_is_not_taken(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial);
    const char *clip = clip_of(&trial, "clip.mp4", PICTURES("160x90", "30", "0.2") QUICK);
    order_for(&trial, clip, &rules);
    trial.order.modified_us--;
    assert_int_equal(kn_rendition_make(&trial.order, NULL, NULL, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "clip.mp4 has changed"));
    assert_int_equal(count_files(trial.folder), 1);
    const char *sound = clip_of(&trial, "sound.mp4", TONE("0.2") QUICK);
    struct kn_file_identity identity;
    must(kn_file_identify(sound, &identity, &err), &err);
    trial.order.clip_path = sound;
    trial.order.bytes = identity.size_bytes;
    trial.order.modified_us = identity.changed_s * KN_US_PER_S + identity.changed_ns / 1000;
    assert_int_equal(kn_rendition_make(&trial.order, NULL, NULL, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "no pictures"));
    end(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_keep_their_shape),
        cmocka_unit_test(rates_are_kept_where_they_may),
        cmocka_unit_test(bits_follow_from_the_narrowest_limit),
        cmocka_unit_test(an_upright_clip_becomes_smaller_and_stays_whole),
        cmocka_unit_test(rates_codecs_and_depths_are_put_right),
        cmocka_unit_test(sound_and_pictures_stay_together),
        cmocka_unit_test(no_more_bits_than_allowed),
        cmocka_unit_test(a_stop_leaves_nothing),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(another_clip_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
