/*
 * The outside of an H.264 stream: where its NAL units lie, which kind they are, which numbers its
 * parameter sets use (ITU-T H.264, 7.3.1, 7.3.2 and annex B; ISO/IEC 14496-15, 5.3.3). Everything
 * else is FFmpeg's. Private to src/media; takes hostile bytes.
 */
#ifndef KN_MEDIA_NAL_H
#define KN_MEDIA_NAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KN_NAL_IDR = 5, KN_NAL_SPS = 7, KN_NAL_PPS = 8, KN_NAL_ID_MAX = 31 };

/* One unit: its bytes without length or start code. */
struct kn_nal {
    const uint8_t *bytes;
    size_t size; /* at least 1 */
};
static inline int kn_nal_type(const struct kn_nal *nal)
{
    return nal->bytes[0] & 31;
}

/* How units are told apart: lengths of 1 to 4 bytes, or start codes (0). */
struct kn_nal_reader {
    const uint8_t *at, *end;
    int length_bytes;
};
/* The next unit; false at the end, and where lengths make no sense. */
bool kn_nal_next(struct kn_nal_reader *reader, struct kn_nal *ret_nal);

/* What a stream's header says: 0 for start codes, else from an avcC box. -1: neither. */
int kn_nal_length_bytes(const uint8_t *header, size_t size);

/* Calls `see` with each parameter set of a stream's header of either kind. False: damaged. */
bool kn_nal_header(const uint8_t *header, size_t size,
                   void (*see)(void *arg, const struct kn_nal *nal), void *arg);

/* The number of a sequence or picture parameter set; -1: damaged. */
int kn_nal_set_id(const struct kn_nal *nal);

#endif
