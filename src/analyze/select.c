#include "analyze/select.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/repeats.h"
#include "base/memory.h"
#include "base/vec.h"

enum { ROUNDS_MAX = 32 };

/* From this likeness on two segments repeat each other ... */
#define ALIKE_FROM 0.5
/* ... and the weaker one loses so many points at full likeness. */
#define ALIKE_POINTS 30.0
/* Nobody wants the same sentences twice: where so much of the shorter one is repeated word for
 * word, or nearly all of the terms are the same, only one is chosen. */
#define REPEATED_FROM 0.25
#define SAME_FROM     0.85

struct place {
    int64_t end_us;
    int candidate;
    int before; /* how many places end before this one starts */
};

struct selector {
    const struct kn_text *text;
    const struct kn_candidates *candidates;
    const float *scores;
    double *points;       /* scores less penalties, at least 0; -INFINITY: not to be chosen */
    struct place *places; /* candidates by their end */
    double *best, *fewer; /* best[k]: n segments, and n - 1, among the first k places */
    bool *takes;          /* takes[n * count + k]: the best n among k + 1 places take place k */
    struct kn_repeats *repeats;
    double *terms; /* by term: the weights of one candidate, else 0 */
    bool *leads;   /* by candidate: its likes are penalised already */
};

static int by_end(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->end_us != b->end_us)
        return a->end_us < b->end_us ? -1 : 1;
    return (a->candidate > b->candidate) - (a->candidate < b->candidate);
}

static void sort_places(struct selector *s)
{
    int count = s->candidates->count;

    for (int i = 0; i < count; i++)
        s->places[i] = (struct place){s->candidates->list[i].end->at_us, i, 0};
    qsort(s->places, (size_t)count, sizeof *s->places, by_end);
    for (int i = 0; i < count; i++) {
        int64_t start_us = s->candidates->list[s->places[i].candidate].start->at_us;
        s->places[i].before = kn_first_from(s->places, i, end_us, start_us + 1);
    }
}

/* Fills ret_chosen from the end backwards; returns how many there are. */
static int schedule(struct selector *s, int wanted, int *ret_chosen)
{
    int count = s->candidates->count, chosen = 0, fit = 0;

    for (int k = 0; k <= count; k++)
        s->fewer[k] = 0;
    for (int n = 0; n < wanted; n++) {
        s->best[0] = -INFINITY;
        for (int k = 0; k < count; k++) {
            double with = s->fewer[s->places[k].before] + s->points[s->places[k].candidate];
            bool take = with > s->best[k];
            s->takes[(size_t)n * (size_t)count + (size_t)k] = take;
            s->best[k + 1] = take ? with : s->best[k];
        }
        if (s->best[count] < 0)
            break; /* so many do not fit */
        fit = n + 1;
        double *swap = s->best;
        s->best = s->fewer;
        s->fewer = swap;
    }
    for (int k = count; k > 0 && fit > 0;) {
        if (!s->takes[(size_t)(fit - 1) * (size_t)count + (size_t)(k - 1)]) {
            k--;
            continue;
        }
        ret_chosen[chosen++] = s->places[k - 1].candidate;
        k = s->places[k - 1].before;
        fit--;
    }
    return chosen;
}

/* Adds `sign` times the weights of the candidate's terms; returns the sum of their squares. */
static double add_terms(struct selector *s, const struct kn_candidate *c, double sign)
{
    double squares = 0;
    for (int i = c->first_word; i < c->first_word + c->word_count; i++) {
        int term = s->text->tokens[i].term;
        if (term < 0)
            continue;
        double step = sign * s->text->term_weights[term];
        squares += step * (2 * s->terms[term] + step);
        s->terms[term] += step;
    }
    return squares;
}

static void clear_terms(struct selector *s, const struct kn_candidate *c)
{
    for (int i = c->first_word; i < c->first_word + c->word_count; i++) {
        if (s->text->tokens[i].term >= 0)
            s->terms[s->text->tokens[i].term] = 0;
    }
}

/* Cosine against the candidate whose terms are in s->terms with the sum of squares `squares`; 1
 * where it repeats what that one says. */
static double alike(struct selector *s, double squares, const struct kn_candidate *c)
{
    double dot = 0, own;

    if (kn_repeats_share(s->repeats, c->first_word, c->word_count) >= REPEATED_FROM)
        return 1;
    for (int i = c->first_word; i < c->first_word + c->word_count; i++) {
        int term = s->text->tokens[i].term;
        if (term >= 0)
            dot += s->terms[term] * s->text->term_weights[term];
    }
    if (dot <= 0)
        return 0;
    /* |a + c|² = |a|² + 2 a·c + |c|² */
    own = add_terms(s, c, 1) - 2 * dot;
    add_terms(s, c, -1);
    return own > 0 ? dot / sqrt(squares * own) : 0;
}

