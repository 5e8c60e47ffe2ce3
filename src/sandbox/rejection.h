/*
 * Why a request is refused, in the form that the service gives its errors:
 * {"error": {"message", "type", "param", "code"}}, all four keys always there.
 */
#ifndef KN_SANDBOX_REJECTION_H
#define KN_SANDBOX_REJECTION_H

#include <stdbool.h>

#include <jansson.h>
#include <kirinuki/arena.h>

#include "base/str.h"
#include "net/server.h"

struct kn_rejection {
    int status;              /* 0: nothing is wrong */
    const char *type, *code; /* static; code may be NULL */
    char param[96];          /* "" is null */
    char message[512];
};

/* 400 invalid_request_error; `code` and `param` may be NULL. Gives false, for returns. */
bool kn_reject(struct kn_rejection *rejection, const char *param, const char *code,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same with another status and type. */
bool kn_reject_as(struct kn_rejection *rejection, int status, const char *type, const char *param,
                  const char *code, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Its body, in `arena`. */
void kn_rejection_reply(const struct kn_rejection *rejection, struct kn_arena *arena,
                        struct kn_reply *reply);

/* A JSON document as the answer's body, in `arena`; borrows `json`. */
void kn_reply_json(struct kn_reply *reply, struct kn_arena *arena, int status, const json_t *json);
/* Appends it to the body of a stream as a server-sent event. */
void kn_reply_event(const json_t *json, struct kn_str *body);
void kn_reply_text(struct kn_reply *reply, struct kn_arena *arena, int status,
                   const char *content_type, const char *text, size_t size);

#endif
