/* Transcripts made elsewhere: every form gives the same words, and hostile ones one sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/str.h"
#include "model/timeline_json.h"
#include "model/transcript.h"
#include "support/arena_state.h"

/*
 * The words as "start-end text" in milliseconds, joined by " / ", with "|" before those that start
 * an utterance and "[n]" before those of speaker n; or the error after "! ".
 */
static const char *parsed(struct kn_arena *arena, const char *text)
{
    struct kn_timeline t;
    struct kn_error err = {0};
    struct kn_str out = {0};

    if (kn_transcript_parse(text, strlen(text), INT64_MAX, arena, &t, &err) != KN_OK) {
        kn_str_printf(&out, "! %s: %s", kn_status_name(err.status), err.text);
    } else {
        for (int i = 0; i < t.word_count; i++) {
            const struct kn_word *w = &t.words[i];
            kn_str_printf(&out, "%s%s", i ? " / " : "", w->starts_utterance ? "|" : "");
            if (w->speaker >= 0)
                kn_str_printf(&out, "[%d]", w->speaker);
            kn_str_printf(&out, "%d-%d %s%s", (int)(w->start_us / 1000), (int)(w->end_us / 1000),
                          w->after_space ? "_" : "", w->text);
        }
    }
    const char *copy = kn_arena_strdup(arena, kn_str_text(&out));
    kn_str_free(&out);
    return copy;
}

struct parse_case {
    const char *text, *want;
};

static void check(struct kn_arena *arena, const struct parse_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = parsed(arena, cases[i].text);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu:\n%s\ngave\n%s\ninstead of\n%s", i, cases[i].text, got,
                     cases[i].want);
    }
}

