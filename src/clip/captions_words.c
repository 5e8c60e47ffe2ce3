/*
 * From the timeline's words to pieces: which words are a clip's, in which order and form, and how
 * large they are.
 */
#include "clip/captions_layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/words.h"
#include "model/regroup.h"

enum {
    PIECE_LEAST_US = 20000,
    PHRASE_MOST = 12,         /* letters of a phrase; fewer where a line has no room for them */
    PHRASE_PAUSE_US = 300000, /* a silence that parts what would be one phrase */
};

const char *kn_captions_shown(const struct kn_caption_job *job, const char *text)
{
    KN_SCOPED_STR plain = {0};
    KN_SCOPED_STR upper = {0};
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n) {
        if (c <= 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            kn_str_add_char(&plain, ' ');
        else if (!kn_char_is_format(c) && kn_fonts_have(job->fonts, c))
            kn_utf8_add(&plain, c);
    }
    if (job->look->capitals) {
        kn_utf8_upper(kn_str_text(&plain), job->timeline->language, &upper);
        return kn_arena_strdup(job->arena, kn_str_text(&upper));
    }
    return kn_arena_strdup(job->arena, kn_str_text(&plain));
}

double kn_captions_font_px(const struct kn_caption_job *job, struct kn_font font, double em_px)
{
    double capital = job->ruler ? kn_ruler_capital(job->ruler, font.family, font.bold) : 0;

    return capital > 0.2 ? em_px * 0.717 / capital : em_px * 1.2;
}

void kn_captions_measure(const struct kn_caption_job *job, struct kn_piece *piece)
{
    struct kn_caption_word *word = &piece->word;
    int columns = kn_utf8_columns(word->text);

    if (!job->look) {
        word->shown = "";
        piece->width = columns;
        piece->gap = word->spaced ? 1 : 0;
        return;
    }
    double em = job->look->em * job->area.unit;
    struct kn_font font = kn_fonts_for(job->fonts, word->shown);
    word->font = kn_arena_strdup(job->arena, font.family);
    word->bold = font.bold;
    word->font_px = kn_captions_font_px(job, font, em);
    if (job->ruler) {
        KN_SCOPED_STR text = {0};
        kn_ass_add_font(&text, word, 1);
        kn_str_add(&text, "{\\1c&H000001&}");
        kn_ass_add_shown(&text, word);
        kn_ruler_ink(job->ruler, kn_str_text(&text), 1, &piece->alone);
    } else {
        /* Heavy sans serifs: 0.62 em a letter, 0.74 a capital, 1.0 a wide character. */
        double letter = job->look->capitals ? 0.74 : 0.62;
        double half = em * (columns > kn_utf8_graphemes(word->text) ? 0.52 : letter) * columns / 2;
        piece->alone = (struct kn_caption_box){-half, -em * 0.5, half, em * 0.3};
    }
    piece->width = KN_MAX(0, piece->alone.right - piece->alone.left);
    /* Side bearings and a space: 0.3 em; bearings alone 0.1 em. */
    piece->gap = word->spaced ? em * (0.3 + job->look->space) : em * 0.1;
}

/* ---- whose words come when ---- */

/* A speaker is given the word until a silence this long. */
enum { TURN_PAUSE_US = 600000 };

/* A word of the clip, and the start of what its speaker says without a break. */
struct spoken {
    int index;
    int64_t turn_us;
};

static int compare_spoken(const void *a, const void *b)
{
    const struct spoken *x = a, *y = b;

    if (x->turn_us != y->turn_us)
        return x->turn_us < y->turn_us ? -1 : 1;
    return x->index - y->index;
}

static bool ends_turn(const struct kn_word *word, const struct kn_word *next)
{
    uint32_t last = kn_utf8_last(word->text);

    return next->start_us - word->end_us > TURN_PAUSE_US || last == '.' || last == '?' ||
           last == '!' || last == 0x3002 || last == 0xff01 || last == 0xff1f || last == 0x061f;
}

/*
 * The words whose middle lies in the clip. Where people talk over each other, by turns: one's
 * sentence and then the other's, a little late, because the two woven together word by word could
 * not be read. `list` has room for all words; returns how many there are.
 */
