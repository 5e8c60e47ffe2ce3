/* The rules are those of OpenAI's OpenAPI description 2.3.0 (2026-08-21). */
#include "sandbox/transcriptions.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"

static const char *const format_names[] = {
    [KN_FORMAT_JSON] = "json", [KN_FORMAT_TEXT] = "text",
    [KN_FORMAT_SRT] = "srt",   [KN_FORMAT_VERBOSE] = "verbose_json",
    [KN_FORMAT_VTT] = "vtt",   [KN_FORMAT_DIARIZED] = "diarized_json",
};

enum kn_transcript_format kn_transcript_format_find(const char *name)
{
    int f = 0;
    while (f < KN_FORMAT_COUNT && strcmp(format_names[f], name) != 0)
        f++;
    return (enum kn_transcript_format)f;
}

int64_t kn_piece_start_us(const char *filename)
{
    enum { DIGITS_MIN = 3, DIGITS_MAX = 12 };
    const char *dash = strrchr(filename, '-');
    int digits = 0;
    int64_t ms = 0;
    for (; dash && isdigit((unsigned char)dash[1 + digits]) && digits < DIGITS_MAX; digits++)
        ms = ms * 10 + dash[1 + digits] - '0';
    if (digits < DIGITS_MIN || dash[1 + digits] != '.')
        return -1;
    return ms * 1000;
}

/* ---- the form ---- */

static bool check_form(const struct kn_exchange *exchange, struct kn_rejection *rejection)
{
    const struct kn_server_field *type = kn_server_header(exchange, "content-type");
    static const char wanted[] = "multipart/form-data";
    if (exchange->too_large)
        return kn_reject_as(rejection, 413, "invalid_request_error", NULL, NULL,
                            "Maximum content size limit (%d) exceeded.", KN_AUDIO_BYTES_MAX);
    if (!type || strncasecmp(type->data, wanted, strlen(wanted)) != 0)
        return kn_reject(rejection, NULL, "unsupported_content_type",
                         "The content type has to be multipart/form-data, not “%.60s”.",
                         type ? (const char *)type->data : "");
    if (exchange->bad_multipart)
        return kn_reject(rejection, NULL, NULL, "The multipart body cannot be parsed.");
    return true;
}

static const struct {
    const char *name;
    bool repeated;
    unsigned families; /* 1 << enum kn_catalogue_family; 0: all */
} fields[] = {
    {"file"},
    {"model"},
    {"language"},
    {"prompt"},
    {"response_format"},
    {"temperature"},
    {"stream"},
    {"timestamp_granularities[]", true},
    {"include[]", true},
    {"chunking_strategy"},
    {"languages[]", true, 1u << KN_FAMILY_KEYWORDS},
    {"keywords[]", true, 1u << KN_FAMILY_KEYWORDS},
    {"known_speaker_names[]", true, 1u << KN_FAMILY_DIARIZE},
    {"known_speaker_references[]", true, 1u << KN_FAMILY_DIARIZE},
};

static int field_of(const char *name)
{
    int f = 0;
    while (f < (int)KN_COUNT_OF(fields) && strcmp(fields[f].name, name) != 0)
        f++;
    return f;
}

/* Every part is a field that there is, text in UTF-8 but for the file, and there once. */
static bool check_fields(const struct kn_exchange *exchange, struct kn_rejection *rejection)
{
    int seen[KN_COUNT_OF(fields)] = {0};
    for (int i = 0; i < exchange->part_count; i++) {
        const struct kn_server_field *part = &exchange->parts[i];
        int f = field_of(part->name);
        if (f == (int)KN_COUNT_OF(fields))
            return kn_reject(rejection, part->name, "unknown_parameter",
                             "Unrecognized request argument supplied: %.60s", part->name);
        if (seen[f]++ && !fields[f].repeated)
            return kn_reject(rejection, part->name, NULL, "%s is there twice.", part->name);
        bool file = f == 0;
        if (!file && (part->filename || memchr(part->data, '\0', part->size) ||
                      !kn_utf8_valid(part->data, part->size)))
            return kn_reject(rejection, part->name, NULL, "%s has to be text.", part->name);
    }
    return true;
}

