/*
 * Renditions: a finished clip once more, as a platform with narrower rules takes it. Smaller, at
 * another rate, with fewer bits, and always H.264 High (4:2:0, closed groups) and AAC (48 kHz
 * stereo) in an MP4 whose index stands in front.
 *
 * Never larger than the clip, its shape kept, one decode and one encode. Where it is known before
 * the clip is rendered that one is needed, the render makes it on the way (rendition_ahead.h).
 */
#ifndef KN_PIPELINE_RENDITION_H
#define KN_PIPELINE_RENDITION_H

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>
#include <kirinuki/status.h>

#include "model/source.h"
#include "platform/preflight.h"

struct kn_rendition_target {
    int width_px, height_px; /* even */
    double fps_min, fps_max; /* 0, 0: the clip's own rate is allowed */
    int64_t bits_a_second;   /* of the whole file, at most */
};

/* What a clip with these facts becomes where these rules hold. Targets that are alike are equal
 * member by member, so that platforms share renditions. Whether the result meets every rule is for
 * a preflight to say: no rendition is longer, shorter or of another shape. */
struct kn_rendition_target kn_rendition_target_of(const struct kn_media_facts *facts,
                                                  const struct kn_media_rules *rules);

/* The rate: the clip's own one, divided or multiplied by a whole number where that is enough. */
struct kn_rational kn_rendition_rate(const struct kn_source *source,
                                     const struct kn_rendition_target *target);

/* Of the target's bits what is left for pictures where the clip lasts so long; 0: not enough for
 * any. As kn_encoder_options has it. */
int64_t kn_rendition_picture_bits(const struct kn_rendition_target *target, int64_t duration_us);

struct kn_rendition_order {
    const char *clip_path;
    int64_t bytes, modified_us; /* of the clip, as it is known */
    struct kn_rendition_target target;
    const char *path; /* written aside, synced and renamed; its folder exists */
    int threads;      /* of the decoder and the encoder, each; 0: as many as cores */
};

/*
 * Makes it. A clip without sound gets a silent track, as rendered clips do. Memory: about 150 MB
 * from 1080x1920 to 720x1280, however long the clip is. Leaves nothing behind when it fails or is
 * cancelled, which is seen within 100 ms.
 *
 * INVALID: no pictures, or the clip is not the one that is known. LIMIT: the bits would not be
 * enough for pictures. DAMAGED, MISSING, NO_SPACE, IO, DENIED, CANCELLED.
 */
enum kn_status kn_rendition_make(const struct kn_rendition_order *order, struct kn_cancel *cancel,
                                 struct kn_progress *progress, struct kn_error *err);

#endif
