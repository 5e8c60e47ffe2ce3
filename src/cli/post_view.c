#include "cli/post_view.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/utf8.h"
#include "cli/queue_view.h"
#include "platform/platform.h"
#include "platform/post_json.h"

enum {
    NAME_COLUMNS = 48, /* of the longest name at most */
    WHERE_COLUMNS = 22,
    WORTH_SAYING_US = 60000000, /* a shorter wait is not told */
};

/* ---- one post ---- */

const char *kn_post_name(const struct kn_post *post, struct kn_arena *arena)
{
    struct kn_post_clip clip;
    struct kn_error ignored;
    char shown[160];
    if (kn_post_clip_read(post->clip, arena, &clip, &ignored) != KN_OK)
        return "?";
    return kn_arena_strdup(arena, kn_text_show(kn_path_base(clip.path), shown, sizeof shown));
}

const char *kn_post_detail(const struct kn_post *post, struct kn_arena *arena)
{
    char when[KN_TIME_TEXT_BYTES];
    bool waits = !kn_post_state_final(post->state) && post->due_us > kn_wall_us();
    if (post->state == KN_POST_LIVE)
        return post->reason[0] ? kn_arena_printf(arena, "%s (%s)", post->url, post->reason)
                               : post->url;
    if (post->state == KN_POST_SCHEDULED)
        return kn_arena_printf(
            arena, "%s %s %s%s%s%s", post->public_us > kn_wall_us() ? "at" : "was to appear at",
            kn_time_local(post->public_us, when), post->url, post->reason[0] ? " (" : "",
            post->reason, post->reason[0] ? ")" : "");
    if (post->state == KN_POST_FAILED || post->state == KN_POST_UNKNOWN)
        return kn_arena_printf(arena, "%s%s%s", post->reason, post->remedy[0] ? ": " : "",
                               post->remedy);
    if (post->remedy[0]) /* what it was in when nothing more could be kept of it */
        return kn_arena_printf(arena, "%s: %s", post->reason, post->remedy);
    if (waits && post->reason[0])
        return kn_arena_printf(arena, "waits until %s: %s", kn_time_local(post->due_us, when),
                               post->reason);
    if (waits)
        return kn_arena_printf(arena, "at %s", kn_time_local(post->due_us, when));
    if (post->state == KN_POST_UPLOADING && post->bytes)
        return kn_arena_printf(arena, "%.0f %%",
                               100.0 * (double)post->sent_bytes / (double)post->bytes);
    return post->reason;
}

static json_t *time_or_null(int64_t wall_us)
{
    char text[KN_TIME_TEXT_BYTES];
    return wall_us ? json_string(kn_time_iso(wall_us, text)) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? kn_json_text(text) : json_null();
}

json_t *kn_post_result_json(const struct kn_post *post, struct kn_arena *arena)
{
    struct kn_post_clip clip = {.path = ""};
    struct kn_post_text text = {.title = "", .caption = ""};
    struct kn_post_options options;
    struct kn_error ignored;
    (void)kn_post_clip_read(post->clip, arena, &clip, &ignored);
    (void)kn_post_request_read(post->request, arena, &text, &options, &ignored);
    json_t *made = json_object();
    json_object_set_new(made, "id", json_integer(post->id));
    json_object_set_new(made, "clip", kn_json_text(clip.path));
    json_object_set_new(made, "platform", kn_json_text(post->platform));
    json_object_set_new(made, "account", kn_json_text(post->account));
    json_object_set_new(made, "state", json_string(kn_post_state_name(post->state)));
    json_object_set_new(made, "url", text_or_null(post->url));
    json_object_set_new(made, "remote_id", text_or_null(post->remote_id));
    json_object_set_new(made, "reason", text_or_null(post->reason));
    json_object_set_new(made, "what_to_do", text_or_null(post->remedy));
    json_object_set_new(made, "title", text_or_null(text.title));
    json_object_set_new(made, "caption", text_or_null(text.caption));
    json_object_set_new(made, "sent_bytes", json_integer(post->sent_bytes));
    json_object_set_new(made, "bytes", json_integer(post->bytes));
    json_object_set_new(made, "due", time_or_null(post->due_us));
    json_object_set_new(made, "planned", time_or_null(post->created_us));
    json_object_set_new(made, "changed", time_or_null(post->changed_us));
    json_object_set_new(made, "public", time_or_null(post->public_us));
    return made;
}

