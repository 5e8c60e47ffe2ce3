/*
 *        add              speech begins, or is joined over a short pause
 *   IDLE ----> regions[0..count) ----> open region ----> …
 *                  |                        |
 *                  | 1.2 s of silence       | longer than 16 s: cut at the best pause so far
 *                  v                        v longer than 20 s: cut inside
 *               utterance               utterance, the rest stays
 *
 * A region is speech between two pauses. All positions are frame numbers; the regions together
 * with the open one are what the next utterance is cut from.
 */
#include "analyze/utterances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    OFF_FRAMES = 4,             /* 128 ms below the lower threshold end speech */
    REGION_MIN = 8,             /* 0.25 s */
    JOIN_MAX = 37,              /* 1.2 s */
    SOFT_MAX = 500,             /* 16 s */
    HARD_MAX = 625,             /* 20 s */
    CUT_MIN = SOFT_MAX * 2 / 5, /* an earlier cut would leave an utterance without context */
    DIP = 7,                    /* frames over which a weak moment is averaged */
    REGIONS_MAX = HARD_MAX / REGION_MIN + 1,
    HISTORY = HARD_MAX + JOIN_MAX + OFF_FRAMES + 8,
    BEFORE_US = 400000,
    AFTER_US = 400000,
    SPLIT_MIN = 62, /* 2 s */
};

static const float on_probability = 0.5F, off_probability = 0.35F;
/* Pauses beyond this are all as good as each other; then the later one wins. */
static const double pause_worth_s = 0.8, length_worth = 0.01;

struct region {
    int64_t start, end;
};

struct kn_utterance_cutter {
    int64_t frame; /* of the next probability */
    struct region regions[REGIONS_MAX];
    int count;
    bool open; /* speech is going on since `open_start` … */
    int64_t open_start;
    int low_frames;         /* … or perhaps over: frames below the lower threshold */
    int64_t spoken_end;     /* end of what was given last; -JOIN_MAX or so before the first */
    float history[HISTORY]; /* probability of frame f at f % HISTORY */
};

struct kn_utterance_cutter *kn_utterance_cutter_new(void)
{
    struct kn_utterance_cutter *cutter = kn_calloc(1, sizeof *cutter);
    cutter->spoken_end = -HARD_MAX;
    return cutter;
}

void kn_utterance_cutter_free(struct kn_utterance_cutter *cutter)
{
    free(cutter);
}

static int64_t first_frame(const struct kn_utterance_cutter *c)
{
    return c->count ? c->regions[0].start : c->open ? c->open_start : c->frame;
}

int64_t kn_utterance_cutter_needs_us(const struct kn_utterance_cutter *cutter)
{
    int64_t from_us = first_frame(cutter) * KN_SPEECH_FRAME_US - BEFORE_US;
    return KN_MAX(from_us, 0);
}

/* Margin next to a pause from frame `from` to `to`: at most half of it. */
static int64_t margin_us(int64_t from, int64_t to, int64_t wanted_us)
{
    int64_t half_us = (to - from) * KN_SPEECH_FRAME_US / 2;
    return KN_MIN(wanted_us, half_us);
}

/* Gives regions [0, n) as an utterance; `next` is where speech goes on (or may at the earliest). */
static void give(struct kn_utterance_cutter *c, int n, int64_t next,
                 struct kn_speech_span *ret_span)
{
    int64_t start = c->regions[0].start, end = c->regions[n - 1].end, speech = 0;
    for (int i = 0; i < n; i++)
        speech += c->regions[i].end - c->regions[i].start;
    int64_t start_us = start * KN_SPEECH_FRAME_US - margin_us(c->spoken_end, start, BEFORE_US);
    ret_span->start_us = KN_MAX(start_us, 0);
    ret_span->end_us = end * KN_SPEECH_FRAME_US + margin_us(end, next, AFTER_US);
    ret_span->speech_us = speech * KN_SPEECH_FRAME_US;
    c->spoken_end = end;
    c->count -= n;
    memmove(c->regions, c->regions + n, sizeof *c->regions * (size_t)c->count);
}

/* The number of regions before the best pause to cut at, 0 when all pauses come too early. `end`
 * is where the speech behind the last region starts. */
