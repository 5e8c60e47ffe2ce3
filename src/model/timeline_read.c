/*
 * Reads a timeline's JSON, which may come from anywhere: jansson parses it, each value is checked
 * against its row of the table, and then what a table can't say is checked.
 */
#include "model/timeline_json.h"

#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "model/timeline_fields.h"

/* Where the reader is, for error messages: "words[12].end_us" is built only when needed. */
struct place {
    const struct place *outer;
    const char *key;
    int index; /* -1: not in an array */
};

struct reader {
    struct kn_arena *arena;
    struct kn_error *err;
};

static void place_text(const struct place *p, char *text, size_t size)
{
    if (p->outer)
        place_text(p->outer, text, size);
    size_t n = strlen(text);
    if (p->key)
        snprintf(text + n, size - n, "%s%s", n ? "." : "", p->key);
    n = strlen(text);
    if (p->index >= 0)
        snprintf(text + n, size - n, "[%d]", p->index);
}

static enum kn_status wrong(const struct reader *r, const struct place *p, const char *what)
{
    char place[160] = "";
    place_text(p, place, sizeof place);
    return kn_error_set(r->err, KN_DAMAGED, "the timeline's %s %s", place, what);
}

static enum kn_status out_of_range(const struct reader *r, const struct place *p,
                                   const struct kn_field *f)
{
    char what[80];
    snprintf(what, sizeof what, "is not between %.15g and %.15g", f->min, f->max);
    return wrong(r, p, what);
}

static enum kn_status read_whole(const struct reader *r, const struct place *p,
                                 const struct kn_field *f, const json_t *value, int64_t *ret)
{
    if (!json_is_integer(value))
        return wrong(r, p, "is not a whole number");
    json_int_t n = json_integer_value(value);
    if ((double)n < f->min || (double)n > f->max)
        return out_of_range(r, p, f);
    *ret = n;
    return KN_OK;
}

static enum kn_status read_float(const struct reader *r, const struct place *p,
                                 const struct kn_field *f, const json_t *value, float *ret)
{
    if (!json_is_number(value))
        return wrong(r, p, "is not a number");
    double number = json_number_value(value);
    if (!(number >= f->min && number <= f->max))
        return out_of_range(r, p, f);
    *ret = (float)number + 0.0f; /* -0 is 0 */
    return KN_OK;
}

static enum kn_status read_floats(const struct reader *r, const struct place *p,
                                  const struct kn_field *f, const json_t *value, float *ret)
{
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        struct place here = {p, NULL, (int)i};
        if (read_float(r, &here, f, item, &ret[i]) != KN_OK)
            return r->err->status;
    }
    return KN_OK;
}

static enum kn_status read_struct(const struct reader *r, const struct place *p,
                                  const struct kn_field *fields, const json_t *object, char *base);

static enum kn_status read_rows(const struct reader *r, const struct place *p,
                                const struct kn_field *f, const json_t *value, char *base)
{
    const struct kn_row_type *type = f->rows;
    size_t count = json_array_size(value), i;
    json_t *item;

    if (!json_is_array(value))
        return wrong(r, p, "is not an array");
    if (count > INT_MAX / 2)
        return wrong(r, p, "is too long");
    char *rows = kn_arena_array(r->arena, count ? count : 1, type->size);
    json_array_foreach(value, i, item)
    {
        struct place here = {p, NULL, (int)i};
        char *row = rows + i * type->size;
        if (read_struct(r, &here, type->fields, item, row) != KN_OK)
            return r->err->status;
        if (type->sorted && i > 0) {
            size_t at = type->fields[0].offset;
            if (*(int64_t *)(row + at) < *(int64_t *)(row - type->size + at))
                return wrong(r, &here, "starts before the entry in front of it");
        }
    }
    *(char **)(base + f->offset) = count ? rows : NULL;
    *(int *)(base + f->count_offset) = (int)count;
    return KN_OK;
}

/* All curves of a sound share one count; the first that is read sets it. */
static enum kn_status read_curve(const struct reader *r, const struct place *p,
                                 const struct kn_field *f, const json_t *value, char *base)
{
    size_t count = json_array_size(value);
    int *at_count = (int *)(base + f->count_offset);
    bool first = f->offset == offsetof(struct kn_sound, loudness_lufs);

    if (!json_is_array(value))
        return wrong(r, p, "is not an array");
    if (count > INT_MAX / 2 || (!first && (int)count != *at_count))
        return wrong(r, p, "is not as long as the other curves");
    float *values = kn_arena_array(r->arena, count ? count : 1, sizeof *values);
    if (read_floats(r, p, f, value, values) != KN_OK)
        return r->err->status;
    *at_count = (int)count;
    *(float **)(base + f->offset) = count ? values : NULL;
    return KN_OK;
}

