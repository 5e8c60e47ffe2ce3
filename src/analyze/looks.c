#include "analyze/looks.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    BLOCK_PX = 8,
    FLAT_RANGE = 12,  /* a block whose luma stays within this is flat; coding noise does */
    DRAWN_RANGE = 90, /* one whose luma ranges over this shows an edge that may be drawn */
    DARK = 20,        /* luma of black bars */
    EDGE_STEP = 60,   /* luma step to the neighbours, both ways, that counts as a strong edge */
};
/* Sharpness is variance / (variance + this): small pictures of sharp talk lie at 100 to 400. */
static const double SHARPNESS_HALF = 150;

void kn_look_size(int width_px, int height_px, int *ret_width_px, int *ret_height_px)
{
    double scale = (double)KN_LOOK_LONG_PX / KN_MAX(width_px, height_px);
    *ret_width_px = KN_MAX((int)lround(width_px * scale / 2) * 2, 16);
    *ret_height_px = KN_MAX((int)lround(height_px * scale / 2) * 2, 16);
}

/* Four neighbours against the pixel: zero where the picture is even or slopes evenly. */
static double laplacian_variance(const struct kn_luma *luma)
{
    int64_t sum = 0, squares = 0;
    for (int y = 1; y + 1 < luma->height; y++) {
        const uint8_t *row = luma->at + (ptrdiff_t)y * luma->stride;
        const uint8_t *above = row - luma->stride, *below = row + luma->stride;
        int row_sum = 0, row_squares = 0; /* at most 320 times 1020² */
        for (int x = 1; x + 1 < luma->width; x++) {
            int value = 4 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x];
            row_sum += value;
            row_squares += value * value;
        }
        sum += row_sum;
        squares += row_squares;
    }
    double count = (double)(luma->width - 2) * (luma->height - 2);
    double mean = (double)sum / count;
    return (double)squares / count - mean * mean;
}

static float edge_share(const struct kn_luma *luma)
{
    int strong = 0;
    for (int y = 1; y + 1 < luma->height; y++) {
        const uint8_t *row = luma->at + (ptrdiff_t)y * luma->stride;
        const uint8_t *above = row - luma->stride, *below = row + luma->stride;
        for (int x = 1; x + 1 < luma->width; x++)
            strong += abs(row[x + 1] - row[x - 1]) + abs(below[x] - above[x]) > EDGE_STEP;
    }
    return (float)strong / (float)((luma->width - 2) * (luma->height - 2));
}

struct range {
    int low, high;
};

/* Of luma in the block at (left, top). */
static struct range range_of(const struct kn_luma *luma, int left, int top)
{
    struct range range = {255, 0};
    for (int y = top; y < top + BLOCK_PX; y++) {
        const uint8_t *row = luma->at + (ptrdiff_t)y * luma->stride;
        for (int x = left; x < left + BLOCK_PX; x++) {
            range.low = KN_MIN(range.low, row[x]);
            range.high = KN_MAX(range.high, row[x]);
        }
    }
    return range;
}

static float flat_share(const struct kn_luma *luma)
{
    int flat = 0, count = 0;
    for (int top = 0; top + BLOCK_PX <= luma->height; top += BLOCK_PX)
        for (int left = 0; left + BLOCK_PX <= luma->width; left += BLOCK_PX, count++) {
            struct range range = range_of(luma, left, top);
            flat += range.high - range.low <= FLAT_RANGE;
        }
    return (float)flat / (float)KN_MAX(count, 1);
}

/* Columns [left, right) and rows [top, bottom) of blocks. */
struct blocks {
    int left, top, right, bottom;
};

static bool is_dark(const struct kn_luma *luma, int left, int top, int right, int bottom)
{
    for (int j = top; j < bottom; j++)
        for (int i = left; i < right; i++)
            if (range_of(luma, i * BLOCK_PX, j * BLOCK_PX).high > DARK)
                return false;
    return true;
}

/* What is not black bars; nothing of a black picture. */
static struct blocks inside_bars(const struct kn_luma *luma)
{
    struct blocks in = {0, 0, luma->width / BLOCK_PX, luma->height / BLOCK_PX};
    while (in.left < in.right && is_dark(luma, in.left, in.top, in.left + 1, in.bottom))
        in.left++;
    while (in.left < in.right && is_dark(luma, in.right - 1, in.top, in.right, in.bottom))
        in.right--;
    while (in.top < in.bottom && is_dark(luma, in.left, in.top, in.right, in.top + 1))
        in.top++;
    while (in.top < in.bottom && is_dark(luma, in.left, in.bottom - 1, in.right, in.bottom))
        in.bottom--;
    return in;
}

