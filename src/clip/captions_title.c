/*
 * The title over a clip's first seconds: as few lines as it takes, all about equally wide, since a
 * headline that ends on one lost word looks careless.
 */
#include "clip/captions_layout.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/words.h"

enum {
    PARTS_MOST = 96,
    PHRASE_MOST = 10, /* letters that stay together in scripts without spaces */
};

/* Letters become so much smaller at most to save a line: a lower card hides less of the picture. */
#define LINE_SAVED 1.1

/* What a line break cannot divide: a word with the space after it, or a phrase of a script without.
 */
struct part {
    size_t from, to;
    double width; /* pixels, its space included */
};

static double measure(const struct kn_caption_job *job, struct kn_caption_word *line)
{
    KN_SCOPED_STR text = {0};

    if (job->ruler) {
        kn_ass_add_font(&text, line, 1);
        kn_str_add(&text, "{\\1c&H000001&}");
        kn_ass_add_shown(&text, line);
        kn_ruler_ink(job->ruler, kn_str_text(&text), 1, &line->ink);
    } else {
        double half = 0.26 * line->font_px * kn_utf8_columns(line->shown);
        line->ink = (struct kn_caption_box){-half, -0.4 * line->font_px, half, 0.2 * line->font_px};
    }
    return line->ink.right - line->ink.left;
}

static int cut_parts(const struct kn_caption_job *job, const char *title,
                     struct kn_caption_word *line, struct part parts[PARTS_MOST])
{
    size_t size = strlen(title);
    bool *breaks = kn_calloc(size + 1, sizeof *breaks);
    int count = 0;

    kn_words_breaks(title, size, PHRASE_MOST, breaks);
    for (size_t from = 0, to = 1; to <= size; to++) {
        if (to < size && (!breaks[to] || count == PARTS_MOST - 1))
            continue;
        line->shown = kn_arena_strndup(job->arena, title + from, to - from);
        double space = title[to - 1] == ' ' ? 0.3 : 0.08;
        parts[count++] = (struct part){from, to, measure(job, line) + space * line->font_px / 1.2};
        from = to;
    }
    free(breaks);
    return count;
}

/* The lines that greedy filling takes in the measure `room`; where each begins goes to `begins`. */
static int fill(const struct part *parts, int count, double room, int begins[])
{
    double x = INFINITY;
    int lines = 0;

    for (int i = 0; i < count; i++) {
        if (x + parts[i].width > room) {
            if (lines < KN_CAPTION_TITLE_LINES)
                begins[lines] = i;
            lines++;
            x = 0;
        }
        x += parts[i].width;
    }
    return lines;
}

/* The narrowest measure that takes no more lines than `room` does. */
static double narrowest(const struct part *parts, int count, double room)
{
    int begins[KN_CAPTION_TITLE_LINES], lines = fill(parts, count, room, begins);
    double low = 0;

    for (int i = 0; i < count; i++)
        low = KN_MAX(low, parts[i].width);
    for (int round = 0; round < 10 && low < room; round++) {
        double middle = (low + room) / 2;
        if (fill(parts, count, middle, begins) <= lines)
            room = middle;
        else
            low = middle;
    }
    return room;
}

static const char *clean_title(const struct kn_caption_job *job, const char *title)
{
    KN_SCOPED_STR clean = {0};
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(title, &c)); title += n) {
        if (c <= 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029) {
            if (clean.length && clean.at[clean.length - 1] != ' ')
                kn_str_add_char(&clean, ' ');
        } else if (!kn_char_is_format(c) && kn_fonts_have(job->fonts, c)) {
            kn_utf8_add(&clean, c);
        }
    }
    return kn_arena_strdup(job->arena, kn_str_text(&clean));
}

/* The lines that begin at begins[] of `parts`, around the origin; the widest one's width. */
static double measure_lines(const struct kn_caption_job *job, const char *text,
                            const struct kn_caption_word *like, const struct part *parts,
                            const int *begins, int lines, struct kn_caption_title *title)
{
    double widest = 0;

    for (int i = 0; i < lines; i++) {
        size_t from = parts[begins[i]].from;
        size_t to = i + 1 < lines ? parts[begins[i + 1]].from : strlen(text);
        while (to > from && text[to - 1] == ' ')
            to--;
        title->lines[i] = *like;
        title->lines[i].shown = kn_arena_strndup(job->arena, text + from, to - from);
        widest = KN_MAX(widest, measure(job, &title->lines[i]));
    }
    title->line_count = lines;
    return widest;
}

/* Cuts the text into lines and measures them; the widest one's width. */
static double cut_lines(const struct kn_caption_job *job, const char *text,
                        struct kn_caption_title *title)
{
    struct part parts[PARTS_MOST];
    int begins[KN_CAPTION_TITLE_LINES];
    double room = job->area.right - job->area.left - 2 * KN_TITLE_PAD * job->area.unit;
    struct kn_font font = kn_fonts_for(job->fonts, text);
    struct kn_caption_word line = {.font = kn_arena_strdup(job->arena, font.family),
                                   .bold = font.bold,
                                   .rtl = job->rtl || kn_utf8_direction(text) < 0};

    line.font_px = kn_captions_font_px(job, font, KN_TITLE_EM * job->area.unit);
    int count = cut_parts(job, text, &line, parts), lines = fill(parts, count, room, begins);
    if (lines > KN_CAPTION_TITLE_LINES) { /* smaller letters: as if there were more room */
        while (fill(parts, count, room, begins) > KN_CAPTION_TITLE_LINES)
            room *= 1.1;
    } else if (fill(parts, count, room * LINE_SAVED, begins) < lines) {
        room *= LINE_SAVED;
    }
    room = narrowest(parts, count, room);
    lines = KN_MIN(fill(parts, count, room, begins), KN_CAPTION_TITLE_LINES);
    return measure_lines(job, text, &line, parts, begins, lines, title);
}

void kn_captions_place_title(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                             const struct kn_screens *screens, struct kn_caption_title *ret_title)
{
    const char *text = clean_title(job, job->options->title);
    if (!*text)
        return;
    ret_title->end_us =
        KN_MIN((int64_t)(KN_TITLE_SECONDS * KN_US_PER_S), job->end_us - job->start_us);
    double widest = cut_lines(job, text, ret_title), pad = KN_TITLE_PAD * job->area.unit;
    double most = job->area.right - job->area.left - 2 * pad;
    double scale = widest > most ? most / widest : 1, em = KN_TITLE_EM * job->area.unit;
    double pitch = em * KN_TITLE_PITCH * scale, x = (job->area.left + job->area.right) / 2;
    int lines = ret_title->line_count;
    /* The card is a little higher than its lines and hangs a little below them. */
    double center = kn_captions_title_center(job, pieces, screens, widest * scale / 2 + pad,
                                             pitch * (lines + 0.12) / 2, ret_title->end_us);
    for (int i = 0; i < lines; i++) {
        struct kn_caption_word *l = &ret_title->lines[i];
        l->font_px *= scale;
        l->x = x - scale * (l->ink.left + l->ink.right) / 2;
        l->y = center - em * 0.05 + pitch * (i - (lines - 1) / 2.0);
        double half = scale * (l->ink.right - l->ink.left) / 2;
        l->ink = (struct kn_caption_box){x - half, l->y + scale * l->ink.top, x + half,
                                         l->y + scale * l->ink.bottom};
    }
}
