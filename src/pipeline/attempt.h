/*
 * The inside of an attempt, shared by the files that make up its story (job.c, analysis.c,
 * clips.c). Not for anybody else.
 */
#ifndef KN_PIPELINE_ATTEMPT_H
#define KN_PIPELINE_ATTEMPT_H

#include <pthread.h>

#include "ai/faces.h"
#include "base/file.h"
#include "base/vec.h"
#include "pipeline/job.h"
#include "pipeline/listen.h"
#include "pipeline/look.h"

/* One clip, from a segment to its files. Each has an arena of its own: clips run side by side. */
struct clip_work {
    struct kn_attempt *attempt;
    struct kn_arena *arena;
    const struct kn_segment *segment;
    struct kn_captions captions;
    const char *stem; /* "01-why-we-sleep" */
    const char *mark; /* names what this clip is made of; see clips.c */
    struct kn_closeup closeup;
    struct kn_framing framings[KN_ASPECT_COUNT]; /* one for each of the options' aspects */
    struct kn_error error;                       /* of the step that failed */
    struct kn_clip clip;                         /* the outcome */
};

struct kn_attempt {
    /* Set at the start, read-only after. */
    const char *path;
    const struct kn_job_options *options;
    struct kn_arena *arena; /* what lives as long as the result; one step at a time uses it */
    int64_t start_us, cpu_start_us;

    /* Written by one step each, read by those after it. */
    struct kn_source source;
    char hash[KN_HASH_TEXT_BYTES];
    const char *folder;        /* the output folder */
    const char *timeline_path; /* of the kept timeline */
    struct kn_arena *listen_arena, *look_arena;
    struct kn_face_finder *finder; /* NULL: not available */
    struct kn_error finder_error;
    struct kn_heard heard;
    struct kn_seen seen;
    struct kn_timeline timeline;
    bool timeline_reused;
    struct kn_segments segments;
    int clip_count;
    struct clip_work *clips;
    int encoder_threads; /* of each render */
    struct kn_result result;
    bool has_result;

    pthread_mutex_t trace_lock;
    KN_VEC(struct kn_step_time) step_times; /* by trace_lock */
    struct kn_arena *trace_arena;           /* by trace_lock */
};

/* analysis.c: adds the steps from the file to the segments. */
void kn_analysis_plan(struct kn_attempt *attempt, struct kn_plan *plan);

/* clips.c: prepares the clips of the chosen segments, and adds their steps for so many workers.
 * What stands in the way of captions is noted, and shown at `progress`. */
void kn_clips_prepare(struct kn_attempt *attempt, struct kn_progress *progress);
void kn_clips_plan(struct kn_attempt *attempt, int workers, struct kn_plan *plan);
/* Takes the outcomes into the result; the first failure's sentence goes to `err`. */
enum kn_status kn_clips_collect(struct kn_attempt *attempt, struct kn_error *err);

#endif
