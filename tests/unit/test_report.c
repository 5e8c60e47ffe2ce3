#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "pipeline/report.h"
#include "pipeline/report_data.h"
#include "pipeline/report_template.h"
#include "support/sample_result.h"
#include "support/temp_folder.h"

static struct kn_arena *arena;

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

static const char data_begin[] = "<script type=\"application/json\" id=\"data\">";

/* The data between its tags. */
static const char *data_of(const char *html)
{
    const char *begin = strstr(html, data_begin);
    assert_non_null(begin);
    begin += strlen(data_begin);
    const char *end = strstr(begin, "</script>");
    assert_non_null(end);
    return kn_arena_strndup(arena, begin, (size_t)(end - begin));
}

static const char *page_of(const struct sample_options *options)
{
    KN_SCOPED_STR html = {0};
    kn_report_page(sample_result(arena, options), &html);
    return kn_arena_strdup(arena, html.at);
}

static void both_files_are_written(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_error err;
    const struct kn_result *result = sample_result(arena, &(struct sample_options){0});
    assert_int_equal(kn_report_write(result, folder, &err), KN_OK);
    static const char *const names[] = {"result.json", "report.html"};
    for (int i = 0; i < 2; i++) {
        char *text;
        size_t size;
        const char *path = kn_path_join(arena, folder, names[i]);
        assert_int_equal(kn_file_read(path, 1 << 24, &text, &size, &err), KN_OK);
        KN_SCOPED_JSON json = json_loads(i ? data_of(text) : text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        free(text);
    }
    assert_int_equal(temp_folder_remove(folder), 0);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    assert_non_null(temp_folder_make(folder));
    struct kn_error err;
    const struct kn_result *result = sample_result(arena, &(struct sample_options){0});
    const char *absent = kn_path_join(arena, folder, "absent");
    assert_int_equal(kn_report_write(result, absent, &err), KN_NOT_FOUND);
    assert_non_null(strstr(kn_error_text(&err), "result.json"));
    assert_int_equal(temp_folder_remove(folder), 0);
}

static void names_become_relative_urls(void **state)
{
    (void)state;
    static const struct {
        const char *path, *url;
    } cases[] = {
        {"01-why.mp4", "./01-why.mp4"},
        {"a b/c.mp4", "./a%20b/c.mp4"},
        {"50 % off? #1.mp4", "./50%20%25%20off%3F%20%231.mp4"},
        {"javascript:alert(1)", "./javascript%3Aalert%281%29"},
        {"//host/x", ".///host/x"},
        {"\"'<>&\\", "./%22%27%3C%3E%26%5C"},
        {"眠り.mp4", "./%E7%9C%A0%E3%82%8A.mp4"},
        {"caf\xe9\x01", "./caf%E9%01"},
        {"", "./"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_STR url = {0};
        kn_report_url(cases[i].path, &url);
        assert_string_equal(url.at, cases[i].url);
    }
}

/* Whatever a source, its words and its names say, the page around the data is the one that was
 * built, and the data ends where it should. */
static void hostile_text_stays_inside_the_data(void **state)
{
    (void)state;
    const char *html = page_of(&(struct sample_options){.hostile = true, .failed = true});
    const char *mark = strstr(kn_report_template, "@DATA@"), *data = data_of(html);
    size_t head = (size_t)(mark - kn_report_template), size = strlen(html);
    const char *tail = mark + strlen("@DATA@");
    assert_memory_equal(html, kn_report_template, head);
    assert_string_equal(html + head + strlen(data), tail);
    assert_int_equal(head + strlen(data) + strlen(tail), size);
    assert_null(strpbrk(data, "<>&"));
    assert_null(strstr(data, "\xE2\x80\xA8"));
}

static void hostile_text_survives(void **state)
{
    (void)state;
    const char *html = page_of(&(struct sample_options){.hostile = true});
    KN_SCOPED_JSON json = json_loads(data_of(html), 0, NULL);
    assert_non_null(json);
    const char *title = json_string_value(
        json_object_get(json_object_get(json_object_get(json, "result"), "source"), "title"));
    assert_ptr_equal(strstr(title, "</script><script>"), title);
    json_t *words = json_object_get(json_object_get(json, "words"), "text");
    assert_string_equal(json_string_value(json_array_get(words, 47)),
                        "\xE2\x80\xA8 \xEF\xBF\xBD\xEF\xBF\xBD & \"' <!--");
    json_t *urls = json_array_get(json_object_get(json, "urls"), 1);
    const char *url = json_string_value(json_array_get(json_object_get(urls, "files"), 0));
    assert_non_null(strstr(url, "%FF"));
}

/* A page that may be passed on does not tell where things lie on the machine that made it. */
static void folders_are_not_told(void **state)
{
    (void)state;
    const char *html = page_of(&(struct sample_options){0});
    assert_null(strstr(html, "talks/2026"));
    assert_null(strstr(html, "opt/kirinuki"));
    assert_non_null(strstr(html, "\"finding our way.mp4\""));
}

static void the_page_names_no_other_place(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "http:",     "https:",  "@import",   "<link", "<iframe", "fetch(", "XMLHttpRequest",
        "WebSocket", "import(", "innerHTML", "eval(", "@SCRIPT", "@STYLE"};
    for (size_t i = 0; i < KN_COUNT_OF(ways); i++)
        if (strstr(kn_report_template, ways[i]))
            fail_msg("the page has %s", ways[i]);
    assert_non_null(strstr(kn_report_template, "default-src 'none'; script-src 'sha256-"));
}

static size_t length_of(json_t *json, const char *group, const char *column)
{
    json_t *array = json_object_get(json_object_get(json, group), column);
    assert_true(json_is_array(array));
    return json_array_size(array);
}

static void three_hours_are_small_and_quick(void **state)
{
    (void)state;
    const struct kn_result *result = sample_result(arena, &(struct sample_options){.minutes = 180});
    int64_t begin = kn_cpu_us();
    KN_SCOPED_STR html = {0};
    kn_report_page(result, &html);
    double seconds = kn_seconds(kn_cpu_us() - begin);
    print_message("3 hours, %d words, %d shots: %zu bytes in %.3f s\n",
                  result->timeline->word_count, result->timeline->shot_count, html.length, seconds);
    assert_true(result->timeline->word_count > 20000);
    assert_true(html.length < 1200000);
    assert_true(seconds < 2.0);
    KN_SCOPED_JSON json = json_loads(data_of(html.at), 0, NULL);
    assert_int_equal(length_of(json, "sound", "loudness"), KN_REPORT_CURVE_POINTS);
    assert_int_equal(length_of(json, "sound", "speech"), KN_REPORT_CURVE_POINTS);
    assert_int_equal(length_of(json, "looks", "motion"), KN_REPORT_CURVE_POINTS);
    assert_int_equal(length_of(json, "faces", "count"), KN_REPORT_CURVE_POINTS);
    assert_int_equal(length_of(json, "words", "start"), result->timeline->word_count);
}

static void a_shout_is_not_thinned_away(void **state)
{
    (void)state;
    enum { COUNT = 108000, SHOUT = 54321 };
    float *loudness = kn_arena_array(arena, COUNT, sizeof *loudness);
    for (int i = 0; i < COUNT; i++)
        loudness[i] = -60;
    loudness[SHOUT] = -6;
    struct kn_timeline timeline = {
        .source = {.path = "x"},
        .sound = {.step_us = 100000, .count = COUNT, .loudness_lufs = loudness},
    };
    struct kn_segments segments = {0};
    struct kn_result result = {.timeline = &timeline, .segments = &segments};
    KN_SCOPED_JSON json = kn_report_data(&result);
    json_t *points = json_object_get(json_object_get(json, "sound"), "loudness");
    size_t shout = (size_t)((int64_t)SHOUT * KN_REPORT_CURVE_POINTS / COUNT), i;
    json_t *point;
    json_array_foreach(points, i, point)
        assert_int_equal(json_integer_value(point), i == shout ? 90 : 0);
}

static void a_result_without_anything_has_a_page(void **state)
{
    (void)state;
    struct kn_timeline timeline = {.source = {.path = ""}};
    struct kn_segments segments = {.remark = "nobody speaks, and nothing moves"};
    struct kn_result result = {.timeline = &timeline, .segments = &segments};
    KN_SCOPED_STR html = {0};
    kn_report_page(&result, &html);
    KN_SCOPED_JSON json = json_loads(data_of(html.at), 0, NULL);
    assert_non_null(json);
    assert_int_equal(length_of(json, "words", "text"), 0);
}

/* Distances from time to time come back as the times. */
static void times_add_up(void **state)
{
    (void)state;
    const struct kn_result *result = sample_result(arena, &(struct sample_options){0});
    const struct kn_timeline *t = result->timeline;
    KN_SCOPED_JSON json = kn_report_data(result);
    json_t *starts = json_object_get(json_object_get(json, "words"), "start");
    int64_t ms = 0;
    for (int i = 0; i < t->word_count; i++) {
        ms += json_integer_value(json_array_get(starts, (size_t)i));
        assert_int_equal(ms, (t->words[i].start_us + 500) / 1000);
    }
}

static void words_that_touch_are_told(void **state)
{
    (void)state;
    static const struct kn_word words[] = {
        {.text = "脳"},
        {.text = "が"},                       /* touches */
        {.text = "one", .after_space = true}, /* a space though there would be none */
        {.text = "two"},                      /* has a space by its script */
        {.text = "脳"},                       /* touches */
        {.text = "one"},                      /* touches */
        {.text = "脳", .after_space = true},
        {.text = "が"}, /* touches */
    };
    static const int wanted[] = {1, 3, 1, 2}; /* words from one to the next: 1, 4, 5, 7 */
    struct kn_timeline timeline = {
        .source = {.path = "x"}, .words = words, .word_count = KN_COUNT_OF(words)};
    struct kn_segments segments = {0};
    struct kn_result result = {.timeline = &timeline, .segments = &segments};
    KN_SCOPED_JSON json = kn_report_data(&result);
    json_t *tight = json_object_get(json_object_get(json, "words"), "tight");
    assert_int_equal(length_of(json, "words", "tight"), KN_COUNT_OF(wanted));
    for (size_t i = 0; i < KN_COUNT_OF(wanted); i++)
        assert_int_equal(json_integer_value(json_array_get(tight, i)), wanted[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_files_are_written),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(names_become_relative_urls),
        cmocka_unit_test(hostile_text_stays_inside_the_data),
        cmocka_unit_test(hostile_text_survives),
        cmocka_unit_test(folders_are_not_told),
        cmocka_unit_test(the_page_names_no_other_place),
        cmocka_unit_test(three_hours_are_small_and_quick),
        cmocka_unit_test(a_shout_is_not_thinned_away),
        cmocka_unit_test(a_result_without_anything_has_a_page),
        cmocka_unit_test(times_add_up),
        cmocka_unit_test(words_that_touch_are_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
