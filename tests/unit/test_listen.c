/* Listening to real sources, and to sound that is no English. Needs the models and the corpus. */
#include "speech_support.h"

#include <kirinuki/kirinuki.h>

#include "base/str.h"
#include "model/transcript.h"
#include "pipeline/align_words.h"
#include "pipeline/listen.h"

struct listening {
    struct kn_source source;
    struct kn_listen_options options;
    struct kn_arena *arena;
    struct kn_heard heard;
    /* To align instead, when not NULL. */
    struct kn_word *words;
    int word_count, aligned;
};

static enum kn_status step(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct listening *l = arg;
    if (l->words)
        return kn_words_align(&l->source, &l->options, env, l->words, l->word_count, &l->aligned,
                              err);
    return kn_listen(&l->source, &l->options, env, l->arena, &l->heard, err);
}

static enum kn_status run(struct listening *l, int workers, struct kn_cancel *cancel,
                          struct kn_error *err)
{
    struct kn_executor *executor;
    int lanes[KN_LANE_COUNT] = {1, workers, 0};
    assert_int_equal(kn_executor_open(lanes, &executor, err), KN_OK);
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan,
                &(struct kn_step){.name = "listen", .lane = KN_LANE_CPU, .run = step, .arg = l});
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, NULL, err);
    kn_plan_free(plan);
    kn_executor_close(executor);
    return status;
}

static struct kn_heard listen_to(struct kn_arena *arena, const char *path, int workers)
{
    struct listening l = {.arena = arena, .options.recognise = true};
    struct kn_error err = {0};
    l.source = probed(arena, path);
    if (run(&l, workers, NULL, &err) != KN_OK)
        fail_msg("%s", err.text);
    return l.heard;
}

