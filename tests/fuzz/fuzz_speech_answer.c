/* Transcription services' answers: whatever they say, words are few, spelled in UTF-8, in order and
 * inside the sound. */
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "ai/service_parts.h"
#include "ai/speech_answer.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const struct kn_findings *findings, int64_t length_us)
{
    int64_t at_us = 0;
    for (int i = 0; i < findings->word_count; i++) {
        const struct kn_found_word *word = &findings->words[i];
        assert(word->start_us >= at_us && word->end_us >= word->start_us);
        assert(word->text[0] && kn_utf8_valid(word->text, strlen(word->text)));
        assert(word->confidence >= 0 && word->confidence <= 1);
        at_us = word->end_us;
    }
    assert(at_us <= length_us);
    assert(!findings->text || !findings->word_count);
    assert(findings->mean_log_prob <= 0);
}

/* The same as an error: one sentence, and nothing of the key in it. */
static void check_refusal(const struct kn_http_answer *answer, const json_t *json)
{
    struct kn_service_names names = {.name = "the speech service",
                                     .origin = "https://example.org",
                                     .key = "0123456789abcdef",
                                     .key_hint = "KEY",
                                     .path = "/audio/transcriptions",
                                     .model = "m"};
    static const int statuses[] = {200, 302, 400, 401, 403, 404, 413, 429, 500, 503};
    for (size_t i = 0; i < KN_COUNT_OF(statuses); i++) {
        struct kn_http_answer error = *answer;
        struct kn_refusal refusal;
        error.status = statuses[i];
        kn_refusal_read(&error, json, &names, &refusal);
        assert(refusal.status != KN_OK && refusal.why.status == refusal.status);
        assert(strncmp(refusal.why.text, "the ", 4) == 0 && !strchr(refusal.why.text, '\n'));
        assert(kn_utf8_valid(refusal.why.text, strlen(refusal.why.text)));
        assert(!strstr(refusal.why.text, "012345"));
        assert(!(refusal.retry && refusal.of != KN_REFUSED_THIS));
    }
}

/* The first byte is the length of the sound in seconds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    struct kn_findings findings;
    int64_t length_us = size ? (data[0] - '0' + 1) * INT64_C(1000000) : 0;
    if (length_us > 0) {
        struct kn_http_answer answer = {
            .status = 200,
            .body = kn_arena_strndup(arena, (const char *)data + 1, size - 1),
            .size = size - 1};
        json_t *json = kn_service_answer_json(&answer);
        (void)kn_is_error(json);
        check_refusal(&answer, json);
        enum kn_status status = kn_speech_answer_read(json, length_us, arena, &findings, &err);
        if (status == KN_OK)
            check_words(&findings, length_us);
        else
            assert(status == KN_DAMAGED && strlen(err.text) > 10 && !strchr(err.text, '\n'));
        json_decref(json);
    }
    kn_arena_free(arena);
    return 0;
}
