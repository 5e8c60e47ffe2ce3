/*
 * Words that are too long for a line, in parts.
 *
 * A "word" of a script without spaces may be a whole sentence, where a transcript did not part it:
 * it is parted into phrases, as base/words.h finds them. A word that is too wide for a line even
 * when drawn smaller is parted between syllables, as well as can be told without a dictionary, and
 * gets hyphens.
 */
#include "clip/captions_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"
#include "base/words.h"

enum {
    WORD_MOST = 120, /* letters of a word that are looked at as one; longer are parted first */
};
/* Words are drawn this much smaller before they are parted. */
#define SMALLEST_SCALE 0.6

/* A stretch of a piece's text: bytes and grapheme clusters from its beginning. */
struct stretch {
    size_t from, to;
    int from_letter, to_letter;
};

/* Cuts `stretch` out of `whole`, which has `letters`: it gets its share of the time. */
static void push_part(const struct kn_caption_job *job, const struct kn_piece *whole, int letters,
                      struct stretch stretch, const char *hyphen, struct kn_pieces *pieces)
{
    struct kn_piece part = *whole;
    int64_t start = whole->word.start_us, length = whole->word.end_us - start;

    part.word.text =
        kn_arena_strndup(job->arena, whole->word.text + stretch.from, stretch.to - stretch.from);
    part.word.start_us = start + length * stretch.from_letter / letters;
    part.word.end_us = start + length * stretch.to_letter / letters;
    if (stretch.from)
        part.word.spaced = false;
    if (job->look)
        part.word.shown =
            kn_arena_printf(job->arena, "%s%s", kn_captions_shown(job, part.word.text), hyphen);
    kn_captions_measure(job, &part);
    kn_vec_push(pieces, part);
}

static uint32_t last_of(const char *at, size_t bytes)
{
    uint32_t c = 0;

    for (const char *end = at + bytes; at < end;)
        at += kn_utf8_next(at, &c);
    return c;
}

static void part_phrases(const struct kn_caption_job *job, const struct kn_piece *whole,
                         int letters, struct kn_pieces *pieces)
{
    const char *text = whole->word.text;
    size_t size = strlen(text), n;
    bool *breaks = kn_calloc(size + 1, sizeof *breaks);
    struct stretch phrase = {0};

    kn_words_breaks(text, size, kn_captions_phrase_most(job), breaks);
    for (; (n = kn_utf8_grapheme(text + phrase.to)); phrase.to += n, phrase.to_letter++) {
        if (phrase.to == phrase.from || !breaks[phrase.to])
            continue;
        push_part(job, whole, letters, phrase, "", pieces);
        phrase.from = phrase.to;
        phrase.from_letter = phrase.to_letter;
    }
    push_part(job, whole, letters, phrase, "", pieces);
    free(breaks);
}

static bool is_vowel(uint32_t c)
{
    return c && c < 0x10000 && wcschr(L"aeiouyäöüáàâéèêíìîóòôúùûåæøAEIOUYÄÖÜ", (wchar_t)c);
}

/* Two consonants that open a syllable together in most languages written in Latin letters: one
 * sound (ch, ph, sh, sch, th, qu) or a stop before l or r (br, gl). */
static bool is_cluster(uint32_t a, uint32_t b)
{
    a |= 0x20; /* lower case, for what is compared here */
    b |= 0x20;
    if (b == 'h')
        return a == 'c' || a == 'p' || a == 's' || a == 't';
    if (b == 'l' || b == 'r')
        return a == 'b' || a == 'c' || a == 'd' || a == 'f' || a == 'g' || a == 'k' || a == 'p' ||
               a == 't';
    return (a == 'q' && b == 'u') || (a == 's' && b == 'c');
}

/* Does a syllable begin with the consonant `c`, followed by `next` and what is at `rest`? */
static bool opens_syllable(uint32_t c, uint32_t next, const char *rest)
{
    if (is_vowel(c))
        return false;
    uint32_t third = kn_utf8_first(rest);
    return is_vowel(next) || (is_cluster(c, next) && (is_vowel(third) || is_cluster(next, third)));
}

/*
 * Where the part that begins at `part` should end when `even` letters from the word's beginning
 * would be just: the nearest place within three letters that opens a syllable and
 * has a vowel somewhere before it ("Höchst-ge", "Do-nau", "be-grenzt"), else there. Most languages
 * with Latin letters part syllables so. Sets part->to.
 */
static void end_of_syllable(const char *text, int even, struct stretch *part)
{
    size_t at = part->from, n;
    uint32_t before = 0;
    bool voiced = false; /* a vowel came since `from` */
    int nearest = 4;

    for (int i = part->from_letter; (n = kn_utf8_grapheme(text + at)) && i <= even + 3; i++) {
        uint32_t c = kn_utf8_first(text + at), next = kn_utf8_first(text + at + n);
        const char *rest = text + at + n + kn_utf8_grapheme(text + at + n);
        bool syllable = voiced && opens_syllable(c, next, rest) && !is_cluster(before, c);
        int distance = i > even ? i - even : even - i;
        if (i > part->from_letter &&
            (syllable ? distance < nearest : distance == 0 && nearest == 4)) {
            part->to = at;
            part->to_letter = i;
            nearest = syllable ? distance : 4;
        }
        before = last_of(text + at, n);
        voiced = voiced || is_vowel(before);
        at += n;
    }
}

/* Parts a word into `count` parts of about the same width. */
static void part_evenly(const struct kn_caption_job *job, const struct kn_piece *whole, int letters,
                        int count, struct kn_pieces *pieces)
{
    const char *text = whole->word.text;
    struct stretch part = {0};

    for (int k = 1; k < count; k++) {
        end_of_syllable(text, (int)((int64_t)letters * k / count), &part);
        if (part.to <= part.from)
            continue;
        bool hyphen =
            text[part.to - 1] != '-' && !kn_char_is_spaceless(kn_utf8_first(text + part.to));
        push_part(job, whole, letters, part, hyphen ? "-" : "", pieces);
        part.from = part.to;
        part.from_letter = part.to_letter;
    }
    part.to = strlen(text);
    part.to_letter = letters;
    push_part(job, whole, letters, part, "", pieces);
}

void kn_captions_part(const struct kn_caption_job *job, const struct kn_piece *whole,
                      struct kn_pieces *pieces)
{
    double room = job->line_width / (job->look ? SMALLEST_SCALE : 1);
    int letters = kn_utf8_graphemes(whole->word.text);

    if (letters > kn_captions_phrase_most(job) &&
        kn_words_spaceless(whole->word.text, strlen(whole->word.text))) {
        part_phrases(job, whole, letters, pieces);
        return;
    }
    if (letters > WORD_MOST) {
        struct kn_pieces parts = {0};
        part_evenly(job, whole, letters, letters / WORD_MOST + 1, &parts);
        for (int i = 0; i < parts.count; i++)
            kn_captions_part(job, &parts.at[i], pieces);
        kn_vec_free(&parts);
        return;
    }
    struct kn_piece piece = *whole;
    if (job->look)
        piece.word.shown = kn_captions_shown(job, piece.word.text);
    kn_captions_measure(job, &piece);
    int count = KN_MIN(letters, (int)ceil(piece.width / job->line_width));
    if (piece.width > room && count > 1)
        part_evenly(job, &piece, letters, count, pieces);
    else
        kn_vec_push(pieces, piece);
}
