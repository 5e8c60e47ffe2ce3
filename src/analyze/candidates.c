#include "analyze/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/sentences.h"
#include "base/memory.h"
#include "base/vec.h"

enum {
    ENDS_PER_START_MAX = 64, /* more are thinned out evenly */
    /* Of the silence at an edge, so many percent are taken along: no more than half, or a segment
     * could not follow right after another. */
    SILENCE_PERCENT = 50,
    /* With less talk than this the source counts as one without speech. */
    QUIET_TALK_PERCENT = 8,
    QUIET_STEPS = 30,          /* then the longest segment has so many places, */
    QUIET_PLACES_MAX = 20000,  /* and there are never more in all */
    QUIET_MARGIN_US = 1000000, /* from words, where there is speech */
    VOICE_GAP_US = 250000,     /* a voice pauses for longer than this between phrases */
};
static const float VOICE = 0.5f; /* probability of speech */

/* How strict an edge is. Lower demands are tried only when the stricter give no candidate. */
enum demand {
    DEMAND_UTTERANCES, /* sentence boundaries that cut nobody's utterance */
    DEMAND_SENTENCES,  /* sentence boundaries that cut nobody's sentence */
    DEMAND_SILENCES,   /* these, and places in the midst of a silence */
    DEMAND_OPEN,       /* these, and the ends of sentences that are left open */
    DEMAND_OWN,        /* sentence boundaries, whatever others say */
    DEMAND_WORDS,      /* gaps between words */
    DEMAND_COUNT
};

struct span {
    int64_t start_us, end_us;
};
KN_VEC_TYPE(spans, struct span);
KN_VEC_TYPE(edges, struct kn_edge);

struct finder {
    const struct kn_text *text;
    const struct kn_timeline *timeline;
    const struct kn_segment_options *options;
    struct spans talk;        /* insides of stretches that must not be cut, joined, ascending */
    struct spans voices;      /* without words, ascending */
    int64_t *spoken_until_us; /* by word: the latest end of all words before it */
    struct edges starts, ends;
    int64_t end_us; /* of the source */
};

/* Stretches of talk. */

static int by_start(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    if (a->start_us != b->start_us)
        return a->start_us < b->start_us ? -1 : 1;
    return (a->end_us > b->end_us) - (a->end_us < b->end_us);
}

static void add_talk(struct finder *f, int64_t start_us, int64_t end_us, int64_t slack_us)
{
    start_us += slack_us;
    end_us -= slack_us;
    if (start_us < end_us)
        kn_vec_push(&f->talk, ((struct span){start_us, end_us}));
}

static void join_talk(struct finder *f)
{
    int kept = 0;

    if (f->talk.count == 0)
        return;
    qsort(f->talk.at, (size_t)f->talk.count, sizeof *f->talk.at, by_start);
    for (int i = 0; i < f->talk.count; i++) {
        struct span *last = kept ? &f->talk.at[kept - 1] : NULL;
        if (last && f->talk.at[i].start_us <= last->end_us)
            last->end_us = KN_MAX(last->end_us, f->talk.at[i].end_us);
        else
            f->talk.at[kept++] = f->talk.at[i];
    }
    f->talk.count = kept;
}

static bool is_inside_talk(const struct finder *f, int64_t at_us)
{
    int next = kn_first_from(f->talk.at, f->talk.count, end_us, at_us + 1);
    return next < f->talk.count && f->talk.at[next].start_us < at_us;
}

/* The words of one speaker from one marked start to the next stay together. */
static void add_utterances(struct finder *f)
{
    const struct kn_timeline *t = f->timeline;

    for (int i = 0; i < t->word_count; i++) {
        if (!t->words[i].starts_utterance)
            continue;
        int64_t end_us = t->words[i].end_us;
        int k = i;
        do {
            end_us = KN_MAX(end_us, t->words[k].end_us);
            k = f->text->tokens[k].next;
        } while (k >= 0 && !t->words[k].starts_utterance);
        add_talk(f, t->words[i].start_us, end_us, KN_TALK_SLACK_US);
    }
}

static void add_sentences(struct finder *f, int64_t slack_us)
{
    for (int s = 0; s < f->timeline->sentence_count; s++)
        add_talk(f, f->timeline->sentences[s].start_us, f->timeline->sentences[s].end_us, slack_us);
}

/* Somebody is heard whose words are not known: in another language, or not recognised. */

static bool is_voice(const struct kn_sound *sound, int step)
{
    return sound->speech[step] >= VOICE;
}

