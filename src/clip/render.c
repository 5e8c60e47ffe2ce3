/*
 * Threads of one render, and what passes between them:
 *
 *     calling thread                         a thread each target
 *     decode → choose the picture on show
 *            → compose, burn captions ── frames ──→ encode pictures and sound
 *     sound thread: read, level, encode ─ once ───→ (waits for it when pictures are through)
 *
 * The encoder is most of the work and has threads of its own. Composing is cheap and stays beside
 * decoding, so that a picture is still in the cache; the channel of a few frames lets both sides
 * run on while the other is held up, and bounds memory. All targets take part in one decode, and
 * share the encoded sound.
 *
 * Some frames of the first target are looked at for the thumbnail between composing and burning. It
 * is written when the clip is.
 *
 * Whoever fails first keeps its error and triggers `stop`, which ends the others; a smaller target
 * is given up alone. An encoder's file takes its name only after every target has been encoded.
 */
#include "clip/render_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "clip/shown.h"

void kn_render_give_up(struct render *render, enum kn_status status, const struct kn_error *err)
{
    pthread_mutex_lock(&render->lock);
    if (render->error.status == KN_OK) {
        render->error = *err;
        render->error.status = status;
    }
    pthread_cond_broadcast(&render->changed);
    pthread_mutex_unlock(&render->lock);
    kn_cancel_trigger(render->stop);
}

/* ---- sound ---------------------------------------------------------------------------------- */

static enum kn_status level_sound(struct render *render, struct kn_error *err)
{
    const struct kn_render_request *request = render->request;
    const struct kn_clip_sound_options options = {
        .start_us = request->start_us,
        .samples = render->timing.samples,
        .loudness_lufs = request->settings->loudness_lufs,
        .true_peak_dbtp = request->settings->true_peak_dbtp,
    };
    return kn_clip_sound_make(request->source, &options, render->stop, &render->sound, err);
}

static enum kn_status encode_sound(struct render *render, struct kn_error *err)
{
    const struct kn_sound_buffer *sound = &render->sound.buffer;
    enum kn_status status =
        kn_coded_sound_make(sound->samples, sound->count, render->stop, &render->coded, err);
    if (status != KN_OK)
        return status;
    pthread_mutex_lock(&render->lock);
    render->sound_ready = true;
    pthread_cond_broadcast(&render->changed);
    pthread_mutex_unlock(&render->lock);
    return KN_OK;
}

static void *run_sound(void *arg)
{
    struct render *render = arg;
    struct kn_error err = {0};
    bool levelled = !render->request->source->has_video; /* see open_all */
    enum kn_status status = levelled ? KN_OK : level_sound(render, &err);
    if (status == KN_OK)
        status = encode_sound(render, &err);
    if (status != KN_OK)
        kn_render_give_up(render, status, &err);
    return NULL;
}