static bool check_families(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                           struct kn_rejection *rejection)
{
    for (size_t f = 0; f < KN_COUNT_OF(fields); f++)
        if (fields[f].families && !(fields[f].families & 1u << asked->model->family) &&
            kn_server_part(exchange, fields[f].name))
            return kn_reject(rejection, fields[f].name, NULL, "%s is not supported by %.64s.",
                             fields[f].name, asked->model_name);
    return true;
}

/* ---- single fields ---- */

static bool read_file(const struct kn_exchange *exchange, struct kn_transcription *asked,
                      struct kn_rejection *rejection)
{
    const struct kn_server_field *file = kn_server_part(exchange, "file");
    if (!file)
        return kn_reject(rejection, "file", NULL, "`file` is required.");
    if (!file->filename || !file->filename[0])
        return kn_reject(rejection, "file", NULL, "`file` has to be a file with a name.");
    if (!kn_sound_extension_known(file->filename))
        return kn_reject(rejection, "file", NULL,
                         "Invalid file format. Supported formats: flac, m4a, mp3, mp4, mpeg, mpga, "
                         "ogg, wav, webm.");
    if (file->size > KN_AUDIO_BYTES_MAX)
        return kn_reject_as(rejection, 413, "invalid_request_error", NULL, NULL,
                            "Maximum content size limit (%d) exceeded (%zu bytes read)",
                            KN_AUDIO_BYTES_MAX, file->size);
    kn_sound_probe(file->data, file->size, &asked->sound);
    if (!kn_sound_extension_fits(file->filename, asked->sound.form) || asked->sound.broken)
        return kn_reject(rejection, "file", "invalid_value",
                         "The file cannot be decoded as what its name says.");
    if (asked->sound.duration_us < 100000)
        return kn_reject(rejection, "file", "audio_too_short",
                         "The audio is too short: 0.1 seconds are the least.");
    asked->file = file;
    return true;
}

static bool read_format(const struct kn_exchange *exchange, struct kn_transcription *asked,
                        struct kn_rejection *rejection)
{
    static const unsigned allowed[] = {
        [KN_FAMILY_WHISPER] = 1u << KN_FORMAT_JSON | 1u << KN_FORMAT_TEXT | 1u << KN_FORMAT_SRT |
                              1u << KN_FORMAT_VERBOSE | 1u << KN_FORMAT_VTT,
        [KN_FAMILY_TRANSCRIBE] = 1u << KN_FORMAT_JSON,
        [KN_FAMILY_KEYWORDS] = 1u << KN_FORMAT_JSON,
        [KN_FAMILY_DIARIZE] =
            1u << KN_FORMAT_JSON | 1u << KN_FORMAT_TEXT | 1u << KN_FORMAT_DIARIZED,
    };
    const char *name = kn_server_text(exchange, "response_format");
    asked->format = name ? kn_transcript_format_find(name) : KN_FORMAT_JSON;
    if (asked->format == KN_FORMAT_COUNT)
        return kn_reject(rejection, "response_format", "invalid_value",
                         "“%.40s” is no response format.", name);
    if (!(allowed[asked->model->family] & 1u << asked->format))
        return kn_reject(rejection, "response_format", "unsupported_value",
                         "response_format '%s' is not compatible with model '%.64s'.", name,
                         asked->model_name);
    return true;
}

