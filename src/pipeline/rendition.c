/*
 * One loop: what is on show when a frame is due goes to the encoder, and the sound that belongs to
 * it behind it. Decoder and encoder have threads of their own; between them wait a few pictures and
 * what the sound reader gives at a time.
 */
#include "pipeline/rendition.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "clip/shown.h"
#include "media/audio_reader.h"
#include "media/encoder.h"
#include "media/probe.h"

enum {
    /* More than enough for anything that people watch on a phone, and what the strictest of the
     * platforms that name a limit takes (Instagram, 2026-09-11). */
    BITS_MAX = 25000000,
    SOUND_BITS = 200000,       /* of kn_encoder, and what it may vary by */
    INDEX_BITS = 30000,        /* a second: 16 bytes a packet in the index and around it */
    PICTURE_BITS_MIN = 100000, /* less shows nothing but blocks */
    SMOOTH_HZ = 30,            /* what a rate that varies is made to, at least */
    SOUND_STEP = 4800,         /* samples read at a time */
    CRF = 20,
};

/* ---- the target ---- */

static int even(double px, int max_px)
{
    int rounded = 2 * (int)lround(px / 2);
    return KN_MAX(max_px && rounded > max_px ? max_px / 2 * 2 : rounded, 2);
}

/* Even sides change the shape a little; at the edge of what is allowed that must not cross it. */
static void keep_shape(const struct kn_media_rules *rules, int *width_px, int *height_px)
{
    double aspect = (double)*width_px / *height_px;
    if (rules->aspect_min && aspect < rules->aspect_min)
        *height_px -= 2 * (int)ceil((*height_px - *width_px / rules->aspect_min) / 2 - 1e-6);
    else if (rules->aspect_max && aspect > rules->aspect_max)
        *width_px -= 2 * (int)ceil((*width_px - *height_px * rules->aspect_max) / 2 - 1e-6);
}

static void choose_size(const struct kn_media_facts *facts, const struct kn_media_rules *rules,
                        struct kn_rendition_target *target)
{
    double scale = 1;
    if (rules->width_max_px)
        scale = fmin(scale, (double)rules->width_max_px / facts->width_px);
    if (rules->height_max_px)
        scale = fmin(scale, (double)rules->height_max_px / facts->height_px);
    if (rules->short_side_max_px)
        scale = fmin(scale,
                     (double)rules->short_side_max_px / KN_MIN(facts->width_px, facts->height_px));
    target->width_px = even(facts->width_px * scale, rules->width_max_px);
    target->height_px = even(facts->height_px * scale, rules->height_max_px);
    double aspect = (double)facts->width_px / facts->height_px;
    if (aspect >= rules->aspect_min && (!rules->aspect_max || aspect <= rules->aspect_max))
        keep_shape(rules, &target->width_px, &target->height_px);
}

struct kn_rendition_target kn_rendition_target_of(const struct kn_media_facts *facts,
                                                  const struct kn_media_rules *rules)
{
    struct kn_rendition_target target = {.bits_a_second = BITS_MAX};
    choose_size(facts, rules, &target);
    if (facts->fps < rules->fps_min - KN_FPS_SLACK ||
        (rules->fps_max && facts->fps > rules->fps_max + KN_FPS_SLACK)) {
        target.fps_min = rules->fps_min;
        target.fps_max = rules->fps_max;
    }
    if (rules->video_bits_a_second_max)
        target.bits_a_second = KN_MIN(target.bits_a_second, rules->video_bits_a_second_max);
    double seconds = kn_seconds(facts->duration_us);
    if (rules->bytes_max && (double)rules->bytes_max * 8 < seconds * (double)target.bits_a_second)
        target.bits_a_second = (int64_t)((double)rules->bytes_max * 8 / seconds);
    return target;
}

static double hz(struct kn_rational rate)
{
    return (double)rate.num / rate.den;
}

