/*
 * A clip's thumbnail: the best of a few of its pictures, framed as the clip is.
 */
#ifndef KN_CLIP_THUMBNAIL_H
#define KN_CLIP_THUMBNAIL_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "model/clip.h"
#include "model/source.h"

/* A moment that is worth a look, because a good face is to be seen: `merit` 0..1 for how good. */
struct kn_thumbnail_hint {
    int64_t at_us; /* media time */
    float merit;
};

enum { KN_THUMBNAIL_HINTS_MAX = 8 };

struct kn_thumbnail_request {
    const struct kn_source *source; /* with pictures */
    int64_t start_us, end_us;
    const struct kn_framing *framing;
    int width_px, height_px; /* of the thumbnail; even */
    int hint_count;          /* the best KN_THUMBNAIL_HINTS_MAX of the span are looked at */
    const struct kn_thumbnail_hint *hints;
    const char *ass;  /* drawn over it as at its time 0, a title; NULL: nothing */
    const char *path; /* .jpg; written whole or not at all */
};

struct kn_thumbnail_report {
    int64_t at_us; /* of the chosen picture, media time */
    float score;   /* 0..1 */
};

/*
 * Looks at the hints and at key frames (both cheap to reach), scores sharpness, contrast, exposure
 * and the hints' merit, and writes the best. What is shown before the span or after it never
 * counts. DAMAGED: nothing decodes there.
 */
enum kn_status kn_thumbnail(const struct kn_thumbnail_request *request, struct kn_cancel *cancel,
                            struct kn_thumbnail_report *ret_report, struct kn_error *err);

/* How good a picture is to look at, 0..1, by its middle. Pure. */
struct kn_picture;
float kn_thumbnail_score(const struct kn_picture *picture);

#endif
