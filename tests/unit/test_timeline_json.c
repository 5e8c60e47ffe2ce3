/* The timeline's JSON: everything comes back, nothing wrong comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/timeline_json.h"
#include "support/arena_state.h"

/* A timeline in which every field has a value of its own. */
static const struct kn_word words[] = {
    {1000000, 1250000, "Why", 0.1f, -1, true},
    {1250000, 1250000, "\"quoted\\\"", 1.0f / 3.0f, 32767, false},
    {1300001, 1999999, "犬。", 1.0f, 0, true, true},
};
static const struct kn_sentence sentences[] = {
    {.first_word = 0,
     .word_count = 3,
     .start_us = 1000000,
     .end_us = 1999999,
     .speaker = 3,
     .complete = true},
};
static const struct kn_pause pauses[] = {{2000000, 3000000}, {4000000, 4300000}};
static const struct kn_utterance utterances[] = {
    {900000, 2100000, 0, 3, -0.25f, KN_SPEECH_DOUBTFUL},
    {5000000, 6000000, 3, 0, 0, KN_SPEECH_FOREIGN},
};
static const struct kn_shot shots[] = {
    {0, 5000000, 0, KN_SHOT_PEOPLE, 0.1f, 0.2f, 0.3f, 1.5f, 0.4f},
    {5000000, 9000000, 40000, KN_SHOT_SLIDE, 0, 1, 0.123456789f, 0, 0},
};
static const struct kn_look looks[] = {{0, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}};
static const struct kn_face faces[] = {
    {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, {0.7f, 0.8f}, {-0.05f, 1.1f}, 0.99f},
};
static const struct kn_face_sample face_samples[] = {{0, 0, NULL}, {333333, 1, faces}};
static const float loudness[] = {-70.0f, -23.456f, -14.1f}, pitch[] = {0, 101.7f, 99},
                   speech[] = {0, 0.5f, 1};
static const struct kn_sound_event events[] = {{100, 200, KN_SOUND_LAUGHTER, 0.7f}};
static const struct kn_note notes[] = {{"the sound is damaged from 3:10\tto 3:20"}};

static struct kn_timeline full_timeline(void)
{
    return (struct kn_timeline){
        .source = {.path = "a \"talk\".mp4",
                   .hash = "0123",
                   .container = "mov,mp4",
                   .size_bytes = INT64_C(5000000000),
                   .duration_us = 600000001,
                   .origin_us = -40000,
                   .has_video = true,
                   .video_stream = 1,
                   .video_codec = "h264",
                   .pixel_format = "yuv420p10le",
                   .coded_width_px = 1920,
                   .coded_height_px = 1088,
                   .sample_aspect = {4, 3},
                   .rotation_deg = 270,
                   .width_px = 1080,
                   .height_px = 1920,
                   .frame_rate = {30000, 1001},
                   .variable_rate = true,
                   .hdr = true,
                   .interlaced = true,
                   .cut_off = true,
                   .has_audio = true,
                   .audio_stream = 2,
                   .audio_codec = "aac",
                   .sample_rate_hz = 48000,
                   .channels = 6,
                   .language = "eng",
                   .title = "Talk",
                   .creation_time = "2026"},
        .language = "en",
        .speech_engine = "moonshine",
        .word_count = 3,
        .words = words,
        .sentence_count = 1,
        .sentences = sentences,
        .pause_count = 2,
        .pauses = pauses,
        .utterance_count = 2,
        .utterances = utterances,
        .shot_count = 2,
        .shots = shots,
        .look_count = 1,
        .looks = looks,
        .face_sample_count = 2,
        .face_samples = face_samples,
        .sound = {.step_us = 100000,
                  .count = 3,
                  .loudness_lufs = loudness,
                  .pitch_hz = pitch,
                  .speech = speech,
                  .integrated_lufs = -16.7f,
                  .true_peak_dbtp = -0.3f,
                  .event_count = 1,
                  .events = events},
        .note_count = 1,
        .notes = notes,
    };
}

