#include "service/loopback.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "net/server.h"
#include "platform/form.h"

enum {
    CONNECTIONS = 16,
    BODY_BYTES = 4096,
    IDLE_MS = 10000,
    LOOK_US = 100000,
    GOODBYE_US = 3000000, /* for a browser to take its page */
};

struct kn_loopback {
    struct kn_server *server;
    char *path;
    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t changed;
    /* Protected by `lock`. */
    const struct kn_oauth_round *round; /* NULL: nothing is expected yet */
    struct kn_arena *arena;
    bool came;
    enum kn_status status;
    const char *code; /* in `arena` */
    struct kn_error why;
    char *page; /* NULL: not told yet */
    bool fine;
    int visits; /* that are about to get it */
};

/* ---- pages ---- */

static void add_escaped(struct kn_str *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            kn_str_add(out, entity);
        else
            kn_str_add_char(out, *text);
    }
}

static void make_page(struct kn_str *out, const char *heading, const char *sentence)
{
    kn_str_add(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width\">"
                    "<title>kirinuki</title><body style=\"font:1.1rem/1.5 sans-serif;"
                    "max-width:36rem;margin:15vh auto;padding:0 1rem\"><h1>");
    add_escaped(out, heading);
    kn_str_add(out, "</h1><p>");
    add_escaped(out, sentence);
    kn_str_add(out, "</p></body></html>\n");
}

static void reply_page(const struct kn_exchange *exchange, struct kn_reply *reply, int status,
                       const char *page)
{
    /* The address holds a code: nobody else is to hear of it. */
    static const struct kn_server_field headers[] = {
        {"Cache-Control", NULL, NULL, "no-store", 8},
        {"Referrer-Policy", NULL, NULL, "no-referrer", 11},
        {"Content-Security-Policy", NULL, NULL, "default-src 'none'; style-src 'unsafe-inline'",
         45},
    };
    reply->status = status;
    reply->content_type = "text/html; charset=utf-8";
    reply->body = kn_arena_strdup(exchange->arena, page);
    reply->size = strlen(page);
    reply->headers = headers;
    reply->header_count = KN_COUNT_OF(headers);
}

static void reply_sentence(const struct kn_exchange *exchange, struct kn_reply *reply, int status,
                           const char *heading, const char *sentence)
{
    KN_SCOPED_STR page = {0};
    make_page(&page, heading, sentence);
    reply_page(exchange, reply, status, kn_str_text(&page));
}

/* ---- visits ---- */

static bool is_redirect(const struct kn_loopback *loopback, const struct kn_exchange *exchange)
{
    const char *path = loopback->path[0] ? loopback->path : "/";
    return strcmp(exchange->method, "GET") == 0 && strcmp(exchange->path, path) == 0 &&
           exchange->query_count > 0;
}

/* The query as it came, but for what its decoding lost. */
static const char *query_of(const struct kn_exchange *exchange)
{
    KN_SCOPED_STR query = {0};
    for (int i = 0; i < exchange->query_count; i++)
        kn_form_add(&query, exchange->query[i].name, exchange->query[i].data);
    return kn_arena_printf(exchange->arena, "?%s", kn_str_text(&query));
}

/* Under `lock`. False: it is nobody's answer, and is left out of account. */
static bool take(struct kn_loopback *loopback, const struct kn_exchange *exchange)
{
    const struct kn_server_field *state = kn_server_query(exchange, "state");
    bool refused = kn_server_query(exchange, "error");
    if (!loopback->round || (state ? !kn_oauth_is_answer(loopback->round, state->data) : !refused))
        return false;
    if (loopback->came)
        return true;
    loopback->status = kn_oauth_read_redirect(loopback->round, query_of(exchange), loopback->arena,
                                              &loopback->code, &loopback->why);
    loopback->came = true;
    pthread_cond_broadcast(&loopback->changed);
    return true;
}

static void handle(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    struct kn_loopback *loopback = arg;
    if (!is_redirect(loopback, exchange)) {
        reply_sentence(exchange, reply, 404, "Nothing here", "kirinuki waits for another address.");
        return;
    }
    KN_LOCKED(&loopback->lock);
    if (!take(loopback, exchange)) {
        reply_sentence(exchange, reply, 400, "Not the answer",
                       "This answers another request than the one that kirinuki has just made. "
                       "Open the address that it shows now.");
        return;
    }
    while (!loopback->page && !kn_cancel_requested(exchange->cancel))
        (void)kn_cond_wait_until(&loopback->changed, &loopback->lock, kn_now_us() + LOOK_US);
    if (loopback->page)
        reply_page(exchange, reply, loopback->fine ? 200 : 403, loopback->page);
}

