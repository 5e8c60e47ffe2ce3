/*
 * The decoder is a "merged" export: one graph with a branch that starts from nothing and one that
 * continues from cached keys and values. A patch before loading (onnx_patch.h) makes outputs of
 * the last hidden state, in place of the logits (projection.h computes those in a fraction of the
 * time), and of the attention over the sound in the two layers whose heads follow it best.
 *
 * Keys and values go from one run's outputs to the next one's inputs without a copy. Those over
 * the sound are made by the first run and stay the same; the continuing branch gives dummies for
 * them, which are not asked for.
 */
#include "ai/moonshine.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/loop_guard.h"
#include "ai/models.h"
#include "ai/onnx.h"
#include "ai/onnx_patch.h"
#include "ai/projection.h"
#include "base/file.h"

enum {
    LAYERS = 6,
    HEADS = 8,
    HEAD_WIDTH = 36,
    WIDTH = HEADS * HEAD_WIDTH,
    TOKENS = 32768,
    /* A layer's keys and values over the text so far, then over the sound. */
    CACHES_A_LAYER = 4,
    CACHES = LAYERS * CACHES_A_LAYER,
    CROSS_LAYERS = 2,
    INPUTS = 3 + CACHES, /* token numbers, encoded sound, branch, caches */
    OUTPUTS_MAX = 1 + CROSS_LAYERS + CACHES,
    NAME_BYTES = 48,
    MODEL_BYTES_MAX = 256 << 20,
};

/* The longest text: fast talk was measured at 8.7 tokens a second. */
static const double tokens_per_s_max = 12;
static const int tokens_spare = 4;

/* The heads that look where a word is spoken: for each of these, the peak of attention at a word's
 * first token lay within the word for 95 to 99 of 100 words. */
static const struct {
    int cross, head; /* cross: index of the exposed layer */
} aligned_heads[] = {{0, 0}, {0, 2}, {0, 5}, {0, 6}, {1, 3}, {1, 6}, {1, 7}};

static const struct kn_onnx_expose crosses[CROSS_LAYERS] = {
    {"/model/decoder/layers.3/encoder_attn/Softmax_output_0", "cross.3"},
    {"/model/decoder/layers.4/encoder_attn/Softmax_output_0", "cross.4"},
};

struct kn_moonshine {
    struct kn_onnx *onnx;
    struct kn_onnx_session *encoder, *decoder;
    struct kn_vocab *vocab;
    struct kn_projection projection;
    uint8_t *weights;
    char past[CACHES][NAME_BYTES], present[CACHES][NAME_BYTES];
};

/* Opening */

static enum kn_status read_model(const char *models, enum kn_model which, char **ret_data,
                                 size_t *ret_size, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char *path;
    enum kn_status status = kn_model_check(models, which, arena, &path, err);
    if (status == KN_OK)
        status = kn_file_read(path, MODEL_BYTES_MAX, ret_data, ret_size, err);
    kn_arena_free(arena);
    return status;
}

static enum kn_status open_encoder(struct kn_moonshine *m, const char *models, struct kn_error *err)
{
    static const char *const inputs[] = {"input_values", NULL};
    static const char *const outputs[] = {"last_hidden_state", NULL};
    KN_SCOPED_MEM char *data = NULL;
    struct kn_onnx_model model = {.inputs = inputs, .outputs = outputs};
    model.name = kn_model_file(KN_MODEL_SPEECH_ENCODER)->name;
    enum kn_status status = read_model(models, KN_MODEL_SPEECH_ENCODER, &data, &model.size, err);
    if (status != KN_OK)
        return status;
    model.data = data;
    return kn_onnx_session_open(m->onnx, &model, &m->encoder, err);
}

/* Cache i is of layer i / 4: keys and values over the text, keys and values over the sound. */
static bool is_over_sound(int cache)
{
    return cache % CACHES_A_LAYER >= 2;
}

static void name_caches(struct kn_moonshine *m)
{
    static const char *const kinds[CACHES_A_LAYER] = {"decoder.key", "decoder.value", "encoder.key",
                                                      "encoder.value"};
    for (int i = 0; i < CACHES; i++) {
        int layer = i / CACHES_A_LAYER;
        const char *kind = kinds[i % CACHES_A_LAYER];
        snprintf(m->past[i], NAME_BYTES, "past_key_values.%d.%s", layer, kind);
        snprintf(m->present[i], NAME_BYTES, "present.%d.%s", layer, kind);
    }
}

