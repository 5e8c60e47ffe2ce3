/*
 * From pieces to screenfuls.
 *
 * All screenfuls of a clip are chosen together: a shortest path over the places between pieces,
 * where the step from i to j costs what is wrong with a screenful of the pieces [i, j). So an
 * awkward break is accepted only where it saves a worse one nearby. Greedy filling, the usual way,
 * leaves single words behind and ends lines on "the".
 *
 * Then times: a screenful is on from its first word to the end of its last and holds a little
 * where the next is not due, so that nothing flickers.
 */
#include "clip/captions_layout.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "base/clock.h"

/* A screenful has no more pieces than this, whatever the style; bounds the search. */
enum { PIECES_MOST = 24 };

/* Worse than all that is merely awkward: a break where the script has none (UAX #14). And worse
 * than any number of those: words of two people, or of minutes, on one screen; lines too wide. Both
 * add up, so that there is always a layout, with as few of them as can be. */
#define UGLY  1e3
#define WRONG 1e7

/* Times of screenfuls: a blank shorter than CLOSE is never shown, a screenful stays at most HOLD
 * after its last word. */
enum { CLOSE_US = 300000, HOLD_US = 400000 };

/* What the search weighs for a style. */
struct limits {
    double weight_most, weight_ideal; /* words a screenful; ideal 0: fill the lines */
    double seconds_most, seconds_least;
    double screen; /* cost of one more screenful */
    double second_line;
    double line_end; /* how much an awkward end of the first line counts, against a screenful's */
    double inner_sentence; /* a sentence ends inside a screenful */
};

static struct limits style_limits(const struct kn_caption_look *look)
{
    if (!look) /* subtitles for reading: 6 s at most, EBU and Netflix practice alike */
        return (struct limits){.weight_most = 24,
                               .seconds_most = 6,
                               .seconds_least = 1.2,
                               .screen = 7,
                               .second_line = 0.5,
                               .line_end = 0.6,
                               .inner_sentence = 8};
    bool pops = look->ideal_words > 0;
    return (struct limits){
        .weight_most = look->words,
        .weight_ideal = look->ideal_words,
        .seconds_most = look->screen_s,
        .seconds_least = pops ? 0.45 : 0.9,
        .screen = pops ? 3 : 4,
        .second_line = pops ? 0.8 : 0.5,
        .line_end = pops ? 0.3 : 0.6,
        .inner_sentence = pops ? 14 : 5,
    };
}

double kn_captions_width(const struct kn_pieces *pieces, int from, int to)
{
    double width = 0;

    for (int i = from; i < to; i++)
        width += pieces->at[i].width + (i > from ? pieces->at[i].gap : 0);
    return width;
}

/*
 * The best lines for [from, to): one when they fit, else two. *ret_break is the index of the
 * first piece of the second line, or 0. A piece alone is allowed to be too wide: it is drawn
 * smaller.
 */
static double line_cost(const struct kn_caption_job *job, const struct limits *limits,
                        const struct kn_pieces *pieces, int from, int to, int *ret_break)
{
    double all = kn_captions_width(pieces, from, to), room = job->line_width;
    double best = WRONG * all / room; /* on one line all the same, in smaller letters */

    *ret_break = 0;
    if (all <= room || to - from == 1)
        return 0;
    for (int k = from + 1; k < to; k++) {
        double first = kn_captions_width(pieces, from, k),
               second = kn_captions_width(pieces, k, to);
        if ((first > room && k - from > 1) || (second > room && to - k > 1))
            continue;
        double lean = (first - second) / all;
        double cost =
            limits->second_line + pieces->at[k - 1].cost * limits->line_end + 8 * lean * lean;
        if (!pieces->at[k - 1].may_break)
            cost += UGLY;
        if (cost < best) {
            best = cost;
            *ret_break = k;
        }
    }
    return best;
}

static double seconds(int64_t us)
{
    return (double)us / KN_US_PER_S;
}

