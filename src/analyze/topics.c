#include "analyze/topics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vec.h"

enum sign {
    SIGN_DEPTH,
    SIGN_TURNOVER,
    SIGN_PAUSE,
    SIGN_CUE,
    SIGN_SPEAKER,
    SIGN_PICTURE,
    SIGN_COUNT
};

static const double sign_weights[SIGN_COUNT] = {
    [SIGN_DEPTH] = 1, [SIGN_TURNOVER] = 2, [SIGN_PAUSE] = 1,
    [SIGN_CUE] = 1,   [SIGN_SPEAKER] = 1,  [SIGN_PICTURE] = 1,
};

enum {
    BLOCK_LINES = 200,  /* a block's reach ends here when sentences have hardly a term */
    SPEAKER_LINES = 12, /* either side, for who speaks */
    SPEAKERS_MAX = 64,  /* more are told apart modulo this */
    RARITY_TERMS = 60,  /* block for the document frequency of terms */
    LINES_MIN = 8,      /* a shorter text has one topic */
    SEPARATION_US = 30000000,
    EDGE_US = 15000000, /* no boundary so near the start or the end */
};

/* Chapters show over more terms than their parts. */
struct scale {
    int block_terms;  /* either side, for cohesion: 120 are about a minute of talk */
    int new_terms;    /* the terms next to the boundary that are looked up ... */
    int memory_terms; /* ... among so many on the other side */
    double threshold; /* standard deviations of the joint score */
    /* Where people talk in turns, more is asked of a boundary: so much when all speak alike. */
    double turns;
};
static const struct scale scales[KN_TOPICS_COUNT] = {
    [KN_TOPICS_COARSE] =
        {.block_terms = 120, .new_terms = 40, .memory_terms = 60, .threshold = 1.8, .turns = 0},
    [KN_TOPICS_FINE] =
        {.block_terms = 60, .new_terms = 20, .memory_terms = 60, .threshold = 0.3, .turns = 1.5},
};

/* A cut so near a gap between sentences belongs to it. */
enum { PICTURE_SLACK_US = 300000 };
#define PICTURE_OTHER 0.4

/* In a talk; where people talk in turns much looks like a new subject. */
#define TURN_SURE 1.5

/* A pause of 4 s counts fully. */
#define PAUSE_UNIT_S 0.3
#define PAUSE_FULL_S 4.0

/* The source as one row of terms, sentence after sentence. */
struct row {
    const struct kn_text *text;
    const struct scale *scale;
    int count;
    int *terms;
    int *starts; /* by line: its first place in `terms`; one more at the end */
    double *rarity;
    double *left, *right; /* by term: counts of the blocks at hand */
};

static void row_build(const struct kn_text *text, const struct scale *scale, struct row *row)
{
    int lines = text->timeline->sentence_count;

    *row = (struct row){.text = text, .scale = scale};
    row->terms = kn_malloc(((size_t)text->timeline->word_count + 1) * sizeof *row->terms);
    row->starts = kn_malloc(((size_t)lines + 1) * sizeof *row->starts);
    row->rarity = kn_calloc((size_t)text->term_count, sizeof *row->rarity);
    row->left = kn_calloc((size_t)text->term_count, sizeof *row->left);
    row->right = kn_calloc((size_t)text->term_count, sizeof *row->right);
    for (int s = 0; s < lines; s++) {
        const struct kn_sentence *sentence = &text->timeline->sentences[s];
        int end = sentence->first_word + sentence->word_count;
        row->starts[s] = row->count;
        for (int i = sentence->first_word; i >= 0 && i < end; i = text->tokens[i].next) {
            if (text->tokens[i].term >= 0)
                row->terms[row->count++] = text->tokens[i].term;
        }
    }
    row->starts[lines] = row->count;

    /* Rarity as in inverse document frequency, a block of terms being a document. */
    int *last_block = kn_malloc((size_t)text->term_count * sizeof *last_block + 1);
    for (int t = 0; t < text->term_count; t++)
        last_block[t] = -1;
    for (int k = 0; k < row->count; k++) {
        int block = k / RARITY_TERMS, term = row->terms[k];
        row->rarity[term] += last_block[term] != block;
        last_block[term] = block;
    }
    free(last_block);
    double blocks = row->count / RARITY_TERMS + 1;
    for (int t = 0; t < text->term_count; t++)
        row->rarity[t] = row->rarity[t] > 0 ? log(1 + blocks / row->rarity[t]) : 0;
}

