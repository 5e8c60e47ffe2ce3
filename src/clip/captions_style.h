/*
 * The looks of the caption styles, and the area of the frame they keep to. Private to captions*.c.
 *
 * Sizes are in units of a 1080 pixel wide vertical video; kn_caption_area gives the factor for
 * other shapes. Colours are 0xRRGGBB.
 */
#ifndef KN_CLIP_CAPTIONS_STYLE_H
#define KN_CLIP_CAPTIONS_STYLE_H

#include <stdbool.h>
#include <stdint.h>

#include "clip/captions.h"

struct kn_caption_look {
    const char *font; /* preferred family */
    double em;        /* size of the letters: the em of Lato */
    double pitch;     /* distance of two baselines, in em */
    double space;     /* added between words, in em */
    bool capitals;
    int words;       /* at most this many a screenful */
    int ideal_words; /* 0: as many as fill the lines */
    double screen_s; /* at most this long a screenful */
    double narrow;   /* share of the area's width that lines use */

    uint32_t text;   /* words waiting or already said */
    uint32_t active; /* the word that is being said */
    bool fills;      /* a word keeps `active` once it is said */

    double edge; /* outline */
    uint32_t edge_color;
    double halo, halo_blur, halo_alpha; /* a soft shadow around the letters; 0: none */
    double drop;                        /* a hard shadow downwards; 0: none */

    double pop;   /* size of the word that is being said, if there is room; 1: it stays */
    double enter; /* size that a screenful grows from, 1: it is simply there */

    bool pill; /* a rounded shape under the active word */
    bool card; /* rounded cards under the lines */
    uint32_t shape_color;
    double pad_x, pad_y, radius; /* of pill or card */
};

/* Between the edges of a word that swells and of those beside it, in em: words stay apart. */
#define KN_POP_CLEAR 0.15

/* The title, whatever the style: a headline on a white card. Units as above. */
#define KN_TITLE_EM      58.0
#define KN_TITLE_PITCH   1.36 /* in em */
#define KN_TITLE_PAD     30.0 /* of the card, at the sides */
#define KN_TITLE_RADIUS  24.0
#define KN_TITLE_COLOR   0x0d0d12
#define KN_TITLE_SECONDS 3.5

/* Not for KN_CAPTIONS_OFF. */
const struct kn_caption_look *kn_caption_look(enum kn_caption_style style);

/* Where captions and titles may be, in pixels of the output. */
struct kn_caption_area {
    double unit;         /* pixels a unit of the looks */
    double left, right;  /* safe at the sides */
    double top, bottom;  /* the platforms cover what is above and below */
    double center;       /* height of the middle of a screenful */
    double title_center; /* ... of the title */
};
struct kn_caption_area kn_caption_area(int width_px, int height_px);

#endif
