/*
 * A chat model for tests: a service as in service_support.h that is asked for chat completions.
 */
#ifndef KN_TESTS_CHAT_SUPPORT_H
#define KN_TESTS_CHAT_SUPPORT_H

#include <jansson.h>

#include "base/json.h"
#include "service_support.h"

/* `cache`: a folder for answers; NULL: none. Waits for tries pass a hundred times faster. */
static inline struct fake *chat_open(const struct fake_answer *turns, int count, const char *cache)
{
    void *state = NULL;
    assert_int_equal(fake_begin(&state), 0);
    struct fake *model = state;
    fake_script(model, turns, count);
    fake_reopen(model,
                (struct kn_service_options){
                    .name = "the chat service", .key = "sk-test", .attempts = 3, .cache = cache});
    kn_service_use_speed(model->service, 100);
    return model;
}

/* Every question has to have come as a POST of JSON to the right path. */
static inline void chat_close(struct fake *model)
{
    int asked = fake_asked(model);
    for (int i = 0; i < KN_MIN(asked, FAKE_REQUESTS_MAX); i++) {
        const struct fake_request *request = &model->requests[i];
        assert_string_equal(request->method, "POST");
        assert_string_equal(request->path, "/v1/chat/completions");
        assert_string_equal(request->content_type, "application/json");
        assert_string_equal(request->authorization, "Bearer sk-test");
    }
    void *state = model;
    assert_int_equal(fake_end(&state), 0);
}

/* What request `number` sent; owned by the caller. */
static inline json_t *chat_request(const struct fake *model, int number)
{
    json_t *request = json_loads(model->requests[number].body, 0, NULL);
    assert_non_null(request);
    return request;
}

/* The body of a chat completion whose content is `content`; the caller frees it. */
static inline char *chat_body(const char *content, const char *finish_reason)
{
    KN_SCOPED_JSON body = json_pack(
        "{s:s, s:s, s:[{s:i, s:{s:s, s:o, s:n}, s:s}], s:{s:i, s:i, s:i}}", "id", "chatcmpl-1",
        "object", "chat.completion", "choices", "index", 0, "message", "role", "assistant",
        "content", kn_json_text(content), "refusal", "finish_reason", finish_reason, "usage",
        "prompt_tokens", 100, "completion_tokens", 20, "total_tokens", 120);
    char *text = json_dumps(body, JSON_COMPACT);
    assert_non_null(text);
    return text;
}

/* What stands in message `i` of request `number`: its content, or the first part of it. */
static inline const char *chat_heard(struct fake *model, int number, int i)
{
    KN_SCOPED_JSON request = chat_request(model, number);
    const json_t *message = json_array_get(json_object_get(request, "messages"), (size_t)i);
    const json_t *content = json_object_get(message, "content");
    if (json_is_array(content))
        content = json_object_get(json_array_get(content, 0), "text");
    assert_true(json_is_string(content));
    KN_LOCKED(&model->lock);
    return kn_arena_strdup(model->arena, json_string_value(content));
}

#endif
