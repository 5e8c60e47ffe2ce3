/*
 * One target of a render. A smaller one is made of the source's pictures, not of its larger
 * brother's frames: those have more pixels than most crops have, and scaling twice blurs.
 *
 * It may fail alone: it is marked as lost, its channel is closed, and the loop over the frames
 * passes it by.
 */
#include "clip/render_parts.h"

#include "base/clock.h"

enum { FRAMES_WAITING = 4 };

/* ---- opening and closing -------------------------------------------------------------------- */

static void size_of(const struct kn_render_target *target, int *ret_width_px, int *ret_height_px)
{
    kn_aspect_size(target->framing->aspect, ret_width_px, ret_height_px);
    if (target->smaller) {
        *ret_width_px = target->smaller->width_px;
        *ret_height_px = target->smaller->height_px;
    }
}

enum kn_status kn_output_open(struct render *render, const struct kn_render_target *target,
                              struct output *output, struct kn_error *err)
{
    const struct kn_render_request *request = render->request;
    const struct kn_render_settings *settings = request->settings;
    const struct kn_render_smaller *smaller = target->smaller;
    output->render = render;
    output->target = target;
    int width_px, height_px;
    size_of(target, &width_px, &height_px);
    output->frames = kn_channel_new(sizeof(struct kn_picture), FRAMES_WAITING);
    output->composer = kn_composer_new(request->source, width_px, height_px);
    if (!request->source->has_video)
        output->wave = kn_wave_new(&render->sound.buffer, width_px, height_px);
    enum kn_status status = KN_OK;
    if (target->ass)
        status = kn_burner_open(target->ass, width_px, height_px, &output->burner, err);
    if (status != KN_OK)
        return status;
    const struct kn_encoder_options options = {
        .path = target->path,
        .width_px = width_px,
        .height_px = height_px,
        .frame_rate = render->timing.rate,
        .encoder = smaller ? "libx264" : settings->encoder,
        .preset = settings->preset,
        .crf = settings->crf,
        .threads = settings->threads,
        .bits_a_second_max = smaller ? smaller->bits_a_second_max : 0,
        .title = request->title,
        .comment = request->comment,
        .cancel = render->stop,
    };
    return kn_encoder_open(&options, &output->encoder, err);
}

void kn_output_close(struct output *output)
{
    struct kn_picture left;
    while (output->frames && kn_channel_try_recv(output->frames, &left) == KN_OK)
        kn_picture_clear(&left);
    kn_channel_free(output->frames);
    kn_encoder_close(output->encoder); /* before the pool of its pictures */
    kn_burner_close(output->burner);
    kn_wave_free(output->wave);
    kn_composer_free(output->composer);
}

enum kn_status kn_output_fail(struct output *output, enum kn_status status,
                              const struct kn_error *err)
{
    struct render *render = output->render;
    if (!output->target->smaller || status == KN_CANCELLED)
        return status;
    pthread_mutex_lock(&render->lock);
    if (output->why.status == KN_OK) {
        output->why = *err;
        output->why.status = status;
    }
    pthread_mutex_unlock(&render->lock);
    atomic_store(&output->lost, true);
    kn_channel_close(output->frames); /* nobody waits for room in it any more */
    return KN_OK;
}

/* ---- encoding, a thread each target --------------------------------------------------------- */

/* Feeds the encoder with what belongs to the first `frames` frames. */
static enum kn_status feed_sound(struct output *output, int frames, struct kn_error *err)
{
    const struct render *render = output->render;
    int64_t until = frames >= render->timing.frames ? INT64_MAX
                                                    : kn_clip_frame_us(&render->timing, frames) *
                                                          KN_ENCODER_SOUND_HZ / KN_US_PER_S;
    return kn_encoder_coded_sound(output->encoder, render->coded, until, err);
}

static enum kn_status encode_frames(struct output *output, struct kn_error *err)
{
    struct render *render = output->render;
    int total = render->timing.frames * render->output_count;
    for (int done = 1;; done++) {
        struct kn_picture frame = {0};
        enum kn_status status = kn_channel_recv(output->frames, &frame, render->stop);
        if (status != KN_OK)
            return status;
        status = kn_encoder_picture(output->encoder, &frame, err);
        kn_picture_clear(&frame);
        if (status == KN_OK && kn_render_sound_ready(render, false))
            status = feed_sound(output, done, err);
        if (status != KN_OK)
            return status;
        int encoded = atomic_fetch_add(&render->encoded, 1) + 1;
        kn_progress_set(render->progress, 0.98 * encoded / total); /* the rest: ending the file */
    }
}

void *kn_output_run(void *arg)
{
    struct output *output = arg;
    struct render *render = output->render;
    struct kn_error err = {0};
    enum kn_status status = encode_frames(output, &err);
    if (status == KN_END) { /* all frames are through */
        status = KN_OK;
        if (!kn_render_sound_ready(render, true))
            return NULL; /* whoever failed has said why */
        status = feed_sound(output, render->timing.frames, &err);
        if (status == KN_OK)
            status = kn_encoder_flush(output->encoder, &err);
    }
    if (status == KN_CANCELLED)
        kn_error_set(&err, KN_CANCELLED, "stopped by request");
    if (status != KN_OK)
        status = kn_output_fail(output, status, &err);
    if (status != KN_OK)
        kn_render_give_up(render, status, &err);
    return NULL;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static enum kn_status make_frame(struct output *output, int index, const struct kn_picture *picture,
                                 struct kn_picture *ret_frame, struct kn_error *err)
{
    struct render *render = output->render;
    int64_t clip_us = kn_clip_frame_us(&render->timing, index);
    if (output->wave) {
        kn_composer_blank(output->composer, ret_frame);
        kn_wave_draw(output->wave, clip_us, ret_frame);
    } else {
        /* The picture's own time: framing jumps exactly where the source cuts. */
        struct kn_frame_key key = kn_framing_at(output->target->framing, picture->at_us);
        enum kn_status status = kn_composer_run(output->composer, picture, &key, ret_frame, err);
        if (status != KN_OK)
            return status;
        if (output == &render->outputs[0])
            kn_thumbnail_pass(&render->choice, kn_clip_source_us(&render->timing, index), picture,
                              ret_frame);
    }
    if (output->burner)
        kn_burner_draw(output->burner, ret_frame, clip_us);
    return KN_OK;
}

enum kn_status kn_output_send(struct output *output, int index, const struct kn_picture *picture,
                              struct kn_error *err)
{
    struct kn_picture frame = {0};
    if (atomic_load(&output->lost))
        return KN_OK;
    enum kn_status status = make_frame(output, index, picture, &frame, err);
    if (status != KN_OK)
        return kn_output_fail(output, status, err);
    status = kn_channel_send(output->frames, &frame, output->render->stop);
    if (status != KN_OK)
        kn_picture_clear(&frame);
    if (status == KN_OK || atomic_load(&output->lost)) /* closed while there was no room */
        return KN_OK;
    return kn_error_set(err, KN_CANCELLED, "stopped by request");
}

enum kn_status kn_output_finish(struct output *output, struct kn_error *err)
{
    if (atomic_load(&output->lost))
        return KN_OK;
    enum kn_status status = kn_encoder_finish(output->encoder, err);
    output->finished = status == KN_OK;
    return status == KN_OK ? KN_OK : kn_output_fail(output, status, err);
}
