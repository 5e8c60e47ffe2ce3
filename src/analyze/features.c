#include "analyze/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/advice.h"
#include "base/memory.h"
#include "base/vec.h"
#include "base/words.h"

/* The whole policy of ranking. Round numbers: only their proportions matter. */
const struct kn_feature_desc kn_features[KN_FEATURE_COUNT] = {
    [KN_FEATURE_SUBSTANCE] = {"substance", 60, 0, "something new about what the source is about"},
    [KN_FEATURE_STANCE] = {"stance", 20, 0, "weighs, proposes or decides something"},
    [KN_FEATURE_FLUENCY] = {"fluency", 4, 0, "little filler, no mere agreeing"},
    [KN_FEATURE_HOOK] = {"hook", 8, 0, "the first seconds catch a listener"},
    [KN_FEATURE_SELF_CONTAINED] = {"self-contained", 6, 0, "needs nothing that was said before"},
    [KN_FEATURE_WHOLE] = {"whole", 12, 0, "from where a subject opens to where it ends"},
    [KN_FEATURE_ENDING] = {"ending", 4, 0, "ends on a finished thought"},
    [KN_FEATURE_FLOW] = {"flow", 4, 0, "speech without dead air"},
    [KN_FEATURE_CLEAN_CUT] = {"clean-cut", 2, 0, "silence where it begins and ends"},
    [KN_FEATURE_LENGTH] = {"length", 8, 15, "long enough to tell, short enough to share"},
    [KN_FEATURE_EMPHASIS] = {"emphasis", 10, 20, "a louder, livelier voice than usual here"},
    [KN_FEATURE_REACTION] = {"reaction", 8, 15, "laughter or applause"},
    [KN_FEATURE_FACES] = {"faces", 5, 10, "somebody to look at"},
    [KN_FEATURE_RHYTHM] = {"rhythm", 3, 15, "the picture changes, but not too often"},
    [KN_FEATURE_MOTION] = {"motion", 0, 20, "more motion than usual here"},
    [KN_FEATURE_NOVELTY] = {"novelty", 0, 10, "looks and sounds unlike the rest"},
    [KN_FEATURE_PICTURE] = {"picture", 12, 40, "pictures that a vision engine would stop at"},
    [KN_FEATURE_MODEL] = {"model", 60, 40, "a language model would choose it, too"},
};

#define PAUSE_LONG_S 2.0 /* a pause that a viewer notices */
#define RATE_SLOW    0.6 /* of the usual rate of words: slower talk drags */
/* With less speech than this share of its time a span is weaker for what it says. */
#define SPOKEN_ENOUGH 0.75

/* Sums over the source, so that a candidate's mean costs two look-ups: sums[i] is the sum of the
 * first i values. */
struct sums {
    double *substance, *stance, *affirm, *disfluent; /* by word, as is the next */
    double *measure;                                 /* how much talk they are */
    double *loud, *voiced, *lively;                  /* by step of sound */
};

struct rater {
    const struct kn_text *text;
    const struct kn_timeline *timeline;
    const struct kn_topics *topics;
    const struct kn_candidates *candidates;
    const struct kn_segment_options *options;
    struct sums sums;
    double usual_rate; /* words a second of an ordinary sentence */
};

static double *new_sums(int count)
{
    return kn_calloc((size_t)count + 1, sizeof(double));
}

static void sum_words(struct rater *r)
{
    int count = r->timeline->word_count;

    r->sums.substance = new_sums(count);
    r->sums.stance = new_sums(count);
    r->sums.affirm = new_sums(count);
    r->sums.disfluent = new_sums(count);
    r->sums.measure = new_sums(count);
    for (int i = 0; i < count; i++) {
        const struct kn_stretch *s = &r->text->stretches[r->text->tokens[i].stretch];
        r->sums.substance[i + 1] = r->sums.substance[i] + s->substance;
        r->sums.stance[i + 1] = r->sums.stance[i] + s->stance;
        r->sums.affirm[i + 1] = r->sums.affirm[i] + s->affirm;
        r->sums.disfluent[i + 1] = r->sums.disfluent[i] + s->disfluent;
        r->sums.measure[i + 1] = r->sums.measure[i] + kn_word_measure(r->timeline->words[i].text);
    }
}

