#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* Without O_NONBLOCK the opening of a pipe would wait for somebody who writes into it. */
static enum kn_status open_regular(const char *path, int *ret_fd, struct stat *ret_st,
                                   struct kn_error *err)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, ret_st) < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    if (S_ISDIR(ret_st->st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a directory, not a file", path);
    if (!S_ISREG(ret_st->st_mode))
        return kn_error_set(err, KN_INVALID, "%s is not a regular file", path);
    *ret_fd = fd;
    fd = -1;
    return KN_OK;
}

enum kn_status kn_file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size,
                            struct kn_error *err)
{
    SCOPED_FD fd = -1;
    struct stat st;
    enum kn_status status = open_regular(path, &fd, &st, err);
    if (status != KN_OK)
        return status;
    if (st.st_size < 0 || (uint64_t)st.st_size > limit)
        return kn_error_set(err, KN_LIMIT, "%s is larger than the %zu bytes allowed here", path,
                            limit);
    KN_SCOPED_MEM char *data = malloc((size_t)st.st_size + 1);
    if (!data)
        return kn_error_set(err, KN_LIMIT, "not enough memory to read %s", path);
    size_t got;
    status = read_all(fd, path, data, (size_t)st.st_size, &got, err);
    if (status != KN_OK)
        return status;
    data[got] = '\0';
    *ret_data = KN_MOVE(data);
    *ret_size = got;
    return KN_OK;
}

enum kn_status kn_file_write_to(int fd, const char *path, const void *data, size_t size,
                                struct kn_error *err)
{
    const char *at = data;
    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kn_error_errno(err, errno, "cannot write %s", path);
        at += n;
        size -= (size_t)n;
    }
    return KN_OK;
}

enum kn_status kn_file_write(const char *path, const void *data, size_t size, struct kn_error *err)
{
    static atomic_uint written; /* two threads may write the same file: each its own part */
    char part[PATH_MAX];
    unsigned number = atomic_fetch_add(&written, 1);
    if (snprintf(part, sizeof part, "%s.%d-%u.part", path, (int)getpid(), number) >=
        (int)sizeof part)
        return kn_error_set(err, KN_INVALID, "the name %.60s… is too long", path);
    SCOPED_FD fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot write %s", path);
    enum kn_status status = kn_file_write_to(fd, path, data, size, err);
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
        return kn_arena_printf(arena, "%s.%d.part", path, (int)getpid());
    return kn_arena_printf(arena, "%.*s.%d.part%s", (int)(dot - path), path, (int)getpid(), dot);
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

enum kn_status kn_file_lock(const char *path, int *ret_fd, struct kn_error *err)
{
    SCOPED_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot write %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK || errno == EACCES)
            return kn_error_set(err, KN_LOST, "%s is locked by another program", path);
        return kn_error_set(err, KN_UNSUPPORTED, "%s: this file system has no locks", path);
    }
    *ret_fd = fd;
    fd = -1;
    return KN_OK;
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

enum kn_status kn_file_identify(const char *path, struct kn_file_identity *ret_identity,
                                struct kn_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    *ret_identity = (struct kn_file_identity){
        .device = (uint64_t)st.st_dev,
        .inode = (uint64_t)st.st_ino,
        .size_bytes = (int64_t)st.st_size,
        .changed_s = (int64_t)st.st_mtim.tv_sec,
        .changed_ns = (int64_t)st.st_mtim.tv_nsec,
    };
    return KN_OK;
}

enum kn_status kn_file_unchanged(const char *path, const struct kn_file_identity *before,
                                 struct kn_error *err)
{
    struct kn_file_identity now;
    enum kn_status status = kn_file_identify(path, &now, err);
    if (status != KN_OK)
        return status;
    if (now.device != before->device || now.inode != before->inode ||
        now.size_bytes != before->size_bytes || now.changed_s != before->changed_s ||
        now.changed_ns != before->changed_ns)
        return kn_error_set(err, KN_IO, "%s changed while it was being read: run again", path);
    return KN_OK;
}

