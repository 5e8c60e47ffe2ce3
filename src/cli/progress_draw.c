/*
 * What the bars look like. The root is one line; below it each phase is one line, and below a
 * running phase its running parts have bars, the last few finished ones have their time, and those
 * that wait are counted. So the picture stays small however many parts there are.
 */
#include <math.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/progress_view.h"

enum { NAME_CELLS = 26, BAR_CELLS = 28, STAGE_LEAST = 10, DONE_SHOWN_MAX = 4 };

struct drawing {
    const struct kn_progress_view *views;
    int count;
    const struct kn_progress_canvas *canvas;
    int64_t now_us;
    struct kn_str *out;
    int lines;
};

struct line {
    struct kn_str text;
    int cells; /* of what is visible */
    int limit;
};

/* Adds what fits of a text; control characters become spaces. */
static void add(struct line *line, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    while (left) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, left);
        int cells = uc_width(c, "UTF-8");
        if (cells < 0 || c == 0xFFFD) {
            c = cells < 0 ? ' ' : '?';
            cells = 1;
        }
        if (line->cells + cells > line->limit)
            return;
        if (c == ' ' || c == '?')
            kn_str_add_char(&line->text, (char)c);
        else
            kn_str_add_bytes(&line->text, at, (size_t)n);
        line->cells += cells;
        at += n;
        left -= (size_t)n;
    }
}

/* The same in at most so many cells; what was cut ends in "…". */
static void add_within(const struct drawing *d, struct line *line, const char *text, int cells)
{
    const char *more = d->canvas->unicode ? "…" : "..";
    int limit = line->limit, most = KN_MIN(line->cells + cells, limit);
    if (u8_strwidth((const uint8_t *)text, "UTF-8") > most - line->cells) {
        line->limit = KN_MAX(most - (d->canvas->unicode ? 1 : 2), line->cells);
        add(line, text);
        text = more;
    }
    line->limit = most;
    add(line, text);
    line->limit = limit;
}

static void pad_to(struct line *line, int cells)
{
    while (line->cells < cells && line->cells < line->limit)
        add(line, " ");
}

/* Escape sequences take no cells. */
static void paint(const struct drawing *d, struct line *line, const char *code)
{
    if (d->canvas->colour)
        kn_str_add(&line->text, code);
}
#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define GREEN  "\033[32m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

static struct line begin(const struct drawing *d, int indent)
{
    struct line line = {.limit = d->canvas->width - 1};
    pad_to(&line, indent);
    return line;
}

static void end(struct drawing *d, struct line *line)
{
    kn_str_add(d->out, kn_str_text(&line->text));
    kn_str_add(d->out, d->canvas->colour ? "\033[0m\n" : "\n");
    kn_str_free(&line->text);
    d->lines++;
}

enum { BAR_LEAST = 4, PERCENT_CELLS = 6 };

/* As wide as leaves room for the percentage and the text behind it. */
static void add_bar(const struct drawing *d, struct line *line, double fraction, const char *behind)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int after = PERCENT_CELLS + (int)strlen(behind);
    int cells = KN_CLAMP(line->limit - line->cells - after, BAR_LEAST, BAR_CELLS);
    int steps = (int)floor(KN_CLAMP(fraction, 0, 1) * cells * 8);
    paint(d, line, GREEN);
    for (int i = 0; i < cells; i++) {
        int filled = KN_CLAMP(steps - i * 8, 0, 8);
        if (!d->canvas->unicode)
            add(line, filled >= 4 ? "#" : "-");
        else if (filled == 8)
            add(line, "█");
        else
            add(line, filled ? eighths[filled] : "·");
    }
    paint(d, line, PLAIN);
}

enum { ETA_BYTES = 32 };

/* "  1:15 left", or nothing. */
static const char *eta_text(const struct kn_progress_view *view, char text[ETA_BYTES])
{
    text[0] = '\0';
    if (view->eta_ms < 0 || view->state != KN_PROGRESS_RUNNING)
        return text;
    int64_t s = (view->eta_ms + 999) / 1000;
    if (s >= 3600)
        snprintf(text, ETA_BYTES, "  %d:%02d:%02d left", (int)(s / 3600), (int)(s / 60 % 60),
                 (int)(s % 60));
    else
        snprintf(text, ETA_BYTES, "  %d:%02d left", (int)(s / 60), (int)(s % 60));
    return text;
}

/* All of it or nothing: half a time says something else. */
static void add_whole(struct line *line, const char *text)
{
    if (line->cells + (int)strlen(text) <= line->limit)
        add(line, text);
}

static void add_percent(struct line *line, double fraction)
{
    char text[16];
    snprintf(text, sizeof text, " %3d %%", (int)floor(fraction * 100 + 1e-9));
    add_whole(line, text);
}

static void add_sign(const struct drawing *d, struct line *line, enum kn_progress_state state)
{
    static const struct {
        const char *colour, *unicode, *ascii;
    } signs[KN_PROGRESS_STATE_COUNT] = {
        [KN_PROGRESS_WAITING] = {DIM, "· ", ". "},      [KN_PROGRESS_RUNNING] = {GREEN, "▸ ", "> "},
        [KN_PROGRESS_DONE] = {GREEN, "✓ ", "+ "},       [KN_PROGRESS_FAILED] = {RED, "✗ ", "x "},
        [KN_PROGRESS_CANCELLED] = {YELLOW, "■ ", "# "}, [KN_PROGRESS_SKIPPED] = {DIM, "= ", "= "},
    };
    paint(d, line, signs[state].colour);
    add(line, d->canvas->unicode ? signs[state].unicode : signs[state].ascii);
    paint(d, line, PLAIN);
}