static int by_double(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts the values in place. */
static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_double);
    return count ? values[count / 2] : 0;
}

static double usual_rate(const struct rater *r)
{
    const struct kn_timeline *t = r->timeline;
    double *rates = kn_malloc(((size_t)t->sentence_count + 1) * sizeof *rates);
    int count = 0;

    for (int s = 0; s < t->sentence_count; s++) {
        double seconds = (double)(t->sentences[s].end_us - t->sentences[s].start_us) / 1e6;
        if (r->text->lines[s].said.words >= 5 && seconds > 0.5)
            rates[count++] = r->text->lines[s].said.words / seconds;
    }
    double rate = median(rates, count);
    free(rates);
    return rate > 0 ? rate : 2.5;
}

/* Loudness above the source's own median where somebody is heard, in units of 6 LU; and how far
 * pitch is from its median, in units of half an octave (either way: lively voices move). */
static void sum_sound(struct rater *r)
{
    const struct kn_sound *sound = &r->timeline->sound;
    int count = sound->count, heard = 0, voiced = 0;
    double *loud = kn_malloc(((size_t)count + 1) * sizeof *loud);
    double *pitch = kn_malloc(((size_t)count + 1) * sizeof *pitch);

    r->sums.loud = new_sums(count);
    r->sums.voiced = new_sums(count);
    r->sums.lively = new_sums(count);
    for (int i = 0; i < count; i++) {
        if (sound->loudness_lufs[i] > -60)
            loud[heard++] = sound->loudness_lufs[i];
        if (sound->pitch_hz[i] > 0)
            pitch[voiced++] = sound->pitch_hz[i];
    }
    double usual_loud = median(loud, heard), usual_pitch = median(pitch, voiced);
    for (int i = 0; i < count; i++) {
        double over = (sound->loudness_lufs[i] - usual_loud) / 6;
        double hz = sound->pitch_hz[i];
        double move = hz > 0 && usual_pitch > 0 ? fabs(log2(hz / usual_pitch)) * 2 : 0;
        r->sums.loud[i + 1] = r->sums.loud[i] + KN_CLAMP(over, 0, 1);
        r->sums.voiced[i + 1] = r->sums.voiced[i] + (hz > 0);
        r->sums.lively[i + 1] = r->sums.lively[i] + KN_MIN(move, 1);
    }
    free(loud);
    free(pitch);
}

/* What the words are worth. */

static double word_mean(const double *sums, const struct kn_candidate *c)
{
    return c->word_count
               ? (sums[c->first_word + c->word_count] - sums[c->first_word]) / c->word_count
               : 0;
}

/* The first line, or the second when the first is over at once. */
static double hook(const struct rater *r, const struct kn_candidate *c)
{
    const struct kn_line *lines = r->text->lines;
    int first = c->start->line, second = first + 1;
    double value = lines[first].hook;

    if (second <= c->end->line)
        value = KN_MAX(value, 0.7 * lines[second].hook * (0.5 + 0.5 * lines[first].begins));
    return value;
}

/* Does it begin well by itself? */
static double self_contained(const struct rater *r, const struct kn_candidate *c)
{
    return r->text->lines[c->start->line].begins;
}

/* How much of a turn to a new subject is made at a line, 0..1. */
static double turn(const struct rater *r, int line)
{
    return KN_CLAMP(r->topics->strength[line] / r->topics->sure, 0, 1);
}

/* A subject from its opening to its end, without the turn to another one in between. The whole
 * source is a subject as well. */
