/* How far a post is: "Get Post Status" of TikTok's Content Posting API, 2026-09-11. */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "platform/tiktok.h"

enum {
    UPLOADS_MAX = 4, /* that may be begun for one post */
    STUCK_MAX = 6,   /* looks in a row that find nothing more */
    STUCK_WAIT_S = 10,
    SETTLE_S = 120, /* until what TikTok says of the last chunk is taken for the last word */
    POLL_FIRST_S = 5,
    POLL_MOST_S = 20,
    POLL_GROWS_S = 5,
    ID_WAIT_S = 90, /* for the address of a post that is complete */
};

/* Waits grow with what has passed since the last byte, so that many posts stay within the 30 calls
 * a minute that TikTok takes of an account. */
static const int64_t quick_us = 5 * 60 * KN_US_PER_S, slow_us = 3600 * KN_US_PER_S,
                     patience_us = 24 * 3600 * KN_US_PER_S;

static enum kn_status wait_s(struct kn_posting *posting, int64_t seconds, const char *why)
{
    return kn_posting_wait(posting, kn_posting_now_us(posting) + seconds * KN_US_PER_S, "%s", why);
}

static enum kn_status look_again(struct kn_posting *posting, const char *why)
{
    int64_t looks = kn_posting_number(posting, "looks");
    kn_posting_set_number(posting, "looks", looks + 1);
    return wait_s(posting, KN_MIN(POLL_FIRST_S + looks * POLL_GROWS_S, POLL_MOST_S), why);
}

/* ---- another upload ---- */

static void forget_upload(struct kn_posting *posting)
{
    static const char *const keys[] = {"publish_id", "upload_url", "chunk_bytes",
                                       "sent",       "doubt",      "gone",
                                       "stuck",      "looks",      "complete_us"};
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    kn_posting_settle(posting);
    posting->sent_bytes = 0;
    posting->state = KN_POST_UPLOADING;
}

