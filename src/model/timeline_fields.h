/*
 * The fields of a timeline's JSON form, as tables: the writer and the reader both walk them, so
 * that they cannot disagree. Used by timeline_write.c and timeline_read.c alone.
 */
#ifndef KN_MODEL_TIMELINE_FIELDS_H
#define KN_MODEL_TIMELINE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

enum kn_field_type {
    FIELD_TIME,   /* int64_t microseconds, min..max */
    FIELD_INT,    /* int */
    FIELD_SHORT,  /* int16_t */
    FIELD_BOOL,   /* bool */
    FIELD_FLOAT,  /* float */
    FIELD_TEXT,   /* const char *, never NULL */
    FIELD_MAYBE,  /* const char * or NULL, which is JSON's null */
    FIELD_NAME,   /* an enumeration by its names */
    FIELD_PAIR,   /* float[2] */
    FIELD_ROWS,   /* an array of structs: `rows`, its count in the int at `count_offset` */
    FIELD_CURVE,  /* an array of floats, its count in the int at `count_offset` */
    FIELD_STRUCT, /* a struct inside: `rows->fields` */
    FIELD_RATIO,  /* struct kn_rational as [num, den] */
};

struct kn_row_type;

struct kn_field {
    const char *key;
    enum kn_field_type type;
    size_t offset;
    double min, max;
    bool optional; /* may be absent; it stays zero */
    const char *(*name)(int value);
    int name_count;
    const struct kn_row_type *rows;
    size_t count_offset;
};

struct kn_row_type {
    size_t size;
    const struct kn_field *fields; /* ends with a NULL key */
    bool sorted;                   /* by the int64_t at the first field */
};

extern const struct kn_field kn_timeline_fields[];

#endif
