/*
 * Listening: decodes the sound once and makes of it speech (words with times) and curves
 * (loudness, pitch, events). Streams: memory does not grow with the length of the source, beyond
 * the words and curves themselves.
 */
#ifndef KN_PIPELINE_LISTEN_H
#define KN_PIPELINE_LISTEN_H

#include <kirinuki/plan.h>

#include "ai/services.h"
#include "model/timeline.h"
#include "pipeline/engines.h"

struct kn_listen_options {
    const char *models;                 /* the folder of models */
    const char *language;               /* BCP 47, or NULL: not known */
    bool recognise;                     /* false: curves only (subtitles are given) */
    const struct kn_ai_options *ai;     /* who recognises; NULL: who usually does */
    const struct kn_services *services; /* NULL: none are set up */
    struct kn_budget *budget;           /* of services; NULL: nobody counts */
};

/* Arrays in the arena given to kn_listen. */
struct kn_heard {
    const char *language, *speech_engine; /* as in kn_timeline, like `partial` */
    bool partial;
    int word_count, utterance_count, note_count;
    const struct kn_word *words;
    const struct kn_utterance *utterances;
    const struct kn_note *notes;
    struct kn_sound sound;
};

/* A step of its own on the CPU lane; utterances are a group under it. A source without sound, or
 * without speech, is no error: words are empty and a note says so. MISSING: no models. */
enum kn_status kn_listen(const struct kn_source *source, const struct kn_listen_options *options,
                         const struct kn_step_env *env, struct kn_arena *arena,
                         struct kn_heard *ret_heard, struct kn_error *err);

#endif
