/*
 * What single sentences and stretches of talk say about themselves.
 *
 * Substance starts from Luhn (The automatic creation of literature abstracts, IBM Journal, April
 * 1958): the words that a speaker comes back to are what the speech is about, and a stretch that
 * brings many of them together matters. Each term weighs log(1 + uses), so that one favourite word
 * can't decide alone, and the sum saturates, so that long-windedness can't either. What was said a
 * moment ago counts less (the given and the new: Haviland and Clark, Journal of Verbal Learning and
 * Verbal Behavior 13, 1974), and so does a stretch that only continues another ("and …", "so …").
 */
#include "analyze/lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/lexicon.h"
#include "analyze/sentences.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/words.h"

enum {
    PHRASE_WORDS = 24,     /* phrases are looked for among so many first words */
    WEIGHED_WORDS_MIN = 4, /* a shorter stretch takes no stance */
};

/* Weighted terms at which substance reaches 1 - 1/e. */
#define SUBSTANCE_SCALE 3.5
/* A term that was said less than RECENT_US ago, by anybody, counts so much; one repeated inside the
 * stretch so much; and all of a stretch that hangs on what was said before, so much. */
#define RECENT_US      60000000
#define RECENT_SHARE   0.4
#define REPEATED_SHARE 0.5
#define HANGING_SHARE  0.5

struct counts {
    int words; /* as they are measured */
    int said;  /* as they are parted: what the next ones are shares of */
    int terms, affirm, fillers, repeats;
    uint32_t any; /* classes seen */
    double weight;
    int first, last; /* words */
    struct kn_str folded;
};

/* When each term was last said; stretches are met in the order of their starts. */
struct memory {
    int64_t *said_us;  /* by term: the end of the last stretch with it */
    int *last_stretch; /* by term: in which it was met last */
    int stretch;       /* the one at hand */
};

static double weigh_term(const struct kn_text *text, int term, int64_t now_us,
                         struct memory *memory)
{
    double weight = (double)text->term_weights[term];

    if (memory->last_stretch[term] == memory->stretch)
        weight *= REPEATED_SHARE;
    if (now_us - memory->said_us[term] < RECENT_US)
        weight *= RECENT_SHARE;
    memory->last_stretch[term] = memory->stretch;
    return weight;
}

/* The stretch is over: its terms have been said. */
static void remember(const struct kn_text *text, const struct counts *c, struct memory *memory)
{
    for (int i = c->first; i >= 0 && i <= c->last; i = text->tokens[i].next) {
        if (text->tokens[i].term >= 0)
            memory->said_us[text->tokens[i].term] = text->timeline->words[c->last].end_us;
    }
    memory->stretch++;
}

/* Counts the words of one speaker from `first` on, before `limit` and, with `until_mark`, before
 * the next marked utterance. */
static void count_words(const struct kn_text *text, int first, int limit, bool until_mark,
                        struct memory *memory, struct counts *c)
{
    const struct kn_word *words = text->timeline->words;
    char folded[KN_FOLDED_MAX] = "", before[KN_FOLDED_MAX] = "";
    struct kn_str phrase = c->folded;
    double measure = 0;

    *c = (struct counts){.folded = phrase, .first = first};
    kn_str_clear(&c->folded);
    kn_str_add_char(&c->folded, ' ');
    for (int i = first; i >= 0 && i < limit; i = text->tokens[i].next) {
        const struct kn_token *token = &text->tokens[i];
        size_t bytes = strlen(words[i].text);

        if (until_mark && i != first && words[i].starts_utterance)
            break;
        c->last = i;
        c->said++;
        measure += kn_word_measure(words[i].text);
        c->affirm += (token->classes & KN_CLASS_AFFIRM) != 0;
        c->any |= token->classes;
        if (token->term >= 0) {
            c->terms++;
            c->weight += weigh_term(text, token->term, words[first].start_us, memory);
        }
        int length = kn_fold_word(words[i].text, folded);
        if (token->classes & KN_CLASS_FILLER)
            c->fillers++;
        else if (length && (strcmp(folded, before) == 0 || words[i].text[bytes - 1] == '-'))
            c->repeats++;
        if (length && c->said <= PHRASE_WORDS)
            kn_str_printf(&c->folded, "%s ", folded);
        if (length)
            memcpy(before, folded, sizeof before);
    }
    c->words = KN_MAX((int)lround(measure), 1);
    if (text->tokens[first].classes & KN_CLASS_HANGING)
        c->weight *= HANGING_SHARE;
    remember(text, c, memory);
}

/* 1 - (1 - a)(1 - b): either is enough, both are better. */
static void add_strength(float *total, float strength, const char **reason, float *strongest,
                         const char *why)
{
    *total = 1 - (1 - *total) * (1 - strength);
    if (strength > *strongest) {
        *strongest = strength;
        *reason = why;
    }
}

