/*
 * Errors of services that speak OpenAI's protocol, more or less: an object, a string or plain text;
 * a code that is a text, a number or absent. What decides is the status first, then the type and
 * the code. (OpenAI's guide "Error codes"; the servers of whisper.cpp, LocalAI and Groq, seen
 * 2026.)
 *
 * Servers repeat keys in their sentences, masked or not. Here their sentence is left out where the
 * key is the matter, and whatever it shares with the key is blotted out everywhere else.
 */
#include "ai/service_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"

enum { SAID_BYTES = 224, WORD_BYTES = 64, KEY_SHARED = 6 };

/* What the service says, in its own words. */
struct said {
    char message[SAID_BYTES], type[WORD_BYTES], code[WORD_BYTES];
    int status;  /* HTTP's, or what the body says instead */
    bool hidden; /* HTTP's says that all is well */
};

/* A text with a NUL in it ends there for us; the rest of the answer is as good as any. */
json_t *kn_service_answer_json(const struct kn_http_answer *answer)
{
    if (!answer->size)
        return NULL;
    if (kn_utf8_valid(answer->body, answer->size))
        return json_loadb(answer->body, answer->size, JSON_ALLOW_NUL, NULL);
    KN_SCOPED_STR clean = {0};
    kn_utf8_clean(answer->body, answer->size, &clean);
    return json_loadb(kn_str_text(&clean), clean.length, JSON_ALLOW_NUL, NULL);
}

bool kn_is_error(const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    const char *object = json_string_value(json_object_get(body, "object"));
    return (error && !json_is_null(error) && !json_is_false(error)) ||
           (object && strcmp(object, "error") == 0);
}

static void copy_text(const json_t *json, char *text, size_t room)
{
    if (json_is_string(json))
        (void)kn_text_show(json_string_value(json), text, room);
    else if (json_is_integer(json))
        snprintf(text, room, "%lld", (long long)json_integer_value(json));
}

static void read_body(const json_t *body, struct said *said)
{
    static const char *const names[] = {"message", "detail", "msg", "error"};
    const json_t *error = json_object_get(body, "error");
    const json_t *from = json_is_object(error) ? error : body;
    if (json_is_array(from)) /* some proxies wrap it */
        from = json_array_get(from, 0);
    for (size_t i = 0; i < KN_COUNT_OF(names) && !said->message[0]; i++)
        copy_text(json_object_get(from, names[i]), said->message, sizeof said->message);
    copy_text(json_object_get(from, "type"), said->type, sizeof said->type);
    copy_text(json_object_get(from, "code"), said->code, sizeof said->code);
}

static bool is_text(const struct kn_http_answer *answer)
{
    const char *type = kn_http_header(answer, "content-type");
    return type && strncasecmp(type, "text/plain", 10) == 0;
}

/* A 200 whose body is an error has the status that its code stands for. */
static int status_of(const struct said *said)
{
    static const struct {
        const char *word;
        int status;
    } words[] = {{"invalid_api_key", 401},    {"authentication_error", 401},
                 {"insufficient_quota", 429}, {"rate_limit_exceeded", 429},
                 {"rate_limit_error", 429},   {"model_not_found", 404},
                 {"not_found_error", 404},    {"invalid_request_error", 400},
                 {"permission_denied", 403},  {"server_is_overloaded", 503}};
    long long number;
    if (kn_parse_int(said->code, 400, 599, &number))
        return (int)number;
    for (size_t i = 0; i < KN_COUNT_OF(words); i++)
        if (strcmp(said->code, words[i].word) == 0 || strcmp(said->type, words[i].word) == 0)
            return words[i].status;
    return 500;
}

static void read_said(const struct kn_http_answer *answer, const json_t *body, const char *key,
                      struct said *said)
{
    *said = (struct said){.status = answer->status};
    if (body)
        read_body(body, said);
    else if (is_text(answer))
        (void)kn_text_show(answer->body, said->message, sizeof said->message);
    if (key)
        kn_blot_out(said->message, key, KEY_SHARED);
    said->hidden = answer->status >= 200 && answer->status < 300;
    if (said->hidden)
        said->status = status_of(said);
    for (char *end = said->message + strlen(said->message);
         end > said->message && strchr(" .?\n", end[-1]);)
        *--end = '\0';
}

