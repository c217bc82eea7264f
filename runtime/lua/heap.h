/* The memory of one Lua state: counted, limited, and quick for small blocks.
 *
 * Blocks of up to HEAP_SMALL_MAX bytes come from lists by size, so that a record costs no malloc.
 * Memory of these lists goes back to the machine when the state is closed.
 *
 * Keeps:  (1) used_size is the sum of what Lua holds and of what heap_count was told;
 *         (2) while is_limited, growing past limit_size fails (Lua then collects garbage, tries
 *             again, and raises an error that names memory); shrinking never fails.
 * Thread: the script's. */
#pragma once

#include "log/base/check.h"

#include <stdbool.h>
#include <stddef.h>

enum { HEAP_SMALL_MAX = 256, HEAP_STEP = 16 };

struct heap_block;
struct heap_chunk;

struct heap {
    size_t used_size;
    size_t most_size; /* the most that used_size was */
    size_t limit_size;
    bool is_limited; /* while code of the script runs; the host's own needs are not refused */
    struct heap_block *free[HEAP_SMALL_MAX / HEAP_STEP];
    struct heap_chunk *chunks;
    unsigned char *fresh; /* the unused rest of the newest chunk */
    size_t fresh_size;
};

void heap_init(struct heap *heap, size_t limit_size);
/* After the state was closed. */
void heap_fini(struct heap *heap);
/* A lua_Alloc; `owner` is the heap. */
void *heap_allocate(void *owner, void *memory, size_t old_size, size_t new_size);
/* Counts memory that lies elsewhere when its size changes. False when that is refused; nothing is
 * counted then. */
must_use bool heap_count(struct heap *heap, size_t old_size, size_t new_size);
