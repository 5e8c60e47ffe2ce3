/*
 * A piece goes down the chain until an engine has recognised it. An engine that can't do anything
 * more (no key, no money left, no model) is asked once and passed over from then on.
 *
 * Whether an engine gets the piece whole is a fact of the engine. One that does finds words in the
 * piece's own time, in which long silences between utterances are shortened; each word goes to the
 * utterance it is nearest to.
 */
#include <string.h>

#include "model/transcript_words.h"
#include "pipeline/recognise_parts.h"

/* Below it Whisper's own decoder takes a result for a failure (its logprob_threshold). */
static const float doubtful_log_prob = -1.0F;

/* ---- the whole piece at once ---- */

static int64_t piece_us(int samples)
{
    return (int64_t)samples * 1000000 / KN_HEARD_HZ;
}

static int64_t distance(const struct utterance *u, int64_t at_us)
{
    int64_t start_us = piece_us(u->offset), end_us = piece_us(u->offset + u->input.count);
    return at_us < start_us ? start_us - at_us : KN_MAX(at_us - end_us, 0);
}

/* Words of the piece from `first` on that belong to utterance `i`: those before the first that is
 * nearer to the next one. */
static int words_of(const struct piece *piece, int i, const struct kn_findings *found, int first)
{
    int end = first;
    if (i + 1 == piece->utterances.count)
        return found->word_count - first;
    const struct utterance *u = piece->utterances.at[i], *next = piece->utterances.at[i + 1];
    for (; end < found->word_count; end++) {
        const struct kn_found_word *word = &found->words[end];
        int64_t middle_us = (word->start_us + word->end_us) / 2;
        if (distance(next, middle_us) < distance(u, middle_us))
            break;
    }
    return end - first;
}

static void share_out(struct piece *piece, int engine, const struct kn_findings *found,
                      struct kn_arena *scratch)
{
    bool doubtful = found->looped || found->limit_hit || found->mean_log_prob < doubtful_log_prob;
    for (int i = 0, first = 0; i < piece->utterances.count; i++) {
        struct utterance *u = piece->utterances.at[i];
        struct kn_findings own = *found;
        own.word_count = words_of(piece, i, found, first);
        struct kn_found_word *words =
            kn_arena_copy(scratch, found->words + first, sizeof *words * (size_t)own.word_count);
        for (int w = 0; w < own.word_count; w++) {
            words[w].start_us -= piece_us(u->offset);
            words[w].end_us -= piece_us(u->offset);
        }
        own.words = words;
        first += own.word_count;
        u->verdict = doubtful ? KN_SPEECH_DOUBTFUL : KN_SPEECH_GOOD;
        kn_utterance_keep(u, engine, &own);
    }
}

/* ---- a text without times ---- */

/* An engine here reads the text while it listens; that tells where each word is. */
static bool align_text(const struct piece *piece, struct kn_findings *found,
                       const struct kn_step_env *env)
{
    const struct kn_speech_chain *chain = &piece->of->chain;
    const char *language = found->language ? found->language : chain->language;
    struct kn_findings aligned;
    if (!chain->aligner || !kn_engine_knows(chain->aligner_desc, language ? language : "und") ||
        piece_us(piece->samples.count) > chain->aligner_desc->chunk_max_us)
        return false;
    const struct kn_chunk chunk = {
        .samples = piece->samples.at, .count = piece->samples.count, .text = found->text};
    if (kn_engine_run(chain->aligner, &chunk, env->cancel, env->scratch, &aligned, NULL) != KN_OK)
        return false;
    found->words = aligned.words;
    found->word_count = aligned.word_count;
    return aligned.word_count > 0;
}

/* By their lengths, over all of the piece: right to some seconds at worst. */
static enum kn_status spread_text(const struct piece *piece, struct kn_findings *found,
                                  struct kn_arena *scratch, struct kn_error *err)
{
    struct kn_transcript_words made = {.arena = scratch, .length_us = INT64_MAX};
    enum kn_status status = kn_transcript_add(&made, found->text, strlen(found->text), 0,
                                              piece_us(piece->samples.count), -1, true, err);
    struct kn_found_word *words =
        kn_arena_array(scratch, (size_t)made.words.count + 1, sizeof *words);
    for (int i = 0; i < made.words.count; i++)
        words[i] = (struct kn_found_word){
            .start_us = made.words.at[i].start_us,
            .end_us = made.words.at[i].end_us,
            .text = made.words.at[i].text,
            .confidence = 1,
        };
    found->words = words;
    found->word_count = made.words.count;
    kn_transcript_words_free(&made);
    return status;
}

static enum kn_status hear_whole(struct piece *piece, int engine, const struct kn_step_env *env,
                                 struct kn_error *err)
{
    const struct kn_speech_chain *chain = &piece->of->chain;
    const struct kn_chunk chunk = {
        .samples = piece->samples.at,
        .count = piece->samples.count,
        .start_us = piece->utterances.at[0]->input.start_us,
        .language = chain->language,
        .budget = chain->budget,
    };
    struct kn_findings found;
    enum kn_status status =
        kn_engine_run(chain->at[engine].engine, &chunk, env->cancel, env->scratch, &found, err);
    if (status == KN_OK && found.word_count == 0 && found.text && found.text[0] &&
        !align_text(piece, &found, env))
        status = spread_text(piece, &found, env->scratch, err);
    if (status == KN_OK)
        share_out(piece, engine, &found, env->scratch);
    return status;
}

