/*
 * Recognising utterances, many at once, while more of them are still being found.
 *
 * Engines stand in a chain: each takes what those before it could not. What an engine gets at a
 * time is a piece: an utterance, or several of them joined where it likes more (a request to a
 * service costs the same time for a minute as for a second). Each piece is a task of a group on
 * the first engine's lane; adding waits (or works) when too many are unfinished, so memory stays
 * bounded. Results are put in order of time at the end and do not depend on which task ran when.
 */
#ifndef KN_PIPELINE_RECOGNISE_H
#define KN_PIPELINE_RECOGNISE_H

#include <kirinuki/plan.h>

#include "ai/engine.h"
#include "base/memory.h"
#include "model/timeline.h"
#include "pipeline/engines.h"
#include "pipeline/listen.h"

struct kn_speech_chain {
    int count; /* at least 1 */
    struct {
        const struct kn_engine_desc *desc;
        struct kn_engine *engine;
    } at[KN_ENGINES_MAX];
    const char *language;     /* BCP 47, where it is known; NULL: find out */
    struct kn_budget *budget; /* of services; NULL: nobody counts */
    /* Finds the times of a text's words, for engines that know none; NULL: there is none here. */
    const struct kn_engine_desc *aligner_desc;
    struct kn_engine *aligner;
};

struct kn_recogniser;

/* Used by the step's thread alone. Borrows what is in `chain`, and `env`. */
struct kn_recogniser *kn_recogniser_new(const struct kn_speech_chain *chain,
                                        const struct kn_step_env *env);
void kn_recogniser_free(struct kn_recogniser *recogniser); /* ends what still runs; NULL is fine */
KN_SCOPED_DEFINE(kn_recogniser, kn_recogniser_free)

/* Speech at `start_us` of media time. Utterances are added in order and do not overlap. */
struct kn_recogniser_input {
    int64_t start_us, end_us, speech_us;
    const float *samples; /* copied */
    int count;
    int before; /* as many samples are there before `samples`, since the utterance before or for
                   KN_BEFORE_US: what joined utterances have between them. Copied */
    const float *probabilities; /* of speech, every 32 ms from start_us; copied */
    int frame_count;
};
enum { KN_BEFORE_US = 2000000 };
/* CANCELLED: no more; go to finish for the reason. */
enum kn_status kn_recogniser_add(struct kn_recogniser *recogniser,
                                 const struct kn_recogniser_input *input);
/* Audio that was added and is not recognised yet. Any thread. */
int64_t kn_recogniser_backlog_us(struct kn_recogniser *recogniser);

/*
 * Waits for all, and sets words, utterances and what follows from them for the language in
 * *heard, in `arena`. When most of the speech makes no sense in the engine's languages, there are
 * no words, and every utterance has the verdict FOREIGN. Fails only when nothing could be
 * recognised at all, or was cancelled.
 */
enum kn_status kn_recogniser_finish(struct kn_recogniser *recogniser, struct kn_arena *arena,
                                    struct kn_heard *heard, struct kn_error *err);

/* After finish: a sentence on an engine of the chain that could not do all it was asked to; NULL
 * where there is nothing to be said. In `arena`. */
const char *kn_recogniser_remark(struct kn_recogniser *recogniser, int engine,
                                 struct kn_arena *arena);

#endif
