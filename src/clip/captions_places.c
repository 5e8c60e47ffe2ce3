/* Where every word of a screenful stands: measured line by line, as libass sets the whole line, so
 * that kerning and the order of right-to-left words are its own. */
#include "clip/captions_layout.h"

#include <math.h>

/* A line's words in the colours 1..count, each around the line's middle. */
static void measure_line(const struct kn_caption_job *job, const struct kn_piece *words, int count,
                         struct kn_caption_box *boxes)
{
    KN_SCOPED_STR text = {0};
    double space = job->look->space * job->look->em * job->area.unit;

    kn_ass_add_direction(&text, &words[0].word);
    for (int i = 0; i < count; i++) {
        if (i && words[i].word.spaced) {
            kn_ass_add_font(&text, &words[i - 1].word, 1);
            kn_ass_add_space(&text, space);
        }
        kn_ass_add_font(&text, &words[i].word, 1);
        kn_str_printf(&text, "{\\1c&H%06X&}", i + 1);
        kn_ass_add_text(&text, words[i].word.shown);
    }
    kn_ruler_ink(job->ruler, kn_str_text(&text), count, boxes);
}

static void estimate_line(const struct kn_piece *words, int count, struct kn_caption_box *boxes)
{
    double x = 0;

    for (int i = 0; i < count; i++) {
        x += i ? words[i].gap : 0;
        boxes[i] = words[i].alone;
        boxes[i].left = x;
        boxes[i].right = x += words[i].width;
    }
}

static bool has_ink(const struct kn_caption_box *box)
{
    return box->right > box->left;
}

/* Left and right end of all that has ink. */
static struct kn_caption_box extent(const struct kn_caption_box *boxes, int count)
{
    struct kn_caption_box all = {INFINITY, 0, -INFINITY, 0};

    for (int i = 0; i < count; i++) {
        if (!has_ink(&boxes[i]))
            continue;
        all.left = KN_MIN(all.left, boxes[i].left);
        all.right = KN_MAX(all.right, boxes[i].right);
    }
    return all.right < all.left ? (struct kn_caption_box){0} : all;
}

/* Puts the words of one line around (x, y), `scale` times as large as measured. */
static void put_line(struct kn_piece *words, int count, const struct kn_caption_box *boxes,
                     double scale, double x, double y)
{
    struct kn_caption_box all = extent(boxes, count);
    double middle = (all.left + all.right) / 2;

    for (int i = 0; i < count; i++) {
        struct kn_caption_word *w = &words[i].word;
        const struct kn_caption_box *box = &boxes[i], *alone = &words[i].alone;
        if (!has_ink(box)) {
            w->x = x;
            w->y = y;
            w->ink = (struct kn_caption_box){x, y, x, y};
            continue;
        }
        w->ink.left = x + scale * (box->left - middle);
        w->ink.right = x + scale * (box->right - middle);
        w->ink.top = y + scale * box->top;
        w->ink.bottom = y + scale * box->bottom;
        w->x = w->ink.left - scale * alone->left;
        w->y = w->ink.bottom - scale * alone->bottom;
    }
}

static void place_screen(const struct kn_caption_job *job, struct kn_pieces *pieces,
                         const struct kn_caption_place *place, struct kn_caption *screen)
{
    struct kn_piece *words = &pieces->at[screen->first_word];
    int count = screen->word_count, split = screen->line_break;
    int lines = split ? 2 : 1, counts[2] = {split ? split : count, count - split};
    struct kn_caption_box *boxes = kn_calloc((size_t)count, sizeof *boxes);
    double widest = 1;

    for (int i = 0, first = 0; i < lines; first += counts[i++]) {
        if (job->ruler)
            measure_line(job, &words[first], counts[i], &boxes[first]);
        else
            estimate_line(&words[first], counts[i], &boxes[first]);
        struct kn_caption_box all = extent(&boxes[first], counts[i]);
        widest = KN_MAX(widest, all.right - all.left);
    }
    screen->scale = KN_MIN(place->scale, job->line_width / widest);

    double em = job->look->em * job->area.unit, pitch = em * job->look->pitch * screen->scale;
    double low = job->area.bottom - em * 0.6 * screen->scale - pitch * (lines - 1) / 2;
    double y = KN_MIN(place->center, low) - pitch * (lines - 1) / 2;
    for (int i = 0, first = 0; i < lines; first += counts[i++])
        put_line(&words[first], counts[i], &boxes[first], screen->scale,
                 (job->area.left + job->area.right) / 2, y + pitch * i);
    free(boxes);
}

void kn_captions_place(const struct kn_caption_job *job, struct kn_pieces *pieces,
                       struct kn_screens *screens)
{
    KN_SCOPED_MEM struct kn_caption_place *places =
        kn_calloc((size_t)screens->count + 1, sizeof *places);

    kn_captions_choose_places(job, screens, places);
    for (int i = 0; i < screens->count; i++)
        place_screen(job, pieces, &places[i], &screens->at[i]);
}
