#include "platform/post_json.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

enum { TEXT_BYTES_MAX = 1 << 20, TAGS_MAX = 500, SIZE_PX_MAX = 1 << 16 };

/* ---- writing ---- */

static const char *finish(json_t *made, struct kn_arena *arena)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, made, true);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static json_t *path_or_null(const char *path, struct kn_arena *arena)
{
    return kn_json_text(path ? kn_path_to_text(path, arena) : NULL);
}

const char *kn_post_clip_write(const struct kn_post_clip *clip, struct kn_arena *arena)
{
    KN_SCOPED_JSON made = json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:I, s:i, s:i, s:o, s:o}", "path",
        path_or_null(clip->path, arena), "original", path_or_null(clip->original, arena), "hash",
        kn_json_text(clip->hash), "bytes", (json_int_t)clip->bytes, "modified_us",
        (json_int_t)clip->modified_us, "duration_us", (json_int_t)clip->duration_us, "width_px",
        clip->width_px, "height_px", clip->height_px, "thumbnail",
        path_or_null(clip->thumbnail, arena), "subtitles", path_or_null(clip->subtitles, arena));
    return finish(made, arena);
}

const char *kn_post_request_write(const struct kn_post_text *text,
                                  const struct kn_post_options *options, struct kn_arena *arena)
{
    json_t *tags = json_array();
    for (int i = 0; i < text->tag_count; i++)
        json_array_append_new(tags, kn_json_text(text->tags[i]));
    KN_SCOPED_JSON made = json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:I, s:b, s:b, s:b, s:b, s:b, s:i}", "title",
        kn_json_text(text->title), "caption", kn_json_text(text->caption), "tags", tags, "language",
        kn_json_text(text->language), "privacy", kn_privacy_name(options->privacy), "cover_us",
        (json_int_t)options->cover_us, "made_for_kids", options->made_for_kids, "notify",
        options->notify, "draft", options->draft, "made_with_ai", options->made_with_ai,
        "share_to_feed", options->share_to_feed, "category", options->category);
    return finish(made, arena);
}

/* ---- reading ---- */

/* What is left of the object is what nobody has asked for; the first thing wrong is kept. */
struct reader {
    json_t *json;
    struct kn_arena *arena;
    const char *what; /* "the post's clip" */
    const char *wrong;
    const char *key; /* that is wrong */
};

static void complain(struct reader *reader, const char *key, const char *wrong)
{
    if (reader->wrong)
        return;
    reader->wrong = wrong;
    reader->key = kn_arena_strdup(reader->arena, key);
}

static enum kn_status reader_open(struct reader *reader, const char *text, struct kn_error *err)
{
    size_t size = strlen(text);
    if (size <= TEXT_BYTES_MAX)
        reader->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(reader->json))
        return KN_OK;
    json_decref(reader->json);
    return kn_error_set(err, KN_DAMAGED, "%s is not a JSON object", reader->what);
}

static enum kn_status reader_close(struct reader *reader, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    char key[64];
    void *left = json_object_iter(reader->json);
    if (left)
        complain(reader, json_object_iter_key(left), "is not known to kirinuki " KN_VERSION);
    if (reader->wrong)
        status = kn_error_set(err, KN_DAMAGED, "%s: “%s” %s", reader->what,
                              kn_text_show(reader->key, key, sizeof key), reader->wrong);
    json_decref(reader->json);
    return status;
}

/* In the arena; NULL for null where that is allowed. */
static const char *take_text(struct reader *reader, const char *key, bool may_be_null)
{
    const json_t *value = json_object_get(reader->json, key);
    const char *text = kn_arena_strdup(reader->arena, json_string_value(value));
    if (!value)
        complain(reader, key, "is missing");
    else if (!text && !(may_be_null && json_is_null(value)))
        complain(reader, key, "is not a text");
    json_object_del(reader->json, key);
    return text ? text : may_be_null ? NULL : "";
}

static const char *take_path(struct reader *reader, const char *key, bool may_be_null)
{
    const char *text = take_text(reader, key, may_be_null);
    const char *path = text ? kn_path_from_text(text, reader->arena) : NULL;
    if (path && path[0] != '/')
        complain(reader, key, "is not an absolute path");
    return path;
}

