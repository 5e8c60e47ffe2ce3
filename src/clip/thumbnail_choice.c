#include "clip/thumbnail_choice.h"

#include <math.h>
#include <stdlib.h>

#include "clip/burn.h"
#include "media/jpeg.h"

enum { QUALITY = 95, EDGE_US = 250000, STEP_US = 500000 };

/* How much a hint counts against what the picture itself shows. */
static const float MERIT_SHARE = 0.5f;
/* What is left of a picture's score when another clip shows the same. */
static const float KNOWN_SHARE = 0.5f;

/* ---- judging ---- */

/*
 * Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000), on every second
 * sample of every fourth row; contrast the deviation of luma; exposure its mean, which should
 * be neither dark nor washed out.
 */
float kn_thumbnail_score(const struct kn_picture *picture)
{
    int stride = picture->strides[0];
    int top = picture->height_px / 8, bottom = picture->height_px * 7 / 8;
    double sum = 0, squares = 0, edge_sum = 0, edge_squares = 0;
    int64_t count = 0;
    for (int y = KN_MAX(top, 2); y < bottom - 2; y += 4) {
        const uint8_t *row = picture->planes[0] + (ptrdiff_t)y * stride;
        int row_sum = 0, row_squares = 0, row_edges = 0;
        int64_t row_edge_squares = 0;
        for (int x = 2; x < picture->width_px - 2; x += 2) {
            int value = row[x];
            int edge =
                4 * value - row[x - 2] - row[x + 2] - row[x - 2 * stride] - row[x + 2 * stride];
            row_sum += value;
            row_squares += value * value;
            row_edges += edge;
            row_edge_squares += edge * edge;
            count++;
        }
        sum += row_sum;
        squares += row_squares;
        edge_sum += row_edges;
        edge_squares += (double)row_edge_squares;
    }
    if (count == 0)
        return 0.0f;
    double n = (double)count, mean = sum / n;
    double contrast = sqrt(fmax(squares / n - mean * mean, 0.0)) / 60.0;
    double edges = edge_squares / n - edge_sum / n * (edge_sum / n);
    double sharpness = edges / (edges + 300.0);
    double exposure = 1.0 - fmin(fabs(mean - 120.0) / 105.0, 1.0);
    return (float)(0.55 * sharpness + 0.25 * fmin(contrast, 1.0) + 0.2 * exposure);
}

static bool is_known(const struct kn_thumbnail_order *order, int64_t at_us)
{
    for (int i = 0; i < order->known_count; i++)
        if (at_us >= order->known[i].start_us && at_us < order->known[i].end_us)
            return true;
    return false;
}

void kn_thumbnail_consider(struct kn_thumbnail_choice *choice, const struct kn_picture *picture,
                           const struct kn_picture *frame, float merit)
{
    float score = (1.0f - MERIT_SHARE) * kn_thumbnail_score(frame) + MERIT_SHARE * merit;
    if (is_known(choice->order, picture->at_us))
        score *= KNOWN_SHARE;
    if (choice->looked_at++ == 0 || score > choice->best.score) {
        kn_picture_ref(&choice->picture, picture);
        choice->best = (struct kn_thumbnail_report){picture->at_us, score};
    }
}

/* ---- the end ---- */

static enum kn_status draw_title(const struct kn_thumbnail_order *order, int64_t at_us,
                                 struct kn_picture *frame, struct kn_error *err)
{
    const char *ass = order->title ? order->title(order->title_arg, at_us) : NULL;
    if (!ass)
        return KN_OK;
    KN_SCOPED(kn_burner) burner = NULL;
    enum kn_status status = kn_burner_open(ass, frame->width_px, frame->height_px, &burner, err);
    if (status == KN_OK)
        kn_burner_draw(burner, frame, 0);
    return status;
}

/* The frame that was judged has captions by now, or is gone. */
enum kn_status kn_thumbnail_write(const struct kn_thumbnail_choice *choice,
                                  struct kn_composer *composer, const struct kn_framing *framing,
                                  struct kn_error *err)
{
    const struct kn_thumbnail_order *order = choice->order;
    struct kn_frame_key key = kn_framing_at(framing, choice->picture.at_us);
    struct kn_picture frame = {0};
    enum kn_status status = kn_composer_run(composer, &choice->picture, &key, &frame, err);
    if (status == KN_OK)
        status = draw_title(order, choice->picture.at_us, &frame, err);
    if (status == KN_OK)
        status = kn_jpeg_write(order->path, &frame, QUALITY, err);
    kn_picture_clear(&frame);
    return status;
}

void kn_thumbnail_choice_clear(struct kn_thumbnail_choice *choice)
{
    kn_picture_clear(&choice->picture);
    free(choice->moments);
}

/* ---- when to look ---- */

struct kn_thumbnail_span kn_thumbnail_inside(int64_t start_us, int64_t end_us)
{
    int64_t edge_us = end_us - start_us > 4 * EDGE_US ? EDGE_US : 0;
    return (struct kn_thumbnail_span){start_us + edge_us, end_us - edge_us};
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct kn_thumbnail_hint *)a)->at_us;
    int64_t y = ((const struct kn_thumbnail_hint *)b)->at_us;
    return (x > y) - (x < y);
}

void kn_thumbnail_watch(struct kn_thumbnail_choice *choice, const struct kn_thumbnail_order *order,
                        int64_t start_us, int64_t end_us)
{
    struct kn_thumbnail_span inside = kn_thumbnail_inside(start_us, end_us);
    int even = (int)((inside.end_us - inside.start_us - 1) / STEP_US) + 1, count = 0;
    struct kn_thumbnail_hint *moments =
        kn_calloc((size_t)order->hint_count + (size_t)even, sizeof *moments);
    for (int i = 0; i < order->hint_count; i++) {
        int64_t at_us = order->hints[i].at_us;
        if (at_us >= inside.start_us && at_us < inside.end_us)
            moments[count++] = order->hints[i];
    }
    for (int i = 0; i < even; i++)
        moments[count++].at_us = inside.start_us + i * (int64_t)STEP_US;
    qsort(moments, (size_t)count, sizeof *moments, by_time);
    *choice =
        (struct kn_thumbnail_choice){.order = order, .moment_count = count, .moments = moments};
}

void kn_thumbnail_pass(struct kn_thumbnail_choice *choice, int64_t at_us,
                       const struct kn_picture *picture, const struct kn_picture *frame)
{
    float merit = -1;
    for (; choice->moment_next < choice->moment_count; choice->moment_next++) {
        const struct kn_thumbnail_hint *moment = &choice->moments[choice->moment_next];
        if (moment->at_us > at_us)
            break;
        merit = KN_MAX(merit, moment->merit);
    }
    if (merit >= 0)
        kn_thumbnail_consider(choice, picture, frame, merit);
}
