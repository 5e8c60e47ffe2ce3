/* Values of the queue's options: times, states, sizes. */
#ifndef KN_SERVICE_SETTINGS_QUEUE_H
#define KN_SERVICE_SETTINGS_QUEUE_H

#include "base/option.h"

extern const char *const kn_priority_names[]; /* by level; ends with NULL */

/* int64_t: wall clock. Local times, or from now. */
enum kn_status kn_parse_at(const struct kn_option *option, const char *value, void *field,
                           struct kn_arena *arena, struct kn_error *err);
/* unsigned: 1 << enum kn_job_state each. */
enum kn_status kn_parse_states(const struct kn_option *option, const char *value, void *field,
                               struct kn_arena *arena, struct kn_error *err);
/* int64_t: bytes. */
enum kn_status kn_parse_memory(const struct kn_option *option, const char *value, void *field,
                               struct kn_arena *arena, struct kn_error *err);
void kn_print_memory(const struct kn_option *option, const void *field, struct kn_str *out);

#endif
