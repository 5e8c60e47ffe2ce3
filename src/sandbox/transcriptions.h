/* POST /v1/audio/transcriptions, and /inference of whisper.cpp's server: what is asked, whether it
 * may be asked, and the answer's form. */
#ifndef KN_SANDBOX_TRANSCRIPTIONS_H
#define KN_SANDBOX_TRANSCRIPTIONS_H

#include "sandbox/catalogue.h"
#include "sandbox/sandbox.h"
#include "sandbox/sound_file.h"
#include "sandbox/spoken.h"

enum { KN_AUDIO_BYTES_MAX = 25 * 1024 * 1024 };

enum kn_transcript_format {
    KN_FORMAT_JSON,
    KN_FORMAT_TEXT,
    KN_FORMAT_SRT,
    KN_FORMAT_VERBOSE,
    KN_FORMAT_VTT,
    KN_FORMAT_DIARIZED,
    KN_FORMAT_COUNT,
};

struct kn_transcription {
    const struct kn_server_field *file;
    struct kn_sound_facts sound;
    const char *model_name;
    const struct kn_catalogue_model *model;
    enum kn_transcript_format format;
    bool words, segments; /* verbose_json */
    bool stream;
    const char *language; /* a name: "english"; NULL: not given */
    double temperature;
};

/* By OpenAI's rules. */
bool kn_transcription_read(const struct kn_exchange *exchange, const struct kn_models *models,
                           struct kn_transcription *ret_asked, struct kn_rejection *rejection);
void kn_transcription_answer(const struct kn_transcription *asked, const struct kn_spoken *spoken,
                             struct kn_arena *arena, struct kn_reply *reply);
int kn_transcription_tokens(const struct kn_transcription *asked);

/* By those of whisper.cpp's server, which has errors of its own form: false when the reply holds
 * one. */
bool kn_whisper_read(const struct kn_exchange *exchange, struct kn_transcription *ret_asked,
                     struct kn_reply *reply);
void kn_whisper_answer(const struct kn_exchange *exchange, const struct kn_transcription *asked,
                       const struct kn_spoken *spoken, struct kn_reply *reply);

/* Where a piece begins in its source, by its name: 123456000 for "piece-000123456.flac" (in
 * milliseconds); -1: the name does not tell. */
int64_t kn_piece_start_us(const char *filename);
enum kn_transcript_format kn_transcript_format_find(const char *name); /* _COUNT: none */

#endif