static bool full(const struct drawing *d)
{
    return d->lines >= d->canvas->height - 1;
}

/* A job that has not begun: why, in the place of a bar. */
static void draw_waiting(struct drawing *d, const struct kn_progress_view *view)
{
    struct line line = begin(d, 0);
    add_within(d, &line, view->name, line.limit / 2);
    paint(d, &line, DIM);
    add(&line, "  ");
    add_within(d, &line, view->stage, line.limit - line.cells);
    end(d, &line);
}

static void draw_root(struct drawing *d, const struct kn_progress_view *view)
{
    struct line line = begin(d, 0);
    char left[ETA_BYTES];
    const char *slash = strrchr(view->name, '/');
    int others = 2 + BAR_LEAST + PERCENT_CELLS + (int)strlen(eta_text(view, left));
    paint(d, &line, BOLD);
    add_within(d, &line, slash ? slash + 1 : view->name,
               KN_MAX(line.limit - others, line.limit / 2));
    paint(d, &line, PLAIN);
    add(&line, "  ");
    add_bar(d, &line, view->fraction, left);
    add_percent(&line, view->fraction);
    add_whole(&line, left);
    end(d, &line);
}

static void draw_running(struct drawing *d, const struct kn_progress_view *view, int indent)
{
    struct line line = begin(d, indent);
    char left[ETA_BYTES];
    add_sign(d, &line, view->state);
    add_within(d, &line, view->name, NAME_CELLS - 1 - line.cells);
    pad_to(&line, NAME_CELLS);
    add_bar(d, &line, view->fraction, eta_text(view, left));
    add_percent(&line, view->fraction);
    add_whole(&line, left);
    if (view->stage[0] && line.limit - line.cells >= STAGE_LEAST) {
        paint(d, &line, DIM);
        add(&line, "  ");
        add_within(d, &line, view->stage, line.limit - line.cells);
    }
    end(d, &line);
}

static void draw_ended(struct drawing *d, const struct kn_progress_view *view, int indent)
{
    struct line line = begin(d, indent);
    char span[KN_TIME_TEXT_BYTES];
    add_sign(d, &line, view->state);
    paint(d, &line, DIM);
    add_within(d, &line, view->name, NAME_CELLS - 1 - line.cells);
    pad_to(&line, NAME_CELLS);
    if (view->state == KN_PROGRESS_SKIPPED)
        add(&line, "made before");
    else if (view->state == KN_PROGRESS_CANCELLED)
        add(&line, "stopped");
    else if (view->start_us)
        add(&line, kn_time_span(view->end_us - view->start_us, span));
    end(d, &line);
}

static bool is_over(const struct kn_progress_view *view)
{
    return view->state != KN_PROGRESS_WAITING && view->state != KN_PROGRESS_RUNNING;
}

/* The finished parts that are worth a line: failures, and the last few of the others. */
static bool ended_is_shown(const struct drawing *d, int parent, int index)
{
    if (d->views[index].state == KN_PROGRESS_FAILED)
        return true;
    int later = 0;
    for (int i = 0; i < d->count; i++)
        later += d->views[i].parent == parent && is_over(&d->views[i]) &&
                 (d->views[i].end_us > d->views[index].end_us ||
                  (d->views[i].end_us == d->views[index].end_us && i > index));
    return later < DONE_SHOWN_MAX;
}

static void draw_parts(struct drawing *d, int parent)
{
    int waiting = 0;
    for (int i = 0; i < d->count && !full(d); i++) {
        const struct kn_progress_view *view = &d->views[i];
        if (view->parent != parent)
            continue;
        waiting += view->state == KN_PROGRESS_WAITING;
        if (is_over(view) && ended_is_shown(d, parent, i))
            draw_ended(d, view, 4);
    }
    for (int i = 0; i < d->count && !full(d); i++)
        if (d->views[i].parent == parent && d->views[i].state == KN_PROGRESS_RUNNING)
            draw_running(d, &d->views[i], 4);
    if (waiting && !full(d)) {
        struct line line = begin(d, 4);
        char text[48];
        snprintf(text, sizeof text, "  %d more to do", waiting);
        paint(d, &line, DIM);
        add(&line, text);
        end(d, &line);
    }
}

int kn_progress_draw(const struct kn_progress_view *views, int count,
                     const struct kn_progress_canvas *canvas, int64_t now_us, struct kn_str *out)
{
    struct drawing d = {views, count, canvas, now_us, out, 0};
    for (int i = 0; i < count && !full(&d); i++) {
        const struct kn_progress_view *view = &views[i];
        if (view->depth == 0 && view->state == KN_PROGRESS_WAITING && view->stage[0])
            draw_waiting(&d, view);
        else if (view->depth == 0)
            draw_root(&d, view);
        if (view->depth != 1 || view->state == KN_PROGRESS_WAITING)
            continue;
        if (is_over(view)) {
            draw_ended(&d, view, 2);
            continue;
        }
        draw_running(&d, view, 2);
        draw_parts(&d, view->id);
    }
    return d.lines;
}

void kn_progress_json(const struct kn_progress_view *view, int64_t job, struct kn_str *out)
{
    KN_SCOPED_JSON event = json_pack(
        "{s:s, s:i, s:i, s:o, s:s, s:o, s:o, s:I}", "event", "step", "id", view->id, "parent",
        view->parent, "name", kn_json_text(view->name), "state",
        kn_progress_state_name(view->state), "fraction", kn_json_number(view->fraction, 4), "stage",
        kn_json_text(view->stage), "eta_ms", (json_int_t)view->eta_ms);
    if (job)
        json_object_set_new(event, "job", json_integer((json_int_t)job));
    kn_json_add(out, event, true);
    kn_str_add_char(out, '\n');
}
