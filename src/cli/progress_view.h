/*
 * A job's progress as it goes: live bars on a terminal; elsewhere a line where something long
 * begins or ends and for each clip; JSON lines for programs.
 */
#ifndef KN_CLI_PROGRESS_VIEW_H
#define KN_CLI_PROGRESS_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include <kirinuki/progress.h>

#include "base/str.h"

enum kn_progress_style {
    KN_PROGRESS_AUTO, /* bars on a terminal that can, lines elsewhere */
    KN_PROGRESS_BARS,
    KN_PROGRESS_LINES,
    KN_PROGRESS_JSON,
    KN_PROGRESS_QUIET,
};

struct kn_progress_options {
    enum kn_progress_style style;
    FILE *out;    /* borrowed until stop */
    bool several; /* lines and JSON say which job they are about */
};

struct kn_progress_display;

/* Is it a terminal that bars can be drawn on? */
bool kn_progress_can_draw(FILE *out);

/* Returns owned. Diagnostics (base/log.h) are printed above the bars while they are shown. Any
 * thread may call what follows. */
struct kn_progress_display *kn_progress_display_start(const struct kn_progress_options *options);
/* A job's tree, before work starts on it; it stays until it is removed or the display stops. */
void kn_progress_display_add(struct kn_progress_display *display, int64_t job,
                             struct kn_progress *root);
/* The same job's as it stands now, from elsewhere; copied. Bars alone show it. */
void kn_progress_display_set(struct kn_progress_display *display, int64_t job,
                             const struct kn_progress_view *views, int count);
void kn_progress_display_remove(struct kn_progress_display *display, int64_t job);
/* Calls `print`, which writes to the terminal, with the bars out of its way. */
void kn_progress_display_above(struct kn_progress_display *display, void (*print)(void *arg),
                               void *arg);
/* After the last change and before the trees are freed: draws the end and cleans up. */
void kn_progress_display_stop(struct kn_progress_display *display);

/* ---- the drawing, apart from the terminal, for tests ---- */

struct kn_progress_canvas {
    int width, height; /* of the terminal, in cells */
    bool unicode, colour;
};

/*
 * Appends the bars of a tree in depth-first order, one line each, every line at most width - 1
 * cells wide and at most height - 1 lines in all. `now_us` is the monotonic clock. Returns the
 * number of lines.
 */
int kn_progress_draw(const struct kn_progress_view *views, int count,
                     const struct kn_progress_canvas *canvas, int64_t now_us, struct kn_str *out);

/* One node as a JSON object on one line, with its line end. `job` 0: without a job. */
void kn_progress_json(const struct kn_progress_view *view, int64_t job, struct kn_str *out);

#endif
