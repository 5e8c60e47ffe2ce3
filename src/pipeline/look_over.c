/*
 * The coarse look at a whole source.
 *
 * 1. Survey: all packets are read and none is decoded (0.2 % of a full decode's time). That gives
 *    the key frames and the sizes of all coded pictures.
 * 2. Plan: key frames at a distance, more where the encoder put them out of turn (sampling.c).
 * 3. Look: groups of samples are tasks of their own. Each key frame is decoded along with a picture
 * a tenth of a second later, whose difference is the motion; faces are looked for in some.
 * 4. Join: shots from what was seen and what the sizes hint at (shots.c).
 *
 * On ten minutes of 1080p with a key frame every 3 s that is 0.065 of a full decode (0.04 without
 * faces). Decoding everything small is no alternative: the codecs in use cannot decode at a lower
 * resolution, and the decoder is nearly all of the cost. Sources whose key frames are more than 12
 * s apart are decoded on from there, without the pictures that no other needs, which is expected,
 * not measured, to cost about half of a full decode; they are rare (screen recordings).
 */
#include "pipeline/look.h"

#include <stdatomic.h>

#include <kirinuki/group.h>

#include "analyze/sampling.h"
#include "analyze/shots.h"
#include "base/clock.h"
#include "base/vec.h"
#include "media/survey.h"
#include "media/video_reader.h"
#include "pipeline/seeing.h"

enum {
    CODED_MAX = 8 * 1024 * 1024, /* 36 hours at 60 pictures a second; 128 MB */
    SAMPLES_A_TASK = 24,         /* about a third of a second of work */
    MOTION_US = 100 * 1000,      /* distance of the two pictures whose difference is motion */
    STEP_MIN_US = 2 * MOTION_US,
    FACES_STEP_US = 2500 * 1000, /* faces are looked for at most this often within a shot */
    FACES_SAME_US = 7500 * 1000, /* and while the picture stays the same, at most this often */
};
static const float FACE_THRESHOLD = 0.6f;
static const float SAME_GIST = 0.06f;    /* a difference of less: people are where they were */
static const double SURVEY_SHARE = 0.05; /* of the progress */

KN_VEC_TYPE(coded_list, struct kn_coded);
KN_VEC_TYPE(glance_list, struct kn_glance);

static void remember(void *arg, const struct kn_coded *coded)
{
    struct coded_list *list = arg;
    if (list->count < CODED_MAX && coded->at_us != INT64_MIN)
        kn_vec_push(list, *coded);
}

struct over;

/* A run of samples that one task looks at. */
struct stretch {
    struct over *over;
    const struct kn_sample *samples;
    int count;
    struct glance_list glances; /* what came of it */
    struct kn_seen_faces faces;
    struct kn_gist faces_gist; /* of the picture in which faces were looked for last */
    int damaged;
    int next; /* sample that is next in order of decoding */
};

struct over {
    const struct kn_source *source;
    struct kn_face_finder *finder;
    struct kn_progress *progress; /* of the whole step */
    struct kn_sampling sampling;
    int stretch_count;
    struct stretch *stretches;
    atomic_int done; /* samples */
};

/* ---- One task ---- */

/* Only the key frames that were chosen, which come in order. */
static enum kn_decode choose_sample(void *arg, const struct kn_coded *coded)
{
    struct stretch *stretch = arg;
    if (!coded->key)
        return KN_DECODE_KEY; /* along with the key frame before, or not at all */
    while (stretch->next < stretch->count && stretch->samples[stretch->next].at_us < coded->at_us)
        stretch->next++;
    return stretch->next < stretch->count && stretch->samples[stretch->next].at_us == coded->at_us
               ? KN_DECODE_KEY
               : KN_DECODE_NONE;
}

static enum kn_status open_stretch(struct stretch *stretch, struct kn_cancel *cancel,
                                   struct kn_video_reader **ret_reader, struct kn_error *err)
{
    const struct kn_source *source = stretch->over->source;
    const struct kn_sample *first = &stretch->samples[0];
    const struct kn_sample *last = &stretch->samples[stretch->count - 1];
    struct kn_video_options options = {
        .start_us = first->at_us,
        .end_us = last->at_us + 2 * KN_US_PER_S,
        .decode = KN_DECODE_KEY,
        .choose = choose_sample,
        .choose_arg = stretch,
        .also_us = MOTION_US,
        .step_us = STEP_MIN_US,
        .rough = true,
        .cancel = cancel,
        .pixels = KN_PIXELS_GRAY8,
    };
    if (first->forward_until_us) {
        options.decode = KN_DECODE_REFERENCE;
        options.choose = NULL;
        options.step_us = KN_SAMPLE_FORWARD_US;
        options.end_us = first->forward_until_us;
    }
    kn_look_size(source->width_px, source->height_px, &options.width_px, &options.height_px);
    return kn_video_reader_open(source, &options, ret_reader, err);
}

