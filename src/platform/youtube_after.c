/* What follows an upload: "Thumbnails: set", "Captions: insert" and "Videos: list" of the Data
 * API's reference, 2026-09-11. The video is there, whatever becomes of the rest. */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/youtube.h"

enum {
    THUMBNAIL_BYTES_MAX = 2000000,
    CAPTIONS_BYTES_MAX = 4 << 20, /* of 100 MB that are allowed */
    TRIES_MAX = 3,
    TRY_WAIT_S = 5,
    WATCH_FIRST_S = 10,
    WATCH_MOST_S = 60,
    WATCH_GROWS = 5, /* seconds, from one look to the next */
    WATCH_FAILURES_MAX = 10,
};

static const int64_t lost_us = INT64_C(600000000); /* until an unlisted video counts as gone */
static const int64_t patience_us = INT64_C(86400000000); /* for its processing */

/* ---- what is beside the video ---- */

/* One of the things beside the video: tried a few times, and then a remark. */
struct extra {
    const char *what;             /* "the thumbnail" */
    const char *done_key, *tries; /* in the memory */
};

static enum kn_status settle_extra(struct kn_posting *posting, const struct extra *extra,
                                   struct kn_error *err)
{
    kn_posting_set_number(posting, extra->done_key, 1);
    kn_posting_forget(posting, extra->tries);
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static enum kn_status give_up_extra(struct kn_posting *posting, const struct extra *extra,
                                    const char *why, struct kn_error *err)
{
    kn_posting_remark(posting, "%s could not be added: %s", extra->what, why);
    return settle_extra(posting, extra, err);
}

static enum kn_status extra_later(struct kn_posting *posting, const struct extra *extra,
                                  const char *why, struct kn_error *err)
{
    int64_t tries = kn_posting_number(posting, extra->tries) + 1;
    if (tries >= TRIES_MAX)
        return give_up_extra(posting, extra, why, err);
    kn_posting_set_number(posting, extra->tries, tries);
    return kn_posting_wait(posting, kn_posting_now_us(posting) + TRY_WAIT_S * KN_US_PER_S,
                           "%s is tried again: %s", extra->what, why);
}

static enum kn_status add_extra(struct kn_posting *posting, const struct extra *extra,
                                const struct kn_posting_call *call, struct kn_error *err)
{
    struct kn_http_answer answer;
    enum kn_status status = kn_posting_call(posting, call, &answer, NULL, err);
    if (status == KN_CANCELLED || status == KN_LOST)
        return status;
    if (status != KN_OK)
        return extra_later(posting, extra, kn_error_text(err), err);
    const char *reason = kn_youtube_reason(posting, &answer);
    if (answer.status / 100 == 2 || strcmp(reason, "captionExists") == 0)
        return settle_extra(posting, extra, err);
    const char *said =
        kn_answer_sentence(posting, kn_answer_json(posting, &answer), "error.message");
    const char *why =
        kn_arena_printf(posting->arena, "YouTube answers %d%s%s%s%s", answer.status,
                        *reason ? " " : "", reason, said ? ": " : "", said ? said : "");
    /* A video that has only just arrived may not be known everywhere. */
    bool may_pass = answer.status >= 500 || answer.status == 429 || answer.status == 404;
    return may_pass ? extra_later(posting, extra, why, err)
                    : give_up_extra(posting, extra, why, err);
}

enum kn_status kn_youtube_thumbnail(struct kn_posting *posting, struct kn_error *err)
{
    static const struct extra extra = {"the thumbnail", "thumbnail_done", "thumbnail_tries"};
    KN_SCOPED_MEM char *data = NULL;
    size_t size;
    if (kn_file_read(posting->clip.thumbnail, THUMBNAIL_BYTES_MAX, &data, &size, err) != KN_OK)
        return give_up_extra(posting, &extra, kn_error_text(err), err);
    const struct kn_http_header header = {"Content-Type", "image/jpeg"};
    const struct kn_posting_call call = {
        .request = {.method = "POST",
                    .url = kn_youtube_api(
                        posting, "/upload/youtube/v3/thumbnails/set?uploadType=media&videoId=%s",
                        kn_posting_text(posting, "id")),
                    .headers = &header,
                    .header_count = 1,
                    .body = data,
                    .body_size = size},
        .token = KN_TOKEN_BEARER,
    };
    return add_extra(posting, &extra, &call, err);
}

/* RFC 2387: the description of the track, then the track. */
static void write_captions(struct kn_posting *posting, const char *boundary, const char *track,
                           size_t size, struct kn_str *out)
{
    KN_SCOPED_JSON about =
        json_pack("{s:{s:s, s:o, s:s, s:b}}", "snippet", "videoId", kn_posting_text(posting, "id"),
                  "language", kn_json_text(posting->text.language), "name", "", "isDraft", 0);
    kn_str_printf(out, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n", boundary);
    kn_json_add(out, about, true);
    kn_str_printf(out, "\r\n--%s\r\nContent-Type: application/octet-stream\r\n\r\n", boundary);
    kn_str_add_bytes(out, track, size);
    kn_str_printf(out, "\r\n--%s--\r\n", boundary);
}

enum kn_status kn_youtube_captions(struct kn_posting *posting, struct kn_error *err)
{
    static const struct extra extra = {"subtitles", "captions_done", "captions_tries"};
    KN_SCOPED_MEM char *track = NULL;
    size_t size;
    if (!posting->text.language)
        return give_up_extra(posting, &extra, "their language is not known", err);
    if (kn_file_read(posting->clip.subtitles, CAPTIONS_BYTES_MAX, &track, &size, err) != KN_OK)
        return give_up_extra(posting, &extra, kn_error_text(err), err);
    KN_SCOPED_STR body = {0};
    const char *boundary = kn_arena_printf(posting->arena, "kirinuki-%s", posting->marker);
    write_captions(posting, boundary, track, size, &body);
    const struct kn_http_header header = {
        "Content-Type",
        kn_arena_printf(posting->arena, "multipart/related; boundary=%s", boundary)};
    const struct kn_posting_call call = {
        .request = {.method = "POST",
                    .url =
                        kn_youtube_api(posting, "/upload/youtube/v3/captions?uploadType=multipart&"
                                                "part=snippet"),
                    .headers = &header,
                    .header_count = 1,
                    .body = kn_str_text(&body),
                    .body_size = body.length},
        .token = KN_TOKEN_BEARER,
    };
    return add_extra(posting, &extra, &call, err);
}

/* ---- watching ---- */

enum kn_status kn_youtube_arrived_well(struct kn_posting *posting, const json_t *status)
{
    const struct kn_post_options *options = &posting->options;
    const char *id = kn_posting_text(posting, "id"), *url = kn_youtube_watch_url(posting, id);
    const char *privacy = status ? kn_answer_id(posting, status, "privacyStatus") : NULL;
    int64_t told_us = kn_posting_number(posting, "told_us"), now_us = kn_posting_now_us(posting);
    bool is_private = privacy && strcmp(privacy, "private") == 0;
    bool keeps_time = status ? is_private && kn_answer_at(status, "publishAt") : told_us > now_us;
    if (told_us && keeps_time) /* at once, where another time is wanted by now */
        return kn_posting_scheduled(posting, id, url, told_us,
                                    told_us == options->publish_at_us
                                        ? KN_MAX(told_us, now_us) + KN_YOUTUBE_LOOK_AFTER_US
                                        : now_us);
    if (is_private && options->privacy != KN_PRIVACY_PRIVATE)
        kn_posting_remark(posting,
                          "YouTube keeps the video private: it does so with all uploads of "
                          "applications that Google has not audited. Make it public in YouTube "
                          "Studio, or have your API project audited");
    return kn_posting_live(posting, id, url);
}

static enum kn_status look_again(struct kn_posting *posting, const json_t *item)
{
    int64_t looks = kn_posting_number(posting, "looks"), now_us = kn_posting_now_us(posting);
    int64_t wait_s = KN_MIN(WATCH_FIRST_S + looks * WATCH_GROWS, WATCH_MOST_S);
    int64_t left_ms = kn_answer_number(item, "processingDetails.processingProgress.timeLeftMs", 0);
    if (left_ms > 0)
        wait_s = KN_CLAMP(left_ms / 1000, WATCH_FIRST_S, WATCH_MOST_S);
    if (now_us - kn_posting_number(posting, "arrived_us") > patience_us) {
        kn_posting_remark(posting, "YouTube is still processing the video after a day");
        return kn_youtube_arrived_well(posting, NULL);
    }
    kn_posting_set_number(posting, "looks", looks + 1);
    return kn_posting_wait(posting, now_us + wait_s * KN_US_PER_S, "YouTube processes the video");
}

static const char *text_at(struct kn_posting *posting, const json_t *item, const char *path)
{
    const char *text = kn_answer_id(posting, item, path);
    return text ? text : "";
}

const char *kn_youtube_lost(struct kn_posting *posting, const json_t *item)
{
    const char *upload = text_at(posting, item, "status.uploadStatus");
    if (strcmp(upload, "deleted") == 0)
        return upload;
    if (strcmp(upload, "rejected") == 0)
        return text_at(posting, item, "status.rejectionReason");
    if (strcmp(upload, "failed") == 0)
        return text_at(posting, item, "status.failureReason");
    return NULL;
}

static enum kn_status judge(struct kn_posting *posting, const json_t *item)
{
    const char *upload = text_at(posting, item, "status.uploadStatus");
    const char *processing = text_at(posting, item, "processingDetails.processingStatus");
    const char *lost = kn_youtube_lost(posting, item);
    if (strcmp(upload, "processed") == 0)
        return kn_youtube_arrived_well(posting, kn_answer_at(item, "status"));
    if (lost)
        return kn_youtube_gave_up(posting, lost);
    if (strcmp(processing, "failed") == 0 || strcmp(processing, "terminated") == 0)
        return kn_youtube_gave_up(
            posting, text_at(posting, item, "processingDetails.processingFailureReason"));
    return look_again(posting, item);
}

/* It cannot be watched, but it is there. */
static enum kn_status unwatched(struct kn_posting *posting, const char *why)
{
    kn_posting_remark(posting, "its processing could not be followed: %s", why);
    return kn_youtube_arrived_well(posting, NULL);
}

/* This time: whoever cannot see a video that is there does not give it up. */
static enum kn_status not_seen(struct kn_posting *posting, const char *why)
{
    int64_t failures = kn_posting_number(posting, "watch_failures") + 1;
    if (failures > WATCH_FAILURES_MAX)
        return unwatched(posting, why);
    kn_posting_set_number(posting, "watch_failures", failures);
    return kn_posting_wait(posting,
                           kn_posting_now_us(posting) + failures * WATCH_FIRST_S * KN_US_PER_S,
                           "the video is there; its processing cannot be followed now: %s", why);
}

enum kn_status kn_youtube_watch(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request = {.url = kn_youtube_api(posting,
                                          "/youtube/v3/videos?part=status,processingDetails&id=%s",
                                          kn_posting_text(posting, "id"))},
        .token = KN_TOKEN_BEARER,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status == KN_OK && answer.status != 200) {
        status = kn_youtube_refusal(posting, &answer, "units", err);
        if (status == KN_OK && posting->next == KN_NEXT_FAILED)
            return unwatched(posting, posting->reason);
        if (status == KN_OK)
            return KN_OK;
    }
    if (status == KN_CANCELLED || status == KN_LOST)
        return status;
    if (status != KN_OK)
        return not_seen(posting, kn_error_text(err));
    const json_t *json = kn_answer_json(posting, &answer);
    const json_t *items = json_object_get(json, "items");
    if (!json_is_array(items))
        return not_seen(posting, "YouTube's answer about it makes no sense");
    kn_posting_forget(posting, "watch_failures");
    if (json_array_size(items) > 0)
        return judge(posting, json_array_get(items, 0));
    if (kn_posting_now_us(posting) - kn_posting_number(posting, "arrived_us") < lost_us)
        return look_again(posting, NULL);
    return kn_youtube_gave_up(posting, "notThere");
}
