/*
 * What makes a result suspicious, by measurement of the recogniser: a loop, no end, a mean log
 * probability below -0.5, more than 9 tokens a second (the fastest talk has 8.7), or speech without
 * any text. Such an utterance is recognised again in two halves, split at its longest pause; when
 * that is no better, it is kept and marked as doubtful. Text of a mean below -0.8 is invented, not
 * heard, and is not kept.
 */
#include "pipeline/recognise.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/group.h>

#include "analyze/utterances.h"
#include "base/vec.h"

enum {
    RATE_HZ = 16000,
    SAMPLES_A_FRAME = RATE_HZ / 1000 * (KN_SPEECH_FRAME_US / 1000),
    UNFINISHED_MAX = 16, /* utterances of up to 20 s: 1.3 MB each */
};

static const float doubtful_log_prob = -0.5F;
static const float senseless_log_prob =
    -0.8F; /* invented: sound in other languages has -0.6 to -1.4 */
static const double tokens_per_s_max = 9;
static const int64_t textless_speech_us = 1500000;
/* Less speech than this is too little to tell a language by. */
static const int64_t evidence_us = 4000000;

struct utterance {
    struct kn_recogniser *of;
    struct kn_recogniser_input input; /* samples and probabilities are owned, freed when done */
    struct kn_findings findings;      /* words in of->arena */
    enum kn_speech_verdict verdict;
    struct kn_error failure; /* FAILED: why */
};

struct kn_recogniser {
    struct kn_engine *engine; /* immutable */
    const struct kn_engine_desc *desc;
    struct kn_group *group; /* of the step's thread, as are utterances */
    KN_VEC(struct utterance *) utterances;
    atomic_llong backlog_us;
    pthread_mutex_t lock;
    struct kn_arena *arena; /* protected by lock */
};

