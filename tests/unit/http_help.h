/* For tests of the HTTP client: a request that can be run on a thread, and what came of it. */
#ifndef KN_TESTS_HTTP_HELP_H
#define KN_TESTS_HTTP_HELP_H

#include "net_help.h"

#include "base/sync.h"
#include "net/http.h"

struct outcome {
    enum kn_status status;
    struct kn_error err;
    struct kn_http_answer answer;
    bool sent;
    int64_t took_us;
};

struct call {
    struct kn_http *http;
    struct kn_http_request request;
    struct kn_cancel *cancel;
    struct kn_arena *arena;
    pthread_t thread;
    struct outcome outcome;
};

static inline struct outcome perform(struct kn_http *http, struct kn_http_request request,
                                     struct kn_cancel *cancel, struct kn_arena *arena)
{
    struct outcome outcome = {.sent = true};
    int64_t start_us = kn_now_us();
    outcome.status = kn_http_perform(http, &request, cancel, arena, &outcome.answer, &outcome.sent,
                                     &outcome.err);
    outcome.took_us = kn_now_us() - start_us;
    return outcome;
}

static inline void *call_run(void *arg)
{
    struct call *call = arg;
    call->outcome = perform(call->http, call->request, call->cancel, call->arena);
    return NULL;
}

static inline void call_start(struct call *call)
{
    call->arena = kn_arena_new();
    pthread_create(&call->thread, NULL, call_run, call);
}

static inline struct outcome call_join(struct call *call)
{
    pthread_join(call->thread, NULL);
    return call->outcome;
}

/* One test's client, and the memory of its answers. */
struct client {
    struct kn_http *http;
    struct kn_arena *arena;
};

static inline struct client client_open(const struct kn_http_options *options)
{
    struct client client = {.arena = kn_arena_new()};
    assert_int_equal(kn_http_open(options, &client.http, NULL), KN_OK);
    return client;
}

static inline void client_close(struct client *client)
{
    kn_http_close(client->http);
    kn_arena_free(client->arena);
}

static inline const char *url_at(struct client *client, int port, const char *path)
{
    return kn_arena_printf(client->arena, "http://127.0.0.1:%d%s", port, path);
}

static inline void assert_outcome(const struct outcome *outcome, enum kn_status status, bool sent,
                                  const char *sentence)
{
    if (outcome->status != status || outcome->sent != sent ||
        (sentence && !strstr(outcome->err.text, sentence)))
        fail_msg("%s, sent %d: \"%s\", instead of %s, sent %d: \"%s\"",
                 kn_status_name(outcome->status), outcome->sent, outcome->err.text,
                 kn_status_name(status), sent, sentence ? sentence : "");
}

#endif