static void srt_gives_words_with_times_by_length(void **state)
{
    static const struct parse_case cases[] = {
        /* "Hi" and a space are 3 of 9 characters, "there" and a space 6. */
        {"1\n00:00:01,000 --> 00:00:01,900\nHi there\n", "|1000-1300 Hi / 1300-1900 there"},
        {"\xef\xbb\xbf"
         "1\r\n00:00:01,000 --> 00:00:02,000\r\nHi\r\n\r\n"
         "2\r\n00:00:02,000 --> 00:00:03,000\r\nyou\r\n",
         "|1000-2000 Hi / 2000-3000 you"},
        /* Line ends of old Macintoshes, and of files that were converted twice. */
        {"1\r00:00:01,000 --> 00:00:02,000\rHi\r\r2\r00:00:02,000 --> 00:00:03,000\ryou\r",
         "|1000-2000 Hi / 2000-3000 you"},
        {"WEBVTT\r\r00:01.000 --> 00:02.000\rHi\r\rNOTE no\r\r00:02.000 --> 00:03.000\ryou\r",
         "|1000-2000 Hi / 2000-3000 you"},
        {"WEBVTT\r\r\n\r\r\n00:01.000 --> 00:02.000\r\r\nHi\r\r\nyou\r\r\n",
         "|1000-1428 Hi / 1428-2000 you"},
        /* No numbers, a full stop, no hours, no blank line before the next number. */
        {"00:01.000 --> 00:02.000\nOne.\n7\n00:03.5 --> 00:04.0\nTwo.\n",
         "|1000-2000 One. / |3500-4000 Two."},
        /* What is not said. */
        {"1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>Hi</i> <font color=\"red\">&amp;</font>\n",
         "|1000-1600 Hi / 1600-2000 &"},
        {"1\n00:00:01,000 --> 00:00:02,000\n[applause] ♪ Go ♪\n", "|1000-2000 Go"},
        /* Nor what a terminal would obey. */
        {"1\n00:00:01,000 --> 00:00:02,000\n\x1b]0;\xc2\x9b\u202eGo\a\n",
         "|1000-1571 ]0; / 1571-2000 Go"},
        {"{\"kirinuki_timeline\": 1, \"words\": [{\"start_us\": 0, \"end_us\": 1000000, \"text\": "
         "\"\\u009b2J\", \"confidence\": 1, \"speaker\": -1, \"starts_utterance\": true}]}",
         "|0-1000   2J"},
        {"1\n00:00:01,000 --> 00:00:02,000\n(laughs)\n\n2\n00:00:03,000 --> 00:00:04,000\nGo\n",
         "|3000-4000 Go"},
        {"1\n00:00:01,000 --> 00:00:02,000 X1:40 X2:600 Y1:20 Y2:50\nGo\n", "|1000-2000 Go"},
        /* A number that is said stays; a name does not. */
        {"1\n00:00:01,000 --> 00:00:02,000\n42\n", "|1000-2000 42"},
        {"1\n00:00:01,000 --> 00:00:02,000\nJOHN: Go\n\n2\n00:00:02,000 --> 00:00:03,000\n- Yes\n",
         "|[0]1000-2000 Go / |2000-3000 Yes"},
        {"1\n00:00:01,000 --> 00:00:02,000\n>> Go\n", "|1000-2000 Go"},
        {"1\n00:00:01,000 --> 00:00:02,000\nAt 10:30 we left\n",
         "|1000-1176 At / 1176-1529 10:30 / 1529-1705 we / 1705-2000 left"},
        /* Cut to the screen, not to the sentence. */
        {"1\n00:00:01,000 --> 00:00:02,000\nwe\n\n2\n00:00:02,000 --> 00:00:03,000\nleft.\n\n"
         "3\n00:00:03,000 --> 00:00:04,000\nThen\n",
         "|1000-2000 we / 2000-3000 left. / |3000-4000 Then"},
        /* Scripts without spaces. */
        {"1\n00:00:01,000 --> 00:00:02,000\nこれは本です。犬\n",
         "|1000-1285 これ / 1285-1428 は / 1428-1571 本 / 1571-1857 です。 / 1857-2000 犬"},
        /* What a line is about is not said; a line's end parts no words, a space may. */
        {"1\n00:00:01,000 --> 00:00:02,000\n（田中）脳が\n眠る［拍手］\n\n"
         "2\n00:00:02,000 --> 00:00:03,000\n（拍手）\n",
         "|1000-1250 脳 / 1250-1500 が / 1500-2000 眠る"},
        {"1\n00:00:01,000 --> 00:00:02,100\nสวัสดีครับ เรานอน\n",
         "|1000-1388 สวัสดี / 1388-1711 ครับ / 1711-1905 _เรา / 1905-2100 นอน"},
        /* Thai has no marks: a breath between cues is one, and in Japanese without marks too. */
        {"1\n00:00:01,000 --> 00:00:02,000\nเรา\n\n2\n00:00:02,000 --> 00:00:03,000\nนอน\n\n"
         "3\n00:00:03,200 --> 00:00:04,000\nเรา\n",
         "|1000-2000 เรา / 2000-3000 นอน / |3200-4000 เรา"},
    };
    check(*state, cases, KN_COUNT_OF(cases));
}

static void cues_out_of_order_or_over_each_other_are_kept(void **state)
{
    static const struct parse_case cases[] = {
        {"1\n00:00:05,000 --> 00:00:06,000\nB.\n\n2\n00:00:01,000 --> 00:00:02,000\nA.\n",
         "|1000-2000 A. / |5000-6000 B."},
        /* Two at once are two people. */
        {"1\n00:00:01,000 --> 00:00:05,000\nA.\n\n2\n00:00:02,000 --> 00:00:03,000\nB.\n",
         "|1000-5000 A. / |[0]2000-3000 B."},
        /* A little overlap is carelessness. */
        {"1\n00:00:01,000 --> 00:00:05,000\nA.\n\n2\n00:00:04,800 --> 00:00:06,000\nB.\n",
         "|1000-5000 A. / |4800-6000 B."},
        /* Ends before it starts: passed over. */
        {"1\n00:00:05,000 --> 00:00:04,000\nA.\n\n2\n00:00:06,000 --> 00:00:07,000\nB.\n",
         "|6000-7000 B."},
    };
    check(*state, cases, KN_COUNT_OF(cases));
}

