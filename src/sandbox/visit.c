/*
 * A request's way: into the ledger; the key; what is asked, strictly; limits; the accident that is
 * drawn for it; its wait; the answer. Answers and draws follow from the request's content and how
 * often it was there before, so that they do not depend on the order of arrival.
 */
#include "sandbox/visit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sync.h"
#include "sandbox/bearer.h"
#include "sandbox/chat.h"
#include "sandbox/fault_answer.h"
#include "sandbox/platforms/platforms.h"
#include "sandbox/schema.h"
#include "sandbox/transcriptions.h"

enum { HEADERS_MAX = 16 };

/* A request on its way. */
struct visit {
    struct kn_sandbox *sandbox;
    const struct kn_exchange *exchange;
    struct kn_reply *reply;
    struct kn_sandbox_entry entry;
    struct kn_rejection rejection;
    uint64_t content;
    int occurrence;
    struct kn_sandbox_fault fault;
    struct kn_sandbox_latency latency;
    bool limited; /* has figures for the x-ratelimit headers */
    struct kn_rates_view limits;
    struct kn_server_field headers[HEADERS_MAX];
    int header_count;
};

/* ---- waiting ---- */

/* Some servers work on one request at a time, whoever is there. False: the server closes. */
static bool enter(struct visit *visit)
{
    enum { LOOK_US = 100000 };
    struct kn_sandbox *s = visit->sandbox;
    if (!s->options.at_once)
        return true;
    KN_LOCKED(&s->gate);
    while (s->inside >= s->options.at_once) {
        if (kn_cancel_requested(visit->exchange->cancel))
            return false;
        (void)kn_cond_wait_until(&s->gate_opened, &s->gate, kn_now_us() + LOOK_US);
    }
    s->inside++;
    return true;
}

static void leave(struct visit *visit)
{
    struct kn_sandbox *s = visit->sandbox;
    if (!s->options.at_once)
        return;
    KN_LOCKED(&s->gate);
    s->inside--;
    pthread_cond_signal(&s->gate_opened);
}

/* What would take this long: the accident may be one that is noticed before. */
static void take_time(struct visit *visit)
{
    struct kn_chance chance = kn_chance_of(visit->sandbox->options.seed, visit->content,
                                           (uint64_t)visit->occurrence, "latency");
    if (kn_fault_is_quick(visit->fault.kind) || !enter(visit))
        return;
    visit->entry.latency_us = kn_sandbox_latency_draw(&visit->latency, &chance);
    (void)kn_cancel_wait_ms(visit->exchange->cancel, (visit->entry.latency_us + 500) / 1000);
    leave(visit);
}

/* ---- headers ---- */

__attribute__((format(printf, 3, 4))) static void add_header(struct visit *visit, const char *name,
                                                             const char *format, ...)
{
    char value[96];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (visit->header_count < HEADERS_MAX)
        visit->headers[visit->header_count++] = (struct kn_server_field){
            .name = name,
            .data = kn_arena_strdup(visit->exchange->arena, value),
            .size = strlen(value),
        };
}

static void add_limits(struct visit *visit)
{
    const struct kn_rates_view *l = &visit->limits;
    char text[KN_GO_DURATION_BYTES];
    add_header(visit, "x-ratelimit-limit-requests", "%" PRId64, l->limit_requests);
    add_header(visit, "x-ratelimit-limit-tokens", "%" PRId64, l->limit_tokens);
    add_header(visit, "x-ratelimit-remaining-requests", "%" PRId64, l->remaining_requests);
    add_header(visit, "x-ratelimit-remaining-tokens", "%" PRId64, l->remaining_tokens);
    add_header(visit, "x-ratelimit-reset-requests", "%s",
               kn_go_duration(l->reset_requests_us, text));
    add_header(visit, "x-ratelimit-reset-tokens", "%s", kn_go_duration(l->reset_tokens_us, text));
}

static void add_retry(struct visit *visit, double after_s)
{
    add_header(visit, "retry-after", "%.0f", ceil(after_s));
    add_header(visit, "retry-after-ms", "%.0f", ceil(after_s * 1000));
}

