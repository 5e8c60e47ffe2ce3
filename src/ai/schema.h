/*
 * JSON schemas: the part of them that is sent to language models ("structured outputs"), checked
 * again here: few servers keep what they are asked for.
 *
 * Pure. Known are `type` (one or a list), `properties`, `required`, `additionalProperties: false`,
 * `items` and `enum`; everything else says nothing about a value (`description`).
 */
#ifndef KN_AI_SCHEMA_H
#define KN_AI_SCHEMA_H

#include <jansson.h>

#include <kirinuki/status.h>

/* DAMAGED: the first thing that is wrong, with its place, as a sentence that a model understands as
 * well as a person: "segments[2].score is a string; it has to be a number". */
enum kn_status kn_schema_check(const json_t *schema, const json_t *value, struct kn_error *err);

#endif
