#include "clip/captions_style.h"

#include <assert.h>

#include "base/memory.h"

/*
 * Each style is one idea, carried through:
 *
 * default  reads like good print: two lines of sentence case, held together by a soft dark halo
 *          instead of a cartoon outline; the only movement is one warm colour.
 * bold     shouts: one to three words in capitals as wide as the frame allows, a heavy black edge
 *          and a drop that makes them stand off any picture; the spoken word swells.
 * karaoke  points: a violet pill glides to the word that is being said, and nothing else moves.
 * minimal  steps back: small, white, without colours, a documentary's subtitle.
 * box      is paper: black on white cards that no picture can disturb; words are grey until they
 *          are said.
 */
// clang-format off
static const struct kn_caption_look looks[] = {
    [KN_CAPTIONS_DEFAULT] = {
        .font = "Lato Black",
        .em = 68, .pitch = 1.2, .space = 0.02,
        .words = 12, .screen_s = 4.5, .narrow = 1,
        .text = 0xffffff, .active = 0xffdf3d,
        .edge = 3.8, .edge_color = 0x101014,
        .halo = 9, .halo_blur = 12, .halo_alpha = 0.7,
        .pop = 1, .enter = 1,
    },
    [KN_CAPTIONS_BOLD] = {
        .font = "Lato Black",
        .em = 124, .pitch = 1.06, .space = 0.20,
        .capitals = true, .words = 4, .ideal_words = 3, .screen_s = 1.8, .narrow = 1,
        .text = 0xffffff, .active = 0xffe500,
        .edge = 9, .edge_color = 0x000000,
        .halo = 12, .halo_blur = 20, .halo_alpha = 0.4, .drop = 8,
        .pop = 1.1, .enter = 0.86,
    },
    [KN_CAPTIONS_KARAOKE] = {
        .font = "Lato Black",
        .em = 84, .pitch = 1.4, .space = 0.1,
        .words = 5, .ideal_words = 4, .screen_s = 2.6, .narrow = 0.96,
        .text = 0xffffff, .active = 0xffffff,
        .edge = 4.5, .edge_color = 0x16121f,
        .halo = 9, .halo_blur = 12, .halo_alpha = 0.5,
        .pop = 1, .enter = 0.94,
        .pill = true, .shape_color = 0x6d3bf5, .pad_x = 17, .pad_y = 12, .radius = 24,
    },
    [KN_CAPTIONS_MINIMAL] = {
        .font = "Lato Heavy",
        .em = 52, .pitch = 1.28, .space = 0,
        .words = 14, .screen_s = 5, .narrow = 0.92,
        .text = 0xffffff, .active = 0xffffff,
        .edge = 2.2, .edge_color = 0x0c0c0e,
        .halo = 7, .halo_blur = 9, .halo_alpha = 0.75,
        .pop = 1, .enter = 1,
    },
    [KN_CAPTIONS_BOX] = {
        .font = "Lato Heavy",
        .em = 62, .pitch = 1.46, .space = 0.02,
        .words = 10, .screen_s = 4, .narrow = 0.93,
        .text = 0x9a9aa3, .active = 0x0d0d12, .fills = true,
        .pop = 1, .enter = 1,
        .card = true, .shape_color = 0xffffff, .pad_x = 26, .pad_y = 14, .radius = 20,
    },
};
// clang-format on

const struct kn_caption_look *kn_caption_look(enum kn_caption_style style)
{
    assert((size_t)style < KN_COUNT_OF(looks));
    return &looks[style];
}

static const char *const names[KN_CAPTIONS_COUNT] = {
    [KN_CAPTIONS_DEFAULT] = "default", [KN_CAPTIONS_BOLD] = "bold",
    [KN_CAPTIONS_KARAOKE] = "karaoke", [KN_CAPTIONS_MINIMAL] = "minimal",
    [KN_CAPTIONS_BOX] = "box",         [KN_CAPTIONS_OFF] = "off",
};

const char *kn_caption_style_name(enum kn_caption_style style)
{
    assert((unsigned)style < KN_CAPTIONS_COUNT);
    return names[style];
}

/*
 * A row a shape, tallest first. Tall videos are played under the platforms' buttons (the figures
 * of captions.h); the others stand in a feed with nothing on them but the player's own bar at the
 * bottom, so there usual title-safe margins apply (5 % and more, EBU R 95).
 */
static const struct {
    double min_ratio;                               /* height / width */
    double unit;                                    /* of the smaller side / 1080 */
    double side, top, bottom, center, title_center; /* shares of width and height */
} shapes[] = {
    {1.5, 1.00, 140.0 / 1080, 220.0 / 1920, 480.0 / 1920, 0.672, 0.185},
    {1.1, 0.94, 0.085, 0.06, 0.10, 0.790, 0.15},
    {0.8, 0.88, 0.085, 0.06, 0.09, 0.805, 0.15},
    {0.0, 0.95, 0.140, 0.06, 0.08, 0.840, 0.15},
};

struct kn_caption_area kn_caption_area(int width_px, int height_px)
{
    assert(width_px > 0 && height_px > 0);
    double ratio = (double)height_px / width_px;
    int i = 0;

    while (ratio < shapes[i].min_ratio)
        i++;
    return (struct kn_caption_area){
        .unit = shapes[i].unit * KN_MIN(width_px, height_px) / 1080,
        .left = shapes[i].side * width_px,
        .right = (1 - shapes[i].side) * width_px,
        .top = shapes[i].top * height_px,
        .bottom = (1 - shapes[i].bottom) * height_px,
        .center = shapes[i].center * height_px,
        .title_center = shapes[i].title_center * height_px,
    };
}
