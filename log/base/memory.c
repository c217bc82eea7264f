/* Allocation that stops the process instead of failing; see memory.h. */
#include "log/base/memory.h"

#include "log/base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *memory_alloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);
    check(memory != NULL);
    return memory;
}

void *memory_zero(size_t count, size_t size)
{
    check(size == 0 || count <= PTRDIFF_MAX / size);
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    check(memory != NULL);
    return memory;
}

void *memory_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size == 0 ? 1 : size);
    check(resized != NULL);
    return resized;
}

char *memory_string(const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    return memcpy(memory_alloc(size), text, size);
}
