/*
 * Every letter of the text gets a time, by walking text and pieces side by side; words then are cut
 * out of the text alone. Where the two differ, the nearest place at which some letters in a row
 * agree again is looked for, a few letters ahead: services normalise ("20" for "twenty") and leave
 * out, but they do not move words about.
 */
#include "model/regroup.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/words.h"

enum {
    AHEAD = 24,     /* letters that are skipped at most, text and pieces together, to agree again */
    AGREE = 3,      /* so many in a row */
    RUN_MOST = 500, /* pieces of a run */
    MARKS_MOST = 8, /* that stand alone behind a word; each copies it, and more say no more */
};

/* Of the letters of text and pieces, whichever are fewer: where less agree, the text is about
 * something else. */
#define AGREED_SHARE 0.7

/* A silence after which nothing belongs to the word before it. */
#define RUN_PAUSE_US 300000

/* A letter of the text or of a piece. */
struct letter {
    uint32_t c;               /* lower case */
    size_t at;                /* byte in the text */
    int piece;                /* of the letter, -1: not found */
    int64_t start_us, end_us; /* its share of the piece */
};
KN_VEC_TYPE(letters, struct letter);

bool kn_words_spaced(const struct kn_word *before, const struct kn_word *after)
{
    return after->after_space || kn_utf8_spaced(before->text, after->text);
}

static void add_letters(const char *text, struct letters *letters)
{
    uint32_t c;

    for (size_t at = 0, n; (n = kn_utf8_next(text + at, &c)); at += n)
        if (kn_char_is_in_words(c) || c == 0xfffd)
            kn_vec_push(letters, ((struct letter){.c = uc_tolower(c), .at = at, .piece = -1}));
}

static bool has_space(const char *text)
{
    size_t n = strlen(text);

    return n && (text[0] == ' ' || text[n - 1] == ' ');
}

/* The pieces as one text; *ret_ends[i] is where piece i ends in it. With spaces in the pieces these
 * are the recogniser's word bounds; else the script decides. */
static void spell(const struct kn_word *pieces, int count, struct kn_str *text, size_t *ends)
{
    bool given = false;

    for (int i = 0; i < count && !given; i++)
        given = has_space(pieces[i].text);
    for (int i = 0; i < count; i++) {
        bool torn = ((unsigned char)pieces[i].text[0] & 0xc0) == 0x80; /* within a character */
        if (i && !given && !torn && kn_utf8_spaced(pieces[i - 1].text, pieces[i].text))
            kn_str_add_char(text, ' ');
        kn_str_add(text, pieces[i].text);
        ends[i] = text->length;
    }
}

/* Gives the letters of what the pieces spell their pieces and shares of time. */
static void time_letters(const struct kn_word *pieces, int count, const size_t *ends,
                         struct letters *letters)
{
    for (int i = 0, from = 0, to; i < count; i++, from = to) {
        const struct kn_word *p = &pieces[i];
        for (to = from; to < letters->count && letters->at[to].at < ends[i];)
            to++;
        for (int k = from; k < to; k++) {
            struct letter *l = &letters->at[k];
            int64_t length_us = KN_MAX(p->end_us - p->start_us, 0);
            l->piece = i;
            l->start_us = p->start_us + length_us * (k - from) / (to - from);
            l->end_us = p->start_us + length_us * (k + 1 - from) / (to - from);
        }
    }
}

static bool agree(const struct letters *text, int t, const struct letters *said, int s)
{
    int row = 0;

    while (row < AGREE && t + row < text->count && s + row < said->count) {
        if (text->at[t + row].c != said->at[s + row].c)
            return false;
        row++;
    }
    return row == AGREE || (row > 0 && t + row == text->count && s + row == said->count);
}

/* Skips as few letters as it takes to agree again; false: there is no such place near. */
static bool resume(const struct letters *text, int *t, const struct letters *said, int *s)
{
    for (int skip = 1; skip <= AHEAD; skip++) {
        for (int in_text = 0; in_text <= skip; in_text++) {
            if (agree(text, *t + in_text, said, *s + skip - in_text)) {
                *t += in_text;
                *s += skip - in_text;
                return true;
            }
        }
    }
    return false;
}

