/*
 * From the model's answer to proposals. The model names lines, never times, so that every proposal
 * begins and ends with what somebody says; what it invents beyond that is dropped.
 */
#include "ai/openai_ranker.h"

#include <stdlib.h>
#include <string.h>

#include "ai/model_text.h"
#include "base/clock.h"
#include "base/json.h"

enum { SEGMENTS_MAX = 100 }; /* of an answer that are looked at */
static const double TOO_LONG = 1.25, TOO_SHORT = 0.5, SAME = 0.5; /* as the header says */

/* Where a post of a clip goes, and how many characters of description are of use there. */
static const struct {
    const char *platform;
    int description_max;
} platforms[] = {{"youtube", 1500}, {"tiktok", 600}, {"instagram", 1000}, {"x", 240}};

/* ---- spans ---- */

static int64_t length_us(const struct kn_rank_window *window, int first, int last)
{
    return window->lines[last].end_us - window->lines[first].start_us;
}

static void trim(const struct kn_rank_window *window, int first, int *last)
{
    while (*last > first && length_us(window, first, *last) > window->max_us)
        --*last;
}

/* Stops when neither neighbour can be taken along without getting too long. */
static void extend(const struct kn_rank_window *window, int *first, int *last)
{
    while (length_us(window, *first, *last) < window->min_us) {
        if (*last + 1 < window->line_count &&
            length_us(window, *first, *last + 1) <= window->max_us)
            ++*last;
        else if (*first > 0 && length_us(window, *first - 1, *last) <= window->max_us)
            --*first;
        else
            break;
    }
}

static enum kn_status wrong_length(const struct kn_rank_window *window, int first, int last,
                                   struct kn_error *err)
{
    return kn_error_set(err, KN_DAMAGED,
                        "lines %d to %d last %.1f seconds, and %.0f to %.0f are wanted", first + 1,
                        last + 1, kn_seconds(length_us(window, first, last)),
                        kn_seconds(window->min_us), kn_seconds(window->max_us));
}

enum kn_status kn_rank_fit(const struct kn_rank_window *window, double first_line, double last_line,
                           struct kn_rank_candidate *ret_span, struct kn_error *err)
{
    double lines = window->line_count;
    if (!(first_line >= 1 && first_line <= lines && last_line >= 1 && last_line <= lines))
        return kn_error_set(
            err, KN_DAMAGED, "lines %.0f to %.0f are not all there: they are numbered 1 to %d",
            KN_CLAMP(first_line, -1e9, 1e9), KN_CLAMP(last_line, -1e9, 1e9), window->line_count);
    int named_first = (int)first_line - 1, named_last = (int)last_line - 1;
    int first = named_first, last = named_last;
    if (first > last)
        return kn_error_set(err, KN_DAMAGED, "lines %d to %d are in reverse", first + 1, last + 1);
    double named_us = (double)length_us(window, first, last);
    if (named_us > TOO_LONG * (double)window->max_us ||
        named_us < TOO_SHORT * (double)window->min_us)
        return wrong_length(window, first, last, err);
    trim(window, first, &last);
    extend(window, &first, &last);
    int64_t us = length_us(window, first, last);
    if (us <= 0 || us < window->min_us || us > window->max_us)
        return wrong_length(window, named_first, named_last, err);
    *ret_span = (struct kn_rank_candidate){.first_line = first, .last_line = last};
    return KN_OK;
}

static enum kn_status fit(const struct kn_rank_window *window, const json_t *segment,
                          struct kn_rank_candidate *ret_span, struct kn_error *err)
{
    double score = json_number_value(json_object_get(segment, "score"));
    enum kn_status status =
        kn_rank_fit(window, json_number_value(json_object_get(segment, "first_line")),
                    json_number_value(json_object_get(segment, "last_line")), ret_span, err);
    if (status == KN_OK)
        ret_span->score = (float)KN_CLAMP(score, 0, 100);
    return status;
}

enum kn_status kn_ranker_check(void *window, const json_t *content, struct kn_error *err)
{
    const json_t *segments = json_object_get(content, "segments");
    struct kn_rank_candidate span;
    size_t i;
    const json_t *segment;
    if (json_array_size(segments) == 0)
        return KN_OK; /* nothing there is worth a clip: an answer as well */
    json_array_foreach(segments, i,
                       segment) if (fit(window, segment, &span, NULL) == KN_OK) return KN_OK;
    (void)fit(window, json_array_get(segments, 0), &span, err); /* for its sentence */
    return kn_error_add(err, "none of the segments can be used; the first");
}

