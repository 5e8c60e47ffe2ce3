#include "analyze/titles.h"

#include <stdio.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#include "analyze/lexicon.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/vec.h"

enum { WORDS_MAX = 64, CLAUSE_MIN_CHARS = 24 };

/* Where a quotation ends. */
enum cut { CUT_NOWHERE, CUT_AT_CLAUSE, CUT_AT_PHRASE, CUT_AT_WORD, CUTS };

/* A quotation while it is made: indices of words, cleaned. */
struct quote {
    const struct kn_text *text;
    int words[WORDS_MAX];
    int count;
    bool whole; /* nothing was cut off at the end */
    enum cut cut;
};

static const char *word_at(const struct quote *q, int i)
{
    return q->text->timeline->words[q->words[i]].text;
}

static uint32_t classes_at(const struct quote *q, int i)
{
    return q->text->tokens[q->words[i]].classes;
}

static int characters(const char *text)
{
    return (int)u8_mbsnlen((const uint8_t *)text, strlen(text));
}

/* Scripts without spaces are joined without spaces. */
static bool joins_closely(const char *before, const char *after)
{
    size_t n = strlen(before), back = 0;
    while (back < 4 && back < n && ((unsigned char)before[n - 1 - back] & 0xC0) == 0x80)
        back++;
    ucs4_t left = 0, right = 0;
    if (n)
        u8_mbtouc(&left, (const uint8_t *)before + n - 1 - back, back + 1);
    u8_mbtouc(&right, (const uint8_t *)after, strlen(after));
    bool wide_left = left >= 0x3000 && left < 0xac00,
         wide_right = right >= 0x3000 && right < 0xac00;
    return (wide_left || left >= 0xff00) && (wide_right || right >= 0xff00);
}

static int length(const struct quote *q, int count)
{
    int chars = 0;
    for (int i = 0; i < count; i++)
        chars +=
            characters(word_at(q, i)) + (i > 0 && !joins_closely(word_at(q, i - 1), word_at(q, i)));
    return chars;
}

static bool is_broken_off(const char *word)
{
    size_t n = strlen(word);
    return n > 1 && word[n - 1] == '-';
}

static bool same_folded(const char *a, const char *b)
{
    char left[KN_FOLDED_MAX], right[KN_FOLDED_MAX];
    return kn_fold_word(a, left) > 0 && kn_fold_word(b, right) > 0 && strcmp(left, right) == 0;
}

/* Takes the sentence's own words without fillers, words that were broken off and stammered
 * repetitions. */
static void gather(struct quote *q, int line)
{
    const struct kn_sentence *sentence = &q->text->timeline->sentences[line];
    int end = sentence->first_word + sentence->word_count;

    q->whole = sentence->complete;
    for (int i = sentence->first_word; i >= 0 && i < end; i = q->text->tokens[i].next) {
        const char *word = q->text->timeline->words[i].text;
        char folded[KN_FOLDED_MAX];
        if (q->text->tokens[i].classes & KN_CLASS_FILLER || is_broken_off(word) ||
            kn_fold_word(word, folded) == 0)
            continue;
        if (q->count && same_folded(word_at(q, q->count - 1), word)) {
            q->words[q->count - 1] = i; /* the later one carries the punctuation */
            continue;
        }
        if (q->count == WORDS_MAX) {
            q->whole = false;
            break;
        }
        q->words[q->count++] = i;
    }
}

static void drop_first(struct quote *q)
{
    q->count--;
    memmove(q->words, q->words + 1, (size_t)q->count * sizeof *q->words);
}

/* "So, okay, the thing is" begins with "the thing". */
static void trim_start(struct quote *q)
{
    while (q->count > 3) {
        uint32_t classes = classes_at(q, 0);
        bool opener = classes & (KN_CLASS_AFFIRM | KN_CLASS_OPENING) &&
                      !(classes & (KN_CLASS_NUMBER | KN_CLASS_WE | KN_CLASS_CLAIM));
        char folded[KN_FOLDED_MAX];
        kn_fold_word(word_at(q, 0), folded);
        bool joins = strcmp(folded, "and") == 0 || strcmp(folded, "but") == 0 ||
                     strcmp(folded, "because") == 0 || strcmp(folded, "then") == 0 ||
                     strcmp(folded, "or") == 0 || strcmp(folded, "cause") == 0;
        bool verb = kn_starts_with(folded, "let"); /* "let me tell you" needs it */
        if (verb || (!opener && !joins))
            break;
        drop_first(q);
    }
}

