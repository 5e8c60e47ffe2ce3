/*
 * Tries of one question.
 *
 * Who waits for a second try holds no place, so others go on meanwhile; what Retry-After asks for
 * holds everybody. Tries and their time are bounded, and what the service asks to wait for is not
 * waited for beyond two minutes: the caller has something better to do, such as asking another
 * service.
 *
 * Money: a try is reserved before it is sent. An error that the service answers with is not billed;
 * an answer is, by what it says was used, or by the most where it does not say; and a try whose end
 * nobody saw (a time-out, a connection that was cut) counts as the most.
 */
#include "ai/service_parts.h"

#include <string.h>
#include <sys/random.h>

#include "ai/prices.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"

enum {
    ANSWER_MAX_BYTES = 8 << 20,
    FAILURES_MAX = 3,  /* calls in a row, and it is down */
    FIRST_TRIES = 3,   /* where nothing was ever answered */
    TIMEOUT_TRIES = 2, /* each may take very long */
    DAMAGED_TRIES = 2,
};

static const int64_t down_ms = 60000, down_longest_ms = 600000;
static const int64_t asked_wait_max_ms = 120000;
static const int64_t patience_ms = 120000; /* for tries, beside the time of two requests */
static const int64_t backoff_ms = 500, backoff_max_ms = 8000;
static const int64_t overload_ms = 2000, overload_max_ms = 30000;

/* What became of one try. */
struct verdict {
    enum kn_status status;
    struct kn_error why;
    int tries_max;   /* of this call, when it ends like this; 1: it is no use */
    int64_t wait_ms; /* asked for; -1: not said */
    bool holds_all;  /* everybody waits */
    bool overloaded; /* longer waits */
    enum kn_refused of;
    int64_t down_ms; /* what `of` says is down for so long */
    enum kn_status feedback;
    bool tried; /* else it was turned away before it was sent */
    json_t *answer;
    bool keep; /* the answer */
    struct kn_usage used;
};

struct trying {
    struct kn_service *service;
    const struct kn_service_call *call;
    const char *body;
    struct kn_cancel *cancel;
    struct kn_usage most;
    bool priced;
    struct kn_price price;
    uint64_t subject; /* path and model, for what is down */
    int64_t until_us; /* no try begins after it; 0: none was made */
    int tries, damaged;
};

/* ---- what is down ---- */

static uint64_t subject_of(const struct kn_service_call *call)
{
    KN_SCOPED_STR text = {0};
    kn_str_printf(&text, "%s %s", call->path, call->model ? call->model : "");
    return kn_hash_key(text.at, text.length) | 1;
}

static enum kn_status check_down(struct trying *t, struct kn_error *err)
{
    struct kn_service *service = t->service;
    int64_t now_us = kn_limits_now_us(service->limits);
    KN_LOCKED(&service->lock);
    for (int i = 0; i < service->down_count; i++) {
        struct kn_down *down = &service->downs[i];
        if (now_us < down->until_us && (!down->subject || down->subject == t->subject)) {
            *err = down->why;
            return down->why.status;
        }
    }
    return KN_OK;
}

static void take_down(struct trying *t, uint64_t subject, int64_t ms, const struct kn_error *why)
{
    struct kn_service *service = t->service;
    int64_t now_us = kn_limits_now_us(service->limits);
    KN_LOCKED(&service->lock);
    int at = 0;
    while (at < service->down_count && service->downs[at].until_us > now_us &&
           service->downs[at].subject != subject)
        at++;
    if (at == KN_DOWN_MAX)
        at = KN_DOWN_MAX - 1; /* so many names are wrong that one is forgotten */
    service->down_count = KN_MAX(service->down_count, at + 1);
    service->downs[at] =
        (struct kn_down){.subject = subject, .until_us = now_us + ms * 1000, .why = *why};
}

/* A call is over: does the service still live? Who was turned away because it is down has learnt
 * nothing new of it. */
static void note_end(struct trying *t, const struct verdict *v)
{
    bool failed =
        v->tried && (v->status == KN_IO || v->status == KN_TIMEOUT || v->status == KN_REMOTE);
    pthread_mutex_lock(&t->service->lock);
    if (v->status == KN_OK)
        t->service->failures = 0;
    else if (failed)
        t->service->failures++;
    bool down = failed && t->service->failures >= FAILURES_MAX;
    pthread_mutex_unlock(&t->service->lock);
    if (down)
        take_down(t, 0, down_ms, &v->why);
}

