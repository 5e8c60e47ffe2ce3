/*
 * A transcript of a whole source, as SubRip or as the timeline's JSON. Read here and not by the
 * program's own readers, which are among what the sandbox tests.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "sandbox/spoken.h"

#define TIME_US_MAX (INT64_C(1000) * 3600 * 1000000)

KN_VEC_TYPE(word_list, struct kn_spoken_word);

/* "00:01:02,345"; -1: it is none. */
static int64_t parse_time(const char *text)
{
    unsigned hours, minutes, s, ms; /* a sign makes them large */
    char mark;
    if (sscanf(text, " %3u:%2u:%2u%c%3u", &hours, &minutes, &s, &mark, &ms) != 5 ||
        (mark != ',' && mark != '.') || hours > 999 || minutes > 59 || s > 59 || ms > 999)
        return -1;
    return (((int64_t)hours * 60 + minutes) * 60 + s) * 1000000 + (int64_t)ms * 1000;
}

/* Takes one line off the text. */
static char *next_line(char **at)
{
    char *line = *at;
    size_t length = strcspn(line, "\n");
    *at = line + length + (line[length] == '\n');
    line[length] = '\0';
    if (length && line[length - 1] == '\r')
        line[length - 1] = '\0';
    return line;
}

static enum kn_status read_srt(const char *path, char *text, struct kn_arena *arena,
                               struct word_list *words, struct kn_error *err)
{
    int number = 0;
    for (char *at = text; *at;) {
        char *line = next_line(&at);
        char *arrow = strstr(line, "-->");
        number++;
        if (!arrow)
            continue;
        int64_t start = parse_time(line), end = parse_time(arrow + 3);
        if (start < 0 || end < start)
            return kn_error_set(err, KN_INVALID, "%s:%d: “%.60s” are no times", path, number, line);
        KN_SCOPED_STR said = {0};
        while (*at && *(line = next_line(&at))) {
            number++;
            kn_str_printf(&said, "%s%s", said.length ? " " : "", line);
        }
        number++;
        struct kn_spoken cue;
        kn_spoken_spread(kn_str_text(&said), start, end, arena, &cue);
        for (int i = 0; i < cue.count; i++)
            kn_vec_push(words, cue.words[i]);
    }
    return KN_OK;
}

static enum kn_status read_timeline(const char *path, const json_t *json, struct kn_arena *arena,
                                    struct word_list *words, struct kn_error *err)
{
    size_t i;
    const json_t *word, *list = json_object_get(json, "words");
    if (!json_is_array(list))
        return kn_error_set(err, KN_INVALID, "%s holds no words", path);
    json_array_foreach(list, i, word)
    {
        const json_t *start = json_object_get(word, "start_us"),
                     *end = json_object_get(word, "end_us");
        const char *text = json_string_value(json_object_get(word, "text"));
        struct kn_spoken_word said = {json_integer_value(start), json_integer_value(end),
                                      kn_arena_strdup(arena, text)};
        if (!json_is_integer(start) || !json_is_integer(end) || !text || said.start_us < 0 ||
            said.end_us < said.start_us || said.end_us > TIME_US_MAX)
            return kn_error_set(err, KN_INVALID, "%s: words[%zu] is no start_us, end_us and text",
                                path, i);
        kn_vec_push(words, said);
    }
    return KN_OK;
}

static int by_start(const void *a, const void *b)
{
    const struct kn_spoken_word *x = a, *y = b;
    return (x->start_us > y->start_us) - (x->start_us < y->start_us);
}

/* SubRip does not say its language; scripts do, for the two that matter here. */
static const char *guess_language(const struct word_list *words)
{
    for (int i = 0; i < words->count; i++)
        for (const char *at = words->at[i].text; *at;) {
            uint32_t c;
            at += kn_utf8_next(at, &c);
            if (kn_char_is_hiragana(c))
                return "japanese";
        }
    return "english";
}

enum kn_status kn_spoken_read(const char *path, const char *text, size_t size,
                              struct kn_arena *arena, struct kn_spoken *ret_spoken,
                              struct kn_error *err)
{
    struct word_list words = {0};
    KN_SCOPED_JSON json = NULL;
    enum kn_status status;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (!kn_utf8_valid(text, size) || memchr(text, '\0', size))
        return kn_error_set(err, KN_INVALID, "%s is no text in UTF-8", path);
    if (text[strspn(text, " \t\r\n")] == '{') {
        json_error_t wrong;
        json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
        if (!json)
            return kn_error_set(err, KN_INVALID, "%s:%d: %s", path, wrong.line, wrong.text);
        status = read_timeline(path, json, arena, &words, err);
    } else {
        KN_SCOPED_MEM char *copy = kn_strdup(text);
        status = read_srt(path, copy, arena, &words, err);
    }
    if (status == KN_OK && !words.count)
        status = kn_error_set(err, KN_INVALID, "%s holds no words with times", path);
    if (status == KN_OK) {
        const char *code = json_string_value(json_object_get(json, "language"));
        qsort(words.at, (size_t)words.count, sizeof *words.at, by_start);
        ret_spoken->words = kn_vec_to_arena(&words, arena);
        ret_spoken->count = words.count;
        ret_spoken->language =
            kn_language_name(code) ? kn_language_name(code) : guess_language(&words);
    }
    kn_vec_free(&words);
    return status;
}
