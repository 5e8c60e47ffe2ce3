#include "pipeline/recognise.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/recognise_parts.h"

/* Pieces that are not done: of 20 s at most where an engine takes each utterance by itself (1.3 MB
 * each), of a minute where it joins them (3.8 MB), as many as a service answers at once and some
 * that wait. */
enum { SINGLES_MAX = 16, JOINED_MAX = 20 };

/* Less speech than this is too little to tell a language by. */
static const int64_t evidence_us = 4000000;

struct kn_recogniser *kn_recogniser_new(const struct kn_speech_chain *chain,
                                        const struct kn_step_env *env)
{
    struct kn_recogniser *r = kn_calloc(1, sizeof *r);
    const struct kn_engine_desc *first = chain->at[0].desc;
    const struct kn_group_options options = {
        .mode = KN_GROUP_ALL,
        .lane = first->lane,
        .limit = first->chunk_best_us ? JOINED_MAX : SINGLES_MAX,
    };
    r->chain = *chain;
    r->group = kn_group_new(env, &options);
    r->arena = kn_arena_new();
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

static void free_piece(struct piece *piece)
{
    kn_vec_free(&piece->samples);
    kn_vec_free(&piece->utterances);
    free(piece);
}

void kn_recogniser_free(struct kn_recogniser *recogniser)
{
    if (!recogniser)
        return;
    kn_group_free(recogniser->group); /* waits for tasks */
    for (int i = 0; i < recogniser->pieces.count; i++)
        free_piece(recogniser->pieces.at[i]);
    for (int i = 0; i < recogniser->utterances.count; i++) {
        free((float *)recogniser->utterances.at[i]->input.probabilities);
        free(recogniser->utterances.at[i]);
    }
    kn_vec_free(&recogniser->pieces);
    kn_vec_free(&recogniser->utterances);
    kn_arena_free(recogniser->arena);
    pthread_mutex_destroy(&recogniser->lock);
    free(recogniser);
}

int64_t kn_recogniser_backlog_us(struct kn_recogniser *recogniser)
{
    return atomic_load(&recogniser->backlog_us);
}

/* ---- adding ---- */

static enum kn_status hand_over(struct kn_recogniser *r)
{
    struct piece *piece = r->open;
    r->open = NULL;
    return piece ? kn_group_add(r->group, "utterance", 0, kn_piece_run, piece) : KN_OK;
}

static void add_samples(struct piece *piece, const float *samples, int count)
{
    kn_vec_reserve(&piece->samples, piece->samples.count + count);
    memcpy(piece->samples.at + piece->samples.count, samples, sizeof *samples * (size_t)count);
    piece->samples.count += count;
}

/* The piece that takes so many samples more; a new one when the open one would grow too long. */
static enum kn_status open_piece(struct kn_recogniser *r, int count)
{
    int64_t best = r->chain.at[0].desc->chunk_best_us * KN_HEARD_HZ / 1000000;
    enum kn_status status = KN_OK;
    if (r->open && r->open->samples.count + count > best)
        status = hand_over(r);
    if (!r->open) {
        r->open = kn_calloc(1, sizeof *r->open);
        r->open->of = r;
        kn_vec_reserve(&r->open->samples, (int)KN_MAX(best, count));
        kn_vec_push(&r->pieces, r->open);
    }
    return status;
}

enum kn_status kn_recogniser_add(struct kn_recogniser *recogniser,
                                 const struct kn_recogniser_input *input)
{
    enum kn_status status = open_piece(recogniser, input->before + input->count);
    if (status != KN_OK)
        return status;
    struct piece *piece = recogniser->open;
    struct utterance *u = kn_calloc(1, sizeof *u);
    size_t probabilities = sizeof(float) * (size_t)input->frame_count;
    int before = piece->utterances.count ? input->before : 0;
    u->of = recogniser;
    u->input = *input;
    u->input.probabilities = memcpy(kn_malloc(probabilities), input->probabilities, probabilities);
    u->offset = piece->samples.count + before;
    u->verdict = KN_SPEECH_FAILED; /* until it has run */
    add_samples(piece, input->samples - before, before + input->count);
    kn_vec_push(&piece->utterances, u);
    kn_vec_push(&recogniser->utterances, u);
    atomic_fetch_add(&recogniser->backlog_us, input->end_us - input->start_us);
    return recogniser->chain.at[0].desc->chunk_best_us ? KN_OK : hand_over(recogniser);
}

/* ---- all of them ---- */

/*
 * Does the speech that was heard by engines of few languages make no sense in these? In others the
 * model writes fluent English at a low probability, runs into the limit, or writes nothing at all.
 * The measure is time: more than half of it has to be like that, so that neither a foreign guest
 * nor noisy stretches of an English source are enough.
 */
static bool sounds_foreign(const struct kn_recogniser *r)
{
    int64_t strange_us = 0, all_us = 0;
    for (int i = 0; i < r->utterances.count; i++) {
        const struct utterance *u = r->utterances.at[i];
        if (u->verdict == KN_SPEECH_FAILED || !r->chain.at[u->engine].desc->languages)
            continue;
        all_us += u->input.speech_us;
        if (u->verdict == KN_SPEECH_DOUBTFUL || u->verdict == KN_SPEECH_FOREIGN)
            strange_us += u->input.speech_us;
    }
    return all_us >= evidence_us && strange_us * 2 > all_us;
}

/* An engine that was asked for a language that it does not know: it only invents. Whether that is
 * so is known at the end, when `told` is what engines of all languages heard (NULL: nothing) and
 * `foreign` what the rest of the speech sounds like. */
static bool invents(const struct kn_recogniser *r, const struct utterance *u, bool foreign,
                    const char *told)
{
    const struct kn_engine_desc *desc = r->chain.at[u->engine].desc;
    return desc->languages && u->verdict != KN_SPEECH_FAILED &&
           (foreign || (told && !kn_engine_knows(desc, told)));
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

static void collect(struct kn_recogniser *r, struct kn_arena *arena, bool foreign, const char *told,
                    struct kn_heard *heard)
{
    KN_VEC(struct kn_word) words = {0};
    KN_VEC(struct kn_utterance) utterances = {0};
    for (int i = 0; i < r->utterances.count; i++) {
        const struct utterance *u = r->utterances.at[i];
        bool invented = invents(r, u, foreign, told);
        if (is_noise(u))
            continue;
        struct kn_utterance made = {
            .start_us = u->input.start_us,
            .end_us = u->input.end_us,
            .first_word = words.count,
            .log_prob = u->findings.mean_log_prob,
            .verdict = invented ? KN_SPEECH_FOREIGN : u->verdict,
        };
        for (int w = 0; w < u->findings.word_count && !invented; w++) {
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

/* "openai", or "openai, moonshine" where both had to help; NULL where none did anything. */
static const char *name_engines(const struct kn_recogniser *r, struct kn_arena *arena)
{
    const char *names = NULL;
    for (int i = 0; i < r->chain.count; i++)
        if (atomic_load(&r->hearings[i].pieces))
            names = names ? kn_arena_printf(arena, "%s, %s", names, r->chain.at[i].desc->name)
                          : r->chain.at[i].desc->name;
    return names;
}

/* How many words were said in a language, by engines that hear which one it is; NULL: in any. */
static int count_words(const struct kn_recogniser *r, const char *language)
{
    int words = 0;
    for (int i = 0; i < r->utterances.count; i++) {
        const struct kn_findings *found = &r->utterances.at[i]->findings;
        if (found->language && (!language || strcmp(found->language, language) == 0))
            words += found->word_count;
    }
    return words;
}

/* The language of the most words, as engines heard it; NULL: none said. */
static const char *told_language(const struct kn_recogniser *r)
{
    const char *best = NULL;
    int most = 0, all = count_words(r, NULL);
    for (int i = 0; i < r->utterances.count && most * 2 < all; i++) {
        const char *language = r->utterances.at[i]->findings.language;
        int words = language ? count_words(r, language) : 0;
        if (words > most) {
            most = words;
            best = language;
        }
    }
    return best;
}

/* Of words of which nobody said what they are in: what was given, or what the engine knows. */
static const char *presumed_language(const struct kn_recogniser *r)
{
    for (int i = 0; i < r->chain.count; i++)
        if (atomic_load(&r->hearings[i].pieces) && r->chain.at[i].desc->languages)
            return r->chain.at[i].desc->languages[0];
    return r->chain.language;
}

enum kn_status kn_recogniser_finish(struct kn_recogniser *recogniser, struct kn_arena *arena,
                                    struct kn_heard *heard, struct kn_error *err)
{
    (void)hand_over(recogniser); /* when it fails, waiting tells why */
    enum kn_status status = kn_group_wait(recogniser->group, err);
    if (status == KN_OK)
        status = all_failed(recogniser, err);
    if (status != KN_OK)
        return status;
    const char *told = told_language(recogniser);
    collect(recogniser, arena, sounds_foreign(recogniser), told, heard);
    heard->speech_engine = name_engines(recogniser, arena);
    if (heard->word_count)
        heard->language = kn_arena_strdup(arena, told ? told : presumed_language(recogniser));
    return KN_OK;
}

const char *kn_recogniser_remark(struct kn_recogniser *recogniser, int engine,
                                 struct kn_arena *arena)
{
    const struct kn_speech_chain *chain = &recogniser->chain;
    const struct hearing *hearing = &recogniser->hearings[engine];
    if (!hearing->has_failure)
        return NULL;
    bool last = engine + 1 == chain->count;
    return kn_arena_printf(arena, "“%s” could not recognise all of the speech (%s)%s",
                           chain->at[engine].desc->name, kn_error_text(&hearing->failure),
                           last ? "" : ", so the next engine took the rest");
}
