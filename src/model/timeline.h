/*
 * The timeline: everything that was heard and seen in a source, in one structure.
 *
 * All arrays are sorted by start, live in one arena, and are read-only once the timeline is
 * joined. Times are media time in microseconds. The JSON form is documented in docs/timeline.md.
 */
#ifndef KN_MODEL_TIMELINE_H
#define KN_MODEL_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/source.h"

/* One spoken word, punctuation attached: "country." */
struct kn_word {
    int64_t start_us, end_us;
    const char *text;      /* UTF-8, no spaces around; never empty */
    float confidence;      /* 0..1: mean probability of its tokens; 1 when given by a person */
    int16_t speaker;       /* -1: unknown */
    bool starts_utterance; /* first word after a cut of the recogniser: a likely boundary */
    bool after_space;      /* a space parts it from the word before, in a script that has none */
};

/*
 * What one speaker says up to a sentence end or a long pause: the words of `speaker` among
 * [first, first + count). Where people talk over each other, words of somebody else lie between
 * and the ranges of two sentences overlap; with one speaker every word in the range belongs.
 */
struct kn_sentence {
    int first_word, word_count;
    int64_t start_us, end_us; /* of its first and last word */
    int16_t speaker;
    bool complete; /* ends with . ! ? 。 or a pause that stands for one */
};

/* No speech for at least 300 ms between two words. */
struct kn_pause {
    int64_t start_us, end_us;
};

/* What speech recognition made of a span of sound; kept so that gaps are reported, not hidden. */
enum kn_speech_verdict {
    KN_SPEECH_GOOD,
    KN_SPEECH_DOUBTFUL, /* low confidence, a loop that was cut, too fast */
    KN_SPEECH_FOREIGN,  /* does not sound like the engine's language: no text */
    KN_SPEECH_FAILED,   /* the engine failed here */
    KN_SPEECH_VERDICT_COUNT
};
const char *kn_speech_verdict_name(enum kn_speech_verdict verdict); /* "good" */

struct kn_utterance {
    int64_t start_us, end_us;
    int first_word, word_count;
    float log_prob; /* mean over tokens, ≤ 0 */
    enum kn_speech_verdict verdict;
};

enum kn_shot_kind {
    KN_SHOT_OTHER,
    KN_SHOT_PEOPLE, /* at least one face of useful size */
    KN_SHOT_SLIDE,  /* a slide, a screen, a drawing: flat areas, sharp edges, hardly any motion */
    KN_SHOT_BLACK,
    KN_SHOT_FROZEN,
    KN_SHOT_KIND_COUNT
};
const char *kn_shot_kind_name(enum kn_shot_kind kind); /* "people" */

/* Pictures between two cuts. Shots cover the video without gaps. */
struct kn_shot {
    int64_t start_us, end_us;
    int64_t slack_us; /* the cut at `start` lies in [start - slack, start]; 0: exact to the frame */
    enum kn_shot_kind kind;
    float motion;     /* mean absolute luma change a second of sparse samples, 0..1 */
    float brightness; /* mean luma, 0..1 */
    float sharpness;  /* variance of the Laplacian on small luma, 0..1 after x/(x+k) */
    float faces;      /* mean number of faces seen */
    float face_area;  /* largest face's mean share of the picture, 0..1 */
};

/* A face at one moment. Coordinates are shares of the upright picture, 0..1, origin top left. */
struct kn_face {
    float x, y, width, height; /* brows to chin */
    float mouth_x, mouth_y;
    float eye_x[2], eye_y[2]; /* left and right in the picture */
    float score;              /* 0..1 */
};

struct kn_face_sample {
    int64_t at_us;
    int face_count;
    const struct kn_face *faces;
};

/* One sparse look at the picture. */
struct kn_look {
    int64_t at_us;
    float brightness, sharpness, motion; /* as in kn_shot; motion against a picture 0.1 s later */
    float edges;                         /* share of strong edge pixels: text and slides are high */
    float flat; /* share of 8x8 blocks without texture: slides and screens are high */
};

enum kn_sound_event_kind {
    KN_SOUND_APPLAUSE, /* bursts of broad noise without pitch: applause, and loud laughter */
    KN_SOUND_LAUGHTER,
    KN_SOUND_MUSIC,
    KN_SOUND_SILENCE,
    KN_SOUND_EVENT_COUNT
};
const char *kn_sound_event_name(enum kn_sound_event_kind kind); /* "applause" */

struct kn_sound_event {
    int64_t start_us, end_us;
    enum kn_sound_event_kind kind;
    float strength; /* 0..1 */
};

/* Curves with one value every `step_us`; entry i covers [i·step, (i+1)·step). */
struct kn_sound {
    int64_t step_us; /* 100 ms */
    int count;
    const float *loudness_lufs; /* EBU R128 momentary (400 ms); -70 is the floor */
    const float *pitch_hz;      /* 0: no voice */
    const float *speech;        /* probability that somebody speaks, 0..1 */
    float integrated_lufs;      /* of the whole source; -70 when silent */
    float true_peak_dbtp;
    int event_count;
    const struct kn_sound_event *events;
};

/* Something a user should know: "the sound is damaged from 3:10 to 3:20 and was passed over". */
struct kn_note {
    const char *text;
};

struct kn_timeline {
    struct kn_source source;
    const char *language;      /* BCP 47: "en"; NULL when unknown */
    const char *speech_engine; /* "moonshine", "subtitles", NULL when nothing was recognised */

    int word_count, sentence_count, pause_count, utterance_count;
    const struct kn_word *words;
    const struct kn_sentence *sentences;
    const struct kn_pause *pauses;
    const struct kn_utterance *utterances;

    int shot_count, look_count, face_sample_count;
    const struct kn_shot *shots;
    const struct kn_look *looks;
    const struct kn_face_sample *face_samples;

    struct kn_sound sound;

    int note_count;
    const struct kn_note *notes;
};

#endif
