/* When and where the steps of a job ran, as a table with a bar each: shows what overlapped. */
#ifndef KN_CLI_STEP_TIMELINE_H
#define KN_CLI_STEP_TIMELINE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"
#include "model/result.h"

void kn_print_step_times(const struct kn_result *result, FILE *out);

/* The drawing for a terminal of `width` cells. Tasks of one step are one row, shaded by how many
 * of them ran at once. */
void kn_step_timeline_draw(const struct kn_step_time *times, int count, int width, bool unicode,
                           struct kn_str *out);

#endif