static bool has_word(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* No money or no quota: waiting does not help. */
static bool is_quota(const struct said *said)
{
    static const char *const words[] = {"insufficient_quota", "credit_balance", "billing",
                                        "spend_limit", "usage_limit"};
    if (said->status == 402)
        return true;
    for (size_t i = 0; said->status == 429 && i < KN_COUNT_OF(words); i++)
        if (has_word(said->code, words[i]) || has_word(said->type, words[i]))
            return true;
    return said->status == 429 && has_word(said->message, "current quota");
}

static bool is_model(const struct said *said, const struct kn_service_names *names)
{
    return has_word(said->code, "model") ||
           (names->model &&
            (has_word(said->message, "model") || has_word(said->message, names->model)));
}

static void set(struct kn_refusal *refusal, enum kn_status status, enum kn_refused of)
{
    refusal->status = status;
    refusal->of = of;
}

/* " (their words)", or nothing. */
static const char *in_brackets(const struct said *said, char room[SAID_BYTES + 8])
{
    snprintf(room, SAID_BYTES + 8, said->message[0] ? " (%s)" : "%s", said->message);
    return room;
}

static void refuse_key(const struct kn_service_names *names, struct kn_refusal *refusal)
{
    const char *hint = names->key_hint ? names->key_hint : "the key";
    set(refusal, KN_DENIED, KN_REFUSED_ALL);
    if (names->key && names->key[0])
        kn_error_set(&refusal->why, KN_DENIED,
                     "%s refuses the key: check that %s is valid for %s, or make a new one",
                     names->name, hint, names->origin);
    else
        kn_error_set(&refusal->why, KN_DENIED, "%s at %s needs a key: set %s", names->name,
                     names->origin, hint);
}

static void refuse_lookup(const struct said *said, const struct kn_service_names *names,
                          struct kn_refusal *refusal)
{
    char words[SAID_BYTES + 8];
    set(refusal, KN_NOT_FOUND, KN_REFUSED_MODEL);
    if (is_model(said, names))
        kn_error_set(&refusal->why, KN_NOT_FOUND,
                     "%s at %s has no model “%s”: choose one that it has", names->name,
                     names->origin, names->model ? names->model : "");
    else
        kn_error_set(&refusal->why, KN_NOT_FOUND,
                     "%s has nothing under “%s” at %s%s: check its base URL", names->name,
                     names->path, names->origin, in_brackets(said, words));
}

static void refuse_size(const struct said *said, const struct kn_service_names *names,
                        struct kn_refusal *refusal)
{
    char words[SAID_BYTES + 8];
    set(refusal, KN_LIMIT, KN_REFUSED_THIS);
    kn_error_set(&refusal->why, KN_LIMIT, "%s takes no request of this size%s: send shorter pieces",
                 names->name, in_brackets(said, words));
}

/* Statuses that pass, or may. */
static void refuse_for_now(const struct said *said, const struct kn_service_names *names,
                           struct kn_refusal *refusal)
{
    char words[SAID_BYTES + 8];
    set(refusal, KN_REMOTE, KN_REFUSED_THIS);
    refusal->retry = true;
    refusal->too_much = said->status == 429 || has_word(said->code, "slow_down");
    refusal->overloaded = said->status == 503 || has_word(said->code, "slow_down");
    if (said->status == 429)
        kn_error_set(&refusal->why, KN_REMOTE,
                     "%s takes fewer requests than were sent%s: lower the set limits, or try again "
                     "later",
                     names->name, in_brackets(said, words));
    else if (said->hidden)
        kn_error_set(&refusal->why, KN_REMOTE, "%s at %s answered with an error%s: try again later",
                     names->name, names->origin, in_brackets(said, words));
    else
        kn_error_set(&refusal->why, KN_REMOTE, "%s at %s failed with status %d%s: try again later",
                     names->name, names->origin, said->status, in_brackets(said, words));
}

static void judge(const struct said *said, const struct kn_service_names *names,
                  struct kn_refusal *refusal)
{
    char words[SAID_BYTES + 8];
    int status = said->status;
    if (is_quota(said)) {
        set(refusal, KN_LIMIT, KN_REFUSED_ALL);
        kn_error_set(&refusal->why, KN_LIMIT,
                     "the quota or credit at %s is used up: look at the plan and the billing of "
                     "the account behind %s",
                     names->name, names->key_hint ? names->key_hint : "the key");
    } else if (status == 401 || (status == 400 && has_word(said->message, "api key"))) {
        refuse_key(names, refusal);
    } else if (status == 403) {
        set(refusal, KN_DENIED, KN_REFUSED_MODEL);
        kn_error_set(&refusal->why, KN_DENIED,
                     "%s does not permit this%s: check what the key of %s may use, and from where",
                     names->name, in_brackets(said, words),
                     names->key_hint ? names->key_hint : "this account");
    } else if (status == 404 || (status == 400 && has_word(said->code, "model_not_found"))) {
        refuse_lookup(said, names, refusal);
    } else if (status == 413) {
        refuse_size(said, names, refusal);
    } else if (status == 408 || status == 409 || status == 429 || status >= 498) {
        refuse_for_now(said, names, refusal);
    } else if (status >= 300 && status < 400) {
        set(refusal, KN_INVALID, KN_REFUSED_MODEL);
        kn_error_set(&refusal->why, KN_INVALID,
                     "%s at %s sends requests elsewhere (status %d): set its base URL to where it "
                     "is now",
                     names->name, names->origin, status);
    } else {
        set(refusal, KN_INVALID, KN_REFUSED_THIS);
        kn_error_set(&refusal->why, KN_INVALID, "%s refuses the request as wrong (status %d)%s",
                     names->name, status, in_brackets(said, words));
    }
}

void kn_refusal_read(const struct kn_http_answer *answer, const json_t *body,
                     const struct kn_service_names *names, struct kn_refusal *ret_refusal)
{
    struct said said;
    read_said(answer, body, names->key, &said);
    struct kn_refusal refusal = {0};
    judge(&said, names, &refusal);
    /* The service knows best whether it may pass, but for money, keys and names. */
    const char *should = kn_http_header(answer, "x-should-retry");
    if (should && strcasecmp(should, "false") == 0)
        refusal.retry = false;
    else if (should && strcasecmp(should, "true") == 0 && refusal.of == KN_REFUSED_THIS)
        refusal.retry = true;
    *ret_refusal = refusal;
}
