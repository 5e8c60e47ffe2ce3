#include "clip/shown.h"

#include "base/clock.h"

void kn_shown_clear(struct kn_shown *shown)
{
    kn_picture_clear(&shown->picture);
    kn_picture_clear(&shown->next);
}

static enum kn_status advance(struct kn_shown *shown, struct kn_error *err)
{
    kn_picture_move(&shown->picture, &shown->next);
    enum kn_status status = kn_video_reader_read(shown->reader, &shown->next, err);
    shown->ended = status == KN_END;
    return shown->ended ? KN_OK : status;
}

enum kn_status kn_shown_start(struct kn_shown *shown, const struct kn_source *source,
                              int64_t start_us, int64_t end_us, struct kn_clip_timing *timing,
                              struct kn_error *err)
{
    enum kn_status status = advance(shown, err);
    if (status == KN_OK && shown->ended)
        return kn_error_set(err, KN_DAMAGED, "%s: no picture can be decoded from %.1f s to %.1f s",
                            source->path, kn_seconds(start_us), kn_seconds(end_us));
    if (status == KN_OK)
        status = advance(shown, err);
    if (status == KN_OK)
        kn_clip_timing_align(timing, source, start_us, shown->picture.at_us,
                             shown->ended ? INT64_MAX : shown->next.at_us);
    return status;
}

enum kn_status kn_shown_at(struct kn_shown *shown, int64_t at_us, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    while (status == KN_OK && !shown->ended && shown->next.at_us <= at_us)
        status = advance(shown, err);
    return status;
}
