/*
 * A window is some minutes of talk: enough to tell what matters, few enough that the model's answer
 * comes soon. Windows overlap by the longest clip, so that each clip lies whole in one of them.
 */
#include "pipeline/rank.h"

#include <pthread.h>
#include <stdlib.h>

#include <kirinuki/group.h>

#include "ai/ranker.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/vec.h"
#include "model/regroup.h"

enum {
    CANDIDATES_MAX = 40, /* of the local ranking, over all windows */
    WANTED_MIN = 2,
    UNFINISHED_MAX = 64,
};

static const int64_t window_us = 8 * 60 * KN_US_PER_S;

struct window {
    struct ranker *of;
    int first, count; /* sentences of the timeline */
};

struct ranker {
    const struct kn_ranker_desc *desc; /* immutable, up to `windows` */
    struct kn_ranker_settings settings;
    const struct kn_timeline *timeline;
    const struct kn_rank_options *options;
    const struct kn_rank_line *lines; /* one a sentence */
    const struct kn_segments *found;  /* by the local ranking */
    int windows;
    pthread_mutex_t lock;
    /* Protected by the lock. */
    struct kn_arena *arena;
    KN_VEC(struct kn_proposal) proposals;
    int failed;
    struct kn_error failure; /* the first one */
};

/* ---- a window ---- */

static struct kn_proposed_post copy_post(const struct kn_proposed_post *post,
                                         struct kn_arena *arena)
{
    struct kn_proposed_post copy = *post;
    const char **tags = kn_arena_array(arena, (size_t)post->hashtag_count + 1, sizeof *tags);
    for (int i = 0; i < post->hashtag_count; i++)
        tags[i] = kn_arena_strdup(arena, post->hashtags[i]);
    copy.platform = kn_arena_strdup(arena, post->platform);
    copy.description = kn_arena_strdup(arena, post->description);
    copy.hashtags = tags;
    return copy;
}

static struct kn_proposal copy_proposal(const struct kn_proposal *p, struct kn_arena *arena)
{
    struct kn_proposal copy = *p;
    struct kn_proposed_post *posts =
        kn_arena_array(arena, (size_t)p->post_count + 1, sizeof *posts);
    for (int i = 0; i < p->post_count; i++)
        posts[i] = copy_post(&p->posts[i], arena);
    copy.title = kn_arena_strdup(arena, p->title);
    copy.hook = kn_arena_strdup(arena, p->hook);
    copy.reason = kn_arena_strdup(arena, p->reason);
    copy.posts = posts;
    return copy;
}

static void keep(struct ranker *r, const struct kn_proposal *proposals, int count)
{
    KN_LOCKED(&r->lock);
    for (int i = 0; i < count; i++)
        kn_vec_push(&r->proposals, copy_proposal(&proposals[i], r->arena));
}

/* What the local ranking found in the window, in the window's own numbers. */
static int find_candidates(const struct window *w, struct kn_rank_candidate *candidates)
{
    const struct ranker *r = w->of;
    const struct kn_rank_line *lines = r->lines + w->first;
    int count = 0;
    for (int i = 0; i < r->found->count; i++) {
        const struct kn_segment *s = &r->found->segments[i];
        int first = 0, last = w->count - 1;
        while (first < w->count && lines[first].start_us < s->start_us)
            first++;
        while (last >= 0 && lines[last].end_us > s->end_us)
            last--;
        bool inside = first <= last && s->start_us >= lines[0].start_us - KN_US_PER_S &&
                      s->end_us <= lines[w->count - 1].end_us + KN_US_PER_S;
        if (inside)
            candidates[count++] = (struct kn_rank_candidate){first, last, s->score};
    }
    return count;
}

static int find_sights(const struct window *w, const struct kn_sight **ret_sights)
{
    const struct kn_timeline *t = w->of->timeline;
    int64_t start_us = w->of->lines[w->first].start_us;
    int64_t end_us = w->of->lines[w->first + w->count - 1].end_us;
    int first = 0, count = 0;
    while (first < t->sight_count && t->sights[first].at_us < start_us)
        first++;
    while (first + count < t->sight_count && t->sights[first + count].at_us < end_us)
        count++;
    *ret_sights = t->sights + first;
    return count;
}

static enum kn_status rank_window(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    const struct window *w = arg;
    struct ranker *r = w->of;
    const struct kn_segment_options *segments = r->options->segments;
    struct kn_rank_candidate *candidates =
        kn_arena_array(env->scratch, (size_t)r->found->count + 1, sizeof *candidates);
    int wanted = segments->count ? segments->count : r->found->count;
    struct kn_rank_window question = {
        .lines = r->lines + w->first,
        .line_count = w->count,
        .candidates = candidates,
        .candidate_count = find_candidates(w, candidates),
        .wanted = KN_MAX(2 * wanted / r->windows, WANTED_MIN),
        .min_us = segments->min_us,
        .max_us = segments->max_us,
        .language = r->timeline->language,
        .budget = r->options->budget,
    };
    question.sight_count = find_sights(w, &question.sights);
    const struct kn_proposal *proposals;
    struct kn_error why = {0};
    int count = 0;
    enum kn_status status =
        r->desc->run(&r->settings, &question, env->cancel, env->scratch, &proposals, &count, &why);
    if (status == KN_OK) {
        keep(r, proposals, count);
    } else if (status == KN_CANCELLED) {
        *err = why;
        return status;
    } else {
        KN_LOCKED(&r->lock);
        if (r->failed++ == 0)
            r->failure = why;
    }
    return KN_OK;
}