/* ---- prices ---- */

static void put_price(const struct trying *t, struct kn_usage *usage, int64_t cached_tokens)
{
    usage->unpriced = t->priced ? 0 : usage->requests;
    usage->usd = t->priced ? kn_price_usd(&t->price, usage, cached_tokens) : 0;
}

static int64_t tokens_in(const json_t *usage, const char *name, const char *other,
                         int64_t if_absent)
{
    const json_t *value = json_object_get(usage, name);
    if (!json_is_number(value))
        value = json_object_get(usage, other);
    return json_is_number(value) ? (int64_t)KN_CLAMP(json_number_value(value), 0, 1e9) : if_absent;
}

static void read_usage(const struct trying *t, const json_t *answer, struct kn_usage *used)
{
    const json_t *usage = json_object_get(answer, "usage");
    const json_t *details = json_object_get(usage, "prompt_tokens_details");
    const json_t *seconds = json_object_get(usage, "seconds");
    if (!details)
        details = json_object_get(usage, "input_tokens_details");
    *used = (struct kn_usage){
        .requests = 1,
        .input_tokens = tokens_in(usage, "prompt_tokens", "input_tokens", t->most.input_tokens),
        .output_tokens =
            tokens_in(usage, "completion_tokens", "output_tokens", t->most.output_tokens),
        .audio_s = json_is_number(seconds) ? KN_CLAMP(json_number_value(seconds), 0, 1e6)
                                           : t->most.audio_s,
    };
    put_price(t, used, tokens_in(details, "cached_tokens", "cached_tokens", 0));
}

/* ---- judging ---- */

static void judge_unsent(struct trying *t, enum kn_status status, bool sent,
                         const struct kn_error *why, struct verdict *v)
{
    const char *name = t->service->name;
    if (sent)
        v->used = t->most;
    v->status = status;
    v->tries_max = 1;
    if (status == KN_CANCELLED) {
        v->why = *why;
        return;
    }
    kn_error_set(&v->why, status, "%s cannot be reached: %s", name, kn_error_text(why));
    if (status == KN_IO) {
        pthread_mutex_lock(&t->service->lock);
        v->tries_max =
            t->service->answered ? t->service->attempts : KN_MIN(t->service->attempts, FIRST_TRIES);
        pthread_mutex_unlock(&t->service->lock);
    } else if (status == KN_TIMEOUT) {
        kn_error_set(&v->why, status, "%s does not answer in time: %s", name, kn_error_text(why));
        v->tries_max = KN_MIN(t->service->attempts, TIMEOUT_TRIES);
        v->feedback = KN_LIMIT;
    } else if (status == KN_DENIED) { /* its certificate: nobody will fare better */
        v->of = KN_REFUSED_ALL;
        v->down_ms = down_ms;
    } else if (status == KN_LIMIT) {
        v->status = KN_DAMAGED;
        kn_error_set(&v->why, KN_DAMAGED, "%s sends an answer that is too long: %s", name,
                     kn_error_text(why));
    }
}

/* It asks for more patience than anybody has. */
static void give_up_waiting(struct trying *t, struct verdict *v)
{
    char span[KN_TIME_TEXT_BYTES];
    int64_t ms = KN_MIN(v->wait_ms, INT64_C(1000) * 86400 * 365);
    kn_error_set(&v->why, KN_LIMIT, "%s takes no more requests for %s: its limits are used up",
                 t->service->name, kn_time_span(ms * 1000, span));
    v->status = KN_LIMIT;
    v->tries_max = 1;
    v->of = KN_REFUSED_ALL;
    v->down_ms = KN_MIN(ms, down_longest_ms);
}

static void judge_refusal(struct trying *t, const struct kn_http_answer *answer, const json_t *body,
                          struct verdict *v)
{
    struct kn_service *service = t->service;
    struct kn_service_names names = {.name = service->name,
                                     .origin = service->origin,
                                     .key = service->key,
                                     .key_hint = service->key_hint,
                                     .path = t->call->path,
                                     .model = t->call->model};
    struct kn_refusal refusal;
    kn_refusal_read(answer, body, &names, &refusal);
    v->status = refusal.status;
    v->why = refusal.why;
    v->of = refusal.of;
    v->down_ms = refusal.of == KN_REFUSED_THIS ? 0 : down_ms;
    v->tries_max = refusal.retry ? service->attempts : 1;
    v->overloaded = refusal.overloaded;
    v->wait_ms = kn_http_retry_after_ms(answer, kn_wall_us());
    /* Whoever is refused for good waits for nothing, and others have nothing to do with it. */
    v->holds_all = refusal.too_much || (refusal.retry && v->wait_ms >= 0);
    if (refusal.too_much || refusal.overloaded)
        v->feedback = KN_LIMIT;
    else if (!refusal.retry && refusal.status != KN_DENIED)
        v->feedback = KN_OK;
    if (v->holds_all && v->wait_ms > asked_wait_max_ms)
        give_up_waiting(t, v);
    pthread_mutex_lock(&service->lock);
    service->counts.limited += answer->status == 429;
    pthread_mutex_unlock(&service->lock);
}