static enum kn_status start_over(struct kn_posting *posting, struct kn_error *err)
{
    int64_t intended_us = kn_posting_intended_us(posting);
    if (intended_us && kn_posting_now_us(posting) < intended_us + SETTLE_S * KN_US_PER_S)
        return wait_s(posting, STUCK_WAIT_S, "TikTok is asked whether all of the clip arrived");
    forget_upload(posting);
    if (kn_posting_number(posting, "uploads") >= UPLOADS_MAX) {
        kn_posting_forget(posting, "uploads");
        return kn_posting_fail(posting, "try it again later with “kirinuki publish --retry”",
                               "TikTok did not come to an end with %d uploads of the clip",
                               UPLOADS_MAX);
    }
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* ---- it is there ---- */

static const char *profile(const struct kn_posting *posting)
{
    const char *creator = kn_posting_text(posting, "creator");
    const char *host = "https://www.tiktok.com";
    return creator ? kn_posting_url(posting, host, "/@%s", creator)
                   : kn_posting_url(posting, host, "/");
}

static enum kn_status in_inbox(struct kn_posting *posting)
{
    kn_posting_remark(posting, "it waits as a draft in the account's inbox, without its caption: "
                               "finish and post it in TikTok's app");
    return kn_posting_live(posting, kn_posting_text(posting, "publish_id"), profile(posting));
}

static enum kn_status complete(struct kn_posting *posting, const json_t *data)
{
    const char *privacy = kn_posting_text(posting, "privacy");
    bool is_public = privacy && strcmp(privacy, "PUBLIC_TO_EVERYONE") == 0;
    int64_t now_us = kn_posting_now_us(posting);
    /* So it is spelled. */
    const char *id = kn_answer_id(posting, data, "publicaly_available_post_id.0");
    id = id ? id : kn_answer_id(posting, data, "publicly_available_post_id.0");
    if (id)
        return kn_posting_live(
            posting, id, kn_arena_printf(posting->arena, "%s/video/%s", profile(posting), id));
    if (is_public) {
        /* Public posts get one after moderation, which takes a minute, and sometimes hours. */
        if (!kn_posting_number(posting, "complete_us"))
            kn_posting_set_number(posting, "complete_us", now_us);
        if (now_us < kn_posting_number(posting, "complete_us") + ID_WAIT_S * KN_US_PER_S)
            return look_again(posting, "TikTok looks the video through");
        kn_posting_remark(posting, "TikTok still looks the video through, so it has no address "
                                   "yet: it will appear in the profile");
    } else {
        kn_posting_remark(posting, "TikTok tells no address of posts that are not public: it is in "
                                   "the account's profile");
    }
    return kn_posting_live(posting, kn_posting_text(posting, "publish_id"), profile(posting));
}

/* ---- it is not there yet ---- */

static enum kn_status look_later(struct kn_posting *posting)
{
    int64_t passed_us = kn_posting_now_us(posting) - kn_posting_intended_us(posting);
    if (passed_us > patience_us)
        return kn_tiktok_give_up(posting, "try it again with “kirinuki publish --retry”",
                                 "TikTok is still processing the clip after a day");
    if (passed_us > quick_us)
        return wait_s(posting, passed_us > slow_us ? 600 : 60, "TikTok processes the clip");
    return look_again(posting, "TikTok processes the clip");
}

/* There is more to send, as far as TikTok says; -1: it does not say. */
static enum kn_status incomplete(struct kn_posting *posting, int64_t uploaded, struct kn_error *err)
{
    int64_t before = kn_posting_number(posting, "sent");
    int64_t stuck = uploaded > before ? 0 : kn_posting_number(posting, "stuck") + 1;
    bool gone = kn_posting_number(posting, "gone");
    if (gone && uploaded < 0 && kn_posting_intended_us(posting))
        return look_later(posting);
    if (gone || stuck >= STUCK_MAX)
        return start_over(posting, err);
    kn_posting_set_number(posting, "stuck", stuck);
    if (uploaded >= 0)
        kn_posting_set_number(posting, "sent", uploaded);
    kn_posting_forget(posting, "doubt");
    posting->sent_bytes = kn_posting_number(posting, "sent");
    /* The first time there is no reason to doubt it. */
    if (stuck > 1 && stuck % 2 == 0) {
        kn_posting_set_number(posting, "doubt", 1);
        return wait_s(posting, STUCK_WAIT_S, "TikTok does not take the next part of the clip");
    }
    return kn_tiktok_send(posting, err);
}

static enum kn_status processing(struct kn_posting *posting, const json_t *data,
                                 struct kn_error *err)
{
    int64_t bytes = posting->clip.bytes;
    if (kn_posting_number(posting, "sent") >= bytes)
        return look_later(posting); /* it said so with the last chunk */
    int64_t uploaded = kn_answer_number(data, "uploaded_bytes", -1);
    if (uploaded < bytes)
        return incomplete(posting, KN_MAX(uploaded, -1), err);
    if (!kn_posting_intended_us(posting))
        return kn_error_set(err, KN_REMOTE,
                            "TikTok says that it has more of the clip than was "
                            "sent");
    kn_posting_set_number(posting, "sent", bytes);
    posting->sent_bytes = bytes;
    posting->state = KN_POST_PROCESSING;
    return look_later(posting);
}

static enum kn_status failed(struct kn_posting *posting, const json_t *data, struct kn_error *err)
{
    const char *reason = kn_answer_id(posting, data, "fail_reason");
    enum kn_status status = kn_tiktok_failed(posting, reason ? reason : "");
    if (status != KN_END) {
        /* Nothing became of it, so the next try is a new upload. */
        forget_upload(posting);
        kn_posting_forget(posting, "uploads");
        return status;
    }
    kn_posting_settle(posting);
    return start_over(posting, err);
}

enum kn_status kn_tiktok_look(struct kn_posting *posting, struct kn_error *err)
{
    const json_t *data = NULL;
    enum kn_status status = kn_tiktok_call(
        posting, "/v2/post/publish/status/fetch/",
        json_pack("{s:s}", "publish_id", kn_posting_text(posting, "publish_id")), &data, err);
    if (status == KN_END && posting->next != KN_NEXT_STEP)
        return KN_OK;
    if (status == KN_END)
        return kn_posting_intended_us(posting)
                   ? kn_tiktok_give_up(posting, NULL, "TikTok does not know the post any more")
                   : start_over(posting, err);
    if (status != KN_OK)
        return status;
    const char *said = kn_answer_id(posting, data, "status");
    said = said ? said : "";
    if (strcmp(said, "PUBLISH_COMPLETE") == 0)
        return complete(posting, data);
    if (strcmp(said, "SEND_TO_USER_INBOX") == 0)
        return in_inbox(posting);
    if (strcmp(said, "FAILED") == 0)
        return failed(posting, data, err);
    if (strncmp(said, "PROCESSING_", strlen("PROCESSING_")) == 0)
        return processing(posting, data, err);
    return kn_error_set(err, KN_REMOTE, "TikTok's answer names no state that is known");
}
