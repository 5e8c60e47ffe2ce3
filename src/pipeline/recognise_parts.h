/* The inside of a recogniser, shared by recognise.c, recognise_piece.c and recognise_utterance.c.
 * Nobody else's. */
#ifndef KN_PIPELINE_RECOGNISE_PARTS_H
#define KN_PIPELINE_RECOGNISE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include <kirinuki/group.h>

#include "base/vec.h"
#include "pipeline/recognise.h"

enum { KN_HEARD_HZ = 16000 };

struct utterance {
    struct kn_recogniser *of;
    struct kn_recogniser_input input; /* samples borrow from the piece; probabilities are owned,
                                         until it is recognised */
    int offset;                       /* of its samples in the piece's */
    struct kn_findings findings;      /* words in of->arena */
    int engine;                       /* in the chain, that found them */
    enum kn_speech_verdict verdict;
    struct kn_error failure; /* FAILED: why */
};

/* What is recognised at a time. */
struct piece {
    struct kn_recogniser *of;
    KN_VEC(struct utterance *) utterances;
    KN_VEC(float) samples; /* theirs, and what was between them */
};

/* An engine of the chain, in this recogniser. */
struct hearing {
    atomic_bool off; /* it can't do more: its failure is why */
    atomic_int pieces;
    bool has_failure; /* protected by the recogniser's lock, as is `failure`: the first one */
    struct kn_error failure;
};

struct kn_recogniser {
    struct kn_speech_chain chain; /* immutable */
    struct kn_group *group;       /* of the step's thread, as are the next three */
    KN_VEC(struct utterance *) utterances;
    KN_VEC(struct piece *) pieces;
    struct piece *open; /* takes the next utterance, too; NULL: none does */
    struct hearing hearings[KN_ENGINES_MAX];
    atomic_llong backlog_us;
    pthread_mutex_t lock;
    struct kn_arena *arena; /* protected by lock */
};

/* recognise_utterance.c: by an engine that takes one at a time, `engine` in the chain. Sets
 * findings and verdict. */
enum kn_status kn_utterance_recognise(struct utterance *u, int engine,
                                      const struct kn_step_env *env, struct kn_error *err);
/* Keeps findings whose arena ends with the task. */
void kn_utterance_keep(struct utterance *u, int engine, const struct kn_findings *findings);

/* recognise_piece.c: the task; `arg` is a piece. */
enum kn_status kn_piece_run(void *arg, const struct kn_step_env *env, struct kn_error *err);

#endif
