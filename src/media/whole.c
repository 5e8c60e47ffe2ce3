/*
 * ISO base media (ISO/IEC 14496-12:2022, 4.2), Matroska (RFC 8794, 5 and 6; RFC 9559, 5.1) and RIFF
 * say how long they are; in the first, the index (`moov`) is written last by most recorders.
 */
#include "media/whole.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { HEAD_BYTES = 64, BOXES_MOST = 1000000 };

struct file {
    int fd;
    int64_t size;
};

/* Bytes that are not there are zeros. */
static void read_at(const struct file *file, int64_t at, uint8_t *to, size_t size)
{
    ssize_t got = pread(file->fd, to, size, at);
    size_t have = got > 0 ? (size_t)got : 0;
    memset(to + have, 0, size - have);
}

static uint64_t big_endian(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static bool is_one_of(const uint8_t *type, const char *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(type, types[i], 4) == 0)
            return true;
    return false;
}

/* ---- MP4, MOV ---- */

static bool is_iso(const uint8_t *head)
{
    static const char *const firsts[] = {"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"};
    return is_one_of(head + 4, firsts, KN_COUNT_OF(firsts));
}

/* A box of size 0 goes on to the end of the file: only recorders that never went back leave one,
 * and then the index is missing, too. */
static bool iso_is_whole(const struct file *file)
{
    bool index = false;
    int64_t at = 0;
    for (int boxes = 0; at + 8 <= file->size && boxes < BOXES_MOST; boxes++) {
        uint8_t head[16];
        read_at(file, at, head, sizeof head);
        uint64_t size = big_endian(head, 4);
        index |= memcmp(head + 4, "moov", 4) == 0;
        if (size == 1)
            size = big_endian(head + 8, 8);
        if (size < 8) /* to the end, or no box at all */
            break;
        if (size > (uint64_t)(file->size - at))
            return false;
        at += (int64_t)size;
    }
    return index;
}

/* ---- Matroska, WebM ---- */

/* A number of EBML's: as many bytes as the first one says, which also marks it. UINT64_MAX: it is
 * not known; *ret_bytes 0: it is none. */
static uint64_t ebml_number(const uint8_t *at, int *ret_bytes)
{
    int bytes = 1;
    while (bytes <= 8 && !(at[0] & (0x80 >> (bytes - 1))))
        bytes++;
    *ret_bytes = bytes <= 8 ? bytes : 0;
    if (bytes > 8)
        return 0;
    uint64_t most = (UINT64_C(1) << (7 * bytes)) - 1;
    uint64_t value = big_endian(at, bytes) & most;
    return value == most ? UINT64_MAX : value;
}

static bool matroska_is_whole(const struct file *file)
{
    static const uint8_t segment[] = {0x18, 0x53, 0x80, 0x67};
    uint8_t head[16];
    int bytes;
    read_at(file, 4, head, sizeof head);
    uint64_t size = ebml_number(head, &bytes);
    if (!bytes || size > (uint64_t)file->size)
        return false;
    int64_t at = 4 + bytes + (int64_t)size;
    read_at(file, at, head, sizeof head);
    if (memcmp(head, segment, sizeof segment) != 0)
        return at < file->size; /* another element first: it does not tell */
    size = ebml_number(head + 4, &bytes);
    at += 4 + bytes;
    return size == UINT64_MAX || (at <= file->size && size <= (uint64_t)(file->size - at));
}

/* ---- AVI, WAV ---- */

/* 0 and the largest number: a recorder that could not go back. */
static bool riff_is_whole(const struct file *file, const uint8_t *head)
{
    uint32_t size = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
                    (uint32_t)head[7] << 24;
    return !size || size == UINT32_MAX || (int64_t)size + 8 <= file->size;
}

bool kn_media_whole(const char *path)
{
    static const uint8_t nothing[HEAD_BYTES], ebml[] = {0x1a, 0x45, 0xdf, 0xa3};
    struct file file = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat st;
    uint8_t head[HEAD_BYTES];
    bool whole = true;
    if (file.fd < 0)
        return true;
    if (fstat(file.fd, &st) == 0 && S_ISREG(st.st_mode)) {
        file.size = st.st_size;
        read_at(&file, 0, head, sizeof head);
        if (memcmp(head, nothing, sizeof head) == 0)
            whole = false;
        else if (is_iso(head))
            whole = iso_is_whole(&file);
        else if (memcmp(head, ebml, sizeof ebml) == 0)
            whole = matroska_is_whole(&file);
        else if (memcmp(head, "RIFF", 4) == 0)
            whole = riff_is_whole(&file, head);
    }
    close(file.fd);
    return whole;
}
