/* The local models themselves, where they are installed. */
#include "speech_support.h"

#include "ai/engine.h"
#include "ai/moonshine.h"
#include "ai/silero.h"

static const char jfk[] = "And so, my fellow Americans: ask not what your country can do for you; "
                          "ask what you can do for your country.";

static struct kn_moonshine *open_moonshine(void)
{
    struct kn_error err = {0};
    struct kn_moonshine *moonshine = NULL;
    need_models();
    if (kn_moonshine_open(NULL, &moonshine, &err) != KN_OK)
        fail_msg("%s", err.text);
    return moonshine;
}

static struct kn_moonshine_text listen(struct kn_moonshine *moonshine, struct sound sound,
                                       struct kn_arena *arena)
{
    struct kn_error err = {0};
    struct kn_moonshine_text text;
    if (kn_moonshine_listen(moonshine, sound.samples, sound.count, NULL, arena, &text, &err) !=
        KN_OK)
        fail_msg("%s", err.text);
    return text;
}

static void a_speech_is_written_down(void **state)
{
    (void)state;
    struct kn_moonshine *moonshine = open_moonshine();
    struct kn_arena *arena = kn_arena_new();
    struct sound sound = read_sound(arena, corpus_file(arena, "jfk_inaugural_11s.wav"));
    struct kn_moonshine_text text = listen(moonshine, sound, arena);
    KN_SCOPED_STR heard = {0};
    kn_vocab_decode(kn_moonshine_vocab(moonshine), text.tokens, text.count, &heard);
    print_message("%s\n", kn_str_text(&heard));
    assert_true(word_error_rate(jfk, kn_str_text(&heard)) == 0);
    assert_true(kn_ends_with(kn_str_text(&heard), "country."));
    assert_true(text.mean_log_prob > -0.25F && text.mean_log_prob < 0);
    assert_false(text.looped || text.limit_hit);
    assert_int_equal(text.attention.rows, text.count + 1);
    assert_int_equal(text.attention.frames, (sound.count - 895) / 384 + 1);
    kn_arena_free(arena);
    kn_moonshine_close(moonshine);
}

static void silence_noise_and_tones_have_no_text(void **state)
{
    (void)state;
    struct kn_moonshine *moonshine = open_moonshine();
    enum { COUNT = 5 * 16000 };
    static float samples[COUNT];
    for (int kind = 0; kind < 3; kind++) {
        struct kn_arena *arena = kn_arena_new();
        srand48(6);
        for (int i = 0; i < COUNT; i++)
            samples[i] = kind == 0   ? 0
                         : kind == 1 ? ((float)drand48() - .5F) * .1F
                                     : .2F * sinf((float)i * .17F);
        struct kn_moonshine_text text = listen(moonshine, (struct sound){samples, COUNT}, arena);
        KN_SCOPED_STR heard = {0};
        kn_vocab_decode(kn_moonshine_vocab(moonshine), text.tokens, text.count, &heard);
        assert_string_equal(kn_str_text(&heard), "");
        kn_arena_free(arena);
    }
    kn_moonshine_close(moonshine);
}

static void limits_and_a_stop_are_kept(void **state)
{
    (void)state;
    struct kn_moonshine *moonshine = open_moonshine();
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    struct kn_moonshine_text text;
    int count = KN_MOONSHINE_SAMPLES_MAX + 1;
    float *samples = kn_arena_array(arena, (size_t)count, sizeof *samples);
    assert_int_equal(kn_moonshine_listen(moonshine, samples, count, NULL, arena, &text, &err),
                     KN_LIMIT);
    assert_int_equal(kn_moonshine_listen(moonshine, samples, 500, NULL, arena, &text, &err), KN_OK);
    assert_int_equal(text.count, 0);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    assert_int_equal(kn_moonshine_listen(moonshine, samples, 80000, cancel, arena, &text, &err),
                     KN_CANCELLED);
    kn_cancel_free(cancel);
    kn_arena_free(arena);
    kn_moonshine_close(moonshine);
}

/* Borders of words at pauses in jfk_inaugural_11s.wav: there, the sound's energy alone tells where
 * they are (it crosses -38 dBFS in steps of 20 ms). */
