/*
 * What makes a result suspicious, by measurement of the recogniser: a loop, no end, a mean log
 * probability below -0.5, more than 9 tokens a second (the fastest talk has 8.7), or speech without
 * any text. Such an utterance is recognised again in two halves, split at its longest pause; when
 * that is no better, it is kept and marked as doubtful. Text of a mean below -0.8 is invented, not
 * heard, and is not kept.
 */
#include <string.h>

#include "analyze/utterances.h"
#include "pipeline/recognise_parts.h"

enum { SAMPLES_A_FRAME = KN_HEARD_HZ / 1000 * (KN_SPEECH_FRAME_US / 1000) };

static const float doubtful_log_prob = -0.5F;
static const float senseless_log_prob =
    -0.8F; /* invented: sound in other languages has -0.6 to -1.4 */
static const double tokens_per_s_max = 9;
static const int64_t textless_speech_us = 1500000;

static bool is_suspicious(const struct kn_findings *f, int count, int64_t speech_us)
{
    if (f->token_count == 0)
        return speech_us > textless_speech_us;
    double tokens_per_s = (double)f->token_count * KN_HEARD_HZ / count;
    return f->looped || f->limit_hit || f->mean_log_prob < doubtful_log_prob ||
           tokens_per_s > tokens_per_s_max;
}

/* Orders results of the same sound: greater is better. */
static double worth(const struct kn_findings *f)
{
    if (f->token_count == 0)
        return -5;
    return (f->looped || f->limit_hit ? -3 : 0) + (double)f->mean_log_prob;
}

/* Both halves as if they had been one; `shift_us` is where the second one begins. */
static struct kn_findings join(const struct kn_findings *a, const struct kn_findings *b,
                               int64_t shift_us, struct kn_arena *arena)
{
    struct kn_findings both = {
        .word_count = a->word_count + b->word_count,
        .token_count = a->token_count + b->token_count,
        .looped = a->looped || b->looped,
        .limit_hit = a->limit_hit || b->limit_hit,
    };
    struct kn_found_word *words = kn_arena_array(arena, (size_t)both.word_count, sizeof *words);
    for (int i = 0; i < a->word_count; i++)
        words[i] = a->words[i];
    for (int i = 0; i < b->word_count; i++) {
        words[a->word_count + i] = b->words[i];
        words[a->word_count + i].start_us += shift_us;
        words[a->word_count + i].end_us += shift_us;
    }
    both.words = words;
    if (both.token_count)
        both.mean_log_prob =
            (a->mean_log_prob * (float)a->token_count + b->mean_log_prob * (float)b->token_count) /
            (float)both.token_count;
    return both;
}

static enum kn_status run_part(struct utterance *u, int engine, int from, int to,
                               const struct kn_step_env *env, struct kn_findings *ret_findings,
                               struct kn_error *err)
{
    const struct kn_chunk chunk = {
        .samples = u->input.samples + from,
        .count = to - from,
        .language = u->of->chain.language,
        .budget = u->of->chain.budget,
    };
    return kn_engine_run(u->of->chain.at[engine].engine, &chunk, env->cancel, env->scratch,
                         ret_findings, err);
}

static enum kn_status run_in_halves(struct utterance *u, int engine, const struct kn_step_env *env,
                                    struct kn_findings *findings, struct kn_error *err)
{
    int frame = kn_utterance_split(u->input.probabilities, u->input.frame_count);
    int at = KN_MIN(frame * SAMPLES_A_FRAME, u->input.count);
    if (at == 0)
        return KN_OK;
    struct kn_findings first, second;
    enum kn_status status = run_part(u, engine, 0, at, env, &first, err);
    if (status == KN_OK)
        status = run_part(u, engine, at, u->input.count, env, &second, err);
    if (status != KN_OK)
        return status;
    int64_t shift_us = (int64_t)at * 1000000 / KN_HEARD_HZ;
    struct kn_findings both = join(&first, &second, shift_us, env->scratch);
    if (worth(&both) > worth(findings))
        *findings = both;
    return KN_OK;
}

void kn_utterance_keep(struct utterance *u, int engine, const struct kn_findings *findings)
{
    struct kn_recogniser *r = u->of;
    u->engine = engine;
    u->findings = *findings;
    pthread_mutex_lock(&r->lock);
    struct kn_found_word *words =
        kn_arena_copy(r->arena, findings->words, sizeof *words * (size_t)findings->word_count);
    for (int i = 0; i < findings->word_count; i++)
        words[i].text = kn_arena_strdup(r->arena, words[i].text);
    u->findings.language = kn_arena_strdup(r->arena, findings->language);
    pthread_mutex_unlock(&r->lock);
    u->findings.words = words;
}

static enum kn_speech_verdict judge(const struct utterance *u, int engine,
                                    const struct kn_findings *f)
{
    if (u->of->chain.at[engine].desc->languages && f->token_count &&
        f->mean_log_prob < senseless_log_prob)
        return KN_SPEECH_FOREIGN;
    return is_suspicious(f, u->input.count, u->input.speech_us) ? KN_SPEECH_DOUBTFUL
                                                                : KN_SPEECH_GOOD;
}

enum kn_status kn_utterance_recognise(struct utterance *u, int engine,
                                      const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_findings findings;
    enum kn_status status = run_part(u, engine, 0, u->input.count, env, &findings, err);
    if (status == KN_OK && is_suspicious(&findings, u->input.count, u->input.speech_us))
        status = run_in_halves(u, engine, env, &findings, err);
    if (status != KN_OK)
        return status;
    u->verdict = judge(u, engine, &findings);
    if (u->verdict == KN_SPEECH_FOREIGN)
        findings.word_count = 0;
    kn_utterance_keep(u, engine, &findings);
    return KN_OK;
}
