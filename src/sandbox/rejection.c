#include "sandbox/rejection.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

static void fill(struct kn_rejection *rejection, int status, const char *type, const char *param,
                 const char *code)
{
    rejection->status = status;
    rejection->type = type;
    rejection->code = code;
    snprintf(rejection->param, sizeof rejection->param, "%s", param ? param : "");
    kn_utf8_trim(rejection->param);
}

static void fill_message(struct kn_rejection *rejection, const char *format, va_list args)
{
    vsnprintf(rejection->message, sizeof rejection->message, format, args);
    kn_utf8_trim(rejection->message);
}

bool kn_reject(struct kn_rejection *rejection, const char *param, const char *code,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill_message(rejection, format, args);
    va_end(args);
    fill(rejection, 400, "invalid_request_error", param, code);
    return false;
}

bool kn_reject_as(struct kn_rejection *rejection, int status, const char *type, const char *param,
                  const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill_message(rejection, format, args);
    va_end(args);
    fill(rejection, status, type, param, code);
    return false;
}

void kn_rejection_reply(const struct kn_rejection *rejection, struct kn_arena *arena,
                        struct kn_reply *reply)
{
    KN_SCOPED_JSON body = json_pack(
        "{s:{s:o, s:s, s:o, s:o}}", "error", "message", kn_json_text(rejection->message), "type",
        rejection->type, "param", kn_json_text(rejection->param[0] ? rejection->param : NULL),
        "code", kn_json_text(rejection->code));
    kn_reply_json(reply, arena, rejection->status, body);
}

void kn_reply_json(struct kn_reply *reply, struct kn_arena *arena, int status, const json_t *json)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, json, true);
    kn_reply_text(reply, arena, status, "application/json", text.at, text.length);
}

void kn_reply_event(const json_t *json, struct kn_str *body)
{
    kn_str_add(body, "data: ");
    kn_json_add(body, json, true);
    kn_str_add(body, "\n\n");
}

void kn_reply_text(struct kn_reply *reply, struct kn_arena *arena, int status,
                   const char *content_type, const char *text, size_t size)
{
    reply->status = status;
    reply->content_type = content_type;
    reply->body = size ? kn_arena_copy(arena, text, size) : NULL;
    reply->size = size;
}
