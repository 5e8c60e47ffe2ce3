#include "cli/step_timeline.h"

#include <langinfo.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/vec.h"

enum { TEXT_CELLS = 46, CELLS_MIN = 10 };

/* One row: a step, or all tasks of one step on one lane. */
struct row {
    const char *step;
    bool tasks;
    int count;
    const char *lane;
    int worker; /* of a step */
    int64_t start_us, end_us, busy_us;
};
KN_VEC_TYPE(rows, struct row);

static bool is_task(const struct kn_step_time *time)
{
    return strcmp(time->step, time->name) != 0;
}

static bool is_in(const struct kn_step_time *time, const struct row *row)
{
    return is_task(time) == row->tasks && strcmp(time->step, row->step) == 0 &&
           (!row->tasks || strcmp(time->lane, row->lane) == 0);
}

static struct row *row_of(struct rows *rows, const struct kn_step_time *time)
{
    for (int i = 0; i < rows->count; i++)
        if (is_in(time, &rows->at[i]))
            return &rows->at[i];
    struct row row = {time->step,     is_task(time), 0, time->lane, time->worker,
                      time->start_us, time->end_us,  0};
    kn_vec_push(rows, row);
    return kn_vec_last(rows);
}

static void gather(const struct kn_step_time *times, int count, struct rows *rows)
{
    for (int i = 0; i < count; i++) {
        struct row *row = row_of(rows, &times[i]);
        row->count++;
        row->start_us = KN_MIN(row->start_us, times[i].start_us);
        row->end_us = KN_MAX(row->end_us, times[i].end_us);
        row->busy_us += times[i].end_us - times[i].start_us;
    }
}

/* How much of the cell's time was covered by this row's work: 1 is one at a time, 2 two at once. */
static double coverage(const struct row *row, const struct kn_step_time *times, int count,
                       int64_t from_us, int64_t to_us)
{
    int64_t covered_us = 0;
    for (int i = 0; i < count; i++) {
        if (!is_in(&times[i], row))
            continue;
        int64_t begin = KN_MAX(times[i].start_us, from_us), end = KN_MIN(times[i].end_us, to_us);
        covered_us += KN_MAX(end - begin, 0);
    }
    return (double)covered_us / (double)KN_MAX(to_us - from_us, 1);
}

static void draw_bar(const struct row *row, const struct kn_step_time *times, int count,
                     int64_t total_us, int cells, bool unicode, struct kn_str *out)
{
    static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
    static const char ascii[] = " .-+#";
    for (int c = 0; c < cells; c++) {
        double share =
            coverage(row, times, count, total_us * c / cells, total_us * (c + 1) / cells);
        /* One task at a time is half a shade, two or more are full; a step is all or nothing. */
        int shade = share <= 0 ? 0 : (int)ceil(KN_MIN(row->tasks ? share * 2 : share * 4, 4));
        if (unicode)
            kn_str_add(out, shades[shade]);
        else
            kn_str_add_char(out, ascii[shade]);
    }
}

static void draw_row(const struct row *row, const struct kn_step_time *times, int count,
                     int64_t total_us, int cells, bool unicode, struct kn_str *out)
{
    char name[64], place[16];
    if (row->tasks)
        snprintf(name, sizeof name, "  %.14s: %d tasks", row->step, row->count);
    else
        snprintf(name, sizeof name, "%.24s", row->step);
    if (row->tasks)
        snprintf(place, sizeof place, "%s", row->lane);
    else
        snprintf(place, sizeof place, "%s %d", row->lane, row->worker);
    kn_str_printf(out, "%8.2f %8.2f  %-6s %-20.20s|", kn_seconds(row->start_us),
                  kn_seconds(row->end_us), place, name);
    draw_bar(row, times, count, total_us, cells, unicode, out);
    kn_str_add(out, "|\n");
}

void kn_step_timeline_draw(const struct kn_step_time *times, int count, int width, bool unicode,
                           struct kn_str *out)
{
    struct rows rows = {0};
    int64_t total_us = 1;
    gather(times, count, &rows);
    for (int i = 0; i < rows.count; i++)
        total_us = KN_MAX(total_us, rows.at[i].end_us);
    int cells = KN_MAX(width - TEXT_CELLS - 2, CELLS_MIN);
    kn_str_printf(out, "%8s %8s  %-6s %-20s\n", "start", "end", "lane", "step");
    for (int i = 0; i < rows.count; i++)
        draw_row(&rows.at[i], times, count, total_us, cells, unicode, out);
    kn_vec_free(&rows);
}

void kn_print_step_times(const struct kn_result *result, FILE *out)
{
    struct winsize size = {0};
    (void)ioctl(fileno(out), TIOCGWINSZ, &size); /* not a terminal: 0 */
    KN_SCOPED_STR text = {0};
    kn_step_timeline_draw(result->step_times, result->step_time_count,
                          size.ws_col >= 60 ? size.ws_col : 100,
                          strcmp(nl_langinfo(CODESET), "UTF-8") == 0, &text);
    fputs(kn_str_text(&text), out);
    char wall[KN_TIME_TEXT_BYTES], cpu[KN_TIME_TEXT_BYTES];
    fprintf(out, "%s of time, %s of processor time\n", kn_time_span(result->wall_us, wall),
            kn_time_span(result->cpu_us, cpu));
}
