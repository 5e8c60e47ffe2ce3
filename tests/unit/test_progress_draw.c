#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/memory.h"
#include "cli/progress_view.h"
#include "cli/step_timeline.h"

#define S INT64_C(1000000)

static struct kn_progress_view node(int id, int parent, int depth, const char *name,
                                    enum kn_progress_state state, double fraction)
{
    struct kn_progress_view view = {
        .id = id,
        .parent = parent,
        .depth = depth,
        .state = state,
        .fraction = fraction,
        .weight = 1,
        .start_us = S,
        .end_us = state >= KN_PROGRESS_DONE ? (3 + id) * S : 0,
        .eta_ms = state == KN_PROGRESS_RUNNING ? 75000 : -1,
    };
    snprintf(view.name, sizeof view.name, "%s", name);
    if (state == KN_PROGRESS_RUNNING && depth == 2)
        snprintf(view.stage, sizeof view.stage, "frame 412 of 900");
    return view;
}

/* A job in the middle of its clips. */
static int sample(struct kn_progress_view *views)
{
    int n = 0;
    views[n++] = node(0, -1, 0, "/videos/切り抜き talk.mp4", KN_PROGRESS_RUNNING, 0.62);
    views[n++] = node(1, 0, 1, "analysis", KN_PROGRESS_DONE, 1);
    views[n++] = node(3, 1, 2, "listen", KN_PROGRESS_DONE, 1);
    views[n++] = node(2, 0, 1, "clips", KN_PROGRESS_RUNNING, 0.4);
    for (int i = 0; i < 30; i++) {
        char name[32];
        snprintf(name, sizeof name, "clip %d render", i + 1);
        enum kn_progress_state state = i == 1   ? KN_PROGRESS_FAILED
                                       : i < 10 ? KN_PROGRESS_DONE
                                       : i < 12 ? KN_PROGRESS_RUNNING
                                                : KN_PROGRESS_WAITING;
        views[n] = node(4 + i, 2, 2, name, state, i < 10 ? 1 : i < 12 ? 0.55 : 0);
        n++;
    }
    return n;
}

static int widest(const char *text)
{
    int most = 0;
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        int cells = u8_width((const uint8_t *)line, (size_t)(end - line), "UTF-8");
        most = KN_MAX(most, cells);
        line = end + 1;
    }
    return most;
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void bars_fit_every_terminal(void **state)
{
    (void)state;
    struct kn_progress_view views[64];
    int count = sample(views);
    for (int width = 20; width <= 200; width += 3) {
        for (int height = 4; height <= 40; height += 4) {
            const struct kn_progress_canvas canvas = {width, height, width % 2 == 0, false};
            KN_SCOPED_STR out = {0};
            int lines = kn_progress_draw(views, count, &canvas, 20 * S, &out);
            assert_int_equal(lines, lines_of(out.at));
            assert_true(lines <= height - 1);
            assert_true(widest(out.at) <= width - 1);
        }
    }
}

static void bars_tell_what_runs_failed_and_waits(void **state)
{
    (void)state;
    struct kn_progress_view views[64];
    int count = sample(views);
    const struct kn_progress_canvas canvas = {100, 30, true, false};
    KN_SCOPED_STR out = {0};
    kn_progress_draw(views, count, &canvas, 20 * S, &out);
    assert_non_null(strstr(out.at, "切り抜き talk.mp4  █████████████████▎"));
    assert_non_null(strstr(out.at, " 62 %  1:15 left\n"));
    assert_non_null(strstr(out.at, "✗ clip 2 render"));
    assert_non_null(strstr(out.at, "▸ clip 11 render"));
    assert_non_null(strstr(out.at, "frame 412 of 900"));
    assert_non_null(strstr(out.at, "18 more to do"));
    assert_null(strstr(out.at, "clip 4 render")); /* long done */
    assert_null(strstr(out.at, "listen"));        /* inside a phase that is over */
}

