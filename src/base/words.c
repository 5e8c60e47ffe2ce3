/*
 * White space parts words; inside a run of letters without any, ICU's word iterator does, which has
 * dictionaries for the scripts that need one. Marks stay with their word. What ICU cuts too finely
 * (endings in Hiragana, small kana) is told by short lists of grammar, kept here.
 *
 * The iterator is made once and cloned for each run: making one reads and checks its rules, a
 * clone shares them.
 */
#include "base/words.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unistr.h>

#include "base/utf8.h"

/* ICU keeps several numbers a letter while it looks for words, so it gets long runs in parts. */
enum { WINDOW = 4096 };

/* Grammar knows no word of more letters, and no number is longer. */
enum { LETTERS_BYTES = 64 };

static uint32_t last_char(const char *text, size_t size)
{
    uint32_t c = 0;
    size_t at = size > 0 ? size - 1 : 0;

    while (at > 0 && size - at < 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    while (at < size)
        at += kn_utf8_next_within(text + at, size - at, &c);
    return c;
}

static uint32_t first_char(const char *text, size_t size)
{
    uint32_t c = 0;

    if (size)
        kn_utf8_next_within(text, size, &c);
    return c;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || c == 0x3000 || kn_char_is_control(c);
}

static bool has_letters(const char *text, size_t size, bool (*are)(uint32_t c))
{
    uint32_t c;

    for (size_t at = 0; at < size;) {
        if ((unsigned char)text[at] < 0xe0) { /* below U+0800 there is none of them */
            at++;
            continue;
        }
        at += kn_utf8_next_within(text + at, size - at, &c);
        if (are(c))
            return true;
    }
    return false;
}

bool kn_words_spaceless(const char *text, size_t size)
{
    return has_letters(text, size, kn_char_is_spaceless);
}

/* ---- ICU ---- */

static UBreakIterator *prototype;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_prototype(void)
{
    UErrorCode status = U_ZERO_ERROR;

    prototype = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
    if (U_FAILURE(status))
        prototype = NULL;
}

/* NULL where ICU's data are missing: then a run without spaces is one word. */
static UBreakIterator *open_iterator(void)
{
    UErrorCode status = U_ZERO_ERROR;

    pthread_once(&once, open_prototype);
    UBreakIterator *iterator = prototype ? ubrk_clone(prototype, &status) : NULL;
    return U_SUCCESS(status) ? iterator : NULL;
}

/* ---- words ---- */

enum kind {
    KIND_WORD,
    KIND_OPENING, /* 「 */
    KIND_MARK,    /* 。 */
    KIND_TAIL     /* letters that begin no word: ー, small kana, repetition marks */
};

static bool is_tail(uint32_t c)
{
    static const char *const tails =
        "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞヽヾ々んンๆ";
    uint8_t text[8] = {0};
    int n = c >= 0x0e00 ? u8_uctomb(text, c, sizeof text) : 0;

    return n > 0 && strstr(tails, (const char *)text);
}

static enum kind kind_of(const char *text, size_t size)
{
    uint32_t c, first = first_char(text, size);
    bool opens = true;

    for (size_t at = 0; at < size;) {
        at += kn_utf8_next_within(text + at, size - at, &c);
        if (kn_char_is_in_words(c))
            return is_tail(first) ? KIND_TAIL : KIND_WORD;
        opens = opens && kn_char_opens(c);
    }
    return opens ? KIND_OPENING : KIND_MARK;
}

/* With 数, "several": 数人, 数百年. */
static bool is_numeral(uint32_t c)
{
    return kn_char_is_numeral(c) || c == 0x6570 || c == '.' || c == ',';
}

static bool is_number(const char *text, size_t size)
{
    uint32_t c;

    for (size_t at = 0; at < size;) {
        at += kn_utf8_next_within(text + at, size - at, &c);
        if (!is_numeral(c))
            return false;
    }
    return size > 0;
}

/* Letters that are no words of their own in Japanese or Chinese, but make one of the word before
 * them: 集中力, 可能性. */
static bool is_suffix(const char *text, size_t size)
{
    static const char *const suffixes = "力性化者員员率式型製系級级感観論论";
    char letter[4] = {0};

    if (size != 3)
        return false;
    memcpy(letter, text, 3);
    return strstr(suffixes, letter) != NULL;
}

static bool is_text(const char *text, size_t from, size_t to, const char *word)
{
    return to - from == strlen(word) && memcmp(text + from, word, to - from) == 0;
}

/* Does ICU's dictionary part what is one word: a number and what is counted, a noun's suffix, the
 * "er" of Japanese (えっと)? */
static bool belongs(const char *text, const struct kn_word_span *word, size_t from, size_t to)
{
    uint32_t before = last_char(text + word->from, word->to - word->from);

    if (is_text(text, from, to, "と") && (is_text(text, word->from, word->to, "えっ") ||
                                          is_text(text, word->from, word->to, "ええ") ||
                                          is_text(text, word->from, word->to, "えー")))
        return true;

    if (!kn_char_is_han(first_char(text + from, to - from)))
        return false;
    /* Each segment asks this of the whole word so far, so that it must not grow on and on. */
    return (word->to - word->from < LETTERS_BYTES &&
            is_number(text + word->from, word->to - word->from)) ||
           (kn_char_is_han(before) && is_suffix(text + from, to - from));
}

/* The words of a run while they are gathered. */
struct run {
    const char *text;
    struct kn_word_spans *words;
    struct kn_word_span open; /* the word in the making; empty: none */
    bool lettered;            /* it has a letter already */
};

static void close_word(struct run *run)
{
    if (run->open.to > run->open.from)
        kn_vec_push(run->words, run->open);
    run->open.from = run->open.to;
    run->open.after_space = false;
    run->lettered = false;
}

/* Takes one segment [from, to) of ICU's. Where the joint would be written with a space, though
 * there is none, it is no joint: "foo-bar" stays whole among Japanese. */
static void add_segment(struct run *run, size_t from, size_t to)
{
    const char *text = run->text;
    enum kind kind = kind_of(text + from, to - from);
    bool some = run->open.to > run->open.from;

    if (some && (kind == KIND_OPENING ? run->lettered : kind == KIND_WORD && run->lettered)) {
        uint32_t before = last_char(text + run->open.from, run->open.to - run->open.from);
        if (!kn_chars_spaced(before, first_char(text + from, to - from)) &&
            !belongs(text, &run->open, from, to))
            close_word(run);
    }
    run->open.to = to;
    run->lettered = run->lettered || kind == KIND_WORD || kind == KIND_TAIL;
}

/* Cuts [from, to) and leaves its last word open. */
static void cut_window(UBreakIterator *iterator, struct run *run, size_t from, size_t to)
{
    UErrorCode status = U_ZERO_ERROR;
    UText *source = utext_openUTF8(NULL, run->text + from, (int64_t)(to - from), &status);

    ubrk_setUText(iterator, source, &status);
    int32_t before = ubrk_first(iterator), at;
    while (U_SUCCESS(status) && (at = ubrk_next(iterator)) != UBRK_DONE) {
        add_segment(run, from + (size_t)before, from + (size_t)at);
        before = at;
    }
    if (from + (size_t)before < to) /* ICU failed: the rest is one word */
        run->open.to = to;
    utext_close(source);
}

/* Behind the last mark, if there is one, for what comes after it does not change the words before.
 * Else at the start of a character at least. */
static size_t window_end(const char *text, size_t from, size_t to)
{
    size_t end = from + WINDOW, mark = from;
    uint32_t c;

    if (end >= to)
        return to;
    for (size_t at = from, n; (n = kn_utf8_next_within(text + at, to - at, &c)) && at + n <= end;
         at += n)
        if (!kn_char_is_in_words(c))
            mark = at + n;
    if (mark > from + WINDOW / 2)
        return mark;
    while (end > from + 1 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    return end;
}

static void cut_run(const char *text, size_t from, size_t to, bool after_space,
                    struct kn_word_spans *words)
{
    struct run run = {.text = text, .words = words, .open = {from, from, after_space}};
    UBreakIterator *iterator = kn_utf8_valid(text + from, to - from) ? open_iterator() : NULL;

    if (!iterator)
        run.open.to = to;
    for (size_t at = from; iterator && at < to;) {
        size_t end = window_end(text, at, to);
        cut_window(iterator, &run, at, end);
        /* The last word may go on behind the window, unless it fills much of it. */
        if (end < to && run.open.from > at + WINDOW / 2 &&
            kn_char_is_in_words(last_char(text, end))) {
            end = run.open.from;
            run.open.to = end;
            run.lettered = false;
        }
        at = end;
    }
    if (iterator)
        ubrk_close(iterator);
    close_word(&run);
}

/* Do spaces part phrases here, as Japanese and Thai subtitles have them, and not each word, as some
 * recognisers do? Then the text has more letters between them than words have. */
enum { PHRASE_LETTERS_LEAST = 4 };

static void forget_tight_spaces(const char *text, size_t size, struct kn_word_spans *words,
                                int first)
{
    int letters = 0, spaces = 1;
    uint32_t c;

    for (size_t at = 0; at < size;) {
        at += kn_utf8_next_within(text + at, size - at, &c);
        letters += kn_char_is_spaceless(c) && kn_char_is_in_words(c);
    }
    for (int i = first; i < words->count; i++)
        spaces += i > first && words->at[i].after_space;
    if (letters >= spaces * PHRASE_LETTERS_LEAST)
        return;
    for (int i = first; i < words->count; i++)
        words->at[i].after_space = false;
}

void kn_words_find(const char *text, size_t size, struct kn_word_spans *words)
{
    bool after_space = false, after_end = false, any_spaceless = false;
    int first = words->count;

    for (size_t at = 0, n; at < size;) {
        uint32_t c;
        bool spaceless = false;
        size_t end = at;

        n = kn_utf8_next_within(text + at, size - at, &c);
        if (is_space(c)) {
            after_end = after_end || c == '\n' || c == '\r';
            after_space = after_space || (c != '\n' && c != '\r');
            at += n;
            continue;
        }
        /* A line's end stands for a space only where words have one. */
        if (after_end && words->count > first && !after_space)
            after_space = kn_chars_spaced(last_char(text, kn_vec_last(words)->to), c);
        for (; end < size; end += n) {
            n = kn_utf8_next_within(text + end, size - end, &c);
            if (is_space(c))
                break;
            spaceless = spaceless || kn_char_is_spaceless(c);
        }
        any_spaceless = any_spaceless || spaceless;
        if (spaceless)
            cut_run(text, at, end, after_space, words);
        else
            kn_vec_push(words, ((struct kn_word_span){at, end, after_space}));
        after_space = after_end = false;
        at = end;
    }
    if (any_spaceless)
        forget_tight_spaces(text, size, words, first);
}

/* ---- grammar ---- */

/* The letters of a word, without marks, in `ret_letters`; longer words are cut. */
static void letters_of(const char *word, char ret_letters[LETTERS_BYTES])
{
    size_t length = 0, n;
    uint32_t c;

    for (; (n = kn_utf8_next(word, &c)); word += n) {
        if (!kn_char_is_in_words(c))
            continue;
        if (length + n >= LETTERS_BYTES)
            break;
        memcpy(ret_letters + length, word, n);
        length += n;
    }
    ret_letters[length] = '\0';
}

/* Is it one of the words of a list that a space stands around? */
static bool is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; n && (at = strstr(at, word)); at += n)
        if (at > list && at[-1] == ' ' && at[n] == ' ')
            return true;
    return false;
}