/* What is wrong with what lies between the pieces of one screenful. */
static double inner_cost(const struct limits *limits, const struct kn_pieces *pieces, int from,
                         int to)
{
    double cost = 0;

    for (int i = from; i + 1 < to; i++) {
        const struct kn_piece *a = &pieces->at[i], *b = &pieces->at[i + 1];
        double pause = seconds(b->word.start_us - a->word.end_us);
        if (a->speaker != b->speaker || pause > 1.0)
            cost += WRONG;
        if (pause > 0.35)
            cost += 10 * (pause - 0.35);
        if (a->ends_sentence)
            cost += i - from < 2 ? limits->inner_sentence * 0.6 : limits->inner_sentence;
    }
    return cost;
}

static double screen_cost(const struct kn_caption_job *job, const struct limits *limits,
                          const struct kn_pieces *pieces, int from, int to, int *ret_break)
{
    const struct kn_piece *first = &pieces->at[from], *last = &pieces->at[to - 1];
    int64_t next = to < pieces->count ? pieces->at[to].word.start_us : INT64_MAX;
    int64_t end = KN_MIN(next, last->word.end_us + HOLD_US);
    double length = seconds(last->word.end_us - first->word.start_us), weight = 0;

    for (int i = from; i < to; i++)
        weight += pieces->at[i].weight;
    double cost = limits->screen + last->cost + inner_cost(limits, pieces, from, to) +
                  line_cost(job, limits, pieces, from, to, ret_break);
    if (to - from > 1 && (weight > limits->weight_most || length > limits->seconds_most))
        cost += WRONG;
    if (!last->may_break)
        cost += UGLY;
    if (limits->weight_ideal > 0)
        cost += 0.6 * (weight - limits->weight_ideal) * (weight - limits->weight_ideal);
    double on = seconds(end - first->word.start_us);
    if (on < 0.1)
        cost += 100; /* nobody would see it */
    else if (on < limits->seconds_least)
        cost += 14 * (1 - on / limits->seconds_least);
    return cost;
}

static void set_times(const struct kn_caption_job *job, struct kn_screens *screens,
                      const struct kn_pieces *pieces)
{
    int64_t clip = job->end_us - job->start_us;

    for (int i = 0; i < screens->count; i++) {
        struct kn_caption *s = &screens->at[i];
        s->start_us = pieces->at[s->first_word].word.start_us;
        s->end_us = s->start_us;
        for (int k = 0; k < s->word_count; k++)
            s->end_us = KN_MAX(s->end_us, pieces->at[s->first_word + k].word.end_us);
    }
    for (int i = 0; i < screens->count; i++) {
        struct kn_caption *s = &screens->at[i];
        bool last = i + 1 == screens->count;
        int64_t limit = last ? clip : screens->at[i + 1].start_us;
        int64_t gap = limit - s->end_us;
        if (gap <= HOLD_US)
            s->end_us = limit; /* also when words overlap: only one screenful at a time */
        else
            s->end_us += last ? HOLD_US : KN_MIN(HOLD_US, gap - CLOSE_US);
    }
}

void kn_captions_break(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                       struct kn_screens *ret_screens)
{
    const struct limits limits = style_limits(job->look);
    int n = pieces->count;
    struct node {
        double cost;
        int from, line_break;
    } *best = kn_calloc((size_t)n + 1, sizeof *best);

    for (int to = 1; to <= n; to++) {
        best[to] = (struct node){DBL_MAX, to - 1, 0};
        for (int from = to - 1; from >= 0 && to - from <= PIECES_MOST; from--) {
            int line_break;
            double cost =
                best[from].cost + screen_cost(job, &limits, pieces, from, to, &line_break);
            if (cost < best[to].cost)
                best[to] = (struct node){cost, from, line_break};
        }
    }
    for (int to = n; to > 0; to = best[to].from) {
        int from = best[to].from;
        struct kn_caption s = {.first_word = from, .word_count = to - from, .scale = 1};
        s.line_break = best[to].line_break ? best[to].line_break - from : 0;
        kn_vec_push(ret_screens, s);
    }
    for (int i = 0, k = ret_screens->count - 1; i < k; i++, k--) {
        struct kn_caption swap = ret_screens->at[i];
        ret_screens->at[i] = ret_screens->at[k];
        ret_screens->at[k] = swap;
    }
    set_times(job, ret_screens, pieces);
    free(best);
}