static const struct {
    int word;
    double start_s, end_s; /* 0: this border is not at a pause */
} at_pauses[] = {
    {0, 0.32, 0},     /* "And" */
    {4, 0, 2.14},     /* "Americans" */
    {5, 3.28, 3.72},  /* "ask" */
    {6, 3.96, 4.32},  /* "not" */
    {7, 5.40, 0},     /* "what" */
    {13, 0, 7.62},    /* "you" */
    {14, 8.18, 8.58}, /* "ask" */
};

static void check_times(const struct kn_findings *findings)
{
    const double tolerance_s = 0.1;
    assert_int_equal(findings->word_count, 22);
    int64_t at_us = 0;
    for (int i = 0; i < findings->word_count; i++) {
        const struct kn_found_word *word = &findings->words[i];
        assert_true(word->start_us >= at_us && word->end_us >= word->start_us + 40000);
        assert_true(word->end_us <= 11000000);
        assert_true(word->confidence > 0 && word->confidence <= 1);
        at_us = word->end_us;
    }
    for (size_t i = 0; i < KN_COUNT_OF(at_pauses); i++) {
        const struct kn_found_word *word = &findings->words[at_pauses[i].word];
        double start_s = (double)word->start_us / 1e6, end_s = (double)word->end_us / 1e6;
        if ((at_pauses[i].start_s > 0 && fabs(start_s - at_pauses[i].start_s) > tolerance_s) ||
            (at_pauses[i].end_s > 0 && fabs(end_s - at_pauses[i].end_s) > tolerance_s))
            fail_msg("“%s” is at %.2f to %.2f s", word->text, start_s, end_s);
    }
}

static void words_are_where_they_are_spoken(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct sound sound = read_sound(arena, corpus_file(arena, "jfk_inaugural_11s.wav"));
    struct kn_engine_settings settings = {0};
    KN_SCOPED(kn_engine) engine = kn_engine_acquire(&kn_engine_moonshine, &settings);
    struct kn_chunk chunk = {.samples = sound.samples, .count = sound.count};
    struct kn_findings heard, aligned;
    struct kn_error err = {0};
    assert_int_equal(kn_engine_run(engine, &chunk, NULL, arena, &heard, &err), KN_OK);
    check_times(&heard);
    chunk.text = jfk;
    assert_int_equal(kn_engine_run(engine, &chunk, NULL, arena, &aligned, &err), KN_OK);
    check_times(&aligned);
    assert_true(aligned.mean_log_prob > -1.2F);
    /* Read from a text or heard: a word is at the same place. */
    for (int i = 0; i < heard.word_count; i++)
        if (llabs(heard.words[i].start_us - aligned.words[i].start_us) > 150000)
            fail_msg("%s: %lld and %lld us", heard.words[i].text,
                     (long long)heard.words[i].start_us, (long long)aligned.words[i].start_us);
    chunk.text = "The quick brown fox jumps over the lazy dog while nobody is looking at him.";
    assert_int_equal(kn_engine_run(engine, &chunk, NULL, arena, &aligned, &err), KN_OK);
    assert_true(aligned.mean_log_prob < -4);
    kn_arena_free(arena);
}

static void speech_is_told_from_silence(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    struct sound sound = read_sound(arena, corpus_file(arena, "jfk_inaugural_11s.wav"));
    KN_SCOPED(kn_silero) silero = NULL;
    assert_int_equal(kn_silero_open(NULL, &silero, &err), KN_OK);
    float spoken = 0, silent = 0;
    for (int i = 0; i + KN_SILERO_FRAME <= sound.count; i += KN_SILERO_FRAME) {
        float p;
        assert_int_equal(kn_silero_next(silero, sound.samples + i, &p, &err), KN_OK);
        double s = (double)i / 16000;
        if (s > 3.4 && s < 3.6)
            spoken = fmaxf(spoken, p);
        if (s > 2.7 && s < 3.0)
            silent = fmaxf(silent, p);
    }
    assert_true(spoken > 0.9F);
    assert_true(silent < 0.3F);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_speech_is_written_down),
        cmocka_unit_test(silence_noise_and_tones_have_no_text),
        cmocka_unit_test(limits_and_a_stop_are_kept),
        cmocka_unit_test(words_are_where_they_are_spoken),
        cmocka_unit_test(speech_is_told_from_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