/* Particles: they lean on whatever is before them. */
static const char particles[] =
    " は が を に で と も の へ や か ね よ な わ さ ぞ ぜ し ば て から まで より だけ しか ほど "
    "など "
    "くらい ぐらい ばかり って という といった として について によって による とって には では "
    "でも "
    "とは とも にも への からは までに のは のが のを のに のも ので けど けれど けれども ながら "
    "たり "
    "なら です でした でしょ でしょう だ だった だろう だろ かな かも よね こそ さえ すら ";

/* After these a verb begins a phrase of its own (秘密が あります), which it would not after 〜て.
 */
static const char cases[] =
    " は が を に も へ と の から まで には では でも とは のは のが のを ";

/* Words in Hiragana that begin a phrase. All others are taken for endings, which ICU cuts into
 * pieces: 行|かな|け|れ|ば. */
static const char independent[] =
    " これ それ あれ どれ ここ そこ あそこ どこ こう そう どう この その あの どの こんな そんな "
    "あんな どんな こちら そちら あちら どちら なぜ なに なん いつ だれ とても もっと もう まだ "
    "また "
    "まず すぐ ずっと きっと ちょっと たくさん みんな みなさん あなた わたし ぼく おれ そして "
    "しかし "
    "だから だけど それで それから それに それでも つまり たとえば ところで じゃあ さて さあ ただ "
    "ただし もし もしも やはり やっぱり ほとんど すべて いちばん いい よい よく うまく すごい "
    "すごく "
    "おいしい うれしい たのしい かなり ほんとう ほんとうに ぜひ むしろ いつも いつか あまり "
    "あまりに "
    "はい いいえ うん ええ えっと あの えー まあ ありがとう おはよう こんにちは いろいろ いろんな "
    "どうして どうやって なので ですから ところが さらに いくつ しっかり はっきり ゆっくり ";

