#include "analyze/titles.h"

#include <stdio.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

#include "analyze/lexicon.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/words.h"
#include "model/regroup.h"

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

/* Is a space written before word i? */
static bool is_spaced(const struct quote *q, int i)
{
    const struct kn_word *words = q->text->timeline->words;
    return kn_words_spaced(&words[q->words[i - 1]], &words[q->words[i]]);
}

static int length(const struct quote *q, int count)
{
    int columns = 0;
    for (int i = 0; i < count; i++)
        columns += kn_utf8_columns(word_at(q, i)) + (i > 0 && is_spaced(q, i));
    return columns;
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
        /* 谈谈 and いろいろ are no stammer. */
        if (q->count && !kn_char_is_spaceless(kn_utf8_first(folded)) &&
            same_folded(word_at(q, q->count - 1), word)) {
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

/* Joins a sentence to the one before it. */
static bool is_joiner(const char *folded)
{
    static const char *const joiners[] = {
        "and",    "but",    "because",  "then",   "or",     "cause",  "そして", "でも", "だから",
        "しかし", "それで", "それから", "なので", "けど",   "但是",   "可是",   "所以", "而且",
        "然后",   "然後",   "不过",     "不過",   "그리고", "하지만", "그래서"};
    for (size_t i = 0; i < KN_COUNT_OF(joiners); i++)
        if (strcmp(folded, joiners[i]) == 0)
            return true;
    return false;
}

/* "So, okay, the thing is" begins with "the thing", 最後に、… with what follows the comma. */
static void trim_start(struct quote *q)
{
    while (q->count > 3) {
        uint32_t classes = classes_at(q, 0);
        bool opener = classes & (KN_CLASS_AFFIRM | KN_CLASS_OPENING) &&
                      !(classes & (KN_CLASS_NUMBER | KN_CLASS_WE | KN_CLASS_CLAIM));
        char folded[KN_FOLDED_MAX];
        kn_fold_word(word_at(q, 0), folded);
        bool joins = is_joiner(folded);
        bool verb = kn_starts_with(folded, "let"); /* "let me tell you" needs it */
        if (verb || (!opener && !joins))
            break;
        do {
            bool leans = kn_word_leans(word_at(q, 0), word_at(q, 1));
            drop_first(q);
            if (!leans)
                break;
        } while (q->count > 1);
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
    static const uint32_t marks[] = {',', ';', ':', '.', 0x3001, 0xff0c, 0x3002, 0x060c, 0x061b};
    uint32_t last = kn_utf8_last(word);
    for (size_t i = 0; i < KN_COUNT_OF(marks); i++)
        if (last == marks[i])
            return true;
    return false;
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

/* The same in scripts without spaces, where a phrase ends with what leans on it: rather one after
 * which nobody waits for more, but in a long run of particles any is better than half a line. */
static int find_whole_phrase(const struct quote *q, int fits)
{
    int any = 0;
    if (!kn_char_is_spaceless(kn_utf8_last(word_at(q, fits - 1))))
        return 0;
    for (int i = fits; i >= 2 && i < q->count && length(q, i) >= CLAUSE_MIN_CHARS; i--) {
        if (kn_word_leans(word_at(q, i - 1), word_at(q, i)))
            continue;
        if (!kn_word_waits(word_at(q, i - 1)) && !hangs(q, i - 1))
            return i;
        any = any ? any : i;
    }
    return any;
}

/* Does the first word behind the cut lean on the last before it? */
static bool is_torn(const struct quote *q, int all)
{
    return q->count < all && kn_word_leans(word_at(q, q->count - 1), word_at(q, q->count));
}

/* Cuts to `max` columns: after a clause if one ends late enough, else after a phrase, else after
 * a word; and no word that hangs stays at the end. */
static void trim_end(struct quote *q, int max)
{
    int fits = q->count, all = q->count, at = 0;

    while (fits > 1 && length(q, fits) > max)
        fits--;
    q->cut = CUT_NOWHERE;
    if (fits < q->count) {
        q->whole = false;
        q->cut = CUT_AT_WORD;
        if ((at = find_clause(q, fits)) > 0)
            q->cut = CUT_AT_CLAUSE;
        else if ((at = find_opener(q, fits, opens_clause)) > 0 ||
                 (at = find_opener(q, fits, opens_phrase)) > 0 ||
                 (at = find_whole_phrase(q, fits)) > 0)
            q->cut = CUT_AT_PHRASE;
        fits = at > 0 ? at : fits;
    }
    q->count = fits;
    bool phrase = at > 0 && kn_char_is_spaceless(kn_utf8_last(word_at(q, q->count - 1)));
    while (q->count > 2 && !q->whole && !phrase &&
           (classes_at(q, q->count - 1) & KN_CLASS_LEFT_OPEN ||
            (q->cut == CUT_AT_WORD && (hangs(q, q->count - 1) || is_torn(q, all)))))
        q->count--;
}

/* Takes one of the marks off the end; false when none is there. */
static bool ends_with_one(struct kn_str *out, const char *const *marks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kn_ends_with(kn_str_text(out), marks[i])) {
            out->length -= strlen(marks[i]);
            out->at[out->length] = '\0';
            return true;
        }
    }
    return false;
}

static void cut_marks(struct kn_str *out, bool keep_end)
{
    static const char marks[] = ",;:-.\"'([";
    static const char *const others[] = {"。", "、", "，", "；", "：", "｡",
                                         "،",  "؛",  "۔",  "「", "『", "（"};
    while (out->length && strchr(marks, out->at[out->length - 1]) &&
           !(keep_end && out->at[out->length - 1] == '.'))
        out->at[--out->length] = '\0';
    while (ends_with_one(out, &(const char *){"…"}, 1) ||
           (!(keep_end && kn_ends_with(kn_str_text(out), "。")) &&
            ends_with_one(out, others, KN_COUNT_OF(others))))
        continue;
}

/* One word alone may be too long. */
static void cut_columns(struct kn_str *out, int max)
{
    size_t at = 0, n;
    int columns = 0;
    while (at < out->length && (n = kn_utf8_grapheme(out->at + at))) {
        char letter[64] = "";
        memcpy(letter, out->at + at, KN_MIN(n, sizeof letter - 1));
        columns += kn_utf8_columns(letter);
        if (columns > max)
            break;
        at += n;
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
        if (i > 0 && is_spaced(q, i))
            kn_str_add_char(&out, ' ');
        kn_str_add(&out, word_at(q, i));
    }
    cut_columns(&out, max);
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
