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

/* A job's tree: one of this process, or rows from elsewhere. */
struct track {
    struct kn_progress_display *display;
    int64_t job;
    struct kn_progress *root;       /* NULL: */
    struct kn_progress_view *views; /* owned */
    int count;
    struct track *next;

    /* For lines; by whoever tells of a change: one at a time. */
    int clips;                   /* the node that has the clips; 0: not seen yet */
    int64_t line_us[LONG_STEPS]; /* when a line told of that step; 0: not yet */
    bool named;
};

struct kn_progress_display {
    /* Immutable. */
    FILE *out;
    enum kn_progress_style style;
    bool several;
    int64_t start_us;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool over;                      /* by lock */
    int lines;                      /* drawn now; by lock */
    struct track *tracks;           /* in the order of their coming; by lock */
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

/* With the lock: one job below the other, until the terminal is full. */
static void draw_tracks(struct kn_progress_display *display, struct kn_str *frame)
{
    struct kn_progress_canvas canvas = measure(display->out);
    const int height = canvas.height;
    int left_out = 0;
    for (struct track *track = display->tracks; track; track = track->next) {
        struct kn_progress_view *views = track->views;
        int count = track->count;
        if (track->root) {
            views = display->views;
            count = KN_MIN(kn_progress_snapshot(track->root, views, VIEWS_MAX), VIEWS_MAX);
        }
        /* The last line is for those that find no room. */
        canvas.height = height - display->lines - (track->next ? 1 : 0);
        if (canvas.height < 2 || (left_out && track->next))
            left_out++;
        else
            display->lines += kn_progress_draw(views, count, &canvas, kn_now_us(), frame);
    }
    if (left_out) {
        kn_str_printf(frame, "  and %d more\n", left_out);
        display->lines++;
    }
}

/* With the lock. One write a frame, so that nothing flickers. */
static void draw(struct kn_progress_display *display)
{
    KN_SCOPED_STR frame = {0};
    erase(display, &frame);
    draw_tracks(display, &frame);
    fputs(kn_str_text(&frame), display->out);
    fflush(display->out);
}

/* Where nothing was found out before it failed, the sentence that follows says all. */
static bool says_nothing(const struct kn_progress_view *views, int count)
{
    for (int i = 0; i < count; i++)
        if (views[i].depth == 1 && views[i].state == KN_PROGRESS_DONE)
            return false;
    return count > 0 && views[0].state == KN_PROGRESS_FAILED;
}

/* Nobody else is left to take the lock. */
static void draw_end(struct kn_progress_display *display)
{
    struct track *only = display->tracks;
    draw(display);
    if (!only || only->next || !only->root)
        return;
    int count = kn_progress_snapshot(only->root, display->views, VIEWS_MAX);
    if (!says_nothing(display->views, KN_MIN(count, VIEWS_MAX)))
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
static void describe_step(struct track *track, const struct kn_progress_view *view,
                          struct kn_str *out)
{
    char span[KN_TIME_TEXT_BYTES];
    int64_t now_us = kn_now_us();
    for (int i = 0; i < LONG_STEPS; i++) {
        int64_t *line_us = &track->line_us[i];
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

/* One write a line: several trees have a thread each that prints. */
static void print_line(void *arg, const struct kn_progress_view *view)
{
    struct track *track = arg;
    struct kn_progress_display *display = track->display;
    char at[KN_TIME_TEXT_BYTES], shown[KN_PROGRESS_NAME_BYTES];
    KN_SCOPED_STR text = {0};
    if (view->depth == 1 && strcmp(view->name, "clips") == 0)
        track->clips = view->id;
    if (view->depth != 2)
        return;
    if (view->parent == track->clips)
        describe_clip(view, &text);
    else
        describe_step(track, view, &text);
    if (text.length == 0)
        return;
    KN_SCOPED_STR line = {0};
    if (!track->named) { /* not sooner: a source that cannot be opened gets one sentence */
        struct kn_progress_view root;
        kn_progress_view(track->root, &root);
        if (display->several)
            kn_str_printf(&line, "%lld: ", (long long)track->job);
        kn_str_printf(&line, "%s\n", kn_text_show(root.name, shown, sizeof shown));
        track->named = true;
    }
    if (display->several)
        kn_str_printf(&line, "%lld: ", (long long)track->job);
    kn_str_printf(&line, "%10s  %s\n", kn_time_span(kn_now_us() - display->start_us, at), text.at);
    fputs(kn_str_text(&line), display->out);
    fflush(display->out);
}

static void print_json(void *arg, const struct kn_progress_view *view)
{
    const struct track *track = arg;
    const struct kn_progress_display *display = track->display;
    KN_SCOPED_STR line = {0};
    kn_progress_json(view, display->several ? track->job : 0, &line);
    fputs(kn_str_text(&line), display->out);
    fflush(display->out);
}

/* ---- the jobs ---- */

static struct track **find_track(struct kn_progress_display *display, int64_t job)
{
    struct track **at = &display->tracks;
    while (*at && (*at)->job != job)
        at = &(*at)->next;
    return at;
}

/* With the lock: the job's, made if it is not there. */
static struct track *track_of(struct kn_progress_display *display, int64_t job)
{
    struct track **at = find_track(display, job);
    if (!*at) {
        *at = kn_calloc(1, sizeof **at);
        (*at)->display = display;
        (*at)->job = job;
    }
    return *at;
}

void kn_progress_display_add(struct kn_progress_display *display, int64_t job,
                             struct kn_progress *root)
{
    KN_LOCKED(&display->lock);
    struct track *track = track_of(display, job);
    track->root = root;
    if (display->style == KN_PROGRESS_LINES)
        kn_progress_listen(root, TOLD_HZ, print_line, track);
    else if (display->style == KN_PROGRESS_JSON)
        kn_progress_listen(root, TOLD_HZ, print_json, track);
}

void kn_progress_display_set(struct kn_progress_display *display, int64_t job,
                             const struct kn_progress_view *views, int count)
{
    KN_LOCKED(&display->lock);
    struct track *track = track_of(display, job);
    free(track->views);
    track->views = kn_calloc((size_t)count + 1, sizeof *views);
    memcpy(track->views, views, (size_t)count * sizeof *views);
    track->count = count;
}

void kn_progress_display_remove(struct kn_progress_display *display, int64_t job)
{
    KN_LOCKED(&display->lock);
    struct track **at = find_track(display, job), *track = *at;
    if (!track)
        return;
    *at = track->next;
    free(track->views);
    free(track);
}

void kn_progress_display_above(struct kn_progress_display *display, void (*print)(void *arg),
                               void *arg)
{
    KN_LOCKED(&display->lock);
    bool bars = display->style == KN_PROGRESS_BARS;
    KN_SCOPED_STR text = {0};
    if (bars)
        erase(display, &text);
    fputs(kn_str_text(&text), display->out);
    fflush(display->out);
    print(arg);
    if (bars)
        draw(display);
}

/* ---- life ---- */

bool kn_progress_can_draw(FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
}

static enum kn_progress_style resolve(const struct kn_progress_options *options)
{
    if (options->style != KN_PROGRESS_AUTO)
        return options->style;
    return kn_progress_can_draw(options->out) ? KN_PROGRESS_BARS : KN_PROGRESS_LINES;
}

static void start_bars(struct kn_progress_display *display)
{
    display->views = kn_calloc(VIEWS_MAX, sizeof *display->views);
    display->has_thread = pthread_create(&display->thread, NULL, keep_drawing, display) == 0;
    kn_log_set_sink(log_above, display);
}

struct kn_progress_display *kn_progress_display_start(const struct kn_progress_options *options)
{
    struct kn_progress_display *display = kn_calloc(1, sizeof *display);
    display->several = options->several;
    display->out = options->out;
    display->style = resolve(options);
    display->start_us = kn_now_us();
    pthread_mutex_init(&display->lock, NULL);
    kn_cond_init(&display->wake);
    if (display->style == KN_PROGRESS_BARS)
        start_bars(display);
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
    while (display->tracks)
        kn_progress_display_remove(display, display->tracks->job);
    pthread_cond_destroy(&display->wake);
    pthread_mutex_destroy(&display->lock);
    free(display->views);
    free(display);
}