struct kn_rational kn_rendition_rate(const struct kn_source *source,
                                     const struct kn_rendition_target *target)
{
    int max_hz = KN_MAX((int)ceil(hz(source->frame_rate) - 0.001), SMOOTH_HZ);
    if (target->fps_max > 0)
        max_hz = KN_MIN(max_hz, KN_MAX((int)(target->fps_max + 0.001), 1));
    struct kn_rational rate = kn_clip_rate(source, max_hz);
    if (hz(rate) >= target->fps_min - KN_FPS_SLACK)
        return rate;
    int factor = (int)ceil(target->fps_min / hz(rate) - 0.001);
    if (target->fps_max > 0 && factor * hz(rate) > target->fps_max)
        return (struct kn_rational){(int)target->fps_max, 1};
    rate.num *= factor;
    return rate;
}

/*
 * In one second more than the clip lasts: the encoder's buffer may be full of bits from before.
 * What is left after sound, index and one part in a hundred is the pictures'.
 */
int64_t kn_rendition_picture_bits(const struct kn_rendition_target *target, int64_t duration_us)
{
    double all = (double)target->bits_a_second * 0.99, seconds = kn_seconds(duration_us);
    int64_t bits = (int64_t)((all - SOUND_BITS - INDEX_BITS) * seconds / (seconds + 1));
    return bits < PICTURE_BITS_MIN ? 0 : bits;
}

/* ---- making it ---- */

struct making {
    const struct kn_rendition_order *order;
    struct kn_cancel *cancel;
    struct kn_progress *progress;
    struct kn_arena *arena;
    struct kn_source source;
    struct kn_file_identity identity;
    struct kn_clip_timing timing;
    struct kn_shown shown;
    struct kn_audio_reader *sound; /* NULL: none, or no more: silence */
    struct kn_encoder *encoder;
    int64_t sound_fed; /* sample frames */
};

/* The clip is what it was when it was looked at, and stays so: that is compared again at the end.
 */
static enum kn_status identify(struct making *making, struct kn_error *err)
{
    const struct kn_rendition_order *order = making->order;
    const struct kn_file_identity *identity = &making->identity;
    enum kn_status status = kn_file_identify(order->clip_path, &making->identity, err);
    if (status != KN_OK)
        return status;
    if (identity->size_bytes != order->bytes ||
        identity->changed_s * KN_US_PER_S + identity->changed_ns / 1000 != order->modified_us)
        return kn_error_set(err, KN_INVALID, "%.200s has changed meanwhile: publish it again",
                            kn_path_base(order->clip_path));
    return KN_OK;
}

static enum kn_status open_encoder(struct making *making, struct kn_error *err)
{
    const struct kn_rendition_target *target = &making->order->target;
    const struct kn_encoder_options options = {
        .path = making->order->path,
        .width_px = target->width_px,
        .height_px = target->height_px,
        .frame_rate = making->timing.rate,
        .encoder = "libx264",
        .preset = "veryfast",
        .crf = CRF,
        .threads = making->order->threads,
        .bits_a_second_max = kn_rendition_picture_bits(target, making->source.duration_us),
        .title = making->source.title,
        .cancel = making->cancel,
    };
    if (!options.bits_a_second_max)
        return kn_error_set(err, KN_LIMIT,
                            "%.200s is too long for so small a file: make it shorter, with "
                            "--length",
                            kn_path_base(making->order->clip_path));
    return kn_encoder_open(&options, &making->encoder, err);
}