/* ---- each utterance by itself ---- */

struct single {
    struct utterance *utterance;
    int engine;
};

static enum kn_status run_single(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct single *single = arg;
    return kn_utterance_recognise(single->utterance, single->engine, env, err);
}

/* On the engine's own lane: a thread that waits for a service must not compute. */
static enum kn_status hear_each(struct piece *piece, int engine, const struct kn_step_env *env,
                                struct kn_error *err)
{
    enum { UNFINISHED_MAX = 4 };
    const struct kn_speech_chain *chain = &piece->of->chain;
    enum kn_lane lane = chain->at[engine].desc->lane;
    int count = piece->utterances.count;
    if (lane == chain->at[0].desc->lane && count == 1)
        return kn_utterance_recognise(piece->utterances.at[0], engine, env, err);
    struct single *singles = kn_arena_array(env->scratch, (size_t)count, sizeof *singles);
    const struct kn_group_options options = {
        .mode = KN_GROUP_ALL, .lane = lane, .limit = UNFINISHED_MAX};
    struct kn_group *group = kn_group_new(env, &options);
    enum kn_status status = KN_OK;
    for (int i = 0; i < count && status == KN_OK; i++) {
        singles[i] = (struct single){piece->utterances.at[i], engine};
        status = kn_group_add(group, "utterance", 0, run_single, &singles[i]);
    }
    status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

/* ---- the chain ---- */

/* What no other piece would change. An answer that makes no sense is one piece's bad luck; a model
 * that makes none is the engine's. */
static bool is_final(const struct kn_engine_desc *desc, enum kn_status status)
{
    bool local = desc->chunk_best_us == 0;
    return status == KN_MISSING || status == KN_DENIED || status == KN_NOT_FOUND ||
           (local ? status == KN_DAMAGED : status == KN_LIMIT);
}

static void note_failure(struct kn_recogniser *r, int engine, const struct kn_error *why)
{
    struct hearing *hearing = &r->hearings[engine];
    pthread_mutex_lock(&r->lock);
    if (!hearing->has_failure)
        hearing->failure = *why;
    hearing->has_failure = true;
    pthread_mutex_unlock(&r->lock);
    if (is_final(r->chain.at[engine].desc, why->status))
        atomic_store(&hearing->off, true);
}

static enum kn_status hear_by(struct piece *piece, int engine, const struct kn_step_env *env,
                              struct kn_error *err)
{
    struct kn_recogniser *r = piece->of;
    const struct kn_engine_desc *desc = r->chain.at[engine].desc;
    enum kn_status status = desc->chunk_best_us ? hear_whole(piece, engine, env, err)
                                                : hear_each(piece, engine, env, err);
    if (status == KN_OK)
        atomic_fetch_add(&r->hearings[engine].pieces, 1);
    else if (status != KN_CANCELLED)
        note_failure(r, engine, err);
    return status;
}

/* KN_OK, CANCELLED, or the failure of the last engine that was asked. */
static enum kn_status hear(struct piece *piece, const struct kn_step_env *env, bool *ret_hopeless,
                           struct kn_error *err)
{
    struct kn_recogniser *r = piece->of;
    enum kn_status status = KN_OK;
    *ret_hopeless = true;
    for (int i = 0; i < r->chain.count; i++) {
        if (atomic_load(&r->hearings[i].off))
            continue;
        status = hear_by(piece, i, env, err);
        if (status == KN_OK || status == KN_CANCELLED)
            return status;
        *ret_hopeless &= atomic_load(&r->hearings[i].off);
    }
    if (status != KN_OK)
        return status;
    pthread_mutex_lock(&r->lock); /* all were off before */
    *err = r->hearings[r->chain.count - 1].failure;
    pthread_mutex_unlock(&r->lock);
    return err->status;
}

static void drop_sound(struct piece *piece)
{
    int64_t length_us = 0;
    for (int i = 0; i < piece->utterances.count; i++) {
        struct utterance *u = piece->utterances.at[i];
        length_us += u->input.end_us - u->input.start_us;
        free((float *)u->input.probabilities);
        u->input.samples = u->input.probabilities = NULL;
    }
    kn_vec_free(&piece->samples);
    atomic_fetch_sub(&piece->of->backlog_us, length_us);
}

/* What no engine could do leaves a gap, unless none will be able to do more. */
enum kn_status kn_piece_run(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct piece *piece = arg;
    struct kn_error why = {0};
    bool hopeless;
    for (int i = 0; i < piece->utterances.count; i++) /* the sound stays where it is from now on */
        piece->utterances.at[i]->input.samples =
            piece->samples.at + piece->utterances.at[i]->offset;
    enum kn_status status = hear(piece, env, &hopeless, &why);
    drop_sound(piece);
    if (status == KN_OK)
        return KN_OK;
    for (int i = 0; i < piece->utterances.count; i++) {
        piece->utterances.at[i]->verdict = KN_SPEECH_FAILED;
        piece->utterances.at[i]->failure = why;
    }
    if (status != KN_CANCELLED && !hopeless)
        return KN_OK;
    *err = why;
    return status;
}
