#include "platform/youtube.h"
#include "platform/oauth.h"

#include <stdio.h>

#include "base/memory.h"

/* "Videos", "Videos: insert" of the Data API's reference, and YouTube's help on uploads. */
static const char *const containers[] = {"mp4", "mov",    "webm", "mkv", "avi",
                                         "flv", "mpegts", "mpeg", NULL};
static const struct kn_media_rules media = {
    .bytes_max = INT64_C(137438953472), /* 128 GiB: the lower one of the two that are documented */
    .duration_max_us = 12 * INT64_C(3600000000),
    .containers = containers,
    .source = "https://developers.google.com/youtube/v3/docs/videos/insert",
    .date = "2026-09-11",
};

static const struct kn_quota quotas[] = {
    {.kind = "uploads",
     .limit = 100,
     .of_application = true,
     .source = "YouTube Data API quota calculator, 2026-09-11: videos.insert"},
    {.kind = "units",
     .limit = 10000,
     .of_application = true,
     .source = "YouTube Data API quota calculator, 2026-09-11: all other calls"},
    /* How many a channel may upload is not documented, so this is no less than the other. */
    {.kind = "channel",
     .limit = 100,
     .span_us = 24 * INT64_C(3600000000),
     .source = "Videos: insert, uploadLimitExceeded, 2026-09-11"},
};

const char *kn_youtube_mark(const struct kn_posting *posting)
{
    return kn_arena_printf(posting->arena, "kn%.16s", posting->marker);
}

const char *kn_youtube_api(const struct kn_posting *posting, const char *format, ...)
{
    va_list args;
    char path[2048];
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    return kn_posting_url(posting, "https://www.googleapis.com", "%s", path);
}

const char *kn_youtube_watch_url(const struct kn_posting *posting, const char *id)
{
    return kn_posting_url(posting, "https://www.youtube.com", "/watch?v=%s", id);
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    if (kn_posting_text(posting, "id")) {
        if (posting->state == KN_POST_SCHEDULED || kn_posting_number(posting, "held_back"))
            return kn_youtube_scheduled(posting, err);
        if (posting->clip.thumbnail && !kn_posting_number(posting, "thumbnail_done"))
            return kn_youtube_thumbnail(posting, err);
        if (posting->clip.subtitles && !kn_posting_number(posting, "captions_done"))
            return kn_youtube_captions(posting, err);
        return kn_youtube_watch(posting, err);
    }
    if (!kn_posting_text(posting, "session"))
        return kn_youtube_open(posting, err);
    if (kn_posting_number(posting, "gone_us"))
        return kn_youtube_look(posting, err);
    if (kn_posting_number(posting, "doubt"))
        return kn_youtube_ask(posting, err);
    return kn_youtube_send(posting, err);
}

const struct kn_platform kn_platform_youtube = {
    .name = "youtube",
    .label = "YouTube",
    .summary = "videos and Shorts on a channel",
    .shown_as = "videos",
    .shown_at = "in YouTube Studio (private ones as well)",
    .title = {.name = "title",
              .min = 1,
              .max = 100,
              .unit = KN_UNIT_UTF16, /* the unit is not documented: the strictest */
              .forbidden = "<>",
              .usual = "{title}"},
    .caption = {.name = "description",
                .max = 5000,
                .unit = KN_UNIT_BYTES,
                .forbidden = "<>",
                .hashtags_max = 60, /* with more of them YouTube ignores all */
                .usual = "{description|hook}\n\n{hashtags}"},
    .tags_max = 500 - KN_YOUTUBE_MARK_LENGTH,
    .media = &media,
    .oauth = &kn_oauth_youtube,
    .quotas = quotas,
    .quota_count = KN_COUNT_OF(quotas),
    .privacies = 1u << KN_PRIVACY_PUBLIC | 1u << KN_PRIVACY_UNLISTED | 1u << KN_PRIVACY_PRIVATE,
    .schedules = true,
    /* Buffer's study of more than a million videos: 16:00 on most days, noon and the evening next;
     * told of at crosspostify.com/blog/best-time-to-post/youtube-shorts. */
    .best_times = "12:00,16:00,20:00",
    .advance = advance,
};
