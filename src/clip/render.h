/*
 * Rendering: one decode, one encode a clip. Seek, exact cut, framing, captions, frame rate and
 * loudness in one pass; several aspects, smaller renditions, and the thumbnail, from one decode.
 */
#ifndef KN_CLIP_RENDER_H
#define KN_CLIP_RENDER_H

#include <kirinuki/cancel.h>
#include <kirinuki/progress.h>
#include <kirinuki/status.h>

#include "clip/thumbnail_choice.h"
#include "model/clip.h"
#include "model/source.h"

enum { KN_RENDER_TARGETS_MAX = 8, KN_RENDER_LIMIT_S = 600 };

struct kn_render_settings {
    const char
        *encoder; /* "libx264" or a hardware encoder's FFmpeg name; falls back with a remark */
    const char *preset;    /* x264's: "veryfast" */
    int crf;               /* 20 */
    int threads;           /* of each encoder; 0: as many as it likes */
    double loudness_lufs;  /* -14 */
    double true_peak_dbtp; /* -1.5: of the finished file */
    int max_rate_hz;       /* 30: frames a second at most; slower sources keep theirs */
};

/*
 * Of a target that is one of the others once more, smaller: the same framing and captions, made at
 * this size from the source's pictures. Always by libx264, for which the bits are bounded
 * exactly, and because the few sessions that hardware has are the clips'.
 */
struct kn_render_smaller {
    int width_px, height_px;   /* even */
    int64_t bits_a_second_max; /* of the pictures, as in kn_encoder_options; 0: no bound */
};

/* One output file of a render. */
struct kn_render_target {
    const char *path; /* final name; written aside and renamed */
    const struct kn_framing *framing;
    const char *ass;                         /* caption script; NULL: none */
    const struct kn_render_smaller *smaller; /* NULL: the clip itself, as large as its aspect */
};

struct kn_render_request {
    const struct kn_source *source;
    int64_t start_us, end_us;
    const struct kn_render_settings *settings;
    int target_count;
    const struct kn_render_target *targets; /* smaller ones behind the others */
    const char *title, *comment;            /* metadata; may be NULL */
    /* Chosen among the first target's frames, captions left off; NULL: none. */
    const struct kn_thumbnail_order *thumbnail;
};

struct kn_render_report {
    int64_t duration_us; /* of pictures and sound alike */
    int frames;          /* a target */
    struct kn_rational frame_rate;
    double loudness_lufs, true_peak_dbtp; /* as measured on what was written, before AAC; the
                                             former is -70 for silence */
    double gain_db;
    int damaged_frames;
    const char *encoder; /* what was really used; static */
    char remark[240];    /* why it is not what was asked for; empty when it is */
    /* A thumbnail that fails fails nothing else: status KN_OK where one was written. */
    struct kn_error thumbnail_error;
    struct kn_thumbnail_report thumbnail;
    /* Nor does a smaller target: status KN_OK where the file is there. In the targets' order. */
    struct kn_error smaller_errors[KN_RENDER_TARGETS_MAX];
};

/*
 * Renders [start, end) of the source to each target. Pictures are shown at a constant rate (see
 * clip/timing.h), captions burnt in, the sound levelled; a source without sound gets a silent
 * track, one without pictures moving bars and no thumbnail. The files appear together at the end,
 * and none on failure; what goes wrong with a smaller target leaves the others alone. Uses one
 * thread of its own a target besides the encoders' threads. Memory: about 250 MB at 1080x1920 with
 * two encoder threads, plus 23 MB a minute of sound.
 *
 * INVALID: an odd request (end before start, too many targets, no framing), an unknown encoder or
 * preset. LIMIT: longer than KN_RENDER_LIMIT_S. DAMAGED: not one picture decodes there. MISSING,
 * IO, NO_SPACE, DENIED, CANCELLED.
 */
enum kn_status kn_render(const struct kn_render_request *request, struct kn_cancel *cancel,
                         struct kn_progress *progress, struct kn_render_report *ret_report,
                         struct kn_error *err);

#endif
