#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/option.h"

struct settings {
    bool fresh;
    int clips;
    double gain;
    const char *font, *key;
    int style;
};

static enum kn_status parse_place(const struct kn_option *option, const char *value, void *field,
                                  struct kn_arena *arena, struct kn_error *err)
{
    (void)option, (void)err;
    *(const char **)field = value[0] ? kn_arena_strdup(arena, value) : "here";
    return KN_OK;
}

static const char *const styles[] = {"plain", "bold", NULL};
static const struct kn_option table[] = {
    {"fresh", 0, KN_OPTION_FLAG, offsetof(struct settings, fresh), NULL, "start anew", "Work"},
    {"clips", 'n', KN_OPTION_INT, offsetof(struct settings, clips), "N", "how many", "Work", 1, 50},
    {"gain", 0, KN_OPTION_NUMBER, offsetof(struct settings, gain), "DB", "louder", "Sound", -20,
     20},
    {"font", 'f', KN_OPTION_TEXT, offsetof(struct settings, font), "NAME…", "family", "Text"},
    {"style", 0, KN_OPTION_CHOICE, offsetof(struct settings, style), "STYLE", "captions", "Text",
     .choices = styles},
    {"key", 0, KN_OPTION_TEXT, offsetof(struct settings, key), "KEY", "a secret", NULL,
     .secret = true},
    {"near", 0, KN_OPTION_CUSTOM, offsetof(struct settings, font), "PLACE", "where", "Text",
     .args_only = true, .value_optional = true, .parse = parse_place},
    {"verbose", 'v', KN_OPTION_FLAG, offsetof(struct settings, fresh), NULL, "more", NULL,
     .args_only = true},
    {0},
};

static struct kn_arena *arena;

static enum kn_status read_args(struct settings *s, char *line, char **rest, int *rest_count,
                                struct kn_error *err)
{
    char *argv[16];
    int argc = 0;
    for (char *word = strtok_r(line, " ", &line); word; word = strtok_r(NULL, " ", &line))
        argv[argc++] = word;
    return kn_options_read_args(table, argc, argv, s, arena, rest, rest_count, NULL, err);
}

static void arguments_set_fields_and_leave_the_rest(void **state)
{
    (void)state;
    struct settings s = {0};
    struct kn_error err;
    char *rest[16];
    int count = 0;
    char line[] = "a.mp4 --clips=7 -f Lato --no-fresh --style bold --gain -3.5 b.mp4 -- --c.mp4";
    assert_int_equal(read_args(&s, line, rest, &count, &err), KN_OK);
    assert_int_equal(s.clips, 7);
    assert_string_equal(s.font, "Lato");
    assert_int_equal(s.style, 1);
    assert_true(s.gain == -3.5);
    assert_int_equal(count, 3);
    assert_string_equal(rest[2], "--c.mp4");
    char grouped[] = "-vn3 -";
    assert_int_equal(read_args(&s, grouped, rest, &count, &err), KN_OK);
    assert_true(s.fresh);
    assert_int_equal(s.clips, 3);
    assert_string_equal(rest[0], "-");
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"--clisp 3", "unknown option --clisp; did you mean --clips?"},
        {"--zzzzzz", "unknown option --zzzzzz"},
        {"-x", "unknown option -x"},
        {"--clips", "--clips needs a value: --clips N"},
        {"--clips 0", "--clips takes a whole number from 1 to 50, not “0”"},
        {"--gain loud", "--gain takes a number from -20 to 20, not “loud”"},
        {"--style big", "--style takes plain or bold, not “big”"},
        {"--fresh=maybe", "--fresh takes yes or no, not “maybe”"},
        {"--no-clips", "unknown option --no-clips; did you mean --clips?"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct settings s = {0};
        struct kn_error err;
        char *rest[16], line[64];
        int count;
        snprintf(line, sizeof line, "%s", cases[i].line);
        assert_int_equal(read_args(&s, line, rest, &count, &err), KN_INVALID);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static enum kn_status read_text(const char *text, struct settings *s, struct kn_error *err)
{
    return kn_options_read_file(table, "k.conf", text, strlen(text), s, arena, err);
}

static void files_take_comments_quotes_and_line_ends(void **state)
{
    (void)state;
    struct settings s = {0};
    struct kn_error err;
    assert_int_equal(
        read_text("# mine\r\n\n clips = 9 # nine\r\nfont=\"A \\\"B\\\" #1\" # c\nfresh = on", &s,
                  &err),
        KN_OK);
    assert_int_equal(s.clips, 9);
    assert_string_equal(s.font, "A \"B\" #1");
    assert_true(s.fresh);
}

static void file_mistakes_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"clips = 9\nclisp = 3\n", "k.conf:2: unknown option clisp; did you mean clips?"},
        {"\n\nhello", "k.conf:3: expected “name = value”"},
        {"= 3", "k.conf:1: expected “name = value”"},
        {"font = \"open", "k.conf:1: the quotation marks of font do not match"},
        {"font = \"a\" b", "k.conf:1: the quotation marks of font do not match"},
        {"verbose = yes", "k.conf:1: verbose belongs on the command line only"},
        {"font =", "k.conf:1: --font needs a value"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct settings s = {0};
        struct kn_error err;
        assert_int_equal(read_text(cases[i].text, &s, &err), KN_INVALID);
        assert_string_equal(err.text, cases[i].sentence);
    }
    struct settings s = {0};
    struct kn_error err;
    assert_int_equal(kn_options_read_file(table, "k.conf", "a\0b", 3, &s, arena, &err), KN_INVALID);
}