/* ---- proposals ---- */

/* A span that fits, and what the model says of it. */
struct choice {
    struct kn_rank_candidate span;
    const json_t *segment;
    size_t place; /* in the answer */
};

static int best_first(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->span.score != y->span.score)
        return x->span.score < y->span.score ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

static bool is_same(const struct kn_rank_window *window, const struct kn_rank_candidate *a,
                    const struct kn_rank_candidate *b)
{
    const struct kn_rank_line *lines = window->lines;
    int64_t start_us = KN_MAX(lines[a->first_line].start_us, lines[b->first_line].start_us);
    int64_t end_us = KN_MIN(lines[a->last_line].end_us, lines[b->last_line].end_us);
    int64_t shorter_us = KN_MIN(length_us(window, a->first_line, a->last_line),
                                length_us(window, b->first_line, b->last_line));
    return (double)(end_us - start_us) > SAME * (double)shorter_us;
}

/* Leaves the best `wanted` that differ; returns how many. */
static int choose(const struct kn_rank_window *window, struct choice *choices, int count)
{
    int kept = 0;
    qsort(choices, (size_t)count, sizeof *choices, best_first);
    for (int i = 0; i < count && kept < window->wanted; i++) {
        bool double_of_better = false;
        for (int k = 0; k < kept && !double_of_better; k++)
            double_of_better = is_same(window, &choices[k].span, &choices[i].span);
        if (!double_of_better)
            choices[kept++] = choices[i];
    }
    return kept;
}

static const char *line_of(const json_t *segment, const char *name, int most,
                           struct kn_arena *arena)
{
    return kn_model_line(arena, json_string_value(json_object_get(segment, name)), most);
}

static const struct kn_proposed_post *posts_of(const json_t *segment, struct kn_arena *arena)
{
    const json_t *posts = json_object_get(segment, "posts");
    struct kn_proposed_post *texts = kn_arena_array(arena, KN_COUNT_OF(platforms), sizeof *texts);
    for (size_t i = 0; i < KN_COUNT_OF(platforms); i++) {
        const json_t *post = json_object_get(posts, platforms[i].platform);
        const char *description = json_string_value(json_object_get(post, "description"));
        texts[i].platform = platforms[i].platform;
        texts[i].description =
            kn_model_paragraphs(arena, description, platforms[i].description_max);
        texts[i].hashtag_count =
            kn_model_hashtags(arena, json_object_get(post, "hashtags"), &texts[i].hashtags);
    }
    return texts;
}

static struct kn_proposal proposal_of(const struct kn_rank_window *window,
                                      const struct choice *choice, struct kn_arena *arena)
{
    return (struct kn_proposal){
        .start_us = window->lines[choice->span.first_line].start_us,
        .end_us = window->lines[choice->span.last_line].end_us,
        .score = choice->span.score,
        .title = line_of(choice->segment, "title", KN_PROPOSAL_TITLE_MAX, arena),
        .hook = line_of(choice->segment, "hook", KN_PROPOSAL_HOOK_MAX, arena),
        .reason = line_of(choice->segment, "reason", KN_PROPOSAL_REASON_MAX, arena),
        .post_count = (int)KN_COUNT_OF(platforms),
        .posts = posts_of(choice->segment, arena),
    };
}

int kn_ranker_read(const struct kn_rank_window *window, const json_t *content,
                   struct kn_arena *arena, const struct kn_proposal **ret_proposals)
{
    const json_t *segments = json_object_get(content, "segments");
    struct choice choices[SEGMENTS_MAX];
    int count = 0;
    size_t i;
    const json_t *segment;
    json_array_foreach(segments, i, segment)
    {
        struct kn_rank_candidate span;
        if (i < SEGMENTS_MAX && fit(window, segment, &span, NULL) == KN_OK)
            choices[count++] = (struct choice){span, segment, i};
    }
    count = choose(window, choices, count);
    struct kn_proposal *proposals = kn_arena_array(arena, (size_t)count, sizeof *proposals);
    for (int k = 0; k < count; k++)
        proposals[k] = proposal_of(window, &choices[k], arena);
    *ret_proposals = proposals;
    return count;
}