static bool is_one_of(const char *word, const char *list)
{
    char folded[KN_FOLDED_MAX], spaced[KN_FOLDED_MAX + 2];
    if (kn_fold_word(word, folded) == 0)
        return false;
    snprintf(spaced, sizeof spaced, " %s ", folded);
    return strstr(list, spaced) != NULL;
}

/* Such a word begins a clause of its own, so that what comes before it can end there. */
static bool opens_clause(const char *word)
{
    return is_one_of(word, " and or but because that which who where when while if as than then "
                           "until unless since ");
}

/* The same of a phrase. Not "of", "to" and "into": what they lead to belongs to the word before. */
static bool opens_phrase(const char *word)
{
    return is_one_of(word, " in on at by for from with without under about between among through "
                           "during before after against along across around behind beside "
                           "beyond near within ");
}

/* "in one", "such a", "three": these wait for what they belong to. */
static bool hangs(const struct quote *q, int i)
{
    return classes_at(q, i) & (KN_CLASS_LEFT_OPEN | KN_CLASS_NUMBER) ||
           is_one_of(word_at(q, i), " one some any all both each every either another no such same "
                                    "much many more most less few several not just only even "
                                    "quite rather pretty too also then ");
}

static bool waits_for_more(const struct quote *q)
{
    return is_one_of(word_at(q, 0), " if when while as since although though unless once because "
                                    "before after until whether ");
}

static bool ends_clause(const char *word)
{
    size_t n = strlen(word);
    return n && strchr(",;:.", word[n - 1]);
}

/* The fewest words that say something: of "If I let it go," the first clause alone does not. */
static int least_words(const struct quote *q, int fits)
{
    int first = 0;
    if (!waits_for_more(q))
        return 2;
    while (first < fits && !ends_clause(word_at(q, first)))
        first++;
    return first + 2;
}

/* How many of the first `fits` words end with a clause; 0: none does, or too early. */
static int find_clause(const struct quote *q, int fits)
{
    int least = least_words(q, fits);
    for (int i = fits; i >= least && length(q, i) >= CLAUSE_MIN_CHARS; i--)
        if (ends_clause(word_at(q, i - 1)) && !hangs(q, i - 1))
            return i;
    return 0;
}

/* The same where the word behind opens something. */
static int find_opener(const struct quote *q, int fits, bool (*opens)(const char *word))
{
    int least = least_words(q, fits);
    for (int i = fits; i >= least && i < q->count && length(q, i) >= CLAUSE_MIN_CHARS; i--)
        if (opens(word_at(q, i)) && !hangs(q, i - 1))
            return i;
    return 0;
}

/* Cuts to `max` characters: after a clause if one ends late enough, else after a phrase, else after
 * a word; and no word that hangs stays at the end. */
static void trim_end(struct quote *q, int max)
{
    int fits = q->count, at;

    while (fits > 1 && length(q, fits) > max)
        fits--;
    q->cut = CUT_NOWHERE;
    if (fits < q->count) {
        q->whole = false;
        q->cut = CUT_AT_WORD;
        if ((at = find_clause(q, fits)) > 0)
            q->cut = CUT_AT_CLAUSE;
        else if ((at = find_opener(q, fits, opens_clause)) > 0 ||
                 (at = find_opener(q, fits, opens_phrase)) > 0)
            q->cut = CUT_AT_PHRASE;
        fits = at > 0 ? at : fits;
    }
    q->count = fits;
    while (q->count > 2 && !q->whole &&
           (classes_at(q, q->count - 1) & KN_CLASS_LEFT_OPEN ||
            (q->cut == CUT_AT_WORD && hangs(q, q->count - 1))))
        q->count--;
}

static void cut_marks(struct kn_str *out, bool keep_end)
{
    static const char marks[] = ",;:-.\"'([";
    while (out->length && strchr(marks, out->at[out->length - 1]) &&
           !(keep_end && out->at[out->length - 1] == '.'))
        out->at[--out->length] = '\0';
    while (out->length >= 3 && memcmp(out->at + out->length - 3, "…", 3) == 0) {
        out->length -= 3;
        out->at[out->length] = '\0';
    }
}

/* One word alone may be too long. */
static void cut_characters(struct kn_str *out, int max)
{
    size_t at = 0;
    for (int chars = 0; at < out->length && chars < max; chars++) {
        ucs4_t c;
        at += (size_t)u8_mbtouc(&c, (const uint8_t *)out->at + at, out->length - at);
    }
    if (at < out->length) {
        out->length = at;
        out->at[at] = '\0';
    }
}