static void add_headers(struct visit *visit)
{
    double after_s = visit->fault.retry_after_s ? visit->fault.retry_after_s : 1;
    add_header(visit, "x-request-id", "req_%016" PRIx64 "%04x",
               visit->content ^ (uint64_t)visit->entry.number,
               (unsigned)visit->entry.number & 0xffff);
    if (visit->sandbox->options.dialect == KN_SANDBOX_WHISPER)
        return;
    add_header(visit, "openai-version", "2020-10-01");
    add_header(visit, "openai-organization", "org-sandbox");
    add_header(visit, "openai-processing-ms", "%" PRId64, visit->entry.latency_us / 1000);
    if (visit->limited)
        add_limits(visit);
    if (visit->limits.retry_us)
        add_retry(visit, (double)visit->limits.retry_us / 1e6);
    else if (visit->fault.kind == KN_FAULT_RATE || visit->fault.kind == KN_FAULT_SLOW_DOWN ||
             visit->fault.retry_after_s)
        add_retry(visit, after_s);
    if (visit->fault.kind == KN_FAULT_QUOTA)
        add_header(visit, "x-should-retry", "false");
}

/* ---- accidents ---- */

/* A rule of the script before those for everything. */
static void draw_fault(struct visit *visit, struct kn_script_rule *rule)
{
    struct kn_sandbox *s = visit->sandbox;
    struct kn_chance chance =
        kn_chance_of(s->options.seed, visit->content, (uint64_t)visit->occurrence, "fault");
    if (rule && rule->has_latency)
        visit->latency = rule->latency;
    if (rule)
        visit->fault = kn_fault_rules_draw(&rule->faults, visit->entry.path, &chance);
    if (visit->fault.kind == KN_FAULT_NONE)
        visit->fault = kn_fault_rules_draw(&s->faults, visit->entry.path, &chance);
    visit->entry.fault = visit->fault.kind;
}

/* Takes its place under the limits. False: it is refused, and costs nothing: neither a turn of a
 * script's rule nor a draw. */
static bool admit(struct visit *visit, const char *model, int tokens)
{
    struct kn_sandbox *s = visit->sandbox;
    visit->limited = true;
    return kn_rates_take(&s->limits, model, tokens, kn_now_us(), &visit->limits, &visit->rejection);
}

/* Draws its accident and waits. False: it is refused. */
static bool work(struct visit *visit, const char *model, struct kn_script_rule *rule)
{
    visit->occurrence = kn_ledger_admit(&visit->sandbox->ledger, visit->content);
    draw_fault(visit, rule);
    take_time(visit);
    return !kn_fault_refuses(visit->fault.kind, model, &visit->rejection);
}

/* ---- transcriptions ---- */

static void note_file(struct visit *visit, const struct kn_transcription *asked)
{
    snprintf(visit->entry.model, sizeof visit->entry.model, "%s", asked->model_name);
    snprintf(visit->entry.name, sizeof visit->entry.name, "%s",
             asked->file->filename ? asked->file->filename : "");
    kn_utf8_trim(visit->entry.model);
    kn_utf8_trim(visit->entry.name);
    kn_hash_bytes(asked->file->data, asked->file->size, visit->entry.hash);
    visit->entry.duration_us = asked->sound.duration_us;
}

/* From the script, the source's transcript, or the sound itself. */
static void hear(struct visit *visit, const struct kn_transcription *asked,
                 const struct kn_script_hearing *rule, struct kn_spoken *ret_spoken)
{
    struct kn_sandbox *s = visit->sandbox;
    struct kn_arena *arena = visit->exchange->arena;
    int64_t duration = asked->sound.duration_us;
    struct kn_spoken spoken = {0};
    if (rule && rule->text && !rule->spoken.words) {
        kn_spoken_spread(rule->text, 0, duration, arena, &spoken);
        spoken.language = rule->spoken.language;
    } else if (rule && rule->spoken.words) {
        spoken = rule->spoken;
    } else if (s->has_source) {
        int64_t start = asked->file->filename ? kn_piece_start_us(asked->file->filename) : -1;
        kn_spoken_piece(&s->source, KN_MAX(start, 0), duration, arena, &spoken);
    } else if (!asked->sound.silent) {
        kn_spoken_make(kn_hash_key(asked->file->data, asked->file->size) ^ s->options.seed,
                       duration, arena, &spoken);
        spoken.language = asked->language;
    }
    if (!spoken.language)
        spoken.language = asked->language ? asked->language : "english";
    kn_fault_hears(visit->fault.kind, duration, arena, &spoken);
    *ret_spoken = spoken;
}

