/*
 * What a reader minds: how bad it is when a line or a screenful ends after a piece.
 */
#include "clip/captions_layout.h"

#include <string.h>

#include "base/utf8.h"
#include "base/words.h"

/* Does a Japanese phrase end between two characters? Where a particle or an ending is followed by
 * letters of another kind, nearly always. */
static bool closes_phrase(uint32_t before, uint32_t after)
{
    return kn_char_is_hiragana(before) && kn_char_is_spaceless(after) &&
           !kn_char_is_hiragana(after);
}

/* The last character when closing quotes and brackets are passed over. */
static uint32_t closing_mark(const char *text)
{
    uint32_t mark = 0, c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (c != '"' && c != '\'' && c != ')' && c != ']' && c != 0x2019 && c != 0x201d &&
            c != 0x00bb && c != 0x300d && c != 0x300f && c != 0x3011 && c != 0xff09)
            mark = c;
    return mark;
}

static bool is_sentence_mark(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x3002 || c == 0xff01 ||
           c == 0xff1f || c == 0x061f || c == 0x06d4 || c == 0x0964;
}

static bool is_clause_mark(uint32_t c)
{
    return c == ',' || c == ';' || c == ':' || c == 0x2013 || c == 0x2014 || c == 0x3001 ||
           c == 0xff0c || c == 0x060c || c == 0x061b;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(text, *list) == 0)
            return true;
    return false;
}

/* Words that lean on the next one: a line that ends with one reads badly. English, and the
 * articles and prepositions of the languages that subtitles most often come in. */
static const char *const leaning[] = {
    "a",     "an",      "the",  "of",    "to",     "in",   "on",    "at",    "by",    "for",
    "with",  "from",    "into", "and",   "or",     "but",  "nor",   "as",    "if",    "than",
    "that",  "my",      "your", "his",   "her",    "its",  "our",   "their", "this",  "these",
    "those", "is",      "are",  "was",   "were",   "be",   "been",  "has",   "have",  "had",
    "will",  "would",   "can",  "could", "should", "must", "may",   "might", "not",   "very",
    "so",    "too",     "i",    "you",   "he",     "she",  "it",    "we",    "they",  "who",
    "which", "because", "when", "mr.",   "mrs.",   "ms.",  "dr.",   "no.",   "der",   "die",
    "das",   "den",     "dem",  "des",   "ein",    "eine", "einen", "einem", "einer", "und",
    "oder",  "von",     "zu",   "mit",   "im",     "am",   "für",   "auf",   "le",    "la",
    "les",   "un",      "une",  "de",    "du",     "et",   "ou",    "à",     "au",    "aux",
    "dans",  "pour",    "el",   "los",   "las",    "una",  "y",     "en",    "con",   "por",
    "para",  "que",     "il",   "lo",    "gli",    "e",    "di",    "da",    "per",   "o",
    "os",    "um",      "uma",  "do",    "na",     NULL,
};
/* Words that open a phrase: a line that begins with one reads well. */
static const char *const opening[] = {
    "and",   "but",  "or",    "so",   "because", "that",   "which", "who",  "when", "where",
    "while", "if",   "as",    "to",   "of",      "in",     "on",    "at",   "for",  "with",
    "from",  "into", "about", "than", "then",    "und",    "oder",  "aber", "dass", "weil",
    "et",    "mais", "que",   "y",    "pero",    "porque", NULL,
};

/* Words that belong to what is counted after them. */
static const char *const numbers[] = {
    "one",  "two", "three",   "four",     "five",    "six",     "seven", "eight",
    "nine", "ten", "hundred", "thousand", "million", "billion", NULL,
};

/* The same between words of scripts without spaces. */
static double spaceless_cost(const struct kn_piece *left, const struct kn_piece *right)
{
    const char *a = left->word.text, *b = right->word.text;

    if (right->word.spaced)
        return 1.5; /* a space stands there between clauses */
    if (kn_word_leans(a, b))
        return 15;
    if (kn_word_waits(a))
        return 9; /* この, 和 */
    if (kn_ends_with(a, "の") || kn_ends_with(a, "な") || kn_ends_with(a, "的"))
        return 5;
    return closes_phrase(kn_utf8_last(a), kn_utf8_first(b)) ? 2 : 6.5;
}

/* The cost of a line's end between two pieces; times in seconds. */
static double break_cost(const struct kn_piece *left, const struct kn_piece *right)
{
    const char *a = left->word.text, *b = right->word.text;
    uint32_t mark = closing_mark(a);
    double pause = (double)(right->word.start_us - left->word.end_us) / 1e6;
    double cost = 4;

    if (left->word.source == right->word.source && !kn_char_is_spaceless(kn_utf8_last(a)))
        return 3; /* a hyphen; the two parts never fit on one line */
    if (is_sentence_mark(mark))
        return is_one_of(a, leaning) ? 15 : 0; /* "Mr." */
    if (is_clause_mark(mark))
        return 1.2;
    if (kn_char_is_spaceless(kn_utf8_last(a)))
        cost = spaceless_cost(left, right);
    else if (is_one_of(a, leaning))
        cost = 15;
    else if (is_one_of(b, opening))
        cost = 2.5;
    if (kn_char_is_digit(kn_utf8_last(a)) || is_one_of(a, numbers))
        cost += 7; /* "20 million" */
    if (kn_char_is_upper(kn_utf8_first(a)) && kn_char_is_upper(kn_utf8_first(b)) &&
        strcmp(b, "I") != 0)
        cost += 8; /* "New York" */
    if (pause > 0.15)
        cost /= 1 + 4 * (pause - 0.15);
    return cost;
}

/* May a line end between the two? UAX #14 on the two texts as they are written side by side: no
 * comma, closing bracket or small kana begins a line. */
static bool break_allowed(const struct kn_piece *left, const struct kn_piece *right)
{
    KN_SCOPED_STR both = {0};
    bool *breaks;

    if (left->word.source == right->word.source || left->speaker != right->speaker)
        return true;
    kn_str_add(&both, left->word.text);
    if (right->word.spaced)
        kn_str_add_char(&both, ' ');
    size_t at = both.length;
    kn_str_add(&both, right->word.text);
    breaks = kn_calloc(both.length + 1, sizeof *breaks);
    kn_utf8_breaks(both.at, both.length, breaks);
    bool allowed = breaks[at];
    free(breaks);
    return allowed;
}

void kn_captions_rate(struct kn_pieces *pieces)
{
    for (int i = 0; i < pieces->count; i++) {
        struct kn_piece *p = &pieces->at[i];
        const struct kn_piece *next = i + 1 < pieces->count ? p + 1 : NULL;
        double letters = kn_utf8_graphemes(p->word.text);
        p->weight = kn_words_spaceless(p->word.text, strlen(p->word.text)) ? letters / 3
                                                                           : KN_MAX(1, letters / 9);
        p->ends_sentence = is_sentence_mark(closing_mark(p->word.text));
        p->may_break = !next || break_allowed(p, next);
        p->cost = next ? break_cost(p, next) : 0;
    }
}
