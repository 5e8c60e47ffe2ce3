/* Where the key comes from: the environment, for machines that share a store, or a file. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "platform/seal.h"

enum { FILE_BYTES_MAX = 256, HEX_BYTES = 2 * KN_SEAL_KEY_BYTES };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

void kn_seal_key_wipe(struct kn_seal_key *key)
{
    sodium_memzero(key, sizeof *key);
}

/* base64 of either alphabet, with or without its padding. */
static bool parse_base64(const char *text, size_t length, unsigned char *bytes)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    size_t got;
    for (size_t i = 0; i < KN_COUNT_OF(variants); i++)
        if (sodium_base642bin(bytes, KN_SEAL_KEY_BYTES, text, length, NULL, &got, NULL,
                              variants[i]) == 0 &&
            got == KN_SEAL_KEY_BYTES)
            return true;
    return false;
}

enum kn_status kn_seal_key_parse(const char *text, struct kn_seal_key *ret_key,
                                 struct kn_error *err)
{
    struct kn_seal_key key = {.from = "KIRINUKI_KEY"};
    text += strspn(text, " \t\r\n");
    size_t length = strcspn(text, " \t\r\n"), got = 0;
    bool alone = text[length + strspn(text + length, " \t\r\n")] == '\0';
    bool fine = alone && (length == HEX_BYTES ? sodium_hex2bin(key.bytes, sizeof key.bytes, text,
                                                               length, NULL, &got, NULL) == 0 &&
                                                    got == sizeof key.bytes
                                              : parse_base64(text, length, key.bytes));
    if (fine)
        *ret_key = key;
    kn_seal_key_wipe(&key);
    if (fine)
        return KN_OK;
    return kn_error_set(err, KN_INVALID,
                        "KIRINUKI_KEY takes 32 random bytes as 64 hexadecimal digits or in base64: "
                        "`openssl rand -hex 32` makes some");
}

/* ---- the file ---- */

static enum kn_status check_mode(const char *path, const struct stat *st, struct kn_error *err)
{
    if (!S_ISREG(st->st_mode))
        return kn_error_set(err, KN_INVALID, "the key %s is not a file", path);
    if (st->st_uid != geteuid())
        return kn_error_set(err, KN_DENIED, "the key %s belongs to another user", path);
    if (st->st_mode & (S_IRWXG | S_IRWXO))
        return kn_error_set(err, KN_DENIED,
                            "others can read the key %s: take that from them with `chmod 600`, and "
                            "if somebody may have seen it, remove it and connect accounts again",
                            path);
    return KN_OK;
}

static enum kn_status read_key(int fd, const char *path, struct kn_seal_key *ret_key,
                               struct kn_error *err)
{
    struct stat st;
    char text[FILE_BYTES_MAX + 1];
    if (fstat(fd, &st) != 0)
        return kn_error_errno(err, errno, "cannot read the key %s", path);
    enum kn_status status = check_mode(path, &st, err);
    if (status != KN_OK)
        return status;
    ssize_t n = pread(fd, text, FILE_BYTES_MAX, 0);
    if (n < 0)
        return kn_error_errno(err, errno, "cannot read the key %s", path);
    text[n] = '\0';
    bool fine = n < FILE_BYTES_MAX && strlen(text) == (size_t)n &&
                kn_seal_key_parse(text, ret_key, NULL) == KN_OK;
    sodium_memzero(text, sizeof text);
    if (!fine)
        return kn_error_set(err, KN_DAMAGED,
                            "there is no key in %s: bring it back from a copy, or remove it and "
                            "connect accounts again",
                            path);
    snprintf(ret_key->from, sizeof ret_key->from, "%s", path);
    return KN_OK;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_key(int fd)
{
    struct kn_seal_key key;
    char text[HEX_BYTES + 2];
    randombytes_buf(key.bytes, sizeof key.bytes);
    sodium_bin2hex(text, sizeof text, key.bytes, sizeof key.bytes);
    text[HEX_BYTES] = '\n';
    bool fine = write_all(fd, text, HEX_BYTES + 1) && fsync(fd) == 0;
    sodium_memzero(text, sizeof text);
    kn_seal_key_wipe(&key);
    return fine;
}

static void sync_folder(const char *folder)
{
    __attribute__((cleanup(close_fd))) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd); /* some file systems can't, and need not */
}

/*
 * Whole, or not there: it is written under another name first, and link() gives it its own only
 * where no other process was faster.
 */
static enum kn_status make_key(const char *path, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char *folder = kn_arena_strndup(arena, path, (size_t)(kn_path_base(path) - path));
    char *part = kn_arena_printf(arena, "%s.XXXXXX", path); /* mode 0600, O_EXCL */
    enum kn_status status = folder[0] ? kn_folder_make(folder, err) : KN_OK;
    __attribute__((cleanup(close_fd))) int fd = status == KN_OK ? mkostemp(part, O_CLOEXEC) : -1;
    if (status == KN_OK && fd < 0)
        status = kn_error_errno(err, errno, "cannot make the key %s", path);
    if (fd >= 0) {
        if (!write_key(fd) || (link(part, path) != 0 && errno != EEXIST))
            status = kn_error_errno(err, errno, "cannot make the key %s", path);
        (void)unlink(part); /* it has its own name now, or is not needed */
        sync_folder(folder[0] ? folder : ".");
    }
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_seal_key_read(const char *path, bool make, struct kn_seal_key *ret_key,
                                struct kn_error *err)
{
    if (sodium_init() < 0)
        return kn_error_set(err, KN_INTERNAL, "the system gives no random numbers");
    for (bool made = false;; made = true) {
        __attribute__((cleanup(close_fd))) int fd =
            open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0)
            return read_key(fd, path, ret_key, err);
        if (errno != ENOENT || made) /* a link to nowhere stays one */
            return kn_error_errno(err, errno, "cannot read the key %s", path);
        if (!make)
            return kn_error_set(err, KN_MISSING,
                                "the key of the accounts is not here (%s): set KIRINUKI_KEY to "
                                "that of the machine on which they were connected",
                                path);
        enum kn_status status = make_key(path, err);
        if (status != KN_OK)
            return status;
    }
}

enum kn_status kn_seal_key_find(bool make, struct kn_seal_key *ret_key, struct kn_error *err)
{
    const char *text = getenv("KIRINUKI_KEY");
    if (sodium_init() < 0)
        return kn_error_set(err, KN_INTERNAL, "the system gives no random numbers");
    if (text && text[0])
        return kn_seal_key_parse(text, ret_key, err);
    struct kn_arena *arena = kn_arena_new();
    const char *folder = kn_path_data(arena);
    enum kn_status status =
        folder
            ? kn_seal_key_read(kn_path_join(arena, folder, "key"), make, ret_key, err)
            : kn_error_set(err, KN_MISSING, "there is no home folder for a key: set KIRINUKI_KEY");
    kn_arena_free(arena);
    return status;
}
