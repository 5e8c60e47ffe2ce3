/* The registry and the recogniser, over engines made here. */
#include "run_help.h"

#include "ai/engine.h"
#include "pipeline/recognise.h"

/* What the engine under test does. */
static struct {
    atomic_int opens, closes, runs;
    enum kn_status open_fails;
} fake;

struct fake_state {
    int unused;
};

static enum kn_status fake_open(void *state, const struct kn_engine_settings *settings,
                                struct kn_error *err)
{
    (void)state, (void)settings;
    atomic_fetch_add(&fake.opens, 1);
    return fake.open_fails ? kn_error_set(err, fake.open_fails, "no model") : KN_OK;
}

static void fake_close(void *state)
{
    (void)state;
    atomic_fetch_add(&fake.closes, 1);
}

/* The sound is a script: its samples say what is heard in it.
 * 1: two words; 2: a loop, but two words in each half of it; 3: senseless; 4: nothing;
 * 5: the engine fails; 6: a word that reaches beyond the sound. */
static enum kn_status fake_run(void *state, const struct kn_chunk *chunk, struct kn_cancel *cancel,
                               struct kn_arena *arena, struct kn_findings *ret_findings,
                               struct kn_error *err)
{
    (void)state;
    atomic_fetch_add(&fake.runs, 1);
    if (kn_cancel_requested(cancel))
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    int script = (int)chunk->samples[0];
    if (script == 5)
        return kn_error_set(err, KN_INTERNAL, "no kernel");
    int64_t length_us = (int64_t)chunk->count * 1000000 / 16000;
    struct kn_found_word *words = kn_arena_array(arena, 2, sizeof *words);
    words[0] = (struct kn_found_word){100000, 300000, "Hello", 0.9F};
    words[1] =
        (struct kn_found_word){300000, script == 6 ? length_us + 400000 : 500000, "there.", 0.8F};
    *ret_findings = (struct kn_findings){
        .word_count = script == 4 ? 0 : 2,
        .words = words,
        .token_count = script == 4 ? 0 : 3,
        .mean_log_prob = script == 3   ? -1.1F
                         : script == 4 ? 0
                                       : -0.1F,
        .looped = script == 2 && chunk->count > 48000,
    };
    return KN_OK;
}

static const char *const english[] = {"en", NULL};
static const struct kn_engine_desc fake_desc = {
    .name = "fake",
    .summary = "for tests",
    .languages = english,
    .chunk_max_us = 20000000,
    .lane = KN_LANE_CPU,
    .state_size = sizeof(struct fake_state),
    .open = fake_open,
    .run = fake_run,
    .close = fake_close,
};

static int reset_fake(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

static void an_engine_is_opened_once_and_shared(void **state)
{
    (void)state;
    struct kn_engine_settings here = {.models = "/here"}, there = {.models = "/there"};
    struct kn_engine *first = kn_engine_acquire(&fake_desc, &here);
    struct kn_engine *same = kn_engine_acquire(&fake_desc, &here);
    struct kn_engine *other = kn_engine_acquire(&fake_desc, &there);
    assert_ptr_equal(first, same);
    assert_ptr_not_equal(first, other);
    assert_int_equal(fake.opens, 0); /* not before it is needed */
    struct kn_error err;
    assert_int_equal(kn_engine_open(first, &err), KN_OK);
    assert_int_equal(kn_engine_open(same, &err), KN_OK);
    assert_int_equal(fake.opens, 1);
    kn_engine_release(first);
    assert_int_equal(fake.closes, 0);
    kn_engine_release(same);
    assert_int_equal(fake.closes, 1);
    kn_engine_release(other); /* was never opened */
    assert_int_equal(fake.closes, 1);
}

static void a_failed_open_is_remembered_and_closed(void **state)
{
    (void)state;
    struct kn_engine_settings settings = {0};
    struct kn_error err = {0};
    fake.open_fails = KN_MISSING;
    struct kn_engine *engine = kn_engine_acquire(&fake_desc, &settings);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kn_engine_open(engine, &err), KN_MISSING);
        assert_string_equal(err.text, "no model");
    }
    assert_int_equal(fake.opens, 1);
    kn_engine_release(engine);
    assert_int_equal(fake.closes, 1);
}