static void transcribe(struct visit *visit)
{
    struct kn_sandbox *s = visit->sandbox;
    const struct kn_exchange *exchange = visit->exchange;
    bool whisper = s->options.dialect == KN_SANDBOX_WHISPER;
    struct kn_transcription asked;
    struct kn_spoken spoken;
    bool fine = whisper ? kn_whisper_read(exchange, &asked, visit->reply)
                        : kn_transcription_read(exchange, &s->models, &asked, &visit->rejection);
    if (!fine)
        return;
    note_file(visit, &asked);
    int tokens = kn_transcription_tokens(&asked);
    visit->entry.input_tokens = tokens;
    if (!admit(visit, asked.model_name, tokens))
        return;
    struct kn_script_hearing *rule =
        kn_script_hear(&s->script, visit->entry.hash, visit->entry.name, asked.sound.duration_us);
    if (!work(visit, asked.model_name, rule ? &rule->rule : NULL))
        return;
    hear(visit, &asked, rule, &spoken);
    if (whisper)
        kn_whisper_answer(exchange, &asked, &spoken, visit->reply);
    else
        kn_transcription_answer(&asked, &spoken, exchange->arena, visit->reply);
}

/* ---- chats ---- */

/* A script's answer that breaks the schema by mistake would be taken for a client's mistake. */
static bool check_script(struct visit *visit, const struct kn_chat *asked,
                         const struct kn_script_talk *rule)
{
    KN_SCOPED_STR why = {0};
    if (!asked->schema || rule->unchecked || !rule->content)
        return true;
    KN_SCOPED_JSON value = json_loads(rule->content, JSON_DECODE_ANY, NULL);
    if (value && kn_schema_valid(asked->schema, value, &why))
        return true;
    return kn_reject_as(&visit->rejection, 500, "sandbox_error", NULL, "script_breaks_schema",
                        "The script's content does not fit the request's schema: %.200s "
                        "(\"unchecked\": true lets it pass)",
                        value ? kn_str_text(&why) : "it is no JSON");
}

static bool say(struct visit *visit, const struct kn_chat *asked, const struct kn_script_talk *rule,
                struct kn_chat_said *ret_said)
{
    struct kn_arena *arena = visit->exchange->arena;
    struct kn_chat_said said = {.finish_reason = "stop"};
    /* The same question gets the same answer, however often it is asked. */
    struct kn_chance chance = kn_chance_of(visit->sandbox->options.seed, visit->content, 0, "chat");
    if (rule && rule->finish_reason)
        said.finish_reason = rule->finish_reason;
    if (rule && !rule->made) {
        if (!check_script(visit, asked, rule))
            return false;
        said.content = rule->content;
        said.refusal = rule->refusal;
    } else {
        said.content = kn_chat_make(asked, &chance, arena);
        if (!said.content)
            return kn_reject_as(&visit->rejection, 500, "sandbox_error", NULL, "cannot_be_made_up",
                                "Nothing that the sandbox makes up fits this schema (a pattern?): "
                                "give it an answer in a script.");
    }
    kn_fault_says(visit->fault.kind, arena, &said);
    if (asked->tokens_most && said.content && kn_chat_tokens(said.content) > asked->tokens_most) {
        said.content = kn_arena_strndup(arena, said.content, (size_t)asked->tokens_most * 4);
        kn_utf8_trim((char *)said.content);
        said.finish_reason = "length";
    }
    *ret_said = said;
    return true;
}

static void answer_chat(struct visit *visit, const struct kn_chat *asked)
{
    struct kn_sandbox *s = visit->sandbox;
    struct kn_chat_said said;
    int prompt = kn_chat_prompt_tokens(asked);
    snprintf(visit->entry.model, sizeof visit->entry.model, "%s", asked->model_name);
    kn_utf8_trim(visit->entry.model);
    visit->entry.images = asked->images;
    visit->entry.input_tokens = prompt;
    /* As the service counts: what is asked and the most that may come. */
    int most = (int)KN_MIN((int64_t)prompt + asked->tokens_most, INT32_MAX);
    if (!admit(visit, asked->model_name, most))
        return;
    struct kn_script_talk *rule = kn_script_talk(&s->script, kn_str_text(&asked->text));
    if (!work(visit, asked->model_name, rule ? &rule->rule : NULL) ||
        !say(visit, asked, rule, &said))
        return;
    visit->entry.output_tokens = kn_chat_answer_tokens(asked, &said);
    kn_chat_answer(asked, &said, visit->content, visit->exchange->arena, visit->reply);
}

