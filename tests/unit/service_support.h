/* A service in the test: answers as a script says, and remembers what it was asked. */
#ifndef KN_TESTS_SERVICE_SUPPORT_H
#define KN_TESTS_SERVICE_SUPPORT_H

#include "run_help.h"

#include <unistd.h>

#include "ai/service.h"
#include "ai/test_clock.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sync.h"
#include "net/http.h"
#include "net/server.h"
#include "support/temp_folder.h"

/* One answer; a zeroed status is 200. The last one of a script is given again and again. */
struct fake_answer {
    int status;
    const char *body;
    struct kn_server_field headers[8];
    enum kn_reply_fault fault;
    size_t cut_at; /* for faults that cut; 0: 5 */
    const char *content_type;
};

enum { FAKE_REQUESTS_MAX = 512 };

struct fake_request {
    int64_t at_us;
    const char *method, *path, *authorization, *filename, *content_type, *body;
    const struct kn_server_field *parts;
    int part_count;
};

struct fake {
    const char *folder;
    struct kn_http *http;
    struct kn_server *server;
    struct kn_service *service;
    struct kn_cancel *stop; /* triggered by a question, where a test sets it before */
    char url[64];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Protected by `lock`. */
    const struct fake_answer *script;
    int script_count, asked, in_flight, in_flight_most;
    bool held; /* nothing is answered */
    int64_t answers_after_us;
    struct kn_arena *arena;
    struct fake_request requests[FAKE_REQUESTS_MAX];
};

static const char fake_text[] = "{\"text\":\"Hello.\"}";

static inline const char *fake_header(struct fake *fake, const struct kn_exchange *x,
                                      const char *name)
{
    const struct kn_server_field *field = kn_server_header(x, name);
    return field ? kn_arena_strndup(fake->arena, field->data, field->size) : NULL;
}

static inline void fake_note(struct fake *fake, const struct kn_exchange *x)
{
    struct fake_request *r = &fake->requests[KN_MIN(fake->asked, FAKE_REQUESTS_MAX - 1)];
    struct kn_server_field *parts =
        kn_arena_array(fake->arena, (size_t)x->part_count + 1, sizeof *parts);
    *r = (struct fake_request){
        .at_us = kn_now_us(),
        .method = kn_arena_strdup(fake->arena, x->method),
        .path = kn_arena_strdup(fake->arena, x->path),
        .authorization = fake_header(fake, x, "authorization"),
        .content_type = fake_header(fake, x, "content-type"),
        .body = kn_arena_strndup(fake->arena, x->body ? x->body : "", x->body_size),
        .parts = parts,
        .part_count = x->part_count,
    };
    for (int i = 0; i < x->part_count; i++) {
        parts[i] = x->parts[i];
        parts[i].name = kn_arena_strdup(fake->arena, x->parts[i].name);
        parts[i].filename = kn_arena_strdup(fake->arena, x->parts[i].filename);
        parts[i].content_type = kn_arena_strdup(fake->arena, x->parts[i].content_type);
        parts[i].data = kn_arena_strndup(fake->arena, x->parts[i].data, x->parts[i].size);
        if (x->parts[i].filename)
            r->filename = parts[i].filename;
    }
}

static inline void fake_handle(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct fake *fake = arg;
    pthread_mutex_lock(&fake->lock);
    fake_note(fake, x);
    const struct fake_answer *answer = &fake->script[KN_MIN(fake->asked, fake->script_count - 1)];
    fake->asked++;
    fake->in_flight++;
    fake->in_flight_most = KN_MAX(fake->in_flight_most, fake->in_flight);
    pthread_cond_broadcast(&fake->changed);
    while (fake->held && !kn_cancel_requested(x->cancel)) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 20000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&fake->changed, &fake->lock, &soon);
    }
    int64_t after_us = fake->answers_after_us;
    pthread_mutex_unlock(&fake->lock);
    if (fake->stop)
        kn_cancel_trigger(fake->stop);
    if (after_us)
        (void)kn_cancel_wait_ms(x->cancel, after_us / 1000);
    reply->status = answer->status ? answer->status : 200;
    reply->body = answer->body ? answer->body : fake_text;
    reply->size = strlen(reply->body);
    reply->content_type = answer->content_type;
    reply->fault = answer->fault;
    reply->cut_at = answer->cut_at ? answer->cut_at : 5;
    struct kn_server_field *headers = kn_arena_array(x->arena, 8, sizeof *headers);
    for (int i = 0; i < 8 && answer->headers[i].name; i++) {
        headers[i] = answer->headers[i];
        headers[i].size = strlen(headers[i].data);
        reply->header_count++;
    }
    reply->headers = headers;
    pthread_mutex_lock(&fake->lock);
    fake->in_flight--;
    pthread_mutex_unlock(&fake->lock);
}

static inline void fake_hold(struct fake *fake, bool held)
{
    pthread_mutex_lock(&fake->lock);
    fake->held = held;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}

static inline int fake_asked(struct fake *fake)
{
    KN_LOCKED(&fake->lock);
    return fake->asked;
}

static inline void fake_wait_asked(struct fake *fake, int count)
{
    pthread_mutex_lock(&fake->lock);
    while (fake->asked < count)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

static inline void fake_script(struct fake *fake, const struct fake_answer *script, int count)
{
    KN_LOCKED(&fake->lock);
    fake->script = script;
    fake->script_count = count;
    fake->asked = 0;
}

/* Opens the service anew, by options that leave the address and the key to this. */
static inline void fake_reopen(struct fake *fake, struct kn_service_options options)
{
    struct kn_error err = {0};
    kn_service_close(fake->service);
    fake->service = NULL;
    options.name = options.name ? options.name : "the speech service";
    options.base_url = options.base_url ? options.base_url : fake->url;
    options.key_hint = "OPENAI_API_KEY";
    if (kn_service_open(fake->http, &options, &fake->service, &err) != KN_OK)
        fail_msg("%s", err.text);
}

static inline int fake_begin(void **state)
{
    static char folder[PATH_MAX];
    static const struct fake_answer usual[] = {{0}};
    struct fake *fake = kn_calloc(1, sizeof *fake);
    struct kn_error err = {0};
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->changed, NULL);
    fake->arena = kn_arena_new();
    fake->folder = temp_folder_make(folder);
    fake_script(fake, usual, 1);
    struct kn_server_options options = {.handle = fake_handle, .arg = fake};
    if (kn_server_open(&options, &fake->server, &err) != KN_OK ||
        kn_http_open(&(struct kn_http_options){0}, &fake->http, &err) != KN_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%d/v1", kn_server_port(fake->server));
    fake_reopen(fake, (struct kn_service_options){.key = "sk-secret-0123456789"});
    *state = fake;
    return 0;
}

static inline int fake_end(void **state)
{
    struct fake *fake = *state;
    kn_service_close(fake->service);
    kn_http_close(fake->http);
    kn_server_close(fake->server);
    temp_folder_remove(fake->folder);
    kn_arena_free(fake->arena);
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
    return 0;
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)
#define SCRIPT(fake, ...)                                                                          \
    static const struct fake_answer script_[] = {__VA_ARGS__};                                     \
    fake_script((fake), script_, KN_COUNT_OF(script_))

#endif
