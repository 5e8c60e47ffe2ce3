/* Sentences and pauses: where a clip may begin and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/sentences.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/words.h"
#include "model/regroup.h"
#include "support/arena_state.h"

/*
 * Builds words from a script: words by spaces or dictionary, 0.3 s each and 0.05 s apart; "(700)"
 * makes a pause of 700 ms, "A:" sets the speaker, "|" starts an utterance. Returns the sentences
 * joined by " / ", with "~" at the end of each that is not complete.
 */
static const char *joined(struct kn_arena *arena, const char *script)
{
    char *copy = kn_arena_strdup(arena, script), *rest = NULL;
    struct kn_word *words = kn_arena_array(arena, strlen(script) + 1, sizeof *words);
    struct kn_timeline t = {.words = words};
    int64_t now = 1000000;
    int16_t speaker = -1;
    bool starts = true;

    for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        int pause_ms;
        if (sscanf(w, "(%d)", &pause_ms) == 1) {
            now += pause_ms * 1000 - 50000;
        } else if (strlen(w) == 2 && w[1] == ':') {
            speaker = (int16_t)(w[0] - 'A');
        } else if (strcmp(w, "|") == 0) {
            starts = true;
        } else {
            struct kn_word_spans spans = {0};
            kn_words_find(w, strlen(w), &spans);
            for (int i = 0; i < spans.count; i++) {
                size_t from = spans.at[i].from, to = spans.at[i].to;
                char *text = kn_arena_strndup(arena, w + from, to - from);
                words[t.word_count++] =
                    (struct kn_word){now, now + 300000, text, 1.0f, speaker, starts};
                now += 350000;
                starts = false;
            }
            kn_vec_free(&spans);
        }
    }
    kn_sentences_join(&t, arena);

    struct kn_str out = {0};
    for (int i = 0; i < t.sentence_count; i++) {
        const struct kn_sentence *s = &t.sentences[i];
        if (i)
            kn_str_add(&out, " / ");
        const struct kn_word *before = NULL;
        for (int k = s->first_word; k < s->first_word + s->word_count; k++) {
            if (words[k].speaker != s->speaker)
                continue;
            bool spaced = before && kn_words_spaced(before, &words[k]);
            kn_str_printf(&out, "%s%s", spaced ? " " : "", words[k].text);
            before = &words[k];
        }
        if (!s->complete)
            kn_str_add_char(&out, '~');
    }
    const char *text = kn_arena_strdup(arena, kn_str_text(&out));
    kn_str_free(&out);
    return text;
}

