/* What a vision model answers: whatever it is, sights are of pictures that were shown, and clean.
 */
#include "ai/openai_vision.h"
#include "fuzz/chat_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const json_t *content)
{
    static const struct kn_frame frames[] = {{.at_us = 10}, {.at_us = 20}, {.at_us = 30}};
    const struct kn_vision_batch batch = {.frames = frames, .count = 3};
    struct kn_arena *arena = kn_arena_new();
    const struct kn_sight *sights;
    int count = kn_vision_read(&batch, content, arena, &sights);
    assert(count >= 0 && count <= 3);
    for (int i = 0; i < count; i++) {
        const struct kn_sight *sight = &sights[i];
        assert(sight->at_us % 10 == 0 && sight->at_us >= 10 && sight->at_us <= 30);
        assert(i == 0 || sight->at_us > sights[i - 1].at_us);
        check_text(sight->seen, KN_SIGHT_SEEN_MAX, false);
        check_text(sight->text, KN_SIGHT_TEXT_MAX, false);
        assert(sight->action >= 0 && sight->action <= 1);
        assert(sight->emotion >= 0 && sight->emotion <= 1);
        assert(sight->hook >= 0 && sight->hook <= 1);
    }
    kn_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KN_SCOPED_JSON schema = kn_vision_schema();
    chat_input(data, size, schema, use);
    return 0;
}