/* Chinese, after Han letters alone; and Thai. */
static const char chinese_particles[] = " 的 了 着 过 们 吗 呢 吧 啊 嘛 呀 啦 得 地 過 們 嗎 著 ";
static const char thai_particles[] = " ครับ ค่ะ คะ นะ จ้ะ จ๊ะ ล่ะ ";

/* What joins to something that is still to come. */
static const char waiting[] =
    " は が を に で と も の へ や て から より として について によって による という といった "
    "とって ので のに けど けれど けれども し ながら たり なら たら れば ば には では とは への "
    "のは "
    "のが のを この その あの どの こんな そんな あんな どんな な お ご そして しかし だから でも "
    "また または および あるいは もし なぜなら つまり 約 第 毎 "
    "的 和 与 與 或 在 把 被 对 對 从 從 向 跟 比 给 給 因为 因為 所以 但 但是 如果 虽然 雖然 而 "
    "而且 "
    "就 是 不 很 也 都 要 会 會 能 这 這 那 一个 一個 "
    "ที่ ของ และ หรือ แต่ ใน กับ จาก เพื่อ โดย เพราะ ว่า จะ ไม่ การ ความ ";

static bool is_hiragana(const char *letters)
{
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(letters, &c)); letters += n)
        if (!kn_char_is_hiragana(c) && c != 0x30fc) /* ー */
            return false;
    return true;
}