static void chat(struct visit *visit)
{
    struct kn_chat asked;
    if (kn_chat_request_read(visit->exchange, &visit->sandbox->models, &asked, &visit->rejection))
        answer_chat(visit, &asked);
    kn_chat_free(&asked);
}

/* ---- the other paths ---- */

static void models(struct visit *visit)
{
    static const char one[] = "/v1/models/";
    const char *path = visit->exchange->path;
    if (work(visit, "models", NULL))
        (void)kn_models_reply(&visit->sandbox->models,
                              kn_starts_with(path, one) ? path + strlen(one) : NULL,
                              visit->exchange->arena, visit->reply, &visit->rejection);
}

static void other(struct visit *visit)
{
    const struct kn_exchange *exchange = visit->exchange;
    static const char healthy[] = "{\"status\":\"ok\"}";
    bool whisper = visit->sandbox->options.dialect == KN_SANDBOX_WHISPER;
    if (!work(visit, "other", NULL))
        return;
    if (whisper && strcmp(exchange->path, "/health") == 0) {
        kn_reply_text(visit->reply, exchange->arena, 200, "application/json", healthy,
                      strlen(healthy));
    } else if (whisper) {
        char text[128];
        int n = snprintf(text, sizeof text, "File Not Found (%.80s)", exchange->path);
        kn_reply_text(visit->reply, exchange->arena, 404, "text/plain", text, (size_t)n);
    } else {
        kn_reject_as(&visit->rejection, 404, "invalid_request_error", NULL, NULL,
                     "Invalid URL (%.10s %.80s)", exchange->method, exchange->path);
    }
}

static const struct route {
    const char *path, *method;
    enum kn_sandbox_path kind;
    unsigned dialects; /* 1 << enum kn_sandbox_dialect */
    void (*run)(struct visit *visit);
} routes[] = {
    {"/v1/audio/transcriptions", "POST", KN_SANDBOX_TRANSCRIPTIONS, 3, transcribe},
    {"/inference", "POST", KN_SANDBOX_TRANSCRIPTIONS, 1u << KN_SANDBOX_WHISPER, transcribe},
    {"/v1/chat/completions", "POST", KN_SANDBOX_CHAT, 1u << KN_SANDBOX_OPENAI, chat},
    {"/v1/models", "GET", KN_SANDBOX_MODELS, 1u << KN_SANDBOX_OPENAI, models},
    {"/v1/models/*", "GET", KN_SANDBOX_MODELS, 1u << KN_SANDBOX_OPENAI, models},
};
static const struct route elsewhere = {"", "", KN_SANDBOX_OTHER, 3, other};

static const struct route *find_route(const struct kn_sandbox *s, const char *path)
{
    for (size_t i = 0; i < KN_COUNT_OF(routes); i++) {
        size_t length = strlen(routes[i].path);
        bool prefix = routes[i].path[length - 1] == '*';
        bool same = prefix ? strncmp(routes[i].path, path, length - 1) == 0
                           : strcmp(routes[i].path, path) == 0;
        if (same && routes[i].dialects & 1u << s->options.dialect)
            return &routes[i];
    }
    return &elsewhere;
}

/* ---- a request's way ---- */

/* Names the request by all that it says. */
static uint64_t content_of(const struct kn_exchange *exchange)
{
    KN_SCOPED_STR all = {0};
    kn_str_printf(&all, "%s %s %016" PRIx64, exchange->method, exchange->path,
                  kn_hash_key(exchange->body_size ? exchange->body : "", exchange->body_size));
    for (int i = 0; i < exchange->part_count; i++) {
        const struct kn_server_field *part = &exchange->parts[i];
        kn_str_printf(&all, " %s %s %016" PRIx64, part->name, part->filename ? part->filename : "",
                      kn_hash_key(part->data, part->size));
    }
    return kn_hash_key(all.at, all.length);
}

