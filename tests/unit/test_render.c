/*
 * Renders as a whole, looked at from outside: with ffprobe where it is there, with kirinuki's own
 * readers for what is in the pictures and the sound.
 */
#include "support/media.h"

#include <math.h>

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>

#include "base/clock.h"
#include "clip/render.h"
#include "media/audio_reader.h"
#include "media/loudness.h"
#include "media/video_reader.h"

static const struct kn_render_settings quick = {
    .encoder = "libx264",
    .preset = "ultrafast",
    .crf = 28,
    .threads = 1,
    .loudness_lufs = -14.0,
    .true_peak_dbtp = -1.5,
    .max_rate_hz = 30,
};

static const char ass[] =
    "[Script Info]\nScriptType: v4.00+\nPlayResX: 1080\nPlayResY: 1920\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, MarginV\n"
    "Style: D,DejaVu Sans,90,&H00FFFFFF,2,400\n[Events]\nFormat: Start, End, Style, Text\n"
    "Dialogue: 0:00:00.00,0:00:09.00,D,Hello\n";

/* The middle of the source in the shape of `aspect`; all of it for FIT. */
static struct kn_framing middle(const struct kn_source *source, enum kn_aspect aspect,
                                enum kn_layout layout, struct kn_frame_key *key)
{
    int width_px, height_px;
    kn_aspect_size(aspect, &width_px, &height_px);
    double shape = (double)width_px / height_px;
    double w = source->width_px, h = source->height_px;
    double crop_w = layout == KN_LAYOUT_FIT ? w : fmin(w, h * shape);
    double crop_h = layout == KN_LAYOUT_FIT ? h : fmin(h, w / shape);
    *key = (struct kn_frame_key){.layout = layout,
                                 .pane_count = 1,
                                 .panes = {{(w - crop_w) / 2, (h - crop_h) / 2, crop_w, crop_h}}};
    return (struct kn_framing){aspect, 1, key};
}

struct rendering {
    struct kn_source source;
    struct kn_frame_key key;
    struct kn_framing framing;
    struct kn_render_target target;
    struct kn_render_request request;
    struct kn_render_report report;
};

static void prepare(struct rendering *r, const struct kn_source *source, int64_t start_us,
                    int64_t end_us, const char *path)
{
    *r = (struct rendering){.source = *source};
    r->framing = middle(source, KN_ASPECT_9_16, KN_LAYOUT_FILL, &r->key);
    r->target = (struct kn_render_target){.path = path, .framing = &r->framing, .ass = ass};
    r->request = (struct kn_render_request){.source = &r->source,
                                            .start_us = start_us,
                                            .end_us = end_us,
                                            .settings = &quick,
                                            .target_count = 1,
                                            .targets = &r->target,
                                            .title = "A title"};
}

static void must_render(struct rendering *r)
{
    struct kn_error err = {0};
    enum kn_status status = kn_render(&r->request, NULL, NULL, &r->report, &err);
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(&err));
}

