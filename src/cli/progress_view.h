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
    FILE *out; /* borrowed until stop */
};

struct kn_progress_display;

/* Before work starts on the tree; returns owned. Diagnostics (base/log.h) are printed above the
 * bars while they are shown. */
struct kn_progress_display *kn_progress_display_start(struct kn_progress *root,
                                                      const struct kn_progress_options *options);
/* After the last change and before the tree is freed: draws the end and cleans up. */
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

/* One node as a JSON object on one line, with its line end. */
void kn_progress_json(const struct kn_progress_view *view, struct kn_str *out);

#endif
