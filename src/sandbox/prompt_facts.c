#include "sandbox/prompt_facts.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/vec.h"

enum { NUMBERS_MAX = 20000, WORDS_MAX = 4000, NAMES_MAX = 2000, TOKEN_BYTES_MAX = 40 };

/* ---- names of properties ---- */

bool kn_name_has(const char *property, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = property; *at;) {
        size_t part = isupper((unsigned char)*at) ? 1 : 0;
        while (at[part] && at[part] != '_' && at[part] != '-' && !isupper((unsigned char)at[part]))
            part++;
        if (part == length && strncasecmp(at, word, length) == 0)
            return true;
        at += KN_MAX(part, 1);
        at += *at == '_' || *at == '-';
    }
    return false;
}

static bool has_any(const char *property, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (kn_name_has(property, words[i]))
            return true;
    return false;
}

bool kn_name_is_start(const char *property)
{
    static const char *const words[] = {"start", "begin", "from", "first", NULL};
    return has_any(property, words);
}

bool kn_name_is_end(const char *property)
{
    static const char *const words[] = {"end", "to", "last", "until", "stop", NULL};
    return has_any(property, words);
}

bool kn_name_is_time(const char *property)
{
    static const char *const words[] = {"time", "at",  "seconds", "timestamp", "s",
                                        "ms",   "sec", "second",  "position",  NULL};
    return has_any(property, words) ||
           ((kn_name_is_start(property) || kn_name_is_end(property)) && !kn_name_is_id(property));
}

bool kn_name_is_id(const char *property)
{
    static const char *const words[] = {"id",   "index",    "number", "frame",   "line", "shot",
                                        "item", "sentence", "image",  "picture", "n",    NULL};
    return has_any(property, words);
}

/* ---- the text ---- */

struct scan {
    KN_VEC(struct kn_prompt_number) numbers;
    KN_VEC(const char *) words;
    KN_VEC(const char *) names;
    char label[24];   /* the last word, while only marks follow it */
    bool line_begins; /* nothing but marks since the line's begin */
    struct kn_arena *arena;
};

/* "12", "-3.5", "1:02:03.4": how many bytes; 0: no number. */
static size_t read_number(const char *at, struct kn_prompt_number *number)
{
    char *end;
    *number = (struct kn_prompt_number){.whole = true, .time_s = NAN};
    if (!isdigit((unsigned char)*at))
        return 0;
    const char *from = at;
    for (;;) {
        size_t digits = strspn(at, "0123456789");
        bool point = at[digits] == '.' && isdigit((unsigned char)at[digits + 1]);
        number->value = number->value * 60 + strtod(at, &end);
        number->whole &= !point;
        at += digits + (point ? 1 + strspn(at + digits + 1, "0123456789") : 0);
        if (*at != ':' || !isdigit((unsigned char)at[1]) || point)
            break;
        number->clock = true;
        number->whole = false;
        at++;
    }
    return (size_t)(at - from);
}

static bool is_letter(unsigned char c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

static void take_word(struct scan *scan, const char *at, size_t length)
{
    size_t kept = KN_MIN(length, sizeof scan->label - 1);
    bool digits = false, ascii = true;
    for (size_t i = 0; i < length; i++) {
        digits |= isdigit((unsigned char)at[i]) != 0;
        ascii &= (unsigned char)at[i] < 0x80;
    }
    for (size_t i = 0; i < kept; i++)
        scan->label[i] = (char)tolower((unsigned char)at[i]);
    scan->label[kept] = '\0';
    scan->line_begins = false;
    if (length > TOKEN_BYTES_MAX && ascii)
        return; /* base64, URLs */
    if (digits && scan->names.count < NAMES_MAX)
        kn_vec_push(&scan->names, kn_arena_strndup(scan->arena, at, length));
    if (!digits && length > 1 && scan->words.count < WORDS_MAX)
        kn_vec_push(&scan->words, kn_arena_strndup(scan->arena, at, length));
}

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (is_letter((unsigned char)at[length]) || isdigit((unsigned char)at[length]) ||
           ((at[length] == '-' || at[length] == '\'') && length &&
            isalnum((unsigned char)at[length + 1])))
        length++;
    return length;
}

static void take_number(struct scan *scan, struct kn_prompt_number number)
{
    memcpy(number.label, scan->label, sizeof number.label);
    number.begins_line = scan->line_begins;
    number.words = scan->words.count;
    struct kn_prompt_number *before = scan->numbers.count ? kn_vec_last(&scan->numbers) : NULL;
    if (before && before->begins_line && !number.begins_line && !number.whole)
        before->time_s = number.value;
    scan->label[0] = '\0';
    scan->line_begins = false;
    if (scan->numbers.count < NUMBERS_MAX)
        kn_vec_push(&scan->numbers, number);
}