static int choose_words(const struct kn_caption_job *job, struct spoken *list)
{
    const struct kn_word *words = job->timeline->words;
    int count = 0;

    for (int i = 0; i < job->timeline->word_count; i++) {
        int64_t middle = words[i].start_us + (words[i].end_us - words[i].start_us) / 2;
        if (middle < job->start_us || middle >= job->end_us)
            continue;
        list[count] = (struct spoken){i, words[i].start_us};
        for (int k = count - 1; k >= 0 && k >= count - 64; k--) {
            const struct kn_word *before = &words[list[k].index];
            if (before->speaker != words[i].speaker)
                continue;
            if (!ends_turn(before, &words[i]))
                list[count].turn_us = list[k].turn_us;
            break;
        }
        count++;
    }
    qsort(list, (size_t)count, sizeof *list, compare_spoken);
    return count;
}

/* Two pieces never start together, so that each has its moment on the screen, and none starts
 * before the one that is read before it. */
static void order_times(struct kn_pieces *pieces, int64_t clip_us)
{
    int64_t earliest = 0;

    for (int i = 0; i < pieces->count; i++) {
        struct kn_caption_word *w = &pieces->at[i].word;
        w->start_us = KN_CLAMP(w->start_us, KN_MIN(earliest, clip_us), clip_us);
        w->end_us = KN_CLAMP(w->end_us, w->start_us, clip_us);
        earliest = w->start_us + PIECE_LEAST_US;
    }
}

int kn_captions_phrase_most(const struct kn_caption_job *job)
{
    if (!job->look)
        return PHRASE_MOST;
    return (int)KN_CLAMP(job->line_width / (job->look->em * job->area.unit), 3, PHRASE_MOST);
}

/* How many words from list[from] on are one phrase: in scripts without spaces what leans on a word
 * is read with it (脳が, 休みます) and lights up with it. No phrase is longer than a line. */
static int phrase_length(const struct kn_caption_job *job, const struct spoken *list, int from,
                         int count)
{
    const struct kn_word *words = job->timeline->words;
    int letters = kn_utf8_graphemes(words[list[from].index].text), n = 1;

    for (; from + n < count; n++) {
        const struct kn_word *before = &words[list[from + n - 1].index];
        const struct kn_word *word = &words[list[from + n].index];
        letters += kn_utf8_graphemes(word->text);
        if (word->speaker != before->speaker || word->start_us - before->end_us > PHRASE_PAUSE_US ||
            letters > kn_captions_phrase_most(job) || kn_words_spaced(before, word) ||
            !kn_word_leans(before->text, word->text))
            break;
    }
    return n;
}

void kn_captions_cut_words(const struct kn_caption_job *job, struct kn_pieces *ret_pieces)
{
    const struct kn_word *words = job->timeline->words;
    struct spoken *list = kn_calloc((size_t)job->timeline->word_count + 1, sizeof *list);
    int count = choose_words(job, list);

    for (int i = 0, n; i < count; i += n) {
        const struct kn_word *w = &words[list[i].index];
        KN_SCOPED_STR text = {0};
        n = phrase_length(job, list, i, count);
        struct kn_piece piece = {.speaker = w->speaker};
        piece.word = (struct kn_caption_word){
            .start_us = w->start_us - job->start_us,
            .end_us = w->end_us - job->start_us,
            .source = list[i].index,
            .rtl = job->rtl,
            .spaced = i && kn_words_spaced(&words[list[i - 1].index], w),
        };
        for (int k = i; k < i + n; k++) {
            const struct kn_word *part = &words[list[k].index];
            kn_utf8_clean(part->text, strlen(part->text), &text);
            piece.word.end_us = KN_MAX(piece.word.end_us, part->end_us - job->start_us);
        }
        piece.word.text = kn_arena_strdup(job->arena, kn_str_text(&text));
        kn_captions_part(job, &piece, ret_pieces);
    }
    order_times(ret_pieces, job->end_us - job->start_us);
    free(list);
}
