/* The recogniser over a chain: a service that takes minutes at a time, and an engine here behind
 * it.
 */
#include "run_help.h"

#include "ai/engine.h"
#include "base/str.h"
#include "pipeline/recognise.h"

enum { RATE_HZ = 16000 };

/* What the service under test does, and what it saw. */
static struct {
    atomic_int runs, local_runs, samples_most;
    int fails_from;       /* the first run that fails; 0: none does */
    enum kn_status fails; /* with this */
    bool timeless;        /* gives a text alone */
    const char *language;
} fake;

static enum kn_status open_fake(void *state, const struct kn_engine_settings *settings,
                                struct kn_error *err)
{
    (void)state, (void)settings, (void)err;
    return KN_OK;
}

static void close_fake(void *state)
{
    (void)state;
}

/* Each stretch of samples that are no silence is a word of its own, named by its value. */
static void hear_stretches(const struct kn_chunk *chunk, struct kn_arena *arena,
                           struct kn_findings *findings)
{
    struct kn_found_word *words = kn_arena_array(arena, 64, sizeof *words);
    int count = 0;
    for (int i = 0; i < chunk->count;) {
        int end = i;
        while (end < chunk->count && chunk->samples[end] == chunk->samples[i])
            end++;
        if (chunk->samples[i] > 0)
            words[count++] = (struct kn_found_word){
                .start_us = (int64_t)i * 1000000 / RATE_HZ,
                .end_us = (int64_t)end * 1000000 / RATE_HZ,
                .text = kn_arena_printf(arena, "w%d", (int)chunk->samples[i]),
                .confidence = 0.9F,
            };
        i = end;
    }
    *findings = (struct kn_findings){.words = words, .word_count = count, .token_count = count};
}

static enum kn_status run_service(void *state, const struct kn_chunk *chunk,
                                  struct kn_cancel *cancel, struct kn_arena *arena,
                                  struct kn_findings *ret_findings, struct kn_error *err)
{
    (void)state;
    int run = atomic_fetch_add(&fake.runs, 1) + 1;
    if (kn_cancel_requested(cancel))
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    if (fake.fails_from && run >= fake.fails_from)
        return kn_error_set(err, fake.fails, "the service is down");
    int most = atomic_load(&fake.samples_most);
    while (chunk->count > most &&
           !atomic_compare_exchange_weak(&fake.samples_most, &most, chunk->count))
        ;
    hear_stretches(chunk, arena, ret_findings);
    ret_findings->language = fake.language;
    if (fake.timeless) {
        ret_findings->word_count = 0;
        ret_findings->text = "one two three four";
    }
    return KN_OK;
}

static enum kn_status run_local(void *state, const struct kn_chunk *chunk, struct kn_cancel *cancel,
                                struct kn_arena *arena, struct kn_findings *ret_findings,
                                struct kn_error *err)
{
    (void)state, (void)cancel, (void)err;
    atomic_fetch_add(&fake.local_runs, 1);
    hear_stretches(chunk, arena, ret_findings);
    return KN_OK;
}

static const char *const english[] = {"en", NULL};
static const struct kn_engine_desc service_desc = {
    .name = "service",
    .summary = "for tests",
    .chunk_max_us = 600000000,
    .chunk_best_us = 20000000,
    .lane = KN_LANE_IO,
    .state_size = 1,
    .open = open_fake,
    .run = run_service,
    .close = close_fake,
};
static const struct kn_engine_desc local_desc = {
    .name = "local",
    .summary = "for tests",
    .languages = english,
    .chunk_max_us = 20000000,
    .lane = KN_LANE_CPU,
    .state_size = 1,
    .open = open_fake,
    .run = run_local,
    .close = close_fake,
};

