/*
 * What jansson leaves open: texts that may not be UTF-8, and times in seconds.
 */
#ifndef KN_BASE_JSON_H
#define KN_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/str.h"

static inline void kn_json_scoped_free(json_t **json)
{
    json_decref(*json);
}
#define KN_SCOPED_JSON __attribute__((cleanup(kn_json_scoped_free))) json_t *

/* A string with U+FFFD for what is not UTF-8; NULL gives JSON's null. Never NULL. */
json_t *kn_json_text(const char *text);
/* Seconds, to the microsecond. */
json_t *kn_json_seconds(int64_t us);
/* A number with `decimals` digits after the point; JSON's null for what is not finite. */
json_t *kn_json_number(double value, int decimals);
/* Appends the value as text, on one line or indented, with sorted keys off. */
void kn_json_add(struct kn_str *out, const json_t *json, bool one_line);

#endif
