#include "clip/thumbnail.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "media/video_reader.h"

enum {
    KEY_FRAMES_MAX = 10, /* looked at */
    ENOUGH = 3,          /* fewer candidates than this: moments in between are looked at too */
    EVEN_SAMPLES = 4,
};

struct search {
    const struct kn_thumbnail_request *request;
    struct kn_composer *composer;
    struct kn_thumbnail_choice choice;
};

static enum kn_status consider(struct search *search, const struct kn_picture *picture, float merit,
                               struct kn_error *err)
{
    struct kn_frame_key key = kn_framing_at(search->request->framing, picture->at_us);
    struct kn_picture frame = {0};
    enum kn_status status = kn_composer_run(search->composer, picture, &key, &frame, err);
    if (status != KN_OK)
        return status;
    kn_thumbnail_consider(&search->choice, picture, &frame, merit);
    kn_picture_clear(&frame);
    return KN_OK;
}

/* ---- looking -------------------------------------------------------------------------------- */

static enum kn_status open_reader(const struct kn_thumbnail_request *request, enum kn_decode decode,
                                  int64_t start_us, struct kn_cancel *cancel,
                                  struct kn_video_reader **ret_reader, struct kn_error *err)
{
    const struct kn_video_options options = {.start_us = start_us,
                                             .end_us = request->end_us,
                                             .decode = decode,
                                             .cancel = cancel,
                                             .pixels = KN_PIXELS_YUV420P};
    return kn_video_reader_open(request->source, &options, ret_reader, err);
}

static enum kn_status look_at_key_frames(struct search *search, struct kn_cancel *cancel,
                                         struct kn_error *err)
{
    const struct kn_thumbnail_request *request = search->request;
    KN_SCOPED(kn_video_reader) reader = NULL;
    int64_t from_us = kn_thumbnail_inside(request->start_us, request->end_us).start_us;
    enum kn_status status = open_reader(request, KN_DECODE_KEY, from_us, cancel, &reader, err);
    /* A long clip with many of them is sampled, not read through. */
    int64_t step_us = (request->end_us - from_us) / KEY_FRAMES_MAX, next_us = from_us;
    struct kn_picture picture = {0};
    while (status == KN_OK && (status = kn_cancel_check(cancel, err)) == KN_OK) {
        kn_picture_clear(&picture);
        status = kn_video_reader_read(reader, &picture, err);
        if (status == KN_OK && picture.at_us >= next_us) {
            status = consider(search, &picture, 0.0f, err);
            next_us = picture.at_us + step_us;
        }
    }
    kn_picture_clear(&picture);
    return status == KN_END ? KN_OK : status;
}

/* The picture on show at each of `times`, which grow. */
static enum kn_status look_at(struct search *search, const struct kn_thumbnail_hint *hints,
                              int count, struct kn_cancel *cancel, struct kn_error *err)
{
    KN_SCOPED(kn_video_reader) reader = NULL;
    enum kn_status status = KN_OK;
    struct kn_picture picture = {0};
    for (int i = 0; i < count && status == KN_OK; i++) {
        status = kn_cancel_check(cancel, err);
        if (status != KN_OK)
            break;
        status = reader ? kn_video_reader_seek(reader, hints[i].at_us, err)
                        : open_reader(search->request, KN_DECODE_ALL, hints[i].at_us, cancel,
                                      &reader, err);
        kn_picture_clear(&picture);
        if (status == KN_OK)
            status = kn_video_reader_read(reader, &picture, err);
        if (status == KN_OK)
            status = consider(search, &picture, hints[i].merit, err);
        else if (status == KN_END)
            status = KN_OK;
    }
    kn_picture_clear(&picture);
    return status;
}

static int by_merit(const void *a, const void *b)
{
    float x = ((const struct kn_thumbnail_hint *)a)->merit;
    float y = ((const struct kn_thumbnail_hint *)b)->merit;
    return (x < y) - (x > y);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct kn_thumbnail_hint *)a)->at_us;
    int64_t y = ((const struct kn_thumbnail_hint *)b)->at_us;
    return (x > y) - (x < y);
}

/* The hints inside the clip: a close look may have begun with a picture of the shot before it. */
static int take_inside(const struct kn_thumbnail_request *request, struct kn_thumbnail_hint *ret)
{
    int count = 0;
    for (int i = 0; i < request->order.hint_count; i++) {
        const struct kn_thumbnail_hint *hint = &request->order.hints[i];
        if (hint->at_us >= request->start_us && hint->at_us < request->end_us)
            ret[count++] = *hint;
    }
    return count;
}

static enum kn_status look_at_hints(struct search *search, struct kn_cancel *cancel,
                                    struct kn_error *err)
{
    const struct kn_thumbnail_request *request = search->request;
    KN_SCOPED_MEM struct kn_thumbnail_hint *sorted =
        kn_calloc((size_t)request->order.hint_count + 1, sizeof *sorted);
    int inside = take_inside(request, sorted), count = KN_MIN(inside, KN_THUMBNAIL_HINTS_MAX);
    qsort(sorted, (size_t)inside, sizeof *sorted, by_merit);
    qsort(sorted, (size_t)count, sizeof *sorted, by_time);
    return look_at(search, sorted, count, cancel, err);
}

static enum kn_status look_between(struct search *search, struct kn_cancel *cancel,
                                   struct kn_error *err)
{
    const struct kn_thumbnail_request *request = search->request;
    struct kn_thumbnail_hint moments[EVEN_SAMPLES] = {0};
    for (int i = 0; i < EVEN_SAMPLES; i++)
        moments[i].at_us = request->start_us +
                           (request->end_us - request->start_us) * (2 * i + 1) / (2 * EVEN_SAMPLES);
    return look_at(search, moments, EVEN_SAMPLES, cancel, err);
}

/* ---- one thumbnail -------------------------------------------------------------------------- */

enum kn_status kn_thumbnail(const struct kn_thumbnail_request *request, struct kn_cancel *cancel,
                            struct kn_thumbnail_report *ret_report, struct kn_error *err)
{
    assert(request->source->has_video && request->framing->key_count > 0);
    KN_SCOPED(kn_composer)
    composer = kn_composer_new(request->source, request->width_px, request->height_px);
    struct search search = {
        .request = request, .composer = composer, .choice.order = &request->order};
    enum kn_status status = look_at_hints(&search, cancel, err);
    if (status == KN_OK)
        status = look_at_key_frames(&search, cancel, err);
    if (status == KN_OK && search.choice.looked_at < ENOUGH)
        status = look_between(&search, cancel, err);
    if (status == KN_OK && search.choice.looked_at == 0)
        status = kn_error_set(
            err, KN_DAMAGED, "%s: no picture can be decoded from %.1f s to %.1f s",
            request->source->path, kn_seconds(request->start_us), kn_seconds(request->end_us));
    if (status == KN_OK)
        status = kn_thumbnail_write(&search.choice, composer, request->framing, err);
    if (status == KN_OK)
        *ret_report = search.choice.best;
    kn_thumbnail_choice_clear(&search.choice);
    return status;
}
