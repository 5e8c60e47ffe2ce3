/*
 * The story of ranking: words become sentences and terms, terms give topics, sentence boundaries
 * give candidates, features rate them, and the best set is chosen together. docs/ranking.md tells
 * it for people.
 */
#include "analyze/segments.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/advice.h"
#include "analyze/candidates.h"
#include "analyze/evidence.h"
#include "analyze/features.h"
#include "analyze/select.h"
#include "analyze/sentences.h"
#include "analyze/shots.h"
#include "analyze/text.h"
#include "analyze/titles.h"
#include "analyze/topics.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    LENGTH_MIN_US = 5000000,
    LENGTH_MAX_US = 180000000,
    COUNT_MIN = 4, /* when the count follows from the source's length */
    COUNT_MAX = 10,
    COUNT_LIMIT = 100, /* when it was asked for */
    /* One segment more for so much of the source. */
    SOURCE_PER_SEGMENT_US = 360000000,
};

/* Unasked, a segment with less than this share of the best one's score is not worth posting. */
#define WORTH_SHARE 0.7f

const char *kn_topic_detail_name(enum kn_topic_detail detail)
{
    static const char *const names[KN_TOPICS_COUNT] = {"coarse", "fine"};
    return names[detail];
}

static enum kn_status check_options(const struct kn_segment_options *o, struct kn_error *err)
{
    if (o->min_us < LENGTH_MIN_US || o->max_us > LENGTH_MAX_US)
        return kn_error_set(err, KN_INVALID, "segments can be 5 to 180 s long, not %g to %g",
                            kn_seconds(o->min_us), kn_seconds(o->max_us));
    if (o->min_us > o->max_us)
        return kn_error_set(err, KN_INVALID,
                            "the shortest length (%g s) is more than the longest (%g s)",
                            kn_seconds(o->min_us), kn_seconds(o->max_us));
    if (o->count < 0 || o->count > COUNT_LIMIT)
        return kn_error_set(err, KN_INVALID, "%d segments are not between 1 and %d", o->count,
                            COUNT_LIMIT);
    return KN_OK;
}

static int64_t source_length(const struct kn_timeline *t)
{
    int64_t end_us = t->source.duration_us;
    for (int i = 0; i < t->word_count; i++)
        end_us = KN_MAX(end_us, t->words[i].end_us);
    return KN_MAX(end_us, t->shot_count ? t->shots[t->shot_count - 1].end_us : 0);
}

static int wanted_count(const struct kn_timeline *t, const struct kn_segment_options *options)
{
    if (options->count > 0)
        return options->count;
    int64_t length_us = source_length(t);
    int64_t room = length_us * 2 / (3 * options->min_us); /* with a half between two */
    int64_t count = KN_MIN(COUNT_MIN + length_us / SOURCE_PER_SEGMENT_US, COUNT_MAX);
    return (int)KN_MAX(KN_MIN(count, room), 1);
}

static void usual_values(const struct kn_ratings *ratings, int count, float *usual)
{
    for (int k = 0; k < KN_FEATURE_COUNT; k++) {
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += ratings->values[i][k];
        usual[k] = count ? (float)(sum / count) : 0;
    }
}

static struct kn_segment make_segment(const struct kn_candidate *candidate,
                                      const struct kn_ratings *ratings, int index)
{
    struct kn_segment s = {
        .start_us = candidate->start->at_us,
        .end_us = candidate->end->at_us,
        .first_word = candidate->word_count ? candidate->first_word : 0,
        .word_count = candidate->word_count,
        .score = ratings->scores[index],
        .snapped_start = candidate->start->snapped,
        .snapped_end = candidate->end->snapped,
    };

    for (int k = 0; k < KN_FEATURE_COUNT; k++) {
        if (ratings->available[k])
            s.features[s.feature_count++] = (struct kn_feature_value){
                kn_features[k].name, ratings->values[index][k], ratings->weights[k]};
    }
    return s;
}

