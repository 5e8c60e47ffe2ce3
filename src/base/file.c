#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/str.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define SCOPED_FD __attribute__((cleanup(close_fd))) int

static enum kn_status read_all(int fd, const char *path, char *data, size_t size, size_t *ret_got,
                               struct kn_error *err)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, data + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kn_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_got = got;
    return KN_OK;
}

enum kn_status kn_file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size,
                            struct kn_error *err)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a directory, not a file", path);
    if (st.st_size < 0 || (uint64_t)st.st_size > limit)
        return kn_error_set(err, KN_LIMIT, "%s is larger than the %zu bytes allowed here", path,
                            limit);
    KN_SCOPED_MEM char *data = malloc((size_t)st.st_size + 1);
    if (!data)
        return kn_error_set(err, KN_LIMIT, "not enough memory to read %s", path);
    size_t got;
    enum kn_status status = read_all(fd, path, data, (size_t)st.st_size, &got, err);
    if (status != KN_OK)
        return status;
    data[got] = '\0';
    *ret_data = KN_MOVE(data);
    *ret_size = got;
    return KN_OK;
}

static enum kn_status write_all(int fd, const char *path, const char *data, size_t size,
                                struct kn_error *err)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kn_error_errno(err, errno, "cannot write %s", path);
        data += n;
        size -= (size_t)n;
    }
    return KN_OK;
}

enum kn_status kn_file_write(const char *path, const void *data, size_t size, struct kn_error *err)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return kn_error_set(err, KN_INVALID, "the name %.60s… is too long", path);
    SCOPED_FD fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot write %s", path);
    enum kn_status status = write_all(fd, path, data, size, err);
    if (status == KN_OK)
        status = kn_file_commit(part, path, err);
    if (status != KN_OK)
        kn_file_discard(part);
    return status;
}

char *kn_file_part_path(struct kn_arena *arena, const char *path)
{
    const char *base = kn_path_base(path);
    const char *dot = strrchr(base, '.');
    if (!dot || dot == base)
        return kn_arena_printf(arena, "%s.part", path);
    return kn_arena_printf(arena, "%.*s.part%s", (int)(dot - path), path, dot);
}

/* A rename is durable once its folder is synced. */
static void sync_folder_of(const char *path)
{
    const char *base = kn_path_base(path);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(base - path), path);
    SCOPED_FD fd = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd); /* some file systems refuse; the data itself is synced already */
}

enum kn_status kn_file_commit(const char *part_path, const char *path, struct kn_error *err)
{
    SCOPED_FD fd = open(part_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || rename(part_path, path) < 0)
        return kn_error_errno(err, errno, "cannot finish %s", path);
    sync_folder_of(path);
    return KN_OK;
}

void kn_file_discard(const char *part_path)
{
    (void)unlink(part_path); /* may never have been made */
}

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

bool kn_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int64_t kn_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : (int64_t)st.st_size;
}

const char *kn_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *kn_path_stem(struct kn_arena *arena, const char *path)
{
    const char *base = kn_path_base(path);
    const char *dot = strrchr(base, '.');
    return kn_arena_strndup(arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

char *kn_path_join(struct kn_arena *arena, const char *folder, const char *name)
{
    if (folder[0] == '\0')
        return kn_arena_strdup(arena, name);
    return kn_arena_printf(arena, "%s%s%s", folder, kn_ends_with(folder, "/") ? "" : "/", name);
}

static char *xdg_folder(struct kn_arena *arena, const char *variable, const char *under_home)
{
    const char *set = getenv(variable);
    if (set && set[0] == '/') /* the specification ignores relative paths */
        return kn_path_join(arena, set, "kirinuki");
    const char *home = getenv("HOME");
    return kn_arena_printf(arena, "%s/%s/kirinuki", home && home[0] ? home : "/tmp", under_home);
}

char *kn_path_data(struct kn_arena *arena)
{
    return xdg_folder(arena, "XDG_DATA_HOME", ".local/share");
}

char *kn_path_cache(struct kn_arena *arena)
{
    return xdg_folder(arena, "XDG_CACHE_HOME", ".cache");
}

char *kn_path_config(struct kn_arena *arena)
{
    return xdg_folder(arena, "XDG_CONFIG_HOME", ".config");
}

static void hash_text(XXH128_hash_t hash, char text[KN_HASH_TEXT_BYTES])
{
    snprintf(text, KN_HASH_TEXT_BYTES, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

void kn_hash_bytes(const void *data, size_t size, char ret_text[KN_HASH_TEXT_BYTES])
{
    hash_text(XXH3_128bits(data, size), ret_text);
}

static void free_hash_state(XXH3_state_t **state)
{
    XXH3_freeState(*state);
}

enum kn_status kn_file_hash(const char *path, bool (*proceed)(void *arg, double fraction),
                            void *arg, char ret_text[KN_HASH_TEXT_BYTES], struct kn_error *err)
{
    enum { CHUNK_BYTES = 4 * 1024 * 1024 };
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    __attribute__((cleanup(free_hash_state))) XXH3_state_t *state = XXH3_createState();
    KN_SCOPED_MEM char *chunk = kn_malloc(CHUNK_BYTES);
    if (!state)
        kn_out_of_memory();
    XXH3_128bits_reset(state);
    for (int64_t done = 0;;) {
        size_t got;
        enum kn_status status = read_all(fd, path, chunk, CHUNK_BYTES, &got, err);
        if (status != KN_OK)
            return status;
        if (got == 0)
            break;
        XXH3_128bits_update(state, chunk, got);
        done += (int64_t)got;
        if (proceed && !proceed(arg, st.st_size ? (double)done / (double)st.st_size : 1.0))
            return kn_error_set(err, KN_CANCELLED, "stopped by request");
    }
    hash_text(XXH3_128bits_digest(state), ret_text);
    return KN_OK;
}