static double whole(const struct rater *r, const struct kn_candidate *c)
{
    int first = c->start->line, last = c->end->line;
    double inside = 0;
    for (int s = first + 1; s <= last; s++)
        inside = KN_MAX(inside, turn(r, s));
    double opens = first > 0 ? turn(r, first) : 1;
    double ends = last + 1 < r->timeline->sentence_count ? turn(r, last + 1) : 1;
    return 0.3 * opens + 0.3 * ends + 0.4 * (1 - inside);
}

static double ending(const struct rater *r, const struct kn_candidate *c)
{
    const struct kn_line *line = &r->text->lines[c->end->line];
    return 0.7 * line->ends + 0.3 * line->closing;
}

/* Share of its time that is not a pause; *ret_longest_us: the longest pause inside. */
static double spoken_share(const struct rater *r, const struct kn_candidate *c,
                           int64_t *ret_longest_us)
{
    const struct kn_timeline *t = r->timeline;
    int64_t from_us = c->start->talk_us, to_us = c->end->talk_us, silent_us = 0, longest_us = 0;

    *ret_longest_us = 0;
    int first = kn_first_from(t->pauses, t->pause_count, end_us, from_us + 1);
    for (int p = first; p < t->pause_count && t->pauses[p].start_us < to_us; p++) {
        int64_t pause_us =
            KN_MIN(to_us, t->pauses[p].end_us) - KN_MAX(from_us, t->pauses[p].start_us);
        silent_us += pause_us;
        longest_us = KN_MAX(longest_us, pause_us);
    }
    if (c->word_count == 0)
        return 0;
    /* Before the first word of all and after the last there is no pause between words. */
    int last = c->first_word + c->word_count - 1;
    int64_t before_us = c->first_word == 0 ? KN_MAX(0, t->words[0].start_us - from_us) : 0;
    int64_t after_us = last == t->word_count - 1 ? KN_MAX(0, to_us - t->words[last].end_us) : 0;
    silent_us += before_us + after_us;
    *ret_longest_us = KN_MAX(longest_us, KN_MAX(before_us, after_us));
    return KN_CLAMP(1 - (double)silent_us / (double)KN_MAX(to_us - from_us, 1), 0, 1);
}

/* Share of time with speech, less for a long pause or where speech drags. */
static double flow(const struct rater *r, const struct kn_candidate *c, double spoken,
                   int64_t longest_pause_us)
{
    double seconds = (double)(c->end->talk_us - c->start->talk_us) / 1e6;
    double dead = KN_CLAMP(((double)longest_pause_us / 1e6 - PAUSE_LONG_S) / 4, 0, 1);
    double words = r->sums.measure[c->first_word + c->word_count] - r->sums.measure[c->first_word];
    double rate = seconds > 0 ? words / seconds / r->usual_rate : 0;
    return KN_CLAMP(spoken - 0.5 * dead, 0, 1) * KN_CLAMP(rate / RATE_SLOW, 0, 1);
}

static double clean_cut(const struct kn_candidate *c)
{
    double before = KN_MIN(1, (double)c->start->silence_us / 500000.0);
    double after = KN_MIN(1, (double)c->end->silence_us / 500000.0);
    return 0.5 * before + 0.5 * after;
}

/* Full from a quarter of the allowed range on, down to half at the shortest. */
static double length(const struct rater *r, const struct kn_candidate *c)
{
    double span = (double)(r->options->max_us - r->options->min_us);
    double over = (double)(c->end->at_us - c->start->at_us - r->options->min_us);
    double place = span > 0 ? over / span : 1;
    return place < 0.25 ? 0.5 + 2 * place : place > 0.75 ? 1 - (place - 0.75) : 1;
}

/* What is heard and seen. */

static void sound_steps(const struct rater *r, int64_t from_us, int64_t to_us, int *ret_from,
                        int *ret_to)
{
    const struct kn_sound *sound = &r->timeline->sound;
    *ret_from = (int)KN_CLAMP(from_us / sound->step_us, 0, sound->count);
    *ret_to = (int)KN_CLAMP(to_us / sound->step_us, *ret_from, sound->count);
}