static void rate_hook(const struct counts *c, uint32_t first, bool number, struct kn_line *line)
{
    float total = 0, strongest = 0;
    const char *phrase;
    float phrase_strength = kn_hook_phrase(kn_str_text(&c->folded), &phrase);

    add_strength(&total, phrase_strength, &line->hook_reason, &strongest,
                 "a phrase that promises something");
    if (line->question && c->words >= 4)
        add_strength(&total, 0.7f, &line->hook_reason, &strongest, "a question");
    if (number)
        add_strength(&total, 0.4f, &line->hook_reason, &strongest, "a number");
    if (c->any & KN_CLASS_CLAIM)
        add_strength(&total, 0.35f, &line->hook_reason, &strongest, "a strong claim");
    if (c->any & KN_CLASS_CONTRAST && !(first & KN_CLASS_HANGING))
        add_strength(&total, 0.3f, &line->hook_reason, &strongest, "a contrast");
    if (c->any & KN_CLASS_EMOTION)
        add_strength(&total, 0.3f, &line->hook_reason, &strongest, "strong words");
    if (c->any & KN_CLASS_YOU)
        add_strength(&total, 0.25f, &line->hook_reason, &strongest, "direct address");

    float damp = 1.0f - 0.7f * line->said.affirm - 0.7f * line->said.disfluent;
    if (c->words < 4)
        damp *= 0.5f;
    line->hook = KN_MAX(0.0f, total * damp * (0.4f + 0.6f * line->begins));
    if (line->hook < 0.1f)
        line->hook_reason = NULL;
}

/* Is the last word one after which something has to come, whatever mark a recogniser gave it?
 * ("so" is none: "I think so.") */
static bool is_left_open(const char *last, uint32_t classes)
{
    char folded[KN_FOLDED_MAX];
    if (kn_word_trails_off(last))
        return true;
    return classes & KN_CLASS_LEFT_OPEN && classes & KN_CLASS_HANGING &&
           kn_fold_word(last, folded) && strcmp(folded, "so") != 0;
}

static void rate_edges(const struct counts *c, const struct kn_text *text, bool complete,
                       struct kn_line *line)
{
    uint32_t first = text->tokens[c->first].classes, last = text->tokens[c->last].classes;
    const char *folded = kn_str_text(&c->folded);

    line->begins = 1;
    if (first & KN_CLASS_HANGING)
        line->begins = strncmp(folded, " so ", 4) == 0 ? 0.4f : 0.1f;
    else if (first & KN_CLASS_AFFIRM || c->words < 3)
        line->begins = first & KN_CLASS_OPENING && c->words >= 4 ? 0.7f : 0.3f;
    else if (first & KN_CLASS_POINTING)
        line->begins = 0.5f;
    else if (first & KN_CLASS_FILLER)
        line->begins = 0.7f;

    line->ends = complete ? 1.0f : 0.4f;
    if (line->question)
        line->ends = 0.4f; /* its answer would be missing */
    if ((!complete && last & KN_CLASS_LEFT_OPEN) ||
        is_left_open(text->timeline->words[c->last].text, last))
        line->ends = 0;
    else if (last & KN_CLASS_LEFT_OPEN && last & KN_CLASS_HANGING)
        line->ends = 0.2f;
    if (c->words < 3 || line->said.affirm > 0.5f)
        line->ends = KN_MIN(line->ends, 0.6f);

    line->opening = 0;
    if (first & KN_CLASS_OPENING)
        line->opening = first & KN_CLASS_HANGING ? 0.7f : 1.0f;
    else if (first & KN_CLASS_HANGING || (first & KN_CLASS_POINTING && !(first & KN_CLASS_WE)))
        line->opening = -0.6f;
    else if (first & (KN_CLASS_AFFIRM | KN_CLASS_NEGATION | KN_CLASS_YOU))
        line->opening = -0.4f;
    else if (first & KN_CLASS_FILLER)
        line->opening = 0.3f;
}

static bool has_number(const struct kn_text *text, const struct counts *c)
{
    for (int i = c->first; i >= 0 && i <= c->last; i = text->tokens[i].next) {
        if (text->tokens[i].classes & KN_CLASS_NUMBER ||
            strpbrk(text->timeline->words[i].text, "0123456789"))
            return true;
    }
    return false;
}

/* Japanese and Chinese ask by a particle, with or without a question mark. */
static bool asks_by_particle(const struct kn_text *text, const char *last)
{
    char folded[KN_FOLDED_MAX];
    return text->classed && kn_fold_word(last, folded) &&
           (strcmp(folded, "か") == 0 || strcmp(folded, "かな") == 0 ||
            kn_ends_with(folded, "吗") || kn_ends_with(folded, "嗎"));
}

