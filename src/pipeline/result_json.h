/*
 * result.json: what a job found, chose and made, for programs. docs/result.md describes it and
 * docs/result.schema.json states it as JSON Schema.
 */
#ifndef KN_PIPELINE_RESULT_JSON_H
#define KN_PIPELINE_RESULT_JSON_H

#include <stdbool.h>

#include "base/json.h"
#include "base/str.h"
#include "model/result.h"

enum { KN_RESULT_JSON_VERSION = 1 };

/* The object; never NULL, owned by the caller. */
json_t *kn_result_json(const struct kn_result *result);

/* One segment as in the result's list; `rank` counts from 0. The same terms. */
json_t *kn_segment_json(const struct kn_segment *segment, int rank);

/* Appends the object, on one line (for event streams) or indented. */
void kn_result_write_json(const struct kn_result *result, bool one_line, struct kn_str *json);

#endif