static void webvtt_gives_voices_and_inline_times(void **state)
{
    static const struct parse_case cases[] = {
        {"WEBVTT\n\n00:01.000 --> 00:02.000 align:start position:0%\n<v Ann Lee>Go</v>\n\n"
         "NOTE a remark\nover lines\n00:07.000 --> 00:08.000\n\n"
         "STYLE\n::cue { color: red }\n\n"
         "id-1\n00:00:03.000 --> 00:00:04.000\n<c.red>Stop</c>\n",
         "|[0]1000-2000 Go / |3000-4000 Stop"},
        {"WEBVTT - title\n\n00:01.000 --> 00:04.000\none <00:02.000>two <00:03.500><c>three</c>\n",
         "|1000-2000 one / 2000-3500 two / 3500-4000 three"},
        /* Fragments of a recogniser, each with its time, become words. */
        {"WEBVTT\n\n00:01.000 --> 00:04.000\n今<00:02.000>日は<00:03.000>眠る\n",
         "|1000-2500 今日 / 2500-3000 は / 3000-4000 眠る"},
        /* Stamps outside of the cue or out of order do no harm. */
        {"WEBVTT\n\n00:01.000 --> 00:02.000\na <00:09.000>b <00:00.500>c\n",
         "|1000-2000 a / 2000-2000 b / 2000-2000 c"},
        /* Rolling captions: each cue repeats the line before. */
        {"WEBVTT\n\n00:01.000 --> 00:02.000\n \nhello<00:01.500><c> world</c>\n\n"
         "00:02.000 --> 00:02.010\nhello world\n \n\n"
         "00:02.010 --> 00:03.000\nhello world\nhow<00:02.500><c> are</c>\n",
         "|1000-1500 hello / 1500-2000 world / 2010-2500 how / 2500-3000 are"},
        {"WEBVTT\n\n00:01.000 --> 00:02.000\n&lt;b&gt;&nbsp;x\n", "|1000-1666 <b> / 1666-2000 x"},
    };
    check(*state, cases, KN_COUNT_OF(cases));
}

static void tables_are_read_by_their_header(void **state)
{
    static const struct parse_case cases[] = {
        {"start\tend\tword\n1.0\t1.5\tHi\n1.5\t2\tyou\n", "1000-1500 Hi / 1500-2000 you"},
        {"word\tEND\tstart\nHi\t1.5\t1.0\n", "1000-1500 Hi"},
        {"start\tend\tspk\tutt\tword\n1\t2\tA\t0\tHi\n1.5\t2.5\tB\t1\tNo\n2\t3\tA\t0\tyou\n"
         "3\t4\tA\t2\tthere\n",
         "|[0]1000-2000 Hi / |[1]1500-2500 No / [0]2000-3000 you / |[0]3000-4000 there"},
        {"start\tend\ttext\r\n0:01\t0:02.5\tHi there\r\n\r\n", "|1000-1500 Hi / 1500-2500 there"},
        {"utt\tstart\tend\tspk\timportant\ttext\n0\t1\t2\tC\t1\tGo\n", "|[0]1000-2000 Go"},
        /* Whole milliseconds, as some recognisers write them. */
        {"start\tend\ttext\n0\t60000\tHi\n60000\t120000\tyou\n", "0-60000 Hi / 60000-120000 you"},
        /* Out of order, and empty cells. */
        {"start\tend\tword\n3\t4\tb\n1\t2\ta\n5\t6\t\n", "1000-2000 a / 3000-4000 b"},
    };
    check(*state, cases, KN_COUNT_OF(cases));
}

