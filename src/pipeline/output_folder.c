#include "pipeline/output_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "pipeline/clip_names.h"
#include "pipeline/kept_clips.h"

enum { RECORD_BYTES_MAX = 1024 * 1024, RESULT_BYTES_MAX = 64 * 1024 * 1024, FOLDERS_MAX = 9999 };
enum { STEM_BYTES = 200, ENDING_MAX = 16 }; /* names that any file system takes */

bool kn_names_have(const struct kn_names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

void kn_names_add(struct kn_names *names, const char *name)
{
    if (name && !kn_names_have(names, name))
        kn_vec_push(names, name);
}

/* ---- the record ---- */

static char *record_path(struct kn_arena *arena, const char *folder)
{
    return kn_path_join(arena, folder, ".kirinuki/folder.json");
}

static json_t *read_json(const char *path, size_t limit)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    if (kn_file_read(path, limit, &text, &size, NULL) != KN_OK)
        return NULL;
    return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

KN_VEC_TYPE(written, struct kn_written);

/* Names come from a file that anybody may have edited. */
static void add_read(struct written *files, const char *name, const json_t *hash,
                     struct kn_arena *arena)
{
    const char *text = json_string_value(hash);
    struct kn_written file = {.hash = text ? kn_arena_strdup(arena, text) : NULL};
    if (!kn_is_plain_name(name))
        return;
    file.name = kn_arena_strdup(arena, name);
    kn_vec_push(files, file);
}

static const char *text_of(const json_t *object, const char *key, struct kn_arena *arena)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? kn_arena_strdup(arena, text) : NULL;
}

static void read_result(const json_t *result, struct kn_arena *arena, struct written *files)
{
    static const char *const beside[] = {"thumbnail", "srt", "vtt", "ass"};
    size_t i, f;
    const json_t *clip, *file;
    json_array_foreach(json_object_get(result, "clips"), i, clip)
    {
        json_array_foreach(json_object_get(clip, "files"), f, file)
            add_read(files, json_string_value(json_object_get(file, "path")), NULL, arena);
        for (f = 0; f < KN_COUNT_OF(beside); f++)
            add_read(files, json_string_value(json_object_get(clip, beside[f])), NULL, arena);
    }
    add_read(files, "result.json", NULL, arena);
    add_read(files, "report.html", NULL, arena);
}

bool kn_output_record_read(const char *folder, struct kn_arena *arena,
                           struct kn_output_record *ret_record)
{
    struct written files = {0};
    *ret_record = (struct kn_output_record){0};
    KN_SCOPED_JSON record = read_json(record_path(arena, folder), RECORD_BYTES_MAX);
    KN_SCOPED_JSON result =
        record ? NULL : read_json(kn_path_join(arena, folder, "result.json"), RESULT_BYTES_MAX);
    if (record) {
        const char *name;
        json_t *hash;
        json_object_foreach(json_object_get(record, "files"), name, hash)
            add_read(&files, name, hash, arena);
        ret_record->source = text_of(record, "source", arena);
        ret_record->transcript = text_of(record, "transcript", arena);
    } else if (json_object_get(result, "kirinuki_result")) {
        read_result(result, arena, &files);
        ret_record->source = text_of(json_object_get(result, "source"), "hash", arena);
    }
    if (ret_record->source) {
        ret_record->file_count = files.count;
        ret_record->files = kn_vec_to_arena(&files, arena);
    }
    kn_vec_free(&files);
    return ret_record->source != NULL;
}

const struct kn_written *kn_output_record_find(const struct kn_output_record *record,
                                               const char *name)
{
    for (int i = 0; i < record->file_count; i++)
        if (strcmp(record->files[i].name, name) == 0)
            return &record->files[i];
    return NULL;
}

enum kn_status kn_output_record_write(const char *folder, const struct kn_output_record *record,
                                      struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_JSON made = json_object();
    KN_SCOPED_STR text = {0};
    json_t *files = json_object();
    for (int i = 0; i < record->file_count; i++)
        json_object_set_new(files, record->files[i].name, kn_json_text(record->files[i].hash));
    json_object_set_new(made, "source", kn_json_text(record->source));
    json_object_set_new(made, "transcript", kn_json_text(record->transcript));
    json_object_set_new(made, "files", files);
    kn_json_add(&text, made, false);
    enum kn_status status = kn_folder_make(kn_path_join(arena, folder, ".kirinuki"), err);
    if (status == KN_OK)
        status = kn_file_write(record_path(arena, folder), text.at, text.length, err);
    kn_arena_free(arena);
    return status;
}

