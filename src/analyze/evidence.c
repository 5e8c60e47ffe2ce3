#include "analyze/evidence.h"

#include <math.h>
#include <string.h>

#include "analyze/advice.h"
#include "analyze/sentences.h"
#include "analyze/titles.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"

enum { KEY_TERMS = 3 };

struct gatherer {
    const struct kn_text *text;
    const struct kn_timeline *timeline;
    const struct kn_topics *topics;
    const struct kn_candidate *candidate;
    const float *usual;
    struct kn_arena *arena;
    struct kn_segment *segment;
};

static float value_of(const struct gatherer *g, enum kn_feature which)
{
    for (int i = 0; i < g->segment->feature_count; i++) {
        if (g->segment->features[i].name == kn_features[which].name)
            return g->segment->features[i].value;
    }
    return -1; /* no data */
}

static void add(struct gatherer *g, enum kn_feature which, int64_t at_us, const char *text)
{
    struct kn_segment *s = g->segment;
    if (s->evidence_count < KN_SEGMENT_EVIDENCE_MAX)
        s->evidence[s->evidence_count++] =
            (struct kn_evidence){kn_features[which].name, at_us, text};
}

static const char *quote(struct gatherer *g, int line)
{
    return kn_line_quote(g->text, line, KN_QUOTE_MAX, true, g->arena);
}

/* The line that opens, or the one after it where that is the stronger. */
static void tell_hook(struct gatherer *g)
{
    const struct kn_line *lines = g->text->lines;
    int first = g->candidate->start->line, line = first;

    if (first < 0)
        return;
    if (first < g->candidate->end->line && lines[first + 1].hook * 0.7f > lines[first].hook)
        line = first + 1;
    const char *words = quote(g, line);
    g->segment->hook = *words ? words : g->segment->title;
    if (lines[line].hook >= 0.25f && lines[line].hook_reason && *words)
        add(g, KN_FEATURE_HOOK, g->timeline->sentences[line].start_us,
            kn_arena_printf(g->arena, "%s %s: “%s”", line == first ? "opens with" : "soon",
                            lines[line].hook_reason, words));
}

/* The terms that weigh most, in the form in which they are said here. */
static void tell_substance(struct gatherer *g)
{
    const struct kn_candidate *c = g->candidate;
    int words[KEY_TERMS], count = 0;
    KN_SCOPED_STR list = {0};

    for (int n = 0; n < KEY_TERMS; n++) {
        int best = -1;
        for (int i = c->first_word; i < c->first_word + c->word_count; i++) {
            int term = g->text->tokens[i].term;
            bool taken = term < 0 || g->text->term_uses[term] < 2;
            for (int k = 0; k < count && !taken; k++)
                taken = g->text->tokens[words[k]].term == term;
            if (!taken && (best < 0 || g->text->term_uses[term] >
                                           g->text->term_uses[g->text->tokens[best].term]))
                best = i;
        }
        if (best < 0)
            break;
        words[count++] = best;
    }
    for (int k = 0; k < count; k++) {
        char folded[KN_FOLDED_MAX];
        kn_fold_word(g->timeline->words[words[k]].text, folded);
        kn_str_printf(&list, "%s“%s” (%d times)", k ? ", " : "", folded,
                      g->text->term_uses[g->text->tokens[words[k]].term]);
    }
    if (count)
        add(g, KN_FEATURE_SUBSTANCE, g->timeline->words[words[0]].start_us,
            kn_arena_printf(g->arena, "about what this source comes back to: %s",
                            kn_str_text(&list)));
}

static void tell_stance(struct gatherer *g)
{
    int best = -1, last = -1;
    const struct kn_candidate *c = g->candidate;

    for (int i = c->first_word; i < c->first_word + c->word_count; i++) {
        int line = g->text->tokens[i].line;
        if (line <= last)
            continue;
        last = line;
        const struct kn_line *l = &g->text->lines[line];
        if (l->said.stance >= 0.8f && (best < 0 || l->said.stance + l->said.substance >
                                                       g->text->lines[best].said.stance +
                                                           g->text->lines[best].said.substance))
            best = line;
    }
    if (best >= 0)
        add(g, KN_FEATURE_STANCE, g->timeline->sentences[best].start_us,
            kn_arena_printf(g->arena, "weighs, proposes or decides: “%s”", quote(g, best)));
}