static bool wants_faces(const struct stretch *stretch, const struct kn_glance *glance)
{
    const struct kn_seen_faces *faces = &stretch->faces;
    if (faces->samples.count == 0 || glance->irregular)
        return true;
    bool same = kn_gist_difference(&stretch->faces_gist, &glance->gist) < SAME_GIST;
    return glance->look.at_us - kn_vec_last(&faces->samples)->at_us >=
           (same ? FACES_SAME_US : FACES_STEP_US);
}

/* Whose sample is this picture? NULL: of none, it came along with one. */
static const struct kn_sample *sample_of(const struct stretch *stretch, int64_t at_us)
{
    if (stretch->samples[0].forward_until_us) {
        bool due = stretch->glances.count == 0 ||
                   at_us - kn_vec_last(&stretch->glances)->look.at_us >= KN_SAMPLE_FORWARD_US;
        return due ? &stretch->samples[0] : NULL;
    }
    for (int i = 0; i < stretch->count; i++)
        if (stretch->samples[i].at_us == at_us)
            return &stretch->samples[i];
    return NULL;
}

/* The picture of a sample. */
static enum kn_status look_at(struct stretch *stretch, struct kn_video_reader *reader,
                              const struct kn_sample *sample, const struct kn_picture *picture,
                              struct kn_error *err)
{
    struct kn_glance glance = {.look.at_us = picture->at_us};
    if (sample->at_us == picture->at_us) {
        glance.irregular = sample->irregular;
        glance.slack_us = sample->slack_us;
    }
    struct kn_luma luma = kn_picture_luma(picture);
    kn_look_measure(&luma, &glance.look, &glance.gist);
    kn_surface_measure(&luma, &glance.surface);
    enum kn_status status = KN_OK;
    if (stretch->over->finder && wants_faces(stretch, &glance)) {
        stretch->faces_gist = glance.gist;
        status = kn_seen_faces_add(&stretch->faces, stretch->over->finder, stretch->over->source,
                                   reader, picture->at_us, FACE_THRESHOLD, err);
    }
    if (status == KN_OK)
        kn_vec_push(&stretch->glances, glance);
    return status;
}

/* The picture soon after a sample's: what moved between them. */
static void see_motion(struct stretch *stretch, const struct kn_picture *before,
                       const struct kn_picture *picture)
{
    struct kn_glance *glance = kn_vec_last(&stretch->glances);
    struct kn_luma luma = kn_picture_luma(picture), luma_before = kn_picture_luma(before);
    struct kn_look look;
    struct kn_gist gist;
    kn_look_measure(&luma, &look, &gist);
    if (kn_gist_difference(&glance->gist, &gist) >= KN_GIST_CUT)
        return; /* a cut between them says nothing about motion */
    double seconds = kn_seconds(picture->at_us - before->at_us);
    double motion = kn_luma_difference(&luma, &luma_before) / seconds;
    glance->look.motion = (float)KN_MIN(motion, 1.0);
}

static enum kn_status read_stretch(struct stretch *stretch, struct kn_video_reader *reader,
                                   const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_picture picture = {0}, main = {0};
    enum kn_status status;
    while ((status = kn_cancel_check(env->cancel, err)) == KN_OK &&
           (status = kn_video_reader_read(reader, &picture, err)) == KN_OK) {
        const struct kn_sample *sample = sample_of(stretch, picture.at_us);
        if (sample) {
            status = look_at(stretch, reader, sample, &picture, err);
            kn_picture_move(&main, &picture);
        } else if (main.frame) {
            see_motion(stretch, &main, &picture);
        }
        kn_picture_clear(&picture);
        if (status != KN_OK)
            break;
    }
    kn_picture_clear(&main);
    kn_picture_clear(&picture);
    return status == KN_END ? KN_OK : status;
}

static enum kn_status look_at_stretch(void *arg, const struct kn_step_env *env,
                                      struct kn_error *err)
{
    struct stretch *stretch = arg;
    struct over *over = stretch->over;
    KN_SCOPED(kn_video_reader) reader = NULL;
    enum kn_status status = open_stretch(stretch, env->cancel, &reader, err);
    if (status == KN_OK)
        status = read_stretch(stretch, reader, env, err);
    if (status != KN_OK)
        return status;
    stretch->damaged = kn_video_reader_damaged(reader);
    int done = atomic_fetch_add(&over->done, stretch->count) + stretch->count;
    double share = (double)done / over->sampling.sample_count;
    kn_progress_set(over->progress, SURVEY_SHARE + (1 - SURVEY_SHARE) * share);
    return KN_OK;
}

/* ---- The whole ---- */

/* Samples with pictures to decode on the way to the next stand alone. */
static void divide(struct over *over)
{
    const struct kn_sampling *sampling = &over->sampling;
    over->stretches = kn_calloc((size_t)KN_MAX(sampling->sample_count, 1), sizeof *over->stretches);
    struct stretch *last = NULL;
    for (int i = 0; i < sampling->sample_count; i++) {
        const struct kn_sample *sample = &sampling->samples[i];
        if (!last || last->count == SAMPLES_A_TASK || sample->forward_until_us ||
            last->samples[0].forward_until_us) {
            last = &over->stretches[over->stretch_count++];
            *last = (struct stretch){.over = over, .samples = sample};
        }
        last->count++;
    }
}

