/*
 * Bars stand for 50 ms of sound each and move from right to left; those that were heard are bright.
 * They sit a little above the middle, where captions leave room in every style.
 */
#include "clip/wave.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    BAR_MS = 50,
    BARS = 44,         /* on the screen */
    BAR_SHARE = 60,    /* percent of its place that a bar fills */
    HEIGHT_SHARE = 26, /* percent of the frame's height that the highest bar takes */
    MIDDLE_SHARE = 42, /* percent of the height at which they are centred */
    FLOOR_DB = -48,    /* what a dot stands for */
};

/* BT.709, limited range. */
struct colour {
    uint8_t y, u, v;
};
static const struct colour top = {38, 150, 122}, bottom = {20, 134, 126};
static const struct colour heard = {218, 124, 130}, coming = {92, 140, 124};

struct kn_wave {
    int width_px, height_px, count;
    float *levels; /* of each bar, 0..1 */
};

struct kn_wave *kn_wave_new(const struct kn_sound_buffer *sound, int width_px, int height_px)
{
    struct kn_wave *wave = kn_calloc(1, sizeof *wave);
    int64_t step = (int64_t)sound->rate_hz * BAR_MS / 1000;
    wave->width_px = width_px;
    wave->height_px = height_px;
    wave->count = (int)((sound->count + step - 1) / step);
    wave->levels = kn_calloc((size_t)wave->count, sizeof *wave->levels);
    for (int bar = 0; bar < wave->count; bar++) {
        int64_t from = bar * step * sound->channels;
        int64_t to = KN_MIN((bar + 1) * step, sound->count) * sound->channels;
        double sum = 1e-12;
        for (int64_t i = from; i < to; i++)
            sum += (double)sound->samples[i] * sound->samples[i];
        double db = 10.0 * log10(sum / (double)(to - from));
        wave->levels[bar] = (float)KN_CLAMP(1.0 - db / FLOOR_DB, 0.0, 1.0);
    }
    return wave;
}

void kn_wave_free(struct kn_wave *wave)
{
    if (!wave)
        return;
    free(wave->levels);
    free(wave);
}

static uint8_t mixed(uint8_t a, uint8_t b, double share)
{
    return (uint8_t)lrint(a + (b - a) * share);
}

/* A dark gradient from top to bottom. */
static void draw_background(struct kn_picture *frame)
{
    for (int plane = 0; plane < 3; plane++) {
        uint8_t *rows = kn_picture_rows(frame, plane);
        int width = plane ? frame->width_px / 2 : frame->width_px;
        int height = plane ? frame->height_px / 2 : frame->height_px;
        uint8_t from = plane == 0 ? top.y : plane == 1 ? top.u : top.v;
        uint8_t to = plane == 0 ? bottom.y : plane == 1 ? bottom.u : bottom.v;
        for (int y = 0; y < height; y++)
            memset(rows + (ptrdiff_t)y * frame->strides[plane], mixed(from, to, (double)y / height),
                   (size_t)width);
    }
}

/* Corners are even. */
static void fill(struct kn_picture *frame, int x, int y, int width, int height,
                 struct colour colour)
{
    int right = KN_MIN(x + width, frame->width_px), left = KN_MAX(x, 0);
    if (right <= left)
        return;
    for (int plane = 0; plane < 3; plane++) {
        int shift = plane ? 1 : 0;
        uint8_t value = plane == 0 ? colour.y : plane == 1 ? colour.u : colour.v;
        uint8_t *rows = kn_picture_rows(frame, plane);
        for (int row = y >> shift; row < (y + height) >> shift; row++)
            memset(rows + (ptrdiff_t)row * frame->strides[plane] + (left >> shift), value,
                   (size_t)((right - left) >> shift));
    }
}

void kn_wave_draw(const struct kn_wave *wave, int64_t at_us, struct kn_picture *frame)
{
    assert(frame->width_px == wave->width_px && frame->height_px == wave->height_px);
    draw_background(frame);
    double place = (double)wave->width_px / BARS, now = (double)at_us / (BAR_MS * 1000.0);
    int width = KN_MAX((int)(place * BAR_SHARE / 200.0) * 2, 2);
    int middle = wave->height_px * MIDDLE_SHARE / 200 * 2;
    double highest = wave->height_px * HEIGHT_SHARE / 100.0;
    for (int bar = (int)now - BARS / 2 - 1; bar <= (int)now + BARS / 2 + 1; bar++) {
        float level = bar >= 0 && bar < wave->count ? wave->levels[bar] : 0.0f;
        int half = KN_MAX((int)(level * highest / 4.0) * 2, width / 4 * 2);
        int x = (int)floor((wave->width_px / 2.0 + (bar - now) * place) / 2.0) * 2;
        fill(frame, x, middle - half, width, 2 * half, bar < now ? heard : coming);
    }
}
