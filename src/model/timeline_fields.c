#include "model/timeline_fields.h"

#include <limits.h>
#include <stdint.h>

#include "model/timeline.h"

#define TIME_MAX_US 1e13 /* 115 days */
#define BIG         1e9

/* clang-format off */
#define FIELD(s, m, type_, ...) {.key = #m, .type = type_, .offset = offsetof(struct s, m), __VA_ARGS__}
#define RANGE(lo, hi)       .min = lo, .max = hi
#define COUNT_AT(s, n)      .count_offset = offsetof(struct s, n)

#define TIME(s, m)          FIELD(s, m, FIELD_TIME, RANGE(0, TIME_MAX_US))
#define WHOLE(s, m, lo, hi) FIELD(s, m, FIELD_TIME, RANGE(lo, hi))
#define INT(s, m, lo, hi)   FIELD(s, m, FIELD_INT, RANGE(lo, hi))
#define SHORT(s, m, lo, hi) FIELD(s, m, FIELD_SHORT, RANGE(lo, hi))
#define BOOL(s, m)          FIELD(s, m, FIELD_BOOL, RANGE(0, 1))
#define FLOAT(s, m, lo, hi) FIELD(s, m, FIELD_FLOAT, RANGE(lo, hi))
#define PAIR(s, m, lo, hi)  FIELD(s, m, FIELD_PAIR, RANGE(lo, hi))
#define RATIO(s, m)         FIELD(s, m, FIELD_RATIO, RANGE(0, INT_MAX))
#define TEXT(s, m)          FIELD(s, m, FIELD_TEXT, .optional = false)
#define MAYBE(s, m)         FIELD(s, m, FIELD_MAYBE, .optional = true)
#define NAME(s, m, f, n)    FIELD(s, m, FIELD_NAME, .name = f, .name_count = n)
#define CURVE(s, m, n, lo, hi) FIELD(s, m, FIELD_CURVE, RANGE(lo, hi), COUNT_AT(s, n))
#define ROWS(s, m, r, n)    FIELD(s, m, FIELD_ROWS, .optional = true, .rows = &r, COUNT_AT(s, n))
#define STRUCT(s, m, r)     FIELD(s, m, FIELD_STRUCT, .optional = true, .rows = &r)
#define END                 {.key = NULL}
/* clang-format on */

static const char *verdict_name(int value)
{
    return kn_speech_verdict_name((enum kn_speech_verdict)value);
}

static const char *shot_name(int value)
{
    return kn_shot_kind_name((enum kn_shot_kind)value);
}

static const char *event_name(int value)
{
    return kn_sound_event_name((enum kn_sound_event_kind)value);
}

static const struct kn_field source_fields[] = {
    MAYBE(kn_source, path),
    MAYBE(kn_source, hash),
    MAYBE(kn_source, container),
    WHOLE(kn_source, size_bytes, 0, 9e15),
    TIME(kn_source, duration_us),
    FIELD(kn_source, cut_off, FIELD_BOOL, RANGE(0, 1), .optional = true), /* came later */
    WHOLE(kn_source, origin_us, -9e15, 9e15),
    BOOL(kn_source, has_video),
    INT(kn_source, video_stream, -1, BIG),
    MAYBE(kn_source, video_codec),
    MAYBE(kn_source, pixel_format),
    INT(kn_source, coded_width_px, 0, BIG),
    INT(kn_source, coded_height_px, 0, BIG),
    RATIO(kn_source, sample_aspect),
    INT(kn_source, rotation_deg, 0, 359),
    INT(kn_source, width_px, 0, BIG),
    INT(kn_source, height_px, 0, BIG),
    RATIO(kn_source, frame_rate),
    BOOL(kn_source, variable_rate),
    BOOL(kn_source, hdr),
    BOOL(kn_source, interlaced),
    BOOL(kn_source, has_audio),
    INT(kn_source, audio_stream, -1, BIG),
    MAYBE(kn_source, audio_codec),
    INT(kn_source, sample_rate_hz, 0, BIG),
    INT(kn_source, channels, 0, BIG),
    MAYBE(kn_source, language),
    MAYBE(kn_source, title),
    MAYBE(kn_source, creation_time),
    END,
};

static const struct kn_field word_fields[] = {
    TIME(kn_word, start_us),
    TIME(kn_word, end_us),
    TEXT(kn_word, text),
    FLOAT(kn_word, confidence, 0, 1),
    SHORT(kn_word, speaker, -1, INT16_MAX),
    BOOL(kn_word, starts_utterance),
    FIELD(kn_word, after_space, FIELD_BOOL, RANGE(0, 1), .optional = true), /* came later */
    END,
};

static const struct kn_field sentence_fields[] = {
    TIME(kn_sentence, start_us),
    TIME(kn_sentence, end_us),
    INT(kn_sentence, first_word, 0, BIG),
    INT(kn_sentence, word_count, 0, BIG),
    SHORT(kn_sentence, speaker, -1, INT16_MAX),
    BOOL(kn_sentence, complete),
    END,
};

static const struct kn_field pause_fields[] = {
    TIME(kn_pause, start_us),
    TIME(kn_pause, end_us),
    END,
};

