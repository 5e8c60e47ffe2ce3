/* Subtitles and tables: any text gives sorted words or one sentence, and words can be ranked. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "analyze/segments.h"
#include "model/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    char *text = kn_arena_alloc(arena, size + 1); /* with the closing NUL that a file's text has */
    struct kn_timeline t;
    struct kn_error err = {0};

    if (size)
        memcpy(text, data, size);
    enum kn_status status = kn_transcript_parse(text, size, INT64_MAX, arena, &t, &err);
    if (status != KN_OK) {
        assert(err.status == status && strlen(err.text) > 10 && !strchr(err.text, '\n'));
        kn_arena_free(arena);
        return 0;
    }
    assert(t.word_count > 0);
    for (int i = 0; i < t.word_count; i++) {
        const struct kn_word *w = &t.words[i];
        assert(w->text[0] && !strpbrk(w->text, " \t\r\n"));
        assert(w->start_us >= 0 && w->start_us <= w->end_us);
        assert(i == 0 || t.words[i - 1].start_us <= w->start_us);
    }
    struct kn_segment_options options = {.min_us = 5000000, .max_us = 60000000, .count = 3};
    struct kn_segments found;
    status = kn_segments_choose(&t, &options, arena, &found, &err);
    assert(status == KN_OK);
    for (int i = 0; i < found.count; i++)
        assert(found.segments[i].start_us >= 0 && found.segments[i].title[0]);
    kn_arena_free(arena);
    return 0;
}
