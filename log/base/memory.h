/* Allocation that cannot fail, and a counter of what is held.
 *
 * Small allocations of constant size stop the process when the machine has no memory. A size that
 * comes from outside is checked against a limit by the caller before it gets here.
 * Thread: any. */
#pragma once

#include <stddef.h>

/* Uninitialised; freed with free(). */
void *memory_alloc(size_t size);
/* Zeroed; `count * size` is checked for overflow; freed with free(). */
void *memory_zero(size_t count, size_t size);
void *memory_resize(void *memory, size_t size);
/* A copy of a C string; NULL gives NULL. */
char *memory_string(const char *text);

/* What is there will be read soon: it begins to come to the caches. Any address, also of nothing.
 */
static inline void memory_prefetch(const void *place)
{
    __builtin_prefetch(place);
}

/* One zeroed object of a type. */
#define memory_new(type) ((type *)memory_zero(1, sizeof(type)))
