/*
 * BlazeFace (Bazarevsky et al., 2019, arXiv 1907.05047), the "back camera" model with a square
 * input of 256 pixels.
 *
 * The net looks at two grids of cells, 16x16 with 2 anchors a cell and 8x8 with 6, and gives for
 * each anchor a score before the sigmoid and 16 numbers in input pixels relative to the anchor's
 * centre: box centre x, y, width, height, then six points (eye, eye, nose, mouth, ear, ear). An
 * anchor's centre is its cell's centre and it has no size of its own.
 *
 * Overlapping finds are blended by score instead of dropped, as the paper does in place of
 * non-maximum suppression: that takes the jitter out of a face in a film.
 */
#include "ai/faces.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/models.h"
#include "ai/onnx.h"

enum {
    PX = KN_FACES_INPUT_PX,
    CHANNELS = 3,
    NUMBERS = 16, /* a box: 4, points: 6 x 2 */
    EYE_A = 4,
    EYE_B = 6,
    MOUTH = 10,
    HEADS = 2,
    CANDIDATES_MAX = 16 * 16 * 2 + 8 * 8 * 6,
};

/* Two finds are of the same face when their boxes share this much of their union. */
static const float same_face_iou = 0.3F;

static const struct head {
    const char *scores, *boxes; /* output names */
    int grid, anchors;
} heads[HEADS] = {
    {"Identity:0", "Identity_2:0", 16, 2},
    {"Identity_1:0", "Identity_3:0", 8, 6},
};

struct kn_face_finder {
    struct kn_onnx *onnx;
    struct kn_onnx_session *session;
};

/* A find, in input pixels. numbers[0..1] is the box's centre, [2..3] its size, then points. */
struct candidate {
    float score;
    int index; /* of its anchor: breaks ties, so that the order never depends on luck */
    float numbers[NUMBERS];
};

enum kn_status kn_face_finder_available(const char *models, struct kn_error *err)
{
    static const enum kn_model needed[] = {KN_MODEL_FACES};
    return kn_onnx_available(models, needed, KN_COUNT_OF(needed), err);
}

enum kn_status kn_face_finder_open(const char *models, struct kn_face_finder **ret_finder,
                                   struct kn_error *err)
{
    static const char *const inputs[] = {"input:0", NULL};
    static const char *const outputs[] = {"Identity:0", "Identity_1:0", "Identity_2:0",
                                          "Identity_3:0", NULL};
    struct kn_arena *arena = kn_arena_new();
    struct kn_onnx_model model = {.inputs = inputs, .outputs = outputs};
    model.name = kn_model_file(KN_MODEL_FACES)->name;
    KN_SCOPED(kn_face_finder) finder = kn_calloc(1, sizeof *finder);
    enum kn_status status = kn_model_check(models, KN_MODEL_FACES, arena, &model.path, err);
    if (status == KN_OK)
        status = kn_onnx_open(models, &finder->onnx, err);
    if (status == KN_OK)
        status =
            kn_model_blame(models, KN_MODEL_FACES,
                           kn_onnx_session_open(finder->onnx, &model, &finder->session, err), err);
    kn_arena_free(arena);
    if (status == KN_OK)
        *ret_finder = KN_MOVE(finder);
    return status;
}

void kn_face_finder_close(struct kn_face_finder *finder)
{
    if (!finder)
        return;
    kn_onnx_session_close(finder->session);
    kn_onnx_close(finder->onnx);
    free(finder);
}

/* Bytes 0..255 to the -1..1 that the net was trained on. */
static void fill_input(const struct kn_face_input *input, float *pixels)
{
    for (int y = 0; y < PX; y++) {
        const uint8_t *row = input->rgb + (ptrdiff_t)y * input->stride;
        for (int i = 0; i < PX * CHANNELS; i++)
            *pixels++ = (float)row[i] * (1.0F / 127.5F) - 1.0F;
    }
}

