/*
 * A transcription service as an engine: POST /audio/transcriptions as OpenAI has it, which Groq,
 * LocalAI, whisper.cpp's server and others speak as well.
 *
 * What may be asked for depends on the model (OpenAI's API description 2.3.0, 2026-08-21): times of
 * words need verbose_json, and of OpenAI's own models only whisper-1 gives that; the gpt-4o family
 * and gpt-transcribe give a text alone. Models that are not known are taken for Whisper's kin. One
 * that refuses verbose_json is asked for plain json from then on.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ai/engine.h"
#include "ai/languages.h"
#include "ai/speech_answer.h"
#include "base/clock.h"
#include "media/audio_encode.h"

enum {
    RATE_HZ = 16000,
    SHORTEST_MS = 100, /* OpenAI refuses less */
    PARTS_MAX = 8,
};

static const char usual_model[] = "whisper-1";

struct facts {
    bool plain;  /* gives a text alone, without times of segments and words */
    bool chunks; /* has to be told to cut at pauses itself */
    /* Tokens that it bills, at most: 0, 0: it bills the time. OpenAI counts ten a second of sound,
     * and the family writes no more than 2,000. */
    int input_a_second, output_max;
};

struct state {
    struct kn_service *service; /* borrowed, as is `model` */
    const char *model;
    struct facts facts;
    atomic_bool plain; /* it was found out that it knows no verbose_json */
};

static struct facts facts_of(const char *model)
{
    static const struct facts whisper = {0};
    static const struct facts by_time = {.plain = true};
    static const struct facts by_token = {.plain = true, .input_a_second = 10, .output_max = 2000};
    static const struct facts who_speaks = {
        .plain = true, .chunks = true, .input_a_second = 10, .output_max = 2000};
    if (strncmp(model, "gpt-4o", 6) == 0)
        return strstr(model, "-diarize") ? who_speaks : by_token;
    return strncmp(model, "gpt-transcribe", 14) == 0 ? by_time : whisper;
}

static enum kn_status openai_available(const struct kn_engine_settings *settings,
                                       struct kn_error *err)
{
    if (!settings->service)
        return kn_error_set(err, KN_MISSING,
                            "no speech service is set up: set OPENAI_API_KEY, or the base URL of "
                            "another service");
    return KN_OK;
}

static enum kn_status openai_open(void *state, const struct kn_engine_settings *settings,
                                  struct kn_error *err)
{
    struct state *s = state;
    enum kn_status status = openai_available(settings, err);
    if (status != KN_OK)
        return status;
    s->service = settings->service;
    s->model = settings->model && settings->model[0] ? settings->model : usual_model;
    s->facts = facts_of(s->model);
    atomic_init(&s->plain, s->facts.plain);
    return KN_OK;
}

static void openai_close(void *state)
{
    (void)state; /* all of it is borrowed */
}

/* ---- asking ---- */

struct form {
    struct kn_http_part parts[PARTS_MAX];
    int count;
};

static void add(struct form *form, const char *name, const char *value)
{
    form->parts[form->count++] =
        (struct kn_http_part){.name = name, .data = value, .size = strlen(value)};
}

static void fill_form(const struct state *s, const struct kn_chunk *chunk, bool plain,
                      const struct kn_http_part *file, struct form *form)
{
    const char *language = kn_language_iso639_1(chunk->language);
    form->count = 0;
    form->parts[form->count++] = *file;
    add(form, "model", s->model);
    if (language)
        add(form, "language", language);
    add(form, "response_format", plain ? "json" : "verbose_json");
    if (!plain) {
        add(form, "timestamp_granularities[]", "word");
        add(form, "timestamp_granularities[]", "segment");
    }
    if (s->facts.chunks)
        add(form, "chunking_strategy", "auto");
    add(form, "temperature", "0");
}

static struct kn_usage most_of(const struct state *s, const struct kn_chunk *chunk)
{
    double audio_s = (double)chunk->count / RATE_HZ;
    return (struct kn_usage){
        .audio_s = audio_s,
        .input_tokens = (int64_t)ceil(audio_s * s->facts.input_a_second),
        .output_tokens = s->facts.output_max,
    };
}

/* An answer is read as it is judged: what can't be read can't be used. */
struct reading {
    int64_t length_us;
    struct kn_arena *arena;
    struct kn_findings *findings; /* of the newest answer that was accepted */
};

