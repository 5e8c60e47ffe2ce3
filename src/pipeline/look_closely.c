/*
 * The close look at one segment.
 *
 * Pictures are decoded without in-loop filters and without those that no other needs, which costs
 * about half of decoding everything (0.46 to 0.53) and still gives 15 pictures a second of usual
 * 30: dense enough to see a mouth move. Measured on 1080p30 (H.264, 3 B-frames), share of a full
 * decode:
 *
 *     reference pictures, no loop filter   0.46
 *     reference pictures                   0.60
 *     no B-pictures at all                 0.33, but wrong: where B-pictures are references, as
 * they are in most streams, the others come out smeared
 *
 * Cuts have to be those that all pictures would show, and a cut may lie on a picture that was left
 * out. Sizes tell beforehand: the first picture of a new shot cannot be predicted, so when one
 * arrives that is larger than those before it, or a key frame, the pictures shown before and
 * decoded after it are decoded, too. Where the picture changes much all the time, a cut stands out
 * only among all pictures, so none is left out there. Should there still be a doubt, the pictures
 * that were left out around it are decoded in a second pass.
 *
 * Faces are looked for 2.5 times a second and after each change of picture, half as often while
 * they are where they were expected, and followed by their patches between (tracks.c).
 */
#include "pipeline/look.h"

#include <math.h>

#include "analyze/dissolves.h"
#include "analyze/shots.h"
#include "analyze/tracks.h"
#include "base/clock.h"
#include "base/vec.h"
#include "media/video_reader.h"
#include "pipeline/seeing.h"

enum {
    FACES_STEP_US = 400 * 1000,
    FACES_CALM_US = 800 * 1000,
    FOLLOW_STEP_US = 60 * 1000, /* nearer pictures say little about a mouth */
    GLANCE_STEP_US = 500 * 1000,
    RECENT = 12, /* coded pictures that a size is compared with */
};
static const float FACE_THRESHOLD = 0.5f;    /* to find a face again */
static const float LARGER = 1.6f;            /* than all recent ones: something may have changed */
static const float LIVELY = 0.1f;            /* a change of gist by this: what follows is decoded */
static const int64_t LIVELY_US = 250 * 1000; /* for so long */

/* What is heard of the coded pictures, and which are decoded therefore. */
struct hearing {
    KN_VEC(int64_t) times;
    int recent_bytes[RECENT];
    int heard;
    int64_t newest_us; /* shown last of those heard */
    int64_t dense_us;  /* what is shown before this is all decoded */
};

KN_VEC_TYPE(moments, struct kn_moment);

struct closely {
    const struct kn_source *source;
    struct kn_face_finder *finder;
    const struct kn_step_env *env;
    int64_t start_us, end_us;
    struct kn_video_options options;
    struct kn_video_reader *reader;
    struct hearing hearing;
    struct kn_tracker *tracker;
    struct kn_seen_faces faces;
    struct moments moments;
    KN_VEC(struct kn_glance) glances;
    struct kn_picture before;               /* the picture before the present one */
    int64_t faces_us, follow_us, glance_us; /* when each was done last */
    int64_t faces_step_us;                  /* until faces are looked for again */
};

/* ---- Which pictures are decoded ---- */

static bool is_remarkable(const struct hearing *hearing, const struct kn_coded *coded)
{
    int largest = 0;
    for (int i = 0; i < RECENT; i++)
        largest = KN_MAX(largest, hearing->recent_bytes[i]);
    return coded->key || (float)coded->bytes > LARGER * (float)largest;
}

static enum kn_decode choose(void *arg, const struct kn_coded *coded)
{
    struct hearing *hearing = arg;
    kn_vec_push(&hearing->times, coded->at_us);
    if (coded->at_us > hearing->newest_us) {
        hearing->newest_us = coded->at_us;
        if (is_remarkable(hearing, coded))
            hearing->dense_us = coded->at_us;
    }
    if (!coded->key)
        hearing->recent_bytes[hearing->heard++ % RECENT] = coded->bytes;
    return coded->at_us < hearing->dense_us ? KN_DECODE_ALL : KN_DECODE_REFERENCE;
}

/* ---- Picture by picture ---- */

