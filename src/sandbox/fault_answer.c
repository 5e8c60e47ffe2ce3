#include "sandbox/fault_answer.h"

#include <string.h>

bool kn_fault_is_whole(enum kn_sandbox_fault_kind kind)
{
    return kind != KN_FAULT_TIMEOUT && kind != KN_FAULT_CUT && kind != KN_FAULT_CUT_BODY;
}

bool kn_fault_is_quick(enum kn_sandbox_fault_kind kind)
{
    return kind == KN_FAULT_RATE || kind == KN_FAULT_RATE_BARE || kind == KN_FAULT_SLOW_DOWN ||
           kind == KN_FAULT_QUOTA || kind == KN_FAULT_UNAUTHORIZED || kind == KN_FAULT_TIMEOUT;
}

bool kn_fault_refuses(enum kn_sandbox_fault_kind kind, const char *model,
                      struct kn_rejection *rejection)
{
    switch (kind) {
    case KN_FAULT_RATE:
    case KN_FAULT_RATE_BARE:
        kn_reject_as(rejection, 429, "requests", NULL, "rate_limit_exceeded",
                     "Rate limit reached for %.64s on requests per min (RPM).", model);
        return true;
    case KN_FAULT_SLOW_DOWN:
        kn_reject_as(rejection, 429, "rate_limit_error", NULL, "slow_down",
                     "Traffic rose too fast: please slow down.");
        return true;
    case KN_FAULT_QUOTA:
        kn_reject_as(rejection, 429, "insufficient_quota", NULL, "insufficient_quota",
                     "You exceeded your current quota, please check your plan and billing "
                     "details.");
        return true;
    case KN_FAULT_UNAUTHORIZED:
        kn_reject_as(rejection, 401, "invalid_request_error", NULL, "invalid_api_key",
                     "Incorrect API key provided: sk-***.");
        return true;
    case KN_FAULT_SERVER:
        kn_reject_as(rejection, 500, "server_error", NULL, NULL,
                     "The server had an error while processing your request.");
        return true;
    case KN_FAULT_OVERLOADED:
        kn_reject_as(rejection, 503, "service_unavailable_error", NULL, "server_is_overloaded",
                     "The server is overloaded. Please try again later.");
        return true;
    default:
        return false;
    }
}

void kn_fault_hears(enum kn_sandbox_fault_kind kind, int64_t duration_us, struct kn_arena *arena,
                    struct kn_spoken *spoken)
{
    if (kind == KN_FAULT_BLANK)
        spoken->count = 0;
    if ((kind != KN_FAULT_DISORDER && kind != KN_FAULT_BEYOND) || spoken->count == 0)
        return;
    struct kn_spoken_word *words =
        kn_arena_copy(arena, spoken->words, (size_t)spoken->count * sizeof *words);
    for (int i = 0; i < spoken->count; i++) {
        const struct kn_spoken_word *mirrored = &spoken->words[spoken->count - 1 - i];
        if (kind == KN_FAULT_BEYOND) {
            words[i].start_us += duration_us;
            words[i].end_us += duration_us;
        } else if (i % 3 == 1) { /* some words end before they begin, and before others */
            words[i].start_us = mirrored->end_us;
            words[i].end_us = mirrored->start_us;
        }
    }
    spoken->words = words;
}

void kn_fault_says(enum kn_sandbox_fault_kind kind, struct kn_arena *arena,
                   struct kn_chat_said *said)
{
    switch (kind) {
    case KN_FAULT_REFUSAL:
        said->content = NULL;
        said->refusal = "I'm sorry, I can't help with that.";
        break;
    case KN_FAULT_LENGTH:
        said->content = kn_arena_strndup(arena, said->content ? said->content : "",
                                         said->content ? strlen(said->content) / 2 : 0);
        kn_utf8_trim((char *)said->content);
        said->finish_reason = "length";
        break;
    case KN_FAULT_FILTER:
        said->content = "";
        said->finish_reason = "content_filter";
        break;
    case KN_FAULT_WRONG_SCHEMA:
        said->content = "{\"unexpected\": [true, \"this is not what the schema says\"]}";
        break;
    case KN_FAULT_BLANK:
        said->content = "";
        break;
    default:
        break;
    }
}

static void replace(struct kn_reply *reply, struct kn_arena *arena, const char *type,
                    const char *text)
{
    kn_reply_text(reply, arena, 200, type, text, strlen(text));
}

void kn_fault_spoils(enum kn_sandbox_fault_kind kind, struct kn_arena *arena,
                     struct kn_reply *reply)
{
    switch (kind) {
    case KN_FAULT_TIMEOUT:
        reply->fault = KN_REPLY_NO_ANSWER;
        break;
    case KN_FAULT_CUT:
        reply->fault = KN_REPLY_NOTHING;
        break;
    case KN_FAULT_CUT_BODY:
        reply->fault = KN_REPLY_CUT;
        reply->cut_at = reply->size / 2;
        break;
    case KN_FAULT_TRUNCATED:
        reply->size /= 2;
        break;
    case KN_FAULT_GARBAGE:
        replace(reply, arena, "application/json", "<html><body>upstream said: {{{</body></html>");
        break;
    case KN_FAULT_ERROR_200:
        replace(reply, arena, "application/json",
                "{\"error\": {\"message\": \"The model is not available right now.\", \"type\": "
                "\"server_error\", \"param\": null, \"code\": null}}");
        break;
    case KN_FAULT_EMPTY:
        replace(reply, arena, "application/json", "");
        break;
    default:
        break;
    }
}
