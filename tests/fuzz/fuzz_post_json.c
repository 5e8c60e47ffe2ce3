/* Posts as the store has them: what is read is written again as it was. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "platform/post_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    const char *json = kn_arena_strndup(arena, (const char *)data, size);
    struct kn_post_clip clip, clip_again;
    struct kn_post_text text, text_again;
    struct kn_post_options options, options_again;
    if (kn_post_clip_read(json, arena, &clip, NULL) == KN_OK) {
        const char *written = kn_post_clip_write(&clip, arena);
        assert(kn_post_clip_read(written, arena, &clip_again, NULL) == KN_OK);
        assert(strcmp(clip.path, clip_again.path) == 0 && clip.bytes == clip_again.bytes);
        assert(strcmp(written, kn_post_clip_write(&clip_again, arena)) == 0);
    }
    if (kn_post_request_read(json, arena, &text, &options, NULL) == KN_OK) {
        const char *written = kn_post_request_write(&text, &options, arena);
        assert(kn_post_request_read(written, arena, &text_again, &options_again, NULL) == KN_OK);
        assert(strcmp(written, kn_post_request_write(&text_again, &options_again, arena)) == 0);
    }
    kn_arena_free(arena);
    return 0;
}