static void tell_start(struct gatherer *g)
{
    const struct kn_edge *start = g->candidate->start;
    char span[KN_TIME_TEXT_BYTES];

    if (start->line < 0)
        return;
    if (g->text->lines[start->line].begins >= 0.9f && start->silence_us >= 500000)
        add(g, KN_FEATURE_SELF_CONTAINED, start->at_us,
            kn_arena_printf(g->arena, "begins a new thought after a pause of %s",
                            kn_time_span(KN_MIN(start->silence_us, INT64_C(3600000000)), span)));
}

/* Where the subject opens and where the next one does. */
static void tell_whole(struct gatherer *g)
{
    const struct kn_candidate *c = g->candidate;
    int first = c->start->line, next = c->end->line + 1;

    if (first < 0 || next < 1)
        return;
    bool opens = first == 0 || g->topics->strength[first] >= g->topics->sure;
    bool ends = next == g->timeline->sentence_count || g->topics->strength[next] >= g->topics->sure;
    if (opens && ends)
        add(g, KN_FEATURE_WHOLE, c->start->at_us, "a subject from its opening to its end");
    else if (opens && first > 0)
        add(g, KN_FEATURE_WHOLE, c->start->at_us, "begins where a new subject opens");
    else if (ends && next < g->timeline->sentence_count)
        add(g, KN_FEATURE_WHOLE, c->end->talk_us, "ends where another subject opens");
}

static void tell_ending(struct gatherer *g)
{
    int line = g->candidate->end->line;
    const struct kn_line *l = &g->text->lines[line < 0 ? 0 : line];

    if (line < 0 || l->ends < 0.9f || l->said.words < 4)
        return;
    add(g, KN_FEATURE_ENDING, g->timeline->sentences[line].start_us,
        kn_arena_printf(g->arena, "ends on a finished thought%s%s: “%s”",
                        l->closing_reason ? ", " : "", l->closing_reason ? l->closing_reason : "",
                        quote(g, line)));
}

static void tell_speech(struct gatherer *g)
{
    const struct kn_candidate *c = g->candidate;
    double seconds = (double)(c->end->talk_us - c->start->talk_us) / 1e6;
    double words = kn_words_measure(g->timeline->words + c->first_word, c->word_count);
    float fluency = value_of(g, KN_FEATURE_FLUENCY), flow = value_of(g, KN_FEATURE_FLOW);

    if (flow >= 0.85f && seconds > 0)
        add(g, KN_FEATURE_FLOW, c->start->talk_us,
            kn_arena_printf(g->arena, "no dead air: %.0f words, %.1f a second", words,
                            words / seconds));
    if (fluency >= 0.9f && g->text->classed)
        add(g, KN_FEATURE_FLUENCY, c->start->talk_us, "hardly a filler or a false start");
}

/* The loudest second, against the median of what is heard in the segment's source. */
static void tell_emphasis(struct gatherer *g)
{
    const struct kn_sound *sound = &g->timeline->sound;
    if (value_of(g, KN_FEATURE_EMPHASIS) < 0.65f || sound->count == 0)
        return;
    int from = (int)(g->segment->start_us / sound->step_us), loudest = from;
    int to = (int)KN_MIN(g->segment->end_us / sound->step_us, sound->count);
    for (int i = from; i < to; i++) {
        if (sound->loudness_lufs[i] > sound->loudness_lufs[loudest])
            loudest = i;
    }
    add(g, KN_FEATURE_EMPHASIS, loudest * sound->step_us,
        kn_arena_printf(g->arena,
                        "livelier than usual here; loudest at %.0f LUFS (the source has "
                        "%.0f)",
                        (double)sound->loudness_lufs[loudest], (double)sound->integrated_lufs));
}