static float sigmoid(float x)
{
    return 1.0F / (1.0F + expf(-x));
}

static bool all_finite(const float *numbers)
{
    for (int i = 0; i < NUMBERS; i++)
        if (!isfinite(numbers[i]))
            return false;
    return numbers[2] > 0 && numbers[3] > 0;
}

/* Adds the finds of one head that reach the threshold; returns the new count. */
static int gather(const struct head *head, const float *scores, const float *boxes, float threshold,
                  struct candidate *candidates, int count)
{
    int first = count;
    for (int i = 0; i < head->grid * head->grid * head->anchors; i++) {
        float score = sigmoid(scores[i]);
        const float *numbers = boxes + (ptrdiff_t)i * NUMBERS;
        if (!(score >= threshold) || !all_finite(numbers))
            continue;
        int cell = i / head->anchors;
        float centre[2] = {
            ((float)(cell % head->grid) + 0.5F) * PX / (float)head->grid,
            ((float)(cell / head->grid) + 0.5F) * PX / (float)head->grid,
        };
        struct candidate *found = &candidates[count++];
        *found = (struct candidate){.score = score, .index = first + i};
        for (int k = 0; k < NUMBERS; k++)
            found->numbers[k] = numbers[k] + (k == 2 || k == 3 ? 0 : centre[k % 2]);
    }
    return count;
}

static int by_score(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index - y->index;
}

static float overlap_1d(float centre_a, float size_a, float centre_b, float size_b)
{
    float low = fmaxf(centre_a - size_a / 2, centre_b - size_b / 2);
    float high = fminf(centre_a + size_a / 2, centre_b + size_b / 2);
    return fmaxf(high - low, 0);
}

/* Intersection over union of two boxes. */
static float iou(const float *a, const float *b)
{
    float shared = overlap_1d(a[0], a[2], b[0], b[2]) * overlap_1d(a[1], a[3], b[1], b[3]);
    return shared / (a[2] * a[3] + b[2] * b[3] - shared);
}

/* Blends `best` with the others that see the same face and marks those as used (score 0). */
static struct candidate blend(struct candidate *candidates, int count, int best)
{
    struct candidate sum = candidates[best];
    float weight = 0, numbers[NUMBERS] = {0};
    for (int i = best; i < count; i++) {
        struct candidate *other = &candidates[i];
        if (other->score <= 0 || iou(sum.numbers, other->numbers) <= same_face_iou)
            continue;
        for (int k = 0; k < NUMBERS; k++)
            numbers[k] += other->score * other->numbers[k];
        weight += other->score;
        other->score = 0;
    }
    for (int k = 0; k < NUMBERS; k++)
        sum.numbers[k] = numbers[k] / weight;
    return sum;
}

static float share_x(const struct kn_face_input *input, float x)
{
    float share = (x - (float)input->content_x) / (float)input->content_width;
    return KN_CLAMP(share, 0.0F, 1.0F);
}

static float share_y(const struct kn_face_input *input, float y)
{
    float share = (y - (float)input->content_y) / (float)input->content_height;
    return KN_CLAMP(share, 0.0F, 1.0F);
}

/* Input pixels to shares of the picture; false when the face lies outside of it. */
static bool to_face(const struct kn_face_input *input, const struct candidate *found,
                    struct kn_face *ret_face)
{
    const float *n = found->numbers;
    float left = share_x(input, n[0] - n[2] / 2), right = share_x(input, n[0] + n[2] / 2);
    float top = share_y(input, n[1] - n[3] / 2), bottom = share_y(input, n[1] + n[3] / 2);
    int first_eye = n[EYE_A] <= n[EYE_B] ? EYE_A : EYE_B;
    int second_eye = EYE_A + EYE_B - first_eye;
    *ret_face = (struct kn_face){
        .x = left,
        .y = top,
        .width = right - left,
        .height = bottom - top,
        .mouth_x = share_x(input, n[MOUTH]),
        .mouth_y = share_y(input, n[MOUTH + 1]),
        .eye_x = {share_x(input, n[first_eye]), share_x(input, n[second_eye])},
        .eye_y = {share_y(input, n[first_eye + 1]), share_y(input, n[second_eye + 1])},
        .score = found->score,
    };
    return right > left && bottom > top;
}

