/* What mimics ask of a request, and how they answer it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "net/http.h"
#include "sandbox/platforms/platforms_internal.h"
#include "sandbox/rejection.h"
#include "sandbox/visit.h"

/* ---- asking ---- */

const char *kn_mimic_head(const struct kn_exchange *exchange, const char *name)
{
    const struct kn_server_field *header = kn_server_header(exchange, name);
    return header ? header->data : NULL;
}

const char *kn_mimic_query(const struct kn_exchange *exchange, const char *name)
{
    const struct kn_server_field *field = kn_server_query(exchange, name);
    return field ? field->data : NULL;
}

int64_t kn_mimic_length(const struct kn_exchange *exchange)
{
    const char *text = kn_mimic_head(exchange, "content-length");
    long long length = -1;
    if (text && !kn_parse_int(text, 0, INT64_MAX, &length))
        return -1;
    return length;
}

const char *kn_mimic_credentials(const struct kn_exchange *exchange, const char *scheme)
{
    const char *text = kn_mimic_head(exchange, "authorization");
    size_t length = strlen(scheme);
    if (!text || strncasecmp(text, scheme, length) != 0 || text[length] != ' ')
        return NULL;
    text += length;
    return text + strspn(text, " ");
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* application/x-www-form-urlencoded, see the URL Standard, section 5.1. */
static char *decode(struct kn_arena *arena, const char *at, size_t size)
{
    char *text = kn_arena_strndup(arena, at, size);
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
            *to++ = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return text;
}

static json_t *read_form(struct kn_arena *arena, const char *at)
{
    json_t *form = json_object();
    while (*at) {
        size_t size = strcspn(at, "&"), name = strcspn(at, "=&");
        const char *value = name < size ? at + name + 1 : at + size;
        char *key = decode(arena, at, name);
        if (size && !json_object_get(form, key))
            json_object_set_new(form, key,
                                kn_json_text(decode(arena, value, (size_t)(at + size - value))));
        at += size;
        at += *at == '&';
    }
    return form;
}

json_t *kn_mimic_body(struct kn_mimic_visit *visit)
{
    const struct kn_exchange *exchange = visit->exchange;
    if (visit->body || !exchange->body_size)
        return visit->body;
    const char *type = kn_mimic_head(exchange, "content-type");
    if (type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0)
        visit->body = read_form(visit->arena, exchange->body);
    else
        visit->body = json_loadb(exchange->body, exchange->body_size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(visit->body)) {
        json_decref(visit->body);
        visit->body = NULL;
    }
    return visit->body;
}

const char *kn_mimic_param(struct kn_mimic_visit *visit, const char *name)
{
    const char *text = kn_mimic_query(visit->exchange, name);
    if (text)
        return text;
    const struct kn_server_field *part = kn_server_part(visit->exchange, name);
    if (part)
        return part->data;
    const json_t *value = json_object_get(kn_mimic_body(visit), name);
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return kn_arena_printf(visit->arena, "%lld", (long long)json_integer_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    return NULL;
}

const char *kn_mimic_base(const struct kn_mimic_visit *visit)
{
    const char *host = kn_mimic_head(visit->exchange, "host");
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  ".-:[]";
    if (host && *host && host[strspn(host, allowed)] == '\0')
        return kn_arena_printf(visit->arena, "http://%s", host);
    return kn_url_origin(visit->arena, visit->m->sandbox->url);
}

/* ---- who ---- */

bool kn_mimic_sign_in(struct kn_mimic_visit *visit, const char *text, const char *scopes)
{
    struct kn_mimics *m = visit->m;
    if (!text || !*text) {
        kn_mimic_refuse(visit, KN_REFUSE_NO_TOKEN);
        return false;
    }
    struct kn_token *token = kn_grants_find(m, (int)visit->mimic->id, text);
    if (!token || token->refreshes || token->grant->revoked || token->used) {
        kn_mimic_refuse(visit, KN_REFUSE_BAD_TOKEN);
        return false;
    }
    if (!kn_token_lives(m, token)) {
        kn_mimic_refuse(visit, KN_REFUSE_EXPIRED_TOKEN);
        return false;
    }
    visit->who = (struct kn_signed_in){token->grant, token, token->grant->account};
    snprintf(visit->entry.name, sizeof visit->entry.name, "%s", m->accounts[visit->who.account]);
    if (kn_scopes_suffice(token->grant->scopes, scopes))
        return true;
    kn_mimic_refuse(visit, KN_REFUSE_SCOPE);
    return false;
}

/* ---- uploads ---- */

void kn_mimic_stream(struct kn_mimic_visit *visit, struct kn_upload *upload, int64_t room)
{
    if (!kn_upload_claim(upload, visit)) {
        kn_mimic_refuse(visit, KN_REFUSE_SERVER);
        return;
    }
    visit->upload = upload;
    visit->room = room;
}

/* ---- answering ---- */

void kn_mimic_reason(struct kn_mimic_visit *visit, const char *reason)
{
    snprintf(visit->entry.error, sizeof visit->entry.error, "%s", reason);
}

void kn_mimic_warn(struct kn_mimic_visit *visit, const char *warning)
{
    snprintf(visit->entry.warning, sizeof visit->entry.warning, "%s", warning);
}

void kn_mimic_refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    visit->mimic->refuse(visit, why);
    visit->decided = true;
}

void kn_mimic_json(struct kn_mimic_visit *visit, int status, json_t *json)
{
    kn_reply_json(visit->reply, visit->arena, status, json);
    visit->reply->content_type = "application/json; charset=UTF-8";
    visit->decided = true;
    json_decref(json);
}

void kn_mimic_empty(struct kn_mimic_visit *visit, int status)
{
    *visit->reply = (struct kn_reply){.status = status};
    visit->decided = true;
}

void kn_mimic_header(struct kn_mimic_visit *visit, const char *name, const char *format, ...)
{
    char value[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (visit->header_count < KN_MIMIC_HEADERS_MAX)
        visit->headers[visit->header_count++] =
            (struct kn_server_field){.name = kn_arena_strdup(visit->arena, name),
                                     .data = kn_arena_strdup(visit->arena, value),
                                     .size = strlen(value)};
}