static void row_free(struct row *row)
{
    free(row->terms);
    free(row->starts);
    free(row->rarity);
    free(row->left);
    free(row->right);
}

/* Adds the terms [from, to) by their rarity; returns the sum of squares that this adds. */
static double fill(const struct row *row, double *block, int from, int to)
{
    double squares = 0;
    for (int k = from; k < to; k++) {
        double *v = &block[row->terms[k]], step = row->rarity[row->terms[k]];
        squares += step * (2 * *v + step);
        *v += step;
    }
    return squares;
}

static void clear(const struct row *row, double *block, int from, int to)
{
    for (int k = from; k < to; k++)
        block[row->terms[k]] = 0;
}

/* Cosine of the blocks of terms before and after the place `at`. */
static double cohesion(const struct row *row, int at)
{
    int from = KN_MAX(0, at - row->scale->block_terms);
    int to = KN_MIN(row->count, at + row->scale->block_terms);
    double dot = 0;

    double size = fill(row, row->left, from, at) * fill(row, row->right, at, to);
    for (int k = at; k < to; k++) /* each right term adds its share of right[t] */
        dot += row->left[row->terms[k]] * row->rarity[row->terms[k]];
    clear(row, row->left, from, at);
    clear(row, row->right, at, to);
    return size > 0 ? dot / sqrt(size) : 0;
}

/* How far cohesion falls below the best within a block's reach on each side. */
static void sign_depth(const struct row *row, int lines, double *sign)
{
    double *level = kn_calloc((size_t)lines, sizeof *level);
    int reach = row->scale->block_terms;

    for (int g = 1; g < lines; g++)
        level[g] = cohesion(row, row->starts[g]);
    for (int g = 1; g < lines; g++) {
        double left = level[g], right = level[g];
        int first = KN_MAX(1, g - BLOCK_LINES), last = KN_MIN(lines - 1, g + BLOCK_LINES);
        for (int k = g; k >= first && row->starts[k] >= row->starts[g] - reach; k--)
            left = KN_MAX(left, level[k]);
        for (int k = g; k <= last && row->starts[k] <= row->starts[g] + reach; k++)
            right = KN_MAX(right, level[k]);
        sign[g] = left + right - 2 * level[g];
    }
    free(level);
}

/* Share of [from, to) that does not occur in [other_from, other_to). */
static double share_missing(const struct row *row, int from, int to, int other_from, int other_to)
{
    int missing = 0;

    (void)fill(row, row->left, other_from, other_to);
    for (int k = from; k < to; k++)
        missing += row->left[row->terms[k]] == 0;
    clear(row, row->left, other_from, other_to);
    return to > from ? (double)missing / (to - from) : 0;
}

/* What comes is new, and what was there is gone. */
static void sign_turnover(const struct row *row, int lines, double *sign)
{
    for (int g = 1; g < lines; g++) {
        int at = row->starts[g], near = row->scale->new_terms, far = row->scale->memory_terms;
        sign[g] = share_missing(row, at, KN_MIN(row->count, at + near), KN_MAX(0, at - far), at) +
                  share_missing(row, KN_MAX(0, at - near), at, at, KN_MIN(row->count, at + far));
    }
}

static void sign_pause(const struct kn_timeline *timeline, double *sign)
{
    int64_t end_us = 0;
    for (int g = 0; g < timeline->sentence_count; g++) {
        double gap_s = (double)(timeline->sentences[g].start_us - end_us) / 1e6;
        if (g > 0 && gap_s > 0)
            sign[g] =
                KN_MIN(1, log(1 + gap_s / PAUSE_UNIT_S) / log(1 + PAUSE_FULL_S / PAUSE_UNIT_S));
        end_us = KN_MAX(end_us, timeline->sentences[g].end_us);
    }
}

