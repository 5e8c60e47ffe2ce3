#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "service/job_text.h"
#include "support/temp_folder.h"

static struct kn_arena *arena;

static struct kn_settings typed(char *line)
{
    char *argv[32], *rest[32];
    int argc = 0, count;
    struct kn_error err = {0};
    struct kn_settings settings;
    for (char *word = strtok_r(line, " ", &line); word; word = strtok_r(NULL, " ", &line))
        argv[argc++] = word;
    if (kn_settings_read(KN_FOR_ADD, argc, argv, arena, &settings, rest, &count, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return settings;
}

static enum kn_status read_back(const char *text, struct kn_settings *settings,
                                struct kn_error *err)
{
    *err = (struct kn_error){0};
    kn_settings_defaults(settings);
    return kn_job_options_read(text, arena, settings, err);
}

static void only_what_differs_is_written(void **state)
{
    (void)state;
    char none[] = "--clips 0 --crf 20",
         some[] = "--crf 30 -n 3 -l 20-45.5 --no-speech --store x.db";
    struct kn_settings settings = typed(none);
    assert_string_equal(kn_job_options_write(&settings, arena), "{}");
    settings = typed(some);
    assert_string_equal(
        kn_job_options_write(&settings, arena),
        "{\"clips\":\"3\",\"length\":\"20-45.5\",\"speech\":\"no\",\"crf\":\"30\"}");
}

static void every_option_comes_back(void **state)
{
    (void)state;
    char line[] = "-n 7 -l 5.25-170.125 -t /a/t.srt --language ja -o /out/d -a 1:1,9:16 "
                  "--layout split --captions off --font Lato --no-titles --thumbnail-titles "
                  "--encoder h264_qsv --preset slow --crf 0 --loudness -13.123456 --fresh "
                  "--models /m";
    struct kn_settings before = typed(line), after;
    struct kn_error err;
    const char *text = kn_job_options_write(&before, arena);
    if (read_back(text, &after, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    assert_string_equal(kn_job_options_write(&after, arena), text);
    assert_int_equal(after.job.segments.max_us, 170125000);
    assert_true(after.job.render.loudness_lufs == -13.123456);
    assert_string_equal(after.job.transcript, "/a/t.srt");
    assert_int_equal(after.job.aspects.at[0], KN_ASPECT_1_1);
    assert_true(after.job.fresh && after.job.thumbnail_titles);
    assert_true(after.job.described_count > 10);
    assert_int_equal(after.queue.concurrency, 50); /* what is no part of the job stays */
}

static void what_is_wrong_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        enum kn_status status;
    } cases[] = {
        {"{\"future\": \"yes\"}", "“future”", KN_UNSUPPORTED},
        {"{\"store\": \"x\"}", "does not know", KN_UNSUPPORTED},
        {"{\"crf\": \"99\"}", "--crf takes a whole number from 0 to 51", KN_INVALID},
        {"{\"crf\": 30}", "is not a text", KN_DAMAGED},
        {"{\"transcript\": \"/a.srt\", \"speech\": \"no\"}", "contradict", KN_INVALID},
        {"[]", "not a JSON object", KN_DAMAGED},
        {"{\"crf\": \"1\", \"crf\": \"2\"}", "not a JSON object", KN_DAMAGED},
        {"", "not a JSON object", KN_DAMAGED},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_settings settings;
        struct kn_error err;
        assert_int_equal(read_back(cases[i].text, &settings, &err), cases[i].status);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(settings.job.render.crf, 20); /* unchanged */
    }
}

static void paths_come_back_whatever_bytes_they_have(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/a/b c%41.mp4", "/a/b c%41.mp4"},
        {"/a/caf\xe9 %41 \xc3\xa9.mp4", "bytes:/a/caf%E9 %2541 \xc3\xa9.mp4"},
        {"/\xff", "bytes:/%FF"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *text = kn_job_path_write(cases[i].path, arena);
        assert_string_equal(text, cases[i].text);
        assert_string_equal(kn_job_path_read(text, arena), cases[i].path);
    }
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_string_equal(kn_job_path_write("./x.mp4", arena), kn_path_join(arena, here, "x.mp4"));
}

static const char *key_of(const char *video, const char *options)
{
    char *line = kn_arena_strdup(arena, options);
    struct kn_settings settings = typed(line);
    struct kn_job_spec spec;
    struct kn_error err = {0};
    if (kn_job_spec_make(&settings, video, true, arena, NULL, &spec, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    return spec.key;
}

static void a_key_is_content_options_and_folder(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    temp_folder_make(folder);
    const char *one = kn_path_join(arena, folder, "one.mp4");
    const char *same = kn_path_join(arena, folder, "same.mp4");
    const char *other = kn_path_join(arena, folder, "other.mp4");
    assert_int_equal(kn_file_write(one, "abc", 3, NULL), KN_OK);
    assert_int_equal(kn_file_write(same, "abc", 3, NULL), KN_OK);
    assert_int_equal(kn_file_write(other, "abd", 3, NULL), KN_OK);
    const char *key = key_of(one, "-o /out -n 3");
    assert_string_equal(key_of(same, "--clips 3 --crf 20 -o /out"), key);
    assert_string_not_equal(key_of(other, "-o /out -n 3"), key);
    assert_string_not_equal(key_of(one, "-o /out -n 4"), key);
    assert_string_not_equal(key_of(one, "-o /out2 -n 3"), key);
    assert_string_equal(key_of(same, ""), key_of(one, "")); /* a name is no content */
    assert_string_equal(key_of(one, "--into ."), key_of(one, ""));
    assert_string_not_equal(key_of(one, "--into /there"), key_of(one, ""));
    struct kn_settings settings;
    struct kn_job_spec spec;
    struct kn_error err = {0};
    kn_settings_defaults(&settings);
    assert_int_equal(kn_job_spec_make(&settings, "/nowhere.mp4", true, arena, NULL, &spec, &err),
                     KN_NOT_FOUND);
    assert_int_equal(kn_job_spec_make(&settings, folder, true, arena, NULL, &spec, &err),
                     KN_INVALID);
    temp_folder_remove(folder);
}

static int make_arena(void **state)
{
    (void)state;
    unsetenv("KIRINUKI_CONFIG");
    unsetenv("KIRINUKI_MODELS");
    setenv("XDG_CONFIG_HOME", "/nowhere", 1);
    arena = kn_arena_new();
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_differs_is_written),
        cmocka_unit_test(every_option_comes_back),
        cmocka_unit_test(what_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(paths_come_back_whatever_bytes_they_have),
        cmocka_unit_test(a_key_is_content_options_and_folder),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
