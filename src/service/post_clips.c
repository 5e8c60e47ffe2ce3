/*
 * Finding clips: files, folders and result.json.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/vec.h"
#include "pipeline/post_facts.h"
#include "service/post_plan.h"

enum { RESULT_BYTES_MAX = 64 << 20 };

struct finding_clips {
    struct kn_arena *arena;
    struct kn_cancel *cancel;
    KN_VEC(struct kn_publish_clip) clips;
    KN_VEC(json_t *) results; /* owned, for the clips that borrow from them */
};

static const char *folder_of(struct kn_arena *arena, const char *path)
{
    size_t length = (size_t)(kn_path_base(path) - path);
    return length ? kn_arena_strndup(arena, path, length) : ".";
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool proceed(void *arg, double fraction)
{
    (void)fraction;
    return !kn_cancel_requested(arg);
}

/* The file's facts, hash and times: what is checked now is what has to be sent later. */
static enum kn_status look_at(struct finding_clips *finding, const char *path,
                              struct kn_publish_clip *clip, struct kn_error *err)
{
    char *real = realpath(path, NULL);
    struct stat about;
    if (!real || stat(real, &about) != 0) {
        free(real);
        return kn_error_set(err, KN_NOT_FOUND, "%.200s: there is no such file", path);
    }
    clip->file.path = kn_arena_strdup(finding->arena, real);
    free(real);
    clip->name = kn_path_base(clip->file.path);
    clip->file.bytes = about.st_size;
    clip->file.modified_us = about.st_mtim.tv_sec * KN_US_PER_S + about.st_mtim.tv_nsec / 1000;
    char hash[KN_HASH_TEXT_BYTES];
    enum kn_status status =
        kn_post_facts(clip->file.path, finding->arena, finding->cancel, &clip->facts, err);
    if (status == KN_OK)
        status = kn_file_hash(clip->file.path, proceed, finding->cancel, hash, err);
    if (status != KN_OK)
        return status;
    clip->file.hash = kn_arena_strdup(finding->arena, hash);
    clip->file.duration_us = clip->facts.duration_us;
    clip->file.width_px = clip->facts.width_px;
    clip->file.height_px = clip->facts.height_px;
    return KN_OK;
}

/* A file beside the clip that result.json names; NULL: it is not there. */
static const char *beside(struct finding_clips *finding, const char *folder, const char *name)
{
    if (!name[0] || strchr(name, '/'))
        return NULL;
    const char *path = kn_path_join(finding->arena, folder, name);
    struct stat about;
    char *real = stat(path, &about) == 0 ? realpath(path, NULL) : NULL;
    const char *kept = real ? kn_arena_strdup(finding->arena, real) : NULL;
    free(real);
    return kept;
}

static void describe(struct finding_clips *finding, const json_t *result, const json_t *made,
                     const char *folder, struct kn_publish_clip *clip)
{
    const json_t *segments = json_object_get(result, "segments");
    json_int_t index = json_integer_value(json_object_get(made, "segment"));
    const json_t *segment = index >= 0 ? json_array_get(segments, (size_t)index) : NULL;
    const json_t *source = json_object_get(result, "source");
    const char *language = text_at(json_object_get(result, "timeline"), "language");
    clip->title = text_at(segment, "title");
    clip->hook = text_at(segment, "hook");
    clip->posts = json_object_get(segment, "posts");
    clip->source = text_at(source, "title");
    clip->language = language[0] ? language : NULL;
    clip->file.thumbnail = beside(finding, folder, text_at(made, "thumbnail"));
    clip->file.subtitles = beside(finding, folder, text_at(made, "srt"));
}

/* What a folder's result.json says of its file `name`; NULL: nothing. */
static const json_t *find_made(const json_t *result, const char *name)
{
    size_t i, k;
    const json_t *made, *file;
    json_array_foreach(json_object_get(result, "clips"), i, made)
    {
        json_array_foreach(json_object_get(made, "files"), k, file)
        {
            if (strcmp(text_at(file, "path"), name) == 0)
                return made;
        }
    }
    return NULL;
}

static enum kn_status read_result(struct finding_clips *finding, const char *path,
                                  json_t **ret_result, struct kn_error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum kn_status status = kn_file_read(path, RESULT_BYTES_MAX, &text, &size, err);
    if (status != KN_OK)
        return status;
    *ret_result = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    free(text);
    if (!json_object_get(*ret_result, "kirinuki_result")) {
        json_decref(*ret_result);
        return kn_error_set(err, KN_DAMAGED, "%.200s is no result of kirinuki", path);
    }
    kn_vec_push(&finding->results, *ret_result);
    return KN_OK;
}

static enum kn_status add_file(struct finding_clips *finding, const char *path,
                               struct kn_error *err)
{
    struct kn_publish_clip clip = {.title = "", .hook = "", .source = ""};
    struct kn_error ignored;
    json_t *result;
    enum kn_status status = look_at(finding, path, &clip, err);
    if (status != KN_OK)
        return status;
    const char *folder = folder_of(finding->arena, clip.file.path);
    const char *beside_it = kn_path_join(finding->arena, folder, "result.json");
    if (read_result(finding, beside_it, &result, &ignored) == KN_OK) {
        const json_t *made = find_made(result, clip.name);
        if (made)
            describe(finding, result, made, folder, &clip);
    }
    kn_vec_push(&finding->clips, clip);
    return KN_OK;
}

static enum kn_status add_folder(struct finding_clips *finding, const char *folder,
                                 const char *result_path, struct kn_error *err)
{
    json_t *result;
    size_t i, k;
    const json_t *made, *file;
    enum kn_status status = read_result(finding, result_path, &result, err);
    if (status == KN_NOT_FOUND)
        return kn_error_set(err, KN_NOT_FOUND,
                            "%.200s has no result.json: name the clips themselves", folder);
    if (status != KN_OK)
        return status;
    int before = finding->clips.count;
    json_array_foreach(json_object_get(result, "clips"), i, made)
    {
        json_array_foreach(json_object_get(made, "files"), k, file)
        {
            const char *name = text_at(file, "path");
            struct kn_publish_clip clip = {.title = "", .hook = "", .source = ""};
            if (strcmp(text_at(made, "status"), "ok") != 0 || !name[0] || strchr(name, '/'))
                continue;
            status = look_at(finding, kn_path_join(finding->arena, folder, name), &clip, err);
            if (status != KN_OK)
                return status;
            describe(finding, result, made, folder, &clip);
            kn_vec_push(&finding->clips, clip);
        }
    }
    return finding->clips.count > before
               ? KN_OK
               : kn_error_set(err, KN_NOT_FOUND, "%.200s has no clips", folder);
}

static enum kn_status add_path(struct finding_clips *finding, const char *path,
                               struct kn_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return kn_error_set(err, KN_NOT_FOUND, "%.200s: there is no such clip or folder", path);
    if (S_ISDIR(about.st_mode))
        return add_folder(finding, path, kn_path_join(finding->arena, path, "result.json"), err);
    if (strcmp(kn_path_base(path), "result.json") == 0)
        return add_folder(finding, folder_of(finding->arena, path), path, err);
    return add_file(finding, path, err);
}

enum kn_status
kn_publish_clips_find(char **paths, int count, struct kn_arena *arena, struct kn_cancel *cancel,
                      void (*bad)(void *arg, const char *path, const struct kn_error *why),
                      void *arg, struct kn_publish_clips *ret_clips, struct kn_error *err)
{
    struct finding_clips finding = {.arena = arena, .cancel = cancel};
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < count; i++) {
        struct kn_error why;
        enum kn_status one = add_path(&finding, paths[i], &why);
        if (one == KN_CANCELLED)
            status = kn_error_set(err, one, "%s", kn_error_text(&why));
        else if (one != KN_OK)
            bad(arg, paths[i], &why);
    }
    ret_clips->results = kn_arena_array(arena, (size_t)finding.results.count + 1, sizeof(json_t *));
    ret_clips->result_count = finding.results.count;
    for (int i = 0; i < finding.results.count; i++)
        ret_clips->results[i] = finding.results.at[i];
    ret_clips->count = finding.clips.count;
    ret_clips->at =
        kn_arena_array(arena, (size_t)finding.clips.count + 1, sizeof(struct kn_publish_clip));
    if (finding.clips.count)
        memcpy(ret_clips->at, finding.clips.at,
               (size_t)finding.clips.count * sizeof(struct kn_publish_clip));
    kn_vec_free(&finding.clips);
    kn_vec_free(&finding.results);
    if (status != KN_OK)
        kn_publish_clips_done(ret_clips);
    return status;
}

void kn_publish_clips_done(struct kn_publish_clips *clips)
{
    for (int i = 0; i < clips->result_count; i++)
        json_decref(clips->results[i]);
    *clips = (struct kn_publish_clips){0};
}
