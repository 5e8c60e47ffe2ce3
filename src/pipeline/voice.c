#include "pipeline/voice.h"

#include <assert.h>

#include <kirinuki/group.h>

struct batch {
    struct kn_voice *of;
    int count;
    bool audible[KN_VOICE_BATCH];
    float samples[KN_VOICE_BATCH][KN_VOICE_FRAME];
    float probabilities[KN_VOICE_BATCH];
};

struct kn_voice {
    kn_voice_fn *detect;
    void *arg;
    struct kn_group *group;
    struct batch batches[2]; /* one is filled, the other is the task's until it has ended */
    int filled;              /* which is filled */
    int done;                /* frames of the one that is filled next, not taken yet */
};

struct kn_voice *kn_voice_new(const struct kn_step_env *env, kn_voice_fn *detect, void *arg)
{
    const struct kn_group_options options = {.mode = KN_GROUP_ALL, .lane = KN_LANE_CPU, .limit = 1};
    struct kn_voice *voice = kn_calloc(1, sizeof *voice);
    voice->detect = detect;
    voice->arg = arg;
    voice->group = kn_group_new(env, &options);
    voice->batches[0].of = voice->batches[1].of = voice;
    return voice;
}

void kn_voice_free(struct kn_voice *voice)
{
    if (!voice)
        return;
    kn_group_free(voice->group);
    free(voice);
}

static enum kn_status run_batch(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct batch *batch = arg;
    const struct kn_voice *voice = batch->of;
    enum kn_status status = KN_OK;
    for (int i = 0; i < batch->count && status == KN_OK; i++) {
        status = kn_cancel_check(env->cancel, err);
        if (status == KN_OK)
            status = voice->detect(voice->arg, batch->audible[i] ? batch->samples[i] : NULL,
                                   &batch->probabilities[i], err);
    }
    return status;
}

enum kn_status kn_voice_flush(struct kn_voice *voice, struct kn_error *err)
{
    struct batch *next = &voice->batches[voice->filled], *before = &voice->batches[!voice->filled];
    assert(!voice->done);
    enum kn_status status = kn_group_wait(voice->group, err);
    /* The net goes on before anybody looks at what it has found. */
    if (status == KN_OK && next->count &&
        kn_group_add(voice->group, "voice", 0, run_batch, next) != KN_OK)
        status = kn_group_wait(voice->group, err); /* tells why */
    if (status != KN_OK)
        return status;
    voice->done = before->count;
    before->count = 0;
    voice->filled = !voice->filled;
    return KN_OK;
}

enum kn_status kn_voice_add(struct kn_voice *voice, const float *samples, float factor,
                            struct kn_error *err)
{
    struct batch *batch = &voice->batches[voice->filled];
    int at = batch->count++;
    assert(!voice->done && at < KN_VOICE_BATCH);
    batch->audible[at] = samples != NULL;
    for (int i = 0; samples && i < KN_VOICE_FRAME; i++)
        batch->samples[at][i] = samples[i] * factor;
    return batch->count == KN_VOICE_BATCH ? kn_voice_flush(voice, err) : KN_OK;
}

int kn_voice_take(struct kn_voice *voice, const float **ret_probabilities)
{
    int done = voice->done;
    voice->done = 0;
    *ret_probabilities = voice->batches[voice->filled].probabilities;
    return done;
}