/* Words within its reach explain a voice. */
static bool has_words(const struct kn_timeline *t, int64_t start_us, int64_t end_us)
{
    for (int s = 0; s < t->sentence_count; s++)
        if (t->sentences[s].start_us < end_us + VOICE_GAP_US &&
            t->sentences[s].end_us > start_us - VOICE_GAP_US)
            return true;
    return false;
}

static void find_voices(struct finder *f)
{
    const struct kn_sound *sound = &f->timeline->sound;

    for (int i = 0, end; i < sound->count; i = end + 1) {
        end = i;
        if (!is_voice(sound, i))
            continue;
        int gap = 0;
        for (int k = i; k < sound->count && gap * sound->step_us < VOICE_GAP_US; k++) {
            gap = is_voice(sound, k) ? 0 : gap + 1;
            end = gap ? end : k;
        }
        struct span voice = {i * sound->step_us, (end + 1) * sound->step_us};
        if (!has_words(f->timeline, voice.start_us, voice.end_us))
            kn_vec_push(&f->voices, voice);
    }
}

static void add_voices(struct finder *f)
{
    for (int i = 0; i < f->voices.count; i++)
        add_talk(f, f->voices.at[i].start_us, f->voices.at[i].end_us, 0);
}

/* Edges. */

/* The first shot that starts at or after `at_us`; shot_count when there is none. */
static int shot_from(const struct kn_timeline *t, int64_t at_us)
{
    return kn_first_from(t->shots, t->shot_count, start_us, at_us);
}

/* [earliest, talk] is silent: where in it does the segment begin? */
static void place_start(const struct finder *f, struct kn_edge *edge, int64_t earliest_us)
{
    const struct kn_timeline *t = f->timeline;

    edge->silence_us = KN_MAX(0, edge->talk_us - earliest_us);
    int64_t lead_us = KN_MIN(KN_LEAD_US, edge->silence_us * SILENCE_PERCENT / 100);
    edge->at_us = edge->talk_us - lead_us;
    int shot = shot_from(t, KN_MAX(earliest_us, edge->talk_us - KN_SNAP_US));
    if (shot > 0 && shot < t->shot_count && t->shots[shot].start_us <= edge->talk_us) {
        edge->at_us = t->shots[shot].start_us;
        edge->snapped = true;
    }
}

/* [talk, latest] is silent: where in it does the segment end? A cut that is only known to lie
 * in [start - slack, start] must come after the end. */
static void place_end(const struct finder *f, struct kn_edge *edge, int64_t latest_us)
{
    const struct kn_timeline *t = f->timeline;

    edge->silence_us = KN_MAX(0, latest_us - edge->talk_us);
    int64_t trail_us = KN_MIN(KN_TRAIL_US, edge->silence_us * SILENCE_PERCENT / 100);
    edge->at_us = edge->talk_us + trail_us;
    int shot = shot_from(t, edge->talk_us + 1);
    if (shot < t->shot_count) {
        int64_t cut_us = t->shots[shot].start_us - t->shots[shot].slack_us;
        if (cut_us >= edge->talk_us && cut_us <= KN_MIN(latest_us, edge->talk_us + KN_SNAP_US)) {
            edge->at_us = cut_us;
            edge->snapped = true;
        }
    }
}

/* The first word that starts at or after `at_us`. */
static int word_from(const struct kn_timeline *t, int64_t at_us)
{
    return kn_first_from(t->words, t->word_count, start_us, at_us);
}

/* How long it stays silent after `at_us`: until the next word, not at all when somebody goes on. */
static int64_t silent_until_us(const struct finder *f, int64_t at_us)
{
    int word = word_from(f->timeline, at_us);
    if (f->spoken_until_us[word] > at_us)
        return at_us;
    return word < f->timeline->word_count ? f->timeline->words[word].start_us
                                          : KN_MAX(f->end_us, at_us);
}

/* Silence inside somebody's utterance is not for taking along. */
static void keep_out_of_talk(const struct finder *f, struct kn_edge *edge)
{
    if (is_inside_talk(f, edge->at_us)) {
        edge->at_us = edge->talk_us;
        edge->snapped = false;
    }
}

static void add_start(struct finder *f, int word, int line)
{
    struct kn_edge edge = {.talk_us = f->timeline->words[word].start_us, .line = line};
    place_start(f, &edge, f->spoken_until_us[word]);
    keep_out_of_talk(f, &edge);
    kn_vec_push(&f->starts, edge);
}

static void add_end(struct finder *f, int64_t end_us, int line)
{
    struct kn_edge edge = {.talk_us = end_us, .line = line};
    place_end(f, &edge, silent_until_us(f, end_us));
    keep_out_of_talk(f, &edge);
    kn_vec_push(&f->ends, edge);
}

