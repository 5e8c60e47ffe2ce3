/* Videos: how they come into being, change with time, and are told of. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/youtube.h"

#define LONGEST_US    (INT64_C(12) * 3600 * KN_US_PER_S)
#define UNVERIFIED_US (INT64_C(15) * 60 * KN_US_PER_S)

static const char *text_of(const struct kn_yt_video *video, const char *part, const char *name)
{
    return json_string_value(json_object_get(json_object_get(video->resource, part), name));
}

static const char *privacy_of(const struct kn_yt_video *video)
{
    static const char *const levels[] = {"private", "unlisted", "public"};
    const char *privacy = text_of(video, "status", "privacyStatus");
    for (size_t i = 0; privacy && i < KN_COUNT_OF(levels); i++)
        if (strcmp(levels[i], privacy) == 0)
            return levels[i];
    return "public"; /* what an insert gets that does not say */
}

/* ---- coming into being ---- */

/* What processing will find out. */
static void foresee(const struct kn_mimics *m, struct kn_yt_video *video, bool fails)
{
    const struct kn_shown_facts *facts = &video->upload->facts;
    bool verified = m->settings[KN_MIMIC_YOUTUBE_VERIFIED] > 0;
    if (fails)
        video->failure = "conversion";
    else if (!facts->readable || !facts->video[0])
        video->failure = "invalidFile";
    else if (facts->duration_us > (verified ? LONGEST_US : UNVERIFIED_US))
        video->rejection = "length";
}

static void tell_post(struct kn_mimics *m, struct kn_yt_video *video)
{
    struct kn_post *post = video->post;
    const char *at = text_of(video, "status", "publishAt");
    json_t *snippet = json_object_get(video->resource, "snippet");
    const char *title = text_of(video, "snippet", "title");
    const char *description = text_of(video, "snippet", "description");
    const json_t *tags = json_object_get(snippet, "tags");
    if (post->visible_us < 0) /* the ledger keeps what was seen first */
        post->text = kn_mimics_keep(m, json_pack("{s:o, s:o, s:o}", "title", kn_json_text(title),
                                                 "description", kn_json_text(description), "tags",
                                                 tags ? json_deep_copy(tags) : json_array()));
    post->privacy = privacy_of(video);
    post->publish_us = at ? kn_yt_time(at) : -1;
}

/* What a named part leaves out is deleted, and so is all of a part that is named alone. */
void kn_yt_video_write(struct kn_mimics *m, struct kn_yt_video *video, const json_t *body,
                       const char *parts)
{
    static const char *const writable[] = {"snippet", "status", "localizations", "recordingDetails",
                                           "paidProductPlacementDetails"};
    static const char *const read_only[] = {
        "channelId",   "channelTitle", "publishedAt",   "thumbnails",      "localized",
        "madeForKids", "uploadStatus", "failureReason", "rejectionReason", "liveBroadcastContent"};
    for (size_t p = 0; p < KN_COUNT_OF(writable); p++) {
        if (!kn_yt_has_part(parts, writable[p]))
            continue;
        const json_t *value = json_object_get(body, writable[p]);
        json_t *copy = value ? json_deep_copy(value) : json_object();
        for (size_t i = 0; i < KN_COUNT_OF(read_only); i++)
            json_object_del(copy, read_only[i]);
        json_object_set_new(video->resource, writable[p], copy);
    }
    tell_post(m, video);
}

struct kn_yt_video *kn_yt_video_make(struct kn_mimics *m, struct kn_yt_state *state,
                                     const struct kn_yt_session *session, int64_t now_us)
{
    struct kn_yt_video *video = kn_arena_alloc(m->arena, sizeof *video);
    video->id = kn_mimics_make_id(m, KN_MIMIC_BASE64, 11);
    video->account = session->account;
    video->upload = session->upload;
    video->made_us = now_us;
    video->processed_us = now_us + (int64_t)(session->processing_s * 1e6);
    video->resource = kn_mimics_keep(m, json_object());
    video->post = kn_shown_posts_add(m, "youtube", session->account, now_us);
    video->post->id = video->id;
    video->post->url = kn_arena_printf(m->arena, "https://www.youtube.com/watch?v=%s", video->id);
    video->post->video = session->upload;
    kn_yt_video_write(m, video, session->resource, session->parts);
    foresee(m, video, session->fails);
    kn_vec_push(&state->videos, video);
    return video;
}

