#include "platform/tiktok.h"
#include "platform/oauth.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

enum { URL_BYTES_MAX = 2000, OPTIONS_MAX = 16, CREATOR_BYTES = 64 };

static const char retry[] = "try it again with “kirinuki publish --retry”";

/* ---- who posts ---- */

static const char *const privacies[KN_PRIVACY_COUNT] = {
    [KN_PRIVACY_PUBLIC] = "PUBLIC_TO_EVERYONE",
    [KN_PRIVACY_FOLLOWERS] = "FOLLOWER_OF_CREATOR",
    [KN_PRIVACY_FRIENDS] = "MUTUAL_FOLLOW_FRIENDS",
    [KN_PRIVACY_PRIVATE] = "SELF_ONLY",
};

static bool is_offered(const json_t *creator, enum kn_privacy privacy)
{
    const json_t *options = json_object_get(creator, "privacy_level_options");
    const char *wanted = privacies[privacy];
    for (size_t i = 0; wanted && i < json_array_size(options) && i < OPTIONS_MAX; i++) {
        const char *option = json_string_value(json_array_get(options, i));
        if (option && strcmp(option, wanted) == 0)
            return true;
    }
    return false;
}

/* END: posting->next is set. */
static enum kn_status choose_privacy(struct kn_posting *posting, const json_t *creator)
{
    enum kn_privacy wanted = posting->options.privacy;
    if (wanted == KN_PRIVACY_DEFAULT) {
        wanted = is_offered(creator, KN_PRIVACY_PUBLIC) ? KN_PRIVACY_PUBLIC : KN_PRIVACY_PRIVATE;
        if (wanted == KN_PRIVACY_PRIVATE)
            kn_posting_remark(posting, "the account does not post to everyone, so only it can see "
                                       "the video");
    }
    if (is_offered(creator, wanted)) {
        kn_posting_set_text(posting, "privacy", privacies[wanted]);
        return KN_OK;
    }
    KN_SCOPED_STR offered = {0};
    for (int i = 0; i < KN_PRIVACY_COUNT; i++)
        if (is_offered(creator, (enum kn_privacy)i))
            kn_str_printf(&offered, "%s“%s”", offered.length ? ", " : "",
                          kn_privacy_name((enum kn_privacy)i));
    (void)kn_posting_fail(
        posting, "choose another privacy, or change the account's in TikTok's app",
        "the account can't post with the privacy “%s”, only with %s", kn_privacy_name(wanted),
        offered.length ? kn_str_text(&offered) : "none that kirinuki knows");
    return KN_END;
}

static enum kn_status check_duration(struct kn_posting *posting, const json_t *creator)
{
    int64_t max_s = kn_answer_number(creator, "max_video_post_duration_sec", 0);
    if (max_s <= 0 || posting->clip.duration_us / KN_US_PER_S < max_s ||
        posting->clip.duration_us <= max_s * KN_US_PER_S)
        return KN_OK;
    (void)kn_posting_fail(
        posting, kn_arena_printf(posting->arena, "make a clip of at most %lld s", (long long)max_s),
        "the clip lasts %.1f s, and TikTok allows this account %lld s",
        kn_seconds(posting->clip.duration_us), (long long)max_s);
    return KN_END;
}

static void note_name(struct kn_posting *posting, const json_t *creator)
{
    const char *name = kn_answer_id(posting, creator, "creator_username");
    if (name && strlen(name) <= CREATOR_BYTES)
        kn_posting_set_text(posting, "creator", name);
}

/* Before each post, as the guide wants it. END: posting->next is set. */
static enum kn_status ask_creator(struct kn_posting *posting, const json_t **ret_creator,
                                  struct kn_error *err)
{
    enum kn_status status = kn_tiktok_call(posting, "/v2/post/publish/creator_info/query/",
                                           json_object(), ret_creator, err);
    if (status != KN_OK)
        return status;
    note_name(posting, *ret_creator);
    status = choose_privacy(posting, *ret_creator);
    return status == KN_OK ? check_duration(posting, *ret_creator) : status;
}

/* ---- an upload is begun ---- */

static json_t *post_info(const struct kn_posting *posting, const json_t *creator)
{
    const struct kn_post_options *options = &posting->options;
    json_t *info = json_pack(
        "{s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:b}", "title", kn_json_text(posting->text.caption),
        "privacy_level", kn_posting_text(posting, "privacy"), "disable_duet",
        json_is_true(json_object_get(creator, "duet_disabled")), "disable_comment",
        json_is_true(json_object_get(creator, "comment_disabled")), "disable_stitch",
        json_is_true(json_object_get(creator, "stitch_disabled")), "brand_content_toggle", 0,
        "brand_organic_toggle", 0, "is_aigc", options->made_with_ai);
    if (options->cover_us >= 0)
        json_object_set_new(info, "video_cover_timestamp_ms",
                            json_integer(options->cover_us / 1000));
    return info;
}

static bool is_upload_url(const struct kn_posting *posting, const char *url)
{
    return url && (kn_starts_with(url, "https://") ||
                   (posting->service_url && kn_starts_with(url, posting->service_url)));
}

