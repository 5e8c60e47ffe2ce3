/* Pieces of a recogniser become words, and keep their times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/str.h"
#include "model/regroup.h"
#include "support/arena_state.h"

enum { PIECES_MOST = 64 };

/* Pieces from a script, "|" between them, each 100 ms from 0 on. */
static int cut(struct kn_arena *arena, const char *script, struct kn_word pieces[PIECES_MOST])
{
    int count = 0;

    for (const char *at = script; count < PIECES_MOST;) {
        const char *bar = strchr(at, '|');
        size_t n = bar ? (size_t)(bar - at) : strlen(at);
        pieces[count] = (struct kn_word){.start_us = count * 100000,
                                         .end_us = count * 100000 + 100000,
                                         .text = kn_arena_strndup(arena, at, n),
                                         .confidence = count % 2 ? 0.5f : 1.0f,
                                         .speaker = 2,
                                         .starts_utterance = count == 0};
        count++;
        if (!bar)
            break;
        at = bar + 1;
    }
    return count;
}

/* "今日は 0-300, 良い 300-500": the words with their times in ms. */
static const char *shown(const struct kn_word *words, int count, struct kn_arena *arena)
{
    KN_SCOPED_STR out = {0};

    for (int i = 0; i < count; i++)
        kn_str_printf(&out, "%s%s%s %d-%d", i ? ", " : "", words[i].after_space ? "_" : "",
                      words[i].text, (int)(words[i].start_us / 1000),
                      (int)(words[i].end_us / 1000));
    return kn_arena_strdup(arena, kn_str_text(&out));
}

static void pieces_become_words(void **state)
{
    static const struct {
        const char *pieces, *text, *want;
    } cases[] = {
        /* Languages with spaces: pieces of words, marks, and what only one of the two has. */
        {"The|beach|was|hot", " \"The beach,\" was (hot)!",
         "\"The 0-100, beach,\" 100-200, was 200-300, (hot)! 300-400"},
        {"un|believ|able|story|.", "Unbelievable story.", "Unbelievable 0-300, story. 300-400"},
        {"it|'s|e|mail", "It's e-mail", "It's 0-200, e-mail 200-400"},
        {"don't|stop", "Don’t stop…", "Don’t 0-100, stop… 100-200"},
        {"ça|va", "Ça va ?", "Ça 0-100, va\xC2\xA0? 100-200"},
        {"il|dit|oui", "Il dit « oui »", "Il 0-100, dit 100-200, «\xC2\xA0oui\xC2\xA0» 200-300"},
        {"one|two", "One – two", "One 0-100, two 100-200"},
        {"qué|tal", "¿Qué tal?", "¿Qué 0-100, tal? 100-200"},
        {"about|twenty|five|of|these", "About 25 of these.",
         "About 0-100, 25 100-300, of 300-400, these. 400-500"},
        {"we|saw|uhm|the|big|house", "We saw the big house",
         "We 0-100, saw 100-200, the 300-400, big 400-500, house 500-600"},
        /* Nothing that was heard. */
        {"all|of|this", "Quite another text", "all 0-100, of 100-200, this 200-300"},
        {"all|of|this", "", "all 0-100, of 100-200, this 200-300"},
        {"all|of|this", "...", "all 0-100, of 100-200, this 200-300"},
        /* Whisper's fragments of Japanese, without marks; and the text that has them. */
        {"脳|が自|分を|掃|除す|る", NULL,
         "脳 0-100, が 100-150, 自分 150-250, を 250-300, 掃除 300-450, する 450-600"},
        {"脳|が自|分を|掃|除す|る", "脳が自分を掃除する。",
         "脳 0-100, が 100-150, 自分 150-250, を 250-300, 掃除 300-450, する。 450-600"},
        {"今日|は", "今日は、", "今日 0-100, は、 100-200"},
        /* Tokens with spaces in front of words. */
        {" Hel|lo| wor|ld|.", NULL, "Hello 0-200, world. 200-400"},
        /* Whole words without spaces around. */
        {"Hello|world", "Hello, world!", "Hello, 0-100, world! 100-200"},
        {"HELLO|World", NULL, "HELLO 0-100, World 100-200"},
        /* A character torn into two pieces. */
        {"\xe6|\x97\xa5本", NULL, "日本 0-200"},
        /* What the service wrote otherwise than it heard; what it heard and did not write. */
        {"it|is|twenty|years|old|now", "It is 20 years old now.",
         "It 0-100, is 100-200, 20 200-300, years 300-400, old 400-500, now. 500-600"},
        {"um|so|we|go", "So we go.", "So 100-200, we 200-300, go. 300-400"},
        {"we|go", "We go home now", "We 0-100, go 100-200, home 200-200, now 200-200"},
        {"我们|今|天来谈", "我们今天来谈。", "我们 0-100, 今天 100-233, 来 233-266, 谈。 266-300"},
        {"สวัส|ดี|ครับ", "สวัสดีครับ", "สวัสดี 0-200, ครับ 200-300"},
        {"。|、", NULL, ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_word pieces[PIECES_MOST];
        const struct kn_word *words;
        int count = cut(*state, cases[i].pieces, pieces);
        int made = kn_words_regroup(cases[i].text, pieces, count, *state, &words);
        assert_string_equal(shown(words, made, *state), cases[i].want);
    }
}

static void what_pieces_had_words_keep(void **state)
{
    struct kn_word pieces[PIECES_MOST];
    const struct kn_word *words;
    int count = cut(*state, "今|日|は", pieces);

    assert_int_equal(kn_words_regroup(NULL, pieces, count, *state, &words), 2);
    assert_int_equal(words[0].speaker, 2);
    assert_true(words[0].starts_utterance && !words[1].starts_utterance);
    assert_true(words[0].confidence == 0.75f && words[1].confidence == 1.0f);
    assert_int_equal(kn_words_regroup(NULL, pieces, 0, *state, &words), 0);
}

static void bad_pieces_do_no_harm(void **state)
{
    static const char *const texts[] = {"\xff\xff", "日本",    "", "completely other words",
                                        "...",      "\xe3\x81"};
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++) {
        struct kn_word pieces[PIECES_MOST];
        const struct kn_word *words;
        int count = cut(*state, "\xff|日\xe6||本|x|\x80", pieces);
        int64_t latest = 0;
        pieces[2].end_us = 0; /* ends before it starts */
        int made = kn_words_regroup(texts[i], pieces, count, *state, &words);
        for (int k = 0; k < made; k++) {
            assert_true(words[k].end_us >= words[k].start_us && words[k].text[0]);
            assert_true(words[k].start_us >= latest);
            latest = words[k].start_us;
        }
    }
}

