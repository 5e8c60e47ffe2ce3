#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/engine.h"
#include "ai/ranker.h"
#include "ai/vision.h"
#include "base/file.h"
#include "service/settings.h"
#include "service/settings_queue.h"
#include "support/temp_folder.h"

static struct kn_arena *arena;
static char folder[PATH_MAX];

static enum kn_status read_line_of(unsigned commands, char *line, struct kn_settings *settings,
                                   struct kn_error *err)
{
    char *argv[16], *rest[16];
    int argc = 0, count;
    for (char *word = strtok_r(line, " ", &line); word; word = strtok_r(NULL, " ", &line))
        argv[argc++] = word;
    return kn_settings_read(commands, argc, argv, arena, settings, rest, &count, err);
}

static enum kn_status read_line(char *line, struct kn_settings *settings, struct kn_error *err)
{
    return read_line_of(KN_FOR_RUN, line, settings, err);
}

static void defaults_are_what_the_documents_say(void **state)
{
    (void)state;
    struct kn_settings s;
    struct kn_error err;
    char line[] = "talk.mp4";
    assert_int_equal(read_line(line, &s, &err), KN_OK);
    assert_int_equal(s.job.segments.min_us, 15000000);
    assert_int_equal(s.job.segments.max_us, 60000000);
    assert_int_equal(s.job.aspects.count, 1);
    assert_int_equal(s.job.aspects.at[0], KN_ASPECT_9_16);
    assert_int_equal(s.job.render.crf, 20);
    assert_string_equal(s.job.render.preset, "veryfast");
    assert_true(s.job.render.loudness_lufs == -14);
    assert_true(s.job.speech);
}

static void lengths_and_shapes_parse(void **state)
{
    (void)state;
    struct kn_settings s;
    struct kn_error err;
    char line[] = "-l 20-45.5 -a 1:1,9:16,1:1 --no-speech --preset slow";
    assert_int_equal(read_line(line, &s, &err), KN_OK);
    assert_int_equal(s.job.segments.min_us, 20000000);
    assert_int_equal(s.job.segments.max_us, 45500000);
    assert_int_equal(s.job.aspects.count, 2);
    assert_int_equal(s.job.aspects.at[0], KN_ASPECT_1_1);
    assert_false(s.job.speech);
    assert_string_equal(s.job.render.preset, "slow");
}

static void wrong_and_contradictory_settings_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-l 60-15",
        "-l 60",
        "-l 4-20",
        "-l 5-181",
        "-l -20",
        "-l 10-20-30",
        "-a 2:3",
        "-a",
        "-a 9:16,",
        "--crf 52",
        "--quiet --verbose",
        "--preset best",
        "-t a.srt --no-speech",
        "--clips 101",
        "--copy --aspect 1:1",
        "-a 9:16 --copy",
        "--copy --layout fill",
        "--copy -c bold",
        "--copy --titles",
        "--copy --encoder libx264",
        "--copy --crf=20",
        "--config /nowhere.conf",
        "--language xx\"{}",
        "--language e",
        "--language 12",
        "--language en_US",
        "--language en-",
        "--language en--US",
        "--language averylonglanguage",
    };
    for (size_t i = 0; i < KN_COUNT_OF(lines); i++) {
        struct kn_settings s;
        struct kn_error err = {0};
        char line[64];
        snprintf(line, sizeof line, "%s", lines[i]);
        if (read_line(line, &s, &err) == KN_OK)
            fail_msg("accepted: %s", lines[i]);
        assert_true(strlen(err.text) > 10);
    }
}

static void a_folder_is_named_in_one_way(void **state)
{
    (void)state;
    struct kn_settings s;
    struct kn_error err;
    char both[] = "-o here --into there";
    assert_int_equal(read_line(both, &s, &err), KN_INVALID);
    setenv("KIRINUKI_INTO", "there", 1);
    char one[] = "-o here";
    assert_int_equal(read_line(one, &s, &err), KN_OK);
    assert_string_equal(s.job.output, "here");
    unsetenv("KIRINUKI_INTO");
}

static void languages_are_codes(void **state)
{
    (void)state;
    static const char *const codes[] = {"en",         "ja",     "yue",    "pt-BR",
                                        "zh-Hant-TW", "es-419", "sl-1994"};
    for (size_t i = 0; i < KN_COUNT_OF(codes); i++) {
        struct kn_settings s;
        struct kn_error err = {0};
        char line[64];
        snprintf(line, sizeof line, "--language %s", codes[i]);
        if (read_line(line, &s, &err) != KN_OK)
            fail_msg("%s", err.text);
        assert_string_equal(s.job.language, codes[i]);
    }
}

