/*
 * The stages of the layout, and what passes between them. Private to captions*.c.
 *
 *   words   the timeline's words become pieces: what may stand on a line by itself
 *   parts   ... where they are too long for a line
 *   costs   how bad it would be to end a line after each piece
 *   breaks  the pieces become screenfuls with times
 *   places  the screenfuls are measured and put on the screen
 */
#ifndef KN_CLIP_CAPTIONS_LAYOUT_H
#define KN_CLIP_CAPTIONS_LAYOUT_H

#include <stdbool.h>

#include "base/vec.h"
#include "clip/captions.h"
#include "clip/captions_fonts.h"
#include "clip/captions_ruler.h"
#include "clip/captions_style.h"

/* A word, or a part of one, on its way to a kn_caption_word. */
struct kn_piece {
    struct kn_caption_word word; /* places not yet set */
    int16_t speaker;
    double width;  /* of its ink at full size; columns for reading subtitles */
    double gap;    /* between it and the piece before when on one line */
    double weight; /* how much of a mouthful: 1 a word, less for single CJK characters */
    struct kn_caption_box alone; /* its ink when drawn alone around the origin */
    bool may_break;              /* a line may end after it (UAX #14) */
    double cost;                 /* of ending a line or screenful after it; 0 is best */
    bool ends_sentence;
};
KN_VEC_TYPE(kn_pieces, struct kn_piece);

/* What all stages know. */
struct kn_caption_job {
    const struct kn_timeline *timeline;
    const struct kn_caption_options *options;
    int64_t start_us, end_us;
    struct kn_arena *arena;
    const struct kn_caption_look *look; /* NULL: reading subtitles */
    struct kn_caption_area area;        /* unset for reading subtitles */
    double line_width; /* room for the ink of a line: pixels, or columns for subtitles */
    bool rtl;          /* the clip's words run from right to left */
    struct kn_fonts *fonts;
    struct kn_ruler *ruler; /* may be NULL: estimate */
};

/* words */
void kn_captions_cut_words(const struct kn_caption_job *job, struct kn_pieces *ret_pieces);
/* The form of a text that is drawn: nothing invisible that could turn the line around, no line
 * ends, no characters that no font can draw, the style's capitals. In the job's arena. */
const char *kn_captions_shown(const struct kn_caption_job *job, const char *text);
/* Sets font, font_px, alone, width and gap of a piece whose text and shown are set. */
void kn_captions_measure(const struct kn_caption_job *job, struct kn_piece *piece);
/* ASS font sizes are line heights; this gives the one whose capitals are as high as Lato's at
 * `em_px` (0.717 em), so that all families look equally large. */
double kn_captions_font_px(const struct kn_caption_job *job, struct kn_font font, double em_px);

/* parts: pushes `whole`, in as many parts as it takes for each to fit a line. */
void kn_captions_part(const struct kn_caption_job *job, const struct kn_piece *whole,
                      struct kn_pieces *pieces);

/* Letters of a phrase that fit on a line, for scripts without spaces: about an em wide each. */
int kn_captions_phrase_most(const struct kn_caption_job *job);

/* costs: sets weight, may_break, cost and ends_sentence. */
void kn_captions_rate(struct kn_pieces *pieces);

/* breaks */
KN_VEC_TYPE(kn_screens, struct kn_caption);
void kn_captions_break(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                       struct kn_screens *ret_screens);
double kn_captions_width(const struct kn_pieces *pieces, int from, int to);

/* ground: where each screenful stands; ret_places[screens->count] */
struct kn_caption_place {
    double center, scale; /* height of its middle; size of its letters, at most 1 */
};
void kn_captions_choose_places(const struct kn_caption_job *job, const struct kn_screens *screens,
                               struct kn_caption_place *ret_places);

/* The height of the middle of a title's card of that size. Screenfuls without places hide nothing.
 */
double kn_captions_title_center(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                                const struct kn_screens *screens, double half_width,
                                double half_height, int64_t end_us);

/* places */
void kn_captions_place(const struct kn_caption_job *job, struct kn_pieces *pieces,
                       struct kn_screens *screens);
/* After the screenfuls, which it makes way for. */
void kn_captions_place_title(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                             const struct kn_screens *screens, struct kn_caption_title *ret_title);

/* ASS text that no word can break out of (captions_ass.c). libass takes a line's direction from its
 * first letter that has one: in Arabic a line that begins with a Latin name is told so. */
void kn_ass_add_text(struct kn_str *ass, const char *text);
void kn_ass_add_direction(struct kn_str *ass, const struct kn_caption_word *first);
/* The word's text as it is drawn, alone on its line. */
void kn_ass_add_shown(struct kn_str *ass, const struct kn_caption_word *word);
void kn_ass_add_font(struct kn_str *ass, const struct kn_caption_word *word, double scale);
void kn_ass_add_space(struct kn_str *ass, double extra_px);

#endif