static enum kn_status read_projection(struct kn_moonshine *m, const void *model, size_t size,
                                      struct kn_error *err)
{
    static const char stem[] = "model.decoder.embed_tokens.weight_merged_0_";
    char name[96];
    m->projection = (struct kn_projection){.tokens = TOKENS, .width = WIDTH};
    m->weights = kn_malloc((size_t)TOKENS * WIDTH);
    m->projection.weights = m->weights;
    snprintf(name, sizeof name, "%squantized", stem);
    enum kn_status status = kn_onnx_read_weight(model, size, name, KN_ONNX_DATA_UINT8,
                                                (size_t)TOKENS * WIDTH, m->weights, err);
    snprintf(name, sizeof name, "%szero_point", stem);
    if (status == KN_OK)
        status = kn_onnx_read_weight(model, size, name, KN_ONNX_DATA_UINT8, 1,
                                     &m->projection.zero_point, err);
    snprintf(name, sizeof name, "%sscale", stem);
    if (status == KN_OK)
        status = kn_onnx_read_weight(model, size, name, KN_ONNX_DATA_FLOAT, 1, &m->projection.scale,
                                     err);
    return status;
}

static enum kn_status open_decoder(struct kn_moonshine *m, const char *models, struct kn_error *err)
{
    static const char *const dropped[] = {"logits", "model.decoder.embed_tokens.weight_transposed",
                                          "model.decoder.embed_tokens.weight_transposed_quantized",
                                          NULL};
    static const struct kn_onnx_patch patch = {
        .replaced = "logits",
        .replacement = {"/model/decoder/norm/Mul_output_0", "hidden"},
        .added = crosses,
        .added_count = CROSS_LAYERS,
        .dropped = dropped,
    };
    static const char *const outputs[] = {"hidden", "cross.3", "cross.4", NULL};
    KN_SCOPED_MEM char *data = NULL;
    KN_SCOPED_STR patched = {0};
    struct kn_onnx_model model = {.outputs = outputs};
    model.name = kn_model_file(KN_MODEL_SPEECH_DECODER)->name;
    size_t size;
    enum kn_status status = read_model(models, KN_MODEL_SPEECH_DECODER, &data, &size, err);
    if (status == KN_OK)
        status = read_projection(m, data, size, err);
    if (status == KN_OK)
        status = kn_onnx_patch_model(data, size, &patch, &patched, err);
    if (status != KN_OK)
        return kn_error_add(err, "%s", model.name);
    model.data = kn_str_text(&patched);
    model.size = patched.length;
    return kn_onnx_session_open(m->onnx, &model, &m->decoder, err);
}

static enum kn_status open_vocab(struct kn_moonshine *m, const char *models, struct kn_error *err)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    enum kn_status status = read_model(models, KN_MODEL_SPEECH_VOCABULARY, &text, &size, err);
    if (status == KN_OK && kn_vocab_parse(text, size, &m->vocab, err) != KN_OK)
        status = kn_error_add(err, "%s", kn_model_file(KN_MODEL_SPEECH_VOCABULARY)->name);
    return status;
}

enum kn_status kn_moonshine_open(const char *models, struct kn_moonshine **ret_moonshine,
                                 struct kn_error *err)
{
    KN_SCOPED(kn_moonshine) m = kn_calloc(1, sizeof *m);
    name_caches(m);
    enum kn_status status = kn_onnx_open(models, &m->onnx, err);
    if (status == KN_OK)
        status =
            kn_model_blame(models, KN_MODEL_SPEECH_VOCABULARY, open_vocab(m, models, err), err);
    if (status == KN_OK)
        status = kn_model_blame(models, KN_MODEL_SPEECH_ENCODER, open_encoder(m, models, err), err);
    if (status == KN_OK)
        status = kn_model_blame(models, KN_MODEL_SPEECH_DECODER, open_decoder(m, models, err), err);
    if (status == KN_OK)
        *ret_moonshine = KN_MOVE(m);
    return status;
}

void kn_moonshine_close(struct kn_moonshine *moonshine)
{
    if (!moonshine)
        return;
    kn_onnx_session_close(moonshine->decoder);
    kn_onnx_session_close(moonshine->encoder);
    kn_onnx_close(moonshine->onnx);
    kn_vocab_free(moonshine->vocab);
    free(moonshine->weights);
    free(moonshine);
}

const struct kn_vocab *kn_moonshine_vocab(const struct kn_moonshine *moonshine)
{
    return moonshine->vocab;
}

/* Decoding: the state of one text in the making, on one thread */