static void runs_are_regrouped_and_others_kept(void **state)
{
    struct kn_word pieces[PIECES_MOST];
    const struct kn_word *words;
    int count = cut(*state, "今|日は|yes|no|味|噌汁", pieces);

    pieces[4].speaker = pieces[5].speaker = 3;
    int made = kn_words_regroup_runs(pieces, count, *state, &words);
    assert_string_equal(shown(words, made, *state),
                        "今日 0-150, は 150-200, yes 200-300, no 300-400, 味噌汁 400-600");
    /* Not over a silence. */
    pieces[5].start_us += 900000;
    pieces[5].end_us += 900000;
    made = kn_words_regroup_runs(pieces, count, *state, &words);
    assert_int_equal(made, 6);
}

/* Each is a word of its own to the eye, and all belong to the one before them. */
static void marks_without_end_do_not_pile_up(void **state)
{
    struct kn_word pieces[PIECES_MOST];
    const struct kn_word *words;
    KN_SCOPED_STR text = {0};
    int count = cut(*state, "va|bien", pieces);

    kn_str_add(&text, "Va");
    for (int i = 0; i < 10000; i++)
        kn_str_add(&text, " ?");
    kn_str_add(&text, " bien !");
    assert_int_equal(kn_words_regroup(kn_str_text(&text), pieces, count, *state, &words), 2);
    assert_in_range(strlen(words[0].text), 2 + 3 * 2, 64);
    assert_string_equal(words[1].text, "bien\xC2\xA0!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pieces_become_words),
        ARENA_TEST(what_pieces_had_words_keep),
        ARENA_TEST(bad_pieces_do_no_harm),
        ARENA_TEST(runs_are_regrouped_and_others_kept),
        ARENA_TEST(marks_without_end_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