static enum kn_status take_upload(struct kn_posting *posting, const json_t *data,
                                  const struct kn_tiktok_chunks *chunks, struct kn_error *err)
{
    const char *id = kn_answer_id(posting, data, "publish_id");
    const char *url = kn_answer_text(posting, data, "upload_url", URL_BYTES_MAX);
    if (!id || !is_upload_url(posting, url))
        return kn_error_set(err, KN_REMOTE, "TikTok's answer does not say where to upload to");
    kn_posting_set_text(posting, "publish_id", id);
    kn_posting_set_text(posting, "upload_url", url);
    kn_posting_set_number(posting, "chunk_bytes", chunks->chunk_bytes);
    kn_posting_set_number(posting, "uploads", kn_posting_number(posting, "uploads") + 1);
    posting->state = KN_POST_UPLOADING;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* What is begun twice because an answer was lost makes no post without its bytes. */
static enum kn_status begin(struct kn_posting *posting, struct kn_error *err)
{
    bool draft = posting->options.draft;
    const json_t *data = NULL, *creator = NULL;
    struct kn_tiktok_chunks chunks;
    if (!kn_tiktok_plan(posting->clip.bytes, &chunks))
        return kn_posting_fail(posting, "render the clip again, with less than 4 GB",
                               "TikTok takes no file of %lld bytes",
                               (long long)posting->clip.bytes);
    enum kn_status status = draft ? KN_OK : ask_creator(posting, &creator, err);
    if (status == KN_OK) {
        json_t *body = json_pack("{s:{s:s, s:I, s:I, s:i}}", "source_info", "source", "FILE_UPLOAD",
                                 "video_size", (json_int_t)posting->clip.bytes, "chunk_size",
                                 (json_int_t)chunks.chunk_bytes, "total_chunk_count", chunks.count);
        if (!draft)
            json_object_set_new(body, "post_info", post_info(posting, creator));
        status = kn_tiktok_call(
            posting, draft ? "/v2/post/publish/inbox/video/init/" : "/v2/post/publish/video/init/",
            body, &data, err);
    }
    if (status == KN_END && posting->next == KN_NEXT_STEP)
        return kn_tiktok_give_up(posting, retry, "TikTok's refusal makes no sense");
    if (status != KN_OK)
        return status == KN_END ? KN_OK : status;
    return take_upload(posting, data, &chunks, err);
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    if (!kn_posting_text(posting, "publish_id"))
        return begin(posting, err);
    bool asks = kn_posting_intended_us(posting) || kn_posting_number(posting, "doubt") ||
                kn_posting_number(posting, "gone");
    return asks ? kn_tiktok_look(posting, err) : kn_tiktok_send(posting, err);
}

/* ---- what it takes ---- */

static const struct kn_media_rules media = {
    .bytes_max = INT64_C(4000000000),
    .duration_max_us = 600 * KN_US_PER_S,
    .width_min_px = 360,
    .width_max_px = 4096,
    .height_min_px = 360,
    .height_max_px = 4096,
    .fps_min = 23,
    .fps_max = 60,
    .containers = (const char *const[]){"mp4", "mov", "webm", NULL},
    .video_codecs = (const char *const[]){"h264", "hevc", "vp8", "vp9", NULL},
    .source = "https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide",
    .date = "2026-09-11",
};

static const struct kn_quota quotas[] = {
    {.kind = "posts",
     .of_posts = true,
     .limit = 15,
     .span_us = 24 * 3600 * KN_US_PER_S,
     .source = "Content Sharing Guidelines, 2026-09-11: about 15 a day for each creator"},
    {.kind = "drafts",
     .of_drafts = true,
     .limit = 5,
     .span_us = 24 * 3600 * KN_US_PER_S,
     .source = "Upload, 2026-09-11: spam_risk_too_many_pending_share"},
};

const struct kn_platform kn_platform_tiktok = {
    .name = "tiktok",
    .label = "TikTok",
    .summary = "videos of an account, or drafts in its inbox",
    .shown_as = "videos",
    .shown_at = "in TikTok's app",
    .caption = {.name = "caption",
                .max = 2200,
                .unit = KN_UNIT_UTF16,
                .usual = "{hook|title}\n{description}\n{hashtags}"},
    .media = &media,
    .oauth = &kn_oauth_tiktok,
    .quotas = quotas,
    .quota_count = KN_COUNT_OF(quotas),
    /* Buffer's study of 7.1 million posts, 2026: 9:00 and 13:00 lead, the evening brings views;
     * told of at sbtecnews.com/best-time-to-post-on-tiktok-in-2026. */
    .best_times = "09:00,13:00,20:00",
    .privacies = 1u << KN_PRIVACY_PUBLIC | 1u << KN_PRIVACY_FOLLOWERS | 1u << KN_PRIVACY_FRIENDS |
                 1u << KN_PRIVACY_PRIVATE,
    .drafts = true,
    .advance = advance,
};
