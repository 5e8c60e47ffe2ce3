/* The timeline's JSON: what is read can be written, read again to the same, and ranked. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "analyze/segments.h"
#include "model/timeline_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_timeline t, again;
    struct kn_error err = {0};
    KN_SCOPED_STR first = {0};
    KN_SCOPED_STR second = {0};

    enum kn_status status = kn_timeline_read_json((const char *)data, size, arena, &t, &err);
    if (status != KN_OK) {
        assert(err.status == status && strlen(err.text) > 10 && !strchr(err.text, '\n'));
        kn_arena_free(arena);
        return 0;
    }
    kn_timeline_write_json(&t, &first);
    status = kn_timeline_read_json(first.at, first.length, arena, &again, &err);
    assert(status == KN_OK);
    kn_timeline_write_json(&again, &second);
    assert(strcmp(first.at, second.at) == 0);

    struct kn_segment_options options = {.min_us = 5000000, .max_us = 60000000, .count = 3};
    struct kn_segments found;
    status = kn_segments_choose(&t, &options, arena, &found, &err);
    assert(status == KN_OK);
    kn_arena_free(arena);
    return 0;
}
