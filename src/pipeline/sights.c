/*
 * Pictures are key frames wherever the shot has one: a picture in between costs all those from the
 * key frame to it. They are small (the service counts pixels, and sees as much in few), and each
 * batch is asked for as soon as it is full.
 */
#include "pipeline/sights.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/group.h>

#include "ai/vision.h"
#include "analyze/keyframes.h"
#include "base/sync.h"
#include "base/vec.h"
#include "media/jpeg.h"
#include "media/video_reader.h"

enum {
    LOW_PX = 512, /* longer side; what "low" is scaled to by the service itself */
    HIGH_PX = 1024,
    QUALITY = 80,
    UNFINISHED_MAX = 24, /* batches of up to 8 pictures of some 30 to 100 kB */
};

struct batch {
    struct asker *of;
    struct kn_arena *arena; /* of the pictures; freed once they are answered */
    struct kn_frame *frames;
    int count;
};

struct asker {
    const struct kn_vision_desc *desc; /* immutable, as is the next */
    struct kn_vision_settings settings;
    const struct kn_sights_options *options;
    KN_VEC(struct batch *) made; /* of the step's thread */
    atomic_bool off;             /* the service answers nobody: no key, no money */
    pthread_mutex_t lock;
    /* Protected by the lock. */
    struct kn_arena *arena;
    KN_VEC(struct kn_sight) sights;
    int asked, failed;
    struct kn_error failure; /* the first one */
};

/* ---- asking ---- */

static void keep_sights(struct asker *a, const struct kn_sight *sights, int count)
{
    KN_LOCKED(&a->lock);
    for (int i = 0; i < count; i++) {
        struct kn_sight sight = sights[i];
        sight.seen = kn_arena_strdup(a->arena, sight.seen);
        sight.text = kn_arena_strdup(a->arena, sight.text);
        kn_vec_push(&a->sights, sight);
    }
}

static void keep_failure(struct asker *a, enum kn_status status, const struct kn_error *why)
{
    KN_LOCKED(&a->lock);
    if (a->failed++ == 0)
        a->failure = *why;
    if (status == KN_DENIED || status == KN_NOT_FOUND || status == KN_LIMIT)
        atomic_store(&a->off, true);
}

/* A batch that fails is a gap, not the end. */
static enum kn_status ask(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct batch *batch = arg;
    struct asker *a = batch->of;
    const struct kn_vision_batch question = {
        .frames = batch->frames,
        .count = batch->count,
        .language = a->options->language,
        .budget = a->options->budget,
    };
    const struct kn_sight *sights;
    struct kn_error why = {0};
    int count = 0;
    enum kn_status status;
    if (atomic_load(&a->off)) {
        pthread_mutex_lock(&a->lock);
        why = a->failure;
        pthread_mutex_unlock(&a->lock);
        status = why.status;
    } else {
        status =
            a->desc->run(&a->settings, &question, env->cancel, env->scratch, &sights, &count, &why);
    }
    kn_arena_free(batch->arena);
    batch->arena = NULL;
    if (status == KN_OK)
        keep_sights(a, sights, count);
    else if (status != KN_CANCELLED)
        keep_failure(a, status, &why);
    if (status == KN_CANCELLED)
        *err = why;
    return status == KN_CANCELLED ? status : KN_OK;
}

/* ---- pictures ---- */

struct camera {
    const struct kn_source *source;
    const struct kn_shot *shots;
    struct kn_video_options options;
    struct kn_video_reader *keys, *exact; /* opened when needed */
};

static void fit(const struct kn_source *source, int side_px, struct kn_video_options *options)
{
    double scale = (double)side_px / KN_MAX(source->width_px, source->height_px);
    scale = KN_MIN(scale, 1);
    options->width_px = KN_MAX((int)lround(source->width_px * scale / 2) * 2, 2);
    options->height_px = KN_MAX((int)lround(source->height_px * scale / 2) * 2, 2);
}

static enum kn_status read_at(struct camera *camera, bool key, int64_t at_us,
                              struct kn_picture *picture, struct kn_error *err)
{
    struct kn_video_reader **reader = key ? &camera->keys : &camera->exact;
    enum kn_status status = KN_OK;
    if (!*reader) {
        struct kn_video_options options = camera->options;
        options.decode = key ? KN_DECODE_KEY : KN_DECODE_ALL;
        status = kn_video_reader_open(camera->source, &options, reader, err);
    }
    if (status == KN_OK)
        status = kn_video_reader_seek(*reader, at_us, err);
    kn_picture_clear(picture);
    return status == KN_OK ? kn_video_reader_read(*reader, picture, err) : status;
}

/* The key frame before the moment, when the same shot shows it; else the moment itself. */
static enum kn_status take_picture(struct camera *camera, const struct kn_keyframe *wanted,
                                   struct kn_picture *picture, struct kn_error *err)
{
    const struct kn_shot *shot = &camera->shots[wanted->shot];
    enum kn_status status = read_at(camera, true, wanted->look->at_us, picture, err);
    if (status == KN_OK && picture->at_us >= shot->start_us && picture->at_us < shot->end_us)
        return KN_OK;
    return read_at(camera, false, wanted->look->at_us, picture, err);
}

static enum kn_status add_frame(struct batch *batch, const struct kn_picture *picture,
                                struct kn_error *err)
{
    struct kn_frame frame = {
        .at_us = picture->at_us, .width_px = picture->width_px, .height_px = picture->height_px};
    enum kn_status status =
        kn_jpeg_encode(picture, QUALITY, batch->arena, &frame.jpeg, &frame.size, err);
    if (status == KN_OK)
        batch->frames[batch->count++] = frame;
    return status;
}

