/*
 * The data of report.html: what result.json says, and the timeline in a form that is small enough
 * to be looked at. docs/report.md lists the fields.
 */
#ifndef KN_PIPELINE_REPORT_DATA_H
#define KN_PIPELINE_REPORT_DATA_H

#include "base/json.h"
#include "model/result.h"

/* A curve over a whole source has at most this many points, one for every pixel of a wide screen;
 * the curve beside a clip's player at most so many. */
enum { KN_REPORT_CURVE_POINTS = 2000, KN_REPORT_WAVE_POINTS = 240 };

/* The object; never NULL, owned by the caller. */
json_t *kn_report_data(const struct kn_result *result);

#endif
