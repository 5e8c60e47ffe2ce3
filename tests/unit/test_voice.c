/* Voice activity beside a decoder, with a net that is none: order, overlap, bounds and ends. */
#include "run_help.h"

#include <assert.h>

#include "pipeline/voice.h"

/* What its last answer was goes into the next one, so that any other order has other answers. */
struct net {
    float state;
    atomic_int calls, inside;
    int fails_at;             /* the call that fails; 0: none does */
    struct gate begun, go_on; /* at the first call, when `meets` */
    bool meets;
    struct kn_cancel *triggers; /* at the third call; NULL: nothing */
};

static enum kn_status net_next(void *arg, const float *samples, float *ret_probability,
                               struct kn_error *err)
{
    struct net *net = arg;
    assert(atomic_fetch_add(&net->inside, 1) == 0);
    int call = atomic_fetch_add(&net->calls, 1) + 1;
    if (call == 1 && net->meets) {
        gate_add(&net->begun);
        gate_wait(&net->go_on, 1);
    }
    if (call == 3 && net->triggers)
        kn_cancel_trigger(net->triggers);
    float heard = samples ? samples[0] + samples[KN_VOICE_FRAME - 1] : -1;
    net->state = net->state * 0.75F + heard;
    *ret_probability = net->state;
    atomic_fetch_sub(&net->inside, 1);
    return call == net->fails_at ? kn_error_set(err, KN_DAMAGED, "no such sound") : KN_OK;
}

/* Frame i of the sound; every fifth is inaudible. */
static const float *frame(int i, float samples[KN_VOICE_FRAME])
{
    for (int k = 0; k < KN_VOICE_FRAME; k++)
        samples[k] = (float)(i % 17) + (float)k / KN_VOICE_FRAME;
    return i % 5 == 4 ? NULL : samples;
}

static float factor_of(int i)
{
    return 0.5F + (float)(i % 3);
}

struct listening {
    struct net net;
    int frames;
    enum kn_status fails; /* of the decoder, after the frames; KN_OK: does not */
    /* Found by the step. */
    float *probabilities;
    int count, most_ahead;
    int calls_at_end; /* of the net, when its owner would have closed it */
    bool inside_at_end;
};

static void take(struct listening *l, struct kn_voice *voice)
{
    const float *probabilities;
    int count = kn_voice_take(voice, &probabilities);
    memcpy(l->probabilities + l->count, probabilities, sizeof *probabilities * (size_t)count);
    l->count += count;
}

static enum kn_status listen(struct listening *l, struct kn_voice *voice, struct kn_error *err)
{
    float samples[KN_VOICE_FRAME];
    for (int i = 0; i < l->frames; i++) {
        enum kn_status status = kn_voice_add(voice, frame(i, samples), factor_of(i), err);
        if (status != KN_OK)
            return status;
        take(l, voice);
        int ahead = i + 1 - atomic_load(&l->net.calls);
        l->most_ahead = KN_MAX(l->most_ahead, ahead);
        if (l->net.meets && i + 1 == KN_VOICE_BATCH)
            gate_add(&l->net.go_on); /* the batch has been handed on, and this goes on */
    }
    if (l->fails != KN_OK)
        return kn_error_set(err, l->fails, "the file ends here");
    for (int i = 0; i < 2; i++) {
        enum kn_status status = kn_voice_flush(voice, err);
        if (status != KN_OK)
            return status;
        take(l, voice);
    }
    return KN_OK;
}

static enum kn_status step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct listening *l = arg;
    struct kn_voice *voice = kn_voice_new(env, net_next, &l->net);
    enum kn_status status = listen(l, voice, err);
    kn_voice_free(voice);
    l->calls_at_end = atomic_load(&l->net.calls);
    l->inside_at_end = atomic_load(&l->net.inside) != 0;
    return status;
}

static enum kn_status run(struct listening *l, int workers, struct kn_cancel *cancel,
                          struct kn_error *err)
{
    struct kn_executor *executor = executor_with(1, workers);
    l->net.begun = l->net.go_on = (struct gate)GATE_INIT;
    l->probabilities = calloc((size_t)l->frames + 1, sizeof *l->probabilities);
    enum kn_status status = run_one(executor, KN_LANE_CPU, step, l, cancel, NULL, err);
    kn_executor_close(executor);
    assert_false(l->inside_at_end);
    assert_int_equal(atomic_load(&l->net.calls), l->calls_at_end);
    return status;
}