static void judge_answer(struct trying *t, const struct kn_http_answer *answer, json_t *body,
                         struct verdict *v)
{
    const struct kn_service_call *call = t->call;
    struct kn_error why = {0};
    enum kn_status status = KN_OK;
    if (!body)
        status = kn_error_set(&why, KN_DAMAGED,
                              answer->size ? "what it sent is not JSON" : "it sent nothing");
    else if (call->accept)
        status = call->accept(call->arg, body, &why);
    else if (!json_is_object(body))
        status = kn_error_set(&why, KN_DAMAGED, "what it sent is no JSON object");
    read_usage(t, body, &v->used);
    v->feedback = KN_OK;
    if (status == KN_OK || status == KN_END) {
        v->status = KN_OK;
        v->keep = status == KN_OK;
        v->answer = json_incref(body);
        return;
    }
    v->status = KN_DAMAGED;
    kn_error_set(&v->why, KN_DAMAGED, "%s gives an answer that cannot be used: %s",
                 t->service->name, kn_error_text(&why));
    v->tries_max = ++t->damaged < DAMAGED_TRIES ? t->service->attempts : 1;
}

static void judge(struct trying *t, const struct kn_http_answer *answer, struct verdict *v)
{
    json_t *body = kn_service_answer_json(answer);
    kn_secrets_blot(t->service->secrets, body);
    pthread_mutex_lock(&t->service->lock);
    t->service->answered = true;
    pthread_mutex_unlock(&t->service->lock);
    if (answer->status < 200 || answer->status > 299 || kn_is_error(body))
        judge_refusal(t, answer, body, v);
    else
        judge_answer(t, answer, body, v);
    json_decref(body);
}

/* ---- waiting ---- */