/* ---- all of them ---- */

static const char *sentence_text(const struct kn_timeline *t, const struct kn_sentence *s,
                                 struct kn_arena *arena)
{
    const struct kn_word *before = NULL;
    KN_SCOPED_STR text = {0};
    for (int w = s->first_word; w < s->first_word + s->word_count; w++) {
        const struct kn_word *word = &t->words[w];
        if (word->speaker != s->speaker)
            continue;
        if (before && kn_words_spaced(before, word))
            kn_str_add_char(&text, ' ');
        kn_str_add(&text, word->text);
        before = word;
    }
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static const struct kn_rank_line *make_lines(const struct kn_timeline *t, struct kn_arena *arena)
{
    struct kn_rank_line *lines =
        kn_arena_array(arena, (size_t)t->sentence_count + 1, sizeof *lines);
    for (int i = 0; i < t->sentence_count; i++) {
        const struct kn_sentence *s = &t->sentences[i];
        lines[i] = (struct kn_rank_line){
            .start_us = s->start_us,
            .end_us = s->end_us,
            .text = sentence_text(t, s, arena),
            .speaker = s->speaker,
        };
    }
    return lines;
}

/* Sentences from `first` on that begin within a window's length. */
static int window_count(const struct kn_timeline *t, int first)
{
    int end = first + 1;
    while (end < t->sentence_count &&
           t->sentences[end].end_us - t->sentences[first].start_us <= window_us)
        end++;
    return end - first;
}

/* Where the next one begins: the longest clip before the end of this one, and later than it. */
static int next_window(const struct kn_timeline *t, const struct window *w, int64_t overlap_us)
{
    int last = w->first + w->count - 1, next = last + 1;
    while (next > w->first + 1 &&
           t->sentences[last].end_us - t->sentences[next - 1].start_us <= overlap_us)
        next--;
    return next;
}

static struct window *make_windows(struct ranker *r, struct kn_arena *arena)
{
    const struct kn_timeline *t = r->timeline;
    KN_VEC(struct window) windows = {0};
    for (int first = 0; first < t->sentence_count;) {
        struct window w = {r, first, window_count(t, first)};
        kn_vec_push(&windows, w);
        if (first + w.count >= t->sentence_count)
            break;
        first = next_window(t, &w, r->options->segments->max_us);
    }
    r->windows = windows.count;
    struct window *made = kn_vec_to_arena(&windows, arena);
    kn_vec_free(&windows);
    return made;
}

static enum kn_status run_windows(struct ranker *r, const struct kn_step_env *env,
                                  struct kn_error *err)
{
    const struct kn_group_options options = {
        .mode = KN_GROUP_ALL, .lane = KN_LANE_IO, .limit = UNFINISHED_MAX};
    struct window *windows = make_windows(r, env->scratch);
    struct kn_group *group = kn_group_new(env, &options);
    enum kn_status status = KN_OK;
    for (int i = 0; i < r->windows && status == KN_OK; i++)
        status = kn_group_add(group, "window", 0, rank_window, &windows[i]);
    status = kn_group_wait(group, err);
    kn_group_free(group);
    return status;
}

/* The same order whichever window was answered first. */
static int by_start(const void *left, const void *right)
{
    const struct kn_proposal *a = left, *b = right;
    if (a->start_us != b->start_us)
        return a->start_us < b->start_us ? -1 : 1;
    if (a->end_us != b->end_us)
        return a->end_us < b->end_us ? -1 : 1;
    return (b->score > a->score) - (b->score < a->score);
}

static void hand_out(struct ranker *r, struct kn_ranking *ranking)
{
    if (r->proposals.count)
        qsort(r->proposals.at, (size_t)r->proposals.count, sizeof *r->proposals.at, by_start);
    ranking->count = r->proposals.count;
    ranking->proposals = kn_vec_to_arena(&r->proposals, r->arena);
    if (r->failed)
        ranking->remark = kn_arena_printf(
            r->arena, "the language model did not judge %d of %d parts of the talk: %s", r->failed,
            r->windows, kn_error_text(&r->failure));
}

enum kn_status kn_rank(const struct kn_timeline *timeline, const struct kn_rank_options *options,
                       const struct kn_step_env *env, struct kn_arena *arena,
                       struct kn_ranking *ret_ranking, struct kn_error *err)
{
    const struct kn_engine_names *names = kn_ai_ranking(options->ai);
    struct kn_ranking ranking = {0};
    struct kn_segments found;
    struct kn_segment_options local = *options->segments;
    local.count = CANDIDATES_MAX;
    local.proposal_count = 0;
    if (names->count && timeline->sentence_count) {
        enum kn_status status = kn_segments_choose(timeline, &local, env->scratch, &found, err);
        struct ranker r = {
            .desc = kn_ranker_find(names->at[0]),
            .settings = {.service = options->services->at[KN_SERVICE_RANKING],
                         .model = options->ai->ranking_model},
            .timeline = timeline,
            .options = options,
            .lines = make_lines(timeline, env->scratch),
            .found = &found,
            .arena = arena,
        };
        pthread_mutex_init(&r.lock, NULL);
        if (status == KN_OK)
            status = run_windows(&r, env, err);
        if (status == KN_OK)
            hand_out(&r, &ranking);
        kn_vec_free(&r.proposals);
        pthread_mutex_destroy(&r.lock);
        if (status != KN_OK)
            return status;
    }
    *ret_ranking = ranking;
    return KN_OK;
}
