/*
 * The net takes the last 64 samples of the frame before together with each frame, and gives back
 * a state for the next. (Without these 64 samples version 6 hears nothing at all.) Input tensors
 * are made once over the stream's own memory, and each run's state is the next one's input.
 */
#include "ai/silero.h"

#include <string.h>

#include "ai/models.h"
#include "ai/onnx.h"

enum { CONTEXT = 64, WINDOW = CONTEXT + KN_SILERO_FRAME, STATE = 2 * 128 };

struct kn_silero {
    struct kn_onnx *onnx;
    struct kn_onnx_session *session;
    struct kn_onnx_value *input, *state, *rate;
    float window[WINDOW];
    float first_state[STATE];
    int64_t rate_hz;
};

static enum kn_status make_inputs(struct kn_silero *s, struct kn_error *err)
{
    static const int64_t input_dims[] = {1, WINDOW}, state_dims[] = {2, 1, STATE / 2};
    s->rate_hz = KN_SILERO_RATE_HZ;
    enum kn_status status = kn_onnx_tensor(s->onnx, KN_ONNX_FLOAT, s->window, sizeof s->window,
                                           input_dims, 2, &s->input, err);
    if (status == KN_OK)
        status = kn_onnx_tensor(s->onnx, KN_ONNX_FLOAT, s->first_state, sizeof s->first_state,
                                state_dims, 3, &s->state, err);
    if (status == KN_OK)
        status = kn_onnx_tensor(s->onnx, KN_ONNX_INT64, &s->rate_hz, sizeof s->rate_hz, NULL, 0,
                                &s->rate, err);
    return status;
}

enum kn_status kn_silero_open(const char *models, struct kn_silero **ret_silero,
                              struct kn_error *err)
{
    static const char *const inputs[] = {"input", "state", "sr", NULL};
    static const char *const outputs[] = {"output", "stateN", NULL};
    struct kn_arena *arena = kn_arena_new();
    struct kn_onnx_model model = {.inputs = inputs, .outputs = outputs};
    model.name = kn_model_file(KN_MODEL_VAD)->name;
    KN_SCOPED(kn_silero) s = kn_calloc(1, sizeof *s);
    enum kn_status status = kn_model_check(models, KN_MODEL_VAD, arena, &model.path, err);
    if (status == KN_OK)
        status = kn_onnx_open(models, &s->onnx, err);
    if (status == KN_OK)
        status = kn_model_blame(models, KN_MODEL_VAD,
                                kn_onnx_session_open(s->onnx, &model, &s->session, err), err);
    if (status == KN_OK)
        status = make_inputs(s, err);
    kn_arena_free(arena);
    if (status == KN_OK)
        *ret_silero = KN_MOVE(s);
    return status;
}

void kn_silero_close(struct kn_silero *silero)
{
    if (!silero)
        return;
    if (silero->onnx) {
        kn_onnx_value_free(silero->onnx, silero->input);
        kn_onnx_value_free(silero->onnx, silero->state);
        kn_onnx_value_free(silero->onnx, silero->rate);
    }
    kn_onnx_session_close(silero->session);
    kn_onnx_close(silero->onnx);
    free(silero);
}

enum kn_status kn_silero_next(struct kn_silero *silero, const float *samples,
                              float *ret_probability, struct kn_error *err)
{
    struct kn_onnx_io inputs[] = {
        {"input", silero->input}, {"state", silero->state}, {"sr", silero->rate}};
    struct kn_onnx_io outputs[] = {{"output", NULL}, {"stateN", NULL}};
    memmove(silero->window, silero->window + KN_SILERO_FRAME, sizeof(float) * CONTEXT);
    memcpy(silero->window + CONTEXT, samples, sizeof(float) * KN_SILERO_FRAME);
    enum kn_status status = kn_onnx_run(silero->session, NULL, inputs, 3, outputs, 2, err);
    if (status != KN_OK)
        return status;
    int64_t dims[] = {1, 1}, state_dims[] = {2, 1, STATE / 2};
    const float *probability, *state;
    status = kn_onnx_floats(silero->onnx, outputs[0].value, "output", dims, 2, &probability, err);
    if (status == KN_OK)
        status =
            kn_onnx_floats(silero->onnx, outputs[1].value, "stateN", state_dims, 3, &state, err);
    if (status == KN_OK) {
        *ret_probability = KN_CLAMP(*probability, 0.0F, 1.0F);
        kn_onnx_value_free(silero->onnx, silero->state);
        silero->state = KN_MOVE(outputs[1].value);
    }
    for (size_t i = 0; i < KN_COUNT_OF(outputs); i++)
        kn_onnx_value_free(silero->onnx, outputs[i].value);
    return status;
}

void kn_silero_skip(struct kn_silero *silero)
{
    memset(silero->window, 0, sizeof silero->window);
}