static void what_cannot_be_read_gives_one_sentence(void **state)
{
    static const struct {
        const char *text, *says;
        enum kn_status status;
        size_t size; /* 0: strlen */
    } cases[] = {
        {"", "neither SRT nor WebVTT", KN_DAMAGED, 0},
        {"Just some text.\n", "neither SRT nor WebVTT", KN_DAMAGED, 0},
        {"a --> b\n", "no line with two times", KN_DAMAGED, 0},
        {"WEBVTT\n\n", "no line with two times", KN_DAMAGED, 0},
        {"1\n00:00:01,000 --> 00:00:02,000\n\n", "not one word", KN_DAMAGED, 0},
        {"start\tword\n1\tHi\n", "lacks one of the columns", KN_DAMAGED, 0},
        {"start\tend\tword\n1\t2\n", "line 2 has too few columns", KN_DAMAGED, 0},
        {"start\tend\tword\n1\tx\tHi\n", "line 2: start or end is not a time", KN_DAMAGED, 0},
        {"start\tend\tword\n\n2\t1\tHi\n", "line 3 ends before it starts", KN_DAMAGED, 0},
        {"start\tend\tword\n99999999999\t1\tHi\n", "is not a time", KN_DAMAGED, 0},
        {"start\tend\tword\n-1\t1\tHi\n", "is not a time", KN_DAMAGED, 0},
        {"\xff\xfe"
         "1\0",
         "UTF-16", KN_UNSUPPORTED, 4},
        {"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n", "line 3 is not UTF-8", KN_UNSUPPORTED, 0},
        {"1\n00:00:01,000 --> 00:00:02,000\na\0"
         "b\n",
         "bytes of zero", KN_DAMAGED, 36},
        {"{\"words\":[]}", "kirinuki_timeline", KN_DAMAGED, 0},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_timeline t = {.word_count = 42};
        struct kn_error err = {0};
        size_t size = cases[i].size ? cases[i].size : strlen(cases[i].text);
        enum kn_status status =
            kn_transcript_parse(cases[i].text, size, INT64_MAX, arena, &t, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("case %zu gave %s: %s", i, kn_status_name(status), err.text);
        assert_int_equal(t.word_count, 42); /* untouched */
    }
}

static void words_are_sorted_and_the_length_is_known(void **state)
{
    struct kn_timeline t;
    struct kn_error err = {0};
    static const char text[] = "start\tend\tspk\tword\n1\t9\tA\tlong\n2\t3\tB\tb\n2\t4\tC\tc\n";

    assert_int_equal(kn_transcript_parse(text, sizeof text - 1, INT64_MAX, *state, &t, &err),
                     KN_OK);
    assert_int_equal(t.source.duration_us, 9000000);
    assert_string_equal(t.words[1].text, "b"); /* words that start together keep their order */
    assert_string_equal(t.words[2].text, "c");
    assert_string_equal(t.speech_engine, "subtitles");
}

static void impossible_cues_are_mentioned(void **state)
{
    struct kn_timeline t;
    struct kn_error err = {0};
    static const char text[] = "1\n00:00:05,000 --> 00:00:04,000\nA\n\n"
                               "2\n00:00:06,000 --> 00:00:07,000\nB\n";

    assert_int_equal(kn_transcript_parse(text, sizeof text - 1, INT64_MAX, *state, &t, &err),
                     KN_OK);
    assert_int_equal(t.note_count, 1);
    assert_non_null(strstr(t.notes[0].text, "1 subtitle"));
}

/* A cue as long as a file may be: bounded, not refused. */
static void an_endless_cue_is_cut(void **state)
{
    struct kn_timeline t;
    struct kn_error err = {0};
    KN_SCOPED_STR text = {0};

    kn_str_add(&text, "1\n00:00:01,000 --> 00:00:02,000\n");
    for (int i = 0; i < 100000; i++)
        kn_str_add(&text, "word <00:00:01.5>");
    assert_int_equal(kn_transcript_parse(text.at, text.length, INT64_MAX, *state, &t, &err), KN_OK);
    assert_in_range(t.word_count, 1000, 20000);
}

static void the_timelines_own_json_is_a_transcript(void **state)
{
    struct kn_word words[] = {{1000000, 2000000, "Hi", 1, 3, true}};
    struct kn_timeline from = {.word_count = 1, .words = words, .speech_engine = "moonshine"};
    KN_SCOPED_STR json = {0};

    kn_timeline_write_json(&from, &json);
    assert_string_equal(parsed(*state, kn_str_text(&json)), "|[3]1000-2000 Hi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(srt_gives_words_with_times_by_length),
        ARENA_TEST(cues_out_of_order_or_over_each_other_are_kept),
        ARENA_TEST(webvtt_gives_voices_and_inline_times),
        ARENA_TEST(tables_are_read_by_their_header),
        ARENA_TEST(what_cannot_be_read_gives_one_sentence),
        ARENA_TEST(words_are_sorted_and_the_length_is_known),
        ARENA_TEST(impossible_cues_are_mentioned),
        ARENA_TEST(an_endless_cue_is_cut),
        ARENA_TEST(the_timelines_own_json_is_a_transcript),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