void kn_surface_measure(const struct kn_luma *luma, struct kn_surface *ret_surface)
{
    struct blocks in = inside_bars(luma);
    int even = 0, textured = 0;
    for (int j = in.top; j < in.bottom; j++)
        for (int i = in.left; i < in.right; i++) {
            struct range range = range_of(luma, i * BLOCK_PX, j * BLOCK_PX);
            even += range.high - range.low <= FLAT_RANGE;
            textured += range.high - range.low > FLAT_RANGE && range.high - range.low < DRAWN_RANGE;
        }
    float count = (float)KN_MAX((in.right - in.left) * (in.bottom - in.top), 1);
    *ret_surface = (struct kn_surface){(float)even / count, (float)textured / count};
}

/* Fills the gist; returns the mean luma. */
static double make_gist(const struct kn_luma *luma, struct kn_gist *gist)
{
    int levels[KN_GIST_LEVELS] = {0};
    int64_t total = 0;
    for (int j = 0; j < KN_GIST_CELLS; j++) {
        int top = luma->height * j / KN_GIST_CELLS, bottom = luma->height * (j + 1) / KN_GIST_CELLS;
        for (int i = 0; i < KN_GIST_CELLS; i++) {
            int left = luma->width * i / KN_GIST_CELLS;
            int right = luma->width * (i + 1) / KN_GIST_CELLS;
            int sum = 0;
            for (int y = top; y < bottom; y++) {
                const uint8_t *row = luma->at + (ptrdiff_t)y * luma->stride;
                for (int x = left; x < right; x++) {
                    sum += row[x];
                    levels[row[x] * KN_GIST_LEVELS / 256]++;
                }
            }
            total += sum;
            gist->cells[j * KN_GIST_CELLS + i] = (uint8_t)(sum / ((bottom - top) * (right - left)));
        }
    }
    double area = (double)luma->width * luma->height;
    for (int i = 0; i < KN_GIST_LEVELS; i++)
        gist->levels[i] = (uint8_t)lround(255.0 * levels[i] / area);
    return (double)total / area;
}

void kn_gist_measure(const struct kn_luma *luma, struct kn_gist *ret_gist)
{
    assert(luma->width >= KN_GIST_CELLS && luma->height >= KN_GIST_CELLS);
    (void)make_gist(luma, ret_gist);
}

void kn_look_measure(const struct kn_luma *luma, struct kn_look *ret_look, struct kn_gist *ret_gist)
{
    assert(luma->width >= KN_GIST_CELLS && luma->height >= KN_GIST_CELLS);
    double variance = laplacian_variance(luma);
    ret_look->brightness = (float)(make_gist(luma, ret_gist) / 255);
    ret_look->sharpness = (float)(variance / (variance + SHARPNESS_HALF));
    ret_look->edges = edge_share(luma);
    ret_look->flat = flat_share(luma);
}

float kn_luma_difference(const struct kn_luma *a, const struct kn_luma *b)
{
    assert(a->width == b->width && a->height == b->height);
    int64_t sum = 0;
    for (int y = 0; y < a->height; y++) {
        const uint8_t *row_a = a->at + (ptrdiff_t)y * a->stride;
        const uint8_t *row_b = b->at + (ptrdiff_t)y * b->stride;
        int row_sum = 0;
        for (int x = 0; x < a->width; x++)
            row_sum += abs(row_a[x] - row_b[x]);
        sum += row_sum;
    }
    return (float)((double)sum / (255.0 * a->width * a->height));
}

/* The earth mover's distance between the histograms: how far luma has to be moved on average, so
 * that a change of exposure counts for little. 0..1. */
static double levels_distance(const struct kn_gist *a, const struct kn_gist *b)
{
    int behind = 0, moved = 0;
    for (int i = 0; i < KN_GIST_LEVELS; i++) {
        behind += a->levels[i] - b->levels[i];
        moved += abs(behind);
    }
    return (double)moved / (255.0 * KN_GIST_LEVELS);
}

/* Mean difference of cells when `b` is shifted, each cell's mean brightness change forgiven. */
static double cells_distance(const struct kn_gist *a, const struct kn_gist *b, int dx, int dy)
{
    enum { N = KN_GIST_CELLS };
    int sum = 0, count = 0;
    for (int y = KN_MAX(0, -dy); y < KN_MIN(N, N - dy); y++)
        for (int x = KN_MAX(0, -dx); x < KN_MIN(N, N - dx); x++, count++)
            sum += abs(a->cells[y * N + x] - b->cells[(y + dy) * N + x + dx]);
    return (double)sum / (255.0 * count);
}

float kn_gist_difference(const struct kn_gist *a, const struct kn_gist *b)
{
    double cells = 1;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            cells = fmin(cells, cells_distance(a, b, dx, dy));
    return (float)fmin(1, cells * 2 + levels_distance(a, b));
}