static double emphasis(const struct rater *r, const struct kn_candidate *c)
{
    int from, to;
    sound_steps(r, c->start->at_us, c->end->at_us, &from, &to);
    double voiced = r->sums.voiced[to] - r->sums.voiced[from];
    double loud = to > from ? (r->sums.loud[to] - r->sums.loud[from]) / (to - from) : 0;
    double lively = voiced > 0 ? (r->sums.lively[to] - r->sums.lively[from]) / voiced : 0;
    return 0.6 * loud + 0.4 * lively;
}

/* Inside, or right after the end: the last joke's laugh may be cut off, but it happened. */
static double reaction(const struct rater *r, const struct kn_candidate *c)
{
    const struct kn_sound *sound = &r->timeline->sound;
    double best = 0;

    for (int i = 0; i < sound->event_count; i++) {
        const struct kn_sound_event *e = &sound->events[i];
        if (e->start_us > c->end->at_us + 2000000)
            break;
        if (e->end_us < c->start->at_us + 2000000 ||
            (e->kind != KN_SOUND_APPLAUSE && e->kind != KN_SOUND_LAUGHTER))
            continue;
        best = KN_MAX(best, e->strength);
    }
    return best;
}

/* Calls for the shots that touch the candidate: time in them, and what they are. */
struct shot_mean {
    double seconds, faces, motion, brightness;
    int cuts;
};

static struct shot_mean shots_in(const struct rater *r, int64_t from_us, int64_t to_us)
{
    const struct kn_timeline *t = r->timeline;
    struct shot_mean mean = {0};

    int first = kn_first_from(t->shots, t->shot_count, end_us, from_us + 1);
    for (int i = first; i < t->shot_count && t->shots[i].start_us < to_us; i++) {
        const struct kn_shot *shot = &t->shots[i];
        double seconds =
            (double)(KN_MIN(to_us, shot->end_us) - KN_MAX(from_us, shot->start_us)) / 1e6;
        bool dull = shot->kind == KN_SHOT_BLACK || shot->kind == KN_SHOT_FROZEN;
        mean.seconds += seconds;
        mean.faces += seconds * KN_CLAMP(shot->faces, 0, 1);
        mean.motion += dull ? 0 : seconds * shot->motion;
        mean.brightness += seconds * shot->brightness;
        mean.cuts += shot->start_us > from_us;
    }
    if (mean.seconds > 0) {
        mean.faces /= mean.seconds;
        mean.motion /= mean.seconds;
        mean.brightness /= mean.seconds;
    }
    return mean;
}

/* Best at 4 to 20 cuts a minute; a still picture keeps a little, a flicker nothing. */
static double rhythm(const struct shot_mean *mean)
{
    double a_minute = mean->seconds > 0 ? mean->cuts / mean->seconds * 60 : 0;
    if (a_minute < 4)
        return 0.3 + 0.7 * a_minute / 4;
    return a_minute <= 20 ? 1 : KN_CLAMP(1 - (a_minute - 20) / 40, 0, 1);
}

static double novelty(const struct rater *r, const struct kn_candidate *c,
                      const struct shot_mean *mean, const struct shot_mean *usual)
{
    int from, to;
    double away = fabs(mean->brightness - usual->brightness) + fabs(mean->motion - usual->motion) +
                  fabs(mean->faces - usual->faces) * 0.5;
    if (r->timeline->sound.count > 0) {
        int all = r->timeline->sound.count;
        sound_steps(r, c->start->at_us, c->end->at_us, &from, &to);
        if (to > from)
            away += fabs((r->sums.loud[to] - r->sums.loud[from]) / (to - from) -
                         r->sums.loud[all] / all);
    }
    return away;
}

/* All of it. */