static enum kn_status open_all(struct making *making, struct kn_error *err)
{
    static const struct kn_audio_format stereo = {KN_ENCODER_SOUND_HZ, KN_ENCODER_SOUND_CHANNELS};
    const struct kn_rendition_order *order = making->order;
    struct kn_source *source = &making->source;
    enum kn_status status = identify(making, err);
    if (status == KN_OK)
        status = kn_probe(order->clip_path, making->arena, making->cancel, source, err);
    if (status != KN_OK)
        return status;
    if (!source->has_video)
        return kn_error_set(err, KN_INVALID, "%.200s has no pictures",
                            kn_path_base(order->clip_path));
    making->timing =
        kn_clip_timing_make(source, 0, source->duration_us,
                            kn_rendition_rate(source, &order->target), KN_ENCODER_SOUND_HZ);
    const struct kn_video_options options = {
        .end_us = -1,
        .decode = KN_DECODE_ALL,
        .cancel = making->cancel,
        .threads = order->threads,
        .pixels = KN_PIXELS_YUV420P,
        .width_px = order->target.width_px,
        .height_px = order->target.height_px,
        .step_us = making->timing.step_us,
    };
    status = kn_video_reader_open(source, &options, &making->shown.reader, err);
    if (status == KN_OK && source->has_audio)
        status = kn_audio_reader_open(source, &stereo, 0, -1, &making->sound, err);
    return status == KN_OK ? open_encoder(making, err) : status;
}

/* Up to `max` sample frames, silence where the clip has no more. */
static enum kn_status read_sound(struct making *making, float *samples, int max, int *ret_count,
                                 struct kn_error *err)
{
    enum kn_status status =
        making->sound ? kn_audio_reader_read(making->sound, samples, max, ret_count, err) : KN_END;
    if (status != KN_END)
        return status;
    kn_audio_reader_close(making->sound);
    making->sound = NULL;
    memset(samples, 0, (size_t)max * KN_ENCODER_SOUND_CHANNELS * sizeof *samples);
    *ret_count = max;
    return KN_OK;
}

/* What belongs to the first `frames` frames. */
static enum kn_status feed_sound(struct making *making, int frames, struct kn_error *err)
{
    float samples[SOUND_STEP * KN_ENCODER_SOUND_CHANNELS];
    const struct kn_clip_timing *timing = &making->timing;
    int64_t until = frames < timing->frames
                        ? kn_clip_frame_us(timing, frames) * KN_ENCODER_SOUND_HZ / KN_US_PER_S
                        : timing->samples;
    enum kn_status status = KN_OK;
    while (status == KN_OK && making->sound_fed < until) {
        int got = 0, max = (int)KN_MIN(until - making->sound_fed, (int64_t)SOUND_STEP);
        status = kn_cancel_check(making->cancel, err);
        if (status == KN_OK)
            status = read_sound(making, samples, max, &got, err);
        if (status == KN_OK)
            status = kn_encoder_sound(making->encoder, samples, got, err);
        making->sound_fed += got;
    }
    return status;
}

static enum kn_status encode(struct making *making, struct kn_error *err)
{
    const struct kn_clip_timing *timing = &making->timing;
    enum kn_status status = kn_shown_start(&making->shown, &making->source, 0,
                                           making->source.duration_us, &making->timing, err);
    for (int i = 0; status == KN_OK && i < timing->frames; i++) {
        status = kn_cancel_check(making->cancel, err);
        if (status == KN_OK)
            status = kn_shown_at(&making->shown, kn_clip_source_us(timing, i), err);
        if (status == KN_OK)
            status = kn_encoder_picture(making->encoder, &making->shown.picture, err);
        if (status == KN_OK)
            status = feed_sound(making, i + 1, err);
        kn_progress_set(making->progress, 0.98 * (i + 1) / timing->frames);
    }
    if (status == KN_OK)
        status = kn_encoder_flush(making->encoder, err);
    if (status == KN_OK)
        status = kn_file_unchanged(making->order->clip_path, &making->identity, err);
    return status == KN_OK ? kn_encoder_finish(making->encoder, err) : status;
}

enum kn_status kn_rendition_make(const struct kn_rendition_order *order, struct kn_cancel *cancel,
                                 struct kn_progress *progress, struct kn_error *err)
{
    struct making making = {
        .order = order, .cancel = cancel, .progress = progress, .arena = kn_arena_new()};
    enum kn_status status = open_all(&making, err);
    if (status == KN_OK)
        status = encode(&making, err);
    kn_shown_clear(&making.shown);
    kn_encoder_close(making.encoder);
    kn_audio_reader_close(making.sound);
    kn_video_reader_close(making.shown.reader);
    kn_arena_free(making.arena);
    return status;
}
