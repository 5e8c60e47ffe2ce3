/*
 * The result of a job: what was found, chosen and made, for result.json and report.html.
 *
 * Paths are relative to the output folder. Everything is borrowed from the job's arena.
 */
#ifndef KN_MODEL_RESULT_H
#define KN_MODEL_RESULT_H

#include <stdbool.h>

#include <kirinuki/status.h>

#include "base/option.h"
#include "model/clip.h"
#include "model/segment.h"
#include "model/timeline.h"
#include "model/usage.h"

/* One file of a clip: one aspect, or the source's pictures in their own shape. */
struct kn_clip_file {
    enum kn_aspect aspect;   /* where it was rendered */
    const char *path;        /* "01-why-we-sleep.mp4" */
    int width_px, height_px; /* as a player shows it */
    int frames;
    bool copied;               /* the source's pictures were kept: `aspect` says nothing */
    int copied_frames;         /* of `frames`, taken as they were encoded */
    struct kn_framing framing; /* key_count 0: not known (copied, or made by an earlier run) */
};

struct kn_clip {
    int segment;           /* index into the segments: its rank from 0 */
    enum kn_status status; /* KN_OK: all of its files are there */
    const char *error;     /* a sentence when it failed; else NULL */
    bool reused;           /* made by an earlier run with the same input and options */
    int64_t start_us; /* where in the source it begins: with the segment, but for some copies */
    int64_t duration_us;
    int file_count;
    struct kn_clip_file files[KN_ASPECT_COUNT];
    const char *thumbnail;                         /* NULL: none */
    const char *srt, *vtt, *ass;                   /* NULL: none */
    double loudness_lufs, true_peak_dbtp, gain_db; /* after levelling; gain as applied */
    /* What its render made beside it, smaller, for platforms: "720x1280", and what failed with the
     * reason; NULL: nothing. Not in result.json: it is elsewhere, and does not stay. */
    const char *renditions;
    const char *remark; /* "the encoder h264_nvenc is not available: libx264 was used"; NULL */
};

/* When a step or a task really ran, on one clock; 0 is the job's start. */
struct kn_step_time {
    const char *step, *name; /* as in kn_trace */
    const char *lane;        /* "cpu", "io" */
    int worker;
    int64_t start_us, end_us;
    enum kn_status status;
};

struct kn_result {
    const char *version; /* of kirinuki */
    const char *created; /* ISO 8601, UTC */
    const char *folder;  /* the output folder, as given */
    const struct kn_timeline *timeline;
    bool timeline_reused;
    const struct kn_segments *segments;
    int clip_count, failed; /* failed: clips whose status is not KN_OK */
    const struct kn_clip *clips;
    const char *transcript; /* the words of the whole source as subtitles; NULL: none */
    int option_count;       /* the options in force, as name and value */
    const struct kn_named_text *options;
    int step_time_count;
    const struct kn_step_time *step_times;
    int64_t wall_us, cpu_us;
    bool asked;            /* services; else `usage` is all zero */
    struct kn_usage usage; /* of them */
};

#endif
