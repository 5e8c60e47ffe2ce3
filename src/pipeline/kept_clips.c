#include "pipeline/kept_clips.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

enum { RECORD_BYTES_MAX = 64 * 1024 };

char *kn_kept_clip_path(struct kn_arena *arena, const char *folder, const char *mark)
{
    return kn_arena_printf(arena, "%s/.kirinuki/%s.json", folder, mark);
}

static int64_t size_in(struct kn_arena *arena, const char *folder, const char *name)
{
    return kn_file_size(kn_path_join(arena, folder, name));
}

static json_t *describe_files(struct kn_arena *arena, const char *folder,
                              const struct kn_clip *clip)
{
    json_t *files = json_array();
    for (int i = 0; i < clip->file_count; i++) {
        const struct kn_clip_file *f = &clip->files[i];
        json_array_append_new(
            files, json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:b, s:i}", "path", f->path, "size",
                             (json_int_t)size_in(arena, folder, f->path), "aspect", (int)f->aspect,
                             "width", f->width_px, "height", f->height_px, "frames", f->frames,
                             "copied", f->copied, "copied_frames", f->copied_frames));
    }
    return files;
}

enum kn_status kn_kept_clip_write(const char *folder, const char *mark, const struct kn_clip *clip,
                                  struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_JSON record = json_pack(
        "{s:o, s:I, s:I, s:f, s:f, s:f, s:s*, s:s*, s:s*, s:s*, s:s*}", "files",
        describe_files(arena, folder, clip), "start_us", (json_int_t)clip->start_us, "duration_us",
        (json_int_t)clip->duration_us, "loudness_lufs", clip->loudness_lufs, "true_peak_dbtp",
        clip->true_peak_dbtp, "gain_db", clip->gain_db, "thumbnail", clip->thumbnail, "srt",
        clip->srt, "vtt", clip->vtt, "ass", clip->ass, "remark", clip->remark);
    KN_SCOPED_MEM char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
    enum kn_status status =
        text ? KN_OK : kn_error_set(err, KN_INTERNAL, "cannot describe the clip %s", mark);
    char *hidden = kn_arena_printf(arena, "%s/.kirinuki", folder);
    if (status == KN_OK)
        status = kn_folder_make(hidden, err);
    if (status == KN_OK)
        status = kn_file_write(kn_kept_clip_path(arena, folder, mark), text, strlen(text), err);
    kn_arena_free(arena);
    return status;
}

bool kn_is_plain_name(const char *name)
{
    return name && name[0] && name[0] != '.' && !strchr(name, '/');
}

static bool read_file_entry(json_t *entry, const char *folder, struct kn_arena *arena,
                            struct kn_clip_file *ret)
{
    const char *path;
    json_int_t size;
    int aspect, copied;
    if (json_unpack(entry, "{s:s, s:I, s:i, s:i, s:i, s:i, s:b, s:i}", "path", &path, "size", &size,
                    "aspect", &aspect, "width", &ret->width_px, "height", &ret->height_px, "frames",
                    &ret->frames, "copied", &copied, "copied_frames", &ret->copied_frames) < 0)
        return false;
    if (!kn_is_plain_name(path) || aspect < 0 || aspect >= KN_ASPECT_COUNT || size <= 0)
        return false;
    if (ret->width_px <= 0 || ret->height_px <= 0 || ret->frames < 0 || ret->copied_frames < 0 ||
        ret->copied_frames > ret->frames)
        return false;
    ret->path = kn_arena_strdup(arena, path);
    ret->aspect = (enum kn_aspect)aspect;
    ret->copied = copied;
    return size_in(arena, folder, path) == size;
}

static bool read_record(json_t *record, const char *folder, struct kn_arena *arena,
                        struct kn_clip *clip)
{
    json_t *files;
    json_int_t start, duration;
    const char **names[] = {&clip->thumbnail, &clip->srt, &clip->vtt, &clip->ass};
    if (json_unpack(record, "{s:o, s:I, s:I, s:F, s:F, s:F, s?s, s?s, s?s, s?s, s?s}", "files",
                    &files, "start_us", &start, "duration_us", &duration, "loudness_lufs",
                    &clip->loudness_lufs, "true_peak_dbtp", &clip->true_peak_dbtp, "gain_db",
                    &clip->gain_db, "thumbnail", names[0], "srt", names[1], "vtt", names[2], "ass",
                    names[3], "remark", &clip->remark) < 0)
        return false;
    size_t count = json_array_size(files);
    if (count < 1 || count > KN_ASPECT_COUNT || start < 0 || duration <= 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_file_entry(json_array_get(files, i), folder, arena, &clip->files[i]))
            return false;
    for (size_t i = 0; i < KN_COUNT_OF(names); i++) {
        if (!*names[i])
            continue;
        if (!kn_is_plain_name(*names[i]) || size_in(arena, folder, *names[i]) <= 0)
            return false;
        *names[i] = kn_arena_strdup(arena, *names[i]);
    }
    clip->remark = kn_arena_strdup(arena, clip->remark);
    clip->start_us = start;
    clip->duration_us = duration;
    clip->file_count = (int)count;
    return true;
}

bool kn_kept_clip_read(const char *folder, const char *mark, struct kn_arena *arena,
                       struct kn_clip *ret_clip)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    if (kn_file_read(kn_kept_clip_path(arena, folder, mark), RECORD_BYTES_MAX, &text, &size,
                     NULL) != KN_OK)
        return false;
    KN_SCOPED_JSON record = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    struct kn_clip clip = {.status = KN_OK};
    if (!record || !read_record(record, folder, arena, &clip))
        return false;
    *ret_clip = clip;
    return true;
}