static void check_probabilities(const struct listening *l)
{
    struct net alone = {0};
    float samples[KN_VOICE_FRAME], expected;
    assert_int_equal(l->count, l->frames);
    for (int i = 0; i < l->frames; i++) {
        const float *at = frame(i, samples);
        for (int k = 0; k < KN_VOICE_FRAME; k++)
            samples[k] *= factor_of(i);
        assert_int_equal(net_next(&alone, at, &expected, NULL), KN_OK);
        if (l->probabilities[i] != expected)
            fail_msg("frame %d: %g, not %g", i, (double)l->probabilities[i], (double)expected);
    }
}

static void what_is_found_does_not_depend_on_the_workers(void **state)
{
    (void)state;
    static const int lengths[] = {
        0, 1, KN_VOICE_BATCH - 1, KN_VOICE_BATCH, KN_VOICE_BATCH + 1, 20 * KN_VOICE_BATCH + 7};
    for (size_t i = 0; i < KN_COUNT_OF(lengths); i++)
        for (int workers = 1; workers <= 3; workers++) {
            struct listening l = {.frames = lengths[i]};
            struct kn_error err = {0};
            assert_int_equal(run(&l, workers, NULL, &err), KN_OK);
            check_probabilities(&l);
            free(l.probabilities);
        }
}

static void without_an_executor_it_is_all_the_same(void **state)
{
    (void)state;
    struct listening l = {.frames = 3 * KN_VOICE_BATCH + 5};
    const struct kn_step_env env = {0};
    struct kn_error err = {0};
    l.probabilities = calloc((size_t)l.frames, sizeof *l.probabilities);
    assert_int_equal(step(&l, &env, &err), KN_OK);
    check_probabilities(&l);
    free(l.probabilities);
}

/* Would stand still if adding waited for the batch; on one worker the step does it later. */
static void the_step_goes_on_while_a_batch_is_with_the_net(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        struct listening l = {.frames = 6 * KN_VOICE_BATCH, .net.meets = true};
        struct kn_error err = {0};
        assert_int_equal(run(&l, workers, NULL, &err), KN_OK);
        check_probabilities(&l);
        /* The net counts a frame before it is asked for it, so one may be missing. */
        assert_in_range(l.most_ahead, KN_VOICE_BATCH - 1, 2 * KN_VOICE_BATCH);
        free(l.probabilities);
    }
}

static void a_failure_of_the_net_ends_the_step(void **state)
{
    (void)state;
    static const int calls[] = {1, 100, KN_VOICE_BATCH, KN_VOICE_BATCH + 3, 5 * KN_VOICE_BATCH + 2};
    for (size_t i = 0; i < KN_COUNT_OF(calls); i++)
        for (int workers = 1; workers <= 2; workers++) {
            struct listening l = {.frames = 5 * KN_VOICE_BATCH + 2, .net.fails_at = calls[i]};
            struct kn_error err = {0};
            assert_int_equal(run(&l, workers, NULL, &err), KN_DAMAGED);
            assert_string_equal(err.text, "no such sound");
            assert_int_equal(l.calls_at_end, calls[i]);
            free(l.probabilities);
        }
}

static void a_failure_of_the_decoder_ends_the_net(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        struct listening l = {.frames = 2 * KN_VOICE_BATCH + 9, .fails = KN_DAMAGED};
        struct kn_error err = {0};
        assert_int_equal(run(&l, workers, NULL, &err), KN_DAMAGED);
        assert_string_equal(err.text, "the file ends here");
        assert_true(l.calls_at_end <= 2 * KN_VOICE_BATCH);
        free(l.probabilities);
    }
}

static void a_stop_ends_both(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        struct kn_cancel *cancel = kn_cancel_new(NULL);
        struct listening l = {.frames = 9 * KN_VOICE_BATCH, .net.triggers = cancel};
        struct kn_error err = {0};
        assert_int_equal(run(&l, workers, cancel, &err), KN_CANCELLED);
        assert_int_equal(l.calls_at_end, 3);
        kn_cancel_free(cancel);
        free(l.probabilities);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_does_not_depend_on_the_workers),
        cmocka_unit_test(without_an_executor_it_is_all_the_same),
        cmocka_unit_test(the_step_goes_on_while_a_batch_is_with_the_net),
        cmocka_unit_test(a_failure_of_the_net_ends_the_step),
        cmocka_unit_test(a_failure_of_the_decoder_ends_the_net),
        cmocka_unit_test(a_stop_ends_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
