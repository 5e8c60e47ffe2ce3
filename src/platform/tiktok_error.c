/* Calls of TikTok's API, and what it says when it does not do what was asked. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/tiktok.h"

enum { MINUTE_S = 60, BUSY_S = 10, SENTENCE_BYTES = 400 };

static const int64_t day_us = 24 * 3600 * KN_US_PER_S;

static const char retry[] = "try it again with “kirinuki publish --retry”";
static const char connect_again[] =
    "connect the account again with “kirinuki auth tiktok”, then “kirinuki publish --retry”";

enum then { STOP, SLOW_DOWN, POSTS_USED_UP, DRAFTS_USED_UP, NEXT_DAY, NO_SUCH_ID };

/* "Direct Post", "Upload", "Query Creator Info" and "Get Post Status", 2026-09-11. */
static const struct {
    const char *code;
    enum then then;
    const char *sentence, *remedy;
} refusals[] = {
    {"access_token_invalid", STOP, "TikTok does not accept the account's permission any more",
     connect_again},
    {"scope_not_authorized", STOP, "the account did not permit kirinuki to post",
     "connect the account again with “kirinuki auth tiktok”, and leave all that is asked for "
     "switched on"},
    {"rate_limit_exceeded", SLOW_DOWN, "TikTok asks to slow down", NULL},
    {"spam_risk_too_many_posts", POSTS_USED_UP,
     "the account has posted as much by applications as TikTok allows in a day", NULL},
    {"spam_risk_too_many_pending_share", DRAFTS_USED_UP,
     "five drafts wait in the account's inbox, and TikTok allows no more in a day: finish or "
     "delete them in the app",
     NULL},
    {"reached_active_user_cap", NEXT_DAY,
     "as many accounts have posted today by this application as TikTok allows it", NULL},
    {"spam_risk_user_banned_from_posting", STOP, "TikTok has banned the account from posting",
     "look into TikTok's app for the reason and for how to appeal"},
    {"spam_risk", STOP, "TikTok takes the post for spam",
     "look into TikTok's app for what it has against the account, and post something else"},
    {"unaudited_client_can_only_post_to_private_accounts", STOP,
     "TikTok has not audited this application, and such may only post to private accounts",
     "set the account to private in TikTok's app and publish with the privacy “private”, or have "
     "the application audited at https://developers.tiktok.com"},
    {"privacy_level_option_mismatch", STOP,
     "the account does not offer the privacy that was chosen any more", retry},
    {"url_ownership_unverified", STOP, "TikTok wants the address of the video verified", retry},
    {"app_version_check_failed", STOP, "the TikTok app of the account is too old",
     "update TikTok's app, then try again"},
    {"invalid_publish_id", NO_SUCH_ID, "TikTok does not know the post", NULL},
    {"token_not_authorized_for_specified_publish_id", NO_SUCH_ID,
     "TikTok says that the upload was begun by another account", NULL},
};

/* "Get Post Status": fail_reason, 2026-09-11. Remedy NULL: another upload may succeed. */
static const struct {
    const char *reason, *sentence, *remedy;
} endings[] = {
    {"file_format_check_failed", "TikTok does not take the clip's format",
     "render it as MP4 with H.264"},
    {"duration_check_failed", "TikTok does not take the clip's duration",
     "make it shorter; TikTok's app says how long this account's videos may be"},
    {"frame_rate_check_failed", "TikTok does not take the clip's frame rate",
     "render it with 23 to 60 pictures a second"},
    {"picture_size_check_failed", "TikTok does not take the clip's size",
     "render it with 360 to 4096 pixels on both sides"},
    {"internal", "TikTok failed at processing the clip", NULL},
    {"video_pull_failed", "TikTok failed at fetching the clip", NULL},
    {"publish_cancelled", "the post was cancelled at TikTok", retry},
    {"auth_removed", "the account took back its permission while the clip was processed",
     connect_again},
    {"spam_risk_too_many_posts",
     "the account has posted as much by applications as TikTok allows in a day",
     "try it again in 24 hours with “kirinuki publish --retry”"},
    {"spam_risk_user_banned_from_posting", "TikTok has banned the account from posting",
     "look into TikTok's app for the reason and for how to appeal"},
    {"spam_risk_text", "TikTok takes the caption for spam", "write another caption"},
    {"spam_risk", "TikTok takes the post for spam",
     "look into TikTok's app for what it has against the account, and post something else"},
};