bool kn_render_sound_ready(struct render *render, bool wait)
{
    pthread_mutex_lock(&render->lock);
    while (wait && !render->sound_ready && render->error.status == KN_OK)
        pthread_cond_wait(&render->changed, &render->lock);
    bool ready = render->sound_ready;
    pthread_mutex_unlock(&render->lock);
    return ready;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static enum kn_status send_frames(struct render *render, struct kn_shown *shown,
                                  struct kn_error *err)
{
    for (int index = 0; index < render->timing.frames; index++) {
        enum kn_status status = kn_cancel_check(render->stop, err);
        if (status == KN_OK && shown->reader)
            status = kn_shown_at(shown, kn_clip_source_us(&render->timing, index), err);
        for (int i = 0; i < render->output_count && status == KN_OK; i++)
            status = kn_output_send(&render->outputs[i], index, &shown->picture, err);
        if (status != KN_OK)
            return status;
    }
    return KN_OK;
}

static enum kn_status produce(struct render *render, struct kn_error *err)
{
    const struct kn_render_request *request = render->request;
    struct kn_shown shown = {.reader = render->reader};
    enum kn_status status = KN_OK;
    if (shown.reader)
        status = kn_shown_start(&shown, request->source, request->start_us, request->end_us,
                                &render->timing, err);
    if (status == KN_OK)
        status = send_frames(render, &shown, err);
    kn_shown_clear(&shown);
    return status;
}

/* ---- one render ----------------------------------------------------------------------------- */

static enum kn_status check_request(const struct kn_render_request *request, struct kn_error *err)
{
    const struct kn_source *source = request->source;
    if (!source->has_video && !source->has_audio)
        return kn_error_set(err, KN_INVALID, "%s has neither pictures nor sound", source->path);
    if (request->start_us < 0 || request->end_us <= request->start_us)
        return kn_error_set(err, KN_INVALID, "a clip cannot run from %.2f s to %.2f s",
                            kn_seconds(request->start_us), kn_seconds(request->end_us));
    if (request->end_us - request->start_us > KN_RENDER_LIMIT_S * KN_US_PER_S)
        return kn_error_set(err, KN_LIMIT, "a clip can last %d minutes at most",
                            KN_RENDER_LIMIT_S / 60);
    if (request->target_count < 1 || request->target_count > KN_RENDER_TARGETS_MAX)
        return kn_error_set(err, KN_INVALID, "a clip can be rendered to 1 to %d files at once",
                            KN_RENDER_TARGETS_MAX);
    if (request->targets[0].smaller)
        return kn_error_set(err, KN_INVALID, "a rendition needs a clip before it");
    for (int i = 0; i < request->target_count; i++)
        if (source->has_video && request->targets[i].framing->key_count < 1)
            return kn_error_set(err, KN_INVALID, "a clip needs a framing");
    return KN_OK;
}

static enum kn_status start_thread(pthread_t *thread, bool *running, void *(*run)(void *),
                                   void *arg, struct kn_error *err)
{
    int code = pthread_create(thread, NULL, run, arg);
    *running = code == 0;
    return code == 0 ? KN_OK : kn_error_errno(err, code, "cannot start a thread");
}

static enum kn_status open_output(struct render *render, const struct kn_render_target *target,
                                  struct kn_error *err)
{
    struct output *output = &render->outputs[render->output_count++];
    enum kn_status status = kn_output_open(render, target, output, err);
    return status == KN_OK ? KN_OK : kn_output_fail(output, status, err);
}

static enum kn_status start_output(struct output *output, struct kn_error *err)
{
    if (atomic_load(&output->lost))
        return KN_OK;
    enum kn_status status =
        start_thread(&output->thread, &output->running, kn_output_run, output, err);
    return status == KN_OK ? KN_OK : kn_output_fail(output, status, err);
}

/* Sound is made beside everything else, unless the pictures are made of it. */
static enum kn_status open_all(struct render *render, struct kn_error *err)
{
    const struct kn_render_request *request = render->request;
    enum kn_status status = KN_OK;
    if (!request->source->has_video) {
        status = level_sound(render, err);
    } else {
        const struct kn_video_options options = {
            .start_us = request->start_us,
            .end_us = request->end_us + KN_US_PER_S, /* the last frame may look past the end */
            .decode = KN_DECODE_ALL,
            .cancel = render->stop,
            .pixels = KN_PIXELS_YUV420P,
            .step_us = render->timing.step_us,
        };
        status = kn_video_reader_open(request->source, &options, &render->reader, err);
    }
    for (int i = 0; i < request->target_count && status == KN_OK; i++)
        status = open_output(render, &request->targets[i], err);
    if (status == KN_OK)
        status =
            start_thread(&render->sound_thread, &render->sound_running, run_sound, render, err);
    for (int i = 0; i < render->output_count && status == KN_OK; i++)
        status = start_output(&render->outputs[i], err);
    return status;
}

/* Ends the frames and waits for every thread. */
static void join_all(struct render *render)
{
    for (int i = 0; i < render->output_count; i++)
        kn_channel_close(render->outputs[i].frames);
    if (render->sound_running)
        pthread_join(render->sound_thread, NULL);
    for (int i = 0; i < render->output_count; i++)
        if (render->outputs[i].running)
            pthread_join(render->outputs[i].thread, NULL);
}

static void write_report(const struct render *render, struct kn_render_report *ret_report)
{
    const struct kn_encoder *encoder = render->outputs[0].encoder;
    const char *remark = kn_encoder_remark(encoder);
    struct kn_render_report report = {
        .duration_us = kn_clip_frame_us(&render->timing, render->timing.frames),
        .frames = render->timing.frames,
        .frame_rate = render->timing.rate,
        .loudness_lufs = render->sound.level.after.integrated_lufs,
        .true_peak_dbtp = render->sound.level.after.true_peak_dbtp,
        .gain_db = render->sound.level.gain_db,
        .damaged_frames = render->reader ? kn_video_reader_damaged(render->reader) : 0,
        .encoder = kn_encoder_name(encoder),
    };
    snprintf(report.remark, sizeof report.remark, "%s", remark ? remark : "");
    for (int i = 0; i < render->output_count; i++)
        report.smaller_errors[i] = render->outputs[i].why;
    *ret_report = report;
}

static enum kn_status run(struct render *render, struct kn_error *err)
{
    struct kn_error failure = {0};
    enum kn_status status = open_all(render, &failure);
    if (status == KN_OK)
        status = produce(render, &failure);
    if (status != KN_OK)
        kn_render_give_up(render, status, &failure);
    join_all(render);
    for (int i = 0; i < render->output_count && render->error.status == KN_OK; i++) {
        status = kn_output_finish(&render->outputs[i], &failure);
        if (status != KN_OK)
            kn_render_give_up(render, status, &failure);
    }
    for (int i = 0; i < render->output_count && render->error.status != KN_OK; i++)
        if (render->outputs[i].finished)
            kn_file_discard(render->outputs[i].target->path);
    if (render->error.status != KN_OK && err)
        *err = render->error;
    return render->error.status;
}

static void write_thumbnail(const struct render *render, struct kn_render_report *report)
{
    const struct output *output = &render->outputs[0];
    struct kn_error *err = &report->thumbnail_error;
    if (!render->choice.order)
        return;
    if (render->choice.looked_at == 0)
        kn_error_set(err, KN_END, "the clip is too short for one");
    else if (kn_thumbnail_write(&render->choice, output->composer, output->target->framing, err) ==
             KN_OK)
        report->thumbnail = render->choice.best;
}

/* *ret_gave_up: the encoder failed, and libx264 might not. */
static enum kn_status render_once(const struct kn_render_request *request, struct kn_cancel *cancel,
                                  struct kn_progress *progress, struct kn_render_report *ret_report,
                                  bool *ret_gave_up, struct kn_error *err)
{
    struct render *render = kn_calloc(1, sizeof *render);
    render->request = request;
    render->progress = progress;
    render->stop = kn_cancel_new(cancel);
    render->timing = kn_clip_timing_make(
        request->source, request->start_us, request->end_us,
        kn_clip_rate(request->source, request->settings->max_rate_hz), KN_ENCODER_SOUND_HZ);
    pthread_mutex_init(&render->lock, NULL);
    pthread_cond_init(&render->changed, NULL);
    if (request->thumbnail && request->source->has_video)
        kn_thumbnail_watch(&render->choice, request->thumbnail, request->start_us, request->end_us);
    enum kn_status status = run(render, err);
    if (status == KN_OK) {
        write_report(render, ret_report);
        write_thumbnail(render, ret_report);
        kn_progress_set(progress, 1.0);
    }
    for (int i = 0; i < render->output_count; i++) {
        const struct kn_encoder *encoder = render->outputs[i].encoder;
        *ret_gave_up = *ret_gave_up || (encoder && kn_encoder_gave_up(encoder) &&
                                        strcmp(kn_encoder_name(encoder), "libx264") != 0);
        kn_output_close(&render->outputs[i]);
    }
    kn_thumbnail_choice_clear(&render->choice);
    kn_video_reader_close(render->reader);
    kn_coded_sound_free(render->coded);
    kn_clip_sound_free(&render->sound);
    pthread_cond_destroy(&render->changed);
    pthread_mutex_destroy(&render->lock);
    kn_cancel_free(render->stop);
    free(render);
    return status;
}

/* Hardware that opens may still fail at its first picture, or at a later one when others take it
 * away. The clip is begun again then: its header is that of the encoder which failed. */
enum kn_status kn_render(const struct kn_render_request *request, struct kn_cancel *cancel,
                         struct kn_progress *progress, struct kn_render_report *ret_report,
                         struct kn_error *err)
{
    enum kn_status status = check_request(request, err);
    if (status != KN_OK)
        return status;
    struct kn_error why = {0};
    bool gave_up = false, again = false;
    status = render_once(request, cancel, progress, ret_report, &gave_up, &why);
    if (status != KN_OK && gave_up && !kn_cancel_requested(cancel)) {
        struct kn_render_settings settings = *request->settings;
        struct kn_render_request other = *request;
        settings.encoder = "libx264";
        other.settings = &settings;
        status = render_once(&other, cancel, progress, ret_report, &again, err);
        if (status == KN_OK)
            snprintf(ret_report->remark, sizeof ret_report->remark, "%s; libx264 encodes instead",
                     kn_error_text(&why));
    } else if (status != KN_OK && err) {
        *err = why;
    }
    return status;
}
