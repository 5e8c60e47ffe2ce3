/*
 * A call, from the outside in:
 *
 *   the same in flight already? ─ wait for its answer
 *   kept from another time?     ─ that is the answer
 *   another process asks it?    ─ wait for what it keeps
 *   service_send.c:  place ─ budget ─ turn ─ send ─ judge ─┬─ answer: keep it
 *                      ^                                   ├─ it may pass: wait, again
 *                      └───────────────────────────────────┘  else: a sentence
 *
 * Two calls are the same when they send the same bytes to the same place; its hash is the name of
 * the kept answer as well.
 */
#include "ai/service.h"

#include <stdlib.h>
#include <string.h>

#include "ai/service_parts.h"
#include "ai/test_clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sync.h"

enum { USUAL_CONCURRENCY = 16, USUAL_ATTEMPTS = 6, CACHE_BYTES = 256 << 20 };

static const int64_t usual_limit_ms = 600000;

/* ---- opening ---- */

static enum kn_status check_url(const struct kn_service_options *options, struct kn_error *err)
{
    char shown[128];
    const char *url = options->base_url ? options->base_url : "";
    size_t plain = strcspn(url, "?#@"); /* behind them there may be a secret */
    if (!url[0] || (!kn_starts_with(url, "http://") && !kn_starts_with(url, "https://")) ||
        strpbrk(url, "?#@ \t\r\n"))
        return kn_error_set(
            err, KN_INVALID, "%s: the base URL “%s” is not one like https://api.openai.com/v1",
            options->name, url[plain] ? "…" : kn_text_show(url, shown, sizeof shown));
    return KN_OK;
}

static enum kn_status check_key(const struct kn_service_options *options, struct kn_error *err)
{
    const char *hint = options->key_hint ? options->key_hint : "its option";
    if (!options->key || !options->key[0])
        return KN_OK;
    for (const unsigned char *at = (const unsigned char *)options->key; *at; at++)
        if (*at <= ' ' || *at >= 0x7F)
            return kn_error_set(err, KN_INVALID,
                                "%s: the key in %s has a space, a line break or another character "
                                "in it that no key has",
                                options->name, hint);
    if (kn_starts_with(options->base_url, "http://") && !kn_url_is_loopback(options->base_url))
        return kn_error_set(err, KN_INVALID,
                            "%s: the key would go unencrypted to another machine: use an https:// "
                            "base URL, or unset %s",
                            options->name, hint);
    return KN_OK;
}

static char *copy_origin(const char *url)
{
    struct kn_arena *arena = kn_arena_new();
    char *origin = kn_strdup(kn_url_origin(arena, url));
    kn_arena_free(arena);
    return origin;
}

static struct kn_secrets *new_secrets(const struct kn_service_options *o)
{
    KN_SCOPED_MEM const char **all = kn_calloc((size_t)o->secret_count + 1, sizeof *all);
    for (int i = 0; i < o->secret_count; i++)
        all[i] = o->secrets[i];
    all[o->secret_count] = o->key;
    return kn_secrets_new(all, o->secret_count + 1);
}

static struct kn_service *new_service(struct kn_http *http, const struct kn_service_options *o)
{
    struct kn_service *service = kn_calloc(1, sizeof *service);
    service->http = http;
    service->name = kn_strdup(o->name);
    service->base_url = kn_strdup(o->base_url);
    for (size_t n = strlen(service->base_url); n && service->base_url[n - 1] == '/'; n--)
        service->base_url[n - 1] = '\0';
    service->origin = copy_origin(o->base_url);
    service->key_hint = kn_strdup(o->key_hint);
    if (o->key && o->key[0]) {
        struct kn_str authorization = {0};
        kn_str_printf(&authorization, "Bearer %s", o->key);
        service->authorization = kn_str_take(&authorization);
        service->key = kn_strdup(o->key);
    }
    service->attempts = o->attempts > 0 ? o->attempts : USUAL_ATTEMPTS;
    service->limit_ms = o->limit_ms > 0 ? o->limit_ms : usual_limit_ms;
    service->limits = kn_limits_new(o->concurrency > 0 ? o->concurrency : USUAL_CONCURRENCY,
                                    o->requests_a_minute, o->tokens_a_minute);
    service->answers = kn_answers_new(o->cache, CACHE_BYTES);
    service->secrets = new_secrets(o);
    pthread_mutex_init(&service->lock, NULL);
    kn_cond_init(&service->landed);
    kn_list_init(&service->flights);
    return service;
}