static void languages_are_matched_by_their_primary_tag(void **state)
{
    (void)state;
    static const struct {
        const char *language;
        bool known;
    } cases[] = {{NULL, true},  {"en", true},   {"en-GB", true}, {"EN_us", true},
                 {"de", false}, {"eng", false}, {"e", false},    {"", false}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_int_equal(kn_engine_knows(&fake_desc, cases[i].language), cases[i].known);
    struct kn_engine_desc any = fake_desc;
    any.languages = NULL;
    assert_true(kn_engine_knows(&any, "xh"));
    assert_ptr_equal(kn_engine_find("moonshine"), kn_engines()[0]);
    assert_null(kn_engine_find("hal"));
}

/* Recognises utterances of the given scripts, each 4 s long, every 5 s, as a step of a plan. */
struct listening {
    const int *scripts; /* 0 ends it */
    struct kn_arena *arena;
    struct kn_heard heard;
};

static enum kn_status listen_step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    enum { SAMPLES = 4 * 16000, FRAMES = 125 };
    struct listening *listening = arg;
    static float samples[SAMPLES], probabilities[FRAMES];
    struct kn_engine_settings settings = {0};
    KN_SCOPED(kn_engine) engine = kn_engine_acquire(&fake_desc, &settings);
    const struct kn_speech_chain chain = {.count = 1, .at = {{&fake_desc, engine}}};
    KN_SCOPED(kn_recogniser) recogniser = kn_recogniser_new(&chain, env);
    for (int i = 0; listening->scripts[i]; i++) {
        for (int k = 0; k < SAMPLES; k++)
            samples[k] = (float)listening->scripts[i];
        struct kn_recogniser_input input = {
            .start_us = i * 5000000,
            .end_us = i * 5000000 + 4000000,
            .speech_us = 3000000,
            .samples = samples,
            .count = SAMPLES,
            .probabilities = probabilities,
            .frame_count = FRAMES,
        };
        if (kn_recogniser_add(recogniser, &input) != KN_OK)
            break;
    }
    enum kn_status status =
        kn_recogniser_finish(recogniser, listening->arena, &listening->heard, err);
    if (status == KN_OK)
        assert_int_equal(kn_recogniser_backlog_us(recogniser), 0);
    return status;
}

static enum kn_status listen_to(const int *scripts, int workers, struct kn_cancel *cancel,
                                struct listening *ret_listening, struct kn_error *err)
{
    *ret_listening = (struct listening){.scripts = scripts, .arena = kn_arena_new()};
    struct kn_executor *executor;
    int lanes[KN_LANE_COUNT] = {1, workers, 0};
    assert_int_equal(kn_executor_open(lanes, &executor, err), KN_OK);
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(
        plan, &(struct kn_step){
                  .name = "listen", .lane = KN_LANE_CPU, .run = listen_step, .arg = ret_listening});
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, NULL, err);
    kn_plan_free(plan);
    kn_executor_close(executor);
    return status;
}

