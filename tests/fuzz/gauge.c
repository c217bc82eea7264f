/* Stands between the code under test and log/base/memory.c; see gauge.h. The names are those that
 * the linker's --wrap asks for. */
#include "tests/fuzz/gauge.h"

#include "log/base/check.h"

#include <stdint.h>

void *__real_memory_alloc(size_t size);
void *__real_memory_zero(size_t count, size_t size);
void *__real_memory_resize(void *memory, size_t size);
void *__wrap_memory_alloc(size_t size);
void *__wrap_memory_zero(size_t count, size_t size);
void *__wrap_memory_resize(void *memory, size_t size);

static size_t gauge_limit_size = SIZE_MAX;

void gauge_start(size_t limit_size)
{
    gauge_limit_size = limit_size;
}

void *__wrap_memory_alloc(size_t size)
{
    check(size <= gauge_limit_size);
    return __real_memory_alloc(size);
}

void *__wrap_memory_zero(size_t count, size_t size)
{
    check(size == 0 || count <= gauge_limit_size / size);
    return __real_memory_zero(count, size);
}

void *__wrap_memory_resize(void *memory, size_t size)
{
    check(size <= gauge_limit_size);
    return __real_memory_resize(memory, size);
}