/* ---- time goes on ---- */

static void set_privacy(struct kn_yt_video *video, const char *privacy)
{
    json_t *status = json_object_get(video->resource, "status");
    if (!status) {
        status = json_object();
        json_object_set_new(video->resource, "status", status);
    }
    json_object_set_new(status, "privacyStatus", json_string(privacy));
    json_object_del(status, "publishAt");
}

static void settle(struct kn_yt_video *video)
{
    video->settled = true;
    if (video->failure || video->rejection) {
        video->post->state = KN_SHOWN_FAILED;
        video->post->reason = video->failure ? video->failure : video->rejection;
    }
}

/* A video is seen from the end of its processing on, or from its time on, whichever is later. */
static void publish(struct kn_mimics *m, struct kn_yt_video *video, int64_t now_us)
{
    int64_t from_us = video->processed_us;
    if (m->settings[KN_MIMIC_UNAUDITED] > 0) { /* locked, whatever is asked for later */
        set_privacy(video, "private");
        tell_post(m, video);
    }
    int64_t at_us = video->post->publish_us;
    if (text_of(video, "status", "publishAt") && at_us <= now_us) {
        from_us = KN_MAX(from_us, at_us);
        set_privacy(video, "public");
        tell_post(m, video);
        video->post->publish_us = at_us; /* stays in the ledger */
    }
    const char *privacy = privacy_of(video);
    if (strcmp(privacy, "private") != 0) {
        video->was_published = true;
        kn_shown_appear(m, video->post, from_us);
    } else {
        video->post->state = at_us > now_us ? KN_SHOWN_SCHEDULED : KN_SHOWN_HIDDEN;
    }
    video->post->privacy = privacy;
}

void kn_yt_tick(struct kn_mimics *m, void *arg, int64_t now_us)
{
    struct kn_yt_state *state = arg;
    for (int i = 0; i < state->videos.count; i++) {
        struct kn_yt_video *video = state->videos.at[i];
        if (video->deleted || now_us < video->processed_us)
            continue;
        if (!video->settled)
            settle(video);
        if (!video->failure && !video->rejection)
            publish(m, video, now_us);
    }
}

/* ---- telling ---- */

static json_t *thumbnail(const char *url, int width, int height)
{
    return json_pack("{s:s, s:i, s:i}", "url", url, "width", width, "height", height);
}

json_t *kn_yt_thumbnails_json(struct kn_mimic_visit *visit, const struct kn_yt_video *video)
{
    const char *url =
        video->thumbnail
            ? kn_arena_printf(visit->arena, "%s/sandbox/media/%d", kn_mimic_base(visit),
                              video->thumbnail->number)
            : kn_arena_printf(visit->arena, "https://i.ytimg.com/vi/%s/default.jpg", video->id);
    return json_pack("{s:o, s:o, s:o}", "default", thumbnail(url, 120, 90), "medium",
                     thumbnail(url, 320, 180), "high", thumbnail(url, 480, 360));
}

static json_t *snippet_json(struct kn_mimic_visit *visit, const struct kn_yt_video *video)
{
    char id[KN_MIMIC_ID_BYTES], made[KN_TIME_TEXT_BYTES];
    const json_t *written = json_object_get(video->resource, "snippet");
    json_t *snippet = written ? json_deep_copy(written) : json_object();
    int64_t published_us = video->post->visible_us >= 0 ? video->post->visible_us : video->made_us;
    json_object_set_new(snippet, "publishedAt", json_string(kn_time_iso(published_us, made)));
    json_object_set_new(snippet, "channelId",
                        json_string(kn_mimic_account_id(KN_MIMIC_YOUTUBE, video->account, id)));
    json_object_set_new(snippet, "channelTitle", json_string(visit->m->accounts[video->account]));
    json_object_set_new(snippet, "thumbnails", kn_yt_thumbnails_json(visit, video));
    json_object_set_new(snippet, "liveBroadcastContent", json_string("none"));
    if (!json_object_get(snippet, "description"))
        json_object_set_new(snippet, "description", json_string(""));
    if (!json_object_get(snippet, "categoryId"))
        json_object_set_new(snippet, "categoryId", json_string("22"));
    json_object_set_new(snippet, "localized",
                        json_pack("{s:O, s:O}", "title", json_object_get(snippet, "title"),
                                  "description", json_object_get(snippet, "description")));
    return snippet;
}

