/* A chain of blocks, each at least twice the size of what is asked; see arena.h. */
#include "log/base/arena.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_SIZE = 4096, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t used_size;
    size_t size;
    size_t padding; /* keeps `data` aligned */
    uint8_t data[];
};

_Static_assert(offsetof(struct arena_block, data) % ARENA_ALIGN == 0, "aligned data");

void arena_init(struct arena *arena, size_t limit_size)
{
    *arena = (struct arena){.limit_size = limit_size};
}

static void arena_free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_fini(struct arena *arena)
{
    arena_free_blocks(arena->blocks);
    arena->blocks = NULL;
    arena->used_size = 0;
}

void arena_clear(struct arena *arena)
{
    if (arena->blocks != NULL) {
        arena_free_blocks(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used_size = 0;
    }
    arena->used_size = 0;
}

void *arena_try(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (arena->limit_size != 0 && rounded > arena->limit_size - arena->used_size) {
        return NULL;
    }
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used_size < rounded) {
        size_t block_size = block == NULL ? ARENA_BLOCK_SIZE : block->size;
        if (block_size < rounded * 2) {
            block_size = rounded * 2;
        }
        block = memory_alloc(sizeof *block + block_size);
        *block = (struct arena_block){.next = arena->blocks, .size = block_size};
        arena->blocks = block;
    }
    void *memory = block->data + block->used_size;
    block->used_size += rounded;
    arena->used_size += rounded;
    return memset(memory, 0, rounded);
}

void *arena_get(struct arena *arena, size_t size)
{
    void *memory = arena_try(arena, size);
    check(memory != NULL);
    return memory;
}

struct bytes arena_copy(struct arena *arena, struct bytes view)
{
    if (view.data == NULL) {
        return view;
    }
    return bytes_make(arena_string(arena, view), view.size);
}

char *arena_string(struct arena *arena, struct bytes view)
{
    char *text = arena_get(arena, view.size + 1);
    if (view.size > 0) {
        memcpy(text, view.data, view.size);
    }
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    check(size >= 0);
    char *text = arena_get(arena, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