static double chance(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
        bits = (uint64_t)kn_now_us() << 44; /* only so that not all wait equally long */
    return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t backoff_of(struct trying *t, const struct verdict *v)
{
    int64_t first_ms = v->overloaded ? overload_ms : backoff_ms;
    int64_t most_ms = v->overloaded ? overload_max_ms : backoff_max_ms;
    int64_t ms = KN_MIN(first_ms << KN_CLAMP(t->tries - 1, 0, 16), most_ms);
    return (int64_t)((double)ms * (1 - 0.5 * chance()));
}

/* What this try taught, before anybody else starts: what is down, and who has to wait. */
static void teach(struct trying *t, struct verdict *v)
{
    if (v->wait_ms < 0)
        v->wait_ms = backoff_of(t, v);
    if (v->down_ms)
        take_down(t, v->of == KN_REFUSED_ALL ? 0 : t->subject, v->down_ms, &v->why);
    else if (v->holds_all)
        kn_limits_pause_ms(t->service->limits, v->wait_ms);
}

/* ---- one try ---- */

/* How much is asked, roughly as time goes by: ten seconds of sound, 500 tokens to write. */
static double work_of(const struct trying *t)
{
    return 1 + t->most.audio_s / 10 + (double)t->most.output_tokens / 500;
}

static void send_once(struct trying *t, const struct kn_start *start, struct verdict *v)
{
    struct kn_service *service = t->service;
    struct kn_arena *arena = kn_arena_new();
    struct kn_http_header headers[3];
    int header_count = 0;
    headers[header_count++] = (struct kn_http_header){"Accept", "application/json"};
    if (service->authorization)
        headers[header_count++] = (struct kn_http_header){"Authorization", service->authorization};
    if (t->body)
        headers[header_count++] = (struct kn_http_header){"Content-Type", "application/json"};
    struct kn_http_request request = {
        .method = "POST",
        .url = kn_arena_printf(arena, "%s%s", service->base_url, t->call->path),
        .headers = headers,
        .header_count = header_count,
        .body = t->body,
        .body_size = t->body ? strlen(t->body) : 0,
        .parts = t->body ? NULL : t->call->parts,
        .part_count = t->body ? 0 : t->call->part_count,
        .limit_ms = service->limit_ms,
        .answer_max = ANSWER_MAX_BYTES,
    };
    struct kn_http_answer answer = {0};
    struct kn_error why = {0};
    bool sent = false;
    enum kn_status status =
        kn_http_perform(service->http, &request, t->cancel, arena, &answer, &sent, &why);
    if (status == KN_OK)
        judge(t, &answer, v);
    else
        judge_unsent(t, status, sent, &why, v);
    if (v->status != KN_OK)
        teach(t, v);
    kn_limits_heed(service->limits, start, work_of(t), status == KN_OK ? &answer : NULL,
                   v->feedback);
    kn_log(KN_LOG_DEBUG, "service", "%s %s: %s, status %d, try %d, %.0f ms", service->origin,
           t->call->path, kn_status_name(v->status), answer.status, t->tries,
           (double)answer.total_us / 1000);
    kn_arena_free(arena);
}

static void count_try(struct trying *t)
{
    KN_LOCKED(&t->service->lock);
    t->service->counts.requests++;
    t->service->counts.retries += t->tries > 0;
    t->tries++;
}

/* In a place, with the money set aside. */
static void try_reserved(struct trying *t, struct verdict *v)
{
    double tokens = (double)(t->most.input_tokens + t->most.output_tokens);
    struct kn_start start;
    v->status = kn_limits_start(t->service->limits, tokens, t->cancel, &start);
    if (v->status != KN_OK) {
        kn_cancel_check(t->cancel, &v->why);
        return;
    }
    /* While this one waited others may have learnt that it is no use. */
    v->status = check_down(t, &v->why);
    if (v->status != KN_OK) {
        kn_limits_heed(t->service->limits, &start, 1, NULL, KN_INTERNAL);
        return;
    }
    count_try(t);
    v->tried = true;
    send_once(t, &start, v);
}

static void try_once(struct trying *t, struct verdict *v)
{
    *v = (struct verdict){.wait_ms = -1, .tries_max = 1, .feedback = KN_INTERNAL};
    v->status = kn_limits_enter(t->service->limits, t->cancel);
    if (v->status != KN_OK) {
        kn_cancel_check(t->cancel, &v->why);
        return;
    }
    v->status = check_down(t, &v->why);
    if (v->status == KN_OK) {
        v->status = kn_budget_reserve(t->call->budget, &t->most, &v->why);
        if (v->status == KN_OK) {
            try_reserved(t, v);
            kn_budget_settle(t->call->budget, &t->most, &v->used);
        } else {
            kn_error_add(&v->why, "%s", t->service->name);
        }
    }
    kn_limits_leave(t->service->limits);
}

/* ---- until it is answered ---- */

/* Waits for the next try. False: there is none. */
static bool wait_for_next(struct trying *t, const struct verdict *v)
{
    if (v->status == KN_OK || v->tries_max <= 1 || t->tries >= v->tries_max ||
        kn_limits_now_us(t->service->limits) + v->wait_ms * 1000 > t->until_us)
        return false;
    if (!v->holds_all) /* else it waits for its turn like all others */
        (void)kn_limits_sleep_ms(t->service->limits, v->wait_ms, t->cancel);
    return true;
}

enum kn_status kn_service_ask(struct kn_service *service, const struct kn_service_call *call,
                              const char *body, struct kn_cancel *cancel, json_t **ret_answer,
                              bool *ret_keep, struct kn_error *err)
{
    struct trying t = {.service = service,
                       .call = call,
                       .body = body,
                       .cancel = cancel,
                       .most = call->most,
                       .subject = subject_of(call)};
    t.priced = kn_price_find(service->base_url, call->model, &t.price);
    t.most.requests = 1;
    put_price(&t, &t.most, 0);
    struct verdict v;
    do {
        try_once(&t, &v);
        if (t.tries && !t.until_us) /* from the end of the first try on */
            t.until_us =
                kn_limits_now_us(service->limits) + (2 * service->limit_ms + patience_ms) * 1000;
    } while (wait_for_next(&t, &v));
    note_end(&t, &v);
    if (v.status == KN_OK) {
        *ret_answer = v.answer;
        *ret_keep = v.keep;
    } else {
        *err = v.why;
    }
    return v.status;
}