static void texts_are_whole_or_end_in_dots(void **state)
{
    (void)state;
    struct kn_progress_view views[2] = {
        node(0, -1, 0, "autoeditor_example.mp4", KN_PROGRESS_RUNNING, 0.62),
        node(1, 0, 1, "a phase with a name that is far too long", KN_PROGRESS_RUNNING, 0.5),
    };
    snprintf(views[1].stage, sizeof views[1].stage, "utterance 12 of 40");
    views[0].eta_ms = views[1].eta_ms = 4000;
    for (int width = 60; width <= 130; width++) {
        const struct kn_progress_canvas canvas = {width, 30, width % 2 == 0, false};
        KN_SCOPED_STR out = {0};
        kn_progress_draw(views, 2, &canvas, 20 * S, &out);
        assert_non_null(strstr(out.at, "autoeditor_example.mp4  "));
        assert_non_null(strstr(out.at, " 62 %  0:04 left\n"));
        assert_non_null(strstr(out.at, " 50 %  0:04 left"));
        assert_non_null(strstr(out.at, width % 2 == 0 ? "a name … " : "a name.. "));
        const char *stage = strstr(out.at, "utter");
        assert_true(!stage || strstr(stage, "40\n") || strstr(stage, "…\n") ||
                    strstr(stage, "..\n"));
    }
    snprintf(views[0].name, sizeof views[0].name, "%s",
             "a name that takes more room than a narrow terminal has.mp4");
    const struct kn_progress_canvas narrow = {60, 30, true, false};
    KN_SCOPED_STR out = {0};
    kn_progress_draw(views, 1, &narrow, 20 * S, &out);
    assert_non_null(strstr(out.at, "a name that takes more room than a …  "));
    assert_non_null(strstr(out.at, " 62 %  0:04 left\n"));
}

static void colours_only_when_asked_for(void **state)
{
    (void)state;
    struct kn_progress_view views[64];
    int count = sample(views);
    for (int colour = 0; colour < 2; colour++) {
        const struct kn_progress_canvas canvas = {100, 30, true, colour == 1};
        KN_SCOPED_STR out = {0};
        kn_progress_draw(views, count, &canvas, 20 * S, &out);
        assert_int_equal(strchr(out.at, '\033') != NULL, colour);
    }
}

static void names_cannot_send_control_characters(void **state)
{
    (void)state;
    struct kn_progress_view view = node(0, -1, 0, "a\033[2J\r\n\xff.mp4", KN_PROGRESS_RUNNING, 0);
    const struct kn_progress_canvas canvas = {80, 24, true, false};
    KN_SCOPED_STR out = {0};
    kn_progress_draw(&view, 1, &canvas, S, &out);
    assert_null(strpbrk(out.at, "\033\r"));
    assert_int_equal(lines_of(out.at), 1);
    assert_null(u8_check((const uint8_t *)out.at, out.length));
}

static void json_is_one_line_an_event(void **state)
{
    (void)state;
    struct kn_progress_view view = node(4, 2, 2, "clip “1”\n", KN_PROGRESS_RUNNING, 1.0 / 3);
    KN_SCOPED_STR out = {0};
    kn_progress_json(&view, 0, &out);
    assert_string_equal(out.at,
                        "{\"event\":\"step\",\"id\":4,\"parent\":2,\"name\":\"clip “1”\\n\","
                        "\"state\":\"running\",\"fraction\":0.3333,"
                        "\"stage\":\"frame 412 of 900\",\"eta_ms\":75000}\n");
}

static void the_step_timeline_shows_overlap(void **state)
{
    (void)state;
    static const struct kn_step_time times[] = {
        {"probe", "probe", "io", 0, 0, 1 * S, KN_OK},
        {"listen", "listen", "cpu", 0, 1 * S, 9 * S, KN_OK},
        {"look", "look", "cpu", 1, 1 * S, 5 * S, KN_OK},
        {"listen", "utterance 1", "cpu", 0, 2 * S, 4 * S, KN_OK},
        {"listen", "utterance 2", "cpu", 1, 2 * S, 10 * S, KN_OK},
        {"listen", "utterance 3", "io", 0, 8 * S, 10 * S, KN_OK}, /* another lane, another row */
    };
    KN_SCOPED_STR out = {0};
    kn_step_timeline_draw(times, 6, 58, false, &out);
    assert_int_equal(lines_of(out.at), 6);
    assert_non_null(strstr(out.at, "listen: 2 tasks"));
    assert_non_null(strstr(out.at, "|#         |"));
    assert_non_null(strstr(out.at, "| ######## |"));
    assert_non_null(strstr(out.at, "| ####     |"));
    assert_non_null(strstr(out.at, "listen: 1 task"));
    assert_non_null(strstr(out.at, "|  ##------|")); /* two tasks at once, then one */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_fit_every_terminal),
        cmocka_unit_test(bars_tell_what_runs_failed_and_waits),
        cmocka_unit_test(texts_are_whole_or_end_in_dots),
        cmocka_unit_test(colours_only_when_asked_for),
        cmocka_unit_test(names_cannot_send_control_characters),
        cmocka_unit_test(json_is_one_line_an_event),
        cmocka_unit_test(the_step_timeline_shows_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
