/* Folders: making them, and keeping down what gathers in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/vec.h"

enum kn_status kn_folder_make(const char *path, struct kn_error *err)
{
    char built[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof built)
        return kn_error_set(err, KN_INVALID, "the name %.60s… is too long", path);
    memcpy(built, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (built[i] != '/' && built[i] != '\0')
            continue;
        char kept = built[i];
        built[i] = '\0';
        if (mkdir(built, 0777) < 0 && errno != EEXIST && errno != EISDIR)
            return kn_error_errno(err, errno, "cannot make the folder %s", built);
        built[i] = kept;
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return kn_error_errno(err, errno, "cannot make the folder %s", path);
    if (!S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a file, not a folder", path);
    return KN_OK;
}

/* Is it ".<process>[-<number>].part[.<extension>]" that the name ends in? */
static bool is_part_name(const char *name)
{
    const char *part = NULL;
    for (const char *at = name; (at = strstr(at, ".part")); at++)
        part = at;
    if (!part || (part[5] != '\0' && (part[5] != '.' || strchr(part + 6, '.'))))
        return false;
    const char *at = part;
    int digits = 0, dashes = 0;
    while (at > name &&
           ((at[-1] >= '0' && at[-1] <= '9') || (at[-1] == '-' && digits && !dashes))) {
        at--;
        digits += *at != '-';
        dashes += *at == '-';
    }
    return digits > dashes && *at != '-' && at - 1 > name && at[-1] == '.';
}

void kn_folder_sweep(const char *path, int64_t older_than_s)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    time_t newest = time(NULL) - (time_t)older_than_s;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat st;
        if (is_part_name(entry->d_name) &&
            fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtime <= newest)
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* it only takes up space */
    }
    closedir(folder);
}

/* The path itself or the nearest of its parents that is there, in `at`. False: too long. */
static bool find_nearest(const char *path, char at[PATH_MAX], struct stat *ret_st)
{
    if (snprintf(at, PATH_MAX, "%s", path) >= PATH_MAX)
        return false;
    while (stat(at[0] ? at : ".", ret_st) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        char *slash = strrchr(at, '/');
        if (slash)
            slash[slash == at ? 1 : 0] = '\0';
        else
            at[0] = '\0';
    }
    if (!at[0])
        strncpy(at, ".", 2);
    return true;
}

enum kn_status kn_folder_check(const char *path, struct kn_error *err)
{
    char at[PATH_MAX];
    struct stat st = {0};
    if (!find_nearest(path, at, &st))
        return kn_error_set(err, KN_INVALID, "the name %.60s… is too long", path);
    if (!S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a file, not a folder", at);
    if (access(at, W_OK | X_OK) < 0)
        return kn_error_errno(err, errno, "cannot write into the folder %s", at);
    return KN_OK;
}

struct kept_file {
    char *name;
    int64_t size_bytes;
    struct timespec written;
};

static int by_age(const void *a, const void *b)
{
    const struct kept_file *x = a, *y = b;
    if (x->written.tv_sec != y->written.tv_sec)
        return x->written.tv_sec < y->written.tv_sec ? -1 : 1;
    if (x->written.tv_nsec != y->written.tv_nsec)
        return x->written.tv_nsec < y->written.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

void kn_folder_trim(const char *path, const char *ending, int64_t bytes_max)
{
    KN_VEC(struct kept_file) files = {0};
    int64_t bytes = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat st;
        if (!ends_with(entry->d_name, ending) ||
            fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        struct kept_file file = {kn_strdup(entry->d_name), st.st_size, st.st_mtim};
        kn_vec_push(&files, file);
        bytes += file.size_bytes;
    }
    if (bytes > bytes_max)
        qsort(files.at, (size_t)files.count, sizeof *files.at, by_age);
    for (int i = 0; i < files.count; i++) {
        if (bytes > bytes_max && unlinkat(dirfd(folder), files.at[i].name, 0) == 0)
            bytes -= files.at[i].size_bytes;
        free(files.at[i].name);
    }
    kn_vec_free(&files);
    closedir(folder);
}

int64_t kn_disk_free(const char *path)
{
    char at[PATH_MAX];
    if (snprintf(at, sizeof at, "%s", path) >= (int)sizeof at)
        return -1;
    struct statvfs fs;
    while (statvfs(at[0] ? at : ".", &fs) < 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || at[0] == '\0')
            return -1;
        if (slash)
            slash[slash == at ? 1 : 0] = '\0';
        else
            at[0] = '\0';
    }
    return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}
