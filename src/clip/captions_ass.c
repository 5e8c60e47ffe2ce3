/*
 * Screenfuls as an ASS script.
 *
 * Every word is placed by itself (\pos) and lives through its screenful in one event a layer: its
 * colour and size change by \t at the times it is said. Nothing is laid out again when a word
 * swells, so its neighbours never move. Layers, from below:
 *
 *   0  halos: soft dark shadows      2  edges: outlines and hard shadows
 *   1  shapes: cards and the pill    3  letters
 *
 * Edges lie under all letters, so a heavy outline never eats into the word beside it.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "clip/captions_layout.h"
#include "clip/captions_shape.h"

enum layer { LAYER_HALO, LAYER_SHAPE, LAYER_EDGE, LAYER_LETTERS, LAYER_TITLE_CARD, LAYER_TITLE };

/* Durations of the movements, ms: about two to four frames, felt rather than seen. */
enum { COLOR_MS = 50, POP_MS = 70, SETTLE_MS = 110, GLIDE_MS = 90, ENTER_MS = 110 };

/* A word stays active until the next one unless a silence this long parts them. */
enum { LINGER_US = 300000 };

void kn_ass_add_text(struct kn_str *ass, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\\')
            kn_str_add(ass, "\\\xe2\x81\xa0"); /* a word joiner keeps it from being a command */
        else if (c == '{' || c == '}')
            kn_str_printf(ass, "\\%c", c);
        else
            kn_str_add_char(ass, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

void kn_ass_add_direction(struct kn_str *ass, const struct kn_caption_word *first)
{
    if (first->rtl && kn_utf8_first_direction(first->shown) >= 0)
        kn_str_add(ass, "\xe2\x80\x8f"); /* U+200F, the right-to-left mark */
}

void kn_ass_add_shown(struct kn_str *ass, const struct kn_caption_word *word)
{
    kn_ass_add_direction(ass, word);
    kn_ass_add_text(ass, word->shown);
}

/* Lato joins "ti" and "fi", which looks odd in letters this large; libass leaves ligatures out
 * where letters are spaced, however little. Other scripts need theirs. */
static bool drops_ligatures(const char *text)
{
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (c >= 0x0530 && !(c >= 0x1e00 && c < 0x2070))
            return false;
    return true;
}

void kn_ass_add_font(struct kn_str *ass, const struct kn_caption_word *word, double scale)
{
    kn_str_add(ass, "{\\fn");
    for (const char *at = word->font ? word->font : "sans-serif"; *at; at++)
        if ((unsigned char)*at >= 0x20 && !strchr("\\{},", *at))
            kn_str_add_char(ass, *at);
    kn_str_printf(ass, "\\b%d\\fs%.1f\\fsp%s}", word->bold, word->font_px * scale,
                  word->shown && drops_ligatures(word->shown) ? "0.1" : "0");
}

void kn_ass_add_space(struct kn_str *ass, double extra_px)
{
    if (extra_px > 0.05)
        kn_str_printf(ass, "{\\fsp%.1f} {\\fsp0}", extra_px);
    else
        kn_str_add_char(ass, ' ');
}

/* ASS colours are BBGGRR. */
static unsigned bgr(uint32_t rgb)
{
    return (rgb & 0xff) << 16 | (rgb & 0xff00) | (rgb >> 16 & 0xff);
}

/* ASS alpha is what shines through. */
static unsigned see_through(double opacity)
{
    return (unsigned)lround(255 * (1 - KN_CLAMP(opacity, 0, 1)));
}

/* "0:00:07.50" */
static void add_time(struct kn_str *ass, int64_t us)
{
    int64_t cs = us / 10000;

    kn_str_printf(ass, "%" PRId64 ":%02d:%02d.%02d", cs / 360000, (int)(cs / 6000 % 60),
                  (int)(cs / 100 % 60), (int)(cs % 100));
}

static void begin_event(struct kn_str *ass, enum layer layer, int64_t start_us, int64_t end_us,
                        const char *style)
{
    kn_str_printf(ass, "Dialogue: %d,", layer);
    add_time(ass, start_us);
    kn_str_add_char(ass, ',');
    add_time(ass, end_us);
    kn_str_printf(ass, ",%s,,0,0,0,,", style);
}

/* Milliseconds into an event that starts at `start_us` (which ASS keeps in hundredths). */
static int into(int64_t start_us, int64_t at_us)
{
    return (int)((at_us - start_us / 10000 * 10000) / 1000);
}

struct writer {
    struct kn_str *ass;
    const struct kn_captions *captions;
    const struct kn_caption_look *look;
    double unit;
};

/* When a word is the active one, in the time of its screenful's events. */
struct moment {
    int from_ms, to_ms;
    bool first, last; /* of its screenful */
};

static struct moment word_moment(const struct writer *w, const struct kn_caption *screen, int k)
{
    const struct kn_caption_word *word = &w->captions->words[screen->first_word + k];
    bool last = k + 1 == screen->word_count;
    int64_t end = word->end_us;

    if (last)
        end = screen->end_us;
    else if (word[1].start_us < end + LINGER_US)
        end = word[1].start_us;
    return (struct moment){into(screen->start_us, word->start_us), into(screen->start_us, end),
                           k == 0, last};
}

/* What parts a word from another beside it; words of right-to-left lines follow to the left. */
static double gap_between(const struct kn_caption_word *word, const struct kn_caption_word *other)
{
    return fmax(other->ink.left - word->ink.right, word->ink.left - other->ink.right);
}

/* The size to which word k swells: its edge stays clear of its neighbours', however long it is. */
static double pop_size(const struct writer *w, const struct kn_caption *screen, int k)
{
    const struct kn_caption_word *word = &w->captions->words[screen->first_word + k];
    const struct kn_caption_look *look = w->look;
    double width = word->ink.right - word->ink.left, room = INFINITY;
    double taken = (2 * look->edge + KN_POP_CLEAR * look->em * screen->scale) * w->unit;

    if (k > 0 && k != screen->line_break)
        room = fmin(room, gap_between(word, &word[-1]) - taken);
    if (k + 1 < screen->word_count && k + 1 != screen->line_break)
        room = fmin(room, gap_between(word, &word[1]) - taken);
    return 1 + fmin(look->pop - 1, fmax(2 * room, 0) / fmax(width, 1));
}

/* The size over time: grows in with the screenful, swells to `pop_size` while active. */
static void add_size(const struct writer *w, const struct moment *m, double pop_size)
{
    double enter = w->look->enter * 100, pop = pop_size * 100;
    bool pops = w->look->pop != 1;

    if (w->look->enter != 1) {
        double until = m->first && pops ? pop : 100;
        kn_str_printf(w->ass, "\\fscx%.0f\\fscy%.0f\\t(0,%d,0.6,\\fscx%.1f\\fscy%.1f)", enter,
                      enter, ENTER_MS, until, until);
    }
    if (!pops)
        return;
    if (!m->first)
        kn_str_printf(w->ass, "\\t(%d,%d,\\fscx%.1f\\fscy%.1f)", m->from_ms, m->from_ms + POP_MS,
                      pop, pop);
    if (!m->last)
        kn_str_printf(w->ass, "\\t(%d,%d,\\fscx100\\fscy100)", m->to_ms, m->to_ms + SETTLE_MS);
}

static void add_color(const struct writer *w, const struct moment *m)
{
    const struct kn_caption_look *look = w->look;

    if (look->text == look->active) {
        kn_str_printf(w->ass, "\\1c&H%06X&", bgr(look->text));
        return;
    }
    kn_str_printf(w->ass, "\\1c&H%06X&", bgr(m->first ? look->active : look->text));
    if (!m->first)
        kn_str_printf(w->ass, "\\t(%d,%d,\\1c&H%06X&)", m->from_ms, m->from_ms + COLOR_MS,
                      bgr(look->active));
    if (!m->last && !look->fills)
        kn_str_printf(w->ass, "\\t(%d,%d,\\1c&H%06X&)", m->to_ms, m->to_ms + COLOR_MS,
                      bgr(look->text));
}

/* Between the pill and its word no dark edge is wanted: it goes while the pill is there. */
static void add_edge_fade(const struct writer *w, const struct moment *m)
{
    kn_str_printf(w->ass, "\\1a&H%s&\\3a&H%s&", m->first ? "FF" : "00", m->first ? "FF" : "00");
    if (!m->first)
        kn_str_printf(w->ass, "\\t(%d,%d,\\1a&HFF&\\3a&HFF&)", m->from_ms, m->from_ms + COLOR_MS);
    if (!m->last)
        kn_str_printf(w->ass, "\\t(%d,%d,\\1a&H00&\\3a&H00&)", m->to_ms, m->to_ms + COLOR_MS);
}

/* One word in one layer. */
static void add_word(const struct writer *w, const struct kn_caption *screen, int k,
                     enum layer layer)
{
    const struct kn_caption_word *word = &w->captions->words[screen->first_word + k];
    const struct kn_caption_look *look = w->look;
    struct moment m = word_moment(w, screen, k);

    if (word->ink.right <= word->ink.left)
        return;
    begin_event(w->ass, layer, screen->start_us, screen->end_us, "Words");
    kn_str_printf(w->ass, "{\\pos(%.1f,%.1f)", word->x, word->y);
    if (layer == LAYER_HALO)
        kn_str_printf(w->ass, "\\1a&HFF&\\bord%.1f\\blur%.1f\\3c&H000000&\\3a&H%02X&",
                      look->halo * w->unit, look->halo_blur * w->unit,
                      see_through(look->halo_alpha));
    if (layer == LAYER_EDGE)
        kn_str_printf(w->ass, "\\1c&H%06X&\\3c&H%06X&\\bord%.1f\\blur0.6", bgr(look->edge_color),
                      bgr(look->edge_color), look->edge * w->unit);
    if (layer == LAYER_EDGE && look->drop > 0)
        kn_str_printf(w->ass, "\\4c&H%06X&\\yshad%.1f", bgr(look->edge_color),
                      look->drop * w->unit);
    if (layer == LAYER_EDGE && look->pill)
        add_edge_fade(w, &m);
    if (layer == LAYER_LETTERS)
        add_color(w, &m);
    if (layer != LAYER_HALO) /* too soft to be missed, and costly to blur anew at every size */
        add_size(w, &m, pop_size(w, screen, k));
    kn_str_add_char(w->ass, '}');
    kn_ass_add_font(w->ass, word, screen->scale);
    kn_ass_add_shown(w->ass, word);
    kn_str_add_char(w->ass, '\n');
}

static double em_of(const struct writer *w, const struct kn_caption *screen)
{
    return w->look->em * w->unit * screen->scale;
}

/* What the pill covers for a word: as wide as its ink, as high as the line whatever its letters. */
static struct kn_caption_box pill_box(const struct writer *w, const struct kn_caption *screen,
                                      const struct kn_caption_word *word)
{
    double em = em_of(w, screen), pad = w->look->pad_x * w->unit;
    double half = em * 0.5 + w->look->pad_y * w->unit, y = word->y + em * 0.05;

    return (struct kn_caption_box){word->ink.left - pad, y - half, word->ink.right + pad, y + half};
}

/* The pill under word k while it is active; it glides over from the word before on its line. */
static void add_pill(const struct writer *w, const struct kn_caption *screen, int k)
{
    const struct kn_caption_word *word = &w->captions->words[screen->first_word + k];
    struct moment m = word_moment(w, screen, k);
    struct kn_caption_box box = pill_box(w, screen, word), at_origin;
    double x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    double width = box.right - box.left, height = box.bottom - box.top;
    int64_t start = screen->start_us / 10000 * 10000 + (int64_t)m.from_ms * 1000;
    int64_t end = screen->start_us / 10000 * 10000 + (int64_t)m.to_ms * 1000;
    bool same_line = k > 0 && k != screen->line_break;

    if (word->ink.right <= word->ink.left)
        return;
    begin_event(w->ass, LAYER_SHAPE, start, end, "Shapes");
    if (same_line && word[-1].ink.right > word[-1].ink.left &&
        word_moment(w, screen, k - 1).to_ms == m.from_ms) {
        struct kn_caption_box from = pill_box(w, screen, &word[-1]);
        kn_str_printf(w->ass, "{\\an5\\move(%.1f,%.1f,%.1f,%.1f,0,%d)\\fscx%.0f\\t(0,%d,\\fscx100)",
                      (from.left + from.right) / 2, (from.top + from.bottom) / 2, x, y, GLIDE_MS,
                      100 * (from.right - from.left) / width, GLIDE_MS);
    } else {
        kn_str_printf(w->ass, "{\\an5\\pos(%.1f,%.1f)\\fscx88\\fscy88\\t(0,%d,\\fscx100\\fscy100)",
                      x, y, GLIDE_MS);
    }
    kn_str_printf(w->ass, "\\1c&H%06X&\\p1}", bgr(w->look->shape_color));
    at_origin = (struct kn_caption_box){0, 0, width, height};
    KN_SCOPED_STR path = {0};
    kn_shape_rows(&path, &at_origin, 1, w->look->radius * w->unit * screen->scale);
    kn_str_printf(w->ass, "%s\n", kn_str_text(&path));
}

static void add_shape(const struct writer *w, enum layer layer, int64_t start_us, int64_t end_us,
                      const struct kn_caption_box *rows, int count, double radius, uint32_t color,
                      const char *tags)
{
    KN_SCOPED_STR path = {0};

    kn_shape_rows(&path, rows, count, radius);
    begin_event(w->ass, layer, start_us, end_us, "Shapes");
    kn_str_printf(w->ass, "{\\an7\\pos(0,0)\\1c&H%06X&%s\\p1}%s\n", bgr(color), tags,
                  kn_str_text(&path));
}

/* The cards under the lines of a screenful. */
static void add_cards(const struct writer *w, const struct kn_caption *screen)
{
    const struct kn_caption_word *words = &w->captions->words[screen->first_word];
    int split = screen->line_break ? screen->line_break : screen->word_count;
    double em = em_of(w, screen), pad = w->look->pad_x * w->unit;
    double half = em * 0.5 + w->look->pad_y * w->unit;
    struct kn_caption_box rows[2];
    int count = 0;

    for (int k = 0; k < screen->word_count; k++) {
        const struct kn_caption_box *ink = &words[k].ink;
        if (ink->right <= ink->left)
            continue;
        struct kn_caption_box box = {ink->left - pad, words[k].y + em * 0.05 - half,
                                     ink->right + pad, words[k].y + em * 0.05 + half};
        if (count == 0 || (k >= split && count == 1 && split < screen->word_count &&
                           rows[0].bottom < box.bottom - em * 0.3)) {
            rows[count++] = box;
            continue;
        }
        rows[count - 1].left = KN_MIN(rows[count - 1].left, box.left);
        rows[count - 1].right = KN_MAX(rows[count - 1].right, box.right);
    }
    if (!count)
        return;
    if (count == 2)
        rows[0].bottom = rows[1].top = (rows[0].bottom + rows[1].top) / 2;
    add_shape(w, LAYER_SHAPE, screen->start_us, screen->end_us, rows, count,
              w->look->radius * w->unit * screen->scale, w->look->shape_color, "");
}

static void add_screen(const struct writer *w, const struct kn_caption *screen)
{
    if (w->look->card)
        add_cards(w, screen);
    for (int k = 0; k < screen->word_count; k++) {
        if (w->look->halo > 0)
            add_word(w, screen, k, LAYER_HALO);
        if (w->look->pill)
            add_pill(w, screen, k);
        if (w->look->edge > 0)
            add_word(w, screen, k, LAYER_EDGE);
        add_word(w, screen, k, LAYER_LETTERS);
    }
}

static void add_title(const struct writer *w)
{
    const struct kn_caption_title *title = &w->captions->title;
    struct kn_caption_box rows[KN_CAPTION_TITLE_LINES];
    double pad = KN_TITLE_PAD * w->unit, half = 0;

    if (!title->line_count)
        return;
    if (title->line_count > 1)
        half = (title->lines[1].y - title->lines[0].y) / 2;
    else
        half = KN_TITLE_EM * KN_TITLE_PITCH / 2 * w->unit;
    for (int i = 0; i < title->line_count; i++) {
        const struct kn_caption_word *line = &title->lines[i];
        double middle = line->y + 0.05 * KN_TITLE_EM * w->unit;
        rows[i] = (struct kn_caption_box){line->ink.left - pad, middle - half,
                                          line->ink.right + pad, middle + half};
    }
    rows[0].top -= half * 0.12;
    rows[title->line_count - 1].bottom += half * 0.12;
    add_shape(w, LAYER_TITLE_CARD, 0, title->end_us, rows, title->line_count,
              KN_TITLE_RADIUS * w->unit, 0xffffff, "\\fad(0,250)");
    for (int i = 0; i < title->line_count; i++) {
        const struct kn_caption_word *line = &title->lines[i];
        begin_event(w->ass, LAYER_TITLE, 0, title->end_us, "Words");
        kn_str_printf(w->ass, "{\\pos(%.1f,%.1f)\\1c&H%06X&\\fad(0,250)}", line->x, line->y,
                      bgr(KN_TITLE_COLOR));
        kn_ass_add_font(w->ass, line, 1);
        kn_ass_add_shown(w->ass, line);
        kn_str_add_char(w->ass, '\n');
    }
}

void kn_captions_ass(const struct kn_captions *captions, const struct kn_caption_options *options,
                     struct kn_str *ret_ass)
{
    bool draws = options->style != KN_CAPTIONS_OFF;
    struct writer w = {
        .ass = ret_ass,
        .captions = captions,
        .look = kn_caption_look(draws ? options->style : KN_CAPTIONS_DEFAULT),
        .unit = kn_caption_area(options->width_px, options->height_px).unit,
    };

    kn_str_printf(ret_ass,
                  "[Script Info]\n"
                  "; kirinuki " KN_VERSION ", captions “%s”\n"
                  "ScriptType: v4.00+\n"
                  "WrapStyle: 2\n"
                  "ScaledBorderAndShadow: yes\n"
                  "YCbCr Matrix: None\n"
                  "PlayResX: %d\n"
                  "PlayResY: %d\n"
                  "\n"
                  "[V4+ Styles]\n"
                  "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, "
                  "OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, "
                  "Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
                  "MarginV, Encoding\n"
                  "Style: Words,%s,72,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,"
                  "0,0,0,0,100,100,0,0,1,0,0,5,0,0,0,-1\n"
                  "Style: Shapes,%s,72,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,"
                  "0,0,0,0,100,100,0,0,1,0,0,7,0,0,0,1\n"
                  "\n"
                  "[Events]\n"
                  "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, "
                  "Text\n",
                  kn_caption_style_name(options->style), options->width_px, options->height_px,
                  w.look->font, w.look->font);
    for (int i = 0; draws && i < captions->count; i++)
        add_screen(&w, &captions->captions[i]);
    add_title(&w);
}
