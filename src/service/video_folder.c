#include "service/video_folder.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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

/* ---- watching ---- */

/* A file as it was seen last. */
struct seen {
    char *name;
    int64_t size, time_ns;
    int64_t since_us; /* unchanged (kn_now_us) */
    bool told;
};

struct watcher {
    const char *folder;
    int64_t still_us;
    void (*found)(void *arg, const char *path);
    void *arg;
    KN_VEC(struct seen) files;
};

static struct seen *seen_of(struct watcher *watcher, const char *name)
{
    for (int i = 0; i < watcher->files.count; i++)
        if (strcmp(watcher->files.at[i].name, name) == 0)
            return &watcher->files.at[i];
    struct seen file = {.name = kn_strdup(name), .size = -1};
    kn_vec_push(&watcher->files, file);
    return kn_vec_last(&watcher->files);
}

/* When to look again; INT64_MAX: not before it changes. */
static int64_t judge(struct watcher *watcher, const char *path, int64_t now_us)
{
    struct stat st;
    struct seen *file = seen_of(watcher, kn_path_base(path));
    if (stat(path, &st) != 0)
        return INT64_MAX;
    int64_t time_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    if (st.st_size != file->size || time_ns != file->time_ns) {
        file->size = st.st_size;
        file->time_ns = time_ns;
        file->since_us = now_us;
        file->told = false;
    }
    if (file->told || file->size == 0)
        return INT64_MAX;
    if (now_us - file->since_us < watcher->still_us)
        return file->since_us + watcher->still_us;
    file->told = true;
    watcher->found(watcher->arg, path);
    return INT64_MAX;
}

static enum kn_status look(struct watcher *watcher, int64_t *ret_next_us, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char **paths;
    int count = 0;
    enum kn_status status = kn_videos_in(watcher->folder, arena, &paths, &count, err);
    *ret_next_us = INT64_MAX;
    for (int i = 0; status == KN_OK && i < count; i++) {
        int64_t next_us = judge(watcher, paths[i], kn_now_us());
        *ret_next_us = KN_MIN(*ret_next_us, next_us);
    }
    kn_arena_free(arena);
    return status;
}

/* What another machine puts into a shared folder causes no event here. */
enum { LOOK_MS = 10000 };

static void sleep_until(int fd, int64_t until_us, struct kn_cancel *cancel)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = kn_cancel_fd(cancel), .events = POLLIN}};
    int64_t left_ms = KN_MAX((until_us - kn_now_us()) / 1000 + 1, 0);
    char events[4096];
    (void)poll(fds, 2, (int)KN_MIN(left_ms, LOOK_MS));
    while (read(fd, events, sizeof events) > 0) /* which file it was, the next look tells */
        ;
}

enum kn_status kn_videos_watch(const char *folder, int64_t still_ms, struct kn_cancel *cancel,
                               void (*found)(void *arg, const char *path), void *arg,
                               struct kn_error *err)
{
    struct watcher watcher = {
        .folder = folder, .still_us = still_ms * 1000, .found = found, .arg = arg};
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0 || inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
        enum kn_status failed = kn_error_errno(err, errno, "cannot watch %s", folder);
        if (fd >= 0)
            close(fd);
        return failed;
    }
    enum kn_status status = KN_OK;
    while (status == KN_OK && !kn_cancel_requested(cancel)) {
        int64_t next_us;
        status = look(&watcher, &next_us, err);
        if (status == KN_OK)
            sleep_until(fd, next_us, cancel);
    }
    close(fd);
    for (int i = 0; i < watcher.files.count; i++)
        free(watcher.files.at[i].name);
    kn_vec_free(&watcher.files);
    return status == KN_OK ? KN_CANCELLED : status;
}
