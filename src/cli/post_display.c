#include "cli/post_display.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/utf8.h"
#include "cli/post_view.h"
#include "cli/progress_view.h"
#include "cli/queue_view.h"
#include "platform/platform.h"
#include "run/rate.h"

enum {
    LINES_MAX = 12,             /* more posts than that have a bar a platform */
    APART_US = 100000,          /* between two pictures */
    WORTH_SAYING_US = 60000000, /* a shorter wait is not told */
};

struct shown {
    int64_t post;
    char *name;           /* owned */
    const char *platform; /* a constant's */
    enum kn_post_state state;
    int64_t sent_bytes, bytes;
    int64_t start_us, end_us; /* of its work, as far as it was seen here */
    struct kn_rate rate;
};

/* The bars have a lock of their own, which is taken under this one, never the other way round. */
struct kn_post_display {
    pthread_mutex_t lock;
    bool json, quiet;
    struct kn_progress_display *bars; /* NULL: none */
    int count;
    struct shown *posts;
    struct kn_rate rate; /* of all */
    int64_t drawn_us;
};

/* ---- bars ---- */

/* Several posts as one row: what of them is done, and how fast the rest goes. */
struct sum {
    int count, ended, failed, begun;
    int64_t sent_bytes, bytes;
    int64_t start_us, end_us;
};

static bool ended_badly(enum kn_post_state state)
{
    return state == KN_POST_FAILED || state == KN_POST_UNKNOWN || state == KN_POST_CANCELLED;
}

static void add_to(struct sum *sum, const struct shown *post)
{
    bool final = kn_post_state_final(post->state);
    sum->count++;
    sum->ended += final;
    sum->failed += ended_badly(post->state);
    sum->begun += post->state != KN_POST_PLANNED;
    sum->bytes += post->bytes;
    sum->sent_bytes += final ? post->bytes : post->sent_bytes;
    if (post->start_us && (!sum->start_us || post->start_us < sum->start_us))
        sum->start_us = post->start_us;
    sum->end_us = KN_MAX(sum->end_us, post->end_us);
}

static enum kn_progress_state state_of(const struct sum *sum)
{
    if (sum->ended == sum->count)
        return sum->failed ? KN_PROGRESS_FAILED : KN_PROGRESS_DONE;
    return sum->begun ? KN_PROGRESS_RUNNING : KN_PROGRESS_WAITING;
}

static struct kn_progress_view row_of(const struct sum *sum, int id, const struct kn_rate *rate)
{
    int64_t now_us = kn_now_us(), open = sum->bytes - sum->sent_bytes;
    bool sends = open > 0 && rate && rate->start_us;
    return (struct kn_progress_view){
        .id = id,
        .parent = id ? 0 : -1,
        .depth = id ? 1 : 0,
        .state = state_of(sum),
        .fraction = sum->bytes ? (double)sum->sent_bytes / (double)sum->bytes : 0,
        .weight = 1,
        .start_us = sum->start_us,
        .end_us = sum->end_us,
        .eta_ms = sends ? kn_rate_eta_ms(rate, (double)open, now_us) : -1,
    };
}

static void post_row(const struct shown *post, int id, struct kn_progress_view *row)
{
    struct sum sum = {0};
    char speed[KN_SPEED_TEXT_BYTES];
    add_to(&sum, post);
    *row = row_of(&sum, id, &post->rate);
    snprintf(row->name, sizeof row->name, "%-9s %s", post->platform, post->name);
    kn_utf8_trim(row->name);
    int64_t a_second = (int64_t)kn_rate_a_second(&post->rate, kn_now_us());
    snprintf(row->stage, sizeof row->stage, "%s",
             post->state == KN_POST_UPLOADING && post->sent_bytes >= post->bytes
                 ? "all of it is on its way"
             : post->state == KN_POST_PROCESSING            ? "processing"
             : post->state == KN_POST_UPLOADING && a_second ? kn_speed_text(a_second, speed)
                                                            : "");
}

