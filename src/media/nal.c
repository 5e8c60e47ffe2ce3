#include "media/nal.h"

/* ---- units ---------------------------------------------------------------------------------- */

/* The place of the next 00 00 01 in [at, end), or `end`. */
static const uint8_t *find_start(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 3; at++)
        if (at[0] == 0 && at[1] == 0 && at[2] == 1)
            return at;
    return end;
}

static bool next_by_start_code(struct kn_nal_reader *reader, struct kn_nal *ret_nal)
{
    const uint8_t *start = find_start(reader->at, reader->end);
    while (start < reader->end) {
        start += 3;
        const uint8_t *next = find_start(start, reader->end);
        const uint8_t *stop = next;
        while (stop > start && stop[-1] == 0) /* zeros in front of a start code belong to it */
            stop--;
        reader->at = next;
        if (stop > start) {
            *ret_nal = (struct kn_nal){start, (size_t)(stop - start)};
            return true;
        }
        start = next;
    }
    reader->at = reader->end;
    return false;
}

bool kn_nal_next(struct kn_nal_reader *reader, struct kn_nal *ret_nal)
{
    if (reader->length_bytes == 0)
        return next_by_start_code(reader, ret_nal);
    size_t left = (size_t)(reader->end - reader->at), size = 0;
    if (left < (size_t)reader->length_bytes)
        return false;
    for (int i = 0; i < reader->length_bytes; i++)
        size = size << 8 | reader->at[i];
    left -= (size_t)reader->length_bytes;
    if (size == 0 || size > left)
        return false;
    *ret_nal = (struct kn_nal){reader->at + reader->length_bytes, size};
    reader->at += (size_t)reader->length_bytes + size;
    return true;
}

/* ---- headers -------------------------------------------------------------------------------- */

int kn_nal_length_bytes(const uint8_t *header, size_t size)
{
    if (size >= 7 && header[0] == 1)
        return (header[4] & 3) + 1;
    if (size >= 4 && header[0] == 0 && header[1] == 0 && header[2] <= 1)
        return 0;
    return -1;
}

/* `count` sets of a 16-bit length each; moves *at behind them. */
static bool see_sets(const uint8_t **at, const uint8_t *end, int count,
                     void (*see)(void *arg, const struct kn_nal *nal), void *arg)
{
    for (int i = 0; i < count; i++) {
        struct kn_nal_reader reader = {*at, end, 2};
        struct kn_nal nal;
        if (!kn_nal_next(&reader, &nal))
            return false;
        see(arg, &nal);
        *at = reader.at;
    }
    return true;
}

bool kn_nal_header(const uint8_t *header, size_t size,
                   void (*see)(void *arg, const struct kn_nal *nal), void *arg)
{
    int length_bytes = kn_nal_length_bytes(header, size);
    if (length_bytes < 0)
        return false;
    if (length_bytes == 0) {
        struct kn_nal_reader reader = {header, header + size, 0};
        struct kn_nal nal;
        while (kn_nal_next(&reader, &nal))
            if (kn_nal_type(&nal) == KN_NAL_SPS || kn_nal_type(&nal) == KN_NAL_PPS)
                see(arg, &nal);
        return true;
    }
    const uint8_t *at = header + 6, *end = header + size;
    if (!see_sets(&at, end, header[5] & 31, see, arg) || at == end)
        return false;
    int count = *at++;
    return see_sets(&at, end, count, see, arg);
}

/* ---- parameter sets ------------------------------------------------------------------------- */

/* Bits of a unit, emulation prevention bytes (00 00 03) left out. */
struct bits {
    const uint8_t *bytes;
    size_t size, at; /* `at` in bits */
};

static int next_bit(struct bits *bits)
{
    size_t byte = bits->at / 8;
    if (bits->at % 8 == 0 && byte >= 2 && byte < bits->size && bits->bytes[byte] == 3 &&
        bits->bytes[byte - 1] == 0 && bits->bytes[byte - 2] == 0)
        bits->at += 8;
    byte = bits->at / 8;
    if (byte >= bits->size)
        return -1;
    int bit = bits->bytes[byte] >> (7 - bits->at % 8) & 1;
    bits->at++;
    return bit;
}

/* An unsigned Exp-Golomb code (9.1) of at most 16 bits; -1: damaged. */
static int next_number(struct bits *bits)
{
    int zeros = 0, bit;
    while ((bit = next_bit(bits)) == 0 && zeros < 16)
        zeros++;
    if (bit != 1)
        return -1;
    int value = 1;
    for (int i = 0; i < zeros; i++) {
        if ((bit = next_bit(bits)) < 0)
            return -1;
        value = value << 1 | bit;
    }
    return value - 1;
}

int kn_nal_set_id(const struct kn_nal *nal)
{
    /* A sequence's profile, constraints and level come first. */
    size_t skip = kn_nal_type(nal) == KN_NAL_SPS ? 4 : 1;
    if (nal->size <= skip)
        return -1;
    struct bits bits = {nal->bytes, nal->size, skip * 8};
    return next_number(&bits);
}