/* A visit counts from its head until its answer is out. */
static void visit_done(void *context)
{
    struct kn_loopback *loopback = context;
    KN_LOCKED(&loopback->lock);
    loopback->visits--;
    pthread_cond_broadcast(&loopback->changed);
}

static void begin(void *arg, const struct kn_exchange *head, struct kn_server_intake *intake,
                  struct kn_reply *reply)
{
    struct kn_loopback *loopback = arg;
    (void)reply;
    if (!is_redirect(loopback, head))
        return;
    KN_LOCKED(&loopback->lock);
    loopback->visits++;
    *intake = (struct kn_server_intake){.context = loopback, .done = visit_done};
}

/* ---- opening and closing ---- */

enum kn_status kn_loopback_open(int port, const char *path, struct kn_loopback **ret_loopback,
                                struct kn_error *err)
{
    struct kn_loopback *loopback = kn_calloc(1, sizeof *loopback);
    const struct kn_server_options options = {
        .port = port,
        .connections_max = CONNECTIONS,
        .body_max = BODY_BYTES,
        .idle_ms = IDLE_MS,
        .begin = begin,
        .handle = handle,
        .arg = loopback,
    };
    loopback->path = kn_strdup(path);
    loopback->arena = kn_arena_new();
    pthread_mutex_init(&loopback->lock, NULL);
    kn_cond_init(&loopback->changed);
    enum kn_status status = kn_server_open(&options, &loopback->server, err);
    if (status != KN_OK) {
        kn_loopback_close(loopback);
        return kn_error_add(err, "--port takes another one, --paste needs none");
    }
    *ret_loopback = loopback;
    return KN_OK;
}

void kn_loopback_close(struct kn_loopback *loopback)
{
    if (!loopback)
        return;
    {
        KN_LOCKED(&loopback->lock);
        int64_t until_us = kn_now_us() + GOODBYE_US;
        while (loopback->page && loopback->visits && kn_now_us() < until_us)
            (void)kn_cond_wait_until(&loopback->changed, &loopback->lock, until_us);
    }
    kn_server_close(loopback->server);
    kn_arena_free(loopback->arena);
    free(loopback->page);
    free(loopback->path);
    pthread_cond_destroy(&loopback->changed);
    pthread_mutex_destroy(&loopback->lock);
    free(loopback);
}

const char *kn_loopback_uri(const struct kn_loopback *loopback, struct kn_arena *arena)
{
    return kn_arena_printf(arena, "http://127.0.0.1:%d%s", kn_server_port(loopback->server),
                           loopback->path);
}

/* ---- waiting ---- */

void kn_loopback_begin(struct kn_loopback *loopback, const struct kn_oauth_round *round)
{
    KN_LOCKED(&loopback->lock);
    loopback->round = round;
}

enum kn_status kn_loopback_wait(struct kn_loopback *loopback, int64_t limit_ms,
                                struct kn_cancel *cancel, struct kn_arena *arena,
                                const char **ret_code, struct kn_error *err)
{
    int64_t until_us = kn_now_us() + limit_ms * 1000;
    KN_LOCKED(&loopback->lock);
    while (!loopback->came) {
        if (kn_cancel_requested(cancel))
            return kn_cancel_check(cancel, err);
        if (kn_now_us() >= until_us)
            return kn_error_set(err, KN_TIMEOUT,
                                "nobody has answered at %s within the time: run it again when "
                                "somebody is there to consent, or with --paste",
                                loopback->round->oauth->label);
        (void)kn_cond_wait_until(&loopback->changed, &loopback->lock,
                                 KN_MIN(until_us, kn_now_us() + LOOK_US));
    }
    if (loopback->status != KN_OK)
        return kn_error_set(err, loopback->status, "%s", kn_error_text(&loopback->why));
    *ret_code = kn_arena_strdup(arena, loopback->code);
    return KN_OK;
}

void kn_loopback_tell(struct kn_loopback *loopback, bool fine, const char *sentence)
{
    KN_SCOPED_STR page = {0};
    make_page(&page, fine ? "Connected" : "Not connected", sentence);
    KN_LOCKED(&loopback->lock);
    loopback->page = kn_strdup(kn_str_text(&page));
    loopback->fine = fine;
    pthread_cond_broadcast(&loopback->changed);
}
