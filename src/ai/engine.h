/*
 * Engines: what turns a stretch of sound into words. One file makes one const descriptor, and
 * registry.c lists it.
 *
 * An engine that is acquired is shared by everybody in the process who asks for it with the same
 * settings, and loads what it needs when it is first run: models are in memory once, and loading
 * goes on beside other work.
 */
#ifndef KN_AI_ENGINE_H
#define KN_AI_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/plan.h>

#include "ai/budget.h"
#include "ai/service.h"
#include "base/memory.h"

/* A stretch of speech: mono, 16,000 Hz, -1..1. */
struct kn_chunk {
    const float *samples;
    int count;
    int64_t start_us; /* in the source: names what is sent, for whoever looks at a service's log */
    /* A text that is known to be spoken there: only its times are wanted. NULL: what is said is
     * wanted. Engines that cannot align (see `aligns`) are never given one. */
    const char *text;
    const char *language;     /* BCP 47, where it is known; NULL: find out. For engines of many */
    struct kn_budget *budget; /* who pays; NULL: nobody counts. For services */
};

/* Times in microseconds from the start of the chunk, in order, without overlaps. */
struct kn_found_word {
    int64_t start_us, end_us;
    const char *text;
    float confidence; /* 0..1: mean probability of its tokens */
};

struct kn_findings {
    int word_count;
    const struct kn_found_word *words;
    /* What was said, where the engine knows no times of words: then there are no words. NULL: the
     * words are all. */
    const char *text;
    const char *language; /* BCP 47, as the engine heard it; NULL: it did not say */
    int token_count;      /* of engines that take one utterance at a time */
    float mean_log_prob;  /* over tokens, ≤ 0; how well a given text fits the sound */
    bool looped;          /* the text repeated itself and was cut */
    bool limit_hit;       /* the text did not come to an end */
};

struct kn_engine_settings {
    const char *models;         /* as in ai/models.h; NULL: the usual places */
    struct kn_service *service; /* for engines that ask one; NULL: none is set up */
    const char *model;          /* of that service */
};

struct kn_engine_desc {
    const char *name;    /* configuration value, lower case */
    const char *summary; /* one line of help */
    /* Facts. */
    const char *const *languages; /* BCP 47 primary tags that it knows; NULL ends it; NULL: any */
    int64_t chunk_max_us;         /* longer sound is LIMIT */
    int64_t chunk_best_us;        /* utterances are joined up to this length; 0: each by itself */
    enum kn_lane lane;            /* where its runs belong */
    bool aligns;                  /* takes kn_chunk.text */
    size_t state_size;            /* zeroed, passed as `state` */
    /* Is everything there that it needs? Quick: nothing is loaded. MISSING with what to type. */
    enum kn_status (*available)(const struct kn_engine_settings *settings, struct kn_error *err);
    enum kn_status (*open)(void *state, const struct kn_engine_settings *settings,
                           struct kn_error *err);
    /* Any number of threads at once. What *ret_findings points to is in `arena`. */
    enum kn_status (*run)(void *state, const struct kn_chunk *chunk, struct kn_cancel *cancel,
                          struct kn_arena *arena, struct kn_findings *ret_findings,
                          struct kn_error *err);
    void (*close)(void *state); /* also after a failed open */
};

extern const struct kn_engine_desc kn_engine_moonshine;
extern const struct kn_engine_desc kn_engine_openai; /* "openai" */

/* All speech engines, the preferred one first; NULL ends the list. */
const struct kn_engine_desc *const *kn_engines(void);
/* NULL: there is no such. */
const struct kn_engine_desc *kn_engine_find(const char *name);
/* Does it know the language ("en", "en-GB"; NULL: not known, which is no reason against it)? */
bool kn_engine_knows(const struct kn_engine_desc *desc, const char *language);

struct kn_engine;

/* Quick; the engine opens itself at its first run. Settings are copied. Any thread. */
struct kn_engine *kn_engine_acquire(const struct kn_engine_desc *desc,
                                    const struct kn_engine_settings *settings);
void kn_engine_release(struct kn_engine *engine); /* the last one closes it; NULL is fine */
KN_SCOPED_DEFINE(kn_engine, kn_engine_release)

/* Opens the engine now, or returns how that went before: a failure stays until the release. */
enum kn_status kn_engine_open(struct kn_engine *engine, struct kn_error *err);
/* As `run` of the descriptor; opens the engine when that has not happened yet. */
enum kn_status kn_engine_run(struct kn_engine *engine, const struct kn_chunk *chunk,
                             struct kn_cancel *cancel, struct kn_arena *arena,
                             struct kn_findings *ret_findings, struct kn_error *err);

#endif