static bool is_question(const struct kn_text *text, const struct counts *c)
{
    const char *last = text->timeline->words[c->last].text;
    return strchr(last, '?') || strstr(last, "？") || strstr(last, "؟") ||
           asks_by_particle(text, last) ||
           (text->english && c->words >= 5 && text->tokens[c->first].classes & KN_CLASS_QUESTION &&
            !(text->tokens[c->first].classes & KN_CLASS_HANGING) && !strchr(last, '.') &&
            !strchr(last, ','));
}

static struct kn_stretch rate_stretch(const struct counts *c)
{
    float said = (float)KN_MAX(c->said, 1);
    struct kn_stretch s = {
        .words = c->words,
        .terms = c->terms,
        .substance = (float)(1 - exp(-c->weight / SUBSTANCE_SCALE)),
        .affirm = (float)c->affirm / said,
        .disfluent = (float)(c->fillers + c->repeats) / said,
    };
    float no_stance = 1;
    if (c->any & KN_CLASS_STANCE)
        no_stance *= 0.4f;
    if (c->any & KN_CLASS_WE)
        no_stance *= 0.4f;
    if (c->any & KN_CLASS_REASON)
        no_stance *= 0.8f;
    s.stance = c->words >= WEIGHED_WORDS_MIN ? 1 - no_stance : 0;
    return s;
}

static void rate_closing(const struct counts *c, struct kn_line *line)
{
    const char *phrase;

    line->closing = kn_closing_phrase(kn_str_text(&c->folded), &phrase);
    if (line->closing > 0)
        line->closing_reason = "it sums up";
    if (c->any & (KN_CLASS_CLAIM | KN_CLASS_EMOTION) && c->words <= 14 && c->words >= 3) {
        line->closing = 1 - (1 - line->closing) * 0.6f;
        if (!line->closing_reason)
            line->closing_reason = "short and strong";
    }
    line->closing *= line->ends;
}

static void rate_lines(const struct kn_text *text, struct memory *memory, struct counts *c,
                       struct kn_line *lines)
{
    for (int s = 0; s < text->timeline->sentence_count; s++) {
        const struct kn_sentence *sentence = &text->timeline->sentences[s];
        struct kn_line *line = &lines[s];

        count_words(text, sentence->first_word, sentence->first_word + sentence->word_count, false,
                    memory, c);
        line->said = rate_stretch(c);
        line->question = is_question(text, c);
        rate_edges(c, text, sentence->complete, line);
        rate_hook(c, text->tokens[c->first].classes, has_number(text, c), line);
        rate_closing(c, line);
    }
}

/* Marked utterances become stretches. Every word is reached: from a mark, or from its speaker's
 * first word. */
static int rate_utterances(const struct kn_text *text, struct memory *memory, struct counts *c,
                           struct kn_token *tokens, struct kn_stretch *stretches)
{
    const struct kn_timeline *t = text->timeline;
    int count = 0;

    for (int i = 0; i < t->word_count; i++)
        tokens[i].stretch = -1;
    for (int i = 0; i < t->word_count; i++) {
        if (tokens[i].stretch >= 0)
            continue;
        count_words(text, i, t->word_count, true, memory, c);
        stretches[count] = rate_stretch(c);
        int k = i;
        do {
            tokens[k].stretch = count;
            k = tokens[k].next;
        } while (k >= 0 && !t->words[k].starts_utterance);
        count++;
    }
    return count;
}

static void forget(struct memory *memory, int term_count)
{
    for (int term = 0; term < term_count; term++) {
        memory->said_us[term] = -RECENT_US;
        memory->last_stretch[term] = -1;
    }
    memory->stretch = 0;
}

void kn_lines_rate(struct kn_text *text, struct kn_token *tokens, struct kn_arena *arena)
{
    const struct kn_timeline *t = text->timeline;
    bool marked = kn_utterances_are_marked(t);
    struct kn_line *lines = kn_arena_array(arena, (size_t)t->sentence_count + 1, sizeof *lines);
    int most = marked ? t->word_count : t->sentence_count;
    struct kn_stretch *stretches = kn_arena_array(arena, (size_t)most + 1, sizeof *stretches);
    struct counts counts = {0};
    struct memory memory = {
        .said_us = kn_malloc((size_t)text->term_count * sizeof *memory.said_us),
        .last_stretch = kn_malloc((size_t)text->term_count * sizeof *memory.last_stretch),
    };

    forget(&memory, text->term_count);
    rate_lines(text, &memory, &counts, lines);
    text->lines = lines;
    if (marked) {
        forget(&memory, text->term_count);
        text->stretch_count = rate_utterances(text, &memory, &counts, tokens, stretches);
    } else {
        text->stretch_count = t->sentence_count;
        for (int s = 0; s < t->sentence_count; s++)
            stretches[s] = lines[s].said;
        for (int i = 0; i < t->word_count; i++)
            tokens[i].stretch = tokens[i].line;
    }
    text->stretches = stretches;
    kn_str_free(&counts.folded);
    free(memory.said_us);
    free(memory.last_stretch);
}