static int64_t take_number(struct reader *reader, const char *key, int64_t min, int64_t max)
{
    const json_t *value = json_object_get(reader->json, key);
    int64_t number = json_integer_value(value);
    if (!value)
        complain(reader, key, "is missing");
    else if (!json_is_integer(value) || number < min || number > max)
        complain(reader, key, "is not a number that can be");
    json_object_del(reader->json, key);
    return number;
}

static bool take_bool(struct reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->json, key);
    bool yes = json_is_true(value);
    if (!json_is_boolean(value))
        complain(reader, key, value ? "is neither true nor false" : "is missing");
    json_object_del(reader->json, key);
    return yes;
}

static const char *const *take_tags(struct reader *reader, int *ret_count)
{
    const json_t *list = json_object_get(reader->json, "tags");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > TAGS_MAX) {
        complain(reader, "tags", "is not a list of tags");
        count = 0;
    }
    const char **tags = kn_arena_array(reader->arena, count + 1, sizeof *tags);
    for (size_t i = 0; i < count; i++) {
        tags[i] = kn_arena_strdup(reader->arena, json_string_value(json_array_get(list, i)));
        if (!tags[i])
            complain(reader, "tags", "has one that is not a text");
    }
    json_object_del(reader->json, "tags");
    *ret_count = (int)count;
    return tags;
}

static enum kn_privacy take_privacy(struct reader *reader)
{
    const char *name = take_text(reader, "privacy", false);
    for (int i = 0; i < KN_PRIVACY_COUNT; i++)
        if (strcmp(kn_privacy_name((enum kn_privacy)i), name) == 0)
            return (enum kn_privacy)i;
    complain(reader, "privacy", "is none that there is");
    return KN_PRIVACY_DEFAULT;
}

enum kn_status kn_post_clip_read(const char *text, struct kn_arena *arena,
                                 struct kn_post_clip *ret_clip, struct kn_error *err)
{
    struct reader reader = {.arena = arena, .what = "the post's clip"};
    enum kn_status status = reader_open(&reader, text, err);
    if (status != KN_OK)
        return status;
    struct kn_post_clip made = {
        .path = take_path(&reader, "path", false),
        .original = json_object_get(reader.json, "original") ? take_path(&reader, "original", true)
                                                             : NULL, /* none was written at first */
        .hash = take_text(&reader, "hash", false),
        .bytes = take_number(&reader, "bytes", 0, INT64_MAX),
        .modified_us = take_number(&reader, "modified_us", INT64_MIN, INT64_MAX),
        .duration_us = take_number(&reader, "duration_us", 0, INT64_MAX),
        .width_px = (int)take_number(&reader, "width_px", 0, SIZE_PX_MAX),
        .height_px = (int)take_number(&reader, "height_px", 0, SIZE_PX_MAX),
        .thumbnail = take_path(&reader, "thumbnail", true),
        .subtitles = take_path(&reader, "subtitles", true),
    };
    status = reader_close(&reader, err);
    if (status == KN_OK)
        *ret_clip = made;
    return status;
}

enum kn_status kn_post_request_read(const char *json, struct kn_arena *arena,
                                    struct kn_post_text *ret_text,
                                    struct kn_post_options *ret_options, struct kn_error *err)
{
    struct reader reader = {.arena = arena, .what = "the post's texts and options"};
    enum kn_status status = reader_open(&reader, json, err);
    if (status != KN_OK)
        return status;
    struct kn_post_text text = {
        .title = take_text(&reader, "title", false),
        .caption = take_text(&reader, "caption", false),
        .language = take_text(&reader, "language", true),
    };
    text.tags = take_tags(&reader, &text.tag_count);
    struct kn_post_options options = {
        .privacy = take_privacy(&reader),
        .cover_us = take_number(&reader, "cover_us", -1, INT64_MAX),
        .made_for_kids = take_bool(&reader, "made_for_kids"),
        .notify = take_bool(&reader, "notify"),
        .draft = take_bool(&reader, "draft"),
        .made_with_ai = take_bool(&reader, "made_with_ai"),
        .share_to_feed = take_bool(&reader, "share_to_feed"),
    };
    if (json_object_get(reader.json, "category")) /* there was none at first */
        options.category = (int)take_number(&reader, "category", 0, INT32_MAX);
    status = reader_close(&reader, err);
    if (status == KN_OK) {
        *ret_text = text;
        *ret_options = options;
    }
    return status;
}