/* What suits the runs that do not copy may stand in a file, and what asks for nothing is fine. */
static void copying_leaves_settings_alone(void **state)
{
    (void)state;
    struct kn_settings s;
    struct kn_error err;
    char *path = kn_path_join(arena, folder, "copy.conf");
    const char text[] = "aspect = 1:1\ncaptions = bold\ntitles = yes\ncrf = 23\n";
    assert_int_equal(kn_file_write(path, text, sizeof text - 1, &err), KN_OK);
    char line[160];
    snprintf(line, sizeof line, "--copy --no-titles --captions off --preset slow --config %s",
             path);
    assert_int_equal(read_line(line, &s, &err), KN_OK);
    assert_true(s.job.copy);
    char undone[] = "--copy --crf 20 --no-copy";
    assert_int_equal(read_line(undone, &s, &err), KN_OK);
    assert_false(s.job.copy);
}

static void priorities_are_names_or_levels(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int levels, level;
        const char *shown;
    } cases[] = {
        {"low", 3, 0, "low"}, {"normal", 3, 1, "normal"}, {"high", 3, 2, "high"},
        {"2", 3, 2, "high"},  {"high", 10, 9, "high"},    {"normal", 10, 4, "normal"},
        {"7", 10, 7, "7"},    {"high", 1, 0, "low"},      {"normal", 2, 0, "low"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_settings s;
        struct kn_error err;
        char line[64], room[KN_PRIORITY_TEXT_BYTES];
        snprintf(line, sizeof line, "--priority %s --priority-levels %d", cases[i].value,
                 cases[i].levels);
        assert_int_equal(read_line_of(KN_FOR_ADD, line, &s, &err), KN_OK);
        int level = kn_priority_level(s.queue.priority, s.queue.levels);
        assert_int_equal(level, cases[i].level);
        assert_string_equal(kn_priority_text(level, s.queue.levels, room), cases[i].shown);
    }
    static const char *const wrong[] = {"--priority top", "--priority -1", "--priority 100",
                                        "--priority-levels 0", "--priority-levels 101"};
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++) {
        struct kn_settings s;
        struct kn_error err;
        char line[64];
        snprintf(line, sizeof line, "%s", wrong[i]);
        assert_int_equal(read_line_of(KN_FOR_ADD, line, &s, &err), KN_INVALID);
    }
}

static void later_sources_override_earlier_ones(void **state)
{
    (void)state;
    struct kn_settings s;
    struct kn_error err;
    char *path = kn_path_join(arena, folder, "my.conf");
    const char text[] = "captions = bold\nclips = 4\ncrf = 23\n";
    assert_int_equal(kn_file_write(path, text, sizeof text - 1, &err), KN_OK);
    setenv("KIRINUKI_CLIPS", "6", 1);
    setenv("KIRINUKI_CRF", "24", 1);
    char line[128];
    snprintf(line, sizeof line, "--crf 25 --config %s", path);
    assert_int_equal(read_line(line, &s, &err), KN_OK);
    assert_int_equal(s.job.captions, KN_CAPTIONS_BOLD);
    assert_int_equal(s.job.segments.count, 6);
    assert_int_equal(s.job.render.crf, 25);
    unsetenv("KIRINUKI_CLIPS");
    unsetenv("KIRINUKI_CRF");
}

static void every_row_has_help_and_a_working_default(void **state)
{
    (void)state;
    struct kn_settings s;
    kn_settings_defaults(&s);
    KN_SCOPED_STR help = {0};
    const struct kn_option *all = kn_settings_table(KN_FOR_ALL);
    kn_options_help(all, &s, &help);
    for (const struct kn_option *o = all; o->name; o++) {
        assert_non_null(o->help);
        assert_true(strlen(o->help) < 80);
        assert_int_equal(o->type == KN_OPTION_FLAG, o->argument == NULL);
        /* A file and the environment are for all commands: names mean one thing there. */
        for (const struct kn_option *other = o + 1; other->name; other++)
            assert_true(strcmp(o->name, other->name) != 0 || (o->args_only && other->args_only));
    }
    for (unsigned command = 1; command < KN_FOR_ALL; command *= 2)
        for (const struct kn_option *o = kn_settings_table(command); o->name; o++)
            for (const struct kn_option *other = o + 1; other->name; other++) {
                assert_true(!o->letter || o->letter != other->letter);
                assert_string_not_equal(o->name, other->name);
            }
    assert_non_null(strstr(help.at, "[15-60]"));
    assert_non_null(strstr(help.at, "[9:16]"));
}