static void everything_comes_back(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_timeline from = full_timeline(), to;
    struct kn_error err = {0};
    KN_SCOPED_STR json = {0};
    KN_SCOPED_STR again = {0};

    memset(&to, 0xA5, sizeof to);
    kn_timeline_write_json(&from, &json);
    if (kn_timeline_read_json(json.at, json.length, arena, &to, &err) != KN_OK)
        fail_msg("%s", err.text);

        /* Every array bit for bit, ... */
#define SAME(member, count)                                                                        \
    assert_memory_equal(to.member, from.member, (size_t)(count) * sizeof *from.member)
    assert_int_equal(to.word_count, 3);
    assert_int_equal(to.utterance_count, 2);
    assert_int_equal(to.shot_count, 2);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(to.words[i].text, words[i].text);
        assert_true(to.words[i].start_us == words[i].start_us);
        assert_true(to.words[i].end_us == words[i].end_us);
        assert_true(to.words[i].confidence == words[i].confidence);
        assert_int_equal(to.words[i].speaker, words[i].speaker);
        assert_int_equal(to.words[i].starts_utterance, words[i].starts_utterance);
        assert_int_equal(to.words[i].after_space, words[i].after_space);
    }
    SAME(pauses, 2);
    SAME(shots, 2);
    SAME(looks, 1);
    SAME(sound.loudness_lufs, 3);
    SAME(sound.pitch_hz, 3);
    SAME(sound.speech, 3);
    SAME(sound.events, 1);
    assert_memory_equal(to.face_samples[1].faces, faces, sizeof faces);
    assert_true(to.sound.integrated_lufs == from.sound.integrated_lufs);
    assert_string_equal(to.source.path, from.source.path);
    assert_true(to.source.size_bytes == from.source.size_bytes);
    assert_true(to.source.cut_off);
    assert_int_equal(to.source.frame_rate.den, 1001);
    assert_string_equal(to.notes[0].text, notes[0].text);

    /* ... and the whole as text, which no field escapes. */
    kn_timeline_write_json(&to, &again);
    assert_string_equal(json.at, again.at);
}

static void an_empty_timeline_comes_back(void **state)
{
    struct kn_timeline from = {0}, to;
    struct kn_error err = {0};
    KN_SCOPED_STR json = {0};

    kn_timeline_write_json(&from, &json);
    assert_int_equal(kn_timeline_read_json(json.at, json.length, *state, &to, &err), KN_OK);
    assert_int_equal(to.word_count, 0);
    assert_null(to.source.path);
    assert_null(to.language);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    struct kn_timeline from = {.source.path = "caf\xe9.mp4"}, to;
    struct kn_error err = {0};
    KN_SCOPED_STR json = {0};

    kn_timeline_write_json(&from, &json);
    assert_int_equal(kn_timeline_read_json(json.at, json.length, *state, &to, &err), KN_OK);
    assert_string_equal(to.source.path, "caf\xef\xbf\xbd.mp4");
}

#define V     "\"kirinuki_timeline\":1"
#define WORD  "\"text\":\"a\",\"confidence\":1,\"speaker\":-1,\"starts_utterance\":true"
#define TIMES "\"start_us\":5,\"end_us\":6,"

