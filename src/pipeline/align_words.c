/*
 * Lines are joined to passages of up to 14 s, for the recogniser is surer of a text with its
 * surroundings. Each passage is a task: its text is read over its sound and half a second to both
 * sides. Passages come in order, so the sound is decoded once and kept only as far as needed.
 */
#include "pipeline/align_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/group.h>

#include "ai/engine.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "media/audio_reader.h"
#include "model/regroup.h"

enum { RATE_HZ = 16000, UNFINISHED_MAX = 16, BLOCK = RATE_HZ };

static const int64_t passage_max_us = 14 * KN_US_PER_S;
static const int64_t pause_max_us = 2 * KN_US_PER_S; /* longer ones divide passages */
static const int64_t margin_us = 400000;
/* Text with many errors has -2 to -2.7, another text below -6. */
static const float belongs_log_prob = -4;

struct passage {
    struct kn_engine *engine;
    struct kn_word *words; /* borrowed; only this task writes them */
    int count;
    int64_t start_us, end_us; /* of the sound, margins included */
    float *samples;           /* owned until the task is done */
    int sample_count;
    bool aligned;
};

KN_VEC_TYPE(passages, struct passage);

/* Passages */

static void end_passage(struct passages *passages, struct kn_word *words, int first, int end,
                        int64_t end_us)
{
    int64_t start_us = words[first].start_us - margin_us;
    struct passage passage = {
        .words = words + first,
        .count = end - first,
        .start_us = KN_MAX(start_us, 0),
        .end_us = end_us + margin_us,
    };
    kn_vec_push(passages, passage);
}

/* The end of the line that begins at `first`: the index of the next line's first word. */
static int line_end(const struct kn_word *words, int count, int first, int64_t *ret_end_us)
{
    int i = first;
    *ret_end_us = words[first].end_us;
    do {
        *ret_end_us = KN_MAX(*ret_end_us, words[i].end_us);
        i++;
    } while (i < count && !words[i].starts_utterance &&
             words[i].end_us - words[first].start_us <= passage_max_us);
    return i;
}

static void divide(struct kn_word *words, int count, struct passages *passages)
{
    int first = 0; /* of the passage in the making, which has lines up to `at` */
    int64_t end_us = 0;
    for (int at = 0; at < count;) {
        int64_t line_end_us;
        int end = line_end(words, count, at, &line_end_us);
        bool fits = line_end_us - words[first].start_us <= passage_max_us &&
                    words[at].start_us - end_us <= pause_max_us;
        if (at > first && !fits) {
            end_passage(passages, words, first, at, end_us);
            first = at;
        }
        end_us = at > first ? KN_MAX(end_us, line_end_us) : line_end_us;
        at = end;
    }
    if (count)
        end_passage(passages, words, first, count, end_us);
}

/* One passage */

static char *joined_text(const struct passage *p, struct kn_arena *arena)
{
    KN_SCOPED_STR text = {0};
    for (int i = 0; i < p->count; i++) {
        kn_str_add(&text, i && kn_words_spaced(&p->words[i - 1], &p->words[i]) ? " " : "");
        kn_str_add(&text, p->words[i].text);
    }
    return kn_arena_strdup(arena, kn_str_text(&text));
}

/* Sets the times when each found word is the one that was given, or one that has no sound between
 * them ("–") was passed over. */
static bool set_times(struct passage *p, const struct kn_findings *found)
{
    int next = 0;
    for (int i = 0; i < p->count && next < found->word_count; i++)
        next += strcmp(p->words[i].text, found->words[next].text) == 0;
    if (next < found->word_count)
        return false;
    int64_t at_us = 0;
    next = 0;
    for (int i = 0; i < p->count; i++) {
        struct kn_word *word = &p->words[i];
        if (next < found->word_count && strcmp(word->text, found->words[next].text) == 0) {
            word->start_us = p->start_us + found->words[next].start_us;
            word->end_us = p->start_us + found->words[next].end_us;
            next++;
        } else {
            word->start_us = i ? at_us : word->start_us;
            word->end_us = word->start_us;
        }
        at_us = word->end_us;
    }
    return true;
}

static enum kn_status align_passage(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct passage *p = arg;
    struct kn_chunk chunk = {
        .samples = p->samples,
        .count = p->sample_count,
        .text = joined_text(p, env->scratch),
    };
    struct kn_findings found;
    enum kn_status status =
        kn_engine_run(p->engine, &chunk, env->cancel, env->scratch, &found, err);
    free(KN_MOVE(p->samples));
    if (status == KN_OK)
        p->aligned = found.mean_log_prob > belongs_log_prob && set_times(p, &found);
    /* A passage that the engine can't take (too long a text) keeps the times that it has. */
    return status == KN_LIMIT || status == KN_INVALID || status == KN_INTERNAL ? KN_OK : status;
}

/* Reading the sound on the way */

struct tape {
    struct kn_audio_reader *reader;
    KN_VEC(float) samples;
    int64_t first; /* number of the first sample kept */
    bool ended;
};