struct kn_recogniser *kn_recogniser_new(struct kn_engine *engine, const struct kn_engine_desc *desc,
                                        const struct kn_step_env *env)
{
    struct kn_recogniser *r = kn_calloc(1, sizeof *r);
    struct kn_group_options options = {.mode = KN_GROUP_ALL, .lane = desc->lane};
    if (desc->lane == KN_LANE_CPU)
        options.limit = UNFINISHED_MAX;
    r->engine = engine;
    r->desc = desc;
    r->group = kn_group_new(env, &options);
    r->arena = kn_arena_new();
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

static void drop_input(struct utterance *u)
{
    free((float *)u->input.samples);
    free((float *)u->input.probabilities);
    u->input.samples = u->input.probabilities = NULL;
}

void kn_recogniser_free(struct kn_recogniser *recogniser)
{
    if (!recogniser)
        return;
    kn_group_free(recogniser->group); /* waits for tasks */
    for (int i = 0; i < recogniser->utterances.count; i++) {
        drop_input(recogniser->utterances.at[i]);
        free(recogniser->utterances.at[i]);
    }
    kn_vec_free(&recogniser->utterances);
    kn_arena_free(recogniser->arena);
    pthread_mutex_destroy(&recogniser->lock);
    free(recogniser);
}

int64_t kn_recogniser_backlog_us(struct kn_recogniser *recogniser)
{
    return atomic_load(&recogniser->backlog_us);
}

/* One utterance */

static bool is_suspicious(const struct kn_findings *f, int count, int64_t speech_us)
{
    if (f->token_count == 0)
        return speech_us > textless_speech_us;
    double tokens_per_s = (double)f->token_count * RATE_HZ / count;
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

static enum kn_status run_part(struct utterance *u, int from, int to, const struct kn_step_env *env,
                               struct kn_findings *ret_findings, struct kn_error *err)
{
    struct kn_chunk chunk = {.samples = u->input.samples + from, .count = to - from};
    return kn_engine_run(u->of->engine, &chunk, env->cancel, env->scratch, ret_findings, err);
}

static enum kn_status run_in_halves(struct utterance *u, const struct kn_step_env *env,
                                    struct kn_findings *findings, struct kn_error *err)
{
    int frame = kn_utterance_split(u->input.probabilities, u->input.frame_count);
    int at = KN_MIN(frame * SAMPLES_A_FRAME, u->input.count);
    if (at == 0)
        return KN_OK;
    struct kn_findings first, second;
    enum kn_status status = run_part(u, 0, at, env, &first, err);
    if (status == KN_OK)
        status = run_part(u, at, u->input.count, env, &second, err);
    if (status != KN_OK)
        return status;
    int64_t shift_us = (int64_t)at * 1000000 / RATE_HZ;
    struct kn_findings both = join(&first, &second, shift_us, env->scratch);
    if (worth(&both) > worth(findings))
        *findings = both;
    return KN_OK;
}

static void keep_words(struct utterance *u, const struct kn_findings *findings)
{
    struct kn_recogniser *r = u->of;
    u->findings = *findings;
    pthread_mutex_lock(&r->lock);
    struct kn_found_word *words =
        kn_arena_copy(r->arena, findings->words, sizeof *words * (size_t)findings->word_count);
    for (int i = 0; i < findings->word_count; i++)
        words[i].text = kn_arena_strdup(r->arena, words[i].text);
    pthread_mutex_unlock(&r->lock);
    u->findings.words = words;
}

static enum kn_speech_verdict judge(const struct utterance *u, const struct kn_findings *f)
{
    if (u->of->desc->languages && f->token_count && f->mean_log_prob < senseless_log_prob)
        return KN_SPEECH_FOREIGN;
    return is_suspicious(f, u->input.count, u->input.speech_us) ? KN_SPEECH_DOUBTFUL
                                                                : KN_SPEECH_GOOD;
}

static enum kn_status recognise(struct utterance *u, const struct kn_step_env *env,
                                struct kn_error *err)
{
    struct kn_findings findings;
    enum kn_status status = run_part(u, 0, u->input.count, env, &findings, err);
    if (status == KN_OK && is_suspicious(&findings, u->input.count, u->input.speech_us))
        status = run_in_halves(u, env, &findings, err);
    if (status != KN_OK)
        return status;
    u->verdict = judge(u, &findings);
    if (u->verdict == KN_SPEECH_FOREIGN)
        findings.word_count = 0;
    keep_words(u, &findings);
    return KN_OK;
}

/* What no other utterance would do better ends all; any other failure leaves a gap. */
static bool is_fatal(enum kn_status status)
{
    return status == KN_CANCELLED || status == KN_MISSING || status == KN_DAMAGED;
}

static enum kn_status run_task(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct utterance *u = arg;
    enum kn_status status = recognise(u, env, &u->failure);
    atomic_fetch_sub(&u->of->backlog_us, u->input.end_us - u->input.start_us);
    drop_input(u);
    if (status == KN_OK)
        return KN_OK;
    u->verdict = KN_SPEECH_FAILED;
    if (!is_fatal(status))
        return KN_OK;
    *err = u->failure;
    return status;
}

enum kn_status kn_recogniser_add(struct kn_recogniser *recogniser,
                                 const struct kn_recogniser_input *input)
{
    struct utterance *u = kn_calloc(1, sizeof *u);
    size_t samples = sizeof(float) * (size_t)input->count;
    size_t probabilities = sizeof(float) * (size_t)input->frame_count;
    u->of = recogniser;
    u->input = *input;
    u->input.samples = memcpy(kn_malloc(samples), input->samples, samples);
    u->input.probabilities = memcpy(kn_malloc(probabilities), input->probabilities, probabilities);
    u->verdict = KN_SPEECH_FAILED; /* until it has run */
    kn_vec_push(&recogniser->utterances, u);
    atomic_fetch_add(&recogniser->backlog_us, input->end_us - input->start_us);
    return kn_group_add(recogniser->group, "utterance", 0, run_task, u);
}

/* All of them */

/*
 * Does the speech as a whole make no sense in the engine's languages? In other languages the model
 * writes fluent English at a low probability, runs into the limit, or writes nothing at all. The
 * measure is time: more than half of it has to be like that, so that neither a foreign guest nor
 * noisy stretches of an English source are enough.
 */
static bool sounds_foreign(const struct kn_recogniser *r)
{
    int64_t strange_us = 0, all_us = 0;
    for (int i = 0; i < r->utterances.count; i++) {
        const struct utterance *u = r->utterances.at[i];
        if (u->verdict != KN_SPEECH_FAILED)
            all_us += u->input.speech_us;
        if (u->verdict == KN_SPEECH_DOUBTFUL || u->verdict == KN_SPEECH_FOREIGN)
            strange_us += u->input.speech_us;
    }
    return r->desc->languages && all_us >= evidence_us && strange_us * 2 > all_us;
}

/* A short noise that was taken for speech; nobody misses a text. */
static bool is_noise(const struct utterance *u)
{
    return u->verdict == KN_SPEECH_GOOD && u->findings.word_count == 0;
}

static struct kn_word to_word(const struct utterance *u, const struct kn_found_word *found,
                              int64_t earliest_us, struct kn_arena *arena)
{
    struct kn_word word = {
        .start_us = KN_MAX(u->input.start_us + found->start_us, earliest_us),
        .end_us = u->input.start_us + found->end_us,
        .text = kn_arena_strdup(arena, found->text),
        .confidence = KN_CLAMP(found->confidence, 0.0F, 1.0F),
        .speaker = -1,
    };
    word.end_us = KN_MAX(word.end_us, word.start_us + 1000);
    return word;
}

static void collect(struct kn_recogniser *r, struct kn_arena *arena, bool foreign,
                    struct kn_heard *heard)
{
    KN_VEC(struct kn_word) words = {0};
    KN_VEC(struct kn_utterance) utterances = {0};
    for (int i = 0; i < r->utterances.count; i++) {
        const struct utterance *u = r->utterances.at[i];
        if (is_noise(u))
            continue;
        struct kn_utterance made = {
            .start_us = u->input.start_us,
            .end_us = u->input.end_us,
            .first_word = words.count,
            .log_prob = u->findings.mean_log_prob,
            .verdict = foreign && u->verdict != KN_SPEECH_FAILED ? KN_SPEECH_FOREIGN : u->verdict,
        };
        for (int w = 0; w < u->findings.word_count && !foreign; w++) {
            int64_t earliest_us = words.count ? kn_vec_last(&words)->end_us : 0;
            struct kn_word word = to_word(u, &u->findings.words[w], earliest_us, arena);
            word.starts_utterance = w == 0;
            kn_vec_push(&words, word);
        }
        made.word_count = words.count - made.first_word;
        kn_vec_push(&utterances, made);
    }
    heard->word_count = words.count;
    heard->words = kn_vec_to_arena(&words, arena);
    heard->utterance_count = utterances.count;
    heard->utterances = kn_vec_to_arena(&utterances, arena);
    kn_vec_free(&words);
    kn_vec_free(&utterances);
}

/* Nothing at all could be recognised: the first failure is the reason. */
static enum kn_status all_failed(const struct kn_recogniser *r, struct kn_error *err)
{
    for (int i = 0; i < r->utterances.count; i++)
        if (r->utterances.at[i]->verdict != KN_SPEECH_FAILED)
            return KN_OK;
    if (r->utterances.count == 0)
        return KN_OK;
    *err = r->utterances.at[0]->failure;
    return err->status;
}

enum kn_status kn_recogniser_finish(struct kn_recogniser *recogniser, struct kn_arena *arena,
                                    struct kn_heard *heard, struct kn_error *err)
{
    enum kn_status status = kn_group_wait(recogniser->group, err);
    if (status == KN_OK)
        status = all_failed(recogniser, err);
    if (status != KN_OK)
        return status;
    bool foreign = sounds_foreign(recogniser);
    collect(recogniser, arena, foreign, heard);
    heard->speech_engine = heard->utterance_count ? recogniser->desc->name : NULL;
    if (!foreign && heard->word_count && recogniser->desc->languages)
        heard->language = recogniser->desc->languages[0];
    return KN_OK;
}
