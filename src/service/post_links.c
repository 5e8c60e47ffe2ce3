#include "service/post_links.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "pipeline/report.h"
#include "platform/platform.h"
#include "platform/post_json.h"

enum { RESULT_BYTES_MAX = 64 << 20 };

/* A post, and the file that `kirinuki run` made for it. */
struct link {
    const struct kn_post *post;
    const char *folder, *name; /* in the arena */
};

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool link_of(const struct kn_post *post, struct kn_arena *arena, struct link *ret_link)
{
    struct kn_post_clip clip;
    struct kn_error ignored;
    bool shown = post->state == KN_POST_LIVE || post->state == KN_POST_SCHEDULED;
    if (!shown ||
        !(kn_starts_with(post->url, "https://") || kn_starts_with(post->url, "http://")) ||
        kn_post_clip_read(post->clip, arena, &clip, &ignored) != KN_OK)
        return false;
    const char *path = clip.original ? clip.original : clip.path, *name = kn_path_base(path);
    const char *folder = kn_arena_strndup(arena, path, (size_t)(name - path));
    *ret_link = (struct link){post, folder, name};
    return true;
}

/* What is told of it: an account that is a folder or an address is nobody's business. */
static json_t *link_json(const struct link *link)
{
    const struct kn_post *post = link->post;
    const struct kn_platform *platform = kn_platform_find(post->platform);
    return json_pack("{s:o, s:o, s:o, s:s, s:o}", "file", kn_json_text(link->name), "platform",
                     kn_json_text(post->platform), "account",
                     kn_json_text(platform && platform->oauth ? post->account : ""), "state",
                     kn_post_state_name(post->state), "url", kn_json_text(post->url));
}

static bool is_same_place(const json_t *a, const json_t *b)
{
    return strcmp(text_at(a, "file"), text_at(b, "file")) == 0 &&
           strcmp(text_at(a, "platform"), text_at(b, "platform")) == 0 &&
           strcmp(text_at(a, "account"), text_at(b, "account")) == 0;
}

/* In the place of the one that stood there; true: it says something new. */
static bool put_link(json_t *clip, const struct link *link)
{
    KN_SCOPED_JSON made = link_json(link);
    json_t *posts = json_object_get(clip, "posted");
    const json_t *before;
    size_t i;
    if (!json_is_array(posts)) {
        posts = json_array();
        json_object_set_new(clip, "posted", posts);
    }
    json_array_foreach(posts, i, before) if (is_same_place(before, made))
    {
        bool same = json_equal(before, made);
        json_array_set(posts, i, made);
        return !same;
    }
    json_array_append(posts, made);
    return true;
}

static bool put_in_result(json_t *result, const struct link *link)
{
    size_t i, k;
    json_t *clip;
    const json_t *file;
    json_array_foreach(json_object_get(result, "clips"), i, clip) json_array_foreach(
        json_object_get(clip, "files"), k,
        file) if (strcmp(text_at(file, "path"), link->name) == 0) return put_link(clip, link);
    return false;
}

/* For the page: all that the result tells, in one list. */
static json_t *all_of(const json_t *result)
{
    json_t *all = json_array();
    size_t i;
    const json_t *clip;
    json_array_foreach(json_object_get(result, "clips"), i, clip)
        json_array_extend(all, json_object_get(clip, "posted"));
    return all;
}

static enum kn_status write_both(const json_t *result, const char *folder, const char *path,
                                 struct kn_error *err)
{
    KN_SCOPED_JSON all = all_of(result);
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, result, false);
    kn_str_add_char(&text, '\n');
    enum kn_status status = kn_file_write(path, kn_str_text(&text), text.length, err);
    return status == KN_OK ? kn_report_put_posts(folder, all, err) : status;
}

/* All links of the folder of `links[0]`. */
static void write_folder(const struct link *links, int count, struct kn_arena *arena)
{
    const char *folder = links[0].folder, *path = kn_path_join(arena, folder, "result.json");
    char *text = NULL;
    size_t size;
    struct kn_error err;
    if (kn_file_read(path, RESULT_BYTES_MAX, &text, &size, &err) != KN_OK)
        return; /* a clip by itself */
    KN_SCOPED_JSON result = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    free(text);
    bool news = false;
    for (int i = 0; json_object_get(result, "kirinuki_result") && i < count; i++)
        if (strcmp(links[i].folder, folder) == 0)
            news |= put_in_result(result, &links[i]);
    if (news && write_both(result, folder, path, &err) != KN_OK)
        kn_log(KN_LOG_WARN, "publish", "where clips are is not told in %s: %s", folder,
               kn_error_text(&err));
}

void kn_post_links_write(const struct kn_post *posts, int count)
{
    struct kn_arena *arena = kn_arena_new();
    struct link *links = kn_arena_array(arena, (size_t)count + 1, sizeof *links);
    int found = 0;
    for (int i = 0; i < count; i++)
        found += link_of(&posts[i], arena, &links[found]);
    for (int i = 0; i < found; i++) {
        bool first = true;
        for (int k = 0; k < i; k++)
            first &= strcmp(links[k].folder, links[i].folder) != 0;
        if (first)
            write_folder(&links[i], found - i, arena);
    }
    kn_arena_free(arena);
}