static int name_columns(const struct kn_post *posts, int count, struct kn_arena *arena)
{
    int columns = (int)strlen("clip");
    for (int i = 0; i < count; i++)
        columns = KN_MAX(columns, kn_utf8_columns(kn_post_name(&posts[i], arena)));
    return KN_MIN(columns, NAME_COLUMNS);
}

void kn_posts_print(const struct kn_post *posts, int count, struct kn_arena *arena)
{
    int columns = name_columns(posts, count, arena);
    printf("%5s  %-*s %-*s %-11s\n", "post", columns, "clip", WHERE_COLUMNS, "where", "state");
    for (int i = 0; i < count; i++) {
        const struct kn_post *post = &posts[i];
        const char *name = kn_post_name(post, arena);
        const struct kn_platform *platform = kn_platform_find(post->platform);
        bool named = platform && platform->oauth;
        char where[64];
        snprintf(where, sizeof where, "%s%s%.40s", post->platform, named ? ":" : "",
                 named ? post->account : "");
        kn_utf8_trim(where);
        kn_say("%5" PRId64 "  %s%*s %s%*s %-11s %s", post->id, name,
               KN_MAX(columns - kn_utf8_columns(name), 0), "", where,
               KN_MAX(WHERE_COLUMNS - kn_utf8_columns(where), 0), "",
               kn_post_state_name(post->state), kn_post_detail(post, arena));
    }
}

void kn_post_print_text(const char *name, const char *text)
{
    char line[300];
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)KN_MIN(length, sizeof line - 1), at);
        kn_utf8_trim(line);
        kn_say("    %-10s %s", at == text ? name : "", line);
        at += length + (at[length] == '\n');
    }
}

static void print_time(const char *name, int64_t wall_us)
{
    char when[KN_TIME_TEXT_BYTES];
    if (wall_us)
        kn_post_print_text(name, kn_time_local(wall_us, when));
}

void kn_post_print_whole(const struct kn_post *post, struct kn_arena *arena)
{
    struct kn_post_clip clip = {.path = ""};
    struct kn_post_text text = {.title = "", .caption = ""};
    struct kn_post_options options;
    struct kn_error ignored;
    char shown[1024];
    (void)kn_post_clip_read(post->clip, arena, &clip, &ignored);
    (void)kn_post_request_read(post->request, arena, &text, &options, &ignored);
    kn_posts_print(post, 1, arena);
    kn_post_print_text("file", kn_text_show(clip.path, shown, sizeof shown));
    kn_post_print_text("account", post->account);
    kn_post_print_text("title", text.title);
    kn_post_print_text("text", text.caption);
    print_time("planned", post->created_us);
    print_time("due", post->due_us);
    print_time("changed", post->changed_us);
    print_time("public", post->public_us);
    kn_post_print_text("reason", post->reason);
    kn_post_print_text("what to do", post->remedy);
}

/* ---- while they are under way ---- */

struct shown {
    int64_t post;
    char *name; /* owned */
    enum kn_post_state state;
    int64_t sent_bytes, bytes;
};

struct kn_post_display {
    pthread_mutex_t lock;
    bool json, quiet, terminal;
    int count;
    struct shown *posts;
    int64_t drawn_us;
};

