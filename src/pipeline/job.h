/*
 * An attempt at a job: one source, on its way from file to clips. job.c tells the whole story as
 * plans of steps; analysis.c and clips.c hold the steps.
 */
#ifndef KN_PIPELINE_JOB_H
#define KN_PIPELINE_JOB_H

#include <kirinuki/executor.h>
#include <kirinuki/status.h>

#include "ai/services.h"
#include "analyze/segments.h"
#include "clip/captions.h"
#include "clip/render.h"
#include "model/clip.h"
#include "model/result.h"
#include "pipeline/engines.h"

struct kn_aspects {
    int count; /* at least 1; no aspect twice */
    enum kn_aspect at[KN_ASPECT_COUNT];
};

struct kn_job_options {
    const char *output;   /* folder; NULL: see pipeline/output_folder.h */
    const char *into;     /* where that one is made; NULL: in the working folder */
    int folder_from;      /* and the first of its names to take: 0 or 1 unless several sources of
                             one name are given together */
    const char *models;   /* folder of the models and of ONNX Runtime; NULL: where they are found */
    const char *language; /* of the speech, BCP 47; NULL: find out */
    const char *transcript; /* subtitles to use instead of recognising; NULL: recognise */
    bool speech;            /* false: go by picture and sound alone */
    bool fresh;             /* do not reuse what an earlier run found or made */
    struct kn_ai_options ai;

    struct kn_segment_options segments;
    bool copy; /* keep the pictures as they were encoded: nothing is framed or drawn */
    struct kn_aspects aspects;
    int layout;   /* enum kn_layout */
    int captions; /* enum kn_caption_style */
    const char *font;
    bool titles;           /* each clip's title over its first seconds */
    bool thumbnail_titles; /* the title on the thumbnail, too */
    struct kn_render_settings render;

    /* The settings as the user knows them, for the result; borrowed. */
    int described_count;
    const struct kn_named_text *described;
};

/* Every default that a user sees, in one place. */
void kn_job_defaults(struct kn_job_options *ret_options);

struct kn_renditions_ahead;

/* What an attempt at a queued job has beside its options; all zeroes will do. */
struct kn_attempt_context {
    int64_t rank; /* of its plans (kn_plan_rank); 0: in the order of their starts */
    /* With options->fresh: what was kept at this time or later (wall clock) was made by an earlier
     * attempt at the same job, and is reused all the same. 0: nothing is reused. */
    int64_t fresh_since_us;
    /* Hears of each result that will not be made again once it is on the disk: "analysis", "clip
     * 3". `reused`: it was there already. `data` is a small JSON object. Runs on workers, several
     * at once; must be quick. NULL: nobody does. */
    void (*kept)(void *arg, const char *step, const char *data, bool reused);
    void *arg;
    const struct kn_services *services; /* borrowed; NULL: none are set up */
    /* What clips are rendered to beside; borrowed; NULL: nothing (pipeline/rendition_ahead.h). */
    const struct kn_renditions_ahead *renditions;
};

struct kn_attempt;

/* Borrows `path` and `options` until it is freed; copies `context` (NULL: zeroes). */
struct kn_attempt *kn_attempt_new(const char *path, const struct kn_job_options *options,
                                  const struct kn_attempt_context *context);
void kn_attempt_free(struct kn_attempt *attempt); /* and the result with it; NULL is fine */

/*
 * Runs to the end; once an attempt. Blocks; `progress` is the node under which it is shown.
 *
 * KN_OK: every clip is there. KN_END: nothing was worth a clip (the result's remark says why).
 * CANCELLED: finished analyses and clips are kept for the next run. Any other status: the source
 * can't be used, or clips failed; then the result's `failed` counts them and `err` has the first
 * one's sentence.
 */
enum kn_status kn_attempt_run(struct kn_attempt *attempt, struct kn_executor *executor,
                              struct kn_cancel *cancel, struct kn_progress *progress,
                              struct kn_error *err);

/* The same without clips: the timeline, and the segments chosen from it. Writes no output
 * folder. */
enum kn_status kn_attempt_analyze(struct kn_attempt *attempt, struct kn_executor *executor,
                                  struct kn_cancel *cancel, struct kn_progress *progress,
                                  struct kn_error *err);

/* NULL until segments were chosen; borrowed from the attempt. */
const struct kn_result *kn_attempt_result(const struct kn_attempt *attempt);

#endif
