/*
 * Letters are matched with letters, because letters are what both sides have in common whatever a
 * word is in their script. At a difference the nearest place is looked for at which four letters in
 * a row agree again; that is linear for what comes from a recogniser, and bounded for what does
 * not.
 */
#include "ai/punctuate.h"

#include <math.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"

enum { LOOK_AHEAD = 64, AGREE = 4, PROBES_MAX = 4000000 };

struct letter {
    uint32_t folded, as_is;
    size_t from, to; /* of the text, in bytes */
    int word;        /* whose it is; of the text's letters: of the one that was matched, or -1 */
    int place;       /* among the letters of that word */
};
KN_VEC_TYPE(letters, struct letter);

/* What will be a word: text[from..to) with its letters. */
struct unit {
    size_t from, to;
    int first, last;
    int64_t start_us, end_us;
    float confidence;
    bool anchored; /* has a letter that was matched */
};
KN_VEC_TYPE(units, struct unit);

struct work {
    const struct kn_found_word *words;
    int count;
    const char *text;
    struct letters heard, written;
    int *letters_of; /* how many each word has */
    int *first_unit, *last_unit;
    struct units units;
};

static bool is_letter(uint32_t c)
{
    return uc_is_property_alphabetic(c) || uc_is_property_decimal_digit(c) ||
           uc_is_general_category(c, UC_CATEGORY_M);
}

static void add_letters(const char *text, int word, struct letters *letters)
{
    uint32_t c;
    size_t at = 0;
    int place = 0;
    for (size_t n; (n = kn_utf8_next(text + at, &c)); at += n) {
        if (!is_letter(c))
            continue;
        struct letter letter = {.folded = uc_tolower(c),
                                .as_is = c,
                                .from = at,
                                .to = at + n,
                                .word = word,
                                .place = place++};
        kn_vec_push(letters, letter);
    }
}

/* ---- matching ---- */

static bool agree(const struct letters *a, int i, const struct letters *b, int k)
{
    if (i >= a->count || k >= b->count)
        return false;
    for (int n = 0; n < AGREE; n++) {
        if (i + n >= a->count && k + n >= b->count)
            return true;
        if (i + n >= a->count || k + n >= b->count || a->at[i + n].folded != b->at[k + n].folded)
            return false;
    }
    return true;
}

/* The smallest step of both after which they agree. */
static bool find_agreement(const struct letters *a, int *i, const struct letters *b, int *k,
                           int *probes)
{
    for (int sum = 1; sum <= LOOK_AHEAD; sum++)
        for (int step = 0; step <= sum; step++) {
            ++*probes;
            if (agree(a, *i + step, b, *k + sum - step)) {
                *i += step;
                *k += sum - step;
                return true;
            }
        }
    return false;
}

/* Gives every letter of the text its word. Returns how many have one. */
static int match(struct work *w)
{
    int matched = 0, probes = 0, i = 0, k = 0;
    while (i < w->heard.count && k < w->written.count && probes < PROBES_MAX) {
        struct letter *written = &w->written.at[k];
        const struct letter *heard = &w->heard.at[i];
        if (written->folded == heard->folded) {
            written->word = heard->word;
            written->place = heard->place;
            matched++, i++, k++;
        } else if (!find_agreement(&w->heard, &i, &w->written, &k, &probes)) {
            i++, k++;
        }
    }
    return matched;
}

/* ---- cutting the text ---- */

static bool is_space(uint32_t c)
{
    return uc_is_property_white_space(c) || c < ' ';
}

static bool is_opening(uint32_t c)
{
    return uc_is_general_category(c, UC_CATEGORY_Ps) || uc_is_general_category(c, UC_CATEGORY_Pi) ||
           c == 0xBF || c == 0xA1; /* ¿ ¡ */
}

static bool is_mark(uint32_t c)
{
    return uc_is_general_category(c, UC_CATEGORY_P) && !uc_is_general_category(c, UC_CATEGORY_Pd);
}

/* What stands between two letters: where the first one's word ends, and the second one's begins. */
struct gap {
    bool has_space;
    size_t end, begin;
    bool mark_after, mark_before; /* across a space: "va ?", "« Oui" */
};

