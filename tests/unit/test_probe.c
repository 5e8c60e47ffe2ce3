#include "support/media.h"

#include <kirinuki/cancel.h>

#include "base/str.h"
#include "media/picture.h"

#include <libavutil/frame.h>

static void real_files_are_described(void **state)
{
    (void)state;
    static const struct {
        const char *name, *video, *audio;
        int width_px, height_px, rotation_deg, video_stream, audio_stream;
        int duration_ms;
        bool variable, hdr;
    } cases[] = {
        {"autoeditor_example.mp4", "h264", "aac", 1280, 720, 0, 0, 1, 42400},
        {"nasa_multistream.mp4", "h264", "aac", 480, 270, 0, 3, 4, 13056},
        {"bbb_nospeech_117s.mp4", "h264", "aac", 640, 360, 0, 0, 1, 117333},
        {"jfk_inaugural_11s.wav", NULL, "pcm_s16le", 0, 0, 0, -1, 0, 11000},
        {"physicsworks_6ch_opus.webm", NULL, "opus", 0, 0, 0, -1, 0, 203301},
        {"pathological/audio_only_two_tracks.mp4", NULL, "aac", 0, 0, 0, -1, 0, 5013},
        {"pathological/av1_hdr10_720x1280.mp4", "av1", "aac", 720, 1280, 0, 0, 1, 4238, false,
         true},
        {"pathological/hevc_hdr10_1080p.mp4", "hevc", "aac", 1920, 1080, 0, 0, 1, 1017, true, true},
        {"pathological/iphone_hevc10_rot90_vfr_editlist.mp4", "hevc", "aac", 1080, 1920, 90, 0, 1,
         2548, true, true},
        /* The larger second video track is a still. */
        {"pathological/iphone_livephoto_selfie_2video.mp4", "hevc", NULL, 1080, 1440, 270, 0, -1,
         1774, true},
        {"pathological/no_duration_vp9.webm", "vp9", "opus", 1280, 720, 0, 0, 1, 4938},
        {"pathological/odd_size_518x488.mp4", "h264", "aac", 518, 488, 0, 0, 1, 5589},
        {"pathological/pixel7_noaudio_rot180_vfr.mp4", "h264", NULL, 1920, 1080, 180, 0, -1, 1205},
        {"pathological/rotate90_5.1.mp4", "h264", "aac", 1080, 1920, 90, 0, 1, 2005},
        {"pathological/sar_2x1_noaudio.mp4", "h264", NULL, 1280, 360, 0, 0, -1, 5000},
        {"pathological/ts_starts_midpacket.ts", NULL, "aac", 0, 0, 0, -1, 0, 6293},
        {"pathological/vp9_square.webm", "vp9", NULL, 642, 642, 0, 0, -1, 2967},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source got = probed(arena, corpus_file(arena, cases[i].name));
        const char *video = got.has_video ? got.video_codec : "none";
        const char *audio = got.has_audio ? got.audio_codec : "none";
        if (strcmp(video, cases[i].video ? cases[i].video : "none") != 0 ||
            strcmp(audio, cases[i].audio ? cases[i].audio : "none") != 0 ||
            got.width_px != cases[i].width_px || got.height_px != cases[i].height_px ||
            got.rotation_deg != cases[i].rotation_deg ||
            got.video_stream != cases[i].video_stream ||
            got.audio_stream != cases[i].audio_stream ||
            llabs(got.duration_us / 1000 - cases[i].duration_ms) > 1 ||
            got.variable_rate != cases[i].variable || got.hdr != cases[i].hdr || got.cut_off)
            fail_msg("%s: %s #%d %s #%d, %dx%d turned by %d, %lld us, variable %d, HDR %d, cut %d",
                     cases[i].name, video, got.video_stream, audio, got.audio_stream, got.width_px,
                     got.height_px, got.rotation_deg, (long long)got.duration_us, got.variable_rate,
                     got.hdr, got.cut_off);
    }
    kn_arena_free(arena);
}

static void expect_refusal(const char *path, enum kn_status status, const char *part)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_source source;
    struct kn_error err = {0};
    enum kn_status got = kn_probe(path, arena, NULL, &source, &err);
    if (got != status || !strstr(kn_error_text(&err), part))
        fail_msg("%s: %s “%s”, expected %s “…%s…”", path, kn_status_name(got), kn_error_text(&err),
                 kn_status_name(status), part);
    kn_arena_free(arena);
}

