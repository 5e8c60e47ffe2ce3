/*
 * JSON schemas of response_format: the strict subset's rules, values that fit one, and whether a
 * value fits. Schemas may be hostile: they were parsed, and nothing more.
 */
#ifndef KN_SANDBOX_SCHEMA_H
#define KN_SANDBOX_SCHEMA_H

#include <stdbool.h>

#include <jansson.h>

#include "base/str.h"
#include "sandbox/chance.h"
#include "sandbox/prompt_facts.h"
#include "sandbox/rejection.h"

/* How deep anything here follows a schema or a value. */
enum { KN_SCHEMA_DEPTH_MAX = 32 };

/* Source: the guide on structured outputs (2026-02), "Supported schemas". */
bool kn_schema_check_strict(const json_t *schema, const char *name, struct kn_rejection *rejection);

/* What a schema says after its $ref, which may only point into `root`; NULL: it points nowhere. */
const json_t *kn_schema_resolve(const json_t *root, const json_t *schema);

/* Does the value fit? `why` (may be NULL) gets where it does not. */
bool kn_schema_valid(const json_t *root, const json_t *value, struct kn_str *why);

/* A value that fits, with what occurs in the prompt where that is plausible; returns owned. NULL:
 * none could be found (a pattern that nothing here matches). */
json_t *kn_schema_make(const json_t *root, const struct kn_prompt_facts *facts,
                       struct kn_chance *chance);

#endif