static int reset_fake(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

/* Utterances of 4 s with a silence before each, as a step of a plan. */
struct listening {
    int utterances;
    int64_t gap_us;
    bool alone; /* no engine stands behind the service */
    struct kn_arena *arena;
    struct kn_heard heard;
    const char *remarks[2];
};

static enum kn_status add_all(const struct listening *l, struct kn_recogniser *recogniser)
{
    enum { SAMPLES = 4 * RATE_HZ, FRAMES = 125 };
    static float sound[2 * RATE_HZ + SAMPLES], probabilities[FRAMES];
    int64_t before_us = KN_MIN(l->gap_us, KN_BEFORE_US);
    int before = (int)(before_us * RATE_HZ / 1000000);
    memset(sound, 0, sizeof sound);
    for (int i = 0; i < l->utterances; i++) {
        for (int k = 0; k < SAMPLES; k++)
            sound[before + k] = (float)(i + 1);
        const struct kn_recogniser_input input = {
            .start_us = i * (4000000 + l->gap_us),
            .end_us = i * (4000000 + l->gap_us) + 4000000,
            .speech_us = 3000000,
            .samples = sound + before,
            .count = SAMPLES,
            .before = before,
            .probabilities = probabilities,
            .frame_count = FRAMES,
        };
        if (kn_recogniser_add(recogniser, &input) != KN_OK)
            return KN_CANCELLED;
    }
    return KN_OK;
}

static enum kn_status listen_step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct listening *l = arg;
    const struct kn_engine_settings settings = {0};
    KN_SCOPED(kn_engine) service = kn_engine_acquire(&service_desc, &settings);
    KN_SCOPED(kn_engine) local = kn_engine_acquire(&local_desc, &settings);
    const struct kn_speech_chain chain = {.count = l->alone ? 1 : 2,
                                          .at = {{&service_desc, service}, {&local_desc, local}}};
    KN_SCOPED(kn_recogniser) recogniser = kn_recogniser_new(&chain, env);
    (void)add_all(l, recogniser); /* finish tells the reason */
    enum kn_status status = kn_recogniser_finish(recogniser, l->arena, &l->heard, err);
    for (int i = 0; i < chain.count && status == KN_OK; i++)
        l->remarks[i] = kn_recogniser_remark(recogniser, i, l->arena);
    if (status == KN_OK)
        assert_int_equal(kn_recogniser_backlog_us(recogniser), 0);
    return status;
}

static enum kn_status listen_to(struct listening *l, struct kn_cancel *cancel, struct kn_error *err)
{
    struct kn_executor *executor;
    const int lanes[KN_LANE_COUNT] = {[KN_LANE_IO] = 3, [KN_LANE_CPU] = 1};
    l->arena = kn_arena_new();
    assert_int_equal(kn_executor_open(lanes, &executor, err), KN_OK);
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan, &(struct kn_step){
                          .name = "listen", .lane = KN_LANE_CPU, .run = listen_step, .arg = l});
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, NULL, err);
    kn_plan_free(plan);
    kn_executor_close(executor);
    return status;
}

/* Word i is what was heard in utterance i, where it was. */
static void check_words(const struct listening *l)
{
    char name[16];
    assert_int_equal(l->heard.utterance_count, l->utterances);
    assert_int_equal(l->heard.word_count, l->utterances);
    for (int i = 0; i < l->utterances; i++) {
        const struct kn_word *word = &l->heard.words[i];
        snprintf(name, sizeof name, "w%d", i + 1);
        assert_string_equal(word->text, name);
        assert_int_equal(word->start_us, i * (4000000 + l->gap_us));
        assert_int_equal(word->end_us, i * (4000000 + l->gap_us) + 4000000);
        assert_int_equal(l->heard.utterances[i].first_word, i);
    }
}

static void utterances_are_joined_up_to_the_best_length(void **state)
{
    (void)state;
    struct listening l = {.utterances = 12, .gap_us = 1000000};
    struct kn_error err;
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    check_words(&l);
    assert_int_equal(fake.runs, 3); /* 4 of 4 s with 1 s between them are 19 s */
    assert_int_equal(fake.samples_most, 19 * RATE_HZ);
    assert_int_equal(fake.local_runs, 0);
    assert_string_equal(l.heard.speech_engine, "service");
    assert_null(l.remarks[0]);
    kn_arena_free(l.arena);
}

static void long_silences_are_not_sent(void **state)
{
    (void)state;
    struct listening l = {.utterances = 9, .gap_us = 60000000};
    struct kn_error err;
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    check_words(&l);
    assert_int_equal(fake.runs, 3); /* 3 of 4 s with 2 s between them are 16 s; 4 would be 22 */
    kn_arena_free(l.arena);
}

static void the_next_engine_takes_what_the_first_cannot(void **state)
{
    (void)state;
    struct listening l = {.utterances = 12, .gap_us = 1000000};
    struct kn_error err;
    fake.fails_from = 2;
    fake.fails = KN_REMOTE;
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    check_words(&l);
    assert_int_equal(fake.runs, 3); /* it may be back for the next piece */
    assert_int_equal(fake.local_runs, 8);
    assert_string_equal(l.heard.speech_engine, "service, local");
    assert_string_equal(l.remarks[0],
                        "“service” could not recognise all of the speech (the service "
                        "is down), so the next engine took the rest");
    assert_null(l.remarks[1]);
    kn_arena_free(l.arena);
}

