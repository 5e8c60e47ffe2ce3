#include "cli/progress_view.h"

#include <langinfo.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sync.h"

enum { FRAME_MS = 100, VIEWS_MAX = 4096 };
/* A node's percentages a second. */
#define TOLD_HZ 4.0
/* The same for logs that people read afterwards, of a step that takes long. */
enum { LINE_EVERY_US = 30000000 };

enum { LONG_STEPS = 2 };

struct kn_progress_display {
    /* Immutable. */
    struct kn_progress *root;
    FILE *out;
    enum kn_progress_style style;
    int64_t start_us;
    pthread_t thread;
    bool has_thread;

    /* By whoever tells of a change: one at a time. */
    int clips;                   /* the node that has the clips; 0: not seen yet */
    int64_t line_us[LONG_STEPS]; /* when a line told of that step; 0: not yet */
    bool named;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool over;                      /* by lock */
    int lines;                      /* drawn now; by lock */
    struct kn_progress_view *views; /* room for VIEWS_MAX; by lock */
};

/* ---- bars ---- */

static struct kn_progress_canvas measure(FILE *out)
{
    struct winsize size = {0};
    const char *codeset = nl_langinfo(CODESET);
    (void)ioctl(fileno(out), TIOCGWINSZ, &size); /* 0 by 0 when it is not known */
    return (struct kn_progress_canvas){
        .width = size.ws_col >= 20 ? size.ws_col : 80,
        .height = size.ws_row >= 4 ? size.ws_row : 24,
        .unicode = strcmp(codeset, "UTF-8") == 0,
        .colour = !getenv("NO_COLOR"),
    };
}

/* With the lock. */
static void erase(struct kn_progress_display *display, struct kn_str *out)
{
    if (display->lines)
        kn_str_printf(out, "\033[%dA\r\033[J", display->lines);
    display->lines = 0;
}

/* With the lock. One write a frame, so that nothing flickers. */
static void draw(struct kn_progress_display *display)
{
    KN_SCOPED_STR frame = {0};
    const struct kn_progress_canvas canvas = measure(display->out);
    int count = kn_progress_snapshot(display->root, display->views, VIEWS_MAX);
    erase(display, &frame);
    display->lines =
        kn_progress_draw(display->views, KN_MIN(count, VIEWS_MAX), &canvas, kn_now_us(), &frame);
    fputs(kn_str_text(&frame), display->out);
    fflush(display->out);
}

/* Nobody else is left to take the lock. Where nothing was found out before it failed, the sentence
 * that follows says all. */
static void draw_end(struct kn_progress_display *display)
{
    struct kn_progress_view root;
    bool found = false;
    draw(display);
    kn_progress_view(display->root, &root);
    for (int i = 0; i < VIEWS_MAX && display->views[i].name[0]; i++)
        found |= display->views[i].depth == 1 && display->views[i].state == KN_PROGRESS_DONE;
    if (root.state != KN_PROGRESS_FAILED || found)
        return;
    KN_SCOPED_STR frame = {0};
    erase(display, &frame);
    fputs(kn_str_text(&frame), display->out);
    fflush(display->out);
}

static void *keep_drawing(void *arg)
{
    struct kn_progress_display *display = arg;
    KN_LOCKED(&display->lock);
    while (!display->over) {
        draw(display);
        (void)kn_cond_wait_until(&display->wake, &display->lock,
                                 kn_now_us() + INT64_C(1000) * FRAME_MS);
    }
    return NULL;
}

static void log_above(void *arg, enum kn_log_level level, const char *line)
{
    struct kn_progress_display *display = arg;
    (void)level;
    KN_LOCKED(&display->lock);
    KN_SCOPED_STR text = {0};
    erase(display, &text);
    kn_str_printf(&text, "%s\n", line);
    fputs(kn_str_text(&text), display->out);
    draw(display);
}

/* ---- lines ---- */

/* The steps that may take long, in words. The others are over before anybody asks. */
static const struct {
    const char *step, *now, *then;
} long_steps[LONG_STEPS] = {
    {"listen", "listening", "listened"},
    {"look", "looking", "looked"},
};

/* A step has begun when there is something of it: it may find that nothing is to be done. */
static void describe_step(struct kn_progress_display *display, const struct kn_progress_view *view,
                          struct kn_str *out)
{
    char span[KN_TIME_TEXT_BYTES];
    int64_t now_us = kn_now_us();
    for (int i = 0; i < LONG_STEPS; i++) {
        int64_t *line_us = &display->line_us[i];
        if (strcmp(long_steps[i].step, view->name) != 0)
            continue;
        if (view->state == KN_PROGRESS_DONE)
            kn_str_printf(out, "%s, in %s", long_steps[i].then,
                          kn_time_span(view->end_us - view->start_us, span));
        if (view->state != KN_PROGRESS_RUNNING || view->fraction <= 0 ||
            (*line_us && now_us - *line_us < LINE_EVERY_US))
            return;
        kn_str_add(out, long_steps[i].now);
        if (*line_us)
            kn_str_printf(out, ": %.0f %%", view->fraction * 100);
        *line_us = now_us;
    }
}