/* A new slide in the gap before a sentence; another picture there says less: in a talk with
 * several cameras it may be anywhere. */
static void sign_picture(const struct kn_timeline *timeline, double *sign)
{
    int shot = 1;
    int64_t end_us = 0;
    for (int g = 0; g < timeline->sentence_count; g++) {
        int64_t start_us = timeline->sentences[g].start_us;
        while (shot < timeline->shot_count &&
               timeline->shots[shot].start_us < KN_MIN(end_us, start_us) - PICTURE_SLACK_US)
            shot++;
        for (int k = shot; g > 0 && k < timeline->shot_count &&
                           timeline->shots[k].start_us <= start_us + PICTURE_SLACK_US;
             k++) {
            bool slide = timeline->shots[k].kind == KN_SHOT_SLIDE;
            sign[g] = KN_MAX(sign[g], slide ? 1 : PICTURE_OTHER);
        }
        end_us = KN_MAX(end_us, timeline->sentences[g].end_us);
    }
}

static void add_speakers(const struct kn_text *text, int from, int to, double *shares)
{
    double words = 0;
    memset(shares, 0, SPEAKERS_MAX * sizeof *shares);
    for (int g = from; g < to; g++) {
        shares[(text->timeline->sentences[g].speaker + 1) % SPEAKERS_MAX] +=
            text->lines[g].said.words;
        words += text->lines[g].said.words;
    }
    for (int i = 0; i < SPEAKERS_MAX; i++)
        shares[i] = words > 0 ? shares[i] / words : 0;
}

/* 1 - overlap of who speaks before and after. */
static void sign_speaker(const struct kn_text *text, int lines, double *sign)
{
    double before[SPEAKERS_MAX], after[SPEAKERS_MAX];

    for (int g = 1; g < lines; g++) {
        add_speakers(text, KN_MAX(0, g - SPEAKER_LINES), g, before);
        add_speakers(text, g, KN_MIN(lines, g + SPEAKER_LINES), after);
        sign[g] = 1;
        for (int i = 0; i < SPEAKERS_MAX; i++)
            sign[g] -= KN_MIN(before[i], after[i]);
    }
}