/* All of a clip's sound, stereo; the caller frees it. */
static struct kn_sound_buffer read_sound(const struct kn_source *clip)
{
    KN_SCOPED(kn_audio_reader) reader = NULL;
    const struct kn_audio_format format = {48000, 2};
    struct kn_error err = {0};
    if (kn_audio_reader_open(clip, &format, 0, -1, &reader, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    struct kn_sound_buffer sound = {.channels = 2, .rate_hz = 48000};
    for (int got;; sound.count += got) {
        sound.samples = kn_realloc(sound.samples, (size_t)(sound.count + 4800) * 2, sizeof(float));
        if (kn_audio_reader_read(reader, sound.samples + sound.count * 2, 4800, &got, &err) !=
            KN_OK)
            break;
    }
    return sound;
}

/* Calls `see` with each picture, GRAY8 of 36x64. Returns how many there are. */
static int read_pictures(const struct kn_source *clip,
                         void (*see)(void *arg, const struct kn_picture *picture), void *arg)
{
    KN_SCOPED(kn_video_reader) reader = NULL;
    const struct kn_video_options options = {
        .end_us = -1, .pixels = KN_PIXELS_GRAY8, .width_px = 36, .height_px = 64};
    struct kn_error err = {0};
    if (kn_video_reader_open(clip, &options, &reader, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    struct kn_picture picture = {0};
    int count = 0;
    while (kn_video_reader_read(reader, &picture, &err) == KN_OK) {
        if (see)
            see(arg, &picture);
        count++;
        kn_picture_clear(&picture);
    }
    return count;
}

static void clips_of_real_sources_are_as_promised(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double start_s, end_s;
        const char *rate;
        bool loud_enough; /* -14 LUFS can be reached */
    } cases[] = {
        {"autoeditor_example.mp4", 3.21, 6.77, "30/1", true},
        {"google_paris_office.mp4", 5, 7.5, "30000/1001", true},
        {"latentsync1_vertical_hevc.mp4", 2, 3.6, "25/1", true},
        {"nasa_multistream.mp4", 0, 2, "30000/1001", true},
        {"bbb_nospeech_117s.mp4", 60, 61.5, "25/1", false},
        {"physicsworks_6ch_opus.webm", 20, 22.5, "30/1", true}, /* no pictures */
        {"pathological/iphone_hevc10_rot90_vfr_editlist.mp4", 0, 1.2, "30/1", false},
        {"pathological/pcm_sowt_50fps.mov", 0, 1.5, "25/1", true},
        {"pathological/sar_2x1_noaudio.mp4", 1, 2, "30/1", false},
        {"pathological/odd_size_518x488.mp4", 0, 1, "30000/1001", false},
        {"pathological/opencast_scene_change.mov", 3, 7, "76/5", false},
        {"pathological/no_duration_vp9.webm", 0.5, 2, "15000/1001", false},
        {"pathological/av1_hdr10_720x1280.mp4", 0, 0.8, "30000/1001", false},
        {"pathological/ts_starts_midpacket.ts", 1, 2, "30/1", false},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        struct rendering r;
        prepare(&r, &source, (int64_t)(cases[i].start_s * 1e6), (int64_t)(cases[i].end_s * 1e6),
                path);
        must_render(&r);
        assert_int_equal(count_files(folder), 1);
        struct kn_source clip = probed(arena, path);
        double frame_s = (double)r.report.frame_rate.den / r.report.frame_rate.num;
        double length_s = cases[i].end_s - cases[i].start_s;
        char rate[40];
        snprintf(rate, sizeof rate, "%d/%d", clip.frame_rate.num, clip.frame_rate.den);
        if (strcmp(rate, cases[i].rate) != 0 || clip.width_px != 1080 || clip.height_px != 1920 ||
            clip.variable_rate || fabs((double)clip.duration_us / 1e6 - length_s) > frame_s ||
            strcmp(clip.video_codec, "h264") != 0 || strcmp(clip.audio_codec, "aac") != 0 ||
            strcmp(clip.pixel_format, "yuv420p") != 0)
            fail_msg("%s: %s pictures a second, %dx%d %s, %lld us", cases[i].name, rate,
                     clip.width_px, clip.height_px, clip.pixel_format, (long long)clip.duration_us);
        assert_int_equal(read_pictures(&clip, NULL, NULL), r.report.frames);
        assert_int_equal(r.report.frames, lrint(length_s / frame_s));

        struct kn_sound_buffer sound = read_sound(&clip);
        struct kn_loudness loudness;
        kn_loudness_measure(&sound, &loudness);
        /* AAC gives the loudness back within a tenth; its louder peaks stay below what was asked.
         */
        if (fabs(loudness.integrated_lufs - r.report.loudness_lufs) > 0.3 ||
            loudness.true_peak_dbtp > -1.499 || r.report.true_peak_dbtp > -1.499 ||
            (cases[i].loud_enough && fabs(loudness.integrated_lufs + 14.0) > 0.6))
            fail_msg("%s: %.2f LUFS %.2f dBTP, reported %.2f %.2f", cases[i].name,
                     loudness.integrated_lufs, loudness.true_peak_dbtp, r.report.loudness_lufs,
                     r.report.true_peak_dbtp);
        assert_true(llabs(sound.count - clip.duration_us * 48 / 1000) < 1100);
        free(sound.samples);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* ---- time ----------------------------------------------------------------------------------- */

enum { MOMENTS_MAX = 64 };

struct moments {
    int count;
    double at_s[MOMENTS_MAX];
    bool lit;
};

static void see_flash(void *arg, const struct kn_picture *picture)
{
    struct moments *flashes = arg;
    bool lit = picture->planes[0][(ptrdiff_t)20 * picture->strides[0] + 18] > 128;
    if (lit && !flashes->lit && flashes->count < MOMENTS_MAX)
        flashes->at_s[flashes->count++] = (double)picture->at_us / 1e6;
    flashes->lit = lit;
}

static struct moments find_clicks(const struct kn_sound_buffer *sound)
{
    struct moments clicks = {0};
    int64_t quiet_since = -48000;
    for (int64_t i = 0; i < sound->count; i++) {
        if (fabsf(sound->samples[2 * i]) < 0.15f)
            continue;
        if (i - quiet_since > 24000 && clicks.count < MOMENTS_MAX)
            clicks.at_s[clicks.count++] = (double)i / 48000;
        quiet_since = i;
    }
    return clicks;
}

/* Both happen at full seconds of the source: 0.2 s long, so that every frame rate sees them. */
#define FLASH "drawbox=c=white:t=fill:enable='lt(mod(t+0.0001\\,1)\\,0.2)'"
#define CLICK "aevalsrc=exprs=0.7*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.05):s=48000:d=10"

static void pictures_and_sound_stay_together(void **state)
{
    (void)state;
    static const struct {
        const char *name, *video, *how;
        double start_s;
        double late_s; /* transport streams play the warm-up of AAC: all of it is that much late */
    } cases[] = {
        {"a.mp4", "color=black:s=180x320:r=30:d=10," FLASH, "-c:v libx264 -c:a aac", 2.5},
        {"b.mp4", "color=black:s=180x320:r=25:d=10," FLASH, "-c:v libx264 -c:a aac", 3.217},
        {"c.mkv", "color=black:s=180x320:r=30000/1001:d=10," FLASH, "-c:v libx264 -c:a libopus",
         1.9},
        {"d.mp4", "color=black:s=180x320:r=60:d=10," FLASH, "-c:v libx264 -c:a aac", 4.444},
        {"e.mp4", "color=black:s=180x320:r=50:d=10," FLASH, "-c:v libx264 -bf 0 -c:a aac", 0.3},
        {"f.ts", "color=black:s=180x320:r=24:d=10," FLASH, "-c:v libx264 -c:a aac", 2.75, 0.0214},
        /* Variable rate: a third of the pictures is missing, not at the flashes' beginnings. */
        {"g.mp4",
         "color=black:s=180x320:r=60:d=10," FLASH
         ",select='not(between(mod(t\\,1)\\,0.4\\,0.9)*mod(n\\,3))'",
         "-fps_mode vfr -c:v libx264 -c:a aac", 2.6},
        {"h.webm", "color=black:s=180x320:r=15:d=10," FLASH,
         "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis", 2.1},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *video = kn_path_join(arena, folder, cases[i].name);
        make_media("-f lavfi -i %s -f lavfi -i %s %s %s", cases[i].video, CLICK, cases[i].how,
                   video);
        struct kn_source source = probed(arena, video);
        struct rendering r;
        int64_t start_us = (int64_t)(cases[i].start_s * 1e6);
        prepare(&r, &source, start_us, start_us + 4500000, path);
        r.framing = middle(&source, KN_ASPECT_1_1, KN_LAYOUT_FILL, &r.key);
        must_render(&r);
        struct kn_source clip = probed(arena, path);
        struct moments flashes = {0};
        read_pictures(&clip, see_flash, &flashes);
        struct kn_sound_buffer sound = read_sound(&clip);
        struct moments clicks = find_clicks(&sound);
        double frame_s = (double)r.report.frame_rate.den / r.report.frame_rate.num;
        double first_s = 1.0 - fmod(cases[i].start_s, 1.0); /* of either, in the clip */
        int skip_flash = flashes.at_s[0] < 0.2 && first_s > 0.4;
        assert_true(clicks.count >= 4 && flashes.count - skip_flash >= 4);
        for (int k = 0; k < 4; k++) {
            double want_s = first_s + k + cases[i].late_s, flash_s = flashes.at_s[k + skip_flash];
            if (fabs(clicks.at_s[k] - want_s) > 0.005 ||
                fabs(flash_s - want_s) > frame_s / 2 + 0.002)
                fail_msg("%s at %d/%d: flash %.4f, click %.4f, expected %.4f", cases[i].name,
                         r.report.frame_rate.num, r.report.frame_rate.den, flash_s, clicks.at_s[k],
                         want_s);
        }
        free(sound.samples);
        assert_int_equal(unlink(video), 0);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void see_first(void *arg, const struct kn_picture *picture)
{
    struct {
        int count, first, last;
    } *seen = arg;
    int value = picture->planes[0][(ptrdiff_t)10 * picture->strides[0] + 18];
    if (seen->count++ == 0)
        seen->first = value;
    seen->last = value;
}

static void cuts_are_exact_to_the_picture(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *video = kn_path_join(arena, folder, "x.mp4");
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    /* Black until 2 s, white until 4 s, black again. */
    make_media("-f lavfi -i color=black:s=180x320:r=30000/1001:d=6,drawbox=c=white:t=fill:"
               "enable='between(n\\,60\\,119)' -c:v libx264 -g 250 %s",
               video);
    struct kn_source source = probed(arena, video);
    struct rendering r;
    prepare(&r, &source, 60 * 1001000 / 30, 120 * 1001000 / 30, path);
    r.target.ass = NULL;
    must_render(&r);
    assert_int_equal(r.report.frames, 60);
    struct kn_source clip = probed(arena, path);
    struct {
        int count, first, last;
    } seen = {0};
    read_pictures(&clip, see_first, &seen);
    assert_true(seen.count == 60 && seen.first > 200 && seen.last > 200);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* ---- several, and none ---------------------------------------------------------------------- */

static void several_aspects_come_from_one_render(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, corpus_file(arena, "nasa_multistream.mp4"));
    struct rendering r;
    prepare(&r, &source, 1000000, 3000000, "");
    struct kn_frame_key keys[KN_ASPECT_COUNT];
    struct kn_framing framings[KN_ASPECT_COUNT];
    struct kn_render_target targets[KN_ASPECT_COUNT];
    for (int i = 0; i < KN_ASPECT_COUNT; i++) {
        framings[i] = middle(&source, i, i % 2 ? KN_LAYOUT_FIT : KN_LAYOUT_FILL, &keys[i]);
        targets[i] = (struct kn_render_target){
            .path = kn_arena_printf(arena, "%s/%d.mp4", folder, i),
            .framing = &framings[i],
            .ass = i ? ass : NULL,
        };
    }
    r.request.targets = targets;
    r.request.target_count = KN_ASPECT_COUNT;
    struct kn_progress *progress = kn_progress_new("render");
    struct kn_error err = {0};
    if (kn_render(&r.request, NULL, progress, &r.report, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    struct kn_progress_view view;
    kn_progress_view(progress, &view);
    assert_true(view.fraction == 1.0);
    kn_progress_free(progress);
    assert_int_equal(count_files(folder), KN_ASPECT_COUNT);
    for (int i = 0; i < KN_ASPECT_COUNT; i++) {
        int width_px, height_px;
        kn_aspect_size(i, &width_px, &height_px);
        struct kn_source clip = probed(arena, targets[i].path);
        assert_int_equal(clip.width_px, width_px);
        assert_int_equal(clip.height_px, height_px);
        assert_int_equal(read_pictures(&clip, NULL, NULL), 60);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static struct kn_cancel *to_cancel;

static void cancel_half_way(void *arg, const struct kn_progress_view *view)
{
    (void)arg;
    if (view->fraction > 0.3)
        kn_cancel_trigger(to_cancel);
}

static void a_stop_leaves_nothing(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct rendering r;
    prepare(&r, &source, 1000000, 11000000, kn_path_join(arena, folder, "clip.mp4"));
    struct kn_progress *progress = kn_progress_new("render");
    struct kn_error err = {0};
    to_cancel = kn_cancel_new(NULL);
    kn_progress_listen(progress, 1000.0, cancel_half_way, NULL);
    assert_int_equal(kn_render(&r.request, to_cancel, progress, &r.report, &err), KN_CANCELLED);
    assert_string_equal(err.text, "stopped by request");
    assert_int_equal(count_files(folder), 0);
    /* And one that was stopped before it began. */
    assert_int_equal(kn_render(&r.request, to_cancel, NULL, &r.report, &err), KN_CANCELLED);
    assert_int_equal(count_files(folder), 0);
    kn_progress_free(progress);
    kn_cancel_free(to_cancel);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void one_failing_target_takes_the_others_along(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, corpus_file(arena, "nasa_multistream.mp4"));
    struct rendering r;
    prepare(&r, &source, 0, 1000000, "");
    struct kn_render_target targets[2] = {
        {.path = kn_path_join(arena, folder, "good.mp4"), .framing = &r.framing},
        {.path = kn_path_join(arena, folder, "full.mp4"), .framing = &r.framing},
    };
    r.request.targets = targets;
    r.request.target_count = 2;
    if (!kn_file_exists("/dev/full"))
        skip();
    assert_int_equal(symlink("/dev/full", kn_file_part_path(arena, targets[1].path)), 0);
    struct kn_error err = {0};
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_NO_SPACE);
    assert_non_null(strstr(err.text, "full.mp4: No space left on device"));
    assert_int_equal(count_files(folder), 0);
    targets[1].path = kn_path_join(arena, folder, "missing/full.mp4");
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_NOT_FOUND);
    assert_int_equal(count_files(folder), 0);
    /* The very last moment: the first has its final name already. */
    targets[1].path = kn_path_join(arena, folder, "taken.mp4");
    assert_int_equal(mkdir(targets[1].path, 0700), 0);
    assert_int_not_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_OK);
    assert_int_equal(rmdir(targets[1].path), 0);
    assert_int_equal(count_files(folder), 0);
    targets[1].path = kn_path_join(arena, folder, "b.mp4");
    targets[1].ass = "not a script";
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_INVALID);
    assert_int_equal(count_files(folder), 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* ---- smaller ones ---- */

struct pair {
    struct rendering r;
    struct kn_render_target targets[2];
    struct kn_render_smaller smaller;
};

/* A clip of 0.4 s, and the same once more in 720x1280. */
static void prepare_pair(struct pair *pair, struct kn_arena *arena, const char *folder)
{
    const char *video = kn_path_join(arena, folder, "source.mp4");
    make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=0.5 -f lavfi -i sine=d=0.5 -pix_fmt yuv420p "
               "-c:v libx264 -preset ultrafast %s",
               video);
    struct kn_source source = probed(arena, video);
    prepare(&pair->r, &source, 0, 400000, kn_path_join(arena, folder, "clip.mp4"));
    pair->smaller = (struct kn_render_smaller){.width_px = 720, .height_px = 1280};
    pair->targets[0] = pair->targets[1] = pair->r.target;
    pair->targets[1].path = kn_path_join(arena, folder, "smaller.mp4");
    pair->targets[1].smaller = &pair->smaller;
    pair->r.request.targets = pair->targets;
    pair->r.request.target_count = 2;
}

struct seen {
    int count;
    uint8_t at[16][64][36];
};

static void keep_seen(void *arg, const struct kn_picture *picture)
{
    struct seen *seen = arg;
    assert_true(seen->count < 16);
    for (int y = 0; y < 64; y++)
        memcpy(seen->at[seen->count][y], picture->planes[0] + (ptrdiff_t)y * picture->strides[0],
               36);
    seen->count++;
}

static void a_smaller_target_shows_the_same(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct pair pair;
    prepare_pair(&pair, arena, folder);
    must_render(&pair.r);
    assert_int_equal(pair.r.report.smaller_errors[1].status, KN_OK);
    struct kn_source clip = probed(arena, pair.targets[0].path);
    struct kn_source smaller = probed(arena, pair.targets[1].path);
    assert_int_equal(clip.width_px, 1080);
    assert_int_equal(smaller.width_px, 720);
    assert_int_equal(smaller.height_px, 1280);
    assert_int_equal(smaller.duration_us, clip.duration_us);
    struct seen large = {0}, small = {0};
    read_pictures(&clip, keep_seen, &large);
    read_pictures(&smaller, keep_seen, &small);
    assert_int_equal(large.count, 10);
    assert_int_equal(small.count, large.count);
    int64_t apart = 0;
    for (int i = 0; i < large.count; i++)
        for (int y = 0; y < 64; y++)
            for (int x = 0; x < 36; x++)
                apart += abs(large.at[i][y][x] - small.at[i][y][x]);
    /* The captions' white is in both, at the same place: without them it would be 4. */
    assert_in_range(apart, 0, 2 * 64 * 36 * large.count);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_smaller_target_fails_alone(void **state)
{
    (void)state;
    static const struct {
        const char *path; /* in the folder */
        const char *ass;
        int width_px;
        enum kn_status want; /* CANCELLED: any but OK */
    } cases[] = {
        {"missing/smaller.mp4", NULL, 720, KN_NOT_FOUND},
        {"full.mp4", NULL, 720, KN_NO_SPACE},   /* while it is encoded */
        {"taken.mp4", NULL, 720, KN_CANCELLED}, /* at the very last moment */
        {"script.mp4", "not a script", 720, KN_INVALID},
        {"odd.mp4", NULL, 14, KN_INVALID},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct pair pair;
    prepare_pair(&pair, arena, folder);
    const char *full = kn_path_join(arena, folder, "full.mp4");
    assert_int_equal(symlink("/dev/full", kn_file_part_path(arena, full)), 0);
    assert_int_equal(mkdir(kn_path_join(arena, folder, "taken.mp4"), 0700), 0);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        pair.targets[1].path = kn_path_join(arena, folder, cases[i].path);
        pair.targets[1].ass = cases[i].ass;
        pair.smaller.width_px = cases[i].width_px;
        must_render(&pair.r);
        enum kn_status got = pair.r.report.smaller_errors[1].status;
        if (cases[i].want == KN_CANCELLED ? got == KN_OK : got != cases[i].want)
            fail_msg("%s: %s", cases[i].path, kn_status_name(got));
        assert_true(pair.r.report.smaller_errors[1].text[0]);
        struct kn_source clip = probed(arena, pair.targets[0].path);
        assert_int_equal(read_pictures(&clip, NULL, NULL), 10);
        kn_file_discard(pair.targets[0].path);
        assert_int_equal(count_files(folder),
                         i ? 2 : 3); /* the source, taken.mp4, and full.mp4's link, once */
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void odd_requests_are_refused_in_a_sentence(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, corpus_file(arena, "nasa_multistream.mp4"));
    struct rendering r;
    struct kn_error err = {0};
    const char *path = kn_path_join(arena, folder, "clip.mp4");
    prepare(&r, &source, 2000000, 2000000, path);
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_INVALID);
    prepare(&r, &source, 0, 601000000, path);
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_LIMIT);
    prepare(&r, &source, 0, 1000000, path);
    r.request.target_count = 0;
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, &err), KN_INVALID);
    prepare(&r, &source, 100000000, 101000000, path); /* behind the end */
    enum kn_status status = kn_render(&r.request, NULL, NULL, &r.report, &err);
    assert_true(status == KN_DAMAGED || status == KN_OK);
    prepare(&r, &source, 12500000, 14000000, path); /* over the end: the last picture stays */
    must_render(&r);
    assert_int_equal(r.report.frames, 45);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* ---- the thumbnail -------------------------------------------------------------------------- */

/* Flat, then blurred, then sharp, 1.5 s each. */
static struct kn_source stepwise(struct kn_arena *arena, const char *folder)
{
    const char *path = kn_path_join(arena, folder, "source.mp4");
    make_media("-f lavfi -i testsrc2=s=360x640:r=25:d=4.5 -vf "
               "drawbox=c=gray:t=fill:enable='lt(t\\,1.49)',"
               "gblur=sigma=12:enable='between(t\\,1.49\\,2.99)' -c:v libx264 -crf 18 %s",
               path);
    return probed(arena, path);
}

static void the_thumbnail_is_the_best_frame(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = stepwise(arena, folder);
    static const struct kn_thumbnail_hint hints[] = {{600000, 0.1f}, {2000000, 1.0f}};
    struct kn_thumbnail_order order = {.path = kn_path_join(arena, folder, "clip.jpg")};
    struct rendering r;
    prepare(&r, &source, 0, 4500000, kn_path_join(arena, folder, "clip.mp4"));
    r.request.thumbnail = &order;
    must_render(&r);
    assert_int_equal(r.report.thumbnail_error.status, KN_OK);
    assert_in_range(r.report.thumbnail.at_us, 2990000, 4250000);
    assert_int_equal(count_files(folder), 3);

    order.hints = hints;
    order.hint_count = 2;
    must_render(&r);
    assert_in_range(r.report.thumbnail.at_us, 1960000, 2040000);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static const char *title_at(void *arg, int64_t at_us)
{
    (void)arg;
    assert_true(at_us >= 3000000 && at_us < 4500000); /* of the source */
    return ass;
}

/* The same with and without captions, and the second time. */
static void captions_are_not_on_the_thumbnail(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = stepwise(arena, folder);
    struct kn_thumbnail_order order = {.path = kn_path_join(arena, folder, "clip.jpg")};
    struct rendering r;
    prepare(&r, &source, 3000000, 4500000, kn_path_join(arena, folder, "clip.mp4"));
    r.request.thumbnail = &order;
    char *data[4];
    size_t sizes[4];
    for (int i = 0; i < 4; i++) { /* the last has a title */
        r.target.ass = i == 2 ? NULL : ass;
        order.title = i == 3 ? title_at : NULL;
        must_render(&r);
        assert_int_equal(kn_file_read(order.path, 1 << 24, &data[i], &sizes[i], NULL), KN_OK);
    }
    for (int i = 1; i < 3; i++) {
        assert_int_equal(sizes[i], sizes[0]);
        assert_memory_equal(data[i], data[0], sizes[0]);
    }
    assert_true(sizes[3] != sizes[0] || memcmp(data[3], data[0], sizes[0]) != 0);
    for (int i = 0; i < 4; i++)
        free(data[i]);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_thumbnail_fails_alone(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = stepwise(arena, folder);
    struct kn_thumbnail_order order = {.path = kn_path_join(arena, folder, "missing/clip.jpg")};
    struct rendering r;
    prepare(&r, &source, 0, 1000000, kn_path_join(arena, folder, "clip.mp4"));
    r.request.thumbnail = &order;
    must_render(&r);
    assert_int_equal(r.report.thumbnail_error.status, KN_NOT_FOUND);
    assert_true(kn_file_exists(r.target.path));

    /* And without a clip there is none. */
    order.path = kn_path_join(arena, folder, "clip.jpg");
    r.target.path = kn_path_join(arena, folder, "missing/clip.mp4");
    assert_int_equal(kn_render(&r.request, NULL, NULL, &r.report, NULL), KN_NOT_FOUND);
    assert_false(kn_file_exists(order.path));
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_of_real_sources_are_as_promised),
        cmocka_unit_test(pictures_and_sound_stay_together),
        cmocka_unit_test(cuts_are_exact_to_the_picture),
        cmocka_unit_test(several_aspects_come_from_one_render),
        cmocka_unit_test(a_stop_leaves_nothing),
        cmocka_unit_test(one_failing_target_takes_the_others_along),
        cmocka_unit_test(a_smaller_target_shows_the_same),
        cmocka_unit_test(a_smaller_target_fails_alone),
        cmocka_unit_test(odd_requests_are_refused_in_a_sentence),
        cmocka_unit_test(the_thumbnail_is_the_best_frame),
        cmocka_unit_test(captions_are_not_on_the_thumbnail),
        cmocka_unit_test(a_thumbnail_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