struct kn_post_display *kn_post_display_open(const struct kn_post *posts, int count, bool json,
                                             bool quiet)
{
    struct kn_post_display *display = kn_calloc(1, sizeof *display);
    struct kn_arena *arena = kn_arena_new();
    pthread_mutex_init(&display->lock, NULL);
    display->json = json;
    display->quiet = quiet;
    display->terminal = !json && !quiet && isatty(STDERR_FILENO);
    display->count = count;
    display->posts = kn_calloc((size_t)count + 1, sizeof *display->posts);
    for (int i = 0; i < count; i++)
        display->posts[i] = (struct shown){
            .post = posts[i].id,
            .name = kn_strdup(kn_post_name(&posts[i], arena)),
            .state = posts[i].state,
            .sent_bytes = posts[i].sent_bytes,
            .bytes = posts[i].bytes,
        };
    kn_arena_free(arena);
    return display;
}

static void clear_line(const struct kn_post_display *display)
{
    if (display->terminal)
        fputs("\r\x1b[K", stderr);
}

/* One line for all of them, drawn over itself. */
static void draw_sum(struct kn_post_display *display)
{
    enum { APART_US = 100000, CELLS = 24 };
    int64_t now_us = kn_now_us(), sent = 0, bytes = 0;
    int ended = 0;
    if (!display->terminal || now_us - display->drawn_us < APART_US)
        return;
    display->drawn_us = now_us;
    for (int i = 0; i < display->count; i++) {
        bool final = kn_post_state_final(display->posts[i].state);
        ended += final;
        bytes += display->posts[i].bytes;
        sent += final ? display->posts[i].bytes : display->posts[i].sent_bytes;
    }
    double share = bytes ? (double)sent / (double)bytes : 0;
    int full = (int)(share * CELLS);
    fprintf(stderr, "\r\x1b[K%d of %d posts  [%.*s%.*s] %.1f of %.1f MB", ended, display->count,
            full, "########################", CELLS - full, "........................",
            (double)sent / 1e6, (double)bytes / 1e6);
    fflush(stderr);
}

static void say_json(const struct kn_post_news *news, const char *name)
{
    kn_print_json(json_pack("{s:s, s:I, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "event",
                            "post", "id", (json_int_t)news->post, "clip", kn_json_text(name),
                            "platform", kn_json_text(news->platform), "account",
                            kn_json_text(news->account), "state", kn_post_state_name(news->state),
                            "sent_bytes", (json_int_t)news->sent_bytes, "bytes",
                            (json_int_t)news->bytes, "url", text_or_null(news->url), "reason",
                            text_or_null(news->reason), "what_to_do", text_or_null(news->remedy)));
}

static void say_line(const struct kn_post_news *news, const char *name)
{
    char when[KN_TIME_TEXT_BYTES];
    const char *url = news->url, *reason = news->reason;
    if (news->due_us && !kn_post_state_final(news->state) && reason[0])
        kn_say("%s -> %s: waits until %s: %s", name, news->platform,
               kn_time_local(news->due_us, when), reason);
    else
        kn_say("%s -> %s: %s%s%s%s%s%s%s", name, news->platform, kn_post_state_name(news->state),
               url[0] ? " " : "", url, reason[0] ? ": " : "", reason, news->remedy[0] ? ": " : "",
               news->remedy);
}

void kn_post_display_hear(void *arg, const struct kn_post_news *news)
{
    struct kn_post_display *display = arg;
    KN_LOCKED(&display->lock);
    struct shown *shown = display->posts;
    while (shown < display->posts + display->count && shown->post != news->post)
        shown++;
    if (shown == display->posts + display->count)
        return;
    bool waits = (news->due_us > kn_wall_us() + WORTH_SAYING_US || news->tries) && news->reason[0];
    bool changed = shown->state != news->state || waits;
    shown->state = news->state;
    shown->sent_bytes = news->sent_bytes;
    if (display->json) {
        say_json(news, shown->name);
    } else if (changed && !display->quiet) {
        clear_line(display);
        say_line(news, shown->name);
        display->drawn_us = 0;
    }
    fflush(stdout); /* also into a pipe: whoever reads it wants to know now */
    draw_sum(display);
}

void kn_post_display_close(struct kn_post_display *display)
{
    if (!display)
        return;
    clear_line(display);
    for (int i = 0; i < display->count; i++)
        free(display->posts[i].name);
    pthread_mutex_destroy(&display->lock);
    free(display->posts);
    free(display);
}
