#include "analyze/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>
#include <xxhash.h>

#include "analyze/lexicon.h"
#include "analyze/lines.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "base/vec.h"

enum {
    /* Terms this frequent set the scale of weights. */
    TOP_TERMS = 10,
    /* Share of words in English classes, percent, from which the source counts as English; talk in
     * English has 40 to 60, others below 10. */
    ENGLISH_PERCENT = 20,
    /* Share of words of Japanese or Chinese, percent, from which their classes count. */
    CJK_PERCENT = 60,
    /* In other languages: so many of the most frequent words are taken for function words. */
    FREQUENT_WORDS = 40,
};

/* Words. */

int kn_fold_word(const char *word, char folded[KN_FOLDED_MAX])
{
    const uint8_t *at = (const uint8_t *)word;
    size_t left = strlen(word);
    int length = 0, keep = 0; /* keep: length up to the last letter or digit */

    while (left) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, left);
        at += n;
        left -= (size_t)n;
        if (c == 0x2019 || c == 0x02bc)
            c = '\'';
        if (c >= 0xff10 && c <= 0xff5a) /* digits and Latin letters of full width */
            c -= 0xfee0;
        bool letter = kn_char_is_in_words(c); /* with its marks */
        if (!letter && length == 0 && c != '\'')
            continue;
        uint8_t utf8[8];
        int bytes = u8_uctomb(utf8, uc_tolower(c), sizeof utf8);
        if (bytes <= 0 || length + bytes >= KN_FOLDED_MAX)
            break;
        memcpy(folded + length, utf8, (size_t)bytes);
        length += bytes;
        if (letter)
            keep = length;
    }
    folded[keep] = '\0';
    if (folded[0] == '\'' && strcmp(folded, "'kay") != 0) { /* an opening quotation mark */
        memmove(folded, folded + 1, (size_t)keep);
        keep = keep ? keep - 1 : 0;
    }
    return keep;
}

static bool cut_ending(char *word, const char *ending, size_t rest_min)
{
    size_t n = strlen(word), m = strlen(ending);
    if (n < m + rest_min || memcmp(word + n - m, ending, m) != 0)
        return false;
    word[n - m] = '\0';
    return true;
}

void kn_stem_word(char *folded)
{
    size_t n;

    cut_ending(folded, "'s", 1);
    n = strlen(folded);
    if (n > 2 && folded[n - 1] == 's' && folded[n - 2] == 's')
        return;
    if (cut_ending(folded, "ies", 2)) {
        n = strlen(folded);
        memcpy(folded + n, "y", 2); /* shorter than what was cut */
        return;
    }
    if (!cut_ending(folded, "ing", 3) && !cut_ending(folded, "ed", 3) &&
        !cut_ending(folded, "es", 3))
        cut_ending(folded, "s", 3);
    n = strlen(folded);
    if (n > 3 && folded[n - 1] == folded[n - 2] && !strchr("aeiosl", folded[n - 1]))
        folded[n - 1] = '\0'; /* "stopping", "stopped": stop */
    else if (n > 3 && folded[n - 1] == 'e')
        folded[n - 1] = '\0'; /* "makes", "making", "make" */
}

/* Korean particles, the longer first, and the Arabic article: one word comes with several. Two
 * letters at least stay. */
static void stem_other(char *folded)
{
    static const char *const endings[] = {"에서는", "에게는", "으로는", "에서", "에게", "까지",
                                          "부터",   "처럼",   "으로",   "보다", "은",   "는",
                                          "이",     "가",     "을",     "를",   "에",   "의",
                                          "로",     "와",     "과",     "도",   "만"};
    static const char *const articles[] = {"وال", "بال", "لل", "ال"};

    if (kn_char_is_hangul(kn_utf8_first(folded))) {
        for (size_t i = 0; i < KN_COUNT_OF(endings); i++)
            if (cut_ending(folded, endings[i], 6))
                return;
    }
    for (size_t i = 0; i < KN_COUNT_OF(articles); i++) {
        size_t n = strlen(articles[i]), all = strlen(folded);
        if (all >= n + 6 && memcmp(folded, articles[i], n) == 0) {
            memmove(folded, folded + n, all - n + 1);
            return;
        }
    }
}

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

/* May this folded word be about something? Hiragana alone is grammar in Japanese. */
static bool may_be_term(const char *folded)
{
    if (is_ascii(folded))
        return strlen(folded) > 2 && !strpbrk(folded, "0123456789");
    bool hiragana = true;
    size_t at = 0;
    uint32_t c;
    for (size_t n; (n = kn_utf8_next(folded + at, &c)); at += n)
        hiragana = hiragana && (kn_char_is_hiragana(c) || c == 0x30fc); /* ー */
    return !hiragana && !kn_word_counts(folded);
}

/* Terms: a closed hash from text to index. */

struct terms {
    struct kn_arena *arena;
    int *slots; /* index + 1; 0: empty */
    int slot_count;
    KN_VEC(const char *) words;
    KN_VEC(int) uses;
};

static int *term_slot(const struct terms *terms, const char *word)
{
    size_t mask = (size_t)terms->slot_count - 1;
    size_t slot = XXH3_64bits(word, strlen(word)) & mask;
    while (terms->slots[slot] && strcmp(terms->words.at[terms->slots[slot] - 1], word) != 0)
        slot = (slot + 1) & mask;
    return &terms->slots[slot];
}

static void terms_grow(struct terms *terms)
{
    terms->slot_count = terms->slot_count ? terms->slot_count * 2 : 1024;
    free(terms->slots);
    terms->slots = kn_calloc((size_t)terms->slot_count, sizeof *terms->slots);
    for (int i = 0; i < terms->words.count; i++)
        *term_slot(terms, terms->words.at[i]) = i + 1;
}

