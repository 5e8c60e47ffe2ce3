/*
 * 1. A path through the attention matrix by dynamic programming (kn_align_path). No normalising
 *    and no median filter: both made it worse or left it equal.
 * 2. A word lasts from its first token's first frame to its last spoken token's last frame.
 * 3. The zone between two words belongs to punctuation. Where it holds a pause, the words reach up
 *    to it from both sides; else the border goes where the sound is weakest.
 * 4. A pause inside of a word means that attention ran ahead or lagged: what is on the far side of
 *    the pause is dropped unless it has its share of the word's attention.
 */
#include "ai/align.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { RATE_HZ = 16000, HOP = RATE_HZ / 100 }; /* energies are of 10 ms */

static const double frame_s = 0.024, hop_s = 0.010;
/* Half the encoder's window; measured as the offset at which starts are unbiased. */
static const double frame_offset_s = 0.050;
static const double pause_between_s = 0.040, pause_inside_s = 0.080;
static const double reach_max_s = 0.300; /* how far a word is stretched to meet a pause */
static const double before_island_s = 0.020, after_island_s = 0.030;
static const double shortest_s = 0.040;
static const float island_share = 0.25F;

/* Energies of the sound in dB, and below which it is quiet. */
struct energy {
    float *db;
    int count;
    float quiet_db;
};

/* The path */

enum step { STEP_DIAGONAL, STEP_ROW, STEP_FRAME };

/* Fills `best` for one row from the row before; best[f] is the greatest sum of a path to (row, f).
 */
static void extend_row(const float *attention, int frames, bool first_row, float *best,
                       uint8_t *steps)
{
    float diagonal = first_row ? 0 : -INFINITY; /* best[f - 1] of the row before */
    for (int f = 0; f < frames; f++) {
        float above = first_row ? -INFINITY : best[f], left = f ? best[f - 1] : -INFINITY;
        enum step step = STEP_DIAGONAL;
        float from = diagonal;
        if (above > from) {
            step = STEP_ROW;
            from = above;
        }
        if (left > from) {
            step = STEP_FRAME;
            from = left;
        }
        steps[f] = (uint8_t)step;
        diagonal = first_row ? -INFINITY : best[f];
        best[f] = from + attention[f];
    }
}

void kn_align_path(const struct kn_attention *attention, struct kn_arena *scratch, int *ret_first,
                   int *ret_last)
{
    int rows = attention->rows, frames = attention->frames;
    if (rows <= 0 || frames <= 0)
        return;
    float *best = kn_arena_array(scratch, (size_t)frames, sizeof *best);
    uint8_t *steps = kn_arena_array(scratch, (size_t)rows, (size_t)frames);
    for (int r = 0; r < rows; r++)
        extend_row(attention->at + (size_t)r * frames, frames, r == 0, best,
                   steps + (size_t)r * frames);
    int r = rows - 1, f = frames - 1;
    ret_last[r] = f;
    while (r > 0 || f > 0) {
        enum step step = steps[(size_t)r * frames + f];
        if (f == 0) /* nothing is left of the first frame */
            step = STEP_ROW;
        if (step == STEP_FRAME) {
            f--;
            continue;
        }
        ret_first[r] = f;
        if (r == 0)
            break;
        f -= step == STEP_DIAGONAL;
        ret_last[--r] = f;
    }
    ret_first[0] = 0;
}

/* Energy */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static struct energy measure(const float *samples, int count, struct kn_arena *scratch)
{
    struct energy energy = {.count = count / HOP};
    energy.db = kn_arena_array(scratch, (size_t)energy.count + 1, sizeof *energy.db);
    for (int i = 0; i < energy.count; i++) {
        float sum = 0;
        for (int k = 0; k < HOP; k++)
            sum += samples[i * HOP + k] * samples[i * HOP + k];
        energy.db[i] = 10 * log10f(sum / HOP + 1e-10F);
    }
    if (energy.count == 0)
        return energy;
    float *sorted = kn_arena_copy(scratch, energy.db, sizeof *sorted * (size_t)energy.count);
    qsort(sorted, (size_t)energy.count, sizeof *sorted, compare_floats);
    float low = sorted[energy.count / 10], high = sorted[energy.count * 95 / 100];
    energy.quiet_db = low + 0.25F * (high - low);
    return energy;
}

static int hop_at(const struct energy *energy, double time_s)
{
    int hop = (int)lround(time_s / hop_s);
    return KN_CLAMP(hop, 0, energy->count);
}

/* A run of quiet hops. */
struct pause {
    int start, end;
};

/* The first pause of at least `least_s` within [from, to); false when there is none. */
static bool next_pause(const struct energy *energy, int from, int to, double least_s,
                       struct pause *ret_pause)
{
    int least = (int)lround(least_s / hop_s);
    for (int i = from; i < to; i++) {
        int start = i;
        while (i < to && energy->db[i] <= energy->quiet_db)
            i++;
        if (i - start >= least) {
            *ret_pause = (struct pause){start, i};
            return true;
        }
    }
    return false;
}

/* Between two words */

