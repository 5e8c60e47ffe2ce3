/*
 * Moonshine tiny (Jeffries et al., 2024, arXiv 2410.15608): English speech to text, with
 * punctuation and case. An encoder makes of raw sound one vector every 24 ms, a decoder writes one
 * token after another while it looks at them.
 *
 * The model is for short stretches of speech: text degrades beyond 20 s and turns into repetition
 * beyond 40 s. It writes fluent English for sound in other languages, so the caller has to look at
 * the probabilities.
 */
#ifndef KN_AI_MOONSHINE_H
#define KN_AI_MOONSHINE_H

#include <stdbool.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "ai/align.h"
#include "ai/vocab.h"

struct kn_moonshine; /* immutable once open: any number of threads */

enum {
    KN_MOONSHINE_RATE_HZ = 16000,
    KN_MOONSHINE_SAMPLES_MIN = 1600,       /* shorter sound gives no text */
    KN_MOONSHINE_SAMPLES_MAX = 22 * 16000, /* longer sound is LIMIT */
    KN_MOONSHINE_TOKENS_MAX = 250,
};

/* MISSING: no runtime or no model. DAMAGED: a model is not the expected one. */
enum kn_status kn_moonshine_open(const char *models, struct kn_moonshine **ret_moonshine,
                                 struct kn_error *err);
void kn_moonshine_close(struct kn_moonshine *moonshine); /* NULL is fine; nobody may run it */
KN_SCOPED_DEFINE(kn_moonshine, kn_moonshine_close)
const struct kn_vocab *kn_moonshine_vocab(const struct kn_moonshine *moonshine);

struct kn_moonshine_text {
    int count; /* of tokens */
    const int *tokens;
    const float *log_probs; /* of each token, ≤ 0 */
    float mean_log_prob;    /* over tokens and the end; 0 without tokens */
    bool looped;            /* it repeated itself: one copy is kept */
    bool limit_hit;         /* it did not come to an end */
    /* count + 1 rows: the last one is where the model saw the end. */
    struct kn_attention attention;
};

/* Writes down what is said in samples[count], mono, -1..1. All of *ret_text is in `arena`. */
enum kn_status kn_moonshine_listen(struct kn_moonshine *moonshine, const float *samples, int count,
                                   struct kn_cancel *cancel, struct kn_arena *arena,
                                   struct kn_moonshine_text *ret_text, struct kn_error *err);

/*
 * Makes the model read a given text (kn_vocab_encode) while it looks at the sound: the attention
 * then tells where its words are spoken, and the mean of log_probs whether they are: about -0.1 for
 * the right text, -2 to -3 for one with many errors, below -5 for another text. `tokens` holds at
 * most KN_MOONSHINE_TOKENS_MAX.
 */
enum kn_status kn_moonshine_read(struct kn_moonshine *moonshine, const float *samples, int count,
                                 const int *tokens, int token_count, struct kn_cancel *cancel,
                                 struct kn_arena *arena, struct kn_moonshine_text *ret_text,
                                 struct kn_error *err);

#endif