/* ---- which folder ---- */

/* "talk-clips", "talk-wav-clips", "talk-2-clips", … */
static const char *name_of(const char *path, int number, struct kn_arena *arena)
{
    if (number == 1)
        return kn_clip_folder_name(arena, path);
    char stem[STEM_BYTES];
    const char *whole = kn_path_stem(arena, path);
    const char *ending = kn_path_base(path) + strlen(whole); /* ".wav", or nothing */
    whole += strspn(whole, ".");
    snprintf(stem, sizeof stem, "%s", *whole ? whole : "video");
    kn_utf8_trim(stem);
    if (strlen(ending) > ENDING_MAX)
        ending = "";
    if (number == 2 && ending[0] == '.' && ending[1])
        return kn_arena_printf(arena, "%s-%s-clips", stem, ending + 1);
    return kn_arena_printf(arena, "%s-%d-clips", stem, number - (ending[0] && ending[1]));
}

static const char *candidate(const struct kn_folder_wish *wish, int number, struct kn_arena *arena)
{
    const char *name = name_of(wish->path, number, arena);
    return wish->into ? kn_path_join(arena, wish->into, name) : name;
}

bool kn_output_folder_choose(const struct kn_folder_wish *wish, struct kn_arena *arena,
                             const char **ret_folder, int *ret_number)
{
    const char *free_one = NULL;
    for (int n = 1; n <= FOLDERS_MAX; n++) {
        struct kn_output_record record;
        struct stat st;
        const char *folder = candidate(wish, n, arena);
        bool there = stat(folder, &st) == 0;
        bool owned = there && kn_output_record_read(folder, arena, &record);
        if (owned && strcmp(record.source, wish->hash) == 0) {
            *ret_folder = folder;
            *ret_number = n;
            return true;
        }
        if (!owned && !free_one && n >= wish->from && (!there || S_ISDIR(st.st_mode))) {
            free_one = folder;
            *ret_number = n;
        }
        /* The first two may be gone while the third is there. */
        if (!there && n > 2 && n >= wish->from)
            break;
    }
    if (!free_one) {
        free_one = candidate(wish, 1, arena);
        *ret_number = 1;
    }
    *ret_folder = free_one;
    return false;
}

/* ---- what is left over ---- */

static bool is_file_or_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

static enum kn_status make_older(const char *folder, struct kn_arena *arena, const char **ret_older,
                                 struct kn_error *err)
{
    enum kn_status status = kn_folder_make(kn_path_join(arena, folder, "older"), err);
    if (status != KN_OK)
        return status;
    for (int n = 1; n <= FOLDERS_MAX; n++) {
        const char *older = kn_arena_printf(arena, "older/%d", n);
        const char *path = kn_path_join(arena, folder, older);
        if (mkdir(path, 0777) == 0) {
            *ret_older = older;
            return KN_OK;
        }
        if (errno != EEXIST)
            return kn_error_errno(err, errno, "cannot make the folder %s", path);
    }
    return kn_error_set(err, KN_LIMIT, "%s/older is full", folder);
}

enum kn_status kn_output_set_aside(const char *folder, const struct kn_names *names,
                                   struct kn_arena *arena, const char **ret_older, int *ret_moved,
                                   struct kn_error *err)
{
    const char *older = NULL;
    int moved = 0;
    for (int i = 0; i < names->count; i++) {
        const char *from = kn_path_join(arena, folder, names->at[i]);
        if (!is_file_or_link(from))
            continue;
        enum kn_status status = older ? KN_OK : make_older(folder, arena, &older, err);
        if (status != KN_OK)
            return status;
        const char *to = kn_path_join(arena, kn_path_join(arena, folder, older), names->at[i]);
        if (rename(from, to) < 0)
            return kn_error_errno(err, errno, "cannot move %s to %s", from, to);
        moved++;
    }
    *ret_older = older;
    *ret_moved = moved;
    return KN_OK;
}