static enum kn_status follow_faces(struct closely *closely, int64_t at_us, struct kn_error *err)
{
    for (int i = 0; i < kn_tracker_count(closely->tracker); i++) {
        struct kn_area area = kn_tracker_area(closely->tracker, i);
        const struct kn_view view = {.pixels = KN_PIXELS_GRAY8,
                                     .width_px = KN_PATCH_PX,
                                     .height_px = KN_PATCH_PX,
                                     .x = area.x,
                                     .y = area.y,
                                     .width = area.width,
                                     .height = area.height};
        struct kn_picture patch = {0};
        enum kn_status status = kn_video_reader_view(closely->reader, &view, &patch, err);
        if (status != KN_OK)
            return status;
        struct kn_luma luma = kn_picture_luma(&patch);
        kn_tracker_follow(closely->tracker, i, at_us, &luma);
        kn_picture_clear(&patch);
    }
    closely->follow_us = at_us;
    return KN_OK;
}

static enum kn_status find_faces(struct closely *closely, int64_t at_us, struct kn_error *err)
{
    struct kn_seen_faces *faces = &closely->faces;
    enum kn_status status = kn_seen_faces_add(faces, closely->finder, closely->source,
                                              closely->reader, at_us, FACE_THRESHOLD, err);
    if (status != KN_OK)
        return status;
    const struct kn_seen_sample *sample = kn_vec_last(&faces->samples);
    const struct kn_face *found = sample->count ? faces->faces.at + sample->first : NULL;
    bool expected = kn_tracker_found(closely->tracker, at_us, found, sample->count);
    closely->faces_step_us = expected ? FACES_CALM_US : FACES_STEP_US;
    closely->faces_us = at_us;
    return KN_OK;
}

static void glance(struct closely *closely, const struct kn_picture *picture, bool changed)
{
    struct kn_glance glance = {.look.at_us = picture->at_us};
    struct kn_luma luma = kn_picture_luma(picture);
    kn_look_measure(&luma, &glance.look, &glance.gist);
    kn_surface_measure(&luma, &glance.surface);
    if (closely->before.frame && !changed) {
        struct kn_luma before = kn_picture_luma(&closely->before);
        double seconds = kn_seconds(picture->at_us - closely->before.at_us);
        glance.look.motion = (float)fmin((double)kn_luma_difference(&luma, &before) / seconds, 1);
    }
    kn_vec_push(&closely->glances, glance);
    closely->glance_us = picture->at_us;
}

static bool is_due(int64_t at_us, int64_t last_us, int64_t step_us)
{
    return last_us == INT64_MIN || at_us - last_us >= step_us;
}

static enum kn_status look_at(struct closely *closely, const struct kn_picture *picture,
                              struct kn_error *err)
{
    int64_t at_us = picture->at_us;
    struct kn_moment moment = {.at_us = at_us};
    struct kn_luma luma = kn_picture_luma(picture);
    kn_gist_measure(&luma, &moment.gist);
    float change = 0;
    if (closely->moments.count > 0)
        change = kn_gist_difference(&kn_vec_last(&closely->moments)->gist, &moment.gist);
    bool changed = change >= KN_CUT_DIFFERENCE_MIN;
    if (change >= LIVELY)
        closely->hearing.dense_us = KN_MAX(closely->hearing.dense_us, at_us + LIVELY_US);
    kn_vec_push(&closely->moments, moment);
    if (changed)
        kn_tracker_break(closely->tracker);
    if (changed || is_due(at_us, closely->glance_us, GLANCE_STEP_US))
        glance(closely, picture, changed);
    if (!closely->finder)
        return KN_OK;
    enum kn_status status = KN_OK;
    if (is_due(at_us, closely->follow_us, FOLLOW_STEP_US))
        status = follow_faces(closely, at_us, err);
    if (status == KN_OK && (changed || is_due(at_us, closely->faces_us, closely->faces_step_us)))
        status = find_faces(closely, at_us, err);
    return status;
}

