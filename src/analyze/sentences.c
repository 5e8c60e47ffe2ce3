#include "analyze/sentences.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/words.h"

#define MS 1000

enum {
    /* One full stop in at most so many words: the transcript has punctuation. */
    WORDS_A_STOP = 60,
    /* A pause that ends a sentence whatever the words are. */
    LONG_PAUSE_US = 1500 * MS,
    /* Without punctuation: alone, and together with a word that opens sentences. */
    PLAIN_PAUSE_US = 600 * MS,
    OPENER_PAUSE_US = 250 * MS,
    /* A sentence without punctuation is at least so long before an opener alone ends it. */
    PLAIN_WORDS_MIN = 6,
    OPENER_WORDS_MIN = 14,
    /* Where a sentence that is too long is cut: never so near its start. */
    CUT_WORDS_MIN = 8,
    /* A sentence never has more words, whatever they measure. */
    ENTRIES_MAX = 4 * KN_SENTENCE_WORDS_MAX,
    /* Marks that are farther apart on average are not of utterances. */
    MARKED_WORDS_MAX = 30,
};

/* Punctuation. */

/* Never the end: a name follows. */
static const char *const title_abbreviations[] = {
    "mr", "mrs", "ms",  "dr",  "prof", "st",  "sgt", "capt", "gen", "col",
    "lt", "rev", "hon", "gov", "sen",  "rep", "mt",  "fig",  "vs",  "approx"};
/* The end only when a pause and a capital letter say so as well. */
static const char *const other_abbreviations[] = {
    "etc", "inc", "ltd", "co",  "corp", "jr",  "sr",  "dept", "est", "al",  "jan",
    "feb", "apr", "aug", "sep", "sept", "oct", "nov", "dec",  "vol", "al.", "ca"};

static bool in_list(const char *const *list, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == length && strncasecmp(list[i], text, length) == 0)
            return true;
    }
    return false;
}

/* Cuts quotation marks and brackets off both ends. */
static const char *bare(const char *word, size_t *ret_length)
{
    static const char *const marks[] = {"\"", "'",  ")",  "(",  "[",  "]",  "“",  "”",
                                        "’",  "‘",  "«",  "»",  "「", "」", "『", "』",
                                        "（", "）", "【", "】", "《", "》", "〈", "〉"};
    size_t length = strlen(word);
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < KN_COUNT_OF(marks); i++) {
            size_t n = strlen(marks[i]);
            if (length > n && memcmp(word, marks[i], n) == 0) {
                word += n;
                length -= n;
                again = true;
            }
            if (length > n && memcmp(word + length - n, marks[i], n) == 0) {
                length -= n;
                again = true;
            }
        }
    }
    *ret_length = length;
    return word;
}

static bool ends_with(const char *word, size_t length, const char *mark)
{
    size_t n = strlen(mark);
    return length >= n && memcmp(word + length - n, mark, n) == 0;
}

/* 「はい。」と言った: what is quoted goes on. */
static bool is_quoted(const char *word, const char *next)
{
    static const char *const quotes[] = {"」", "』", "”", "）"};
    if (!next || !kn_word_leans(word, next))
        return false;
    for (size_t i = 0; i < KN_COUNT_OF(quotes); i++)
        if (kn_ends_with(word, quotes[i]))
            return true;
    return false;
}

static bool starts_upper(const char *word)
{
    size_t length;
    const char *text = bare(word, &length);
    ucs4_t c = 0;
    if (length == 0)
        return false;
    u8_mbtouc(&c, (const uint8_t *)text, length);
    return uc_is_property_uppercase(c);
}

/* "U.S", "e.g", "p.m": single letters with full stops between. */
static bool is_dotted(const char *word, size_t length)
{
    if (length < 3 || length % 2 == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool dot = i % 2;
        if (dot ? word[i] != '.' : !((word[i] | 32) >= 'a' && (word[i] | 32) <= 'z'))
            return false;
    }
    return true;
}