enum kn_status kn_service_open(struct kn_http *http, const struct kn_service_options *options,
                               struct kn_service **ret_service, struct kn_error *err)
{
    enum kn_status status = check_url(options, err);
    if (status == KN_OK)
        status = check_key(options, err);
    if (status == KN_OK)
        *ret_service = new_service(http, options);
    return status;
}

/* Nothing of a key stays in memory that is handed out again. */
static void free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void kn_service_close(struct kn_service *service)
{
    if (!service)
        return;
    kn_answers_free(service->answers);
    kn_limits_free(service->limits);
    pthread_cond_destroy(&service->landed);
    pthread_mutex_destroy(&service->lock);
    kn_secrets_free(service->secrets);
    free_secret(service->authorization);
    free_secret(service->key);
    free(service->key_hint);
    free(service->origin);
    free(service->base_url);
    free(service->name);
    free(service);
}

const char *kn_service_url(const struct kn_service *service)
{
    return service->base_url;
}

const struct kn_secrets *kn_service_secrets(const struct kn_service *service)
{
    return service->secrets;
}

void kn_service_use_speed(struct kn_service *service, double speed)
{
    kn_limits_use_speed(service->limits, speed);
}

void kn_service_counts(struct kn_service *service, struct kn_service_counts *ret_counts)
{
    KN_LOCKED(&service->lock);
    *ret_counts = service->counts;
}

/* ---- names of what is asked ---- */

static void add_field(struct kn_str *out, const void *data, size_t size)
{
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(data ? data : "", data ? size : 0, hash);
    kn_str_printf(out, "%zu:%s\n", size, hash);
}

static void add_text(struct kn_str *out, const char *text)
{
    add_field(out, text, text ? strlen(text) : 0);
}

static void name_call(const struct kn_service *service, const struct kn_service_call *call,
                      const char *body, char ret_name[KN_HASH_TEXT_BYTES])
{
    KN_SCOPED_STR all = {0};
    add_text(&all, service->base_url);
    add_text(&all, call->path);
    add_text(&all, body);
    for (int i = 0; i < call->part_count; i++) {
        const struct kn_http_part *part = &call->parts[i];
        add_text(&all, part->name);
        add_text(&all, part->filename);
        add_text(&all, part->content_type);
        add_field(&all, part->data, part->size);
    }
    kn_hash_bytes(all.at, all.length, ret_name);
}

/* ---- the same at the same time ---- */

struct flight {
    struct kn_link link; /* in the service's list until it has landed */
    char name[KN_HASH_TEXT_BYTES];
    /* Protected by the service's lock. */
    int users;
    bool landed;
    enum kn_status status;
    struct kn_error why;
    json_t *answer; /* a copy for those who wait; NULL: nobody does */
};

/* True: the caller leads it. */
static bool board(struct kn_service *service, const char *name, struct flight **ret_flight)
{
    KN_LOCKED(&service->lock);
    for (struct kn_link *at = service->flights.next; at != &service->flights; at = at->next) {
        struct flight *flight = KN_CONTAINER(at, struct flight, link);
        if (strcmp(flight->name, name) == 0) {
            flight->users++;
            *ret_flight = flight;
            return false;
        }
    }
    struct flight *flight = kn_calloc(1, sizeof *flight);
    memcpy(flight->name, name, sizeof flight->name);
    flight->users = 1;
    kn_list_add(&service->flights, &flight->link);
    *ret_flight = flight;
    return true;
}

static void leave(struct kn_service *service, struct flight *flight)
{
    pthread_mutex_lock(&service->lock);
    bool last = --flight->users == 0;
    pthread_mutex_unlock(&service->lock);
    if (!last)
        return;
    json_decref(flight->answer);
    free(flight);
}

static void land(struct kn_service *service, struct flight *flight, enum kn_status status,
                 const json_t *answer, const struct kn_error *why)
{
    KN_LOCKED(&service->lock);
    kn_list_remove(&flight->link);
    flight->landed = true;
    flight->status = status;
    flight->why = *why;
    if (status == KN_OK && flight->users > 1)
        flight->answer = json_deep_copy(answer);
    pthread_cond_broadcast(&service->landed);
}

static void wake_passengers(void *arg)
{
    struct kn_service *service = arg;
    KN_LOCKED(&service->lock);
    pthread_cond_broadcast(&service->landed);
}

