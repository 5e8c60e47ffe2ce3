#include "clip/smartcut.h"

#include "base/clock.h"
#include "clip/sound.h"
#include "media/encoder.h"

enum kn_status kn_smartcut(const struct kn_smartcut_request *request, struct kn_cancel *cancel,
                           struct kn_progress *progress, struct kn_smartcut_report *ret_report,
                           struct kn_error *err)
{
    if (request->end_us - request->start_us > KN_RENDER_LIMIT_S * KN_US_PER_S)
        return kn_error_set(err, KN_LIMIT, "a clip can last %d minutes at most",
                            KN_RENDER_LIMIT_S / 60);
    KN_SCOPED(kn_cut) cut = NULL;
    enum kn_status status =
        kn_cut_open(request->source, request->start_us, request->end_us, cancel, &cut, err);
    if (status != KN_OK)
        return status;
    const struct kn_cut_plan *plan = kn_cut_plan(cut);
    const struct kn_render_settings *settings = request->settings;
    struct kn_clip_sound sound = {0};
    const struct kn_clip_sound_options wanted = {
        .start_us = KN_MAX(plan->start_us, 0),
        .samples = (plan->end_us - plan->start_us) * KN_ENCODER_SOUND_HZ / KN_US_PER_S,
        .loudness_lufs = settings->loudness_lufs,
        .true_peak_dbtp = settings->true_peak_dbtp,
    };
    status = kn_clip_sound_make(request->source, &wanted, cancel, &sound, err);
    if (status != KN_OK)
        return status;
    const struct kn_cut_options options = {
        .path = request->path,
        .preset = settings->preset,
        .crf = settings->crf,
        .threads = settings->threads,
        .sound = &sound.buffer,
        .title = request->title,
        .comment = request->comment,
    };
    status = kn_cut_write(cut, &options, cancel, progress, err);
    if (status == KN_OK) {
        *ret_report = (struct kn_smartcut_report){
            .plan = *plan,
            .loudness_lufs = sound.level.after.integrated_lufs,
            .true_peak_dbtp = sound.level.after.true_peak_dbtp,
            .gain_db = sound.level.gain_db,
        };
        kn_progress_set(progress, 1.0);
    }
    kn_clip_sound_free(&sound);
    return status;
}