static const char *text_of(struct kn_arena *arena, const struct kn_heard *heard)
{
    KN_SCOPED_STR text = {0};
    for (int i = 0; i < heard->word_count; i++)
        kn_str_printf(&text, "%s%s", i ? " " : "", heard->words[i].text);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static void check_words(const struct kn_heard *heard, int64_t duration_us)
{
    int64_t at_us = 0;
    for (int i = 0; i < heard->word_count; i++) {
        const struct kn_word *word = &heard->words[i];
        if (word->start_us < at_us || word->end_us <= word->start_us || !word->text[0] ||
            word->end_us > duration_us + 100000)
            fail_msg("word %d “%s” at %lld to %lld", i, word->text, (long long)word->start_us,
                     (long long)word->end_us);
        at_us = word->end_us;
    }
    int next = 0;
    for (int i = 0; i < heard->utterance_count; i++) {
        assert_int_equal(heard->utterances[i].first_word, next);
        next += heard->utterances[i].word_count;
        if (heard->utterances[i].word_count)
            assert_true(heard->words[heard->utterances[i].first_word].starts_utterance);
    }
    assert_int_equal(next, heard->word_count);
}

static bool has_event(const struct kn_heard *heard, enum kn_sound_event_kind kind, double from_s,
                      double to_s)
{
    for (int i = 0; i < heard->sound.event_count; i++) {
        const struct kn_sound_event *event = &heard->sound.events[i];
        if (event->kind == kind && (double)event->start_us < to_s * 1e6 &&
            (double)event->end_us > from_s * 1e6)
            return true;
    }
    return false;
}

static bool has_note(const struct kn_heard *heard, const char *part)
{
    for (int i = 0; i < heard->note_count; i++)
        if (strstr(heard->notes[i].text, part))
            return true;
    return false;
}

/* A lecture of 203 s by a Dutch professor, with a human transcript. */
static void a_lecture_is_understood(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_heard heard = listen_to(arena, corpus_file(arena, "physicsworks_6ch_opus.webm"), 2);
    const char *reference = reference_text(arena, corpus_file(arena, "physicsworks_6ch_opus.txt"));
    double rate = word_error_rate(reference, text_of(arena, &heard));
    print_message("word error rate %.3f\n", rate);
    assert_true(rate < 0.10);
    assert_string_equal(heard.language, "en");
    check_words(&heard, 203400000);
    assert_true(has_event(&heard, KN_SOUND_APPLAUSE, 197.5, 201)); /* at the end */
    assert_false(has_event(&heard, KN_SOUND_MUSIC, 0, 204));
    for (int i = 0; i < heard.sound.event_count; i++) /* and none while he talks */
        if (heard.sound.events[i].kind != KN_SOUND_SILENCE)
            assert_true(heard.sound.events[i].start_us > 68000000);
    kn_arena_free(arena);
}

static void the_result_does_not_depend_on_the_workers(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    const char *path = corpus_file(arena, "katie_steve_dialog.wav");
    struct kn_heard one = listen_to(arena, path, 1), three = listen_to(arena, path, 3);
    check_words(&one, 29500000);
    assert_int_equal(one.word_count, three.word_count);
    for (int i = 0; i < one.word_count; i++) {
        assert_string_equal(one.words[i].text, three.words[i].text);
        assert_int_equal(one.words[i].start_us, three.words[i].start_us);
        assert_int_equal(one.words[i].end_us, three.words[i].end_us);
        assert_true(one.words[i].confidence == three.words[i].confidence);
    }
    const char *text = text_of(arena, &one);
    assert_non_null(strstr(text, "Good morning, Steve. Good morning, Katie."));
    assert_non_null(strstr(text, "et me try it right now."));
    kn_arena_free(arena);
}

static void a_quiet_recording_is_heard(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "quiet.wav");
    make_media("-i %s -af volume=-36dB -c:a pcm_f32le %s",
               corpus_file(arena, "jfk_inaugural_11s.wav"), path);
    struct kn_heard heard = listen_to(arena, path, 2);
    assert_true(word_error_rate("And so my fellow Americans ask not what your country can do for "
                                "you ask what you can do for your country",
                                text_of(arena, &heard)) < 0.05);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void music_is_no_speech(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_heard heard = listen_to(arena, corpus_file(arena, "bbb_nospeech_117s.mp4"), 2);
    assert_int_equal(heard.word_count, 0);
    assert_true(has_note(&heard, "nobody speaks"));
    assert_true(has_event(&heard, KN_SOUND_MUSIC, 10, 36));
    assert_true(has_event(&heard, KN_SOUND_MUSIC, 52, 73));
    kn_arena_free(arena);
}

static void silence_noise_and_tones_are_no_speech(void **state)
{
    (void)state;
    static const char *const sources[] = {"anullsrc=d=6", "anoisesrc=d=6:a=0.3:seed=3",
                                          "sine=d=6:f=440"};
    need_models();
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "sound.wav");
    for (size_t i = 0; i < KN_COUNT_OF(sources); i++) {
        make_media("-f lavfi -i %s %s", sources[i], path);
        struct kn_heard heard = listen_to(arena, path, 2);
        assert_int_equal(heard.word_count, 0);
        assert_null(heard.language);
        assert_true(has_note(&heard, "nobody speaks"));
        assert_in_range(heard.sound.count, 60, 61);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void other_languages_are_not_understood(void **state)
{
    (void)state;
    static const struct {
        const char *voice, *text;
    } cases[] = {
        {"de", "Guten Tag, meine Damen und Herren. Heute möchte ich über die Geschichte der "
               "Eisenbahn sprechen. Im neunzehnten Jahrhundert veränderte sie das Leben der "
               "Menschen grundlegend, denn man konnte an einem Tag in eine andere Stadt reisen."},
        {"ja", "みなさん、こんにちは。きょうは日本の歴史についてお話しします。むかし、京都はとても"
               "大きな町でした。たくさんの人がお寺を見るために遠くから来ました。"},
        {"en", "Good morning, everybody. Today I would like to talk about the history of the "
               "railway. In the nineteenth century it changed the life of people completely."},
    };
    need_models();
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *text = kn_path_join(arena, folder, "text.txt");
        const char *path = kn_path_join(arena, folder, "speech.wav");
        assert_int_equal(kn_file_write(text, cases[i].text, strlen(cases[i].text), NULL), KN_OK);
        if (run_program("espeak-ng", kn_arena_printf(arena, "-v %s -f %s -w %s", cases[i].voice,
                                                     text, path)) != 0) {
            print_message("skipped: espeak-ng is not here to speak\n");
            temp_folder_remove(folder);
            skip();
        }
        struct kn_heard heard = listen_to(arena, path, 2);
        bool english = strcmp(cases[i].voice, "en") == 0;
        assert_int_equal(heard.word_count > 0, english);
        assert_int_equal(has_note(&heard, "does not sound like English"), !english);
        for (int k = 0; k < heard.utterance_count && !english; k++)
            assert_int_equal(heard.utterances[k].verdict, KN_SPEECH_FOREIGN);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void what_is_not_wanted_is_not_done(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    struct listening l = {.arena = arena, .options.models = "/nowhere"};
    l.source = probed(arena, corpus_file(arena, "jfk_inaugural_11s.wav"));
    assert_int_equal(run(&l, 1, NULL, &err), KN_OK); /* curves need no models */
    assert_in_range(l.heard.sound.count, 110, 111);
    assert_true(l.heard.sound.integrated_lufs > -20 && l.heard.sound.integrated_lufs < -14);
    assert_int_equal(l.heard.word_count, 0);
    l.options.recognise = true;
    assert_int_equal(run(&l, 1, NULL, &err), KN_MISSING);
    assert_non_null(strstr(err.text, "run `make`"));
    l.options.language = "de"; /* known to be in vain */
    assert_int_equal(run(&l, 1, NULL, &err), KN_OK);
    assert_true(has_note(&l.heard, "does not know the language “de”"));
    assert_true(has_note(&l.heard, "give its words as subtitles with --transcript FILE"));
    l.source.has_audio = false;
    assert_int_equal(run(&l, 1, NULL, &err), KN_OK);
    assert_true(has_note(&l.heard, "no sound"));
    assert_int_equal(l.heard.sound.count, 0);
    kn_arena_free(arena);
}

static void a_stop_stops(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct listening l = {.arena = arena, .options.recognise = true};
    l.source = probed(arena, corpus_file(arena, "physicsworks_6ch_opus.webm"));
    kn_cancel_trigger(cancel);
    assert_int_equal(run(&l, 2, cancel, &err), KN_CANCELLED);
    kn_cancel_free(cancel);
    kn_arena_free(arena);
}

/* Subtitles whose lines are late by 0.3 s, without times for words. */
static const char jfk_srt[] =
    "1\n00:00:00,600 --> 00:00:04,700\n"
    "And so, my fellow Americans: ask not\n\n"
    "2\n00:00:05,700 --> 00:00:07,900\nwhat your country can do for you –\n\n"
    "3\n00:00:08,500 --> 00:00:10,800\n"
    "ask what you can do for your country.\n";

static struct listening align(struct kn_arena *arena, const char *srt, struct kn_word **ret_before)
{
    struct listening l = {.arena = arena};
    struct kn_timeline given;
    struct kn_error err = {0};
    l.source = probed(arena, corpus_file(arena, "jfk_inaugural_11s.wav"));
    assert_int_equal(kn_transcript_parse(srt, strlen(srt), INT64_MAX, arena, &given, &err), KN_OK);
    size_t size = sizeof *l.words * (size_t)given.word_count;
    l.words = kn_arena_copy(arena, given.words, size);
    l.word_count = given.word_count;
    *ret_before = kn_arena_copy(arena, given.words, size);
    if (run(&l, 2, NULL, &err) != KN_OK)
        fail_msg("%s", err.text);
    return l;
}

static void given_words_are_set_to_the_sound(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int which; /* the nth of that text */
        double start_s;
    } starts[] = {{"ask", 0, 3.28}, {"not", 0, 3.96}, {"what", 0, 5.40}, {"ask", 1, 8.18}};
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_word *before;
    struct listening l = align(arena, jfk_srt, &before);
    assert_int_equal(l.aligned, l.word_count);
    for (size_t c = 0; c < KN_COUNT_OF(starts); c++) {
        int seen = 0;
        for (int i = 0; i < l.word_count; i++)
            if (strcmp(l.words[i].text, starts[c].text) == 0 && seen++ == starts[c].which &&
                fabs((double)l.words[i].start_us / 1e6 - starts[c].start_s) > 0.12)
                fail_msg("“%s” is at %.2f s, not %.2f", starts[c].text,
                         (double)l.words[i].start_us / 1e6, starts[c].start_s);
    }
    for (int i = 0; i < l.word_count; i++) {
        assert_string_equal(l.words[i].text, before[i].text);
        assert_true(l.words[i].end_us > l.words[i].start_us);
        if (i)
            assert_true(l.words[i].start_us >= l.words[i - 1].end_us);
    }
    kn_arena_free(arena);
}

static void words_of_another_film_stay_where_they_are(void **state)
{
    (void)state;
    need_models();
    struct kn_arena *arena = kn_arena_new();
    struct kn_word *before;
    struct listening l = align(arena,
                               "1\n00:00:00,600 --> 00:00:04,700\nThe cat sat on the purple mat\n\n"
                               "2\n00:00:05,000 --> 00:00:09,000\nand dreamt of fish all day\n",
                               &before);
    assert_int_equal(l.aligned, 0);
    for (int i = 0; i < l.word_count; i++) {
        assert_int_equal(l.words[i].start_us, before[i].start_us);
        assert_int_equal(l.words[i].end_us, before[i].end_us);
    }
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lecture_is_understood),
        cmocka_unit_test(the_result_does_not_depend_on_the_workers),
        cmocka_unit_test(a_quiet_recording_is_heard),
        cmocka_unit_test(music_is_no_speech),
        cmocka_unit_test(silence_noise_and_tones_are_no_speech),
        cmocka_unit_test(other_languages_are_not_understood),
        cmocka_unit_test(what_is_not_wanted_is_not_done),
        cmocka_unit_test(a_stop_stops),
        cmocka_unit_test(given_words_are_set_to_the_sound),
        cmocka_unit_test(words_of_another_film_stay_where_they_are),
    };
    /* What recognises for long takes minutes under a sanitizer, and nothing that the rest doesn't.
     */
    const char *sanitizer = getenv("KN_SANITIZE");
    if (sanitizer && strcmp(sanitizer, "none") != 0)
        cmocka_set_skip_filter("*_understood");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