static void corpus_files_that_are_no_media_are_refused(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    expect_refusal(corpus_file(arena, "pathological/zero_byte.mp4"), KN_INVALID, "is empty");
    expect_refusal(corpus_file(arena, "pathological/text_named.mp4"), KN_DAMAGED,
                   "is not a video or sound file");
    expect_refusal(corpus_file(arena, "pathological/truncated_65pct.mp4"), KN_DAMAGED, "cut off");
    expect_refusal(corpus_file(arena, "pathological/malformed_free_box.mp4"), KN_DAMAGED,
                   "damaged");
    expect_refusal(corpus_file(arena, "pathological"), KN_INVALID, "is a directory");
    kn_arena_free(arena);
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(kn_file_write(path, text, strlen(text), NULL), KN_OK);
}

static void hostile_names_and_contents_touch_nothing_else(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);

    /* Names are names, not URLs. */
    static const char *const names[] = {"http://127.0.0.1:9/x.mp4",   "concat:a.ts|b.ts", "pipe:0",
                                        "data:video/mp4;base64,AAAA", "file:x.mp4",       "-"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        expect_refusal(names[i], KN_NOT_FOUND, "cannot open");
    expect_refusal(kn_path_join(arena, folder, "no\nsuch\xff.mp4"), KN_NOT_FOUND, "no?such?.mp4");

    /* Playlists and the like. The file that they point to would be accepted by itself. */
    const char *victim = kn_path_join(arena, folder, "victim.wav");
    uint8_t wav[44 + 64000] = "RIFF\x24\xfa\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0"
                              "\2\0\x10\0data\0\xfa\0";
    assert_int_equal(kn_file_write(victim, wav, sizeof wav, NULL), KN_OK);
    probed(arena, victim);
    const char *list = kn_path_join(arena, folder, "list.mp4");
    write_text(list, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\nvictim.wav\n"
                     "#EXT-X-ENDLIST\n");
    expect_refusal(list, KN_INVALID, "is a playlist");
    write_text(list, "ffconcat version 1.0\nfile victim.wav\n");
    expect_refusal(list, KN_INVALID, "is a playlist");
    write_text(list, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                     "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
    expect_refusal(list, KN_INVALID, "network");
    write_text(list, "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n"
                     "2\n00:00:03,000 --> 00:00:04,000\nthere\n\n");
    expect_refusal(list, KN_INVALID, "holds subtitles");
    write_text(list, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    expect_refusal(list, KN_INVALID, "is a still picture");

    /* Opening these could hang for ever. */
    const char *fifo = kn_path_join(arena, folder, "fifo.mp4");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    expect_refusal(fifo, KN_INVALID, "not a regular file");
    expect_refusal("/dev/zero", KN_INVALID, "not a regular file");
    const char *link = kn_path_join(arena, folder, "link.mp4");
    assert_int_equal(symlink("/dev/zero", link), 0);
    expect_refusal(link, KN_INVALID, "not a regular file");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("victim.wav", link), 0);
    probed(arena, link);

    /* A long, strange, wrongly ended name is fine. */
    char name[250];
    memset(name, 'x', sizeof name);
    memcpy(name, "http:|%d\xfe \n", 11);
    memcpy(name + sizeof name - 5, ".txt", 5);
    const char *strange = kn_path_join(arena, folder, name);
    assert_int_equal(rename(victim, strange), 0);
    struct kn_source source = probed(arena, strange);
    assert_int_equal(source.duration_us, 2000000);
    assert_string_equal(source.path, strange);
    if (geteuid() != 0) {
        assert_int_equal(chmod(strange, 0), 0);
        expect_refusal(strange, KN_DENIED, "Permission denied");
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Patches big-endian 16-bit values behind each place where `tag` occurs. */
static void patch_sizes(const char *path, const char *tag, size_t offset, unsigned value)
{
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(kn_file_read(path, 1 << 24, &data, &size, NULL), KN_OK);
    int found = 0;
    for (size_t i = 0; i + offset + 4 < size; i++)
        if (memcmp(data + i, tag, 4) == 0) {
            data[i + offset] = data[i + offset + 2] = (char)(value >> 8);
            data[i + offset + 1] = data[i + offset + 3] = (char)value;
            found++;
        }
    assert_true(found > 0);
    assert_int_equal(kn_file_write(path, data, size, NULL), KN_OK);
    free(data);
}

static void sizes_are_checked_before_memory_is_reserved(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mov");
    make_media("-f lavfi -i color=red:s=64x64:d=0.4 -c:v rawvideo -pix_fmt rgb24 %s", path);
    patch_sizes(path, "raw ", 28, 20000); /* the sample description's width and height */
    expect_refusal(path, KN_UNSUPPORTED, "20000x20000 is too large");
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void covers_are_not_taken_for_video(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *cover = kn_path_join(arena, folder, "cover.png");
    const char *path = kn_path_join(arena, folder, "x.m4a");
    make_media("-f lavfi -i color=red:s=640x640:d=0.04 -frames:v 1 %s", cover);
    make_media("-f lavfi -i sine=440:d=1 -i %s -map 0 -map 1 -c:v copy -disposition:v attached_pic "
               "-metadata title=A\x80Z %s",
               cover, path);
    struct kn_source source = probed(arena, path);
    assert_true(source.has_audio);
    assert_false(source.has_video);
    assert_string_equal(source.title, "A?Z");
    expect_refusal(cover, KN_INVALID, "is a still picture");
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void what_is_left_of_a_cut_file_is_measured(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=8 -f lavfi -i sine=440:d=8 -c:v mpeg4 "
               "-b:v 400k -c:a aac -movflags +faststart %s",
               path);
    assert_int_equal(truncate(path, kn_file_size(path) / 2), 0);
    struct kn_source source = probed(arena, path);
    assert_true(source.cut_off);
    assert_in_range(source.duration_us, 3000000, 5000000);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_source_that_stops_decoding_is_refused(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=320x180:r=25:d=1 -c:v libx264 -movflags +faststart %s",
               path);
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(kn_file_read(path, 1 << 24, &data, &size, NULL), KN_OK);
    char *media = memmem(data, size, "mdat", 4);
    assert_non_null(media);
    memset(media + 4, 0x55, size - (size_t)(media + 4 - data));
    assert_int_equal(kn_file_write(path, data, size, NULL), KN_OK);
    free(data);
    expect_refusal(path, KN_DAMAGED, "can be decoded");
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_stop_is_not_a_failure(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *path = corpus_file(arena, "autoeditor_example.mp4");
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct kn_source source;
    struct kn_error err = {0};
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_probe(path, arena, cancel, &source, &err), KN_CANCELLED);
    assert_string_equal(err.text, "stopped by request");
    kn_cancel_free(cancel);
    kn_arena_free(arena);
}

static void pictures_share_and_move(void **state)
{
    (void)state;
    struct kn_picture a = {.at_us = 7, .frame = av_frame_alloc()}, b = {0}, c = {0};
    a.frame->width = a.frame->height = 16;
    a.frame->format = 0;
    assert_int_equal(av_frame_get_buffer(a.frame, 0), 0);
    a.planes[0] = a.frame->data[0];
    kn_picture_ref(&b, &a);
    assert_ptr_equal(b.planes[0], a.planes[0]);
    assert_ptr_not_equal(b.frame, a.frame);
    kn_picture_clear(&a);
    assert_null(a.frame);
    kn_picture_move(&c, &b);
    assert_null(b.planes[0]);
    assert_int_equal(c.at_us, 7);
    assert_int_equal(c.frame->data[0][0], c.planes[0][0]); /* still alive: ASan would tell */
    kn_picture_clear(&c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files_are_described),
        cmocka_unit_test(corpus_files_that_are_no_media_are_refused),
        cmocka_unit_test(hostile_names_and_contents_touch_nothing_else),
        cmocka_unit_test(sizes_are_checked_before_memory_is_reserved),
        cmocka_unit_test(covers_are_not_taken_for_video),
        cmocka_unit_test(what_is_left_of_a_cut_file_is_measured),
        cmocka_unit_test(a_source_that_stops_decoding_is_refused),
        cmocka_unit_test(a_stop_is_not_a_failure),
        cmocka_unit_test(pictures_share_and_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