struct decoding {
    struct kn_moonshine *m;
    struct kn_onnx_call call;
    struct kn_onnx_value *ids, *sound, *branch; /* inputs besides the caches */
    struct kn_onnx_value *caches[CACHES];
    struct kn_onnx_value *hidden, *cross[CROSS_LAYERS]; /* of the last run */
    int64_t next_ids[KN_MOONSHINE_TOKENS_MAX + 1];      /* what `ids` is over */
    bool continuing;                                    /* what `branch` is over */
    float empty;                                        /* what the first caches are over */
    int64_t frames;                                     /* of `sound` */
    float *logits;
    float *attention; /* rows of `frames` */
};

static void free_results(struct decoding *d)
{
    struct kn_onnx *onnx = d->m->onnx;
    kn_onnx_value_free(onnx, KN_MOVE(d->hidden));
    for (int i = 0; i < CROSS_LAYERS; i++)
        kn_onnx_value_free(onnx, KN_MOVE(d->cross[i]));
}

static void end_decoding(struct decoding *d)
{
    struct kn_onnx *onnx = d->m->onnx;
    free_results(d);
    for (int i = 0; i < CACHES; i++)
        kn_onnx_value_free(onnx, d->caches[i]);
    kn_onnx_value_free(onnx, d->ids);
    kn_onnx_value_free(onnx, d->branch);
    kn_onnx_value_free(onnx, d->sound);
    if (d->call.options)
        kn_onnx_call_end(&d->call);
}

/* Runs the encoder: d->sound and d->frames. */
static enum kn_status encode(struct decoding *d, const float *samples, int count,
                             struct kn_error *err)
{
    struct kn_onnx *onnx = d->m->onnx;
    struct kn_onnx_io input = {.name = "input_values"}, output = {.name = "last_hidden_state"};
    int64_t dims[] = {1, count};
    enum kn_status status =
        kn_onnx_tensor(onnx, KN_ONNX_FLOAT, (float *)samples, sizeof *samples * (size_t)count, dims,
                       2, &input.value, err);
    if (status == KN_OK)
        status = kn_onnx_run(d->m->encoder, &d->call, &input, 1, &output, 1, err);
    kn_onnx_value_free(onnx, input.value);
    d->sound = output.value;
    int64_t sound_dims[] = {1, -1, WIDTH};
    const float *vectors;
    if (status == KN_OK)
        status = kn_onnx_floats(onnx, d->sound, output.name, sound_dims, 3, &vectors, err);
    if (status == KN_OK)
        d->frames = sound_dims[1];
    return status;
}

/* Makes `ids` a tensor over the first `count` of next_ids. */
static enum kn_status set_id_count(struct decoding *d, int count, struct kn_error *err)
{
    int64_t dims[] = {1, count};
    kn_onnx_value_free(d->m->onnx, KN_MOVE(d->ids));
    return kn_onnx_tensor(d->m->onnx, KN_ONNX_INT64, d->next_ids, sizeof(int64_t) * (size_t)count,
                          dims, 2, &d->ids, err);
}

static enum kn_status begin_decoding(struct decoding *d, const float *samples, int count,
                                     struct kn_cancel *cancel, struct kn_arena *arena, int rows,
                                     struct kn_error *err)
{
    static const int64_t one[] = {1}, nothing[] = {0, HEADS, 1, HEAD_WIDTH};
    struct kn_onnx *onnx = d->m->onnx;
    enum kn_status status = kn_onnx_call_begin(onnx, cancel, &d->call, err);
    if (status == KN_OK)
        status = encode(d, samples, count, err);
    if (status == KN_OK)
        status = kn_onnx_tensor(onnx, KN_ONNX_BOOL, &d->continuing, sizeof d->continuing, one, 1,
                                &d->branch, err);
    for (int i = 0; i < CACHES && status == KN_OK; i++)
        status = kn_onnx_tensor(onnx, KN_ONNX_FLOAT, &d->empty, 0, nothing, 4, &d->caches[i], err);
    if (status != KN_OK)
        return status;
    d->logits = kn_arena_array(arena, TOKENS, sizeof *d->logits);
    d->attention = kn_arena_array(arena, (size_t)rows * (size_t)d->frames, sizeof *d->attention);
    return KN_OK;
}

