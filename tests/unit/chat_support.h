/*
 * A chat model on loopback for tests: answers its questions with a list of bodies, one after the
 * other, and keeps what it was asked. After cmocka.h.
 */
#ifndef KN_TESTS_CHAT_SUPPORT_H
#define KN_TESTS_CHAT_SUPPORT_H

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ai/service.h"
#include "base/json.h"

enum { CHAT_TURNS_MAX = 8 };

struct chat_turn {
    int status;       /* 0: 200 */
    const char *body; /* NULL: there is no answer, until the server goes or the peer */
};

struct chat_model {
    const struct chat_turn *turns;
    int turn_count;
    int asked;
    json_t *requests[CHAT_TURNS_MAX];
    struct kn_service *service;
};

static struct chat_model *chat_now;

static inline void chat_open(struct chat_model *model, const struct chat_turn *turns, int count)
{
    *model = (struct chat_model){.turns = turns, .turn_count = count};
    chat_now = model;
}

static inline void chat_close(struct chat_model *model)
{
    for (int i = 0; i < model->asked; i++)
        json_decref(model->requests[i]);
    chat_now = NULL;
}

enum kn_status kn_service_call(struct kn_service *service, const struct kn_service_call *call,
                               struct kn_cancel *cancel, json_t **ret_answer,
                               struct kn_usage *usage, struct kn_error *err)
{
    (void)service;
    if (kn_cancel_requested(cancel))
        return kn_error_set(err, KN_CANCELLED, "stopped");
    assert_true(chat_now->asked < chat_now->turn_count);
    chat_now->requests[chat_now->asked] = json_deep_copy(call->json);
    json_t *answer = json_loads(chat_now->turns[chat_now->asked++].body, 0, NULL);
    enum kn_status status = call->accept(call->arg, answer, err);
    usage->requests = 1;
    if (status != KN_OK && status != KN_END) {
        json_decref(answer);
        return status;
    }
    *ret_answer = answer;
    return KN_OK;
}

void kn_usage_add(struct kn_usage *sum, const struct kn_usage *part)
{
    sum->requests += part->requests;
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

/* What the model was told in message `i` of request `number`. */
static inline const char *chat_heard(const struct chat_model *model, int number, int i)
{
    const json_t *message =
        json_array_get(json_object_get(model->requests[number], "messages"), (size_t)i);
    const json_t *content = json_object_get(message, "content");
    if (json_is_array(content))
        content = json_object_get(json_array_get(content, 0), "text");
    return json_string_value(content);
}

#endif