/* Brings [1, count) to mean 0 and standard deviation 1, or to 0 where all are the same. */
static void standardise(double *values, int count)
{
    double sum = 0, squares = 0;

    for (int i = 1; i < count; i++)
        sum += values[i];
    double mean = sum / (count - 1);
    for (int i = 1; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    double deviation = sqrt(squares / (count - 1));
    for (int i = 1; i < count; i++)
        values[i] = deviation > 1e-9 ? (values[i] - mean) / deviation : 0;
    values[0] = 0;
}

static void join_signs(const struct kn_text *text, const struct scale *scale, int lines,
                       double *score)
{
    double *sign = kn_malloc((size_t)lines * sizeof *sign);
    struct row row;

    row_build(text, scale, &row);
    for (int which = 0; which < SIGN_COUNT; which++) {
        memset(sign, 0, (size_t)lines * sizeof *sign);
        switch ((enum sign)which) {
        case SIGN_DEPTH:
            sign_depth(&row, lines, sign);
            break;
        case SIGN_TURNOVER:
            sign_turnover(&row, lines, sign);
            break;
        case SIGN_PAUSE:
            sign_pause(text->timeline, sign);
            break;
        case SIGN_CUE:
            for (int g = 0; g < lines; g++)
                sign[g] = text->lines[g].opening;
            break;
        case SIGN_SPEAKER:
            sign_speaker(text, lines, sign);
            break;
        case SIGN_PICTURE:
            sign_picture(text->timeline, sign);
            break;
        case SIGN_COUNT:
            break;
        }
        standardise(sign, lines);
        for (int g = 1; g < lines; g++)
            score[g] += sign_weights[which] * sign[g];
    }
    standardise(score, lines);
    row_free(&row);
    free(sign);
}

/* Share of the words that the one who speaks most says: near 1 in a talk. */
static double main_share(const struct kn_text *text)
{
    double shares[SPEAKERS_MAX], most = 0;
    add_speakers(text, 0, text->timeline->sentence_count, shares);
    for (int i = 0; i < SPEAKERS_MAX; i++)
        most = KN_MAX(most, shares[i]);
    return most;
}

struct ranked {
    double score;
    int line;
};

static int by_score(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return (a->line > b->line) - (a->line < b->line);
}

static int by_value(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

/* The strongest first, each far enough from those already taken. The taken are kept in a row of
 * cells of the separation's width, so that a look at three cells is enough. */
static void choose(const struct kn_timeline *timeline, const double *score, double threshold,
                   struct kn_arena *arena, struct kn_topics *topics)
{
    int lines = timeline->sentence_count, taken = 0;
    int64_t start_us = timeline->sentences[0].start_us, end_us = start_us;
    struct ranked *order = kn_malloc((size_t)lines * sizeof *order);
    int *chosen = kn_malloc((size_t)lines * sizeof *chosen);

    for (int g = 0; g < lines; g++) {
        order[g] = (struct ranked){score[g], g};
        end_us = KN_MAX(end_us, timeline->sentences[g].end_us);
    }
    qsort(order, (size_t)lines, sizeof *order, by_score);
    size_t cells = (size_t)((end_us - start_us) / SEPARATION_US) + 3;
    int *cell = kn_calloc(cells, sizeof *cell); /* line, 0: none */
    for (int k = 0; k < lines && order[k].score >= threshold; k++) {
        int64_t at_us = timeline->sentences[order[k].line].start_us;
        size_t c = (size_t)((at_us - start_us) / SEPARATION_US) + 1;
        bool near = at_us - start_us < EDGE_US || end_us - at_us < EDGE_US;
        for (size_t n = c - 1; n <= c + 1; n++)
            near = near || (cell[n] &&
                            llabs(timeline->sentences[cell[n]].start_us - at_us) < SEPARATION_US);
        if (near)
            continue;
        cell[c] = order[k].line;
        chosen[taken++] = order[k].line;
    }
    qsort(chosen, (size_t)taken, sizeof *chosen, by_value);

    int64_t *times = kn_arena_array(arena, (size_t)taken + 1, sizeof *times);
    for (int i = 0; i < taken; i++)
        times[i] = timeline->sentences[chosen[i]].start_us;
    topics->count = taken;
    topics->lines = kn_arena_copy(arena, chosen, (size_t)taken * sizeof *chosen);
    topics->times_us = times;
    free(order);
    free(chosen);
    free(cell);
}

void kn_topics_find(const struct kn_text *text, enum kn_topic_detail detail, struct kn_arena *arena,
                    struct kn_topics *ret_topics)
{
    int lines = text->timeline->sentence_count;
    float *strength = kn_arena_array(arena, (size_t)lines + 1, sizeof *strength);
    struct kn_topics topics = {.strength = strength, .sure = TURN_SURE};

    if (lines >= LINES_MIN) {
        double *score = kn_calloc((size_t)lines, sizeof *score);
        join_signs(text, &scales[detail], lines, score);
        double others = 1 - main_share(text);
        double threshold = scales[detail].threshold + scales[detail].turns * others;
        topics.sure = (float)(TURN_SURE + TURN_SURE * others);
        choose(text->timeline, score, threshold, arena, &topics);
        /* Little was said before the first sentences and after the last: all seems new there. */
        int64_t start_us = text->timeline->sentences[0].start_us, end_us = start_us;
        for (int g = 0; g < lines; g++)
            end_us = KN_MAX(end_us, text->timeline->sentences[g].end_us);
        for (int g = 0; g < lines; g++) {
            int64_t at_us = text->timeline->sentences[g].start_us;
            bool edge = at_us - start_us < EDGE_US || end_us - at_us < EDGE_US;
            strength[g] = (float)(edge ? KN_MIN(score[g], 0) : score[g]);
        }
        free(score);
    }
    *ret_topics = topics;
}
