#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/file.h"
#include "pipeline/kept_clips.h"
#include "support/temp_folder.h"

static struct kn_arena *arena;
static char folder[PATH_MAX];

static void write_file(const char *name, const char *text)
{
    struct kn_error err;
    assert_int_equal(kn_file_write(kn_path_join(arena, folder, name), text, strlen(text), &err),
                     KN_OK);
}

static const struct kn_clip sample = {
    .duration_us = 30000000,
    .file_count = 2,
    .start_us = 12000000,
    .files = {{.aspect = KN_ASPECT_9_16,
               .path = "01-a.mp4",
               .width_px = 1080,
               .height_px = 1920,
               .frames = 900},
              {.path = "01-a.1x1.mp4",
               .width_px = 640,
               .height_px = 1080,
               .frames = 900,
               .copied = true,
               .copied_frames = 800}},
    .thumbnail = "01-a.jpg",
    .srt = "01-a.srt",
    .loudness_lufs = -14.1,
    .true_peak_dbtp = -1.6,
    .gain_db = 6.5,
    .remark = "a remark with “quotes”",
};

static int begin(void **state)
{
    (void)state;
    arena = kn_arena_new();
    if (!temp_folder_make(folder))
        return -1;
    static const char *const names[] = {"01-a.mp4", "01-a.1x1.mp4", "01-a.jpg", "01-a.srt"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        write_file(names[i], names[i]);
    struct kn_error err;
    return kn_kept_clip_write(folder, "mark", &sample, &err) == KN_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return temp_folder_remove(folder);
}

static void a_whole_clip_is_taken_as_it_is(void **state)
{
    (void)state;
    struct kn_clip clip;
    assert_true(kn_kept_clip_read(folder, "mark", arena, &clip));
    assert_int_equal(clip.status, KN_OK);
    assert_int_equal(clip.file_count, 2);
    assert_string_equal(clip.files[1].path, "01-a.1x1.mp4");
    assert_int_equal(clip.files[1].height_px, 1080);
    assert_int_equal(clip.files[0].frames, 900);
    assert_false(clip.files[0].copied);
    assert_true(clip.files[1].copied);
    assert_int_equal(clip.files[1].copied_frames, 800);
    assert_int_equal(clip.start_us, 12000000);
    assert_string_equal(clip.thumbnail, "01-a.jpg");
    assert_null(clip.vtt);
    assert_true(clip.gain_db == 6.5);
    assert_string_equal(clip.remark, sample.remark);
    assert_false(kn_kept_clip_read(folder, "other", arena, &clip));
}

static void a_changed_or_missing_file_is_made_again(void **state)
{
    (void)state;
    struct kn_clip clip;
    write_file("01-a.1x1.mp4", "cut");
    assert_false(kn_kept_clip_read(folder, "mark", arena, &clip));
    write_file("01-a.1x1.mp4", "01-a.1x1.mp4");
    assert_true(kn_kept_clip_read(folder, "mark", arena, &clip));
    kn_file_discard(kn_path_join(arena, folder, "01-a.srt"));
    assert_false(kn_kept_clip_read(folder, "mark", arena, &clip));
    write_file("01-a.srt", "01-a.srt");
}

#define RECORD(path, aspect, width, duration)                                                      \
    "{\"files\":[{\"path\":\"" path "\",\"size\":8,\"aspect\":" aspect ",\"width\":" width         \
    ",\"height\":1,\"frames\":1,\"copied\":false,\"copied_frames\":0}],\"start_us\":0,"            \
    "\"duration_us\":" duration ",\"loudness_lufs\":-1.0,\"true_peak_dbtp\":-1.0,\"gain_db\":0.0}"

static void edited_records_are_not_believed(void **state)
{
    (void)state;
    static const char *const records[] = {
        "",
        "[]",
        "{\"files\": []}",
        RECORD("../x", "0", "1", "1"),         /* a path out of the folder */
        RECORD("01-a.mp4", "9", "1", "1"),     /* an aspect that does not exist */
        RECORD("01-a.mp4", "\"0\"", "1", "1"), /* text for a number */
        RECORD("01-a.mp4", "0", "0", "1"),     /* a picture of no size */
        RECORD("01-a.mp4", "0", "1", "-1"),    /* a time that runs backwards */
    };
    for (size_t i = 0; i < KN_COUNT_OF(records); i++) {
        struct kn_clip clip;
        write_file(".kirinuki/bad.json", records[i]);
        assert_false(kn_kept_clip_read(folder, "bad", arena, &clip));
    }
    struct kn_clip clip;
    write_file(".kirinuki/good.json", RECORD("01-a.mp4", "0", "1", "1"));
    assert_true(kn_kept_clip_read(folder, "good", arena, &clip));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_clip_is_taken_as_it_is),
        cmocka_unit_test(a_changed_or_missing_file_is_made_again),
        cmocka_unit_test(edited_records_are_not_believed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