/* Returns how many letters agree. */
static int match(struct letters *text, const struct letters *said)
{
    int t = 0, s = 0, agreed = 0;

    while (t < text->count && s < said->count) {
        struct letter *l = &text->at[t];
        const struct letter *found = &said->at[s];
        if (l->c != found->c && resume(text, &t, said, &s))
            continue;
        /* Also where nothing agrees: side by side is the best guess. */
        agreed += l->c == found->c;
        l->piece = found->piece;
        l->start_us = found->start_us;
        l->end_us = found->end_us;
        t++;
        s++;
    }
    return agreed;
}

/* Letters without a piece share the time between those that have one. */
static void fill_gaps(struct letters *letters, int64_t start_us, int64_t end_us)
{
    int count = letters->count, piece = 0;

    for (int from = 0, to; from < count; from = to) {
        to = from + 1;
        if (letters->at[from].piece >= 0) {
            piece = letters->at[from].piece;
            continue;
        }
        while (to < count && letters->at[to].piece < 0)
            to++;
        int64_t left = from ? letters->at[from - 1].end_us : start_us;
        int64_t right = to < count ? letters->at[to].start_us : end_us;
        int64_t gap_us = KN_MAX(right - left, 0);
        for (int k = from; k < to; k++) {
            struct letter *l = &letters->at[k];
            l->piece = piece;
            l->start_us = left + gap_us * (k - from) / (to - from);
            l->end_us = left + gap_us * (k + 1 - from) / (to - from);
        }
    }
}

/* One word from its letters [from, to), at least one. */
static struct kn_word make_word(const struct letters *letters, int from, int to,
                                const struct kn_word *pieces)
{
    const struct letter *first = &letters->at[from];
    struct kn_word word = {.start_us = first->start_us,
                           .end_us = letters->at[to - 1].end_us,
                           .speaker = pieces[first->piece].speaker};
    double confidence = 0;

    for (int k = from; k < to; k++)
        confidence += (double)pieces[letters->at[k].piece].confidence;
    word.confidence = (float)(confidence / (to - from));
    word.end_us = KN_MAX(word.end_us, word.start_us);
    /* The piece that opens an utterance may have been parted: its first letter tells. */
    word.starts_utterance = pieces[first->piece].starts_utterance &&
                            (from == 0 || letters->at[from - 1].piece != first->piece);
    return word;
}

/* Words while they are made of the text that is written. */
struct maker {
    const char *written;
    const struct kn_word *pieces;
    struct letters letters; /* of what is written */
    struct kn_arena *arena;
    KN_VEC(struct kn_word) words;
    int marks;           /* that stood alone and were added to the last word */
    const char *opening; /* a mark that stands alone, before its word */
};

/* Marks that a space parts from their word in some languages (« oui » ?) belong to it all the same;
 * dashes belong to nobody. */
static void add_marks(struct maker *m, const struct kn_word_span *span)
{
    static const char *const closing[] = {"?", "!", ":", ";", "»", "”", "%", "…"};
    const char *marks = kn_arena_strndup(m->arena, m->written + span->from, span->to - span->from);
    uint32_t c;

    if (kn_utf8_next(marks, &c) && kn_char_opens(c)) {
        m->opening = marks;
        return;
    }
    if (m->words.count == 0 || m->marks == MARKS_MOST)
        return;
    for (size_t i = 0; i < KN_COUNT_OF(closing); i++)
        if (kn_starts_with(marks, closing[i])) {
            struct kn_word *word = kn_vec_last(&m->words);
            word->text = kn_arena_printf(m->arena, "%s\xC2\xA0%s", word->text, marks);
            m->marks++;
            return;
        }
}

