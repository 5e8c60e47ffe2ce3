/* What strangers send to the sandbox, chosen by the first byte: sounds, pictures, chats with
 * schemas, and what its user gives it: scripts, transcripts, rules. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sandbox/chat.h"
#include "sandbox/image_file.h"
#include "sandbox/schema.h"
#include "sandbox/script.h"
#include "sandbox/sound_file.h"
#include "sandbox/spoken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(const uint8_t *data, size_t size)
{
    struct kn_sound_facts facts;
    kn_sound_probe(data, size, &facts);
    assert(facts.duration_us >= 0);
}

static void look(const uint8_t *data, size_t size)
{
    struct kn_image_facts facts;
    kn_image_probe(data, size, &facts);
    assert(facts.width_px >= 0 && facts.height_px >= 0);
}

static void chat(struct kn_arena *arena, const char *text, size_t size)
{
    static const struct kn_server_field json = {"Content-Type", NULL, NULL, "application/json", 16};
    const struct kn_exchange exchange = {.method = "POST",
                                         .path = "/v1/chat/completions",
                                         .headers = &json,
                                         .header_count = 1,
                                         .body = text,
                                         .body_size = size,
                                         .arena = arena};
    struct kn_chat asked;
    struct kn_rejection rejection = {0};
    struct kn_chance chance = {1};
    if (kn_chat_request_read(&exchange, &(struct kn_models){0}, &asked, &rejection)) {
        const char *content = kn_chat_make(&asked, &chance, arena);
        assert(content || asked.schema);
    } else {
        assert(rejection.status >= 400 && rejection.message[0]);
    }
    kn_chat_free(&asked);
}

static void read_script(struct kn_arena *arena, const char *text, size_t size)
{
    struct kn_script script;
    struct kn_error err = {0};
    enum kn_status status = kn_script_read("s", text, size, arena, &script, &err);
    assert(status == KN_OK || strlen(err.text) > 5);
    kn_script_done(&script);
}

static void read_transcript(struct kn_arena *arena, const char *text, size_t size)
{
    struct kn_spoken spoken;
    struct kn_error err = {0};
    if (kn_spoken_read("t", text, size, arena, &spoken, &err) != KN_OK)
        return;
    for (int i = 1; i < spoken.count; i++)
        assert(spoken.words[i].start_us >= spoken.words[i - 1].start_us);
    const struct kn_spoken_form form = {.words = true, .segments = true};
    if (!spoken.language)
        spoken.language = "english";
    json_decref(kn_spoken_verbose(&spoken, 1000000, &form));
}

static void read_rules(const char *text)
{
    struct kn_sandbox_latency latency;
    struct kn_sandbox_fault fault;
    struct kn_error err;
    if (kn_sandbox_latency_parse(text, &latency, &err) == KN_OK) {
        struct kn_chance chance = {7};
        assert(kn_sandbox_latency_draw(&latency, &chance) >= 0);
    }
    if (kn_sandbox_fault_parse(text, &fault, &err) == KN_OK)
        assert(fault.kind < KN_FAULT_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct kn_arena *arena = kn_arena_new();
    const char *text = kn_arena_strndup(arena, (const char *)data + 1, size - 1);
    switch (data[0]) {
    case 's':
        hear(data + 1, size - 1);
        break;
    case 'p':
        look(data + 1, size - 1);
        break;
    case 'c':
        chat(arena, text, size - 1);
        break;
    case 'j':
        read_script(arena, text, size - 1);
        break;
    case 't':
        read_transcript(arena, text, size - 1);
        break;
    default:
        read_rules(text);
    }
    kn_arena_free(arena);
    return 0;
}
