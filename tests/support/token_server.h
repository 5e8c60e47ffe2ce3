/*
 * An authorization server for tests: hands out tokens that it counts, and takes each refresh token
 * once; or answers as a script says. Remembers what it was asked.
 */
#ifndef KN_TESTS_TOKEN_SERVER_H
#define KN_TESTS_TOKEN_SERVER_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/sync.h"
#include "net/server.h"
#include "platform/form.h"

enum { TOKEN_SERVER_TOKENS = 4096, TOKEN_SERVER_REQUESTS = 256 };

struct token_answer {
    int status; /* 0: 200 */
    const char *body;
    enum kn_reply_fault fault;
};

struct token_request {
    const char *method, *path, *query, *body, *authorization;
};

struct token_server {
    struct kn_server *server;
    char url[64];
    int lifetime_s; /* of access tokens */
    pthread_mutex_t lock;
    /* Protected by `lock`. */
    const struct token_answer *script; /* the last one again and again */
    int script_count;
    int served; /* answers of the script so far */
    struct kn_arena *arena;
    struct token_request requests[TOKEN_SERVER_REQUESTS];
    int asked;
    int issued;                    /* the newest of "refresh-N" and "access-N" */
    int uses[TOKEN_SERVER_TOKENS]; /* of each refresh token */
    int renewals;
    bool loses_answers; /* carries renewals out, and cuts the connection */
};

static inline const char *token_server_field(struct token_server *s, const char *form,
                                             const char *name)
{
    const char *value = NULL;
    return kn_form_find(form, name, s->arena, &value) ? value : NULL;
}

static inline void token_server_note(struct token_server *s, const struct kn_exchange *x)
{
    KN_SCOPED_STR query = {0};
    const struct kn_server_field *authorization = kn_server_header(x, "authorization");
    for (int i = 0; i < x->query_count; i++)
        kn_form_add(&query, x->query[i].name, x->query[i].data);
    s->requests[s->asked++ % TOKEN_SERVER_REQUESTS] = (struct token_request){
        .method = kn_arena_strdup(s->arena, x->method),
        .path = kn_arena_strdup(s->arena, x->path),
        .query = kn_arena_strdup(s->arena, kn_str_text(&query)),
        .body = kn_arena_strndup(s->arena, x->body ? x->body : "", x->body_size),
        .authorization = authorization ? kn_arena_strdup(s->arena, authorization->data) : NULL,
    };
}

static inline const char *token_server_issue(struct token_server *s)
{
    int n = ++s->issued;
    return kn_arena_printf(s->arena,
                           "{\"token_type\":\"bearer\",\"expires_in\":%d,\"access_token\":"
                           "\"access-%d\",\"refresh_token\":\"refresh-%d\"}",
                           s->lifetime_s, n, n);
}

static inline const char *token_server_grant(struct token_server *s, const char *form, int *status,
                                             enum kn_reply_fault *fault)
{
    const char *refresh = token_server_field(s, form, "refresh_token");
    const char *code = token_server_field(s, form, "code");
    long long n = 0;
    if (refresh && kn_starts_with(refresh, "refresh-"))
        (void)kn_parse_int(refresh + strlen("refresh-"), 1, TOKEN_SERVER_TOKENS - 1, &n);
    if (n > 0) {
        s->renewals++;
        *fault = s->loses_answers ? KN_REPLY_NOTHING : KN_REPLY_WHOLE;
        if (++s->uses[n] == 1)
            return token_server_issue(s);
        *fault = KN_REPLY_WHOLE;
    } else if (code && strcmp(code, "good-code") == 0) {
        return token_server_issue(s);
    }
    *status = 400;
    return "{\"error\":\"invalid_request\",\"error_description\":\"Value passed for the token was "
           "invalid.\"}";
}

static inline void token_server_handle(void *arg, const struct kn_exchange *x,
                                       struct kn_reply *reply)
{
    struct token_server *s = arg;
    KN_LOCKED(&s->lock);
    token_server_note(s, x);
    const struct token_request *request = &s->requests[(s->asked - 1) % TOKEN_SERVER_REQUESTS];
    const char *body;
    if (s->script_count) {
        const struct token_answer *answer = &s->script[KN_MIN(s->served, s->script_count - 1)];
        s->served++;
        reply->status = answer->status ? answer->status : 200;
        reply->fault = answer->fault;
        body = answer->body ? answer->body : "";
    } else if (strstr(x->path, "/users/me")) {
        body = "{\"data\":{\"id\":\"2244994945\",\"username\":\"ann\"}}";
    } else if (strstr(x->path, "/revoke")) {
        body = "{\"revoked\":true}";
    } else {
        body = token_server_grant(s, request->body, &reply->status, &reply->fault);
    }
    reply->body = kn_arena_strdup(x->arena, body);
    reply->size = strlen(body);
}

static inline void token_server_open(struct token_server *s)
{
    *s = (struct token_server){
        .lifetime_s = 7200, .lock = PTHREAD_MUTEX_INITIALIZER, .arena = kn_arena_new()};
    const struct kn_server_options options = {.handle = token_server_handle, .arg = s};
    if (kn_server_open(&options, &s->server, NULL) != KN_OK)
        abort();
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", kn_server_port(s->server));
}

static inline void token_server_close(struct token_server *s)
{
    kn_server_close(s->server);
    kn_arena_free(s->arena);
}

static inline void token_server_script(struct token_server *s, const struct token_answer *script,
                                       int count)
{
    KN_LOCKED(&s->lock);
    s->script = script;
    s->script_count = count;
    s->served = s->asked = 0;
}

/* The n-th question since the script was set. */
static inline const struct token_request *token_server_request(struct token_server *s, int n)
{
    KN_LOCKED(&s->lock);
    return &s->requests[n % TOKEN_SERVER_REQUESTS];
}

static inline int token_server_asked(struct token_server *s)
{
    KN_LOCKED(&s->lock);
    return s->asked;
}

static inline int token_server_renewals(struct token_server *s)
{
    KN_LOCKED(&s->lock);
    return s->renewals;
}

static inline void token_server_lose(struct token_server *s, bool loses_answers)
{
    KN_LOCKED(&s->lock);
    s->loses_answers = loses_answers;
}

#endif
