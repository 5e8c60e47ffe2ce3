/*
 * Writes a timeline as JSON directly as text: a tree of a long source would take hundreds of
 * megabytes.
 */
#include "model/timeline_json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "model/timeline_fields.h"

static void write_text(struct kn_str *json, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);

    kn_str_add_char(json, '"');
    while (left) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, left); /* gives U+FFFD for what is not UTF-8 */
        if (c == '"' || c == '\\') {
            kn_str_add_char(json, '\\');
            kn_str_add_char(json, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            kn_str_printf(json, "\\u%04x", (unsigned)c);
        } else if (c == 0xfffd) {
            kn_str_add(json, "\xef\xbf\xbd");
        } else {
            kn_str_add_bytes(json, at, (size_t)n);
        }
        at += n;
        left -= (size_t)n;
    }
    kn_str_add_char(json, '"');
}

/* The shortest decimal that reads back as the same float; never more than nine digits. */
static void write_float(struct kn_str *json, float value)
{
    char text[32];

    assert(isfinite(value));
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    kn_str_add(json, text);
}

static void write_floats(struct kn_str *json, const float *values, int count)
{
    kn_str_add_char(json, '[');
    for (int i = 0; i < count; i++) {
        if (i)
            kn_str_add_char(json, ',');
        write_float(json, values[i]);
    }
    kn_str_add_char(json, ']');
}

static void write_struct(struct kn_str *json, const struct kn_field *fields, const char *base,
                         bool top);

static void write_rows(struct kn_str *json, const struct kn_row_type *type, const char *rows,
                       int count, bool top)
{
    kn_str_add_char(json, '[');
    for (int i = 0; i < count; i++) {
        if (i)
            kn_str_add_char(json, ',');
        if (top)
            kn_str_add(json, "\n  ");
        write_struct(json, type->fields, rows + (size_t)i * type->size, false);
    }
    kn_str_add_char(json, ']');
}

static void write_field(struct kn_str *json, const struct kn_field *f, const char *base, bool top)
{
    const void *at = base + f->offset;
    const char *text;

    switch (f->type) {
    case FIELD_TIME:
        kn_str_printf(json, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_INT:
        kn_str_printf(json, "%d", *(const int *)at);
        break;
    case FIELD_SHORT:
        kn_str_printf(json, "%d", *(const int16_t *)at);
        break;
    case FIELD_BOOL:
        kn_str_add(json, *(const bool *)at ? "true" : "false");
        break;
    case FIELD_FLOAT:
        write_float(json, *(const float *)at);
        break;
    case FIELD_TEXT:
    case FIELD_MAYBE:
        text = *(const char *const *)at;
        if (text)
            write_text(json, text);
        else
            kn_str_add(json, f->type == FIELD_TEXT ? "\"\"" : "null");
        break;
    case FIELD_NAME:
        write_text(json, f->name((int)*(const unsigned *)at));
        break;
    case FIELD_PAIR:
        write_floats(json, at, 2);
        break;
    case FIELD_ROWS:
        write_rows(json, f->rows, *(const char *const *)at, *(const int *)(base + f->count_offset),
                   top);
        break;
    case FIELD_CURVE:
        write_floats(json, *(const float *const *)at, *(const int *)(base + f->count_offset));
        break;
    case FIELD_STRUCT:
        write_struct(json, f->rows->fields, at, false);
        break;
    case FIELD_RATIO: {
        const struct kn_rational *ratio = at;
        kn_str_printf(json, "[%d,%d]", ratio->num, ratio->den);
        break;
    }
    }
}

/* At the top a line an entry, so that people and diff can read it. */
static void write_struct(struct kn_str *json, const struct kn_field *fields, const char *base,
                         bool top)
{
    kn_str_add_char(json, '{');
    if (top)
        kn_str_printf(json, "\"kirinuki_timeline\":%d", KN_TIMELINE_JSON_VERSION);
    for (const struct kn_field *f = fields; f->key; f++) {
        if (f->type == FIELD_BOOL && f->optional && !*(const bool *)(base + f->offset))
            continue; /* never the first; there are as many as words */
        if (top)
            kn_str_add(json, ",\n");
        else if (f != fields)
            kn_str_add_char(json, ',');
        kn_str_printf(json, "\"%s\":", f->key);
        write_field(json, f, base, top);
    }
    kn_str_add_char(json, '}');
}

void kn_timeline_write_json(const struct kn_timeline *timeline, struct kn_str *json)
{
    write_struct(json, kn_timeline_fields, (const char *)timeline, true);
    kn_str_add_char(json, '\n');
}
