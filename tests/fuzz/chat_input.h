/*
 * What a fuzzer gives as a chat model's answer: once as the whole answer of the server, once as the
 * words of the model. Reads it as far as the schema and hands good content on.
 */
#ifndef KN_TESTS_CHAT_INPUT_H
#define KN_TESTS_CHAT_INPUT_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "ai/chat_answer.h"
#include "base/json.h"
#include "base/utf8.h"

static inline void chat_input_read(const json_t *answer, const json_t *schema,
                                   void (*use)(const json_t *content))
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_chat_reading reading;
    struct kn_error err = {0};
    enum kn_chat_verdict verdict = kn_chat_read(answer, schema, NULL, arena, &reading, &err);
    assert((verdict == KN_CHAT_GOOD) == (reading.content != NULL));
    if (reading.content)
        use(reading.content);
    else
        assert(err.status == KN_DAMAGED && strlen(err.text) > 10);
    json_decref(reading.content);
    kn_arena_free(arena);
}

static inline void chat_input(const uint8_t *data, size_t size, const json_t *schema,
                              void (*use)(const json_t *content))
{
    KN_SCOPED_JSON whole = json_loadb((const char *)data, size, 0, NULL);
    if (whole)
        chat_input_read(whole, schema, use);
    KN_SCOPED_STR said = {0};
    kn_str_add_bytes(&said, data, size);
    KN_SCOPED_JSON answer = json_pack("{s:[{s:{s:o}}]}", "choices", "message", "content",
                                      kn_json_text(kn_str_text(&said)));
    chat_input_read(answer, schema, use);
}

/* Text fit to be shown: UTF-8 without control characters, at most `most` characters. */
static inline void check_text(const char *text, int most, bool lines)
{
    assert(kn_utf8_valid(text, strlen(text)) && (int)kn_utf8_count(text) <= most);
    for (; *text; text++)
        assert((unsigned char)*text >= 0x20 || (lines && *text == '\n'));
}

#endif
