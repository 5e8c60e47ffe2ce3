/* Words with times in the forms of the service's answers. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "sandbox/spoken.h"

/* Times that went through a float of 32 bits, as the service's do. */
static json_t *seconds(int64_t us)
{
    return json_real((double)(float)((double)us / 1e6));
}

/* The service's words are without punctuation at their ends. */
static json_t *bare_word(const char *text)
{
    static const char marks[] = ".,!?;:\"()[]";
    static const char *const wide[] = {"。", "、", "！", "？", "「", "」"};
    text += strspn(text, marks);
    size_t length = strlen(text);
    for (bool again = true; again && length;) {
        again = strchr(marks, text[length - 1]) != NULL;
        length -= again;
        for (size_t i = 0; i < KN_COUNT_OF(wide); i++) {
            size_t n = strlen(wide[i]);
            if (length >= n && strncmp(text + length - n, wide[i], n) == 0) {
                length -= n;
                again = true;
            }
        }
    }
    return json_stringn(text, length);
}

static json_t *words_of(const struct kn_spoken *spoken)
{
    json_t *words = json_array();
    for (int i = 0; i < spoken->count; i++) {
        const struct kn_spoken_word *word = &spoken->words[i];
        json_t *bare = bare_word(word->text);
        if (bare && json_string_length(bare))
            json_array_append_new(words,
                                  json_pack("{s:O, s:o, s:o}", "word", bare, "start",
                                            seconds(word->start_us), "end", seconds(word->end_us)));
        json_decref(bare);
    }
    return words;
}

/* whisper.cpp's words are token-like pieces with the space before them. */
static json_t *pieces_of(const struct kn_spoken *spoken, const struct kn_spoken_segment *segment)
{
    json_t *words = json_array();
    for (int i = segment->first; i < segment->first + segment->count; i++) {
        const struct kn_spoken_word *word = &spoken->words[i];
        KN_SCOPED_STR text = {0};
        bool spaced = i == segment->first || kn_utf8_spaced(word[-1].text, word->text);
        kn_str_printf(&text, "%s%s", spaced ? " " : "", word->text);
        json_array_append_new(
            words, json_pack("{s:o, s:o, s:o, s:o, s:f}", "word", kn_json_text(kn_str_text(&text)),
                             "start", seconds(word->start_us), "end", seconds(word->end_us),
                             "t_dtw", json_integer(-1), "probability", 0.9));
    }
    return words;
}

/* As many and as large as a tokenizer would give; nobody can use them for anything. */
static json_t *tokens_of(const char *text, int64_t start_us, int64_t end_us)
{
    enum { FIRST_TIME = 50364, TEXT_TOKENS = 50256 };
    json_t *tokens = json_array();
    size_t length = strlen(text);
    json_array_append_new(tokens, json_integer(FIRST_TIME + start_us / 20000 % 1500));
    for (size_t at = 0; at < length; at += 4) {
        uint64_t key = kn_hash_key(text + at, KN_MIN(length - at, 4));
        json_array_append_new(tokens, json_integer((json_int_t)(key % TEXT_TOKENS)));
    }
    json_array_append_new(tokens, json_integer(FIRST_TIME + end_us / 20000 % 1500));
    return tokens;
}

static json_t *segment_json(const struct kn_spoken *spoken, const struct kn_spoken_segment *segment,
                            int id, const struct kn_spoken_form *form)
{
    const struct kn_spoken_word *words = spoken->words + segment->first;
    int64_t start = words[0].start_us, end = words[segment->count - 1].end_us;
    KN_SCOPED_STR text = {0};
    kn_str_add_char(&text, ' ');
    kn_spoken_text(spoken, segment->first, segment->count, &text);
    json_t *json = json_pack("{s:i, s:o, s:o, s:o, s:o, s:f, s:f, s:f}", "id", id, "text",
                             kn_json_text(text.at), "start", seconds(start), "end", seconds(end),
                             "tokens", tokens_of(text.at, start, end), "temperature",
                             form->temperature, "avg_logprob", -0.25, "no_speech_prob", 0.01);
    if (form->whisper_cpp) {
        json_object_set_new(json, "words", pieces_of(spoken, segment));
    } else {
        json_object_set_new(json, "seek", json_integer(start / 30000000 * 3000));
        json_object_set_new(json, "compression_ratio", json_real(1.3));
    }
    return json;
}

json_t *kn_spoken_verbose(const struct kn_spoken *spoken, int64_t duration_us,
                          const struct kn_spoken_form *form)
{
    struct kn_arena *arena = kn_arena_new();
    const struct kn_spoken_segment *segments;
    int count = kn_spoken_segments(spoken, arena, &segments);
    KN_SCOPED_STR text = {0};
    kn_spoken_text(spoken, 0, spoken->count, &text);
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o}", "task", "transcribe", "language", spoken->language,
                  "duration", seconds(duration_us), "text", kn_json_text(kn_str_text(&text)));
    if (form->segments) {
        json_t *list = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(list, segment_json(spoken, &segments[i], i, form));
        json_object_set_new(json, "segments", list);
    }
    if (form->words && !form->whisper_cpp)
        json_object_set_new(json, "words", words_of(spoken));
    kn_arena_free(arena);
    return json;
}

/* Two people who take turns at every sentence. */
json_t *kn_spoken_diarized(const struct kn_spoken *spoken, int64_t duration_us)
{
    struct kn_arena *arena = kn_arena_new();
    const struct kn_spoken_segment *segments;
    int count = kn_spoken_segments(spoken, arena, &segments);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const struct kn_spoken_word *words = spoken->words + segments[i].first;
        KN_SCOPED_STR text = {0};
        kn_spoken_text(spoken, segments[i].first, segments[i].count, &text);
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "type", "transcript.text.segment",
                            "id", json_sprintf("seg_%03d", i), "speaker", i % 2 ? "B" : "A", "text",
                            kn_json_text(kn_str_text(&text)), "start", seconds(words[0].start_us),
                            "end", seconds(words[segments[i].count - 1].end_us)));
    }
    KN_SCOPED_STR text = {0};
    kn_spoken_text(spoken, 0, spoken->count, &text);
    kn_arena_free(arena);
    return json_pack("{s:s, s:o, s:o, s:o}", "task", "transcribe", "duration", seconds(duration_us),
                     "text", kn_json_text(kn_str_text(&text)), "segments", list);
}

static void add_time(struct kn_str *out, int64_t us, bool vtt)
{
    int64_t ms = us / 1000;
    kn_str_printf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 "%c%03" PRId64, ms / 3600000,
                  ms / 60000 % 60, ms / 1000 % 60, vtt ? '.' : ',', ms % 1000);
}

void kn_spoken_subtitles(const struct kn_spoken *spoken, bool vtt, struct kn_str *out)
{
    struct kn_arena *arena = kn_arena_new();
    const struct kn_spoken_segment *segments;
    int count = kn_spoken_segments(spoken, arena, &segments);
    if (vtt)
        kn_str_add(out, "WEBVTT\n\n");
    for (int i = 0; i < count; i++) {
        const struct kn_spoken_word *words = spoken->words + segments[i].first;
        if (!vtt)
            kn_str_printf(out, "%d\n", i + 1);
        add_time(out, words[0].start_us, vtt);
        kn_str_add(out, " --> ");
        add_time(out, words[segments[i].count - 1].end_us, vtt);
        kn_str_add_char(out, '\n');
        kn_spoken_text(spoken, segments[i].first, segments[i].count, out);
        kn_str_add(out, "\n\n");
    }
    kn_arena_free(arena);
}
