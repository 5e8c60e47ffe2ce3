/*
 * Moonshine as an engine: tokens become words, and attention becomes their times.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "ai/align.h"
#include "ai/engine.h"
#include "ai/moonshine.h"
#include "ai/onnx.h"

struct state {
    struct kn_moonshine *moonshine;
};

static enum kn_status moonshine_available(const struct kn_engine_settings *settings,
                                          struct kn_error *err)
{
    static const enum kn_model needed[] = {KN_MODEL_SPEECH_ENCODER, KN_MODEL_SPEECH_DECODER,
                                           KN_MODEL_SPEECH_VOCABULARY};
    return kn_onnx_available(settings->models, needed, KN_COUNT_OF(needed), err);
}

static enum kn_status moonshine_open(void *state, const struct kn_engine_settings *settings,
                                     struct kn_error *err)
{
    return kn_moonshine_open(settings->models, &((struct state *)state)->moonshine, err);
}

static void moonshine_close(void *state)
{
    kn_moonshine_close(((struct state *)state)->moonshine);
}

/* A letter or digit of any script. */
static bool has_letter(const char *text)
{
    ucs4_t character;
    for (const uint8_t *at = (const uint8_t *)text; (at = u8_next(&character, at));)
        if (uc_is_property_alphabetic(character) || uc_is_property_decimal_digit(character))
            return true;
    return false;
}

static char *spell(const struct kn_vocab *vocab, const int *tokens, int count,
                   struct kn_arena *arena)
{
    KN_SCOPED_STR text = {0};
    kn_vocab_decode(vocab, tokens, count, &text);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

/* Divides tokens into words and spells these; returns how many there are (room for one a token).
 * A note or a dash by itself is nothing that somebody says, and no word. */
static int divide(const struct kn_vocab *vocab, const int *tokens, int count,
                  struct kn_arena *arena, struct kn_align_word *spans, char **texts)
{
    int word_count = 0;
    for (int first = 0, end; first < count; first = end) {
        end = first + 1;
        while (end < count && !kn_vocab_starts_word(vocab, tokens[end]))
            end++;
        char *text = spell(vocab, tokens + first, end - first, arena);
        if (!has_letter(text))
            continue;
        int spoken = end - first;
        while (spoken > 1 && !kn_vocab_is_spoken(vocab, tokens[first + spoken - 1]))
            spoken--;
        texts[word_count] = text;
        spans[word_count++] =
            (struct kn_align_word){.first = first, .count = end - first, .spoken = spoken};
    }
    return word_count;
}

static float confidence_of(const float *log_probs, int count)
{
    float sum = 0;
    for (int i = 0; i < count; i++)
        sum += expf(log_probs[i]);
    return sum / (float)count;
}

static void find_words(const struct kn_vocab *vocab, const struct kn_chunk *chunk,
                       const struct kn_moonshine_text *text, struct kn_arena *arena,
                       struct kn_findings *findings)
{
    size_t room = (size_t)text->count;
    struct kn_align_word *spans = kn_arena_array(arena, room, sizeof *spans);
    struct kn_found_word *words = kn_arena_array(arena, room, sizeof *words);
    char **texts = kn_arena_array(arena, room, sizeof *texts);
    int count = divide(vocab, text->tokens, text->count, arena, spans, texts);
    kn_align_words(&text->attention, chunk->samples, chunk->count, arena, spans, count);
    for (int i = 0; i < count; i++)
        words[i] = (struct kn_found_word){
            .start_us = llround(spans[i].start_s * 1e6),
            .end_us = llround(spans[i].end_s * 1e6),
            .text = texts[i],
            .confidence = confidence_of(text->log_probs + spans[i].first, spans[i].count),
        };
    findings->words = words;
    findings->word_count = count;
}

/* The tokens of a text that is to be aligned. */
static enum kn_status encode_text(const struct kn_vocab *vocab, const char *text, int *tokens,
                                  int *ret_count, struct kn_error *err)
{
    int count = kn_vocab_encode(vocab, text, tokens, KN_MOONSHINE_TOKENS_MAX);
    if (count > KN_MOONSHINE_TOKENS_MAX)
        return kn_error_set(err, KN_LIMIT, "a text of %d tokens is too long to be aligned", count);
    *ret_count = count;
    return KN_OK;
}

static enum kn_status moonshine_run(void *state, const struct kn_chunk *chunk,
                                    struct kn_cancel *cancel, struct kn_arena *arena,
                                    struct kn_findings *ret_findings, struct kn_error *err)
{
    struct kn_moonshine *moonshine = ((struct state *)state)->moonshine;
    const struct kn_vocab *vocab = kn_moonshine_vocab(moonshine);
    struct kn_moonshine_text text = {0};
    enum kn_status status;
    if (chunk->text) {
        int tokens[KN_MOONSHINE_TOKENS_MAX], count = 0;
        status = encode_text(vocab, chunk->text, tokens, &count, err);
        if (status == KN_OK)
            status = kn_moonshine_read(moonshine, chunk->samples, chunk->count, tokens, count,
                                       cancel, arena, &text, err);
    } else {
        status =
            kn_moonshine_listen(moonshine, chunk->samples, chunk->count, cancel, arena, &text, err);
    }
    if (status != KN_OK)
        return status;
    struct kn_findings findings = {
        .token_count = text.count,
        .mean_log_prob = text.mean_log_prob,
        .looped = text.looped,
        .limit_hit = text.limit_hit,
    };
    if (text.count)
        find_words(vocab, chunk, &text, arena, &findings);
    *ret_findings = findings;
    return KN_OK;
}

static const char *const english[] = {"en", NULL};

const struct kn_engine_desc kn_engine_moonshine = {
    .name = "moonshine",
    .summary = "speech to text on this machine, English",
    .languages = english,
    .chunk_max_us = (int64_t)KN_MOONSHINE_SAMPLES_MAX * 1000000 / KN_MOONSHINE_RATE_HZ,
    .lane = KN_LANE_CPU,
    .aligns = true,
    .state_size = sizeof(struct state),
    .available = moonshine_available,
    .open = moonshine_open,
    .run = moonshine_run,
    .close = moonshine_close,
};
