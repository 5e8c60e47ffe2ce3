/* "Chunked media upload" of the X API, 2026-09-11. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/x.h"

enum {
    EXPIRES_USUALLY_S = 24 * 60 * 60,
    EXPIRY_MARGIN_S = 60,
    CHECK_USUALLY_S = 5,
    CHECK_MOST_S = 300,
    UPLOADS_MAX = 4, /* that X may refuse in a row */
};

/* ---- beginning and beginning again ---- */

static const char *media_type(const char *path)
{
    if (kn_ends_with(path, ".mov"))
        return "video/quicktime";
    return "video/mp4";
}

enum kn_status kn_x_initialize(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    if (posting->clip.bytes == 0)
        return kn_posting_fail(posting, "render the clip again", "the clip is empty");
    KN_SCOPED_JSON body =
        json_pack("{s:s, s:s, s:I}", "media_type", media_type(posting->clip.path), "media_category",
                  "tweet_video", "total_bytes", (json_int_t)posting->clip.bytes);
    enum kn_status status = kn_x_call(
        posting, "POST", kn_x_api(posting, "/2/media/upload/initialize"), body, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status / 100 != 2)
        return kn_x_refusal(posting, &answer, "uploads", err);
    const json_t *json = kn_answer_json(posting, &answer);
    const char *id = kn_answer_id(posting, json, "data.id");
    const char *key = kn_answer_id(posting, json, "data.media_key");
    int64_t expires_s = kn_answer_number(json, "data.expires_after_secs", EXPIRES_USUALLY_S);
    if (!id)
        return kn_error_set(err, KN_REMOTE, "X's answer names no upload");
    expires_s = KN_CLAMP(expires_s, 2 * EXPIRY_MARGIN_S, EXPIRES_USUALLY_S) - EXPIRY_MARGIN_S;
    kn_posting_set_text(posting, "media", id);
    if (key)
        kn_posting_set_text(posting, "media_key", key);
    kn_posting_set_number(posting, "media_until_us",
                          kn_posting_now_us(posting) + expires_s * KN_US_PER_S);
    posting->state = KN_POST_UPLOADING;
    status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static void forget_upload(struct kn_posting *posting)
{
    static const char *const keys[] = {"media", "media_key",  "media_until_us", "appended",
                                       "ready", "finalizing", "subtitles_done"};
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    posting->sent_bytes = 0;
}

enum kn_status kn_x_start_over(struct kn_posting *posting, const char *why, struct kn_error *err)
{
    int64_t uploads = kn_posting_number(posting, "uploads") + 1;
    forget_upload(posting);
    kn_posting_set_number(posting, "uploads", uploads);
    enum kn_status status = kn_posting_remember(posting, err);
    if (status != KN_OK)
        return status;
    if (uploads < UPLOADS_MAX)
        return kn_posting_step(posting);
    kn_posting_forget(posting, "uploads");
    return kn_posting_fail(posting, "publish it again later with “kirinuki publish --retry”",
                           "X has refused the upload %d times: %s", UPLOADS_MAX, why);
}

/* ---- segments ---- */

/* Did X refuse the upload itself, so that only another one helps? */
static bool is_void(const struct kn_http_answer *answer)
{
    return answer->status == 400 || answer->status == 404 || answer->status == 410;
}

static enum kn_status appended(struct kn_posting *posting, int64_t index, int64_t end,
                               struct kn_error *err)
{
    kn_posting_set_number(posting, "appended", index + 1);
    posting->sent_bytes = end;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

enum kn_status kn_x_append(struct kn_posting *posting, struct kn_error *err)
{
    int64_t index = kn_posting_number(posting, "appended");
    int64_t from = index * KN_X_SEGMENT_BYTES;
    int64_t bytes = KN_MIN(posting->clip.bytes - from, (int64_t)KN_X_SEGMENT_BYTES);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)index);
    const struct kn_http_part parts[] = {
        {.name = "segment_index", .data = number, .size = strlen(number)},
        {.name = "media", .filename = "media", .content_type = "application/octet-stream"},
    };
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request = {.url = kn_x_api(posting, "/2/media/upload/%s/append",
                                    kn_posting_text(posting, "media")),
                    .parts = parts,
                    .part_count = KN_COUNT_OF(parts)},
        .token = KN_TOKEN_BEARER,
        .file_offset = from,
        .file_bytes = bytes,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status / 100 == 2)
        return appended(posting, index, from + bytes, err);
    if (is_void(&answer))
        return kn_x_start_over(posting, kn_x_detail(posting, &answer), err);
    return kn_x_refusal(posting, &answer, "uploads", err);
}

/* ---- processing ---- */

static enum kn_status ready(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_set_number(posting, "ready", 1);
    kn_posting_forget(posting, "uploads");
    posting->state = KN_POST_PROCESSING;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* What finalize and STATUS say alike. */
static enum kn_status take_state(struct kn_posting *posting, const json_t *json,
                                 struct kn_error *err)
{
    const json_t *info = kn_answer_at(json, "data.processing_info");
    const char *state = info ? kn_answer_id(posting, info, "state") : NULL;
    const char *key = kn_answer_id(posting, json, "data.media_key");
    if (key)
        kn_posting_set_text(posting, "media_key", key);
    if (!kn_answer_id(posting, json, "data.id") || (info && !state))
        return kn_error_set(err, KN_REMOTE, "X's answer about the upload makes no sense");
    if (!info || strcmp(state, "succeeded") == 0)
        return ready(posting, err);
    if (strcmp(state, "failed") == 0) {
        const char *said = kn_answer_sentence(posting, info, "error.message");
        forget_upload(posting); /* the next try sends it anew */
        return kn_posting_fail(posting, "render the clip again, or look at its format",
                               "X could not process the video%s%s", said ? ": " : "",
                               said ? said : "");
    }
    int64_t wait_s = kn_answer_number(info, "check_after_secs", CHECK_USUALLY_S);
    posting->state = KN_POST_PROCESSING;
    return kn_posting_wait(posting,
                           kn_posting_now_us(posting) +
                               KN_CLAMP(wait_s, INT64_C(1), (int64_t)CHECK_MOST_S) * KN_US_PER_S,
                           "X processes the video");
}

static enum kn_status send_finalize(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    const char *url =
        kn_x_api(posting, "/2/media/upload/%s/finalize", kn_posting_text(posting, "media"));
    enum kn_status status = kn_x_call(posting, "POST", url, NULL, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status / 100 == 2)
        return take_state(posting, kn_answer_json(posting, &answer), err);
    if (is_void(&answer))
        return kn_x_start_over(posting, kn_x_detail(posting, &answer), err);
    return kn_x_refusal(posting, &answer, "uploads", err);
}

/* Whether a finalize whose answer is lost has arrived, STATUS tells; so it is remembered before. */
enum kn_status kn_x_finalize(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_set_number(posting, "finalizing", 1);
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? send_finalize(posting, err) : status;
}

enum kn_status kn_x_watch(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    const char *url = kn_x_api(posting, "/2/media/upload?command=STATUS&media_id=%s",
                               kn_posting_text(posting, "media"));
    enum kn_status status = kn_x_call(posting, "GET", url, NULL, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    const json_t *json = kn_answer_json(posting, &answer);
    bool known = kn_answer_at(json, "data.processing_info") || kn_answer_at(json, "data.size");
    if (answer.status == 200 && known)
        return take_state(posting, json, err);
    if (answer.status == 200 || is_void(&answer)) /* not finalized, or not there: it will tell */
        return send_finalize(posting, err);
    return kn_x_refusal(posting, &answer, NULL, err);
}