static enum kn_status read_until(struct tape *tape, int64_t end, struct kn_error *err)
{
    while (!tape->ended && tape->first + tape->samples.count < end) {
        int got;
        kn_vec_reserve(&tape->samples, tape->samples.count + BLOCK);
        enum kn_status status = kn_audio_reader_read(
            tape->reader, tape->samples.at + tape->samples.count, BLOCK, &got, err);
        tape->ended = status == KN_END;
        if (status != KN_OK && status != KN_END)
            return status;
        tape->samples.count += tape->ended ? 0 : got;
    }
    return KN_OK;
}

static void forget_before(struct tape *tape, int64_t first)
{
    int drop = (int)KN_CLAMP(first - tape->first, 0, (int64_t)tape->samples.count);
    tape->samples.count -= drop;
    tape->first += drop;
    if (drop)
        memmove(tape->samples.at, tape->samples.at + drop,
                sizeof(float) * (size_t)tape->samples.count);
}

static int64_t sample_at(int64_t time_us)
{
    return time_us * RATE_HZ / KN_US_PER_S;
}

/* Gives the passage a copy of its sound; none when the source ends before it. */
static enum kn_status cut_sound(struct tape *tape, struct passage *p, struct kn_cancel *cancel,
                                struct kn_error *err)
{
    int64_t start = sample_at(p->start_us), end = sample_at(p->end_us);
    enum kn_status status = KN_OK;
    while (status == KN_OK && !tape->ended && tape->first + tape->samples.count < end) {
        /* In steps, so that a long way to the next passage neither fills memory nor can't be
         * stopped. */
        forget_before(tape, start);
        status = kn_cancel_check(cancel, err);
        if (status == KN_OK)
            status = read_until(tape, tape->first + tape->samples.count + 1, err);
    }
    forget_before(tape, start);
    int64_t have = KN_MIN(end - tape->first, (int64_t)tape->samples.count);
    if (status != KN_OK || have <= 0 || tape->first != start)
        return status;
    p->sample_count = (int)have;
    p->samples = kn_malloc(sizeof(float) * (size_t)have);
    memcpy(p->samples, tape->samples.at, sizeof(float) * (size_t)have);
    return KN_OK;
}

static enum kn_status align_all(struct tape *tape, struct passages *passages,
                                struct kn_engine *engine, const struct kn_engine_desc *desc,
                                const struct kn_step_env *env, struct kn_error *err)
{
    struct kn_group_options options = {
        .mode = KN_GROUP_ALL, .lane = desc->lane, .limit = UNFINISHED_MAX};
    struct kn_group *group = kn_group_new(env, &options);
    enum kn_status status = KN_OK;
    for (int i = 0; i < passages->count && status == KN_OK; i++) {
        struct passage *p = &passages->at[i];
        p->engine = engine;
        if (p->end_us - p->start_us > desc->chunk_max_us)
            continue;
        status = cut_sound(tape, p, env->cancel, err);
        if (status == KN_OK && p->samples &&
            kn_group_add(group, "passage", 0, align_passage, p) != KN_OK)
            break; /* the reason comes with the wait */
        kn_progress_set(env->progress, (double)i / passages->count);
    }
    enum kn_status ended = status == KN_OK ? kn_group_wait(group, err) : status;
    kn_group_free(group);
    return ended;
}

/* Passages share some sound: their words must not have changed places or overlap. */
static void keep_order(struct kn_word *words, int count)
{
    const int64_t shortest_us = 10000;
    for (int i = 0; i < count; i++) {
        struct kn_word *word = &words[i];
        if (i && word->speaker == words[i - 1].speaker)
            word->start_us = KN_MAX(word->start_us, words[i - 1].end_us);
        else if (i)
            word->start_us = KN_MAX(word->start_us, words[i - 1].start_us);
        word->end_us = KN_MAX(word->end_us, word->start_us + shortest_us);
    }
}

enum kn_status kn_words_align(const struct kn_source *source,
                              const struct kn_listen_options *options,
                              const struct kn_step_env *env, struct kn_word *words, int count,
                              int *ret_aligned, struct kn_error *err)
{
    static const struct kn_audio_format format = {RATE_HZ, 1};
    const struct kn_engine_desc *desc = kn_engines()[0];
    struct kn_engine_settings settings = {.models = options->models};
    if (!source->has_audio || count == 0 || !desc->aligns ||
        !kn_engine_knows(desc, options->language)) {
        *ret_aligned = 0;
        return KN_OK;
    }
    struct tape tape = {0};
    struct passages passages = {0};
    enum kn_status status = desc->available(&settings, err);
    if (status == KN_OK)
        status = kn_audio_reader_open(source, &format, 0, -1, &tape.reader, err);
    if (status == KN_OK) {
        KN_SCOPED(kn_engine) engine = kn_engine_acquire(desc, &settings);
        divide(words, count, &passages);
        status = align_all(&tape, &passages, engine, desc, env, err);
    }
    int aligned = 0;
    for (int i = 0; i < passages.count; i++) {
        aligned += passages.at[i].aligned ? passages.at[i].count : 0;
        free(passages.at[i].samples);
    }
    if (status == KN_OK) {
        keep_order(words, count);
        *ret_aligned = aligned;
    }
    kn_audio_reader_close(tape.reader);
    kn_vec_free(&tape.samples);
    kn_vec_free(&passages);
    return status;
}
