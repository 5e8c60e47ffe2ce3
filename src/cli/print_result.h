/* Results for people: on a terminal a table, elsewhere what a script wants. */
#ifndef KN_CLI_PRINT_RESULT_H
#define KN_CLI_PRINT_RESULT_H

#include <stdio.h>

#include "model/result.h"
#include "service/settings.h"

/* After `run`, to stdout: a table of clips on a terminal; one path a line otherwise; the result as
 * one JSON event with --json. `name` tells the source from others; NULL where it is the only one.
 */
void kn_print_clips(const struct kn_result *result, const struct kn_settings *settings,
                    const char *name);

/* Of each clip that was made, what its render made beside it for platforms. */
void kn_print_renditions(const struct kn_result *result, FILE *out);

/* After `analyze`, to stdout: segments with their reasons; the timeline and segments as JSON with
 * --json. */
void kn_print_analysis(const struct kn_result *result, const struct kn_settings *settings);

#endif