static enum kn_status look_through(struct closely *closely, struct kn_error *err)
{
    struct kn_picture picture = {0};
    double span = (double)(closely->end_us - closely->start_us);
    enum kn_status status;
    while ((status = kn_cancel_check(closely->env->cancel, err)) == KN_OK &&
           (status = kn_video_reader_read(closely->reader, &picture, err)) == KN_OK &&
           (status = look_at(closely, &picture, err)) == KN_OK) {
        kn_progress_set(closely->env->progress,
                        fmin(fmax((double)(picture.at_us - closely->start_us) / span, 0), 1));
        kn_picture_move(&closely->before, &picture);
    }
    kn_picture_clear(&picture);
    return status == KN_END ? KN_OK : status;
}

/* ---- Cuts, shots, tracks ---- */

static bool was_left_out(const struct closely *closely, const struct kn_doubt *doubt)
{
    const struct hearing *hearing = &closely->hearing;
    int heard = 0, seen = 0;
    for (int i = 0; i < hearing->times.count; i++)
        heard += hearing->times.at[i] >= doubt->from_us && hearing->times.at[i] <= doubt->to_us;
    for (int i = 0; i < closely->moments.count; i++) {
        int64_t at_us = closely->moments.at[i].at_us;
        seen += at_us >= doubt->from_us && at_us <= doubt->to_us;
    }
    return seen < heard;
}

/* All pictures of [from, to], which are decoded now. */
static enum kn_status look_again(const struct closely *closely, const struct kn_doubt *doubt,
                                 struct moments *moments, struct kn_error *err)
{
    struct kn_video_options options = closely->options;
    options.start_us = doubt->from_us;
    options.end_us = doubt->to_us + 1;
    options.decode = KN_DECODE_ALL;
    options.choose = NULL;
    KN_SCOPED(kn_video_reader) reader = NULL;
    enum kn_status status = kn_video_reader_open(closely->source, &options, &reader, err);
    struct kn_picture picture = {0};
    while (status == KN_OK && (status = kn_cancel_check(closely->env->cancel, err)) == KN_OK &&
           (status = kn_video_reader_read(reader, &picture, err)) == KN_OK) {
        struct kn_moment moment = {.at_us = picture.at_us};
        struct kn_luma luma = kn_picture_luma(&picture);
        kn_gist_measure(&luma, &moment.gist);
        kn_vec_push(moments, moment);
        kn_picture_clear(&picture);
    }
    return status == KN_END ? KN_OK : status;
}

