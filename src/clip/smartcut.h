/*
 * A clip that keeps its source's pictures as they were encoded: no framing, no captions, no loss
 * but at the two edges. The sound is cut to the sample, levelled and encoded as for every clip.
 */
#ifndef KN_CLIP_SMARTCUT_H
#define KN_CLIP_SMARTCUT_H

#include "clip/render.h"
#include "media/cut.h"

struct kn_smartcut_request {
    const struct kn_source *source;
    int64_t start_us, end_us;
    const struct kn_render_settings *settings; /* encoder and max_rate_hz are not used */
    const char *path;                          /* written aside and renamed */
    const char *title, *comment;               /* may be NULL */
};

struct kn_smartcut_report {
    struct kn_cut_plan plan; /* what was cut, how much of it was encoded, a remark */
    double loudness_lufs, true_peak_dbtp, gain_db;
};

/* As kn_render; UNSUPPORTED: the pictures' codec can't be kept in an MP4. */
enum kn_status kn_smartcut(const struct kn_smartcut_request *request, struct kn_cancel *cancel,
                           struct kn_progress *progress, struct kn_smartcut_report *ret_report,
                           struct kn_error *err);

#endif