static enum kn_status accept(void *arg, const json_t *answer, struct kn_error *err)
{
    const struct reading *reading = arg;
    return kn_speech_answer_read(answer, reading->length_us, reading->arena, reading->findings,
                                 err);
}

static enum kn_status ask(struct state *s, const struct kn_chunk *chunk,
                          const struct kn_http_part *file, bool plain, struct kn_cancel *cancel,
                          struct kn_arena *arena, struct kn_findings *findings,
                          struct kn_error *err)
{
    struct form form;
    struct reading reading = {.length_us = (int64_t)chunk->count * KN_US_PER_S / RATE_HZ,
                              .arena = arena,
                              .findings = findings};
    fill_form(s, chunk, plain, file, &form);
    struct kn_service_call call = {
        .path = "/audio/transcriptions",
        .model = s->model,
        .parts = form.parts,
        .part_count = form.count,
        .most = most_of(s, chunk),
        .accept = accept,
        .arg = &reading,
        .budget = chunk->budget,
    };
    json_t *answer = NULL;
    enum kn_status status = kn_service_call(s->service, &call, cancel, &answer, err);
    json_decref(answer);
    return status;
}

/* ---- running ---- */

/* FLAC, or WAV where this FFmpeg has none: twice the size, and still 13 minutes below the limit. */
static enum kn_status encode(const struct kn_chunk *chunk, struct kn_arena *arena,
                             struct kn_http_part *ret_file, void **ret_data, struct kn_error *err)
{
    enum kn_audio_file kind = KN_AUDIO_FLAC;
    size_t size = 0;
    enum kn_status status =
        kn_audio_encode(chunk->samples, chunk->count, RATE_HZ, kind, ret_data, &size, err);
    if (status == KN_UNSUPPORTED) {
        kind = KN_AUDIO_WAV;
        status = kn_audio_encode(chunk->samples, chunk->count, RATE_HZ, kind, ret_data, &size, err);
    }
    if (status != KN_OK)
        return status;
    *ret_file = (struct kn_http_part){
        .name = "file",
        .filename = kn_arena_printf(arena, "piece-%09lld.%s", (long long)(chunk->start_us / 1000),
                                    kn_audio_file_ending(kind)),
        .content_type = kn_audio_file_type(kind),
        .data = *ret_data,
        .size = size,
    };
    return KN_OK;
}

static enum kn_status openai_run(void *state, const struct kn_chunk *chunk,
                                 struct kn_cancel *cancel, struct kn_arena *arena,
                                 struct kn_findings *ret_findings, struct kn_error *err)
{
    struct state *s = state;
    struct kn_findings findings = {0};
    struct kn_http_part file;
    KN_SCOPED_MEM void *data = NULL;
    struct kn_error why = {0};
    if ((int64_t)chunk->count * KN_US_PER_S / RATE_HZ > kn_engine_openai.chunk_max_us)
        return kn_error_set(err, KN_LIMIT, "more than 10 min of sound are too long for a request");
    if (chunk->count < RATE_HZ / 1000 * SHORTEST_MS) {
        *ret_findings = findings;
        return KN_OK;
    }
    enum kn_status status = encode(chunk, arena, &file, &data, &why);
    bool plain = atomic_load(&s->plain);
    if (status == KN_OK)
        status = ask(s, chunk, &file, plain, cancel, arena, &findings, &why);
    if (status == KN_INVALID && !plain && strcasestr(why.text, "response_format")) {
        atomic_store(&s->plain, true);
        status = ask(s, chunk, &file, true, cancel, arena, &findings, &why);
    }
    if (status == KN_OK)
        *ret_findings = findings;
    else if (err)
        *err = why;
    return status;
}

const struct kn_engine_desc kn_engine_openai = {
    .name = "openai",
    .summary = "speech to text by a service (OpenAI, Groq, whisper.cpp, ...), about 100 languages",
    .chunk_max_us = INT64_C(600) * KN_US_PER_S,
    .chunk_best_us = INT64_C(60) * KN_US_PER_S,
    .lane = KN_LANE_IO,
    .state_size = sizeof(struct state),
    .available = openai_available,
    .open = openai_open,
    .run = openai_run,
    .close = openai_close,
};
