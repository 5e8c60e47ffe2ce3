#include "service/video_folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/vec.h"

bool kn_is_video_name(const char *name)
{
    static const char *const extensions[] = {
        "mp4", "mov", "m4v", "mkv", "webm", "avi",  "ts",  "mts", "m2ts", "mpg", "mpeg", "wmv",
        "flv", "3gp", "ogv", "mxf", "wav",  "flac", "mp3", "m4a", "aac",  "ogg", "opus"};
    const char *dot = strrchr(name, '.');
    if (!dot || name[0] == '.')
        return false;
    for (size_t i = 0; i < KN_COUNT_OF(extensions); i++)
        if (strcasecmp(dot + 1, extensions[i]) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum kn_status kn_videos_in(const char *folder, struct kn_arena *arena, const char ***ret_paths,
                            int *ret_count, struct kn_error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return kn_error_errno(err, errno, "cannot read %s", folder);
    KN_VEC(const char *) paths = {0};
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        const char *path = kn_path_join(arena, folder, entry->d_name);
        if (kn_is_video_name(entry->d_name) && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            kn_vec_push(&paths, path);
    }
    closedir(dir);
    if (paths.count)
        qsort(paths.at, (size_t)paths.count, sizeof *paths.at, by_name);
    *ret_paths = kn_vec_to_arena(&paths, arena);
    *ret_count = paths.count;
    kn_vec_free(&paths);
    return KN_OK;
}