static enum kn_status read_head(struct kn_onnx *onnx, const struct head *head,
                                const struct kn_onnx_io *scores, const struct kn_onnx_io *boxes,
                                float threshold, struct candidate *candidates, int *count,
                                struct kn_error *err)
{
    int64_t n = head->grid * head->grid * head->anchors;
    int64_t score_dims[] = {1, n, 1}, box_dims[] = {1, n, NUMBERS};
    const float *score_at, *box_at;
    enum kn_status status =
        kn_onnx_floats(onnx, scores->value, scores->name, score_dims, 3, &score_at, err);
    if (status == KN_OK)
        status = kn_onnx_floats(onnx, boxes->value, boxes->name, box_dims, 3, &box_at, err);
    if (status == KN_OK)
        *count = gather(head, score_at, box_at, threshold, candidates, *count);
    return status;
}

/* Runs the net over `pixels` and gathers what reaches the threshold. */
static enum kn_status find_candidates(struct kn_face_finder *finder, float *pixels, float threshold,
                                      struct candidate *candidates, int *ret_count,
                                      struct kn_error *err)
{
    static const int64_t dims[] = {1, PX, PX, CHANNELS};
    struct kn_onnx_io input = {.name = "input:0"}, outputs[HEADS * 2] = {{0}};
    for (int i = 0; i < HEADS; i++) {
        outputs[2 * i].name = heads[i].scores;
        outputs[2 * i + 1].name = heads[i].boxes;
    }
    enum kn_status status =
        kn_onnx_tensor(finder->onnx, KN_ONNX_FLOAT, pixels, sizeof(float) * PX * PX * CHANNELS,
                       dims, (int)KN_COUNT_OF(dims), &input.value, err);
    if (status == KN_OK)
        status = kn_onnx_run(finder->session, NULL, &input, 1, outputs, HEADS * 2, err);
    int count = 0;
    for (int i = 0; i < HEADS && status == KN_OK; i++)
        status = read_head(finder->onnx, &heads[i], &outputs[2 * i], &outputs[2 * i + 1], threshold,
                           candidates, &count, err);
    for (int i = 0; i < HEADS * 2; i++)
        kn_onnx_value_free(finder->onnx, outputs[i].value);
    kn_onnx_value_free(finder->onnx, input.value);
    if (status == KN_OK)
        *ret_count = count;
    return status;
}

enum kn_status kn_face_finder_run(struct kn_face_finder *finder, const struct kn_face_input *input,
                                  struct kn_face ret_faces[KN_FACES_MAX], int *ret_count,
                                  struct kn_error *err)
{
    assert(input->content_width > 0 && input->content_height > 0);
    KN_SCOPED_MEM float *pixels = kn_malloc(sizeof(float) * PX * PX * CHANNELS);
    KN_SCOPED_MEM struct candidate *candidates = kn_malloc(sizeof *candidates * CANDIDATES_MAX);
    fill_input(input, pixels);
    int candidate_count;
    enum kn_status status =
        find_candidates(finder, pixels, input->threshold, candidates, &candidate_count, err);
    if (status != KN_OK)
        return status;
    qsort(candidates, (size_t)candidate_count, sizeof *candidates, by_score);
    int count = 0;
    for (int i = 0; i < candidate_count && count < KN_FACES_MAX; i++) {
        if (candidates[i].score <= 0)
            continue;
        struct candidate found = blend(candidates, candidate_count, i);
        if (to_face(input, &found, &ret_faces[count]))
            count++;
    }
    *ret_count = count;
    return KN_OK;
}