static void sentences_end_where_a_reader_would_end_them(void **state)
{
    static const struct {
        const char *script, *want;
    } cases[] = {
        {"We began. It rained. Why?", "We began. / It rained. / Why?"},
        {"Dr. Smith met Mr. Jones. They spoke.", "Dr. Smith met Mr. Jones. / They spoke."},
        {"It costs 3.50 dollars. Fine.", "It costs 3.50 dollars. / Fine."},
        {"He lives in the U.S. and works.", "He lives in the U.S. and works."},
        {"He lives in the U.S. (400) She does not.", "He lives in the U.S. / She does not."},
        {"J. F. Kennedy spoke. Then he left.", "J. F. Kennedy spoke. / Then he left."},
        {"I was... (100) thinking about it. Yes.", "I was... thinking about it. / Yes."},
        {"It was over... (100) Nobody came. Yes.", "It was over... / Nobody came. / Yes."},
        {"He said “go away.” Then he left.", "He said “go away.” / Then he left."},
        {"Really?! Yes!", "Really?! / Yes!"},
        {"これは本です。 あれは何ですか？ 犬です。",
         "これは本です。 / あれは何ですか？ / 犬です。"},
        /* A quotation is no end, a sentence in brackets is. */
        {"「はい。」と彼は言いました。彼は「もう帰る。」次の日です。",
         "「はい。」と彼は言いました。 / 彼は「もう帰る。」 / 次の日です。"},
        {"你知道吗？我不知道！好。", "你知道吗？ / 我不知道！ / 好。"},
        {"오늘은 좋네요. 왜 우리는 잘까요? 끝.", "오늘은 좋네요. / 왜 우리는 잘까요? / 끝."},
        {"نحن ننام. هل تعلم؟ نعم.", "نحن ننام. / هل تعلم؟ / نعم."},
        {"We tried. But then (2000) it broke. Done.", "We tried. / But then~ / it broke. / Done."},
        {"One. two", "One. / two~"},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(joined(arena, cases[i].script), cases[i].want);
}

static void without_punctuation_pauses_and_openers_stand_in(void **state)
{
    static const struct {
        const char *script, *want;
    } cases[] = {
        {"we went home (700) it was late", "we went home / it was late"},
        {"we went home (200) it was late", "we went home it was late"},
        {"we went to the big old house (300) so we slept",
         "we went to the big old house / so we slept"},
        {"we went (300) so we slept", "we went so we slept"},
        {"a b c d e f g h i j k l m n so the end", "a b c d e f g h i j k l m n / so the end"},
        {"a b c d e f g h i j k l m n | the end", "a b c d e f g h i j k l m n / the end"},
        {"a b c d | the end", "a b c d the end"},
        /* Polite forms end a sentence, unless something leans on them. */
        {"今日は眠りの話です 脳は自分を掃除します だから眠ります",
         "今日は眠りの話です / 脳は自分を掃除します / だから眠ります"},
        {"眠りますが 脳は眠りません そうですか", "眠りますが脳は眠りません / そうですか"},
        {"สวัสดีครับ (700) วันนี้เราจะพูด", "สวัสดีครับ / วันนี้เราจะพูด"},
        {"우리는 잠을 잡니다 뇌는 청소합니다", "우리는 잠을 잡니다 / 뇌는 청소합니다"},
    };
    struct kn_arena *arena = *state;

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(joined(arena, cases[i].script), cases[i].want);
}

/* Japanese is measured by its letters: 48 of the dictionary's words would be half a sentence. */
static void long_japanese_sentences_stay_whole(void **state)
{
    struct kn_arena *arena = *state;
    static const char phrase[] = "朝の脳は紙に予定を書くと何に集中すればいいのかを理解して、";
    KN_SCOPED_STR script = {0};
    kn_str_printf(&script, "%s%s夜の脳も紙に予定を書いて、眠ります。", phrase, phrase);
    assert_string_equal(joined(arena, kn_str_text(&script)), kn_str_text(&script));
    /* A longer one is cut behind a phrase. */
    kn_str_clear(&script);
    for (int i = 0; i < 5; i++)
        kn_str_add(&script, phrase);
    assert_non_null(strstr(joined(arena, kn_str_text(&script)), "理解して、~ / 朝の脳は"));
}

static void people_who_talk_over_each_other_keep_their_sentences(void **state)
{
    struct kn_arena *arena = *state;
    assert_string_equal(joined(arena, "A: I think that B: Yeah. A: we should go. B: Right. Okay."),
                        "I think that we should go. / Yeah. / Right. / Okay.");
}

static void a_sentence_without_end_is_cut_at_its_widest_gap(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_word words[120];
    struct kn_timeline t = {.words = words, .word_count = 120};
    int64_t now = 0;

    for (int i = 0; i < 120; i++) {
        words[i] = (struct kn_word){now, now + 150000, i == 19 ? "word," : "word", 1, -1, i == 0};
        now += 160000 + (i == 19 ? 200000 : 0);
    }
    kn_sentences_join(&t, arena);
    assert_in_range(t.sentence_count, 3, 8);
    assert_int_equal(t.sentences[0].word_count, 20);
    int next = 0;
    for (int i = 0; i < t.sentence_count; i++) {
        assert_int_equal(t.sentences[i].first_word, next);
        assert_in_range(t.sentences[i].word_count, 1, KN_SENTENCE_WORDS_MAX);
        next += t.sentences[i].word_count;
    }
    assert_int_equal(next, 120);
}

/* They measure nothing, so that no measure ever ends a sentence of them. */
static void marks_that_stand_alone_are_cut_too(void **state)
{
    static const char *const marks[] = {"、", "～", "「"};
    enum { COUNT = 80000, MOST = 4 * KN_SENTENCE_WORDS_MAX };
    struct kn_word *words = kn_arena_array(*state, COUNT, sizeof *words);
    struct kn_timeline t = {.words = words, .word_count = COUNT};
    int next = 0;

    for (int i = 0; i < COUNT; i++)
        words[i] = (struct kn_word){.start_us = i * 10,
                                    .end_us = i * 10 + 10,
                                    .text = marks[i % 3],
                                    .confidence = 1,
                                    .speaker = -1};
    kn_sentences_join(&t, *state);
    for (int i = 0; i < t.sentence_count; i++) {
        assert_int_equal(t.sentences[i].first_word, next);
        assert_in_range(t.sentences[i].word_count, 1, MOST);
        next += t.sentences[i].word_count;
    }
    assert_int_equal(next, COUNT);
}

static void pauses_are_gaps_in_everybodys_speech(void **state)
{
    struct kn_arena *arena = *state;
    struct kn_word words[] = {
        {0, 500000, "one", 1, 0, true},
        {100000, 2000000, "long", 1, 1, true}, /* covers the gap after "one" */
        {1000000, 1200000, "two", 1, 0, false},
        {2300000, 2400000, "three", 1, 0, false}, /* 300 ms after "long" */
        {2600000, 2700000, "four", 1, 0, false},  /* too short a gap */
    };
    struct kn_timeline t = {.words = words, .word_count = KN_COUNT_OF(words)};

    kn_sentences_join(&t, arena);
    assert_int_equal(t.pause_count, 1);
    assert_int_equal(t.pauses[0].start_us, 2000000);
    assert_int_equal(t.pauses[0].end_us, 2300000);
}

static void no_words_give_no_sentences(void **state)
{
    struct kn_timeline t = {0};
    kn_sentences_join(&t, *state);
    assert_int_equal(t.sentence_count, 0);
    assert_int_equal(t.pause_count, 0);
}

/* Random words of random speakers: each word is in exactly one sentence, in order. */
static void every_word_is_in_exactly_one_sentence(void **state)
{
    static const char *const texts[] = {"so", "well.", "a", "b,", "Dr.", "yes!", "…", "\"", "c"};
    struct kn_arena *arena = *state;
    uint32_t seed = 7;

    for (int round = 0; round < 200; round++) {
        struct kn_word words[200];
        int seen[200] = {0};
        int64_t now = 0;
        struct kn_timeline t = {.words = words, .word_count = round};
        for (int i = 0; i < round; i++) {
            seed = seed * 1664525u + 1013904223u;
            int64_t length = (int64_t)(seed >> 8) % 2000000;
            words[i] = (struct kn_word){now,
                                        now + length,
                                        texts[(seed >> 4) % KN_COUNT_OF(texts)],
                                        1,
                                        (int16_t)((int)((seed >> 20) % 4) - 1),
                                        (seed >> 25) % 4 == 0};
            now += (int64_t)(seed >> 12) % 1500000;
        }
        kn_sentences_join(&t, arena);
        for (int i = 0; i < t.sentence_count; i++) {
            const struct kn_sentence *s = &t.sentences[i];
            assert_true(i == 0 || t.sentences[i - 1].first_word < s->first_word);
            assert_int_equal(words[s->first_word].speaker, s->speaker);
            assert_int_equal(words[s->first_word].start_us, s->start_us);
            for (int k = s->first_word; k < s->first_word + s->word_count; k++) {
                if (words[k].speaker == s->speaker) {
                    seen[k]++;
                    assert_true(words[k].end_us <= s->end_us);
                }
            }
        }
        for (int i = 0; i < round; i++)
            assert_int_equal(seen[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(sentences_end_where_a_reader_would_end_them),
        ARENA_TEST(without_punctuation_pauses_and_openers_stand_in),
        ARENA_TEST(long_japanese_sentences_stay_whole),
        ARENA_TEST(people_who_talk_over_each_other_keep_their_sentences),
        ARENA_TEST(a_sentence_without_end_is_cut_at_its_widest_gap),
        ARENA_TEST(marks_that_stand_alone_are_cut_too),
        ARENA_TEST(pauses_are_gaps_in_everybodys_speech),
        ARENA_TEST(no_words_give_no_sentences),
        ARENA_TEST(every_word_is_in_exactly_one_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