static void set_default(json_t *object, const char *name, json_t *value)
{
    if (!json_object_get(object, name))
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

static json_t *status_json(const struct kn_mimic_visit *visit, const struct kn_yt_video *video)
{
    const json_t *written = json_object_get(video->resource, "status");
    json_t *status = written ? json_deep_copy(written) : json_object();
    bool over = visit->now_us >= video->processed_us;
    const char *state = !over              ? "uploaded"
                        : video->failure   ? "failed"
                        : video->rejection ? "rejected"
                                           : "processed";
    const json_t *kids = json_object_get(status, "selfDeclaredMadeForKids");
    json_object_set_new(status, "uploadStatus", json_string(state));
    json_object_set_new(status, "madeForKids", json_boolean(json_is_true(kids)));
    set_default(status, "privacyStatus", json_string("public"));
    set_default(status, "license", json_string("youtube"));
    set_default(status, "embeddable", json_true());
    set_default(status, "publicStatsViewable", json_true());
    if (over && video->failure)
        json_object_set_new(status, "failureReason", json_string(video->failure));
    if (over && video->rejection)
        json_object_set_new(status, "rejectionReason", json_string(video->rejection));
    return status;
}

static json_t *processing_json(const struct kn_mimic_visit *visit, const struct kn_yt_video *video)
{
    int64_t left_us = video->processed_us - visit->now_us;
    int64_t all_us = KN_MAX(video->processed_us - video->made_us, 1);
    bool over = left_us <= 0;
    json_t *json = json_pack("{s:s, s:s, s:s}", "processingStatus",
                             !over            ? "processing"
                             : video->failure ? "failed"
                                              : "succeeded",
                             "fileDetailsAvailability", "available", "thumbnailsAvailability",
                             over ? "available" : "inProgress");
    if (!over)
        json_object_set_new(json, "processingProgress",
                            json_pack("{s:s, s:o, s:o}", "partsTotal", "1000", "partsProcessed",
                                      json_sprintf("%" PRId64, (all_us - left_us) * 1000 / all_us),
                                      "timeLeftMs", json_sprintf("%" PRId64, left_us / 1000)));
    else if (video->failure)
        json_object_set_new(json, "processingFailureReason", json_string("transcodeFailed"));
    return json;
}

static json_t *content_json(const struct kn_yt_video *video)
{
    int64_t s = (video->upload->facts.duration_us + KN_US_PER_S / 2) / KN_US_PER_S;
    return json_pack("{s:o, s:s, s:s, s:s, s:b}", "duration",
                     json_sprintf("PT%" PRId64 "M%" PRId64 "S", s / 60, s % 60), "dimension", "2d",
                     "definition", video->upload->facts.height >= 720 ? "hd" : "sd", "caption",
                     video->captions.count ? "true" : "false", "licensedContent", false);
}

json_t *kn_yt_video_json(struct kn_mimic_visit *visit, const struct kn_yt_video *video,
                         const char *parts)
{
    static const char *const plain[] = {"localizations", "recordingDetails",
                                        "paidProductPlacementDetails"};
    bool own = visit->who.account == video->account;
    json_t *json =
        json_pack("{s:s, s:o, s:s}", "kind", "youtube#video", "etag",
                  json_sprintf("\"%s-%d\"", video->id, (int)video->settled), "id", video->id);
    if (kn_yt_has_part(parts, "snippet"))
        json_object_set_new(json, "snippet", snippet_json(visit, video));
    if (kn_yt_has_part(parts, "status"))
        json_object_set_new(json, "status", status_json(visit, video));
    if (kn_yt_has_part(parts, "processingDetails") && own)
        json_object_set_new(json, "processingDetails", processing_json(visit, video));
    if (kn_yt_has_part(parts, "contentDetails"))
        json_object_set_new(json, "contentDetails", content_json(video));
    if (kn_yt_has_part(parts, "statistics"))
        json_object_set_new(json, "statistics",
                            json_pack("{s:s, s:s}", "viewCount", "0", "likeCount", "0"));
    for (size_t i = 0; i < KN_COUNT_OF(plain); i++)
        if (kn_yt_has_part(parts, plain[i]) && json_object_get(video->resource, plain[i]))
            json_object_set_new(json, plain[i],
                                json_deep_copy(json_object_get(video->resource, plain[i])));
    return json;
}