static void rate_words(const struct rater *r, const struct kn_candidate *c, float *values)
{
    double affirm = word_mean(r->sums.affirm, c), disfluent = word_mean(r->sums.disfluent, c);
    int64_t longest_pause_us;
    double spoken = spoken_share(r, c, &longest_pause_us);
    /* A few good words do not carry a long silence. */
    double carried = KN_MIN(1, spoken / SPOKEN_ENOUGH);

    values[KN_FEATURE_SUBSTANCE] = (float)(carried * word_mean(r->sums.substance, c));
    values[KN_FEATURE_STANCE] = (float)(carried * word_mean(r->sums.stance, c));
    values[KN_FEATURE_FLUENCY] = (float)KN_CLAMP(1 - 2 * affirm - disfluent, 0, 1);
    values[KN_FEATURE_FLOW] = (float)flow(r, c, spoken, longest_pause_us);
    values[KN_FEATURE_CLEAN_CUT] = (float)clean_cut(c);
    if (c->start->line >= 0) {
        values[KN_FEATURE_HOOK] = (float)hook(r, c);
        values[KN_FEATURE_SELF_CONTAINED] = (float)self_contained(r, c);
    }
    if (c->end->line >= 0)
        values[KN_FEATURE_ENDING] = (float)ending(r, c);
    if (c->start->line >= 0 && c->end->line >= 0)
        values[KN_FEATURE_WHOLE] = (float)whole(r, c);
}

/* What has no natural scale is measured against the other candidates: 0.5 is the mean, and a
 * standard deviation more is 0.73 (the logistic curve). */
static void scale_to_source(struct kn_ratings *ratings, int count, enum kn_feature which)
{
    double sum = 0, squares = 0;

    for (int i = 0; i < count; i++)
        sum += ratings->values[i][which];
    double mean = sum / count;
    for (int i = 0; i < count; i++)
        squares += pow(ratings->values[i][which] - mean, 2);
    double deviation = sqrt(squares / count);
    for (int i = 0; i < count; i++) {
        double z = deviation > 1e-9 ? (ratings->values[i][which] - mean) / deviation : 0;
        ratings->values[i][which] = (float)(1 / (1 + exp(-z)));
    }
}

static void weigh(const struct kn_timeline *t, const struct kn_segment_options *options, bool quiet,
                  struct kn_ratings *ratings)
{
    bool sound = t->sound.count > 0, picture = t->shot_count > 0;
    double total = 0;

    for (int k = 0; k < KN_FEATURE_COUNT; k++) {
        float weight = quiet ? kn_features[k].quiet_weight : kn_features[k].weight;
        bool has_data = true;
        if (k == KN_FEATURE_EMPHASIS)
            has_data = sound;
        else if (k == KN_FEATURE_REACTION)
            has_data = t->sound.event_count > 0;
        else if (k == KN_FEATURE_FACES || k == KN_FEATURE_RHYTHM || k == KN_FEATURE_MOTION)
            has_data = picture;
        else if (k == KN_FEATURE_NOVELTY)
            has_data = sound || picture;
        else if (k == KN_FEATURE_PICTURE)
            has_data = t->sight_count > 0;
        else if (k == KN_FEATURE_MODEL)
            has_data = options->proposal_count > 0;
        ratings->available[k] = has_data && weight > 0;
        ratings->weights[k] = ratings->available[k] ? weight : 0;
        total += ratings->weights[k];
    }
    for (int k = 0; k < KN_FEATURE_COUNT; k++)
        ratings->weights[k] = total > 0 ? (float)(ratings->weights[k] / total) : 0;
}

