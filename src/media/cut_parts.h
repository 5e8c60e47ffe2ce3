/* What planning (cut.c) hands to writing (cut_write.c). Private to src/media. */
#ifndef KN_MEDIA_CUT_PARTS_H
#define KN_MEDIA_CUT_PARTS_H

#include "base/vec.h"
#include "media/av.h"
#include "media/cut.h"

/* One packet, in the order of decoding. Times are the stream's. */
struct kn_cut_packet {
    int64_t pts;
    bool key; /* decoding can start here; of H.264 an IDR picture */
};

struct kn_cut {
    struct kn_cut_plan plan;
    char *path, *name;
    int stream;
    AVRational time_base; /* of the stream */
    int64_t origin_us;
    int64_t seek_us;  /* seeking there and reading gives `packets` again */
    int length_bytes; /* of H.264's units, 0: start codes; -1: cut at key frames only */

    /* From a key frame at or before the span to where all of its pictures have come. */
    KN_VEC(struct kn_cut_packet) packets;
    int64_t start, end;     /* of the span: pictures with start <= pts < end */
    int body_from, body_to; /* packets that are copied, but for those before `start`; equal: none */
    int64_t head_end;       /* pictures before it are encoded: the pts of the first copied one */
    int64_t tail_start;     /* and so are those from here on; `end`: there are none */
    int tail_from;          /* the packet at which decoding for them starts */
    int64_t *shown;         /* the pts of all pictures of the span, growing */
    int shown_count;
};

/* A fresh input at the first packet, its pictures selected. */
enum kn_status kn_cut_rewind(const struct kn_cut *cut, struct kn_cancel *cancel,
                             struct kn_input **ret_input, struct kn_error *err);

#endif
