#include "base/memory.h"

#include <string.h>
#include <unistd.h>

void kn_out_of_memory(void)
{
    static const char line[] = "kirinuki: out of memory\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1); /* nothing better is left to do */
    abort();
}

void *kn_malloc(size_t bytes)
{
    void *at = malloc(bytes ? bytes : 1);
    if (!at)
        kn_out_of_memory();
    return at;
}

void *kn_calloc(size_t count, size_t bytes)
{
    void *at = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!at)
        kn_out_of_memory();
    return at;
}

void *kn_realloc(void *old, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        kn_out_of_memory();
    void *at = realloc(old, total ? total : 1);
    if (!at)
        kn_out_of_memory();
    return at;
}

char *kn_strdup(const char *text)
{
    if (!text)
        return NULL;
    size_t n = strlen(text) + 1;
    return memcpy(kn_malloc(n), text, n);
}