/* One run of characters without spaces, between spaces: a mark, or a dash that nobody says. */
static void place_run(const char *text, size_t from, size_t to, struct gap *gap)
{
    uint32_t c = kn_utf8_first(text + from);
    if (is_opening(c) && !gap->mark_before) {
        gap->begin = from;
        gap->mark_before = true;
    } else if (is_mark(c) && !gap->mark_after && !gap->mark_before) {
        gap->end = to;
        gap->mark_after = true;
    }
}

static struct gap look_between(const char *text, size_t from, size_t to)
{
    struct gap gap = {.end = to, .begin = to};
    size_t run = from;
    uint32_t c;
    for (size_t at = from, n; at < to; at += n) {
        n = kn_utf8_next(text + at, &c);
        if (!is_space(c))
            continue;
        if (!gap.has_space)
            gap.end = at;
        else if (run < at)
            place_run(text, run, at, &gap);
        gap.has_space = true;
        run = at + n;
    }
    if (gap.has_space) {
        if (!gap.mark_before)
            gap.begin = run;
        return gap;
    }
    for (size_t at = from, n; at < to; at += n) {
        n = kn_utf8_next(text + at, &c);
        if (is_opening(c)) {
            gap.end = gap.begin = at;
            break;
        }
    }
    return gap;
}

/* Does a letter, right after others of `word` (-1: of none that is known), begin another word? */
static bool is_cut(int word, uint32_t before, const struct letter *letter)
{
    return word >= 0 && letter->word >= 0 && letter->word != word &&
           (kn_char_is_spaceless(before) || kn_char_is_spaceless(letter->as_is));
}

static void skip_spaces(const char *text, size_t *from, size_t *to)
{
    uint32_t c;
    size_t end = *from;
    for (size_t at = *from, n; at < *to; at += n) {
        n = kn_utf8_next(text + at, &c);
        if (!is_space(c))
            end = at + n;
        else if (at == *from)
            *from = end = at + n;
    }
    *to = end;
}

static void cut(struct work *w)
{
    struct unit unit = {.from = 0};
    int word = -1; /* of the letters so far */
    for (int i = 1; i <= w->written.count; i++) {
        const struct letter *before = &w->written.at[i - 1];
        size_t next = i < w->written.count ? w->written.at[i].from : strlen(w->text);
        struct gap gap = look_between(w->text, before->to, next);
        word = before->word >= 0 ? before->word : word;
        bool ends = i == w->written.count || gap.has_space ||
                    is_cut(word, before->as_is, &w->written.at[i]);
        if (!ends)
            continue;
        word = -1;
        unit.last = i - 1;
        unit.to = i == w->written.count ? next : gap.end;
        skip_spaces(w->text, &unit.from, &unit.to);
        kn_vec_push(&w->units, unit);
        unit = (struct unit){.from = gap.begin, .first = i};
    }
}

/* ---- times ---- */

/* The first and the last unit that each word has letters in. */
static void find_owners(struct work *w)
{
    for (int i = 0; i < w->count; i++)
        w->first_unit[i] = w->last_unit[i] = -1;
    for (int u = 0; u < w->units.count; u++)
        for (int k = w->units.at[u].first; k <= w->units.at[u].last; k++) {
            int word = w->written.at[k].word;
            if (word < 0)
                continue;
            w->units.at[u].anchored = true;
            if (w->first_unit[word] < 0)
                w->first_unit[word] = u;
            w->last_unit[word] = u;
        }
}

static int64_t moment_in(const struct work *w, int word, int place)
{
    const struct kn_found_word *at = &w->words[word];
    return at->start_us +
           llround((double)(at->end_us - at->start_us) * place / KN_MAX(w->letters_of[word], 1));
}

/* From its first to its last matched letter; a word that it has alone counts as a whole. */
static void time_anchored(const struct work *w, int u)
{
    struct unit *unit = &w->units.at[u];
    int first = unit->first, last = unit->last, letters = 0;
    while (w->written.at[first].word < 0)
        first++;
    while (w->written.at[last].word < 0)
        last--;
    const struct letter *a = &w->written.at[first], *b = &w->written.at[last];
    unit->start_us =
        w->first_unit[a->word] == u ? w->words[a->word].start_us : moment_in(w, a->word, a->place);
    unit->end_us =
        w->last_unit[b->word] == u ? w->words[b->word].end_us : moment_in(w, b->word, b->place + 1);
    for (int k = first; k <= last; k++)
        if (w->written.at[k].word >= 0) {
            unit->confidence += w->words[w->written.at[k].word].confidence;
            letters++;
        }
    unit->confidence /= (float)letters;
}