static void platform_row(const struct kn_post_display *display, const char *platform, int id,
                         struct kn_progress_view *row)
{
    struct sum sum = {0};
    for (int i = 0; i < display->count; i++)
        if (display->posts[i].platform == platform)
            add_to(&sum, &display->posts[i]);
    *row = row_of(&sum, id, NULL);
    snprintf(row->name, sizeof row->name, "%s", platform);
    snprintf(row->stage, sizeof row->stage, "%d of %d", sum.ended, sum.count);
    if (sum.failed)
        snprintf(row->stage, sizeof row->stage, "%d of %d, %d not posted", sum.ended, sum.count,
                 sum.failed);
}

static bool has_platform(const struct kn_post_display *display, const char *platform)
{
    for (int i = 0; i < display->count; i++)
        if (display->posts[i].platform == platform)
            return true;
    return false;
}

static int platform_rows(const struct kn_post_display *display, struct kn_progress_view *rows)
{
    int count = 0;
    for (const struct kn_platform *const *at = kn_platforms(); *at && count < LINES_MAX; at++)
        if (has_platform(display, (*at)->name)) {
            platform_row(display, (*at)->name, count + 1, &rows[count]);
            count++;
        }
    return count;
}

/* With the lock. */
static void draw(struct kn_post_display *display, bool now)
{
    struct kn_progress_view rows[1 + LINES_MAX];
    struct sum all = {0};
    int64_t now_us = kn_now_us();
    int count = 0;
    if (!display->bars || (!now && now_us - display->drawn_us < APART_US))
        return;
    display->drawn_us = now_us;
    for (int i = 0; i < display->count; i++)
        add_to(&all, &display->posts[i]);
    rows[0] = row_of(&all, 0, &display->rate);
    rows[0].state = KN_PROGRESS_RUNNING; /* one that waits would have no bar */
    snprintf(rows[0].name, sizeof rows[0].name, "%d of %d posts", all.ended, all.count);
    if (display->count > LINES_MAX)
        count = platform_rows(display, rows + 1);
    for (; display->count <= LINES_MAX && count < display->count; count++)
        post_row(&display->posts[count], count + 1, &rows[count + 1]);
    kn_progress_display_set(display->bars, 1, rows, count + 1);
}

/* ---- lines ---- */

static void say_json(const struct kn_post_news *news, const char *name)
{
    kn_print_json(json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "event", "post", "id",
        (json_int_t)news->post, "clip", kn_json_text(name), "platform",
        kn_json_text(news->platform), "account", kn_json_text(news->account), "state",
        kn_post_state_name(news->state), "sent_bytes", (json_int_t)news->sent_bytes, "bytes",
        (json_int_t)news->bytes, "url", kn_json_text_or_null(news->url), "reason",
        kn_json_text_or_null(news->reason), "what_to_do", kn_json_text_or_null(news->remedy)));
    fflush(stdout); /* also into a pipe: whoever reads it wants to know now */
}

struct line {
    const struct kn_post_news *news;
    const char *name;
    bool waits; /* long enough to be told */
};

static void print_line(void *arg)
{
    const struct line *line = arg;
    const struct kn_post_news *news = line->news;
    char when[KN_TIME_TEXT_BYTES];
    const char *url = news->url, *reason = news->reason;
    if (line->waits)
        kn_say("%s -> %s: waits until %s: %s", line->name, news->platform,
               kn_time_local(news->due_us, when), reason);
    else
        kn_say("%s -> %s: %s%s%s%s%s%s%s", line->name, news->platform,
               kn_post_state_name(news->state), url[0] ? " " : "", url, reason[0] ? ": " : "",
               reason, news->remedy[0] ? ": " : "", news->remedy);
    fflush(stdout);
}

static void say_line(struct kn_post_display *display, const struct kn_post_news *news,
                     const char *name, bool waits)
{
    struct line line = {news, name, waits};
    if (display->bars)
        kn_progress_display_above(display->bars, print_line, &line);
    else
        print_line(&line);
}

/* ---- what is heard ---- */