/* Runs the decoder over next_ids: `hidden`, `cross` and the caches are then of this run. */
static enum kn_status step(struct decoding *d, struct kn_error *err)
{
    struct kn_moonshine *m = d->m;
    struct kn_onnx_io inputs[INPUTS] = {{"input_ids", d->ids},
                                        {"encoder_hidden_states", d->sound},
                                        {"use_cache_branch", d->branch}};
    struct kn_onnx_io outputs[OUTPUTS_MAX] = {{"hidden", NULL}};
    for (int i = 0; i < CACHES; i++)
        inputs[3 + i] = (struct kn_onnx_io){m->past[i], d->caches[i]};
    for (int i = 0; i < CROSS_LAYERS; i++)
        outputs[1 + i].name = crosses[i].output;
    int replaced[CACHES], replaced_count = 0;
    for (int i = 0; i < CACHES; i++)
        if (!d->continuing || !is_over_sound(i)) {
            outputs[1 + CROSS_LAYERS + replaced_count].name = m->present[i];
            replaced[replaced_count++] = i;
        }
    free_results(d);
    enum kn_status status = kn_onnx_run(m->decoder, &d->call, inputs, INPUTS, outputs,
                                        1 + CROSS_LAYERS + replaced_count, err);
    if (status != KN_OK)
        return status;
    d->hidden = outputs[0].value;
    for (int i = 0; i < CROSS_LAYERS; i++)
        d->cross[i] = outputs[1 + i].value;
    for (int i = 0; i < replaced_count; i++) {
        struct kn_onnx_value **cache = &d->caches[replaced[i]];
        kn_onnx_value_free(m->onnx, *cache);
        *cache = outputs[1 + CROSS_LAYERS + i].value;
    }
    d->continuing = true;
    return KN_OK;
}

/* The hidden states of the last run, which was over `rows` tokens. */
static enum kn_status read_hidden(struct decoding *d, int rows, const float **ret_hidden,
                                  struct kn_error *err)
{
    int64_t dims[] = {1, rows, WIDTH};
    return kn_onnx_floats(d->m->onnx, d->hidden, "hidden", dims, 3, ret_hidden, err);
}

/* Adds up the heads that follow the sound into attention rows [first, first + rows). */
static enum kn_status read_attention(struct decoding *d, int first, int rows, struct kn_error *err)
{
    const float *at[CROSS_LAYERS];
    for (int i = 0; i < CROSS_LAYERS; i++) {
        int64_t dims[] = {1, HEADS, rows, d->frames};
        enum kn_status status =
            kn_onnx_floats(d->m->onnx, d->cross[i], crosses[i].output, dims, 4, &at[i], err);
        if (status != KN_OK)
            return status;
    }
    size_t size = (size_t)rows * (size_t)d->frames;
    float *sum = d->attention + (size_t)first * (size_t)d->frames;
    for (size_t h = 0; h < KN_COUNT_OF(aligned_heads); h++) {
        const float *head = at[aligned_heads[h].cross] + aligned_heads[h].head * size;
        for (size_t i = 0; i < size; i++)
            sum[i] += head[i];
    }
    return KN_OK;
}

static int token_limit(int samples)
{
    int limit = (int)ceil(tokens_per_s_max * samples / KN_MOONSHINE_RATE_HZ) + tokens_spare;
    return KN_MIN(limit, KN_MOONSHINE_TOKENS_MAX);
}

/* Chooses the next token from the last run; adds what it cost to *log_prob_sum. */
static enum kn_status choose(struct decoding *d, int *ret_token, float *ret_log_prob,
                             struct kn_error *err)
{
    const float *hidden;
    enum kn_status status = read_hidden(d, 1, &hidden, err);
    if (status != KN_OK)
        return status;
    kn_projection_run(&d->m->projection, hidden, d->logits);
    *ret_token = kn_logits_best(d->logits, TOKENS);
    *ret_log_prob = kn_logits_log_prob(d->logits, TOKENS, *ret_token);
    return KN_OK;
}

/* Writes tokens until the end, the limit or a loop. */
static enum kn_status write_text(struct decoding *d, int limit, int *tokens, float *log_probs,
                                 struct kn_moonshine_text *text, struct kn_error *err)
{
    d->next_ids[0] = KN_TOKEN_START;
    enum kn_status status = set_id_count(d, 1, err);
    int count = 0;
    bool ended = false;
    float sum = 0;
    while (status == KN_OK && !ended && count < limit && !text->looped) {
        int token;
        float log_prob;
        status = step(d, err);
        if (status == KN_OK)
            status = read_attention(d, count, 1, err);
        if (status == KN_OK)
            status = choose(d, &token, &log_prob, err);
        if (status != KN_OK)
            return status;
        sum += log_prob;
        ended = token == KN_TOKEN_END;
        if (ended)
            break;
        tokens[count] = token;
        log_probs[count++] = log_prob;
        text->looped = kn_loop_guard(tokens, count) < count;
        d->next_ids[0] = token;
    }
    text->mean_log_prob = count ? sum / (float)(count + ended) : 0;
    text->limit_hit = !ended && !text->looped;
    text->count = text->looped ? kn_loop_guard(tokens, count) : count;
    return status;
}

