#include "media/boxes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    BOXES_MAX = 10000, /* looked at, so that a hostile file comes to an end */
    DEPTH_MAX = 4,
    PRIMING_PER_S = 10, /* an encoder's delay is less than a tenth of a second */
};

struct reading {
    int fd;
    struct kn_boxes *boxes;
    int count;
    bool media;          /* mdat was there */
    uint64_t edit_start; /* of the track's one edit, in those ticks */
};

static bool read_at(const struct reading *reading, int64_t at, unsigned char *bytes, size_t size)
{
    return pread(reading->fd, bytes, size, at) == (ssize_t)size;
}

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bool is(const unsigned char *type, const char *name)
{
    return memcmp(type, name, 4) == 0;
}

/* elst, section 8.6.6: version and flags, count, then (duration, media time, rate) each. */
static void read_edits(struct reading *reading, int64_t at)
{
    unsigned char head[8], entry[20];
    if (!read_at(reading, at, head, sizeof head))
        return;
    size_t wide = head[0] == 1 ? 8 : 4;
    if (big_endian(head + 4, 4) > 1)
        reading->boxes->edit_lists = true;
    if (big_endian(head + 4, 4) != 1 || !read_at(reading, at + 8, entry, 2 * wide + 4))
        return;
    uint64_t start = big_endian(entry + wide, wide);
    bool gap = start >> (8 * wide - 1);
    if (gap || big_endian(entry + 2 * wide, 4) != 0x10000)
        reading->boxes->edit_lists = true;
    else
        reading->edit_start = start;
}

/* mdhd, section 8.4.2: the track's clock. Behind edts in every file that is written so. */
static void read_clock(struct reading *reading, int64_t at)
{
    unsigned char head[24];
    if (!read_at(reading, at, head, sizeof head))
        return;
    uint64_t scale = big_endian(head + (head[0] == 1 ? 20 : 12), 4);
    if (reading->edit_start * PRIMING_PER_S > scale)
        reading->boxes->edit_lists = true;
}

static void walk(struct reading *reading, int64_t at, int64_t end, int depth);

static void enter(struct reading *reading, const unsigned char *type, int64_t at, int64_t end,
                  int depth)
{
    if (is(type, "ftyp") && depth == 0) {
        if (!read_at(reading, at, (unsigned char *)reading->boxes->brand, 4))
            reading->boxes->brand[0] = '\0';
    } else if (is(type, "mdat") && depth == 0) {
        reading->media = true;
    } else if (is(type, "moov") && depth == 0) {
        reading->boxes->index_first = !reading->media;
        walk(reading, at, end, depth + 1);
    } else if (is(type, "trak")) {
        reading->edit_start = 0;
        walk(reading, at, end, depth + 1);
    } else if (is(type, "edts") || is(type, "mdia")) {
        walk(reading, at, end, depth + 1);
    } else if (is(type, "elst")) {
        read_edits(reading, at);
    } else if (is(type, "mdhd")) {
        read_clock(reading, at);
    }
}

/* Section 4.2: size (1: a 64-bit one follows; 0: to the end), type, content. */
static void walk(struct reading *reading, int64_t at, int64_t end, int depth)
{
    unsigned char head[16];
    while (depth < DEPTH_MAX && end - at >= 8 && reading->count++ < BOXES_MAX) {
        if (!read_at(reading, at, head, 8))
            return;
        uint64_t size = big_endian(head, 4);
        int taken = 8;
        if (size == 1) {
            if (!read_at(reading, at, head, 16))
                return;
            size = big_endian(head + 8, 8);
            taken = 16;
        } else if (size == 0) {
            size = (uint64_t)(end - at);
        }
        if (size < (uint64_t)taken || size > (uint64_t)(end - at))
            return;
        enter(reading, head + 4, at + taken, at + (int64_t)size, depth);
        at += (int64_t)size;
    }
}

enum kn_status kn_boxes_read(const char *path, struct kn_boxes *ret_boxes, struct kn_error *err)
{
    struct reading reading = {.boxes = ret_boxes};
    *ret_boxes = (struct kn_boxes){0};
    reading.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reading.fd < 0)
        return kn_error_errno(err, errno, "cannot open %.200s", path);
    walk(&reading, 0, lseek(reading.fd, 0, SEEK_END), 0);
    close(reading.fd);
    return KN_OK;
}