static int letters_in(const struct work *w, int from, int to)
{
    return w->units.at[to - 1].last - w->units.at[from].first + 1;
}

/* units[from..to), which nobody heard, share the time of what was heard there, else what is free.
 */
static void time_between(const struct work *w, int from, int to)
{
    int before = from ? w->written.at[w->units.at[from].first - 1].word : -1;
    int after = w->count;
    for (int k = w->units.at[from].first - 1; k >= 0 && before < 0; k--)
        before = w->written.at[k].word;
    if (to < w->units.count) {
        int k = w->units.at[to].first;
        while (w->written.at[k].word < 0)
            k++;
        after = w->written.at[k].word;
    }
    int64_t start_us, end_us;
    if (after - before > 1) {
        start_us = w->words[before + 1].start_us;
        end_us = w->words[after - 1].end_us;
    } else {
        end_us = to < w->units.count ? w->units.at[to].start_us : w->words[w->count - 1].end_us;
        start_us = from ? w->units.at[from - 1].end_us : end_us;
    }
    int all = letters_in(w, from, to), done = 0;
    for (int u = from; u < to; u++) {
        struct unit *unit = &w->units.at[u];
        unit->start_us = start_us + (end_us - start_us) * done / all;
        done += unit->last - unit->first + 1;
        unit->end_us = start_us + (end_us - start_us) * done / all;
        unit->confidence = 0.5F;
    }
}

static void time_units(struct work *w)
{
    find_owners(w);
    for (int u = 0; u < w->units.count; u++)
        if (w->units.at[u].anchored)
            time_anchored(w, u);
    for (int u = 0, end; u < w->units.count; u = end) {
        end = u + 1;
        if (w->units.at[u].anchored)
            continue;
        while (end < w->units.count && !w->units.at[end].anchored)
            end++;
        time_between(w, u, end);
    }
}

/* ---- the whole ---- */

/* Spaces inside, which only stand before or after a mark, don't break. */
static const char *spell(struct kn_arena *arena, const char *text, const struct unit *unit)
{
    KN_SCOPED_STR out = {0};
    uint32_t c;
    bool space = false;
    for (size_t at = unit->from, n; at < unit->to; at += n) {
        n = kn_utf8_next(text + at, &c);
        if (is_space(c)) {
            space = true;
            continue;
        }
        if (space)
            kn_str_add(&out, "\xC2\xA0");
        space = false;
        kn_str_add_bytes(&out, text + at, n);
    }
    return kn_arena_strdup(arena, kn_str_text(&out));
}

static const struct kn_found_word *to_words(const struct work *w, struct kn_arena *arena)
{
    struct kn_found_word *words =
        kn_arena_array(arena, (size_t)KN_MAX(w->units.count, 1), sizeof *words);
    for (int u = 0; u < w->units.count; u++) {
        const struct unit *unit = &w->units.at[u];
        words[u] = (struct kn_found_word){.start_us = unit->start_us,
                                          .end_us = unit->end_us,
                                          .text = spell(arena, w->text, unit),
                                          .confidence = unit->confidence};
    }
    return words;
}

int kn_punctuate(const struct kn_found_word *words, int count, const char *text,
                 struct kn_arena *arena, const struct kn_found_word **ret_words)
{
    struct work w = {.words = words, .count = count, .text = text};
    w.letters_of = kn_calloc((size_t)count + 1, sizeof *w.letters_of);
    w.first_unit = kn_calloc((size_t)count + 1, sizeof *w.first_unit);
    w.last_unit = kn_calloc((size_t)count + 1, sizeof *w.last_unit);
    for (int i = 0; i < count; i++) {
        int before = w.heard.count;
        add_letters(words[i].text, i, &w.heard);
        w.letters_of[i] = w.heard.count - before;
    }
    add_letters(text, -1, &w.written);
    int most = KN_MAX(w.heard.count, w.written.count), made = count;
    *ret_words = words;
    if (w.heard.count && w.written.count && match(&w) >= most * 0.7) {
        cut(&w);
        time_units(&w);
        *ret_words = to_words(&w, arena);
        made = w.units.count;
    }
    free(w.letters_of);
    free(w.first_unit);
    free(w.last_unit);
    kn_vec_free(&w.heard);
    kn_vec_free(&w.written);
    kn_vec_free(&w.units);
    return made;
}
