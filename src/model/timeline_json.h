/*
 * The timeline as JSON: what `kirinuki analyze` writes, what a second run reads back, and one of
 * the forms that `kirinuki segments` accepts. docs/timeline.md documents it for people.
 *
 * Writing and reading are inverse to each other: every field comes back bit for bit.
 */
#ifndef KN_MODEL_TIMELINE_JSON_H
#define KN_MODEL_TIMELINE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/str.h"
#include "model/timeline.h"

enum { KN_TIMELINE_JSON_VERSION = 1 };
/* Longer texts are refused: a day of speech and curves takes about 60 MB. */
#define KN_TIMELINE_JSON_MAX ((size_t)512 << 20)

/* Appends the JSON and a final newline. Bytes of strings that are not UTF-8 (a path may have such)
 * become U+FFFD. All floats must be finite. */
void kn_timeline_write_json(const struct kn_timeline *timeline, struct kn_str *json);

/*
 * Everything lives in `arena` and *ret_timeline changes only on success. The text is not trusted:
 * types, ranges, order and references between arrays are checked, and the error names the place
 * ("words[12].end_us …"). Keys that are not known are passed over.
 * DAMAGED: not JSON or not a timeline. UNSUPPORTED: another version. LIMIT: too long.
 */
enum kn_status kn_timeline_read_json(const char *text, size_t size, struct kn_arena *arena,
                                     struct kn_timeline *ret_timeline, struct kn_error *err);

/* Does the text look like a timeline's JSON (rather than subtitles)? A cheap guess. */
bool kn_timeline_is_json(const char *text, size_t size);

#endif