static enum kn_status read_text(const struct reader *r, const struct place *p,
                                const struct kn_field *f, const json_t *value, char **ret)
{
    if (f->type == FIELD_MAYBE && json_is_null(value))
        return KN_OK;
    if (!json_is_string(value))
        return wrong(r, p, "is not a text");
    *ret = kn_arena_strndup(r->arena, json_string_value(value), json_string_length(value));
    return KN_OK;
}

static enum kn_status read_name(const struct reader *r, const struct place *p,
                                const struct kn_field *f, const json_t *value, unsigned *ret)
{
    const char *text = json_string_value(value);
    for (int i = 0; text && i < f->name_count; i++) {
        if (strcmp(text, f->name(i)) == 0) {
            *ret = (unsigned)i;
            return KN_OK;
        }
    }
    return wrong(r, p, "is none of the known names");
}

static enum kn_status read_ratio(const struct reader *r, const struct place *p,
                                 const struct kn_field *f, const json_t *value,
                                 struct kn_rational *ret)
{
    int64_t num = 0, den = 0;
    if (!json_is_array(value) || json_array_size(value) != 2)
        return wrong(r, p, "is not a pair of numbers");
    if (read_whole(r, p, f, json_array_get(value, 0), &num) != KN_OK ||
        read_whole(r, p, f, json_array_get(value, 1), &den) != KN_OK)
        return r->err->status;
    *ret = (struct kn_rational){(int)num, (int)den};
    return KN_OK;
}

static enum kn_status read_field(const struct reader *r, const struct place *p,
                                 const struct kn_field *f, const json_t *value, char *base)
{
    void *at = base + f->offset;
    int64_t whole = 0;
    enum kn_status status;

    switch (f->type) {
    case FIELD_TIME:
        return read_whole(r, p, f, value, at);
    case FIELD_INT:
        status = read_whole(r, p, f, value, &whole);
        *(int *)at = (int)whole;
        return status;
    case FIELD_SHORT:
        status = read_whole(r, p, f, value, &whole);
        *(int16_t *)at = (int16_t)whole;
        return status;
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return wrong(r, p, "is neither true nor false");
        *(bool *)at = json_is_true(value);
        return KN_OK;
    case FIELD_FLOAT:
        return read_float(r, p, f, value, at);
    case FIELD_TEXT:
    case FIELD_MAYBE:
        return read_text(r, p, f, value, at);
    case FIELD_NAME:
        return read_name(r, p, f, value, at);
    case FIELD_PAIR:
        if (!json_is_array(value) || json_array_size(value) != 2)
            return wrong(r, p, "is not a pair of numbers");
        return read_floats(r, p, f, value, at);
    case FIELD_ROWS:
        return read_rows(r, p, f, value, base);
    case FIELD_CURVE:
        return read_curve(r, p, f, value, base);
    case FIELD_STRUCT:
        return read_struct(r, p, f->rows->fields, value, at);
    case FIELD_RATIO:
        return read_ratio(r, p, f, value, at);
    }
    return KN_INTERNAL;
}

static enum kn_status read_struct(const struct reader *r, const struct place *p,
                                  const struct kn_field *fields, const json_t *object, char *base)
{
    if (!json_is_object(object))
        return wrong(r, p, "is not an object");
    for (const struct kn_field *f = fields; f->key; f++) {
        struct place here = {p, f->key, -1};
        const json_t *value = json_object_get(object, f->key);
        if (!value && f->optional)
            continue;
        if (!value)
            return wrong(r, &here, "is missing");
        if (read_field(r, &here, f, value, base) != KN_OK)
            return r->err->status;
    }
    return KN_OK;
}

/* What a table can't say: ends after starts, references inside their arrays, words not empty. */

static enum kn_status check_span(const struct reader *r, const char *list, int i, int64_t start_us,
                                 int64_t end_us)
{
    struct place outer = {NULL, list, i};
    return end_us < start_us ? wrong(r, &outer, "ends before it starts") : KN_OK;
}