/* The first letter as a capital. */
static const char *capitalise(const char *text, struct kn_arena *arena)
{
    ucs4_t first;
    uint8_t upper[8];

    if (!*text)
        return "";
    int n = u8_mbtouc(&first, (const uint8_t *)text, strlen(text));
    int bytes = u8_uctomb(upper, uc_toupper(first), sizeof upper);
    if (bytes <= 0)
        return kn_arena_strdup(arena, text);
    return kn_arena_printf(arena, "%.*s%s", bytes, (const char *)upper, text + n);
}

static void make_quote(const struct kn_text *text, int line, int max, struct quote *q)
{
    *q = (struct quote){.text = text};
    gather(q, line);
    trim_start(q);
    trim_end(q, max);
}

static const char *print_quote(const struct quote *q, int max, bool keep_end,
                               struct kn_arena *arena)
{
    KN_SCOPED_STR out = {0};

    for (int i = 0; i < q->count; i++) {
        if (i > 0 && !joins_closely(word_at(q, i - 1), word_at(q, i)))
            kn_str_add_char(&out, ' ');
        kn_str_add(&out, word_at(q, i));
    }
    cut_characters(&out, max);
    cut_marks(&out, keep_end && q->whole);
    return capitalise(kn_str_text(&out), arena);
}

const char *kn_line_quote(const struct kn_text *text, int line, int max, bool keep_end,
                          struct kn_arena *arena)
{
    struct quote q;
    make_quote(text, line, max, &q);
    return print_quote(&q, max, keep_end, arena);
}

/* Does it say something without what stood around it? 0..1. */
static float stands_alone(const struct quote *q)
{
    static const float kept[CUTS] = {
        [CUT_NOWHERE] = 1, [CUT_AT_CLAUSE] = 0.8f, [CUT_AT_PHRASE] = 0.6f, [CUT_AT_WORD] = 0.35f};
    if (q->count == 0)
        return 0;
    float value = kept[q->cut];
    if (classes_at(q, 0) & (KN_CLASS_HANGING | KN_CLASS_POINTING) &&
        !is_one_of(word_at(q, 0), " there's "))
        value *= 0.5f;
    if (q->cut != CUT_NOWHERE && waits_for_more(q))
        value *= 0.5f;
    if (!q->whole && hangs(q, q->count - 1)) /* the source ends in mid-sentence */
        value *= 0.5f;
    return value;
}

/* The line that catches a listener, as the evidence tells: the first, or the one behind it. */
static int find_hook(const struct kn_text *text, const struct kn_candidate *span)
{
    int first = text->tokens[span->first_word].line;
    int last = text->tokens[span->first_word + span->word_count - 1].line;
    bool second = first < last && text->lines[first + 1].hook * 0.7f > text->lines[first].hook;
    return second ? first + 1 : first;
}

/* How well a sentence would do as the headline: it carries subject, it speaks to somebody, it fits
 * without being cut, and it needs nothing that was said before. What catches a listener at the
 * start catches a reader as well. */
static float headline_value(const struct kn_text *text, int line, const struct quote *q, bool first,
                            bool hook)
{
    const struct kn_line *l = &text->lines[line];
    float fits = l->said.words >= 4 && l->said.words <= 14 ? 1.0f : l->said.words < 4 ? 0.2f : 0.7f;
    float alone = stands_alone(q), early = first ? 0.1f : 0;
    float catches = hook && l->hook >= 0.25f && alone >= 1 ? 0.3f : 0;
    return (l->said.substance + 0.5f * l->hook + early + catches) * fits * alone *
           (1 - l->said.affirm) * (0.6f + 0.4f * l->begins);
}

static bool is_taken(const char *title, const struct kn_segment *before, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(before[i].title, title) == 0)
            return true;
    return false;
}

const char *kn_title_make(const struct kn_text *text, const struct kn_candidate *span,
                          const struct kn_segment *before, int count, struct kn_arena *arena)
{
    float best = -1;
    const char *chosen = "Untitled";
    int last = -1, hook = span->word_count ? find_hook(text, span) : -1;

    for (int i = span->first_word; i < span->first_word + span->word_count; i++) {
        struct quote q;
        int line = text->tokens[i].line;
        if (line <= last) /* lines of people who talk over each other alternate */
            continue;
        last = line;
        make_quote(text, line, KN_TITLE_MAX, &q);
        float value = headline_value(text, line, &q, i == span->first_word, line == hook);
        if (value <= best)
            continue;
        const char *title = print_quote(&q, KN_TITLE_MAX, false, arena);
        if (!*title || is_taken(title, before, count))
            continue;
        best = value;
        chosen = title;
    }
    return chosen;
}
