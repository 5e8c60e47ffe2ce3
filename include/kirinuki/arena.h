/*
 * Arenas: memory that lives as long as a named thing (a job, a request, a step) and is released
 * at once with it.
 *
 * Allocation never fails: when the system is out of memory the process ends with one line on
 * stderr (leases return the job to the queue). Sizes that come from outside are checked by the
 * caller first. One thread at a time uses an arena. Addresses are aligned to 16 bytes.
 */
#ifndef KIRINUKI_ARENA_H
#define KIRINUKI_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_arena;

struct kn_arena *kn_arena_new(void);
void kn_arena_free(struct kn_arena *arena);         /* NULL is fine */
void kn_arena_reset(struct kn_arena *arena);        /* empties it, keeps a block for reuse */
size_t kn_arena_used(const struct kn_arena *arena); /* bytes handed out since new or reset */

void *kn_arena_alloc(struct kn_arena *arena, size_t bytes);               /* zeroed */
void *kn_arena_array(struct kn_arena *arena, size_t count, size_t bytes); /* zeroed */
void *kn_arena_copy(struct kn_arena *arena, const void *data, size_t bytes);
char *kn_arena_strdup(struct kn_arena *arena, const char *text); /* NULL gives NULL */
char *kn_arena_strndup(struct kn_arena *arena, const char *text, size_t bytes);
char *kn_arena_printf(struct kn_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