/* Copies the moments, in doubtful spans with those of the pictures that were left out. */
static enum kn_status complete_moments(const struct closely *closely, struct moments *moments,
                                       struct kn_error *err)
{
    const struct moments *seen = &closely->moments;
    const struct kn_doubt *doubts;
    int count = kn_cuts_doubt(seen->at, seen->count, closely->env->scratch, &doubts), next = 0;
    for (int i = 0; i < count; i++) {
        if (!was_left_out(closely, &doubts[i]))
            continue;
        for (; seen->at[next].at_us < doubts[i].from_us; next++)
            kn_vec_push(moments, seen->at[next]);
        enum kn_status status = look_again(closely, &doubts[i], moments, err);
        if (status != KN_OK)
            return status;
        while (next < seen->count && seen->at[next].at_us <= doubts[i].to_us)
            next++;
    }
    for (; next < seen->count; next++)
        kn_vec_push(moments, seen->at[next]);
    return KN_OK;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Where one shot gives way to the next, at once or little by little. */
static void take_cuts(const struct closely *closely, const struct moments *moments,
                      struct kn_arena *arena, struct kn_closeup *closeup)
{
    struct kn_arena *scratch = closely->env->scratch;
    const struct kn_cut *cuts, *dissolves;
    int count = kn_cuts_find(moments->at, moments->count, scratch, &cuts);
    int more = kn_dissolves_find(moments->at, moments->count, cuts, count, scratch, &dissolves);
    int64_t *cuts_us = kn_arena_array(arena, (size_t)count + (size_t)more, sizeof *cuts_us);
    for (int i = 0; i < count + more; i++) {
        int64_t at_us = i < count ? cuts[i].at_us : dissolves[i - count].at_us;
        if (at_us > closeup->start_us && at_us < closeup->end_us)
            cuts_us[closeup->cut_count++] = at_us;
    }
    qsort(cuts_us, (size_t)closeup->cut_count, sizeof *cuts_us, compare_times);
    closeup->cuts_us = cuts_us;
}

static enum kn_status find_cuts(const struct closely *closely, struct kn_arena *arena,
                                struct kn_closeup *closeup, struct kn_error *err)
{
    struct moments moments = {0};
    enum kn_status status = complete_moments(closely, &moments, err);
    if (status == KN_OK)
        take_cuts(closely, &moments, arena, closeup);
    kn_vec_free(&moments);
    return status;
}

static void describe_shots(const struct closely *closely, struct kn_arena *arena,
                           struct kn_closeup *closeup)
{
    const struct kn_glances glances = {
        .count = closely->glances.count,
        .at = closely->glances.at,
        .face_sample_count = closely->faces.samples.count,
        .face_samples = kn_seen_faces_to_arena(&closely->faces, closely->env->scratch),
    };
    closeup->shot_count = closeup->cut_count + 1;
    struct kn_shot *shots = kn_arena_array(arena, (size_t)closeup->shot_count, sizeof *shots);
    for (int i = 0; i < closeup->shot_count; i++) {
        shots[i].start_us = i > 0 ? closeup->cuts_us[i - 1] : closeup->start_us;
        shots[i].end_us = i < closeup->cut_count ? closeup->cuts_us[i] : closeup->end_us;
        kn_shot_describe(&shots[i], &glances);
    }
    closeup->shots = shots;
}

static enum kn_status conclude(const struct closely *closely, struct kn_arena *arena,
                               struct kn_closeup *ret_closeup, struct kn_error *err)
{
    struct kn_closeup closeup = {.start_us = closely->start_us, .end_us = closely->end_us};
    enum kn_status status = find_cuts(closely, arena, &closeup, err);
    if (status != KN_OK)
        return status;
    describe_shots(closely, arena, &closeup);
    const struct kn_track_span span = {
        .start_us = closeup.start_us,
        .end_us = closeup.end_us,
        .cut_count = closeup.cut_count,
        .cuts_us = closeup.cuts_us,
    };
    closeup.track_count = kn_tracker_end(closely->tracker, &span, arena, &closeup.tracks);
    *ret_closeup = closeup;
    return KN_OK;
}

static void prepare(struct closely *closely)
{
    closely->tracker = kn_tracker_new();
    closely->faces_us = closely->follow_us = closely->glance_us = INT64_MIN;
    closely->hearing.newest_us = closely->hearing.dense_us = INT64_MIN;
    struct kn_video_options *options = &closely->options;
    *options = (struct kn_video_options){
        .start_us = closely->start_us,
        .end_us = closely->end_us,
        .decode = KN_DECODE_REFERENCE,
        .choose = choose,
        .choose_arg = &closely->hearing,
        .rough = true,
        .cancel = closely->env->cancel,
        .pixels = KN_PIXELS_GRAY8,
    };
    kn_look_size(closely->source->width_px, closely->source->height_px, &options->width_px,
                 &options->height_px);
}

static void clear(struct closely *closely)
{
    kn_picture_clear(&closely->before);
    kn_tracker_free(closely->tracker);
    kn_seen_faces_free(&closely->faces);
    kn_vec_free(&closely->hearing.times);
    kn_vec_free(&closely->moments);
    kn_vec_free(&closely->glances);
    kn_video_reader_close(closely->reader);
}

enum kn_status kn_look_closely(const struct kn_source *source, struct kn_face_finder *finder,
                               int64_t start_us, int64_t end_us, const struct kn_step_env *env,
                               struct kn_arena *arena, struct kn_closeup *ret_closeup,
                               struct kn_error *err)
{
    if (!source->has_video) {
        *ret_closeup = (struct kn_closeup){.start_us = start_us, .end_us = end_us};
        return KN_OK;
    }
    struct closely closely = {
        .source = source,
        .finder = finder,
        .env = env,
        .start_us = start_us,
        .end_us = end_us,
    };
    prepare(&closely);
    enum kn_status status = kn_video_reader_open(source, &closely.options, &closely.reader, err);
    if (status == KN_OK)
        status = look_through(&closely, err);
    if (status == KN_OK)
        status = conclude(&closely, arena, ret_closeup, err);
    clear(&closely);
    return status;
}
