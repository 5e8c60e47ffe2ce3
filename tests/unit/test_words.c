/* Words, phrases and line breaks of scripts with and without spaces. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/words.h"

/* The words of a text, "|" between them, "_" where a space stood. */
static const char *parted(const char *text, struct kn_str *out)
{
    struct kn_word_spans words = {0};

    kn_words_find(text, strlen(text), &words);
    kn_str_clear(out);
    for (int i = 0; i < words.count; i++) {
        const struct kn_word_span *w = &words.at[i];
        kn_str_add(out, i ? (w->after_space ? "_" : "|") : "");
        kn_str_add_bytes(out, text + w->from, w->to - w->from);
    }
    kn_vec_free(&words);
    return kn_str_text(out);
}

static void words_are_the_dictionarys(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {" \n\t", ""},
        {"one two,  three\nfour", "one_two,_three_four"},
        {"脳が自分を掃除する。", "脳|が|自分|を|掃除|する。"},
        {"「はい。」と言った！", "「はい。」|と|言っ|た！"},
        {"この方法でiPhone15も3.5倍", "この|方法|で|iPhone15|も|3.5倍"},
        {"三十分で可能性を考える", "三十分|で|可能性|を|考える"},
        {"コンピューターもキャッシュも", "コンピューター|も|キャッシュ|も"},
        {"やる、foo-barを", "やる、|foo-bar|を"},
        {"大脑需要时间来清洁自己。", "大脑|需要|时间|来|清洁|自己。"},
        {"สวัสดีครับ วันนี้เราจะพูด", "สวัสดี|ครับ_วัน|นี้|เรา|จะ|พูด"},
        {"오늘은 날씨가 좋네요.", "오늘은_날씨가_좋네요."},
        {"نحن ننام لأن الدماغ", "نحن_ننام_لأن_الدماغ"},
        /* A line's end is no space where there are none; one between phrases is. */
        {"脳が自分を\n掃除する", "脳|が|自分|を|掃除|する"},
        {"今日はとても良い 天気ですね", "今日|は|とても|良い_天気|です|ね"},
        {"今日はとても良い　天気ですね", "今日|は|とても|良い_天気|です|ね"},
        {"日本 の 技術 は 、 すごい 。", "日本|の|技術|は|、|すごい|。"},
        {"😀", "😀"},
        {"楽しい😀ね", "楽しい😀|ね"},
    };
    KN_SCOPED_STR got = {0};

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(parted(cases[i][0], &got), cases[i][1]);
}

/* Every byte that is no space is in exactly one word, whatever the bytes are. */
static void nothing_is_lost(void **state)
{
    (void)state;
    static const char *const cases[] = {"\xff\xfe日本\xe6", "日\x80本 語\xf0", "「「「「",
                                        "。。。\xe3",       "ーーーっっ",      "เเเ"};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_word_spans words = {0};
        size_t size = strlen(cases[i]), at = 0;
        kn_words_find(cases[i], size, &words);
        for (int k = 0; k < words.count; k++) {
            assert_true(words.at[k].to > words.at[k].from && words.at[k].to <= size);
            for (; at < words.at[k].from; at++)
                assert_int_equal(cases[i][at], ' ');
            at = words.at[k].to;
        }
        assert_int_equal(at, size);
        kn_vec_free(&words);
    }
}

/* ICU gets a long run in parts, which must not show: with marks to part it at, and without. */
static void long_runs_are_parted_alike(void **state)
{
    (void)state;
    static const char *const lines[] = {"脳が自分を掃除する時間を必要としているからです。",
                                        "脳が自分を掃除する時間を"};
    KN_SCOPED_STR text = {0}, one = {0}, got = {0}, wanted = {0};

    for (size_t k = 0; k < KN_COUNT_OF(lines); k++) {
        kn_str_clear(&text);
        kn_str_clear(&wanted);
        parted(lines[k], &one);
        for (int i = 0; i < 600; i++) {
            kn_str_add(&text, lines[k]);
            kn_str_printf(&wanted, "%s%s", i ? "|" : "", kn_str_text(&one));
        }
        assert_string_equal(parted(kn_str_text(&text), &got), kn_str_text(&wanted));
    }
    kn_str_clear(&text);
    /* One word that never ends. */
    for (int i = 0; i < 20000; i++)
        kn_str_add(&text, "ー");
    assert_string_equal(parted(kn_str_text(&text), &got), kn_str_text(&text));
    /* A number that never ends is cut: what follows it is asked of all of it each time. */
    kn_str_clear(&text);
    for (int i = 0; i < 20000; i++)
        kn_str_add(&text, "一");
    for (const char *word = parted(kn_str_text(&text), &got); *word;) {
        size_t length = strcspn(word, "|");
        assert_in_range(length, 3, 128);
        word += length + (word[length] == '|');
    }
}

