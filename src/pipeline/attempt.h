/*
 * The inside of an attempt, shared by the files that make up its story (job.c, analysis.c,
 * clips.c). Not for anybody else.
 */
#ifndef KN_PIPELINE_ATTEMPT_H
#define KN_PIPELINE_ATTEMPT_H

#include <pthread.h>

#include "ai/faces.h"
#include "base/file.h"
#include "base/json.h"
#include "base/vec.h"
#include "clip/thumbnail_choice.h"
#include "pipeline/job.h"
#include "pipeline/listen.h"
#include "pipeline/look.h"
#include "pipeline/rank.h"
#include "pipeline/sights.h"

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
    struct clip_renditions *renditions;          /* clip_renditions.c; NULL: none */
    struct kn_error error;                       /* of the step that failed */
    struct kn_clip clip;                         /* the outcome */
};

struct kn_attempt {
    /* Set at the start, read-only after. */
    const char *path;
    const struct kn_job_options *options;
    struct kn_attempt_context context;
    struct kn_budget *budget; /* of services; NULL: none is asked */
    bool makes_clips;         /* false: analysis alone */
    struct kn_arena *arena;   /* what lives as long as the result; one step at a time uses it */
    int64_t start_us, cpu_start_us;

    /* Written by one step each, read by those after it. */
    struct kn_source source;
    struct kn_file_identity identity; /* of the source's file, before anything of it was read */
    char hash[KN_HASH_TEXT_BYTES];
    const char *folder;        /* the output folder */
    int folder_lock;           /* held while this attempt may write there; -1: not yet */
    const char *timeline_name; /* of the file of the kept timeline */
    struct kn_arena *listen_arena, *look_arena, *sights_arena;
    struct kn_face_finder *finder; /* NULL: not available */
    struct kn_error finder_error;
    struct kn_heard heard;
    bool heard_reused;
    struct kn_seen seen;
    struct kn_sights sights;
    struct kn_ranking ranking;
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

/* job.c: tells whoever listens that a result is kept. Takes `data`. */
void kn_attempt_kept(const struct kn_attempt *attempt, const char *step, json_t *data, bool reused);
/* Is what was kept in this file to be reused? */
bool kn_attempt_reuses(const struct kn_attempt *attempt, const char *path);
/* Was it kept by an earlier attempt at this job? A timeline that lacks what a service did not
 * answer is reused only then: another run asks again. */
bool kn_attempt_is_own(const struct kn_attempt *attempt, const char *path);

/*
 * hold_folder.c: the output folder, which one attempt at a time may write to. LOST: another one is
 * at work there.
 *
 * The first says which it will be as far as can be told before the work, and holds it where it is
 * the source's already, so that what would only go wrong after minutes of work is said at once. The
 * second makes it, finally. After either a folder that is held stays so.
 */
enum kn_status kn_attempt_hold_used_folder(struct kn_attempt *attempt, struct kn_error *err);
enum kn_status kn_attempt_hold_folder(struct kn_attempt *attempt, struct kn_error *err);
/* A note for the user, in this job's result alone: the timeline that is kept has none of it. For
 * steps that run alone. */
void kn_attempt_note(struct kn_attempt *attempt, const char *text);
/* IO: the source is not what it was when the attempt began; what was made of it since is of no
 * use. */
enum kn_status kn_attempt_check_source(const struct kn_attempt *attempt, struct kn_error *err);

/* analysis.c: adds the steps from the file to the segments. */
void kn_analysis_plan(struct kn_attempt *attempt, struct kn_plan *plan);
/* Wherever it is not yet; a failure becomes a note. */
void kn_attempt_keep_timeline(struct kn_attempt *attempt);
/* Where timelines are kept, in the order in which they are looked for; NULL at the end. */
enum { KN_KEPT_PLACES = 2 };
void kn_attempt_kept_folders(const struct kn_attempt *attempt,
                             const char *ret_folders[KN_KEPT_PLACES + 1]);

/* kept_words.c: what was heard, until a timeline has it. */
bool kn_attempt_read_words(struct kn_attempt *attempt);
void kn_attempt_keep_words(struct kn_attempt *attempt); /* a failure costs nothing but time later */
void kn_attempt_forget_words(const struct kn_attempt *attempt, const char *folder);

/* outputs.c. Before the clips are made: writes down what will be in the folder, moves what belongs
 * to another source, and writes the words of the whole source. */
enum kn_status kn_outputs_claim(struct kn_attempt *attempt, struct kn_error *err);
/* After a result is complete: moves what earlier runs made and this one does not name. Where that
 * fails, a note says so. */
void kn_outputs_settle(struct kn_attempt *attempt);

/* clip_captions.c. The script for one aspect, or NULL when nothing is to be drawn: line lengths
 * follow from the frame's width, so each aspect has its own layout; once the clip was framed,
 * places follow from what is shown. */
const char *kn_clip_caption_script(struct clip_work *clip, enum kn_aspect aspect);
/* The title for a thumbnail of that size that shows `ground`; NULL where none is to be drawn. */
const char *kn_clip_thumbnail_script(struct clip_work *clip, int width_px, int height_px,
                                     const struct kn_caption_ground *ground);
/* What is said in the segment, as SRT. */
const char *kn_clip_subtitles(struct clip_work *clip);
/* Subtitles to read beside the finished clip, for platforms and editors, and the script (NULL:
 * none) as it was drawn, for whoever wants to change it. */
enum kn_status kn_clip_write_sidecars(struct clip_work *clip, const char *script,
                                      struct kn_error *err);
/* Letters that no font has would be missing from every clip: that is said once, before the work,
 * as a note and at `progress`. */
void kn_clips_check_fonts(struct kn_attempt *attempt, struct kn_progress *progress);

/* clip_thumbnail.c. What is asked of the clip's thumbnail, in its arena; NULL without pictures. */
const struct kn_thumbnail_order *kn_clip_thumbnail_order(struct clip_work *clip);
/* The spans of the clip whose picture stands still and is to be seen in a clip of higher rank, too;
 * in its arena. Pure. */
int kn_clip_known_stills(struct clip_work *clip, const struct kn_thumbnail_span **ret_known);
/* Makes the thumbnail of a copied clip, which shows all of the picture. */
enum kn_status kn_clip_fetch_thumbnail(struct clip_work *clip,
                                       const struct kn_thumbnail_order *order,
                                       struct kn_cancel *cancel, struct kn_error *err);

/* clip_renditions.c. Adds those that are to be made beside the clip behind its targets, of which
 * there are `count`; returns how many there are then. */
int kn_clip_renditions_add(struct clip_work *clip, struct kn_render_target *targets, int count);
/* After the render: what went wrong with each of them, in the order of the targets. */
void kn_clip_renditions_made(struct clip_work *clip, const struct kn_error *errors);
/* Once the clip is finished; or when there will be none. */
void kn_clip_renditions_keep(struct clip_work *clip, struct kn_cancel *cancel);
void kn_clip_renditions_discard(struct clip_work *clip);

/* clip_remarks.c: a sentence on how a clip came out, in its arena; empty when there is nothing to
 * be said. */
const char *kn_clip_loudness_remark(struct clip_work *clip); /* once its loudness is known */
const char *kn_clip_picture_remark(const struct clip_work *clip);
const char *kn_clip_layout_remark(const struct clip_work *clip); /* once it was framed */

/* clips.c: `name` in the output folder, in the clip's arena. */
const char *kn_clip_path(struct clip_work *clip, const char *name);
/* Prepares the clips of the chosen segments, and adds their steps for so many workers. */
void kn_clips_prepare(struct kn_attempt *attempt, struct kn_progress *progress);
void kn_clips_plan(struct kn_attempt *attempt, int workers, struct kn_plan *plan);
/* Takes the outcomes into the result; the first failure's sentence goes to `err`. */
enum kn_status kn_clips_collect(struct kn_attempt *attempt, struct kn_error *err);

#endif