/* With one worker for it, the first answer is there before the next piece is begun. */
static void an_engine_that_is_refused_is_asked_no_more(void **state)
{
    (void)state;
    static const enum kn_status final[] = {KN_MISSING, KN_DENIED, KN_NOT_FOUND, KN_LIMIT};
    for (size_t i = 0; i < KN_COUNT_OF(final); i++) {
        struct listening l = {.utterances = 40, .gap_us = 1000000};
        struct kn_error err;
        memset(&fake, 0, sizeof fake);
        fake.fails_from = 1;
        fake.fails = final[i];
        assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
        check_words(&l);
        assert_in_range(fake.runs, 1, 3); /* pieces in flight at the time */
        assert_int_equal(fake.local_runs, 40);
        assert_string_equal(l.heard.speech_engine, "local");
        assert_string_equal(l.heard.language, "en");
        kn_arena_free(l.arena);
    }
}

static void with_nobody_behind_it_a_refusal_ends_all(void **state)
{
    (void)state;
    struct listening l = {.utterances = 40, .gap_us = 1000000, .alone = true};
    struct kn_error err;
    fake.fails_from = 1;
    fake.fails = KN_DENIED;
    assert_int_equal(listen_to(&l, NULL, &err), KN_DENIED);
    assert_string_equal(err.text, "the service is down");
    assert_in_range(fake.runs, 1, 3);
    kn_arena_free(l.arena);
}

static void a_piece_that_nobody_could_do_is_a_gap(void **state)
{
    (void)state;
    struct listening l = {.utterances = 12, .gap_us = 1000000, .alone = true};
    struct kn_error err;
    fake.fails_from = 3;
    fake.fails = KN_DAMAGED;
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    int failed = 0;
    for (int i = 0; i < 12; i++)
        failed += l.heard.utterances[i].verdict == KN_SPEECH_FAILED;
    assert_int_equal(failed, 4);
    assert_int_equal(l.heard.word_count, 8);
    kn_arena_free(l.arena);
}

static void a_text_without_times_is_shared_out(void **state)
{
    (void)state;
    static const char *const said[] = {"one", "two", "three", "four"};
    struct listening l = {.utterances = 4, .gap_us = 1000000};
    struct kn_error err;
    fake.timeless = true;
    fake.language = "nl";
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    assert_int_equal(l.heard.word_count, 4);
    int64_t at_us = 0;
    for (int i = 0; i < 4; i++) {
        assert_string_equal(l.heard.words[i].text, said[i]);
        assert_true(l.heard.words[i].start_us >= at_us);
        at_us = l.heard.words[i].end_us;
    }
    assert_true(at_us <= 19000000);
    assert_string_equal(l.heard.language, "nl");
    kn_arena_free(l.arena);
}

/* The recogniser here would invent English for the rest of a German talk. */
static void what_was_told_to_be_another_language_is_not_invented_on(void **state)
{
    (void)state;
    struct listening l = {.utterances = 12, .gap_us = 1000000};
    struct kn_error err;
    fake.language = "de";
    fake.fails_from = 2;
    fake.fails = KN_REMOTE;
    assert_int_equal(listen_to(&l, NULL, &err), KN_OK);
    assert_int_equal(l.heard.word_count, 4);
    assert_string_equal(l.heard.language, "de");
    int foreign = 0;
    for (int i = 0; i < 12; i++)
        foreign += l.heard.utterances[i].verdict == KN_SPEECH_FOREIGN;
    assert_int_equal(foreign, 8);
    kn_arena_free(l.arena);
}

static void a_stop_is_no_failure(void **state)
{
    (void)state;
    struct listening l = {.utterances = 12, .gap_us = 1000000};
    struct kn_error err;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    assert_int_equal(listen_to(&l, cancel, &err), KN_CANCELLED);
    assert_int_equal(fake.local_runs, 0);
    kn_arena_free(l.arena);
    kn_cancel_free(cancel);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(utterances_are_joined_up_to_the_best_length, reset_fake),
        cmocka_unit_test_setup(long_silences_are_not_sent, reset_fake),
        cmocka_unit_test_setup(the_next_engine_takes_what_the_first_cannot, reset_fake),
        cmocka_unit_test_setup(an_engine_that_is_refused_is_asked_no_more, reset_fake),
        cmocka_unit_test_setup(with_nobody_behind_it_a_refusal_ends_all, reset_fake),
        cmocka_unit_test_setup(a_piece_that_nobody_could_do_is_a_gap, reset_fake),
        cmocka_unit_test_setup(a_text_without_times_is_shared_out, reset_fake),
        cmocka_unit_test_setup(what_was_told_to_be_another_language_is_not_invented_on, reset_fake),
        cmocka_unit_test_setup(a_stop_is_no_failure, reset_fake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
