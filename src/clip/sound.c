#include "clip/sound.h"

#include "base/clock.h"
#include "base/memory.h"
#include "media/audio_reader.h"
#include "media/encoder.h"

enum { READ_SAMPLES = 48000, FADE_US = 15000 };

static enum kn_status read_sound(const struct kn_source *source,
                                 const struct kn_clip_sound_options *options,
                                 struct kn_cancel *cancel, float *samples, struct kn_error *err)
{
    const struct kn_audio_format format = {KN_ENCODER_SOUND_HZ, KN_ENCODER_SOUND_CHANNELS};
    KN_SCOPED(kn_audio_reader) reader = NULL;
    enum kn_status status =
        kn_audio_reader_open(source, &format, options->start_us, -1, &reader, err);
    if (status != KN_OK)
        return status;
    for (int64_t have = 0; have < options->samples;) {
        int got = 0;
        status = kn_cancel_check(cancel, err);
        if (status == KN_OK)
            status = kn_audio_reader_read(
                reader, samples + have * KN_ENCODER_SOUND_CHANNELS,
                (int)KN_MIN((int64_t)READ_SAMPLES, options->samples - have), &got, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        have += got;
    }
    return KN_OK;
}

enum kn_status kn_clip_sound_make(const struct kn_source *source,
                                  const struct kn_clip_sound_options *options,
                                  struct kn_cancel *cancel, struct kn_clip_sound *ret_sound,
                                  struct kn_error *err)
{
    struct kn_clip_sound sound = {
        .buffer = {.count = options->samples,
                   .channels = KN_ENCODER_SOUND_CHANNELS,
                   .rate_hz = KN_ENCODER_SOUND_HZ},
        .level = {.before_lufs = KN_LOUDNESS_SILENT_LUFS,
                  .after = {KN_LOUDNESS_SILENT_LUFS, KN_PEAK_SILENT_DBTP}},
    };
    sound.buffer.samples =
        calloc((size_t)options->samples, KN_ENCODER_SOUND_CHANNELS * sizeof(float));
    if (!sound.buffer.samples)
        return kn_error_set(err, KN_LIMIT, "not enough memory for the sound of a clip");
    enum kn_status status = KN_OK;
    if (source->has_audio && options->start_us < source->duration_us)
        status = read_sound(source, options, cancel, sound.buffer.samples, err);
    if (status == KN_OK && source->has_audio) {
        kn_loudness_level(&sound.buffer, options->loudness_lufs,
                          options->true_peak_dbtp - KN_ENCODER_SOUND_ROOM_DB, &sound.level);
        kn_sound_fade(&sound.buffer, FADE_US);
    }
    if (status != KN_OK) {
        kn_clip_sound_free(&sound);
        return status;
    }
    *ret_sound = sound;
    return KN_OK;
}

void kn_clip_sound_free(struct kn_clip_sound *sound)
{
    free(sound->buffer.samples);
    *sound = (struct kn_clip_sound){0};
}