static void the_environment_counts(void **state)
{
    (void)state;
    struct settings s = {0};
    struct kn_error err;
    setenv("KIRINUKI_CLIPS", "12", 1);
    assert_int_equal(kn_options_read_environment(table, &s, arena, &err), KN_OK);
    assert_int_equal(s.clips, 12);
    setenv("KIRINUKI_CLIPS", "many", 1);
    assert_int_equal(kn_options_read_environment(table, &s, arena, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "KIRINUKI_CLIPS"));
    unsetenv("KIRINUKI_CLIPS");
}

static void secrets_are_not_for_the_command_line(void **state)
{
    (void)state;
    struct settings s = {0};
    struct kn_error err;
    char *rest[4];
    int count = 0;
    char line[] = "--key=s3cret";
    assert_int_equal(read_args(&s, line, rest, &count, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "others can read a command line"));
    assert_null(strstr(err.text, "s3cret"));
    assert_int_equal(read_text("key = s3cret", &s, &err), KN_OK);
    assert_string_equal(s.key, "s3cret");
}

static void some_values_may_be_left_out(void **state)
{
    (void)state;
    struct settings s = {0};
    struct kn_error err;
    char *rest[4];
    int count = 0;
    char alone[] = "--near a.mp4", given[] = "--near=there";
    assert_int_equal(read_args(&s, alone, rest, &count, &err), KN_OK);
    assert_string_equal(s.font, "here");
    assert_int_equal(count, 1); /* what follows is no value */
    assert_int_equal(read_args(&s, given, rest, &count, &err), KN_OK);
    assert_string_equal(s.font, "there");
}

static void help_shows_groups_and_defaults(void **state)
{
    (void)state;
    const struct settings defaults = {.clips = 5, .style = 1};
    KN_SCOPED_STR help = {0};
    kn_options_help(table, &defaults, &help);
    assert_non_null(strstr(help.at, "\nWork:\n      --fresh               start anew\n"));
    assert_non_null(strstr(help.at, "  -n, --clips N             how many [5]\n"));
    assert_non_null(strstr(help.at, "captions: plain or bold [bold]\n"));
    assert_non_null(strstr(help.at, "  -f, --font NAME…          family\n")); /* not by bytes */
    assert_non_null(strstr(help.at, "      --near[=PLACE]        where\n"));
    assert_null(strstr(help.at, "verbose"));
    assert_null(strstr(help.at, "secret"));
}

static int make_arena(void **state)
{
    (void)state;
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
        cmocka_unit_test(arguments_set_fields_and_leave_the_rest),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(files_take_comments_quotes_and_line_ends),
        cmocka_unit_test(file_mistakes_name_the_line),
        cmocka_unit_test(the_environment_counts),
        cmocka_unit_test(secrets_are_not_for_the_command_line),
        cmocka_unit_test(some_values_may_be_left_out),
        cmocka_unit_test(help_shows_groups_and_defaults),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
