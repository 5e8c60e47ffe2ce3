/* ISO base media files (ISO/IEC 14496-12): the order of the boxes, and edit lists. */
#include <string.h>

#include "sandbox/platforms/facts.h"

enum { BOXES_MAX = 20000, DEPTH_MAX = 6, EDITS_MAX = 64 };

struct walk {
    const struct kn_box_source *source;
    struct kn_media_facts *facts;
    int boxes; /* seen, so that a hostile file ends */
    bool moov, mdat;
};

static uint64_t number(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* elst, section 8.6.6: one entry that begins at the first sample at normal speed does nothing. A
 * media time of -1 is a gap. */
static void read_edits(struct walk *walk, int64_t at, int64_t size)
{
    unsigned char head[8], entry[20];
    if (size < 8 || !walk->source->read(walk->source->arg, at, head, sizeof head))
        return;
    int wide = head[0] == 1 ? 8 : 4;
    size_t entry_size = 2 * (size_t)wide + 4;
    uint64_t count = number(head + 4, 4);
    if (count > 1)
        walk->facts->edits = walk->facts->rearranged = true;
    for (uint64_t i = 0; i < count && i < EDITS_MAX; i++) {
        int64_t place = at + 8 + (int64_t)(i * entry_size);
        if (place + (int64_t)entry_size > at + size ||
            !walk->source->read(walk->source->arg, place, entry, entry_size))
            return;
        uint64_t media_time = number(entry + wide, wide);
        uint64_t rate = number(entry + 2 * wide, 4);
        if (media_time != 0 || rate != 0x10000)
            walk->facts->edits = true;
        if (rate != 0x10000 || media_time >> (8 * wide - 1))
            walk->facts->rearranged = true;
    }
}

static bool is(const unsigned char *head, const char *type)
{
    return memcmp(head + 4, type, 4) == 0;
}

static void walk_boxes(struct walk *walk, int64_t at, int64_t end, int depth);

static void enter_box(struct walk *walk, const unsigned char *head, int64_t at, int64_t end,
                      int depth)
{
    unsigned char brand[4];
    if (is(head, "ftyp") && depth == 0 && end - at >= 4 &&
        walk->source->read(walk->source->arg, at, brand, sizeof brand))
        for (int i = 0; i < 4; i++)
            walk->facts->brand[i] = brand[i] >= ' ' && brand[i] < 127 ? (char)brand[i] : '?';
    if (is(head, "mdat") && depth == 0)
        walk->mdat = true;
    if (is(head, "moov") && depth == 0) {
        walk->moov = true;
        walk->facts->moov_first = !walk->mdat;
    }
    if (is(head, "elst"))
        read_edits(walk, at, end - at);
    if (is(head, "moov") || is(head, "trak") || is(head, "edts"))
        walk_boxes(walk, at, end, depth + 1);
}

static void walk_boxes(struct walk *walk, int64_t at, int64_t end, int depth)
{
    unsigned char head[16];
    while (end - at >= 8 && ++walk->boxes <= BOXES_MAX && depth < DEPTH_MAX) {
        if (!walk->source->read(walk->source->arg, at, head, 8))
            return;
        uint64_t size = number(head, 4);
        int64_t taken = 8;
        if (size == 1) {
            if (end - at < 16 || !walk->source->read(walk->source->arg, at, head, 16))
                return;
            size = number(head + 8, 8);
            taken = 16;
        } else if (size == 0) {
            size = (uint64_t)(end - at); /* to the end of the file */
        }
        if (size < (uint64_t)taken || size > (uint64_t)(end - at))
            return;
        enter_box(walk, head, at + taken, at + (int64_t)size, depth);
        at += (int64_t)size;
    }
}

void kn_boxes_read(const struct kn_box_source *source, struct kn_media_facts *facts)
{
    struct walk walk = {.source = source, .facts = facts};
    walk_boxes(&walk, 0, source->size, 0);
}