static bool ends_with_stop(const char *word, size_t length, const char *next, int64_t pause_us)
{
    bool new_start = next && starts_upper(next) && pause_us >= KN_PAUSE_MIN_US;
    size_t stem = length - 1;

    if (in_list(title_abbreviations, KN_COUNT_OF(title_abbreviations), word, stem))
        return false;
    if (in_list(other_abbreviations, KN_COUNT_OF(other_abbreviations), word, stem) ||
        is_dotted(word, stem))
        return new_start;
    if (stem == 1 && word[0] >= 'A' && word[0] <= 'Z' && word[0] != 'I') /* an initial */
        return new_start || !starts_upper(next);
    /* "3." before "5": a number that was taken apart. */
    if (stem > 0 && word[stem - 1] >= '0' && word[stem - 1] <= '9' && next[0] >= '0' &&
        next[0] <= '9' && pause_us < KN_PAUSE_MIN_US)
        return false;
    return true;
}

bool kn_word_ends_sentence(const char *word, const char *next, int64_t pause_us)
{
    static const char *const marks[] = {"!", "?", "。", "！", "？", "؟", "।", "｡", "۔"};
    size_t length;
    const char *text = bare(word, &length);

    for (size_t i = 0; i < KN_COUNT_OF(marks); i++) {
        if (ends_with(text, length, marks[i]))
            return !is_quoted(word, next);
    }
    if (kn_word_trails_off(word)) /* often a hesitation */
        return !next || starts_upper(next) || pause_us >= PLAIN_PAUSE_US;
    if (ends_with(text, length, "."))
        return !next || ends_with_stop(text, length, next, pause_us);
    return false;
}

bool kn_word_trails_off(const char *word)
{
    size_t length;
    const char *text = bare(word, &length);
    return ends_with(text, length, "…") || ends_with(text, length, "..");
}

static bool ends_clause(const char *word)
{
    size_t length;
    const char *text = bare(word, &length);
    return ends_with(text, length, ",") || ends_with(text, length, ";") ||
           ends_with(text, length, ":") || ends_with(text, length, "、") ||
           ends_with(text, length, "，") || ends_with(text, length, "—") ||
           ends_with(text, length, "،") || ends_with(text, length, "؛");
}

/* Words that more often than not begin a sentence in speech. */
static bool is_opener(const char *word)
{
    static const char *const openers[] = {
        "so",       "now",      "well",     "okay",    "ok",     "but",    "and",     "then",
        "however",  "anyway",   "right",    "alright", "also",   "next",   "finally", "because",
        "first",    "actually", "そして",   "しかし",  "でも",   "だから", "それで",  "それから",
        "ところで", "では",     "じゃあ",   "さて",    "まず",   "つまり", "実は",    "なので",
        "ですから", "例えば",   "たとえば", "但是",    "可是",   "所以",   "然后",    "那么",
        "首先",     "其实",     "因为",     "不过",    "另外",   "最后",   "然後",    "其實",
        "그리고",   "하지만",   "그래서",   "그런데",  "그러나", "ดังนั้น",   "แต่",      "เพราะ"};
    static const char *const clause_marks[] = {",", ";", ":", "、", "，"};
    size_t length;
    const char *text = bare(word, &length);
    for (size_t i = 0; i < KN_COUNT_OF(clause_marks); i++) {
        if (ends_with(text, length, clause_marks[i])) {
            length -= strlen(clause_marks[i]);
            break;
        }
    }
    return in_list(openers, KN_COUNT_OF(openers), text, length);
}

/* The walk. */

struct walk {
    const struct kn_word *words;
    const float *measures; /* of the words: kn_word_measure */
    const int *next;       /* the same speaker's next word, -1 at the last */
    bool punctuated;
    KN_VEC(struct kn_sentence) sentences;
    KN_VEC(int) open; /* the words of the sentence being built */
};

static int64_t gap_us(const struct walk *walk, int before, int after)
{
    return walk->words[after].start_us - walk->words[before].end_us;
}

static void emit(struct walk *walk, int count, bool complete)
{
    const int *open = walk->open.at;
    int first = open[0], last = open[count - 1];
    int64_t end_us = 0;

    for (int i = 0; i < count; i++)
        end_us = KN_MAX(end_us, walk->words[open[i]].end_us);
    struct kn_sentence s = {
        .first_word = first,
        .word_count = last - first + 1,
        .start_us = walk->words[first].start_us,
        .end_us = end_us,
        .speaker = walk->words[first].speaker,
        .complete = complete,
    };
    kn_vec_push(&walk->sentences, s);
    walk->open.count -= count;
    memmove(walk->open.at, open + count, (size_t)walk->open.count * sizeof *open);
}

/* How much talk the first `count` of the open words are. */
static double open_measure(const struct walk *walk, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)walk->measures[walk->open.at[i]];
    return sum;
}