static enum kn_status survey(struct over *over, const struct kn_step_env *env,
                             struct kn_arena *arena, struct kn_error *err)
{
    struct coded_list coded = {0};
    enum kn_status status = kn_survey(over->source, env->cancel, remember, &coded, err);
    if (status == KN_OK) {
        struct kn_rational rate = over->source->frame_rate;
        int64_t frame_us = rate.num > 0 ? KN_US_PER_S * rate.den / rate.num : KN_US_PER_S / 30;
        kn_sampling_plan(coded.at, coded.count, frame_us, arena, &over->sampling);
    }
    kn_vec_free(&coded);
    return status;
}

static enum kn_status look_at_all(struct over *over, const struct kn_step_env *env,
                                  struct kn_error *err)
{
    const struct kn_group_options options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_CPU};
    struct kn_group *group = kn_group_new(env, &options);
    for (int i = 0; i < over->stretch_count; i++)
        if (kn_group_add(group, "look", 1, look_at_stretch, &over->stretches[i]) != KN_OK)
            break; /* the reason comes from the group */
    enum kn_status status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

/* One picture, once: stretches overlap where a container's times do. */
static void join_glances(const struct over *over, struct glance_list *all)
{
    for (int i = 0; i < over->stretch_count; i++) {
        const struct glance_list *glances = &over->stretches[i].glances;
        for (int k = 0; k < glances->count; k++)
            if (all->count == 0 || glances->at[k].look.at_us > kn_vec_last(all)->look.at_us)
                kn_vec_push(all, glances->at[k]);
    }
}

static void join_faces(const struct over *over, struct kn_seen_faces *all)
{
    for (int i = 0; i < over->stretch_count; i++)
        kn_seen_faces_append(all, &over->stretches[i].faces);
}

/* A blink of something else doesn't make a black picture worth looking at. */
static const double BLACK_THROUGHOUT = 0.95;

static void note_gaps(const struct over *over, int looks, struct kn_arena *arena,
                      struct kn_seen *seen)
{
    struct kn_note notes[3];
    int count = 0, damaged = 0;
    for (int i = 0; i < over->stretch_count; i++)
        damaged += over->stretches[i].damaged;
    if (looks == 0)
        notes[count++].text = "no picture could be decoded";
    else if (damaged > 0)
        notes[count++].text = kn_arena_printf(
            arena, "%d of %d pictures that were looked at are damaged and were passed over",
            damaged, damaged + looks);
    if (kn_shots_black_share(seen->shots, seen->shot_count, 0, over->source->duration_us) >=
        BLACK_THROUGHOUT)
        notes[count++].text = "the picture is black throughout";
    if (!over->finder)
        notes[count++].text =
            "faces were not looked for, so clips are framed by motion alone: their model or ONNX "
            "Runtime is missing or damaged, and `kirinuki doctor` says what to type";
    seen->note_count = count;
    seen->notes = kn_arena_copy(arena, notes, (size_t)count * sizeof *notes);
}

static void join(const struct over *over, struct kn_arena *arena, struct kn_seen *ret_seen)
{
    struct glance_list glances = {0};
    struct kn_seen_faces faces = {0};
    join_glances(over, &glances);
    join_faces(over, &faces);
    struct kn_seen seen = {
        .look_count = glances.count,
        .face_sample_count = faces.samples.count,
        .face_samples = kn_seen_faces_to_arena(&faces, arena),
    };
    struct kn_look *looks = kn_arena_array(arena, (size_t)glances.count, sizeof *looks);
    for (int i = 0; i < glances.count; i++)
        looks[i] = glances.at[i].look;
    seen.looks = looks;

    const struct kn_glances all = {
        .count = glances.count,
        .at = glances.at,
        .hint_count = over->sampling.hint_count,
        .hints = over->sampling.hints,
        .face_sample_count = seen.face_sample_count,
        .face_samples = seen.face_samples,
    };
    kn_shots_find(&all, 0, over->source->duration_us, arena, &seen.shots, &seen.shot_count);
    note_gaps(over, glances.count, arena, &seen);
    *ret_seen = seen;
    kn_vec_free(&glances);
    kn_seen_faces_free(&faces);
}

enum kn_status kn_look_over(const struct kn_source *source, struct kn_face_finder *finder,
                            const struct kn_step_env *env, struct kn_arena *arena,
                            struct kn_seen *ret_seen, struct kn_error *err)
{
    if (!source->has_video) {
        *ret_seen = (struct kn_seen){0};
        return KN_OK;
    }
    struct over over = {.source = source, .finder = finder, .progress = env->progress};
    enum kn_status status = survey(&over, env, env->scratch, err);
    if (status != KN_OK)
        return status;
    kn_progress_set(env->progress, SURVEY_SHARE);
    divide(&over);
    status = look_at_all(&over, env, err);
    if (status == KN_OK)
        join(&over, arena, ret_seen);
    for (int i = 0; i < over.stretch_count; i++) {
        kn_vec_free(&over.stretches[i].glances);
        kn_seen_faces_free(&over.stretches[i].faces);
    }
    free(over.stretches);
    return status;
}