static const struct kn_field utterance_fields[] = {
    TIME(kn_utterance, start_us),
    TIME(kn_utterance, end_us),
    INT(kn_utterance, first_word, 0, BIG),
    INT(kn_utterance, word_count, 0, BIG),
    FLOAT(kn_utterance, log_prob, -BIG, 0),
    NAME(kn_utterance, verdict, verdict_name, KN_SPEECH_VERDICT_COUNT),
    END,
};

static const struct kn_field shot_fields[] = {
    TIME(kn_shot, start_us),         TIME(kn_shot, end_us),
    TIME(kn_shot, slack_us),         NAME(kn_shot, kind, shot_name, KN_SHOT_KIND_COUNT),
    FLOAT(kn_shot, motion, 0, 1),    FLOAT(kn_shot, brightness, 0, 1),
    FLOAT(kn_shot, sharpness, 0, 1), FLOAT(kn_shot, faces, 0, BIG),
    FLOAT(kn_shot, face_area, 0, 1), END,
};

static const struct kn_field look_fields[] = {
    TIME(kn_look, at_us),
    FLOAT(kn_look, brightness, 0, 1),
    FLOAT(kn_look, sharpness, 0, 1),
    FLOAT(kn_look, motion, 0, 1),
    FLOAT(kn_look, edges, 0, 1),
    FLOAT(kn_look, flat, 0, 1),
    END,
};

/* A face at the picture's border reaches a little out of it. */
static const struct kn_field face_fields[] = {
    FLOAT(kn_face, x, -1, 2),       FLOAT(kn_face, y, -1, 2),
    FLOAT(kn_face, width, 0, 2),    FLOAT(kn_face, height, 0, 2),
    FLOAT(kn_face, mouth_x, -1, 2), FLOAT(kn_face, mouth_y, -1, 2),
    PAIR(kn_face, eye_x, -1, 2),    PAIR(kn_face, eye_y, -1, 2),
    FLOAT(kn_face, score, 0, 1),    END,
};

static const struct kn_row_type face_rows = {sizeof(struct kn_face), face_fields, false};

static const struct kn_field face_sample_fields[] = {
    TIME(kn_face_sample, at_us),
    ROWS(kn_face_sample, faces, face_rows, face_count),
    END,
};

static const struct kn_field event_fields[] = {
    TIME(kn_sound_event, start_us),
    TIME(kn_sound_event, end_us),
    NAME(kn_sound_event, kind, event_name, KN_SOUND_EVENT_COUNT),
    FLOAT(kn_sound_event, strength, 0, 1),
    END,
};

static const struct kn_row_type event_rows = {sizeof(struct kn_sound_event), event_fields, true};

static const struct kn_field sound_fields[] = {
    WHOLE(kn_sound, step_us, 0, 60e6),
    CURVE(kn_sound, loudness_lufs, count, -200, 100),
    CURVE(kn_sound, pitch_hz, count, 0, 1e5),
    CURVE(kn_sound, speech, count, 0, 1),
    FLOAT(kn_sound, integrated_lufs, -200, 100),
    FLOAT(kn_sound, true_peak_dbtp, -1000, 1000),
    ROWS(kn_sound, events, event_rows, event_count),
    END,
};

static const struct kn_field note_fields[] = {TEXT(kn_note, text), END};

static const struct kn_row_type source_rows = {sizeof(struct kn_source), source_fields, false};
static const struct kn_row_type sound_rows = {sizeof(struct kn_sound), sound_fields, false};
static const struct kn_row_type word_rows = {sizeof(struct kn_word), word_fields, true};
static const struct kn_row_type sentence_rows = {sizeof(struct kn_sentence), sentence_fields, true};
static const struct kn_row_type pause_rows = {sizeof(struct kn_pause), pause_fields, true};
static const struct kn_row_type utterance_rows = {sizeof(struct kn_utterance), utterance_fields,
                                                  true};
static const struct kn_row_type shot_rows = {sizeof(struct kn_shot), shot_fields, true};
static const struct kn_row_type look_rows = {sizeof(struct kn_look), look_fields, true};
static const struct kn_row_type face_sample_rows = {sizeof(struct kn_face_sample),
                                                    face_sample_fields, true};
static const struct kn_row_type note_rows = {sizeof(struct kn_note), note_fields, false};

const struct kn_field kn_timeline_fields[] = {
    STRUCT(kn_timeline, source, source_rows),
    MAYBE(kn_timeline, language),
    MAYBE(kn_timeline, speech_engine),
    ROWS(kn_timeline, words, word_rows, word_count),
    ROWS(kn_timeline, sentences, sentence_rows, sentence_count),
    ROWS(kn_timeline, pauses, pause_rows, pause_count),
    ROWS(kn_timeline, utterances, utterance_rows, utterance_count),
    ROWS(kn_timeline, shots, shot_rows, shot_count),
    ROWS(kn_timeline, looks, look_rows, look_count),
    ROWS(kn_timeline, face_samples, face_sample_rows, face_sample_count),
    STRUCT(kn_timeline, sound, sound_rows),
    ROWS(kn_timeline, notes, note_rows, note_count),
    END,
};