static int best_cut(const struct kn_utterance_cutter *c, int64_t open_start, int64_t least)
{
    const double frame_s = KN_SPEECH_FRAME_US / 1e6;
    double best_score = -1;
    int best = 0;
    for (int i = 0; i < c->count; i++) {
        int64_t length = c->regions[i].end - c->regions[0].start;
        int64_t next = i + 1 < c->count ? c->regions[i + 1].start : open_start;
        double pause_s = (double)(next - c->regions[i].end) * frame_s;
        double score = fmin(pause_s, pause_worth_s) + length_worth * (double)length * frame_s;
        if (length >= least && score > best_score) {
            best_score = score;
            best = i + 1;
        }
    }
    return best;
}

static float dip_at(const float *history, int64_t frame)
{
    float sum = 0;
    for (int64_t f = frame - DIP / 2; f <= frame + DIP / 2; f++)
        sum += history[f % HISTORY];
    return sum;
}

/* The weakest moment of the second half of the open region, which is cut there in two. */
static void cut_open_region(struct kn_utterance_cutter *c)
{
    int64_t from = c->open_start + (c->frame - c->open_start) / 2, weakest = from;
    for (int64_t f = from; f < c->frame - DIP; f++)
        if (dip_at(c->history, f) < dip_at(c->history, weakest))
            weakest = f;
    c->regions[c->count++] = (struct region){c->open_start, weakest};
    c->open_start = weakest;
}

/* Speech has become longer than one utterance may be. */
static bool cut_long_speech(struct kn_utterance_cutter *c, struct kn_speech_span *ret_span)
{
    int64_t length = c->frame - first_frame(c);
    if (length <= SOFT_MAX)
        return false;
    int n = best_cut(c, c->open_start, CUT_MIN);
    if (n == 0 && length < HARD_MAX)
        return false; /* it may end by itself, or pause */
    if (n == 0)
        n = best_cut(c, c->open_start, 0);
    if (n == 0) {
        cut_open_region(c);
        n = 1;
    }
    give(c, n, c->count > n ? c->regions[n].start : c->open_start, ret_span);
    return true;
}

static void close_region(struct kn_utterance_cutter *c, int64_t end)
{
    bool goes_on = c->count == 0 && c->spoken_end == c->open_start; /* rest of a cut inside */
    if (goes_on || end - c->open_start >= REGION_MIN)
        c->regions[c->count++] = (struct region){c->open_start, end};
    c->open = false;
}

bool kn_utterance_cutter_add(struct kn_utterance_cutter *cutter, float probability,
                             struct kn_speech_span *ret_span)
{
    struct kn_utterance_cutter *c = cutter;
    c->history[c->frame % HISTORY] = probability;
    if (!c->open && probability >= on_probability) {
        c->open = true;
        c->open_start = c->frame;
        c->low_frames = 0;
    }
    c->frame++;
    if (c->open) {
        c->low_frames = probability < off_probability ? c->low_frames + 1 : 0;
        if (c->low_frames == OFF_FRAMES)
            close_region(c, c->frame - OFF_FRAMES);
        else
            return cut_long_speech(c, ret_span);
    }
    if (c->count && c->frame - c->regions[c->count - 1].end > JOIN_MAX) {
        give(c, c->count, c->frame, ret_span);
        return true;
    }
    return false;
}

bool kn_utterance_cutter_end(struct kn_utterance_cutter *cutter, struct kn_speech_span *ret_span)
{
    struct kn_utterance_cutter *c = cutter;
    if (c->open)
        close_region(c, c->frame - c->low_frames);
    if (c->count == 0)
        return false;
    int64_t last = c->regions[c->count - 1].end;
    /* The stream ends: what is left behind the last word belongs to it. */
    give(c, c->count, c->frame + (c->frame - last), ret_span);
    return true;
}

/* Splitting an utterance again */

int kn_utterance_split(const float *probabilities, int count)
{
    if (count < SPLIT_MIN)
        return 0;
    int from = count / 5, to = count - count / 5, best = 0, best_length = 0;
    for (int i = from; i < to; i++) {
        int start = i;
        while (i < to && probabilities[i] < off_probability)
            i++;
        if (i - start > best_length) {
            best_length = i - start;
            best = start + best_length / 2;
        }
    }
    if (best_length)
        return best;
    best = from;
    float weakest = INFINITY;
    for (int i = KN_MAX(from, DIP / 2); i < to && i + DIP / 2 < count; i++) {
        float sum = 0;
        for (int k = i - DIP / 2; k <= i + DIP / 2; k++)
            sum += probabilities[k];
        if (sum < weakest) {
            weakest = sum;
            best = i;
        }
    }
    return best;
}
