/*
 * The dialect of whisper.cpp's server (examples/server of commit 233fe1fc): most fields are passed
 * over, errors are a string or plain text, some of them with status 200, and words lie in segments.
 */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sandbox/transcriptions.h"

static bool fail(const struct kn_exchange *exchange, struct kn_reply *reply, int status,
                 const char *message)
{
    KN_SCOPED_JSON body = json_pack("{s:s}", "error", message);
    kn_reply_json(reply, exchange->arena, status, body);
    return false;
}

/* What is decoded without another program's help. */
static bool is_decoded(enum kn_sound_form form)
{
    return form == KN_SOUND_WAV || form == KN_SOUND_MP3 || form == KN_SOUND_FLAC ||
           form == KN_SOUND_OGG_VORBIS;
}

bool kn_whisper_read(const struct kn_exchange *exchange, struct kn_transcription *ret_asked,
                     struct kn_reply *reply)
{
    struct kn_transcription asked = {.model_name = "whisper.cpp"};
    asked.file = kn_server_part(exchange, "file");
    if (exchange->too_large || exchange->bad_multipart) {
        kn_reply_text(reply, exchange->arena, 400, "text/plain", "Invalid request", 15);
        return false;
    }
    /* As that server does it: an error that only the body tells. */
    if (!asked.file)
        return fail(exchange, reply, 200, "no 'file' field in the request");
    kn_sound_probe(asked.file->data, asked.file->size, &asked.sound);
    if (!is_decoded(asked.sound.form) || asked.sound.broken)
        return fail(exchange, reply, 200, "failed to read audio data");
    const char *format = kn_server_text(exchange, "response_format");
    const char *language = kn_server_text(exchange, "language");
    const char *temperature = kn_server_text(exchange, "temperature");
    asked.format = format ? kn_transcript_format_find(format) : KN_FORMAT_JSON;
    if (asked.format >= KN_FORMAT_DIARIZED)
        asked.format = KN_FORMAT_JSON;
    asked.language = kn_language_name(language ? language : "en"); /* NULL for "auto" */
    if (temperature)
        (void)kn_parse_double(temperature, 0, 1, &asked.temperature); /* else it stays 0 */
    *ret_asked = asked;
    return true;
}

static void answer_verbose(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                           const struct kn_spoken *spoken, struct kn_reply *reply)
{
    const struct kn_spoken_form form = {
        .segments = true, .whisper_cpp = true, .temperature = asked->temperature};
    KN_SCOPED_JSON json = kn_spoken_verbose(spoken, asked->sound.duration_us, &form);
    const char *without = kn_server_text(exchange, "no_language_probabilities");
    if (!without || strcasecmp(without, "true") != 0) {
        json_object_set_new(json, "detected_language", json_string(spoken->language));
        json_object_set_new(json, "detected_language_probability", json_real(0.99));
        json_object_set_new(json, "language_probabilities",
                            json_pack("{s:f}", spoken->language, 0.99));
    }
    kn_reply_json(reply, exchange->arena, 200, json);
}

void kn_whisper_answer(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                       const struct kn_spoken *spoken, struct kn_reply *reply)
{
    struct kn_arena *arena = exchange->arena;
    KN_SCOPED_STR text = {0};
    kn_spoken_text(spoken, 0, spoken->count, &text);
    kn_str_add_char(&text, '\n');
    switch (asked->format) {
    case KN_FORMAT_TEXT:
        kn_reply_text(reply, arena, 200, "text/html; charset=utf-8", text.at, text.length);
        break;
    case KN_FORMAT_SRT:
    case KN_FORMAT_VTT:
        kn_str_clear(&text);
        kn_spoken_subtitles(spoken, asked->format == KN_FORMAT_VTT, &text);
        kn_reply_text(reply, arena, 200,
                      asked->format == KN_FORMAT_VTT ? "text/vtt" : "application/x-subrip", text.at,
                      text.length);
        break;
    case KN_FORMAT_VERBOSE:
        answer_verbose(exchange, asked, spoken, reply);
        break;
    default: {
        KN_SCOPED_JSON json = json_pack("{s:o}", "text", kn_json_text(text.at));
        kn_reply_json(reply, arena, 200, json);
    }
    }
}
