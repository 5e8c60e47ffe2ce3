#include "sandbox/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

static void fill(struct kn_refusal *refusal, int status, const char *type, const char *param,
                 const char *code)
{
    refusal->status = status;
    refusal->type = type;
    refusal->code = code;
    snprintf(refusal->param, sizeof refusal->param, "%s", param ? param : "");
    kn_utf8_trim(refusal->param);
}

static void fill_message(struct kn_refusal *refusal, const char *format, va_list args)
{
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    kn_utf8_trim(refusal->message);
}

bool kn_refuse(struct kn_refusal *refusal, const char *param, const char *code, const char *format,
               ...)
{
    va_list args;
    va_start(args, format);
    fill_message(refusal, format, args);
    va_end(args);
    fill(refusal, 400, "invalid_request_error", param, code);
    return false;
}

bool kn_refuse_as(struct kn_refusal *refusal, int status, const char *type, const char *param,
                  const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill_message(refusal, format, args);
    va_end(args);
    fill(refusal, status, type, param, code);
    return false;
}

void kn_refusal_reply(const struct kn_refusal *refusal, struct kn_arena *arena,
                      struct kn_reply *reply)
{
    KN_SCOPED_JSON body = json_pack("{s:{s:o, s:s, s:o, s:o}}", "error", "message",
                                    kn_json_text(refusal->message), "type", refusal->type, "param",
                                    kn_json_text(refusal->param[0] ? refusal->param : NULL), "code",
                                    kn_json_text(refusal->code));
    kn_reply_json(reply, arena, refusal->status, body);
}

void kn_reply_json(struct kn_reply *reply, struct kn_arena *arena, int status, const json_t *json)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, json, true);
    kn_reply_text(reply, arena, status, "application/json", text.at, text.length);
}

void kn_reply_text(struct kn_reply *reply, struct kn_arena *arena, int status,
                   const char *content_type, const char *text, size_t size)
{
    reply->status = status;
    reply->content_type = content_type;
    reply->body = size ? kn_arena_copy(arena, text, size) : NULL;
    reply->size = size;
}