static bool read_granularities(const struct kn_exchange *exchange, struct kn_transcription *asked,
                               struct kn_rejection *rejection)
{
    static const char name[] = "timestamp_granularities[]";
    for (int i = 0; i < exchange->part_count; i++) {
        const struct kn_server_field *part = &exchange->parts[i];
        if (strcmp(part->name, name) != 0)
            continue;
        bool word = strcmp(part->data, "word") == 0;
        if (!word && strcmp(part->data, "segment") != 0)
            return kn_reject(rejection, name, "invalid_value",
                             "timestamp_granularities are word and segment, not “%.40s”.",
                             (const char *)part->data);
        *(word ? &asked->words : &asked->segments) = true;
    }
    if (!asked->words && !asked->segments)
        asked->segments = true;
    else if (asked->format != KN_FORMAT_VERBOSE)
        return kn_reject(rejection, name, NULL,
                         "timestamp_granularities need response_format verbose_json.");
    return true;
}

static bool read_include(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                         struct kn_rejection *rejection)
{
    for (int i = 0; i < exchange->part_count; i++) {
        const struct kn_server_field *part = &exchange->parts[i];
        if (strcmp(part->name, "include[]") != 0)
            continue;
        if (strcmp(part->data, "logprobs") != 0)
            return kn_reject(rejection, "include[]", "invalid_value", "include takes logprobs.");
        if (asked->model->family != KN_FAMILY_TRANSCRIBE || asked->format != KN_FORMAT_JSON)
            return kn_reject(rejection, "include[]", NULL,
                             "logprobs need a gpt-4o transcribe model and json.");
    }
    return true;
}

static bool read_simple(const struct kn_exchange *exchange, struct kn_transcription *asked,
                        struct kn_rejection *rejection)
{
    const char *language = kn_server_text(exchange, "language"),
               *stream = kn_server_text(exchange, "stream");
    const char *temperature = kn_server_text(exchange, "temperature");
    if (language && !kn_language_is_iso(language))
        return kn_reject(rejection, "language", "invalid_language_format",
                         "“%.40s” is no ISO-639-1 code such as en.", language);
    asked->language = kn_language_name(language);
    if (temperature && !kn_parse_double(temperature, 0, 1, &asked->temperature))
        return kn_reject(rejection, "temperature", "invalid_value",
                         "temperature is a number from 0 to 1.");
    if (stream && strcmp(stream, "true") != 0 && strcmp(stream, "false") != 0)
        return kn_reject(rejection, "stream", "invalid_type", "stream is true or false.");
    asked->stream = stream && stream[0] == 't' && asked->model->family != KN_FAMILY_WHISPER;
    return true;
}

static bool check_diarize(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                          struct kn_rejection *rejection)
{
    enum { WHOLE_US = 30000000 };
    if (asked->model->family != KN_FAMILY_DIARIZE)
        return true;
    if (kn_server_part(exchange, "prompt"))
        return kn_reject(rejection, "prompt", NULL, "prompt is not supported by %.64s.",
                         asked->model_name);
    if (asked->sound.duration_us > WHOLE_US && !kn_server_part(exchange, "chunking_strategy"))
        return kn_reject(rejection, "chunking_strategy", NULL,
                         "chunking_strategy is required for more than 30 seconds.");
    return true;
}

bool kn_transcription_read(const struct kn_exchange *exchange, const struct kn_models *models,
                           struct kn_transcription *ret_asked, struct kn_rejection *rejection)
{
    struct kn_transcription *asked = ret_asked;
    *asked = (struct kn_transcription){0};
    if (!check_form(exchange, rejection) || !check_fields(exchange, rejection))
        return false;
    asked->model_name = kn_server_text(exchange, "model");
    if (!asked->model_name || !asked->model_name[0])
        return kn_reject(rejection, "model", NULL, "you must provide a model parameter");
    asked->model = kn_models_find(models, asked->model_name, true, rejection);
    return asked->model && check_families(exchange, asked, rejection) &&
           read_format(exchange, asked, rejection) &&
           read_granularities(exchange, asked, rejection) &&
           read_include(exchange, asked, rejection) && read_simple(exchange, asked, rejection) &&
           read_file(exchange, asked, rejection) && check_diarize(exchange, asked, rejection);
}