static void count_bytes(struct visit *visit)
{
    const struct kn_exchange *exchange = visit->exchange;
    visit->entry.bytes_in = (int64_t)exchange->body_size;
    for (int i = 0; i < exchange->part_count; i++)
        visit->entry.bytes_in += (int64_t)exchange->parts[i].size;
}

static void serve(struct visit *visit)
{
    struct kn_sandbox *s = visit->sandbox;
    const struct kn_exchange *exchange = visit->exchange;
    const struct route *route = find_route(s, exchange->path);
    visit->entry.path = route->kind;
    const bool *scripted = s->script.has_latency;
    if (scripted[route->kind])
        visit->latency = s->script.latency[route->kind];
    else if (route->kind == KN_SANDBOX_TRANSCRIPTIONS || route->kind == KN_SANDBOX_CHAT)
        visit->latency = s->options.latency;
    bool let_in =
        s->options.dialect == KN_SANDBOX_WHISPER ||
        kn_bearer_check(exchange, s->options.keys, s->options.key_count, &visit->rejection);
    if (let_in && route->method[0] && strcmp(route->method, exchange->method) != 0)
        kn_reject_as(&visit->rejection, 405, "invalid_request_error", NULL, NULL,
                     "Not allowed to %.10s on %.80s: it takes %s.", exchange->method,
                     exchange->path, route->method);
    else if (let_in)
        route->run(visit);
}

/* What is answered, as the ledger has it. */
static void finish(struct visit *visit)
{
    struct kn_sandbox *s = visit->sandbox;
    struct kn_reply *reply = visit->reply;
    struct kn_sandbox_entry *entry = &visit->entry;
    if (visit->rejection.status) {
        const struct kn_rejection *r = &visit->rejection;
        kn_rejection_reply(r, visit->exchange->arena, reply);
        snprintf(entry->error, sizeof entry->error, "%s", r->code ? r->code : r->type);
    }
    kn_fault_spoils(visit->fault.kind, visit->exchange->arena, reply);
    add_headers(visit);
    reply->headers = kn_arena_copy(visit->exchange->arena, visit->headers,
                                   (size_t)visit->header_count * sizeof *visit->headers);
    reply->header_count = visit->header_count;
    bool whole = kn_fault_is_whole(visit->fault.kind);
    bool silent = reply->fault == KN_REPLY_NOTHING || reply->fault == KN_REPLY_NO_ANSWER;
    entry->status = silent ? 0 : reply->status;
    entry->bytes_out = silent ? 0 : (int64_t)(whole ? reply->size : reply->cut_at);
    kn_ledger_leave(&s->ledger, entry, whole);
    if (s->options.said)
        s->options.said(s->options.arg, entry);
}

/* Tests and people look here; it is no part of the service, takes no key and is not counted. */
static void show_ledger(struct kn_sandbox *s, const struct kn_exchange *exchange,
                        struct kn_reply *reply)
{
    KN_SCOPED_JSON json = kn_ledger_json(&s->ledger);
    kn_reply_json(reply, exchange->arena, 200, json);
}

void kn_sandbox_begin(void *arg, const struct kn_exchange *head, struct kn_server_intake *intake,
                      struct kn_reply *reply)
{
    struct kn_sandbox *s = arg;
    kn_mimics_begin(s->mimics, head, intake, reply);
}

void kn_sandbox_visit(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    struct kn_sandbox *s = arg;
    if (strcmp(exchange->path, "/sandbox/ledger") == 0) {
        show_ledger(s, exchange, reply);
        return;
    }
    if (kn_mimics_visit(s->mimics, exchange, reply))
        return;
    struct visit visit = {
        .sandbox = s, .exchange = exchange, .reply = reply, .content = content_of(exchange)};
    kn_ledger_arrive(&s->ledger, &visit.entry);
    snprintf(visit.entry.url, sizeof visit.entry.url, "%s", exchange->path);
    snprintf(visit.entry.method, sizeof visit.entry.method, "%s", exchange->method);
    kn_utf8_trim(visit.entry.url);
    count_bytes(&visit);
    serve(&visit);
    finish(&visit);
}