enum kn_status kn_tiktok_give_up(struct kn_posting *posting, const char *remedy, const char *format,
                                 ...)
{
    va_list args;
    char text[SENTENCE_BYTES];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool helps = remedy && remedy != retry && kn_posting_intended_us(posting);
    return kn_posting_give_up(posting, NULL, remedy, "%s%s%s%s", text, helps ? " (" : "",
                              helps ? remedy : "", helps ? ")" : "");
}

enum kn_status kn_tiktok_failed(struct kn_posting *posting, const char *fail_reason)
{
    for (size_t i = 0; i < KN_COUNT_OF(endings); i++)
        if (strcmp(endings[i].reason, fail_reason) == 0)
            return endings[i].remedy
                       ? kn_posting_fail(posting, endings[i].remedy, "%s", endings[i].sentence)
                       : KN_END;
    return kn_posting_fail(posting, "look into TikTok's app for the reason",
                           "TikTok gave the post up (%s)",
                           *fail_reason ? fail_reason : "no reason is given");
}

/* ---- refusals ---- */

static const char *code_of(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const char *code = kn_answer_id(posting, kn_answer_json(posting, answer), "error.code");
    return code ? code : "";
}

/* 401 is also what a permission that was never given looks like. */
static bool is_token_refused(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const char *code = code_of(posting, answer);
    return strcmp(code, "access_token_invalid") == 0 ||
           (answer->status == 401 && strcmp(code, "scope_not_authorized") != 0);
}

static enum kn_status act(struct kn_posting *posting, const struct kn_http_answer *answer,
                          enum then then, const char *sentence, const char *remedy)
{
    int64_t now_us = kn_posting_now_us(posting);
    switch (then) {
    case SLOW_DOWN:
        return kn_posting_later(posting, answer, MINUTE_S * KN_US_PER_S, sentence);
    case POSTS_USED_UP:
        return kn_posting_used_up(posting, "posts", now_us + day_us, sentence);
    case DRAFTS_USED_UP:
        return kn_posting_used_up(posting, "drafts", now_us + day_us, sentence);
    case NEXT_DAY:
        return kn_posting_wait(posting, now_us + day_us, "%s", sentence);
    case STOP:
    case NO_SUCH_ID:
        break;
    }
    return kn_tiktok_give_up(posting, remedy, "%s", sentence);
}

enum kn_status kn_tiktok_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                                 struct kn_error *err)
{
    const char *code = code_of(posting, answer);
    for (size_t i = 0; i < KN_COUNT_OF(refusals); i++)
        if (strcmp(refusals[i].code, code) == 0) {
            if (refusals[i].then == NO_SUCH_ID)
                return KN_END;
            return act(posting, answer, refusals[i].then, refusals[i].sentence, refusals[i].remedy);
        }
    if (answer->status == 401)
        return kn_tiktok_give_up(posting, connect_again,
                                 "TikTok does not accept the account's permission any more");
    if (answer->status == 429 || kn_http_header(answer, "Retry-After"))
        return kn_posting_later(posting, answer,
                                (answer->status == 429 ? MINUTE_S : BUSY_S) * KN_US_PER_S,
                                "TikTok is busy");
    bool own_fault = strcmp(code, "internal_error") == 0 || strcmp(code, "internal") == 0 ||
                     strcmp(code, "ok") == 0; /* but not what was asked for */
    bool refused = answer->status / 100 == 4 || (answer->status / 100 == 2 && *code);
    if (own_fault || !refused)
        return kn_error_set(err, KN_REMOTE, "TikTok's answer (%d) makes no sense, or it has failed",
                            answer->status);
    const char *said =
        kn_answer_sentence(posting, kn_answer_json(posting, answer), "error.message");
    return kn_tiktok_give_up(posting, retry, "TikTok refuses it (%s)%s%s",
                             *code ? code : "no reason is given", said ? ": " : "",
                             said ? said : "");
}

enum kn_status kn_tiktok_call(struct kn_posting *posting, const char *path, json_t *body,
                              const json_t **ret_data, struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request = {.method = "POST",
                    .url = kn_posting_url(posting, "https://open.tiktokapis.com", "%s", path)},
        .token = KN_TOKEN_BEARER,
        .refused = is_token_refused,
        .json = body,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    json_decref(body);
    if (status != KN_OK)
        return status;
    const json_t *data = kn_answer_at(kn_answer_json(posting, &answer), "data");
    /* Failures come with 200 as well. */
    if (answer.status == 200 && json_is_object(data) &&
        strcmp(code_of(posting, &answer), "ok") == 0) {
        *ret_data = data;
        return KN_OK;
    }
    status = kn_tiktok_refusal(posting, &answer, err);
    return status == KN_OK ? KN_END : status;
}
