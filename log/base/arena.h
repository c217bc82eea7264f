/* Memory that is freed as a whole.
 *
 * Owns:   the blocks it hands out; nothing is freed one by one.
 * Keeps:  the total handed out never exceeds limit_size; a request's arena dies with it.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t used_size;           /* handed out so far */
    size_t limit_size;          /* 0 stands for no limit */
};

void arena_init(struct arena *arena, size_t limit_size);
void arena_fini(struct arena *arena);
/* Forgets everything handed out but keeps one block for the next use. */
void arena_clear(struct arena *arena);
/* Zeroed and aligned for any type; NULL when the limit would be passed. */
void *arena_try(struct arena *arena, size_t size);
/* As arena_try, for sizes that are ours; stops the process past the limit. */
void *arena_get(struct arena *arena, size_t size);
struct bytes arena_copy(struct arena *arena, struct bytes view);
char *arena_string(struct arena *arena, struct bytes view);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *format,
                                                         ...);

#define arena_new(arena, type)          ((type *)arena_get((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_get((arena), sizeof(type) * (size_t)(count)))