static int weakest_hop(const struct energy *energy, int from, int to)
{
    int weakest = from;
    for (int i = from; i < to; i++)
        if (energy->db[i] < energy->db[weakest])
            weakest = i;
    return weakest;
}

static void settle_border(const struct energy *energy, struct kn_align_word *word,
                          struct kn_align_word *next)
{
    int from = hop_at(energy, word->end_s), to = hop_at(energy, next->start_s);
    if (from >= to)
        return;
    struct pause first, last;
    if (!next_pause(energy, from, to, pause_between_s, &first)) {
        double border_s = weakest_hop(energy, from, to) * hop_s;
        word->end_s = border_s;
        next->start_s = border_s;
        return;
    }
    last = first;
    while (next_pause(energy, last.end, to, pause_between_s, &last))
        continue;
    word->end_s = fmin(first.start * hop_s, word->end_s + reach_max_s);
    next->start_s = fmax(last.end * hop_s, next->start_s - reach_max_s);
}

/* Inside of a word */

/* How much attention the word's spoken tokens pay to the hops [from, to). */
static float attention_mass(const struct kn_attention *attention, const struct kn_align_word *word,
                            int from, int to)
{
    int first = (int)floor((from * hop_s - frame_offset_s) / frame_s);
    int last = (int)ceil((to * hop_s - frame_offset_s) / frame_s);
    first = KN_CLAMP(first, 0, attention->frames);
    last = KN_CLAMP(last, 0, attention->frames);
    float mass = 0;
    for (int r = word->first; r < word->first + word->spoken; r++)
        for (int f = first; f < last; f++)
            mass += attention->at[(size_t)r * attention->frames + f];
    return mass;
}

enum { ISLANDS_MAX = 16 };
struct island {
    int start, end;
    float mass;
};

/* Splits the word at its pauses. */
static int find_islands(const struct kn_attention *attention, const struct energy *energy,
                        const struct kn_align_word *word, struct island *islands)
{
    int at = hop_at(energy, word->start_s), end = hop_at(energy, word->end_s), count = 0;
    struct pause pause;
    while (at < end && count < ISLANDS_MAX) {
        bool more = count < ISLANDS_MAX - 1 && next_pause(energy, at, end, pause_inside_s, &pause);
        int island_end = more ? pause.start : end;
        if (island_end > at)
            islands[count++] =
                (struct island){at, island_end, attention_mass(attention, word, at, island_end)};
        at = more ? pause.end : end;
    }
    return count;
}

static void drop_far_islands(const struct kn_attention *attention, const struct energy *energy,
                             struct kn_align_word *word)
{
    struct island islands[ISLANDS_MAX];
    int count = find_islands(attention, energy, word, islands);
    if (count == 0)
        return;
    float total = 0;
    int best = 0;
    for (int i = 0; i < count; i++) {
        total += islands[i].mass;
        if (islands[i].mass > islands[best].mass)
            best = i;
    }
    int first = best, last = best;
    while (first > 0 && islands[first - 1].mass > island_share * total)
        first--;
    while (last < count - 1 && islands[last + 1].mass > island_share * total)
        last++;
    word->start_s = fmax(word->start_s, islands[first].start * hop_s - before_island_s);
    word->end_s = fmin(word->end_s, islands[last].end * hop_s + after_island_s);
}

/* No overlaps, nothing shorter than shortest_s as far as there is room, all within the sound. */
static void keep_order(struct kn_align_word *words, int count, double length_s)
{
    double at = 0;
    for (int i = 0; i < count; i++) {
        /* What is left of the sound is shared with the words that still follow. */
        double least = fmin(shortest_s, (length_s - at) / (count - i));
        double latest_end = length_s - least * (count - i - 1);
        words[i].start_s = KN_CLAMP(words[i].start_s, at, fmax(at, latest_end - least));
        double next_s = i + 1 < count ? words[i + 1].start_s : length_s;
        words[i].end_s = fmax(fmin(words[i].end_s, next_s), words[i].start_s + least);
        words[i].end_s = fmin(words[i].end_s, latest_end);
        at = words[i].end_s;
    }
}

void kn_align_words(const struct kn_attention *attention, const float *samples, int sample_count,
                    struct kn_arena *scratch, struct kn_align_word *words, int word_count)
{
    if (word_count == 0)
        return;
    int *first = kn_arena_array(scratch, (size_t)attention->rows + 1, sizeof *first);
    int *last = kn_arena_array(scratch, (size_t)attention->rows + 1, sizeof *last);
    kn_align_path(attention, scratch, first, last);
    for (int i = 0; i < word_count; i++) {
        struct kn_align_word *word = &words[i];
        word->start_s = first[word->first] * frame_s + frame_offset_s;
        word->end_s = (last[word->first + word->spoken - 1] + 1) * frame_s + frame_offset_s;
    }
    struct energy energy = measure(samples, sample_count, scratch);
    for (int i = 0; i + 1 < word_count; i++)
        settle_border(&energy, &words[i], &words[i + 1]);
    for (int i = 0; i < word_count; i++)
        drop_far_islands(attention, &energy, &words[i]);
    keep_order(words, word_count, (double)sample_count / RATE_HZ);
}