/* The text of the last open words, as far as a closing form can reach. */
enum { TAIL_WORDS = 4 };

static const char *open_tail(const struct walk *walk, struct kn_str *tail)
{
    for (int i = KN_MAX(walk->open.count - TAIL_WORDS, 0); i < walk->open.count; i++)
        kn_str_add(tail, walk->words[walk->open.at[i]].text);
    return kn_str_text(tail);
}

/* Does the sentence end by its grammar alone? Verbs come last in Japanese and Korean, and their
 * polite forms are said of whole sentences. */
static bool closes_by_form(const struct walk *walk, const struct kn_word *next)
{
    static const char *const forms[] = {
        "です",     "ます",     "でした",   "ました",     "ません",     "ましょう",
        "でしょう", "ください", "ですね",   "ますね",     "ですよ",     "ますよ",
        "ですか",   "ますか",   "ましたか", "でしょうか", "ましたね",   "ましたよ",
        "ませんか", "ませんよ", "よね",     "でしたか",   "ましょうか", "니다",
        "니까",     "어요",     "아요",     "에요",       "예요",       "네요",
        "죠",       "까요",     "세요",     "해요",       "ครับ",        "ค่ะ"};
    KN_SCOPED_STR tail = {0};
    const char *word = walk->words[walk->open.at[walk->open.count - 1]].text;
    uint32_t last = kn_utf8_last(word);

    if (last < 0x0e00 || kn_word_leans(word, next->text))
        return false;
    open_tail(walk, &tail);
    for (size_t i = 0; i < KN_COUNT_OF(forms); i++)
        if (kn_ends_with(kn_str_text(&tail), forms[i]))
            return true;
    return false;
}

/* Marks that stand alone measure nothing, so the count has a limit as well. */
static bool is_too_long(const struct walk *walk)
{
    const int *open = walk->open.at;
    int count = walk->open.count;
    return count > 1 && (count > ENTRIES_MAX || open_measure(walk, count) > KN_SENTENCE_WORDS_MAX ||
                         walk->words[open[count - 1]].end_us - walk->words[open[0]].start_us >
                             KN_SENTENCE_MAX_US);
}

/* Cuts the open words where a listener would bear it best: at the widest gap, rather at a comma,
 * at the start of an utterance or before an opener, rather late than early. */
