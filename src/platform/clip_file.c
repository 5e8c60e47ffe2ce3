#include "platform/clip_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

struct kn_clip_file {
    const struct kn_post_clip *clip;
    int fd;
    struct kn_hash *hash;
    int64_t hashed; /* bytes from the beginning on */
    bool wrong;     /* all of it was, and it is not that clip */
};

enum { CHUNK_BYTES = 1 << 20, NAME_BYTES = 120 };

static enum kn_status changed(const struct kn_post_clip *clip, struct kn_error *err)
{
    char name[NAME_BYTES];
    return kn_error_set(err, KN_INVALID, "%s has changed since its post was planned",
                        kn_text_show(kn_path_base(clip->path), name, sizeof name));
}

static enum kn_status unreadable(const struct kn_post_clip *clip, int failed, struct kn_error *err)
{
    char name[NAME_BYTES];
    kn_text_show(kn_path_base(clip->path), name, sizeof name);
    if (failed == ENOENT || failed == ENOTDIR)
        return kn_error_set(err, KN_NOT_FOUND, "%s is not there any more", name);
    return kn_error_errno(err, failed, "cannot read %s", name);
}

/* By its path: somebody may have put another file there. */
static enum kn_status compare(const struct kn_clip_file *file, struct kn_error *err)
{
    const struct kn_post_clip *clip = file->clip;
    struct stat here, opened;
    if (stat(clip->path, &here) < 0 || fstat(file->fd, &opened) < 0)
        return unreadable(clip, errno, err);
    int64_t modified_us = (int64_t)here.st_mtim.tv_sec * 1000000 + here.st_mtim.tv_nsec / 1000;
    if (!S_ISREG(here.st_mode) || here.st_size != clip->bytes || modified_us != clip->modified_us ||
        here.st_ino != opened.st_ino || here.st_dev != opened.st_dev)
        return changed(clip, err);
    return KN_OK;
}

enum kn_status kn_clip_file_open(const struct kn_post_clip *clip, struct kn_clip_file **ret_file,
                                 struct kn_error *err)
{
    KN_SCOPED(kn_clip_file) file = kn_calloc(1, sizeof *file);
    file->clip = clip;
    /* Without O_NONBLOCK the opening of a pipe would wait for somebody who writes into it. */
    file->fd = open(clip->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0)
        return unreadable(clip, errno, err);
    file->hash = kn_hash_new();
    enum kn_status status = compare(file, err);
    if (status == KN_OK)
        *ret_file = KN_MOVE(file);
    return status;
}

void kn_clip_file_close(struct kn_clip_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    kn_hash_free(file->hash);
    free(file);
}

/* What was read at `offset` goes into the hash, as far as that has not seen it. */
static void follow(struct kn_clip_file *file, int64_t offset, const char *bytes, size_t size)
{
    int64_t end = offset + (int64_t)size;
    if (offset > file->hashed || end <= file->hashed)
        return;
    kn_hash_add(file->hash, bytes + (file->hashed - offset), (size_t)(end - file->hashed));
    file->hashed = end;
    if (end < file->clip->bytes)
        return;
    char text[KN_HASH_TEXT_BYTES];
    kn_hash_text(file->hash, text);
    file->wrong = strcmp(text, file->clip->hash) != 0;
}

enum kn_status kn_clip_file_read(struct kn_clip_file *file, int64_t offset, void *buffer,
                                 size_t room, size_t *ret_got, struct kn_error *err)
{
    ssize_t n;
    do
        n = pread(file->fd, buffer, room, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return unreadable(file->clip, errno, err);
    if (n > 0)
        follow(file, offset, buffer, (size_t)n);
    if (n == 0 || file->wrong)
        return changed(file->clip, err);
    *ret_got = (size_t)n;
    return KN_OK;
}

enum kn_status kn_clip_file_begin(struct kn_clip_file *file, int64_t offset,
                                  struct kn_cancel *cancel, struct kn_error *err)
{
    enum kn_status status = compare(file, err);
    KN_SCOPED_MEM char *chunk = NULL;
    while (status == KN_OK && file->hashed < offset) {
        size_t got;
        chunk = chunk ? chunk : kn_malloc(CHUNK_BYTES);
        size_t room = (size_t)KN_MIN(offset - file->hashed, (int64_t)CHUNK_BYTES);
        status = kn_cancel_check(cancel, err);
        if (status == KN_OK)
            status = kn_clip_file_read(file, file->hashed, chunk, room, &got, err);
    }
    return status;
}
