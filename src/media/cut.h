/*
 * Cutting a span out of a source while its encoded pictures are kept.
 *
 * Pictures between key frames can't be shown without the key frame before them. So the part up to
 * the first key frame inside the span, and what the last whole group leaves, are decoded and
 * encoded anew with the source's own parameters; everything between is copied as it is. The cut is
 * exact to the picture.
 *
 * That works for H.264. Other codecs that an MP4 can hold are cut at their key frames, which a
 * remark says.
 */
#ifndef KN_MEDIA_CUT_H
#define KN_MEDIA_CUT_H

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/loudness.h"
#include "model/source.h"

struct kn_cut;

struct kn_cut_plan {
    int64_t start_us, end_us; /* what will really be cut, media time: at pictures' borders */
    int frames;               /* in all */
    int encoded;              /* of these anew; the others are copied */
    char remark[240];         /* why it is not what was asked for; empty when it is */
};

/* Can the source be cut like that? INVALID: it has no pictures. UNSUPPORTED: an MP4 can't hold its
 * codec. The sentence says what to do instead. */
enum kn_status kn_cut_check(const struct kn_source *source, struct kn_error *err);

/*
 * Looks at the packets of [start, end) and decides. INVALID: no pictures, end before start, nothing
 * lies there. UNSUPPORTED: as kn_cut_check, or timestamps that tell no order.
 */
enum kn_status kn_cut_open(const struct kn_source *source, int64_t start_us, int64_t end_us,
                           struct kn_cancel *cancel, struct kn_cut **ret_cut, struct kn_error *err);
const struct kn_cut_plan *kn_cut_plan(const struct kn_cut *cut);

struct kn_cut_options {
    const char *path;   /* written aside and renamed */
    const char *preset; /* of libx264, for what is encoded */
    int crf;
    int threads;                         /* 0: cores */
    const struct kn_sound_buffer *sound; /* 48 kHz stereo from plan->start_us on; NULL: none */
    const char *title, *comment;         /* may be NULL */
};

/* Once. NO_SPACE, IO, DENIED, MISSING (no libx264), DAMAGED, CANCELLED; leaves nothing behind. */
enum kn_status kn_cut_write(struct kn_cut *cut, const struct kn_cut_options *options,
                            struct kn_cancel *cancel, struct kn_progress *progress,
                            struct kn_error *err);
void kn_cut_close(struct kn_cut *cut); /* NULL is fine */
KN_SCOPED_DEFINE(kn_cut, kn_cut_close)

#endif
