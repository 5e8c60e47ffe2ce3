/* For tests that ask a sandbox: requests in one line, and sounds made of nothing. */
#ifndef KN_TESTS_SANDBOX_HELP_H
#define KN_TESTS_SANDBOX_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "net/http.h"
#include "sandbox/sandbox.h"

/* 16-bit mono WAV at 16 kHz: a rough tone, or silence. Returns owned. */
static inline char *make_wav(double seconds, bool silent, size_t *ret_size)
{
    enum { RATE = 16000, HEAD = 44 };
    uint32_t bytes = (uint32_t)(seconds * RATE) * 2;
    char *wav = calloc(1, HEAD + bytes);
    const struct {
        size_t at;
        uint32_t value;
    } numbers[] = {{4, HEAD - 8 + bytes}, {16, 16},           {20, 1 | 1 << 16}, {24, RATE},
                   {28, RATE * 2},        {32, 2 | 16 << 16}, {40, bytes}};
    memcpy(wav, "RIFF", 4);
    memcpy(wav + 8, "WAVEfmt ", 8);
    memcpy(wav + 36, "data", 4);
    for (size_t i = 0; i < KN_COUNT_OF(numbers); i++)
        for (size_t b = 0; b < 4; b++)
            wav[numbers[i].at + b] = (char)(numbers[i].value >> 8 * b);
    for (size_t i = 0; !silent && i < bytes; i++)
        wav[HEAD + i] = (char)(i * 7 % 64);
    *ret_size = HEAD + bytes;
    return wav;
}

/* A client beside a sandbox; everything that is asked lives in `arena`. */
struct talk {
    struct kn_sandbox *sandbox;
    struct kn_http *http;
    struct kn_arena *arena;
    struct kn_http_answer answer;
    json_t *json; /* of the answer; NULL: it is none */
};

static inline void talk_open(struct talk *talk, const struct kn_sandbox_options *options)
{
    struct kn_error err = {0};
    *talk = (struct talk){.arena = kn_arena_new()};
    if (kn_sandbox_open(options, &talk->sandbox, &err) != KN_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kn_http_open(&(struct kn_http_options){0}, &talk->http, &err), KN_OK);
}

static inline void talk_close(struct talk *talk)
{
    json_decref(talk->json);
    kn_http_close(talk->http);
    kn_sandbox_close(talk->sandbox);
    kn_arena_free(talk->arena);
}

/* Sends it with a key; the status of HTTP, or minus that of the transfer. */
static inline int talk_send(struct talk *talk, struct kn_http_request *request, const char *path)
{
    struct kn_http_header headers[2] = {{"Authorization", "Bearer sk-test"},
                                        {"Content-Type", "application/json"}};
    struct kn_error err = {0};
    if (!request->headers) {
        request->headers = headers;
        request->header_count = request->parts ? 1 : 2;
    }
    if (!request->limit_ms)
        request->limit_ms = 10000;
    request->url =
        kn_arena_printf(talk->arena, "http://127.0.0.1:%d%s", kn_sandbox_port(talk->sandbox), path);
    json_decref(talk->json);
    talk->json = NULL;
    talk->answer = (struct kn_http_answer){0};
    enum kn_status status =
        kn_http_perform(talk->http, request, NULL, talk->arena, &talk->answer, NULL, &err);
    if (status != KN_OK)
        return -(int)status;
    talk->json = json_loadb(talk->answer.body, talk->answer.size, 0, NULL);
    return talk->answer.status;
}

static inline int talk_post(struct talk *talk, const char *path, const char *body)
{
    struct kn_http_request request = {.body = body, .body_size = strlen(body)};
    return talk_send(talk, &request, path);
}

static inline int talk_get(struct talk *talk, const char *path)
{
    struct kn_http_request request = {0};
    return talk_send(talk, &request, path);
}

/* A transcription of a file; `fields` are pairs "name=value", ended by NULL. */
static inline int talk_hear(struct talk *talk, const char *filename, const void *data, size_t size,
                            const char *const *fields)
{
    struct kn_http_part parts[16] = {{"file", filename, NULL, data, size}};
    int count = data ? 1 : 0;
    for (int i = 0; fields[i]; i++) {
        const char *equals = strchr(fields[i], '=');
        parts[count++] = (struct kn_http_part){
            .name = kn_arena_strndup(talk->arena, fields[i], (size_t)(equals - fields[i])),
            .data = equals + 1,
            .size = strlen(equals + 1)};
    }
    struct kn_http_request request = {.parts = parts, .part_count = count};
    return talk_send(talk, &request, "/v1/audio/transcriptions");
}

static inline const char *talk_error(const struct talk *talk, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(talk->json, "error"), key));
    return text ? text : "";
}

#endif