/* ---- the answer ---- */

/* Sound counts ten tokens a second, text four letters a token. */
int kn_transcription_tokens(const struct kn_transcription *asked)
{
    bool counts = asked->model && asked->model->family != KN_FAMILY_WHISPER;
    return counts ? (int)ceil((double)asked->sound.duration_us / 1e5) : 0;
}

static json_t *token_usage(const struct kn_transcription *asked, const char *text)
{
    int sound = kn_transcription_tokens(asked);
    int said = (int)(strlen(text) + 3) / 4;
    return json_pack("{s:s, s:i, s:{s:i, s:i}, s:i, s:i}", "type", "tokens", "input_tokens", sound,
                     "input_token_details", "text_tokens", 0, "audio_tokens", sound,
                     "output_tokens", said, "total_tokens", sound + said);
}

static json_t *usage(const struct kn_transcription *asked, const char *text)
{
    if (asked->model->family != KN_FAMILY_WHISPER)
        return token_usage(asked, text);
    return json_pack("{s:s, s:I}", "type", "duration", "seconds",
                     (json_int_t)ceil((double)asked->sound.duration_us / 1e6));
}

/* One event a word would tell no more than these two. */
static void answer_stream(const struct kn_transcription *asked, const char *text,
                          struct kn_arena *arena, struct kn_reply *reply)
{
    KN_SCOPED_JSON delta =
        json_pack("{s:s, s:o}", "type", "transcript.text.delta", "delta", kn_json_text(text));
    KN_SCOPED_JSON done = json_pack("{s:s, s:o, s:o}", "type", "transcript.text.done", "text",
                                    kn_json_text(text), "usage", token_usage(asked, text));
    KN_SCOPED_STR body = {0};
    kn_reply_event(delta, &body);
    kn_reply_event(done, &body);
    kn_reply_text(reply, arena, 200, "text/event-stream; charset=utf-8", body.at, body.length);
}

static void answer_json(const struct kn_transcription *asked, const char *text,
                        const struct kn_spoken *spoken, struct kn_arena *arena,
                        struct kn_reply *reply)
{
    const struct kn_spoken_form form = {
        .words = asked->words, .segments = asked->segments, .temperature = asked->temperature};
    int64_t duration = asked->sound.duration_us;
    KN_SCOPED_JSON json =
        asked->format == KN_FORMAT_VERBOSE    ? kn_spoken_verbose(spoken, duration, &form)
        : asked->format == KN_FORMAT_DIARIZED ? kn_spoken_diarized(spoken, duration)
                                              : json_pack("{s:o}", "text", kn_json_text(text));
    json_object_set_new(json, "usage", usage(asked, text));
    kn_reply_json(reply, arena, 200, json);
}

void kn_transcription_answer(const struct kn_transcription *asked, const struct kn_spoken *spoken,
                             struct kn_arena *arena, struct kn_reply *reply)
{
    static const char plain[] = "text/plain; charset=utf-8";
    KN_SCOPED_STR text = {0};
    kn_spoken_text(spoken, 0, spoken->count, &text);
    if (asked->stream) {
        answer_stream(asked, kn_str_text(&text), arena, reply);
        return;
    }
    switch (asked->format) {
    case KN_FORMAT_TEXT:
        kn_str_add_char(&text, '\n');
        kn_reply_text(reply, arena, 200, plain, text.at, text.length);
        break;
    case KN_FORMAT_SRT:
    case KN_FORMAT_VTT:
        kn_str_clear(&text);
        kn_spoken_subtitles(spoken, asked->format == KN_FORMAT_VTT, &text);
        kn_reply_text(reply, arena, 200, plain, text.at, text.length);
        break;
    default:
        answer_json(asked, kn_str_text(&text), spoken, arena, reply);
    }
}