static struct shown *find_shown(struct kn_post_display *display, int64_t post)
{
    for (int i = 0; i < display->count; i++)
        if (display->posts[i].post == post)
            return &display->posts[i];
    return NULL;
}

/* Both speeds begin with the first byte that moves here. */
static void note_bytes(struct kn_post_display *display, struct shown *shown, int64_t sent_bytes)
{
    int64_t now_us = kn_now_us(), more = sent_bytes - shown->sent_bytes;
    if (!shown->rate.start_us)
        kn_rate_start(&shown->rate, now_us);
    if (!display->rate.start_us)
        kn_rate_start(&display->rate, now_us);
    if (more > 0) {
        kn_rate_add(&shown->rate, (double)more, now_us);
        kn_rate_add(&display->rate, (double)more, now_us);
    }
    shown->sent_bytes = sent_bytes;
}

static void note(struct kn_post_display *display, struct shown *shown,
                 const struct kn_post_news *news)
{
    if (news->state == KN_POST_UPLOADING)
        note_bytes(display, shown, news->sent_bytes);
    if (!shown->start_us && news->state != KN_POST_PLANNED)
        shown->start_us = kn_now_us();
    if (kn_post_state_final(news->state))
        shown->end_us = kn_now_us();
    shown->state = news->state;
}

void kn_post_display_hear(void *arg, const struct kn_post_news *news)
{
    struct kn_post_display *display = arg;
    KN_LOCKED(&display->lock);
    struct shown *shown = find_shown(display, news->post);
    if (!shown)
        return;
    bool waits = !kn_post_state_final(news->state) && news->reason[0] && news->due_us &&
                 (news->due_us > kn_wall_us() + WORTH_SAYING_US || news->tries);
    bool changed = shown->state != news->state;
    /* Bars show by themselves what goes well, and the table that follows says where it is. */
    bool telling = waits || (changed && (!display->bars || ended_badly(news->state)));
    note(display, shown, news);
    if (display->json)
        say_json(news, shown->name);
    else if (telling && !display->quiet)
        say_line(display, news, shown->name, waits);
    draw(display, changed);
}

/* ---- life ---- */

static struct shown shown_of(const struct kn_post *post, struct kn_arena *arena)
{
    const struct kn_platform *platform = kn_platform_find(post->platform);
    return (struct shown){
        .post = post->id,
        .name = kn_strdup(kn_post_name(post, arena)),
        .platform = platform ? platform->name : "?",
        .state = post->state,
        .sent_bytes = post->sent_bytes,
        .bytes = post->bytes,
    };
}

static int by_number(const void *a, const void *b)
{
    const struct shown *left = a, *right = b;
    return (left->post > right->post) - (left->post < right->post);
}

struct kn_post_display *kn_post_display_open(const struct kn_post *posts, int count, bool json,
                                             bool quiet)
{
    struct kn_post_display *display = kn_calloc(1, sizeof *display);
    struct kn_arena *arena = kn_arena_new();
    pthread_mutex_init(&display->lock, NULL);
    display->json = json;
    display->quiet = quiet;
    display->count = count;
    display->posts = kn_calloc((size_t)count + 1, sizeof *display->posts);
    for (int i = 0; i < count; i++)
        display->posts[i] = shown_of(&posts[i], arena);
    qsort(display->posts, (size_t)count, sizeof *display->posts, by_number);
    kn_arena_free(arena);
    fflush(stdout); /* before the bars */
    if (!json && !quiet && kn_progress_can_draw(stderr))
        display->bars = kn_progress_display_start(
            &(struct kn_progress_options){.style = KN_PROGRESS_BARS, .out = stderr});
    draw(display, true);
    return display;
}

void kn_post_display_close(struct kn_post_display *display)
{
    if (!display)
        return;
    if (display->bars) {
        kn_progress_display_remove(display->bars, 1);
        kn_progress_display_stop(display->bars);
    }
    for (int i = 0; i < display->count; i++)
        free(display->posts[i].name);
    pthread_mutex_destroy(&display->lock);
    free(display->posts);
    free(display);
}