static int by_place(const void *left, const void *right)
{
    const struct kn_edge *a = left, *b = right;
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    return (a->line > b->line) - (a->line < b->line);
}

static void sort_edges(struct edges *edges)
{
    int kept = 0;

    if (edges->count == 0)
        return;
    qsort(edges->at, (size_t)edges->count, sizeof *edges->at, by_place);
    for (int i = 0; i < edges->count; i++) {
        if (kept == 0 || edges->at[kept - 1].at_us != edges->at[i].at_us)
            edges->at[kept++] = edges->at[i];
    }
    edges->count = kept;
}

/* The last words before `at_us` trailed off: silence doesn't make an end of them. */
static bool is_left_open(const struct finder *f, int64_t at_us)
{
    int word = word_from(f->timeline, at_us);
    return word > 0 && f->text->lines[f->text->tokens[word - 1].line].ends <= 0;
}

/* Places that no word needs: shot changes, and a grid where there are none for long. Nobody speaks
 * within `margin_us` of one. With `open` they may also end what was left open. */
static void add_quiet_edges(struct finder *f, int64_t margin_us, bool open)
{
    const struct kn_timeline *t = f->timeline;
    int64_t step_us = KN_MAX(f->options->max_us / QUIET_STEPS, f->end_us / QUIET_PLACES_MAX);
    int64_t last_us = -step_us;

    for (int64_t grid_us = 0; grid_us <= f->end_us; grid_us += step_us) {
        int shot = shot_from(t, grid_us);
        bool cut = shot < t->shot_count && t->shots[shot].start_us < grid_us + step_us;
        int64_t at_us = cut ? t->shots[shot].start_us : grid_us;
        if (at_us - last_us < step_us / 2 || at_us > f->end_us || is_inside_talk(f, at_us) ||
            silent_until_us(f, at_us - margin_us) < at_us + margin_us)
            continue;
        struct kn_edge start = {.at_us = at_us, .talk_us = at_us, .line = -1, .snapped = cut};
        struct kn_edge end = start;
        if (cut)
            end.at_us = end.talk_us = KN_MAX(0, at_us - t->shots[shot].slack_us);
        kn_vec_push(&f->starts, start);
        if (open || !is_left_open(f, at_us))
            kn_vec_push(&f->ends, end);
        last_us = at_us;
    }
    if (silent_until_us(f, f->end_us - margin_us) >= f->end_us &&
        (open || !is_left_open(f, f->end_us))) {
        struct kn_edge end = {.at_us = f->end_us, .talk_us = f->end_us, .line = -1};
        kn_vec_push(&f->ends, end);
    }
}

/* A sentence that the source breaks off, or that goes on with the next one. */
static bool is_finished(const struct finder *f, int line)
{
    return f->timeline->sentences[line].complete && f->text->lines[line].ends > 0;
}

static void find_speech_edges(struct finder *f, enum demand demand)
{
    const struct kn_timeline *t = f->timeline;

    kn_vec_clear(&f->starts);
    kn_vec_clear(&f->ends);
    kn_vec_clear(&f->talk);
    if (demand == DEMAND_UTTERANCES && kn_utterances_are_marked(t))
        add_utterances(f);
    else if (demand <= DEMAND_OPEN)
        add_sentences(f, KN_TALK_SLACK_US);
    if (demand <= DEMAND_OPEN)
        add_voices(f);
    join_talk(f);

    for (int s = 0; s < t->sentence_count && demand != DEMAND_WORDS; s++) {
        const struct kn_sentence *sentence = &t->sentences[s];
        if (!is_inside_talk(f, sentence->start_us))
            add_start(f, sentence->first_word, s);
        if (!is_inside_talk(f, sentence->end_us) && (demand > DEMAND_SILENCES || is_finished(f, s)))
            add_end(f, sentence->end_us, s);
    }
    for (int i = 0; i < t->word_count && demand == DEMAND_WORDS; i++) {
        if (i == 0 || t->words[i].start_us >= f->spoken_until_us[i]) {
            add_start(f, i, f->text->tokens[i].line);
            if (i > 0)
                add_end(f, f->spoken_until_us[i], f->text->tokens[i - 1].line);
        }
    }
    if (demand == DEMAND_SILENCES || demand == DEMAND_OPEN)
        add_quiet_edges(f, QUIET_MARGIN_US, demand == DEMAND_OPEN);
    sort_edges(&f->starts);
    sort_edges(&f->ends);
}