static void particles_and_endings_lean(void **state)
{
    (void)state;
    static const struct {
        const char *before, *word;
        bool leans;
    } cases[] = {
        {"脳", "が", true},          {"休み", "ます。", true},       {"言", "いました", true},
        {"が", "あります", false},   {"て", "いる", true},           {"は、", "とても", false},
        {"です。", "でも、", false}, {"はい。」", "と", true},       {"今日", "とても", false},
        {"この", "方法", false},     {"コンピューター", "も", true}, {"看到", "了", true},
        {"服を", "着", false},       {"知道", "吗？", true},         {"one", "two", false},
        {"สวัสดี", "ครับ", true},       {"우리는", "뇌가", false},      {"", "は", true},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_word_leans(cases[i].before, cases[i].word) != cases[i].leans)
            fail_msg("“%s” on “%s”", cases[i].word, cases[i].before);
    assert_true(kn_word_waits("を"));
    assert_true(kn_word_waits("この"));
    assert_true(kn_word_waits("和"));
    assert_true(kn_word_waits("だから、"));
    assert_false(kn_word_waits("です。"));
    assert_false(kn_word_waits("方法"));
}

static void words_are_measured_by_time(void **state)
{
    (void)state;
    assert_true(kn_word_measure("extraordinarily") == 1);
    assert_true(kn_word_measure("—") == 1);
    assert_true(kn_word_measure("สวัสดี") == 1);
    assert_true(kn_word_measure("좋네요.") == 1);
    assert_true(kn_word_measure("は") < 0.5);
    assert_true(kn_word_measure("必要として") > 2);
    assert_true(kn_word_measure("。") == 0);
}

/* The text with "/" where a line may break. */
static const char *marked(const char *text, int most, struct kn_str *out)
{
    size_t size = strlen(text);
    bool *breaks = kn_calloc(size + 1, sizeof *breaks);

    kn_words_breaks(text, size, most, breaks);
    kn_str_clear(out);
    for (size_t i = 0; i < size; i++) {
        if (breaks[i])
            kn_str_add_char(out, '/');
        kn_str_add_char(out, text[i]);
    }
    free(breaks);
    return kn_str_text(out);
}

static void lines_break_between_phrases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int most;
    } cases[] = {
        {"脳が/自分を/掃除する/時間を/必要としているからです。", 12},
        {"今日は/とても/良い/天気ですね。/「はい。」と/彼は/言いました。", 12},
        {"コンピューターも/休みます！/ちょっと/待ってください。", 12},
        {"我们/睡觉/是/因为/大脑/需要/时间。", 12},
        {"เรา/นอน/หลับ/เพราะ/สมอง", 12},
        {"오늘은 /날씨가 /정말 /좋네요.", 12},
        {"one /two-/three", 12},
        /* Too narrow for the phrase: then its words, then the script. */
        {"必要/として/いる/から/です。", 4},
        {"コ/ン/ピュー/ター/も", 2},
    };
    KN_SCOPED_STR plain = {0}, got = {0};

    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        kn_str_clear(&plain);
        for (const char *at = cases[i].text; *at; at++)
            if (*at != '/')
                kn_str_add_char(&plain, *at);
        assert_string_equal(marked(kn_str_text(&plain), cases[i].most, &got), cases[i].text);
    }
}

static void *part_again_and_again(void *arg)
{
    static const char *const lines[] = {"脳が自分を掃除する時間です。", "大脑需要时间来清洁自己。",
                                        "สวัสดีครับ วันนี้เราจะพูด", "one two"};
    int *count = arg;

    for (int i = 0; i < 200; i++) {
        struct kn_word_spans words = {0};
        kn_words_find(lines[i % 4], strlen(lines[i % 4]), &words);
        *count += words.count;
        kn_vec_free(&words);
    }
    return NULL;
}

static void many_threads_ask_at_once(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int counts[THREADS] = {0}, alone = 0;
    (void)state;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, part_again_and_again, &counts[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    part_again_and_again(&alone);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(counts[i], alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, so that ICU's data are loaded by several at once. */
        cmocka_unit_test(many_threads_ask_at_once),
        cmocka_unit_test(words_are_the_dictionarys),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(long_runs_are_parted_alike),
        cmocka_unit_test(particles_and_endings_lean),
        cmocka_unit_test(words_are_measured_by_time),
        cmocka_unit_test(lines_break_between_phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