static void what_is_wrong_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *json;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {"", KN_DAMAGED, "not JSON"},
        {"{", KN_DAMAGED, "not JSON"},
        {"[1]", KN_DAMAGED, "kirinuki_timeline"},
        {"{}", KN_DAMAGED, "kirinuki_timeline"},
        {"{\"kirinuki_timeline\":\"1\"}", KN_DAMAGED, "kirinuki_timeline"},
        {"{\"kirinuki_timeline\":2}", KN_UNSUPPORTED, "version 2"},
        {"{" V "," V "}", KN_DAMAGED, "not JSON"}, /* a key twice */
        {"{" V ",\"words\":{}}", KN_DAMAGED, "words is not an array"},
        {"{" V ",\"words\":[7]}", KN_DAMAGED, "words[0] is not an object"},
        {"{" V ",\"words\":[{\"start_us\":1}]}", KN_DAMAGED, "words[0].end_us is missing"},
        {"{" V ",\"words\":[{\"start_us\":1.5,\"end_us\":2," WORD "}]}", KN_DAMAGED,
         "words[0].start_us is not a whole number"},
        {"{" V ",\"words\":[{\"start_us\":-1,\"end_us\":2," WORD "}]}", KN_DAMAGED,
         "words[0].start_us is not between"},
        {"{" V ",\"words\":[{\"start_us\":3,\"end_us\":2," WORD "}]}", KN_DAMAGED,
         "words[0] ends before it starts"},
        {"{" V ",\"words\":[{" TIMES WORD "},{\"start_us\":4,\"end_us\":9," WORD "}]}", KN_DAMAGED,
         "words[1] starts before"},
        {"{" V ",\"words\":[{" TIMES "\"text\":\"\",\"confidence\":1,\"speaker\":-1,"
         "\"starts_utterance\":true}]}",
         KN_DAMAGED, "words[0] is not one word"},
        {"{" V ",\"words\":[{" TIMES "\"text\":\"a b\",\"confidence\":1,\"speaker\":-1,"
         "\"starts_utterance\":true}]}",
         KN_DAMAGED, "words[0] is not one word"},
        {"{" V ",\"words\":[{" TIMES "\"text\":\"a\",\"confidence\":2,\"speaker\":-1,"
         "\"starts_utterance\":true}]}",
         KN_DAMAGED, "words[0].confidence is not between 0 and 1"},
        {"{" V ",\"words\":[{" TIMES "\"text\":\"a\",\"confidence\":1,\"speaker\":40000,"
         "\"starts_utterance\":true}]}",
         KN_DAMAGED, "words[0].speaker is not between"},
        {"{" V ",\"words\":[{" TIMES "\"text\":\"a\",\"confidence\":1,\"speaker\":0,"
         "\"starts_utterance\":1}]}",
         KN_DAMAGED, "words[0].starts_utterance is neither"},
        {"{" V ",\"utterances\":[{" TIMES "\"first_word\":0,\"word_count\":1,\"log_prob\":0,"
         "\"verdict\":\"good\"}]}",
         KN_DAMAGED, "utterances[0] speaks of words"},
        {"{" V ",\"utterances\":[{" TIMES "\"first_word\":0,\"word_count\":0,\"log_prob\":0,"
         "\"verdict\":\"nice\"}]}",
         KN_DAMAGED, "utterances[0].verdict is none"},
        {"{" V ",\"sound\":{\"step_us\":0,\"loudness_lufs\":[1],\"pitch_hz\":[0],\"speech\":[0],"
         "\"integrated_lufs\":0,\"true_peak_dbtp\":0}}",
         KN_DAMAGED, "sound.step_us is not above 0"},
        {"{" V ",\"sound\":{\"step_us\":1,\"loudness_lufs\":[1],\"pitch_hz\":[0,0],\"speech\":[0],"
         "\"integrated_lufs\":0,\"true_peak_dbtp\":0}}",
         KN_DAMAGED, "sound.pitch_hz is not as long"},
        {"{" V ",\"language\":7}", KN_DAMAGED, "language is not a text"},
        {"{" V ",\"language\":\"\xff\"}", KN_DAMAGED, "not JSON"},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_timeline t = {.word_count = 42};
        struct kn_error err = {0};
        enum kn_status status =
            kn_timeline_read_json(cases[i].json, strlen(cases[i].json), arena, &t, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("%s gave %s: %s", cases[i].json, kn_status_name(status), err.text);
        assert_int_equal(t.word_count, 42); /* untouched */
    }
}

static void sections_may_be_absent_and_unknown_keys_are_passed_over(void **state)
{
    static const char json[] =
        "\xef\xbb\xbf{" V ",\"later\":[1],\"words\":[{" TIMES WORD ",\"colour\":\"red\"}]}";
    struct kn_timeline t;
    struct kn_error err = {0};

    assert_true(kn_timeline_is_json(json, sizeof json - 1));
    if (kn_timeline_read_json(json, sizeof json - 1, *state, &t, &err) != KN_OK)
        fail_msg("%s", err.text);
    assert_int_equal(t.word_count, 1);
    assert_int_equal(t.words[0].speaker, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(everything_comes_back),
        ARENA_TEST(an_empty_timeline_comes_back),
        ARENA_TEST(bytes_that_are_not_utf8_are_replaced),
        ARENA_TEST(what_is_wrong_is_refused_with_its_place),
        ARENA_TEST(sections_may_be_absent_and_unknown_keys_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
