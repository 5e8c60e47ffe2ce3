/*
 * A clip's thumbnail from its source, for clips that are not rendered: the best of a few of its
 * pictures. A render chooses among its own frames (clip/render.h), which costs no decode.
 */
#ifndef KN_CLIP_THUMBNAIL_H
#define KN_CLIP_THUMBNAIL_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "clip/thumbnail_choice.h"
#include "model/clip.h"
#include "model/source.h"

enum { KN_THUMBNAIL_HINTS_MAX = 8 };

struct kn_thumbnail_request {
    const struct kn_source *source; /* with pictures */
    int64_t start_us, end_us;
    const struct kn_framing *framing;
    int width_px, height_px;         /* of the thumbnail; even */
    struct kn_thumbnail_order order; /* its best KN_THUMBNAIL_HINTS_MAX hints are looked at */
};

/*
 * Looks at the hints and at key frames (both cheap to reach), scores sharpness, contrast, exposure
 * and the hints' merit, and writes the best. What is shown before the span or after it never
 * counts. DAMAGED: nothing decodes there.
 */
enum kn_status kn_thumbnail(const struct kn_thumbnail_request *request, struct kn_cancel *cancel,
                            struct kn_thumbnail_report *ret_report, struct kn_error *err);

#endif
