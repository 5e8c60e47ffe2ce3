/*
 * A chat model on loopback for tests: answers questions with a list of turns, one after the other
 * (the last one again and again), and keeps what it was asked. After cmocka.h.
 */
#ifndef KN_TESTS_CHAT_SUPPORT_H
#define KN_TESTS_CHAT_SUPPORT_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ai/service.h"
#include "ai/test_clock.h"
#include "base/json.h"
#include "base/sync.h"
#include "net/server.h"

enum { CHAT_REQUESTS_MAX = 8 };

struct chat_turn {
    const char *body;
    int status; /* 0: 200 */
    enum kn_reply_fault fault;
    size_t cut_at;
};

struct chat_model {
    const struct chat_turn *turns;
    int turn_count;
    struct kn_server *server;
    struct kn_http *http;
    struct kn_service *service;
    struct kn_cancel *stop; /* triggered by the first question, where a test sets it */

    pthread_mutex_t lock;
    int asked;         /* protected by `lock`, as are the requests until the test's call is over */
    bool wrong_manner; /* something else than a POST of JSON to the right path */
    json_t *requests[CHAT_REQUESTS_MAX];
};

static inline void chat_handle(void *arg, const struct kn_exchange *exchange,
                               struct kn_reply *reply)
{
    struct chat_model *model = arg;
    KN_LOCKED(&model->lock);
    json_t *request = json_loadb(exchange->body, exchange->body_size, 0, NULL);
    const struct kn_server_field *type = kn_server_header(exchange, "Content-Type");
    const struct kn_server_field *key = kn_server_header(exchange, "Authorization");
    model->wrong_manner = model->wrong_manner || !request || !type || !key ||
                          strcmp(exchange->method, "POST") != 0 ||
                          strcmp(exchange->path, "/v1/chat/completions") != 0 ||
                          strncmp(type->data, "application/json", 16) != 0 ||
                          strcmp(key->data, "Bearer sk-test") != 0;
    if (model->asked < CHAT_REQUESTS_MAX)
        model->requests[model->asked] = request;
    else
        json_decref(request);
    const struct chat_turn *turn = &model->turns[KN_MIN(model->asked, model->turn_count - 1)];
    model->asked++;
    reply->status = turn->status ? turn->status : 200;
    reply->body = turn->body;
    reply->size = turn->body ? strlen(turn->body) : 0;
    reply->fault = turn->fault;
    reply->cut_at = turn->cut_at;
    if (model->stop)
        kn_cancel_trigger(model->stop);
}

/* `cache`: a folder for answers; NULL: none. Waits for tries pass a hundred times faster. */
static inline void chat_open(struct chat_model *model, const struct chat_turn *turns, int count,
                             const char *cache)
{
    char url[64];
    struct kn_error err = {0};
    *model = (struct chat_model){.turns = turns, .turn_count = count};
    pthread_mutex_init(&model->lock, NULL);
    const struct kn_server_options options = {.handle = chat_handle, .arg = model};
    if (kn_server_open(&options, &model->server, &err) != KN_OK ||
        kn_http_open(NULL, &model->http, &err) != KN_OK)
        fail_msg("%s", err.text);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", kn_server_port(model->server));
    const struct kn_service_options service = {.name = "the chat service",
                                               .base_url = url,
                                               .key = "sk-test",
                                               .key_hint = "TEST_KEY",
                                               .attempts = 3,
                                               .cache = cache};
    if (kn_service_open(model->http, &service, &model->service, &err) != KN_OK)
        fail_msg("%s", err.text);
    kn_service_use_speed(model->service, 100);
}

static inline void chat_close(struct chat_model *model)
{
    kn_service_close(model->service);
    kn_http_close(model->http);
    kn_server_close(model->server);
    for (int i = 0; i < CHAT_REQUESTS_MAX; i++)
        json_decref(model->requests[i]);
    pthread_mutex_destroy(&model->lock);
    assert_false(model->wrong_manner);
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
static inline const char *chat_heard(const struct chat_model *model, int number, int i)
{
    const json_t *message =
        json_array_get(json_object_get(model->requests[number], "messages"), (size_t)i);
    const json_t *content = json_object_get(message, "content");
    if (json_is_array(content))
        content = json_object_get(json_array_get(content, 0), "text");
    const char *text = json_string_value(content);
    assert_non_null(text);
    return text;
}

#endif