/* The word of the letters [from, to). */
static void add_word(struct maker *m, const struct kn_word_span *span, int from, int to)
{
    struct kn_word word = make_word(&m->letters, from, to, m->pieces);

    word.text = kn_arena_strndup(m->arena, m->written + span->from, span->to - span->from);
    if (m->opening)
        word.text = kn_arena_printf(m->arena, "%s\xC2\xA0%s", m->opening, word.text);
    m->opening = NULL;
    if (m->words.count) { /* pieces that overlap do not change the order of what was said */
        const struct kn_word *before = kn_vec_last(&m->words);
        word.start_us = KN_MAX(word.start_us, before->start_us);
        word.end_us = KN_MAX(word.end_us, word.start_us);
        word.after_space = span->after_space && !kn_utf8_spaced(before->text, word.text);
    }
    kn_vec_push(&m->words, word);
    m->marks = 0;
}

static void make_words(struct maker *m)
{
    struct kn_word_spans spans = {0};

    kn_words_find(m->written, strlen(m->written), &spans);
    for (int i = 0, from = 0, to; i < spans.count; i++, from = to) {
        for (to = from; to < m->letters.count && m->letters.at[to].at < spans.at[i].to;)
            to++;
        if (to > from)
            add_word(m, &spans.at[i], from, to);
        else
            add_marks(m, &spans.at[i]);
    }
    kn_vec_free(&spans);
}

/* Gives the letters of what is written their times. False: it is about something else. */
static bool time_text(struct maker *m, const struct letters *said, int count)
{
    add_letters(m->written, &m->letters);
    int agreed = match(&m->letters, said), least = KN_MIN(m->letters.count, said->count);
    fill_gaps(&m->letters, m->pieces[0].start_us, m->pieces[count - 1].end_us);
    return least > 0 && agreed >= AGREED_SHARE * least;
}

int kn_words_regroup(const char *text, const struct kn_word *pieces, int count,
                     struct kn_arena *arena, const struct kn_word **ret_words)
{
    KN_SCOPED_STR spelled = {0}, clean = {0}, own = {0};
    struct letters said = {0};
    struct maker m = {.pieces = pieces, .arena = arena};

    *ret_words = NULL;
    if (count == 0)
        return 0;
    KN_SCOPED_MEM size_t *ends = kn_calloc((size_t)count, sizeof *ends);
    spell(pieces, count, &spelled, ends);
    add_letters(kn_str_text(&spelled), &said);
    time_letters(pieces, count, ends, &said);
    kn_utf8_clean(kn_str_text(&spelled), spelled.length, &own);
    if (text)
        kn_utf8_clean(text, strlen(text), &clean);
    m.written = kn_str_text(text ? &clean : &own);
    if (!time_text(&m, &said, count) && text) {
        kn_vec_clear(&m.letters);
        m.written = kn_str_text(&own);
        (void)time_text(&m, &said, count); /* which is the same, letter by letter */
    }
    make_words(&m);
    int made = m.words.count;
    *ret_words = kn_vec_to_arena(&m.words, arena);
    kn_vec_free(&m.words);
    kn_vec_free(&m.letters);
    kn_vec_free(&said);
    return made;
}

static bool continues(const struct kn_word *before, const struct kn_word *word)
{
    return word->speaker == before->speaker && !word->starts_utterance && !word->after_space &&
           word->start_us - before->end_us < RUN_PAUSE_US &&
           !kn_utf8_spaced(before->text, word->text);
}

int kn_words_regroup_runs(const struct kn_word *words, int count, struct kn_arena *arena,
                          const struct kn_word **ret_words)
{
    KN_VEC(struct kn_word) made = {0};

    for (int from = 0, to; from < count; from = to) {
        const struct kn_word *run;
        for (to = from + 1; to < count && to - from < RUN_MOST; to++)
            if (!continues(&words[to - 1], &words[to]))
                break;
        int n = to - from > 1 ? kn_words_regroup(NULL, words + from, to - from, arena, &run) : 0;
        if (n == 0) { /* one word, or marks alone */
            n = to - from;
            run = words + from;
        }
        for (int i = 0; i < n; i++)
            kn_vec_push(&made, run[i]);
    }
    int all = made.count;
    *ret_words = kn_vec_to_arena(&made, arena);
    kn_vec_free(&made);
    return all;
}
