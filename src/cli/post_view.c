#include "cli/post_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/queue_view.h"
#include "platform/platform.h"
#include "platform/post_json.h"

enum {
    NAME_COLUMNS = 48, /* of the longest name at most */
    WHERE_COLUMNS = 22,
    ALONE_US = 30000000, /* longer than a worker that went away keeps its posts */
};

/* ---- one post ---- */

struct kn_post kn_post_refused(const struct kn_post_spec *spec, const char *reason,
                               const char *remedy, struct kn_arena *arena)
{
    return (struct kn_post){
        .state = KN_POST_FAILED,
        .key = "",
        .owner = "",
        .platform = spec->platform,
        .account = spec->account,
        .clip = spec->clip,
        .request = spec->request,
        .memory = "{}",
        .bytes = spec->bytes,
        .remote_id = "",
        .url = "",
        .reason = kn_arena_strdup(arena, reason),
        .remedy = kn_arena_strdup(arena, remedy),
    };
}

static const char *state_shown(const struct kn_post *post)
{
    return post->id ? kn_post_state_name(post->state) : "refused";
}

const char *kn_post_name(const struct kn_post *post, struct kn_arena *arena)
{
    struct kn_post_clip clip;
    struct kn_error ignored;
    char shown[160];
    if (kn_post_clip_read(post->clip, arena, &clip, &ignored) != KN_OK)
        return "?";
    const char *path = clip.original ? clip.original : clip.path;
    return kn_arena_strdup(arena, kn_text_show(kn_path_base(path), shown, sizeof shown));
}

const char *kn_speed_text(int64_t bytes_a_second, char text[KN_SPEED_TEXT_BYTES])
{
    double kilo = (double)bytes_a_second / 1e3, mega = kilo / 1e3;
    if (mega >= 10)
        snprintf(text, KN_SPEED_TEXT_BYTES, "%.0f MB/s", mega);
    else if (mega >= 1)
        snprintf(text, KN_SPEED_TEXT_BYTES, "%.1f MB/s", mega);
    else
        snprintf(text, KN_SPEED_TEXT_BYTES, "%.0f kB/s", kilo);
    return text;
}

/* Until all of it is out; -1: not known. */
static int64_t seconds_left(const struct kn_post *post)
{
    if (post->bytes_a_second <= 0 || post->sent_bytes >= post->bytes)
        return -1;
    return (post->bytes - post->sent_bytes + post->bytes_a_second - 1) / post->bytes_a_second;
}

/* "43 %, 12 MB/s, 40 s left" */
static const char *upload_text(const struct kn_post *post, struct kn_arena *arena)
{
    char speed[KN_SPEED_TEXT_BYTES];
    int64_t left = seconds_left(post);
    if (post->sent_bytes >= post->bytes)
        return "all of it is on its way";
    double percent = floor(100.0 * (double)post->sent_bytes / (double)post->bytes);
    if (left < 0)
        return kn_arena_printf(arena, "%.0f %%", percent);
    bool minutes = left >= 120, hours = left >= 7200;
    return kn_arena_printf(arena, "%.0f %%, %s, %" PRId64 " %s left", percent,
                           kn_speed_text(post->bytes_a_second, speed),
                           hours     ? (left + 1800) / 3600
                           : minutes ? (left + 30) / 60
                                     : left,
                           hours     ? "h"
                           : minutes ? "min"
                                     : "s");
}

bool kn_post_is_left_alone(const struct kn_post *post)
{
    return !kn_post_state_final(post->state) && !post->worker &&
           post->due_us + ALONE_US < kn_wall_us();
}

/* What stands beside its state: where it is, why it failed, what it waits for; in the arena. */
static const char *detail(const struct kn_post *post, struct kn_arena *arena)
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
    if (kn_post_is_left_alone(post))
        return "nobody posts it now: `kirinuki worker` does, or `kirinuki publish --retry`";
    if (waits)
        return kn_arena_printf(arena, "at %s", kn_time_local(post->due_us, when));
    if (post->state == KN_POST_PLANNED && !post->reason[0] && post->appear_us > kn_wall_us())
        return kn_arena_printf(arena, "to appear at %s", kn_time_local(post->appear_us, when));
    if (post->state == KN_POST_UPLOADING && post->bytes)
        return upload_text(post, arena);
    return post->reason;
}

static json_t *time_or_null(int64_t wall_us)
{
    char text[KN_TIME_TEXT_BYTES];
    return wall_us ? json_string(kn_time_iso(wall_us, text)) : json_null();
}

json_t *kn_json_text_or_null(const char *text)
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
    json_object_set_new(made, "id", post->id ? json_integer(post->id) : json_null());
    json_object_set_new(made, "clip", kn_json_text(clip.original ? clip.original : clip.path));
    json_object_set_new(made, "rendition", clip.original ? kn_json_text(clip.path) : json_null());
    json_object_set_new(made, "platform", kn_json_text_or_null(post->platform));
    json_object_set_new(made, "account", kn_json_text_or_null(post->account));
    json_object_set_new(made, "state", json_string(state_shown(post)));
    json_object_set_new(made, "url", kn_json_text_or_null(post->url));
    json_object_set_new(made, "remote_id", kn_json_text_or_null(post->remote_id));
    json_object_set_new(made, "reason", kn_json_text_or_null(post->reason));
    json_object_set_new(made, "what_to_do", kn_json_text_or_null(post->remedy));
    json_object_set_new(made, "title", kn_json_text_or_null(text.title));
    json_object_set_new(made, "caption", kn_json_text_or_null(text.caption));
    json_object_set_new(made, "sent_bytes", json_integer(post->sent_bytes));
    json_object_set_new(made, "bytes", json_integer(post->bytes));
    int64_t left = post->state == KN_POST_UPLOADING ? seconds_left(post) : -1;
    json_object_set_new(made, "bytes_a_second",
                        left >= 0 ? json_integer(post->bytes_a_second) : json_null());
    json_object_set_new(made, "eta_ms", left >= 0 ? json_integer(left * 1000) : json_null());
    json_object_set_new(
        made, "due", kn_post_state_final(post->state) ? json_null() : time_or_null(post->due_us));
    json_object_set_new(made, "appear", time_or_null(post->appear_us));
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
        char where[64], number[24] = "-";
        if (post->id)
            snprintf(number, sizeof number, "%" PRId64, post->id);
        snprintf(where, sizeof where, "%s%s%.40s", post->platform, named ? ":" : "",
                 named ? post->account : "");
        kn_utf8_trim(where);
        kn_say("%5s  %s%*s %s%*s %-11s %s", number, name,
               KN_MAX(columns - kn_utf8_columns(name), 0), "", where,
               KN_MAX(WHERE_COLUMNS - kn_utf8_columns(where), 0), "", state_shown(post),
               detail(post, arena));
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
    kn_post_print_text(
        "file", kn_text_show(clip.original ? clip.original : clip.path, shown, sizeof shown));
    if (clip.original)
        kn_post_print_text("rendition", kn_text_show(clip.path, shown, sizeof shown));
    kn_post_print_text("account", post->account);
    kn_post_print_text("title", text.title);
    kn_post_print_text("text", text.caption);
    print_time("planned", post->created_us);
    if (!kn_post_state_final(post->state))
        print_time("due", post->due_us);
    print_time("changed", post->changed_us);
    print_time("public", post->public_us);
    kn_post_print_text("reason", post->reason);
    kn_post_print_text("what to do", post->remedy);
}