/* One token, or one byte that is none. */
static size_t scan_at(struct scan *scan, const char *at)
{
    struct kn_prompt_number number;
    size_t length = read_number(at, &number);
    if (length && !is_letter((unsigned char)at[length])) {
        take_number(scan, number);
        return length;
    }
    length = word_length(at);
    if (length) {
        size_t digits = read_number(at, &number);
        if (digits && length <= digits + 2 && isalpha((unsigned char)at[length - 1])) {
            take_number(scan, number); /* "12.5s", with its unit */
            return KN_MAX(length, digits);
        }
        take_word(scan, at, length);
        return length;
    }
    if (*at == '\n') {
        scan->line_begins = true;
        scan->label[0] = '\0';
    } else if (!strchr(" \t\":=#'[(", *at)) {
        scan->label[0] = '\0';
    }
    return 1;
}

void kn_prompt_facts_read(const char *text, int images, struct kn_arena *arena,
                          struct kn_prompt_facts *ret_facts)
{
    struct scan scan = {.line_begins = true, .arena = arena};
    for (const char *at = text; *at;)
        at += scan_at(&scan, at);
    *ret_facts = (struct kn_prompt_facts){
        .numbers = kn_vec_to_arena(&scan.numbers, arena),
        .number_count = scan.numbers.count,
        .words = kn_vec_to_arena(&scan.words, arena),
        .word_count = scan.words.count,
        .names = kn_vec_to_arena(&scan.names, arena),
        .name_count = scan.names.count,
        .images = images,
    };
    kn_vec_free(&scan.numbers);
    kn_vec_free(&scan.words);
    kn_vec_free(&scan.names);
}

/* ---- numbers for a property ---- */

enum choice { LABELLED, OF_LINES, OF_TIMES, CHOICES };

/* Words for the same thing. */
static bool names_alike(const char *property, const char *label)
{
    static const char *const pictures[] = {"frame", "picture", "image", NULL};
    bool end = kn_name_is_start(label) || kn_name_is_end(label);
    if (end && kn_name_is_id(property)) /* "the first 3" numbers no line */
        return false;
    return kn_name_has(property, label) ||
           (has_any(property, pictures) && has_any(label, pictures));
}

static bool is_chosen(const struct kn_prompt_number *number, const char *property, bool whole,
                      enum choice choice)
{
    if (whole && !number->whole)
        return false;
    switch (choice) {
    case LABELLED:
        return number->label[0] && names_alike(property, number->label);
    case OF_LINES:
        return number->begins_line && number->whole &&
               (kn_name_is_id(property) || (whole && kn_name_is_time(property)));
    default:
        return kn_name_is_time(property) && (number->clock || !number->whole);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int without_repetitions(double *values, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (kept == 0 || values[i] != values[kept - 1])
            values[kept++] = values[i];
    return kept;
}

int kn_prompt_numbers_for(const struct kn_prompt_facts *facts, const char *property, bool whole,
                          bool sorted, struct kn_arena *arena, const double **ret_values)
{
    KN_SCOPED_MEM double *values = kn_calloc((size_t)facts->number_count + 1, sizeof *values);
    int best = 0;
    *ret_values = NULL;
    for (int choice = LABELLED; choice < CHOICES; choice++) {
        int count = 0;
        for (int i = 0; i < facts->number_count; i++)
            if (is_chosen(&facts->numbers[i], property, whole, (enum choice)choice))
                values[count++] = facts->numbers[i].value;
        if (sorted)
            qsort(values, (size_t)count, sizeof *values, by_size);
        count = without_repetitions(values, count);
        if (count > best) {
            *ret_values = kn_arena_copy(arena, values, (size_t)count * sizeof *values);
            best = count;
        }
    }
    return best;
}

bool kn_prompt_line_within(const struct kn_prompt_facts *facts, double first, double span_s,
                           double *ret_last)
{
    const struct kn_prompt_number *from = NULL;
    for (int i = 0; i < facts->number_count; i++) {
        const struct kn_prompt_number *number = &facts->numbers[i];
        if (!number->begins_line || !number->whole || isnan(number->time_s))
            continue;
        if (!from && number->value == first)
            from = number;
        else if (from && number->value > first && number->time_s <= from->time_s + span_s)
            *ret_last = number->value;
        else if (from)
            break;
        if (from == number)
            *ret_last = first;
    }
    return from != NULL;
}

int kn_prompt_words_at(const struct kn_prompt_facts *facts, double number)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < facts->number_count; i++) {
            const struct kn_prompt_number *n = &facts->numbers[i];
            if (n->value == number && n->begins_line == (pass == 0) && n->words < facts->word_count)
                return n->words;
        }
    return -1;
}