/* Where a voice sets in and where it pauses. */
static void add_voice_edges(struct finder *f)
{
    const struct spans *voices = &f->voices;

    for (int i = 0; i < voices->count; i++) {
        int64_t before_us = i > 0 ? voices->at[i - 1].end_us : 0;
        int64_t after_us = i + 1 < voices->count ? voices->at[i + 1].start_us : f->end_us;
        struct kn_edge start = {.talk_us = voices->at[i].start_us, .line = -1};
        struct kn_edge end = {.talk_us = voices->at[i].end_us, .line = -1};
        place_start(f, &start, before_us);
        place_end(f, &end, after_us);
        kn_vec_push(&f->starts, start);
        kn_vec_push(&f->ends, end);
    }
}

/* Without words to go by. */
static void find_quiet_edges(struct finder *f)
{
    kn_vec_clear(&f->starts);
    kn_vec_clear(&f->ends);
    kn_vec_clear(&f->talk);
    add_sentences(f, 0);
    add_voices(f);
    join_talk(f);
    add_quiet_edges(f, 0, true);
    add_voice_edges(f);
    sort_edges(&f->starts);
    sort_edges(&f->ends);
}

/* Is there so little talk that picture and sound must decide? */
static bool is_quiet(const struct finder *f)
{
    int64_t talk_us = 0;
    for (int s = 0; s < f->timeline->sentence_count; s++)
        talk_us += f->timeline->sentences[s].end_us - f->timeline->sentences[s].start_us;
    bool other = f->timeline->shot_count > 0 || f->timeline->sound.count > 0;
    return talk_us == 0 || (other && talk_us * 100 < f->end_us * QUIET_TALK_PERCENT);
}

/* Pairs. */

static void pair_edges(const struct finder *f, struct kn_arena *arena, struct kn_candidates *c)
{
    KN_VEC(struct kn_candidate) list = {0};
    int from = 0;

    c->starts = kn_vec_to_arena(&f->starts, arena);
    c->ends = kn_vec_to_arena(&f->ends, arena);
    c->start_count = f->starts.count;
    c->end_count = f->ends.count;
    for (int s = 0; s < c->start_count; s++) {
        const struct kn_edge *start = &c->starts[s];
        while (from < c->end_count && c->ends[from].at_us - start->at_us < f->options->min_us)
            from++;
        int to = from;
        while (to < c->end_count && c->ends[to].at_us - start->at_us <= f->options->max_us)
            to++;
        int step = (to - from) / ENDS_PER_START_MAX + 1;
        int first_word = word_from(f->timeline, start->talk_us);
        for (int e = from; e < to; e += step) {
            struct kn_candidate candidate = {
                .start = start, .end = &c->ends[e], .first_word = first_word};
            candidate.word_count = word_from(f->timeline, c->ends[e].talk_us) - first_word;
            if (c->quiet || candidate.word_count > 0)
                kn_vec_push(&list, candidate);
        }
    }
    c->count = list.count;
    c->list = kn_vec_to_arena(&list, arena);
    kn_vec_free(&list);
}

static int64_t source_end(const struct kn_timeline *t)
{
    int64_t end_us = t->source.duration_us;
    for (int i = 0; i < t->word_count; i++)
        end_us = KN_MAX(end_us, t->words[i].end_us);
    if (t->shot_count)
        end_us = KN_MAX(end_us, t->shots[t->shot_count - 1].end_us);
    return KN_MAX(end_us, t->sound.step_us * t->sound.count);
}

void kn_candidates_find(const struct kn_text *text, const struct kn_segment_options *options,
                        struct kn_arena *arena, struct kn_candidates *ret_candidates)
{
    const struct kn_timeline *t = text->timeline;
    struct finder f = {.text = text, .timeline = t, .options = options, .end_us = source_end(t)};
    struct kn_candidates found = {0};

    f.spoken_until_us = kn_malloc(((size_t)t->word_count + 1) * sizeof *f.spoken_until_us);
    f.spoken_until_us[0] = 0;
    for (int i = 0; i < t->word_count; i++)
        f.spoken_until_us[i + 1] = KN_MAX(f.spoken_until_us[i], t->words[i].end_us);

    find_voices(&f);
    found.quiet = is_quiet(&f);
    for (int demand = 0; !found.quiet && found.count == 0 && demand < DEMAND_COUNT; demand++) {
        find_speech_edges(&f, (enum demand)demand);
        pair_edges(&f, arena, &found);
        found.whole = demand <= DEMAND_SENTENCES;
    }
    if (found.quiet) {
        find_quiet_edges(&f);
        pair_edges(&f, arena, &found);
    }
    free(f.spoken_until_us);
    kn_vec_free(&f.talk);
    kn_vec_free(&f.voices);
    kn_vec_free(&f.starts);
    kn_vec_free(&f.ends);
    *ret_candidates = found;
}