static int terms_use(struct terms *terms, const char *word)
{
    if (terms->words.count * 2 >= terms->slot_count)
        terms_grow(terms);
    int *slot = term_slot(terms, word);
    if (!*slot) {
        kn_vec_push(&terms->words, kn_arena_strdup(terms->arena, word));
        kn_vec_push(&terms->uses, 0);
        *slot = terms->words.count;
    }
    terms->uses.at[*slot - 1]++;
    return *slot - 1;
}

static int by_uses(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a < b) - (a > b);
}

/* The uses of the `rank`th most frequent term (from 0); 0 when there is none. */
static int uses_at_rank(const struct terms *terms, int rank)
{
    if (rank < 0 || rank >= terms->uses.count)
        return 0;
    int *sorted = kn_malloc((size_t)terms->uses.count * sizeof *sorted);
    memcpy(sorted, terms->uses.at, (size_t)terms->uses.count * sizeof *sorted);
    qsort(sorted, (size_t)terms->uses.count, sizeof *sorted, by_uses);
    int uses = sorted[rank];
    free(sorted);
    return uses;
}

static float *weigh_terms(const struct terms *terms, struct kn_arena *arena)
{
    int count = terms->uses.count;
    float *weights = kn_arena_array(arena, (size_t)count + 1, sizeof *weights);
    int top = uses_at_rank(terms, KN_MIN(TOP_TERMS, count) - 1);
    double scale = log(1.0 + KN_MAX(top, 4));

    for (int i = 0; i < count; i++)
        weights[i] = (float)KN_MIN(1.0, log(1.0 + terms->uses.at[i]) / scale);
    return weights;
}

/* Tokens. */

static void find_classes(const struct kn_timeline *timeline, struct kn_token *tokens,
                         struct kn_text *text)
{
    int known = 0, spoken = 0, cjk = 0;

    for (int i = 0; i < timeline->word_count; i++) {
        char folded[KN_FOLDED_MAX];
        if (kn_fold_word(timeline->words[i].text, folded) == 0)
            continue;
        spoken++;
        tokens[i].classes = kn_word_classes(folded);
        if (kn_char_is_japanese_or_chinese(kn_utf8_first(folded)))
            cjk++;
        else
            known += (tokens[i].classes & KN_CLASS_FUNCTION) != 0;
        if (!is_ascii(folded) && kn_word_counts(folded))
            tokens[i].classes |= KN_CLASS_NUMBER;
    }
    text->english = known * 100 >= spoken * ENGLISH_PERCENT;
    text->classed = text->english || cjk * 100 >= spoken * CJK_PERCENT;
}

static void find_terms(const struct kn_timeline *timeline, const struct kn_text *text,
                       struct kn_token *tokens, struct terms *terms)
{
    for (int i = 0; i < timeline->word_count; i++) {
        char folded[KN_FOLDED_MAX];
        struct kn_token *token = &tokens[i];

        token->term = -1;
        if (!text->classed)
            token->classes = 0;
        if (kn_fold_word(timeline->words[i].text, folded) == 0 || !may_be_term(folded) ||
            token->classes &
                (KN_CLASS_FUNCTION | KN_CLASS_FILLER | KN_CLASS_AFFIRM | KN_CLASS_NUMBER))
            continue;
        if (text->english)
            kn_stem_word(folded);
        else
            stem_other(folded);
        token->term = terms_use(terms, folded);
    }
}

/* Without word classes the most frequent words of a long enough text are its function words. */
static void drop_frequent(const struct kn_timeline *timeline, struct kn_token *tokens,
                          const struct terms *terms)
{
    int bound = uses_at_rank(terms, KN_MIN(FREQUENT_WORDS, terms->uses.count / 20));
    for (int i = 0; i < timeline->word_count; i++) {
        if (tokens[i].term >= 0 && bound > 1 && terms->uses.at[tokens[i].term] >= bound)
            tokens[i].term = -1;
    }
}

static void link_lines(const struct kn_timeline *timeline, struct kn_token *tokens)
{
    int *later = kn_malloc((INT16_MAX + 2) * sizeof *later);

    for (int i = 0; i < INT16_MAX + 2; i++)
        later[i] = -1;
    for (int i = timeline->word_count - 1; i >= 0; i--) {
        int *slot = &later[KN_MAX(timeline->words[i].speaker, -1) + 1];
        tokens[i].next = *slot;
        *slot = i;
    }
    free(later);
    for (int s = 0; s < timeline->sentence_count; s++) {
        const struct kn_sentence *sentence = &timeline->sentences[s];
        int end = sentence->first_word + sentence->word_count;
        for (int i = sentence->first_word; i >= 0 && i < end; i = tokens[i].next)
            tokens[i].line = s;
    }
}

void kn_text_build(const struct kn_timeline *timeline, struct kn_arena *arena,
                   struct kn_text *ret_text)
{
    size_t words = (size_t)timeline->word_count;
    struct kn_token *tokens = kn_arena_array(arena, words + 1, sizeof *tokens);
    struct terms terms = {.arena = arena};
    struct kn_text text = {.timeline = timeline, .tokens = tokens};

    find_classes(timeline, tokens, &text);
    find_terms(timeline, &text, tokens, &terms);
    if (!text.classed)
        drop_frequent(timeline, tokens, &terms);
    link_lines(timeline, tokens);
    text.term_count = terms.words.count;
    text.term_words = kn_vec_to_arena(&terms.words, arena);
    text.term_uses = kn_vec_to_arena(&terms.uses, arena);
    text.term_weights = weigh_terms(&terms, arena);

    kn_lines_rate(&text, tokens, arena);
    kn_vec_free(&terms.words);
    kn_vec_free(&terms.uses);
    free(terms.slots);
    *ret_text = text;
}