static int begin(void **state)
{
    (void)state;
    arena = kn_arena_new();
    if (!temp_folder_make(folder))
        return -1;
    setenv("XDG_CONFIG_HOME", folder, 1); /* not the settings of whoever runs the tests */
    unsetenv("KIRINUKI_CONFIG");
    return 0;
}

static int end(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return temp_folder_remove(folder);
}

static int count_names(const char *const *names)
{
    int count = 0;
    while (names[count])
        count++;
    return count;
}

/* The light program knows engines by their names alone. */
static void options_name_the_engines_that_there_are(void **state)
{
    (void)state;
    int speech = 0, vision = 0, rankers = 0;
    for (; kn_engines()[speech]; speech++)
        assert_string_equal(kn_engines()[speech]->name, kn_speech_engine_names[speech]);
    for (; kn_vision_engines()[vision]; vision++)
        assert_string_equal(kn_vision_engines()[vision]->name, kn_vision_engine_names[vision]);
    for (; kn_rankers()[rankers]; rankers++)
        assert_string_equal(kn_rankers()[rankers]->name, kn_ranking_engine_names[rankers]);
    assert_int_equal(speech, count_names(kn_speech_engine_names));
    assert_int_equal(vision, count_names(kn_vision_engine_names));
    assert_int_equal(rankers, count_names(kn_ranking_engine_names));
}

static void engines_are_lists_of_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed; /* NULL: refused */
    } cases[] = {
        {"openai", "openai"},
        {"openai,moonshine", "openai,moonshine"},
        {"moonshine,moonshine", "moonshine"},
        {"none", "none"},
        {"", NULL},
        {"openai,", NULL},
        {"openai moonshine", NULL},
        {"none,openai", NULL},
        {"whisper", NULL},
    };
    const struct kn_option *table = kn_settings_table(KN_FOR_RUN);
    const struct kn_option *option = kn_option_find(table, "speech-engine");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_settings s;
        struct kn_error err;
        KN_SCOPED_STR printed = {0};
        kn_settings_defaults(&s);
        enum kn_status status = kn_option_set(option, cases[i].text, &s, arena, &err);
        assert_int_equal(status, cases[i].printed ? KN_OK : KN_INVALID);
        kn_option_print(option, &s, &printed);
        assert_string_equal(kn_str_text(&printed), cases[i].printed ? cases[i].printed : "");
    }
}

/* What a job asks: --ai asks services, unless something else is said. */
static void ai_asks_services_with_local_engines_behind(void **state)
{
    (void)state;
    struct kn_settings s;
    kn_settings_defaults(&s);
    assert_false(kn_ai_asks(&s.job.ai));
    assert_string_equal(kn_ai_speech(&s.job.ai)->at[0], "moonshine");
    s.job.ai.services = true;
    assert_true(kn_ai_asks(&s.job.ai));
    assert_string_equal(kn_ai_speech(&s.job.ai)->at[0], "openai");
    assert_string_equal(kn_ai_speech(&s.job.ai)->at[1], "moonshine");
    assert_int_equal(kn_ai_vision(&s.job.ai)->count, 1);
    s.job.ai.vision = (struct kn_engine_names){.given = true};
    assert_int_equal(kn_ai_vision(&s.job.ai)->count, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_what_the_documents_say),
        cmocka_unit_test(lengths_and_shapes_parse),
        cmocka_unit_test(wrong_and_contradictory_settings_are_refused),
        cmocka_unit_test(a_folder_is_named_in_one_way),
        cmocka_unit_test(languages_are_codes),
        cmocka_unit_test(copying_leaves_settings_alone),
        cmocka_unit_test(priorities_are_names_or_levels),
        cmocka_unit_test(later_sources_override_earlier_ones),
        cmocka_unit_test(options_name_the_engines_that_there_are),
        cmocka_unit_test(engines_are_lists_of_names),
        cmocka_unit_test(ai_asks_services_with_local_engines_behind),
        cmocka_unit_test(every_row_has_help_and_a_working_default),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
