/* Values of the queue's options: times, states, sizes. */
#ifndef KN_SERVICE_SETTINGS_QUEUE_H
#define KN_SERVICE_SETTINGS_QUEUE_H

#include "base/option.h"
#include "store/store.h"

/* Names for levels, however many there are: the lowest, the middle and the highest. */
enum kn_priority { KN_PRIORITY_LOW = -3, KN_PRIORITY_NORMAL, KN_PRIORITY_HIGH };
/* The level of an enum kn_priority; that of a number is itself. */
int kn_priority_level(int priority, int levels);
/* "low", "normal", "high", or the number of a level between them, in `room`. */
enum { KN_PRIORITY_TEXT_BYTES = 16 };
const char *kn_priority_text(int level, int levels, char room[KN_PRIORITY_TEXT_BYTES]);

/* int: a level, or enum kn_priority. */
enum kn_status kn_parse_priority(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err);
void kn_print_priority(const struct kn_option *option, const void *field, struct kn_str *out);

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

/* The id of an event. */
enum kn_status kn_parse_event(const struct kn_option *option, const char *value, void *field,
                              struct kn_arena *arena, struct kn_error *err);
void kn_print_event(const struct kn_option *option, const void *field, struct kn_str *out);

#endif
