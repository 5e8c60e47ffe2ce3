/* Calls of the Graph API, and what it says when it does not do what was asked. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/instagram.h"

enum { BUSY_S = 20, SLOW_DOWN_S = 600, USED_UP_S = 3600, REGAIN_MAX_MIN = 24 * 60 };

static const char retry[] = "try it again with “kirinuki publish --retry”";
static const char connect_again[] =
    "connect the account again with “kirinuki auth instagram”, then “kirinuki publish --retry”";
static const char render_again[] =
    "render it as MP4 with H.264 and AAC, 23 to 60 pictures a second, 3 s to 15 min";
static const char in_app[] = "open Instagram's app with this account and do what it asks for";

enum { ANY = 0 };

static const struct kn_instagram_refusal no_upload = {
    KN_INSTAGRAM_NEW, "Instagram does not take the upload any more", retry};

/*
 * "Error Codes", 2026-09-11; subcodes from 2207076 on, and 458 to 467, as they were seen. The first
 * that fits counts. A status text of a container names the subcode alone.
 */
static const struct {
    int code, subcode; /* ANY: whatever it is */
    enum kn_instagram_then then;
    const char *sentence, *remedy;
} table[] = {
    {190, 463, KN_INSTAGRAM_STOP, "the account's permission has expired", connect_again},
    {190, 460, KN_INSTAGRAM_STOP, "the account's password was changed, which ended its permission",
     connect_again},
    {190, 458, KN_INSTAGRAM_STOP, "the account took back its permission", connect_again},
    {190, ANY, KN_INSTAGRAM_STOP, "Instagram does not accept the account's permission any more",
     connect_again},
    {ANY, 2207003, KN_INSTAGRAM_RETRY, "Instagram was too slow in taking the clip", retry},
    {ANY, 2207020, KN_INSTAGRAM_NEW, "Instagram does not have the clip any more", retry},
    {ANY, 2207001, KN_INSTAGRAM_RETRY, "Instagram has failed", retry},
    {ANY, 2207032, KN_INSTAGRAM_RETRY, "Instagram failed at making the post", retry},
    {ANY, 2207053, KN_INSTAGRAM_NEW, "the upload to Instagram failed", retry},
    {ANY, 2207082, KN_INSTAGRAM_NEW, "the upload to Instagram failed", retry},
    {ANY, 2207076, KN_INSTAGRAM_NEW, "Instagram failed at processing the clip", render_again},
    {ANY, 2207077, KN_INSTAGRAM_NEW, "Instagram failed at taking the clip", retry},
    {ANY, 2207081, KN_INSTAGRAM_STOP, "the account may not make trial reels", retry},
    {ANY, 2207057, KN_INSTAGRAM_STOP, "the cover's time is not within the clip",
     "choose another time for the cover"},
    {ANY, 2207051, KN_INSTAGRAM_STOP, "Instagram takes the post for spam", in_app},
    {ANY, 2207042, KN_INSTAGRAM_USED_UP,
     "the account has posted as much by applications as Instagram allows in a day", retry},
    {ANY, 2207006, KN_INSTAGRAM_NO_SUCH, "Instagram does not know the upload", retry},
    {ANY, 2207008, KN_INSTAGRAM_NO_SUCH, "Instagram does not know the upload any more", retry},
    {ANY, 2207050, KN_INSTAGRAM_STOP, "the account is restricted or not active", in_app},
    {ANY, 2207023, KN_INSTAGRAM_STOP, "Instagram does not know this kind of post", retry},
    {ANY, 2207028, KN_INSTAGRAM_STOP, "Instagram takes no such number of pictures", retry},
    {ANY, 2207040, KN_INSTAGRAM_STOP, "the caption mentions more than 20 accounts",
     "leave some of them out"},
    {ANY, 2207026, KN_INSTAGRAM_STOP, "Instagram does not take the clip's format", render_again},
    {ANY, 2207052, KN_INSTAGRAM_STOP, "Instagram could not fetch the clip", retry},
    {ANY, 2207027, KN_INSTAGRAM_NOT_READY, "Instagram processes the clip", retry},
    {ANY, 2207004, KN_INSTAGRAM_STOP, "the picture has more than 8 MiB", "choose a smaller one"},
    {ANY, 2207005, KN_INSTAGRAM_STOP, "Instagram does not take the picture's format",
     "choose a JPEG"},
    {ANY, 2207009, KN_INSTAGRAM_STOP, "Instagram does not take the clip's shape",
     "render it upright, 9:16"},
    {ANY, 2207010, KN_INSTAGRAM_STOP, "the caption is longer than Instagram allows",
     "write at most 2200 characters and 30 hashtags"},
    {9007, ANY, KN_INSTAGRAM_NOT_READY, "Instagram processes the clip", retry},
    {9, ANY, KN_INSTAGRAM_USED_UP,
     "the account has posted as much by applications as Instagram allows in a day", retry},
    {24, ANY, KN_INSTAGRAM_NO_SUCH, "Instagram does not know the upload", retry},
    {100, 33, KN_INSTAGRAM_NO_SUCH, "Instagram does not know the upload", retry},
    {25, ANY, KN_INSTAGRAM_STOP, "the account is restricted or not active", in_app},
    {352, ANY, KN_INSTAGRAM_STOP, "Instagram does not take the clip's format", render_again},
    {4, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks this application to slow down", retry},
    {17, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks this account to slow down", retry},
    {32, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks this page to slow down", retry},
    {613, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks to slow down", retry},
    {80001, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks this page to slow down", retry},
    {80002, ANY, KN_INSTAGRAM_SLOW_DOWN, "Instagram asks this account to slow down", retry},
    {1, ANY, KN_INSTAGRAM_RETRY, "Instagram has failed", retry},
    {2, ANY, KN_INSTAGRAM_RETRY, "Instagram has failed for the moment", retry},
    {-1, ANY, KN_INSTAGRAM_RETRY, "Instagram has failed", retry},
    {-2, ANY, KN_INSTAGRAM_RETRY, "Instagram was too slow", retry},
};

enum kn_status kn_instagram_give_up(struct kn_posting *posting, const char *remedy,
                                    const char *sentence)
{
    bool helps = remedy && remedy != retry && kn_posting_intended_us(posting);
    return kn_posting_give_up(posting, NULL, remedy, "%s%s%s%s", sentence, helps ? " (" : "",
                              helps ? remedy : "", helps ? ")" : "");
}

/* -1: none fits. */
static int find(int64_t code, int64_t subcode)
{
    for (int i = 0; i < (int)KN_COUNT_OF(table); i++)
        if ((table[i].code == ANY || table[i].code == code) &&
            (table[i].subcode == ANY || table[i].subcode == subcode))
            return i;
    return -1;
}

static struct kn_instagram_refusal entry(int i)
{
    return (struct kn_instagram_refusal){table[i].then, table[i].sentence, table[i].remedy};
}

struct kn_instagram_refusal kn_instagram_error(struct kn_posting *posting, const char *status_text)
{
    /* "Error: Media upload has failed with error code 2207026" */
    const char *at = status_text;
    while (at && (at = strstr(at, "2207"))) {
        char digits[8];
        long long subcode;
        snprintf(digits, sizeof digits, "%.7s", at++);
        /* What is not known is only told. */
        int i = kn_parse_int(digits, 2207000, 2207999, &subcode) ? find(ANY, subcode) : -1;
        if (i >= 0)
            return entry(i);
    }
    char shown[200];
    bool plain = status_text && status_text[0] && status_text[0] != '{';
    return (struct kn_instagram_refusal){
        KN_INSTAGRAM_STOP,
        kn_arena_printf(posting->arena, "Instagram gave the clip up: %s",
                        plain ? kn_text_show(status_text, shown, sizeof shown)
                              : "no reason is given"),
        render_again};
}

/* ---- refusals ---- */

static bool is_token_refused(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const json_t *json = kn_answer_json(posting, answer);
    const char *type = kn_answer_id(posting, json, "debug_info.type");
    return answer->status == 401 || kn_answer_number(json, "error.code", 0) == 190 ||
           (type && strcmp(type, "NotAuthorizedError") == 0);
}

/* "X-Business-Use-Case-Usage": {"ID": [{"estimated_time_to_regain_access": minutes}]} */
static int64_t regain_s(const struct kn_http_answer *answer)
{
    const char *text = kn_http_header(answer, "X-Business-Use-Case-Usage");
    KN_SCOPED_JSON usage = text ? json_loads(text, 0, NULL) : NULL;
    int64_t minutes = 0;
    const char *id;
    json_t *list;
    json_object_foreach(usage, id, list)
    {
        for (size_t i = 0; i < json_array_size(list); i++)
            minutes = KN_MAX(minutes, kn_answer_number(json_array_get(list, i),
                                                       "estimated_time_to_regain_access", 0));
    }
    return minutes > 0 ? KN_MIN(minutes, REGAIN_MAX_MIN) * 60 : SLOW_DOWN_S;
}

/* By the code, not by the status. */
static struct kn_instagram_refusal judge(struct kn_posting *posting,
                                         const struct kn_http_answer *answer, const json_t *json)
{
    int64_t code = kn_answer_number(json, "error.code", 0);
    int i = find(code, kn_answer_number(json, "error.error_subcode", 0));
    bool transient =
        json_is_true(kn_answer_at(json, "error.is_transient")) || answer->status >= 500;
    bool plain = i < 0 || (table[i].then == KN_INSTAGRAM_STOP && table[i].subcode == ANY);
    if (transient && plain)
        return (struct kn_instagram_refusal){KN_INSTAGRAM_RETRY,
                                             "Instagram has failed for the moment", retry};
    if (i >= 0)
        return entry(i);
    if (answer->status == 401)
        return entry(find(190, ANY));
    const char *said = kn_answer_sentence(posting, json, "error.error_user_msg");
    said = said ? said : kn_answer_sentence(posting, json, "error.message");
    said = said ? said : kn_answer_sentence(posting, json, "debug_info.message");
    /* rupload has no codes: of one that has expired or is not known it says as much as of one that
     * it does not like. */
    if (kn_answer_at(json, "debug_info") && !is_token_refused(posting, answer))
        return (struct kn_instagram_refusal){KN_INSTAGRAM_NEW,
                                             kn_arena_printf(posting->arena, "%s%s%s",
                                                             no_upload.sentence, said ? ": " : "",
                                                             said ? said : ""),
                                             retry};
    bool permission = code == 10 || (code >= 200 && code <= 299);
    return (struct kn_instagram_refusal){
        answer->status == 429 ? KN_INSTAGRAM_SLOW_DOWN : KN_INSTAGRAM_STOP,
        kn_arena_printf(posting->arena, "Instagram refuses it (%lld)%s%s",
                        (long long)(code ? code : answer->status), said ? ": " : "",
                        said ? said : ""),
        permission ? connect_again : retry};
}

enum kn_status kn_instagram_act(struct kn_posting *posting,
                                const struct kn_instagram_refusal *refusal, struct kn_error *err)
{
    int64_t now_us = kn_posting_now_us(posting);
    switch (refusal->then) {
    case KN_INSTAGRAM_RETRY:
    case KN_INSTAGRAM_NOT_READY:
        return kn_error_set(err, KN_REMOTE, "%s", refusal->sentence);
    case KN_INSTAGRAM_USED_UP:
        /* Of the last 24 hours; when the first of them passes is not told. */
        return kn_posting_used_up(posting, "posts", now_us + USED_UP_S * KN_US_PER_S,
                                  refusal->sentence);
    case KN_INSTAGRAM_NEW:
        if (!kn_posting_intended_us(posting))
            return kn_instagram_start_over(posting, refusal->sentence, err);
        break;
    case KN_INSTAGRAM_SLOW_DOWN:
        return KN_OK;
    case KN_INSTAGRAM_NO_SUCH:
    case KN_INSTAGRAM_STOP:
        break;
    }
    return kn_instagram_give_up(posting, refusal->remedy, refusal->sentence);
}

/* ---- calls ---- */

enum kn_status kn_instagram_judge(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  struct kn_instagram_refusal *ret_refusal, struct kn_error *err)
{
    const json_t *json = kn_answer_json(posting, answer);
    bool coded = json_is_object(kn_answer_at(json, "error"));
    bool busy = answer->status == 429 || (kn_http_header(answer, "Retry-After") != NULL);
    bool final = answer->status / 100 == 4 && json_is_object(json) &&
                 !json_is_true(kn_answer_at(json, "debug_info.retriable"));
    if (!coded && !final && !busy)
        return kn_error_set(err, KN_REMOTE,
                            "Instagram's answer (%d) makes no sense, or it has failed",
                            answer->status);
    *ret_refusal = judge(posting, answer, json);
    if (busy && ret_refusal->then == KN_INSTAGRAM_RETRY)
        ret_refusal->then = KN_INSTAGRAM_SLOW_DOWN;
    if (ret_refusal->then == KN_INSTAGRAM_SLOW_DOWN)
        (void)kn_posting_later(posting, answer, (coded ? regain_s(answer) : BUSY_S) * KN_US_PER_S,
                               ret_refusal->sentence);
    return KN_END;
}

static enum kn_status perform(struct kn_posting *posting, const struct kn_posting_call *call,
                              struct kn_http_answer *ret_answer, const json_t **ret_json,
                              struct kn_instagram_refusal *ret_refusal, struct kn_error *err)
{
    enum kn_status status = kn_posting_call(posting, call, ret_answer, NULL, err);
    if (status != KN_OK)
        return status;
    const json_t *json = kn_answer_json(posting, ret_answer);
    if (ret_answer->status != 200 || !json_is_object(json) || kn_answer_at(json, "error"))
        return kn_instagram_judge(posting, ret_answer, ret_refusal, err);
    *ret_json = json;
    return KN_OK;
}

enum kn_status kn_instagram_call(struct kn_posting *posting, const char *url, json_t *body,
                                 const json_t **ret_json, struct kn_instagram_refusal *ret_refusal,
                                 struct kn_error *err)
{
    const struct kn_posting_call call = {
        .request = {.url = url},
        .token = KN_TOKEN_BEARER,
        .refused = is_token_refused,
        .json = body,
    };
    struct kn_http_answer answer;
    enum kn_status status = perform(posting, &call, &answer, ret_json, ret_refusal, err);
    json_decref(body);
    return status;
}

enum kn_status kn_instagram_send(struct kn_posting *posting, int64_t offset,
                                 struct kn_instagram_refusal *ret_refusal, struct kn_error *err)
{
    int64_t bytes = posting->clip.bytes;
    const struct kn_http_header headers[] = {
        {"offset", kn_arena_printf(posting->arena, "%lld", (long long)offset)},
        {"file_size", kn_arena_printf(posting->arena, "%lld", (long long)bytes)},
        {"Content-Type", "application/octet-stream"},
    };
    const struct kn_posting_call call = {
        .request = {.method = "POST",
                    .url = kn_posting_text(posting, "upload_url"),
                    .headers = headers,
                    .header_count = KN_COUNT_OF(headers)},
        .token = KN_TOKEN_OAUTH,
        .refused = is_token_refused,
        .file_offset = offset,
        .file_bytes = bytes - offset,
    };
    const json_t *json = NULL;
    struct kn_http_answer answer = {0};
    enum kn_status status = perform(posting, &call, &answer, &json, ret_refusal, err);
    if (status == KN_REMOTE && (answer.status == 404 || answer.status == 410)) {
        *ret_refusal = no_upload;
        return KN_END;
    }
    if (status == KN_OK && !json_is_true(json_object_get(json, "success")))
        return kn_error_set(err, KN_REMOTE, "Instagram does not say that it has the clip");
    return status;
}
