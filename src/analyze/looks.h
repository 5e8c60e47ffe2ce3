/*
 * What one small grey picture says: brightness, sharpness, edges and flat areas for classing it,
 * and a gist for telling whether two pictures show the same.
 *
 * Pure. Pictures are luma, 0..255, the longer side KN_LOOK_LONG_PX (text is still legible as edges,
 * noise and compression are averaged away). About 0.3 ms each.
 */
#ifndef KN_ANALYZE_LOOKS_H
#define KN_ANALYZE_LOOKS_H

#include <stdint.h>

#include "model/timeline.h"

enum { KN_LOOK_LONG_PX = 320, KN_GIST_CELLS = 16, KN_GIST_LEVELS = 32 };

struct kn_luma {
    const uint8_t *at;
    int stride, width, height;
};

/* A picture as a grid of mean luma and a histogram: 544 bytes. */
struct kn_gist {
    uint8_t cells[KN_GIST_CELLS * KN_GIST_CELLS];
    uint8_t levels[KN_GIST_LEVELS]; /* shares of the picture, adding up to about 255 */
};

/* The size of small pictures of a source of this shape: the longer side KN_LOOK_LONG_PX, both at
 * least 16 and even. */
void kn_look_size(int width_px, int height_px, int *ret_width_px, int *ret_height_px);

/* Sets brightness, sharpness, edges and flat of *ret_look (not time and motion), and the gist. */
void kn_look_measure(const struct kn_luma *luma, struct kn_look *ret_look,
                     struct kn_gist *ret_gist);

/*
 * Shares of the picture without black bars, 0..1. Textured is what is neither even nor crossed by a
 * strong edge: drawings, letters and screens have hardly any, what a camera saw has it nearly
 * everywhere but on sky and walls. (Photos in fast series: 0.12 to 0.45; slides and titles on plain
 * ground: below 0.05; titles on moving colours: 0.02 to 0.13, with more than 0.7 even.)
 */
struct kn_surface {
    float even, textured;
};
void kn_surface_measure(const struct kn_luma *luma, struct kn_surface *ret_surface);

void kn_gist_measure(const struct kn_luma *luma, struct kn_gist *ret_gist); /* that alone */

/* Mean absolute difference of two pictures of one size, 0..1. */
float kn_luma_difference(const struct kn_luma *a, const struct kn_luma *b);

/*
 * How different two pictures are as compositions, 0..1: what was there may have moved by a cell or
 * become lighter, and still counts as the same. Pictures of one shot stay mostly below 0.15, of two
 * shots mostly above 0.3 (figures in looks.c).
 */
#define KN_GIST_CUT 0.32f /* more than this: two pictures of different shots */
float kn_gist_difference(const struct kn_gist *a, const struct kn_gist *b);

#endif
