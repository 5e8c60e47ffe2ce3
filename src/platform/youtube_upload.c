/* A resumable upload: "Resumable Uploads" of the Data API's guides, 2026-09-11. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/youtube.h"
#include "platform/youtube_category.h"

enum {
    SESSION_BYTES_MAX = 4000,
    SESSIONS_MAX = 8, /* that YouTube may forget in a row */
    WHOLE_MAX = 60,   /* answers that YouTube has all of the file, and not what it made of it */
    STUCK_MAX = 5,    /* requests that it takes nothing of */
    STUCK_WAIT_S = 20,
    WHOLE_WAIT_S = 5,
};

/* "video/…", or what YouTube takes for any file. */
static const char *content_type(const char *path)
{
    static const char *const types[][2] = {
        {".mp4", "video/mp4"}, {".mov", "video/quicktime"}, {".webm", "video/webm"}};
    for (size_t i = 0; i < KN_COUNT_OF(types); i++)
        if (kn_ends_with(path, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

/* ---- a session ---- */

static bool is_scheduled(const struct kn_posting *posting)
{
    return posting->options.publish_at_us > kn_posting_now_us(posting);
}

const char *kn_youtube_privacy(const struct kn_posting *posting)
{
    switch (posting->options.privacy) {
    case KN_PRIVACY_DEFAULT:
    case KN_PRIVACY_PUBLIC:
        return "public";
    case KN_PRIVACY_UNLISTED:
        return "unlisted";
    case KN_PRIVACY_PRIVATE:
        return "private";
    default:
        return NULL;
    }
}

static json_t *snippet(const struct kn_posting *posting)
{
    const struct kn_post_text *text = &posting->text;
    int category = posting->options.category;
    json_t *tags = json_array();
    for (int i = 0; i < text->tag_count; i++)
        json_array_append_new(tags, kn_json_text(text->tags[i]));
    json_array_append_new(tags, kn_json_text(kn_youtube_mark(posting)));
    json_t *made = json_pack("{s:o, s:o, s:o, s:o}", "title", kn_json_text(text->title),
                             "description", kn_json_text(text->caption), "tags", tags, "categoryId",
                             json_sprintf("%d", category ? category : KN_YOUTUBE_CATEGORY_USUAL));
    if (text->language) {
        json_object_set_new(made, "defaultLanguage", kn_json_text(text->language));
        json_object_set_new(made, "defaultAudioLanguage", kn_json_text(text->language));
    }
    return made;
}

/* `at_us`: when YouTube is to show it; 0: at once. */
static json_t *video(const struct kn_posting *posting, int64_t at_us)
{
    const struct kn_post_options *options = &posting->options;
    char at[KN_TIME_TEXT_BYTES];
    json_t *status = json_pack(
        "{s:s, s:b, s:b, s:s}", "privacyStatus",
        at_us ? "private" : kn_youtube_privacy(posting), /* or the time is refused */
        "selfDeclaredMadeForKids", options->made_for_kids, "embeddable", 1, "license", "youtube");
    if (options->made_with_ai)
        json_object_set_new(status, "containsSyntheticMedia", json_true());
    if (at_us)
        json_object_set_new(status, "publishAt", kn_json_text(kn_time_iso(at_us, at)));
    return json_pack("{s:o, s:o}", "snippet", snippet(posting), "status", status);
}

/* The token goes wherever the session is: only to Google, or to the service of the settings. */
static bool may_have_token(const struct kn_posting *posting, const char *url)
{
    static const char *const hosts[] = {".googleapis.com", ".google.com", ".youtube.com"};
    if (strlen(url) > SESSION_BYTES_MAX || !kn_text_is_clean(url) || strpbrk(url, " <>\"\\@"))
        return false;
    const char *origin = kn_url_origin(posting->arena, url);
    if (posting->service_url)
        return strcmp(origin, kn_url_origin(posting->arena, posting->service_url)) == 0 ||
               (kn_url_is_loopback(posting->service_url) && kn_url_is_loopback(url));
    for (size_t i = 0; i < KN_COUNT_OF(hosts); i++)
        if (kn_starts_with(origin, "https://") && kn_ends_with(origin, hosts[i]))
            return true;
    return false;
}

/* `told_us`: the time that YouTube got with it; 0: none. */
static enum kn_status opened(struct kn_posting *posting, const struct kn_http_answer *answer,
                             int64_t told_us, struct kn_error *err)
{
    const char *session = kn_http_header(answer, "location");
    if (!session || !may_have_token(posting, session))
        return kn_error_set(err, KN_REMOTE, "YouTube's answer names no upload session");
    kn_posting_set_text(posting, "session", session);
    kn_posting_set_number(posting, "session_us", kn_posting_now_us(posting));
    kn_posting_set_number(posting, "told_us", told_us);
    kn_posting_forget(posting, "offset");
    kn_posting_forget(posting, "doubt");
    posting->state = KN_POST_UPLOADING;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

enum kn_status kn_youtube_open(struct kn_posting *posting, struct kn_error *err)
{
    if (!kn_youtube_privacy(posting))
        return kn_posting_fail(posting, "use public, unlisted or private",
                               "YouTube has no privacy setting “%s”",
                               kn_privacy_name(posting->options.privacy));
    int64_t told_us = is_scheduled(posting) ? posting->options.publish_at_us : 0;
    if (told_us && strcmp(kn_youtube_privacy(posting), "public") != 0)
        return kn_posting_fail(posting, "publish it again without a time",
                               "YouTube makes public what it shows at a time, and this one is to "
                               "be %s",
                               kn_privacy_name(posting->options.privacy));
    KN_SCOPED_JSON body = video(posting, told_us);
    char bytes[24];
    snprintf(bytes, sizeof bytes, "%lld", (long long)posting->clip.bytes);
    const struct kn_http_header headers[] = {
        {"X-Upload-Content-Length", bytes},
        {"X-Upload-Content-Type", content_type(posting->clip.path)}};
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request =
            {
                .method = "POST",
                .url = kn_youtube_api(posting,
                                      "/upload/youtube/v3/videos?uploadType=resumable&"
                                      "part=snippet,status&notifySubscribers=%s",
                                      posting->options.notify ? "true" : "false"),
                .headers = headers,
                .header_count = KN_COUNT_OF(headers),
            },
        .token = KN_TOKEN_BEARER,
        .json = body,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status == 200 || answer.status == 201)
        return opened(posting, &answer, told_us, err);
    return kn_youtube_refusal(posting, &answer, "uploads", err);
}

enum kn_status kn_youtube_start_over(struct kn_posting *posting, struct kn_error *err)
{
    static const char *const keys[] = {"session", "offset", "doubt", "stuck", "gone_us", "looks"};
    int64_t sessions = kn_posting_number(posting, "sessions") + 1;
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    kn_posting_settle(posting);
    kn_posting_set_number(posting, "sessions", sessions);
    posting->sent_bytes = 0;
    enum kn_status status = kn_posting_remember(posting, err);
    if (status != KN_OK)
        return status;
    if (sessions > SESSIONS_MAX) {
        kn_posting_forget(posting, "sessions");
        return kn_posting_fail(posting, "publish it again later with “kirinuki publish --retry”",
                               "YouTube forgot the upload %d times", SESSIONS_MAX);
    }
    return kn_posting_step(posting);
}

/* ---- what a session answers ---- */

enum kn_status kn_youtube_arrived(struct kn_posting *posting, const char *id, struct kn_error *err)
{
    static const char *const keys[] = {"session", "offset",   "doubt", "stuck",
                                       "gone_us", "sessions", "looks"};
    kn_posting_set_text(posting, "id", id);
    kn_posting_set_number(posting, "arrived_us", kn_posting_now_us(posting));
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    posting->state = KN_POST_PROCESSING;
    posting->sent_bytes = posting->clip.bytes;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* "bytes=0-999999" or "0-999999": 1000000; nothing of the file is there: 0; -1: nonsense. */
static int64_t stored(const struct kn_http_answer *answer)
{
    const char *range = kn_http_header(answer, "range");
    long long last;
    if (!range)
        return 0;
    if (kn_starts_with(range, "bytes="))
        range += strlen("bytes=");
    if (!kn_starts_with(range, "0-") || !kn_parse_int(range + 2, 0, INT64_MAX - 1, &last))
        return -1;
    return last + 1;
}

static bool is_gone(const struct kn_http_answer *answer)
{
    return answer->status == 404 || answer->status == 410;
}

static enum kn_status gone(struct kn_posting *posting, struct kn_error *err)
{
    if (!kn_posting_intended_us(posting))
        return kn_youtube_start_over(posting, err);
    kn_posting_set_number(posting, "gone_us", kn_posting_now_us(posting));
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* And no answer to it yet: that is asked for again. */
static enum kn_status whole(struct kn_posting *posting, const struct kn_http_answer *answer,
                            struct kn_error *err)
{
    int64_t asked = kn_posting_number(posting, "stuck") + 1;
    kn_posting_set_number(posting, "stuck", asked);
    if (asked > WHOLE_MAX)
        return gone(posting, err);
    return kn_posting_later(posting, answer, WHOLE_WAIT_S * KN_US_PER_S,
                            "YouTube has all of the file");
}

/* YouTube has a part of the file, so there is no video. */
static enum kn_status incomplete(struct kn_posting *posting, const struct kn_http_answer *answer,
                                 struct kn_error *err)
{
    int64_t offset = stored(answer), before = kn_posting_number(posting, "offset");
    const char *moved = kn_http_header(answer, "location");
    if (offset < 0 || offset > posting->clip.bytes)
        return kn_error_set(err, KN_REMOTE, "YouTube says that it has bytes that were never sent");
    if (moved && may_have_token(posting, moved))
        kn_posting_set_text(posting, "session", moved);
    if (offset == posting->clip.bytes)
        return whole(posting, answer, err);
    int64_t stuck = offset > before ? 0 : kn_posting_number(posting, "stuck") + 1;
    kn_posting_set_number(posting, "offset", offset);
    kn_posting_set_number(posting, "stuck", stuck);
    kn_posting_forget(posting, "doubt");
    kn_posting_settle(posting);
    posting->sent_bytes = offset;
    if (stuck > STUCK_MAX)
        return kn_youtube_start_over(posting, err);
    if (stuck > 1 || kn_http_header(answer, "retry-after"))
        return kn_posting_later(posting, answer, STUCK_WAIT_S * KN_US_PER_S,
                                "YouTube takes nothing more of the file for now");
    return kn_posting_step(posting);
}

static enum kn_status take(struct kn_posting *posting, const struct kn_http_answer *answer,
                           struct kn_error *err)
{
    if (answer->status == 308)
        return incomplete(posting, answer, err);
    if (is_gone(answer))
        return gone(posting, err);
    if (answer->status != 200 && answer->status != 201)
        return kn_youtube_refusal(posting, answer, "uploads", err);
    const char *id = kn_answer_id(posting, kn_answer_json(posting, answer), "id");
    if (!id) /* asked again, it repeats it */
        return kn_error_set(err, KN_REMOTE, "YouTube's answer to the upload names no video");
    return kn_youtube_arrived(posting, id, err);
}

/* ---- what it is asked ---- */

static enum kn_status put(struct kn_posting *posting, int64_t from, int64_t bytes,
                          const char *range, bool *ret_sent, struct kn_http_answer *ret_answer,
                          struct kn_error *err)
{
    const struct kn_http_header headers[] = {{"Content-Range", range},
                                             {"Content-Type", content_type(posting->clip.path)}};
    const struct kn_posting_call call = {
        .request = {.method = "PUT",
                    .url = kn_posting_text(posting, "session"),
                    .once = bytes > 0,
                    .headers = headers,
                    .header_count = bytes ? 2 : 1},
        .token = KN_TOKEN_BEARER,
        .file_offset = from,
        .file_bytes = bytes,
    };
    return kn_posting_call(posting, &call, ret_answer, ret_sent, err);
}

enum kn_status kn_youtube_ask(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    const char *range =
        kn_arena_printf(posting->arena, "bytes */%lld", (long long)posting->clip.bytes);
    enum kn_status status = put(posting, 0, 0, range, NULL, &answer, err);
    if (status == KN_OK)
        status = take(posting, &answer, err);
    if (status == KN_OK && posting->next == KN_NEXT_FAILED && kn_posting_intended_us(posting))
        return kn_posting_untold(posting);
    return status;
}

enum kn_status kn_youtube_send(struct kn_posting *posting, struct kn_error *err)
{
    int64_t from = kn_posting_number(posting, "offset"), bytes = posting->clip.bytes;
    struct kn_http_answer answer;
    bool sent;
    if (bytes == 0)
        return kn_posting_fail(posting, "render the clip again", "the clip is empty");
    kn_posting_set_number(posting, "doubt", 1);
    posting->state = KN_POST_UPLOADING;
    enum kn_status status = kn_posting_intend(posting, err);
    if (status != KN_OK)
        return status;
    const char *range = kn_arena_printf(posting->arena, "bytes %lld-%lld/%lld", (long long)from,
                                        (long long)bytes - 1, (long long)bytes);
    status = put(posting, from, bytes - from, range, &sent, &answer, err);
    if (status == KN_OK && answer.status / 100 == 4) /* it took nothing of this */
        kn_posting_settle(posting);
    if (status == KN_OK)
        return take(posting, &answer, err);
    if (!sent) /* without its last byte it is no video */
        kn_posting_settle(posting);
    return status;
}
