/*
 * Captions: words become screenfuls (lines with places and times), and those become the ASS
 * script that is burnt in and the sidecar subtitles (SRT, VTT).
 *
 * The layout does all the measuring, with the same library (libass) and fonts that draw later;
 * the writers only print. docs/captions.md tells the idea behind each style.
 *
 * The area that captions may use, from what the four platforms lay over a 1080x1920 video:
 *
 *     pixels covered      top   bottom   right   left
 *     TikTok              130      350     140     60
 *     Instagram Reels     220      450     120     60
 *     YouTube Shorts      120      480     120     60
 *     X (own estimate)    120      380     120     60
 *     used here           220      480     140    140   (centred text, so both sides alike)
 *
 * None of the platforms documents its player's overlay for posts; the figures are the larger ones
 * of third-party measurements: blitzcutai.com "Best caption placement for short-form video" (seen
 * 2026-01; TikTok 320-350 below and 120-164 at the right, Reels up to 220 above and 450 below) and
 * youraithumbnailgenerator.com "YouTube Shorts safe zones" (2026; 480 below). X publishes nothing:
 * its full-screen player was judged to be no worse than TikTok's.
 */
#ifndef KN_CLIP_CAPTIONS_H
#define KN_CLIP_CAPTIONS_H

#include "base/str.h"
#include "model/clip.h"
#include "model/timeline.h"
#include <kirinuki/arena.h>

enum kn_caption_style {
    KN_CAPTIONS_DEFAULT, /* two calm lines, the spoken word in colour */
    KN_CAPTIONS_BOLD,    /* a few huge capitals at a time that pop */
    KN_CAPTIONS_KARAOKE, /* a coloured pill glides from word to word */
    KN_CAPTIONS_MINIMAL, /* small, white, still */
    KN_CAPTIONS_BOX,     /* black on white cards; words turn dark as they are said */
    KN_CAPTIONS_OFF,     /* nothing is drawn; also the layout of reading subtitles */
    KN_CAPTIONS_COUNT
};
const char *kn_caption_style_name(enum kn_caption_style style); /* "default" */

/* A rectangle of the output in pixels. */
struct kn_caption_box {
    double left, top, right, bottom;
};

/* A stretch of the clip in one layout; together they cover it. Clip time. */
struct kn_caption_stretch {
    int64_t start_us, end_us;
    enum kn_layout layout;
    double picture_bottom; /* FIT: where the picture ends and its blurred copy begins */
};

/* A face on the screen, brows to chin. */
struct kn_caption_face {
    int64_t start_us, end_us;
    struct kn_caption_box box;
};

/* What is to be seen where: captions and titles make way for it (clip/ground.h finds it). */
struct kn_caption_ground {
    int stretch_count, face_count;
    const struct kn_caption_stretch *stretches;
    const struct kn_caption_face *faces; /* by time */
};

struct kn_caption_options {
    enum kn_caption_style style;
    int width_px, height_px; /* of the output: line lengths and safe areas follow from it */
    const char *font;        /* family; NULL: the style's own */
    const char *title;       /* shown over the first seconds; NULL: none */
    const struct kn_caption_ground *ground; /* borrowed; NULL: nothing is known of it */
};

/*
 * What is drawn in one piece: a word, or a part of one that had to be divided. In scripts without
 * spaces it is a phrase: a word with the particles and endings that lean on it (脳が, 休みます).
 */
struct kn_caption_word {
    int64_t start_us, end_us;  /* clip time, inside the clip; starts never decrease */
    int source;                /* index of the timeline's word, the first of several */
    const char *text;          /* as said: for sidecars; parts of one word follow without a space */
    const char *shown;         /* as drawn: the style's capitals, a hyphen; may be empty */
    const char *font;          /* family that has its characters */
    bool bold;                 /* the family's bold weight is meant */
    double font_px;            /* ASS font size: so that all families look equally large */
    bool spaced;               /* a space parts it from the word before */
    bool rtl;                  /* it stands in text that runs from right to left */
    double x, y;               /* where \an5\pos puts it */
    struct kn_caption_box ink; /* what its letters cover, without outline */
};

/* One screenful: words [first, first + count) broken into at most two lines. */
struct kn_caption {
    int64_t start_us, end_us; /* clip time */
    int first_word, word_count;
    int line_break; /* index (from first_word) of the first word of line two; 0: one line */
    double scale;   /* of its letters, at most 1: less when a word would not fit otherwise */
};

/* The title over the first seconds: its lines, as texts with places. */
enum { KN_CAPTION_TITLE_LINES = 4 };
struct kn_caption_title {
    int64_t end_us; /* it starts with the clip */
    int line_count; /* 0: none */
    struct kn_caption_word lines[KN_CAPTION_TITLE_LINES];
};

struct kn_captions {
    int count;
    const struct kn_caption *captions;
    int word_count;
    const struct kn_caption_word *words;
    struct kn_caption_title title;
};

/*
 * Takes the timeline's words whose middle lies inside [start, end) to clip time and breaks them
 * into screenfuls. Every such word is in exactly one screenful, in order; a screenful is on from
 * its first word to its last one's end and at most 0.4 s longer, never before its words.
 *
 * The style KN_CAPTIONS_OFF gives reading subtitles (two lines of 42 columns, or of 16
 * letters of full width) for the sidecars;
 * nothing is measured and the places stay zero. Everything lives in `arena`. Any thread.
 */
void kn_captions_layout(const struct kn_timeline *timeline, int64_t start_us, int64_t end_us,
                        const struct kn_caption_options *options, struct kn_arena *arena,
                        struct kn_captions *ret_captions);

/* Appends the ASS script (v4.00+, PlayRes = output size) that the renderer draws and that is kept
 * beside the clip. `options` as given to the layout; without a title the style OFF is empty. */
void kn_captions_ass(const struct kn_captions *captions, const struct kn_caption_options *options,
                     struct kn_str *ret_ass);
/* Append the plain sidecars. */
void kn_captions_srt(const struct kn_captions *captions, struct kn_str *ret_srt);
void kn_captions_vtt(const struct kn_captions *captions, struct kn_str *ret_vtt);

#endif
