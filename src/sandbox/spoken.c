#include "sandbox/spoken.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "sandbox/chance.h"

KN_VEC_TYPE(word_list, struct kn_spoken_word);

static void finish(struct word_list *words, const char *language, struct kn_arena *arena,
                   struct kn_spoken *ret_spoken)
{
    ret_spoken->words = kn_vec_to_arena(words, arena);
    ret_spoken->count = words->count;
    ret_spoken->language = language;
    kn_vec_free(words);
}

/* ---- made up ---- */

static const char *const openers[] = {"today", "first", "now",     "here",   "then",
                                      "so",    "and",   "finally", "before", "because"};
static const char *const subjects[] = {"we",        "people",    "you",      "the team",
                                       "a model",   "nobody",    "the data", "every video",
                                       "this idea", "the answer"};
static const char *const verbs[] = {"saw",    "learned", "needed",   "changed", "built",
                                    "forgot", "found",   "measured", "tested",  "shared"};
static const char *const objects[] = {"the result", "a question",   "good sound", "the whole story",
                                      "one number", "better tools", "a surprise", "the next step",
                                      "an example", "what matters"};

/* A sentence of 5 to 9 words, with spaces between them. */
static void add_sentence(struct kn_str *out, struct kn_chance *chance)
{
    static const char *const *const parts[] = {openers, subjects, verbs, objects};
    size_t start = out->length;
    for (size_t p = kn_chance_below(chance, 3) == 0 ? 1 : 0; p < KN_COUNT_OF(parts); p++)
        kn_str_printf(out, "%s%s", out->length > start ? " " : "",
                      parts[p][kn_chance_below(chance, (int)KN_COUNT_OF(openers))]);
    out->at[start] = (char)(out->at[start] - 'a' + 'A');
    kn_str_add_char(out, kn_chance_below(chance, 6) == 0 ? '?' : '.');
}

void kn_spoken_make(uint64_t content, int64_t duration_us, struct kn_arena *arena,
                    struct kn_spoken *ret_spoken)
{
    enum { QUIET_US = 150000, PAUSE_US = 600000, DURATION_S_MAX = 4 * 3600 };
    struct kn_chance chance = kn_chance_of(0, content, 0, "speech");
    struct word_list words = {0};
    int64_t end = KN_MIN(duration_us, DURATION_S_MAX * INT64_C(1000000)) - QUIET_US;
    for (int64_t at = QUIET_US; at < end;) {
        KN_SCOPED_STR sentence = {0};
        add_sentence(&sentence, &chance);
        char *rest = sentence.at;
        for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
            int64_t length =
                120000 + (int64_t)strlen(word) * 45000 + kn_chance_below(&chance, 60000);
            if (at + length > end)
                break;
            struct kn_spoken_word said = {at, at + length, kn_arena_strdup(arena, word)};
            kn_vec_push(&words, said);
            at += length + 20000 + kn_chance_below(&chance, 40000);
        }
        at += PAUSE_US + kn_chance_below(&chance, 500000);
    }
    finish(&words, "english", arena, ret_spoken);
}

/* ---- of a whole source ---- */

void kn_spoken_piece(const struct kn_spoken *whole, int64_t start_us, int64_t duration_us,
                     struct kn_arena *arena, struct kn_spoken *ret_spoken)
{
    struct word_list words = {0};
    int64_t end = start_us + duration_us;
    for (int i = 0; i < whole->count; i++) {
        struct kn_spoken_word word = whole->words[i];
        if (word.start_us < start_us || word.start_us >= end)
            continue;
        word.start_us -= start_us;
        word.end_us = KN_MIN(word.end_us, end) - start_us;
        kn_vec_push(&words, word);
    }
    finish(&words, whole->language, arena, ret_spoken);
}

/* Bytes of the word at `at`: to the next space, or two characters where a script has none. */
static size_t word_length(const char *at)
{
    enum { CHARACTERS = 2 };
    size_t length = 0;
    int spaceless = 0;
    while (at[length] && !strchr(" \t\r\n", at[length])) {
        uint32_t c;
        size_t whole = kn_utf8_grapheme(at + length);
        kn_utf8_next(at + length, &c);
        bool letter = kn_char_is_spaceless(c);
        if (letter && (spaceless == CHARACTERS || (length && !spaceless)))
            break;
        spaceless += letter;
        length += whole;
    }
    return length;
}