static void cut_too_long(struct walk *walk)
{
    const int *open = walk->open.at;
    int best = walk->open.count - 1, first = 0;
    int64_t best_score = INT64_MIN;

    while (first < walk->open.count - 1 && open_measure(walk, first) < CUT_WORDS_MIN)
        first++;
    for (int i = first; i < walk->open.count; i++) {
        const struct kn_word *before = &walk->words[open[i - 1]], *after = &walk->words[open[i]];
        int64_t score = KN_CLAMP(gap_us(walk, open[i - 1], open[i]), 0, LONG_PAUSE_US) + i * MS;
        if (ends_clause(before->text))
            score += 300 * MS;
        if (after->starts_utterance)
            score += 300 * MS;
        if (is_opener(after->text))
            score += 200 * MS;
        if (after->after_space)
            score += 300 * MS; /* between clauses in Thai */
        if (kn_word_leans(before->text, after->text))
            score -= LONG_PAUSE_US;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    emit(walk, best, false);
}

/* Does a sentence end between the words `i` and `j` of one speaker? */
static bool is_end(const struct walk *walk, int i, int j, bool *ret_complete)
{
    const struct kn_word *word = &walk->words[i], *next = &walk->words[j];
    int64_t gap = gap_us(walk, i, j);
    double count = open_measure(walk, walk->open.count);

    *ret_complete = true;
    if (kn_word_ends_sentence(word->text, next->text, gap))
        return true;
    *ret_complete = !walk->punctuated;
    if (gap >= LONG_PAUSE_US)
        return true;
    if (walk->punctuated)
        return false;
    if (gap >= PLAIN_PAUSE_US || closes_by_form(walk, next))
        return true;
    bool opens = is_opener(next->text) || next->starts_utterance;
    return (opens && gap >= OPENER_PAUSE_US && count >= PLAIN_WORDS_MIN) ||
           (opens && count >= OPENER_WORDS_MIN);
}

static void walk_speaker(struct walk *walk, int first)
{
    kn_vec_clear(&walk->open);
    for (int i = first; i >= 0; i = walk->next[i]) {
        int j = walk->next[i];
        bool complete = false;

        kn_vec_push(&walk->open, i);
        while (is_too_long(walk))
            cut_too_long(walk);
        if (j < 0)
            emit(walk, walk->open.count,
                 !walk->punctuated || kn_word_ends_sentence(walk->words[i].text, NULL, 0));
        else if (is_end(walk, i, j, &complete))
            emit(walk, walk->open.count, complete);
    }
}

double kn_words_measure(const struct kn_word *words, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += kn_word_measure(words[i].text);
    return sum;
}

static bool is_punctuated(const struct walk *walk, int count)
{
    double measure = 0;
    int stops = 0;
    for (int i = 0; i < count; i++) {
        stops += kn_word_ends_sentence(walk->words[i].text, NULL, 0);
        measure += (double)walk->measures[i];
    }
    return stops > 0 && (int)measure / stops <= WORDS_A_STOP;
}

/* Links each word to the same speaker's next. Returns owned. */
static int *link_speakers(const struct kn_word *words, int count, bool *is_first)
{
    int *next = kn_malloc((size_t)count * sizeof *next);
    int *later = kn_malloc((INT16_MAX + 2) * sizeof *later); /* by speaker + 1 */

    for (int i = 0; i < INT16_MAX + 2; i++)
        later[i] = -1;
    for (int i = count - 1; i >= 0; i--) {
        int speaker = KN_MAX(words[i].speaker, -1) + 1;
        next[i] = later[speaker];
        if (next[i] >= 0)
            is_first[next[i]] = false;
        is_first[i] = true;
        later[speaker] = i;
    }
    free(later);
    return next;
}

bool kn_utterances_are_marked(const struct kn_timeline *timeline)
{
    int marks = 0;
    for (int i = 0; i < timeline->word_count; i++)
        marks += timeline->words[i].starts_utterance;
    return timeline->utterance_count == 0 && marks > 1 &&
           (int)kn_words_measure(timeline->words, timeline->word_count) / marks <= MARKED_WORDS_MAX;
}

static int by_first_word(const void *left, const void *right)
{
    const struct kn_sentence *a = left, *b = right;
    return (a->first_word > b->first_word) - (a->first_word < b->first_word);
}

static void find_pauses(struct kn_timeline *timeline, struct kn_arena *arena)
{
    KN_VEC(struct kn_pause) pauses = {0};
    int64_t end_us = INT64_MAX;

    for (int i = 0; i < timeline->word_count; i++) {
        const struct kn_word *w = &timeline->words[i];
        if (i > 0 && w->start_us - end_us >= KN_PAUSE_MIN_US)
            kn_vec_push(&pauses, ((struct kn_pause){end_us, w->start_us}));
        end_us = i > 0 ? KN_MAX(end_us, w->end_us) : w->end_us;
    }
    timeline->pauses = kn_vec_to_arena(&pauses, arena);
    timeline->pause_count = pauses.count;
    kn_vec_free(&pauses);
}

void kn_sentences_join(struct kn_timeline *timeline, struct kn_arena *arena)
{
    int count = timeline->word_count;
    struct walk walk = {.words = timeline->words};

    timeline->sentences = NULL;
    timeline->sentence_count = 0;
    timeline->pauses = NULL;
    timeline->pause_count = 0;
    if (count == 0)
        return;

    bool *is_first = kn_calloc((size_t)count, sizeof *is_first);
    int *next = link_speakers(timeline->words, count, is_first);
    walk.next = next;
    float *measures = kn_malloc((size_t)count * sizeof *measures);
    for (int i = 0; i < count; i++)
        measures[i] = (float)kn_word_measure(timeline->words[i].text);
    walk.measures = measures;
    walk.punctuated = is_punctuated(&walk, count);
    for (int i = 0; i < count; i++) {
        if (is_first[i])
            walk_speaker(&walk, i);
    }
    qsort(walk.sentences.at, (size_t)walk.sentences.count, sizeof *walk.sentences.at,
          by_first_word);
    timeline->sentences = kn_vec_to_arena(&walk.sentences, arena);
    timeline->sentence_count = walk.sentences.count;
    find_pauses(timeline, arena);

    kn_vec_free(&walk.open);
    kn_vec_free(&walk.sentences);
    free(measures);
    free(next);
    free(is_first);
}