/* What engines say of it; a span that no sight is near counts as an ordinary one. */
static void rate_advice(const struct rater *r, struct kn_ratings *ratings)
{
    const struct kn_candidates *list = r->candidates;
    double sum = 0;
    int known = 0;
    for (int i = 0; i < list->count; i++) {
        const struct kn_candidate *c = &list->list[i];
        float *values = ratings->values[i];
        values[KN_FEATURE_MODEL] = kn_proposals_worth(r->options, c->start->at_us, c->end->at_us);
        values[KN_FEATURE_PICTURE] = kn_sights_worth(r->timeline, c->start->at_us, c->end->at_us);
        if (values[KN_FEATURE_PICTURE] >= 0) {
            sum += values[KN_FEATURE_PICTURE];
            known++;
        }
    }
    for (int i = 0; i < list->count; i++)
        if (ratings->values[i][KN_FEATURE_PICTURE] < 0)
            ratings->values[i][KN_FEATURE_PICTURE] = known ? (float)(sum / known) : 0;
}

static void rate_all(struct rater *r, struct kn_ratings *ratings)
{
    const struct kn_candidates *list = r->candidates;
    const struct kn_timeline *t = r->timeline;
    struct shot_mean usual = {0};

    if (t->shot_count)
        usual = shots_in(r, t->shots[0].start_us, t->shots[t->shot_count - 1].end_us);
    for (int i = 0; i < list->count; i++) {
        const struct kn_candidate *c = &list->list[i];
        float *values = ratings->values[i];
        if (!list->quiet)
            rate_words(r, c, values);
        values[KN_FEATURE_LENGTH] = (float)length(r, c);
        if (t->sound.count > 0)
            values[KN_FEATURE_EMPHASIS] = (float)emphasis(r, c);
        values[KN_FEATURE_REACTION] = (float)reaction(r, c);
        if (t->shot_count == 0 && !ratings->available[KN_FEATURE_NOVELTY])
            continue;
        struct shot_mean mean = shots_in(r, c->start->at_us, c->end->at_us);
        values[KN_FEATURE_FACES] = (float)mean.faces;
        values[KN_FEATURE_RHYTHM] = (float)rhythm(&mean);
        values[KN_FEATURE_MOTION] = (float)mean.motion;
        values[KN_FEATURE_NOVELTY] = (float)novelty(r, c, &mean, &usual);
    }
}

void kn_features_rate(const struct kn_text *text, const struct kn_topics *topics,
                      const struct kn_candidates *candidates,
                      const struct kn_segment_options *options, struct kn_arena *arena,
                      struct kn_ratings *ret_ratings)
{
    static const enum kn_feature relative[] = {KN_FEATURE_EMPHASIS, KN_FEATURE_MOTION,
                                               KN_FEATURE_NOVELTY, KN_FEATURE_PICTURE};
    struct rater r = {.text = text,
                      .timeline = text->timeline,
                      .topics = topics,
                      .candidates = candidates,
                      .options = options};
    struct kn_ratings ratings = {0};
    int count = candidates->count;

    ratings.values = kn_arena_array(arena, (size_t)count + 1, sizeof *ratings.values);
    ratings.scores = kn_arena_array(arena, (size_t)count + 1, sizeof *ratings.scores);
    r.usual_rate = usual_rate(&r);
    sum_words(&r);
    sum_sound(&r);
    weigh(text->timeline, options, candidates->quiet, &ratings);
    rate_all(&r, &ratings);
    rate_advice(&r, &ratings);
    for (size_t k = 0; k < KN_COUNT_OF(relative) && count > 0; k++) {
        if (ratings.available[relative[k]])
            scale_to_source(&ratings, count, relative[k]);
    }
    for (int i = 0; i < count; i++) {
        double score = 0;
        for (int k = 0; k < KN_FEATURE_COUNT; k++)
            score += ratings.weights[k] * ratings.values[i][k];
        ratings.scores[i] = (float)(100 * score);
    }
    free(r.sums.substance);
    free(r.sums.stance);
    free(r.sums.affirm);
    free(r.sums.disfluent);
    free(r.sums.measure);
    free(r.sums.loud);
    free(r.sums.voiced);
    free(r.sums.lively);
    *ret_ratings = ratings;
}