static enum kn_status check_sound(int count, struct kn_error *err)
{
    if (count <= KN_MOONSHINE_SAMPLES_MAX)
        return KN_OK;
    return kn_error_set(err, KN_LIMIT, "%d s of sound are more than the recogniser takes at once",
                        count / KN_MOONSHINE_RATE_HZ);
}

enum kn_status kn_moonshine_listen(struct kn_moonshine *moonshine, const float *samples, int count,
                                   struct kn_cancel *cancel, struct kn_arena *arena,
                                   struct kn_moonshine_text *ret_text, struct kn_error *err)
{
    struct kn_moonshine_text text = {0};
    enum kn_status status = check_sound(count, err);
    if (status != KN_OK)
        return status;
    if (count < KN_MOONSHINE_SAMPLES_MIN) {
        *ret_text = text;
        return KN_OK;
    }
    int limit = token_limit(count);
    int *tokens = kn_arena_array(arena, (size_t)limit, sizeof *tokens);
    float *log_probs = kn_arena_array(arena, (size_t)limit, sizeof *log_probs);
    struct decoding d = {.m = moonshine};
    status = begin_decoding(&d, samples, count, cancel, arena, limit + 1, err);
    if (status == KN_OK)
        status = write_text(&d, limit, tokens, log_probs, &text, err);
    end_decoding(&d);
    if (status != KN_OK)
        return status;
    text.tokens = tokens;
    text.log_probs = log_probs;
    text.attention = (struct kn_attention){d.attention, text.count + 1, (int)d.frames};
    *ret_text = text;
    return KN_OK;
}

/* What the model thinks of each given token, at the place before it. */
static enum kn_status judge(struct decoding *d, const int *tokens, int count, float *log_probs,
                            struct kn_moonshine_text *text, struct kn_error *err)
{
    const float *hidden;
    enum kn_status status = read_hidden(d, count + 1, &hidden, err);
    if (status != KN_OK)
        return status;
    float sum = 0;
    for (int i = 0; i < count; i++) {
        kn_projection_run(&d->m->projection, hidden + (size_t)i * WIDTH, d->logits);
        log_probs[i] = kn_logits_log_prob(d->logits, TOKENS, tokens[i]);
        sum += log_probs[i];
    }
    text->mean_log_prob = count ? sum / (float)count : 0;
    return KN_OK;
}

enum kn_status kn_moonshine_read(struct kn_moonshine *moonshine, const float *samples, int count,
                                 const int *tokens, int token_count, struct kn_cancel *cancel,
                                 struct kn_arena *arena, struct kn_moonshine_text *ret_text,
                                 struct kn_error *err)
{
    assert(token_count <= KN_MOONSHINE_TOKENS_MAX);
    struct kn_moonshine_text text = {.count = token_count};
    enum kn_status status = check_sound(count, err);
    if (status != KN_OK)
        return status;
    if (count < KN_MOONSHINE_SAMPLES_MIN || token_count == 0)
        return kn_error_set(err, KN_INVALID, "there is nothing to place in this sound");
    float *log_probs = kn_arena_array(arena, (size_t)token_count, sizeof *log_probs);
    struct decoding d = {.m = moonshine};
    d.next_ids[0] = KN_TOKEN_START;
    for (int i = 0; i < token_count; i++)
        d.next_ids[i + 1] = tokens[i];
    status = begin_decoding(&d, samples, count, cancel, arena, token_count + 1, err);
    if (status == KN_OK)
        status = set_id_count(&d, token_count + 1, err);
    if (status == KN_OK)
        status = step(&d, err);
    if (status == KN_OK)
        status = read_attention(&d, 0, token_count + 1, err);
    if (status == KN_OK)
        status = judge(&d, tokens, token_count, log_probs, &text, err);
    end_decoding(&d);
    if (status != KN_OK)
        return status;
    text.tokens = kn_arena_copy(arena, tokens, sizeof *tokens * (size_t)token_count);
    text.log_probs = log_probs;
    text.attention = (struct kn_attention){d.attention, token_count + 1, (int)d.frames};
    *ret_text = text;
    return KN_OK;
}
