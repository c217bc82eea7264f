/* A counted allocator with lists of small blocks; see heap.h. */
#include "runtime/lua/heap.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 32 << 10 };

struct heap_block {
    struct heap_block *next;
};

struct heap_chunk {
    struct heap_chunk *next;
    size_t padding; /* keeps what follows aligned */
};

void heap_init(struct heap *heap, size_t limit_size)
{
    *heap = (struct heap){.limit_size = limit_size};
}

void heap_fini(struct heap *heap)
{
    check(heap->used_size == 0);
    while (heap->chunks != NULL) {
        struct heap_chunk *chunk = heap->chunks;
        heap->chunks = chunk->next;
        free(chunk);
    }
}

static void *take_small(struct heap *heap, size_t size)
{
    size_t index = (size - 1) / HEAP_STEP;
    struct heap_block *block = heap->free[index];
    if (block != NULL) {
        heap->free[index] = block->next;
        return block;
    }
    size_t rounded = (index + 1) * HEAP_STEP;
    if (heap->fresh_size < rounded) {
        struct heap_chunk *chunk = memory_alloc(sizeof *chunk + CHUNK_SIZE);
        chunk->next = heap->chunks;
        heap->chunks = chunk;
        heap->fresh = (unsigned char *)(chunk + 1);
        heap->fresh_size = CHUNK_SIZE;
    }
    void *memory = heap->fresh;
    heap->fresh += rounded;
    heap->fresh_size -= rounded;
    return memory;
}

static void *take(struct heap *heap, size_t size)
{
    return size <= HEAP_SMALL_MAX ? take_small(heap, size) : malloc(size);
}

static void give(struct heap *heap, void *memory, size_t size)
{
    if (size > HEAP_SMALL_MAX) {
        free(memory);
        return;
    }
    struct heap_block *block = memory;
    size_t index = (size - 1) / HEAP_STEP;
    block->next = heap->free[index];
    heap->free[index] = block;
}

static void *resize(struct heap *heap, void *memory, size_t old_size, size_t new_size)
{
    if (old_size > HEAP_SMALL_MAX && new_size > HEAP_SMALL_MAX) {
        return realloc(memory, new_size);
    }
    bool is_same_list = old_size <= HEAP_SMALL_MAX && new_size <= HEAP_SMALL_MAX &&
                        (old_size - 1) / HEAP_STEP == (new_size - 1) / HEAP_STEP;
    if (is_same_list) {
        return memory;
    }
    void *moved = take(heap, new_size);
    if (moved != NULL) {
        memcpy(moved, memory, old_size < new_size ? old_size : new_size);
        give(heap, memory, old_size);
    }
    return moved;
}

static bool is_refused(const struct heap *heap, size_t old_size, size_t new_size)
{
    bool is_growing = new_size > old_size;
    return is_growing && heap->is_limited &&
           (heap->used_size > heap->limit_size ||
            new_size - old_size > heap->limit_size - heap->used_size);
}

static void count(struct heap *heap, size_t old_size, size_t new_size)
{
    heap->used_size += new_size - old_size;
    heap->most_size = heap->used_size > heap->most_size ? heap->used_size : heap->most_size;
}

bool heap_count(struct heap *heap, size_t old_size, size_t new_size)
{
    bool is_counted = !is_refused(heap, old_size, new_size);
    if (is_counted) {
        count(heap, old_size, new_size);
    }
    return is_counted;
}

void *heap_allocate(void *owner, void *memory, size_t old_size, size_t new_size)
{
    struct heap *heap = owner;
    if (memory == NULL) {
        old_size = 0; /* Lua tells a type there */
    }
    if (new_size == 0) {
        if (old_size > 0) {
            give(heap, memory, old_size);
        }
        heap->used_size -= old_size;
        return NULL;
    }
    if (is_refused(heap, old_size, new_size)) {
        return NULL;
    }
    void *result = old_size == 0 ? take(heap, new_size) : resize(heap, memory, old_size, new_size);
    if (result != NULL) {
        count(heap, old_size, new_size);
    }
    return result;
}
