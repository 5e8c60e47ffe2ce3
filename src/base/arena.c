#include <kirinuki/arena.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_BLOCK_BYTES = 16 * 1024, LARGEST_STEP_BYTES = 1024 * 1024, ALIGNMENT = 16 };

/* The newest block is the one in use; older ones are full. */
struct block {
    struct block *older;
    size_t size, used;
    _Alignas(ALIGNMENT) unsigned char data[];
};

struct kn_arena {
    struct block *newest;
    size_t handed_out;
};

struct kn_arena *kn_arena_new(void)
{
    return kn_calloc(1, sizeof(struct kn_arena));
}

static void free_older(struct block *block)
{
    while (block) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
}

void kn_arena_free(struct kn_arena *arena)
{
    if (!arena)
        return;
    free_older(arena->newest);
    free(arena);
}

void kn_arena_reset(struct kn_arena *arena)
{
    arena->handed_out = 0;
    if (!arena->newest)
        return;
    free_older(arena->newest->older);
    arena->newest->older = NULL;
    arena->newest->used = 0;
    if (arena->newest->size > LARGEST_STEP_BYTES) { /* do not keep one huge request for ever */
        free(arena->newest);
        arena->newest = NULL;
    }
}

size_t kn_arena_used(const struct kn_arena *arena)
{
    return arena->handed_out;
}

static struct block *add_block(struct kn_arena *arena, size_t bytes)
{
    size_t size = arena->newest ? arena->newest->size * 2 : FIRST_BLOCK_BYTES;
    if (size > LARGEST_STEP_BYTES)
        size = LARGEST_STEP_BYTES;
    if (size < bytes)
        size = bytes;
    if (size > SIZE_MAX - sizeof(struct block))
        kn_out_of_memory();
    struct block *block = kn_malloc(sizeof *block + size);
    *block = (struct block){.older = arena->newest, .size = size};
    arena->newest = block;
    return block;
}

static void *take(struct kn_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        kn_out_of_memory();
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = arena->newest;
    if (!block || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    void *at = block->data + block->used;
    block->used += rounded;
    arena->handed_out += rounded;
    return at;
}

void *kn_arena_alloc(struct kn_arena *arena, size_t bytes)
{
    return memset(take(arena, bytes), 0, bytes);
}

void *kn_arena_array(struct kn_arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        kn_out_of_memory();
    return kn_arena_alloc(arena, total);
}

void *kn_arena_copy(struct kn_arena *arena, const void *data, size_t bytes)
{
    void *copy = take(arena, bytes);
    if (bytes)
        memcpy(copy, data, bytes);
    return copy;
}

char *kn_arena_strdup(struct kn_arena *arena, const char *text)
{
    return text ? kn_arena_copy(arena, text, strlen(text) + 1) : NULL;
}

char *kn_arena_strndup(struct kn_arena *arena, const char *text, size_t bytes)
{
    size_t n = strnlen(text, bytes);
    char *copy = take(arena, n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *kn_arena_printf(struct kn_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = take(arena, (size_t)(n < 0 ? 0 : n) + 1);
    text[0] = '\0';
    if (n >= 0)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
