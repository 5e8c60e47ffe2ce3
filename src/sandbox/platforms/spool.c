#include "sandbox/platforms/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sync.h"

enum { COPY_BYTES = 256 << 10 };

enum kn_status kn_spool_open(struct kn_spool *spool, const char *keep, struct kn_error *err)
{
    if (!keep)
        return KN_OK;
    if (kn_folder_make(keep, err) != KN_OK)
        return kn_error_add(err, "the folder for uploads");
    spool->folder = kn_strdup(keep);
    spool->keeps = true;
    return KN_OK;
}

/* With the first upload: most sandboxes never see one. Where it cannot be made, no file can be
 * opened in it, and the upload ends as on a server without a disk. */
static void make_private_folder(struct kn_spool *spool)
{
    char room[4096];
    const char *base = getenv("TMPDIR");
    snprintf(room, sizeof room, "%s/kirinuki-sandbox-XXXXXX", base && *base ? base : "/tmp");
    spool->folder = kn_strdup(mkdtemp(room) ? room : "/nowhere");
}

void kn_spool_close(struct kn_spool *spool)
{
    for (int i = 0; i < spool->uploads.count; i++) {
        struct kn_upload *upload = spool->uploads.at[i];
        if (!spool->keeps)
            kn_upload_discard(upload);
        if (upload->fd >= 0)
            close(upload->fd);
        XXH3_freeState(upload->hashing);
        pthread_mutex_destroy(&upload->lock);
        free(upload->path);
        free(upload);
    }
    kn_vec_free(&spool->uploads);
    if (spool->folder && !spool->keeps)
        (void)rmdir(spool->folder); /* what somebody else put there stays */
    free(spool->folder);
}

/* Files that an earlier sandbox left in a folder of the user's are not touched. */
struct kn_upload *kn_spool_add(struct kn_spool *spool)
{
    char path[4096];
    struct kn_upload *upload = kn_calloc(1, sizeof *upload);
    if (!spool->folder)
        make_private_folder(spool);
    pthread_mutex_init(&upload->lock, NULL);
    upload->number = spool->uploads.count + 1;
    snprintf(path, sizeof path, "%s/upload-%d-%06d", spool->folder, (int)getpid(), upload->number);
    upload->path = kn_strdup(path);
    upload->fd = -1;
    upload->hashing = XXH3_createState();
    if (upload->hashing)
        XXH3_128bits_reset(upload->hashing);
    kn_vec_push(&spool->uploads, upload);
    return upload;
}

bool kn_upload_claim(struct kn_upload *upload, const void *writer)
{
    KN_LOCKED(&upload->lock);
    if (upload->fd < 0)
        upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    upload->writer = upload->fd >= 0 ? writer : NULL;
    return upload->fd >= 0;
}

void kn_upload_release(struct kn_upload *upload, const void *writer)
{
    KN_LOCKED(&upload->lock);
    if (upload->writer != writer)
        return;
    upload->writer = NULL;
    close(upload->fd);
    upload->fd = -1;
}

static bool write_all(int fd, const char *at, size_t size)
{
    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

enum kn_append kn_upload_append(struct kn_upload *upload, const void *writer, const void *data,
                                size_t size)
{
    KN_LOCKED(&upload->lock);
    if (upload->writer != writer)
        return KN_APPEND_NOT_YOURS;
    if (!write_all(upload->fd, data, size)) {
        (void)!ftruncate(upload->fd, upload->stored); /* half a block is none */
        return KN_APPEND_FAILED;
    }
    upload->stored += (int64_t)size;
    if (upload->hashing && size)
        XXH3_128bits_update(upload->hashing, data, size);
    return KN_APPENDED;
}

void kn_upload_shorten(struct kn_upload *upload, const void *writer, int64_t size)
{
    KN_LOCKED(&upload->lock);
    if (upload->writer != writer || size >= upload->stored || ftruncate(upload->fd, size) != 0)
        return;
    upload->stored = size;
    XXH3_freeState(upload->hashing);
    upload->hashing = NULL;
}

int64_t kn_upload_stored(struct kn_upload *upload)
{
    KN_LOCKED(&upload->lock);
    return upload->stored;
}

bool kn_upload_join(struct kn_upload *upload, struct kn_upload *piece)
{
    KN_SCOPED_MEM char *block = malloc(COPY_BYTES);
    int from = open(piece->path, O_RDONLY | O_CLOEXEC);
    bool fine = block && from >= 0 && kn_upload_claim(upload, piece);
    while (fine) {
        ssize_t n = read(from, block, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        fine = n >= 0;
        if (n <= 0)
            break;
        fine = kn_upload_append(upload, piece, block, (size_t)n) == KN_APPENDED;
    }
    if (from >= 0)
        close(from);
    kn_upload_release(upload, piece);
    return fine;
}

void kn_upload_finish(struct kn_upload *upload)
{
    {
        KN_LOCKED(&upload->lock);
        if (upload->hashing) {
            XXH128_canonical_t bytes;
            XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(upload->hashing));
            for (size_t i = 0; i < sizeof bytes.digest; i++)
                snprintf(upload->hash + 2 * i, 3, "%02x", bytes.digest[i]);
        }
    }
    if (!upload->hash[0])
        (void)kn_file_hash(upload->path, NULL, NULL, upload->hash, &(struct kn_error){0});
    kn_facts_read(upload->path, &upload->facts);
}

void kn_upload_discard(struct kn_upload *upload)
{
    (void)unlink(upload->path); /* it may not have been made */
}