bool kn_word_leans(const char *before, const char *word)
{
    char letters[LETTERS_BYTES], letters_before[LETTERS_BYTES];
    uint32_t last = kn_utf8_last(before), first = kn_utf8_first(word);

    if (!kn_char_is_in_words(first))
        return last && !kn_char_opens(first);
    letters_of(word, letters);
    bool particle = is_listed(particles, letters);
    /* After a mark something new begins, but 「はい」と is one. */
    if (last && !kn_char_is_in_words(last))
        return particle && (last == 0x300d || last == 0x300f || last == 0xff09 || last == 0x201d);
    if (particle || is_tail(first) || is_listed(thai_particles, letters))
        return true;
    if (!last || kn_char_is_han(last))
        if (is_listed(chinese_particles, letters))
            return true;
    if (!kn_char_is_hiragana(first) || !is_hiragana(letters) || is_listed(independent, letters))
        return false;
    letters_of(before, letters_before);
    return !is_listed(cases, letters_before);
}

bool kn_word_waits(const char *word)
{
    char letters[LETTERS_BYTES];
    uint32_t last = kn_utf8_last(word);

    if (!kn_char_is_in_words(last)) /* a comma leaves it waiting all the same */
        return last == 0x3001 || last == 0xff0c || last == ',';
    letters_of(word, letters);
    return is_listed(waiting, letters);
}

double kn_word_measure(const char *word)
{
    /* A minute of talk is about 150 words of English, 330 letters of Japanese, 250 of Chinese;
     * Thai words are as long as English ones. */
    const double letters_a_word = 2.2;
    int letters = 0;
    bool wide = false;
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(word, &c)); word += n) {
        letters += kn_char_is_in_words(c);
        wide = wide || kn_char_is_japanese_or_chinese(c);
    }
    return wide ? letters / letters_a_word : 1;
}

/* ---- line breaks ---- */

/* In letters of full width: two narrow ones are as wide. */
static int width_between(const char *text, size_t from, size_t to)
{
    int columns = 0;
    uint32_t c;

    while (from < to) {
        from += kn_utf8_next_within(text + from, to - from, &c);
        if (kn_char_is_in_words(c))
            columns += kn_char_is_japanese_or_chinese(c) || kn_char_is_hangul(c) ? 2 : 1;
    }
    return (columns + 1) / 2;
}

/* A copy of a span with a closing NUL, for what takes C strings; long ones are cut. */
static const char *copy_span(const char *text, size_t from, size_t to, char ret_copy[LETTERS_BYTES])
{
    size_t n = KN_MIN(to - from, (size_t)LETTERS_BYTES - 1);

    memcpy(ret_copy, text + from, n);
    ret_copy[n] = '\0';
    return ret_copy;
}

/* Korean has spaces, and readers want its words whole, though UAX #14 would break them. */
static bool is_kept_whole(uint32_t c)
{
    return kn_char_is_spaceless(c) || kn_char_is_hangul(c);
}

/* Forbids breaks inside [from, to) unless it is longer than that. */
static void keep_whole(const char *text, size_t from, size_t to, int most, bool *breaks)
{
    if (width_between(text, from, to) <= most)
        memset(breaks + from + 1, false, to - from - 1);
}

void kn_words_breaks(const char *text, size_t size, int most, bool *ret_breaks)
{
    struct kn_word_spans words = {0};

    kn_utf8_breaks(text, size, ret_breaks);
    if (!has_letters(text, size, is_kept_whole))
        return;
    kn_words_find(text, size, &words);
    for (int i = 0; i < words.count;) {
        size_t from = words.at[i].from, to = words.at[i].to;
        keep_whole(text, from, to, most, ret_breaks); /* where the phrase is too long to be kept */
        for (i++; i < words.count && words.at[i].from == to; i++) {
            char before[LETTERS_BYTES], word[LETTERS_BYTES];
            const struct kn_word_span *w = &words.at[i];
            copy_span(text, words.at[i - 1].from, words.at[i - 1].to, before);
            copy_span(text, w->from, w->to, word);
            if (!kn_word_leans(before, word))
                break;
            keep_whole(text, w->from, w->to, most, ret_breaks);
            to = w->to;
        }
        keep_whole(text, from, to, most, ret_breaks);
    }
    kn_vec_free(&words);
}
