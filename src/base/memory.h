/*
 * Small allocations: they abort the process on exhaustion, in one function, because recovery
 * paths that nobody can test are worse. Large buffers (frames, models) use malloc and return an
 * ordinary error.
 */
#ifndef KN_BASE_MEMORY_H
#define KN_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

__attribute__((noreturn)) void kn_out_of_memory(void);
void *kn_malloc(size_t bytes);
void *kn_calloc(size_t count, size_t bytes);
void *kn_realloc(void *old, size_t count, size_t bytes);
char *kn_strdup(const char *text); /* NULL gives NULL */

/*
 * Scoped handles: `KN_SCOPED(kn_encoder) enc = NULL;` calls kn_encoder_free-like closers on every
 * return. A type takes part by KN_SCOPED_DEFINE(kn_encoder, kn_encoder_close) in its header; the
 * closer accepts NULL. KN_MOVE hands the value on: `*ret = KN_MOVE(enc);`.
 */
#define KN_SCOPED_DEFINE(type, closer)                                                             \
    static inline void type##_scoped(struct type **at)                                             \
    {                                                                                              \
        closer(*at);                                                                               \
    }
#define KN_SCOPED(type) __attribute__((cleanup(type##_scoped))) struct type *
#define KN_MOVE(var)                                                                               \
    ({                                                                                             \
        __typeof__(var) moved_ = (var);                                                            \
        (var) = NULL;                                                                              \
        moved_;                                                                                    \
    })

static inline void kn_scoped_free(void *at)
{
    free(*(void **)at);
}
/* `KN_SCOPED_MEM float *samples = malloc(…);` */
#define KN_SCOPED_MEM __attribute__((cleanup(kn_scoped_free)))

#define KN_COUNT_OF(array)     (sizeof(array) / sizeof((array)[0]))
#define KN_MIN(a, b)           ((a) < (b) ? (a) : (b))
#define KN_MAX(a, b)           ((a) > (b) ? (a) : (b))
#define KN_CLAMP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))

#endif