/* False: cancelled. */
static bool wait_for_landing(struct kn_service *service, struct flight *flight,
                             struct kn_cancel *cancel)
{
    struct kn_cancel_watch watch = {.wake = wake_passengers, .arg = service};
    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&service->lock);
    while (!flight->landed && !kn_cancel_requested(cancel))
        pthread_cond_wait(&service->landed, &service->lock);
    bool landed = flight->landed;
    pthread_mutex_unlock(&service->lock);
    kn_cancel_unwatch(cancel, &watch);
    return landed;
}

/* ---- calling ---- */

struct asking {
    struct kn_service *service;
    const struct kn_service_call *call;
    const char *body; /* NULL: parts */
    const char *name;
    struct kn_cancel *cancel;
    json_t *answer; /* what comes of it */
};

static bool is_accepted(const struct kn_service_call *call, const json_t *answer)
{
    return call->accept ? call->accept(call->arg, answer, NULL) == KN_OK : json_is_object(answer);
}

/* Nothing was set aside for it, but who counts hears of it. */
static void count_cached(struct asking *a)
{
    kn_budget_cached(a->call->budget);
    KN_LOCKED(&a->service->lock);
    a->service->counts.cached++;
}

static bool find(struct asking *a)
{
    KN_SCOPED_JSON kept = kn_answers_find(a->service->answers, a->name);
    kn_secrets_blot(a->service->secrets, kept); /* what is kept may be older than the key */
    if (!kept || !is_accepted(a->call, kept))
        return false;
    a->answer = KN_MOVE(kept);
    count_cached(a);
    return true;
}

static enum kn_status ask_and_keep(struct asking *a, struct kn_error *err)
{
    bool keep = false;
    enum kn_status status =
        kn_service_ask(a->service, a->call, a->body, a->cancel, &a->answer, &keep, err);
    if (status == KN_OK && keep)
        kn_answers_keep(a->service->answers, a->name, a->answer);
    return status;
}

/* Holds no place under the limits while it waits for another process to be answered, and claims
 * one name only: nobody waits in a circle. */
static enum kn_status find_or_ask(struct asking *a, struct kn_error *err)
{
    struct kn_answers *answers = a->service->answers;
    if (find(a))
        return KN_OK;
    bool claimed = kn_answers_claim(answers, a->name, a->service->limit_ms, a->cancel);
    enum kn_status status = claimed && find(a) ? KN_OK : ask_and_keep(a, err);
    if (claimed)
        kn_answers_release(answers, a->name);
    return status;
}

/* What the one who led heard is what this one would have heard; but a stop and a budget are its
 * own. Returns false for those: then this caller has to ask. */
static bool share(struct asking *a, struct flight *flight, enum kn_status *ret_status,
                  struct kn_error *err)
{
    if (flight->status == KN_CANCELLED || flight->status == KN_LIMIT)
        return false;
    *ret_status = flight->status;
    if (flight->status != KN_OK) {
        *err = flight->why;
        return true;
    }
    if (!is_accepted(a->call, flight->answer))
        return false;
    a->answer = json_deep_copy(flight->answer);
    count_cached(a);
    return true;
}

static enum kn_status ask_together(struct asking *a, struct kn_error *err)
{
    for (;;) {
        struct flight *flight;
        enum kn_status status = KN_CANCELLED;
        if (board(a->service, a->name, &flight)) {
            status = find_or_ask(a, err);
            land(a->service, flight, status, a->answer, err);
            leave(a->service, flight);
            return status;
        }
        bool landed = wait_for_landing(a->service, flight, a->cancel);
        bool shared = landed && share(a, flight, &status, err);
        leave(a->service, flight);
        if (!landed)
            return kn_cancel_check(a->cancel, err);
        if (shared)
            return status;
    }
}

enum kn_status kn_service_call(struct kn_service *service, const struct kn_service_call *call,
                               struct kn_cancel *cancel, json_t **ret_answer, struct kn_error *err)
{
    struct kn_error why = {0};
    KN_SCOPED_STR body = {0};
    char name[KN_HASH_TEXT_BYTES];
    if (kn_cancel_check(cancel, err) != KN_OK)
        return KN_CANCELLED;
    if (call->json)
        kn_json_add(&body, call->json, true);
    struct asking asking = {.service = service, .call = call, .cancel = cancel, .name = name};
    asking.body = call->json ? body.at : NULL;
    name_call(service, call, asking.body, name);
    enum kn_status status = ask_together(&asking, &why);
    if (status == KN_OK)
        *ret_answer = asking.answer;
    else if (err)
        *err = why;
    return status;
}