static void tell_reaction(struct gatherer *g)
{
    const struct kn_sound *sound = &g->timeline->sound;
    for (int i = 0; i < sound->event_count; i++) {
        const struct kn_sound_event *e = &sound->events[i];
        if ((e->kind == KN_SOUND_APPLAUSE || e->kind == KN_SOUND_LAUGHTER) &&
            e->start_us <= g->segment->end_us + 2000000 &&
            e->end_us >= g->segment->start_us + 2000000) {
            add(g, KN_FEATURE_REACTION, e->start_us,
                kn_arena_printf(g->arena, "the audience reacts: %s", kn_sound_event_name(e->kind)));
            return;
        }
    }
}

static void tell_picture(struct gatherer *g)
{
    const struct kn_timeline *t = g->timeline;
    float faces = value_of(g, KN_FEATURE_FACES), motion = value_of(g, KN_FEATURE_MOTION);
    int64_t at_us = g->segment->start_us;
    int shots = 0;

    for (int i = 0; i < t->shot_count; i++)
        shots += t->shots[i].start_us < g->segment->end_us && t->shots[i].end_us > at_us;
    if (faces >= 0.5f)
        add(g, KN_FEATURE_FACES, at_us,
            kn_arena_printf(g->arena, "a face in view %.0f %% of the time", (double)faces * 100));
    if (shots > 1 && value_of(g, KN_FEATURE_RHYTHM) >= 0.8f)
        add(g, KN_FEATURE_RHYTHM, at_us,
            kn_arena_printf(g->arena, "%d shots in %.0f s", shots,
                            (double)(g->segment->end_us - at_us) / 1e6));
    if (motion >= 0.7f)
        add(g, KN_FEATURE_MOTION, at_us, "more motion than in most of the source");
    if (value_of(g, KN_FEATURE_NOVELTY) >= 0.75f)
        add(g, KN_FEATURE_NOVELTY, at_us, "looks and sounds unlike the rest");
}

/* What engines said. */
static void tell_advice(struct gatherer *g)
{
    const struct kn_segment *s = g->segment;
    const struct kn_sight *sight = kn_sights_best(g->timeline, s->start_us, s->end_us);
    if (sight && sight->seen[0] && value_of(g, KN_FEATURE_PICTURE) >= 0.55f)
        add(g, KN_FEATURE_PICTURE, sight->at_us,
            kn_arena_printf(g->arena, "to be seen: %s", sight->seen));
    if (s->proposal && value_of(g, KN_FEATURE_MODEL) >= 0.3f)
        add(g, KN_FEATURE_MODEL, s->start_us,
            s->proposal->reason[0]
                ? kn_arena_printf(g->arena, "a language model: %s", s->proposal->reason)
                : "a language model would choose it, too");
}

/* How much a feature lifts this segment over the source's ordinary stretch. */
static float lift(const struct gatherer *g, const char *feature)
{
    for (int i = 0; i < g->segment->feature_count; i++) {
        const struct kn_feature_value *v = &g->segment->features[i];
        for (int k = 0; v->name == feature && k < KN_FEATURE_COUNT; k++) {
            if (kn_features[k].name == feature)
                return v->weight * (v->value - g->usual[k]);
        }
    }
    return 0;
}

static void sort_by_lift(struct gatherer *g)
{
    struct kn_evidence *list = g->segment->evidence;

    for (int i = 1; i < g->segment->evidence_count; i++) {
        struct kn_evidence now = list[i];
        int k = i;
        for (; k > 0 && lift(g, list[k - 1].feature) < lift(g, now.feature); k--)
            list[k] = list[k - 1];
        list[k] = now;
    }
}

void kn_evidence_gather(const struct kn_text *text, const struct kn_topics *topics,
                        const struct kn_candidate *candidate, const float *usual,
                        struct kn_arena *arena, struct kn_segment *segment)
{
    struct gatherer g = {.text = text,
                         .timeline = text->timeline,
                         .topics = topics,
                         .candidate = candidate,
                         .usual = usual,
                         .arena = arena,
                         .segment = segment};

    segment->hook = segment->title;
    segment->evidence_count = 0;
    if (segment->word_count > 0) {
        tell_hook(&g);
        tell_substance(&g);
        tell_stance(&g);
        tell_start(&g);
        tell_whole(&g);
        tell_ending(&g);
        tell_speech(&g);
    }
    tell_emphasis(&g);
    tell_reaction(&g);
    tell_picture(&g);
    tell_advice(&g);
    sort_by_lift(&g);
}