static bool is_trusted_owner(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

enum kn_status kn_file_trust(const char *path, struct kn_error *err)
{
    char real[PATH_MAX], folder[PATH_MAX];
    struct stat st, around;
    if (!realpath(path, real) || stat(real, &st) < 0)
        return kn_error_errno(err, errno, "cannot open %s", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(kn_path_base(real) - real), real);
    if (stat(folder, &around) < 0)
        return kn_error_errno(err, errno, "cannot open %s", folder);
    if (!S_ISREG(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is not a regular file", path);
    bool folder_open = (around.st_mode & S_IWOTH) && !(around.st_mode & S_ISVTX);
    if (!is_trusted_owner(st.st_uid) || (st.st_mode & (S_IWGRP | S_IWOTH)) ||
        !is_trusted_owner(around.st_uid) || folder_open)
        return kn_error_set(err, KN_DENIED,
                            "%s is not loaded, because somebody else could have written it: it and "
                            "its folder must belong to you or root and be writable for no others",
                            path);
    return KN_OK;
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

/* Of the user that the program runs for; NULL: none is known. */
static const char *home_folder(char *room, size_t size)
{
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return home;
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, room, size, &found) != 0 || !found)
        return NULL;
    return found->pw_dir && found->pw_dir[0] == '/' ? found->pw_dir : NULL;
}

static char *xdg_folder(struct kn_arena *arena, const char *variable, const char *under_home)
{
    enum { PASSWD_BYTES = 16 * 1024 };
    const char *set = getenv(variable);
    if (set && set[0] == '/') /* the specification ignores relative paths */
        return kn_path_join(arena, set, "kirinuki");
    KN_SCOPED_MEM char *room = kn_malloc(PASSWD_BYTES);
    const char *home = home_folder(room, PASSWD_BYTES);
    return home ? kn_arena_printf(arena, "%s/%s/kirinuki", home, under_home) : NULL;
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

uint64_t kn_hash_key(const void *data, size_t size)
{
    return XXH3_128bits(data, size).high64;
}

void kn_hash_bytes(const void *data, size_t size, char ret_text[KN_HASH_TEXT_BYTES])
{
    hash_text(XXH3_128bits(data, size), ret_text);
}

struct kn_hash {
    XXH3_state_t *state;
};

struct kn_hash *kn_hash_new(void)
{
    struct kn_hash *hash = kn_calloc(1, sizeof *hash);
    hash->state = XXH3_createState();
    if (!hash->state)
        kn_out_of_memory();
    XXH3_128bits_reset(hash->state);
    return hash;
}

void kn_hash_free(struct kn_hash *hash)
{
    if (!hash)
        return;
    XXH3_freeState(hash->state);
    free(hash);
}

void kn_hash_add(struct kn_hash *hash, const void *data, size_t size)
{
    XXH3_128bits_update(hash->state, data, size);
}

void kn_hash_text(const struct kn_hash *hash, char ret_text[KN_HASH_TEXT_BYTES])
{
    hash_text(XXH3_128bits_digest(hash->state), ret_text);
}

enum kn_status kn_file_hash(const char *path, bool (*proceed)(void *arg, double fraction),
                            void *arg, char ret_text[KN_HASH_TEXT_BYTES], struct kn_error *err)
{
    enum { CHUNK_BYTES = 4 * 1024 * 1024 };
    SCOPED_FD fd = -1;
    struct stat st;
    enum kn_status status = open_regular(path, &fd, &st, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED(kn_hash) hash = kn_hash_new();
    KN_SCOPED_MEM char *chunk = kn_malloc(CHUNK_BYTES);
    for (int64_t done = 0;;) {
        size_t got;
        status = read_all(fd, path, chunk, CHUNK_BYTES, &got, err);
        if (status != KN_OK)
            return status;
        if (got == 0)
            break;
        kn_hash_add(hash, chunk, got);
        done += (int64_t)got;
        if (proceed && !proceed(arg, st.st_size ? (double)done / (double)st.st_size : 1.0))
            return kn_error_set(err, KN_CANCELLED, "stopped by request");
    }
    kn_hash_text(hash, ret_text);
    return KN_OK;
}