/* A clip that is there, whose step ends with its file's name as the stage; or what went wrong. */
static void describe_clip(const struct kn_progress_view *view, struct kn_str *out)
{
    const char *step = strrchr(view->name, ' '); /* "clip 2 render" */
    int length = step ? (int)(step - view->name) : (int)strlen(view->name);
    if (view->state == KN_PROGRESS_FAILED)
        kn_str_printf(out, "%s failed", view->name);
    else if (view->state == KN_PROGRESS_DONE && kn_ends_with(view->stage, ".mp4"))
        kn_str_printf(out, "%.*s: %s", length, view->name, view->stage);
    else if (view->state == KN_PROGRESS_SKIPPED && kn_ends_with(view->stage, ".mp4"))
        kn_str_printf(out, "%.*s: %s, made before", length, view->name, view->stage);
}

static void print_line(void *arg, const struct kn_progress_view *view)
{
    struct kn_progress_display *display = arg;
    char at[KN_TIME_TEXT_BYTES], shown[KN_PROGRESS_NAME_BYTES];
    KN_SCOPED_STR text = {0};
    if (view->depth == 1 && strcmp(view->name, "clips") == 0)
        display->clips = view->id;
    if (view->depth != 2)
        return;
    if (view->parent == display->clips)
        describe_clip(view, &text);
    else
        describe_step(display, view, &text);
    if (text.length == 0)
        return;
    if (!display->named) { /* not sooner: a source that cannot be opened gets one sentence */
        struct kn_progress_view root;
        kn_progress_view(display->root, &root);
        fprintf(display->out, "%s\n", kn_text_show(root.name, shown, sizeof shown));
        display->named = true;
    }
    fprintf(display->out, "%10s  %s\n", kn_time_span(kn_now_us() - display->start_us, at), text.at);
    fflush(display->out);
}

static void print_json(void *arg, const struct kn_progress_view *view)
{
    struct kn_progress_display *display = arg;
    KN_SCOPED_STR line = {0};
    kn_progress_json(view, &line);
    fputs(kn_str_text(&line), display->out);
    fflush(display->out);
}

/* ---- life ---- */

static enum kn_progress_style resolve(const struct kn_progress_options *options)
{
    if (options->style != KN_PROGRESS_AUTO)
        return options->style;
    const char *term = getenv("TERM");
    bool capable = isatty(fileno(options->out)) && term && strcmp(term, "dumb") != 0;
    return capable ? KN_PROGRESS_BARS : KN_PROGRESS_LINES;
}

static void start_bars(struct kn_progress_display *display)
{
    display->views = kn_calloc(VIEWS_MAX, sizeof *display->views);
    display->has_thread = pthread_create(&display->thread, NULL, keep_drawing, display) == 0;
    kn_log_set_sink(log_above, display);
}

struct kn_progress_display *kn_progress_display_start(struct kn_progress *root,
                                                      const struct kn_progress_options *options)
{
    struct kn_progress_display *display = kn_calloc(1, sizeof *display);
    display->root = root;
    display->out = options->out;
    display->style = resolve(options);
    display->start_us = kn_now_us();
    pthread_mutex_init(&display->lock, NULL);
    kn_cond_init(&display->wake);
    if (display->style == KN_PROGRESS_BARS)
        start_bars(display);
    else if (display->style == KN_PROGRESS_LINES)
        kn_progress_listen(root, TOLD_HZ, print_line, display);
    else if (display->style == KN_PROGRESS_JSON)
        kn_progress_listen(root, TOLD_HZ, print_json, display);
    return display;
}

void kn_progress_display_stop(struct kn_progress_display *display)
{
    if (display->style == KN_PROGRESS_BARS) {
        kn_log_set_sink(NULL, NULL);
        pthread_mutex_lock(&display->lock);
        display->over = true;
        pthread_cond_signal(&display->wake);
        pthread_mutex_unlock(&display->lock);
        if (display->has_thread)
            pthread_join(display->thread, NULL);
        draw_end(display);
    }
    pthread_cond_destroy(&display->wake);
    pthread_mutex_destroy(&display->lock);
    free(display->views);
    free(display);
}