static struct batch *new_batch(struct asker *a, struct kn_arena *arena)
{
    struct batch *batch = kn_arena_array(arena, 1, sizeof *batch);
    kn_vec_push(&a->made, batch);
    batch->of = a;
    batch->arena = kn_arena_new();
    batch->frames =
        kn_arena_array(batch->arena, (size_t)a->desc->frames_max, sizeof *batch->frames);
    return batch;
}

static enum kn_status hand_over(struct batch *batch, struct kn_group *group)
{
    batch->of->asked++;
    return kn_group_add(group, "pictures", 0, ask, batch);
}

/* A picture that can't be read is left out: the timeline's own looks say that it is damaged. */
static enum kn_status show(struct asker *a, struct camera *camera, const struct kn_keyframe *wanted,
                           int count, struct kn_group *group, const struct kn_step_env *env,
                           struct kn_error *err)
{
    struct kn_picture picture = {0};
    struct batch *batch = NULL;
    int64_t shown_us = -1; /* two wishes may be granted by one key frame */
    enum kn_status status = KN_OK;
    for (int i = 0; i < count && status == KN_OK && !atomic_load(&a->off); i++) {
        status = kn_cancel_check(env->cancel, err);
        if (status != KN_OK)
            break;
        if (!batch)
            batch = new_batch(a, env->scratch);
        if (take_picture(camera, &wanted[i], &picture, err) == KN_OK && picture.at_us != shown_us) {
            shown_us = picture.at_us;
            status = add_frame(batch, &picture, err);
        }
        kn_progress_set(env->progress, 0.5 * (i + 1) / count);
        if (status == KN_OK && batch->count == a->desc->frames_max) {
            status = hand_over(batch, group);
            batch = NULL;
        }
    }
    kn_picture_clear(&picture);
    return batch && batch->count && status == KN_OK ? hand_over(batch, group) : status;
}

/* ---- all of it ---- */

static int by_time(const void *left, const void *right)
{
    const struct kn_sight *a = left, *b = right;
    return (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

static void hand_out(struct asker *a, struct kn_arena *arena, struct kn_sights *sights)
{
    if (a->sights.count)
        qsort(a->sights.at, (size_t)a->sights.count, sizeof *a->sights.at, by_time);
    sights->count = a->sights.count;
    sights->sights = kn_vec_to_arena(&a->sights, arena);
    if (!a->failed)
        return;
    struct kn_note *note = kn_arena_array(arena, 1, sizeof *note);
    note->text = kn_arena_printf(arena, "%d of %d batches of pictures were not described: %s",
                                 a->failed, a->asked, kn_error_text(&a->failure));
    sights->partial = true;
    sights->notes = note;
    sights->note_count = 1;
}

static enum kn_status see_with(struct asker *a, const struct kn_source *source,
                               const struct kn_seen *seen, const struct kn_step_env *env,
                               struct kn_error *err)
{
    const struct kn_timeline pictures = {
        .source = *source,
        .shot_count = seen->shot_count,
        .shots = seen->shots,
        .look_count = seen->look_count,
        .looks = seen->looks,
    };
    const struct kn_keyframe *wanted;
    int count = kn_keyframes_choose(&pictures, a->options->ai->frames, env->scratch, &wanted);
    struct camera camera = {
        .source = source,
        .shots = seen->shots,
        .options = {
            .end_us = -1, .pixels = KN_PIXELS_YUV420P, .rough = true, .cancel = env->cancel}};
    const struct kn_group_options options = {
        .mode = KN_GROUP_ALL, .lane = KN_LANE_IO, .limit = UNFINISHED_MAX};
    fit(source, a->options->ai->detail == KN_DETAIL_LOW ? LOW_PX : HIGH_PX, &camera.options);
    kn_progress_stage(env->progress, "showing pictures to the vision service");
    struct kn_group *group = kn_group_new(env, &options);
    struct kn_error why = {0};
    enum kn_status status = show(a, &camera, wanted, count, group, env, &why);
    enum kn_status waited = kn_group_wait(group, err);
    kn_group_free(group);
    for (int i = 0; i < a->made.count; i++) /* those that never ran */
        kn_arena_free(a->made.at[i]->arena);
    kn_vec_free(&a->made);
    kn_video_reader_close(camera.keys);
    kn_video_reader_close(camera.exact);
    if (waited == KN_OK && status != KN_OK)
        *err = why;
    return waited != KN_OK ? waited : status;
}

enum kn_status kn_see(const struct kn_source *source, const struct kn_seen *seen,
                      const struct kn_sights_options *options, const struct kn_step_env *env,
                      struct kn_arena *arena, struct kn_sights *ret_sights, struct kn_error *err)
{
    const struct kn_engine_names *names = kn_ai_vision(options->ai);
    struct kn_sights sights = {0};
    if (names->count && source->has_video) {
        struct asker a = {
            .desc = kn_vision_find(names->at[0]),
            .settings = {.service = options->services->at[KN_SERVICE_VISION],
                         .model = options->ai->vision_model,
                         .detail = kn_detail_names[options->ai->detail]},
            .options = options,
            .arena = arena,
        };
        pthread_mutex_init(&a.lock, NULL);
        enum kn_status status = see_with(&a, source, seen, env, err);
        if (status == KN_OK)
            hand_out(&a, arena, &sights);
        kn_vec_free(&a.sights);
        pthread_mutex_destroy(&a.lock);
        if (status != KN_OK)
            return status;
    }
    *ret_sights = sights;
    return KN_OK;
}
