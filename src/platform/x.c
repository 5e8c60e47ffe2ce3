#include "platform/x.h"
#include "platform/oauth.h"

#include <stdio.h>

#include "base/memory.h"
#include "platform/weighted.h"

/* "Media best practices" of the X API, 2026-09-11; a size is turned for upright videos. */
static const char *const containers[] = {"mp4", "mov", NULL};
static const char *const video_codecs[] = {"h264", NULL};
static const char *const audio_codecs[] = {"aac", NULL};
static const struct kn_media_rules media = {
    /* X takes 8 GB, but no more than a thousand segments, and 4 MiB in each for certain. */
    .bytes_max = (int64_t)KN_X_SEGMENT_BYTES * KN_X_SEGMENTS_MAX,
    .duration_min_us = 500000,
    .duration_max_us = 20 * INT64_C(60000000),
    .width_min_px = 32,
    .width_max_px = 1280,
    .height_min_px = 32,
    .height_max_px = 1280,
    .short_side_max_px = 1024,
    .aspect_min = 1.0 / 3,
    .aspect_max = 3,
    .fps_max = 60,
    .containers = containers,
    .video_codecs = video_codecs,
    .audio_codecs = audio_codecs,
    .audio_channels_max = 2,
    .source = "https://docs.x.com/x-api/media/quickstart/best-practices",
    .date = "2026-09-11",
};

static const struct kn_quota quotas[] = {
    {.kind = "posts",
     .limit = 100,
     .span_us = 15 * INT64_C(60000000),
     .source = "X API rate limits, 2026-09-11: POST /2/tweets"},
    {.kind = "uploads",
     .limit = 1875,
     .span_us = 15 * INT64_C(60000000),
     .source = "X API rate limits, 2026-09-11: initialize, append and finalize, each"},
};

const char *kn_x_api(const struct kn_posting *posting, const char *format, ...)
{
    va_list args;
    char path[1024];
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    return kn_posting_url(posting, "https://api.x.com", "%s", path);
}

enum kn_status kn_x_call(struct kn_posting *posting, const char *method, const char *url,
                         const json_t *json, struct kn_http_answer *ret_answer, bool *ret_sent,
                         struct kn_error *err)
{
    const struct kn_posting_call call = {
        .request = {.method = method, .url = url},
        .token = KN_TOKEN_BEARER,
        .json = json,
    };
    return kn_posting_call(posting, &call, ret_answer, ret_sent, err);
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    if (kn_posting_text(posting, "id"))
        return kn_x_arrived(posting, kn_posting_text(posting, "id"), err);
    if (kn_posting_intended_us(posting))
        return kn_x_look(posting, err);
    if (!kn_posting_text(posting, "media"))
        return kn_x_initialize(posting, err);
    if (kn_posting_number(posting, "media_until_us") <= kn_posting_now_us(posting))
        return kn_x_start_over(posting, "the upload has expired", err);
    if (kn_posting_number(posting, "ready")) {
        if (posting->clip.subtitles && !kn_posting_number(posting, "subtitles_done"))
            return kn_x_subtitles(posting, err);
        return kn_x_post(posting, err);
    }
    if (kn_posting_number(posting, "finalizing"))
        return kn_x_watch(posting, err);
    if (kn_posting_number(posting, "appended") * KN_X_SEGMENT_BYTES < posting->clip.bytes)
        return kn_x_append(posting, err);
    return kn_x_finalize(posting, err);
}

const struct kn_platform kn_platform_x = {
    .name = "x",
    .label = "X",
    .summary = "posts with a video on X",
    .shown_as = "posts",
    .shown_at = "on X",
    .caption = {.name = "post",
                .max = KN_WEIGHTED_MAX,
                .unit = KN_UNIT_WEIGHTED,
                .usual = "{hook|title}\n\n{hashtags}"},
    .media = &media,
    .oauth = &kn_oauth_x,
    .quotas = quotas,
    /* Buffer's studies of a million posts: 9:00 and 8:00 on workdays (2025), 11:00 before (2024);
     * told of at influencenewsnow.com/?p=17197 and nedchiglobal.com/best-time-to-post-on-twitter.
     */
    .best_times = "09:00,11:00",
    .quota_count = KN_COUNT_OF(quotas),
    .advance = advance,
};