/* Segments come best first: the better one has the better title. */
static const char *name_segment(const struct kn_text *text, const struct kn_candidate *candidate,
                                const struct kn_segment *before, int count, struct kn_arena *arena)
{
    char clock[KN_TIME_TEXT_BYTES];
    if (candidate->word_count)
        return kn_title_make(text, candidate, before, count, arena);
    return kn_arena_printf(arena, "Scene at %s", kn_time_clock(candidate->start->at_us, clock));
}

/* Who read the whole talk names a span better than its own words do; no two have one title. */
static void take_words(struct kn_segment *s, const struct kn_segment *before, int count)
{
    if (!s->proposal)
        return;
    const char *title = s->proposal->title;
    for (int i = 0; i < count && *title; i++)
        if (strcmp(before[i].title, title) == 0)
            title = "";
    if (*title)
        s->title = title;
    if (s->proposal->hook[0])
        s->hook = s->proposal->hook;
}

/* Nobody posts a black picture in which nothing is said: such spans are candidates only where there
 * are no others. */
#define BLACK_SHARE 0.5

static void drop_black(const struct kn_timeline *t, struct kn_arena *arena,
                       struct kn_candidates *candidates)
{
    struct kn_candidate *list = kn_arena_array(arena, (size_t)candidates->count + 1, sizeof *list);
    int kept = 0;
    for (int i = 0; i < candidates->count; i++) {
        const struct kn_candidate *c = &candidates->list[i];
        if (c->word_count > 0 || kn_shots_black_share(t->shots, t->shot_count, c->start->at_us,
                                                      c->end->at_us) <= BLACK_SHARE)
            list[kept++] = *c;
    }
    if (kept == 0)
        return;
    candidates->list = list;
    candidates->count = kept;
}

/* Not one candidate. No wish for a length can be granted below LENGTH_MIN_US. */
static const char *remark_on_none(const struct kn_timeline *t,
                                  const struct kn_segment_options *options, struct kn_arena *arena)
{
    char span[KN_TIME_TEXT_BYTES], shortest[KN_TIME_TEXT_BYTES];
    int64_t length_us = source_length(t);

    kn_time_span(length_us, span);
    if (length_us < LENGTH_MIN_US)
        return kn_arena_printf(arena, "the source lasts %s, and no segment is shorter than %s",
                               span, kn_time_span(LENGTH_MIN_US, shortest));
    kn_time_span(options->min_us, shortest);
    return kn_arena_printf(
        arena,
        length_us < options->min_us
            ? "the source lasts %s, less than the shortest segment (%s); --length sets it"
            : "in %s no stretch of %s or more begins and ends at a good place",
        span, shortest);
}

/* What keeps those that were found from being more: the source's length, what they say, or where
 * sentences begin and end. */
static const char *remark_on_few(const struct kn_timeline *t,
                                 const struct kn_candidates *candidates,
                                 const struct kn_segment_options *options, int wanted, int fit,
                                 struct kn_arena *arena)
{
    char span[KN_TIME_TEXT_BYTES], shortest[KN_TIME_TEXT_BYTES], longest[KN_TIME_TEXT_BYTES];
    int64_t length_us = source_length(t);
    int room = kn_select_room(candidates, wanted);
    const char *them = fit == 1 ? "it" : "them";

    kn_time_span(length_us, span);
    kn_time_span(options->min_us, shortest);
    kn_time_span(options->max_us, longest);
    if (length_us < (fit + 1) * options->min_us)
        return kn_arena_printf(arena, "%s have room for %d of %d segments of %s or more", span, fit,
                               wanted, shortest);
    if (room >= wanted)
        return kn_arena_printf(
            arena, "only %d of %d segments found in %s: whatever else there is repeats %s", fit,
            wanted, span, them);
    return kn_arena_printf(
        arena,
        "only %d of %d segments found in %s: beside %s no stretch of %s to %s %s%s; another "
        "--length may find more",
        fit, wanted, span, them, shortest, longest,
        candidates->whole ? "is made of whole sentences" : "begins and ends at a good place",
        room > fit ? " without repeating what was said" : "");
}

