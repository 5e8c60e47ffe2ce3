/* Answers of publishing platforms: whatever they say, what is told to people is one clean sentence,
 * ids can stand in addresses, and waits end within days. The first byte chooses the status. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "platform/instagram.h"
#include "platform/tiktok.h"
#include "platform/x.h"
#include "platform/youtube.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now = INT64_C(1796126400000000);

static int64_t now_us(void *arg)
{
    (void)arg;
    return now;
}

static void check_outcome(const struct kn_posting *posting, enum kn_status status,
                          const struct kn_error *err)
{
    if (status != KN_OK) {
        assert(status == KN_REMOTE && kn_text_is_clean(err->text));
        return;
    }
    assert(posting->reason && posting->reason[0] && strlen(posting->reason) < 400);
    assert(kn_text_is_clean(posting->reason));
    if (posting->next == KN_NEXT_WAIT)
        assert(posting->wait_until_us > now &&
               posting->wait_until_us <= now + 2 * INT64_C(86400000000));
    else
        assert(posting->next == KN_NEXT_FAILED && posting->remedy[0]);
}

/* END: it says nothing that concerns a person. */
static void check_tiktok(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    struct kn_error err = {0};
    enum kn_status status = kn_tiktok_refusal(posting, answer, &err);
    if (status != KN_END)
        check_outcome(posting, status, &err);
    const char *reason = kn_answer_id(posting, kn_answer_json(posting, answer), "reason");
    status = kn_tiktok_failed(posting, reason ? reason : "");
    if (status != KN_END)
        check_outcome(posting, status, &err);
}

static void check_instagram(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    struct kn_error err = {0};
    struct kn_instagram_refusal refusal;
    enum kn_status status = kn_instagram_judge(posting, answer, &refusal, &err);
    if (status == KN_END)
        status = kn_instagram_give_up(posting, refusal.remedy, refusal.sentence);
    check_outcome(posting, status, &err);
    refusal = kn_instagram_error(posting, answer->body);
    status = kn_instagram_give_up(posting, refusal.remedy, refusal.sentence);
    check_outcome(posting, status, &err);
}

static void check_refusals(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    struct kn_error err = {0};
    check_outcome(posting, kn_youtube_refusal(posting, answer, "uploads", &err), &err);
    check_outcome(posting, kn_x_refusal(posting, answer, "posts", &err), &err);
    check_tiktok(posting, answer);
    check_instagram(posting, answer);
}

static void check_fields(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    static const char *const paths[] = {
        "",        "id",         "data.id", "errors.0.message",
        "items.0", "items.0.id", "error",   "error.errors.0.reason"};
    const json_t *json = kn_answer_json(posting, answer);
    for (size_t i = 0; i < KN_COUNT_OF(paths); i++) {
        const char *id = kn_answer_id(posting, json, paths[i]);
        const char *text = kn_answer_text(posting, json, paths[i], 20);
        const char *said = kn_answer_sentence(posting, json, paths[i]);
        assert(!id || (id[0] && strlen(id) <= 128 && !strpbrk(id, "/?&#% \"")));
        assert(!text || (strlen(text) <= 20 && kn_text_is_clean(text)));
        assert(!said || kn_text_is_clean(said));
        (void)kn_answer_number(json, paths[i], 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 302, 400, 401, 402, 403, 404, 408, 409, 429, 500, 503};
    const struct kn_posting_host host = {.now_us = now_us};
    if (size == 0)
        return 0;
    struct kn_posting posting = {.host = &host, .arena = kn_arena_new(), .memory = json_object()};
    const char *body = kn_arena_strndup(posting.arena, (const char *)data + 1, size - 1);
    const struct kn_http_answer answer = {
        .status = statuses[data[0] % KN_COUNT_OF(statuses)], .body = body, .size = size - 1};
    check_fields(&posting, &answer);
    check_refusals(&posting, &answer);
    assert(strchr(body, '&') || kn_x_is_text(body, body));
    kn_posting_done(&posting);
    json_decref(posting.memory);
    kn_arena_free(posting.arena);
    return 0;
}