void kn_spoken_spread(const char *text, int64_t start_us, int64_t end_us, struct kn_arena *arena,
                      struct kn_spoken *ret_spoken)
{
    struct word_list words = {0};
    int64_t letters = 0, passed = 0;
    for (const char *at = text + strspn(text, " \t\r\n"); *at; at += strspn(at, " \t\r\n")) {
        size_t length = KN_MAX(word_length(at), 1);
        struct kn_spoken_word word = {.text = kn_arena_strndup(arena, at, length)};
        letters += kn_utf8_graphemes(word.text);
        kn_vec_push(&words, word);
        at += length;
    }
    double letter_us = (double)(end_us - start_us) / (double)KN_MAX(letters, 1);
    for (int i = 0; i < words.count; i++) {
        struct kn_spoken_word *word = &words.at[i];
        word->start_us = start_us + (int64_t)(letter_us * (double)passed);
        passed += kn_utf8_graphemes(word->text);
        word->end_us = start_us + (int64_t)(letter_us * (double)passed);
    }
    finish(&words, NULL, arena, ret_spoken);
}

/* ---- lines and texts ---- */

static bool ends_sentence(const char *word)
{
    uint32_t c = kn_utf8_last(word);
    return c == '.' || c == '!' || c == '?' || c == 0x3002 || c == 0xff01 || c == 0xff1f;
}

int kn_spoken_segments(const struct kn_spoken *spoken, struct kn_arena *arena,
                       const struct kn_spoken_segment **ret_segments)
{
    enum { WORDS_MAX = 12, PAUSE_US = 1000000 };
    KN_VEC(struct kn_spoken_segment) segments = {0};
    for (int i = 0; i < spoken->count; i++) {
        const struct kn_spoken_word *word = &spoken->words[i];
        bool begins = i == 0 || kn_vec_last(&segments)->count == WORDS_MAX ||
                      ends_sentence(word[-1].text) || word->start_us - word[-1].end_us > PAUSE_US;
        struct kn_spoken_segment segment = {.first = i};
        if (begins)
            kn_vec_push(&segments, segment);
        kn_vec_last(&segments)->count++;
    }
    *ret_segments = kn_vec_to_arena(&segments, arena);
    int count = segments.count;
    kn_vec_free(&segments);
    return count;
}

void kn_spoken_text(const struct kn_spoken *spoken, int first, int count, struct kn_str *out)
{
    for (int i = first; i < first + count; i++) {
        if (i > first && kn_utf8_spaced(spoken->words[i - 1].text, spoken->words[i].text))
            kn_str_add_char(out, ' ');
        kn_str_add(out, spoken->words[i].text);
    }
}

/* ---- languages ---- */

static const struct {
    const char *code, *name;
} languages[] = {
    {"ar", "arabic"},     {"bg", "bulgarian"},  {"ca", "catalan"}, {"cs", "czech"},
    {"da", "danish"},     {"de", "german"},     {"el", "greek"},   {"en", "english"},
    {"es", "spanish"},    {"et", "estonian"},   {"fa", "persian"}, {"fi", "finnish"},
    {"fr", "french"},     {"he", "hebrew"},     {"hi", "hindi"},   {"hr", "croatian"},
    {"hu", "hungarian"},  {"id", "indonesian"}, {"it", "italian"}, {"ja", "japanese"},
    {"ko", "korean"},     {"lt", "lithuanian"}, {"lv", "latvian"}, {"ms", "malay"},
    {"nl", "dutch"},      {"no", "norwegian"},  {"pl", "polish"},  {"pt", "portuguese"},
    {"ro", "romanian"},   {"ru", "russian"},    {"sk", "slovak"},  {"sl", "slovenian"},
    {"sv", "swedish"},    {"th", "thai"},       {"tr", "turkish"}, {"uk", "ukrainian"},
    {"vi", "vietnamese"}, {"zh", "chinese"},
};

const char *kn_language_name(const char *code)
{
    for (size_t i = 0; code && i < KN_COUNT_OF(languages); i++) {
        size_t length = strlen(languages[i].code);
        bool begins = strncmp(languages[i].code, code, length) == 0;
        if (begins && (code[length] == '-' || code[length] == '\0'))
            return languages[i].name;
        if (strcmp(languages[i].name, code) == 0)
            return languages[i].name;
    }
    return NULL;
}

bool kn_language_is_iso(const char *code)
{
    return code[0] >= 'a' && code[0] <= 'z' && code[1] >= 'a' && code[1] <= 'z' && !code[2];
}