static void results_are_in_order_of_time(void **state)
{
    (void)state;
    static const int scripts[] = {1, 1, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    for (int workers = 1; workers <= 4; workers++) {
        struct listening l;
        struct kn_error err;
        assert_int_equal(listen_to(scripts, workers, NULL, &l, &err), KN_OK);
        assert_int_equal(l.heard.utterance_count, 20);
        assert_int_equal(l.heard.word_count, 40);
        assert_string_equal(l.heard.language, "en");
        assert_string_equal(l.heard.speech_engine, "fake");
        int64_t at_us = 0;
        for (int i = 0; i < 40; i++) {
            const struct kn_word *word = &l.heard.words[i];
            assert_true(word->start_us >= at_us && word->end_us > word->start_us);
            assert_int_equal(word->starts_utterance, i % 2 == 0);
            assert_int_equal(word->speaker, -1);
            at_us = word->end_us;
        }
        assert_int_equal(l.heard.utterances[19].first_word, 38);
        kn_arena_free(l.arena);
    }
}

static void suspicious_utterances_are_heard_again_in_halves(void **state)
{
    (void)state;
    static const int scripts[] = {2, 4, 1, 1, 1, 0};
    struct listening l;
    struct kn_error err;
    assert_int_equal(listen_to(scripts, 1, NULL, &l, &err), KN_OK);
    assert_int_equal(fake.runs, 5 + 2 * 2);
    /* The loop became four words, the second half's in their place. */
    assert_int_equal(l.heard.utterances[0].verdict, KN_SPEECH_GOOD);
    assert_int_equal(l.heard.utterances[0].word_count, 4);
    assert_true(l.heard.words[2].start_us > 1000000);
    /* Speech without text stays without. */
    assert_int_equal(l.heard.utterances[1].verdict, KN_SPEECH_DOUBTFUL);
    assert_int_equal(l.heard.utterances[1].word_count, 0);
    assert_int_equal(l.heard.word_count, 10);
    kn_arena_free(l.arena);
}

static void invented_text_is_not_kept(void **state)
{
    (void)state;
    static const int mostly_english[] = {1, 1, 3, 1, 1, 0}, foreign[] = {3, 3, 1, 3, 0};
    struct listening l;
    struct kn_error err;
    assert_int_equal(listen_to(mostly_english, 2, NULL, &l, &err), KN_OK);
    assert_int_equal(l.heard.utterances[2].verdict, KN_SPEECH_FOREIGN);
    assert_int_equal(l.heard.utterances[2].word_count, 0);
    assert_int_equal(l.heard.word_count, 8);
    assert_string_equal(l.heard.language, "en");
    kn_arena_free(l.arena);
    assert_int_equal(listen_to(foreign, 2, NULL, &l, &err), KN_OK);
    assert_int_equal(l.heard.word_count, 0);
    assert_null(l.heard.language);
    for (int i = 0; i < 4; i++)
        assert_int_equal(l.heard.utterances[i].verdict, KN_SPEECH_FOREIGN);
    kn_arena_free(l.arena);
}

static void failures_leave_gaps_unless_all_fail(void **state)
{
    (void)state;
    static const int some[] = {1, 5, 1, 0}, all[] = {5, 5, 0};
    struct listening l;
    struct kn_error err;
    assert_int_equal(listen_to(some, 2, NULL, &l, &err), KN_OK);
    assert_int_equal(l.heard.utterances[1].verdict, KN_SPEECH_FAILED);
    assert_int_equal(l.heard.word_count, 4);
    kn_arena_free(l.arena);
    assert_int_equal(listen_to(all, 2, NULL, &l, &err), KN_INTERNAL);
    assert_string_equal(err.text, "no kernel");
    kn_arena_free(l.arena);
    fake.open_fails = KN_MISSING;
    assert_int_equal(listen_to(some, 2, NULL, &l, &err), KN_MISSING);
    assert_string_equal(err.text, "no model");
    kn_arena_free(l.arena);
}

static void a_stop_is_no_failure(void **state)
{
    (void)state;
    static const int scripts[] = {1, 1, 1, 0};
    struct listening l;
    struct kn_error err;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    assert_int_equal(listen_to(scripts, 2, cancel, &l, &err), KN_CANCELLED);
    kn_arena_free(l.arena);
    kn_cancel_free(cancel);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_engine_is_opened_once_and_shared, reset_fake),
        cmocka_unit_test_setup(a_failed_open_is_remembered_and_closed, reset_fake),
        cmocka_unit_test_setup(languages_are_matched_by_their_primary_tag, reset_fake),
        cmocka_unit_test_setup(results_are_in_order_of_time, reset_fake),
        cmocka_unit_test_setup(suspicious_utterances_are_heard_again_in_halves, reset_fake),
        cmocka_unit_test_setup(invented_text_is_not_kept, reset_fake),
        cmocka_unit_test_setup(failures_leave_gaps_unless_all_fail, reset_fake),
        cmocka_unit_test_setup(a_stop_is_no_failure, reset_fake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