/* Why there are fewer than wanted; NULL when there are not. */
static const char *make_remark(const struct kn_timeline *t, const struct kn_candidates *candidates,
                               const struct kn_segment_options *options, int wanted, int fit,
                               int kept, struct kn_arena *arena)
{
    if (kept >= wanted)
        return NULL;
    if (t->word_count == 0 && t->shot_count == 0 && t->sound.count == 0)
        return "there is nothing to rank: no words, no picture, no sound";
    if (candidates->count == 0)
        return remark_on_none(t, options, arena);
    if (fit < wanted)
        return remark_on_few(t, candidates, options, wanted, fit, arena);
    return kn_arena_printf(arena,
                           "%d of %d segments are kept; the others are far weaker than the best "
                           "(--clips %d takes them too)",
                           kept, wanted, wanted);
}

/* Without a wish for a count, drops what is far weaker than the best. */
static int count_worthy(const struct kn_segment_options *options, const float *scores,
                        const int *chosen, int count)
{
    int kept = count;
    while (options->count == 0 && kept > 1 &&
           scores[chosen[kept - 1]] < WORTH_SHARE * scores[chosen[0]])
        kept--;
    return kept;
}

enum kn_status kn_segments_choose(const struct kn_timeline *timeline,
                                  const struct kn_segment_options *options, struct kn_arena *arena,
                                  struct kn_segments *ret_segments, struct kn_error *err)
{
    struct kn_timeline joined = *timeline;
    struct kn_text text;
    struct kn_topics topics;
    struct kn_candidates candidates;
    struct kn_ratings ratings;
    float usual[KN_FEATURE_COUNT];

    if (check_options(options, err) != KN_OK)
        return err ? err->status : KN_INVALID;
    kn_sentences_join(&joined, arena); /* again: a timeline from a file may have any */
    kn_text_build(&joined, arena, &text);
    kn_topics_find(&text, KN_TOPICS_COARSE, arena, &topics);
    kn_candidates_find(&text, options, arena, &candidates);
    drop_black(&joined, arena, &candidates);
    kn_features_rate(&text, &topics, &candidates, options, arena, &ratings);
    usual_values(&ratings, candidates.count, usual);

    int wanted = wanted_count(&joined, options);
    int *chosen = kn_arena_array(arena, (size_t)wanted, sizeof *chosen);
    int fit = candidates.count ? kn_select(&text, &candidates, ratings.scores, wanted, chosen) : 0;
    int kept = count_worthy(options, ratings.scores, chosen, fit);
    struct kn_segment *segments = kn_arena_array(arena, (size_t)kept + 1, sizeof *segments);
    for (int i = 0; i < kept; i++) {
        const struct kn_candidate *candidate = &candidates.list[chosen[i]];
        segments[i] = make_segment(candidate, &ratings, chosen[i]);
        segments[i].proposal =
            kn_proposals_match(options, segments[i].start_us, segments[i].end_us);
        segments[i].title = name_segment(&text, candidate, segments, i, arena);
        kn_evidence_gather(&text, &topics, candidate, usual, arena, &segments[i]);
        take_words(&segments[i], segments, i);
    }
    *ret_segments = (struct kn_segments){
        .count = kept,
        .segments = segments,
        .boundary_count = topics.count,
        .boundaries_us = topics.times_us,
        .remark = make_remark(&joined, &candidates, options, wanted, fit, kept, arena),
    };
    return KN_OK;
}

int kn_topic_boundaries(const struct kn_timeline *timeline, enum kn_topic_detail detail,
                        struct kn_arena *arena, const int64_t **ret_times_us)
{
    struct kn_timeline joined = *timeline;
    struct kn_text text;
    struct kn_topics topics;

    kn_sentences_join(&joined, arena);
    kn_text_build(&joined, arena, &text);
    kn_topics_find(&text, detail, arena, &topics);
    *ret_times_us = topics.times_us;
    return topics.count;
}