/* What others are then compared with; returns the sum of squares. */
static double compare_with(struct selector *s, const struct kn_candidate *c)
{
    kn_repeats_set(s->repeats, c->first_word, c->word_count);
    return add_terms(s, c, 1);
}

static bool overlap(const struct kn_candidate *a, const struct kn_candidate *b)
{
    return a->start->at_us < b->end->at_us && b->start->at_us < a->end->at_us;
}

/* Everything alike to the leader but not a version of it loses points. */
static void penalise_alike(struct selector *s, int leader)
{
    const struct kn_candidate *list = s->candidates->list;
    double squares = compare_with(s, &list[leader]);

    for (int i = 0; i < s->candidates->count && squares > 0; i++) {
        if (overlap(&list[leader], &list[i]))
            continue;
        double likeness = alike(s, squares, &list[i]);
        double loss = ALIKE_POINTS * (likeness - ALIKE_FROM) / (1 - ALIKE_FROM);
        if (likeness >= SAME_FROM)
            s->points[i] = -INFINITY;
        else if (loss > 0)
            s->points[i] = KN_MAX(0, s->points[i] - loss);
    }
    clear_terms(s, &list[leader]);
    s->leads[leader] = true;
}

/* Penalises for the first chosen one that has a weaker like among the chosen. */
static bool penalise(struct selector *s, const int *chosen, int count)
{
    const struct kn_candidate *list = s->candidates->list;

    for (int a = 0; a < count; a++) {
        if (s->leads[chosen[a]])
            continue;
        double squares = compare_with(s, &list[chosen[a]]);
        bool repeats = false;
        for (int b = a + 1; b < count && squares > 0 && !repeats; b++)
            repeats = alike(s, squares, &list[chosen[b]]) > ALIKE_FROM;
        clear_terms(s, &list[chosen[a]]);
        if (repeats) {
            penalise_alike(s, chosen[a]);
            return true;
        }
    }
    return false;
}

/* Best first; few enough for a plain insertion sort. */
static void sort_chosen(const struct selector *s, int *chosen, int count)
{
    for (int i = 1; i < count; i++) {
        int now = chosen[i], k = i;
        while (k > 0 && (s->scores[chosen[k - 1]] < s->scores[now] ||
                         (s->scores[chosen[k - 1]] == s->scores[now] && chosen[k - 1] > now))) {
            chosen[k] = chosen[k - 1];
            k--;
        }
        chosen[k] = now;
    }
}

/* The one that ends first, then the next after it (Kleinberg and Tardos, 4.1). */
int kn_select_room(const struct kn_candidates *candidates, int limit)
{
    int64_t free_us = INT64_MIN;
    for (int room = 0; room < limit; room++) {
        int64_t end_us = INT64_MAX;
        for (int i = 0; i < candidates->count; i++)
            if (candidates->list[i].start->at_us >= free_us)
                end_us = KN_MIN(end_us, candidates->list[i].end->at_us);
        if (end_us == INT64_MAX)
            return room;
        free_us = end_us;
    }
    return limit;
}

int kn_select(const struct kn_text *text, const struct kn_candidates *candidates,
              const float *scores, int count, int *ret_chosen)
{
    size_t all = (size_t)candidates->count;
    struct selector s = {.text = text, .candidates = candidates, .scores = scores};
    int chosen = 0;

    s.points = kn_malloc(all * sizeof *s.points);
    s.places = kn_malloc(all * sizeof *s.places);
    s.best = kn_malloc((all + 1) * sizeof *s.best);
    s.fewer = kn_malloc((all + 1) * sizeof *s.fewer);
    s.takes = kn_malloc((size_t)count * all * sizeof *s.takes);
    s.repeats = kn_repeats_new(text);
    s.terms = kn_calloc((size_t)text->term_count, sizeof *s.terms);
    s.leads = kn_calloc(all, sizeof *s.leads);
    for (size_t i = 0; i < all; i++)
        s.points[i] = scores[i];
    sort_places(&s);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        chosen = schedule(&s, count, ret_chosen);
        sort_chosen(&s, ret_chosen, chosen);
        if (!penalise(&s, ret_chosen, chosen))
            break;
    }
    free(s.points);
    free(s.places);
    free(s.best);
    free(s.fewer);
    free(s.takes);
    kn_repeats_free(s.repeats);
    free(s.terms);
    free(s.leads);
    return chosen;
}