static enum kn_status check_words_of(const struct reader *r, const char *list, int i, int first,
                                     int count, int word_count)
{
    struct place outer = {NULL, list, i};
    return first > word_count || count > word_count - first
               ? wrong(r, &outer, "speaks of words that are not there")
               : KN_OK;
}

static enum kn_status check_timeline(const struct reader *r, const struct kn_timeline *t)
{
    for (int i = 0; i < t->word_count; i++) {
        struct place here = {NULL, "words", i};
        const struct kn_word *w = &t->words[i];
        if (check_span(r, "words", i, w->start_us, w->end_us) != KN_OK)
            return r->err->status;
        if (w->text[0] == '\0' || strpbrk(w->text, " \t\r\n"))
            return wrong(r, &here, "is not one word");
    }
    for (int i = 0; i < t->sentence_count; i++) {
        const struct kn_sentence *s = &t->sentences[i];
        if (check_span(r, "sentences", i, s->start_us, s->end_us) != KN_OK ||
            check_words_of(r, "sentences", i, s->first_word, s->word_count, t->word_count) != KN_OK)
            return r->err->status;
    }
    for (int i = 0; i < t->pause_count; i++) {
        if (check_span(r, "pauses", i, t->pauses[i].start_us, t->pauses[i].end_us) != KN_OK)
            return r->err->status;
    }
    for (int i = 0; i < t->utterance_count; i++) {
        const struct kn_utterance *u = &t->utterances[i];
        if (check_span(r, "utterances", i, u->start_us, u->end_us) != KN_OK ||
            check_words_of(r, "utterances", i, u->first_word, u->word_count, t->word_count) !=
                KN_OK)
            return r->err->status;
    }
    for (int i = 0; i < t->shot_count; i++) {
        if (check_span(r, "shots", i, t->shots[i].start_us, t->shots[i].end_us) != KN_OK)
            return r->err->status;
    }
    for (int i = 0; i < t->sound.event_count; i++) {
        const struct kn_sound_event *e = &t->sound.events[i];
        if (check_span(r, "sound.events", i, e->start_us, e->end_us) != KN_OK)
            return r->err->status;
    }
    if (t->sound.count > 0 && t->sound.step_us <= 0) {
        struct place here = {NULL, "sound.step_us", -1};
        return wrong(r, &here, "is not above 0");
    }
    return KN_OK;
}

static enum kn_status read_document(const struct reader *r, const json_t *document,
                                    struct kn_timeline *t)
{
    const json_t *version = json_object_get(document, "kirinuki_timeline");
    struct place top = {NULL, NULL, -1};

    if (!json_is_integer(version))
        return kn_error_set(r->err, KN_DAMAGED,
                            "this JSON is not a timeline of kirinuki: it has no number "
                            "\"kirinuki_timeline\"");
    if (json_integer_value(version) != KN_TIMELINE_JSON_VERSION)
        return kn_error_set(r->err, KN_UNSUPPORTED,
                            "the timeline has version %lld, this program reads version %d",
                            (long long)json_integer_value(version), KN_TIMELINE_JSON_VERSION);
    if (read_struct(r, &top, kn_timeline_fields, document, (char *)t) != KN_OK)
        return r->err->status;
    return check_timeline(r, t);
}

enum kn_status kn_timeline_read_json(const char *text, size_t size, struct kn_arena *arena,
                                     struct kn_timeline *ret_timeline, struct kn_error *err)
{
    struct kn_error ignored = {0};
    struct reader r = {arena, err ? err : &ignored};
    struct kn_timeline timeline = {0};
    json_error_t problem;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark */
        size -= 3;
    }
    if (size > KN_TIMELINE_JSON_MAX)
        return kn_error_set(r.err, KN_LIMIT, "the timeline is longer than %zu MB",
                            KN_TIMELINE_JSON_MAX >> 20);
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    if (!document)
        return kn_error_set(r.err, KN_DAMAGED, "the timeline is not JSON: line %d: %s",
                            problem.line, problem.text);
    enum kn_status status = read_document(&r, document, &timeline);
    json_decref(document);
    if (status == KN_OK)
        *ret_timeline = timeline;
    return status;
}

bool kn_timeline_is_json(const char *text, size_t size)
{
    size_t i = 0;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    while (i < size && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n'))
        i++;
    return i < size && text[i] == '{';
}
