/* Captions: whatever is said, however it is timed, gives a layout that can be read and files that
 * keep their structure. The first three bytes choose style, aspect and tempo; the rest is talk. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "clip/captions.h"
#include "model/clip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MOST = 4000, CLIP_US = 30000000 };

/* Words by spaces, each as long and as far from the one before as its bytes say. */
static struct kn_timeline speak(char *text, int tempo, struct kn_arena *arena)
{
    KN_VEC(struct kn_word) words = {0};
    char *rest = NULL;
    int64_t now = 0;

    for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        unsigned sum = 0;
        for (const char *at = w; *at; at++)
            sum = sum * 31 + (unsigned char)*at;
        int64_t length = (int64_t)(sum % 1000) * tempo * 10;
        struct kn_word word = {now, now + length, w, 1, (int16_t)(sum % 3 - 1), false};
        kn_vec_push(&words, word);
        now += (int64_t)(sum % 7) * tempo * 1000;
    }
    struct kn_timeline t = {.language = tempo % 2 ? "en" : "ja", .word_count = words.count};
    t.words = kn_vec_to_arena(&words, arena);
    kn_vec_free(&words);
    return t;
}

static void check_layout(const struct kn_captions *c)
{
    int next = 0;
    int64_t latest = 0;

    for (int i = 0; i < c->count; i++) {
        const struct kn_caption *s = &c->captions[i];
        assert(s->first_word == next && s->word_count > 0 && s->line_break < s->word_count);
        assert(s->start_us >= latest && s->end_us >= s->start_us && s->end_us <= CLIP_US);
        next += s->word_count;
        latest = s->end_us;
    }
    assert(next == c->word_count);
}

static void check_script(const struct kn_str *ass)
{
    assert(kn_utf8_valid(ass->at, ass->length));
    const char *line = strstr(ass->at, "[Events]\n");
    for (line = strchr(line, '\n') + 1; *line; line = strchr(line, '\n') + 1)
        assert(kn_starts_with(line, "Format: ") || kn_starts_with(line, "Dialogue: "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > TEXT_MOST)
        return 0;
    struct kn_arena *arena = kn_arena_new();
    struct kn_caption_options options = {.style =
                                             (enum kn_caption_style)(data[0] % KN_CAPTIONS_COUNT)};
    kn_aspect_size((enum kn_aspect)(data[1] % KN_ASPECT_COUNT), &options.width_px,
                   &options.height_px);
    char *text = kn_arena_strndup(arena, (const char *)data + 3, size - 3);
    options.title = data[2] % 5 == 0 ? kn_arena_strdup(arena, text) : NULL;
    struct kn_timeline timeline = speak(text, data[2] % 50, arena);
    struct kn_captions captions;
    KN_SCOPED_STR ass = {0}, srt = {0}, vtt = {0};

    kn_captions_layout(&timeline, 0, CLIP_US, &options, arena, &captions);
    check_layout(&captions);
    kn_captions_ass(&captions, &options, &ass);
    check_script(&ass);
    kn_captions_srt(&captions, &srt);
    kn_captions_vtt(&captions, &vtt);
    assert(kn_utf8_valid(kn_str_text(&srt), srt.length) && !strchr(kn_str_text(&vtt), '\r'));
    kn_arena_free(arena);
    return 0;
}
